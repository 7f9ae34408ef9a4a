use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $status:literal, $title:literal;)*) => {
        /// Why the gateway answered by itself: the closed list that the caller's `code`, the metric's label and
        /// the trail's `reason` share.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code, by status.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The public name.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The HTTP status of an answer with this code.
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// One line for people, the same for every occurrence (RFC 9457, section 3.1.3).
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

codes! {
    /// The request breaks HTTP, or a rule of the API that no other code names.
    RequestMalformed = "request_malformed", 400, "The request is malformed";
    /// The body is no JSON object.
    BodyMalformed = "body_malformed", 400, "The body is not a JSON object";
    /// No `Authorization` header.
    TokenMissing = "token_missing", 401, "A bearer token is required";
    /// The header or the token breaks its form.
    TokenMalformed = "token_malformed", 401, "The bearer token is malformed";
    /// Issuer, audience, algorithm, key, signature or a claim is not acceptable.
    TokenRejected = "token_rejected", 401, "The bearer token is not accepted";
    /// The token's lifetime is over.
    TokenExpired = "token_expired", 401, "The bearer token has expired";
    /// The token's lifetime has not begun.
    TokenNotYetValid = "token_not_yet_valid", 401, "The bearer token is not valid yet";
    /// The token is good, its tenant is not configured here, or may not use the app that the path names.
    TenantUnknown = "tenant_unknown", 403, "The tenant has no access here";
    /// The token lacks the scope for the action.
    ScopeMissing = "scope_missing", 403, "The token lacks a scope";
    /// The caller may not name this creator.
    CreatorForbidden = "creator_forbidden", 403, "The creator may not be set so";
    /// No such path.
    RouteUnknown = "route_unknown", 404, "There is nothing at this path";
    /// The path exists, the method does not.
    MethodNotAllowed = "method_not_allowed", 405, "The path does not have this method";
    /// The request did not arrive whole in time.
    RequestTimeout = "request_timeout", 408, "The request took too long to arrive";
    /// The body is over the limit.
    BodyTooLarge = "body_too_large", 413, "The body is too large";
    /// The body is not sent as `application/json`.
    MediaTypeUnsupported = "media_type_unsupported", 415, "The body must be application/json";
    /// The body is JSON, and one or more fields are wrong.
    BodyInvalid = "body_invalid", 422, "The body has invalid fields";
    /// The tenant is over its rate.
    TenantRateLimited = "tenant_rate_limited", 429, "The tenant is over its rate limit";
    /// The user is over its rate within the tenant.
    UserRateLimited = "user_rate_limited", 429, "The user is over its rate limit";
    /// Too many bad tokens came from the caller's address.
    AddressRateLimited = "address_rate_limited", 429, "Too many bad tokens from this address";
    /// The tenant has too many requests in flight.
    TenantConcurrencyLimited = "tenant_concurrency_limited", 429, "The tenant has too many requests in flight";
    /// The request's head is over the limit.
    HeadersTooLarge = "headers_too_large", 431, "The header section is too large";
    /// A fault of the gateway.
    Internal = "internal", 500, "The gateway failed";
    /// No connection to the vendor, or it broke before an answer.
    VendorUnreachable = "vendor_unreachable", 502, "The conference service cannot be reached";
    /// What the vendor sent is no HTTP answer, or broke off.
    VendorBadAnswer = "vendor_bad_answer", 502, "The conference service gave no valid answer";
    /// The vendor refuses the gateway's own token, renewed or not.
    VendorRefusedCredentials = "vendor_refused_credentials", 502, "The conference service refused the gateway's credentials";
    /// The issuer's keys cannot be had.
    KeysUnavailable = "keys_unavailable", 503, "Tokens cannot be checked at the moment";
    /// There is no token for the vendor.
    VendorTokenUnavailable = "vendor_token_unavailable", 503, "The gateway has no token for the conference service";
    /// The app's budget at the vendor is used up.
    VendorBudgetExhausted = "vendor_budget_exhausted", 503, "The app's budget at the conference service is used up";
    /// The vendor asked for a pause.
    VendorPaused = "vendor_paused", 503, "The conference service asked for a pause";
    /// The vendor does not answer, and is not asked for a while.
    VendorCircuitOpen = "vendor_circuit_open", 503, "The conference service does not answer at the moment";
    /// More load than the gateway can hold.
    Overloaded = "overloaded", 503, "The gateway is overloaded";
    /// The trail cannot be written.
    AuditUnavailable = "audit_unavailable", 503, "The audit trail cannot be written";
    /// The gateway is about to stop.
    ShuttingDown = "shutting_down", 503, "The gateway is shutting down";
    /// The vendor did not answer in time.
    VendorTimeout = "vendor_timeout", 504, "The conference service did not answer in time";
}

/// One fault in a body, at an RFC 6901 pointer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Where: a JSON Pointer, for example `/confrDelayMillis`.
    pub pointer: String,
    /// What is wrong and what would be right.
    pub detail: String,
}

/// A request that goes no further, and what is said about it to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The public name of the reason.
    pub code: Code,
    /// For the caller: what to do about it.
    pub detail: Cow<'static, str>,
    /// For the trail and the log only: what exactly was found.
    pub reason: Option<Cow<'static, str>>,
    /// When trying again can work, for `Retry-After`.
    pub retry_after: Option<Duration>,
    /// Every fault of the body, for `body_invalid`.
    pub errors: Box<[FieldError]>,
    /// The methods that the path has, for `Allow` (RFC 9110, section 10.2.1).
    pub allow: Option<&'static str>,
    /// The scope that would have been enough, for the challenge (RFC 6750, section 3).
    pub scope: Option<Arc<str>>,
    /// Whether nothing that follows on the connection can be read (RFC 9112, section 9.6).
    pub ends_connection: bool,
}

impl Refusal {
    /// A refusal with advice for the caller.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            detail: detail.into(),
            reason: None,
            retry_after: None,
            errors: Box::default(),
            allow: None,
            scope: None,
            ends_connection: false,
        }
    }

    /// A fault of the gateway's own; `reason` is for the trail.
    pub fn internal(reason: &'static str) -> Self {
        Self::new(Code::Internal, "the gateway failed; report the request id").because(reason)
    }

    /// Adds what only the trail may know.
    pub fn because(mut self, reason: impl Into<Cow<'static, str>>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Adds when to try again.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Adds the faults of a body.
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.errors = errors.into();
        self
    }

    /// Adds the methods that the path has.
    pub fn allowing(mut self, methods: &'static str) -> Self {
        self.allow = Some(methods);
        self
    }

    /// Adds that the caller cannot go on on its connection.
    pub fn ending_connection(mut self) -> Self {
        self.ends_connection = true;
        self
    }

    /// Adds the scope that would have been enough.
    pub fn needing(mut self, scope: Arc<str>) -> Self {
        self.scope = Some(scope);
        self
    }
}
