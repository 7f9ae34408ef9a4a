//! Several requests in one write, good ones and bad ones, and bodies that look like requests.

use super::case::Answered::{Call, Denied, Public, Refused};
use super::case::End::{Closed, Kept, Over};
use super::case::{
    Answered, BODY, Case, MALFORMED, call, created, created_by_default, get, got, post, post_chunked,
    request, smuggled,
};
use super::gate::Gate;

/// A look at the conference that is counted `index`th.
fn nth(index: usize) -> String {
    get("").replace("$ID", &format!("$ID-{index}"))
}

fn nth_got(index: usize) -> Answered {
    call("GET", &format!("/$ID-{index}"), "")
}

#[tokio::test]
async fn requests_in_one_write_are_answered_in_order() {
    let lengthy = || post("Content-Length: 35", BODY);
    let unknown = get("").replace("/conferences/$ID", "/nothing");
    let many: String = (0..100).map(nth).collect();
    let many_got: Vec<_> = (0..100).map(nth_got).collect();
    let mixed: String = (0..30).map(|index| if index % 3 == 0 { lengthy() } else { nth(index) }).collect();
    let mixed_answers: Vec<_> =
        (0..30).map(|index| if index % 3 == 0 { created() } else { nth_got(index) }).collect();
    let cases = [
        Case::new("good, good", nth(1) + &nth(2), &[nth_got(1), nth_got(2)], Kept),
        Case::new("good, bad", nth(1) + "GARBAGE\r\n\r\n", &[nth_got(1), MALFORMED], Closed),
        Case::new("bad, good", "GARBAGE\r\n\r\n".to_owned() + &smuggled(), &[MALFORMED], Closed),
        Case::new("unknown, good", unknown.clone() + &nth(1), &[Refused("route_unknown"), nth_got(1)], Kept),
        Case::new(
            "good, unknown, good",
            nth(1) + &unknown + &nth(2),
            &[nth_got(1), Refused("route_unknown"), nth_got(2)],
            Kept,
        ),
        Case::new("create, look", lengthy() + &nth(1), &[created(), nth_got(1)], Kept),
        Case::new(
            "create in chunks, look",
            post_chunked("Transfer-Encoding: chunked") + &nth(1),
            &[created(), nth_got(1)],
            Kept,
        ),
        Case::new(
            "create, create",
            lengthy() + &post_chunked("Transfer-Encoding: chunked"),
            &[created(), created()],
            Kept,
        ),
        Case::new(
            "create without a body, look",
            post("", "") + &nth(1),
            &[created_by_default(), nth_got(1)],
            Kept,
        ),
        Case::new("empty lines between", nth(1) + "\r\n\r\n\r\n" + &nth(2), &[nth_got(1), nth_got(2)], Kept),
        Case::new("LF between", nth(1) + "\n\n" + &nth(2), &[nth_got(1), nth_got(2)], Kept),
        Case::new("a space between", nth(1) + " " + &smuggled(), &[nth_got(1), MALFORMED], Closed),
        Case::new("NUL between", nth(1) + "\0" + &smuggled(), &[nth_got(1), MALFORMED], Closed),
        Case::new(
            "good, close, good",
            nth(1) + &get("Connection: close") + &smuggled(),
            &[nth_got(1), got()],
            Over,
        ),
        Case::new(
            "public, good",
            request("GET /openapi.json HTTP/1.1", "Host: gate.test", "") + &nth(1),
            &[Public(200), nth_got(1)],
            Kept,
        ),
        Case::new(
            "preflight, good",
            request("OPTIONS /conferences HTTP/1.1", "Host: gate.test", "") + &nth(1),
            &[Public(200), nth_got(1)],
            Kept,
        ),
        Case::new("100 at once", many, &many_got, Kept),
        Case::new("30 of both kinds", mixed, &mixed_answers, Kept),
        Case::new(
            "half at the end",
            nth(1) + "GET /conferences/$BAD HTTP/1.1\r\nHost: ga",
            &[nth_got(1), MALFORMED],
            super::case::End::Cut,
        ),
    ];
    Gate::start().await.runs(&cases).await;
}

