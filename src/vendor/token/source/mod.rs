#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Credentials, TokenFault, TokenTerms};
use crate::upstream::retry_after;

/// The most of an answer that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;

/// The longest token taken, in bytes: with the rest, the vendor's server would not take a longer one either.
const MAX_TOKEN: usize = 8 * 1024;

/// Where tokens come from.
pub(super) trait Source: Send + Sync {
    /// One attempt.
    fn fetch(&self) -> impl Future<Output = Result<Grant, Failure>> + Send;

    /// Goes by other terms from now on. Says whether the credentials are new.
    fn adopt(&mut self, terms: TokenTerms) -> bool;
}

/// A token, fresh from the vendor.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) authorization: HeaderValue,
    pub(super) life: Duration,
}

/// No token, and how long to wait if the vendor said so.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) fault: TokenFault,
    pub(super) retry_after: Option<Duration>,
}

impl From<TokenFault> for Failure {
    fn from(fault: TokenFault) -> Self {
        Self { fault, retry_after: None }
    }
}

/// The vendor's `POST /{org}/{app}/token`.
pub(super) struct VendorSource {
    terms: TokenTerms,
}

#[derive(Serialize)]
struct Question<'a> {
    grant_type: &'static str,
    client_id: &'a str,
    client_secret: &'a str,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    #[serde(default)]
    expires_in: Value,
}

impl VendorSource {
    pub(super) fn new(terms: TokenTerms) -> Self {
        Self { terms }
    }

    fn request(&self) -> Result<Request<Full<Bytes>>, http::Error> {
        let Credentials { endpoint, org, app, client_id, client_secret } = &self.terms.credentials;
        let question = Question {
            grant_type: "client_credentials",
            client_id,
            client_secret: client_secret.expose_secret(),
        };
        // Three strings always make JSON.
        let body = serde_json::to_vec(&question).unwrap_or_default();
        Request::post(format!("{}/{org}/{app}/token", endpoint.base_path()))
            .header(ACCEPT, "application/json")
            .header(CONTENT_TYPE, "application/json")
            .body(Full::from(body))
    }

    fn read(&self, answer: &Response<Bytes>) -> Result<Grant, Failure> {
        if answer.status() != StatusCode::OK {
            let asked = answer.headers().get(RETRY_AFTER);
            return Err(Failure {
                fault: TokenFault::Refused {
                    status: answer.status().as_u16(),
                    error: error_word(answer.body()),
                },
                retry_after: asked.and_then(|asked| retry_after(asked, Timestamp::now())),
            });
        }
        // serde's own message could quote the token.
        let Ok(answer) = serde_json::from_slice::<TokenAnswer>(answer.body()) else {
            return Err(TokenFault::Malformed("no JSON object with an access_token").into());
        };
        Ok(Grant {
            authorization: authorization(&answer.access_token)?,
            life: self.life(&answer.expires_in)?,
        })
    }

    /// `expires_in` in seconds, as a number or as digits in a string. What is missing or senseless may mean
    /// anything, so it is believed for a while. Zero and less say plainly that the token is no good.
    fn life(&self, expires_in: &Value) -> Result<Duration, TokenFault> {
        let seconds = match expires_in {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        match seconds.filter(|seconds| seconds.is_finite()) {
            None => Ok(self.terms.config.default_life),
            Some(seconds) if seconds <= 0.0 => Err(TokenFault::Malformed("expires_in is not positive")),
            Some(seconds) => Ok(Duration::try_from_secs_f64(seconds)
                .unwrap_or(self.terms.config.max_life)
                .min(self.terms.config.max_life)),
        }
    }
}

impl Source for VendorSource {
    async fn fetch(&self) -> Result<Grant, Failure> {
        let request =
            self.request().map_err(|_| TokenFault::Malformed("the base URL's path cannot be asked for"))?;
        let TokenTerms { credentials, fetcher, .. } = &self.terms;
        let answer = fetcher.fetch(&credentials.endpoint, request, MAX_ANSWER).await;
        self.read(&answer.map_err(|error| TokenFault::Unreachable(error.to_string()))?)
    }

    fn adopt(&mut self, terms: TokenTerms) -> bool {
        let (old, new) = (&self.terms.credentials, &terms.credentials);
        let is_new = old.endpoint != new.endpoint
            || old.client_id != new.client_id
            || old.client_secret.expose_secret() != new.client_secret.expose_secret();
        self.terms = terms;
        is_new
    }
}

/// Visible ASCII only: more than RFC 6750 allows, and nothing that a header would not carry as it is.
fn authorization(token: &str) -> Result<HeaderValue, TokenFault> {
    if token.is_empty() || token.len() > MAX_TOKEN || !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(TokenFault::Malformed("the access_token is no token"));
    }
    let mut value = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|_| TokenFault::Malformed("the access_token is no token"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The answer's `error`, if it is a plain word: anything longer could repeat what was sent.
fn error_word(body: &[u8]) -> Option<Box<str>> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let word = answer.get("error")?.as_str()?;
    let plain = (1..=48).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    plain.then(|| word.into())
}
