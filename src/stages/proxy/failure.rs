//! Why a call to the vendor came to nothing, and what that says about the vendor.

use std::borrow::Cow;

use http::StatusCode;

use crate::domain::{Code, Refusal};
use crate::stages::reply::Reply;
use crate::telemetry::VendorAnswer;
use crate::upstream::{PooledAnswer, SendError, Stage};

pub(super) enum Failure {
    /// All connections were in use by other calls: no byte of it left.
    NoTurn,
    /// None could be opened in time.
    NoConnection {
        time: Time,
    },
    /// The vendor's token ran out in the meantime, and there is no newer one.
    NoToken,
    TimedOut {
        time: Time,
    },
    Broken(SendError),
    /// The vendor refuses the gateway's own token, renewed or not.
    RefusedCredentials(Cow<'static, str>),
}

/// How much of it the vendor had.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Time {
    /// All that is configured.
    Whole,
    /// Less, because the caller took its time over the request, or other calls over their connections: either could
    /// make any vendor seem dead.
    CutShort,
}

/// What a call says about the vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// It answers.
    Alive,
    /// It does not.
    Dead,
    /// Nothing: the call came to its end for another reason.
    Unclear,
}

impl Failure {
    /// Whether the vendor may have acted on the call all the same.
    pub(super) fn may_have_happened(&self) -> bool {
        match self {
            Self::TimedOut { .. } => true,
            Self::Broken(error) => error.stage == Stage::Sent,
            _ => false,
        }
    }

    pub(super) fn sign(&self) -> Sign {
        match self {
            Self::NoConnection { time } | Self::TimedOut { time } if *time == Time::Whole => Sign::Dead,
            Self::Broken(error) if !error.is_local() => Sign::Dead,
            Self::RefusedCredentials(_) => Sign::Alive,
            _ => Sign::Unclear,
        }
    }
}

/// Of an answer with `status`, as far as it could be read. 502 and 504 are those of a proxy with nobody behind it. A
/// 429 or 503 is a sign of life, and opens a pause.
pub(super) fn sign_of_answer(status: StatusCode, reply: &Result<Reply, Refusal>, time: Time) -> Sign {
    match reply {
        Ok(_) if matches!(status, StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT) => Sign::Dead,
        Ok(_) => Sign::Alive,
        Err(refusal) if refusal.code == Code::VendorTimeout && time == Time::CutShort => Sign::Unclear,
        Err(_) => Sign::Dead,
    }
}

pub(super) fn vendor_answer(outcome: &Result<PooledAnswer, Failure>) -> VendorAnswer {
    match outcome {
        Ok(response) => VendorAnswer::of_status(response.status.as_u16()),
        Err(_) => VendorAnswer::None,
    }
}
