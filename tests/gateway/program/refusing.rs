//! What cannot be started: one clear message, exit code 1, and nothing of it left.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use tempfile::TempDir;

use crate::support::configuration::{CLIENT_SECRET, write_configuration};
use crate::support::issuer::Issuer;
use crate::support::program::{Ended, Program, confgate, run, serve};
use crate::support::vendor::Vendor;

/// What a gateway needs that shall not start.
struct Doomed {
    vendor: Vendor,
    _issuer: Issuer,
    directory: TempDir,
}

impl Doomed {
    async fn new() -> Self {
        let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
        let directory = TempDir::new().expect("a temporary directory");
        write_configuration(directory.path(), &vendor, &issuer);
        Self { vendor, _issuer: issuer, directory }
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    /// Tries to serve, and checks that nothing came of it but one message with all of `said` in it.
    async fn refuses(&self, changes: &[(&str, &str)], said: &[&str]) {
        let ended = run(&mut serve(&self.file("confgate.toml"), changes)).await;
        is_one_message(&ended, said);
        assert!(no_trail(&self.file("audit")), "something was started");
        assert!(self.vendor.token_calls().is_empty(), "a token was fetched");
    }
}

fn no_trail(directory: &Path) -> bool {
    let Ok(entries) = fs::read_dir(directory) else { return true };
    entries.flatten().all(|entry| !entry.file_name().to_string_lossy().ends_with(".jsonl"))
}

fn is_one_message(ended: &Ended, said: &[&str]) {
    assert_eq!((ended.code, ended.output.as_str()), (Some(1), ""), "{ended:?}");
    assert!(ended.error.starts_with("confgate: ") && ended.error.lines().count() == 1, "{ended:?}");
    for said in said {
        assert_eq!(ended.error.matches(said).count(), 1, "{said:?} once in {ended:?}");
    }
}

#[tokio::test]
async fn a_port_in_use_is_named_with_its_key() {
    let doomed = Doomed::new().await;
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    for (variable, key) in [("LISTEN__ADDRESS", "listen.address"), ("ADMIN__ADDRESS", "admin.address")] {
        doomed.refuses(&[(variable, &address)], &[key, &address, "in use", "choose another address"]).await;
    }
}

#[tokio::test]
async fn an_address_that_is_not_here_is_named_with_its_key() {
    let doomed = Doomed::new().await;
    doomed.refuses(&[("LISTEN__ADDRESS", "192.0.2.1:80")], &["listen.address", "192.0.2.1:80"]).await;
}

#[tokio::test]
async fn a_trail_in_use_is_named_with_its_key() {
    let doomed = Doomed::new().await;
    let elsewhere = TempDir::new().expect("a temporary directory");
    let directory = elsewhere.path().join("audit");
    let config =
        confgate::trail::TrailConfig { queue: 64, ..confgate::trail::TrailConfig::new(directory.clone()) };
    let (trail, thread) = confgate::trail::Trail::open(&config).expect("a trail");
    let before = trail.status().last_sequence;
    let directory = directory.to_str().expect("a path in Unicode");
    doomed
        .refuses(
            &[("AUDIT__DIRECTORY", directory)],
            &["audit.directory", directory, "in use by another process"],
        )
        .await;
    assert_eq!(trail.status().last_sequence, before);
    drop(trail);
    thread.close().expect("a whole trail");
}

#[tokio::test]
async fn a_trail_that_cannot_be_made_is_named() {
    let doomed = Doomed::new().await;
    let file = doomed.file("client_secret").join("audit");
    let directory = file.to_str().expect("a path in Unicode");
    doomed.refuses(&[("AUDIT__DIRECTORY", directory)], &[directory]).await;
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_is_named_with_its_key_and_not_shown() {
    let doomed = Doomed::new().await;
    let missing = doomed.file("missing");
    let two_lines = doomed.file("two-lines");
    fs::write(&two_lines, format!("{CLIENT_SECRET}\nand more\n")).expect("a file");
    for (path, said) in [(&missing, "no such file"), (&two_lines, "more than one line")] {
        let path = path.to_str().expect("a path in Unicode");
        let ended =
            run(&mut serve(&doomed.file("confgate.toml"), &[("APPS__MEET__CLIENT_SECRET_FILE", path)])).await;
        assert_eq!((ended.code, ended.output.as_str()), (Some(1), ""), "{ended:?}");
        for said in ["apps.meet.client_secret_file", path, said] {
            assert!(ended.error.contains(said), "{said:?} in {ended:?}");
        }
        assert!(!ended.error.contains(CLIENT_SECRET), "{ended:?}");
    }
    assert!(no_trail(&doomed.file("audit")));
}

/// What collects a container's log takes each line by itself; `check` has a line for each problem.
#[tokio::test]
async fn all_problems_are_one_line_of_the_log() {
    let doomed = Doomed::new().await;
    let changes = [("TENANTS__CRM__APP", "meat"), ("LISTEN__WORKERS", "many"), ("LISTEN__UNKNOWN", "1")];
    let said =
        ["3 problems: (1) ", "(2) ", "(3) ", "tenants.crm.app", "did you mean meet?", "listen.workers"];
    doomed.refuses(&changes, &said).await;
}

#[tokio::test]
async fn a_configuration_that_cannot_be_read_is_named() {
    let folder = TempDir::new().expect("a temporary directory");
    let file = folder.path().join("confgate.toml");
    let name = file.to_str().expect("a path in Unicode");
    for command in ["serve", "check"] {
        let ended = run(&mut confgate([command, "--config", name])).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.error.contains(name) && ended.error.contains("no such file"), "{ended:?}");
    }
    fs::write(&file, "[listen]\naddress = \"127.0.0.1:0\"\n[admin\n").expect("a file");
    for command in ["serve", "check"] {
        let ended = run(&mut confgate([command, "--config", name])).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.error.contains(name) && ended.error.contains("line 3"), "{ended:?}");
    }
}

