//! How many instructions a request may need: as counted by `cargo bench --bench stack`, and room for what differs
//! between two runs: 2 %, on the trail's thread 8 %. What lowers a figure lowers its budget.

use crate::served::Case::{self, Create, Get, NewToken, Preflight, Refusal, RefusalOfAFlood};

/// In process, up to a stage.
pub(crate) const STAGES: [(&str, u32); 18] = [
    ("identify", 3_000),
    ("cors", 3_800),
    ("deadline", 3_900),
    ("shed", 4_200),
    ("documents", 4_500),
    ("audit", 11_100),
    ("route", 13_800),
    ("authn: a known token", 16_100),
    ("limit", 18_700),
    ("authz", 19_000),
    ("clearance", 20_000),
    ("intent: the whole stack", 20_600),
    ("create, intent on disk", 55_700),
    ("404, of a flood", 18_700),
    ("404, recorded", 22_700),
    ("get, new token: RS256", 355_900),
    ("get, new token: ES256", 798_300),
    ("get, new token: EdDSA", 549_100),
];

/// Over sockets, on the worker's thread and on the trail's.
pub(crate) const GATEWAY: [(Case, [u32; 2]); 6] = [
    (Get, [64_000, 31_000]),
    (NewToken, [843_000, 29_000]),
    (Create, [99_500, 65_500]),
    (Refusal, [41_500, 29_500]),
    (RefusalOfAFlood, [38_000, 500]),
    (Preflight, [24_500, 500]),
];
