//! What a pool makes of servers that close, reset, break off, or are not there.

use super::*;
use crate::upstream::scripted::Authority;

#[test]
fn a_connection_that_the_server_closed_is_not_used() {
    on_a_worker(async {
        let told = Rc::new(Notify::new());
        let close = Rc::clone(&told);
        let server = Server::start(move |number, mut wire| {
            let close = Rc::clone(&close);
            async move {
                wire.serve("ok").await;
                if number == 0 {
                    return close.notified().await;
                }
                while wire.serve("ok").await {}
            }
        })
        .await;
        let pool = pool(&server);
        whole(&pool, "/0").await.unwrap();
        told.notify_one();
        until(|| pool.0.idle.all_closed()).await;
        whole(&pool, "/1").await.unwrap();
        assert_eq!(server.paths(), [(0, "/0".to_owned()), (1, "/1".to_owned())]);
    });
}

#[test]
fn a_request_that_was_not_begun_goes_out_on_another_connection() {
    on_a_worker(async {
        let server = Server::obliging().await;
        let pool = pool(&server);
        let held = [head(&pool, "/0").await.unwrap(), head(&pool, "/0").await.unwrap()];
        for answer in held {
            answer.body.collect().await.unwrap();
        }
        // Both look alive, and take no byte.
        pool.0.idle.shut_down_all();
        whole(&pool, "/1").await.unwrap();
        let sent = server.paths();
        assert_eq!(sent.iter().filter(|(_, path)| path == "/1").count(), 1);
        assert_eq!(sent.last().unwrap().0, 2);
    });
}

#[test]
fn a_reset_after_the_first_byte_may_have_been_a_request() {
    on_a_worker(async {
        let server = Server::start(|number, mut wire| async move {
            if number == 0 {
                wire.serve("ok").await;
            }
            wire.first_byte().await;
        })
        .await;
        let pool = pool(&server);
        whole(&pool, "/0").await.unwrap();
        for reused in [true, false] {
            let error = whole(&pool, "/1").await.unwrap_err();
            assert_eq!((error.stage, error.reused, error.malformed), (Stage::Sent, reused, false));
        }
        assert_eq!(pool.idle(), 0);
    });
}

#[test]
fn an_answer_that_is_no_http_is_told_apart() {
    const LONG_HEAD: usize = 200 * 1024;
    on_a_worker(async {
        let server = Server::start(|number, mut wire| async move {
            wire.request().await.unwrap();
            let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "y".repeat(LONG_HEAD));
            let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(1000));
            let answers = [
                "garbage\r\n\r\n",
                "220 mail.example ESMTP\r\n",
                "HTTP/2 200\r\n\r\n",
                "HTTP/1.1 2000 OK\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok",
                "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
                "HTTP/1.1 200 OK\r\nX y\r\n\r\n",
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
                &long,
                &many,
            ];
            // A client that refuses a long head early resets the connection.
            if wire.try_write(answers[number]).await.is_ok() {
                wire.until_closed().await;
            }
        })
        .await;
        let pool = pool(&server);
        for number in 0..10 {
            let error = whole(&pool, "/x").await.unwrap_err();
            assert_eq!((error.stage, error.malformed), (Stage::Sent, true), "{number}: {error}");
        }
        assert_eq!(pool.idle(), 0);
    });
}

#[test]
fn an_answer_that_breaks_off_is_not_malformed() {
    on_a_worker(async {
        let server = Server::start(|number, mut wire| async move {
            wire.request().await.unwrap();
            wire.write(["", "HTTP/1.1 200 OK\r\nContent-Le"][number]).await;
        })
        .await;
        let pool = pool(&server);
        for _ in 0..2 {
            let error = whole(&pool, "/x").await.unwrap_err();
            assert_eq!((error.stage, error.malformed), (Stage::Sent, false), "{error}");
        }
    });
}

#[test]
fn a_body_that_breaks_off_or_is_dropped_takes_its_connection_along() {
    on_a_worker(async {
        let server = Server::start(|number, mut wire| async move {
            wire.request().await.unwrap();
            wire.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
            if number > 0 {
                wire.until_closed().await;
            }
        })
        .await;
        let pool = pool_of(&server.url(), 1, LONG);
        let broken = head(&pool, "/0").await.unwrap();
        assert!(broken.body.collect().await.is_err());
        drop(head(&pool, "/1").await.unwrap());
        until(|| server.record.open.get() == 0).await;
        assert_eq!(pool.idle(), 0);
        // The slot is free again.
        assert!(head(&pool, "/2").await.is_ok());
    });
}

#[test]
fn a_dropped_future_does_not_send() {
    on_a_worker(async {
        let server = Server::obliging().await;
        let pool = pool(&server);
        whole(&pool, "/0").await.unwrap();
        {
            let lease = pool.connect(pool.turn(party()).await, false).await.unwrap();
            let request = request("/never");
            let _never_polled = lease.send(&request);
        }
        until(|| server.record.open.get() == 0).await;
        whole(&pool, "/1").await.unwrap();
        assert_eq!(server.paths(), [(0, "/0".to_owned()), (1, "/1".to_owned())]);
    });
}

#[test]
fn nobody_there_is_no_connection() {
    on_a_worker(async {
        let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let pool = pool_of(&format!("http://{address}"), 1, LONG);
        for _ in 0..3 {
            let error = whole(&pool, "/x").await.unwrap_err();
            assert_eq!((error.stage, error.reused), (Stage::Connect, false));
        }
    });
}

#[test]
fn what_tls_holds_back_is_nobodys_answer() {
    on_a_worker(async {
        let authority = Authority::new();
        let server =
            Server::start_with(Some(authority.acceptor("localhost")), |number, mut wire| async move {
                // As long as what is read at a time: a forgery in the same record stays with TLS, and the socket is
                // empty.
                let head = "HTTP/1.1 200 OK\r\nContent-Length: 4000\r\nX: ";
                let head = format!("{head}{}\r\n\r\n", "x".repeat(96 - 4 - head.len()));
                let forged = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged";
                wire.request().await.unwrap();
                wire.write(&format!("{head}{}{}", "o".repeat(4000), if number == 0 { forged } else { "" }))
                    .await;
                wire.until_closed().await;
            })
            .await;
        let url = format!("https://localhost:{}", server.address.port());
        let config = PoolConfig { max_connections: 1, idle_timeout: LONG };
        let pool = pool_by(authority.connector(), &url, config);
        for _ in 0..2 {
            assert_eq!(whole(&pool, "/x").await.unwrap(), "o".repeat(4000));
        }
        assert_eq!(server.record.accepted.get(), 2);
    });
}
