//! The configuration. What is wrong is told, and what is right is written out so that it reads back as the same.

use std::path::Path;
use std::sync::LazyLock;

use confgate::config::{Config, parse};

/// A configuration with the least that one must have, and its secret in `directory`.
pub(crate) fn example(directory: &Path) -> String {
    let secret = directory.join("secret");
    std::fs::write(&secret, "canary-client-secret\n").expect("a file");
    include_str!("../seeds/config/least").replace("SECRET", &secret.display().to_string())
}

/// The secret's file, for configurations that name it `SECRET`.
static SECRET: LazyLock<String> = LazyLock::new(|| {
    let directory = tempfile::tempdir().expect("a directory").keep();
    example(&directory);
    directory.join("secret").display().to_string()
});

/// The bytes are a file of configuration.
pub fn run(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    match parse("fuzz.toml", &text.replace("SECRET", &SECRET)) {
        Ok(config) => reads_back(&config),
        Err(problems) => {
            let told = problems.to_string();
            assert!(!told.trim().is_empty() && !told.contains("canary-client-secret"), "{told}");
        }
    }
}

fn reads_back(config: &Config) {
    let rendered = config.render();
    assert!(!rendered.contains("canary-client-secret"));
    let again = parse("fuzz.toml", &rendered).unwrap_or_else(|problems| panic!("{problems}\nin\n{rendered}"));
    assert_eq!(told(&again), told(config), "{rendered}");
    let twice = again.render();
    let thrice = parse("fuzz.toml", &twice).unwrap_or_else(|problems| panic!("{problems}\nin\n{twice}"));
    assert_eq!(thrice.render(), twice);
}

/// Everything but where it stands.
fn told(config: &Config) -> String {
    let Config {
        listen,
        admin,
        authn,
        scopes,
        create,
        apps,
        tenants,
        vendor,
        upstream,
        trail,
        audit,
        shipping,
        log,
        reload,
        ..
    } = config;
    format!(
        "{listen:?} {admin:?} {authn:?} {scopes:?} {create:?} {apps:?} {tenants:?} {vendor:?} {upstream:?} {trail:?} {audit:?} {shipping:?} {log:?} {reload:?}"
    )
}
