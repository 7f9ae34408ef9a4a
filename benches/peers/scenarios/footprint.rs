//! What a contender takes when it does little: the time until it serves, memory under load and for each connection that
//! is idle, and what it does when there is nothing to do.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{Bench, OURS};
use crate::contenders::{Contender, Running};
use crate::figures::median;
use crate::goals::Goal;
use crate::process::Family;

/// Connections that are idle, after a request each.
const IDLE: usize = 2000;
/// How long nothing is asked.
const REST: Duration = Duration::from_secs(5);
/// How often it is started to see how long that takes.
const STARTS: usize = 5;

#[derive(Debug)]
struct Footprint {
    /// From the program's start to the first good answer.
    ready: Duration,
    /// MiB after load over as many connections as told.
    resident: f64,
    /// kB that each idle connection adds.
    connection: f64,
    /// How often its threads woke up by themselves in a second of rest.
    wake_ups: f64,
    /// Percent of a CPU at rest.
    cpu: f64,
}

pub(super) fn run(bench: &mut Bench<'_>) {
    println!("\n## Footprint\n");
    println!(
        "| contender | ready after ms | MiB, loaded | kB each idle connection | wake-ups/s at rest | CPU % at rest |"
    );
    println!("|---|---|---|---|---|---|");
    for contender in bench.contenders {
        match footprint(bench, contender) {
            Ok(found) => tell(bench, contender, &found),
            Err(error) => bench.report.doubts.push(format!("Footprint: {}: {error}", contender.name)),
        }
    }
}

fn tell(bench: &mut Bench<'_>, contender: &Contender, found: &Footprint) {
    let ready = found.ready.as_secs_f64() * 1e3;
    println!(
        "| {} | {ready:.0} | {:.1} | {:.1} | {:.1} | {:.2} |",
        contender.name, found.resident, found.connection, found.wake_ups, found.cpu
    );
    if contender.name != OURS {
        return;
    }
    let size = stripped_size(&contender.program) as f64 / f64::from(1 << 20);
    bench.report.goals.extend([
        Goal::at_most("MiB resident after load", 16.0, found.resident),
        Goal::at_most("kB for each idle connection", 6.0, found.connection),
        Goal::at_most("idle: % of a CPU", 0.1, found.cpu),
        Goal::at_most("size of the program, MiB", 12.0, size),
        Goal::at_most("ready after, ms", 50.0, ready),
    ]);
}

/// In bytes, as released: benches are built with symbols. With them where there is no `strip`.
fn stripped_size(program: &Path) -> u64 {
    let stripped = || {
        let copy = tempfile::NamedTempFile::new().ok()?;
        let strip = Command::new("strip").arg("-o").arg(copy.path()).arg(program).status().ok()?;
        let size = fs::metadata(copy.path()).ok()?.len();
        (strip.success() && size > 0).then_some(size)
    };
    stripped().or_else(|| Some(fs::metadata(program).ok()?.len())).unwrap_or_default()
}

fn footprint(bench: &mut Bench<'_>, contender: &Contender) -> io::Result<Footprint> {
    let mut starts = Vec::new();
    for _ in 1..STARTS {
        starts.push(start(bench, contender)?.1.as_secs_f64());
    }
    let (running, ready) = start(bench, contender)?;
    starts.push(ready.as_secs_f64());
    let measured = measure(bench, &running);
    bench.engine.disconnect();
    let found = measured.map_err(|error| running.explain(&error))?;
    Ok(Footprint { ready: Duration::from_secs_f64(median(starts)), ..found })
}

/// Gives how long it took until it served.
fn start(bench: &mut Bench<'_>, contender: &Contender) -> io::Result<(Running, Duration)> {
    let (load, on) = (bench.load(), bench.cpus.contender());
    let setting = (load.issuer, bench.engine.vendor());
    let mut running = Running::start(contender, setting, (&[on], bench.cpus))?;
    let ready = bench.engine.until_ready(running.address, load.requests, || running.is_alive());
    let took = running.started.elapsed();
    ready.map_err(|error| running.explain(&error))?;
    Ok((running, took))
}

fn measure(bench: &mut Bench<'_>, running: &Running) -> io::Result<Footprint> {
    let (load, engine) = (bench.load(), &mut bench.engine);
    engine.connect(running.address, load.connections)?;
    let mut tally = engine.drive(load.requests, load.pace, load.time)?;
    engine.settle(load.requests, &mut tally)?;
    let family = running.family();
    let resident = family.resident();
    engine.connect(running.address, IDLE)?;
    engine.each_once(load.requests)?;
    let connected = family.resident();
    let rest = rest(bench, &family)?;
    Ok(Footprint {
        resident: resident as f64 / 1024.0,
        connection: connected.saturating_sub(resident) as f64 * 1.024 / (IDLE - load.connections) as f64,
        ..rest
    })
}

/// With the idle connections open.
fn rest(bench: &mut Bench<'_>, family: &Family) -> io::Result<Footprint> {
    let gets = bench.load().requests;
    // What was put off until there is time is done by then.
    bench.engine.idle(gets, Duration::from_secs(2))?;
    let (cpu, switches, since) = (family.cpu(), family.switches(), Instant::now());
    bench.engine.idle(gets, REST)?;
    let seconds = since.elapsed().as_secs_f64();
    let cpu = family.cpu().saturating_sub(cpu).as_secs_f64() * 100.0 / seconds;
    let wake_ups = family.switches().saturating_sub(switches) as f64 / seconds;
    Ok(Footprint { ready: Duration::ZERO, resident: 0.0, connection: 0.0, wake_ups, cpu })
}
