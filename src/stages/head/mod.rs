//! The head of a request, as far as any stage looks at it: the method, the target, and the values of a few fields, in
//! one buffer. A map of all fields would cost a request more than all that is decided by them.

mod field;

use std::fmt;

use http::request::Parts;
use http::{Method, Uri, Version};
use smallvec::SmallVec;

pub use self::field::Field;
use crate::domain::Code;

/// The longest target that `http::Uri` takes (RFC 9110, section 4.1, asks for 8000 at least).
const LONGEST_TARGET: usize = u16::MAX as usize - 1;

/// A request's head.
pub struct Head {
    /// What is to be done.
    pub method: Method,
    /// What it came by.
    pub version: Version,
    /// The target, where it is not a plain path.
    uri: Option<Box<Uri>>,
    /// The target where it is one, and the values.
    text: Vec<u8>,
    /// Where the plain path ends in the text, and where its query does.
    path: (usize, usize),
    lines: SmallVec<[Span; 8]>,
}

/// A field's value: where it stands in the text.
#[derive(Clone, Copy)]
struct Span {
    field: Field,
    start: usize,
    end: usize,
}

/// How often a field is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// Not at all.
    Never,
    /// Once: the value.
    Once(&'a [u8]),
    /// More often.
    Again,
}

impl Head {
    /// Without any fields yet, for which there will be `room` bytes. Refuses a target that is none of HTTP's.
    pub fn new(method: Method, version: Version, target: &[u8], room: usize) -> Result<Self, Code> {
        if target.len() > LONGEST_TARGET {
            return Err(Code::HeadersTooLarge);
        }
        let (mut text, mut uri, mut path) = (Vec::new(), None, (0, 0));
        if let Some(length) = plain_path(target) {
            text.reserve_exact(target.len() + room);
            text.extend_from_slice(target);
            path = (length, target.len());
        } else {
            text.reserve_exact(room);
            uri = Some(Box::new(Uri::try_from(target).map_err(|_| Code::RequestMalformed)?));
        }
        Ok(Self { method, version, uri, text, path, lines: SmallVec::new() })
    }

    /// Adds a value, which the connection has found to be one (RFC 9110, section 5.5).
    pub fn push(&mut self, field: Field, value: &[u8]) {
        let start = self.text.len();
        self.text.extend_from_slice(value);
        self.lines.push(Span { field, start, end: self.text.len() });
    }

    /// What a field says, once for each line of it, in the order in which they came.
    pub fn values(&self, field: Field) -> impl DoubleEndedIterator<Item = &[u8]> {
        let lines = self.lines.iter().filter(move |line| line.field == field);
        lines.map(|line| self.text.get(line.start..line.end).unwrap_or_default())
    }

    /// What a field says that is to be said once.
    pub fn said(&self, field: Field) -> Said<'_> {
        let mut values = self.values(field);
        match (values.next(), values.next()) {
            (None, _) => Said::Never,
            (Some(value), None) => Said::Once(value),
            (Some(_), Some(_)) => Said::Again,
        }
    }

    /// Whether there is such a field.
    pub fn has(&self, field: Field) -> bool {
        self.lines.iter().any(|line| line.field == field)
    }

    /// The target's path.
    pub fn path(&self) -> &str {
        match &self.uri {
            Some(uri) => uri.path(),
            None => self.target(0, self.path.0),
        }
    }

    /// The target's query, without its question mark.
    pub fn query(&self) -> Option<&str> {
        let (path, target) = self.path;
        match &self.uri {
            Some(uri) => uri.query(),
            None => (path < target).then(|| self.target(path + 1, target)),
        }
    }

    /// The target, unless it is a plain path.
    pub fn uri(&self) -> Option<&Uri> {
        self.uri.as_deref()
    }

    fn target(&self, start: usize, end: usize) -> &str {
        // A plain path is ASCII.
        self.text.get(start..end).and_then(|target| std::str::from_utf8(target).ok()).unwrap_or_default()
    }
}

/// HTTP/2's way: of the fields, those that are looked at.
impl From<Parts> for Head {
    fn from(parts: Parts) -> Self {
        let uri = Some(Box::new(parts.uri));
        let (method, version) = (parts.method, parts.version);
        let mut head = Self { method, version, uri, text: Vec::new(), path: (0, 0), lines: SmallVec::new() };
        for (name, value) in &parts.headers {
            if let Some(field) = Field::named(name.as_str().as_bytes()) {
                head.push(field, value.as_bytes());
            }
        }
        head
    }
}

