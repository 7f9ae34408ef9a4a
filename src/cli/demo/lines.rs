//! What the demo prints: lines that can be copied in any order, each with a conference of its own to act on.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::Full;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::world::World;
use crate::assembly::Gateway;
use crate::cli::token::ALL_CALLS;
use crate::devissuer::Claims;
use crate::upstream::{Connector, Endpoint, Fetcher, tls_config};

/// Long enough for an afternoon, and short enough to be accepted.
const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(12);
/// The longest that an empty conference lives, in milliseconds: the vendor's advice.
const DELAY_MILLIS: u32 = 3_600_000;

/// The screen.
pub(super) struct Lines {
    gateway: SocketAddr,
    admin: SocketAddr,
    sandbox: SocketAddr,
    jwks_url: String,
    files: Files,
    tokens: Tokens,
    /// For get, kick and dissolve, in turn.
    conferences: [String; 3],
}

/// As words for a shell.
struct Files {
    /// The program that runs: a copied line finds it wherever it was built.
    program: String,
    config: String,
    key: String,
    trail: String,
}

impl Files {
    fn new(world: &World) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("the path of this program is not known")?;
        Ok(Self {
            program: word(&program),
            config: word(&world.config_file),
            key: word(&world.key_file),
            trail: word(&world.trail),
        })
    }
}

/// `path` as one word for a shell, in quotes where it needs them.
fn word(path: &Path) -> String {
    let path = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%".contains(c);
    if path.chars().all(plain) { path } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

struct Tokens {
    good: String,
    without_scope: String,
    expired: String,
    tiny: String,
}

impl Lines {
    /// Mints the tokens, and makes the conferences that the lines are about.
    pub(super) async fn prepare(world: &World, gateway: &Gateway) -> anyhow::Result<Self> {
        let claims = |tenant: &str| Claims::new(tenant, "huangcl", "confgate").lifetime(TOKEN_LIFE);
        let mint = |claims: Claims| world.issuer.mint(&claims);
        let tokens = Tokens {
            good: mint(claims("crm").scopes(ALL_CALLS))?,
            without_scope: mint(claims("crm").scopes(["conference:get"]))?,
            expired: mint(claims("crm").scopes(ALL_CALLS).lifetime(SignedDuration::from_hours(-1)))?,
            tiny: mint(claims("tiny").scopes(ALL_CALLS))?,
        };
        let client = Client::new(gateway.address(), world.sandbox)?;
        let mut conferences = [const { String::new() }; 3];
        for conference in &mut conferences {
            *conference = client.conference_with_members(&tokens.good).await?;
        }
        Ok(Self {
            gateway: gateway.address(),
            admin: gateway.admin_address(),
            sandbox: world.sandbox,
            jwks_url: world.jwks_url.clone(),
            files: Files::new(world)?,
            tokens,
            conferences,
        })
    }
}

/// Speaks with the gateway as a frontend would, and with the sandbox as members of a conference would.
struct Client {
    fetcher: Fetcher,
    gateway: Endpoint,
    sandbox: Endpoint,
}

impl Client {
    fn new(gateway: SocketAddr, sandbox: SocketAddr) -> anyhow::Result<Self> {
        let limit = Duration::from_secs(5);
        let (tls, _) = tls_config(None)?;
        Ok(Self {
            fetcher: Fetcher::new(Connector::new(tls, limit), limit),
            gateway: Endpoint::parse(&format!("http://{gateway}"))?,
            sandbox: Endpoint::parse(&format!("http://{sandbox}"))?,
        })
    }

    /// Members keep a conference alive for as long as the demo runs.
    async fn conference_with_members(&self, token: &str) -> anyhow::Result<String> {
        let body = json!({ "confrType": 10, "confrDelayMillis": DELAY_MILLIS });
        let created = self.post(&self.gateway, "/conferences", Some(token), &body).await?;
        let id = created
            .get("id")
            .and_then(Value::as_str)
            .context("the sandbox gave no conference id")?
            .to_owned();
        for user in ["huangcl", "yangss"] {
            let join = json!({ "user": user });
            self.post(&self.sandbox, &format!("/_sandbox/conferences/{id}/members"), None, &join).await?;
        }
        Ok(id)
    }

    async fn post(
        &self,
        endpoint: &Endpoint,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> anyhow::Result<Value> {
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Full::new(Bytes::from(body.to_string())))?;
        let response = self.fetcher.fetch(endpoint, request, 64 * 1024).await?;
        let text = String::from_utf8_lossy(response.body());
        ensure!(response.status().is_success(), "{endpoint}{path} answered {}: {text}", response.status());
        Ok(serde_json::from_str(&text)?)
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { gateway, admin, sandbox, jwks_url, files, tokens, conferences } = self;
        let [to_get, to_kick_from, to_dissolve] = conferences;
        let curl =
            |token: &str, rest: &str| format!("curl -sS -i -H 'Authorization: Bearer {token}' {rest}\n");
        let at = |path: &str| format!("http://{gateway}/conferences{path}");
        let create = |at: &str| {
            format!(
                "-H 'Content-Type: application/json' -d '{{\"confrType\":10,\"confrDelayMillis\":600000}}' {at}"
            )
        };
        writeln!(
            f,
            "confgate demo\n\n\
             gateway   http://{gateway}/conferences   (http://{gateway}/openapi.json describes it)\n\
             admin     http://{admin}/status   /metrics /readyz /livez\n\
             sandbox   http://{sandbox}/_sandbox   the vendor, and what it can be told to do\n\
             issuer    {jwks_url}\n\
             files     {} {} {}\n",
            files.config, files.key, files.trail
        )?;
        writeln!(f, "# create a conference: 200\n{}", curl(&tokens.good, &create(&at(""))))?;
        writeln!(f, "# look at one: 200\n{}", curl(&tokens.good, &at(&format!("/{to_get}"))))?;
        let kick = format!("-X DELETE {}", at(&format!("/{to_kick_from}/yangss")));
        writeln!(f, "# kick a member: 200\n{}", curl(&tokens.good, &kick))?;
        let dissolve = format!("-X DELETE {}", at(&format!("/{to_dissolve}")));
        writeln!(f, "# dissolve one: 200\n{}", curl(&tokens.good, &dissolve))?;
        writeln!(
            f,
            "# create without the scope for it: 403 scope_missing\n{}",
            curl(&tokens.without_scope, &create(&at("")))
        )?;
        let get = at(&format!("/{to_get}"));
        writeln!(f, "# with an expired token: 401 token_expired\n{}", curl(&tokens.expired, &get))?;
        writeln!(
            f,
            "# a tenant over its limit of 3 at once and 1 each 10 s: 200 three times, then 429 tenant_rate_limited\n\
             for i in 1 2 3 4; do curl -sS -i -H 'Authorization: Bearer {}' {get}; echo; done\n",
            tokens.tiny
        )?;
        writeln!(
            f,
            "# a token of your own, and the trail\n\
             {program} token --key {key} --tenant crm --subject yangss\n\
             {program} audit tail {trail}\n\
             {program} audit verify {trail}\n\n\
             Ctrl-C ends it.",
            program = files.program,
            key = files.key,
            trail = files.trail
        )
    }
}
