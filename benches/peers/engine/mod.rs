//! One thread, one poll: the callers and the vendor, so that together they need less CPU than any contender.

mod drive;
mod ready;
mod tally;

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use crate::caller::Caller;
use crate::requests::Requests;
use crate::vendor::Vendor;

pub(crate) use self::drive::Pace;
pub(crate) use self::tally::Tally;

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

impl Engine {
    /// With a vendor at a port of its own.
    pub(crate) fn new() -> io::Result<Self> {
        Self::beside(0)
    }

    /// With a vendor at the port of another's, which gets a part of the connections.
    pub(crate) fn beside(port: u16) -> io::Result<Self> {
        let poll = Poll::new()?;
        let vendor = Vendor::listen(poll.registry(), port)?;
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
                for event in &self.events {
                    self.vendor.takes(self.poll.registry(), event)?;
                }
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

    /// Has caller `place` send the next request.
    fn ask(&mut self, place: usize, requests: &Requests, due: Instant) -> io::Result<()> {
        let ask = self.next;
        self.next += 1;
        self.asks[place] = ask;
        self.callers[place].ask(requests.at(ask), due)
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
            if self.vendor.takes(self.poll.registry(), event)? {
                continue;
            }
            let place = event.token().0 >> 1;
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
