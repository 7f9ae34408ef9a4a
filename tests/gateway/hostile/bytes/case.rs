//! A case: bytes, and what they must come to.

use super::message::latin1;

/// What one request of a case comes to, in the order of the answers.
#[derive(Clone, Debug)]
pub(super) enum Answered {
    /// With a good token the vendor sees this call, once, and the caller its answer. The path is what follows
    /// `/conferences`.
    Call { method: &'static str, path: String, body: String },
    /// Refused with this code by what can be seen without looking at the token.
    Refused(&'static str),
    /// Refused with this code where the token is good; nothing is told to anybody else.
    Denied(&'static str),
    /// Answered to anybody with this status, without the vendor, and without a record.
    Public(u16),
}

use Answered::{Call, Denied, Refused};

/// What the connection comes to after the last answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It serves a request that follows.
    Kept,
    /// The gateway closes it, and what follows is never acted on.
    Closed,
    /// The gateway closes it, as the bytes ask for.
    Over,
    /// The caller ends its side after the bytes; the gateway closes it then.
    Cut,
}

/// A case. In the bytes and in what is expected of them, `$ID` stands for a name of the run's own, `$TOKEN` for a
/// token, and `$BAD` for what must never reach the vendor. Each character stands for the byte of its number.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) what: String,
    bytes: String,
    answers: Vec<Answered>,
    pub(super) end: End,
    /// Whether the first answer, to HEAD, has no body.
    pub(super) bodiless: bool,
}

impl Case {
    pub(super) fn new(
        what: impl Into<String>,
        bytes: impl Into<String>,
        answers: &[Answered],
        end: End,
    ) -> Self {
        Self { what: what.into(), bytes: bytes.into(), answers: answers.to_vec(), end, bodiless: false }
    }

    /// Its first request is a HEAD.
    pub(super) fn headed(mut self) -> Self {
        self.bodiless = true;
        self
    }

    /// What is sent in run `number` of all, with `token`, and then, unless the case is cut, a request that follows.
    pub(super) fn sent(&self, number: usize, token: &str) -> Vec<u8> {
        let follower = match self.end {
            End::Kept => get_on("n$NUMBER", "Connection: close"),
            End::Closed => get_on("$BAD", "Connection: close"),
            End::Over | End::Cut => String::new(),
        };
        [self.own(number, token), latin1(&filled(&follower, number).replace("$TOKEN", token))].concat()
    }

    /// The same without what follows.
    pub(super) fn own(&self, number: usize, token: &str) -> Vec<u8> {
        latin1(&filled(&self.bytes, number).replace("$TOKEN", token))
    }

    /// Whether the gateway may ask for the rest of a request.
    pub(super) fn expects_continue(&self) -> bool {
        self.bytes.to_ascii_lowercase().contains("expect:")
    }

    /// What run `number` comes to with a good token, or with another one, the request that follows included.
    pub(super) fn answers(&self, number: usize, token_is_good: bool) -> Vec<Answered> {
        // A body that nobody reads, as the token is not good, may be short enough to be taken off the connection.
        let is_unread = !token_is_good && matches!(self.answers.last(), Some(Denied(_)));
        let goes_on = self.end == End::Kept || (self.end == End::Closed && is_unread);
        let follower = goes_on.then(|| call("GET", "/n$NUMBER", ""));
        let all = self.answers.iter().cloned().chain(follower);
        all.map(|answer| if token_is_good { answer } else { without_token(answer) })
            .map(|answer| match answer {
                Call { method, path, body } => {
                    Call { method, path: filled(&path, number), body: filled(&body, number) }
                }
                other => other,
            })
            .collect()
    }
}

fn without_token(answer: Answered) -> Answered {
    match answer {
        Call { .. } | Denied(_) => Refused("token_rejected"),
        other => other,
    }
}

fn filled(template: &str, number: usize) -> String {
    let number = format!("{number:05}");
    template
        .replace("$ID", &format!("c{number}"))
        .replace("$BAD", &format!("x{number}"))
        .replace("$NUMBER", &number)
}

/// The vendor sees this.
pub(super) fn call(method: &'static str, path: &str, body: &str) -> Answered {
    Call { method, path: path.to_owned(), body: body.to_owned() }
}

/// The body of a create: 35 bytes, 23 in hexadecimal.
pub(super) const BODY: &str = r#"{"confrType":10,"creator":"$ID"}"#;

/// A good request for what must never reach the vendor.
pub(super) fn smuggled() -> String {
    get_on("$BAD", "")
}

/// A look at a conference, with `lines` more in its head.
pub(super) fn get(lines: &str) -> String {
    get_on("$ID", lines)
}

fn get_on(id: &str, lines: &str) -> String {
    request(&format!("GET /conferences/{id} HTTP/1.1"), &format!("Host: gate.test{}", more(lines)), "")
}

/// A create with `lines`, which say how long `body` is.
pub(super) fn post(lines: &str, body: &str) -> String {
    let lines = format!("Host: gate.test\r\nContent-Type: application/json{}", more(lines));
    request("POST /conferences HTTP/1.1", &lines, body)
}

/// A create whose body is in one chunk, with `lines`, which have to say so.
pub(super) fn post_chunked(lines: &str) -> String {
    post(lines, &format!("23\r\n{BODY}\r\n0\r\n\r\n"))
}

/// A request with a token between its line and `lines`.
pub(super) fn request(line: &str, lines: &str, body: &str) -> String {
    format!("{line}\r\nAuthorization: Bearer $TOKEN{}\r\n\r\n{body}", more(lines))
}

fn more(lines: &str) -> String {
    if lines.is_empty() { String::new() } else { format!("\r\n{lines}") }
}

/// The look at the conference.
pub(super) fn got() -> Answered {
    call("GET", "/$ID", "")
}

/// The create with [`BODY`].
pub(super) fn created() -> Answered {
    call("POST", "", BODY)
}

/// A create without a body: what is sent is what the gateway adds.
pub(super) fn created_by_default() -> Answered {
    call("POST", "", r#"{"creator":"huangcl"}"#)
}

/// What no other code fits.
pub(super) const MALFORMED: Answered = Refused("request_malformed");

/// One case for each of `inputs`, all of which come to the same.
pub(super) fn each(
    what: &str,
    inputs: &[&str],
    bytes: impl Fn(&str) -> String,
    answers: &[Answered],
    end: End,
) -> Vec<Case> {
    inputs
        .iter()
        .map(|input| Case::new(format!("{what}: {}", shown(input)), bytes(input), answers, end))
        .collect()
}

fn shown(input: &str) -> String {
    let short: String = input.chars().take(80).collect();
    short.escape_debug().to_string()
}
