//! What each code means to whoever writes a frontend, and what to do about it.

use crate::domain::Code;

/// The text of one problem page.
pub(super) struct Advice {
    /// What happened.
    pub(super) meaning: &'static str,
    /// What the frontend, or the people behind it, should do.
    pub(super) remedy: &'static str,
}

/// One arm per code, so that a new code does not compile without its advice.
#[expect(clippy::too_many_lines, reason = "a table, one entry per code")]
pub(super) fn advice(code: Code) -> Advice {
    let (meaning, remedy) = match code {
        Code::RequestMalformed => (
            "The request breaks a rule of HTTP or of this API that has no code of its own.",
            "Correct the request as the detail says. Sending it again unchanged cannot help.",
        ),
        Code::BodyMalformed => (
            "The body is no JSON object: it is not UTF-8, not JSON, or some other JSON value.",
            "Send an object, for example {\"confrType\": 10}, or no body at all.",
        ),
        Code::TokenMissing => (
            "The request has no Authorization header. A token in the URL or in the body is not accepted.",
            "Sign the user in and send Authorization: Bearer <token>.",
        ),
        Code::TokenMalformed => (
            "The Authorization header does not hold exactly one bearer token in compact form.",
            "Send the token as it was issued, once, after the word Bearer and one space.",
        ),
        Code::TokenRejected => (
            "The token is not one that this gateway accepts: its issuer, audience, algorithm, key, signature or \
             one of its claims is wrong. Which of them is told to the operator only.",
            "Sign the user in again. If a fresh token is refused too, give the operator the request_id.",
        ),
        Code::TokenExpired => {
            ("The token was good and its lifetime is over.", "Renew the token and send the request again.")
        }
        Code::TokenNotYetValid => (
            "The token's lifetime begins in the future, so the clocks of the issuer and the gateway differ.",
            "Wait some seconds. If it lasts, give the operator the request_id.",
        ),
        Code::TenantUnknown => (
            "The token is good, but its tenant is not served here, or the org or app in the path is not the \
             tenant's.",
            "Check the path if it names an org and an app. Otherwise ask the operator to admit the tenant.",
        ),
        Code::ScopeMissing => (
            "The token does not grant the scope that this call needs. WWW-Authenticate names it.",
            "Ask the identity provider for a token with that scope, or hide the function from this user.",
        ),
        Code::CreatorForbidden => (
            "The body names somebody else as creator, and the token lacks the scope for that; or it names nobody, \
             and the token's user is no user name of the conference service.",
            "Leave creator out: the caller becomes the conference's administrator. If it is left out already, ask \
             the operator which claim names the user.",
        ),
        Code::RouteUnknown => (
            "There is nothing at this path: it is none of the documented ones, or an id in it cannot be one.",
            "Check the path and the ids in it against GET /openapi.json.",
        ),
        Code::MethodNotAllowed => (
            "The path exists, but not with this method. Allow lists those it has.",
            "Use one of the methods in Allow.",
        ),
        Code::RequestTimeout => (
            "The request did not arrive whole in time. Nothing was passed on.",
            "Send it again; on a slow network, on a new connection.",
        ),
        Code::BodyTooLarge => {
            ("The body is larger than any create needs.", "Send the documented fields only.")
        }
        Code::MediaTypeUnsupported => (
            "A body came without Content-Type: application/json, or compressed.",
            "Send the body uncompressed, with Content-Type: application/json.",
        ),
        Code::BodyInvalid => (
            "The body is a JSON object, and one or more of its members are wrong. Nothing was passed on.",
            "Correct every member in errors: pointer says where (RFC 6901), detail what would be right.",
        ),
        Code::TenantRateLimited => (
            "All users of the tenant together send more requests than it is allowed. RateLimit-Policy has the \
             quota.",
            "Wait for the seconds in Retry-After, then send it again.",
        ),
        Code::UserRateLimited => (
            "This user sends more requests than one user is allowed. RateLimit-Policy has the quota.",
            "Wait for the seconds in Retry-After, then send it again. Do not retry in a loop.",
        ),
        Code::AddressRateLimited => (
            "Too many tokens that were not good came from the caller's network address.",
            "Wait for the seconds in Retry-After, then sign in again. Look for a client that repeats a bad token.",
        ),
        Code::TenantConcurrencyLimited => (
            "The tenant has as many requests under way as it is allowed.",
            "Wait for the seconds in Retry-After, then send it again. Send fewer requests side by side.",
        ),
        Code::HeadersTooLarge => (
            "The request line and headers together are too large.",
            "Send fewer or smaller headers; cookies are not needed here.",
        ),
        Code::Internal => (
            "The gateway failed. That is a fault of the gateway, and it is logged.",
            "Give the operator the request_id. A create may or may not have happened.",
        ),
        Code::VendorUnreachable => (
            "The conference service cannot be reached, or the connection broke before it answered.",
            "Try again later. A create may have happened if the detail says that its outcome is unknown.",
        ),
        Code::VendorBadAnswer => (
            "What the conference service sent is no valid HTTP answer, or broke off.",
            "Try again later. A create may have happened: its outcome is unknown.",
        ),
        Code::VendorRefusedCredentials => (
            "The conference service refuses the gateway's own credentials. The caller's token is good: do not \
             sign the user out.",
            "Give the operator the request_id.",
        ),
        Code::KeysUnavailable => (
            "The identity provider's keys cannot be had, or would have to be fetched anew for this token so soon \
             after the last time. That says nothing about the caller's token: do not sign the user out.",
            "Wait for the seconds in Retry-After, then send it again.",
        ),
        Code::VendorTokenUnavailable => (
            "The gateway has no token for the conference service at the moment.",
            "Wait for the seconds in Retry-After, then send it again.",
        ),
        Code::VendorBudgetExhausted => (
            "All tenants that share the app together use up what the conference service grants it.",
            "Wait for the seconds in Retry-After, then send it again.",
        ),
        Code::VendorPaused => (
            "The conference service asked for a pause, and the gateway keeps to it.",
            "Wait for the seconds in Retry-After, then send it again.",
        ),
        Code::VendorCircuitOpen => (
            "The conference service has not answered lately, so the gateway spares it and everybody the wait, and only \
             probes it from time to time. Nothing was passed on.",
            "Wait for the seconds in Retry-After, then send it again.",
        ),
        Code::Overloaded => (
            "The gateway has more to do than it can hold, and did not begin with this request.",
            "Wait for the seconds in Retry-After, then send it again.",
        ),
        Code::AuditUnavailable => (
            "The audit trail cannot be written, and nothing is changed without a record.",
            "Wait for the seconds in Retry-After, then send it again, unless the detail says that the call was made.",
        ),
        Code::ShuttingDown => (
            "This instance of the gateway is about to stop, and did not begin with this request.",
            "Send it again on a new connection.",
        ),
        Code::VendorTimeout => (
            "The conference service did not answer in time.",
            "Read again at once if it was a GET. Otherwise the outcome is unknown: a create may have happened.",
        ),
    };
    Advice { meaning, remedy }
}
