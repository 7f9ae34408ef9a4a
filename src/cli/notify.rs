//! What a service manager is told that asks for it (systemd's `Type=notify`, `sd_notify(3)`): when the gateway serves,
//! and when it ends.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// The ports are bound and callers are answered: whoever depends on the gateway may start. What callers are answered
/// is for `/readyz` to say.
pub(super) const READY: &str = "READY=1\nSTATUS=serving";
/// The gateway drains. It is not started anew for that.
pub(super) const STOPPING: &str = "STOPPING=1\nSTATUS=draining";

/// Tells the service manager, if there is one. One that cannot be told is said in the log, and changes nothing else: it
/// waits for as long as it will, and then ends the gateway.
pub(super) fn tell(state: &str) {
    let Some(socket) = env::var_os("NOTIFY_SOCKET") else { return };
    if let Err(error) = send(&socket, state) {
        tracing::warn!(%error, ?socket, "the service manager (NOTIFY_SOCKET) cannot be told");
    }
}

fn send(socket: &OsStr, state: &str) -> io::Result<()> {
    let address = address(socket)?;
    let sender = UnixDatagram::unbound()?;
    // A manager that hangs, with its queue full, must not keep the gateway from hearing SIGTERM.
    sender.set_nonblocking(true)?;
    sender.send_to_addr(state.as_bytes(), &address).map(drop)
}

/// A path, or with an @ in front a name in the abstract namespace.
fn address(socket: &OsStr) -> io::Result<SocketAddr> {
    match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        [b'/', ..] => SocketAddr::from_pathname(socket),
        _ => Err(io::Error::new(io::ErrorKind::Unsupported, "is neither a path nor an abstract name")),
    }
}
