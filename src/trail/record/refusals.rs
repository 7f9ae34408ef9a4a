//! What is said of a flood.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::{code, timestamp};
use crate::domain::{Action, Code, RequestId, TenantId};

/// Equal refusals that have no outcome of their own, because there were too many. The first of them have one.
#[derive(Clone, Debug, Serialize)]
pub struct Refusals {
    /// When they were counted up.
    #[serde(skip)]
    pub time: Timestamp,
    /// What was asked for.
    pub action: Option<Action>,
    /// The callers' tenant, once verified; null also where the callers differ.
    pub tenant: Option<TenantId>,
    /// The caller, once verified; null also where the callers differ.
    pub subject: Option<Arc<str>>,
    /// The address that the requests came from; null where they came from several.
    pub client: Option<IpAddr>,
    /// Why they were refused; null for those whose callers left before that was known.
    #[serde(serialize_with = "code")]
    pub reason: Option<Code>,
    /// Why exactly; null also where the reasons differ.
    pub detail: Option<Box<str>>,
    /// The status that the callers got; null when they had gone.
    pub status: Option<u16>,
    /// How many there were.
    pub count: u64,
    /// When the first of them ended.
    #[serde(serialize_with = "timestamp")]
    pub first_time: Timestamp,
    /// The first one's id.
    pub first_request_id: RequestId,
    /// When the last of them ended.
    #[serde(serialize_with = "timestamp")]
    pub last_time: Timestamp,
    /// The last one's id.
    pub last_request_id: RequestId,
}
