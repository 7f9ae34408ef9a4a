use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use serde::Deserialize;

use super::{ConfigArgs, load, unusable};

/// What can be told to drain.
#[derive(Debug, Args)]
pub struct DrainArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// The gateway's admin port on this machine. Default: admin.address of the configuration.
    #[arg(long, value_name = "ADDRESS:PORT")]
    admin: Option<SocketAddr>,
}

/// How long one exchange may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two questions how far it is.
const INTERVAL: Duration = Duration::from_millis(100);

/// What the admin port tells.
#[derive(Deserialize)]
struct Progress {
    drained: bool,
    requests_in_flight: u64,
    timed_out: bool,
}

pub(super) fn run(args: &DrainArgs) -> anyhow::Result<ExitCode> {
    let admin = match args.admin {
        Some(admin) => admin,
        None => configured(&args.config)?,
    };
    let mut progress = order(admin)?;
    while !progress.drained && !progress.timed_out {
        std::thread::sleep(INTERVAL);
        progress = match ask(admin, "GET") {
            Ok((200, body)) => understand(admin, &body)?,
            Ok((status, _)) => bail!("the admin port at {admin} answers with status {status}"),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                writeln!(io::stdout(), "the gateway has ended")?;
                return Ok(ExitCode::SUCCESS);
            }
            Err(error) => return Err(error).with_context(|| format!("the admin port at {admin}")),
        };
    }
    let Progress { drained, requests_in_flight, .. } = progress;
    let verdict = if drained { "drained" } else { "listen.drain_timeout is over" };
    writeln!(io::stdout(), "{verdict}: {requests_in_flight} requests in flight")?;
    Ok(ExitCode::SUCCESS)
}

fn configured(config: &ConfigArgs) -> anyhow::Result<SocketAddr> {
    let config = load(config.config.as_deref())
        .map_err(|problems| unusable(&problems))
        .context("the admin port is looked up in the configuration; or name it with --admin")?;
    let mut admin = config.admin.address;
    match admin.ip() {
        IpAddr::V4(all) if all.is_unspecified() => admin.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(all) if all.is_unspecified() => admin.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    if admin.port() == 0 {
        bail!("admin.address has port 0, which is another one at each start: name the port with --admin");
    }
    Ok(admin)
}

fn order(admin: SocketAddr) -> anyhow::Result<Progress> {
    let answer = ask(admin, "POST").with_context(|| {
        format!("no gateway answers at {admin}: is it running on this machine, and is this its admin port?")
    })?;
    match answer {
        (202, body) => understand(admin, &body),
        (403, _) => bail!("the gateway at {admin} takes this order from its own machine alone"),
        (status, _) => {
            bail!("{admin} is no admin port of a gateway that can drain: it answers with status {status}")
        }
    }
}

fn understand(admin: SocketAddr, body: &str) -> anyhow::Result<Progress> {
    serde_json::from_str(body).with_context(|| format!("{admin} is no admin port of confgate"))
}

/// One exchange with `/drain`: the status and the body.
fn ask(admin: SocketAddr, method: &str) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&admin, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = format!(
        "{method} /drain HTTP/1.1\r\nHost: {admin}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    // More than that is no answer of the admin port.
    stream.take(64 * 1024).read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    Ok((status, body.to_owned()))
}
