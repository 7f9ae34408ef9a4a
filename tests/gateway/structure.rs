//! The structure of the source, held to what `src/lib.rs` says of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, floor by floor: a room may use those on lower floors, and those beside it that are named.
const FLOORS: &[&[&str]] = &[
    &["domain"],
    &[
        "http1",
        "jwt",
        "limits",
        "listener",
        "openapi",
        "shipping",
        "smallserver",
        "telemetry",
        "tenancy",
        "trail",
        "upstream",
        "vendor",
    ],
    &["stages"],
    &["admin", "config", "devissuer", "sandbox", "server"],
    &["assembly"],
    &["cli"],
];

/// Who uses whom on one floor.
const BESIDE: &[(&str, &str)] = &[
    ("admin", "server"),
    ("config", "server"),
    ("jwt", "upstream"),
    ("limits", "http1"),
    ("shipping", "trail"),
    ("shipping", "upstream"),
    ("smallserver", "listener"),
    ("tenancy", "limits"),
    ("tenancy", "telemetry"),
    ("tenancy", "vendor"),
    ("upstream", "http1"),
    ("vendor", "upstream"),
];

/// How many characters a line has at most. rustfmt leaves comments and string literals as they are.
const WIDTH: usize = 120;

fn source_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of the source");
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(source_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The rooms that the code of a file names as `crate::room`, tests and comments left out.
fn rooms_used(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let names = lines.flat_map(|line| line.split("crate::").skip(1));
    names
        .filter_map(|rest| rest.split(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit()).next())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

fn floor(room: &str) -> usize {
    let floor = FLOORS.iter().position(|floor| floor.contains(&room));
    floor.unwrap_or_else(|| panic!("{room} stands on no floor: add it to FLOORS and to src/lib.rs"))
}

#[test]
fn imports_run_one_way() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = BTreeMap::new();
    for file in source_files(&source) {
        let inside = file.strip_prefix(&source).expect("a path in src");
        let room = inside.iter().next().expect("a name").to_str().expect("a name in Unicode");
        let room = room.trim_end_matches(".rs");
        if ["lib", "main"].contains(&room) || inside.iter().any(|part| part == "tests" || part == "tests.rs")
        {
            continue;
        }
        for used in rooms_used(&fs::read_to_string(&file).expect("a source file")) {
            let beside = used == room || BESIDE.contains(&(room, used.as_str()));
            if !beside && floor(&used) >= floor(room) {
                wrong.insert(inside.display().to_string(), used);
            }
        }
    }
    assert!(wrong.is_empty(), "files that use a room on their own floor or above: {wrong:#?}");
}

#[test]
fn the_floor_plan_names_every_room() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let plan = fs::read_to_string(source.join("lib.rs")).expect("lib.rs");
    for room in FLOORS.concat() {
        assert!(plan.contains(&format!("[`{room}`]")), "{room} is missing from the plan in src/lib.rs");
    }
}

/// A line of code may be wider for the sake of a string literal that is better left whole.
#[test]
fn no_line_is_too_wide() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let is_wide = |line: &str| {
        let is_literal = line.contains('"') && !line.trim_start().starts_with("//");
        line.chars().count() > WIDTH && !is_literal
    };
    let mut wide = Vec::new();
    for file in ["src", "tests", "benches"].iter().flat_map(|folder| source_files(&root.join(folder))) {
        let inside = file.strip_prefix(root).expect("a path in the project").to_str().expect("Unicode");
        let text = fs::read_to_string(&file).expect("a source file");
        let lines = text.lines().enumerate().filter(|(_, line)| is_wide(line));
        wide.extend(lines.map(|(index, _)| format!("{inside}:{}", index + 1)));
    }
    assert!(wide.is_empty(), "lines of more than {WIDTH} characters: {wide:#?}");
}
