//! Issuers in every kind of trouble, beside one that is well: an outage is never a 401, known keys go on, nobody else
//! is troubled, and it heals by itself. Outages that last too long are in `trust::outages`, keys that are withdrawn
//! in `trust::keys`.

mod floods;
mod keys;
mod rotation;
mod troubles;

use serde_json::Value;

use crate::support::cases::Cases;
use crate::support::client::Answer;
use crate::support::configuration::borrowed;
use crate::support::issuer::{Issuer, Token};
use crate::support::vendor::Vendor;

const PATH: &str = "/conferences/IM3";

/// A gateway that accepts the tokens of all of them beside those of one that is well; not waited for.
async fn cases(others: &[Issuer], changes: &[(&str, &str)]) -> Cases {
    let mut all = vec![("AUTHN__ADDRESS_LIMIT__BURST".to_owned(), "100000".to_owned())];
    for (number, issuer) in others.iter().enumerate() {
        let key = |key: &str| format!("AUTHN__ISSUERS__{}__{key}", number + 1);
        all.push((key("ISSUER"), issuer.name().to_owned()));
        all.push((key("AUDIENCES"), "confgate".to_owned()));
        all.push((key("ALGORITHMS"), "ES256,RS256,EdDSA".to_owned()));
        all.push((key("JWKS_URL"), issuer.jwks_url()));
    }
    let mut all = borrowed(&all);
    all.extend(changes);
    let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
    Cases::around("the issuer", 0, vendor, issuer, &all).await
}

async fn issuers(count: usize) -> Vec<Issuer> {
    let names: Vec<String> = (0..count).map(|number| format!("https://issuer{number}.test")).collect();
    futures_util::future::join_all(names.iter().map(|name| Issuer::named(name))).await
}

/// Waits until `/status` says of this issuer what `enough` looks for.
async fn until(cases: &Cases, issuer: &Issuer, what: &str, enough: impl Fn(&Value) -> bool) {
    let is_so = |status: &Value| {
        let issuers = status["issuers"].as_array().expect("a list of issuers");
        issuers.iter().any(|of| of["issuer"] == issuer.name() && enough(of))
    };
    cases.world.until_status(&format!("{what} of {}", issuer.name()), is_so).await;
}

async fn call(cases: &Cases, token: Token) -> Answer {
    cases.call_as(&token.bearer(), "GET", PATH, "").await
}

/// The caller is let in.
async fn admitted(cases: &Cases, token: Token, what: &str) {
    let answer = call(cases, token).await;
    cases.tally.expect(answer.status == 200, || format!("{what}: {}", answer.text()));
}

/// The caller is told to log in again.
async fn rejected(cases: &Cases, token: Token, what: &str) {
    let answer = call(cases, token).await;
    let refused = answer.status == 401 && answer.problem() == "token_rejected";
    cases.tally.expect(refused, || format!("{what}: {}", answer.text()));
}

/// The caller is told to try again, and nothing about logging in.
async fn unavailable(cases: &Cases, token: Token, what: &str) {
    let answer = call(cases, token).await;
    let outage = answer.status == 503
        && answer.problem() == "keys_unavailable"
        && answer.header("retry-after").is_some()
        && answer.header("www-authenticate").is_none();
    cases.tally.expect(outage, || format!("{what}: {}", answer.text()));
}
