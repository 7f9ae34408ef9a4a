//! What differs between two configurations, and when it takes effect.

use std::fs;

use super::{Config, Fixture};
use crate::config::{Change, Effect};
use crate::shipping::SinkConfig;

fn base(fixture: &Fixture) -> Config {
    fixture.after("").unwrap()
}

fn change(key: &str, from: Option<&str>, to: Option<&str>) -> Change {
    Change { key: key.to_owned(), from: from.map(str::to_owned), to: to.map(str::to_owned) }
}

#[test]
fn each_key_that_differs_is_named_once_and_no_other() {
    let fixture = Fixture::new();
    let before = base(&fixture);
    assert_eq!(before.changes_to(&base(&fixture)), []);
    let lines = "[listen]\nmax_connections = 7\nidle_timeout = \"30s\"\n[log]\nlevel = \"debug\"";
    let after = fixture.after(lines).unwrap();
    let expected = [
        change("listen.max_connections", Some("10000"), Some("7")),
        change("log.level", Some("\"info\""), Some("\"debug\"")),
    ];
    assert_eq!(before.changes_to(&after), expected);
    let after = fixture.with("[tenants.Support]", "[tenants.support]").unwrap();
    let changes = before.changes_to(&after);
    assert!(changes.contains(&change("tenants.Support.app", Some("\"other\""), None)), "{changes:?}");
    assert!(changes.contains(&change("tenants.support.app", None, Some("\"other\""))), "{changes:?}");
}

#[test]
fn a_file_with_another_content_is_a_change_of_its_key() {
    let fixture = Fixture::new();
    let before = base(&fixture);
    assert!(before.files().contains(&fixture.path("secret").into()));
    fs::write(fixture.path("secret"), "another").unwrap();
    let changes = before.changes_to(&before.read_again().unwrap());
    let expected = ["apps.meet.client_secret_file", "apps.other.client_secret_file"];
    assert_eq!(changes, expected.map(|key| change(key, None, None)));
    assert!(!format!("{changes:?}{before:?}").contains("another"));
}

#[test]
fn it_is_read_again_from_where_it_was_read() {
    let fixture = Fixture::new();
    let file = fixture.path("confgate.toml");
    fs::write(&file, fixture.text()).unwrap();
    let variable = ("CONFGATE__LISTEN__WORKERS".to_owned(), "3".to_owned());
    let before = crate::config::load(Some(file.as_ref()), [variable].into_iter()).unwrap();
    assert_eq!(before.files()[0], std::path::Path::new(&file));
    fs::write(&file, format!("[listen]\nworkers = 9\nmax_headers = 99\n{}", fixture.text())).unwrap();
    let after = before.read_again().unwrap();
    assert_eq!(before.changes_to(&after), [change("listen.max_headers", Some("64"), Some("99"))]);
    assert_eq!(after.listen.workers, before.listen.workers, "the environment still goes before the file");
    fs::remove_file(&file).unwrap();
    assert!(after.read_again().unwrap_err().to_string().contains("there is no such file"));
}

#[test]
fn what_cannot_change_while_it_runs_stays_as_it_runs() {
    let fixture = Fixture::new();
    let running = base(&fixture);
    let lines = "[listen]\naddress = \"127.0.0.1:1\"\nworkers = 5\nmax_headers = 99\n[admin]\naddress = \"127.0.0.1:2\"\n\
                 [audit]\ndirectory = \"/elsewhere\"\n[audit.floods]\nindividually = 9\n[log]\nformat = \"text\"";
    let newer = fixture.after(lines).unwrap();
    let fixed: Vec<_> = running
        .changes_to(&newer)
        .into_iter()
        .filter(|change| change.effect() == Effect::Restart)
        .map(|change| change.key)
        .collect();
    let expected = [
        "admin.address",
        "audit.directory",
        "audit.floods.individually",
        "listen.address",
        "listen.workers",
        "log.format",
    ];
    assert_eq!(fixed, expected);
    let effective = newer.within(&running);
    assert_eq!(effective.listen.max_headers, 99);
    assert_eq!(
        (effective.listen.address, effective.listen.workers, effective.admin.address),
        (running.listen.address, running.listen.workers, running.admin.address)
    );
    assert_eq!(effective.trail.directory, running.trail.directory);
    assert_eq!(effective.audit.floods.individually, running.audit.floods.individually);
    assert_eq!(effective.log.format, running.log.format);
}

#[test]
fn what_does_not_concern_requests_is_told_apart() {
    for key in ["audit.checkpoints.key_file", "audit.ship.siem.token_file", "log.level", "listen.drain_delay"]
    {
        assert_eq!(change(key, None, None).effect(), Effect::Beside, "{key}");
    }
    for key in ["audit.ship.siem.url", "audit.queue", "admin.address"] {
        assert_eq!(change(key, None, None).effect(), Effect::Restart, "{key}");
    }
    for key in
        ["tenants.crm.app", "tenants.audit.app", "authn.leeway", "upstream.ca_file", "listen.max_headers"]
    {
        assert_eq!(change(key, None, None).effect(), Effect::Requests, "{key}");
    }
}

#[test]
fn a_receiver_s_token_is_shown_to_no_other_receiver() {
    let fixture = Fixture::new();
    let read = |url: &str, token: &str| {
        fs::write(fixture.path("token"), token).unwrap();
        let token = fixture.path("token");
        let lines = format!("[audit.ship.siem]\nsink = \"http\"\nurl = \"{url}\"\ntoken_file = {token:?}");
        fixture.after(&lines).unwrap()
    };
    let sent = |config: &Config| match &config.shipping[0].sink {
        SinkConfig::Http(http) => http.token.authorization().unwrap().unwrap().to_str().unwrap().to_owned(),
        SinkConfig::Stdout => unreachable!("it is no stdout"),
    };
    let running = read("https://one.test/", "first");
    running.take_over_secrets(&read("https://another.test/", "for-another"));
    assert_eq!(sent(&running), "Bearer first");
    running.take_over_secrets(&read("https://one.test/", "second"));
    assert_eq!(sent(&running), "Bearer second");
}
