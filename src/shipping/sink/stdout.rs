use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::AsFd as _;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::task::yield_now;

use super::Undelivered;
use crate::shipping::backlog::Batch;

/// What a pipe takes at once, or not at all: so much never blocks after the system has said that there is room, and is
/// never torn apart by what others write to the same pipe (POSIX, `PIPE_BUF`).
const AT_ONCE: usize = 4096;

/// How long it waits for room before it lets others of its thread have a turn. Only the end of the gateway has one.
const TURN: Duration = Duration::from_millis(100);

/// Writes batches to standard output, as whole lines. What the system has taken is acknowledged: nothing more can be
/// known about a pipe.
pub(in crate::shipping) struct StdoutSink {
    out: File,
    /// How much of the batch that begins with this line is out already: it must not be there twice, half of it first.
    begun: Option<(u64, usize)>,
}

impl StdoutSink {
    /// A handle of its own, without the buffer and the lock that `std` puts before standard output.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self::to(io::stdout().as_fd().try_clone_to_owned()?.into()))
    }

    fn to(out: File) -> Self {
        Self { out, begun: None }
    }

    /// Waits for as long as nobody reads.
    pub(super) async fn deliver(&mut self, batch: &Batch) -> Result<(), Undelivered> {
        let mut done = self.begun.filter(|(first, _)| *first == batch.first).map_or(0, |(_, done)| done);
        while let Some(rest) = batch.body.get(done..).filter(|rest| !rest.is_empty()) {
            if !self.has_room().map_err(|error| refused(&error))? {
                yield_now().await;
                continue;
            }
            match self.out.write(piece(rest)) {
                Ok(written) => done += written,
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {
                    yield_now().await;
                }
                Err(error) => {
                    // Whoever reads next begins with a whole line.
                    let gone = error.kind() == ErrorKind::BrokenPipe;
                    let out = batch.body.get(..done).unwrap_or_default();
                    let whole = out.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
                    self.begun = Some((batch.first, if gone { whole } else { done }));
                    return Err(refused(&error));
                }
            }
        }
        self.begun = None;
        Ok(())
    }

    /// Whether something can be written, after a short wait if need be. A reader that is gone counts as room: writing
    /// tells.
    fn has_room(&self) -> io::Result<bool> {
        let mut fds = [PollFd::new(&self.out, PollFlags::OUT)];
        let turn = Timespec::try_from(TURN).ok();
        match poll(&mut fds, turn.as_ref()) {
            Ok(ready) => Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// As many whole lines as go at once; of a line that is longer, the next part.
fn piece(rest: &[u8]) -> &[u8] {
    let most = rest.get(..AT_ONCE).unwrap_or(rest);
    let whole = most.iter().rposition(|byte| *byte == b'\n').map_or(most.len(), |at| at + 1);
    most.get(..whole).unwrap_or(most)
}

fn refused(error: &io::Error) -> Undelivered {
    Undelivered::because(format!("standard output: {error}"))
}

#[cfg(test)]
mod tests {
    use std::io::{PipeReader, Read as _};
    use std::os::fd::OwnedFd;

    use super::*;
    use crate::shipping::cursor::Cursor;
    use crate::trail::LineHash;

    fn batch(first: u64, lines: &[String]) -> Batch {
        let last = Cursor { sequence: first + lines.len() as u64 - 1, hash: LineHash::ZERO };
        Batch { body: lines.concat().into(), records: lines.len(), first, last }
    }

    fn piped() -> (StdoutSink, PipeReader) {
        let (reader, writer) = io::pipe().unwrap();
        (StdoutSink::to(OwnedFd::from(writer).into()), reader)
    }

    /// More than a pipe holds, some lines longer than what goes at once.
    fn lines() -> Vec<String> {
        (0..60).map(|n| format!("{n}{}\n", "x".repeat(n * 200))).collect()
    }

    #[tokio::test]
    async fn it_waits_for_a_reader_and_writes_everything_once() {
        let (mut sink, mut reader) = piped();
        let batch = batch(1, &lines());
        // Nobody reads: it must neither end nor hold up the thread.
        tokio::time::timeout(3 * TURN, sink.deliver(&batch)).await.unwrap_err();
        drop(sink);
        let mut begun = Vec::new();
        reader.read_to_end(&mut begun).unwrap();
        assert!(batch.body.starts_with(&begun) && begun.len() >= AT_ONCE, "{}", begun.len());

        let (mut sink, mut reader) = piped();
        let reading = std::thread::spawn(move || {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).map(|_| all).unwrap()
        });
        sink.deliver(&batch).await.unwrap();
        drop(sink);
        assert_eq!(reading.join().unwrap(), batch.body);
    }

    #[tokio::test]
    async fn without_a_reader_it_fails_and_begins_with_a_whole_line_later() {
        let (mut sink, reader) = piped();
        drop(reader);
        let batch = batch(7, &lines());
        // Half a line had been written before the reader left.
        let whole = lines()[..3].concat().len();
        sink.begun = Some((7, whole + 5));
        let error = sink.deliver(&batch).await.unwrap_err().to_string();
        assert!(error.starts_with("standard output: Broken pipe"), "{error}");
        assert_eq!(sink.begun, Some((7, whole)));
        let (next, mut reader) = piped();
        sink.out = next.out;
        let reading = std::thread::spawn(move || {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).map(|_| all).unwrap()
        });
        sink.deliver(&batch).await.unwrap();
        drop(sink);
        assert_eq!(reading.join().unwrap(), lines()[3..].concat().as_bytes());
    }

    #[tokio::test]
    async fn a_pipe_that_does_not_block_is_waited_for_too() {
        let (mut sink, mut reader) = piped();
        let flags = rustix::fs::fcntl_getfl(&sink.out).unwrap();
        rustix::fs::fcntl_setfl(&sink.out, flags | rustix::fs::OFlags::NONBLOCK).unwrap();
        let batch = batch(1, &lines());
        let expected = batch.body.clone();
        let reading = std::thread::spawn(move || {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).map(|_| all).unwrap()
        });
        sink.deliver(&batch).await.unwrap();
        drop(sink);
        assert_eq!(reading.join().unwrap(), expected);
    }
}
