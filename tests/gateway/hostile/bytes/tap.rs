//! Listens in on the line to the vendor: every byte that the gateway writes, whether it makes a request or not.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use super::message::{self, Message, told};

/// What was heard, by connection.
type Heard = Arc<Mutex<Vec<Vec<u8>>>>;

/// A port that stands for the vendor's.
pub(super) struct Tap {
    pub(super) address: SocketAddr,
    heard: Heard,
}

impl Tap {
    /// Passes everything on to `vendor` and back.
    pub(super) async fn before(vendor: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let heard = Heard::default();
        tokio::spawn(accept(listener, vendor, Arc::clone(&heard)));
        Self { address, heard }
    }

    /// Every request other than for a token. That there is nothing else on the line is checked here, and that each of
    /// them is as the gateway writes its own, to the byte; what is not comes back as an error.
    pub(super) fn requests(&self) -> (Vec<(String, String)>, Vec<String>) {
        let (mut requests, mut wrong) = (Vec::new(), Vec::new());
        for connection in self.heard.lock().expect("no panic while it is held").iter() {
            let mut rest = &connection[..];
            while !rest.is_empty() {
                let before = rest;
                let read = message::take(&mut rest, |_| false).and_then(|request| {
                    let written = &before[..before.len() - rest.len()];
                    self.canonical(&request, written).map(|()| request)
                });
                match read {
                    Ok(request) if request.start.ends_with("/token HTTP/1.1") => {}
                    Ok(request) => {
                        requests.push((request.start, String::from_utf8_lossy(&request.body).into_owned()));
                    }
                    Err(error) => {
                        wrong.push(format!("the vendor heard {}: {error}", told(before)));
                        break;
                    }
                }
            }
        }
        (requests, wrong)
    }

    /// Whether `written` is exactly what the gateway writes for such a request: nothing of the caller's is in it but
    /// the trace, ids that were checked, and the body.
    fn canonical(&self, request: &Message, written: &[u8]) -> Result<(), String> {
        if request.start.ends_with("/token HTTP/1.1") {
            return Ok(());
        }
        let (token, trace) = (request.field("authorization")?, request.field("traceparent")?);
        let numbered =
            token.strip_prefix("Bearer YWMt-test-").is_some_and(|number| number.parse::<u32>().is_ok());
        let is_trace =
            trace.len() == 55 && trace.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        if !numbered || !is_trace {
            return Err("the token or the trace is not the gateway's".to_owned());
        }
        let length = if request.start.starts_with("POST ") {
            format!("content-length: {}\r\n", request.body.len())
        } else {
            String::new()
        };
        let head = format!(
            "{}\r\nhost: {}\r\naccept: application/json\r\ncontent-type: application/json\r\n\
             user-agent: confgate/{}\r\nauthorization: {token}\r\ntraceparent: {trace}\r\n{length}\r\n",
            request.start,
            self.address,
            env!("CARGO_PKG_VERSION"),
        );
        let canonical = [head.as_bytes(), &request.body].concat();
        if written == canonical { Ok(()) } else { Err(format!("it is not {}", told(&canonical))) }
    }
}

async fn accept(listener: TcpListener, vendor: SocketAddr, heard: Heard) {
    while let Ok((caller, _)) = listener.accept().await {
        let Ok(called) = TcpStream::connect(vendor).await else { return };
        let _ = (caller.set_nodelay(true), called.set_nodelay(true));
        let index = {
            let mut heard = heard.lock().expect("no panic while it is held");
            heard.push(Vec::new());
            heard.len() - 1
        };
        let ((from_caller, to_caller), (from_vendor, to_vendor)) = (caller.into_split(), called.into_split());
        let heard = Arc::clone(&heard);
        tokio::spawn(pass_on(from_caller, to_vendor, move |bytes| {
            heard.lock().expect("no panic while it is held")[index].extend_from_slice(bytes);
        }));
        tokio::spawn(pass_on(from_vendor, to_caller, |_| {}));
    }
}

async fn pass_on(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, hear: impl Fn(&[u8])) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(count) = from.read(&mut buffer).await {
        hear(&buffer[..count]);
        if count == 0 || to.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
