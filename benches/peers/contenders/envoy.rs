//! Envoy with what it has for the purpose: `jwt_authn` with its cache of verified tokens, a local rate limit, an
//! injected credential, and an access log, which it buffers.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::{Contender, Programs, Setting, program, version};
use crate::vendor::{BASE, BEARER};

pub(super) fn find(programs: &Programs) -> Option<Contender> {
    let program = program(programs.envoy.as_ref(), "envoy")?;
    Some(Contender {
        name: "Envoy, JWT",
        does: "jwt_authn with its cache, local rate limit, credential injection, JSON access log",
        authenticates: true,
        version: version(&program, "--version"),
        program,
        configure,
    })
}

fn typed(name: &str, kind: &str, mut config: Value) -> Value {
    config["@type"] = format!("type.googleapis.com/envoy.extensions.{kind}").into();
    json!({ "name": name, "typed_config": config })
}

fn jwt(setting: &Setting<'_>) -> Value {
    let provider = json!({
        "issuer": setting.issuer.name(),
        "audiences": ["confgate"],
        "local_jwks": { "filename": setting.issuer.jwks() },
        "jwt_cache_config": { "jwt_cache_size": 100_000 },
        "payload_in_metadata": "jwt",
    });
    let rule = json!({ "match": { "prefix": "/" }, "requires": { "provider_name": "issuer" } });
    let config = json!({ "providers": { "issuer": provider }, "rules": [rule] });
    typed("envoy.filters.http.jwt_authn", "filters.http.jwt_authn.v3.JwtAuthentication", config)
}

fn limit() -> Value {
    let always = json!({ "default_value": { "numerator": 100, "denominator": "HUNDRED" } });
    let bucket = json!({ "max_tokens": 1_000_000, "tokens_per_fill": 100_000, "fill_interval": "0.1s" });
    let config = json!({
        "stat_prefix": "limit", "token_bucket": bucket, "filter_enabled": always, "filter_enforced": always,
    });
    typed("envoy.filters.http.local_ratelimit", "filters.http.local_ratelimit.v3.LocalRateLimit", config)
}

fn credential(file: &Path) -> Value {
    let secret = json!({ "name": "credential", "sds_config": { "path_config_source": { "path": file } } });
    let generic = json!({ "credential": secret, "header": "Authorization" });
    let credential = typed(
        "envoy.http.injected_credentials.generic",
        "http.injected_credentials.generic.v3.Generic",
        generic,
    );
    typed(
        "envoy.filters.http.credential_injector",
        "filters.http.credential_injector.v3.CredentialInjector",
        json!({ "overwrite": true, "credential": credential }),
    )
}

fn log(file: &Path) -> Value {
    let line = json!({
        "time": "%START_TIME%", "client": "%DOWNSTREAM_REMOTE_ADDRESS%", "method": "%REQ(:METHOD)%",
        "path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%", "status": "%RESPONSE_CODE%", "bytes": "%BYTES_SENT%",
        "duration": "%DURATION%", "vendor": "%UPSTREAM_HOST%", "request_id": "%REQ(X-REQUEST-ID)%",
        "tenant": "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:jwt:tenant)%",
        "subject": "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:jwt:sub)%",
        "token_id": "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:jwt:jti)%",
    });
    let config = json!({ "path": file, "log_format": { "json_format": line } });
    typed("envoy.access_loggers.file", "access_loggers.file.v3.FileAccessLog", config)
}

fn socket(address: &str, port: u16) -> Value {
    json!({ "socket_address": { "address": address, "port_value": port } })
}

fn listener(setting: &Setting<'_>, secret: &Path) -> Value {
    let router = typed("envoy.filters.http.router", "filters.http.router.v3.Router", json!({}));
    let action =
        json!({ "cluster": "vendor", "prefix_rewrite": format!("{BASE}/conferences"), "timeout": "15s" });
    let route = json!({ "match": { "prefix": "/conferences" }, "route": action });
    let manager = json!({
        "stat_prefix": "callers",
        "access_log": [log(&setting.directory.join("access.log"))],
        "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": [route] }] },
        "http_filters": [jwt(setting), limit(), credential(secret), router],
    });
    let kind = "filters.network.http_connection_manager.v3.HttpConnectionManager";
    let manager = typed("envoy.filters.network.http_connection_manager", kind, manager);
    json!({ "address": socket("127.0.0.1", setting.port), "filter_chains": [{ "filters": [manager] }] })
}

fn cluster(setting: &Setting<'_>) -> Value {
    let address = socket("127.0.0.1", setting.vendor.port());
    let endpoint = json!({ "endpoint": { "address": address } });
    json!({
        "name": "vendor", "type": "STATIC", "connect_timeout": "2s",
        "load_assignment": { "cluster_name": "vendor", "endpoints": [{ "lb_endpoints": [endpoint] }] },
    })
}

fn configure(program: &Path, setting: &Setting<'_>) -> io::Result<Command> {
    let secret = secret(setting.directory)?;
    let resources = json!({ "listeners": [listener(setting, &secret)], "clusters": [cluster(setting)] });
    // An SDS client has to say who it is, though it is only a file that it asks.
    let config = json!({ "node": { "id": "bench", "cluster": "bench" }, "static_resources": resources });
    // JSON is YAML.
    let file = setting.directory.join("envoy.yaml");
    fs::write(&file, config.to_string())?;
    let mut command = Command::new(program);
    command.args(["--log-level", "warn", "--disable-hot-restart", "--concurrency"]);
    command.arg(setting.workers.to_string()).arg("-c").arg(file);
    Ok(command)
}

/// The credential, as a secret in a file.
fn secret(directory: &Path) -> io::Result<PathBuf> {
    let secret = json!({ "resources": [{
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
        "name": "credential",
        "generic_secret": { "secret": { "inline_string": format!("Bearer {BEARER}") } },
    }] });
    let file = directory.join("secret.yaml");
    fs::write(&file, secret.to_string())?;
    Ok(file)
}
