//! Several requests in one write, good ones and bad ones, and bodies that look like requests.

use super::case::Answered::{Denied, Public, Refused};
use super::case::End::{Closed, Kept, Over};
use super::case::{
    Answered, BODY, Case, MALFORMED, call, created, created_by_default, each, get, got, post, post_chunked,
    request, smuggled,
};
use super::harness::Harness;

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
    Harness::start().await.runs(&cases).await;
}

/// A request that asks for nothing that must be refused, but for where it stands.
const SMALL: &str = "GET /conferences/$BAD HTTP/1.1\r\nHost: gate.test\r\n\r\n";

/// The length of a template once a run has filled it.
fn filled_length(template: &str) -> usize {
    template.replace("$ID", "c00000").replace("$BAD", "x00000").len()
}

/// A request line whose body is a request.
fn bodied(line: &str) -> String {
    request(line, &format!("Host: gate.test\r\nContent-Length: {}", filled_length(SMALL)), SMALL)
}

/// A request that stands where a body does is none.
#[tokio::test]
async fn a_request_in_a_body_is_none() {
    let looks = [
        "GET /conferences/$ID HTTP/1.1",
        "DELETE /conferences/$ID HTTP/1.1",
        "DELETE /conferences/$ID/x HTTP/1.1",
    ];
    let unknown = ["GET /nothing HTTP/1.1", "CONNECT gate.test:80 HTTP/1.1", "POST / HTTP/1.1"];
    let others =
        ["TRACE /conferences/$ID HTTP/1.1", "PUT /conferences/$ID HTTP/1.1", "GET /conferences HTTP/1.1"];
    let public = ["OPTIONS /conferences/$ID HTTP/1.1", "GET /openapi.json HTTP/1.1"];
    let mut cases = each("the body of", &looks, bodied, &[Denied("request_malformed")], Kept);
    cases.extend(each("the body of", &unknown, bodied, &[Refused("route_unknown")], Kept));
    cases.extend(each("the body of", &others, bodied, &[Refused("method_not_allowed")], Kept));
    cases.extend(each("the body of", &public, bodied, &[Public(200)], Kept));
    let head = bodied("HEAD /conferences/$ID HTTP/1.1");
    cases.push(Case::new("the body of HEAD", head, &[Refused("method_not_allowed")], Kept).headed());
    Harness::start().await.runs(&cases).await;
}

#[tokio::test]
async fn a_request_in_a_create_is_none_and_after_it_is_one() {
    let in_json =
        BODY.replace("$ID\"", "$ID\",\"password\":\"GET /conferences/$BAD HTTP/1.1 Host: gate.test\"");
    let length = |body: &str| format!("Content-Length: {}", filled_length(body));
    let chunk = format!("{:x}\r\n{SMALL}\r\n0\r\n\r\n", filled_length(SMALL));
    let met_by_itself = post("Content-Length: 35\r\nExpect: 100-continue", BODY) + &nth(1);
    let upgrade = get("Connection: upgrade\r\nUpgrade: websocket") + &nth(1);
    let malformed = [Denied("body_malformed")];
    let cases = [
        Case::new("in a field", post(&length(&in_json), &in_json), &[call("POST", "", &in_json)], Kept),
        Case::new("as the whole body", post(&length(SMALL), SMALL), &malformed, Kept),
        Case::new("as a chunk", post("Transfer-Encoding: chunked", &chunk), &malformed, Kept),
        Case::new(
            "after an expectation that is met by itself",
            met_by_itself,
            &[created(), nth_got(1)],
            Kept,
        ),
        Case::new("after an expectation", get("Expect: 100-continue") + &nth(1), &[got(), nth_got(1)], Kept),
        Case::new("after an upgrade", upgrade, &[got(), nth_got(1)], Kept),
    ];
    Harness::start().await.runs(&cases).await;
}
