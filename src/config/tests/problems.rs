//! Each kind of problem: its key, its place, and what to do.

use super::{Fixture, assert_only, lines};

#[test]
fn the_fixture_starts() {
    let config = super::super::parse("my.toml", &Fixture::new().text()).unwrap();
    assert_eq!(config.apps.len(), 2);
    assert_eq!(config.tenants.len(), 2);
    assert_eq!(config.authn.jwt.issuers.len(), 1);
}

#[test]
fn everything_is_reported_at_once_and_counted() {
    let result = super::super::parse(
        "my.toml",
        r#"
        [listen]
        adress = "x"
        workers = "many"
        [authn]
        leeway = "10m"
        [[authn.issuers]]
        issuer = "a"
        audiences = []
        algorithms = ["none"]
        jwks_url = "http://sso.corp.example/jwks"
        [apps.meet]
        base_url = "a1.easemob.com"
        [tenants.crm]
        app = "mete"
        rate_limit = { rate = 0, per = 1, burst = 0 }
        "#,
    );
    let report = result.unwrap_err().to_string();
    let keys: Vec<&str> = report.lines().map(|line| line.split([' ', ':']).next().unwrap()).collect();
    let expected = [
        "listen.workers",
        "listen.adress",
        "authn.leeway",
        "authn.issuers[0].audiences",
        "authn.issuers[0].algorithms",
        "authn.issuers[0].jwks_url",
        "apps.meet.base_url",
        "apps.meet.org",
        "apps.meet.app",
        "apps.meet.client_id",
        "apps.meet.client_secret_file",
        "tenants.crm.app",
        "tenants.crm.rate_limit.rate",
        "tenants.crm.rate_limit.per",
        "tenants.crm.rate_limit.burst",
        "15",
    ];
    assert_eq!(keys, expected, "{report}");
    assert!(report.ends_with("\n15 problems in the configuration"));
}

#[test]
fn an_unknown_key_is_refused_with_the_one_that_was_meant() {
    let fixture = Fixture::new();
    let refused =
        |lines: &str, begins: &str, contains: &str| assert_only(fixture.after(lines), begins, contains);
    refused("[listen]\nadress = 1", "listen.adress (my.toml): ", "did you mean address?");
    refused("[listn]\naddress = 1", "listn (my.toml): ", "did you mean listen?");
    refused("colour = 1", "colour (my.toml): is no known key", "there are admin, apps, ");
    refused("\"listen.address\" = 1", "\"listen.address\" (my.toml): ", "is no known key");
    refused("\"a[999999999999]\" = 1", "\"a[999999999999]\" (my.toml): ", "is no known key");
    refused("\"\" = 1", "\"\" (my.toml): ", "is no known key");
    refused("[empty]", "empty (my.toml): ", "is no known key");
    let secret = fixture.with("client_id", "client_secret = \"oops\"\nclient_id");
    assert_only(secret, "apps.meet.client_secret (my.toml): ", "did you mean client_secret_file?");
}

#[test]
fn the_wrong_kind_of_value_is_refused() {
    let fixture = Fixture::new();
    let refused =
        |lines: &str, begins: &str, contains: &str| assert_only(fixture.after(lines), begins, contains);
    refused("listen = 5", "listen (my.toml): ", "must be a section");
    refused(
        "[listen]\nworkers = 1.5",
        "listen.workers (my.toml): ",
        "must be a whole number, and is a fraction",
    );
    refused("[listen]\nmax_headers = 15", "listen.max_headers (my.toml): ", "from 16 to 256");
    refused(
        "[listen]\ntrusted_proxies = [1]",
        "listen.trusted_proxies (my.toml): ",
        "has a whole number in it",
    );
    refused(
        "[listen]\ntrusted_proxies = [\"10/8\"]",
        "listen.trusted_proxies (my.toml): item 1: ",
        "10.0.0.0/8",
    );
    refused("[listen]\nmax_body_bytes = \"64KB\"", "listen.max_body_bytes (my.toml): ", "16KiB");
    refused("[listen]\nmax_body_bytes = 1", "listen.max_body_bytes (my.toml): ", "from 1KiB to 1MiB");
    refused("[listen]\ndrain_delay = 5", "listen.drain_delay (my.toml): ", "needs a unit: \"5s\" or \"5ms\"");
    refused("[listen]\naddress = \"localhost\"", "listen.address (my.toml): ", "0.0.0.0:8080");
    refused("[log]\nformat = \"xml\"", "log.format (my.toml): ", "\"json\" or \"text\"");
    refused("[log]\nlevel = \"info,a=b=c\"", "log.level (my.toml): ", "confgate::jwt=debug");
    refused("[audit]\ndirectory = \"\"", "audit.directory (my.toml): ", "is empty");
    refused("[authz.scopes]\nget = \"a b\"", "authz.scopes.get (my.toml): ", "without spaces");
    assert_only(
        fixture.with("[tenants.crm]", "[tenants.\"c r m\"]"),
        "tenants.\"c r m\" (my.toml): ",
        "1 to 64",
    );
}

