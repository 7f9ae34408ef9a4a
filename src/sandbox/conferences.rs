//! The conferences of one application, from creation to the end, and the ids of those that have ended.

use std::collections::{BTreeSet, HashMap, VecDeque};

use tokio::time::Instant;

use super::conference::{Conference, Join, JoinRefused};
use super::generate;
use super::rules::Plan;
use crate::domain::ConferenceId;

/// Conferences at a time in one application.
const MAX_CONFERENCES: usize = 10_000;
/// How many ended ones are told from those that never were.
const MAX_REMEMBERED: usize = 1000;

/// The conferences of one application. Nobody sees the time pass but a caller, so a conference whose time is
/// over is dissolved when the next call comes in, by [`Conferences::dissolve_due`].
#[derive(Default)]
pub(super) struct Conferences {
    live: HashMap<ConferenceId, Conference>,
    /// The empty ones, by when they are dissolved.
    due: BTreeSet<(Instant, ConferenceId)>,
    ended: VecDeque<ConferenceId>,
}

/// Why an id names no conference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// It never did, or that is long ago.
    Unknown,
    /// It did until lately.
    Ended,
}

/// There are too many conferences at a time.
#[derive(Debug)]
pub(super) struct Full;

impl Conferences {
    /// Ends the conferences that nobody has joined in time.
    pub(super) fn dissolve_due(&mut self, now: Instant) {
        while let Some((deadline, _)) = self.due.first()
            && *deadline <= now
            && let Some((_, id)) = self.due.pop_first()
        {
            tracing::info!(conference = %id, "dissolved: nobody joined in time");
            self.end(&id);
        }
    }

    /// A new conference, empty.
    pub(super) fn create(&mut self, plan: Plan, now: Instant) -> Result<&Conference, Full> {
        if self.live.len() >= MAX_CONFERENCES {
            return Err(Full);
        }
        let id = ConferenceId::parse(&generate::conference_id()).map_err(|_| Full)?;
        let conference = Conference::new(id.clone(), plan, now);
        self.due.extend(conference.deadline.map(|deadline| (deadline, id.clone())));
        Ok(self.live.entry(id).insert_entry(conference).into_mut())
    }

    /// The conference of that id.
    pub(super) fn find(&self, id: &str) -> Result<&Conference, Missing> {
        self.live.get(id).ok_or_else(|| self.missing(id))
    }

    /// Lets somebody in; from then on the conference lives as long as somebody is in.
    pub(super) fn join(&mut self, id: &str, join: &Join) -> Result<Result<(), JoinRefused>, Missing> {
        let Some(conference) = self.live.get_mut(id) else {
            return Err(self.missing(id));
        };
        let deadline = conference.deadline;
        if let Err(refused) = conference.join(join) {
            return Ok(Err(refused));
        }
        if let Some(deadline) = deadline {
            self.due.remove(&(deadline, conference.id.clone()));
        }
        Ok(Ok(()))
    }

    /// Takes somebody out, and ends the conference if it was the last. False where no such user is in.
    pub(super) fn leave(&mut self, id: &str, user: &str) -> Result<bool, Missing> {
        let Some(conference) = self.live.get_mut(id) else {
            return Err(self.missing(id));
        };
        let left = conference.leave(user);
        if conference.is_deserted() {
            let id = conference.id.clone();
            tracing::info!(conference = %id, "destroyed: the last member left");
            self.end(&id);
        }
        Ok(left)
    }

    /// Ends a conference, whoever is in.
    pub(super) fn dissolve(&mut self, id: &str) -> Result<(), Missing> {
        let id = self.find(id)?.id.clone();
        self.end(&id);
        Ok(())
    }

    /// All that live, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Conference> {
        self.live.values()
    }

    fn missing(&self, id: &str) -> Missing {
        if self.ended.iter().any(|ended| ended.as_str() == id) { Missing::Ended } else { Missing::Unknown }
    }

    fn end(&mut self, id: &ConferenceId) {
        let Some(conference) = self.live.remove(id) else {
            return;
        };
        if let Some(deadline) = conference.deadline {
            self.due.remove(&(deadline, conference.id.clone()));
        }
        if self.ended.len() >= MAX_REMEMBERED {
            self.ended.pop_front();
        }
        self.ended.push_back(conference.id);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn create(conferences: &mut Conferences, now: Instant) -> String {
        let plan = Plan::read(br#"{"confrDelayMillis":1000}"#).unwrap();
        conferences.create(plan, now).unwrap().id.to_string()
    }

    fn join(conferences: &mut Conferences, id: &str) {
        let join = serde_json::from_str(r#"{"user":"a"}"#).unwrap();
        conferences.join(id, &join).unwrap().unwrap();
    }

    #[test]
    fn an_empty_conference_ends_with_its_delay() {
        let (mut conferences, now) = (Conferences::default(), Instant::now());
        let id = create(&mut conferences, now);
        conferences.dissolve_due(now + Duration::from_millis(999));
        assert!(conferences.find(&id).is_ok());
        conferences.dissolve_due(now + Duration::from_secs(1));
        assert_eq!(conferences.find(&id).err(), Some(Missing::Ended));
        assert_eq!(conferences.find("X").err(), Some(Missing::Unknown));
    }

    #[test]
    fn a_joined_conference_ends_with_its_last_member_and_not_before() {
        let (mut conferences, now) = (Conferences::default(), Instant::now());
        let id = create(&mut conferences, now);
        join(&mut conferences, &id);
        conferences.dissolve_due(now + Duration::from_hours(1));
        assert_eq!(conferences.leave(&id, "b"), Ok(false));
        assert!(conferences.find(&id).is_ok());
        assert_eq!(conferences.leave(&id, "A"), Ok(true));
        assert_eq!(conferences.leave(&id, "a"), Err(Missing::Ended));
    }

    #[test]
    fn their_number_and_the_memory_of_them_are_bounded() {
        let (mut conferences, now) = (Conferences::default(), Instant::now());
        for _ in 0..MAX_CONFERENCES {
            create(&mut conferences, now);
        }
        assert!(conferences.create(Plan::read(b"{}").unwrap(), now).is_err());
        conferences.dissolve_due(now + Duration::from_secs(1));
        assert_eq!(conferences.iter().count(), 0);
        assert_eq!((conferences.ended.len(), conferences.due.len()), (MAX_REMEMBERED, 0));
    }
}
