//! Trails put together line by line, with everything in them that a trail may have, to be spoiled and checked.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::trail::line::Position;
use crate::trail::segment::Encoding;

/// A trail in memory. Its segments are as the writer would have left them.
#[derive(Clone)]
pub(in crate::trail) struct TrailBuilder {
    pub(in crate::trail) trail: uuid::Uuid,
    pub(in crate::trail) segments: Vec<Segment>,
    /// The place after the last line.
    pub(in crate::trail) at: Position,
    key: Option<Arc<SigningKey>>,
    first: u64,
}

/// The lines of a segment, each with its newline.
#[derive(Clone)]
pub(in crate::trail) struct Segment {
    pub(in crate::trail) first: u64,
    pub(in crate::trail) lines: Vec<Vec<u8>>,
    pub(in crate::trail) encoding: Encoding,
    /// What stands after the last line.
    pub(in crate::trail) rest: Vec<u8>,
}

/// Writes a trail of these records, with a new segment after as many of them as each number says.
pub(in crate::trail) fn trail_of(directory: &Path, records: &[Record], new_segments: &[usize]) {
    let mut builder = TrailBuilder::new(None);
    for (index, record) in records.iter().enumerate() {
        if new_segments.contains(&index) {
            builder.begin_segment();
        }
        builder.push(record);
    }
    builder.write(directory);
}

impl TrailBuilder {
    /// Without a line.
    pub(in crate::trail) fn new(key: Option<SigningKey>) -> Self {
        let at = Position::GENESIS;
        let key = key.map(Arc::new);
        let mut builder = Self { trail: uuid::Uuid::new_v4(), segments: Vec::new(), at, key, first: 1 };
        builder.begin_segment();
        builder
    }

    /// Three segments of three runs, the second one ended by a crash and the first one compressed, signed throughout,
    /// with every kind of line.
    pub(in crate::trail) fn rich(key: SigningKey) -> Self {
        let mut builder = Self::new(Some(key));
        builder
            .start(None)
            .push(&intent())
            .push(&outcome())
            .push(&Record::Refusals(refusals()))
            .checkpoint(false);
        builder.push(&outcome()).rotate().push(&outcome()).push(&heartbeat()).stop();
        builder.start(None).push(&intent()).push(&outcome()).rotate();
        builder.push(&outcome()).crash();
        builder.push(&outcome()).checkpoint(false).push(&outcome()).stop();
        builder.segments[0].encoding = Encoding::Zstd;
        builder.segments[2].rest = vec![0; 5000];
        builder
    }

    /// Checkpoints are signed with this key from now on.
    pub(in crate::trail) fn set_key(&mut self, key: Option<SigningKey>) {
        self.key = key.map(Arc::new);
    }

    fn begin_segment(&mut self) {
        let (lines, rest) = (Vec::new(), Vec::new());
        self.segments.push(Segment { first: self.at.next, lines, encoding: Encoding::Plain, rest });
    }

    pub(in crate::trail) fn push(&mut self, record: &Record) -> &mut Self {
        let mut line = Vec::new();
        self.at = self.at.append(&mut line, &record.payload().unwrap());
        self.segments.last_mut().unwrap().lines.push(line);
        self
    }

    pub(in crate::trail) fn start(&mut self, torn: Option<TornTail>) -> &mut Self {
        let (time, version, trail) = (Timestamp::now(), "1.2.3", self.trail);
        self.push(&Record::Start(Start { time, version, trail, torn }))
    }

    pub(in crate::trail) fn checkpoint(&mut self, with_open: bool) -> &mut Self {
        let unsigned = Checkpoint {
            time: Timestamp::now(),
            trail: self.trail,
            first: self.first,
            sequence: self.at.last(),
            hash: self.at.prev,
            open: with_open.then(Vec::new),
            key: None,
            signature: None,
        };
        self.push(&Record::Checkpoint(unsigned.signed_by(self.key.as_deref())))
    }