/// Shows no credentials.
impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = |line: &Span| match (line.field, self.text.get(line.start..line.end)) {
            (Field::Authorization, _) | (_, None) => "…".into(),
            (_, Some(value)) => String::from_utf8_lossy(value),
        };
        f.debug_struct("Head")
            .field("method", &self.method)
            .field("version", &self.version)
            .field("path", &self.path())
            .field("query", &self.query().map(|_| "…"))
            .field("fields", &self.lines.iter().map(|line| (line.field, value(line))).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// How long the path is, where the target is a path with or without a query and nothing in it is out of the ordinary:
/// such a one means what it looks like. Whatever else is asked for is left to `http::Uri`.
fn plain_path(target: &[u8]) -> Option<usize> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/-._~=&".contains(byte);
    let is_path = target.first() == Some(&b'/');
    let length = target.iter().position(|byte| !is_plain(byte)).unwrap_or(target.len());
    let is_whole = match target.get(length..)? {
        [] => true,
        [b'?', query @ ..] => query.iter().all(is_plain),
        _ => false,
    };
    (is_path && is_whole).then_some(length)
}

#[cfg(test)]
mod tests {
    use http::Request;
    use proptest::prelude::*;

    use super::*;

    fn head(target: &str) -> Result<Head, Code> {
        Head::new(Method::GET, Version::HTTP_11, target.as_bytes(), 0)
    }

    #[test]
    fn a_plain_path_is_no_uri() {
        for (target, path, query) in [
            ("/", "/", None),
            ("/conferences/IM3", "/conferences/IM3", None),
            ("//a//?", "//a//", Some("")),
            ("/a?b=c&d=~", "/a", Some("b=c&d=~")),
        ] {
            let head = head(target).unwrap();
            assert_eq!((head.path(), head.query(), head.uri()), (path, query, None), "{target}");
        }
        for target in ["*", "/a%20b", "/a?b?c", "/a;b", "http://gate.test/a", "gate.test:80", "/a@b"] {
            assert!(head(target).unwrap().uri().is_some(), "{target}");
        }
        for target in ["", "/a b", "/<", "a/b"] {
            assert!(matches!(head(target), Err(Code::RequestMalformed)), "{target:?}");
        }
        assert!(head(&format!("/{}", "a".repeat(LONGEST_TARGET - 1))).is_ok());
        let too_long = head(&format!("/{}", "a".repeat(LONGEST_TARGET)));
        assert!(matches!(too_long, Err(Code::HeadersTooLarge)));
    }

    #[test]
    fn no_credentials_show_in_debug_output() {
        let mut head = head("/a?access_token=canary").unwrap();
        head.push(Field::Authorization, b"Bearer canary");
        head.push(Field::Origin, b"https://app.test");
        let shown = format!("{head:?}");
        assert!(!shown.contains("canary") && shown.contains("https://app.test"), "{shown}");
    }

    #[test]
    fn fields_are_found_whatever_they_came_by() {
        let request = Request::builder().uri("https://gate.test/a?b").version(Version::HTTP_2);
        let request = request.header("Host", "gate.test").header("Cookie", "c");
        let request = request.header("X-Forwarded-For", "a").header("X-Forwarded-For", "b");
        let head = Head::from(request.body(()).unwrap().into_parts().0);
        assert_eq!((head.path(), head.query()), ("/a", Some("b")));
        assert_eq!(head.said(Field::Host), Said::Once(b"gate.test"));
        assert_eq!(head.said(Field::Origin), Said::Never);
        assert_eq!(head.said(Field::XForwardedFor), Said::Again);
        assert!(head.values(Field::XForwardedFor).rev().eq([b"b", b"a"]));
        assert_eq!((head.has(Field::Host), head.has(Field::Expect)), (true, false));
    }

    proptest! {
        #[test]
        fn both_readings_of_a_target_agree(target in "[/a?=&.~%#;@:\u{1}\u{e9}\\\\-]{0,12}", slash in any::<bool>()) {
            let target = if slash { format!("/{target}") } else { target };
            let uri = Uri::try_from(target.as_bytes());
            match head(&target) {
                Err(_) => prop_assert!(uri.is_err()),
                Ok(head) => {
                    let uri = uri.unwrap();
                    prop_assert_eq!((head.path(), head.query()), (uri.path(), uri.query()));
                    prop_assert!(head.uri().is_some() || uri.authority().is_none() && uri.scheme().is_none());
                }
            }
        }
    }
}
