//! nginx, without any check of the token: as little as a proxy can do, and the same with a log and a limit.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;

use super::{Contender, Programs, Setting, program, version};
use crate::vendor::{BASE, BEARER};

pub(super) fn find(programs: &Programs) -> Option<[Contender; 2]> {
    let program = program(programs.nginx.as_ref(), "nginx")?;
    let version = version(&program, "-v");
    let plain = Contender {
        name: "nginx",
        does: "path and Authorization rewritten, no auth, no log",
        authenticates: false,
        version,
        program,
        configure: |program, setting| configure(program, setting, "access_log off;", ""),
    };
    let logged = Contender {
        name: "nginx, log and limit",
        does: "the same with a JSON access log and a rate limit",
        configure: |program, setting| {
            let file = setting.directory.join("access.log");
            // As confgate's records of gets, lines are written together.
            let log = format!("access_log {} json buffer=64k flush=1s;", file.display());
            configure(program, setting, &log, "limit_req zone=callers burst=1000000 nodelay;")
        },
        ..plain.clone()
    };
    Some([plain, logged])
}

fn configure(program: &Path, setting: &Setting<'_>, log: &str, limit: &str) -> io::Result<Command> {
    let Setting { directory, port, vendor, workers, .. } = setting;
    let folder = directory.display();
    let text = format!(
        r#"daemon off;
user root;
worker_processes {workers};
error_log stderr warn;
pid {folder}/pid;
events {{ worker_connections 8192; }}
http {{
    log_format json escape=json '{{"time":"$time_iso8601","client":"$remote_addr","method":"$request_method",'
        '"path":"$uri","status":$status,"bytes":$body_bytes_sent,"duration":$request_time,'
        '"vendor":"$upstream_addr","vendor_status":"$upstream_status","vendor_duration":"$upstream_response_time",'
        '"user_agent":"$http_user_agent","request_id":"$request_id"}}';
    {log}
    limit_req_zone $binary_remote_addr zone=callers:10m rate=1000000r/s;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    tcp_nodelay on;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    upstream vendor {{
        server {vendor};
        keepalive 256;
        keepalive_requests 1000000000;
        keepalive_time 10h;
        keepalive_timeout 1h;
    }}
    server {{
        listen 127.0.0.1:{port};
        location /conferences {{
            {limit}
            proxy_pass http://vendor{BASE}/conferences;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Authorization "Bearer {BEARER}";
        }}
    }}
}}
"#
    );
    let file = directory.join("nginx.conf");
    fs::write(&file, text)?;
    let mut command = Command::new(program);
    command.arg("-p").arg(directory).arg("-c").arg(file).args(["-e", "stderr"]);
    Ok(command)
}