/// A request that stands where a body does is none.
#[tokio::test]
async fn a_request_in_a_body_is_none() {
    // The length of the smuggled request depends on the token's; a chunk can be larger than what it is made for.
    let in_json =
        BODY.replace("$ID\"", "$ID\",\"password\":\"GET /conferences/$BAD HTTP/1.1 Host: gate.test\"");
    let length = in_json.replace("$ID", "c00000").replace("$BAD", "x00000").len();
    let in_json_seen = created_with_password(&in_json);
    let get_with = |lines: &str, body: &str| get(lines) + body;
    let small = "GET /conferences/$BAD HTTP/1.1\r\nHost: gate.test\r\n\r\n";
    let size = small.replace("$BAD", "x00000").len();
    let cases = [
        Case::new(
            "in a field of a create",
            post(&format!("Content-Length: {length}"), &in_json),
            &[in_json_seen],
            Kept,
        ),
        Case::new(
            "as the body of a look",
            get_with(&format!("Content-Length: {size}"), small),
            &[Denied("request_malformed")],
            Kept,
        ),
        Case::new(
            "as the body of a dissolve",
            get_with(&format!("Content-Length: {size}"), small).replacen("GET", "DELETE", 1),
            &[Denied("request_malformed")],
            Kept,
        ),
        Case::new(
            "as the body of nothing",
            get_with(&format!("Content-Length: {size}"), small).replacen("/conferences/$ID", "/nothing", 1),
            &[Refused("route_unknown")],
            Kept,
        ),
        Case::new(
            "as the body of a preflight",
            get_with(&format!("Content-Length: {size}"), small).replacen("GET", "OPTIONS", 1),
            &[Public(200)],
            Kept,
        ),
        Case::new(
            "as the body of the description",
            get_with(&format!("Content-Length: {size}"), small).replacen(
                "/conferences/$ID",
                "/openapi.json",
                1,
            ),
            &[Public(200)],
            Kept,
        ),
        Case::new(
            "as the body of HEAD",
            get_with(&format!("Content-Length: {size}"), small).replacen("GET", "HEAD", 1),
            &[Refused("method_not_allowed")],
            Kept,
        )
        .to_head(),
        Case::new(
            "as the body of CONNECT",
            get_with(&format!("Content-Length: {size}"), small).replacen(
                "GET /conferences/$ID",
                "CONNECT gate.test:80",
                1,
            ),
            &[Refused("route_unknown")],
            Kept,
        ),
        Case::new(
            "as the body of TRACE",
            get_with(&format!("Content-Length: {size}"), small).replacen("GET", "TRACE", 1),
            &[Refused("method_not_allowed")],
            Kept,
        ),
        Case::new(
            "as a create's whole body",
            post(&format!("Content-Length: {size}"), small),
            &[Denied("body_malformed")],
            Kept,
        ),
        Case::new(
            "as a chunk",
            post("Transfer-Encoding: chunked", &format!("{size:x}\r\n{small}\r\n0\r\n\r\n")),
            &[Denied("body_malformed")],
            Kept,
        ),
        Case::new(
            "after a last chunk",
            post("Transfer-Encoding: chunked", &format!("23\r\n{BODY}\r\n0\r\n\r\n")) + &nth(1),
            &[created(), nth_got(1)],
            Kept,
        ),
        Case::new(
            "after an expectation that is met by itself",
            post("Content-Length: 35\r\nExpect: 100-continue", BODY) + &nth(1),
            &[created(), nth_got(1)],
            Kept,
        ),
        Case::new(
            "after an expectation without a body",
            get("Expect: 100-continue") + &nth(1),
            &[got(), nth_got(1)],
            Kept,
        ),
        Case::new(
            "after an upgrade",
            get("Connection: upgrade\r\nUpgrade: websocket") + &nth(1),
            &[got(), nth_got(1)],
            Kept,
        ),
    ];
    Gate::start().await.runs(&cases).await;
}

/// The vendor gets the password last.
fn created_with_password(body: &str) -> Answered {
    Call { method: "POST", path: String::new(), body: body.to_owned() }
}
