//! How many instructions a request may need: as counted by `cargo bench --bench stack`, and room for what differs
//! between two runs: 2 %; 8 % for the stage audit and on the trail's thread, 10 % for a create. What lowers a figure
//! lowers its budget.

use crate::served::Case::{self, Create, Get, NewToken, Preflight, Refusal, RefusalOfAFlood};

/// In process, up to a stage.
pub(crate) const STAGES: [(&str, u32); 18] = [
    ("identify", 2_500),
    ("cors", 3_300),
    ("deadline", 3_300),
    ("shed", 3_500),
    ("documents", 3_600),
    ("audit", 9_300),
    ("route", 10_100),
    ("authn: a known token", 12_700),
    ("limit", 14_800),
    ("authz", 15_000),
    ("clearance", 15_900),
    ("intent: the whole stack", 15_900),
    ("create, intent on disk", 46_600),
    ("404, of a flood", 15_900),
    ("404, recorded", 18_300),
    ("get, new token: RS256", 340_900),
    ("get, new token: ES256", 787_500),
    ("get, new token: EdDSA", 538_800),
];

/// Over sockets, on the worker's thread and on the trail's.
pub(crate) const GATEWAY: [(Case, [u32; 2]); 6] = [
    (Get, [47_500, 28_000]),
    (NewToken, [821_000, 27_500]),
    (Create, [82_000, 59_000]),
    (Refusal, [32_000, 27_000]),
    (RefusalOfAFlood, [29_500, 500]),
    (Preflight, [18_500, 500]),
];
