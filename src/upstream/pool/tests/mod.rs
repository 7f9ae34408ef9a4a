mod faults;

use std::cell::RefCell;
use std::rc::Rc;

use http_body_util::BodyExt;
use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::sleep;

use super::*;
use crate::upstream::scripted::{Server, on_a_worker, until};
use crate::upstream::tls_config;

const LONG: Duration = Duration::from_mins(1);

fn pool_of(url: &str, max_connections: usize, idle_timeout: Duration) -> Pool {
    let (tls, _) = tls_config(None).unwrap();
    pool_by(Connector::new(tls, LONG), url, PoolConfig { max_connections, idle_timeout })
}

fn pool_by(connector: Connector, url: &str, config: PoolConfig) -> Pool {
    Pool::new(Endpoint::parse(url).unwrap(), connector, config)
}

fn pool(server: &Server) -> Pool {
    pool_of(&server.url(), 16, LONG)
}

fn party() -> Party {
    Party { tenant: 0, alone: true }
}

fn request(path: &str) -> Vec<u8> {
    format!("POST {path} HTTP/1.1\r\nhost: server.test\r\ncontent-length: 2\r\n\r\n{{}}").into_bytes()
}

async fn head(pool: &Pool, path: &str) -> Result<PooledAnswer, SendError> {
    pool.connect(pool.turn(party()).await, false).await?.send(&request(path)).await
}

async fn whole(pool: &Pool, path: &str) -> Result<String, SendError> {
    let body = head(pool, path).await?.body.collect().await;
    Ok(String::from_utf8(body.unwrap().to_bytes().to_vec()).unwrap())
}

#[test]
fn one_connection_serves_request_after_request() {
    on_a_worker(async {
        let server = Server::obliging().await;
        let pool = pool(&server);
        for _ in 0..50 {
            assert_eq!(whole(&pool, "/x").await.unwrap(), "ok");
            assert_eq!(pool.idle(), 1);
        }
        assert_eq!(server.record.accepted.get(), 1);
    });
}

#[test]
fn a_connection_comes_back_whatever_ends_the_body() {
    on_a_worker(async {
        let server = Server::start(|_, mut wire| async move {
            for answer in [
                "HTTP/1.1 204 No Content\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n",
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            ] {
                wire.request().await.unwrap();
                wire.write(answer).await;
            }
            wire.request().await.unwrap();
            wire.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslo").await;
            yield_a_while().await;
            wire.write("w").await;
            wire.request().await.unwrap();
            wire.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok").await;
            yield_a_while().await;
            wire.write("\r\n0\r\n\r\n").await;
            while wire.serve("last").await {}
        })
        .await;
        let pool = pool(&server);
        for expected in ["", "", "ok", "ok", "ok", "slow", "ok", "last"] {
            assert_eq!(whole(&pool, "/x").await.unwrap(), expected);
            assert_eq!(pool.idle(), 1);
        }
        assert_eq!(server.record.accepted.get(), 1);
    });
}

async fn yield_a_while() {
    sleep(Duration::from_millis(20)).await;
}

#[test]
fn what_announces_an_end_is_not_used_again() {
    on_a_worker(async {
        let server = Server::start(|number, mut wire| async move {
            wire.request().await.unwrap();
            wire.write(match number {
                0 => "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
                1 => "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
                2 => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more than announced",
                _ => "HTTP/1.1 200 OK\r\n\r\nok",
            })
            .await;
            if number < 3 {
                wire.until_closed().await;
            }
        })
        .await;
        let pool = pool(&server);
        for _ in 0..4 {
            assert_eq!(whole(&pool, "/x").await.unwrap(), "ok");
            assert_eq!(pool.idle(), 0);
        }
        until(|| server.record.open.get() == 0).await;
        assert_eq!(server.record.accepted.get(), 4);
    });
}

