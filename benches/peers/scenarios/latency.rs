//! How long requests take at a rate that everybody can serve. Callers poll without sleeping, so that no timer is in it,
//! and a request counts from when it was due.

use std::time::Duration;

use super::{Bench, OURS};
use crate::engine::Pace;
use crate::goals::Goal;
use crate::round::Load;
use crate::table::find;

const RATE: u32 = 2000;

pub(super) fn run(bench: &mut Bench<'_>) {
    let time = Duration::from_secs_f64(bench.args.seconds * 1.5);
    let load = Load { pace: Pace::Fixed(RATE), time, ..bench.load() };
    let rows = bench.rounds(&load, |contender| ["nginx", OURS].contains(&contender.name));
    let title = format!("Gets at {RATE} requests/s");
    crate::table::print(&title, &rows);
    bench.report.doubt(&title, &rows);
    let (Some(nginx), Some(ours)) = (find(&rows, "nginx"), find(&rows, OURS)) else { return };
    let p50 = ours.median(|round| round.p50) - nginx.median(|round| round.p50);
    let p99 = ours.median(|round| round.p99) - nginx.median(|round| round.p99);
    bench.report.goals.push(Goal::at_most(
        format!("{RATE} requests/s: p50 above plain nginx's, ms"),
        0.2,
        p50,
    ));
    bench.report.goals.push(Goal::at_most(
        format!("{RATE} requests/s: p99 above plain nginx's, ms"),
        0.5,
        p99,
    ));
}
