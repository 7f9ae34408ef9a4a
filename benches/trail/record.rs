//! The records that are written here.

use std::time::Duration;

use confgate::domain::{Action, AppKey, ConferenceId, RequestId, TenantId, TraceContext, UserName};
use confgate::trail::{Call, Decision, Outcome, Record, VendorError};
use jiff::Timestamp;

/// The outcome of a create that went well, as long as such an outcome is.
pub(crate) fn outcome() -> Record {
    let call = Call {
        request_id: RequestId::generate(&uuid::ContextV7::new()),
        trace: TraceContext::continued(None, (0xab, 1)),
        action: Some(Action::Create),
        tenant: TenantId::parse("crm").ok(),
        subject: Some("huangcl".into()),
        issuer: Some("https://sso.corp.example".into()),
        token_id: Some("07ad0e083dfbc117".into()),
        client: "10.2.3.4".parse().expect("an address"),
        app: AppKey::parse("meet").ok(),
        conference: ConferenceId::parse("IM3SKW51SKH4TB80LV45000C7").ok(),
        user: None,
        creator: UserName::parse("huangcl").ok(),
    };
    Record::Outcome(Outcome {
        time: Timestamp::now(),
        call,
        decision: Decision::Allowed,
        reason: None,
        detail: None,
        status: Some(200),
        vendor_status: Some(200),
        vendor_error: Some(VendorError::Number(0)),
        attempts: 1,
        duration: Duration::from_micros(31_250),
        vendor_duration: Some(Duration::from_micros(30_911)),
        intent: Some(4708),
        outcome_unknown: false,
        caller_gone: false,
    })
}
