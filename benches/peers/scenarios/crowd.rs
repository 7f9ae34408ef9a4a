//! More load than one thread can make: each CPU that is left has a thread with callers and a vendor of its own, all of
//! them at one port.

use std::io;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{ScopedJoinHandle, scope};
use std::time::{Duration, Instant};

use super::{Bench, OURS};
use crate::contenders::{Contender, Running};
use crate::engine::{Engine, Tally};
use crate::figures::median;
use crate::goals::Goal;
use crate::process::stay_on;
use crate::round::{Load, WARM_UP};

/// What all threads do together.
struct Crowd<'a> {
    load: Load<'a>,
    running: &'a Running,
    /// Begins when each thread has its vendor.
    together: Barrier,
    /// How many threads have no request in flight any more.
    done: AtomicUsize,
    threads: usize,
}

pub(super) fn run(bench: &mut Bench<'_>, contender: &Contender) {
    println!("| connections | requests/s, one worker | requests/s, two workers | gain |\n|---|---|---|---|");
    for connections in [bench.args.connections, 2] {
        match gain(bench, contender, connections) {
            Ok(gain) => {
                let what = format!("two CPUs, {connections} connections: times what one serves");
                bench.report.goals.push(Goal::at_least(what, 1.9, gain));
            }
            Err(error) => bench.report.doubts.push(format!("Two CPUs: {error}")),
        }
    }
}

fn gain(bench: &mut Bench<'_>, contender: &Contender, connections: usize) -> io::Result<f64> {
    let ([first, second], _) = bench.cpus.for_two_workers();
    let (mut one, mut two) = (Vec::new(), Vec::new());
    for _ in 0..bench.args.rounds {
        one.push(rate(bench, contender, connections, &[first])?);
        two.push(rate(bench, contender, connections, &[first, second])?);
    }
    let (one, two) = (median(one), median(two));
    println!("| {connections} | {one:.0} | {two:.0} | {:.2} |", two / one);
    Ok(two / one)
}

/// Requests each second that are served on these CPUs.
fn rate(bench: &mut Bench<'_>, contender: &Contender, connections: usize, on: &[usize]) -> io::Result<f64> {
    let (_, left) = bench.cpus.for_two_workers();
    // Each thread has a connection at least.
    let left = &left[..left.len().min(connections)];
    let load = Load { connections, ..bench.load() };
    let setting = (load.issuer, bench.engine.vendor());
    let mut running = Running::start(contender, setting, (on, bench.cpus))?;
    bench.engine.until_ready(running.address, load.requests, || running.is_alive())?;
    let crowd = Crowd {
        load,
        running: &running,
        together: Barrier::new(left.len()),
        done: AtomicUsize::new(0),
        threads: left.len(),
    };
    let (cpu, started) = (running.family().cpu(), Instant::now());
    let tally = crowd.serve(&mut bench.engine, left);
    stay_on(&[bench.cpus.ours()]);
    let tally = tally?;
    let busy = running.family().cpu().saturating_sub(cpu).as_secs_f64() / started.elapsed().as_secs_f64();
    // Two connections wait for each other's answers, and fill no CPU.
    if busy < 0.9 * on.len() as f64 && connections > 2 {
        let doubt = format!("Two CPUs: {OURS} with {} workers was busy on {busy:.2} CPUs only", on.len());
        bench.report.doubts.push(doubt);
    }
    match tally.failure {
        Some(failure) => Err(io::Error::other(format!("{} requests failed: {failure}", tally.failed))),
        None => Ok(tally.answered as f64 / load.time.as_secs_f64()),
    }
}

impl Crowd<'_> {
    /// This thread is the first of them, since its vendor has connections already.
    fn serve(&self, engine: &mut Engine, cpus: &[usize]) -> io::Result<Tally> {
        let port = engine.vendor().port();
        let others: io::Result<Vec<Engine>> = cpus[1..].iter().map(|_| Engine::beside(port)).collect();
        let others = others?;
        scope(|scope| {
            let others: Vec<ScopedJoinHandle<'_, io::Result<Tally>>> = others
                .into_iter()
                .zip(&cpus[1..])
                .map(|(mut engine, cpu)| scope.spawn(move || self.take_part(&mut engine, *cpu)))
                .collect();
            let mut whole = self.take_part(engine, cpus[0])?;
            for other in others {
                whole.add(other.join().expect("a thread that ends")?);
            }
            Ok(whole)
        })
    }

    /// Until nobody's requests can come to this thread's vendor any more.
    fn take_part(&self, engine: &mut Engine, cpu: usize) -> io::Result<Tally> {
        stay_on(&[cpu]);
        self.together.wait();
        let tally = self.drive(engine);
        engine.disconnect();
        self.done.fetch_add(1, Ordering::Relaxed);
        while self.done.load(Ordering::Relaxed) < self.threads {
            engine.idle(self.load.requests, Duration::from_millis(1))?;
        }
        tally
    }

    fn drive(&self, engine: &mut Engine) -> io::Result<Tally> {
        let load = &self.load;
        engine.connect(self.running.address, load.connections / self.threads)?;
        let before = engine.drive(load.requests, load.pace, WARM_UP)?;
        let mut tally = engine.drive(load.requests, load.pace, load.time)?;
        engine.settle(load.requests, &mut tally)?;
        tally.failed += before.failed;
        tally.failure = tally.failure.or(before.failure);
        Ok(tally)
    }
}
