use serde::{Deserialize, Serialize};

/// What a caller wants done: the vendor's four calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// `POST /conferences`
    Create,
    /// `GET /conferences/{confrId}`
    Get,
    /// `DELETE /conferences/{confrId}`
    Dissolve,
    /// `DELETE /conferences/{confrId}/{userName}`
    Kick,
}

impl Action {
    /// Every action, in the order of the vendor's page.
    pub const ALL: [Self; 4] = [Self::Create, Self::Get, Self::Dissolve, Self::Kick];

    /// The name used in configuration, metrics and the trail.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Get => "get",
            Self::Dissolve => "dissolve",
            Self::Kick => "kick",
        }
    }

    /// Whether the call changes something at the vendor, and so needs an intent on disk before it is sent.
    pub fn is_mutation(self) -> bool {
        !matches!(self, Self::Get)
    }
}
