use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::{fmt, io};

use bytes::Bytes;
use http_body::SizeHint;

use super::line::Line;
use crate::http1::{Malformed, Piece};

/// The body of a request that came by HTTP/1. Read from the connection as it is asked for.
pub struct RequestBody {
    line: Rc<RefCell<Line>>,
    number: u64,
}

/// Shows nothing of what has come, in which there are tokens.
impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody").field("number", &self.number).finish_non_exhaustive()
    }
}

/// Why a body does not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum BodyFault {
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    /// The caller left.
    #[error("the connection was closed before the body was complete")]
    Closed,
    /// Its framing is wrong.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

impl RequestBody {
    /// Of the request that `line` is at.
    pub(super) fn new(line: &Rc<RefCell<Line>>) -> Self {
        Self { number: line.borrow().number, line: Rc::clone(line) }
    }

    /// The next data. Trailers are read over.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyFault>>> {
        let mut line = self.line.borrow_mut();
        if line.number != self.number {
            return Poll::Ready(Some(Err(BodyFault::Closed)));
        }
        loop {
            let line = &mut *line;
            match line.framing.next(&mut line.inbox)? {
                Piece::Data(data) => return Poll::Ready(Some(Ok(data))),
                Piece::End => return Poll::Ready(None),
                Piece::Missing => {
                    ready!(line.poll_invite(cx))?;
                    if ready!(line.poll_fill(cx))? == 0 {
                        return Poll::Ready(Some(Err(BodyFault::Closed)));
                    }
                }
            }
        }
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        let line = self.line.borrow();
        line.number == self.number && line.framing.is_done()
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        self.line.borrow().framing.left().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
