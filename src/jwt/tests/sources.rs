//! Keys from a real server and from real files, with the actors on a thread of their own.

use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::sleep;

use super::server::JwksServer;
use super::support::*;
use crate::jwt::{Algorithm, IssuerIndex, JwtConfig, KeySource, Keyring, Rejection, keyring};
use crate::upstream::{Connector, Endpoint, Fetcher, tls_config};

const RS: [Algorithm; 1] = [Algorithm::RS256];
const FIRST: IssuerIndex = IssuerIndex(0);

fn fetcher() -> Fetcher {
    let (tls, _roots) = tls_config(None).unwrap();
    Fetcher::new(Connector::new(tls, Duration::from_secs(5)), Duration::from_secs(5))
}

fn config_of(keys: KeySource, algorithms: &[Algorithm]) -> JwtConfig {
    let mut issuer = issuer_config(algorithms);
    issuer.keys = keys;
    config(vec![issuer])
}

/// Runs the actors where the control plane would: on a thread of their own, until the keyring is dropped.
fn start(config: &JwtConfig) -> Keyring {
    let (keyring, actors) = keyring(config, &fetcher(), None);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(join_all(actors));
    });
    keyring
}

/// Waits for the state that `reached` describes, which the actor's thread brings about.
async fn until(mut reached: impl FnMut() -> bool) {
    let waited = async {
        while !reached() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waited).await.unwrap();
}

#[tokio::test]
async fn a_thousand_askers_cause_one_fetch() {
    let (old, new) = (Signer::rsa("old", "RS256"), Signer::other_rsa("new", "RS256"));
    let server = JwksServer::start().await;
    server.answer(200, document(&[&old]).to_string());
    let keyring = start(&config_of(KeySource::Url(server.endpoint()), &RS));
    until(|| keyring.ready()).await;
    assert!(server.last_request().starts_with("GET /keys/jwks.json HTTP/1.1\r\n"));
    assert!(server.last_request().to_lowercase().contains("\r\naccept: application/json\r\n"));
    server.answer(200, document(&[&old, &new]).to_string());
    let token = new.good();
    let workers: Vec<_> = (0..8).map(|_| askers(keyring.clone(), token.clone(), 125)).collect();
    let accepted =
        join_all(workers.into_iter().map(|worker| tokio::task::spawn_blocking(|| worker.join().unwrap())));
    let accepted: usize = accepted.await.into_iter().map(Result::unwrap).sum();
    assert_eq!((accepted, server.requests()), (1000, 2));
}

fn askers(keyring: Keyring, token: String, count: usize) -> std::thread::JoinHandle<usize> {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let ask = || verify_or_refetch(&keyring, &token);
        let outcomes = runtime.block_on(join_all((0..count).map(|_| ask())));
        outcomes.iter().filter(|outcome| outcome.is_ok()).count()
    })
}

#[tokio::test]
async fn answers_that_are_no_key_set_keep_the_last_good_one() {
    let signer = Signer::rsa("k", "RS256");
    let server = JwksServer::start().await;
    server.answer(200, document(&[&signer]).to_string());
    let mut config = config_of(KeySource::Url(server.endpoint()), &RS);
    config.unknown_key_cooldown = Duration::ZERO;
    config.max_jwks_bytes = 4096;
    let keyring = start(&config);
    until(|| keyring.ready()).await;
    let good = document(&[&signer]).to_string();
    let padded = good.replacen('{', &format!("{{{}", " ".repeat(4096)), 1);
    for (status, body, told) in [
        (500, good.clone(), "500"),
        (404, good.clone(), "404"),
        (302, good.clone(), "302"),
        (204, String::new(), "204"),
        (200, "<html>maintenance</html>".into(), "JWK Set"),
        (200, padded, "4096"),
    ] {
        server.answer(status, body);
        keyring.refetched(FIRST).await;
        let last_error = keyring.status()[0].last_error.clone().unwrap();
        assert!(last_error.contains(told), "{last_error}");
        assert!(verify(&keyring, &signer.good()).is_ok(), "{status}");
    }
    server.answer(200, good);
    keyring.refetched(FIRST).await;
    assert_eq!(keyring.status()[0].last_error, None);
}

