use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// A name that breaks its rule. Says the rule, never the value: the value came from a stranger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be {rule}")]
pub struct InvalidName {
    what: &'static str,
    rule: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $accepts:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            #[doc = concat!("Accepts ", $rule, ".")]
            pub fn parse(text: &str) -> Result<Self, InvalidName> {
                let accepts: fn(&str) -> bool = $accepts;
                if accepts(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidName { what: $what, rule: $rule })
                }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        // Lets a map keyed by the name be asked with borrowed text.
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

fn made_of(text: &str, max: usize, allowed: fn(u8) -> bool) -> bool {
    (1..=max).contains(&text.len()) && text.bytes().all(allowed)
}

name!(
    /// Who calls: the value of the tenant claim and the key of `[tenants]`.
    TenantId, "a tenant", "1 to 64 characters of A-Z a-z 0-9 _ . -",
    |text| made_of(text, 64, |b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
);
name!(
    /// The operator's own name for a vendor application: the key of `[apps]`.
    AppKey, "an app", "1 to 64 characters of A-Z a-z 0-9 _ . -",
    |text| made_of(text, 64, |b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
);
name!(
    /// The vendor's `orgName`. Its rule is not published; this covers every one seen.
    OrgName, "org", "1 to 64 characters of A-Z a-z 0-9 -",
    |text| made_of(text, 64, |b| b.is_ascii_alphanumeric() || b == b'-')
);
name!(
    /// The vendor's `appName`.
    AppName, "app", "1 to 32 characters of a-z 0-9 -",
    |text| made_of(text, 32, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
);
name!(
    /// The vendor's `confrId`, case-sensitive. `room` is the name of an undocumented sibling call, so it is no id.
    ConferenceId, "a conference id", "1 to 64 characters of A-Z a-z 0-9 _ -, and not \"room\"",
    |text| made_of(text, 64, |b| b.is_ascii_alphanumeric() || b"_-".contains(&b)) && text != "room"
);

/// The vendor's `userName`, which it compares without regard to case: kept in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct UserName(Arc<str>);

impl UserName {
    /// Accepts 1 to 64 characters of `A-Z a-z 0-9 _ . -`, other than `.` and `..`, which a path would swallow.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let well_formed = made_of(text, 64, |b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
        if well_formed && text != "." && text != ".." {
            Ok(Self(text.to_ascii_lowercase().into()))
        } else {
            Err(InvalidName {
                what: "a user name",
                rule: "1 to 64 characters of A-Z a-z 0-9 _ . -, and not \".\" or \"..\"",
            })
        }
    }

    /// The name as text, in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_path_would_misread_are_refused() {
        for text in ["", ".", "..", "a/b", "a%2fb", "a b", "ä", "a\0", &"a".repeat(65)] {
            assert!(UserName::parse(text).is_err(), "{text:?}");
            assert!(ConferenceId::parse(text).is_err(), "{text:?}");
        }
        assert!(ConferenceId::parse("room").is_err());
        assert!(ConferenceId::parse("Room").is_ok());
    }

    #[test]
    fn user_names_are_one_whatever_their_case() {
        assert_eq!(UserName::parse("HuangCL").unwrap(), UserName::parse("huangcl").unwrap());
    }

    #[test]
    fn the_vendors_examples_are_accepted() {
        assert!(OrgName::parse("1100181023201864").is_ok());
        assert!(AppName::parse("voicechatroom").is_ok());
        assert!(ConferenceId::parse("IM3SKW51SKH4TB80LV45000C7").is_ok());
        assert!(UserName::parse("yangss").is_ok());
    }
}
