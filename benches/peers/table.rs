//! What is printed of contenders beside each other.

use crate::contenders::Contender;
use crate::doubt::{Doubt, worst};
use crate::figures::{median, spread};
use crate::plot::{Bar, Panel};
use crate::round::Round;

/// Of whom everything is told as a multiple.
const BASE: &str = "nginx";
/// The one that goals are for.
pub(crate) const OURS: &str = "confgate";

/// A contender's rounds in one scenario.
pub(crate) struct Row<'a> {
    pub(crate) contender: &'a Contender,
    pub(crate) rounds: Vec<Round>,
    /// Why rounds are missing.
    pub(crate) broken: Vec<Doubt>,
}

impl<'a> Row<'a> {
    pub(crate) fn new(contender: &'a Contender) -> Self {
        Self { contender, rounds: Vec::new(), broken: Vec::new() }
    }

    /// The median of something over all rounds.
    pub(crate) fn median(&self, of: impl Fn(&Round) -> f64) -> f64 {
        median(self.rounds.iter().map(of))
    }

    pub(crate) fn cpu(&self) -> f64 {
        self.median(|round| round.cpu)
    }

    fn spread(&self) -> f64 {
        let cpu: Vec<f64> = self.rounds.iter().map(|round| round.cpu).collect();
        spread(&cpu)
    }

    /// The worst of each kind.
    pub(crate) fn doubts(&self) -> Vec<String> {
        let name = self.contender.name;
        let mut doubts = self.broken.clone();
        doubts.extend(self.rounds.iter().flat_map(|round| round.doubts.iter().cloned()));
        let rounds = self.rounds.len() + self.broken.len();
        let each = worst(&doubts);
        let mut each: Vec<String> = each
            .into_iter()
            .map(|(doubt, count)| format!("{name}, {count} of {rounds} rounds: {doubt}"))
            .collect();
        let spread = Doubt::Spread(self.spread());
        if spread.is_justified() {
            each.push(format!("{name}: {spread}"));
        }
        each
    }
}

/// The row of a contender, if it was measured.
pub(crate) fn find<'a, 'b>(rows: &'b [Row<'a>], name: &str) -> Option<&'b Row<'a>> {
    rows.iter().find(|row| row.contender.name == name && !row.rounds.is_empty())
}

/// CPU time for each request as a multiple of nginx's.
pub(crate) fn ratio(rows: &[Row<'_>], row: &Row<'_>) -> Option<f64> {
    find(rows, BASE).map(|base| row.cpu() / base.cpu())
}

/// The same as bars.
pub(crate) fn panel(title: &str, rows: &[Row<'_>]) -> Panel {
    let measured = rows.iter().filter(|row| !row.rounds.is_empty());
    let bars = measured.map(|row| Bar {
        name: row.contender.name.to_owned(),
        cpu: row.cpu(),
        ratio: ratio(rows, row),
        is_ours: row.contender.name == OURS,
    });
    Panel { title: title.to_owned(), bars: bars.collect() }
}

pub(crate) fn print(title: &str, rows: &[Row<'_>]) {
    println!("\n## {title}\n");
    println!("| contender | does | µs CPU / request | × nginx | requests/s | p50 ms | p99 ms | spread % |");
    println!("|---|---|---|---|---|---|---|---|");
    for row in rows.iter().filter(|row| !row.rounds.is_empty()) {
        let ratio = ratio(rows, row).map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"));
        println!(
            "| {} | {} | {:.1} | {ratio} | {:.0} | {:.2} | {:.2} | {:.0} |",
            row.contender.name,
            row.contender.does,
            row.cpu(),
            row.median(|round| round.rate),
            row.median(|round| round.p50),
            row.median(|round| round.p99),
            row.spread() * 100.0,
        );
    }
}
