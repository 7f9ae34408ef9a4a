//! What confgate is to reach, and whether it does.

/// A figure that is to be at most, or at least, so much.
#[derive(Clone, Debug)]
pub(crate) struct Goal {
    /// What is measured, with its unit.
    what: String,
    found: f64,
    bound: f64,
    is_least: bool,
}

impl Goal {
    pub(crate) fn at_most(what: impl Into<String>, bound: f64, found: f64) -> Self {
        Self { what: what.into(), found, bound, is_least: false }
    }

    pub(crate) fn at_least(what: impl Into<String>, bound: f64, found: f64) -> Self {
        Self { what: what.into(), found, bound, is_least: true }
    }

    /// A figure that could not be found is not met.
    pub(crate) fn is_met(&self) -> bool {
        if self.is_least { self.found >= self.bound } else { self.found <= self.bound }
    }

    /// A line of the table.
    pub(crate) fn line(&self) -> String {
        let sign = if self.is_least { '≥' } else { '≤' };
        let met = if self.is_met() { "met" } else { "missed" };
        format!("| {} | {sign} {} | {:.2} | {met} |", self.what, self.bound, self.found)
    }
}

pub(crate) fn print(goals: &[Goal]) {
    if goals.is_empty() {
        return;
    }
    println!("\n## Goals\n\n| goal for confgate | bound | found | |\n|---|---|---|---|");
    for goal in goals {
        println!("{}", goal.line());
    }
}
