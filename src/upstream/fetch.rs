use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HOST};
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use super::{ConnectError, Connector, Endpoint, MAX_HEAD_BYTES, MAX_HEADERS};

/// Single exchanges beside the requests: key sets, vendor tokens, batches of the trail. Each has a connection of its
/// own.
#[derive(Clone, PartialEq)]
pub struct Fetcher {
    connector: Connector,
    timeout: Duration,
}

/// Why an exchange gave no answer. Holds nothing of the request or the answer.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// There was no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The connection broke, or what came back is no HTTP.
    #[error("the exchange failed: {}", with_cause(.0))]
    Exchange(#[from] hyper::Error),
    /// The body is over the limit.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// The whole exchange was not over in time.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
}

impl Fetcher {
    /// `timeout` covers an exchange from resolving the name to the last byte of the body.
    pub fn new(connector: Connector, timeout: Duration) -> Self {
        Self { connector, timeout }
    }

    /// Sends `request`, whose URI is a path, and reads the answer whole: any status, a body of at most
    /// `max_bytes`. A redirect is an answer like any other; it is not followed.
    ///
    /// Dropping the future closes the connection.
    pub async fn fetch(
        &self,
        endpoint: &Endpoint,
        request: Request<Full<Bytes>>,
        max_bytes: usize,
    ) -> Result<Response<Bytes>, FetchError> {
        self.exchange(endpoint, request, async |response| read_whole(response, max_bytes).await).await
    }

    /// Sends `request` as [`Fetcher::fetch`] does, and reads the head of the answer alone: for what is answered by the
    /// status, whatever else the server has to say.
    pub async fn submit(
        &self,
        endpoint: &Endpoint,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<()>, FetchError> {
        self.exchange(endpoint, request, async |response| Ok(response.map(drop))).await
    }

    async fn exchange<T>(
        &self,
        endpoint: &Endpoint,
        request: Request<Full<Bytes>>,
        read: impl AsyncFnOnce(Response<Incoming>) -> Result<T, FetchError>,
    ) -> Result<T, FetchError> {
        timeout(self.timeout, self.send(endpoint, request, read))
            .await
            .unwrap_or(Err(FetchError::TimedOut(self.timeout)))
    }

    async fn send<T>(
        &self,
        endpoint: &Endpoint,
        mut request: Request<Full<Bytes>>,
        read: impl AsyncFnOnce(Response<Incoming>) -> Result<T, FetchError>,
    ) -> Result<T, FetchError> {
        let headers = request.headers_mut();
        headers.insert(HOST, endpoint.authority().clone());
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        let stream = self.connector.connect(endpoint).await?;
        let (mut sender, connection) = builder().handshake(TokioIo::new(stream)).await?;
        let answer = async {
            let response = sender.send_request(request).await?;
            read(response).await
        };
        tokio::pin!(answer, connection);
        // The connection ends as soon as it has handed over the last byte; its own error reaches the answer.
        tokio::select! {
            biased;
            answer = &mut answer => return answer,
            _ended = &mut connection => {}
        }
        answer.await
    }
}

async fn read_whole(response: Response<Incoming>, max_bytes: usize) -> Result<Response<Bytes>, FetchError> {
    let (head, body) = response.into_parts();
    match Limited::new(body, max_bytes).collect().await {
        Ok(body) => Ok(Response::from_parts(head, body.to_bytes())),
        Err(error) => Err(match error.downcast::<hyper::Error>() {
            Ok(error) => FetchError::Exchange(*error),
            Err(other) => {
                debug_assert!(other.is::<LengthLimitError>());
                FetchError::TooLarge(max_bytes)
            }
        }),
    }
}

/// hyper's error with what caused it, which its own text leaves out: a peer that resets is not one that hangs up.
fn with_cause(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// How fetches speak HTTP: strictly, and with bounded heads.
fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEAD_BYTES).max_header_size(MAX_HEAD_BYTES).max_headers(MAX_HEADERS);
    builder
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::scripted::{Server, on_a_worker, until};
    use crate::upstream::tls_config;

