//! Files that the configuration is in or names.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use super::form::Text;
use super::reader::Section;

/// More than any secret or key is long: 64 KiB.
const MAX_SECRET: u64 = 64 << 10;

/// The path of a file. Relative paths start at the working directory.
pub(super) const PATH: Text<PathBuf> = Text {
    parse: |text| match text {
        "" => Err("must be a path, and is empty".to_owned()),
        _ if text.contains('\0') => Err("must be a path, and holds a NUL".to_owned()),
        _ => Ok(PathBuf::from(text)),
    },
    show: |path| path.display().to_string(),
};

/// Reads a regular file of at most `max` bytes. A pipe or a device could make the start hang.
fn read(path: &Path, max: u64) -> Result<Zeroizing<Vec<u8>>, String> {
    let about = std::fs::metadata(path).map_err(|error| explain(&error))?;
    if !about.is_file() {
        return Err("is not a regular file".to_owned());
    }
    let mut bytes = Zeroizing::new(Vec::new());
    let file = File::open(path).map_err(|error| explain(&error))?;
    file.take(max + 1).read_to_end(&mut bytes).map_err(|error| explain(&error))?;
    if bytes.len() as u64 > max {
        return Err(format!("is larger than {max} bytes"));
    }
    Ok(bytes)
}

/// Reads a file that must be UTF-8.
pub(super) fn read_text(path: &Path, max: u64) -> Result<String, String> {
    text_of(&read(path, max)?).map(str::to_owned)
}

fn text_of(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned())
}

/// Reads the file that `key` names, and remembers what was in it.
pub(super) fn named(
    section: &Section<'_>,
    key: &'static str,
    path: &Path,
    max: u64,
) -> Result<Zeroizing<Vec<u8>>, String> {
    let bytes = read(path, max);
    section.names_file(key, path, bytes.as_ref().ok().map(|bytes| bytes.as_slice()));
    bytes
}

/// Reads a secret of one line; the line's end is no part of it.
pub(super) fn secret(section: &Section<'_>, key: &'static str, path: &Path) -> Result<SecretString, String> {
    let bytes = named(section, key, path, MAX_SECRET)?;
    let text = text_of(&bytes)?;
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.trim().is_empty() {
        return Err("is empty: the file must hold the secret".to_owned());
    }
    if line.contains(char::is_control) {
        return Err(
            "has more than one line, or control characters: the file must hold the secret alone".to_owned()
        );
    }
    Ok(line.into())
}

/// Reads a key of raw bytes.
pub(super) fn key(
    section: &Section<'_>,
    key: &'static str,
    path: &Path,
) -> Result<Zeroizing<Vec<u8>>, String> {
    named(section, key, path, MAX_SECRET)
}

/// `wrong` with the path before it, unless the text is no path but perhaps the secret itself, in the wrong place.
pub(super) fn about(path: &Path, wrong: &str) -> String {
    if path.is_absolute() || path.starts_with(".") || path.starts_with("..") {
        format!("{}: {wrong}", path.display())
    } else {
        wrong.to_owned()
    }
}

/// What to do about a file that cannot be read.
fn explain(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file; create it, or correct the path".to_owned(),
        ErrorKind::PermissionDenied => {
            "may not be read by this user: grant it read permission on the file and its directories"
                .to_owned()
        }
        _ => format!("cannot be read: {error}"),
    }
}
