//! What a request may ask for. Everything else here is how it is measured.

use crate::served::Case::{self, Create, Get, NewToken, Preflight, Refusal, RefusalOfAFlood};

/// Allocations for one request, on the threads of the gateway that have to do with it. Others have none.
pub(super) struct Budget {
    pub(super) case: Case,
    /// On the worker's.
    pub(super) worker: u32,
    /// On the trail's.
    pub(super) trail: u32,
}

/// As measured, to the nearest whole number, in debug and release builds alike. What lowers a figure lowers its budget.
pub(super) const BUDGETS: [Budget; 6] = [
    Budget { case: Get, worker: 8, trail: 0 },
    Budget { case: NewToken, worker: 46, trail: 0 },
    Budget { case: Create, worker: 25, trail: 2 },
    Budget { case: Refusal, worker: 10, trail: 0 },
    Budget { case: RefusalOfAFlood, worker: 10, trail: 0 },
    Budget { case: Preflight, worker: 3, trail: 0 },
];
