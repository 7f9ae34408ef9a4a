//! Memory under load for minutes: it has to stay as it is.

use std::io;
use std::time::{Duration, Instant};

use super::{Bench, OURS};
use crate::contenders::Running;
use crate::engine::{Pace, Tally};
use crate::goals::Goal;
use crate::requests::Requests;

/// How often memory is looked at, at least.
const PARTS: u32 = 10;

pub(super) fn run(bench: &mut Bench<'_>) -> io::Result<()> {
    let Some(ours) = bench.contenders.iter().find(|contender| contender.name == OURS) else { return Ok(()) };
    let mix = Requests::mix(&bench.fixtures.tokens);
    let (load, cpus) = (bench.load(), bench.cpus);
    let setting = (load.issuer, bench.engine.vendor());
    let mut running = Running::start(ours, setting, (&[cpus.contender()], cpus))?;
    bench.engine.until_ready(running.address, load.requests, || running.is_alive())?;
    bench.engine.connect(running.address, load.connections)?;
    println!("\n## Memory under load\n\n| after s | MiB resident | requests |\n|---|---|---|");
    let (started, part) = (Instant::now(), Duration::from_secs(bench.args.soak) / PARTS);
    let mut resident = Vec::new();
    let mut whole = Tally::default();
    for _ in 0..PARTS {
        let mut tally = bench.engine.drive(&mix, Pace::Closed, part)?;
        // Minutes of them, which nobody asks for.
        tally.took = Vec::new();
        whole.add(tally);
        resident.push(running.family().resident() as f64 / 1024.0);
        let (seconds, mib) = (started.elapsed().as_secs(), resident.last().copied().unwrap_or_default());
        println!("| {seconds} | {mib:.1} | {} |", whole.answered);
    }
    bench.engine.settle(&mix, &mut whole)?;
    bench.engine.disconnect();
    if let Some(failure) = whole.failure {
        bench
            .report
            .doubts
            .push(format!("Memory under load: {} requests failed, the first: {failure}", whole.failed));
    }
    let growth = resident.last().copied().unwrap_or_default() - resident.first().copied().unwrap_or_default();
    let what = format!("MiB more after {} s of load than after a tenth of that", bench.args.soak);
    bench.report.goals.push(Goal::at_most(what, 1.0, growth));
    Ok(())
}