#[tokio::test]
async fn a_cold_start_without_the_issuer_is_an_outage() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{unused}/jwks.json");
    let keyring = start(&config_of(KeySource::Url(Endpoint::parse(&url).unwrap()), &RS));
    until(|| keyring.status()[0].last_error.is_some()).await;
    let outcome = verify_or_refetch(&keyring, &Signer::rsa("k", "RS256").good()).await;
    assert_eq!(outcome.unwrap_err(), Rejection::KeysUnavailable);
    assert!(!keyring.ready());
}

#[tokio::test]
async fn files_are_read_again_and_a_broken_one_changes_nothing() {
    let (old, new) = (Signer::rsa("old", "RS256"), Signer::other_rsa("new", "RS256"));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("jwks.json");
    replace(&path, &document(&[&old]).to_string());
    let mut config = config_of(KeySource::File(path.clone()), &RS);
    (config.refresh_interval, config.keys_max_age) = (Duration::from_millis(20), Duration::ZERO);
    let keyring = start(&config);
    until(|| keyring.ready()).await;
    replace(&path, "{");
    until(|| keyring.status()[0].last_error.is_some()).await;
    assert!(verify(&keyring, &old.good()).is_ok());
    std::fs::remove_file(&path).unwrap();
    until(|| keyring.status()[0].last_error.as_deref().is_some_and(|error| error.contains("jwks.json")))
        .await;
    assert!(verify(&keyring, &old.good()).is_ok());
    replace(&path, &document(&[&new]).to_string());
    until(|| verify(&keyring, &new.good()).is_ok()).await;
    assert_eq!(verify(&keyring, &old.good()).unwrap_err(), Rejection::KeyUnknown(FIRST));
}

#[tokio::test]
async fn a_secret_is_read_from_its_file_and_shown_nowhere() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    std::fs::write(&path, [SECRET, b"\n"].concat()).unwrap();
    let keyring = start(&config_of(KeySource::HmacFile(path.clone()), &[Algorithm::HS512]));
    until(|| keyring.ready()).await;
    let verified = verify(&keyring, &Signer::hmac("HS512").good()).unwrap();
    let shown =
        format!("{verified:?} {:?} {}", keyring.status(), serde_json::to_string(&keyring.status()).unwrap());
    assert!(!shown.contains("a secret") && shown.contains("Fingerprint(..)"), "{shown}");
}

fn replace(path: &Path, content: &str) {
    let new = path.with_extension("new");
    std::fs::write(&new, content).unwrap();
    std::fs::rename(new, path).unwrap();
}

#[tokio::test]
async fn readiness_waits_for_every_issuer_and_survives_the_outage_of_one() {
    let (signer, other) = (Signer::rsa("k", "RS256"), Signer::ed25519("o"));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("jwks.json");
    let server = JwksServer::start().await;
    server.answer(200, document(&[&signer]).to_string());
    let mut config = config_of(KeySource::Url(server.endpoint()), &RS);
    config.unknown_key_cooldown = Duration::ZERO;
    config.issuers.push(config.issuers[0].clone());
    config.issuers[1].issuer = "https://other.example".into();
    config.issuers[1].algorithms = vec![Algorithm::EdDSA];
    config.issuers[1].keys = KeySource::File(path.clone());
    let keyring = start(&config);
    until(|| keyring.status()[0].usable && keyring.status()[1].last_error.is_some()).await;
    assert!(!keyring.ready() && verify(&keyring, &signer.good()).is_ok());
    replace(&path, &document(&[&other]).to_string());
    until(|| keyring.ready()).await;
    assert!(verify(&keyring, &other.with_claim("iss", "https://other.example".into())).is_ok());
    assert!(verify(&keyring, &other.good()).is_err(), "one issuer's key says nothing about another's tokens");
    server.answer(200, r#"{"keys":[]}"#.into());
    keyring.refetched(FIRST).await;
    assert!(keyring.ready() && !keyring.status()[0].usable);
}