#[tokio::test]
async fn the_sandbox_and_the_demo_name_the_port_that_is_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    is_one_message(&run(&mut confgate(["sandbox", "--address", &address])).await, &[&address, "in use"]);
    for option in ["--listen", "--admin", "--sandbox", "--issuer"] {
        let free = ["--listen", "--admin", "--sandbox", "--issuer"].map(|name| {
            let address = if name == option { address.as_str() } else { "127.0.0.1:0" };
            [name, address]
        });
        let ended = run(confgate(["demo"]).args(free.as_flattened())).await;
        is_one_message(&ended, &[&address, "in use"]);
    }
}

#[tokio::test]
async fn the_sandbox_says_where_it_is_and_ends_on_a_signal() {
    let mut sandbox = Program::start(&mut confgate(["sandbox", "--address", "127.0.0.1:0"]));
    let url =
        sandbox.printed("the address", |line| Some(line.split_once("curl http://")?.1.to_owned())).await;
    let (address, path) = url.split_once('/').expect("a path");
    let address = address.parse().expect("an address");
    let answer = crate::support::client::send(address, "GET", &format!("/{path}"), &[], "").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    sandbox.signal("TERM").await;
    assert_eq!(sandbox.ended().await.code, Some(0));
}

#[tokio::test]
async fn a_key_that_is_none_mints_no_token() {
    let folder = TempDir::new().expect("a temporary directory");
    let key = folder.path().join("issuer.pem");
    let name = key.to_str().expect("a path in Unicode");
    let mint = || confgate(["token", "--key", name, "--tenant", "crm", "--subject", "huangcl"]);
    let ended = run(&mut mint()).await;
    assert_eq!((ended.code, ended.output.as_str()), (Some(1), ""), "{ended:?}");
    assert!(ended.error.contains(name), "{ended:?}");
    fs::write(&key, "no key").expect("a file");
    let ended = run(&mut mint()).await;
    assert_eq!((ended.code, ended.output.as_str()), (Some(1), ""), "{ended:?}");
    assert!(ended.error.contains("holds no private key"), "{ended:?}");
}

#[tokio::test]
async fn a_command_line_that_makes_no_sense_is_code_2() {
    for arguments in [
        &["serve", "--verbose"][..],
        &["serv"],
        &[],
        &["check", "--config"],
        &["audit"],
        &["audit", "verify"],
        &["token", "--tenant", "crm"],
        &["demo", "--listen", "somewhere"],
        &["sandbox", "--org", "no/org"],
    ] {
        let ended = run(&mut confgate(arguments)).await;
        assert_eq!((ended.code, ended.output.as_str()), (Some(2), ""), "{arguments:?}: {ended:?}");
        assert!(ended.error.contains("--help"), "{arguments:?}: {ended:?}");
    }
    assert_eq!(
        run(&mut confgate(["--version"])).await.output,
        concat!("confgate ", env!("CARGO_PKG_VERSION"))
    );
}
