//! The certificate is replaced while callers come and go.

use rcgen::date_time_ymd;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::support::admin;
use crate::support::certificates::{Authority, Pair, Shown};
use crate::support::configuration::borrowed;
use crate::support::http2::Http2;
use crate::support::program::Served;
use crate::support::tally::Tally;

/// Whether a new caller is shown this certificate.
async fn is_shown(served: &Served, shown: &Shown, pair: &Pair) -> bool {
    let stream = shown.caller().open(served.address).await;
    let seen = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).cloned();
    seen == Some(CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap())
}

async fn until_reloads(served: &Served, result: &str, count: f64) {
    let name = format!("confgate_config_reloads_total{{result=\"{result}\"}}");
    admin::until_metric(served.admin, &name, |reloads| reloads >= count).await;
}

#[tokio::test]
async fn a_good_one_is_shown_to_newcomers_and_a_bad_one_to_nobody() {
    let tally = Tally::of("TLS");
    let shown = Shown::new();
    let first = shown.authority.sign();
    shown.write(&first);
    let served = Served::with(&borrowed(&shown.changes(&[("RELOAD__EVERY", "0s")]))).await;
    let (old, _) = Http2::over(shown.caller().open(served.address).await).await.unwrap();
    let bearer = served.issuer.token().bearer();
    let ask = async || {
        tally.requests(1);
        let answer = old.send("GET", "/conferences/IM3", &[("authorization", &bearer)], "").await;
        tally.expect(answer.status == 200, || format!("on a connection of before: {answer:?}"));
    };
    ask().await;
    tally.expect(is_shown(&served, &shown, &first).await, || "another than the first".to_owned());

    let second = shown.authority.sign();
    shown.write(&second);
    served.program.signal("HUP").await;
    until_reloads(&served, "ok", 1.0).await;
    tally.expect(is_shown(&served, &shown, &second).await, || "not the second".to_owned());
    ask().await;

    let over = shown.authority.sign_with(|params| params.not_after = date_time_ymd(2020, 1, 1));
    let other = Authority::new().sign();
    let half = Pair { certificate: second.certificate[..300].to_owned(), ..second.clone() };
    let mismatch = Pair { certificate: other.certificate, ..second.clone() };
    let empty = Pair { certificate: String::new(), key: String::new() };
    for (count, bad) in (1_u32..).zip([over, half, mismatch, empty]) {
        tally.fault();
        shown.write(&bad);
        served.program.signal("HUP").await;
        until_reloads(&served, "failed", f64::from(count)).await;
        tally.expect(is_shown(&served, &shown, &second).await, || "not the last good one".to_owned());
        ask().await;
    }
    tally.finish();
}
