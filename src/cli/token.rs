use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Args;
use jiff::SignedDuration;

use crate::devissuer::{Claims, DevIssuer};

/// What a development token says.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// The key to sign with, in PEM (PKCS #8), such as issuer.pem of `confgate demo`.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// `iss`; by default the one that stands in the key file.
    #[arg(long)]
    issuer: Option<String>,
    /// The claim `tenant`.
    #[arg(long)]
    tenant: String,
    /// `sub`, who calls.
    #[arg(long)]
    subject: String,
    /// `aud`.
    #[arg(long, default_value = "confgate")]
    audience: String,
    /// A scope; give it once for each. By default those of the four calls.
    #[arg(long = "scope", value_name = "SCOPE", default_values_t = ALL_CALLS.map(String::from))]
    scopes: Vec<String>,
    /// Seconds until it expires; negative for one that has expired.
    #[arg(long, default_value_t = 3600, allow_negative_numbers = true)]
    lifetime: i64,
}

/// The default scopes of the four calls.
pub(super) const ALL_CALLS: [&str; 4] =
    ["conference:create", "conference:get", "conference:dissolve", "conference:kick"];

pub(super) fn run(args: &TokenArgs) -> anyhow::Result<ExitCode> {
    // As many seconds as ten years have; more is a slip.
    ensure!(args.lifetime.unsigned_abs() <= 315_360_000, "--lifetime is in seconds, within ten years");
    let issuer = DevIssuer::open(&args.key, args.issuer.as_deref())
        .with_context(|| format!("no token can be signed with {}", args.key.display()))?;
    let claims = Claims::new(&args.tenant, &args.subject, &args.audience)
        .scopes(&args.scopes)
        .lifetime(SignedDuration::from_secs(args.lifetime));
    writeln!(std::io::stdout(), "{}", issuer.mint(&claims)?)?;
    Ok(ExitCode::SUCCESS)
}
