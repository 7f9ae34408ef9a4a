//! What a caller asks of the emulated vendor: one of its paths, or none of them.

use http::Method;
use serde::{Deserialize, Serialize};

/// A vendor call without its particulars: what faults are ordered for and what is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// `POST /{org}/{app}/token`
    Token,
    /// `POST /{org}/{app}/conferences`
    Create,
    /// `GET /{org}/{app}/conferences/{confrId}`
    Get,
    /// `DELETE /{org}/{app}/conferences/{confrId}`
    Dissolve,
    /// `DELETE /{org}/{app}/conferences/{confrId}/{userName}`
    Kick,
    /// Any other method or path.
    Unknown,
}

impl Kind {
    /// The name in the control API and the log.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Create => "create",
            Self::Get => "get",
            Self::Dissolve => "dissolve",
            Self::Kick => "kick",
            Self::Unknown => "unknown",
        }
    }
}

/// What the path names, as sent: nothing is checked yet but its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target<'a> {
    Token,
    Create,
    Get(&'a str),
    Dissolve(&'a str),
    Kick(&'a str, &'a str),
    Unknown,
}

/// A call on one application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call<'a> {
    pub(super) org: &'a str,
    pub(super) app: &'a str,
    pub(super) target: Target<'a>,
}

impl<'a> Call<'a> {
    /// Reads method and path. Segments are compared as sent: the vendor's names need no percent-encoding.
    pub(super) fn parse(method: &Method, path: &'a str) -> Self {
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let (org, app, rest) = match segments.as_slice() {
            [org, app, rest @ ..] => (*org, *app, rest),
            _ => ("", "", [].as_slice()),
        };
        let target = match (method.as_str(), rest) {
            ("POST", ["token"]) => Target::Token,
            ("POST", ["conferences"]) => Target::Create,
            ("GET", ["conferences", id]) if !id.is_empty() => Target::Get(id),
            ("DELETE", ["conferences", id]) if !id.is_empty() => Target::Dissolve(id),
            ("DELETE", ["conferences", id, user]) if !user.is_empty() => Target::Kick(id, user),
            _ => Target::Unknown,
        };
        Self { org, app, target }
    }

    /// Which of the calls it is.
    pub(super) fn kind(&self) -> Kind {
        match self.target {
            Target::Token => Kind::Token,
            Target::Create => Kind::Create,
            Target::Get(_) => Kind::Get,
            Target::Dissolve(_) => Kind::Dissolve,
            Target::Kick(..) => Kind::Kick,
            Target::Unknown => Kind::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_shapes_are_calls() {
        let kind = |method: Method, path: &str| Call::parse(&method, path).kind();
        assert_eq!(kind(Method::POST, "/o/a/token"), Kind::Token);
        assert_eq!(kind(Method::POST, "/o/a/conferences"), Kind::Create);
        assert_eq!(kind(Method::GET, "/o/a/conferences/X"), Kind::Get);
        assert_eq!(kind(Method::DELETE, "/o/a/conferences/X"), Kind::Dissolve);
        assert_eq!(kind(Method::DELETE, "/o/a/conferences/X/u"), Kind::Kick);
        for path in ["/", "", "/o", "/o/a", "/o/a/conferences/", "/o/a/conferences/room", "/o/a/tokens"] {
            assert_eq!(kind(Method::POST, path), Kind::Unknown, "{path}");
        }
        assert_eq!(kind(Method::PUT, "/o/a/conferences/X"), Kind::Unknown);
        assert_eq!(kind(Method::DELETE, "/o/a/conferences/X/"), Kind::Unknown);
    }
}
