//! Control bytes and others that are no text, and every kind of line end, in every place of a head.

use super::case::Answered::{Denied, Refused};
use super::case::End::{Closed, Kept};
use super::case::{BODY, Case, MALFORMED, created_by_default, each, get, got, post, smuggled};
use super::harness::Harness;

/// Bytes that are text nowhere.
const CONTROLS: &[&str] =
    &["\0", "\u{1}", "\u{8}", "\u{b}", "\u{c}", "\r", "\u{e}", "\u{1b}", "\u{1f}", "\u{7f}"];
/// Bytes over ASCII, which are text in a value alone (RFC 9110, section 5.5).
const OVER: &[&str] = &["\u{80}", "\u{85}", "\u{a0}", "\u{c0}\u{ae}", "\u{ff}"];

fn with_line(line: &str) -> String {
    get("").replace("GET /conferences/$ID HTTP/1.1", line)
}

#[tokio::test]
async fn a_control_byte_is_text_nowhere() {
    let mut cases = Vec::new();
    for byte in CONTROLS {
        let places = [
            ("before the method", with_line(&format!("{byte}GET /conferences/$ID HTTP/1.1"))),
            ("in the method", with_line(&format!("G{byte}ET /conferences/$ID HTTP/1.1"))),
            ("after the method", with_line(&format!("GET{byte} /conferences/$ID HTTP/1.1"))),
            ("in the target", with_line(&format!("GET /conferences/{byte}$ID HTTP/1.1"))),
            ("after the target", with_line(&format!("GET /conferences/$ID{byte} HTTP/1.1"))),
            ("in the version", with_line(&format!("GET /conferences/$ID HTTP/{byte}1.1"))),
            ("after the version", with_line(&format!("GET /conferences/$ID HTTP/1.1{byte}"))),
            ("in a name", get(&format!("X{byte}Y: z"))),
            ("after a name", get(&format!("X{byte}: y"))),
            ("before a name", get(&format!("{byte}X: y"))),
            ("before a value", get(&format!("X:{byte}y"))),
            ("in a value", get(&format!("X: y{byte}z"))),
            ("after a value", get(&format!("X: y{byte}"))),
        ];
        let is_allowed =
            |place: &str| *byte == "\r" && ["after the version", "after a value"].contains(&place);
        for (place, bytes) in places.into_iter().filter(|(place, _)| !is_allowed(place)) {
            cases.push(Case::new(format!("{byte:?} {place}"), bytes, &[MALFORMED], Closed));
        }
    }
    Harness::start().await.runs(&cases).await;
}

#[tokio::test]
async fn a_byte_over_ascii_is_text_in_a_value_alone() {
    let mut cases = Vec::new();
    for bytes in OVER {
        let name = |place: &str| format!("{bytes:?} {place}");
        cases.push(Case::new(
            name("in the method"),
            with_line(&format!("G{bytes}ET /conferences/$ID HTTP/1.1")),
            &[MALFORMED],
            Closed,
        ));
        cases.push(Case::new(
            name("in the version"),
            with_line(&format!("GET /conferences/$ID HTTP/1{bytes}.1")),
            &[MALFORMED],
            Closed,
        ));
        cases.push(Case::new(name("in a name"), get(&format!("X{bytes}: y")), &[MALFORMED], Closed));
        cases.push(Case::new(name("in a value"), get(&format!("X: {bytes}")), &[got()], Kept));
        let token = get("").replace("Bearer $TOKEN", &format!("Bearer $TOKEN{bytes}"));
        cases.push(Case::new(name("in a token"), token, &[Refused("token_malformed")], Kept));
        cases.push(Case::new(
            name("in a host"),
            get("").replace("gate.test", &format!("gate{bytes}")),
            &[MALFORMED],
            Kept,
        ));
    }
    Harness::start().await.runs(&cases).await;
}

/// White space where none belongs.
const DOUBTFUL_SPACES: &[&str] = &[
    "X : y",
    "X\t: y",
    "X \t : y",
    " X: y",
    "\tX: y",
    ": y",
    " : y",
    "X Y: z",
    "X",
    "X y",
    "X=y",
    "\"X\": y",
    "X(: y",
    "X/: y",
    "X@: y",
    "X[: y",
    "X{: y",
    "X,Y: z",
    "X;: y",
    "X\\: y",
    "X: y\r\n z",
    "X: y\r\n\tz",
    "X:\r\n y",
    "X: y\r\n \r\nZ: a",
    "X: y\r\n  ",
];

