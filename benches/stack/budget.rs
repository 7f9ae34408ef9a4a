//! How many instructions a request may need: as counted by `cargo bench --bench stack`, and room for what differs
//! between two runs: 2 %; 8 % for the stage audit and on the trail's thread, 10 % for a create. What lowers a figure
//! lowers its budget.

use crate::served::Case::{self, Create, Get, NewToken, Preflight, Refusal, RefusalOfAFlood};

/// In process, up to a stage.
pub(crate) const STAGES: [(&str, u32); 18] = [
    ("identify", 3_100),
    ("cors", 3_900),
    ("deadline", 4_000),
    ("shed", 4_300),
    ("documents", 4_600),
    ("audit", 12_800),
    ("route", 13_300),
    ("authn: a known token", 16_200),
    ("limit", 18_800),
    ("authz", 19_200),
    ("clearance", 20_200),
    ("intent: the whole stack", 20_700),
    ("create, intent on disk", 61_300),
    ("404, of a flood", 18_800),
    ("404, recorded", 22_300),
    ("get, new token: RS256", 352_400),
    ("get, new token: ES256", 798_600),
    ("get, new token: EdDSA", 549_500),
];

/// Over sockets, on the worker's thread and on the trail's.
pub(crate) const GATEWAY: [(Case, [u32; 2]); 6] = [
    (Get, [64_000, 31_000]),
    (NewToken, [843_000, 29_000]),
    (Create, [107_000, 65_500]),
    (Refusal, [41_500, 29_500]),
    (RefusalOfAFlood, [38_000, 500]),
    (Preflight, [24_500, 500]),
];
