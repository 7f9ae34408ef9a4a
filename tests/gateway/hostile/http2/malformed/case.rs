//! What is sent instead of a request as it should be.

use crate::support::http2::{Frame, block, literal};

pub(super) type Fields<'a> = Vec<(&'a str, &'a str)>;

/// What is sent after the settings, by the token that comes with it.
pub(super) type Bytes = dyn Fn(&str) -> Vec<u8>;

pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) bytes: Box<Bytes>,
}

pub(super) fn case(name: &'static str, bytes: impl Fn(&str) -> Vec<u8> + 'static) -> Case {
    Case { name, bytes: Box::new(bytes) }
}

/// A good head but for what `change` does to it. Without a token there is no `authorization`.
pub(super) fn head<'a>(method: &'a str, path: &'a str, bearer: &'a str) -> Fields<'a> {
    let mut fields =
        vec![(":method", method), (":scheme", "http"), (":path", path), (":authority", "gate.test")];
    if !bearer.is_empty() {
        fields.push(("authorization", bearer));
    }
    fields
}

pub(super) fn look(bearer: &str) -> Fields<'_> {
    head("GET", "/conferences/IM3", bearer)
}

/// A look at a conference with a head that is changed.
pub(super) fn looking(name: &'static str, change: fn(&mut Fields<'_>)) -> Case {
    case(name, move |bearer| {
        let mut fields = look(bearer);
        change(&mut fields);
        Frame::headers(1, &fields, true).bytes()
    })
}

/// The same with one field more.
pub(super) fn with(name: &'static str, field: (&'static str, &'static str)) -> Case {
    case(name, move |bearer| Frame::headers(1, &[look(bearer), vec![field]].concat(), true).bytes())
}

/// The same with raw bytes of HPACK after the head.
pub(super) fn packed(name: &'static str, more: &'static [u8]) -> Case {
    case(name, move |bearer| {
        let block = [block(&look(bearer)), more.to_vec()].concat();
        Frame::new(Frame::HEADERS, Frame::END_HEADERS | Frame::END_STREAM, 1, block).bytes()
    })
}

/// One field more with a name or a value that cannot be written as text.
pub(super) fn field(name: &'static str, (key, value): (&'static [u8], &'static [u8])) -> Case {
    case(name, move |bearer| {
        let block = [block(&look(bearer)), literal(key, value)].concat();
        Frame::new(Frame::HEADERS, Frame::END_HEADERS | Frame::END_STREAM, 1, block).bytes()
    })
}

/// A good request, with frames after it or instead of it.
pub(super) fn frames(name: &'static str, frames: fn(&[(&str, &str)]) -> Vec<Frame>) -> Case {
    case(name, move |bearer| frames(&look(bearer)).iter().flat_map(Frame::bytes).collect())
}

/// A create whose head and body do not go together.
pub(super) fn create(name: &'static str, extra: &'static [(&str, &str)], frames: fn() -> Vec<Frame>) -> Case {
    case(name, move |bearer| {
        let mut fields = head("POST", "/conferences", bearer);
        fields.push(("content-type", "application/json"));
        fields.extend(extra);
        let head = Frame::headers(1, &fields, false).bytes();
        head.into_iter().chain(frames().iter().flat_map(Frame::bytes)).collect()
    })
}
