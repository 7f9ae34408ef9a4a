//! What the server does with a connection: as it is told for each, and for each request.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::reply::{Act, message};
use super::{Call, Reception, Reply, Shared, Step};
use crate::support::wire::Wire;

pub(super) async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        let number = *shared.connections.borrow();
        shared.connections.send_modify(|count| *count += 1);
        let reception = shared.receptions.lock().expect("no panic while it is held").pop_front();
        tokio::spawn(async move {
            shared.open.fetch_add(1, Ordering::Relaxed);
            // What goes wrong with a connection is the other side's to see.
            let _ = receive(stream, reception, tls, number, &shared).await;
            shared.open.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

async fn receive(
    stream: TcpStream,
    reception: Option<Reception>,
    tls: Option<TlsAcceptor>,
    number: usize,
    shared: &Shared,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    match (reception, tls) {
        (None, Some(tls)) => serve(tls.accept(stream).await?, number, shared).await,
        (None, None) => serve(stream, number, shared).await,
        (Some(Reception::Close), _) => Ok(()),
        (Some(Reception::Reset), _) => stream.set_zero_linger(),
        (Some(Reception::Hang), _) => {
            hung_up_before(&mut Wire::new(stream), std::future::pending()).await;
            shared.hangups.send_modify(|count| *count += 1);
            Ok(())
        }
    }
}

trait Socket: AsyncRead + AsyncWrite + Unpin {
    fn tcp(&self) -> &TcpStream;
}

impl Socket for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Socket for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

async fn serve<S: Socket>(stream: S, number: usize, shared: &Shared) -> io::Result<()> {
    let mut wire = Wire::new(stream);
    while let Some(head) = wire.head().await? {
        let early = shared.early.lock().expect("no panic while it is held").pop_front();
        if let Some(early) = &early
            && !respond(early.clone(), &mut wire, shared).await?
        {
            return Ok(());
        }
        let body = wire.framed(&head.headers).await?.unwrap_or_default();
        let call = Call::new(head, body, number);
        let reply = early.is_none().then(|| (shared.handler)(&call));
        shared.calls.send_modify(|calls| calls.push(call));
        if let Some(reply) = reply
            && !respond(reply, &mut wire, shared).await?
        {
            return Ok(());
        }
    }
    Ok(())
}

/// Whether the connection goes on after this reply.
async fn respond<S: Socket>(reply: Reply, wire: &mut Wire<S>, shared: &Shared) -> io::Result<bool> {
    if let Some(gate) = &reply.gate
        && hung_up_before(wire, gate.passed()).await
    {
        shared.hangups.send_modify(|count| *count += 1);
        return Ok(false);
    }
    match reply.act {
        Act::Answer(status, headers, body) => {
            wire.write(&message(status, &headers, &body)).await?;
            let option = headers.get("connection");
            Ok(!option.is_some_and(|option| option.eq_ignore_ascii_case("close")))
        }
        Act::Steps(steps) => {
            for step in steps {
                if !take(step, wire, shared).await? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
    }
}

/// Whether the connection goes on after this step.
async fn take<S: Socket>(step: Step, wire: &mut Wire<S>, shared: &Shared) -> io::Result<bool> {
    match step {
        Step::Bytes(bytes) => wire.write(&bytes).await?,
        Step::Flood(bytes, times) => {
            for _ in 0..times {
                wire.write(&bytes).await?;
                shared.flooded.send_modify(|count| *count += bytes.len());
            }
        }
        Step::Trickle(bytes, pause) => {
            for byte in bytes {
                wire.write(&[byte]).await?;
                if !hung_up_before(wire, sleep(pause)).await {
                    continue;
                }
                shared.hangups.send_modify(|count| *count += 1);
                return Ok(false);
            }
        }
        Step::Pass(gate) => return Ok(!hung_up_before(wire, gate.passed()).await),
        Step::Close => return Ok(false),
        Step::Reset => {
            wire.stream.tcp().set_zero_linger()?;
            return Ok(false);
        }
        Step::Hang => {
            hung_up_before(wire, std::future::pending()).await;
            shared.hangups.send_modify(|count| *count += 1);
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether the other side went away before `event`.
async fn hung_up_before<S: Socket>(wire: &mut Wire<S>, event: impl Future<Output = ()>) -> bool {
    tokio::pin!(event);
    loop {
        tokio::select! {
            () = &mut event => return false,
            more = wire.fill() => if !more.is_ok_and(|read| read > 0) { return true },
        }
    }
}
