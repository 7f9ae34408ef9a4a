//! Reads along with what a caller sends by HTTP/2: only the nine bytes before each frame (RFC 9113, section 4.1). Keeps
//! account of frames that cost work and ask for nothing, which the implementation of HTTP/2 answers however many come.

use tokio::time::Instant;

use crate::server::counts::Flood;
use crate::server::protocol::PREFACE;

const HEADER_BYTES: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// Frames that may come at once without a purpose, and each second.
const CONTROL: Budget = Budget { most: 1024.0, per_second: 64.0 };
/// Requests that may be taken back at once, and each second: a proxy does so with all of its callers' when the vendor
/// is slow.
const RESETS: Budget = Budget { most: 256.0, per_second: 100.0 };
/// Control frames that a request may come with: windows that it opens, a priority.
const FRAMES_PER_REQUEST: f64 = 8.0;
/// Bytes that are sent to a caller for which it may send a frame more: it opens windows as it reads.
const BYTES_PER_FRAME: usize = 256;

#[derive(Clone, Copy, Debug)]
struct Budget {
    most: f64,
    per_second: f64,
}

/// What is left of a budget.
#[derive(Debug)]
struct TokenBucket {
    budget: Budget,
    left: f64,
    since: Instant,
}

impl TokenBucket {
    fn full(budget: Budget) -> Self {
        Self { budget, left: budget.most, since: Instant::now() }
    }

    fn refill(&mut self, amount: f64) {
        self.left = (self.left + amount).min(self.budget.most);
    }

    /// Whether there was enough for one frame more.
    fn take(&mut self) -> bool {
        if self.left < 1.0 {
            let now = Instant::now();
            self.refill((now - self.since).as_secs_f64() * self.budget.per_second);
            self.since = now;
        }
        self.left -= 1.0;
        self.left >= 0.0
    }
}

/// The account of one connection.
#[derive(Debug)]
pub(super) struct Meter {
    /// Of the frame that is being read, as far as it is known.
    header: [u8; HEADER_BYTES],
    known: usize,
    /// Bytes up to the next frame's header.
    passing: usize,
    /// The newest stream that the caller has opened.
    newest: u32,
    head: Head,
    heads: u64,
    control: TokenBucket,
    resets: TokenBucket,
    flood: Option<Flood>,
}

/// Where the caller stands in a block of header fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    /// In none.
    None,
    /// In that of a new request.
    Begun,
    /// In the last bytes of it.
    Ending,
    /// In trailers, or in what belongs nowhere.
    Other,
}

impl Meter {
    /// At the beginning of a connection, the preface included.
    pub(super) fn new() -> Self {
        Self {
            header: [0; HEADER_BYTES],
            known: 0,
            passing: PREFACE.len(),
            newest: 0,
            head: Head::None,
            heads: 0,
            control: TokenBucket::full(CONTROL),
            resets: TokenBucket::full(RESETS),
            flood: None,
        }
    }

    /// Takes note of what the caller has sent.
    pub(super) fn read(&mut self, mut bytes: &[u8]) {
        while let Some(&byte) = bytes.first() {
            if self.passing > 0 {
                let passed = self.passing.min(bytes.len());
                self.passing -= passed;
                bytes = bytes.get(passed..).unwrap_or_default();
            } else {
                if let Some(next) = self.header.get_mut(self.known) {
                    *next = byte;
                }
                self.known += 1;
                bytes = bytes.get(1..).unwrap_or_default();
                if self.known == HEADER_BYTES {
                    self.known = 0;
                    self.begin();
                }
            }
            if self.passing == 0 && self.head == Head::Ending {
                self.head = Head::None;
                self.heads += 1;
            }
        }
    }

    /// Takes note of how many bytes were sent to the caller.
    pub(super) fn wrote(&mut self, bytes: usize) {
        let frames = u32::try_from(bytes.div_ceil(BYTES_PER_FRAME)).unwrap_or(u32::MAX);
        self.control.refill(f64::from(frames));
    }

    /// How many heads of requests have come whole.
    pub(super) fn heads(&self) -> u64 {
        self.heads
    }

    /// Whether a head has begun and not ended.
    pub(super) fn is_in_head(&self) -> bool {
        matches!(self.head, Head::Begun | Head::Ending)
    }

    /// What there was too much of.
    pub(super) fn flood(&self) -> Option<Flood> {
        self.flood
    }

