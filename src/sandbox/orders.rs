//! The faults that are ordered and not yet used up.

use serde::Serialize;

use super::call::Call;
use super::fault::Order;

/// Orders at a time.
const MAX_ORDERS: usize = 100;

/// The standing orders, in the order in which they came.
#[derive(Default)]
pub(super) struct Orders {
    last: u64,
    orders: Vec<Listed>,
}

/// A standing order and the number under which it can be cleared.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Listed {
    id: u64,
    #[serde(flatten)]
    order: Order,
}

impl Orders {
    /// Takes an order, or says what is wrong with it.
    pub(super) fn add(&mut self, order: Order) -> Result<&Listed, String> {
        if let Some(problem) = order.problem() {
            return Err(problem);
        }
        if self.orders.len() >= MAX_ORDERS {
            return Err(format!(
                "there are {MAX_ORDERS} orders already; DELETE /_sandbox/faults clears them"
            ));
        }
        self.last += 1;
        let id = self.last;
        self.orders.push(Listed { id, order });
        self.orders.last().ok_or_else(String::new)
    }

    /// The first order that covers the call, which counts as one of its times.
    pub(super) fn take(&mut self, call: &Call) -> Option<Order> {
        let index = self.orders.iter().position(|listed| listed.order.covers(call))?;
        let order = &mut self.orders.get_mut(index)?.order;
        if let Some(times) = &mut order.times {
            *times -= 1;
        }
        let taken = order.clone();
        if taken.times == Some(0) {
            self.orders.remove(index);
        }
        Some(taken)
    }

    /// All standing orders.
    pub(super) fn list(&self) -> &[Listed] {
        &self.orders
    }

    /// Clears one order, or says that there is none of that number.
    pub(super) fn clear(&mut self, id: u64) -> bool {
        let before = self.orders.len();
        self.orders.retain(|listed| listed.id != id);
        self.orders.len() < before
    }

    /// Clears them all.
    pub(super) fn clear_all(&mut self) {
        self.orders.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::call::Target;

    const CREATE: Call = Call { org: "o", app: "a", target: Target::Create };

    fn order(body: &str) -> Order {
        serde_json::from_str(body).unwrap()
    }

    #[test]
    fn an_order_hits_as_often_as_it_says() {
        let mut faults = Orders::default();
        faults.add(order(r#"{"on":"create","fault":"reset","times":2}"#)).unwrap();
        faults.add(order(r#"{"on":"any","fault":"html"}"#)).unwrap();
        let names: Vec<_> = (0..4).map(|_| faults.take(&CREATE).unwrap().name()).collect();
        assert_eq!(names, [r#""reset""#, r#""reset""#, r#""html""#, r#""html""#]);
        assert_eq!(faults.list().len(), 1);
        assert!(faults.clear(2) && !faults.clear(2));
        assert!(faults.take(&CREATE).is_none());
    }

    #[test]
    fn an_order_hits_its_call_and_app_only() {
        let mut faults = Orders::default();
        faults.add(order(r#"{"on":"get","fault":503}"#)).unwrap();
        faults.add(order(r#"{"on":"create","fault":"503","app":"o/b"}"#)).unwrap();
        assert!(faults.take(&CREATE).is_none());
        assert!(faults.take(&Call { app: "b", ..CREATE }).is_some());
    }

    #[test]
    fn senseless_orders_are_refused() {
        let mut faults = Orders::default();
        for body in [
            r#"{"on":"create","fault":"delay"}"#,
            r#"{"on":"create","fault":"reset","times":0}"#,
            r#"{"on":"create","fault":"delay","delay_ms":600001}"#,
            r#"{"on":"create","fault":"500","retry_after":1}"#,
            r#"{"on":"create","fault":"oversized","bytes":1073741825}"#,
        ] {
            assert!(faults.add(order(body)).is_err(), "{body}");
        }
    }
}
