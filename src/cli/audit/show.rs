use std::process::ExitCode;

use clap::Args;

use super::filters::request;
use super::story::Story;
use super::{TrailArgs, output};
use crate::domain::RequestId;
use crate::trail::{self, Entry};

/// Which request.
#[derive(Debug, Args)]
pub struct ShowArgs {
    #[command(flatten)]
    trail: TrailArgs,
    /// The request's id: `request_id` in the trail and in answers, X-Request-Id in their headers.
    #[arg(value_name = "REQUEST_ID", value_parser = request)]
    request_id: RequestId,
    /// Print the lines as they stand in the trail, one JSON object each.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ShowArgs) -> anyhow::Result<ExitCode> {
    let directory = &args.trail.directory;
    let (kept, damage) = output::readable(trail::story(directory, args.request_id), directory)?;
    if kept.is_empty() {
        let _ = output::exit_code(&damage);
        anyhow::bail!(
            "the trail in {} has nothing of request {}. Of refusals that are counted, only the first and the last id are \
             kept: `confgate audit query --kind refusals` shows them. Its lines may also have been removed by \
             retention, or not have been written yet; reads leave none where audit.durability.reads is off",
            directory.display(),
            args.request_id
        );
    }
    output::print(|out| {
        if args.json {
            return kept.iter().try_for_each(|kept| out.write_all(kept.line().bytes));
        }
        let lines = kept.iter().filter_map(|kept| Some((kept.line(), Entry::parse(kept.line().bytes).ok()?)));
        let story = Story::new(args.request_id.to_string(), lines.collect());
        writeln!(out, "{story}")
    })?;
    Ok(output::exit_code(&damage))
}
