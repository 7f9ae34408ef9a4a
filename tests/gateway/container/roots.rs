//! Whom the program trusts in an image that has no certificates of its own.

use super::SIDECAR;
use super::place::Place;
use crate::support::vendor::Vendor;

const STORE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// With a vendor that speaks TLS, and whose authority nobody knows; and that authority in a file.
async fn place() -> (Place, String) {
    let place = Place::with(SIDECAR, Vendor::start_tls().await).await;
    let file = place.directory().join("ca.crt");
    std::fs::write(&file, Vendor::certificate_pem()).expect("a file");
    let file = file.to_str().expect("a path in Unicode").to_owned();
    (place, file)
}

#[tokio::test]
#[ignore = "needs the image, which .ci/deploy image builds"]
async fn without_any_the_list_that_is_built_in_counts_and_says_so() {
    let (place, _) = place().await;
    let container = place.start().await;
    let serving = container.serving().await;
    assert_eq!(serving.event["certificate_authorities"], "the built-in list");
    let parts =
        ["UnknownIssuer", "have its certificate authority in upstream.ca_file, or in the system's store"];
    container.says(&parts).await;
    let why = [("vendor_tokens", "no app can be served"), ("vendor_token/meet", "UnknownIssuer")];
    serving.until_unready(&why).await;
    assert!(place.vendor.token_calls().is_empty(), "credentials for a stranger");
}

#[tokio::test]
#[ignore = "needs the image, which .ci/deploy image builds"]
async fn the_systems_store_counts_where_it_is_mounted() {
    let (mut place, file) = place().await;
    place.flag(format!("--volume={file}:{STORE}:ro"));
    trusts_the_vendor(&place, "the system's store").await;
}

#[tokio::test]
#[ignore = "needs the image, which .ci/deploy image builds"]
async fn a_store_that_the_environment_names_counts_too() {
    let (mut place, file) = place().await;
    place.flag(format!("--volume={file}:/trust/ca.pem:ro"));
    place.flag("--env=SSL_CERT_FILE=/trust/ca.pem".into());
    trusts_the_vendor(&place, "the system's store").await;
}

#[tokio::test]
#[ignore = "needs the image, which .ci/deploy image builds"]
async fn a_file_of_the_configuration_takes_the_place_of_both() {
    let (mut place, file) = place().await;
    place.flag(format!("--volume={file}:/trust/ca.pem:ro"));
    place.change("UPSTREAM__CA_FILE", "/trust/ca.pem");
    trusts_the_vendor(&place, "the file /trust/ca.pem").await;
}

async fn trusts_the_vendor(place: &Place, by: &str) {
    let container = place.start().await;
    let serving = container.serving().await;
    assert_eq!(serving.event["certificate_authorities"], by);
    serving.until_readyz(200).await;
    let bearer = place.issuer.token().bearer();
    let answer = serving.call(&bearer, "GET", "/conferences/IM3", "").await;
    assert_eq!((answer.status, place.vendor.calls().len()), (200, 1), "{}", answer.text());
}
