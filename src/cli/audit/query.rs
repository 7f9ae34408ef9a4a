use std::io::{self, Write};
use std::ops::ControlFlow;
use std::process::ExitCode;

use clap::Args;

use super::filters::FilterArgs;
use super::table::Table;
use super::{TrailArgs, output};
use crate::trail::{self, Damage, Entry, Filter, Line};

/// Which lines, and how they are printed.
#[derive(Debug, Args)]
pub struct QueryArgs {
    #[command(flatten)]
    trail: TrailArgs,
    /// Print the lines as they stand in the trail, one JSON object each, in place of a table.
    #[arg(long)]
    json: bool,
    /// Print no more than the first N that are found.
    #[arg(long, value_name = "N", conflicts_with = "last")]
    limit: Option<u64>,
    /// Print the last N that are found. The trail is read from its end, no further back than is needed.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    last: Option<u32>,
    #[command(flatten)]
    filters: FilterArgs,
    /// Only changes of which nobody knows whether they were made.
    #[arg(long)]
    unknown: bool,
}

pub(super) fn run(args: &QueryArgs) -> anyhow::Result<ExitCode> {
    let filter = Filter { unknown: args.unknown, ..args.filters.filter()? };
    let mut damage = Ok(Damage::default());
    output::print(|out| {
        let mut printer = Printer::new(args, out)?;
        damage = match args.last {
            Some(count) => last(args, &filter, count, &mut printer),
            None => trail::search(&args.trail.directory, &filter, |line, entry| printer.take(line, entry)),
        };
        printer.failure.map_or(Ok(()), Err)
    })?;
    Ok(output::exit_code(&output::readable(damage, &args.trail.directory)?))
}

fn last(args: &QueryArgs, filter: &Filter, count: u32, printer: &mut Printer<'_>) -> io::Result<Damage> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let (lines, damage) = trail::last(&args.trail.directory, filter, count)?;
    for kept in &lines {
        let line = kept.line();
        // It was understood when it was found.
        let Ok(entry) = Entry::parse(line.bytes) else { continue };
        if printer.take(&line, &entry).is_break() {
            break;
        }
    }
    Ok(damage)
}

/// Prints lines until there are enough.
struct Printer<'a> {
    out: &'a mut dyn Write,
    /// None for the lines themselves.
    table: Option<Table>,
    /// How many more.
    left: u64,
    failure: Option<io::Error>,
}

impl<'a> Printer<'a> {
    fn new(args: &QueryArgs, out: &'a mut dyn Write) -> io::Result<Self> {
        let table = (!args.json).then(|| Table::new(output::terminal_width()));
        if let Some(table) = &table {
            table.head(out)?;
        }
        Ok(Self { out, table, left: args.limit.unwrap_or(u64::MAX), failure: None })
    }

    fn take(&mut self, line: &Line<'_>, entry: &Entry<'_>) -> ControlFlow<()> {
        if self.left == 0 {
            return ControlFlow::Break(());
        }
        self.left -= 1;
        let printed = match &self.table {
            Some(table) => table.row(entry, self.out),
            None => self.out.write_all(line.bytes),
        };
        match printed {
            Ok(()) if self.left > 0 => ControlFlow::Continue(()),
            Ok(()) => ControlFlow::Break(()),
            Err(error) => {
                self.failure = Some(error);
                ControlFlow::Break(())
            }
        }
    }
}
