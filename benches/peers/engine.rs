//! One thread, one poll: the callers and the vendor, so that together they need less CPU than any contender.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use crate::caller::{Answer, Caller};
use crate::requests::Requests;
use crate::vendor::{LISTENER, Vendor};
use crate::world::ANSWER;

/// How long a contender may take from its start to its first good answer.
const START: Duration = Duration::from_secs(20);
/// How long requests may take that are in flight when a round ends.
const LEFT_OVER: Duration = Duration::from_secs(5);

pub(crate) struct Engine {
    poll: Poll,
    events: Events,
    vendor: Vendor,
    callers: Vec<Caller>,
    /// What each caller asks: an index into the requests.
    asks: Vec<usize>,
    buffer: Box<[u8]>,
    next: usize,
}

/// How callers decide when to ask.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// Each as soon as it has an answer.
    Closed,
    /// All together so many a second, whatever became of those before.
    Fixed(u32),
}

/// What was answered in some time.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) answered: u64,
    pub(crate) failed: u64,
    /// What the first failure was.
    pub(crate) failure: Option<String>,
    /// How long each answer took, in ns.
    pub(crate) took: Vec<u32>,
}

impl Engine {
    pub(crate) fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let vendor = Vendor::listen(poll.registry())?;
        let buffer = vec![0; 1 << 16].into_boxed_slice();
        let events = Events::with_capacity(1024);
        Ok(Self { poll, events, vendor, callers: Vec::new(), asks: Vec::new(), buffer, next: 0 })
    }

    pub(crate) fn vendor(&self) -> SocketAddr {
        self.vendor.address()
    }

    /// How many connections the vendor was ever given.
    pub(crate) fn vendor_connections(&self) -> u64 {
        self.vendor.accepted
    }

    /// Asks until the contender gives a good answer. `alive` says whether it still runs.
    pub(crate) fn until_ready(
        &mut self,
        address: SocketAddr,
        requests: &Requests,
        mut alive: impl FnMut() -> bool,
    ) -> io::Result<()> {
        let end = Instant::now() + START;
        let mut last = "no answer".to_owned();
        while Instant::now() < end {
            if !alive() {
                return Err(io::Error::other("it ended by itself"));
            }
            let probed = self.probe(address, requests);
            self.disconnect();
            match probed {
                Ok(tally) if tally.failed == 0 && tally.answered == 1 => return Ok(()),
                Ok(tally) => last = tally.failure.unwrap_or(last),
                Err(error) => last = error.to_string(),
            }
            // The vendor has to answer meanwhile, and a contender that has just refused needs its CPU.
            self.turn(&mut Tally::default(), requests, Duration::from_millis(1), |_| false)?;
        }
        Err(io::Error::other(format!("it does not serve: {last}")))
    }

    fn probe(&mut self, address: SocketAddr, requests: &Requests) -> io::Result<Tally> {
        self.connect(address, 1)?;
        let mut tally = Tally::default();
        self.ask(0, requests, Instant::now())?;
        let end = Instant::now() + Duration::from_secs(1);
        while tally.answered + tally.failed == 0 && Instant::now() < end {
            self.turn(&mut tally, requests, Duration::from_millis(1), |_| false)?;
        }
        Ok(tally)
    }

    /// Opens so many connections, in place of those before.
    pub(crate) fn connect(&mut self, address: SocketAddr, count: usize) -> io::Result<()> {
        self.disconnect();
        self.asks = vec![0; count];
        self.next = 0;
        for place in 0..count {
            self.callers.push(Caller::connect(self.poll.registry(), address, Token((place << 1) | 1))?);
        }
        let end = Instant::now() + Duration::from_secs(5);
        for place in 0..count {
            while !self.callers[place].connected()? {
                if Instant::now() > end {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                self.poll.poll(&mut self.events, Some(Duration::from_millis(1)))?;
                self.serve_vendor()?;
            }
        }
        Ok(())
    }

    /// Begins with the first request again.
    pub(crate) fn restart(&mut self) {
        self.next = 0;
    }

    pub(crate) fn disconnect(&mut self) {
        self.callers.clear();
    }

    /// Serves the vendor's connections among the events that were polled.
    fn serve_vendor(&mut self) -> io::Result<()> {
        for event in &self.events {
            match event.token() {
                LISTENER => self.vendor.accept(self.poll.registry())?,
                Token(token) if token & 1 == 0 => self.vendor.turn(event),
                Token(_) => {}
            }
        }
        Ok(())
    }

    /// Has caller `place` send the next request.
    fn ask(&mut self, place: usize, requests: &Requests, due: Instant) -> io::Result<()> {
        let ask = self.next;
        self.next += 1;
        self.asks[place] = ask;
        self.callers[place].ask(requests.at(ask), due)
    }

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

    /// Polls once. A caller that has its answer asks again if `more` says so of the next request.
    fn turn(
        &mut self,
        tally: &mut Tally,
        requests: &Requests,
        wait: Duration,
        more: impl Fn(usize) -> bool,
    ) -> io::Result<()> {
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            polled => polled?,
        }
        for event in &self.events {
            let token = event.token();
            if token == LISTENER {
                self.vendor.accept(self.poll.registry())?;
                continue;
            }
            if token.0 & 1 == 0 {
                self.vendor.turn(event);
                continue;
            }
            let place = token.0 >> 1;
            let Some(caller) = self.callers.get_mut(place) else { continue };
            if event.is_writable() && !caller.is_idle() {
                caller.go_on(requests.at(self.asks[place]))?;
            }
            if !event.is_readable() {
                continue;
            }
            if let Some(answer) = caller.answer(&mut self.buffer)? {
                tally.count(answer);
                if more(self.next) {
                    self.asks[place] = self.next;
                    caller.ask(requests.at(self.next), Instant::now())?;
                    self.next += 1;
                }
            }
        }
        Ok(())
    }
}

impl Tally {
    /// Every answer has to be the vendor's.
    fn count(&mut self, answer: Answer) {
        if answer.status == 200 && answer.body == ANSWER.len() {
            self.answered += 1;
            self.took.push(u32::try_from(answer.asked.elapsed().as_nanos()).unwrap_or(u32::MAX));
        } else {
            self.failed += 1;
            self.failure.get_or_insert_with(|| format!("{} with {} bytes", answer.status, answer.body));
        }
    }
}
