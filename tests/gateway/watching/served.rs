//! What `/metrics` of a gateway says that has everything turned on.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::admin;
use crate::support::certificates::Shown;
use crate::support::configuration::borrowed;
use crate::support::receiver::Receiver;
use crate::support::world::World;

/// A metric as it is declared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Family {
    /// As it is asked for: with the ending of a counter or an info, without those of a histogram.
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) labels: Vec<String>,
}

/// Every sample's name, and of it every label with its values.
#[derive(Debug, Default)]
pub(super) struct Served {
    samples: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
    /// What was declared, with its kind.
    kinds: BTreeMap<String, String>,
}

impl Served {
    /// Of a gateway with TLS, whose trail is shipped, is limited and has had a checkpoint.
    pub(super) async fn in_full() -> Self {
        let (shown, receiver) = (Shown::new(), Receiver::start().await);
        let url = receiver.url();
        let more = [
            ("AUDIT__SHIP__SIEM__SINK", "http"),
            ("AUDIT__SHIP__SIEM__URL", url.as_str()),
            ("AUDIT__CHECKPOINTS__EVERY", "1s"),
            ("AUDIT__RETENTION__MAX_SIZE", "1GiB"),
        ];
        let mut world = World::with(&borrowed(&shown.changes(&more))).await;
        admin::until_status(world.admin, "a checkpoint", |status| !status["trail"]["checkpoint"].is_null())
            .await;
        let served = Self::parse(&world.metrics().await);
        // While the receiver can still have the last line.
        assert!(!world.ended().await, "requests were cut off");
        served
    }

    fn parse(text: &str) -> Self {
        let mut served = Self::default();
        for line in text.lines() {
            if let Some(declared) = line.strip_prefix("# TYPE ") {
                let (name, kind) = declared.split_once(' ').expect(line);
                served.kinds.insert(name.to_owned(), kind.to_owned());
            }
            if line.starts_with('#') {
                continue;
            }
            let (sample, _) = line.rsplit_once(' ').expect(line);
            let (name, labels) = sample.split_once('{').unwrap_or((sample, ""));
            let known = served.samples.entry(name.to_owned()).or_default();
            for label in labels.trim_end_matches('}').split("\",").filter(|label| !label.is_empty()) {
                let (label, value) = label.split_once("=\"").expect(line);
                known.entry(label.to_owned()).or_default().insert(value.trim_end_matches('"').to_owned());
            }
        }
        served
    }

    /// The labels of a sample's name with their values; `None` where there is no such sample.
    pub(super) fn labels(&self, sample: &str) -> Option<&BTreeMap<String, BTreeSet<String>>> {
        self.samples.get(sample)
    }

    /// Everything, as it is asked for.
    pub(super) fn families(&self) -> Vec<Family> {
        let family = |(name, kind): (&String, &String)| {
            let (ending, sample) = match kind.as_str() {
                "counter" => ("_total", "_total"),
                "info" => ("_info", "_info"),
                "histogram" => ("", "_count"),
                _ => ("", ""),
            };
            let known = self.labels(&format!("{name}{sample}"));
            let labels = known.unwrap_or_else(|| panic!("{name} has no sample: turn on what it tells of"));
            Family {
                name: format!("{name}{ending}"),
                kind: kind.clone(),
                labels: labels.keys().cloned().collect(),
            }
        };
        self.kinds.iter().map(family).collect()
    }
}
