use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::config::ConsumerName;
use crate::trail::LineHash;

/// The last line that a consumer's receiver has acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Its sequence number.
    pub(super) sequence: u64,
    /// Its hash, which tells whether the trail is still the same.
    pub(super) hash: LineHash,
}

/// The version of the file.
const VERSION: u64 = 1;

/// More than any cursor has.
const MAX_BYTES: u64 = 4096;

#[derive(Serialize, Deserialize)]
struct Stored {
    v: u64,
    sequence: u64,
    hash: String,
}

/// Where a cursor is kept: beside the segments that it points into, so that both are moved and restored together.
#[derive(Debug)]
pub(super) struct CursorFile {
    directory: PathBuf,
    path: PathBuf,
}

impl CursorFile {
    /// The place for a consumer's cursor in the trail's `directory`.
    pub(super) fn of(directory: &Path, consumer: &ConsumerName) -> Self {
        let path = directory.join(format!("consumer-{consumer}.json"));
        Self { directory: directory.to_owned(), path }
    }

    /// The cursor; `None` when there is none yet. Fails, with the reason, when there is a file and it holds none.
    pub(super) fn read(&self) -> Result<Option<Cursor>, String> {
        let bytes = match read_at_most(&self.path, MAX_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{} cannot be read: {error}", self.path.display())),
        };
        let cursor = serde_json::from_slice::<Stored>(&bytes).ok().filter(|stored| stored.v == VERSION);
        let cursor = cursor.and_then(|stored| {
            Some(Cursor { sequence: stored.sequence, hash: LineHash::parse(&stored.hash)? })
        });
        cursor.map(Some).ok_or_else(|| format!("{} is damaged", self.path.display()))
    }

    /// Puts the cursor on disk: after a crash at any moment there is the one before or this one, and never half of one.
    pub(super) fn write(&self, cursor: Cursor) -> io::Result<()> {
        let stored = Stored { v: VERSION, sequence: cursor.sequence, hash: cursor.hash.to_string() };
        let text = serde_json::to_string(&stored).map_err(io::Error::other)?;
        let staged = self.path.with_extension("json.new");
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&staged)?;
        writeln!(file, "{text}")?;
        file.sync_all()?;
        std::fs::rename(&staged, &self.path)?;
        File::open(&self.directory)?.sync_all()
    }
}

fn read_at_most(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(File::open(path)?, max), &mut bytes)?;
    Ok(bytes)
}

/// The names in the `directory`'s cursor files: of every consumer that has ever acknowledged something.
pub(super) fn known(directory: &Path) -> io::Result<Vec<ConsumerName>> {
    let mut names = Vec::new();
    for entry in directory.read_dir()? {
        let file = entry?.file_name();
        let name = file.to_str().and_then(|name| name.strip_prefix("consumer-")?.strip_suffix(".json"));
        names.extend(name.and_then(|name| ConsumerName::parse(name).ok()));
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(directory: &Path) -> CursorFile {
        CursorFile::of(directory, &ConsumerName::parse("siem").unwrap())
    }

    #[test]
    fn it_reads_back_what_it_wrote() {
        let directory = tempfile::tempdir().unwrap();
        let file = file(directory.path());
        assert_eq!(file.read(), Ok(None));
        for sequence in [1, 2, u64::MAX] {
            let cursor = Cursor { sequence, hash: LineHash::of(b"line\n") };
            file.write(cursor).unwrap();
            assert_eq!(file.read(), Ok(Some(cursor)));
        }
        let names: Vec<_> = directory.path().read_dir().unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["consumer-siem.json"]);
        assert_eq!(known(directory.path()).unwrap(), [ConsumerName::parse("siem").unwrap()]);
    }

    #[test]
    fn what_is_no_cursor_is_told_and_not_guessed_at() {
        let directory = tempfile::tempdir().unwrap();
        let file = file(directory.path());
        let hash = "0".repeat(64);
        for text in [
            String::new(),
            "{".into(),
            "5".into(),
            format!(r#"{{"v":2,"sequence":5,"hash":"{hash}"}}"#),
            format!(r#"{{"v":1,"sequence":-5,"hash":"{hash}"}}"#),
            format!(r#"{{"v":1,"sequence":5,"hash":"{hash}0"}}"#),
            format!(r#"{{"v":1,"hash":"{hash}"}}"#),
        ] {
            std::fs::write(&file.path, &text).unwrap();
            assert!(file.read().unwrap_err().ends_with("consumer-siem.json is damaged"), "{text}");
        }
        std::fs::remove_file(&file.path).unwrap();
        std::fs::create_dir(&file.path).unwrap();
        assert!(file.read().unwrap_err().contains("cannot be read"));
    }

    #[test]
    fn a_crash_before_the_rename_leaves_the_cursor_as_it_was() {
        let directory = tempfile::tempdir().unwrap();
        let file = file(directory.path());
        let cursor = Cursor { sequence: 7, hash: LineHash::ZERO };
        file.write(cursor).unwrap();
        std::fs::write(directory.path().join("consumer-siem.json.new"), "{\"v\":1,\"seq").unwrap();
        assert_eq!(file.read(), Ok(Some(cursor)));
        assert_eq!(known(directory.path()).unwrap().len(), 1);
        file.write(Cursor { sequence: 8, ..cursor }).unwrap();
        assert_eq!(file.read().unwrap().map(|cursor| cursor.sequence), Some(8));
    }
}
