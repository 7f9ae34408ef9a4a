//! Puts another configuration into service while the gateway runs: whole or not at all, with the last good one in
//! service until then, and on record.

use std::future::pending;
use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::budgets::warn_of_small_budgets;
use super::crew::{Blueprint, plan};
use super::descriptors;
use super::parts::{Actor, Parts};
use super::series::{Sources, metrics};
use super::tenancy::Making;
use crate::admin::Overview;
use crate::config::{Change, Config, Effect, Watch};
use crate::jwt::Keyring;
use crate::server::{Capacity, Phase, PhaseView, Plans};
use crate::telemetry;
use crate::trail::{ChangedKey, Durability, Record, Reload, ReloadCause};
use crate::upstream::{Connector, tls_config};

/// How soon at least files are looked at again that are not still.
const SHORT_PATIENCE: Duration = Duration::from_millis(10);
/// When what could not be used is tried again though none of the files is another: a file that it names may have come
/// since, or an issuer may answer.
const RETRY: Duration = Duration::from_secs(10);
/// How long the keys of an issuer may take beyond one fetch.
const MARGIN: Duration = Duration::from_secs(1);
/// How long the record of a reload is waited for, and the workers.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many changes a record names.
const NAMED: usize = 100;

/// Who has to learn of another configuration.
pub(super) struct Reached {
    /// The workers.
    pub(super) plans: Vec<Plans<Blueprint>>,
    /// The control plane, for tasks of its own.
    pub(super) tasks: mpsc::UnboundedSender<Actor>,
    /// The admin port.
    pub(super) overview: Arc<Overview>,
    /// What the metrics read.
    pub(super) sources: Sources,
    /// Whoever accepts connections.
    pub(super) capacity: Arc<Capacity>,
}

/// Reads the configuration again and again.
pub(super) struct Reloader {
    /// As the gateway started with it: what of it cannot change stays in effect.
    started: Config,
    /// As it was last read and could be used.
    loaded: Config,
    parts: Parts,
    reached: Reached,
    /// Why it could not be used the last time.
    fault: Option<String>,
}

/// Starts the thread that reloads: one of its own, where reading files may take as long as it takes. Nobody waits for
/// its end.
pub(super) fn start(reloader: Reloader, asked: mpsc::Receiver<()>, phase: PhaseView) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("reload".into()).spawn(move || {
        runtime.block_on(reloader.run(asked, phase));
    })?;
    Ok(())
}

impl Reloader {
    pub(super) fn new(config: &Config, parts: Parts, reached: Reached) -> Self {
        Self { started: config.clone(), loaded: config.clone(), parts, reached, fault: None }
    }

    /// Reads it when it is asked to, and when a file has changed; until the gateway is over.
    async fn run(mut self, mut asked: mpsc::Receiver<()>, mut phase: PhaseView) {
        let mut watch = Watch::new(self.loaded.files());
        // What was changed since the start has read it is found as well; once it is still, as it may be half-written.
        let mut next = Some(Instant::now() + self.loaded.reload.every.unwrap_or_default());
        loop {
            let cause = tokio::select! {
                () = phase.reached(Phase::Over) => return,
                Some(()) = asked.recv() => ReloadCause::Signal,
                () = change(&mut watch, self.loaded.reload.every) => ReloadCause::Files,
                () = moment(next) => {
                    let patience = self.loaded.reload.every.unwrap_or_default();
                    if !watch.is_still(patience) {
                        next = Some(Instant::now() + patience.clamp(SHORT_PATIENCE, RETRY));
                        continue;
                    }
                    ReloadCause::Files
                }
            };
            let files = self.loaded.files();
            // Before they are read, so that what changes meanwhile is noticed.
            watch = Watch::new(files.clone());
            let could_be_used = self.reload(cause).await;
            next = match self.loaded.reload.every {
                // Where nobody is to look by himself, it is read when somebody asks.
                Some(_) if !could_be_used => Some(Instant::now() + RETRY),
                _ if self.loaded.files() != files => Some(Instant::now()),
                _ => None,
            };
        }
    }

