//! What is said of a trail once its last line has been read.

use std::path::Path;

use super::Walk;
use crate::trail::line::LineHash;
use crate::trail::verify::Mark;
use crate::trail::verify::fault::{Fault, FaultKind, VerifyError};
use crate::trail::verify::kept::OTHER_TRAIL;
use crate::trail::verify::summary::{Crash, Signed, Summary};

impl Walk<'_> {
    /// What only the end can tell.
    pub(in crate::trail::verify) fn finish(self, directory: &Path) -> Result<Summary, VerifyError> {
        if let Some(what) = self.life.unvouched {
            return Err(self.at_end(FaultKind::Changed, what).into());
        }
        if !self.measure.partial {
            self.reaches_far_enough()?;
        }
        let signed = self.signed();
        if signed.is_none() && !self.measure.public_keys.is_empty() {
            return Err(VerifyError::Unsigned(directory.to_owned()));
        }
        Ok(self.summary(signed))
    }

    /// Whether the lines are there that a checkpoint says have to be, in front and at the end.
    fn reaches_far_enough(&self) -> Result<(), Fault> {
        let (required, first) = (self.life.first, self.first_sequence.unwrap_or(1));
        if first > required {
            let detail = "lines before it are not there, and no checkpoint says that they were removed";
            let fault = self.fault(0, 1, FaultKind::Missing, detail);
            return Err(fault.expecting(required).finding(first));
        }
        let last = self.last.map_or(0, |mark| mark.at.last());
        match self.expected.first_after(last, self.life.trail) {
            None => Ok(()),
            Some((missing, of_another)) => {
                let detail = "by a checkpoint that was kept elsewhere there are lines after the last one";
                let detail = if of_another { OTHER_TRAIL } else { detail };
                Err(self.at_end(FaultKind::CutOff, detail).expecting(missing))
            }
        }
    }

    /// A fault in the last line.
    fn at_end(&self, kind: FaultKind, detail: &'static str) -> Fault {
        let Some(last) = self.last else { return self.fault(0, 1, kind, detail) };
        self.fault(last.segment, last.line, kind, detail).finding(last.at.last())
    }

    fn fault(&self, segment: usize, line: u64, kind: FaultKind, detail: &'static str) -> Fault {
        let segment = self.path(segment).to_owned();
        Fault { kind, segment, line, expected: None, found: None, detail }
    }

    fn path(&self, segment: usize) -> &Path {
        self.segments.get(segment).map_or(Path::new(""), |segment| &segment.path)
    }

    fn signed(&self) -> Option<Signed> {
        let (statement, key) = self.life.signed?;
        let last = self.last.map_or(0, |mark| mark.at.last());
        Some(Signed {
            key: key.id().to_owned(),
            sequence: statement.sequence,
            time: statement.time,
            // The checkpoint itself follows what it vouches for.
            unsigned_after: last.saturating_sub(statement.sequence).saturating_sub(1),
        })
    }

    fn summary(mut self, signed: Option<Signed>) -> Summary {
        let crashes = std::mem::take(&mut self.life.crashes).into_iter();
        let crashes = crashes.filter_map(|cut| {
            let Mark { at, segment, line } = cut.last?;
            Some(Crash::after(at.last(), self.path(segment), line, cut.torn))
        });
        Summary {
            crashes: crashes.collect(),
            whole: true,
            trail: self.life.trail,
            segments: self.segments.len(),
            records: self.records,
            first_sequence: self.first_sequence,
            last_sequence: self.last.map(|mark| mark.at.last()),
            last_hash: self.last.map_or(LineHash::ZERO, |mark| mark.at.prev),
            first_kept: self.life.first,
            runs: self.life.starts,
            unfinished: self.life.is_on(),
            recovered_unknown: self.life.unknown,
            checkpoints: self.life.checkpoints,
            signed,
            kept_checked: self.expected.met,
            kept_unchecked: self.expected.unmet(),
            superseded: self.superseded,
            torn_bytes: self.torn_bytes,
            partial: self.measure.partial,
        }
    }
}
