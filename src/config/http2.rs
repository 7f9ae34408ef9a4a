//! `[listen.http2]`: HTTP/2 on the data port.

use std::time::Duration;

use crate::server::Http2Config;

use super::form::{Flag, Integer, Size, Span};
use super::reader::{Reading, Section};

pub(super) fn read(section: &mut Section<'_>) -> Reading<Option<Http2Config>> {
    let second = Duration::from_secs;
    let enabled = section.need("enabled", &Flag);
    let max_concurrent_streams = section.need("max_concurrent_streams", &Integer(1..=1000));
    let stream_window = section.need("stream_window", &Size(16 << 10..=1 << 20));
    let connection_window = section.need("connection_window", &Size(64 << 10..=16 << 20));
    let interval = section.need("keep_alive_interval", &Span(Duration::ZERO..=second(600)));
    let keep_alive_timeout = section.need("keep_alive_timeout", &Span(second(1)..=second(600)));
    if let (Ok(one), Ok(all)) = (&stream_window, &connection_window)
        && one > all
    {
        section
            .refuse("stream_window", "is larger than connection_window, which is for all streams together");
    }
    let config = Http2Config {
        max_concurrent_streams: max_concurrent_streams?,
        stream_window: window(stream_window?),
        connection_window: window(connection_window?),
        keep_alive_interval: Some(interval?).filter(|interval| !interval.is_zero()),
        keep_alive_timeout: keep_alive_timeout?,
    };
    Ok(enabled?.then_some(config))
}

/// Sizes within the bounds above fit.
fn window(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX >> 1)
}
