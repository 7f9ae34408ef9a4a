use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::{AbortHandle, spawn_local};

use super::{Pool, PooledBody, SendError, SendFault};
use crate::upstream::{Stream, http1};

/// One open connection and the task that drives it.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    driver: AbortHandle,
    reused: bool,
    keep: bool,
}

impl Connection {
    pub(super) async fn open(stream: Stream) -> Result<Self, SendError> {
        let (sender, driver) = http1()
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| SendError::unanswered(error, true, false))?;
        Ok(Self {
            sender,
            // Its error, if any, reaches the request or the body that it concerns.
            driver: spawn_local(driver).abort_handle(),
            reused: false,
            keep: true,
        })
    }

    /// Whether an earlier request was answered on it.
    pub(super) fn reused(&self) -> bool {
        self.reused
    }

    /// Whether the last answer is read to its end, and the server takes another request.
    pub(super) fn is_ready(&self) -> bool {
        self.keep && self.sender.is_ready()
    }

    /// Stops the task; its socket is closed when the task is next to run.
    pub(super) fn end(&self) {
        self.driver.abort();
    }

    /// The error holds the request if it was not begun.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Full<Bytes>>>> {
        let answer = self.sender.try_send_request(request).await?;
        // HTTP/1.0 servers differ in what they mean by keep-alive (RFC 9112, section 9.3). A length beside the
        // chunks is overruled by them, and may be an attempt to split the answer in two (section 6.3).
        self.keep = answer.version() == Version::HTTP_11
            && !(answer.headers().contains_key(TRANSFER_ENCODING)
                && answer.headers().contains_key(CONTENT_LENGTH));
        Ok(answer)
    }
}

/// Whether the body is coded in a way that hyper does not undo, and that nobody has asked for: it knows chunks alone,
/// and passes on the rest as it stands (RFC 9112, section 6.1).
fn is_coded(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let first = codings.next();
    first.is_some_and(|first| !first.as_bytes().eq_ignore_ascii_case(b"chunked")) || codings.next().is_some()
}

/// Closes at once, whatever is still queued or on its way. hyper's own ending would first write what is
/// buffered, and wait for a server that does not read.
impl Drop for Connection {
    fn drop(&mut self) {
        self.end();
    }
}

/// A connection in use. Dropped, it is closed before its slot is free.
pub struct Lease {
    pub(super) connection: Connection,
    pub(super) pool: Pool,
    pub(super) slot: Option<OwnedSemaphorePermit>,
}

impl Lease {
    /// Sends `request`, whose URI is a path, and waits for the head of the answer. `Host` is filled in. Where an idle
    /// connection turns out to be closed before the request was begun, it is sent on another.
    ///
    /// Has no timeout of its own: the caller gives up by dropping the future. What was not begun by then is never sent,
    /// and what was begun ends with its connection.
    pub async fn send(
        mut self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<PooledBody>, SendError> {
        let host = self.pool.0.endpoint.authority().clone();
        request.headers_mut().insert(HOST, host);
        loop {
            let reused = self.connection.reused();
            let mut error = match self.connection.send(request).await {
                Ok(answer) => return self.answer(answer),
                Err(error) => error,
            };
            match error.take_message() {
                Some(unsent) if reused => request = unsent,
                unsent => {
                    return Err(SendError::unanswered(error.into_error(), unsent.is_some(), reused));
                }
            }
            self.connection = self.pool.connection(false).await?;
        }
    }

    /// Ties the connection to the body, which gives it back at its end.
    fn answer(self, answer: Response<Incoming>) -> Result<Response<PooledBody>, SendError> {
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Err(SendError::bad_answer(SendFault::SwitchedProtocols, self.connection.reused));
        }
        if is_coded(answer.headers()) {
            return Err(SendError::bad_answer(SendFault::Coded, self.connection.reused));
        }
        Ok(answer.map(|body| PooledBody::new(body, self)))
    }

    /// Hands the connection to whoever comes next, if it is good for another request.
    pub(super) fn release(mut self) {
        if self.connection.is_ready() {
            self.connection.reused = true;
            self.pool.0.idle.put(self.connection);
        }
        drop(self.slot);
    }
}