    /// Ends a run well.
    pub(in crate::trail) fn stop(&mut self) -> &mut Self {
        self.push(&Record::Stop(Stop { time: Timestamp::now() })).checkpoint(false)
    }

    /// Ends a run badly, and begins the next as one does that has found what is left.
    pub(in crate::trail) fn crash(&mut self) -> &mut Self {
        let open = OpenIntent { intent: 2, request_id: call().request_id };
        self.start(Some(TornTail { file: "torn".into(), bytes: 10 })).push(&Record::Recovered(Recovered {
            time: Timestamp::now(),
            after: Trouble::Crash,
            fault: None,
            since: None,
            unknown: vec![open],
        }))
    }

    /// Begins another segment.
    pub(in crate::trail) fn rotate(&mut self) -> &mut Self {
        self.begin_segment();
        self.checkpoint(true)
    }

    /// Removes the oldest segments in good order: says so first.
    pub(in crate::trail) fn retire(&mut self, segments: usize) -> &mut Self {
        self.first = self.segments[segments].first;
        self.checkpoint(false);
        self.segments.drain(..segments);
        self
    }

    /// Every line, with the indices of its segment and in it.
    pub(in crate::trail) fn places(&self) -> Vec<(usize, usize)> {
        let of =
            |(index, segment): (usize, &Segment)| (0..segment.lines.len()).map(move |line| (index, line));
        self.segments.iter().enumerate().flat_map(of).collect()
    }

    /// Gives every line from this place on the number and the hash that it would have if the lines before were as
    /// they stand now, as a forger without the key would.
    pub(in crate::trail) fn rechain(&mut self, from: (usize, usize)) {
        let mut at = Position::GENESIS;
        for place in self.places() {
            let line = &mut self.segments[place.0].lines[place.1];
            if place < from {
                at = line::Link::parse(line).unwrap().position();
                continue;
            }
            let mut record: serde_json::Map<String, Value> = serde_json::from_slice(line).unwrap();
            if record["kind"] == "checkpoint" {
                record.insert("sequence".into(), at.last().into());
                record.insert("hash".into(), at.prev.to_string().into());
            }
            let members = std::str::from_utf8(line).unwrap();
            let members = forged(members, &record);
            line.clear();
            at = at.append(line, members.as_bytes());
            if place.1 == 0 {
                self.segments[place.0].first = at.last();
            }
        }
        self.at = at;
    }

    /// Writes it to an empty directory.
    pub(in crate::trail) fn write(&self, directory: &Path) {
        for segment in &self.segments {
            let path = SegmentFile::encoded(directory, segment.first, segment.encoding).path;
            std::fs::write(path, segment.bytes()).unwrap();
        }
    }
}

impl Segment {
    /// What it says.
    pub(in crate::trail) fn plain(&self) -> Vec<u8> {
        [self.lines.concat(), self.rest.clone()].concat()
    }

    /// The file.
    fn bytes(&self) -> Vec<u8> {
        match self.encoding {
            Encoding::Plain => self.plain(),
            Encoding::Zstd => zstd::encode_all(&self.plain()[..], 3).unwrap(),
        }
    }
}

/// A line's members as they stand, less those of the chain, with a checkpoint's brought in line with its place.
fn forged(line: &str, record: &serde_json::Map<String, Value>) -> String {
    let members = &line[line.find("\"time\"").unwrap()..line.rfind(",\"prev\"").unwrap()];
    let mut members = format!("{{{members}}}");
    if record["kind"] == "checkpoint" {
        let old: Value = serde_json::from_str(line).unwrap();
        for name in ["sequence", "hash"] {
            let member = |value: &Value| format!("\"{name}\":{value}");
            members = members.replacen(&member(&old[name]), &member(&record[name]), 1);
        }
    }
    members
}

pub(in crate::trail) fn heartbeat() -> Record {
    Record::Heartbeat(Heartbeat { time: Timestamp::now() })
}

/// A new key for checkpoints.
pub(in crate::trail) fn key() -> SigningKey {
    SigningKey::from_pem(&key_pem()).unwrap()
}