    /// Reads the configuration and puts it into service, and tells what became of it. False where it cannot be used.
    async fn reload(&mut self, cause: ReloadCause) -> bool {
        let reloads = Arc::clone(&self.reached.overview.reloads);
        let attempt = AssertUnwindSafe(self.attempt(cause)).catch_unwind().await;
        let attempt = attempt.unwrap_or_else(|_| Err("reading it has panicked; see the log".to_owned()));
        let Err(why) = attempt else {
            self.fault = None;
            return true;
        };
        if cause == ReloadCause::Signal || self.fault.as_ref() != Some(&why) {
            tracing::error!(
                error = why,
                generation = reloads.generation(),
                "the configuration cannot be used; the last good one stays in effect"
            );
            reloads.fail(&why);
            self.fault = Some(why);
        }
        false
    }

    async fn attempt(&mut self, cause: ReloadCause) -> Result<(), String> {
        let newer = self.loaded.read_again().map_err(|problems| problems.to_string())?;
        let changes = self.loaded.changes_to(&newer);
        if changes.is_empty() {
            self.reached.overview.reloads.stay();
        } else {
            self.change_to(newer, &changes, cause).await?;
        }
        if cause == ReloadCause::Signal {
            // Whoever sends it has a reason to, such as a key that must no longer be good.
            self.parts.keyring.refresh();
            tracing::info!(changes = changes.len(), "the configuration was read again; keys are loaded anew");
        }
        Ok(())
    }

    /// Everything that can fail comes before anything is changed.
    async fn change_to(
        &mut self,
        newer: Config,
        changes: &[Change],
        cause: ReloadCause,
    ) -> Result<(), String> {
        let effective = newer.within(&self.started);
        if changes.iter().any(|change| change.effect() == Effect::Requests) {
            let connector = self.connector(changes, &effective)?;
            let names = metrics(&self.reached.sources.counters, &effective);
            let making = Making {
                config: &effective,
                connector: &connector,
                metrics: &names,
                before: Some(&self.parts),
            };
            let keyring = self.complete(making.keyring(), &effective).await?;
            self.record(cause, changes).await;
            // Not before: what limits have given out counts up to the moment in which the workers change over.
            let (parts, tokens) = making.parts(self.parts.trail.clone(), keyring);
            if effective.listen.http2.is_none() {
                // Or a worker that speaks it no more could be handed a connection that has just agreed on it.
                self.replace_certificate(&effective);
            }
            self.send_to_workers(&effective, &parts).await;
            let in_service = self.reached.sources.in_service(names, &parts);
            self.reached.overview.in_service.store(Arc::new(in_service));
            self.begin(self.parts.retire(&parts));
            self.begin(tokens);
            self.parts = parts;
        } else {
            self.record(cause, changes).await;
        }
        self.change_beside(&effective, &newer);
        warn_of_small_budgets(&effective);
        self.loaded = newer;
        self.tell(changes);
        Ok(())
    }

    /// The connections of before lead on, unless how they are made is another.
    fn connector(&self, changes: &[Change], effective: &Config) -> Result<Connector, String> {
        let how = ["upstream.ca_file", "upstream.connect_timeout"];
        if !changes.iter().any(|change| how.contains(&change.key.as_str())) {
            return Ok(self.parts.connector().clone());
        }
        let (tls, _) =
            tls_config(effective.upstream.ca_file.as_deref()).map_err(|error| error.to_string())?;
        Ok(Connector::new(tls, effective.upstream.connect_timeout))
    }

    /// Waits for the keys of issuers that are new: without them their callers could not be served.
    async fn complete(
        &self,
        (keyring, issuers): (Keyring, Vec<Actor>),
        effective: &Config,
    ) -> Result<Keyring, String> {
        self.begin(issuers);
        let limit = effective.authn.fetch_timeout + MARGIN;
        let complete = timeout(limit, keyring.complete(&self.parts.keyring)).await;
        complete.unwrap_or_else(|_| Err(format!("an issuer's keys were not loaded within {limit:?}")))?;
        Ok(keyring)
    }

