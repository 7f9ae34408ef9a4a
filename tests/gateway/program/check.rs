//! `confgate check`: what is in effect, or everything that is wrong.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::support::configuration::{CLIENT_SECRET, write_configuration};
use crate::support::issuer::Issuer;
use crate::support::program::{confgate, run};
use crate::support::vendor::Vendor;

#[tokio::test]
async fn a_good_configuration_is_printed_as_it_is_in_effect() {
    let folder = TempDir::new().expect("a temporary directory");
    let file = write_configuration(folder.path(), &Vendor::start().await, &Issuer::start().await);
    let check = |file: &Path| {
        let mut command = confgate(["check".as_ref(), "--config".as_ref(), file.as_os_str()]);
        command.env("CONFGATE__LISTEN__MAX_HEADERS", "77").env("UNRELATED", "x");
        command
    };
    let ended = run(&mut check(&file)).await;
    assert_eq!((ended.code, ended.error.as_str()), (Some(0), ""), "{ended:?}");
    let line = |start: &str| {
        let line = ended.output.lines().find(|line| line.starts_with(start));
        line.unwrap_or_else(|| panic!("no {start} in {}", ended.output)).to_owned()
    };
    assert!(line("max_headers = 77").contains("CONFGATE__LISTEN__MAX_HEADERS"));
    assert!(line("workers = 2").contains("confgate.toml"));
    assert!(!line("max_body_bytes =").contains('#'), "a default has no remark");
    assert!(line("client_secret_file =").contains("<hidden>"));
    assert!(!ended.output.contains(CLIENT_SECRET));

    // What is printed is a configuration that says the same.
    let again = folder.path().join("printed.toml");
    fs::write(&again, &ended.output).expect("a file");
    let values = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split("  #").next().unwrap_or_default().trim().to_owned()).collect()
    };
    let printed = run(&mut check(&again)).await;
    assert_eq!(printed.code, Some(0), "{printed:?}");
    assert_eq!(values(&printed.output), values(&ended.output));
    assert!(!folder.path().join("audit").exists(), "checking starts nothing");
}

#[tokio::test]
async fn all_problems_come_at_once_in_a_line_each() {
    let folder = TempDir::new().expect("a temporary directory");
    let file = folder.path().join("confgate.toml");
    let text = r#"
[listen]
adress = "127.0.0.1:0"
idle_timeout = "1ms"
[apps.meet]
base_url = "http://a1.easemob.com"
[tenants.crm]
app = "other"
"#;
    fs::write(&file, text).expect("a file");
    let mut command = confgate(["check".as_ref(), "--config".as_ref(), file.as_os_str()]);
    command.env("CONFGATE__AUDIT__QUEUE", "many").env("CONFGATE__AUDIT__DIRECTRY", "x");
    let ended = run(&mut command).await;
    assert_eq!((ended.code, ended.output.as_str()), (Some(1), ""), "{ended:?}");
    let lines: Vec<_> = ended.error.lines().collect();
    for key in [
        "listen.adress",
        "listen.idle_timeout",
        "authn.issuers",
        "apps.meet.base_url",
        "apps.meet.client_secret_file",
        "tenants.crm.app",
        "tenants.crm.rate_limit",
        "audit.queue",
    ] {
        let about = lines
            .iter()
            .filter(|line| line.starts_with(&format!("{key} ")) || line.starts_with(&format!("{key}:")));
        assert_eq!(about.count(), 1, "one line about {key} in {}", ended.error);
    }
    assert!(ended.error.contains("CONFGATE__AUDIT__DIRECTRY"), "{}", ended.error);
    assert_eq!(lines[0], "confgate: this configuration cannot be used:");
    let count = format!("{} problems in the configuration", lines.len() - 2);
    assert_eq!(lines.last(), Some(&count.as_str()), "{}", ended.error);
}

#[tokio::test]
async fn the_example_is_a_good_configuration() {
    let folder = TempDir::new().expect("a temporary directory");
    let secret = folder.path().join("meet");
    fs::write(&secret, CLIENT_SECRET).expect("a file");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/example.toml");
    let mut command = confgate(["check".as_ref(), "--config".as_ref(), example.as_os_str()]);
    let ended = run(command.env("CONFGATE__APPS__MEET__CLIENT_SECRET_FILE", &secret)).await;
    assert_eq!((ended.code, ended.error.as_str()), (Some(0), ""), "{ended:?}");
}
