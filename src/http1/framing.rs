//! Where a message's body ends (RFC 9112, section 6).

use bytes::{Buf, Bytes, BytesMut};

/// The most bytes that there may be beside the chunks' data and sizes: extensions and trailers, which nobody here
/// knows.
const MOST_BESIDE: usize = 16 * 1024;
/// As how many bytes a trailer counts at least, so that there are not too many of them.
const LEAST_TRAILER: usize = 256;
/// The longest size of a chunk, with its white space.
const MAX_SIZE: usize = 64;

const TOO_MUCH: Malformed = Malformed("there is too much between the chunks");

/// A body that is framed in no way that RFC 9112 knows: says how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

/// What is left of a body.
#[derive(Debug, PartialEq, Eq)]
pub enum Framing {
    /// So many bytes.
    Length(u64),
    /// Chunks, and then trailers.
    Chunked {
        /// Where in them it is.
        at: Chunks,
        /// How many bytes of extensions and trailers were read.
        beside: usize,
    },
    /// Whatever comes until the server closes.
    UntilClosed,
}

/// Where in the chunks it is.
#[derive(Debug, PartialEq, Eq)]
pub enum Chunks {
    /// Before a chunk's length.
    Size,
    /// Within a chunk, of which so many bytes are left.
    Data(u64),
    /// Behind its last byte.
    DataEnd,
    /// Behind the last chunk.
    Trailers,
    /// At the end.
    Done,
}

/// What the bytes that came are.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// A part of the body.
    Data(Bytes),
    /// Nothing yet: more must be read.
    Missing,
    /// The end.
    End,
}

impl Framing {
    /// In chunks, before the first.
    pub fn chunked() -> Self {
        Self::Chunked { at: Chunks::Size, beside: 0 }
    }

    /// Whether nothing more of it is to come.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked { at: Chunks::Done, .. })
    }

    /// How many bytes are left, where that is known.
    pub fn left(&self) -> Option<u64> {
        match self {
            Self::Length(left) => Some(*left),
            Self::Chunked { at: Chunks::Done, .. } => Some(0),
            Self::Chunked { .. } | Self::UntilClosed => None,
        }
    }

    /// Takes the next piece of the body from what came.
    pub fn next(&mut self, inbox: &mut BytesMut) -> Result<Piece, Malformed> {
        match self {
            Self::Length(0) => Ok(Piece::End),
            _ if inbox.is_empty() && !self.is_done() => Ok(Piece::Missing),
            Self::Length(left) => Ok(Piece::Data(take(left, inbox))),
            Self::UntilClosed => Ok(Piece::Data(inbox.split().freeze())),
            Self::Chunked { beside, .. } if *beside > MOST_BESIDE => Err(TOO_MUCH),
            Self::Chunked { at, beside } => at.next(inbox, beside),
        }
    }
}

impl Chunks {
    fn next(&mut self, inbox: &mut BytesMut, beside: &mut usize) -> Result<Piece, Malformed> {
        loop {
            match self {
                Self::Size => {
                    match line(inbox, (MAX_SIZE + MOST_BESIDE).saturating_sub(*beside), check_size)? {
                        None => return Ok(Piece::Missing),
                        Some(line) => {
                            let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
                            // More digits than a size can need are leading zeros, and chunks of one byte could have
                            // many.
                            count(beside, line.len() - digits.min(16))?;
                            match size(&line, digits)? {
                                0 => *self = Self::Trailers,
                                size => *self = Self::Data(size),
                            }
                        }
                    }
                }
                Self::Data(_) if inbox.is_empty() => return Ok(Piece::Missing),
                Self::Data(left) => {
                    let data = take(left, inbox);
                    if *left == 0 {
                        *self = Self::DataEnd;
                    }
                    return Ok(Piece::Data(data));
                }
                Self::DataEnd => {
                    let end = inbox.get(..2).unwrap_or(inbox);
                    if !b"\r\n".starts_with(end) {
                        return Err(Malformed("a chunk is longer than it says"));
                    }
                    if end.len() < 2 {
                        return Ok(Piece::Missing);
                    }
                    inbox.advance(2);
                    *self = Self::Size;
                }
                Self::Trailers => match line(inbox, MOST_BESIDE.saturating_sub(*beside), check_trailer)? {
                    None => return Ok(Piece::Missing),
                    Some(line) if line.is_empty() => *self = Self::Done,
                    Some(line) => count(beside, line.len().max(LEAST_TRAILER))?,
                },
                Self::Done => return Ok(Piece::End),
            }
        }
    }
}

/// As many of so many bytes as came.
fn take(left: &mut u64, inbox: &mut BytesMut) -> Bytes {
    let count = usize::try_from(*left).map_or(inbox.len(), |left| left.min(inbox.len()));
    *left -= count as u64;
    inbox.split_to(count).freeze()
}

/// A line without its end, if all of it came. What came of it is checked, so that nobody waits for the end of what is
/// wrong already.
fn line(
    inbox: &mut BytesMut,
    limit: usize,
    check: fn(&[u8], bool) -> Result<(), Malformed>,
) -> Result<Option<BytesMut>, Malformed> {
    let end = memchr::memchr(b'\n', inbox);
    let written = inbox.get(..end.unwrap_or(inbox.len())).unwrap_or_default();
    let (line, has_return) = written.split_last().map_or((written, false), |(last, line)| {
        if *last == b'\r' { (line, true) } else { (written, false) }
    });
    check(line, end.is_some())?;
    if line.len() > limit {
        return Err(TOO_MUCH);
    }
    let Some(end) = end else { return Ok(None) };
    if !has_return {
        return Err(Malformed("a line between the chunks has no end"));
    }
    let length = line.len();
    let mut line = inbox.split_to(end + 1);
    line.truncate(length);
    Ok(Some(line))
}