    /// Before the first decision by it. A trail that cannot be written keeps the record until it can, and keeps nobody
    /// from taking a tenant or a key out of service.
    async fn record(&self, cause: ReloadCause, changes: &[Change]) {
        let record = Record::Reload(Reload {
            time: Timestamp::now(),
            generation: self.reached.overview.reloads.generation() + 1,
            cause,
            changes: changes.iter().take(NAMED).map(named).collect(),
            further_changes: changes.len().saturating_sub(NAMED) as u64,
        });
        let (done, is_recorded) = oneshot::channel();
        let trail = self.parts.trail.clone();
        self.begin(vec![Box::pin(async move {
            if let Some(receipt) = trail.reserve().await.record(&record, Durability::Sync)
                && receipt.await.is_ok()
            {
                let _ = done.send(());
            }
        })]);
        if !matches!(timeout(PATIENCE, is_recorded).await, Ok(Ok(()))) {
            tracing::warn!("the reload is not in the audit trail yet, which cannot be written at the moment");
        }
    }

    /// On return every worker decides by the new parts. One that is held up does so as soon as it can.
    async fn send_to_workers(&self, effective: &Config, parts: &Parts) {
        let taken = self.reached.plans.iter().filter_map(|plans| {
            let (taken, is_taken) = oneshot::channel();
            let blueprint = Blueprint { parts: parts.clone(), taken: Some(taken) };
            plans.send(plan(effective, &self.reached.sources.front, blueprint)).ok().map(|()| is_taken)
        });
        if timeout(PATIENCE, join_all(taken.collect::<Vec<_>>())).await.is_err() {
            tracing::warn!("a worker is held up, and will take the configuration later");
        }
        let listen = &effective.listen;
        let (per_address, exempt) = (listen.max_connections_per_address, listen.trusted_proxies.clone());
        self.reached.capacity.change(descriptors::max_connections(effective), per_address, exempt);
    }

    /// What does not concern how requests are decided.
    fn change_beside(&self, effective: &Config, newer: &Config) {
        self.started.take_over_secrets(newer);
        self.replace_certificate(effective);
        telemetry::change_filter(&effective.log.filter);
        self.reached.overview.drain.change(effective.listen.drain_delay, effective.listen.drain_timeout);
    }

    /// Another certificate, for handshakes from now on.
    fn replace_certificate(&self, effective: &Config) {
        let shown = self.reached.sources.front.tls.as_ref().zip(effective.listen.tls.as_ref());
        if let Some((certificates, tls)) = shown
            && *certificates.current() != *tls
        {
            certificates.replace(tls.clone());
        }
    }

    fn tell(&self, changes: &[Change]) {
        let reloads = &self.reached.overview.reloads;
        let generation = reloads.generation() + 1;
        let keys: Vec<&str> = changes.iter().map(|change| change.key.as_str()).collect();
        tracing::info!(generation, ?keys, "the configuration has changed");
        // Against the start, so that a change that was taken back needs no restart.
        let since_start = self.started.changes_to(&self.loaded);
        let fixed = since_start.into_iter().filter(|change| change.effect() == Effect::Restart);
        let needs_restart: Vec<String> = fixed.map(|change| change.key).collect();
        if !needs_restart.is_empty() {
            tracing::warn!(keys = ?needs_restart, "changed keys take effect with the next start only");
        }
        reloads.succeed(generation, needs_restart);
    }

    /// On the control plane.
    fn begin(&self, tasks: Vec<Actor>) {
        for task in tasks {
            // Fails where the control plane has ended, and with it the gateway.
            let _ = self.reached.tasks.send(task);
        }
    }
}

/// Resolves once a file is another, and still for as long as it takes to look again.
async fn change(watch: &mut Watch, every: Option<Duration>) {
    let Some(every) = every else { return pending().await };
    loop {
        sleep(every).await;
        if watch.has_changed_and_settled(every) {
            return;
        }
    }
}

async fn moment(when: Option<Instant>) {
    match when {
        Some(when) => sleep_until(when).await,
        None => pending().await,
    }
}

fn named(change: &Change) -> ChangedKey {
    let Change { key, from, to } = change.clone();
    ChangedKey { key, from, to, needs_restart: change.effect() == Effect::Restart }
}
