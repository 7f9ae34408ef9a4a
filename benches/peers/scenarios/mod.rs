//! What is measured, each in a room of its own.

mod cost;
mod crowd;
mod footprint;
mod latency;
mod scaling;
mod soak;

use std::io;
use std::time::Duration;

use confgate::devissuer::Algorithm;

use crate::args::{Args, Scenario};
use crate::contenders::Contender;
use crate::doubt::Doubt;
use crate::engine::{Engine, Pace};
use crate::goals::Goal;
use crate::issuer::Issuer;
use crate::plot::Panel;
use crate::process::Cpus;
use crate::requests::{Requests, TOKENS, mint};
use crate::round::{Load, measure};
use crate::table::{self, OURS, Row};

/// What is made beforehand.
pub(crate) struct Fixtures {
    issuer: Issuer,
    tokens: Vec<String>,
    /// A get with each token.
    gets: Requests,
}

/// What all scenarios need.
pub(crate) struct Bench<'a> {
    pub(crate) args: &'a Args,
    pub(crate) cpus: Cpus,
    pub(crate) contenders: &'a [Contender],
    pub(crate) fixtures: &'a Fixtures,
    pub(crate) engine: Engine,
    pub(crate) report: Report,
}

/// What is said at the end.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) goals: Vec<Goal>,
    pub(crate) doubts: Vec<String>,
    pub(crate) panels: Vec<Panel>,
}

impl Fixtures {
    pub(crate) fn make(cpus: Cpus) -> io::Result<Self> {
        let issuer = Issuer::generate(Algorithm::Rs256)?;
        let tokens = mint(issuer.issuer(), TOKENS, cpus);
        let gets = Requests::gets(&tokens);
        Ok(Self { issuer, tokens, gets })
    }
}

impl<'a> Bench<'a> {
    pub(crate) fn run(&mut self, scenario: Scenario) -> io::Result<()> {
        match scenario {
            Scenario::Gets => cost::gets(self),
            Scenario::Mix => cost::mix(self),
            Scenario::GetsEs256 => cost::gets_es256(self)?,
            Scenario::NewRs256 => cost::new_tokens(self, Algorithm::Rs256)?,
            Scenario::NewEs256 => cost::new_tokens(self, Algorithm::Es256)?,
            Scenario::Latency => latency::run(self),
            Scenario::Scaling => scaling::run(self),
            Scenario::Footprint => footprint::run(self),
            Scenario::Soak => soak::run(self)?,
        }
        Ok(())
    }

    /// Gets as fast as they are answered, over as many connections as told.
    fn load(&self) -> Load<'a> {
        let Fixtures { issuer, gets, .. } = self.fixtures;
        Load {
            issuer,
            warm_up: gets,
            requests: gets,
            pace: Pace::Closed,
            connections: self.args.connections,
            time: Duration::from_secs_f64(self.args.seconds),
        }
    }

    /// Rounds of the contenders in turn, so that what changes on the machine meanwhile changes for all.
    fn rounds(&mut self, load: &Load<'_>, takes_part: impl Fn(&Contender) -> bool) -> Vec<Row<'a>> {
        let contenders = self.contenders.iter().filter(|contender| takes_part(contender));
        let mut rows: Vec<Row<'a>> = contenders.map(Row::new).collect();
        for _ in 0..self.args.rounds {
            for row in &mut rows {
                match measure(&mut self.engine, row.contender, load, self.cpus) {
                    Ok(round) => row.rounds.push(round),
                    Err(error) => row.broken.push(Doubt::Broken(error.to_string())),
                }
            }
        }
        rows
    }
}

impl Report {
    /// Prints what was measured, and keeps it for the end.
    fn add(&mut self, title: &str, rows: &[Row<'_>]) {
        table::print(title, rows);
        self.panels.push(table::panel(title, rows));
        self.doubt(title, rows);
    }

    fn doubt(&mut self, title: &str, rows: &[Row<'_>]) {
        let doubts = rows.iter().flat_map(Row::doubts);
        self.doubts.extend(doubts.map(|doubt| format!("{title}: {doubt}")));
    }
}
