//! What the admin port says, and waiting for it.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

use super::client::{self, Answer};
use super::within;

/// How often it is asked.
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
    let looking = async {
        loop {
            let answer = get(admin, "/readyz").await;
            if enough(&answer) {
                return answer;
            }
            tokio::time::sleep(INTERVAL).await;
        }
    };
    within("/readyz to change", looking).await
}

/// Waits until `/status` says what `enough` looks for.
pub(crate) async fn until_status(admin: SocketAddr, what: &str, enough: impl Fn(&Value) -> bool) {
    let looking = async {
        while !enough(&get(admin, "/status").await.json()) {
            tokio::time::sleep(INTERVAL).await;
        }
    };
    within(&format!("{what} in /status"), looking).await;
}
