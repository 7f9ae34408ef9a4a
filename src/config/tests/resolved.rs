//! What `confgate check` prints.

use super::{Fixture, SECRET};

#[test]
fn the_resolved_configuration_reads_back_as_itself() {
    let fixture = Fixture::new();
    let config = super::super::parse("my.toml", &fixture.text()).unwrap();
    let again = super::super::parse("again.toml", &config.render()).unwrap();
    let values = |config: &super::Config| -> Vec<_> {
        let entries = config.resolved.iter();
        entries.map(|entry| (entry.section.clone(), entry.key, entry.toml.clone())).collect()
    };
    assert_eq!(values(&config), values(&again));
}

#[test]
fn it_says_where_a_value_comes_from_unless_it_is_the_default() {
    let fixture = Fixture::new();
    let config = fixture.with_environment(&[("CONFGATE__LISTEN__WORKERS", "2")]).unwrap();
    let text = config.render();
    let line = |begins: &str| text.lines().find(|line| line.starts_with(begins)).unwrap().to_owned();
    assert!(text.starts_with("[listen]\naddress = \"0.0.0.0:8080\"\n"), "{text}");
    assert!(line("workers").ends_with("  # CONFGATE__LISTEN__WORKERS"));
    assert!(line("org").ends_with("  # my.toml"));
    assert!(line("client_secret_file").ends_with("  # my.toml, <hidden>"));
    assert_eq!(line("max_in_flight"), "max_in_flight = 64");
    assert_eq!(line("# user_rate_limit"), "# user_rate_limit is not set");
    assert!(text.contains("\n[[authn.issuers]]\nissuer = "), "{text}");
}

#[test]
fn secrets_are_shown_nowhere() {
    let config = super::super::parse("my.toml", &Fixture::new().text()).unwrap();
    assert!(!config.render().contains(SECRET));
    assert!(!format!("{config:?}").contains(SECRET));
}
