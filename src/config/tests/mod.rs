//! The configuration as an operator meets it: files and variables in, a configuration or a report out.

mod arbitrary;
mod changes;
mod defaults;
mod environment;
mod files;
mod problems;
mod promise;
mod resolved;
mod ship;
mod tls;

use std::fs;

use tempfile::TempDir;

use super::origin::{Base, Origin};
use super::source::Document;
use super::{Config, Problems};

/// The secret of every fixture. It must never be seen.
const SECRET: &str = "s3cr3t-of-meet";

/// A directory with the files that the fixture names.
struct Fixture {
    directory: TempDir,
}

impl Fixture {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("secret"), format!("{SECRET}\n")).unwrap();
        fs::write(directory.path().join("hmac"), "0123456789abcdef0123456789abcdef\n").unwrap();
        fs::write(directory.path().join("jwks.json"), r#"{"keys":[]}"#).unwrap();
        fs::write(directory.path().join("empty"), "\n").unwrap();
        fs::write(directory.path().join("ca.pem"), "-----BEGIN CERTIFICATE-----\n").unwrap();
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        fs::write(directory.path().join("audit-key"), key.serialize_pem()).unwrap();
        let names = rcgen::generate_simple_self_signed(["gate.test".to_owned()]).unwrap();
        fs::write(directory.path().join("tls.crt"), names.cert.pem()).unwrap();
        fs::write(directory.path().join("tls.key"), names.signing_key.serialize_pem()).unwrap();
        Self { directory }
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    /// The smallest configuration that starts, and a second app and tenant.
    fn text(&self) -> String {
        let secret = self.path("secret");
        format!(
            r#"
[[authn.issuers]]
issuer = "https://sso.corp.example"
audiences = ["confgate"]
algorithms = ["RS256", "ES256"]
jwks_url = "https://sso.corp.example/jwks.json"

[apps.meet]
base_url = "https://a1.easemob.com"
org = "1100181023201864"
app = "voicechatroom"
client_id = "YXA6"
client_secret_file = "{secret}"

[apps.other]
base_url = "https://a1.easemob.com"
org = "1100181023201864"
app = "other"
client_id = "YXA6"
client_secret_file = "{secret}"

[tenants.crm]
app = "meet"
rate_limit = {{ rate = 20, per = "1s", burst = 40 }}

[tenants.Support]
app = "other"
rate_limit = {{ rate = 5, per = "1m", burst = 10 }}
user_rate_limit = {{ rate = 1, per = "1s", burst = 2 }}
"#
        )
    }

    /// The configuration with one line put in place of another.
    fn with(&self, line: &str, instead: &str) -> Result<Config, Problems> {
        let text = self.text();
        assert!(text.contains(line), "{line} is not in the fixture");
        super::parse("my.toml", &text.replacen(line, instead, 1))
    }

    /// The configuration with more lines at its beginning.
    fn after(&self, lines: &str) -> Result<Config, Problems> {
        super::parse("my.toml", &format!("{lines}\n{}", self.text()))
    }

    fn with_environment(&self, variables: &[(&str, &str)]) -> Result<Config, Problems> {
        let document = Document { name: "my.toml".to_owned(), text: self.text() };
        let owned = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        resolve(document, owned)
    }
}

/// The report's lines without the count.
fn lines(result: Result<Config, Problems>) -> Vec<String> {
    match result {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

/// Asserts that there is one problem, whose line begins and goes on as given.
#[track_caller]
fn assert_only(result: Result<Config, Problems>, begins: &str, contains: &str) {
    let lines = lines(result);
    let [line] = lines.as_slice() else {
        panic!("one problem expected, and there are: {lines:#?}");
    };
    assert!(line.starts_with(begins), "{line:?} does not begin with {begins:?}");
    assert!(line.contains(contains), "{line:?} does not contain {contains:?}");
}

/// Reads a text with variables over it.
fn resolve(
    document: Document,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Config, Problems> {
    Origin { base: Base::Text(document), environment: super::variables::ours(environment) }.read()
}
