//! Each refusal through the front door, and what holds for all of them.

mod causes;
mod evidence;
mod floods;
mod full_trail;
mod panics;
mod rules;

use std::collections::HashSet;

use confgate::domain::Code;

/// One test a code, and the list of the codes that have one.
macro_rules! refusals {
    ($($test:ident: $code:ident,)*) => {
        $(
            #[tokio::test]
            async fn $test() {
                rules::hold(&evidence::gathered(Code::$code).await);
            }
        )*

        const TESTED: &[Code] = &[$(Code::$code),*];
    };
}

refusals! {
    request_malformed: RequestMalformed,
    body_malformed: BodyMalformed,
    token_missing: TokenMissing,
    token_malformed: TokenMalformed,
    token_rejected: TokenRejected,
    token_expired: TokenExpired,
    token_not_yet_valid: TokenNotYetValid,
    tenant_unknown: TenantUnknown,
    scope_missing: ScopeMissing,
    creator_forbidden: CreatorForbidden,
    route_unknown: RouteUnknown,
    method_not_allowed: MethodNotAllowed,
    request_timeout: RequestTimeout,
    body_too_large: BodyTooLarge,
    media_type_unsupported: MediaTypeUnsupported,
    body_invalid: BodyInvalid,
    tenant_rate_limited: TenantRateLimited,
    user_rate_limited: UserRateLimited,
    address_rate_limited: AddressRateLimited,
    tenant_concurrency_limited: TenantConcurrencyLimited,
    headers_too_large: HeadersTooLarge,
    internal: Internal,
    vendor_unreachable: VendorUnreachable,
    vendor_bad_answer: VendorBadAnswer,
    vendor_refused_credentials: VendorRefusedCredentials,
    keys_unavailable: KeysUnavailable,
    vendor_token_unavailable: VendorTokenUnavailable,
    vendor_budget_exhausted: VendorBudgetExhausted,
    vendor_paused: VendorPaused,
    vendor_circuit_open: VendorCircuitOpen,
    overloaded: Overloaded,
    audit_unavailable: AuditUnavailable,
    shutting_down: ShuttingDown,
    vendor_timeout: VendorTimeout,
}

#[test]
fn every_code_has_its_test() {
    let tested: HashSet<Code> = TESTED.iter().copied().collect();
    let missing: Vec<_> = Code::ALL.iter().filter(|code| !tested.contains(code)).collect();
    assert!(missing.is_empty(), "add these to `refusals!` above: {missing:?}");
}
