//! What is said where the trail takes nothing, or did not take what had to be on record first.

use std::time::Duration;

use crate::domain::{Code, Refusal};

/// When another attempt may do better.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// The trail cannot be written, and nothing has happened that must not happen twice.
pub(in crate::stages) fn unavailable(detail: &'static str) -> Refusal {
    Refusal::new(Code::AuditUnavailable, detail).retry_after(TRY_AGAIN)
}

/// In place of what was decided without the vendor, and had to be on record before anybody learns of it.
pub(super) fn unrecorded_refusal() -> Refusal {
    unavailable("the request was refused for another reason, which could not be put on record; try again")
}

/// In place of what the vendor said, which changed nothing.
pub(super) fn unrecorded_read() -> Refusal {
    unavailable("what was read could not be put on record first; try again")
}

/// After the vendor was asked for a change. Without `Retry-After`: a client that goes by it would do the same thing
/// twice.
pub(super) fn unrecorded_change(detail: &'static str) -> Refusal {
    Refusal::new(Code::AuditUnavailable, detail)
}
