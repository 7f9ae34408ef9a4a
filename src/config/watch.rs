//! Notices when files of the configuration change.
//!
//! They are looked at again and again rather than watched by the kernel: that works on every file system and through
//! every symbolic link, as Kubernetes swaps a directory of them by renaming one, and needs none of the few watches that
//! a node has for all of its pods.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::Instant;

/// Files, and what was last seen of each.
#[derive(Clone, Debug)]
pub struct Watch {
    files: Vec<PathBuf>,
    /// What they were when they were read.
    known: Vec<Look>,
    /// What they were when they were last looked at.
    last: Vec<Look>,
    /// Since when they were that, as far as is known.
    since: Instant,
}

/// What tells a file from what it was: where it lies, its size, and when it and its inode were changed. None for one
/// that cannot be looked at.
type Look = Option<(u64, u64, u64, (i64, i64), (i64, i64))>;

impl Watch {
    /// As they are now. Make it before they are read, so that what changes meanwhile is noticed later.
    pub fn new(files: Vec<PathBuf>) -> Self {
        let known = look(&files);
        Self { files, last: known.clone(), known, since: Instant::now() }
    }

    /// Looks at them. Says whether they are others than those that were read, and have been the same for so long: what
    /// is still being written changes in between.
    pub fn has_changed_and_settled(&mut self, patience: Duration) -> bool {
        self.is_still(patience) && self.last != self.known
    }

    /// Looks at them. Says whether they have been the same for so long, however often they were looked at.
    pub fn is_still(&mut self, patience: Duration) -> bool {
        let now = look(&self.files);
        if now != self.last {
            self.last = now;
            self.since = Instant::now();
            return false;
        }
        self.since.elapsed() >= patience
    }
}

fn look(files: &[PathBuf]) -> Vec<Look> {
    let look = |file: &PathBuf| {
        // Follows symbolic links, to where they lead now.
        let about = std::fs::metadata(file).ok()?;
        let (changed, inode_changed) =
            ((about.mtime(), about.mtime_nsec()), (about.ctime(), about.ctime_nsec()));
        Some((about.dev(), about.ino(), about.size(), changed, inode_changed))
    };
    files.iter().map(look).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::*;

    /// Writes a volume as Kubernetes has it: `FILE -> ..data/FILE`, `..data -> DIRECTORY`.
    fn swap(volume: &Path, directory: &str, content: &str) {
        fs::create_dir(volume.join(directory)).unwrap();
        fs::write(volume.join(directory).join("secret"), content).unwrap();
        symlink(directory, volume.join("..data_tmp")).unwrap();
        fs::rename(volume.join("..data_tmp"), volume.join("..data")).unwrap();
    }

    #[test]
    fn a_swapped_directory_is_noticed_once_it_is_still() {
        let volume = tempfile::tempdir().unwrap();
        swap(volume.path(), "..1", "one");
        symlink("..data/secret", volume.path().join("secret")).unwrap();
        let mut watch = Watch::new(vec![volume.path().join("secret")]);
        assert!(
            !watch.has_changed_and_settled(Duration::ZERO) && !watch.has_changed_and_settled(Duration::ZERO)
        );
        swap(volume.path(), "..2", "two");
        assert!(!watch.has_changed_and_settled(Duration::ZERO), "it may be in the middle of something");
        assert!(watch.has_changed_and_settled(Duration::ZERO));
        assert!(watch.has_changed_and_settled(Duration::ZERO), "until it was read again");
    }

    #[test]
    fn what_is_still_written_to_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config.toml");
        fs::write(&file, "a").unwrap();
        let mut watch = Watch::new(vec![file.clone()]);
        for size in 2..5 {
            fs::write(&file, "a".repeat(size)).unwrap();
            assert!(!watch.has_changed_and_settled(Duration::ZERO));
        }
        assert!(watch.has_changed_and_settled(Duration::ZERO));
    }

    #[test]
    fn looking_often_does_not_make_a_file_still() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config.toml");
        fs::write(&file, "a").unwrap();
        let mut watch = Watch::new(vec![file.clone()]);
        fs::write(&file, "half").unwrap();
        let long = Duration::from_hours(1);
        assert!((0..10).all(|_| !watch.has_changed_and_settled(long) && !watch.is_still(long)));
        assert!(watch.has_changed_and_settled(Duration::ZERO));
    }

    #[test]
    fn a_file_that_goes_and_comes_back_is_another() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("secret");
        fs::write(&file, "a").unwrap();
        let mut watch = Watch::new(vec![file.clone()]);
        fs::remove_file(&file).unwrap();
        assert!(!watch.has_changed_and_settled(Duration::ZERO));
        assert!(watch.has_changed_and_settled(Duration::ZERO));
        fs::write(&file, "a").unwrap();
        assert!(!watch.has_changed_and_settled(Duration::ZERO));
        assert!(watch.has_changed_and_settled(Duration::ZERO));
    }
}
