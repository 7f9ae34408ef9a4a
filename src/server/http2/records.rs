//! What came on a connection and was no request, on its way into the trail: one record after the other, as the trail
//! has room, and never so many that a caller could fill the memory with them.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::domain::Code;

/// So many may wait before no more is read of what the caller sends.
const MOST_WAITING: u64 = 64;

type Record = Pin<Box<dyn Future<Output = ()>>>;

/// The records of one connection that are still to be made.
pub(super) struct Records {
    record: Box<dyn Fn(Code) -> Record>,
    under_way: Option<Record>,
    /// Each code with how often it is to be recorded, in the order that they came in.
    waiting: VecDeque<(Code, u64)>,
}

impl Records {
    /// None so far; each is made by `record`.
    pub(super) fn new<F: Future<Output = ()> + 'static>(record: impl Fn(Code) -> F + 'static) -> Self {
        let record = Box::new(move |code| Box::pin(record(code)) as Record);
        Self { record, under_way: None, waiting: VecDeque::new() }
    }

    /// Has `count` more made with `code`.
    pub(super) fn add(&mut self, code: Code, count: u64) {
        match self.waiting.back_mut() {
            Some((last, more)) if *last == code => *more += count,
            _ => self.waiting.push_back((code, count)),
        }
    }

    /// Whether so many wait that no more should be read.
    pub(super) fn are_too_many(&self) -> bool {
        self.waiting.iter().map(|(_, count)| count).sum::<u64>() > MOST_WAITING
    }

    /// Goes on with them. Ready when all are made.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(record) = &mut self.under_way {
                ready!(record.as_mut().poll(cx));
            }
            self.under_way = self.next().map(&self.record);
            if self.under_way.is_none() {
                return Poll::Ready(());
            }
        }
    }

    /// Makes the rest of them.
    pub(super) async fn finish(mut self) {
        poll_fn(|cx| self.poll(cx)).await;
    }

    fn next(&mut self) -> Option<Code> {
        while let Some((code, count)) = self.waiting.front_mut() {
            if *count > 0 {
                *count -= 1;
                return Some(*code);
            }
            self.waiting.pop_front();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use futures_util::FutureExt as _;
    use tokio::sync::Semaphore;

    use super::*;

    /// A trail with room for nothing yet, what is on it, and the records of a connection.
    fn records() -> (Rc<Semaphore>, Rc<RefCell<Vec<Code>>>, Records) {
        let (room, made) = (Rc::new(Semaphore::new(0)), Rc::<RefCell<Vec<Code>>>::default());
        let (trail, list) = (Rc::clone(&room), Rc::clone(&made));
        let records = Records::new(move |code| {
            let (trail, list) = (Rc::clone(&trail), Rc::clone(&list));
            async move {
                trail.acquire().await.unwrap().forget();
                list.borrow_mut().push(code);
            }
        });
        (room, made, records)
    }

    fn go_on(records: &mut Records) -> bool {
        poll_fn(|cx| records.poll(cx)).now_or_never().is_some()
    }

    #[test]
    fn each_is_made_in_the_order_they_came_in() {
        let (room, made, mut records) = records();
        assert!(go_on(&mut records), "none");
        records.add(Code::RequestMalformed, 2);
        records.add(Code::Overloaded, 1);
        records.add(Code::RequestMalformed, 1);
        assert!(!go_on(&mut records));
        room.add_permits(3);
        assert!(!go_on(&mut records));
        assert_eq!(made.borrow().len(), 3);
        room.add_permits(10);
        assert!(records.finish().now_or_never().is_some());
        let malformed = Code::RequestMalformed;
        assert_eq!(*made.borrow(), [malformed, malformed, Code::Overloaded, malformed]);
        assert_eq!(room.available_permits(), 9, "no more than was asked for");
    }

    #[test]
    fn while_the_trail_has_no_room_they_become_too_many_and_take_no_memory_each() {
        let (room, made, mut records) = records();
        for _ in 0..=MOST_WAITING {
            assert!(!records.are_too_many());
            records.add(Code::RequestMalformed, 1);
            assert!(!go_on(&mut records));
        }
        records.add(Code::RequestMalformed, 1_000_000);
        assert!(records.are_too_many());
        assert_eq!((records.waiting.len(), made.borrow().len()), (1, 0));
        room.add_permits(2_000_000);
        assert!(go_on(&mut records));
        assert!(!records.are_too_many());
        assert_eq!(made.borrow().len(), 1_000_065);
    }
}
