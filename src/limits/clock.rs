use std::time::Duration;

use governor::clock::Clock;
use tokio::time::Instant;

/// Governor's time is tokio's, so that every wait in the program is measured by one clock, and a test can pause it.
#[derive(Clone, Debug)]
pub(super) struct TokioClock {
    epoch: Instant,
}

impl TokioClock {
    pub(super) fn new() -> Self {
        Self { epoch: Instant::now() }
    }
}

impl Clock for TokioClock {
    /// Since the clock was made.
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }
}