#[tokio::test]
async fn a_field_is_a_name_and_a_colon_and_a_value() {
    let mut cases = each("a doubtful field", DOUBTFUL_SPACES, get, &[MALFORMED], Closed);
    let plain = [
        "X:",
        "X: ",
        "X:y",
        "X:\ty\t",
        "X: y z",
        "X: a\tb",
        "!#$%&'*+-.^_`|~: y",
        "0: y",
        "X: :",
        "X: \"",
        "X: {}",
    ];
    cases.extend(each("a field", &plain, get, &[got()], Kept));
    let folded = |line: &str| get("").replace("Host: gate.test", line);
    let before_the_first = |space: &str| get("").replace("HTTP/1.1\r\n", &format!("HTTP/1.1\r\n{space}"));
    cases.extend(each(
        "before the first field",
        &[" ", "\t", " \r\n", "\r", ":"],
        before_the_first,
        &[MALFORMED],
        Closed,
    ));
    cases.extend(each(
        "a folded host",
        &[
            "Host:\r\n gate.test",
            "Host: gate\r\n .test",
            "Host: gate.test\r\n elsewhere.test",
            "X: y\r\n Host: gate.test",
        ],
        folded,
        &[MALFORMED],
        Closed,
    ));
    Harness::start().await.runs(&cases).await;
}

/// Lines may end with LF alone (RFC 9112, section 2.2), and then do so for everything that is read.
#[tokio::test]
async fn a_line_ends_in_two_ways_and_no_third() {
    let bare = |text: String| text.replace("\r\n", "\n");
    let lone_first = get("").replacen("\r\n", "\n", 1);
    let lone_last = get("").replace("\r\n\r\n", "\r\n\n");
    let cases = [
        Case::new("LF alone", bare(get("")), &[got()], Kept),
        Case::new("LF alone after the request line", lone_first, &[got()], Kept),
        Case::new("LF alone at the end", lone_last, &[got()], Kept),
        Case::new("LF, then CR LF", get("").replace("\r\n\r\n", "\n\r\n"), &[got()], Kept),
        Case::new(
            "an empty line within",
            get("").replacen("\r\n", "\r\n\r\n", 1),
            &[MALFORMED, MALFORMED],
            Closed,
        ),
        Case::new("LF LF within", get("X: y\n\nGET /conferences/$BAD HTTP/1.1"), &[got(), MALFORMED], Kept),
        Case::new(
            "a field after LF",
            get("X: y\nContent-Length: 5") + "12345",
            &[Denied("request_malformed")],
            Kept,
        ),
        Case::new("CR alone", get("").replace("\r\n", "\r"), &[MALFORMED], Closed),
        Case::new("CR CR LF", get("").replace("\r\n", "\r\r\n"), &[MALFORMED], Closed),
        Case::new("LF CR", get("").replace("\r\n", "\n\r"), &[MALFORMED], Closed),
        Case::new("CR CR", get("").replace("\r\n\r\n", "\r\n\r\r\n"), &[MALFORMED], Closed),
        Case::new("CR within the end", get("").replace("\r\n\r\n", "\r\n\rX\n"), &[MALFORMED], Closed),
        Case::new("empty lines first", format!("\r\n\r\n{}", get("")), &[got()], Kept),
        Case::new("LF first", format!("\n\n\n{}", get("")), &[got()], Kept),
        Case::new("CR first", format!("\r{}", get("")), &[MALFORMED], Closed),
        Case::new("a space first", format!(" {}", get("")), &[MALFORMED], Closed),
        Case::new("a byte order mark first", format!("\u{ef}\u{bb}\u{bf}{}", get("")), &[MALFORMED], Closed),
        Case::new("NUL first", format!("\0{}", get("")), &[MALFORMED], Closed),
        Case::new(
            "LF alone in a create",
            bare(post("Content-Length: 35", "")) + BODY,
            &[super::case::created()],
            Kept,
        ),
        Case::new(
            "LF alone in chunks",
            bare(post("Transfer-Encoding: chunked", "")) + "23\n" + BODY + "\n0\n\n",
            &[Denied("request_malformed")],
            Closed,
        ),
        Case::new(
            "CR LF LF",
            post("", "").replace("\r\n\r\n", "\r\n\n") + &smuggled(),
            &[created_by_default(), super::case::call("GET", "/$BAD", "")],
            Kept,
        ),
    ];
    Harness::start().await.runs(&cases).await;
}
