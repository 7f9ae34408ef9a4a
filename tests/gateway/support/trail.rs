//! What the audit trail says, read from its files as an operator would.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::PATIENCE;
use super::schema::assert_lines_match;

/// How often the files are looked at: the file system does not tell when a line is there.
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
        let mut files: Vec<(u64, PathBuf)> = self.files();
        files.sort();
        files.iter().flat_map(|(_, file)| whole_lines(file)).collect()
    }

    /// Waits until `find` finds what it looks for.
    pub(crate) async fn wait_until<T>(&self, what: &str, find: impl Fn(&[Value]) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let records = self.records();
            if let Some(found) = find(&records) {
                return found;
            }
            assert!(
                Instant::now() < deadline,
                "waited {PATIENCE:?} for {what} in the trail:\n{}",
                self.lines().join("\n")
            );
            tokio::time::sleep(INTERVAL).await;
        }
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

    /// The files by their first sequence number. None while there is no directory.
    fn files(&self) -> Vec<(u64, PathBuf)> {
        let Ok(entries) = fs::read_dir(&self.directory) else {
            return Vec::new();
        };
        let numbered = |entry: std::io::Result<fs::DirEntry>| {
            let path = entry.expect("an entry of the trail's directory").path();
            let name = path.file_name()?.to_str()?;
            let number = name.strip_prefix("audit-")?.strip_suffix(".jsonl")?;
            Some((number.parse().ok()?, path))
        };
        entries.filter_map(numbered).collect()
    }
}

/// The last line may be on its way; preallocated room after it is zeros, and so may be the beginning of a line that was
/// written while the file was read.
fn whole_lines(file: &Path) -> Vec<String> {
    let bytes = fs::read(file).unwrap_or_else(|error| panic!("cannot read {}: {error}", file.display()));
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    lines.take_while(|line| !line.contains('\0')).map(str::to_owned).collect()
}

fn parse(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in the trail's line {line:?}"))
}
