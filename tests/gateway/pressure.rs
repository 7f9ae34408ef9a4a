//! More at once than there is room for: who waits, who is turned away, and what is said about it.

use serde_json::json;

use crate::support::world::World;

#[tokio::test]
async fn requests_that_fill_the_trails_queue_do_not_wait_for_each_other() {
    let world = World::with(&[("AUDIT__QUEUE", "64")]).await;
    let creates = (0..100).map(|_| world.call("POST", "/conferences", "{}"));
    for answer in futures_util::future::join_all(creates).await {
        assert_eq!(answer.status, 200, "{}", answer.text());
        let outcome = world.trail.outcome_of(answer.header("x-request-id").unwrap()).await;
        assert_eq!((&outcome["decision"], &outcome["status"]), (&json!("allowed"), &json!(200)));
    }
    assert_eq!(world.vendor.calls().len(), 100);
}
