//! Answers in the vendor's two forms: the platform's (a string in `error`) and the conference service's (an
//! integer there).

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use serde::Serialize;

use crate::smallserver::{Body, whole};

const JSON: HeaderValue = HeaderValue::from_static("application/json;charset=UTF-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// A whole answer, before HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) content_type: HeaderValue,
    pub(super) body: Vec<u8>,
    /// Seconds for `Retry-After`.
    pub(super) retry_after: Option<u64>,
}

impl Answer {
    /// 200 with a JSON body.
    pub(super) fn ok(body: &impl Serialize) -> Self {
        Self::json(StatusCode::OK, body)
    }

    /// Any status with a JSON body.
    pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Self {
        // Serializing plain structs into memory does not fail.
        let body = serde_json::to_vec(body).unwrap_or_default();
        Self::new(status, JSON, body)
    }

    /// 200 with plain text.
    pub(super) fn text(body: &str) -> Self {
        Self::new(StatusCode::OK, TEXT, body.into())
    }

    /// What a proxy in front of the vendor answers when it fails.
    pub(super) fn html(status: StatusCode) -> Self {
        let body = format!(
            "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n</body>\r\n</html>\r\n"
        );
        Self::new(status, HTML, body.into_bytes())
    }

    fn new(status: StatusCode, content_type: HeaderValue, body: Vec<u8>) -> Self {
        Self { status, content_type, body, retry_after: None }
    }

    /// The answer as HTTP.
    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(whole(self.body));
        *response.status_mut() = self.status;
        response.headers_mut().insert(CONTENT_TYPE, self.content_type);
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// The platform's errors, by its name for them. The names are documented; the exceptions' names are made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlatformError {
    JsonParse,
    IllegalArgument,
    InvalidGrant,
    Unauthorized,
    ApplicationNotFound,
    ResourceNotFound,
    BodyTooLarge,
    ReachLimit,
    Internal,
    Unavailable,
}

impl PlatformError {
    fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::JsonParse => (StatusCode::BAD_REQUEST, "json_parse", "JsonParseException"),
            Self::IllegalArgument => {
                (StatusCode::BAD_REQUEST, "illegal_argument", "IllegalArgumentException")
            }
            Self::InvalidGrant => (StatusCode::BAD_REQUEST, "invalid_grant", "InvalidGrantException"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized", "UnauthorizedException"),
            Self::ApplicationNotFound => (
                StatusCode::NOT_FOUND,
                "organization_application_not_found",
                "OrganizationApplicationNotFoundException",
            ),
            Self::ResourceNotFound => {
                (StatusCode::NOT_FOUND, "service_resource_not_found", "ServiceResourceNotFoundException")
            }
            Self::BodyTooLarge => {
                (StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", "RequestTooLargeException")
            }
            Self::ReachLimit => (StatusCode::TOO_MANY_REQUESTS, "reach_limit", "ReachLimitException"),
            Self::Internal => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal_server_error", "RuntimeException")
            }
            Self::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "service_unavailable", "UnavailableException")
            }
        }
    }

    /// The answer, with a line for people.
    pub(super) fn answer(self, description: &str) -> Answer {
        let (status, error, exception) = self.parts();
        let body = PlatformBody {
            error,
            exception,
            timestamp: jiff::Timestamp::now().as_millisecond(),
            duration: 0,
            error_description: description,
        };
        Answer::json(status, &body)
    }
}

#[derive(Serialize)]
struct PlatformBody<'a> {
    error: &'a str,
    exception: &'a str,
    /// Milliseconds since 1970.
    timestamp: i64,
    /// Milliseconds.
    duration: u64,
    error_description: &'a str,
}

/// The conference service's errors: integers that media servers use. Which of them the REST API sends, and with
/// which status, is not documented; see the table of guesses in the sandbox's help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConferenceError {
    BadParameters,
    NoSuchConference,
    Dissolved,
    NotOpened,
    InArrears,
}

impl ConferenceError {
    fn parts(self) -> (StatusCode, i32, &'static str) {
        match self {
            Self::BadParameters => (StatusCode::OK, -200, "bad parameters"),
            Self::NoSuchConference => (StatusCode::NOT_FOUND, -301, "no such conference"),
            Self::Dissolved => (StatusCode::NOT_FOUND, -302, "the conference is dissolved"),
            Self::NotOpened => (StatusCode::FORBIDDEN, -706, "the audio and video service is not opened"),
            Self::InArrears => (StatusCode::OK, -707, "the account is in arrears"),
        }
    }

    /// The answer with the code's own line for people.
    pub(super) fn answer(self) -> Answer {
        self.describe(self.parts().2)
    }

    /// The answer with a better line for people.
    pub(super) fn describe(self, description: &str) -> Answer {
        let (status, error, _) = self.parts();
        let body = ConferenceBody { error, error_description: description };
        Answer::json(status, &body)
    }
}

#[derive(Serialize)]
struct ConferenceBody<'a> {
    error: i32,
    error_description: &'a str,
}