#[test]
fn the_connection_used_last_is_used_next() {
    on_a_worker(async {
        let server = Server::obliging().await;
        let pool = pool(&server);
        let first = head(&pool, "/0").await.unwrap();
        let second = head(&pool, "/1").await.unwrap();
        second.body.collect().await.unwrap();
        first.body.collect().await.unwrap();
        assert_eq!(pool.idle(), 2);
        whole(&pool, "/2").await.unwrap();
        whole(&pool, "/3").await.unwrap();
        let numbers: Vec<_> = server.paths().into_iter().map(|(number, _)| number).collect();
        assert_eq!(numbers, [0, 1, 0, 0]);
    });
}

#[test]
fn an_old_idle_connection_is_closed_and_not_used() {
    on_a_worker(async {
        let server = Server::obliging().await;
        let pool = pool_of(&server.url(), 16, Duration::from_millis(5));
        whole(&pool, "/0").await.unwrap();
        until(|| server.record.open.get() == 0 && pool.idle() == 0).await;
        whole(&pool, "/1").await.unwrap();
        assert_eq!(server.record.accepted.get(), 2);
        until(|| server.record.open.get() == 0 && pool.idle() == 0).await;
    });
}

#[test]
fn a_pool_that_is_gone_leaves_nothing_behind() {
    on_a_worker(async {
        let server = Server::obliging().await;
        let tasks = tokio::task::LocalSet::new();
        let used = async {
            whole(&pool(&server), "/0").await.unwrap();
        };
        tasks.run_until(used).await;
        // Ends as soon as no task is left.
        tasks.await;
        until(|| server.record.open.get() == 0).await;
    });
}

#[test]
fn fresh_means_a_new_connection_within_the_limit() {
    on_a_worker(async {
        let server = Server::obliging().await;
        let pool = pool_of(&server.url(), 1, LONG);
        whole(&pool, "/0").await.unwrap();
        let lease = pool.connect(pool.turn(party()).await, true).await.unwrap();
        let answer = lease.send(&request("/1")).await.unwrap();
        answer.body.collect().await.unwrap();
        assert_eq!(server.paths(), [(0, "/0".to_owned()), (1, "/1".to_owned())]);
        until(|| server.record.open.get() == 1).await;
        assert_eq!(pool.idle(), 1);
    });
}

#[test]
fn excess_requests_wait_their_turn() {
    on_a_worker(async {
        let server = Server::obliging().await;
        let pool = pool_of(&server.url(), 2, LONG);
        let held = [head(&pool, "/a").await.unwrap(), head(&pool, "/b").await.unwrap()];
        let done = Rc::new(RefCell::new(Vec::new()));
        let mut waiting = Vec::new();
        for number in 0..20 {
            let (pool, done) = (pool.clone(), Rc::clone(&done));
            waiting.push(spawn_local(async move {
                whole(&pool, &format!("/{number}")).await.unwrap();
                done.borrow_mut().push(number);
            }));
        }
        yield_a_while().await;
        assert!(done.borrow().is_empty());
        // A waiter that gives up neither sends nor holds up the others.
        waiting.remove(3).abort();
        let [first, second] = held;
        drop(first);
        second.body.collect().await.unwrap();
        for task in waiting {
            task.await.unwrap();
        }
        assert_eq!(server.record.most_open.get(), 2);
        assert_eq!(done.borrow().len(), 19);
        assert!(!server.paths().iter().any(|(_, path)| path == "/3"));
        let order: Vec<_> = server.paths().into_iter().skip(2).map(|(_, path)| path).collect();
        let expected: Vec<_> = (0..20).filter(|n| *n != 3).map(|n| format!("/{n}")).collect();
        assert_eq!(order, expected);
    });
}

#[test]
fn under_load_connections_are_kept_and_the_limit_holds() {
    on_a_worker(async {
        let server = Server::obliging().await;
        let pool = pool_of(&server.url(), 8, LONG);
        let mut tasks = Vec::new();
        for caller in 0..40 {
            let pool = pool.clone();
            tasks.push(spawn_local(async move {
                for number in 0..25 {
                    assert_eq!(whole(&pool, &format!("/{caller}/{number}")).await.unwrap(), "ok");
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(server.paths().len(), 40 * 25);
        // None was given up that could have been used again.
        assert_eq!((server.record.accepted.get(), pool.idle()), (8, 8));
    });
}
