//! Disks of a test's own: small, soon full, and nobody is sorry for them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::tools::tool;

/// A file system that is mounted until it is dropped, however the test ends.
pub(crate) struct Mounted {
    path: PathBuf,
}

impl Mounted {
    /// In memory, with room for `size` bytes.
    pub(crate) fn tmpfs(path: &Path, size: usize) -> Self {
        Self::mount(path, &["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
    }

    /// The file system in this image.
    pub(crate) fn image(path: &Path, image: &Path) -> Self {
        Self::mount(path, &["-t", "ext4", "-o", "loop", unicode(image)])
    }

    fn mount(path: &Path, arguments: &[&str]) -> Self {
        std::fs::create_dir_all(path).expect("a directory to mount on");
        tool("mount", &[arguments, &[unicode(path)]].concat());
        Self { path: path.to_owned() }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes are left.
    pub(crate) fn available(&self) -> u64 {
        let disk = rustix::fs::statvfs(&self.path).expect("a file system");
        disk.f_bavail * disk.f_frsize
    }

    /// Fills it to the last byte with a file, which the test removes to make room.
    pub(crate) fn fill(&self) -> PathBuf {
        use std::io::Write as _;
        let path = self.path.join("filler");
        let mut file = File::create(&path).expect("a file to fill the disk with");
        // Larger blocks until there is no room for one, then smaller ones.
        for size in [1 << 16, 1 << 12, 1 << 8, 1] {
            while file.write_all(&vec![b'x'; size]).is_ok() {}
        }
        path
    }
}

/// Detached at once, although a program may still have files of it open; the loop device goes with it.
impl Drop for Mounted {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(&self.path).stderr(std::process::Stdio::null()).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            let _ = Command::new("umount").arg("--lazy").arg(&self.path).status();
        }
    }
}

/// Makes an image with an empty ext4, of `size` bytes.
pub(crate) fn make_ext4(image: &Path, size: u64) {
    let file = File::create(image).expect("a file for the image");
    file.set_len(size).expect("a size for the image");
    tool("mkfs.ext4", &["-q", "-F", unicode(image)]);
}

fn unicode(path: &Path) -> &str {
    path.to_str().expect("a path in Unicode")
}
