//! The seam at which tests make the file system fail. Every operation that stands between a record and the disk, and
//! may be refused by the system, passes through here.

#[cfg(not(test))]
pub(super) use real::{attempt, attempt_write};
#[cfg(test)]
pub(super) use simulated::{attempt, attempt_write};

#[cfg(not(test))]
mod real {
    use std::io;

    /// Does what `operation` does.
    pub(in super::super) fn attempt<T>(operation: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        operation()
    }

    /// Writes `bytes` with `write`.
    pub(in super::super) fn attempt_write(
        bytes: &[u8],
        write: impl FnOnce(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        write(bytes)
    }
}

#[cfg(test)]
pub(super) mod simulated {
    use std::cell::Cell;
    use std::io;

    /// Which of the operations of this thread fail, counted from 1, and how.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(in super::super) enum Plan {
        /// This one, with nothing done.
        Before(u32),
        /// This one, although it was done; of a write the first half.
        After(u32),
        /// This one and all that follow, as when the process was killed there.
        From(u32),
    }

    thread_local! {
        static PLAN: Cell<Option<Plan>> = const { Cell::new(None) };
        static COUNT: Cell<u32> = const { Cell::new(0) };
    }

    /// Runs `scenario` under `plan`, and returns with its result how many operations it tried.
    pub(in super::super) fn with_plan<T>(plan: Plan, scenario: impl FnOnce() -> T) -> (T, u32) {
        PLAN.set(Some(plan));
        COUNT.set(0);
        let result = scenario();
        PLAN.set(None);
        (result, COUNT.get())
    }

    fn next() -> Option<Plan> {
        let count = COUNT.get() + 1;
        COUNT.set(count);
        PLAN.get().filter(|plan| match plan {
            Plan::Before(at) | Plan::After(at) => *at == count,
            Plan::From(at) => *at <= count,
        })
    }

    fn failure() -> io::Error {
        io::Error::from_raw_os_error(5)
    }

    pub(in super::super) fn attempt<T>(operation: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match next() {
            None => operation(),
            Some(Plan::After(_)) => operation().and(Err(failure())),
            Some(_) => Err(failure()),
        }
    }

    pub(in super::super) fn attempt_write(
        bytes: &[u8],
        write: impl FnOnce(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        match next() {
            None => write(bytes),
            Some(Plan::Before(_)) => Err(failure()),
            Some(_) => write(&bytes[..bytes.len() / 2]).and(Err(failure())),
        }
    }
}