    /// The header of a frame is there.
    fn begin(&mut self) {
        let [a, b, c, kind, flags, stream @ ..] = self.header;
        self.passing = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
        let ends_head = flags & END_HEADERS != 0;
        match kind {
            HEADERS => self.open(u32::from_be_bytes(stream) & (u32::MAX >> 1), ends_head),
            CONTINUATION if ends_head && self.head == Head::Begun => self.head = Head::Ending,
            CONTINUATION if ends_head => self.head = Head::None,
            CONTINUATION => {}
            DATA if self.passing > 0 || flags & END_STREAM != 0 => {}
            RST_STREAM => self.charge(Flood::Reset),
            _ => self.charge(Flood::Control),
        }
    }

    fn open(&mut self, stream: u32, ends_head: bool) {
        let is_new = stream > self.newest;
        self.newest = self.newest.max(stream);
        self.control.refill(FRAMES_PER_REQUEST);
        self.head = match (is_new, ends_head) {
            (true, true) => Head::Ending,
            (true, false) => Head::Begun,
            (false, true) => Head::None,
            (false, false) => Head::Other,
        };
    }

    fn charge(&mut self, kind: Flood) {
        let bucket = if kind == Flood::Reset { &mut self.resets } else { &mut self.control };
        if !bucket.take() {
            self.flood.get_or_insert(kind);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const PING: u8 = 6;
    const WINDOW_UPDATE: u8 = 8;

    fn frame(kind: u8, flags: u8, stream: u32, payload: usize) -> Vec<u8> {
        let length = u32::try_from(payload).unwrap().to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend(stream.to_be_bytes());
        frame.resize(HEADER_BYTES + payload, 0xff);
        frame
    }

    fn after(frames: &[Vec<u8>]) -> Meter {
        let mut meter = Meter::new();
        meter.read(PREFACE);
        for frame in frames {
            meter.read(frame);
        }
        meter
    }

    #[tokio::test]
    async fn heads_are_counted_once_they_are_whole_however_they_come() {
        let frames = [
            frame(HEADERS, END_HEADERS | END_STREAM, 1, 20),
            frame(HEADERS, 0, 3, 0),
            frame(CONTINUATION, 0, 3, 5),
            frame(CONTINUATION, END_HEADERS, 3, 0),
            frame(DATA, 0, 3, 100),
            // Trailers.
            frame(HEADERS, END_HEADERS | END_STREAM, 3, 7),
            frame(HEADERS, END_HEADERS, 5, 70_000),
        ];
        let bytes = [PREFACE.to_vec(), frames.concat()].concat();
        for step in [1, 2, 3, 7, 10, 1000, bytes.len()] {
            let mut meter = Meter::new();
            bytes.chunks(step).for_each(|part| meter.read(part));
            assert_eq!((meter.heads(), meter.is_in_head()), (3, false), "{step}");
        }
        let mut meter = Meter::new();
        meter.read(&bytes[..bytes.len() - 1]);
        assert_eq!((meter.heads(), meter.is_in_head()), (2, true));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_what_exceeds_the_budget() {
        for (kind, flood, most) in
            [(PING, Flood::Control, 1024), (DATA, Flood::Control, 1024), (RST_STREAM, Flood::Reset, 256)]
        {
            let mut meter = after(&vec![frame(kind, 0, 1, 0); most]);
            assert_eq!(meter.flood(), None, "{kind}");
            tokio::time::advance(Duration::from_secs(1)).await;
            meter.read(&frame(kind, 0, 1, 0).repeat(64));
            assert_eq!(meter.flood(), None, "{kind}");
            meter.read(&frame(kind, 0, 1, 0).repeat(100));
            assert_eq!(meter.flood(), Some(flood), "{kind}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_may_open_windows() {
        let mut meter = after(&[]);
        for _ in 0..100_000 {
            meter.wrote(1024);
            meter.read(&frame(WINDOW_UPDATE, 0, 1, 4).repeat(4));
        }
        assert_eq!(meter.flood(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn data_is_no_flood() {
        let meter = after(&vec![frame(DATA, 0, 1, 1); 10_000]);
        assert_eq!(meter.flood(), None);
        let ends = after(&vec![frame(DATA, END_STREAM, 1, 0); 10_000]);
        assert_eq!(ends.flood(), None);
    }
}
