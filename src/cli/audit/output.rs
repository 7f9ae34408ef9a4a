//! What the commands that read a trail print on, and how they end.

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

use crate::trail::Damage;

/// Prints with `write`. A reader at the other end of a pipe that has seen enough is no failure.
pub(super) fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
            // What is still in the buffer has nowhere to go.
            let _ = out.into_parts();
            Ok(())
        }
        result => result.context("standard output takes no more"),
    }
}

/// Says which trail could not be read.
pub(super) fn readable<T>(result: io::Result<T>, directory: &Path) -> anyhow::Result<T> {
    result.with_context(|| format!("the trail in {} cannot be read", directory.display()))
}

/// Good, unless there were lines that could not be read: what was printed may then not be all.
pub(super) fn exit_code(damage: &Damage) -> ExitCode {
    let Some(first) = &damage.first else { return ExitCode::SUCCESS };
    let plural = if damage.lines == 1 { " was" } else { "s were" };
    let _ = writeln!(io::stderr(), "confgate: {} line{plural} passed over; the first: {first}", damage.lines);
    ExitCode::FAILURE
}

/// How many columns the terminal has; none where standard output is none.
pub(super) fn terminal_width() -> Option<usize> {
    let out = io::stdout();
    let size = out.is_terminal().then(|| rustix::termios::tcgetwinsize(&out).ok())??;
    Some(size.ws_col.into()).filter(|columns| *columns > 0)
}
