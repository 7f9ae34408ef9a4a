//! Sends the same request many times, counts what the gateway's threads ask for, and holds it against the budget.

mod budget;
mod counting;

use budget::{BUDGETS, Budget};
use counting::{Counts, Snapshot, own_name};

use crate::served::Served;

/// Of each case. Many, so that a map that grows or a timer that fires is not noticed.
const REQUESTS: usize = 500;
/// Before them, so that caches are filled.
const FIRST: usize = 100;

/// What one case has asked for.
pub(crate) struct Figure {
    budget: &'static Budget,
    worker: PerRequest,
    trail: PerRequest,
    others: PerRequest,
}

#[derive(Clone, Copy, Debug, Default)]
struct PerRequest {
    allocations: f64,
    bytes: f64,
}

/// Of every case, one after another. Once in a process.
pub(crate) fn measured() -> Vec<Figure> {
    counting::begin();
    BUDGETS.iter().map(measure).collect()
}

fn measure(budget: &'static Budget) -> Figure {
    let gateway = Served::start(budget.case.configuration());
    let requests = budget.case.requests(&gateway, FIRST + REQUESTS);
    let (first, rest) = requests.split_at(FIRST);
    let mut caller = gateway.caller();
    let mut ask = |requests: &[String]| {
        for request in requests {
            caller.ask(request, budget.case.status());
        }
    };
    ask(first);
    let before = Snapshot::now();
    ask(rest);
    let counts = before.until(&Snapshot::now());
    let mut figure = Figure::none(budget);
    for (name, counts) in counts {
        if let Some(place) = figure.of_thread(&name) {
            place.add(counts);
        }
    }
    figure
}

impl PerRequest {
    fn add(&mut self, counts: Counts) {
        self.allocations += counts.allocations as f64 / REQUESTS as f64;
        self.bytes += counts.bytes as f64 / REQUESTS as f64;
    }
}

impl Figure {
    fn none(budget: &'static Budget) -> Self {
        let [worker, trail, others] = <[PerRequest; 3]>::default();
        Self { budget, worker, trail, others }
    }

    /// None for the threads that are not the gateway's.
    fn of_thread(&mut self, name: &str) -> Option<&mut PerRequest> {
        match name {
            "worker-0" => Some(&mut self.worker),
            "audit" => Some(&mut self.trail),
            "vendor" => None,
            own if own == own_name() => None,
            _ => Some(&mut self.others),
        }
    }

    /// As a line of the table.
    fn row(&self) -> String {
        let Self { budget, worker, trail, others } = self;
        format!(
            "| {:<15} | {:>7.2} | {:>6} | {:>6.0} | {:>6.2} | {:>6} | {:>6.2} |",
            budget.case,
            worker.allocations,
            budget.worker,
            worker.bytes,
            trail.allocations,
            budget.trail,
            others.allocations,
        )
    }

    /// What is over its budget. Half an allocation is let pass, for what timers do beside.
    pub(crate) fn crossed(&self) -> Vec<String> {
        let Self { budget, worker, trail, others } = self;
        let threads =
            [("worker", worker, budget.worker), ("trail", trail, budget.trail), ("other threads", others, 0)];
        let over = threads.into_iter().filter(|(_, found, most)| found.allocations > f64::from(*most) + 0.5);
        over.map(|(thread, found, most)| {
            format!("{}, {thread}: {:.2} allocations, and {most} are allowed", budget.case, found.allocations)
        })
        .collect()
    }
}

/// The figures with their budgets beside them.
pub(crate) fn table(figures: &[Figure]) -> String {
    let head = "\
| for one request | worker  | budget | bytes  | trail  | budget | others |
|-----------------|---------|--------|--------|--------|--------|--------|";
    let rows = figures.iter().map(Figure::row);
    std::iter::once(head.to_owned()).chain(rows).collect::<Vec<_>>().join("\n")
}
