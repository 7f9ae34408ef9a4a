//! The alerts. `.ci/deploy monitoring` has promtool check them and shows each firing and not firing.

use std::collections::BTreeSet;

use super::served::Served;
use super::{FOLDER, check, check_labels, names_after, promql, read, section};

/// An alert, as far as it is looked at here.
#[derive(Debug, Default)]
struct Alert {
    name: String,
    expr: String,
    /// The rest: annotations and labels.
    text: String,
}

/// Of the manifest, which is written by hand: a key to a line, and what belongs to it further in.
fn alerts() -> Vec<Alert> {
    let text = read(&format!("{FOLDER}/prometheusrule.yaml"));
    let mut alerts: Vec<Alert> = Vec::new();
    let mut in_expr = None;
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let words = line.trim();
        if let Some(name) = words.strip_prefix("- alert: ") {
            alerts.push(Alert { name: name.to_owned(), ..Alert::default() });
        }
        let Some(alert) = alerts.last_mut() else { continue };
        if let Some(expr) = words.strip_prefix("expr: ") {
            in_expr = Some(indent);
            alert.expr.push_str(expr.trim_start_matches("|-"));
        } else if in_expr.is_some_and(|at| indent > at) {
            alert.expr.extend([words, "\n"]);
        } else {
            in_expr = None;
            alert.text.extend([words, "\n"]);
        }
    }
    alerts
}

#[tokio::test]
async fn every_alert_asks_for_what_is_served() {
    let served = Served::in_full().await;
    let alerts = alerts();
    assert!(alerts.len() > 20, "{alerts:#?}");
    for alert in alerts {
        let query = promql::parse(&alert.expr);
        assert!(!query.selectors.is_empty(), "{alert:?}");
        check(&query, &served);
        let labels: Vec<_> = names_after("$labels.", &alert.text).map(str::to_owned).collect();
        check_labels(&labels, &query, &served);
    }
}

#[test]
fn every_alert_has_its_page_in_the_guide_and_the_guide_no_other() {
    let alerts = alerts();
    let guide = section("### What each alert means");
    let told: Vec<_> = guide.lines().filter_map(|line| line.strip_prefix("#### ")).collect();
    let names: BTreeSet<_> = alerts.iter().map(|alert| alert.name.as_str()).collect();
    assert_eq!(told.iter().copied().collect::<BTreeSet<_>>(), names);
    assert_eq!(told.len(), names.len(), "one of them comes twice");
    for alert in &alerts {
        // What has the same annotations as the one before refers to them.
        let refers = alert.text.contains("annotations: *");
        let place = format!("deploy/README.md#{}\n", alert.name.to_lowercase());
        assert!(refers || alert.text.contains(&place), "{} has no runbook_url with {place}", alert.name);
        let mut parts = vec!["for: "];
        if !refers {
            parts.extend(["summary: ", "description: "]);
        }
        for part in parts {
            assert!(alert.text.contains(part), "{} has no {part}", alert.name);
        }
        let severity = alert.text.contains("severity: page") || alert.text.contains("severity: ticket");
        assert!(severity, "{} is neither a page nor a ticket", alert.name);
    }
}
