//! When a contender has started.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{Engine, Tally};
use crate::requests::Requests;

/// How long a contender may take from its start to its first good answer.
const START: Duration = Duration::from_secs(20);

impl Engine {
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
}
