//! The stack that a worker serves by, which a reload replaces.

use std::cell::RefCell;
use std::rc::Rc;

use tower::Service;

/// A worker's stack, as all of its connections have it. Clones share it.
#[derive(Debug)]
pub(super) struct Current<S>(Rc<RefCell<S>>);

impl<S> Current<S> {
    /// `stack`, until it is replaced.
    pub(super) fn new(stack: S) -> Self {
        Self(Rc::new(RefCell::new(stack)))
    }

    /// Has it answer one request, from its beginning to its end: what the future needs of the stack, it has.
    pub(super) fn call<T>(&self, request: T) -> S::Future
    where
        S: Service<T>,
    {
        self.0.borrow_mut().call(request)
    }

    /// From the next request on. Those that have begun are not touched.
    pub(super) fn replace(&self, stack: S) {
        // What is dropped may run code of its own, which must not find this borrowed.
        drop(self.0.replace(stack));
    }
}

impl<S> Clone for Current<S> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}
