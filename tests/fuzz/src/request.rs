//! Requests, as the gateway reads them. A head that is taken for one of the four calls says so in so many bytes, in
//! one way only, and wherever the bytes are cut.

use bytes::{Buf, Bytes, BytesMut};
use confgate::domain::{Action, Call};
use confgate::http1::{Framing, Piece};
use confgate::server::{HeadBounds, RequestHead, take_head};
use confgate::stages::head::{Field, Head};
use confgate::stages::route::Target;

/// The gateway's defaults.
const BOUNDS: HeadBounds = HeadBounds { bytes: 16 << 10, fields: 64 };

/// One request as it was read: its head, and its body where that came whole.
type Read = (Box<Head>, Option<Bytes>);

/// The first byte says in how large pieces the others arrive.
pub fn run(data: &[u8]) {
    let Some((size, bytes)) = data.split_first() else { return };
    let whole = read(bytes, usize::MAX);
    let pieces = read(bytes, usize::from(size % 32) + 1);
    assert_eq!(told(&whole), told(&pieces), "it is read otherwise in pieces");
    for (head, _) in &whole {
        if let Ok(target) = Target::read(head) {
            is_one_of_four(head, &target);
        }
    }
    if let Some((head, body)) = whole.first()
        && let Ok(target) = Target::read(head)
    {
        says_so(bytes, &target, body.as_deref());
    }
}

/// All requests that a connection finds in `bytes`, if they come in pieces of that size.
fn read(bytes: &[u8], size: usize) -> Vec<Read> {
    let mut coming = bytes.chunks(size);
    let (mut inbox, mut looked_at, mut seen) = (BytesMut::new(), 0, Vec::new());
    loop {
        let Ok((done, head)) = take_head(&inbox, &mut looked_at, BOUNDS) else { return seen };
        inbox.advance(done);
        match head {
            Some(RequestHead { head, mut framing, keeps, .. }) => {
                let body = read_body(&mut framing, &mut inbox, &mut coming);
                let is_last = !keeps || body.is_none();
                seen.push((head, body));
                if is_last {
                    return seen;
                }
            }
            None => match coming.next() {
                Some(piece) => inbox.extend_from_slice(piece),
                None => return seen,
            },
        }
    }
}

fn read_body<'a>(
    framing: &mut Framing,
    inbox: &mut BytesMut,
    coming: &mut impl Iterator<Item = &'a [u8]>,
) -> Option<Bytes> {
    let mut body = BytesMut::new();
    loop {
        match framing.next(inbox).ok()? {
            Piece::Data(data) => body.extend_from_slice(&data),
            Piece::End => return Some(body.freeze()),
            Piece::Missing => inbox.extend_from_slice(coming.next()?),
        }
    }
}

fn told(read: &[Read]) -> Vec<String> {
    let all = |(head, body): &Read| {
        // What the head does not show of itself is compared as well.
        let fields = Field::ALL.map(|field| head.values(field).map(<[u8]>::to_vec).collect::<Vec<_>>());
        format!("{head:?} {:?} {fields:?} {body:?}", head.query())
    };
    read.iter().map(all).collect()
}

/// The canonical path of a call is one that is read as the same call.
fn is_one_of_four(head: &Head, target: &Target) {
    let path = path_of(target.call());
    assert!(path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/_.-".contains(&byte)), "{path}");
    assert!(
        !path.contains("//") && !path.split('/').any(|segment| segment == "." || segment == ".."),
        "{path}"
    );
    let method = head.method.clone();
    let mut again = Head::new(method, http::Version::HTTP_11, path.as_bytes(), 16).expect("a path");
    again.push(Field::Host, b"gate.test");
    assert_eq!(Target::read(&again).map(|target| target.call().clone()), Ok(target.call().clone()));
}

fn path_of(call: &Call<()>) -> String {
    let segments = [call.conference().map(ToString::to_string), call.user().map(ToString::to_string)];
    segments.into_iter().flatten().fold("/conferences".to_owned(), |path, segment| path + "/" + &segment)
}

/// The first head in `bytes` says the call, and the body that was read is the one that follows it.
fn says_so(bytes: &[u8], target: &Target, body: Option<&[u8]>) {
    let start = bytes.iter().position(|byte| !b"\r\n".contains(byte)).expect("a head");
    let (head, rest) = split_head(&bytes[start..]);
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    let line: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let [method, uri, version] = line[..] else { panic!("no request line: {head:?}") };
    let action = target.call().action();
    let methods = [
        (Action::Create, "POST"),
        (Action::Get, "GET"),
        (Action::Dissolve, "DELETE"),
        (Action::Kick, "DELETE"),
    ];
    assert!(methods.contains(&(action, method)), "{method} for {action:?}");
    assert!(["HTTP/1.0", "HTTP/1.1"].contains(&version), "{version}");
    let uri = uri.split(['?', '#']).next().unwrap_or_default();
    assert!(
        uri.to_ascii_lowercase().ends_with(&path_of(target.call()).to_ascii_lowercase()),
        "{uri} for {target:?}"
    );
    let fields: Vec<(String, &str)> = lines
        .map(|line| {
            assert!(!line.contains(['\0', '\r']) && !line.starts_with([' ', '\t']), "{line:?}");
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no field: {line:?}"));
            (name.to_ascii_lowercase(), value.trim_matches([' ', '\t']))
        })
        .collect();
    let all = |name: &str| {
        fields.iter().filter(|(key, _)| key == name).map(|(_, value)| *value).collect::<Vec<_>>()
    };
    assert!(all("host").len() == 1 || (version == "HTTP/1.0" && all("host").is_empty()), "{head:?}");
    let (codings, lengths) = (all("transfer-encoding"), all("content-length"));
    if !codings.is_empty() {
        assert!(
            codings.len() == 1 && codings[0].eq_ignore_ascii_case("chunked") && version == "HTTP/1.1",
            "{head:?}"
        );
        assert!(body.is_none_or(|body| unchunked(rest).as_deref() == Some(body)), "another body: {bytes:?}");
        return;
    }
    let lengths: Vec<usize> = lengths.iter().map(|length| length.parse().expect("a number")).collect();
    assert!(lengths.windows(2).all(|two| two[0] == two[1]), "{head:?}");
    let length = lengths.first().copied().unwrap_or_default();
    assert_eq!(body, rest.get(..length), "another body: {bytes:?}");
}

/// A head, without the empty line at its end, and what follows it.
fn split_head(bytes: &[u8]) -> (&[u8], &[u8]) {
    let ends: [&[u8]; 2] = [b"\n\r\n", b"\n\n"];
    let end = |end: &&[u8]| {
        bytes.windows(end.len()).position(|window| window == *end).map(|at| (at, at + end.len()))
    };
    let (head, rest) = ends.iter().filter_map(end).min().expect("the end of a head");
    (&bytes[..head], &bytes[rest..])
}

/// A body in chunks without its framing.
fn unchunked(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|two| two == b"\r\n")?;
        let size = bytes[..end].split(|byte| b"; \t".contains(byte)).next()?;
        let size = usize::from_str_radix(std::str::from_utf8(size).ok()?, 16).ok()?;
        bytes = bytes.get(end + 2..)?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(bytes.get(..size)?);
        bytes = bytes.get(size..)?.strip_prefix(b"\r\n")?;
    }
}
