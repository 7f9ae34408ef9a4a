use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;

use super::counters::Counters;
use super::histogram::Total;
use super::worker::{ACTIONS, Answered, AppSlot, Counts, Limit, SIGNATURES, TenantSlot, VendorAnswer};
use crate::domain::{Action, AppKey, TenantId};

/// The workers' counters, added up at each scrape.
#[derive(Debug)]
pub(super) struct Totals {
    pub(super) tenants: BTreeMap<TenantId, TenantSlot>,
    pub(super) apps: BTreeMap<AppKey, AppSlot>,
    pub(super) counters: Counters,
}

impl Collector for Totals {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        self.encode_requests(&mut encoder)?;
        self.encode_request_duration(&mut encoder)?;
        self.encode_signatures(&mut encoder)?;
        self.encode_admitted(&mut encoder)?;
        self.encode_limited(&mut encoder)?;
        self.encode_vendor_calls(&mut encoder)?;
        self.encode_vendor_duration(&mut encoder)
    }
}

impl Totals {
    fn encode_requests(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let help = "Requests answered, by action and code (ok: the vendor's answer).";
        let mut metric = encoder.encode_descriptor("requests", help, None, MetricType::Counter)?;
        for (row, action) in ACTIONS.iter().enumerate() {
            for (column, answered) in Answered::all().enumerate() {
                let labels = [("action", action_label(*action)), ("code", answered.as_str())];
                let total = self.sum(|counts| Some(counts.requests.get(row)?.get(column)?.read()));
                counter(&mut metric, labels, total)?;
            }
        }
        Ok(())
    }

    fn encode_request_duration(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let help = "Time from a request's head to its answer's head.";
        let name = "request_duration_seconds";
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (row, action) in ACTIONS.iter().enumerate() {
            let workers = self.counters.workers();
            let total = Total::of(workers.iter().filter_map(|counts| counts.request_duration.get(row)));
            histogram(&mut metric, ("action", action_label(*action)), &total)?;
        }
        Ok(())
    }

    fn encode_signatures(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let help = "Signatures of tokens that were checked; a token that is remembered needs none.";
        let name = "signatures_checked";
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (slot, (_, result)) in SIGNATURES.iter().enumerate() {
            let total = self.sum(|counts| Some(counts.signatures.get(slot)?.read()));
            metric
                .encode_family(&[("result", *result)])?
                .encode_counter(&total, None::<&Exemplar<NoLabelSet, u64>>)?;
        }
        Ok(())
    }

    fn encode_admitted(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let help = "Requests that the limits of the tenant let through.";
        let mut metric = encoder.encode_descriptor("tenant_admitted", help, None, MetricType::Counter)?;
        for (tenant, slot) in &self.tenants {
            let total = self.sum(|counts| Some(counts.tenants.load().get(slot.0)?.admitted.read()));
            metric
                .encode_family(&[("tenant", tenant.as_str())])?
                .encode_counter(&total, None::<&Exemplar<NoLabelSet, u64>>)?;
        }
        Ok(())
    }

    fn encode_limited(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let help = "Requests turned away by a limit of the tenant.";
        let mut metric = encoder.encode_descriptor("tenant_limited", help, None, MetricType::Counter)?;
        for (tenant, slot) in &self.tenants {
            for limit in Limit::ALL {
                let labels = [("tenant", tenant.as_str()), ("limit", limit.as_str())];
                let total = self.sum(|counts| {
                    Some(counts.tenants.load().get(slot.0)?.limited.get(limit as usize)?.read())
                });
                counter(&mut metric, labels, total)?;
            }
        }
        Ok(())
    }

    fn encode_vendor_calls(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let help = "Calls to the vendor, by the class of the answer (none: there was no answer).";
        let mut metric = encoder.encode_descriptor("vendor_calls", help, None, MetricType::Counter)?;
        for (app, slot) in &self.apps {
            for answer in VendorAnswer::ALL {
                let labels = [("app", app.as_str()), ("answer", answer.as_str())];
                let total = self
                    .sum(|counts| Some(counts.apps.load().get(slot.0)?.answers.get(answer as usize)?.read()));
                counter(&mut metric, labels, total)?;
            }
        }
        Ok(())
    }

    fn encode_vendor_duration(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let help = "Time that calls to the vendor took, answered or not.";
        let name = "vendor_duration_seconds";
        let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (app, slot) in &self.apps {
            let apps: Vec<_> = self
                .counters
                .workers()
                .iter()
                .filter_map(|counts| counts.apps.load().get(slot.0).cloned())
                .collect();
            let total = Total::of(apps.iter().map(|counts| &counts.duration));
            histogram(&mut metric, ("app", app.as_str()), &total)?;
        }
        Ok(())
    }

    fn sum(&self, one: impl Fn(&Counts) -> Option<u64>) -> u64 {
        self.counters.workers().iter().filter_map(|counts| one(counts)).sum()
    }
}

fn action_label(action: Option<Action>) -> &'static str {
    action.map_or("none", Action::as_str)
}

fn counter(metric: &mut MetricEncoder, labels: [(&str, &str); 2], total: u64) -> fmt::Result {
    metric.encode_family(&labels)?.encode_counter(&total, None::<&Exemplar<NoLabelSet, u64>>)
}

fn histogram(metric: &mut MetricEncoder, label: (&str, &str), total: &Total) -> fmt::Result {
    metric.encode_family(&[label])?.encode_histogram::<NoLabelSet>(
        total.sum_seconds(),
        total.count(),
        &total.buckets(),
        None,
    )
}
