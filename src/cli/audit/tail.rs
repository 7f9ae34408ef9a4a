use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{TrailArgs, output};
use crate::cli::runtime;
use crate::cli::signals::EndSignals;
use crate::trail;

/// How often a followed trail is looked at.
const INTERVAL: Duration = Duration::from_millis(200);

/// Which part of which trail.
#[derive(Debug, Args)]
pub struct TailArgs {
    #[command(flatten)]
    trail: TrailArgs,
    /// How many lines.
    #[arg(long, short = 'n', default_value_t = 10)]
    lines: u64,
    /// Go on with the lines that are added, through new segments, until Ctrl-C.
    #[arg(long, short)]
    follow: bool,
}

pub(super) fn run(args: &TailArgs) -> anyhow::Result<ExitCode> {
    let asked_to_end = Arc::new(AtomicBool::new(false));
    if args.follow {
        end_on_signal(Arc::clone(&asked_to_end))?;
    }
    let directory = &args.trail.directory;
    let mut result = Ok(());
    output::print(|mut out| {
        let wait = || args.follow && !asked_to_end.load(Ordering::Relaxed) && wait_while_read();
        match trail::tail(directory, args.lines, &mut out, wait) {
            // Of the pipe, not of the trail.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Err(error),
            other => result = other,
        }
        Ok(())
    })?;
    output::readable(result, directory)?;
    Ok(ExitCode::SUCCESS)
}

/// Waits for a moment. False once nobody reads standard output any more, which otherwise only the next line would tell.
fn wait_while_read() -> bool {
    let out = io::stdout();
    let interval = Timespec { tv_sec: 0, tv_nsec: i64::from(INTERVAL.subsec_nanos()) };
    // No event is asked for; that the other end is closed is always told.
    let mut ends = [PollFd::new(&out, PollFlags::empty())];
    match poll(&mut ends, Some(&interval)) {
        Ok(0) => true,
        Ok(_) => !ends.iter().any(|end| end.revents().intersects(PollFlags::ERR | PollFlags::HUP)),
        Err(_) => {
            std::thread::sleep(INTERVAL);
            true
        }
    }
}

/// The first signal ends it after a whole line; the second, for an output that takes nothing, at once.
fn end_on_signal(asked: Arc<AtomicBool>) -> anyhow::Result<()> {
    let runtime = runtime()?;
    let mut signals = runtime.block_on(async { EndSignals::listen() })?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            signals.next().await;
            asked.store(true, Ordering::Relaxed);
            signals.next().await;
            std::process::exit(1);
        });
    });
    Ok(())
}
