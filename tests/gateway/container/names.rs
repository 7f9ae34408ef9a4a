//! Names, which the image has no file to look up by: no resolver's libraries, no nsswitch.conf, no list of protocols.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::UdpSocket;
use tokio::task::AbortHandle;

use super::ENDPOINT;
use super::place::Place;

/// A name server for one name, on an address of this machine that nobody else uses.
struct NameServer {
    address: SocketAddr,
    answering: AbortHandle,
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.answering.abort();
    }
}

impl NameServer {
    /// Knows `name`, and nothing else, to be 127.0.0.1.
    async fn knowing(name: &'static str) -> Self {
        let socket = bound().await;
        let address = socket.local_addr().expect("an address");
        let answering = tokio::spawn(async move {
            let mut query = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut query).await {
                let _ = socket.send_to(&answer(&query[..length], name), from).await;
            }
        });
        Self { address, answering: answering.abort_handle() }
    }
}

/// Port 53 of an address of this machine that nobody else has: another run of the tests may have the first.
async fn bound() -> UdpSocket {
    for number in 1..=u8::MAX {
        if let Ok(socket) = UdpSocket::bind(SocketAddr::from(([127, 0, 53, number], 53))).await {
            return socket;
        }
    }
    panic!("port 53 is in use at every address, or needs root")
}

/// The answer to one question (RFC 1035, section 4): its address, no address of that kind, or no such name.
fn answer(query: &[u8], name: &str) -> Vec<u8> {
    let labels = name.split('.').flat_map(|label| {
        let length = u8::try_from(label.len()).expect("a short label");
        [&[length], label.as_bytes()].concat()
    });
    let asked: Vec<u8> = labels.chain([0]).collect();
    let end = 12 + query[12..].iter().position(|byte| *byte == 0).expect("the end of a name") + 1;
    let is_known = query[12..end].eq_ignore_ascii_case(&asked);
    let wants_ipv4 = query[end..end + 2] == [0, 1];
    let answers = u8::from(is_known && wants_ipv4);
    let code = if is_known { 0 } else { 3 };
    let head = [&query[..2], &[0x81, 0x80 | code, 0, 1, 0, answers, 0, 0, 0, 0]].concat();
    let record = [&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4][..], &Ipv4Addr::LOCALHOST.octets()].concat();
    let record = if answers == 1 { &record[..] } else { &[] };
    [&head, &query[12..end + 4], record].concat()
}

#[tokio::test]
#[ignore = "needs the image, which .ci/deploy image builds"]
async fn the_issuers_name_is_looked_up_as_the_pod_is_told_to() {
    let mut place = Place::new(ENDPOINT).await;
    let server = NameServer::knowing("issuer.confgate.test").await;
    let by_address = place.issuer.jwks_url();
    let by_name = by_address.replace("127.0.0.1", "issuer.confgate.test");
    let named = format!("\"{by_name}\"\nallow_insecure_http = true");
    place.edit(&format!("\"{by_address}\""), &named);
    // With the search list of a pod, which takes the name for one of the cluster's first.
    let resolver = place.directory().join("resolv.conf");
    let search = "search confgate.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n";
    std::fs::write(&resolver, format!("nameserver {}\n{search}", server.address.ip())).expect("a file");
    place.flag(format!("--volume={}:/etc/resolv.conf:ro", resolver.display()));
    let container = place.start().await;
    container.serving().await.until_readyz(200).await;
    assert!(place.issuer.fetches() > 0);
}