    const LONG: Duration = Duration::from_mins(1);

    async fn fetch(server: &Server, timeout: Duration) -> Result<Response<Bytes>, FetchError> {
        let (tls, _) = tls_config(None).unwrap();
        let fetcher = Fetcher::new(Connector::new(tls, LONG), timeout);
        let request = Request::post("/token").body(Full::from("question")).unwrap();
        fetcher.fetch(&Endpoint::parse(&server.url()).unwrap(), request, 10).await
    }

    /// A server that writes this after a request and then waits.
    async fn answering(answer: &'static str) -> Server {
        Server::start(move |_, mut wire| async move {
            wire.request().await;
            wire.write(answer).await;
            wire.until_closed().await;
        })
        .await
    }

    #[test]
    fn an_exchange_has_a_connection_of_its_own() {
        on_a_worker(async {
            let server = Server::obliging().await;
            for _ in 0..2 {
                let answer = fetch(&server, LONG).await.unwrap();
                assert_eq!((answer.status().as_u16(), &answer.body()[..]), (200, &b"ok"[..]));
            }
            until(|| server.record.open.get() == 0).await;
            assert_eq!(server.record.accepted.get(), 2);
            let requests = server.record.requests.borrow();
            let request = &requests[0].1;
            assert!(request.starts_with("POST /token HTTP/1.1\r\n") && request.ends_with("\r\n\r\nquestion"));
            assert!(request.contains(&format!("\r\nhost: {}\r\n", server.address)), "{request}");
            assert!(request.contains("\r\nconnection: close\r\n"), "{request}");
        });
    }

    #[test]
    fn a_redirect_and_an_error_are_answers() {
        on_a_worker(async {
            let elsewhere =
                "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
            assert_eq!(fetch(&answering(elsewhere).await, LONG).await.unwrap().status(), 302);
            let refusal =
                "HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n";
            assert_eq!(fetch(&answering(refusal).await, LONG).await.unwrap().body(), "no");
        });
    }

    #[test]
    fn a_body_over_the_limit_is_not_read() {
        on_a_worker(async {
            for answer in [
                "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n01234567890",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n",
            ] {
                let error = fetch(&answering(answer).await, LONG).await;
                assert!(matches!(error, Err(FetchError::TooLarge(10))), "{error:?}");
            }
            let just_fits = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789";
            assert_eq!(fetch(&answering(just_fits).await, LONG).await.unwrap().body().len(), 10);
        });
    }

    #[test]
    fn of_a_submission_the_head_is_enough() {
        on_a_worker(async {
            let server =
                answering("HTTP/1.1 202 Accepted\r\nContent-Length: 1000000\r\n\r\nnever more").await;
            let (tls, _) = tls_config(None).unwrap();
            let fetcher = Fetcher::new(Connector::new(tls, LONG), LONG);
            let request = Request::post("/batch").body(Full::from("lines")).unwrap();
            let answer = fetcher.submit(&Endpoint::parse(&server.url()).unwrap(), request).await.unwrap();
            assert_eq!(answer.status(), 202);
            until(|| server.record.open.get() == 0).await;
        });
    }

    #[test]
    fn the_time_is_over_wherever_the_server_stops() {
        on_a_worker(async {
            for answer in ["", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha"] {
                let server = answering(answer).await;
                let error = fetch(&server, Duration::from_millis(50)).await;
                assert!(matches!(error, Err(FetchError::TimedOut(_))), "{error:?}");
                until(|| server.record.open.get() == 0).await;
            }
        });
    }

    #[test]
    fn what_breaks_off_or_is_no_http_is_an_error() {
        on_a_worker(async {
            for answer in ["", "garbage\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha"] {
                let server = Server::start(move |_, mut wire| async move {
                    wire.request().await;
                    wire.write(answer).await;
                })
                .await;
                let error = fetch(&server, LONG).await;
                assert!(matches!(error, Err(FetchError::Exchange(_))), "{answer:?}: {error:?}");
            }
        });
    }
}
