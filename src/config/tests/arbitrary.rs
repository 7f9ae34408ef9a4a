//! Any value at any key is read or refused, and never a panic.

use config::{Map, Value, ValueKind};
use proptest::prelude::*;

use super::Fixture;
use crate::config::origin::Origin;
use crate::config::reader::Reader;
use crate::config::source::{Document, merged};

#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Item(usize),
}

/// The way to every value of the tree, sections included.
fn ways(value: &Value, way: &[Step], found: &mut Vec<Vec<Step>>) {
    if !way.is_empty() {
        found.push(way.to_vec());
    }
    let longer = |step| [way, &[step]].concat();
    match &value.kind {
        ValueKind::Table(table) => {
            for (key, value) in table {
                ways(value, &longer(Step::Key(key.clone())), found);
            }
        }
        ValueKind::Array(list) => {
            list.iter().enumerate().for_each(|(i, value)| ways(value, &longer(Step::Item(i)), found));
        }
        _ => {}
    }
}

fn put(tree: &mut Value, way: &[Step], value: Value) {
    let Some((step, rest)) = way.split_first() else {
        *tree = value;
        return;
    };
    match (&mut tree.kind, step) {
        (ValueKind::Table(table), Step::Key(key)) => put(table.get_mut(key).unwrap(), rest, value),
        (ValueKind::Array(list), Step::Item(i)) => put(&mut list[*i], rest, value),
        _ => panic!("the way leads nowhere"),
    }
}

fn text() -> impl Strategy<Value = String> {
    let tricky = prop::sample::select(vec![
        "",
        " ",
        "0",
        "-1",
        "1e9",
        "18446744073709551616",
        "9999999999999999h",
        "0ms",
        "1GiB",
        "none",
        "*",
        ",,,",
        "/",
        "..",
        "[::]:8080",
        "http://",
        "https://a/?b",
        "\u{0}",
        "ä",
        "true",
    ]);
    prop_oneof![tricky.prop_map(str::to_owned), ".*", "[a-z0-9:/.]{0,20}"]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(ValueKind::Nil),
        any::<bool>().prop_map(ValueKind::Boolean),
        any::<i64>().prop_map(ValueKind::I64),
        prop::sample::select(vec![0, 1, -1, i64::MAX, i64::MIN]).prop_map(ValueKind::I64),
        any::<u64>().prop_map(ValueKind::U64),
        any::<f64>().prop_map(ValueKind::Float),
        text().prop_map(ValueKind::String),
    ];
    leaf.prop_map(|kind| Value::new(None, kind)).prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|list| Value::new(None, ValueKind::Array(list))),
            prop::collection::hash_map(text(), inner, 0..4)
                .prop_map(|table| Value::new(None, ValueKind::Table(table))),
        ]
    })
}

proptest! {
    #[test]
    fn any_value_at_any_key_is_read_or_refused(index: prop::sample::Index, value in value()) {
        let fixture = Fixture::new();
        let document = Document { name: "my.toml".to_owned(), text: fixture.text() };
        let tree: Map<String, Value> = merged(Some(&document), &Reader::default()).unwrap();
        let mut tree = Value::from(tree);
        let mut found = Vec::new();
        ways(&tree, &[], &mut found);
        let way: &Vec<Step> = index.get(&found);
        put(&mut tree, way, value);
        let result = crate::config::read(tree.into_table().unwrap(), Reader::default(), Origin::default());
        if let Ok(config) = result {
            prop_assert!(super::super::parse("again.toml", &config.render()).is_ok());
        }
    }

    #[test]
    fn any_variable_is_read_or_refused(
        parts in prop::collection::vec("listen|authn|issuers|tenants|crm|apps|meet|rate_limit|rate|[0-9]{1,3}|.{0,4}", 0..6),
        value in text(),
    ) {
        let name = format!("CONFGATE__{}", parts.join("__").to_uppercase());
        let _ = Fixture::new().with_environment(&[(&name, &value)]);
    }

    #[test]
    fn any_file_is_read_or_refused(text in "(\\[+(listen|authn.issuers|tenants.a)\\]+\n([a-z_]{1,8} = (1|\"a\"|\\[\\]|\\{\\})\n)*)*") {
        let _ = super::super::parse("my.toml", &text);
    }
}
