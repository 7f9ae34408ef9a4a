//! What records look like when they arrive. Every form is one JSON object a line and says the sequence number and the
//! hash of its line and the hash of the line before, so that a receiver can check that none is missing.

mod ecs;
mod members;
mod ocsf;
#[cfg(test)]
mod tests;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::trail::{Line, LineHash};
use members::Members;

/// What a record looks like when it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The trail's own line, byte for byte: what arrives can be verified as the trail itself can.
    Confgate,
    /// The Open Cybersecurity Schema Framework 1.3, class API Activity (6003).
    Ocsf,
    /// The Elastic Common Schema 9.3.
    Ecs,
}

impl Form {
    /// The name in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Confgate => "confgate",
            Self::Ocsf => "ocsf",
            Self::Ecs => "ecs",
        }
    }

    /// The record as a line with a newline. `hash` is the line's own.
    pub(super) fn render(self, line: Line<'_>, hash: LineHash) -> Vec<u8> {
        let event = match self {
            Self::Confgate => return line.bytes.to_owned(),
            Self::Ocsf => Members::of(line, hash).map(ocsf::event),
            Self::Ecs => Members::of(line, hash).map(ecs::event),
        };
        // What is no record any more was changed by somebody, and all the more to be told.
        let event = event.unwrap_or_else(|| self.unreadable(line, hash));
        let mut bytes = event.to_string().into_bytes();
        bytes.push(b'\n');
        bytes
    }

    fn unreadable(self, line: Line<'_>, hash: LineHash) -> Value {
        let text = String::from_utf8_lossy(line.bytes);
        let members = Members::unreadable(line, hash);
        if self == Self::Ocsf { ocsf::unreadable(members, &text) } else { ecs::unreadable(members, &text) }
    }
}

impl Serialize for Form {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
