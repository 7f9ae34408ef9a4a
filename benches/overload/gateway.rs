//! The gateway, a vendor that answers from memory, and good tokens.

use std::net::SocketAddr;
use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use confgate::assembly::Gateway;
use confgate::config;
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::sockets::runtime;
use crate::vendor;

const NAME: &str = "https://issuer.test";

/// A gateway that serves until the bench ends.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) bearer: String,
    _directory: TempDir,
}

/// An issuer whose signatures are the dearest to check (P-521), so that the worker is what is scarce.
struct Issuer {
    key: EcdsaKeyPair,
}

impl Issuer {
    fn generate() -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P521_SHA512_FIXED_SIGNING).expect("a key");
        Self { key }
    }

    /// Its public key as a JWK Set: the uncompressed point is 4, x, y (SEC 1, section 2.3.3).
    fn jwks(&self) -> Value {
        let point = self.key.public_key().as_ref();
        let (x, y) = (&point[1..67], &point[67..]);
        json!({ "keys": [{
            "kty": "EC", "crv": "P-521", "alg": "ES512", "use": "sig", "kid": "bench",
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        }] })
    }

    fn token(&self) -> String {
        let now = Timestamp::now().as_second();
        let header = json!({ "alg": "ES512", "kid": "bench", "typ": "JWT" });
        let claims = json!({
            "iss": NAME, "aud": "confgate", "sub": "huangcl", "tenant": "crm", "scope": "conference:get",
            "iat": now, "exp": now + 3600,
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

impl Running {
    pub(crate) fn start(sheds: bool) -> Self {
        let directory = TempDir::new().expect("a directory");
        let issuer = Issuer::generate();
        let text = configuration(directory.path(), &issuer, sheds);
        let config = config::parse("the bench", &text).unwrap_or_else(|problems| panic!("{problems}"));
        let gateway = Gateway::start(&config).expect("a gateway");
        let address = gateway.address();
        while !gateway.is_ready() {
            std::thread::yield_now();
        }
        std::thread::spawn(move || {
            let never = std::future::pending;
            runtime().block_on(gateway.run(never(), never())).expect("a whole trail");
        });
        Self { address, bearer: format!("Bearer {}", issuer.token()), _directory: directory }
    }
}

fn configuration(directory: &Path, issuer: &Issuer, sheds: bool) -> String {
    let file = |name: &str, text: String| {
        let path = directory.join(name);
        std::fs::write(&path, text).expect("a file");
        path
    };
    let keys = file("keys.json", issuer.jwks().to_string());
    let secret = file("secret", "secret".to_owned());
    let shedding = if sheds { "" } else { "max_requests = 1000000\nmax_lag = \"0s\"" };
    let quota = r#"{ rate = 1000000, per = "1s", burst = 1000000 }"#;
    format!(
        r#"
[listen]
address = "127.0.0.1:0"
workers = 1
{shedding}
[admin]
address = "127.0.0.1:0"
[authn]
cache_capacity = 0
[[authn.issuers]]
issuer = "{NAME}"
audiences = ["confgate"]
algorithms = ["ES512"]
jwks_file = "{}"
[apps.meet]
base_url = "{}"
org = "org"
app = "app"
client_id = "id"
client_secret_file = "{}"
budget = {quota}
[tenants.crm]
app = "meet"
rate_limit = {quota}
max_in_flight = 100000
[audit]
directory = "{}"
[log]
level = "off"
"#,
        keys.display(),
        vendor::start(),
        secret.display(),
        directory.join("audit").display(),
    )
}
