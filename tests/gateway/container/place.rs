//! Where the image runs: a vendor, an issuer, and the volumes of one of the examples.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use super::machine::{must, podman};
use super::manifest::{Content, Manifest};
use super::running::Container;
use crate::support::issuer::Issuer;
use crate::support::projected::Projected;
use crate::support::trail::Trail;
use crate::support::vendor::Vendor;

/// The file of the `ConfigMap`.
pub(super) const CONFIG: &str = "confgate.toml";
/// The key of the Secret.
pub(super) const SECRET: &str = "meet";

/// Keys of the configuration without which a test would meet the example's limits, or wait for what is meant for a
/// vendor elsewhere.
const HASTE: [(&str, &str); 7] = [
    ("TENANTS__CRM__RATE_LIMIT__RATE", "1000000"),
    ("TENANTS__CRM__RATE_LIMIT__BURST", "1000000"),
    ("TENANTS__CRM__USER_RATE_LIMIT__RATE", "1000000"),
    ("TENANTS__CRM__USER_RATE_LIMIT__BURST", "1000000"),
    ("APPS__MEET__BUDGET__RATE", "1000000"),
    ("APPS__MEET__BUDGET__BURST", "1000000"),
    ("VENDOR__MIN_INTERVAL", "10ms"),
];

/// An example of `deploy/kubernetes`, to be run as often as the test likes.
pub(super) struct Place {
    pub(super) vendor: Vendor,
    pub(super) issuer: Issuer,
    pub(super) manifest: Manifest,
    pub(super) config: Projected,
    pub(super) secrets: Projected,
    flags: Vec<String>,
    audit: PathBuf,
    directory: TempDir,
}

impl Place {
    pub(super) async fn new(example: &str) -> Self {
        Self::with(example, Vendor::start().await).await
    }

    /// Around this vendor.
    pub(super) async fn with(example: &str, vendor: Vendor) -> Self {
        let manifest = Manifest::of(example);
        let directory = TempDir::new().expect("a temporary directory");
        let group = manifest.number("fsGroup");
        let mut flags = manifest.flags();
        let mut projected = Vec::new();
        for mount in manifest.mounts() {
            let source = directory.path().join(&mount.name);
            let options = if mount.read_only { ":ro" } else { "" };
            flags.push(format!("--volume={}:{}{options}", source.display(), mount.path));
            match mount.content {
                Content::Files(files, mode) => projected.push(Projected::new(source, files, mode, group)),
                Content::Room => room(&source, group),
            }
        }
        let [mut config, secrets] =
            projected.try_into().unwrap_or_else(|_| panic!("a ConfigMap and a Secret"));
        let audit =
            manifest.mounts().into_iter().find(|mount| mount.path.ends_with("/audit")).expect("a trail");
        let audit = directory.path().join(audit.name);
        let text = config.text(CONFIG);
        let issuer = Issuer::named(value_of(&text, "issuer")).await;
        config.set(CONFIG, &pointed_at(&text, &vendor, &issuer));
        let mut place = Self { vendor, issuer, manifest, config, secrets, flags, audit, directory };
        // The machine's network has room for others too.
        place.change("LISTEN__ADDRESS", "127.0.0.1:0");
        place.change("ADMIN__ADDRESS", "127.0.0.1:0");
        for (key, value) in HASTE {
            place.change(key, value);
        }
        place
    }

    /// Changes a key of the configuration for the containers that come.
    pub(super) fn change(&mut self, key: &str, value: &str) {
        self.flag(format!("--env=CONFGATE__{key}={value}"));
    }

    /// Adds a flag of podman for the containers that come.
    pub(super) fn flag(&mut self, flag: String) {
        self.flags.push(flag);
    }

    /// Edits the `ConfigMap`.
    pub(super) fn edit(&mut self, from: &str, to: &str) {
        let text = self.config.text(CONFIG);
        assert!(text.contains(from), "no {from} in\n{text}");
        self.config.set(CONFIG, &text.replace(from, to));
    }

    /// For files of the test's own.
    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Where the trail's volume is, outside.
    pub(super) fn audit(&self) -> &Path {
        &self.audit
    }

    pub(super) fn trail(&self) -> Trail {
        Trail::new(&self.audit)
    }

    /// Starts a container with the example's arguments.
    pub(super) async fn start(&self) -> Container {
        self.run(&[], &self.manifest.args()).await
    }

    /// The same, started again by podman whenever it ends, as the kubelet does, though at once.
    pub(super) async fn start_for_good(&self) -> Container {
        self.run(&["--restart=always".to_owned()], &self.manifest.args()).await
    }

    /// With these flags and arguments besides.
    pub(super) async fn run(&self, flags: &[String], args: &[String]) -> Container {
        Container::run(&new_name(), self.directory(), &[&self.flags, flags].concat(), args).await
    }

    /// What `confgate audit verify` in the image says of the trail, if it is whole.
    pub(super) async fn verified(&self) -> String {
        let mut command = podman(["run", "--rm", "--network=none"]);
        command.args(["--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"]).args(&self.flags);
        let directory = "/var/lib/confgate/audit";
        command.arg(super::told("CONFGATE_IMAGE")).args(["audit", "verify", directory]);
        must(command).await
    }
}

/// A name that no other container has.
pub(super) fn new_name() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    format!("confgate-test-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// An `emptyDir`, or what a claim brings: for everybody, or for the group of `fsGroup` alone.
pub(super) fn room(path: &Path, group: Option<u32>) {
    fs::create_dir_all(path).expect("a directory");
    let mode = if group.is_some() { 0o2775 } else { 0o777 };
    chown(path, None, group).expect("a directory of ours");
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("a directory of ours");
}

/// The first value of this key in the configuration.
pub(super) fn value_of<'t>(text: &'t str, key: &str) -> &'t str {
    let value =
        text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"'));
    value.unwrap_or_else(|| panic!("no {key} in\n{text}"))
}

/// The example's configuration with these two in place of those that it names.
pub(super) fn pointed_at(text: &str, vendor: &Vendor, issuer: &Issuer) -> String {
    text.replace(value_of(text, "jwks_url"), &issuer.jwks_url())
        .replace(value_of(text, "base_url"), vendor.base_url())
}
