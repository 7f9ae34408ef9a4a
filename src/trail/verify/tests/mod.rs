//! What is found in a trail, and what is not taken for a fault.

mod chain;
mod checkpoints;
mod crashes;
mod edits;

use tempfile::TempDir;

use super::*;
use crate::trail::SigningKey;
use crate::trail::tests::builder::{TrailBuilder, key};

/// Verifies a trail that is written to a directory of its own.
fn check(sample: &TrailBuilder, measure: &Measure) -> Result<Summary, VerifyError> {
    verify_by(written(sample).path(), measure, &mut |_| ())
}

fn written(sample: &TrailBuilder) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    sample.write(directory.path());
    directory
}

fn fault(result: Result<Summary, VerifyError>) -> Fault {
    match result {
        Err(VerifyError::Fault(fault)) => *fault,
        other => panic!("{other:?}"),
    }
}

/// A measure of the key's other half.
fn by_key(key: &SigningKey) -> Measure {
    Measure { public_keys: vec![key.public_key().unwrap()], ..Measure::default() }
}

/// A measure of checkpoints, each given as a line of a trail.
fn by_kept<'a>(lines: impl IntoIterator<Item = &'a Vec<u8>>) -> Measure {
    let kept = |line: &Vec<u8>| KeptCheckpoint::find(std::str::from_utf8(line).unwrap()).unwrap();
    Measure { kept: lines.into_iter().flat_map(kept).collect(), ..Measure::default() }
}
