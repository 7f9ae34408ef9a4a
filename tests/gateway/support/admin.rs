//! What the admin port says, and waiting for it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::client::{self, Answer};
use super::{PATIENCE, within};

/// How often it is asked. Where an answer takes longer than this, as much time is left to others: the many that wait
/// side by side in some tests would have a slow machine do nothing else.
const INTERVAL: Duration = Duration::from_millis(5);

/// What is at `path`.
pub(crate) async fn get(admin: SocketAddr, path: &str) -> Answer {
    client::send(admin, "GET", path, &[], "").await
}

/// The value of a metric; `name` is with its labels.
pub(crate) async fn metric(admin: SocketAddr, name: &str) -> f64 {
    let metrics = get(admin, "/metrics").await.text();
    let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("no {name} in\n{metrics}"))
}

/// Waits until `/readyz` answers as it should, and returns the answer.
pub(crate) async fn until_readyz(admin: SocketAddr, enough: impl Fn(&Answer) -> bool) -> Answer {
    let look = async || Some(get(admin, "/readyz").await).filter(&enough);
    within("/readyz to change", again_and_again(look)).await
}

/// Waits until a metric is enough; `name` is with its labels.
pub(crate) async fn until_metric(admin: SocketAddr, name: &str, enough: impl Fn(f64) -> bool) {
    let look = async || enough(metric(admin, name).await).then_some(());
    within(&format!("{name} to change"), again_and_again(look)).await;
}

/// Waits until `/status` says what `enough` looks for.
pub(crate) async fn until_status(admin: SocketAddr, what: &str, enough: impl Fn(&Value) -> bool) {
    within(&format!("{what} in /status"), status_says(admin, enough)).await;
}

/// Waits until a tenant has so many requests in flight.
pub(crate) async fn until_in_flight(admin: SocketAddr, tenant: &str, count: usize) {
    let is_it = |status: &&Value| status["tenant"] == tenant;
    let reached = |status: &Value| {
        let mut tenants = status["tenants"].as_array().expect("a list of tenants").iter();
        tenants.find(is_it).expect("a tenant of the configuration")["in_flight"] == count
    };
    until_status(admin, &format!("{count} requests of {tenant} in flight"), reached).await;
}

/// Waits until so many callers are connected.
pub(crate) async fn until_connections(admin: SocketAddr, count: usize) {
    until_connections_within(PATIENCE, admin, count).await;
}

/// The same for so many that they take their time to come or to go.
pub(crate) async fn until_connections_within(limit: Duration, admin: SocketAddr, count: usize) {
    let reached = status_says(admin, |status| status["connections_open"] == count);
    let waited = tokio::time::timeout(limit, reached).await;
    waited.unwrap_or_else(|_| panic!("waited {limit:?} for {count} connections"));
}

async fn status_says(admin: SocketAddr, enough: impl Fn(&Value) -> bool) {
    again_and_again(async || enough(&get(admin, "/status").await.json()).then_some(())).await;
}

/// Looks until there is what is looked for.
async fn again_and_again<T>(look: impl AsyncFn() -> Option<T>) -> T {
    loop {
        let begun = Instant::now();
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(INTERVAL.max(begun.elapsed())).await;
    }
}
