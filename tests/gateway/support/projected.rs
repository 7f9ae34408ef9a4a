//! Mounted files as the kubelet makes and changes them.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

/// A `ConfigMap` or a Secret as a directory: `NAME -> ..data/NAME`, `..data -> ..VERSION`, so that one rename changes
/// all files at once.
pub(crate) struct Projected {
    path: PathBuf,
    files: BTreeMap<String, Vec<u8>>,
    /// The permissions of the files, and the group that they belong to beside root.
    mode: u32,
    group: Option<u32>,
    version: u32,
}

impl Projected {
    pub(crate) fn new(
        path: PathBuf,
        files: BTreeMap<String, Vec<u8>>,
        mode: u32,
        group: Option<u32>,
    ) -> Self {
        fs::create_dir(&path).expect("a directory");
        let mut volume = Self { path, files, mode, group, version: 0 };
        volume.swap();
        volume
    }

    /// A file's text.
    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.files[name].clone()).expect("text")
    }

    /// Puts another version of a file in place; the others stay.
    pub(crate) fn set(&mut self, name: &str, content: &str) {
        self.files.insert(name.to_owned(), content.into());
        self.swap();
    }

    /// Takes a file away.
    pub(crate) fn remove(&mut self, name: &str) {
        self.files.remove(name).expect("a file that is there");
        self.swap();
    }

    /// What the kubelet does about any change: another directory, and one rename.
    fn swap(&mut self) {
        let before = fs::read_link(self.path.join("..data")).ok();
        self.version += 1;
        let version = format!("..2026_11_23_20_00_{:02}.{}", self.version, std::process::id());
        let directory = self.path.join(&version);
        fs::create_dir(&directory).expect("a directory");
        for (name, content) in &self.files {
            let file = directory.join(name);
            fs::write(&file, content).expect("a file");
            fs::set_permissions(&file, Permissions::from_mode(self.mode)).expect("a file of ours");
            chown(&file, None, self.group).expect("a file of ours");
        }
        symlink(&version, self.path.join("..data_tmp")).expect("a link");
        fs::rename(self.path.join("..data_tmp"), self.path.join("..data")).expect("a link of ours");
        self.link();
        if let Some(before) = before {
            fs::remove_dir_all(self.path.join(before)).expect("a directory of ours");
        }
    }

    /// The names that are seen: one for each file, and no other.
    fn link(&self) {
        for entry in fs::read_dir(&self.path).expect("a directory of ours") {
            let name = entry.expect("an entry").file_name().into_string().expect("a name in Unicode");
            if !name.starts_with("..") && !self.files.contains_key(&name) {
                fs::remove_file(self.path.join(name)).expect("a link of ours");
            }
        }
        for name in self.files.keys().filter(|name| !self.path.join(name).is_symlink()) {
            symlink(Path::new("..data").join(name), self.path.join(name)).expect("a link");
        }
    }
}
