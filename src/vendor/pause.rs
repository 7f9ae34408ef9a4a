use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// How long a pause may last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PauseConfig {
    /// When the vendor does not say how long, as it never did so far: its throttling is by the second.
    pub default: Duration,
    /// At most, whatever the vendor says: one odd header must not shut an app out for a day.
    pub longest: Duration,
}

/// The pause that the vendor asked for with a 429 or a 503, for one app. Shared by all workers without a lock.
#[derive(Debug)]
pub struct Pause {
    config: PauseConfig,
    created: Instant,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When it ends, in microseconds since the first one was created.
    ends: AtomicU64,
    /// How many there were.
    begun: AtomicU64,
}

impl Pause {
    /// No pause yet.
    pub fn new(config: PauseConfig) -> Self {
        Self { config, created: Instant::now(), state: Arc::default() }
    }

    /// The pause as it stands, within other bounds from now on. The same one where these are the bounds already.
    pub fn with(self: &Arc<Self>, config: PauseConfig) -> Arc<Self> {
        if config == self.config {
            return Arc::clone(self);
        }
        // One and the same, so that calls which began before can still open it.
        Arc::new(Self { config, created: self.created, state: Arc::clone(&self.state) })
    }

    /// Whether a call may be made; otherwise how long to wait.
    pub fn check(&self) -> Result<(), Duration> {
        let ends = Duration::from_micros(self.state.ends.load(Ordering::Relaxed));
        let left = ends.saturating_sub(self.created.elapsed());
        if left.is_zero() { Ok(()) } else { Err(left) }
    }

    /// Begins a pause of the length asked for, within the bounds. It never ends one that lasts longer: answers
    /// arrive in any order.
    pub fn open(&self, asked: Option<Duration>) {
        let wait = asked.unwrap_or(self.config.default).min(self.config.longest);
        let now = self.created.elapsed();
        let before = self.state.ends.fetch_max(micros(now + wait), Ordering::Relaxed);
        if before <= micros(now) {
            self.state.begun.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many there were; what prolongs one does not count.
    pub fn begun(&self) -> u64 {
        self.state.begun.load(Ordering::Relaxed)
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const CONFIG: PauseConfig =
        PauseConfig { default: Duration::from_secs(1), longest: Duration::from_mins(1) };

    #[tokio::test(start_paused = true)]
    async fn a_pause_ends_by_itself() {
        let pause = Pause::new(CONFIG);
        assert_eq!(pause.check(), Ok(()));
        pause.open(None);
        assert_eq!(pause.check(), Err(Duration::from_secs(1)));
        advance(Duration::from_millis(400)).await;
        assert_eq!(pause.check(), Err(Duration::from_millis(600)));
        advance(Duration::from_millis(600)).await;
        assert_eq!(pause.check(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_wins_within_the_bounds() {
        let pause = Pause::new(CONFIG);
        pause.open(Some(Duration::from_hours(24)));
        assert_eq!(pause.check(), Err(Duration::from_mins(1)));
        pause.open(Some(Duration::ZERO));
        assert_eq!(pause.check(), Err(Duration::from_mins(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_prolongs_a_pause_is_no_other_one() {
        let pause = Arc::new(Pause::new(CONFIG));
        assert_eq!(pause.begun(), 0);
        pause.open(None);
        advance(Duration::from_millis(400)).await;
        pause.open(None);
        assert_eq!(pause.begun(), 1);
        advance(Duration::from_secs(1)).await;
        let changed = pause.with(PauseConfig { default: Duration::from_secs(2), ..CONFIG });
        changed.open(None);
        assert_eq!((pause.begun(), changed.begun()), (2, 2));
    }
}
