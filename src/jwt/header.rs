use serde_json::Value;

use super::object::Object;
use super::{Algorithm, Rejection};

/// The longest accepted `kid`.
pub(super) const MAX_KID_BYTES: usize = 256;

/// Parameters that a token must not have: a key or where to find one, which is the issuer's to publish and
/// not the token's to bring (RFC 8725, section 3.10); extensions that must be understood (`crit`, and `b64`
/// of RFC 7797); and those of encrypted tokens.
const FORBIDDEN: [(&str, &str); 8] = [
    ("crit", "the header has crit"),
    ("b64", "the header has b64"),
    ("jku", "the header has jku"),
    ("jwk", "the header has jwk"),
    ("x5u", "the header has x5u"),
    ("x5c", "the header has x5c"),
    ("enc", "the header has enc"),
    ("zip", "the header has zip"),
];

/// What the header asks for.
#[derive(Debug)]
pub(super) struct Header<'a> {
    /// The algorithm, one that is known here.
    pub(super) algorithm: Algorithm,
    /// Which key, at most [`MAX_KID_BYTES`].
    pub(super) kid: Option<&'a str>,
    typ: Option<&'a str>,
}

impl<'a> Header<'a> {
    /// Reads the parameters that matter; others are ignored, as RFC 7515, section 4, demands.
    pub(super) fn read(object: &'a Object) -> Result<Self, Rejection> {
        for (name, reason) in FORBIDDEN {
            if object.contains_key(name) {
                return Err(Rejection::Rejected(reason));
            }
        }
        let algorithm =
            text(object, "alg", "alg is not a string")?.ok_or(Rejection::Malformed("alg is missing"))?;
        let kid = text(object, "kid", "kid is not a string")?;
        if kid.is_some_and(|kid| kid.len() > MAX_KID_BYTES) {
            return Err(Rejection::Rejected("kid is too long"));
        }
        Ok(Self {
            algorithm: algorithm.parse().map_err(|_| Rejection::Rejected("alg is not known"))?,
            kid,
            typ: text(object, "typ", "typ is not a string")?,
        })
    }

    /// Refuses a token that declares itself something else, an ID token or a logout token for example (RFC
    /// 8725, section 3.11).
    pub(super) fn check_type(&self, accepted: &[Box<str>]) -> Result<(), Rejection> {
        let Some(typ) = self.typ.map(without_prefix) else {
            return Ok(());
        };
        let fits = |name: &str| without_prefix(name).eq_ignore_ascii_case(typ);
        if accepted.iter().any(|name| fits(name)) {
            Ok(())
        } else {
            Err(Rejection::Rejected("typ is not accepted"))
        }
    }
}

/// `application/` may be left out of a media type without another slash (RFC 7515, section 4.1.9).
fn without_prefix(typ: &str) -> &str {
    const PREFIX: &str = "application/";
    match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
        _ => typ,
    }
}

fn text<'a>(object: &'a Object, name: &str, fault: &'static str) -> Result<Option<&'a str>, Rejection> {
    match object.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Rejection::Malformed(fault)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::object;

    fn read(json: &str) -> Result<(), Rejection> {
        let object = object::parse(json.as_bytes()).unwrap();
        let accepted = ["JWT".into(), "at+jwt".into()];
        Header::read(&object)?.check_type(&accepted)
    }

    #[test]
    fn types_are_compared_without_case_and_prefix() {
        for typ in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/JWT"] {
            assert_eq!(read(&format!(r#"{{"alg":"RS256","typ":"{typ}"}}"#)), Ok(()), "{typ}");
        }
        for typ in
            ["", "id+jwt", "logout+jwt", "application/", "text/JWT", "application/application/JWT", "JWT "]
        {
            assert!(read(&format!(r#"{{"alg":"RS256","typ":"{typ}"}}"#)).is_err(), "{typ}");
        }
        assert_eq!(read(r#"{"alg":"RS256"}"#), Ok(()));
    }

    #[test]
    fn parameters_that_bring_keys_or_extensions_are_refused() {
        for (name, reason) in FORBIDDEN {
            for value in ["null", "true", "[]", "\"x\""] {
                let json = format!(r#"{{"alg":"RS256","{name}":{value}}}"#);
                assert_eq!(read(&json), Err(Rejection::Rejected(reason)), "{json}");
            }
        }
        assert_eq!(read(r#"{"alg":"RS256","x5t":"abc","cty":"x","unknown":{}}"#), Ok(()));
    }

    #[test]
    fn parameters_are_typed() {
        for json in [
            "{}",
            r#"{"alg":1}"#,
            r#"{"alg":null}"#,
            r#"{"alg":["RS256"]}"#,
            r#"{"alg":"RS256","kid":1}"#,
            r#"{"alg":"RS256","kid":null}"#,
            r#"{"alg":"RS256","kid":["a"]}"#,
            r#"{"alg":"RS256","typ":null}"#,
        ] {
            assert!(matches!(read(json), Err(Rejection::Malformed(_))), "{json}");
        }
        for alg in ["none", "None", "NONE", "", "RS1", "rs256", "dir"] {
            let json = format!(r#"{{"alg":"{alg}"}}"#);
            assert_eq!(read(&json), Err(Rejection::Rejected("alg is not known")), "{json}");
        }
    }
}
