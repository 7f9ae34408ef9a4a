//! Under a service manager: what it hears on the socket that `NOTIFY_SOCKET` names.

use std::ffi::OsString;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;

use crate::support::client;
use crate::support::configuration::WITHOUT_LIMITS;
use crate::support::program::{Program, Served, serve};
use crate::support::within;

/// A service manager's end of it.
struct Manager(tokio::net::UnixDatagram);

impl Manager {
    fn listening(socket: UnixDatagram) -> Self {
        socket.set_nonblocking(true).unwrap();
        Self(tokio::net::UnixDatagram::from_std(socket).unwrap())
    }

    fn at(path: &Path) -> Self {
        Self::listening(UnixDatagram::bind(path).unwrap())
    }

    async fn hears(&self) -> String {
        let mut buffer = [0; 256];
        let length = within("the service manager to be told", self.0.recv(&mut buffer)).await.unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }
}

/// A gateway that is told of the `socket`, beside the one whose vendor and issuer it has.
fn supervised(beside: &Served, trail: &Path, socket: impl Into<OsString>) -> Program {
    let trail = trail.to_str().expect("text");
    let changes = [&WITHOUT_LIMITS[..], &[("AUDIT__DIRECTORY", trail)]].concat();
    Program::start(serve(beside.file(), &changes).env("NOTIFY_SOCKET", socket.into()))
}

#[tokio::test]
async fn a_manager_hears_when_it_serves_and_when_it_ends() {
    let beside = Served::with(&[]).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let manager = Manager::at(&path);
    let mut program = supervised(&beside, &directory.path().join("audit"), &path);
    assert_eq!(manager.hears().await, "READY=1\nSTATUS=serving");
    // What it says is so: nobody has waited for its ports.
    let (address, admin) = program.serving().await;
    assert_eq!(client::send(admin, "GET", "/livez", &[], "").await.status, 200);
    assert_eq!(client::send(address, "GET", "/conferences/IM3", &[], "").await.problem(), "token_missing");

    program.signal("TERM").await;
    assert_eq!(manager.hears().await, "STOPPING=1\nSTATUS=draining");
    assert_eq!(program.ended().await.code, Some(0));
}

#[tokio::test]
async fn a_socket_may_have_a_name_and_no_path() {
    let beside = Served::with(&[]).await;
    let directory = tempfile::tempdir().unwrap();
    let name = format!("confgate-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let manager = Manager::listening(UnixDatagram::bind_addr(&address).unwrap());
    let mut program = supervised(&beside, &directory.path().join("audit"), format!("@{name}"));
    assert_eq!(manager.hears().await, "READY=1\nSTATUS=serving");
    program.signal("INT").await;
    assert_eq!(manager.hears().await, "STOPPING=1\nSTATUS=draining");
    assert_eq!(program.ended().await.code, Some(0));
}

#[tokio::test]
async fn a_manager_that_does_not_listen_keeps_nothing_from_ending() {
    let beside = Served::with(&[]).await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let _deaf = UnixDatagram::bind(&path).unwrap();
    let others = UnixDatagram::unbound().unwrap();
    others.set_nonblocking(true).unwrap();
    while others.send_to(b"STATUS=busy", &path).is_ok() {}
    let mut program = supervised(&beside, &directory.path().join("audit"), &path);
    program.serving().await;
    program.signal("TERM").await;
    assert_eq!(program.ended().await.code, Some(0));
}

#[tokio::test]
async fn a_manager_that_cannot_be_told_keeps_nothing_from_serving() {
    let beside = Served::with(&[]).await;
    let directory = tempfile::tempdir().unwrap();
    for (n, socket) in ["/nowhere/notify", "vsock:2:1234", ""].into_iter().enumerate() {
        let mut program = supervised(&beside, &directory.path().join(format!("audit{n}")), socket);
        let (_, admin) = program.serving().await;
        assert_eq!(client::send(admin, "GET", "/livez", &[], "").await.status, 200);
        program.logged("why", |line| line.contains("NOTIFY_SOCKET").then_some(())).await;
        program.signal("TERM").await;
        assert_eq!(program.ended().await.code, Some(0));
    }
}
