//! `CONFGATE__SECTION__KEY`.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::{Fixture, assert_only, lines};

#[test]
fn variables_cover_the_file_in_every_form() {
    let config = Fixture::new()
        .with_environment(&[
            ("CONFGATE__LISTEN__ADDRESS", "127.0.0.1:1"),
            ("CONFGATE__LISTEN__WORKERS", " 3 "),
            ("CONFGATE__LISTEN__MAX_BODY_BYTES", "1024"),
            ("CONFGATE__LISTEN__DRAIN_DELAY", "500ms"),
            ("CONFGATE__LISTEN__TRUSTED_PROXIES", "10.0.0.0/8, ::1"),
            ("CONFGATE__LISTEN__CORS__ALLOWED_ORIGINS", ""),
            ("CONFGATE__AUTHN__ISSUERS__0__AUDIENCES", "a,b"),
            ("CONFGATE__AUTHN__ISSUERS__0__ALLOW_INSECURE_HTTP", "true"),
            ("CONFGATE__TENANTS__CRM__RATE_LIMIT__RATE", "7"),
            ("CONFGATE__TENANTS__SUPPORT__MAX_IN_FLIGHT", "1"),
            ("CONFGATE__APPS__MEET__ORG", "42"),
        ])
        .unwrap();
    assert_eq!(config.listen.address, "127.0.0.1:1".parse().unwrap());
    assert_eq!(config.listen.workers, NonZeroUsize::new(3));
    assert_eq!(config.listen.max_body_bytes, 1024);
    assert_eq!(config.listen.drain_delay, Duration::from_millis(500));
    assert_eq!(config.listen.trusted_proxies, ["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);
    assert_eq!(config.listen.cors.allowed_origins, crate::stages::cors::AllowedOrigins::Only(Vec::new()));
    let issuer = config.authn.jwt.issuers.first().unwrap();
    assert_eq!(issuer.audiences, ["a".into(), "b".into()]);
    assert_eq!(config.apps.first().unwrap().credentials.org.as_str(), "42");
    let rates: Vec<_> = config
        .tenants
        .iter()
        .map(|t| (t.id.as_str(), t.rate_limit.rate().get(), t.max_in_flight.get()))
        .collect();
    assert_eq!(rates, [("Support", 5, 1), ("crm", 7, 64)]);
}

#[test]
fn a_tenant_and_an_issuer_can_stand_in_the_environment_alone() {
    let config = Fixture::new()
        .with_environment(&[
            ("CONFGATE__TENANTS__NEW__APP", "meet"),
            ("CONFGATE__TENANTS__NEW__RATE_LIMIT__RATE", "1"),
            ("CONFGATE__TENANTS__NEW__RATE_LIMIT__PER", "1s"),
            ("CONFGATE__TENANTS__NEW__RATE_LIMIT__BURST", "1"),
            ("CONFGATE__AUTHN__ISSUERS__1__ISSUER", "https://second.example"),
            ("CONFGATE__AUTHN__ISSUERS__1__AUDIENCES", "confgate"),
            ("CONFGATE__AUTHN__ISSUERS__1__ALGORITHMS", "EdDSA"),
            ("CONFGATE__AUTHN__ISSUERS__1__JWKS_URL", "https://second.example/jwks"),
        ])
        .unwrap();
    assert!(config.tenants.iter().any(|tenant| tenant.id.as_str() == "new"));
    assert_eq!(config.authn.jwt.issuers.len(), 2);

    let issuer = [
        ("ISSUER", "https://sso"),
        ("AUDIENCES", "a"),
        ("ALGORITHMS", "EdDSA"),
        ("JWKS_URL", "https://sso/"),
    ];
    let variables =
        issuer.map(|(key, value)| (format!("CONFGATE__AUTHN__ISSUERS__0__{key}"), value.to_owned()));
    let problems = lines(super::super::load(None, variables.into_iter()));
    assert_eq!(problems.len(), 2, "apps and tenants alone are missing: {problems:#?}");
}

#[test]
fn the_items_of_a_list_are_read_in_the_order_of_their_numbers() {
    let variables: Vec<(String, String)> = (1..12)
        .flat_map(|number| {
            let issuer = format!("https://issuer{number}.example");
            let jwks = format!("{issuer}/jwks");
            let keys = [
                ("ISSUER", issuer),
                ("AUDIENCES", "a".into()),
                ("ALGORITHMS", "EdDSA".into()),
                ("JWKS_URL", jwks),
            ];
            keys.map(|(key, value)| (format!("CONFGATE__AUTHN__ISSUERS__{number}__{key}"), value))
        })
        .collect();
    let variables: Vec<_> = variables.iter().map(|(name, value)| (&**name, &**value)).collect();
    let config = Fixture::new().with_environment(&variables).unwrap();
    let last = config.authn.jwt.issuers.last().unwrap();
    assert_eq!((config.authn.jwt.issuers.len(), &*last.issuer), (12, "https://issuer11.example"));
}

#[test]
fn a_problem_names_its_variable() {
    let fixture = Fixture::new();
    let refused = |name: &str, value: &str, begins: &str, contains: &str| {
        assert_only(fixture.with_environment(&[(name, value)]), begins, contains);
    };
    refused("CONFGATE__LISTEN__ADDRESS", "x", "listen.address (CONFGATE__LISTEN__ADDRESS): ", "0.0.0.0:8080");
    refused("CONFGATE__LISTEN__ADRESS", "x", "listen.adress (CONFGATE__LISTEN__ADRESS): ", "mean address?");
    refused("CONFGATE__LISTN__ADDRESS", "x", "listn (CONFGATE__LISTN__ADDRESS): ", "mean listen?");
    refused("CONFGATE__LISTEN", "x", "CONFGATE__LISTEN: ", "CONFGATE__LISTEN__KEY");
    refused("CONFGATE__LISTEN__ADDRESS__X", "x", "CONFGATE__LISTEN__ADDRESS__X: ", "no keys of its own");
    refused("CONFGATE__", "x", "CONFGATE__: ", "empty part");
    refused("CONFGATE__LISTEN____X", "x", "CONFGATE__LISTEN____X: ", "empty part");
    let far = "CONFGATE__AUTHN__ISSUERS__9__ISSUER";
    refused(far, "x", "CONFGATE__AUTHN__ISSUERS__9__ISSUER: ", "from 0 to 1");
    let quota = "CONFGATE__TENANTS__CRM__RATE_LIMIT__BURST";
    refused(
        quota,
        "0",
        "tenants.crm.rate_limit.burst (CONFGATE__TENANTS__CRM__RATE_LIMIT__BURST): ",
        "from 1",
    );
}

#[test]
fn other_variables_are_nobodys_business() {
    let kubernetes =
        [("CONFGATE_PORT", "tcp://10.0.0.1:80"), ("PATH", "/bin"), ("confgate__listen__address", "x")];
    assert_eq!(lines(Fixture::new().with_environment(&kubernetes)), [""; 0]);
}

#[test]
fn a_value_in_the_wrong_place_is_not_repeated() {
    let result = Fixture::new().with_environment(&[
        ("CONFGATE__APPS__MEET__CLIENT_SECRET", "hunter2"),
        ("CONFGATE__APPS__MEET__CLIENT_SECRET_FILE", "hunter2"),
        ("CONFGATE__APPS__MEET__BASE_URL", "https://hunter2@x"),
        ("CONFGATE__APPS__MEET__CLIENT_ID", "hunter2 hunter2"),
    ]);
    let lines = lines(result);
    assert_eq!(lines.len(), 4);
    assert!(!lines.concat().contains("hunter2"), "{lines:#?}");
}

#[test]
fn names_that_differ_in_case_only_are_not_guessed_between() {
    let fixture = Fixture::new();
    let text = fixture.text().replace("[tenants.Support]", "[tenants.CRm]");
    let document =
        super::Document { name: "my.toml".to_owned(), text: text.replace("[tenants.crm]", "[tenants.Crm]") };
    let variables = [("CONFGATE__TENANTS__CRM__APP".to_owned(), "meet".to_owned())];
    let result = super::resolve(document, variables.into_iter());
    assert_only(result, "CONFGATE__TENANTS__CRM__APP: ", "differ from crm in case only");
}
