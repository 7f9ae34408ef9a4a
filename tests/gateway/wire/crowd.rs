//! More connections than there is room for.

use crate::support::client::Connection;
use crate::support::world::World;
use crate::wire::{get, is_refused, leaves_outcomes, sent};

#[tokio::test]
async fn a_connection_too_many_is_turned_away_until_there_is_room() {
    let world = World::with(&[("LISTEN__MAX_CONNECTIONS", "3")]).await;
    let mut inside = Vec::new();
    for _ in 0..3 {
        inside.push(Connection::open(world.address).await);
    }
    world.until_connections(3).await;

    for _ in 0..2 {
        let mut late = sent(&world, get(&world, "")).await;
        let answer = late.answer("GET").await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
        assert_eq!(answer.header("connection"), Some("close"));
        is_refused(&world, &answer, "overloaded", "one too many").await;
        assert_eq!(late.rest().await, b"");
    }
    assert!(world.vendor.calls().is_empty());

    // Those who are inside are served all the while.
    let bearer = world.issuer.token().bearer();
    let answer = inside[0].send("GET", "/conferences/IM3", &[("Authorization", &bearer)], "").await;
    assert_eq!(answer.status, 200);
    inside.truncate(1);
    world.until_connections(1).await;
    assert_eq!(sent(&world, get(&world, "")).await.answer("GET").await.status, 200);
    assert_eq!(world.vendor.calls().len(), 2);
    leaves_outcomes(&world, 4).await;
}

#[tokio::test]
async fn one_too_many_that_says_nothing_is_told_nothing() {
    let world = World::with(&[("LISTEN__MAX_CONNECTIONS", "1")]).await;
    let inside = Connection::open(world.address).await;
    world.until_connections(1).await;
    let mut late = Connection::open(world.address).await;
    assert_eq!(late.rest().await, b"");
    leaves_outcomes(&world, 0).await;
    drop(inside);
}