#[test]
fn what_only_two_keys_together_get_wrong_is_refused() {
    let fixture = Fixture::new();
    let refused =
        |lines: &str, begins: &str, contains: &str| assert_only(fixture.after(lines), begins, contains);
    let admin = "admin.address (my.toml): ";
    refused("[admin]\naddress = \"127.0.0.1:8080\"", admin, "a port of its own");
    refused("[admin]\naddress = \"[::]:8080\"", admin, "a port of its own");
    assert_eq!(
        lines(fixture.after("[admin]\naddress = \"127.0.0.1:0\"\n[listen]\naddress = \"127.0.0.1:0\"")),
        [""; 0]
    );
    refused(
        "[upstream]\ntotal_timeout = \"30s\"",
        "listen.request_timeout (default): ",
        "upstream.total_timeout",
    );
    refused(
        "[upstream]\nfirst_byte_timeout = \"16s\"",
        "upstream.first_byte_timeout (my.toml): ",
        "total_timeout",
    );
    refused("[create]\nmin_delay = \"2h\"", "create.min_delay (my.toml): ", "max_delay");
    refused("[vendor]\nmin_interval = \"6m\"", "vendor.min_interval (my.toml): ", "max_backoff");
    refused("[upstream]\nconnect_timeout = \"16s\"", "upstream.connect_timeout (my.toml): ", "total_timeout");
    refused("[vendor]\npause = \"2m\"", "vendor.pause (my.toml): ", "max_pause");
    refused("[vendor]\nmin_interval = \"1s\"", "vendor.min_interval (my.toml): ", "bans accounts");
    let cors = "[listen.cors]\nallowed_origins = [\"*\", \"https://a.example\"]";
    refused(cors, "listen.cors.allowed_origins (my.toml): ", "beside other origins");
    assert_only(
        fixture.with("app = \"meet\"", "app = \"mete\""),
        "tenants.crm.app (my.toml): ",
        "did you mean meet?",
    );
    let twin = fixture.with("app = \"other\"\nclient_id", "app = \"voicechatroom\"\nclient_id");
    assert_only(twin, "apps.other.app (my.toml): ", "same application as apps.meet");
}

#[test]
fn quotas_are_whole_and_can_be_kept() {
    let fixture = Fixture::new();
    let quota = r#"{ rate = 20, per = "1s", burst = 40 }"#;
    let refused = |instead: &str, key: &str, contains: &str| {
        assert_only(
            fixture.with(quota, instead),
            &format!("tenants.crm.rate_limit{key} (my.toml): "),
            contains,
        );
    };
    refused(r#"{ rate = 0, per = "1s", burst = 40 }"#, ".rate", "from 1 to 1000000");
    refused(r#"{ rate = 20, per = "1s", burst = 0 }"#, ".burst", "from 1 to 1000000");
    refused(r#"{ rate = 20, per = "0s", burst = 4 }"#, ".per", "from 1ms to 24h");
    refused("{ rate = 20, burst = 4 }", ".per", "is missing");
    refused(r#"{ rate = 20, per = "1s", burst = 4, brust = 5 }"#, ".brust", "did you mean burst?");
    refused(r#"{ rate = 1, per = "24h", burst = 1000 }"#, "", "31 days");
    refused("20", "", "must be a section with keys of its own");
    assert_only(
        fixture.with(&format!("rate_limit = {quota}"), ""),
        "tenants.crm.rate_limit (my.toml): ",
        "is missing",
    );
}

#[test]
fn origins_are_as_browsers_send_them() {
    let fixture = Fixture::new();
    let origin =
        |origin: &str| lines(fixture.after(&format!("[listen.cors]\nallowed_origins = [{origin:?}]")));
    for good in ["*", "https://app.corp.example", "http://localhost:3000", "http://[::1]:3000"] {
        assert_eq!(origin(good), [""; 0], "{good}");
    }
    for bad in [
        "",
        "null",
        "app.corp.example",
        "https://",
        "https://a/",
        "https://A.example",
        "https://a:443",
        "http://a:80",
        "https://*.a",
    ] {
        assert_eq!(origin(bad).len(), 1, "{bad}");
    }
}

#[test]
fn nothing_works_without_an_issuer_an_app_and_a_tenant() {
    let lines = lines(super::super::parse("my.toml", ""));
    let begins: Vec<&str> = lines.iter().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(begins, ["authn.issuers", "apps", "tenants"], "{lines:#?}");
}

#[test]
fn a_strange_key_cannot_fake_a_line_of_the_report() {
    let report = super::super::parse("my.toml", "\"a\\nlisten.address: fine\" = 1").unwrap_err().to_string();
    assert!(!report.lines().any(|line| line.starts_with("listen.address")), "{report}");
}

#[test]
fn durability_is_a_level_that_the_class_has() {
    use crate::trail::Durability;
    let fixture = Fixture::new();
    let with = |key: &str, level: &str| fixture.after(&format!("[audit.durability]\n{key} = {level:?}"));
    for level in ["sync", "write", "queue"] {
        for key in ["mutations", "reads", "refusals"] {
            assert_eq!(lines(with(key, level)), [""; 0]);
        }
    }
    let off = fixture.after("[audit.durability]\nreads = \"off\"").unwrap().audit.durability;
    assert_eq!((off.mutations, off.reads, off.refusals), (Durability::Sync, None, Durability::Queue));
    for key in ["mutations", "refusals"] {
        let place = format!("audit.durability.{key} (my.toml): ");
        assert_only(with(key, "off"), &place, "must be \"sync\", \"write\" or \"queue\"");
    }
    let reads = "audit.durability.reads (my.toml): ";
    assert_only(with("reads", "none"), reads, "\"queue\" or \"off\"");
    let floods = |text: &str| fixture.after(&format!("[audit.floods]\n{text}"));
    assert_only(floods("individually = 0"), "audit.floods.individually (my.toml): ", "from 1 to 1000000");
    assert_only(floods("every = \"1ms\""), "audit.floods.every (my.toml): ", "from 100ms to 1h");
}
