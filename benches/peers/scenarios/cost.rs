//! CPU time for each request, of contenders that have no time left.

use std::io;

use confgate::devissuer::Algorithm;

use super::{Bench, OURS};
use crate::goals::Goal;
use crate::issuer::Issuer;
use crate::requests::{Requests, TOKENS, mint};
use crate::round::Load;
use crate::table::{Row, find, ratio};

/// What stands beside confgate and checks tokens, too.
const PEERS: [&str; 2] = ["HAProxy, JWT", "Envoy, JWT"];

/// Everybody.
pub(super) fn gets(bench: &mut Bench<'_>) {
    let rows = bench.rounds(&bench.load(), |_| true);
    bench.report.add("Gets", &rows);
    let Some(ours) = find(&rows, OURS) else { return };
    let goals = &mut bench.report.goals;
    if let Some(ratio) = ratio(&rows, ours) {
        goals.push(Goal::at_most("gets: CPU as a multiple of plain nginx's (first milestone)", 1.15, ratio));
        goals.push(Goal::at_most("gets: CPU as a multiple of plain nginx's", 1.0, ratio));
    }
    for peer in PEERS.iter().filter_map(|peer| find(&rows, peer)) {
        let times = peer.cpu() / ours.cpu();
        goals.push(Goal::at_least(
            format!("gets: how many times less CPU than {}", peer.contender.name),
            3.0,
            times,
        ));
    }
}

/// Those that look at tokens.
pub(super) fn gets_es256(bench: &mut Bench<'_>) -> io::Result<()> {
    let issuer = Issuer::generate(Algorithm::Es256)?;
    let gets = Requests::gets(&mint(issuer.issuer(), TOKENS, bench.cpus));
    let load = Load { issuer: &issuer, warm_up: &gets, requests: &gets, ..bench.load() };
    let rows = bench.rounds(&load, |contender| contender.authenticates);
    bench.report.add("Gets, ES256", &rows);
    Ok(())
}

/// Everybody.
pub(super) fn mix(bench: &mut Bench<'_>) {
    let requests = Requests::mix(&bench.fixtures.tokens);
    let rows = bench.rounds(&Load { requests: &requests, ..bench.load() }, |_| true);
    bench.report.add("80 % gets, 20 % creates", &rows);
    if let Some(ratio) = find(&rows, OURS).and_then(|ours| ratio(&rows, ours)) {
        let what = "mix, creates on disk first: CPU as a multiple of plain nginx's";
        bench.report.goals.push(Goal::at_most(what, 1.3, ratio));
    }
}

/// Those that look at tokens.
pub(super) fn new_tokens(bench: &mut Bench<'_>, algorithm: Algorithm) -> io::Result<()> {
    let issuer = Issuer::generate(algorithm)?;
    let warm_up = Requests::gets(&mint(issuer.issuer(), 100, bench.cpus));
    let requests = Requests::once(&mint(issuer.issuer(), bench.args.new_tokens, bench.cpus));
    let load = Load { issuer: &issuer, warm_up: &warm_up, requests: &requests, ..bench.load() };
    let rows = bench.rounds(&load, |contender| contender.authenticates);
    bench.report.add(&format!("Every token new, {algorithm}"), &rows);
    bench.report.goals.extend(new_token_goals(algorithm, &rows));
    Ok(())
}

fn new_token_goals(algorithm: Algorithm, rows: &[Row<'_>]) -> Vec<Goal> {
    let Some(ours) = find(rows, OURS) else { return Vec::new() };
    let Some(peer) = find(rows, PEERS[0]) else { return Vec::new() };
    let what = format!("every token new, {algorithm}: CPU as a part of that of {}", PEERS[0]);
    vec![Goal::at_most(what, 0.6, ours.cpu() / peer.cpu())]
}
