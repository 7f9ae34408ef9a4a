//! How many instructions a request may need: as counted by `cargo bench --bench stack`, and room for what differs
//! between two runs: 2 %; 8 % for the stage audit and on the trail's thread, 10 % for a create. What lowers a figure
//! lowers its budget.

use crate::served::Case::{self, Create, Get, NewToken, Preflight, Refusal, RefusalOfAFlood};

/// In process, up to a stage.
pub(crate) const STAGES: [(&str, u32); 18] = [
    ("identify", 1_050),
    ("cors", 1_300),
    ("deadline", 1_350),
    ("shed", 1_500),
    ("documents", 1_650),
    ("audit", 5_850),
    ("route", 7_550),
    ("authn: a known token", 9_250),
    ("limit", 10_300),
    ("authz", 10_500),
    ("clearance", 11_050),
    ("intent: the whole stack", 11_400),
    ("create, intent on disk", 33_700),
    ("404, of a flood", 10_800),
    ("404, recorded", 13_000),
    ("get, new token: RS256", 336_600),
    ("get, new token: ES256", 782_800),
    ("get, new token: EdDSA", 534_400),
];

/// Over sockets, on the worker's thread and on the trail's.
pub(crate) const GATEWAY: [(Case, [u32; 2]); 6] = [
    (Get, [32_600, 27_500]),
    (NewToken, [806_500, 27_500]),
    (Create, [60_800, 58_500]),
    (Refusal, [21_650, 26_500]),
    (RefusalOfAFlood, [19_350, 500]),
    (Preflight, [10_300, 500]),
];
