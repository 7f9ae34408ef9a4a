//! When callers ask.

use std::io;
use std::time::{Duration, Instant};

use super::{Engine, Tally};
use crate::caller::Caller;
use crate::requests::Requests;

/// How long requests may take that are in flight when a round ends.
const LEFT_OVER: Duration = Duration::from_secs(5);

/// How callers decide when to ask.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// Each as soon as it has an answer.
    Closed,
    /// All together so many a second, whatever became of those before.
    Fixed(u32),
}

impl Engine {
    /// Keeps callers busy for so long, or until requests run out that are to be sent once.
    pub(crate) fn drive(&mut self, requests: &Requests, pace: Pace, time: Duration) -> io::Result<Tally> {
        // Without an allocation on the way: more than any contender here answers.
        let mut tally = Tally { took: Vec::with_capacity(400_000), ..Tally::default() };
        let end = Instant::now() + time;
        match pace {
            Pace::Closed => self.drive_closed(&mut tally, requests, end)?,
            Pace::Fixed(rate) => self.drive_fixed(&mut tally, requests, end, rate)?,
        }
        Ok(tally)
    }

    fn drive_closed(&mut self, tally: &mut Tally, requests: &Requests, end: Instant) -> io::Result<()> {
        for place in 0..self.callers.len() {
            if self.callers[place].is_idle() && !requests.over(self.next) {
                self.ask(place, requests, Instant::now())?;
            }
        }
        while Instant::now() < end && !requests.over(self.next) {
            self.turn(tally, requests, Duration::from_millis(10), |next| !requests.over(next))?;
        }
        Ok(())
    }

    /// Polls without sleeping: a sleep is rounded to milliseconds.
    fn drive_fixed(
        &mut self,
        tally: &mut Tally,
        requests: &Requests,
        end: Instant,
        rate: u32,
    ) -> io::Result<()> {
        let gap = Duration::from_secs(1) / rate;
        let mut due = Instant::now();
        loop {
            let now = Instant::now();
            if now >= end {
                return Ok(());
            }
            while due <= now {
                let Some(place) = self.callers.iter().position(Caller::is_idle) else { break };
                self.ask(place, requests, due)?;
                due += gap;
            }
            self.turn(tally, requests, Duration::ZERO, |_| false)?;
        }
    }

    /// Has every caller ask once, a few of them at a time.
    pub(crate) fn each_once(&mut self, requests: &Requests) -> io::Result<()> {
        let mut tally = Tally::default();
        for few in (0..self.callers.len()).collect::<Vec<_>>().chunks(32) {
            for place in few {
                self.ask(*place, requests, Instant::now())?;
            }
            self.settle(requests, &mut tally)?;
        }
        tally.failure.map_or(Ok(()), |failure| Err(io::Error::other(failure)))
    }

    /// Waits for what is in flight, which is not counted but for failures.
    pub(crate) fn settle(&mut self, requests: &Requests, tally: &mut Tally) -> io::Result<()> {
        let end = Instant::now() + LEFT_OVER;
        let mut rest = Tally::default();
        while !self.callers.iter().all(Caller::is_idle) {
            if Instant::now() > end {
                return Err(io::Error::other("a request was never answered"));
            }
            self.turn(&mut rest, requests, Duration::from_millis(10), |_| false)?;
        }
        tally.failed += rest.failed;
        tally.failure = tally.failure.take().or(rest.failure);
        Ok(())
    }

    /// Serves the vendor while nobody asks.
    pub(crate) fn idle(&mut self, requests: &Requests, time: Duration) -> io::Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.turn(&mut Tally::default(), requests, Duration::from_millis(50), |_| false)?;
        }
        Ok(())
    }
}
