//! Turns a refusal into an answer that a frontend developer can act on: problem details (RFC 9457), and the headers
//! that the code calls for.

use http::header::InvalidHeaderValue;
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use super::identify::X_REQUEST_ID;
use super::reply::{GUARDS, GateBody, PROXY_STATUS, Reply};
use crate::domain::{Code, FieldError, Refusal, RequestId};
use crate::http1::{Fields, Lines, Value, ValueWriter};
use crate::limits::whole_seconds;
use crate::openapi::problem_type;

/// Room for the body that a refusal usually has, in bytes.
const USUAL: usize = 512;

/// The body of a refusal.
#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    code: &'static str,
    request_id: RequestId,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
}

/// Any page may read such answers: they say nothing about anybody.
const FOR_ANYBODY: Lines = Lines::new(
    "access-control-allow-origin: *\r\n\
     access-control-expose-headers: x-request-id, retry-after, proxy-status\r\n",
);

/// The answer to what no stage has put its own fields on, or not all of them.
pub fn reply_to_anybody(refusal: &Refusal, id: RequestId) -> Reply {
    let mut reply = reply(refusal, id);
    reply.fields.put(X_REQUEST_ID, id);
    reply.fields.put_lines(FOR_ANYBODY);
    reply
}

/// The answer that tells the caller about `refusal`.
pub fn reply(refusal: &Refusal, id: RequestId) -> Reply {
    let code = refusal.code;
    let problem = Problem {
        kind: &problem_type(code),
        title: code.title(),
        status: code.status(),
        detail: &refusal.detail,
        code: code.as_str(),
        request_id: id,
        errors: &refusal.errors,
    };
    // Strings and numbers only: nothing in it can fail to serialize.
    let mut body = Vec::with_capacity(USUAL);
    serde_json::to_writer(&mut body, &problem).unwrap_or_default();
    let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut reply = Reply::new(status, GateBody::Held(body.into()));
    reply.ends_connection = refusal.ends_connection;
    let fields = &mut reply.fields;
    fields.put_lines(GUARDS);
    fields.put("content-type", "application/problem+json");
    fields.put(PROXY_STATUS, proxy_status(code));
    if let Some(wait) = refusal.retry_after {
        fields.put("retry-after", whole_seconds(wait));
    }
    if let Some(methods) = refusal.allow {
        fields.put("allow", methods);
    }
    put_challenge(refusal, fields);
    reply
}

/// `WWW-Authenticate` (RFC 6750, section 3): without a token no error is named, and with one never more than that it
/// is not good.
fn put_challenge(refusal: &Refusal, fields: &mut Fields) {
    const NAME: &str = "www-authenticate";
    match refusal.code {
        Code::TokenMissing => fields.put(NAME, "Bearer realm=\"confgate\""),
        Code::TokenMalformed | Code::TokenRejected | Code::TokenExpired | Code::TokenNotYetValid => {
            fields.put(NAME, InvalidToken(refusal.code));
        }
        Code::ScopeMissing | Code::CreatorForbidden => {
            if let Some(Ok(challenge)) = refusal.scope.as_deref().map(insufficient_scope) {
                fields.put(NAME, challenge);
            }
        }
        _ => {}
    }
}

/// What is wrong with a token, as the challenge tells it.
struct InvalidToken(Code);

impl Value for InvalidToken {
    fn write(&self, line: &mut ValueWriter<'_>) {
        line.text("Bearer realm=\"confgate\", error=\"invalid_token\", error_description=\"");
        line.text(self.0.title());
        line.text("\"");
    }
}

fn insufficient_scope(scope: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    HeaderValue::try_from(format!(
        "Bearer realm=\"confgate\", error=\"insufficient_scope\", scope=\"{scope}\""
    ))
}

/// `Proxy-Status` (RFC 9209, section 2.3): an answer of the gateway's own, and of what kind.
fn proxy_status(code: Code) -> &'static str {
    match code {
        Code::VendorUnreachable => "confgate; error=destination_unavailable",
        Code::VendorTimeout => "confgate; error=http_response_timeout",
        Code::VendorBadAnswer => "confgate; error=http_protocol_error",
        Code::VendorRefusedCredentials => "confgate; error=http_request_denied; received-status=401",
        Code::VendorPaused => "confgate; error=destination_unavailable; details=\"paused\"",
        Code::VendorCircuitOpen => "confgate; error=destination_unavailable; details=\"circuit open\"",
        Code::VendorBudgetExhausted => "confgate; error=connection_limit_reached",
        Code::Internal | Code::AuditUnavailable | Code::KeysUnavailable | Code::VendorTokenUnavailable => {
            "confgate; error=proxy_internal_error"
        }
        Code::Overloaded | Code::ShuttingDown => "confgate; error=proxy_internal_response",
        Code::TokenMissing
        | Code::TokenMalformed
        | Code::TokenRejected
        | Code::TokenExpired
        | Code::TokenNotYetValid
        | Code::TenantUnknown
        | Code::ScopeMissing
        | Code::CreatorForbidden
        | Code::TenantRateLimited
        | Code::UserRateLimited
        | Code::AddressRateLimited
        | Code::TenantConcurrencyLimited => "confgate; error=http_request_denied",
        Code::RequestMalformed
        | Code::BodyMalformed
        | Code::RouteUnknown
        | Code::MethodNotAllowed
        | Code::RequestTimeout
        | Code::BodyTooLarge
        | Code::MediaTypeUnsupported
        | Code::BodyInvalid
        | Code::HeadersTooLarge => "confgate; error=http_request_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_and_proxy_status_is_well_formed() {
        for &code in Code::ALL {
            assert!(
                StatusCode::from_u16(code.status())
                    .is_ok_and(|status| status.is_client_error() || status.is_server_error())
            );
            assert!(sfv::Parser::new(proxy_status(code)).parse::<sfv::List>().is_ok(), "{code:?}");
        }
    }
}
