use super::*;
use crate::domain::{AppName, OrgName};
use crate::upstream::scripted::{Server, on_a_worker};
use crate::upstream::{Connector, Endpoint, Fetcher, tls_config};
use crate::vendor::{Credentials, TokenConfig};

const DEFAULT: Duration = Duration::from_hours(1);
const MAX: Duration = Duration::from_hours(60 * 24);

fn source(url: &str) -> VendorSource {
    source_within(Duration::from_mins(1), url)
}

/// One that waits for no longer than this.
fn source_within(limit: Duration, url: &str) -> VendorSource {
    let credentials = Credentials {
        endpoint: Endpoint::parse(url).unwrap(),
        org: OrgName::parse("org").unwrap(),
        app: AppName::parse("app").unwrap(),
        client_id: "YXA6id".into(),
        client_secret: "YXA6\"secret".into(),
    };
    let (tls, _) = tls_config(None).unwrap();
    let fetcher = Fetcher::new(Connector::new(tls, DEFAULT), limit);
    VendorSource::new(TokenTerms { credentials, config: TokenConfig::default(), fetcher })
}

async fn fetch(status: &'static str, body: &str) -> Result<Grant, Failure> {
    let body = body.to_owned();
    let server = Server::start(move |_, mut wire| {
        let body = body.clone();
        async move {
            wire.request().await;
            wire.answer(status, &body).await;
        }
    })
    .await;
    source(&server.url()).fetch().await
}

#[test]
fn it_asks_as_the_vendor_documents() {
    on_a_worker(async {
        let server = Server::start(|_, mut wire| async move {
            wire.request().await;
            wire.answer("200 OK", r#"{"access_token":"YWMt-x_1","expires_in":5184000,"application":"u"}"#)
                .await;
        })
        .await;
        let grant = source(&format!("{}/base/", server.url())).fetch().await.unwrap();
        assert_eq!((grant.authorization.to_str().unwrap(), grant.life), ("Bearer YWMt-x_1", MAX));
        assert!(!format!("{grant:?}").contains("YWMt"));
        let requests = server.record.requests.borrow();
        let (head, body) = requests[0].1.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /base/org/app/token HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("content-type: application/json"), "{head}");
        let expected =
            r#"{"grant_type":"client_credentials","client_id":"YXA6id","client_secret":"YXA6\"secret"}"#;
        assert_eq!(body, expected);
    });
}

#[test]
fn a_life_is_believed_within_reason() {
    on_a_worker(async {
        for (expires_in, life) in [
            (r#","expires_in":7200"#, Duration::from_hours(2)),
            (r#","expires_in":7200.0"#, Duration::from_hours(2)),
            (r#","expires_in":"7200""#, Duration::from_hours(2)),
            (r#","expires_in":9223372036854775807"#, MAX),
            (r#","expires_in":99999999999999999999999"#, MAX),
            (r#","expires_in":1e300"#, MAX),
            ("", DEFAULT),
            (r#","expires_in":null"#, DEFAULT),
            (r#","expires_in":"never""#, DEFAULT),
            (r#","expires_in":"inf""#, DEFAULT),
            (r#","expires_in":[1]"#, DEFAULT),
        ] {
            let grant = fetch("200 OK", &format!(r#"{{"access_token":"t"{expires_in}}}"#)).await;
            assert_eq!(grant.unwrap().life, life, "{expires_in}");
        }
    });
}

#[test]
fn an_answer_without_a_good_token_is_a_failure() {
    on_a_worker(async {
        let long = format!(r#"{{"access_token":"{}"}}"#, "t".repeat(MAX_TOKEN + 1));
        for body in [
            "",
            "{}",
            "[]",
            "null",
            "\"t\"",
            "<html>t</html>",
            r#"{"access_token":null}"#,
            &long,
            r#"{"access_token":""}"#,
            r#"{"access_token":7}"#,
            r#"{"access_token":"a b"}"#,
            r#"{"access_token":"a\r\nX: y"}"#,
            r#"{"access_token":"ä"}"#,
            r#"{"access_token":"t"} x"#,
            r#"{"access_token":"t","access_token":"u"}"#,
            r#"{"access_token":"t","expires_in":0}"#,
            r#"{"access_token":"t","expires_in":-1}"#,
            r#"{"access_token":"t","expires_in":"-1"}"#,
            r#"{"error":"unauthorized"}"#,
        ] {
            let fault = fetch("200 OK", body).await.unwrap_err().fault;
            assert!(matches!(fault, TokenFault::Malformed(_)), "{body}: {fault:?}");
        }
    });
}

#[test]
fn a_refusal_says_its_status_and_no_more_than_a_word() {
    on_a_worker(async {
        let said = |word: &str| Some(word.into());
        for (status, code, body, error) in [
            (
                "400 Bad Request",
                400,
                r#"{"error":"invalid_grant","error_description":"x"}"#,
                said("invalid_grant"),
            ),
            (
                "404 Not Found",
                404,
                r#"{"error":"organization_application_not_found"}"#,
                said("organization_application_not_found"),
            ),
            ("400 Bad Request", 400, r#"{"error":"YXA6secret is wrong"}"#, None),
            ("401 Unauthorized", 401, r#"{"error":-300}"#, None),
            ("502 Bad Gateway", 502, "<html>502</html>", None),
            ("201 Created", 201, r#"{"access_token":"t"}"#, None),
            ("302 Found", 302, "", None),
        ] {
            let failure = fetch(status, body).await.unwrap_err();
            assert_eq!(failure.fault, TokenFault::Refused { status: code, error });
        }
        let server = Server::start(|_, mut wire| async move {
            wire.request().await;
            wire.write("HTTP/1.1 429 x\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n").await;
        })
        .await;
        let failure = source(&server.url()).fetch().await.unwrap_err();
        assert_eq!(failure.retry_after, Some(Duration::from_secs(7)));
    });
}

#[test]
fn a_server_that_does_not_answer_is_unreachable() {
    on_a_worker(async {
        let silent = Server::start(|_, mut wire| async move { wire.until_closed().await }).await;
        let fault = source_within(Duration::from_millis(200), &silent.url()).fetch().await.unwrap_err().fault;
        assert!(matches!(fault, TokenFault::Unreachable(_)), "{fault:?}");
        let endless = format!(r#"{{"access_token":"t","x":"{}"}}"#, "x".repeat(MAX_ANSWER));
        let fault = fetch("200 OK", &endless).await.unwrap_err().fault;
        assert!(matches!(fault, TokenFault::Unreachable(_)), "{fault:?}");
    });
}

#[test]
fn nothing_that_can_be_printed_holds_the_secret() {
    let source = source("http://a");
    assert!(!format!("{:?}", source.terms.credentials).contains("secret\\\""));
    assert!(!format!("{:?}", source.terms.credentials.client_secret).contains("YXA6"));
}
