use std::fmt;

use super::{Action, ConferenceId, UserName};

/// One of the vendor's four calls, with its ids. There is no fifth. `C` is what is known of a create's body: nothing
/// yet, the checked fields, or the bytes to send.
#[derive(Clone, PartialEq, Eq)]
pub enum Call<C> {
    /// `POST …/conferences`
    Create(C),
    /// `GET …/conferences/{confrId}`
    Get(ConferenceId),
    /// `DELETE …/conferences/{confrId}`
    Dissolve(ConferenceId),
    /// `DELETE …/conferences/{confrId}/{userName}`
    Kick(ConferenceId, UserName),
}

impl<C> Call<C> {
    /// Which of the four.
    pub fn action(&self) -> Action {
        match self {
            Self::Create(_) => Action::Create,
            Self::Get(_) => Action::Get,
            Self::Dissolve(_) => Action::Dissolve,
            Self::Kick(..) => Action::Kick,
        }
    }

    /// The same call, with a create's body as `map` has it.
    pub fn map_create<D>(self, map: impl FnOnce(C) -> D) -> Call<D> {
        match self {
            Self::Create(create) => Call::Create(map(create)),
            Self::Get(id) => Call::Get(id),
            Self::Dissolve(id) => Call::Dissolve(id),
            Self::Kick(id, user) => Call::Kick(id, user),
        }
    }

    /// The conference that the call names; a create names none.
    pub fn conference(&self) -> Option<&ConferenceId> {
        match self {
            Self::Create(_) => None,
            Self::Get(id) | Self::Dissolve(id) | Self::Kick(id, _) => Some(id),
        }
    }

    /// Who is kicked.
    pub fn user(&self) -> Option<&UserName> {
        match self {
            Self::Kick(_, user) => Some(user),
            _ => None,
        }
    }
}

/// Without a create's body, which may hold a password.
impl<C> fmt::Debug for Call<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = f.debug_tuple(self.action().as_str());
        if let Some(id) = self.conference() {
            tuple.field(id);
        }
        if let Some(user) = self.user() {
            tuple.field(user);
        }
        tuple.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_create_does_not_show_its_password() {
        let create = Call::Create("{\"password\":\"canary\"}");
        assert_eq!(format!("{create:?}"), "create");
    }
}
