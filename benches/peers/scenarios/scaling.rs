//! What a second CPU brings. Where there are four, two are the workers', and callers and vendor have the others. Where
//! there are fewer, callers and vendor have to share them with the workers, so that requests a second say nothing. What
//! can be told is what bounds them: the CPU time of a request, with one worker and with two, and how evenly it falls on
//! the two. If each worker had a CPU of its own, the busier one would be full first:
//!
//! times as much = CPU time with one worker / (CPU time with two × share of the busier one)

use std::io;

use super::{Bench, OURS, crowd};
use crate::contenders::{Contender, Running};
use crate::figures::median;
use crate::goals::Goal;
use crate::round::{Load, Round, serve};

/// The names of the workers' threads begin with it.
const WORKER: &str = "worker-";

pub(super) fn run(bench: &mut Bench<'_>) {
    let Some(ours) = bench.contenders.iter().find(|contender| contender.name == OURS) else { return };
    println!("\n## Two CPUs\n");
    if !bench.cpus.for_two_workers().1.is_empty() {
        return crowd::run(bench, ours);
    }
    println!("| connections | workers | µs CPU / request | share of the busier worker | estimated gain |");
    println!("|---|---|---|---|---|");
    for connections in [bench.args.connections, 2] {
        match compare(bench, ours, connections) {
            Ok(gain) => {
                let what = format!("two CPUs, {connections} connections: times what one serves, estimated");
                bench.report.goals.push(Goal::at_least(what, 1.9, gain));
            }
            Err(error) => bench.report.doubts.push(format!("Two CPUs: {error}")),
        }
    }
}

/// Gives how many times as much two workers could do.
fn compare(bench: &mut Bench<'_>, contender: &Contender, connections: usize) -> io::Result<f64> {
    let ([first, second], _) = bench.cpus.for_two_workers();
    let load = Load { connections, ..bench.load() };
    let (mut one, mut two, mut busier) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.args.rounds {
        one.push(round(bench, contender, &load, &[first])?.cpu);
        let both = round(bench, contender, &load, &[first, second])?;
        two.push(both.cpu);
        busier.push(share_of_busier(&both));
    }
    let (one, two, busier) = (median(one), median(two), median(busier));
    let gain = one / (two * busier);
    println!("| {connections} | 1 | {one:.1} | | |");
    println!("| {connections} | 2 | {two:.1} | {busier:.2} | {gain:.2} |");
    Ok(gain)
}

fn round(bench: &mut Bench<'_>, contender: &Contender, load: &Load<'_>, on: &[usize]) -> io::Result<Round> {
    let setting = (load.issuer, bench.engine.vendor());
    let mut running = Running::start(contender, setting, (on, bench.cpus))?;
    let round = serve(&mut bench.engine, &mut running, load, bench.cpus);
    bench.engine.disconnect();
    round.map_err(|error| running.explain(&error))
}

/// Of what the workers took together.
fn share_of_busier(round: &Round) -> f64 {
    let workers: Vec<f64> =
        round.threads.iter().filter(|(name, _)| name.starts_with(WORKER)).map(|(_, share)| *share).collect();
    let most = workers.iter().copied().fold(0.0, f64::max);
    most / workers.iter().sum::<f64>()
}
