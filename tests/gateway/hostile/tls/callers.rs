//! Callers' own certificates.

use crate::support::certificates::{Authority, Shown};
use crate::support::client::Connection;
use crate::support::configuration::borrowed;
use crate::support::http2::Http2;
use crate::support::tally::Tally;
use crate::support::world::World;

#[tokio::test]
async fn who_has_no_certificate_of_the_authority_is_not_let_in() {
    let tally = Tally::of("TLS");
    let shown = Shown::new();
    let world = World::with(&borrowed(&shown.with_callers("required"))).await;
    let over = shown.authority.sign_with(|params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    for (what, caller) in [
        ("none", shown.caller()),
        ("a stranger's", shown.caller().showing(Authority::new().sign())),
        ("an expired one", shown.caller().showing(over)),
    ] {
        for alpn in ["h2", "http/1.1"] {
            tally.input();
            // In TLS 1.3 the client is done before the server has looked at its certificate.
            let is_let_in = match caller.clone().offering(&[alpn]).try_open(world.address).await {
                Ok(stream) if alpn == "h2" => match Http2::over(stream).await {
                    Ok((http2, _)) => http2.try_send("GET", "/openapi.json", &[], "").await.is_ok(),
                    Err(_) => false,
                },
                Ok(stream) => {
                    let mut connection = Connection::over(stream, world.address);
                    connection.try_send("GET", "/openapi.json", &[], "").await.is_some()
                }
                Err(_) => false,
            };
            tally.expect(!is_let_in, || format!("{what} was let in by {alpn}"));
        }
    }
    let caller = shown.caller().showing(shown.authority.sign()).open(world.address).await;
    let (http2, _) = Http2::over(caller).await.unwrap();
    let bearer = world.issuer.token().bearer();
    assert_eq!(http2.send("GET", "/conferences/IM3", &[("authorization", &bearer)], "").await.status, 200);
    tally.requests(1);
    let failed = world.metric("confgate_tls_handshakes_failed_total").await;
    tally.expect(failed >= 6.0, || format!("{failed} handshakes counted"));
    tally.expect(world.vendor.calls().len() == 1, || "the vendor was called".to_owned());
    tally.finish();
}

#[tokio::test]
async fn a_certificate_may_be_optional_and_must_be_good_all_the_same() {
    let tally = Tally::of("TLS");
    let shown = Shown::new();
    let world = World::with(&borrowed(&shown.with_callers("optional"))).await;
    for caller in [shown.caller(), shown.caller().showing(shown.authority.sign())] {
        tally.requests(1);
        let (http2, _) = Http2::over(caller.open(world.address).await).await.unwrap();
        assert_eq!(http2.send("GET", "/openapi.json", &[], "").await.status, 200);
    }
    tally.input();
    let stranger = shown.caller().showing(Authority::new().sign());
    let is_let_in = match stranger.try_open(world.address).await {
        Ok(stream) => match Http2::over(stream).await {
            Ok((http2, _)) => http2.try_send("GET", "/openapi.json", &[], "").await.is_ok(),
            Err(_) => false,
        },
        Err(_) => false,
    };
    tally.expect(!is_let_in, || "a stranger was let in".to_owned());
    tally.finish();
}
