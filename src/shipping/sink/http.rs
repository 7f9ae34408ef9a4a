use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, InvalidHeaderValue, RETRY_AFTER, USER_AGENT};
use http::{HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::Full;
use jiff::Timestamp;

use super::Undelivered;
use crate::shipping::backlog::Batch;
use crate::shipping::config::{ConsumerName, Framing, HttpSinkConfig, ReceiverToken};
use crate::shipping::form::Form;
use crate::upstream::{Connector, Endpoint, FetchError, Fetcher, retry_after};

/// Whose cursor the batch moves.
const CONSUMER: HeaderName = HeaderName::from_static("confgate-consumer");
/// What the lines look like.
const FORM: HeaderName = HeaderName::from_static("confgate-form");
/// The sequence number of the batch's first line.
const FIRST: HeaderName = HeaderName::from_static("confgate-first-sequence");
/// That of its last.
const LAST: HeaderName = HeaderName::from_static("confgate-last-sequence");
/// The SHA-256 of the trail's line that the last one was made from: what the next batch's first line has for `prev`.
const LAST_HASH: HeaderName = HeaderName::from_static("confgate-last-hash");

/// Posts batches of JSON. Any 2xx acknowledges all of a batch; everything else acknowledges nothing.
pub(in crate::shipping) struct HttpSink {
    fetcher: Fetcher,
    url: Endpoint,
    token: ReceiverToken,
    framing: Framing,
    consumer: HeaderValue,
    form: Form,
}

impl HttpSink {
    /// Fails when the name does not fit into a header.
    pub(super) fn new(
        config: &HttpSinkConfig,
        consumer: &ConsumerName,
        form: Form,
        connector: &Connector,
    ) -> Result<Self, InvalidHeaderValue> {
        Ok(Self {
            fetcher: Fetcher::new(connector.clone(), config.timeout),
            url: config.url.clone(),
            token: config.token.clone(),
            framing: config.framing,
            consumer: HeaderValue::from_str(consumer.as_str())?,
            form,
        })
    }

    pub(super) async fn deliver(&self, batch: &Batch) -> Result<(), Undelivered> {
        let request = self.request(batch).map_err(|error| Undelivered::because(error.to_string()))?;
        let submitted = self.fetcher.submit(&self.url, request).await;
        let answer = submitted.map_err(|error| broken_off(&error))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        if status == StatusCode::PAYLOAD_TOO_LARGE {
            return Err(Undelivered::TooLarge { records: batch.records, bytes: batch.body.len() });
        }
        let asked = answer.headers().get(RETRY_AFTER);
        let retry_after = asked.and_then(|asked| retry_after(asked, Timestamp::now()));
        let why = format!("the receiver answered {}", status.as_u16());
        Err(Undelivered::Failed { why, retry_after, may_be_too_large: false })
    }

    fn request(&self, batch: &Batch) -> Result<Request<Full<Bytes>>, http::Error> {
        let (content_type, body) = framed(batch, self.framing);
        let mut request = Request::post(self.url.path())
            .header(CONTENT_TYPE, content_type)
            .header(USER_AGENT, concat!("confgate/", env!("CARGO_PKG_VERSION")))
            .header(CONSUMER, self.consumer.clone())
            .header(FORM, self.form.as_str())
            .header(FIRST, batch.first)
            .header(LAST, batch.last.sequence)
            .header(LAST_HASH, batch.last.hash.to_string());
        if let Some(authorization) = self.token.authorization()? {
            request = request.header(AUTHORIZATION, authorization);
        }
        request.body(Full::from(body))
    }
}

/// A batch as the receiver takes it, and what that is called. The records themselves are the same bytes in both.
fn framed(batch: &Batch, framing: Framing) -> (&'static str, Bytes) {
    match framing {
        Framing::Lines => ("application/x-ndjson", batch.body.clone()),
        Framing::Array => {
            // A record has no newline in it, so each one here ends a record.
            let mut array = Vec::with_capacity(batch.body.len() + 1);
            array.push(b'[');
            array.extend(batch.body.iter().map(|byte| if *byte == b'\n' { b',' } else { *byte }));
            if let Some(last) = array.last_mut() {
                *last = b']';
            }
            ("application/json", Bytes::from(array))
        }
    }
}

/// Many a server does not read a body that is too large to its end, and its answer is lost with the connection; another
/// takes longer over a large batch than the time that it has.
fn broken_off(error: &FetchError) -> Undelivered {
    let may_be_too_large = !matches!(error, FetchError::Connect(_));
    Undelivered::Failed { why: error.to_string(), retry_after: None, may_be_too_large }
}
