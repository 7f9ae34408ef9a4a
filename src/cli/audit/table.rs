//! Lines of the trail as rows for people. Columns have fixed widths, so that a row is printed as soon as it is found.

use std::io::{self, Write};

use super::text::{fit, millis};
use crate::trail::{Entry, Kind, Trouble};

/// How many columns a terminal has at the least.
const NARROWEST: usize = 80;

/// What a column shows, how wide, and from which width of the terminal on. Only the widest shows all; a file or a pipe
/// counts as that.
struct Column {
    name: &'static str,
    width: usize,
    from: usize,
    cell: fn(&Entry<'_>) -> String,
}

const COLUMNS: &[Column] = &[
    Column { name: "TIME (UTC)", width: 19, from: NARROWEST, cell: time },
    Column { name: "WHAT", width: 10, from: NARROWEST, cell: what },
    Column { name: "TENANT", width: 12, from: 132, cell: |entry| text(entry.tenant) },
    Column { name: "SUBJECT", width: 12, from: NARROWEST, cell: |entry| text(entry.subject.as_deref()) },
    Column { name: "CONFERENCE", width: 25, from: 169, cell: |entry| text(entry.conference) },
    Column { name: "", width: 3, from: NARROWEST, cell: |entry| text(entry.status) },
    Column { name: "RESULT", width: 28, from: NARROWEST, cell: result },
    Column { name: "MS", width: 8, from: 142, cell: |entry| text(entry.duration_us.map(millis)) },
    Column {
        name: "REQUEST",
        width: 36,
        from: 118,
        cell: |entry| text(entry.request_id.or(entry.first_request_id)),
    },
];

/// A table as wide as there is room for.
pub(super) struct Table {
    columns: Vec<&'static Column>,
}

impl Table {
    /// `width` is that of the terminal; none for anything else.
    pub(super) fn new(width: Option<usize>) -> Self {
        let width = width.map_or(usize::MAX, |width| width.max(NARROWEST));
        Self { columns: COLUMNS.iter().filter(|column| column.from <= width).collect() }
    }

    pub(super) fn head(&self, out: &mut dyn Write) -> io::Result<()> {
        self.print(out, |column| column.name.to_owned())
    }

    pub(super) fn row(&self, entry: &Entry<'_>, out: &mut dyn Write) -> io::Result<()> {
        self.print(out, |column| (column.cell)(entry))
    }

    fn print(&self, out: &mut dyn Write, cell: impl Fn(&Column) -> String) -> io::Result<()> {
        let cells: Vec<String> = self.columns.iter().map(|column| fit(&cell(column), column.width)).collect();
        writeln!(out, "{}", cells.join("  ").trim_end())
    }
}

fn text(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn time(entry: &Entry<'_>) -> String {
    entry.time.get(..19).unwrap_or(entry.time).replacen('T', " ", 1)
}

/// The action of a request; what other lines are about.
fn what(entry: &Entry<'_>) -> String {
    match entry.kind {
        Kind::Intent | Kind::Outcome | Kind::Refusals => {
            text(entry.action.map(crate::domain::Action::as_str))
        }
        kind => kind.as_str().to_owned(),
    }
}

fn result(entry: &Entry<'_>) -> String {
    match entry.kind {
        Kind::Intent => "announced".to_owned(),
        Kind::Outcome => outcome(entry),
        Kind::Refusals => format!("×{} {}", entry.requests(), entry.reason.unwrap_or("caller gone")),
        Kind::Start => format!("version {}", entry.version.unwrap_or("?")),
        Kind::Checkpoint => entry.sequence.map_or_else(String::new, |sequence| format!("up to {sequence}")),
        Kind::Recovered => {
            let after = if entry.after == Some(Trouble::Crash) { "a crash" } else { "a fault" };
            format!("after {after}, {} unknown", entry.unknown.len())
        }
        Kind::Reload => format!("generation {}", text(entry.generation)),
        Kind::Stop | Kind::Heartbeat => String::new(),
    }
}

fn outcome(entry: &Entry<'_>) -> String {
    let mut parts = Vec::new();
    if entry.outcome_unknown {
        parts.push("unknown");
    }
    match entry.reason {
        Some(reason) => parts.push(reason),
        None if entry.is_vendor_error() => parts.push("vendor error"),
        None if entry.caller_gone => parts.push("caller gone"),
        None => parts.push("ok"),
    }
    parts.join(": ")
}
