//! Tells callers that they are not served, in the protocol that they speak.

use std::net::IpAddr;
use std::time::Duration;

use super::http2;
use super::protocol::{Protocol, spoken};
use super::transport::{Transport, close};
use super::unread::Unread;
use crate::domain::Code;

/// Refuses a caller that says something within `patience`: an answer to a request that was not sent yet would be
/// dropped by a browser. Whoever is silent is left without a word.
pub(super) async fn turn_away(
    mut transport: Transport,
    client: IpAddr,
    (unread, code): (&Unread, Code),
    patience: Duration,
) {
    match spoken(&mut transport, patience).await {
        Ok(Protocol::Http1) if transport.speaks(patience).await => {
            unread.refuse(transport, client, code).await;
        }
        Ok(Protocol::Http2) => {
            unread.note(client, code).await;
            close(transport, &http2::go_away(code)).await;
        }
        Ok(Protocol::Http1) | Err(_) => {}
    }
}
