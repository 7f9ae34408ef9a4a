use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::{ContextV7, Timestamp, Uuid};

/// Names one request in the answer, the log and the trail: a UUID of version 7 (RFC 9562, section 5.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(Uuid);

impl RequestId {
    /// A new id. `context` keeps ids of one millisecond in order, and belongs to one worker: the process-wide
    /// one is behind a lock.
    pub fn generate(context: &ContextV7) -> Self {
        Self(Uuid::new_v7(Timestamp::now(context)))
    }

    /// Two random numbers out of the id's random part, for what needs to be unlike others but not secret.
    pub fn entropy(self) -> (u128, u64) {
        let (_, low) = self.0.as_u64_pair();
        (self.0.as_u128(), low)
    }

    /// The id as 36 ASCII characters, written into `buffer`.
    pub fn encode(self, buffer: &mut [u8; 36]) -> &str {
        self.0.hyphenated().encode_lower(buffer)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Uuid::deserialize(deserializer).map(Self)
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.encode(&mut [0; 36]))
    }
}
