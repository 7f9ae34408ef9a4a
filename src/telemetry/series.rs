use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;

/// Whether a number only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It goes up and down.
    Gauge,
    /// It only goes up, from 0 at the start. Its samples are named `…_total`.
    Counter,
}

/// What is told about something that another part of the program knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Series {
    /// The public name without `_total`, and without the prefix `confgate_`, which all have but for those of the
    /// process as such (`process_…`), whose names every program shares.
    pub name: &'static str,
    /// One line for people, with the unit.
    pub help: &'static str,
    /// Whether it only grows.
    pub kind: Kind,
    /// The names of the labels that its samples have, in order.
    pub labels: &'static [&'static str],
}

impl Series {
    pub(super) const fn gauge(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Self {
        let kind = Kind::Gauge;
        Self { name, help, kind, labels }
    }

    pub(super) const fn counter(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Self {
        let kind = Kind::Counter;
        Self { name, help, kind, labels }
    }
}

type Read = Box<dyn Fn() -> Option<f64> + Send + Sync>;

/// A series with its samples, read at each scrape.
pub(super) struct Watched {
    series: Series,
    samples: Vec<(Vec<(&'static str, String)>, Read)>,
}

impl Watched {
    pub(super) fn new(series: Series) -> Self {
        let samples = Vec::new();
        Self { series, samples }
    }

    pub(super) fn add(&mut self, values: &[&str], read: Read) {
        debug_assert_eq!(values.len(), self.series.labels.len(), "labels of {}", self.series.name);
        let value = |value: &&str| (*value).to_owned();
        let labels = self.series.labels.iter().copied().zip(values.iter().map(value));
        self.samples.push((labels.collect(), read));
    }

    /// Whether the name is every program's, and not confgate's own.
    pub(super) fn is_of_process(&self) -> bool {
        self.series.name.starts_with("process_")
    }

    pub(super) fn is_of(&self, series: &Series) -> bool {
        self.series == *series
    }
}

impl Collector for Watched {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let Series { name, help, kind, .. } = self.series;
        let kind_of_metric = match kind {
            Kind::Gauge => MetricType::Gauge,
            Kind::Counter => MetricType::Counter,
        };
        let mut metric = encoder.encode_descriptor(name, help, None, kind_of_metric)?;
        for (labels, read) in &self.samples {
            let Some(value) = read() else { continue };
            // A family without labels would be written with empty braces.
            if labels.is_empty() {
                encode_sample(&mut metric, kind, value)?;
            } else {
                encode_sample(&mut metric.encode_family(labels)?, kind, value)?;
            }
        }
        Ok(())
    }
}

fn encode_sample(metric: &mut MetricEncoder, kind: Kind, value: f64) -> fmt::Result {
    match kind {
        Kind::Gauge => metric.encode_gauge(&value),
        Kind::Counter => metric.encode_counter(&value, None::<&Exemplar<NoLabelSet, f64>>),
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("series", &self.series).finish_non_exhaustive()
    }
}
