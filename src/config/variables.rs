//! `CONFGATE__SECTION__KEY`: the environment over the files.
//!
//! A name is resolved against the tree as it is, without regard to case, since variables are upper case by custom and
//! the names of tenants and apps are not. An item of a list is named by its number:
//! `CONFGATE__AUTHN__ISSUERS__0__ISSUER`. The `config` crate's own source would turn a list into a section there, and
//! forget which variable said so.

use ::config::{Map, Value, ValueKind};

use super::reader::Reader;

/// What the variables' names start with. `CONFGATE_` alone is not ours: Kubernetes sets `CONFGATE_PORT` and others in
/// every pod beside a service of that name.
const PREFIX: &str = "CONFGATE__";

/// The variables that are meant for this program, in the order of their names, and of the numbers in them.
pub(super) fn ours(environment: impl Iterator<Item = (String, String)>) -> Vec<(String, String)> {
    let mut ours: Vec<_> = environment.filter(|(name, _)| name.starts_with(PREFIX)).collect();
    ours.sort_by_cached_key(|(name, _)| in_order(name));
    ours
}

/// Puts each of [`ours`] in its place in `tree`; reports those that have none.
pub(super) fn apply(ours: &[(String, String)], tree: &mut Map<String, Value>, reader: &Reader) {
    for (name, value) in ours {
        let path: Vec<String> = name.split("__").skip(1).map(str::to_lowercase).collect();
        let placed = match path.as_slice() {
            [first, rest @ ..] if path.iter().all(|part| !part.is_empty()) => {
                set_in(tree, first, rest, name, value.clone())
            }
            _ => Err("has an empty part: write CONFGATE__SECTION__KEY".to_owned()),
        };
        if let Err(wrong) = placed {
            reader.report(String::new(), Some(name.clone()), wrong);
        }
    }
}

/// What names are sorted by: their parts, and where these are the numbers of a list's items, the numbers, so that item
/// 2 is there before item 10 is made.
fn in_order(name: &str) -> Vec<(usize, String)> {
    name.split("__").map(|part| (part.parse().unwrap_or_default(), part.to_owned())).collect()
}

fn set_in(
    table: &mut Map<String, Value>,
    key: &str,
    rest: &[String],
    name: &str,
    value: String,
) -> Result<(), String> {
    let key = existing_key(table, key)?;
    let slot = table.entry(key).or_insert_with(|| empty_table(name));
    set(slot, rest, name, value)
}

fn set(slot: &mut Value, path: &[String], name: &str, value: String) -> Result<(), String> {
    let Some((key, rest)) = path.split_first() else {
        return put(slot, name, value);
    };
    match &mut slot.kind {
        ValueKind::Table(table) => set_in(table, key, rest, name, value),
        ValueKind::Array(list) => set(item(list, key, name)?, rest, name, value),
        _ => Err(format!("names {key} below a value that has no keys of its own")),
    }
}

/// Covers a value or a list of values. A whole section has no form in text.
fn put(slot: &mut Value, name: &str, value: String) -> Result<(), String> {
    match &slot.kind {
        ValueKind::Table(table) if !table.is_empty() => {
            Err(format!("names a section: name one of its keys, as in {name}__KEY"))
        }
        _ => {
            *slot = Value::new(Some(&name.to_owned()), value);
            Ok(())
        }
    }
}

/// An item that is there, or the next one.
fn item<'a>(list: &'a mut Vec<Value>, number: &str, name: &str) -> Result<&'a mut Value, String> {
    let length = list.len();
    let index = number.parse().ok().filter(|index: &usize| *index <= length);
    if index == Some(length) {
        list.push(empty_table(name));
    }
    index
        .and_then(|index| list.get_mut(index))
        .ok_or_else(|| format!("must name an item of the list by its number, from 0 to {length}"))
}

/// The key as the tree spells it, or in lower case when it is new.
fn existing_key(table: &Map<String, Value>, key: &str) -> Result<String, String> {
    if table.contains_key(key) {
        return Ok(key.to_owned());
    }
    let mut spellings = table.keys().filter(|known| known.eq_ignore_ascii_case(key));
    match (spellings.next(), spellings.next()) {
        (Some(_), Some(_)) => Err(format!("could mean several keys that differ from {key} in case only")),
        (Some(only), None) => Ok(only.clone()),
        (None, _) => Ok(key.to_owned()),
    }
}

fn empty_table(name: &str) -> Value {
    Value::new(Some(&name.to_owned()), Map::<String, Value>::new())
}
