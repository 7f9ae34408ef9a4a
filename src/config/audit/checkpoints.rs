//! `[audit.checkpoints]`: what vouches for the trail.

use std::path::Path;
use std::sync::Arc;

use super::{DAY, SECOND};
use crate::config::file::{self, PATH};
use crate::config::form::{Integer, Span};
use crate::config::reader::{Reading, Section};
use crate::trail::{CheckpointsConfig, Signer, SigningKey};

pub(super) fn read(section: &mut Section<'_>) -> Reading<CheckpointsConfig> {
    let records = section.need("records", &Integer(1..=u64::MAX >> 1));
    let every = section.need("every", &Span(SECOND..=DAY));
    let file = section.maybe("key_file", &PATH);
    let key = file.and_then(|file| file.map(|file| signing_key(section, &file)).transpose());
    Ok(CheckpointsConfig { records: records?, every: every?, signer: Signer::new(key?) })
}

fn signing_key(section: &Section<'_>, path: &Path) -> Reading<Arc<SigningKey>> {
    let pem = file::key(section, "key_file", path);
    let key = pem.and_then(|pem| SigningKey::from_pem(&pem).map_err(|wrong| wrong.to_string()));
    key.map(Arc::new).map_err(|wrong| section.refuse("key_file", file::about(path, &wrong)))
}
