use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use super::config::ConsumerConfig;
use super::consumer::{Consumer, becomes_true};
use super::cursor::known;
use super::progress::{Progress, Shipped};
use super::sink::Sink;
use crate::trail::SyncedView;
use crate::upstream::Connector;

/// How long the end may wait for receivers to take what is left.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a thread may need to notice that its time is over.
const GRACE: Duration = Duration::from_millis(500);

/// The consumers, each on a thread of its own.
#[derive(Debug)]
pub struct Shipping {
    configs: Vec<ConsumerConfig>,
    shipped: Shipped,
    end: watch::Sender<bool>,
    alive: mpsc::Sender<()>,
    /// Closed when every consumer has ended.
    ended: mpsc::Receiver<()>,
}

impl Shipping {
    /// The consumers, not started: whoever asks is told that nothing is shipped.
    pub fn new(configs: &[ConsumerConfig]) -> Self {
        let (alive, ended) = mpsc::channel(1);
        let shipped = Shipped::new(configs);
        Self { configs: configs.to_vec(), shipped, end: watch::Sender::default(), alive, ended }
    }

    /// How far everything is.
    pub fn shipped(&self) -> Shipped {
        self.shipped.clone()
    }

    /// Starts a thread, named `ship-NAME`, for each consumer of the trail in `directory`.
    pub fn start(&self, directory: &Path, trail: &SyncedView, connector: &Connector) -> io::Result<()> {
        self.shipped.measure(trail.clone());
        self.name_the_forgotten(directory);
        for (config, progress) in self.configs.iter().zip(self.shipped.consumers()) {
            let sink = Sink::new(config, connector)?;
            let account = (Arc::clone(progress), self.end.subscribe());
            let consumer = Consumer::new(config, directory, trail.clone(), sink, account);
            let (end, guard) = (self.end.subscribe(), Guard(Arc::clone(progress), self.alive.clone()));
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            std::thread::Builder::new().name(format!("ship-{}", config.name)).spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = consumer.run() => {}
                        () = out_of_time(end) => {}
                    }
                });
                // A name lookup that hangs is not waited for.
                runtime.shutdown_background();
                drop(guard);
            })?;
        }
        Ok(())
    }

    /// Lets the receivers take what is left, once the trail is closed: for 5 seconds at most, however they are.
    pub async fn close(self) {
        self.end.send_replace(true);
        let Self { mut ended, alive, shipped, .. } = self;
        drop(alive);
        // A thread that the system holds up is left behind; it ends with the process.
        let _ = timeout(PATIENCE + GRACE, ended.recv()).await;
        for left in shipped.status().iter().filter(|status| status.lag_records > 0) {
            tracing::warn!(
                consumer = %left.consumer, sequence = left.sequence, records = left.lag_records,
                "records are left to be shipped after the next start"
            );
        }
    }

    /// A cursor that nobody moves any more must not keep the trail from being cut, and is not forgotten silently.
    fn name_the_forgotten(&self, directory: &Path) {
        let is_configured = |name| self.configs.iter().any(|config| config.name == name);
        for name in known(directory).unwrap_or_default() {
            if !is_configured(name.clone()) {
                tracing::warn!(
                    consumer = %name,
                    "there is a cursor of a consumer that is no longer configured: records are not kept for it; \
                     delete its file if it does not come back"
                );
            }
        }
    }
}

async fn out_of_time(mut end: watch::Receiver<bool>) {
    becomes_true(&mut end).await;
    sleep(PATIENCE).await;
}

/// Tells, at the end of a thread, that it has ended, and whether that was meant.
struct Guard(Arc<Progress>, #[expect(dead_code, reason = "dropping it is what counts")] mpsc::Sender<()>);

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("a consumer of the audit trail has ended by a panic; start anew");
            self.0.failed(&"its thread has ended by a panic; start anew");
        }
    }
}
