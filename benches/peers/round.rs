//! One contender, started anew, for one round: no cache and no memory is left of the round before.

use std::io;
use std::time::{Duration, Instant};

use crate::contenders::{Contender, Running};
use crate::doubt::Doubt;
use crate::engine::{Engine, Pace, Tally};
use crate::issuer::Issuer;
use crate::process::{Cpu, Cpus, Family};
use crate::requests::Requests;

/// From the first good answer to the first request that counts.
pub(crate) const WARM_UP: Duration = Duration::from_millis(700);

/// What is asked, how, and for how long.
#[derive(Clone, Copy)]
pub(crate) struct Load<'a> {
    pub(crate) issuer: &'a Issuer,
    /// Before anything is measured: connections, caches, memory.
    pub(crate) warm_up: &'a Requests,
    pub(crate) requests: &'a Requests,
    pub(crate) pace: Pace,
    pub(crate) connections: usize,
    pub(crate) time: Duration,
}

/// What was found.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    /// CPU time for each request, in µs.
    pub(crate) cpu: f64,
    /// Requests each second.
    pub(crate) rate: f64,
    /// In ms.
    pub(crate) p50: f64,
    /// In ms.
    pub(crate) p99: f64,
    /// Each thread of the contender that did something, with its part of the contender's CPU time.
    pub(crate) threads: Vec<(String, f64)>,
    pub(crate) doubts: Vec<Doubt>,
}

/// What was used up so far.
struct Meter {
    at: Instant,
    threads: Vec<(String, Duration)>,
    ours: Duration,
    cpus: [Cpu; 2],
}

impl Meter {
    fn read(family: &Family, cpus: Cpus) -> Self {
        Self {
            at: Instant::now(),
            threads: family.cpu_by_thread(),
            ours: Family::ours().cpu(),
            cpus: [Cpu::now(cpus.contender()), Cpu::now(cpus.ours())],
        }
    }

    /// What was used from then until `now`.
    fn until(&self, now: &Self) -> Used {
        let one = |(name, time): &(String, Duration)| {
            let before = self.threads.iter().find(|(other, _)| other == name);
            (name.clone(), time.saturating_sub(before.map_or(Duration::ZERO, |(_, time)| *time)))
        };
        Used {
            wall: now.at - self.at,
            threads: now.threads.iter().map(one).collect(),
            ours: now.ours.saturating_sub(self.ours),
            cpus: [now.cpus[0].since(self.cpus[0]), now.cpus[1].since(self.cpus[1])],
        }
    }
}

/// In some time.
#[derive(Debug)]
struct Used {
    wall: Duration,
    threads: Vec<(String, Duration)>,
    ours: Duration,
    cpus: [Cpu; 2],
}

/// Starts the contender on one CPU, loads it, and ends it.
pub(crate) fn measure(
    engine: &mut Engine,
    contender: &Contender,
    load: &Load<'_>,
    cpus: Cpus,
) -> io::Result<Round> {
    let mut running = Running::start(contender, (load.issuer, engine.vendor()), (&[cpus.contender()], cpus))?;
    let measured = serve(engine, &mut running, load, cpus);
    engine.disconnect();
    measured.map_err(|error| running.explain(&error))
}

/// Loads a contender that was started.
pub(crate) fn serve(
    engine: &mut Engine,
    running: &mut Running,
    load: &Load<'_>,
    cpus: Cpus,
) -> io::Result<Round> {
    engine.until_ready(running.address, load.warm_up, || running.is_alive())?;
    engine.connect(running.address, load.connections)?;
    let mut before = engine.drive(load.warm_up, load.pace, WARM_UP)?;
    engine.settle(load.warm_up, &mut before)?;
    engine.restart();
    let family = running.family();
    let accepted = engine.vendor_connections();
    let meter = Meter::read(&family, cpus);
    let mut tally = engine.drive(load.requests, load.pace, load.time)?;
    let used = meter.until(&Meter::read(&family, cpus));
    let reconnects = engine.vendor_connections() - accepted;
    engine.settle(load.requests, &mut tally)?;
    tally.failed += before.failed;
    tally.failure = before.failure.or(tally.failure);
    Ok(Round::of(tally, &used, load.pace, Doubt::Reconnects(reconnects)))
}

impl Round {
    fn of(mut tally: Tally, used: &Used, pace: Pace, reconnects: Doubt) -> Self {
        tally.took.sort_unstable();
        let last = tally.took.len().saturating_sub(1);
        let within = |percent: usize| {
            let place = (tally.took.len() * percent / 100).min(last);
            f64::from(tally.took.get(place).copied().unwrap_or_default()) / 1e6
        };
        let answered = tally.answered.max(1) as f64;
        let mut doubts = used.doubts(pace);
        doubts.extend([Doubt::Failed(tally.failed, tally.failure.unwrap_or_default()), reconnects]);
        Self {
            cpu: used.contender().as_secs_f64() * 1e6 / answered,
            rate: answered / used.wall.as_secs_f64(),
            p50: within(50),
            p99: within(99),
            threads: used.shares(),
            doubts,
        }
    }
}

impl Used {
    fn contender(&self) -> Duration {
        self.threads.iter().map(|(_, time)| *time).sum()
    }

    fn shares(&self) -> Vec<(String, f64)> {
        let whole = self.contender().as_secs_f64();
        let share = |(name, time): &(String, Duration)| (name.clone(), time.as_secs_f64() / whole);
        self.threads.iter().map(share).collect()
    }

    fn doubts(&self, pace: Pace) -> Vec<Doubt> {
        let part = |time: Duration| time.as_secs_f64() / self.wall.as_secs_f64();
        let [beside, with_us] = self.cpus;
        let contender = self.contender();
        let mut doubts = vec![
            Doubt::OthersBeside(part(beside.busy.saturating_sub(contender))),
            Doubt::OthersWithUs(part(with_us.busy.saturating_sub(self.ours))),
            Doubt::Stolen(part(beside.stolen)),
        ];
        if matches!(pace, Pace::Closed) {
            doubts.push(Doubt::Unsaturated(part(contender), part(self.ours)));
        }
        doubts
    }
}
