use std::time::Duration;

use tokio::time::Instant;

use super::bell::Urgency;

/// How long a record that nobody waits for may wait for others. At 60 000 records a second they are 450 kB, and what
/// a wake-up, a look at the file and a write cost is shared by 600.
const LINGER: Duration = Duration::from_millis(10);

/// While several wait at a time, the next have this long to gather for each of them. An `fdatasync` takes about as much
/// CPU as four requests: where many come, more of them share one, and where few do, nobody waits long for others.
const GAP_EACH: Duration = Duration::from_micros(100);

/// How long that is at most.
const LONGEST_GAP: Duration = Duration::from_millis(5);

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
            self.next = began + gap(waited);
        }
    }
}

/// How long after the beginning of a batch that so many waited for the next may begin.
fn gap(waited: usize) -> Duration {
    match u32::try_from(waited) {
        Ok(0 | 1) => Duration::ZERO,
        Ok(waited) => GAP_EACH.saturating_mul(waited).min(LONGEST_GAP),
        Err(_) => LONGEST_GAP,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_nobody_waits_for_is_written_with_what_comes_meanwhile() {
        let now = Instant::now();
        let (mut pace, later) = (Pace::new(now), now + SECOND);
        assert_eq!(pace.step(Urgency::Nothing, now, later), Step::Sleep(Urgency::Queued, later));
        assert_eq!(pace.step(Urgency::Queued, now, later), Step::Sleep(Urgency::Waited, now + LINGER));
        assert_eq!(
            pace.step(Urgency::Queued, now + LINGER / 2, later),
            Step::Sleep(Urgency::Waited, now + LINGER)
        );
        assert_eq!(pace.step(Urgency::Queued, now + LINGER, later), Step::Write);
        assert_eq!(
            pace.step(Urgency::Queued, now, now),
            Step::Sleep(Urgency::Waited, now),
            "not past a tick"
        );
    }

    #[test]
    fn under_load_nobody_wakes_the_thread_and_idle_it_sleeps() {
        let now = Instant::now();
        let (mut pace, later) = (Pace::new(now), now + SECOND);
        pace.wrote(0, now);
        let Step::Sleep(Urgency::Waited, until) = pace.step(Urgency::Nothing, now, later) else {
            panic!("it lingers")
        };
        assert_eq!(pace.step(Urgency::Nothing, until, later), Step::Sleep(Urgency::Queued, later));
    }

    #[test]
    fn who_waits_alone_is_served_at_once_and_many_together() {
        let now = Instant::now();
        let (mut pace, later) = (Pace::new(now), now + SECOND);
        for _ in 0..3 {
            assert_eq!(pace.step(Urgency::Waited, now, later), Step::Write);
            pace.wrote(1, now);
        }
        for (waited, gap) in
            [(2, GAP_EACH * 2), (20, GAP_EACH * 20), (1000, LONGEST_GAP), (usize::MAX, LONGEST_GAP)]
        {
            pace.wrote(waited, now);
            assert_eq!(
                pace.step(Urgency::Waited, now, later),
                Step::Sleep(Urgency::Now, now + gap),
                "{waited}"
            );
            assert_eq!(pace.step(Urgency::Now, now, later), Step::Write);
            assert_eq!(pace.step(Urgency::Waited, now + gap, later), Step::Write);
        }
    }
}
