//! The tables that are printed.

use std::fmt;

/// Of one request.
pub(crate) struct Row {
    pub(crate) name: String,
    /// Whether it is the row before with something more, so that the difference says something.
    pub(crate) goes_on: bool,
    pub(crate) nanoseconds: f64,
    /// None where they are not counted.
    pub(crate) instructions: Option<f64>,
    /// For instructions.
    pub(crate) budget: u32,
}

impl Row {
    fn is_over(&self) -> bool {
        self.instructions.is_some_and(|instructions| instructions > f64::from(self.budget))
    }
}

pub(crate) struct Table {
    title: &'static str,
    rows: Vec<Row>,
}

impl Table {
    pub(crate) fn new(title: &'static str) -> Self {
        Self { title, rows: Vec::new() }
    }

    pub(crate) fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(crate) fn keeps_to_its_budgets(&self) -> bool {
        !self.rows.iter().any(Row::is_over)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| {:<32} |      ns |     + | instructions |      + |  budget |", self.title)?;
        writeln!(f, "|{:-<34}|--------:|------:|-------------:|-------:|--------:|", "")?;
        let mut before: Option<&Row> = None;
        for row in &self.rows {
            let before = before.replace(row).filter(|_| row.goes_on);
            let more = |of: fn(&Row) -> Option<f64>| Some(of(row)? - before.map_or(Some(0.0), of)?);
            let (ns, instructions) = (|row: &Row| Some(row.nanoseconds), |row: &Row| row.instructions);
            let [ns_more, instructions_more] =
                [more(ns), more(instructions)].map(|more| figure(more.filter(|_| row.goes_on)));
            writeln!(
                f,
                "| {:<32} | {:>7} | {ns_more:>5} | {:>12} | {instructions_more:>6} | {:>7} |{}",
                row.name,
                figure(ns(row)),
                figure(row.instructions),
                row.budget,
                if row.is_over() { " over its budget" } else { "" },
            )?;
        }
        Ok(())
    }
}

fn figure(value: Option<f64>) -> String {
    value.map(|value| format!("{value:.0}")).unwrap_or_default()
}
