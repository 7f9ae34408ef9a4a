use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;

use super::filters::FilterArgs;
use super::text::{fit, millis};
use super::{TrailArgs, output};
use crate::domain::Action;
use crate::trail::{self, Sums};

/// What is summed up.
#[derive(Debug, Args)]
pub struct StatsArgs {
    #[command(flatten)]
    trail: TrailArgs,
    /// Print a JSON object for each tenant and action, one a line, in place of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    filters: FilterArgs,
}

const HEAD: [&str; 9] =
    ["TENANT", "ACTION", "REQUESTS", "ALLOWED", "REFUSED", "UNKNOWN", "VENDOR ERRORS", "P50 MS", "P99 MS"];

pub(super) fn run(args: &StatsArgs) -> anyhow::Result<ExitCode> {
    let filter = args.filters.filter()?;
    let stats = output::readable(trail::stats(&args.trail.directory, &filter), &args.trail.directory)?;
    output::print(|out| {
        if args.json {
            return stats
                .groups
                .iter()
                .try_for_each(|sums| writeln!(out, "{}", serde_json::to_string(sums)?));
        }
        let mut rows = vec![HEAD.map(str::to_owned)];
        rows.extend(stats.groups.iter().map(row));
        let [_, action, numbers @ ..] = row(&stats.total);
        let [requests, allowed, refused, unknown, errors, p50, p99] = numbers;
        rows.push(["all".to_owned(), action, requests, allowed, refused, unknown, errors, p50, p99]);
        print(&rows, out)
    })?;
    Ok(output::exit_code(&stats.damage))
}

fn row(sums: &Sums) -> [String; 9] {
    let name = |name: Option<&str>| name.unwrap_or("-").to_owned();
    let duration = |micros: Option<u64>| micros.map_or_else(|| "-".to_owned(), millis);
    [
        name(sums.tenant.as_deref()),
        name(sums.action.map(Action::as_str)),
        sums.requests.to_string(),
        sums.allowed.to_string(),
        sums.refused.to_string(),
        sums.unknown.to_string(),
        sums.vendor_errors.to_string(),
        duration(sums.p50_us),
        duration(sums.p99_us),
    ]
}

/// Names on the left, numbers on the right; each column as wide as it has to be.
fn print(rows: &[[String; 9]], out: &mut dyn Write) -> io::Result<()> {
    let width =
        |index: usize| rows.iter().filter_map(|row| row.get(index)).map(String::len).max().unwrap_or(0);
    for row in rows {
        let cells = row.iter().enumerate().map(|(index, cell)| {
            let width = width(index);
            if index < 2 { fit(cell, width) } else { format!("{cell:>width$}") }
        });
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}