fn count(beside: &mut usize, more: usize) -> Result<(), Malformed> {
    *beside += more;
    if *beside > MOST_BESIDE { Err(TOO_MUCH) } else { Ok(()) }
}

/// RFC 9112, section 7.1: hexadecimal digits, and extensions.
fn check_size(line: &[u8], is_whole: bool) -> Result<(), Malformed> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (size, rest) = line.split_at(digits);
    let rest = rest.trim_ascii_start();
    let is_size = !size.is_empty() || !is_whole && line.is_empty();
    let is_extension = rest.is_empty() || rest.starts_with(b";");
    if !is_size || !is_extension || !line.iter().all(|byte| is_text(*byte)) {
        return Err(Malformed("a chunk's size is none"));
    }
    Ok(())
}

fn size(line: &[u8], digits: usize) -> Result<u64, Malformed> {
    let digits = line.get(..digits).and_then(|digits| std::str::from_utf8(digits).ok());
    digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).ok_or(Malformed("a chunk's size is none"))
}

/// A field (RFC 9112, section 5), or its beginning.
fn check_trailer(line: &[u8], is_whole: bool) -> Result<(), Malformed> {
    let name = line.iter().take_while(|byte| is_name(**byte)).count();
    let is_field = match line.get(name) {
        None => !is_whole || line.is_empty(),
        Some(b':') => name > 0,
        Some(_) => false,
    };
    if !is_field || !line.iter().all(|byte| is_text(*byte)) {
        return Err(Malformed("a trailer is none"));
    }
    Ok(())
}

/// RFC 9110, section 5.6.2.
fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// RFC 9110, section 5.5.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `chunks` hold, given so many bytes at a time, and what is left behind them.
    fn decoded(chunks: &str, step: usize) -> Result<Option<(String, String)>, Malformed> {
        let (mut framing, mut inbox, mut body) = (Framing::chunked(), BytesMut::new(), Vec::new());
        let mut coming = chunks.as_bytes().chunks(step);
        loop {
            match framing.next(&mut inbox)? {
                Piece::Data(data) => body.extend_from_slice(&data),
                Piece::End => break,
                Piece::Missing => match coming.next() {
                    Some(bytes) => inbox.extend_from_slice(bytes),
                    None => return Ok(None),
                },
            }
        }
        coming.for_each(|bytes| inbox.extend_from_slice(bytes));
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Ok(Some((text(&body), text(&inbox))))
    }

    #[test]
    fn chunks_are_read_however_they_come() {
        for chunks in [
            "2\r\nok\r\n0\r\n\r\nnext",
            "1\r\no\r\n1;a=\"b\"\r\nk\r\n000 ;x\r\n\r\nnext",
            "02 \r\nok\r\n0\r\nX: y\r\nZ: \r\n\r\nnext",
        ] {
            for step in 1..=chunks.len() {
                let (body, rest) = decoded(chunks, step).unwrap().unwrap();
                assert_eq!((body.as_str(), rest.as_str()), ("ok", "next"), "{chunks:?} by {step}");
            }
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for chunks in [
            "\r\n\r\n",
            "x\r\n\r\n",
            "-1\r\n\r\n",
            "+2\r\nok\r\n0\r\n\r\n",
            "0x2\r\nok\r\n0\r\n\r\n",
            "2\nok\r\n0\r\n\r\n",
            "2\r\nokay\r\n0\r\n\r\n",
            "2\r\nok\n0\r\n\r\n",
            "2\r\nok\r\n0\r\nX: y\n\r\n",
            "2 2\r\nok\r\n0\r\n\r\n",
            "10000000000000000\r\n",
            "0\r\nX\r\n\r\n",
            "0\r\n: y\r\n\r\n",
            "0\r\n X: y\r\n\r\n",
            "0\r\nX: \u{0}\r\n\r\n",
            "2\u{c}\r\n",
            "2;a\rb\r\n",
            &format!("2;{}\r\n", "x".repeat(2 * MOST_BESIDE)),
            &format!("{}0\r\n", "1;ab\r\nx\r\n".repeat(MOST_BESIDE)),
            &format!("0\r\n{}\r\n", "X: y\r\n".repeat(MOST_BESIDE / 4)),
        ] {
            for step in [1, chunks.len()] {
                let outcome = decoded(chunks, step);
                assert!(outcome.is_err(), "{chunks:.40}: {outcome:?}");
            }
        }
        assert_eq!(decoded("2\r\no", 1), Ok(None));
    }

    #[test]
    fn what_is_beside_the_data_is_bounded_and_stays_so() {
        let zeros = format!("{}1\r\nx\r\n", "0".repeat(1000));
        assert_eq!(decoded(&format!("{zeros}0\r\n\r\n"), 1).unwrap().unwrap().0, "x");
        let many = format!("{}0\r\n\r\n", zeros.repeat(20));
        assert!(decoded(&many, many.len()).is_err());
        // What is read on after that is refused as well.
        let mut framing = Framing::chunked();
        let extended = format!("0;{}\r\n{}\r\n", "x".repeat(100), "X: y\r\n".repeat(64));
        let mut inbox = BytesMut::from(extended.as_str());
        for _ in 0..2 {
            assert!(framing.next(&mut inbox).is_err());
        }
    }

    #[test]
    fn a_length_is_what_it_says() {
        let (mut framing, mut inbox) = (Framing::Length(4), BytesMut::from("four and more"));
        assert_eq!(framing.next(&mut inbox).unwrap(), Piece::Data("four".into()));
        assert!(framing.is_done() && framing.next(&mut inbox).unwrap() == Piece::End);
        assert_eq!(inbox, " and more");
    }
}
