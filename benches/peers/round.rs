//! One contender, started anew, for one round: no cache and no memory is left of the round before.

use std::io;
use std::time::{Duration, Instant};

use crate::contenders::{Contender, Running};
use crate::engine::{Engine, Pace, Tally};
use crate::issuer::Issuer;
use crate::process::{Cpu, Family};
use crate::requests::Requests;

/// The CPU of the contender, and that of callers and vendor.
pub(crate) const CONTENDER: usize = 0;
pub(crate) const OURS: usize = 1;

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
    pub(crate) p99: f64,
    /// Why it is not to be trusted.
    pub(crate) doubts: Vec<String>,
}

/// What was used up so far.
struct Meter {
    at: Instant,
    family: Family,
    contender: Duration,
    ours: Duration,
    cpus: [Cpu; 2],
}

impl Meter {
    fn read(family: &Family) -> Self {
        Self {
            at: Instant::now(),
            family: family.clone(),
            contender: family.cpu(),
            ours: Family::ours().cpu(),
            cpus: [Cpu::now(CONTENDER), Cpu::now(OURS)],
        }
    }

    /// What was used since.
    fn used(&self) -> Used {
        let now = Self::read(&self.family);
        Used {
            wall: now.at - self.at,
            contender: now.contender.saturating_sub(self.contender),
            ours: now.ours.saturating_sub(self.ours),
            cpus: [now.cpus[0].since(self.cpus[0]), now.cpus[1].since(self.cpus[1])],
        }
    }
}

/// In some time.
#[derive(Debug)]
pub(crate) struct Used {
    pub(crate) wall: Duration,
    pub(crate) contender: Duration,
    pub(crate) ours: Duration,
    pub(crate) cpus: [Cpu; 2],
}

pub(crate) fn measure(engine: &mut Engine, contender: &Contender, load: &Load<'_>) -> io::Result<Round> {
    let setting = (load.issuer, engine.vendor());
    let mut running = Running::start(contender, setting, (&[CONTENDER], &[OURS]))?;
    let measured = serve(engine, &mut running, load);
    engine.disconnect();
    measured
        .map_err(|error| io::Error::other(format!("{}: {error}\n{}", contender.name, running.complaints())))
}

fn serve(engine: &mut Engine, running: &mut Running, load: &Load<'_>) -> io::Result<Round> {
    engine.until_ready(running.address, load.warm_up, || running.is_alive())?;
    let family = running.family();
    engine.connect(running.address, load.connections)?;
    let mut tally = engine.drive(load.warm_up, load.pace, Duration::from_millis(700))?;
    engine.settle(load.warm_up, &mut tally)?;
    let mut failed = (tally.failed, tally.failure);
    engine.restart();
    let connections = engine.vendor_connections();
    let meter = Meter::read(&family);
    let mut tally = engine.drive(load.requests, load.pace, load.time)?;
    let used = meter.used();
    let opened = engine.vendor_connections() - connections;
    engine.settle(load.requests, &mut tally)?;
    failed = (failed.0 + tally.failed, failed.1.or(tally.failure.take()));
    let mut round = Round::of(&mut tally, &used, load.pace);
    if failed.0 > 0 {
        round.doubts.push(format!("{} requests failed: {}", failed.0, failed.1.unwrap_or_default()));
    }
    if opened > 64 {
        round.doubts.push(format!("it opened {opened} connections to the vendor"));
    }
    Ok(round)
}

impl Round {
    fn of(tally: &mut Tally, used: &Used, pace: Pace) -> Self {
        tally.took.sort_unstable();
        let within = |part: f64| {
            let place = ((tally.took.len() as f64 * part) as usize).min(tally.took.len().saturating_sub(1));
            f64::from(tally.took.get(place).copied().unwrap_or_default()) / 1e6
        };
        let answered = (tally.answered.max(1)) as f64;
        Self {
            cpu: used.contender.as_secs_f64() * 1e6 / answered,
            rate: answered / used.wall.as_secs_f64(),
            p50: within(0.5),
            p99: within(0.99),
            doubts: used.doubts(pace),
        }
    }
}

/// What others may do on a CPU beside, as a part of the time.
const OTHERS: f64 = 0.04;
/// Below which a contender had nothing to do at times.
const SATURATED: f64 = 0.95;

impl Used {
    fn doubts(&self, pace: Pace) -> Vec<String> {
        let part = |time: Duration| time.as_secs_f64() / self.wall.as_secs_f64();
        let mut doubts = Vec::new();
        let mine = [self.contender, self.ours];
        for (cpu, (used, mine)) in self.cpus.iter().zip(mine).enumerate() {
            let others = part(used.busy.saturating_sub(mine));
            if others > OTHERS {
                doubts.push(format!("others took {:.0} % of CPU {cpu}", others * 100.0));
            }
            if part(used.stolen) > OTHERS {
                doubts.push(format!("{:.0} % of CPU {cpu} were stolen", part(used.stolen) * 100.0));
            }
        }
        if matches!(pace, Pace::Closed) && part(self.contender) < SATURATED {
            let ours = part(self.ours) * 100.0;
            let busy = part(self.contender) * 100.0;
            doubts
                .push(format!("not saturated: busy {busy:.0} % of the time, callers and vendor {ours:.0} %"));
        }
        doubts
    }
}
