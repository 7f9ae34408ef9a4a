//! Being watched: the numbers that the admin port serves, and the alerts, the dashboard and the table of metrics in
//! `deploy` that live on them. Whatever these name has to be served, and what is served has to stand in the table.

mod alerts;
mod dashboard;
mod numbers;
mod promql;
mod served;
mod table;

use promql::Query;
use served::Served;

/// Where the alerts and the dashboard are.
const FOLDER: &str = "deploy/kubernetes/monitoring/cluster";

/// What Prometheus adds to every series of a target.
const TARGET_LABELS: [&str; 4] = ["instance", "job", "namespace", "pod"];

/// What Prometheus has of its own.
const OF_PROMETHEUS: [&str; 2] = ["ALERTS", "up"];

/// What the cluster knows and no gateway can: metrics of kube-state-metrics, with their labels.
const OF_KUBE_STATE_METRICS: [(&str, &[&str]); 4] = [
    ("kube_statefulset_replicas", &["namespace", "statefulset"]),
    ("kube_statefulset_status_replicas_ready", &["namespace", "statefulset"]),
    ("kube_job_failed", &["condition", "job_name", "namespace"]),
    ("kube_job_status_failed", &["job_name", "namespace", "reason"]),
];

/// The labels of a metric of kube-state-metrics; `None` where it is no such metric.
fn of_cluster(metric: &str) -> Option<&'static [&'static str]> {
    OF_KUBE_STATE_METRICS.into_iter().find_map(|(name, labels)| (name == metric).then_some(labels))
}

fn read(path: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The part of `deploy/README.md` under this heading, up to the next of the same level or above.
fn section(heading: &str) -> String {
    let guide = read("deploy/README.md");
    let level = heading.split(' ').next().expect("a heading").len();
    let is_end = |line: &str| {
        let hashes = line.bytes().take_while(|byte| *byte == b'#').count();
        (1..=level).contains(&hashes) && line.as_bytes().get(hashes) == Some(&b' ')
    };
    let lines = guide.lines().skip_while(|line| *line != heading).skip(1);
    lines.take_while(|line| !is_end(line)).flat_map(|line| [line, "\n"]).collect()
}

/// The names of variables that stand right behind this mark.
fn names_after<'t>(mark: &'t str, text: &'t str) -> impl Iterator<Item = &'t str> {
    let parts = text.split(mark).skip(1);
    parts.filter_map(|rest| rest.split(|c: char| !c.is_ascii_lowercase() && c != '_').next())
}

/// Fails unless every metric, label and value of a label that the query names is served.
fn check(query: &Query, served: &Served) {
    let mut labels: Vec<&str> = TARGET_LABELS.to_vec();
    for selector in &query.selectors {
        let metric = selector.metric.as_str();
        if OF_PROMETHEUS.contains(&metric) {
            continue;
        }
        if let Some(known) = of_cluster(metric) {
            for (label, _) in &selector.matchers {
                assert!(known.contains(&label.as_str()), "{metric} has no {label}: {}", query.text);
            }
            labels.extend(known);
            continue;
        }
        let known = served.labels(metric).unwrap_or_else(|| panic!("{metric} is not served: {}", query.text));
        labels.extend(known.keys().map(String::as_str));
        for (label, value) in &selector.matchers {
            if TARGET_LABELS.contains(&label.as_str()) {
                continue;
            }
            let values =
                known.get(label).unwrap_or_else(|| panic!("{metric} has no {label}: {}", query.text));
            for value in value.split('|').filter(|value| !value.starts_with('$')) {
                let fits = |known: &String| match value.strip_suffix(".*") {
                    Some(start) => known.starts_with(start),
                    None => known == value,
                };
                assert!(values.iter().any(fits), "no {metric} has {label} {value}: {}", query.text);
            }
        }
    }
    for label in &query.labels {
        assert!(labels.contains(&label.as_str()), "nothing has the label {label}: {}", query.text);
    }
}

/// Fails unless a series that comes of the query can have these labels.
fn check_labels(named: &[String], query: &Query, served: &Served) {
    let of = |selector: &promql::Selector| match of_cluster(&selector.metric) {
        Some(known) => Some(known.iter().map(|label| (*label).to_owned()).collect()),
        None => served.labels(&selector.metric).map(|known| known.keys().cloned().collect()),
    };
    let mut labels: Vec<String> =
        query.selectors.iter().filter_map(of).flat_map(|keys: Vec<String>| keys).collect();
    labels.extend(TARGET_LABELS.map(str::to_owned));
    for label in named {
        let known = if query.kept.is_empty() { &labels } else { &query.kept };
        assert!(known.contains(label), "no {label} comes of {}", query.text);
    }
}
