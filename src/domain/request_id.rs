use std::fmt;

use serde::de::Error as _;
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

    /// Reads an id as answers, logs and the trail have it.
    pub fn parse(text: &str) -> Result<Self, InvalidRequestId> {
        Self::of(Uuid::try_parse(text).map_err(|_| InvalidRequestId)?)
    }

    fn of(id: Uuid) -> Result<Self, InvalidRequestId> {
        if id.get_version_num() == 7 { Ok(Self(id)) } else { Err(InvalidRequestId) }
    }

    /// When it was made, in milliseconds since 1970: its first 48 bits.
    pub fn unix_millis(self) -> i64 {
        let (high, _) = self.0.as_u64_pair();
        (high >> 16).cast_signed()
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

/// Text that is no request id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a request id is a UUID of version 7, as answers have it in X-Request-Id")]
pub struct InvalidRequestId;

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::of(Uuid::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.encode(&mut [0; 36]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_back_with_its_time() {
        let before = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
        let id = RequestId::generate(&ContextV7::new());
        assert_eq!(RequestId::parse(&id.to_string()), Ok(id));
        assert_eq!(serde_json::from_str::<RequestId>(&format!("\"{id}\"")).unwrap(), id);
        assert!((0..2000).contains(&(i128::from(id.unix_millis()) - before.cast_signed())));
        for text in ["", "01a20790", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"] {
            assert_eq!(RequestId::parse(text), Err(InvalidRequestId), "{text}");
            serde_json::from_str::<RequestId>(&format!("\"{text}\"")).unwrap_err();
        }
    }
}
