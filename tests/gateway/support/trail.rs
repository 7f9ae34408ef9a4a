//! What the audit trail says, read from its files as an operator would.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::schema::assert_lines_match;
use super::{PATIENCE, patiently};

/// How often the files are looked at: the file system does not tell when a line is there. Where looking takes longer
/// than this, as much time is left to others.
const INTERVAL: Duration = Duration::from_millis(5);

/// The trail in one directory. When it goes out of scope, every line that it has by then is held against the schema.
pub(crate) struct Trail {
    directory: PathBuf,
    is_genuine: bool,
}

impl Drop for Trail {
    fn drop(&mut self) {
        if self.is_genuine && !std::thread::panicking() {
            assert_lines_match(&self.lines());
        }
    }
}

impl Trail {
    pub(crate) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), is_genuine: true }
    }

    /// One that the test has written or tampered with.
    pub(crate) fn made_up(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), is_genuine: false }
    }

    /// Every whole line so far, oldest first.
    pub(crate) fn records(&self) -> Vec<Value> {
        self.lines().iter().map(|line| parse(line)).collect()
    }

    /// Every whole line so far as it stands in the file, without its end, oldest first.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines_from(0)
    }

    /// The same, without the files that end before line `first`.
    pub(crate) fn lines_from(&self, first: u64) -> Vec<String> {
        // Between being listed and being read, a file may be compressed or removed: then it is listed again.
        let deadline = Instant::now() + PATIENCE;
        loop {
            let files = self.files();
            match files.iter().map(|file| file.lines(first)).collect::<io::Result<Vec<_>>>() {
                Ok(lines) => return lines.concat(),
                Err(error) => {
                    let gone = error.kind() == io::ErrorKind::NotFound && Instant::now() < deadline;
                    assert!(gone, "cannot read the trail: {error}");
                }
            }
        }
    }

    /// Waits until `find` finds what it looks for.
    pub(crate) async fn wait_until<T>(&self, what: &str, find: impl Fn(&[Value]) -> Option<T>) -> T {
        let looking = async {
            loop {
                let begun = Instant::now();
                if let Some(found) = find(&self.records()) {
                    return found;
                }
                tokio::time::sleep(INTERVAL.max(begun.elapsed())).await;
            }
        };
        patiently(looking).await.unwrap_or_else(|| {
            panic!("waited {PATIENCE:?} for {what} in the trail:\n{}", self.lines().join("\n"))
        })
    }

    /// The outcome of a request. More than one fails the test.
    pub(crate) async fn outcome_of(&self, request_id: &str) -> Value {
        self.only("outcome", request_id).await
    }

    /// The intent of a request. More than one fails the test.
    pub(crate) async fn intent_of(&self, request_id: &str) -> Value {
        self.only("intent", request_id).await
    }

    async fn only(&self, kind: &str, request_id: &str) -> Value {
        let is_it = |record: &&Value| record["kind"] == kind && record["request_id"] == request_id;
        let what = format!("the {kind} of {request_id}");
        self.wait_until(&what, |records| {
            let mut found = records.iter().filter(is_it);
            let record = found.next()?.clone();
            assert_eq!(found.next(), None, "a second {kind} of {request_id}");
            Some(record)
        })
        .await
    }

    /// The files in order, each once. None while there is no directory.
    fn files(&self) -> Vec<File> {
        let Ok(entries) = fs::read_dir(&self.directory) else {
            return Vec::new();
        };
        let paths = entries.map(|entry| entry.expect("an entry of the trail's directory").path());
        let mut files: Vec<File> = paths.filter_map(File::at).collect();
        // A file that is being compressed is there twice; the plain one counts.
        files.sort_by_key(|file| (file.first, file.compressed));
        files.dedup_by_key(|file| file.first);
        let next: Vec<u64> = files.iter().skip(1).map(|file| file.first).collect();
        for (file, next) in files.iter_mut().zip(next) {
            file.next = next;
        }
        files
    }
}

/// A file of the trail.
struct File {
    /// Its first line, as its name has it.
    first: u64,
    /// The first line of the file after it. A file that failed may have lines from there on that the next has again.
    next: u64,
    compressed: bool,
    path: PathBuf,
}

impl File {
    /// None when it is no file of the trail's.
    fn at(path: PathBuf) -> Option<Self> {
        let name = path.file_name()?.to_str()?.strip_prefix("audit-")?;
        let (name, compressed) = name.strip_suffix(".zst").map_or((name, false), |name| (name, true));
        let first = name.strip_suffix(".jsonl")?.parse().ok()?;
        Some(Self { first, next: u64::MAX, compressed, path })
    }

    /// Its whole lines that no other file has, unless it ends before line `first`. The last line may be on its way;
    /// room after it is zeros, and so may be the beginning of a line that was written while the file was read.
    fn lines(&self, first: u64) -> io::Result<Vec<String>> {
        if self.next <= first {
            return Ok(Vec::new());
        }
        let bytes = fs::read(&self.path)?;
        let bytes = if self.compressed { zstd::decode_all(&*bytes)? } else { bytes };
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        let lines = lines.take_while(|line| !line.contains('\0'));
        let own = lines.zip(self.first..self.next).map(|(line, _)| line.to_owned());
        Ok(own.collect())
    }
}

fn parse(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in the trail's line {line:?}"))
}
