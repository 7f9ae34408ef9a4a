//! A vendor that answers from memory, on a thread of its own: at once, or never (`STUCK`).

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::sockets::runtime;
use crate::world::ANSWER;

/// Gives its base URL.
pub(crate) fn start() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    listener.set_nonblocking(true).expect("a socket");
    let work = move || {
        runtime().block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        });
    };
    std::thread::Builder::new().name("vendor".to_owned()).spawn(work).expect("a thread");
    format!("http://{address}")
}

async fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut request = Vec::new();
    while stream.read_buf(&mut request).await? > 0 {
        if !request.windows(4).any(|four| four == b"\r\n\r\n") {
            continue;
        }
        let line = String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned();
        request.clear();
        if line.contains("STUCK") {
            std::future::pending::<()>().await;
        }
        let token = r#"{"access_token":"YWMt-bench","expires_in":5184000}"#;
        let body = if line.contains("/token") { token } else { ANSWER };
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + body).as_bytes()).await?;
    }
    Ok(())
}
