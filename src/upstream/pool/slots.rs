use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;

use tokio::sync::oneshot;

/// How many connections a tenant may hold for each one that stays free.
const SHARE: usize = 3;

/// The rights to a connection, shared out among tenants.
///
/// A tenant that has others beside it gets one more while it holds fewer than three times as many as are free (the
/// dynamic thresholds of Choudhury and Hahne), and never takes the last one beside those that it holds. So a tenant
/// whose calls hang holds three quarters at most, the next one three quarters of the rest, and so on: nothing is set
/// aside for tenants that do not call, and yet one that calls finds a place. Who has to wait is served in order, as far
/// as that allows.
#[derive(Clone)]
pub(super) struct Slots(Rc<RefCell<State>>);

struct State {
    free: usize,
    /// Who holds how many: tenants that hold none are not in it.
    held: Vec<(usize, usize)>,
    /// Nobody in it could be served: whatever becomes free is handed out at once.
    waiting: VecDeque<Waiting>,
}

struct Waiting {
    party: Party,
    called: oneshot::Sender<Slot>,
}

/// Whose calls a connection is for.
#[derive(Clone, Copy, Debug)]
pub struct Party {
    /// The tenant, by a number that is its own for as long as the process runs.
    pub tenant: usize,
    /// Whether it has the pool for itself: no other tenant is to call the same app.
    pub alone: bool,
}

/// The right to one connection, which comes back when it is dropped.
pub(super) struct Slot {
    slots: Slots,
    tenant: usize,
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

impl Slots {
    /// So many, all free.
    pub(super) fn new(count: usize) -> Self {
        Self(Rc::new(RefCell::new(State { free: count, held: Vec::new(), waiting: VecDeque::new() })))
    }

    /// How many are free.
    pub(super) fn free(&self) -> usize {
        self.0.borrow().free
    }

    /// One, if it need not be waited for.
    pub(super) fn try_acquire(&self, party: Party) -> Option<Slot> {
        let mut state = self.0.borrow_mut();
        state.may_take(party).then(|| {
            state.take(party.tenant);
            self.slot(party.tenant)
        })
    }

    /// Waits for one. There always will be one, as long as others end.
    pub(super) async fn acquire(&self, party: Party) -> Option<Slot> {
        if let Some(slot) = self.try_acquire(party) {
            return Some(slot);
        }
        let (called, call) = oneshot::channel();
        self.0.borrow_mut().waiting.push_back(Waiting { party, called });
        call.await.ok()
    }

    fn slot(&self, tenant: usize) -> Slot {
        Slot { slots: self.clone(), tenant }
    }

    fn give_back(&self, tenant: usize) {
        self.0.borrow_mut().put(tenant);
        loop {
            // The borrow ends before anything is handed over, since what is dropped comes back here.
            let next = self.0.borrow_mut().next();
            let Some(Waiting { party, called }) = next else { return };
            let _ = called.send(self.slot(party.tenant));
        }
    }
}

impl State {
    fn may_take(&self, Party { tenant, alone }: Party) -> bool {
        let held = self.held.iter().find(|(holder, _)| *holder == tenant).map_or(0, |(_, count)| *count);
        match self.free {
            0 => false,
            1 => alone || held == 0,
            free => alone || held < SHARE * free,
        }
    }

    fn take(&mut self, tenant: usize) {
        self.free -= 1;
        match self.held.iter_mut().find(|(holder, _)| *holder == tenant) {
            Some((_, count)) => *count += 1,
            None => self.held.push((tenant, 1)),
        }
    }

    fn put(&mut self, tenant: usize) {
        self.free += 1;
        if let Some(index) = self.held.iter().position(|(holder, _)| *holder == tenant)
            && let Some((_, count)) = self.held.get_mut(index)
        {
            *count -= 1;
            if *count == 0 {
                self.held.swap_remove(index);
            }
        }
    }

    /// The first of those who wait and still want it whose share allows it, with one taken.
    fn next(&mut self) -> Option<Waiting> {
        self.waiting.retain(|waiting| !waiting.called.is_closed());
        let index = self.waiting.iter().position(|waiting| self.may_take(waiting.party))?;
        let next = self.waiting.remove(index)?;
        self.take(next.party.tenant);
        Some(next)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.give_back(self.tenant);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn party(name: char) -> Party {
        Party { tenant: name as usize, alone: false }
    }

    fn at_once(slots: &Slots, party: Party) -> Option<Slot> {
        slots.acquire(party).now_or_never().flatten()
    }

    /// As many as it gets without waiting.
    fn all_for(slots: &Slots, party: Party) -> Vec<Slot> {
        std::iter::from_fn(|| at_once(slots, party)).collect()
    }

    #[test]
    fn however_much_hangs_the_next_tenant_finds_a_place() {
        let slots = Slots::new(64);
        let hung = ['a', 'b', 'c', 'd'].map(|name| all_for(&slots, party(name)));
        assert_eq!(
            hung.each_ref().map(Vec::len),
            [48, 12, 3, 1],
            "who comes later finds less, and something"
        );
        let [mut first, ..] = hung;
        first.truncate(40);
        assert_eq!((all_for(&slots, party('a')).len(), slots.free()), (0, 8), "others' turn");
        assert_eq!(all_for(&slots, party('e')).len(), 6);
    }

    #[test]
    fn a_small_pool_is_shared_too_and_all_of_it_is_one_tenants_without_others() {
        for (count, shared) in [(1, 1), (2, 1), (3, 2), (4, 3), (16, 12)] {
            assert_eq!(all_for(&Slots::new(count), party('a')).len(), shared, "of {count}");
            let alone = Party { alone: true, ..party('a') };
            assert_eq!(all_for(&Slots::new(count), alone).len(), count);
        }
    }

    #[test]
    fn who_waits_is_served_in_order_as_far_as_shares_allow() {
        let slots = Slots::new(4);
        let (a, b) = (party('a'), party('b'));
        let mut greedy = all_for(&slots, a);
        let other = at_once(&slots, b);
        assert_eq!((greedy.len(), slots.free()), (3, 0));
        let [mut first, mut left, mut second] = [a, b, b].map(|party| Box::pin(slots.acquire(party)));
        for waiting in [&mut first, &mut left, &mut second] {
            assert!(waiting.as_mut().now_or_never().is_none());
        }
        drop(left);
        drop(other);
        assert!(first.as_mut().now_or_never().is_none(), "it holds three, and the last is for others");
        assert!(
            second.as_mut().now_or_never().flatten().is_some(),
            "who came later and holds none is served"
        );
        greedy.truncate(1);
        assert!(first.as_mut().now_or_never().flatten().is_some());
        drop((first, second, greedy));
        assert_eq!(slots.free(), 4);
        assert!(slots.0.borrow().held.is_empty() && slots.0.borrow().waiting.is_empty());
    }

    #[test]
    fn what_was_handed_to_somebody_who_left_goes_on() {
        let slots = Slots::new(1);
        let held = at_once(&slots, party('a'));
        let [mut leaves, mut stays] = ['a', 'b'].map(|name| {
            let (slots, party) = (slots.clone(), party(name));
            Box::pin(async move { slots.acquire(party).await })
        });
        assert!(leaves.as_mut().now_or_never().is_none() && stays.as_mut().now_or_never().is_none());
        drop(held);
        drop(leaves);
        assert!(stays.as_mut().now_or_never().flatten().is_some());
    }
}
