//! `HAProxy`: as little as a proxy can do, and with its own JWT converters. Its log goes to standard output, which is a
//! file: one write a request, since it does not buffer lines, and nobody has to drain a socket.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::Command;

use super::{Contender, Programs, Setting, program, version};
use crate::requests::TENANTS;
use crate::vendor::{BASE, BEARER};

pub(super) fn find(programs: &Programs) -> Option<[Contender; 2]> {
    let program = program(programs.haproxy.as_ref(), "haproxy")?;
    let version = version(&program, "-v");
    let plain = Contender {
        name: "HAProxy",
        does: "path and Authorization rewritten, nothing else",
        authenticates: false,
        version,
        program,
        configure: |program, setting| configure(program, setting, "", ""),
    };
    let checked = Contender {
        name: "HAProxy, JWT",
        does: "jwt_verify, claims, stick-table rate, JSON log",
        authenticates: true,
        configure: |program, setting| {
            let log = r#"    log stdout format raw daemon
    log-format '{"time":"%T","client":"%ci","method":"%HM","path":"%HP","status":%ST,"bytes":%B,"duration":%Tt,"vendor":"%si","vendor_duration":%Tr,"tenant":"%[var(txn.tenant)]","subject":"%[var(txn.sub)]","token_id":"%[var(txn.jti)]"}'
"#;
            configure(program, setting, log, &checks(setting))
        },
        ..plain.clone()
    };
    Some([plain, checked])
}

/// One limit, where confgate has three.
fn checks(setting: &Setting<'_>) -> String {
    let algorithm = setting.issuer.algorithm();
    let (issuer, key) = (setting.issuer.name(), setting.issuer.pem());
    let key = key.display();
    format!(
        r#"    http-request set-var(txn.bearer) http_auth_bearer
    http-request set-var(txn.alg) var(txn.bearer),jwt_header_query('$.alg')
    http-request deny deny_status 401 unless {{ var(txn.alg) -m str {algorithm} }}
    http-request deny deny_status 401 unless {{ var(txn.bearer),jwt_verify(txn.alg,"{key}") 1 }}
    http-request set-var(txn.iss) var(txn.bearer),jwt_payload_query('$.iss')
    http-request set-var(txn.aud) var(txn.bearer),jwt_payload_query('$.aud')
    http-request set-var(txn.sub) var(txn.bearer),jwt_payload_query('$.sub')
    http-request set-var(txn.jti) var(txn.bearer),jwt_payload_query('$.jti')
    http-request set-var(txn.exp) var(txn.bearer),jwt_payload_query('$.exp','int')
    http-request set-var(txn.tenant) var(txn.bearer),jwt_payload_query('$.tenant')
    http-request set-var(txn.scope) var(txn.bearer),jwt_payload_query('$.scope')
    http-request set-var(txn.now) date()
    http-request deny deny_status 401 unless {{ var(txn.iss) -m str {issuer} }}
    http-request deny deny_status 401 unless {{ var(txn.aud) -m str confgate }}
    http-request deny deny_status 401 if {{ var(txn.exp),sub(txn.now) -m int lt 0 }}
    http-request deny deny_status 403 if {{ method GET }} !{{ var(txn.scope) -m sub conference:get }}
    http-request deny deny_status 403 if {{ method POST }} !{{ var(txn.scope) -m sub conference:create }}
    http-request track-sc0 var(txn.tenant) table tenants
    http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt 1000000 }}
"#
    )
}

fn configure(program: &Path, setting: &Setting<'_>, log: &str, checks: &str) -> io::Result<Command> {
    let Setting { directory, port, vendor, workers, .. } = setting;
    let text = format!(
        r#"global
    nbthread {workers}
    maxconn 8192
defaults
    mode http
    timeout connect 2s
    timeout client 1h
    timeout server 1h
    timeout http-keep-alive 1h
    http-reuse always
backend tenants
    stick-table type string len 32 size {} expire 1m store http_req_rate(1s)
frontend callers
    bind 127.0.0.1:{port}
{log}{checks}    http-request set-path {BASE}%[path]
    http-request set-header Authorization "Bearer {BEARER}"
    default_backend vendor
backend vendor
    server vendor {vendor} pool-max-conn -1 pool-purge-delay 1h
"#,
        50 * TENANTS
    );
    let file = directory.join("haproxy.cfg");
    fs::write(&file, text)?;
    let mut command = Command::new(program);
    command.arg("-db").arg("-f").arg(file).stdout(File::create(directory.join("access.log"))?);
    Ok(command)
}
