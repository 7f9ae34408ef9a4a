//! What the bench is told.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::contenders::Programs;

/// Measures confgate beside the proxies that are there. Programs are looked for in PATH unless they are given here or
/// by `CONFGATE_BENCH_NGINX`, `CONFGATE_BENCH_HAPROXY`, `CONFGATE_BENCH_ENVOY`.
#[derive(Debug, Parser)]
pub(crate) struct Args {
    /// What to measure, in this order; unless told, everything but `soak`, in about five minutes.
    #[arg(value_enum)]
    pub(crate) scenarios: Vec<Scenario>,
    /// Contenders whose names contain one of these, case aside; all unless told.
    #[arg(long)]
    pub(crate) only: Vec<String>,
    /// How often each contender is started and measured.
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: usize,
    /// How long a round is, after 0.7 s to warm up.
    #[arg(long, default_value_t = 2.0)]
    pub(crate) seconds: f64,
    /// Kept connections to the contender.
    #[arg(long, default_value_t = 64)]
    pub(crate) connections: usize,
    /// Tokens of a round where each is new.
    #[arg(long, default_value_t = 30_000)]
    pub(crate) new_tokens: usize,
    /// How many seconds `soak` takes.
    #[arg(long, default_value_t = 600)]
    pub(crate) soak: u64,
    /// Where to draw what was measured.
    #[arg(long, value_name = "PATH")]
    pub(crate) svg: Option<PathBuf>,
    /// Another build of confgate.
    #[arg(long, default_value = env!("CARGO_BIN_EXE_confgate"))]
    pub(crate) confgate: PathBuf,
    #[arg(long)]
    nginx: Option<PathBuf>,
    #[arg(long)]
    haproxy: Option<PathBuf>,
    #[arg(long)]
    envoy: Option<PathBuf>,
    /// Passed by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Scenario {
    /// Gets alone, with 500 tokens (RS256) of 20 tenants.
    Gets,
    /// Four gets for each create.
    Mix,
    /// Gets alone with ES256, of those that check tokens; only when told.
    GetsEs256,
    /// Gets, each with a token (RS256) never seen before.
    NewRs256,
    /// The same with ES256.
    NewEs256,
    /// Gets at 2,000 a second, whatever the answers take.
    Latency,
    /// Two workers on two CPUs, beside one on one.
    Scaling,
    /// Start, memory, an idle process.
    Footprint,
    /// Memory under load for as long as --soak says; only when told.
    Soak,
}

impl Args {
    pub(crate) fn programs(&self) -> Programs {
        let told = |path: &Option<PathBuf>, name: &str| {
            path.clone().or_else(|| std::env::var_os(format!("CONFGATE_BENCH_{name}")).map(PathBuf::from))
        };
        Programs {
            nginx: told(&self.nginx, "NGINX"),
            haproxy: told(&self.haproxy, "HAPROXY"),
            envoy: told(&self.envoy, "ENVOY"),
            confgate: self.confgate.clone(),
        }
    }

    pub(crate) fn scenarios(&self) -> Vec<Scenario> {
        if !self.scenarios.is_empty() {
            return self.scenarios.clone();
        }
        let usual = |scenario: &Scenario| !matches!(scenario, Scenario::GetsEs256 | Scenario::Soak);
        Scenario::value_variants().iter().copied().filter(usual).collect()
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        self.only.is_empty() || self.only.iter().any(|only| name.contains(&only.to_lowercase()))
    }
}
