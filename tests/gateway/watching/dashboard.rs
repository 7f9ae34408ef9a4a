//! Grafana's dashboard.

use std::collections::BTreeSet;

use serde_json::Value;

use super::served::Served;
use super::{FOLDER, check, check_labels, names_after, promql, read};

fn dashboard() -> Value {
    serde_json::from_str(&read(&format!("{FOLDER}/dashboard.json"))).expect("JSON")
}

fn list<'a>(value: &'a Value, what: &str) -> &'a [Value] {
    value.as_array().unwrap_or_else(|| panic!("no list of {what}: {value}"))
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}"))
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("no number: {value}"))
}

/// Every query with its legend.
fn queries(dashboard: &Value) -> Vec<(&str, &str)> {
    let panels = list(&dashboard["panels"], "panels").iter();
    let panels = panels.filter(|panel| panel["type"] != "row");
    let targets = panels.flat_map(|panel| list(&panel["targets"], "targets"));
    targets.map(|target| (text(target, "expr"), text(target, "legendFormat"))).collect()
}

/// What stands between double braces.
fn named_in(legend: &str) -> Vec<String> {
    let parts = legend.split("{{").skip(1).filter_map(|part| part.split_once("}}"));
    parts.map(|(label, _)| label.trim().to_owned()).collect()
}

#[tokio::test]
async fn every_query_asks_for_what_is_served() {
    let served = Served::in_full().await;
    let dashboard = dashboard();
    let queries = queries(&dashboard);
    for (expr, legend) in &queries {
        let query = promql::parse(expr);
        assert!(!query.selectors.is_empty(), "{expr}");
        check(&query, &served);
        check_labels(&named_in(legend), &query, &served);
    }
    for annotation in list(&dashboard["annotations"]["list"], "annotations") {
        check(&promql::parse(text(annotation, "expr")), &served);
    }
    for variable in list(&dashboard["templating"]["list"], "variables") {
        let Some(query) = variable["query"]["query"].as_str() else { continue };
        let values = query.strip_prefix("label_values(").and_then(|query| query.strip_suffix(')'));
        let (selector, label) = values.and_then(|values| values.rsplit_once(", ")).expect(query);
        let selector = promql::parse(selector);
        check(&selector, &served);
        check_labels(&[label.to_owned()], &selector, &served);
    }
}

#[test]
fn it_can_be_imported_as_it_stands() {
    let dashboard = dashboard();
    assert_eq!(dashboard["schemaVersion"], 39, "Grafana 10");
    assert!(dashboard["id"].is_null(), "an id is the one Grafana's that gave it");
    assert_eq!((text(&dashboard, "uid"), text(&dashboard, "title")), ("confgate", "confgate"));
    let variables = list(&dashboard["templating"]["list"], "variables");
    let variables: Vec<_> = variables.iter().map(|variable| text(variable, "name")).collect();
    let (mut ids, mut places) = (BTreeSet::new(), BTreeSet::new());
    for panel in list(&dashboard["panels"], "panels") {
        let title = text(panel, "title");
        assert!(ids.insert(number(&panel["id"])), "the id of {title} comes twice");
        let at = |side: &str| number(&panel["gridPos"][side]);
        assert!(at("w") > 0 && at("h") > 0 && at("x") + at("w") <= 24, "{title} is out of the grid");
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(places.insert((x, y)), "{title} covers another panel");
            }
        }
        if panel["type"] == "row" {
            continue;
        }
        assert!(text(panel, "description").ends_with('.'), "{title} does not say what it shows");
        let targets = list(&panel["targets"], "targets");
        let names: BTreeSet<_> = targets.iter().map(|target| text(target, "refId")).collect();
        assert!(names.len() == targets.len() && !targets.is_empty(), "{title} has targets of the same name");
        for source in targets.iter().chain([panel]).map(|has| &has["datasource"]) {
            assert_eq!(source["uid"], "${datasource}", "{title} is tied to one data source");
        }
        for target in targets {
            for used in names_after("$", text(target, "expr")) {
                assert!(
                    used == "__rate_interval" || variables.contains(&used),
                    "{title}: there is no ${used}"
                );
            }
        }
    }
}
