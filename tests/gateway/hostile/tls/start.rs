//! A certificate that cannot be served by is found before anything is served.

use rcgen::date_time_ymd;

use crate::support::certificates::{Authority, Pair, Shown};
use crate::support::configuration::{borrowed, write_configuration};
use crate::support::issuer::Issuer;
use crate::support::program::{confgate, run, serve};
use crate::support::tally::Tally;
use crate::support::vendor::Vendor;
use crate::support::world::World;

#[tokio::test]
async fn what_cannot_be_shown_to_callers_does_not_start() {
    let tally = Tally::of("TLS");
    let (vendor, issuer) = (Vendor::start().await, Issuer::start().await);
    let directory = tempfile::tempdir().unwrap();
    let file = write_configuration(directory.path(), &vendor, &issuer);
    let shown = Shown::new();
    let (good, other) = (shown.authority.sign(), shown.authority.sign());
    let over = shown.authority.sign_with(|params| params.not_after = date_time_ymd(2020, 1, 1));
    let early = shown.authority.sign_with(|params| params.not_before = date_time_ymd(2100, 1, 1));
    let half = good.certificate[..good.certificate.len() / 2].to_owned();
    let pair = |certificate: &str, key: &str| Pair { certificate: certificate.into(), key: key.into() };
    for (pair, says) in [
        (over, "listen.tls.cert_file (CONFGATE__LISTEN__TLS__CERT_FILE): "),
        (early, "is not valid before 2100-01-01T00:00:00Z"),
        (pair(&good.certificate, &other.key), "is not that of the first certificate in cert_file"),
        (pair(&half, &good.key), "certificate 1 is malformed or incomplete"),
        (pair("", &good.key), "holds no certificate in PEM"),
        (pair(&good.certificate, ""), "holds no private key in PEM"),
        (pair(&good.certificate, &good.certificate), "holds no private key in PEM"),
    ] {
        tally.input();
        shown.write(&pair);
        let ended = run(&mut serve(&file, &borrowed(&shown.changes(&[])))).await;
        tally.expect(ended.code == Some(1), || format!("{says}: {ended:?}"));
        tally.expect(ended.error.contains(says), || format!("{says}: {}", ended.error));
        let key = pair.key.lines().nth(1).unwrap_or("no key");
        tally.expect(!ended.error.contains(key), || format!("{says}: the key was printed"));
    }
    shown.write(&Authority::new().sign());
    let mut check = confgate(["check".as_ref(), "--config".as_ref(), file.as_os_str()]);
    check.envs(shown.changes(&[]).into_iter().map(|(key, value)| (format!("CONFGATE__{key}"), value)));
    let checked = run(&mut check).await;
    tally.expect(checked.code == Some(0), || format!("{checked:?}"));
    tally.expect(checked.output.contains("min_version = \"1.2\""), || checked.output.clone());
    assert!(vendor.calls().is_empty());
    tally.finish();
}

#[tokio::test]
async fn the_end_of_the_certificate_is_told() {
    let tally = Tally::of("TLS");
    let shown = Shown::new();
    shown.write(&shown.authority.sign_with(|params| params.not_after = date_time_ymd(2100, 1, 1)));
    let world = World::with(&borrowed(&shown.changes(&[]))).await;
    let left = world.metric("confgate_tls_certificate_expiry_seconds").await;
    tally.expect(left > 70.0 * 365.0 * 86400.0, || format!("{left} s"));
    let status = world.status().await;
    tally.expect(status["tls"]["expires"] == "2100-01-01T00:00:00Z", || status["tls"].to_string());
    let clear = World::start().await;
    tally.expect(clear.status().await["tls"].is_null(), || "a certificate in clear text".to_owned());
    tally.expect(!clear.metrics().await.contains("certificate_expiry"), || "told without TLS".to_owned());
    tally.finish();
}
