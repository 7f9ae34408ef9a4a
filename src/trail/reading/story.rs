//! What the trail says of one request.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::filter::Filter;
use super::search::{Damage, KeptLine, search};
use crate::domain::RequestId;
use crate::trail::record::Kind;

/// How long after a request's id was made its first line may be written: far longer than any request may take.
const LONGEST: SignedDuration = SignedDuration::from_mins(60);

/// Every line that names a request, in order: its intent, if it has one, and what tells its end, if anything does.
/// Reads the lines of about the time that the id tells, and further on only where an intent has no end among them.
pub fn story(directory: &Path, id: RequestId) -> io::Result<(Vec<KeptLine>, Damage)> {
    let made = Timestamp::from_millisecond(id.unix_millis()).ok();
    let until = made.and_then(|made| made.checked_add(LONGEST).ok());
    let near = Filter { requests: vec![id], until, ..Filter::default() };
    let (lines, ended, damage) = lines(directory, &near)?;
    if lines.is_empty() || ended {
        return Ok((lines, damage));
    }
    let (lines, _, damage) = self::lines(directory, &Filter { until: None, ..near })?;
    Ok((lines, damage))
}

/// The lines that are wanted, up to the one that tells the end, and whether there is one.
fn lines(directory: &Path, filter: &Filter) -> io::Result<(Vec<KeptLine>, bool, Damage)> {
    let (mut lines, mut ended) = (Vec::new(), false);
    let damage = search(directory, filter, |line, entry| {
        lines.push(KeptLine::of(line));
        ended = entry.kind != Kind::Intent;
        if ended { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok((lines, ended, damage))
}
