//! What a healthy caller notices of a hostile world: how long its requests take beside idle, slow and too many
//! connections, floods of strangers, and tenants that are too much. The gateway is a process of its own; the vendor
//! answers from memory.
//!
//! `cargo bench --bench hostile` prints a table, in about two minutes. It wants 20,000 open files in each of two
//! processes.

#![expect(clippy::expect_used, clippy::panic, reason = "a bench that cannot go on stops")]

mod callers;
mod crowds;
mod gateway;
#[path = "../sockets.rs"]
mod sockets;
#[path = "../vendor.rs"]
mod vendor;
#[path = "../world.rs"]
#[expect(dead_code, reason = "the other benches use the rest")]
mod world;

use std::time::{Duration, Instant};

use confgate::devissuer::{Algorithm, Claims, DevIssuer};
use jiff::SignedDuration;
use tempfile::TempDir;

use crate::callers::Measured;
use crate::gateway::Gateway;

/// How long the healthy caller asks in each scenario.
const TIME: Duration = Duration::from_secs(7);

/// Every part of the world that scenarios need.
pub(crate) struct Scene {
    pub(crate) gateway: Gateway,
    pub(crate) issuer: DevIssuer,
}

impl Scene {
    /// A token of this tenant, for an hour.
    pub(crate) fn token(&self, tenant: &str) -> String {
        token(&self.issuer, tenant, "huangcl")
    }
}

pub(crate) fn token(issuer: &DevIssuer, tenant: &str, subject: &str) -> String {
    let claims = Claims::new(tenant, subject, "confgate").lifetime(SignedDuration::from_hours(1));
    issuer.mint(&claims.scopes(["conference:get", "conference:create"])).expect("a token")
}

/// A token of tenant `crm` with the signature of another.
pub(crate) fn forged(issuer: &DevIssuer, subject: &str) -> String {
    let [signed, other] = [subject, "somebody else"].map(|subject| token(issuer, "crm", subject));
    let (signed, _) = signed.rsplit_once('.').expect("a token");
    let (_, signature) = other.rsplit_once('.').expect("a token");
    format!("{signed}.{signature}")
}

/// Like the issuer's, and of a key that it does not publish.
pub(crate) fn token_of_nobody(issuer: &DevIssuer) -> String {
    let stranger = DevIssuer::generate(issuer.issuer(), issuer.algorithm()).expect("a key");
    token(&stranger, "crm", "stranger")
}

fn main() {
    let issuer = DevIssuer::generate("https://issuer.test", Algorithm::Es256).expect("a key");
    let directory = TempDir::new().expect("a directory");
    let gateway = Gateway::start(directory.path(), &issuer, &vendor::start());
    let scene = Scene { gateway, issuer };
    // Connections to the vendor, remembered tokens, memory that was touched once.
    measure(&scene, Duration::from_secs(2));
    let idle = scene.gateway.resident_kib();
    println!(
        "{:<34} {:>8} {:>7} {:>8} {:>8} {:>8} {:>6} {:>8}   what the others got",
        "beside", "requests", "failed", "p50 µs", "p99 µs", "max µs", "CPU %", "RSS MiB"
    );
    for (what, crowd) in crowds::all() {
        let crowd = crowd(&scene);
        let resident = scene.gateway.resident_kib();
        let (cpu, started) = (scene.gateway.cpu_ticks(), Instant::now());
        let measured = measure(&scene, TIME);
        let percent =
            (scene.gateway.cpu_ticks() - cpu) * 100_000 / gateway::TICKS / millis(started.elapsed());
        let rest = crowd.end();
        println!(
            "{what:<34} {:>8} {:>7} {:>8} {:>8} {:>8} {:>6} {:>8}   {rest}",
            measured.requests(),
            measured.failed,
            measured.at(50).as_micros(),
            measured.at(99).as_micros(),
            measured.at(100).as_micros(),
            percent,
            scene.gateway.resident_kib().max(resident) / 1024,
        );
        if what == crowds::IDLE {
            let each = resident.saturating_sub(idle) * 1024 / crowds::MANY;
            println!("{:<34} {each} bytes of memory", "  for each idle connection");
        }
        scene.gateway.until_alone();
    }
    println!("resident: {} MiB before, {} MiB after", idle / 1024, scene.gateway.resident_kib() / 1024);
}

fn measure(scene: &Scene, time: Duration) -> Measured {
    callers::healthy(scene.gateway.address, &scene.token("crm"), time)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).expect("a short time").max(1)
}
