use std::time::Duration;

use tokio::time::Instant;

use super::bell::Urgency;

/// How long a record that nobody waits for may wait for others. At 60 000 records a second they are 200 KB, which are
/// written for a quarter of what each would take by itself.
const LINGER: Duration = Duration::from_millis(4);

/// While several wait for the disk at a time, they are served as often as this at most: each `fdatasync` takes about as
/// much CPU as four requests.
const GAP: Duration = Duration::from_millis(1);

/// When the thread writes what waits.
#[derive(Debug)]
pub(super) struct Pace {
    /// What nobody waits for is written then.
    lingers: Option<Instant>,
    /// What somebody waits for is not written before.
    next: Instant,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Write what waits.
    Write,
    /// Sleep, until then or until there is something of this urgency.
    Sleep(Urgency, Instant),
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { lingers: None, next: now }
    }

    /// What to do about something of this urgency, or by `later` if there is nothing.
    pub(super) fn step(&mut self, urgency: Urgency, now: Instant, later: Instant) -> Step {
        match urgency {
            Urgency::Now => Step::Write,
            Urgency::Waited if now >= self.next => Step::Write,
            Urgency::Waited => Step::Sleep(Urgency::Now, self.next.min(later)),
            Urgency::Queued | Urgency::Nothing => self.linger(urgency, now, later),
        }
    }

    /// Nothing that came while others were waited for is worth being woken for: there will be more of it.
    fn linger(&mut self, urgency: Urgency, now: Instant, later: Instant) -> Step {
        let until = match self.lingers {
            Some(until) => until,
            None if urgency == Urgency::Nothing => return Step::Sleep(Urgency::Queued, later),
            None => now + LINGER,
        };
        self.lingers = Some(until);
        match urgency {
            _ if now < until => Step::Sleep(Urgency::Waited, until.min(later)),
            Urgency::Nothing => {
                self.lingers = None;
                Step::Sleep(Urgency::Queued, later)
            }
            _ => Step::Write,
        }
    }

    /// What waited was written, beginning at `began`, for so many who waited for it.
    pub(super) fn wrote(&mut self, waited: usize, began: Instant) {
        self.lingers = Some(Instant::now() + LINGER);
        if waited > 0 {
            self.next = if waited > 1 { began + GAP } else { began };
        }
    }
}
