//! How many instructions a request may need: as counted by `cargo bench --bench stack`, and room for what differs
//! between two runs: 2 %; 8 % for the stage audit and on the trail's thread, 10 % for a create. What lowers a figure
//! lowers its budget.

use crate::served::Case::{self, Create, Get, NewToken, Preflight, Refusal, RefusalOfAFlood};

/// In process, up to a stage.
pub(crate) const STAGES: [(&str, u32); 18] = [
    ("identify", 2_450),
    ("cors", 3_250),
    ("deadline", 3_300),
    ("shed", 3_450),
    ("documents", 3_550),
    ("audit", 9_250),
    ("route", 9_950),
    ("authn: a known token", 12_300),
    ("limit", 14_350),
    ("authz", 14_550),
    ("clearance", 15_700),
    ("intent: the whole stack", 15_700),
    ("create, intent on disk", 45_500),
    ("404, of a flood", 15_850),
    ("404, recorded", 18_050),
    ("get, new token: RS256", 340_900),
    ("get, new token: ES256", 787_500),
    ("get, new token: EdDSA", 538_800),
];

/// Over sockets, on the worker's thread and on the trail's.
pub(crate) const GATEWAY: [(Case, [u32; 2]); 6] = [
    (Get, [41_900, 28_000]),
    (NewToken, [813_500, 27_500]),
    (Create, [76_500, 58_500]),
    (Refusal, [30_200, 26_500]),
    (RefusalOfAFlood, [27_700, 500]),
    (Preflight, [14_800, 500]),
];
