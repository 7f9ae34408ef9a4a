//! Goes through a trail for the lines that are wanted.

use std::collections::VecDeque;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::entry::Entry;
use super::filter::{Compiled, Filter};
use super::lines::{Line, Lines, begins_before};
use crate::trail::line::{Head, Stamp};
use crate::trail::segment::SegmentFile;

/// Lines that could not be read because they are no records. What they were, only `verify` can tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// How many.
    pub lines: u64,
    /// Where the first of them stands.
    pub first: Option<String>,
}

impl Damage {
    /// `error` says which line it is.
    fn add(&mut self, error: impl FnOnce() -> String) {
        self.lines += 1;
        self.first.get_or_insert_with(error);
    }
}

/// Shows `visit` every line that is wanted, in order, until it breaks or the trail ends. Needs memory for one line.
/// With [`Filter::since`] and [`Filter::until`] most of what lies outside of them is not read; for that, lines are
/// taken to be in the order of their times to within 10 minutes.
pub fn search(
    directory: &Path,
    filter: &Filter,
    visit: impl FnMut(&Line<'_>, &Entry<'_>) -> ControlFlow<()>,
) -> io::Result<Damage> {
    search_compiled(directory, &filter.compile(), visit)
}

pub(super) fn search_compiled(
    directory: &Path,
    filter: &Compiled,
    visit: impl FnMut(&Line<'_>, &Entry<'_>) -> ControlFlow<()>,
) -> io::Result<Damage> {
    let lines = match filter.beginning() {
        Some(time) => Lines::since(directory, time),
        None => Lines::from(directory, 0),
    };
    let mut damage = Damage::default();
    scan(lines, None, filter, &mut damage, visit)?;
    Ok(damage)
}

/// A line that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptLine {
    file: PathBuf,
    number: u64,
    sequence: u64,
    bytes: Vec<u8>,
}

impl KeptLine {
    /// Takes a copy.
    pub fn of(line: &Line<'_>) -> Self {
        let Line { sequence, file, number, bytes } = *line;
        Self { file: file.to_owned(), number, sequence, bytes: bytes.to_owned() }
    }

    /// The line.
    pub fn line(&self) -> Line<'_> {
        Line { sequence: self.sequence, file: &self.file, number: self.number, bytes: &self.bytes }
    }
}

/// The last `count` lines that are wanted, in order. Reads segment by segment from the last back, no further than it
/// has to, and needs memory for as many lines.
pub fn last(directory: &Path, filter: &Filter, count: usize) -> io::Result<(Vec<KeptLine>, Damage)> {
    let compiled = filter.compile();
    let earliest = compiled.beginning().map(Stamp::of);
    let mut damage = Damage::default();
    let mut found: VecDeque<KeptLine> = VecDeque::new();
    let mut end = None;
    for segment in SegmentFile::list(directory)?.iter().rev() {
        let wanted = count.saturating_sub(found.len());
        if wanted == 0 {
            break;
        }
        let mut here: VecDeque<KeptLine> = VecDeque::new();
        let lines = Lines::from(directory, segment.first);
        scan(lines, end, &compiled, &mut damage, |line, _| {
            if here.len() == wanted {
                here.pop_front();
            }
            here.push_back(KeptLine::of(line));
            ControlFlow::Continue(())
        })?;
        here.append(&mut found);
        found = here;
        end = Some(segment.first);
        if earliest.as_ref().is_some_and(|earliest| begins_before(segment, earliest)) {
            break;
        }
    }
    Ok((found.into(), damage))
}

/// Visits the lines that are wanted, up to the one with sequence `end`.
fn scan(
    mut lines: Lines,
    end: Option<u64>,
    filter: &Compiled,
    damage: &mut Damage,
    mut visit: impl FnMut(&Line<'_>, &Entry<'_>) -> ControlFlow<()>,
) -> io::Result<()> {
    loop {
        let line = match lines.read() {
            Ok(Some(line)) => line,
            Ok(None) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                damage.add(|| error.to_string());
                continue;
            }
            Err(error) => return Err(error),
        };
        if end.is_some_and(|end| line.sequence >= end) {
            return Ok(());
        }
        match examine(&line, filter, &mut visit) {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => return Ok(()),
            Err(NoRecord) => damage.add(|| line.no_record()),
        }
    }
}

/// The line is not what this program writes.
struct NoRecord;

fn examine(
    line: &Line<'_>,
    filter: &Compiled,
    visit: &mut impl FnMut(&Line<'_>, &Entry<'_>) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, NoRecord> {
    let head = Head::stamped(line.bytes).ok_or(NoRecord)?;
    if line.number == 1 && filter.is_over(&head) {
        return Ok(ControlFlow::Break(()));
    }
    if !filter.is_in_time(&head) || !filter.may_pass(&head, line.bytes) {
        return Ok(ControlFlow::Continue(()));
    }
    let entry = Entry::parse(line.bytes).map_err(|_| NoRecord)?;
    Ok(if filter.passes(&entry) { visit(line, &entry) } else { ControlFlow::Continue(()) })
}
