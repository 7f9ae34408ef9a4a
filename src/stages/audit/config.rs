use std::num::NonZeroU32;
use std::time::Duration;

use crate::trail::Durability;

/// What of a request goes on record, and how firmly.
#[derive(Clone, Copy, Debug)]
pub struct AuditConfig {
    /// How firmly.
    pub durability: DurabilityConfig,
    /// What of a flood.
    pub floods: FloodConfig,
}

/// How firmly a record must be in the trail before anything else happens, by the class of the request.
#[derive(Clone, Copy, Debug)]
pub struct DurabilityConfig {
    /// The intent of a create, dissolve or kick, before the vendor sees the call. Its outcome is written before the
    /// caller has the answer, unless this is [`Durability::Queue`].
    pub mutations: Durability,
    /// The outcome of a get that was let through, before the caller has the answer; none leaves no record.
    pub reads: Option<Durability>,
    /// The outcome of what was refused, before the caller is told.
    pub refusals: Durability,
}

/// When equal refusals are counted rather than recorded one by one.
#[derive(Clone, Copy, Debug)]
pub struct FloodConfig {
    /// So many of a kind have an outcome of their own in each window.
    pub individually: NonZeroU32,
    /// How long a window is.
    pub every: Duration,
}

/// What durability depends on. A request's class is known for certain when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// A create, dissolve or kick that was let through.
    Mutation,
    /// Anything else that was let through.
    Read,
    /// What the gateway did not let through.
    Refusal,
}

impl DurabilityConfig {
    /// How firm an outcome must be; none where there is to be no record of it.
    pub(super) fn of_outcome(self, class: Class) -> Option<Durability> {
        match class {
            // On disk is the intent; its outcome is known again after a crash of the machine, as being unknown.
            Class::Mutation => Some(self.mutations.min(Durability::Write)),
            Class::Read => self.reads,
            Class::Refusal => Some(self.refusals),
        }
    }

    /// Whether equal refusals are counted: only where nobody waits for a record of each.
    pub(super) fn counts_refusals(self) -> bool {
        self.refusals == Durability::Queue
    }
}

#[cfg(test)]
impl AuditConfig {
    /// The defaults, but for what a test is about.
    pub(super) fn with(durability: DurabilityConfig) -> Self {
        let individually = NonZeroU32::new(5).unwrap();
        Self { durability, floods: FloodConfig { individually, every: Duration::from_secs(10) } }
    }
}

#[cfg(test)]
impl DurabilityConfig {
    pub(super) const DEFAULT: Self =
        Self { mutations: Durability::Sync, reads: Some(Durability::Queue), refusals: Durability::Queue };
}
