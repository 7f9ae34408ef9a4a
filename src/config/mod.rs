//! The configuration: raw values in, typed configuration out, or every problem at once.
//!
//! Three layers cover each other: `config/default.toml`, which is built in and documents every key; the user's TOML
//! file; and the environment, as `CONFGATE__SECTION__KEY`. Lists are replaced as a whole, sections are merged key by
//! key. Each section is read by one function of the module of its name; relative paths start at the working directory.

mod admin;
mod apps;
mod audit;
mod authn;
mod authz;
mod changes;
mod endpoint;
mod file;
mod form;
mod hint;
mod http2;
mod issuers;
mod listen;
mod log;
mod origin;
mod problem;
mod quota;
mod reader;
mod reload;
mod render;
mod source;
mod tenants;
#[cfg(test)]
mod tests;
mod tls;
mod units;
mod upstream;
mod variables;
mod vendor;
mod watch;

pub use admin::AdminConfig;
pub use apps::AppConfig;
pub use authn::AuthnConfig;
pub use changes::{Change, Effect};
pub use listen::ListenConfig;
pub use problem::Problems;
pub use reload::ReloadConfig;
pub use tenants::TenantConfig;
pub use upstream::UpstreamConfig;
pub use vendor::VendorConfig;
pub use watch::Watch;

pub(crate) use units::parse_duration;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use ::config::{Map, Value};

use crate::domain::CreateRules;
use crate::shipping::ConsumerConfig;
use crate::stages::audit::AuditConfig;
use crate::stages::authz::ActionScopes;
use crate::telemetry::LogConfig;
use crate::trail::TrailConfig;

use origin::{Base, Origin};
use reader::{Reader, Reading, Section};
use render::Entry;
use source::Document;

/// Everything that the gateway needs to know to start.
#[derive(Clone, Debug)]
pub struct Config {
    /// The data port.
    pub listen: ListenConfig,
    /// The admin port.
    pub admin: AdminConfig,
    /// Who is let in.
    pub authn: AuthnConfig,
    /// The scope that each action needs.
    pub scopes: ActionScopes,
    /// Bounds of a create's fields.
    pub create: CreateRules,
    /// The vendor's applications, by name; at least one.
    pub apps: Vec<AppConfig>,
    /// Who calls, by name; at least one, each with an app of `apps`.
    pub tenants: Vec<TenantConfig>,
    /// How the vendor's tokens are fetched, and how it is spared.
    pub vendor: VendorConfig,
    /// How the vendor is called.
    pub upstream: UpstreamConfig,
    /// The trail.
    pub trail: TrailConfig,
    /// What of a request goes on record, and how firmly.
    pub audit: AuditConfig,
    /// Who gets the trail.
    pub shipping: Vec<ConsumerConfig>,
    /// The operational log.
    pub log: LogConfig,
    /// When the configuration is read again.
    pub reload: ReloadConfig,
    /// Clones share it: with thousands of tenants it is most of the configuration.
    resolved: Arc<[Entry]>,
    origin: Origin,
}

/// Reads the defaults, `file` and `environment`, of which only names with `CONFGATE__` are looked at. Secrets are read
/// from their files.
pub fn load(
    file: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Config, Problems> {
    let base = file.map_or(Base::Nothing, |file| Base::File(file.to_owned()));
    Origin { base, environment: variables::ours(environment) }.read()
}

/// Reads the defaults and `text`, which problems call `name`.
pub fn parse(name: &str, text: &str) -> Result<Config, Problems> {
    let text = Document { name: name.to_owned(), text: text.to_owned() };
    Origin { base: Base::Text(text), environment: Vec::new() }.read()
}

impl Config {
    /// Every key in effect, as TOML that reads back as this configuration. Secrets stay in their files.
    pub fn render(&self) -> String {
        render::render(&self.resolved)
    }
}

/// The typed configuration, if the whole tree is right.
fn read(tree: Map<String, Value>, reader: Reader, origin: Origin) -> Result<Config, Problems> {
    let mut root = reader.root(tree);
    let config = read_sections(&mut root, &reader);
    drop(root);
    let (problems, resolved) = reader.finish();
    match (Problems::new(problems), config) {
        (Some(problems), _) => Err(problems),
        (None, Ok(config)) => Ok(Config { resolved: resolved.into(), origin, ..config }),
        // Cannot be: what could not be had has been reported.
        (None, Err(_)) => Err(Problems::of_source(source::DEFAULT, "cannot be read".to_owned())),
    }
}

/// Reads every section before it gives up on one.
fn read_sections(root: &mut Section<'_>, reader: &Reader) -> Reading<Config> {
    let listen = section(root, "listen", listen::read);
    let admin = section(root, "admin", admin::read);
    let authn = section(root, "authn", authn::read);
    let authz = section(root, "authz", authz::read);
    let create = section(root, "create", authz::read_create);
    let (app_names, apps) = apps::read(root);
    let tenants = tenants::read(root, &app_names);
    let loaded = apps.as_deref().unwrap_or_default();
    let vendor = section(root, "vendor", |vendor| vendor::read(vendor, loaded));
    let upstream = section(root, "upstream", upstream::read);
    let audit = section(root, "audit", audit::read);
    let log = section(root, "log", log::read);
    let reload = section(root, "reload", reload::read);
    if let Ok(listen) = &listen {
        let others = (admin.as_ref().ok(), authn.as_ref().ok(), upstream.as_ref().ok());
        check_against(listen, others, reader);
    }
    let (trail, audit, shipping) = audit?;
    Ok(Config {
        listen: listen?,
        admin: admin?,
        authn: authn?,
        scopes: authz?,
        create: create?,
        apps: apps?,
        tenants: tenants?,
        vendor: vendor?,
        upstream: upstream?,
        trail,
        audit,
        shipping,
        log: log?,
        reload: reload?,
        resolved: Arc::default(),
        origin: Origin::default(),
    })
}

/// The section `key` of `parent`.
fn section<T>(
    parent: &mut Section<'_>,
    key: &'static str,
    read: impl FnOnce(&mut Section<'_>) -> Reading<T>,
) -> Reading<T> {
    read(&mut parent.section(key)?)
}

/// What only two sections together can get wrong: `[listen]`, and each other one that is right by itself.
fn check_against(
    listen: &ListenConfig,
    (admin, authn, upstream): (Option<&AdminConfig>, Option<&AuthnConfig>, Option<&UpstreamConfig>),
    reader: &Reader,
) {
    if admin.is_some_and(|admin| overlap(listen.address, admin.address)) {
        let wrong = "is the address of [listen] too: give it a port of its own, which callers cannot reach";
        reader.refuse_later("admin", "address", wrong);
    }
    if upstream.is_some_and(|upstream| listen.request_timeout <= upstream.total_timeout) {
        let wrong = "must be longer than upstream.total_timeout, which is a part of it";
        reader.refuse_later("listen", "request_timeout", wrong);
    }
    // `Bearer ` and the other headers need their room as well.
    if authn.is_some_and(|authn| authn.jwt.max_token_bytes + 1024 > listen.max_header_bytes) {
        let wrong = "must leave 1KiB of listen.max_header_bytes to the other headers";
        reader.refuse_later("authn", "max_token_bytes", wrong);
    }
}

/// Whether two listeners would want the same port. Port 0 is another one each time.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let same_host = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() != 0 && one.port() == other.port() && same_host
}
