//! What is printed.

use crate::contenders::Contender;
use crate::figures::{median, spread};
use crate::round::Round;

/// A contender's rounds in one scenario.
pub(crate) struct Row<'a> {
    pub(crate) contender: &'a Contender,
    pub(crate) rounds: Vec<Round>,
}

/// More than that between rounds, and the median is a matter of luck.
const SPREAD: f64 = 0.10;

impl Row<'_> {
    fn all(&self, of: impl Fn(&Round) -> f64) -> Vec<f64> {
        self.rounds.iter().map(of).collect()
    }

    pub(crate) fn cpu(&self) -> f64 {
        median(self.all(|round| round.cpu))
    }

    pub(crate) fn p50(&self) -> f64 {
        median(self.all(|round| round.p50))
    }

    pub(crate) fn p99(&self) -> f64 {
        median(self.all(|round| round.p99))
    }

    pub(crate) fn rate(&self) -> f64 {
        median(self.all(|round| round.rate))
    }

    pub(crate) fn spread(&self) -> f64 {
        spread(&self.all(|round| round.cpu))
    }

    /// Each reason once, with how many rounds it holds for.
    pub(crate) fn doubts(&self) -> Vec<String> {
        let name = self.contender.name;
        let rounds = self.rounds.iter().enumerate();
        let mut doubts: Vec<String> = rounds
            .flat_map(|(number, round)| {
                round.doubts.iter().map(move |doubt| format!("{name}, round {}: {doubt}", number + 1))
            })
            .collect();
        if self.spread() > SPREAD {
            doubts.push(format!("{name}: rounds differ by {:.0} % in CPU time", self.spread() * 100.0));
        }
        doubts
    }
}

pub(crate) fn print(title: &str, rows: &[Row<'_>]) {
    println!("\n{title}\n");
    println!("| contender | does | µs CPU / request | to nginx | requests/s | p50 ms | p99 ms | spread % |");
    println!("|---|---|---|---|---|---|---|---|");
    let base = rows.iter().find(|row| row.contender.name == "nginx").map(Row::cpu);
    for row in rows {
        let ratio = base.map_or_else(|| "–".to_owned(), |base| format!("{:.2}", row.cpu() / base));
        println!(
            "| {} {} | {} | {:.1} | {ratio} | {:.0} | {:.2} | {:.2} | {:.0} |",
            row.contender.name,
            row.contender.version,
            row.contender.does,
            row.cpu(),
            row.rate(),
            row.p50(),
            row.p99(),
            row.spread() * 100.0,
        );
    }
    for doubt in rows.iter().flat_map(Row::doubts) {
        println!("not to be trusted: {doubt}");
    }
}
