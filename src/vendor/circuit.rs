use std::time::Duration;

/// The state of a circuit breaker in one word, so that each change of it is one atomic operation. From the top: the
/// generation (18 bits), how often it was opened in a row (4), the phase (2), and what belongs to the phase (40).
///
/// Each change of phase begins a new generation: a call that is answered in another one than it began in has nothing to
/// say. A generation comes back after 262144 changes, which no call lives to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Circuit {
    generation: u64,
    streak: u32,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Calls go through; so many have failed in a row.
    Closed { failures: u32 },
    /// None does before this time, since the breaker was made; in whole milliseconds.
    Open { until: Duration },
    /// One is on its way.
    HalfOpen,
}

const DETAIL: u64 = (1 << 40) - 1;
const GENERATION: u64 = (1 << 18) - 1;
const STREAK: u32 = 15;

impl Circuit {
    pub(super) const CLOSED: Self = Self { generation: 0, streak: 0, phase: Phase::Closed { failures: 0 } };

    pub(super) fn phase(self) -> Phase {
        self.phase
    }

    pub(super) fn is_of_the_time_of(self, began: Self) -> bool {
        self.generation == began.generation
    }

    /// For how long it is to be open next.
    pub(super) fn pause(self, first: Duration, longest: Duration) -> Duration {
        first.saturating_mul(1 << self.streak).min(longest)
    }

    /// One failure more in a closed circuit.
    pub(super) fn failed(self) -> Self {
        let failures = match self.phase {
            Phase::Closed { failures } => failures.saturating_add(1),
            _ => 0,
        };
        Self { phase: Phase::Closed { failures }, ..self }
    }

    pub(super) fn opened(self, until: Duration) -> Self {
        Self { streak: (self.streak + 1).min(STREAK), ..self.next(Phase::Open { until }) }
    }

    /// Open as before, and for no longer.
    pub(super) fn opened_again(self) -> Self {
        self.next(Phase::Open { until: Duration::ZERO })
    }

    pub(super) fn probed(self) -> Self {
        self.next(Phase::HalfOpen)
    }

    /// Closed and without a failure; of the same generation where it was closed already.
    pub(super) fn healed(self) -> Self {
        let phase = Phase::Closed { failures: 0 };
        match self.phase {
            Phase::Closed { .. } => Self { phase, ..self },
            _ => Self { streak: 0, ..self.next(phase) },
        }
    }

    fn next(self, phase: Phase) -> Self {
        Self { generation: (self.generation + 1) & GENERATION, phase, ..self }
    }

    pub(super) fn into_word(self) -> u64 {
        let (phase, detail) = match self.phase {
            Phase::Closed { failures } => (0, u64::from(failures)),
            Phase::Open { until } => (1, u64::try_from(until.as_millis()).unwrap_or(DETAIL).min(DETAIL)),
            Phase::HalfOpen => (2, 0),
        };
        self.generation << 46 | u64::from(self.streak) << 42 | phase << 40 | detail
    }

    pub(super) fn from_word(word: u64) -> Self {
        let phase = match (word >> 40) & 3 {
            0 => Phase::Closed { failures: u32::try_from(word & DETAIL).unwrap_or(u32::MAX) },
            1 => Phase::Open { until: Duration::from_millis(word & DETAIL) },
            _ => Phase::HalfOpen,
        };
        let streak = u32::try_from(word >> 42).unwrap_or_default() & STREAK;
        Self { generation: word >> 46, streak, phase }
    }
}
