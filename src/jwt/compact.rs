use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Rejection;
use super::object::{self, Object};

/// A JWS in compact serialization (RFC 7515, section 7.1), taken apart but not believed.
pub(super) struct Compact<'a> {
    /// The protected header.
    pub(super) header: Object,
    /// The payload's bytes.
    pub(super) payload: Vec<u8>,
    /// What the signature is over: the first two parts as they came.
    pub(super) signed: &'a [u8],
    /// The signature's bytes.
    pub(super) signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    /// Accepts exactly three parts, each in canonical base64url, of at most `max_bytes` together. JSON
    /// serialization and JWE, which has five parts, are refused here.
    pub(super) fn parse(token: &'a str, max_bytes: usize) -> Result<Self, Rejection> {
        if token.len() > max_bytes {
            return Err(Rejection::Malformed("the token is too large"));
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(PARTS)?;
        let (header, payload) = signed.split_once('.').ok_or(PARTS)?;
        if payload.contains('.') {
            return Err(PARTS);
        }
        let header = decode(header).ok_or(Rejection::Malformed("the header is not base64url"))?;
        Ok(Self {
            header: object::parse(&header)
                .ok_or(Rejection::Malformed("the header is not a sound JSON object"))?,
            payload: decode(payload).ok_or(Rejection::Malformed("the payload is not base64url"))?,
            signed: signed.as_bytes(),
            signature: decode(signature).ok_or(Rejection::Malformed("the signature is not base64url"))?,
        })
    }

    /// The payload as a JWT Claims Set.
    pub(super) fn claims(&self) -> Result<Object, Rejection> {
        object::parse(&self.payload).ok_or(Rejection::Malformed("the claims are not a sound JSON object"))
    }
}

const PARTS: Rejection = Rejection::Malformed("the token has not three parts");

/// Strict base64url: no padding, no other characters, and no stray bits after the last byte, so that a token
/// has one spelling only (RFC 7515, section 2).
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_has_one_spelling() {
        assert_eq!(decode("AA").as_deref(), Some(&[0][..]));
        for text in ["AB", "AA==", "AA=", "A", "A A", "AA\n", "A+", "A/", "A?", "ÄA"] {
            assert!(decode(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn exactly_three_parts_are_accepted() {
        assert!(Compact::parse("e30.e30.AA", 64).is_ok());
        for token in [
            "",
            ".",
            "e30",
            "e30.e30",
            "e30.e30.AA.",
            "e30.e30.AA.AA",
            ".e30.e30.AA",
            "e30.e30.AA.AA.AA",
            "..",
            "{\"payload\":\"e30\",\"signatures\":[]}",
            " e30.e30.AA",
            "e30.e30.AA ",
            "e30 .e30.AA",
            "e30.e30=.AA",
        ] {
            assert!(Compact::parse(token, 64).is_err(), "{token:?}");
        }
    }

    #[test]
    fn size_is_bounded_to_the_byte() {
        assert!(Compact::parse("e30.e30.AA", 10).is_ok());
        assert!(Compact::parse("e30.e30.AA", 9).is_err());
    }
}
