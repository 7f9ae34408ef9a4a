use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::TrailArgs;
use crate::trail::PublicKey;
use crate::trail::verify::{KeptCheckpoint, Measure, Summary, VerifyError, size, verify_by};

/// The largest file of checkpoints that is read, in bytes: a log of a gateway may be given whole.
const MAX_KEPT: u64 = 256 << 20;

/// Which trail, and what to hold it to.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    trail: TrailArgs,
    /// The public key, in PEM, that has to have signed the checkpoints. Where the key was replaced, the file has
    /// several, or this is given more than once: then one of them has.
    #[arg(long, value_name = "PEM")]
    public_key: Vec<PathBuf>,
    /// The first line from which on checkpoints have to be signed: of a trail that is older than its key.
    #[arg(long, value_name = "SEQUENCE", default_value_t = 0, requires = "public_key")]
    signed_from: u64,
    /// A checkpoint that was kept elsewhere: a file or the JSON itself. A line of the trail, a line of the gateway's
    /// log or the whole log, the page /status, or the object alone. May be given more than once.
    #[arg(long, value_name = "FILE-OR-JSON")]
    checkpoint: Vec<String>,
    /// The directory holds a part of the trail: lines before and after may be missing.
    #[arg(long)]
    partial: bool,
    /// Print the result, or the fault, as one JSON object.
    #[arg(long)]
    json: bool,
}

/// Exit code 1 for a trail that is not as it was written, and for one that cannot be read.
pub(super) fn run(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let measure = measure(args)?;
    match (check(&args.trail.directory, &measure), args.json) {
        (Ok(summary), true) => print_json(&summary, ExitCode::SUCCESS),
        (Ok(summary), false) => {
            writeln!(io::stdout(), "{summary}")?;
            Ok(ExitCode::SUCCESS)
        }
        (Err(error), true) => print_json(&error, ExitCode::FAILURE),
        (Err(error), false) => Err(error.into()),
    }
}

fn print_json(result: &impl serde::Serialize, code: ExitCode) -> anyhow::Result<ExitCode> {
    writeln!(io::stdout(), "{}", serde_json::to_string(result)?)?;
    Ok(code)
}

fn measure(args: &VerifyArgs) -> anyhow::Result<Measure> {
    let mut public_keys = Vec::new();
    for path in &args.public_key {
        public_keys.extend(keys_in(path)?);
    }
    let mut kept = Vec::new();
    for source in &args.checkpoint {
        let found = find_kept(source, &public_keys);
        kept.extend(found.with_context(|| format!("--checkpoint {}", shortened(source)))?);
    }
    Ok(Measure { public_keys, signed_from: args.signed_from, kept, partial: args.partial })
}

fn keys_in(path: &Path) -> anyhow::Result<Vec<PublicKey>> {
    let pem =
        std::fs::read(path).with_context(|| format!("the public key {} cannot be read", path.display()))?;
    PublicKey::all_from_pem(&pem).with_context(|| format!("the public key {}", path.display()))
}

/// What looks like an object is one; all else is a path.
fn find_kept(source: &str, keys: &[PublicKey]) -> anyhow::Result<Vec<KeptCheckpoint>> {
    let read;
    let text = if source.trim_start().starts_with('{') {
        source
    } else {
        if std::fs::metadata(source).context("it cannot be read")?.len() > MAX_KEPT {
            return Err(anyhow!("it is larger than {MAX_KEPT} bytes; give the lines with checkpoints alone"));
        }
        read = std::fs::read_to_string(source).context("it cannot be read")?;
        &read
    };
    let found = KeptCheckpoint::find(text)?;
    if !keys.is_empty() {
        found.iter().try_for_each(|checkpoint| checkpoint.check(keys))?;
    }
    Ok(found)
}

fn shortened(source: &str) -> String {
    let mut characters = source.chars();
    let mut text: String = characters.by_ref().take(60).collect();
    if characters.next().is_some() {
        text.push('…');
    }
    text
}

fn check(directory: &Path, measure: &Measure) -> Result<Summary, VerifyError> {
    // Draws nothing unless the standard error is a terminal.
    let bar = ProgressBar::with_draw_target(Some(size(directory)?), ProgressDrawTarget::stderr());
    let style =
        ProgressStyle::with_template("{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    let result = verify_by(directory, measure, &mut |bytes| bar.set_position(bytes));
    bar.finish_and_clear();
    result
}
