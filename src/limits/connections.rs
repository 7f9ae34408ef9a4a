use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use ipnet::IpNet;

use super::Origin;

/// How many connections each address has open, and how many it may. Clones count together.
///
/// IPv4 counts by address, IPv6 by /64, which is what one subscriber has (RFC 6177, section 2). Proxies that are
/// trusted have callers behind them, and are not counted. Its lock is taken when a connection comes and when it goes,
/// and by no request.
#[derive(Clone, Debug)]
pub struct ConnectionsByAddress(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    bounds: ArcSwap<Bounds>,
    /// Addresses with a connection, and no others.
    open: Mutex<HashMap<Origin, usize>>,
}

#[derive(Debug)]
struct Bounds {
    /// None is no limit.
    max: Option<NonZeroUsize>,
    exempt: Vec<IpNet>,
}

/// A place of one address, which it gives back when it is dropped.
#[derive(Debug)]
pub struct Place(Option<(ConnectionsByAddress, Origin)>);

impl ConnectionsByAddress {
    /// At most `max` for each address that is not in `exempt`.
    pub fn new(max: Option<NonZeroUsize>, exempt: Vec<IpNet>) -> Self {
        Self(Arc::new(Inner {
            bounds: ArcSwap::from_pointee(Bounds { max, exempt }),
            open: Mutex::default(),
        }))
    }

    /// The same from now on. What is open stays, and counts as it did when it came.
    pub fn change(&self, max: Option<NonZeroUsize>, exempt: Vec<IpNet>) {
        self.0.bounds.store(Arc::new(Bounds { max, exempt }));
    }

    /// A place for one connection more, unless the address has all that it may have.
    pub fn enter(&self, address: IpAddr) -> Option<Place> {
        let address = address.to_canonical();
        let bounds = self.0.bounds.load();
        let exempt = bounds.exempt.iter().any(|proxies| proxies.contains(&address));
        let Some(max) = bounds.max.filter(|_| !exempt) else { return Some(Place(None)) };
        let origin = Origin::from(address);
        let mut open = self.open();
        let count = open.entry(origin).or_default();
        if *count >= max.get() {
            return None;
        }
        *count += 1;
        Some(Place(Some((self.clone(), origin))))
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Origin, usize>> {
        // A panic elsewhere leaves nothing half done here.
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self, origin: Origin) {
        let mut open = self.open();
        if let Some(count) = open.get_mut(&origin) {
            *count -= 1;
            if *count == 0 {
                open.remove(&origin);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some((connections, origin)) = self.0.take() {
            connections.leave(origin);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_has_so_many_and_gets_them_back() {
        let connections =
            ConnectionsByAddress::new(NonZeroUsize::new(2), vec!["10.0.0.0/8".parse().unwrap()]);
        let enter = |text: &str| connections.enter(address(text));
        let held = [enter("192.0.2.1").unwrap(), enter("::ffff:192.0.2.1").unwrap()];
        assert!(enter("192.0.2.1").is_none());
        let other = enter("192.0.2.2").unwrap();
        let subscriber = [enter("2001:db8::1").unwrap(), enter("2001:db8::2").unwrap()];
        assert!(enter("2001:db8::3").is_none() && enter("2001:db8:0:1::1").is_some());
        let proxied: Vec<_> = (0..10).map(|_| enter("::ffff:10.1.2.3").unwrap()).collect();
        drop(held);
        assert!(enter("192.0.2.1").is_some());
        connections.change(NonZeroUsize::new(3), Vec::new());
        assert!(enter("2001:db8::3").is_some(), "there may be more by now");
        drop((other, subscriber, proxied));
        assert!(connections.open().is_empty());
    }

    #[test]
    fn without_a_limit_nothing_is_counted() {
        let connections = ConnectionsByAddress::new(None, Vec::new());
        let held: Vec<_> = (0..100).map(|_| connections.enter(address("192.0.2.1")).unwrap()).collect();
        assert!(connections.open().is_empty());
        drop(held);
    }
}
