//! Sessions that are used again, and those that must not be.
mod common;

use std::time::Duration;

use common::{Peer, Sandbox, done, endpoint, error, run, scripted_each};
use replica_core::catalog::{self, TableName};
use replica_core::config::Endpoint;
use replica_core::session::applock::{self, LockMode};
use replica_core::session::{Isolation, Role, Row, Session};
use replica_core::tds::token::EnvChange;
use replica_sandbox::server::Policy;

async fn taken(endpoint: &Endpoint) -> Session {
    Session::take(endpoint, Role::Target).await.unwrap()
}

async fn number(session: &mut Session, sql: &str) -> i32 {
    session.query(sql, &[]).await.unwrap()[0].try_get(0).unwrap().unwrap()
}

/// Which session it is: a server uses the numbers of its own again.
const MARK: &str =
    "SELECT CONVERT(varchar(128), context_info) FROM sys.dm_exec_sessions WHERE session_id = @@SPID";

async fn mark(session: &mut Session) -> String {
    marked(&session.query(MARK, &[]).await.unwrap())
}

fn marked(rows: &[Row]) -> String {
    rows[0].get::<&str, _>(0).unwrap().to_owned()
}

#[test]
fn what_a_session_held_is_gone_when_it_is_used_again() {
    for more in ["Encrypt=false", "TrustServerCertificate=true"] {
        let sandbox = Sandbox::start(Policy::On, 4096);
        let endpoint = sandbox.endpoint(more);
        run(async {
            let mut other = Session::connect(&endpoint, Role::Target).await.unwrap();
            other.execute("CREATE TABLE dbo.t (id int IDENTITY NOT NULL)").await.unwrap();
            let mut session = taken(&endpoint).await;
            let first = mark(&mut session).await;
            session.execute("CREATE TABLE #t (a int NOT NULL)").await.unwrap();
            session.execute("SET IDENTITY_INSERT dbo.t ON; SET CONTEXT_INFO 0x01; USE tempdb").await.unwrap();
            session
                .execute("SET NOCOUNT ON; SET XACT_ABORT OFF; SET ROWCOUNT 1; SET TEXTSIZE 3")
                .await
                .unwrap();
            session.set_isolation_and_wait(Isolation::Snapshot, Duration::from_millis(7)).await.unwrap();
            assert!(applock::take(&mut session, "one", LockMode::Exclusive, Duration::ZERO).await.unwrap());
            session.give_back().await;
            assert!(applock::take(&mut other, "one", LockMode::Exclusive, Duration::ZERO).await.unwrap());

            let mut again = taken(&endpoint).await;
            assert_eq!(mark(&mut again).await, first);
            assert_eq!(number(&mut again, "SELECT @@LOCK_TIMEOUT").await, -1);
            assert_eq!(number(&mut again, "SELECT @@TEXTSIZE").await, i32::MAX);
            assert_eq!(number(&mut again, "SELECT @@OPTIONS & 512").await, 0, "NOCOUNT");
            assert_eq!(number(&mut again, "SELECT @@OPTIONS & 16384").await, 16384, "XACT_ABORT");
            let two = again.query("SELECT 1 UNION ALL SELECT 2", &[]).await.unwrap();
            assert_eq!(two.len(), 2, "ROWCOUNT");
            let gone = "SELECT ISNULL(OBJECT_ID(N'tempdb..#t'), 0)";
            assert_eq!(number(&mut again, gone).await, 0);
            assert_eq!(
                number(&mut again, "SELECT COUNT(*) FROM dbo.t").await,
                0,
                "the database, and no SNAPSHOT"
            );
            let refused = again.execute("INSERT INTO dbo.t (id) VALUES (1)").await.unwrap_err();
            assert!(refused.has_number(544), "{refused}");
            // What it was told before is told anew.
            again.set_lock_timeout(Duration::from_millis(7)).await.unwrap();
            assert_eq!(number(&mut again, "SELECT @@LOCK_TIMEOUT").await, 7);
        });
    }
}

/// How often sessions of the endpoint were reset; `other` is none of them.
async fn resets(other: &mut Session, endpoint: &Endpoint) -> i64 {
    let rows = other.query("EXEC sp_sandbox_requests", &[]).await.unwrap();
    let of = rows.iter().find(|row| row.get::<&str, _>(0) == Some(&endpoint.application_name));
    of.and_then(|row| row.get(3)).unwrap_or_default()
}

async fn look_ahead(session: &mut Session) {
    catalog::look_ahead(session, &[TableName::new("dbo", "t")]).await.unwrap();
}

#[test]
fn a_session_that_holds_nothing_is_kept_as_it_is() {
    let sandbox = Sandbox::start(Policy::On, 4096);
    let endpoint = sandbox.endpoint("Encrypt=false;Application Name=pooled");
    run(async {
        let mut other = Session::connect(&sandbox.endpoint("Encrypt=false"), Role::Target).await.unwrap();
        for (what, is_reset) in [
            ("nothing", false),
            ("the catalog", false),
            ("a transaction", false),
            ("another isolation level and back", false),
            ("another isolation level", true),
            ("a wait for locks", true),
            ("a batch", true),
            ("a query", true),
            ("a query before the catalog", true),
            ("a lock", true),
            ("a transaction that is rolled back", true),
            ("an error", true),
            ("a request that was stopped", true),
        ] {
            let before = resets(&mut other, &endpoint).await;
            let mut session = taken(&endpoint).await;
            match what {
                "nothing" => {}
                "the catalog" => look_ahead(&mut session).await,
                "a transaction" => {
                    session.lane().unwrap().begin().await.unwrap();
                    session.lane().unwrap().commit().await.unwrap();
                }
                "another isolation level and back" => {
                    session.set_isolation(Isolation::Snapshot).await.unwrap();
                    session.set_isolation(Isolation::ReadCommitted).await.unwrap();
                }
                "another isolation level" => session.set_isolation(Isolation::Snapshot).await.unwrap(),
                "a wait for locks" => session.set_lock_timeout(Duration::from_millis(7)).await.unwrap(),
                "a batch" => drop(session.execute("SET ROWCOUNT 1").await.unwrap()),
                "a query" => drop(session.query("SELECT 1", &[]).await.unwrap()),
                "a query before the catalog" => {
                    session.query("SELECT 1", &[]).await.unwrap();
                    look_ahead(&mut session).await;
                }
                "a lock" => {
                    assert!(
                        applock::take(&mut session, "one", LockMode::Exclusive, Duration::ZERO)
                            .await
                            .unwrap()
                    );
                }
                "a transaction that is rolled back" => {
                    session.lane().unwrap().begin().await.unwrap();
                    session.lane().unwrap().rollback().await.unwrap();
                }
                "an error" => drop(session.execute("RAISERROR(N'no', 16, 1)").await.unwrap_err()),
                _ => {
                    session.lane().unwrap().send_batch("WAITFOR DELAY '00:00:30'").await.unwrap();
                    session.lane().unwrap().attention().await.unwrap();
                }
            }
            let number_at_server = session.number();
            session.give_back().await;
            let again = taken(&endpoint).await;
            assert_eq!(again.number(), number_at_server, "{what}");
            assert_eq!(resets(&mut other, &endpoint).await - before, i64::from(is_reset), "{what}");
            again.give_back().await;
        }
    });
}

#[test]
fn a_session_serves_its_own_connection_string_and_side_only() {
    let sandbox = Sandbox::start(Policy::On, 4096);
    run(async {
        let endpoint = sandbox.endpoint("Encrypt=false");
        let mut session = taken(&endpoint).await;
        let first = mark(&mut session).await;
        session.give_back().await;
        let mut other = taken(&sandbox.endpoint("Encrypt=false;Database=tempdb")).await;
        let mut source = Session::take(&endpoint, Role::Source).await.unwrap();
        assert!(mark(&mut other).await != first && mark(&mut source).await != first);
        let mut again = taken(&endpoint).await;
        assert_eq!(mark(&mut again).await, first);
        assert_ne!(
            mark(&mut taken(&endpoint).await).await,
            first,
            "it was taken already, and not given back"
        );
    });
}

#[test]
fn a_session_is_closed_where_not_all_went_well() {
    let sandbox = Sandbox::start(Policy::On, 4096);
    let endpoint = sandbox.endpoint("Encrypt=false;Command Timeout=1");
    run(async {
        for trouble in ["a transaction", "a wait", "a dropped future", "silence"] {
            let mut session = taken(&endpoint).await;
            let first = mark(&mut session).await;
            match trouble {
                "a transaction" => session.lane().unwrap().begin().await.unwrap(),
                "a wait" => {
                    session.lane().unwrap().send_batch("SELECT 1").await.unwrap();
                }
                "a dropped future" => {
                    let asked = session.query("WAITFOR DELAY '00:00:30'; SELECT 1", &[]);
                    assert!(tokio::time::timeout(Duration::from_millis(50), asked).await.is_err());
                }
                _ => {
                    let error = session.query("WAITFOR DELAY '00:00:30'; SELECT 1", &[]).await.unwrap_err();
                    assert!(error.to_string().contains("silent"), "{error}");
                }
            }
            session.give_back().await;
            assert_ne!(mark(&mut taken(&endpoint).await).await, first, "{trouble}");
        }
    });
}

/// `is_reset`: when it is given back.
fn is_not_used_again_once_it_is_killed(is_reset: bool) {
    let sandbox = Sandbox::start(Policy::On, 4096);
    let endpoint = sandbox.endpoint("Encrypt=false");
    run(async {
        let mut other = Session::connect(&endpoint, Role::Target).await.unwrap();
        let mut session = taken(&endpoint).await;
        let number_at_server = session.number();
        let of = MARK.replace("@@SPID", &number_at_server.to_string());
        let first = marked(&other.query(&of, &[]).await.unwrap());
        if is_reset {
            session.execute("SET ROWCOUNT 0").await.unwrap();
        }
        session.give_back().await;
        other.execute(&format!("KILL {number_at_server}")).await.unwrap();
        let alive =
            format!("SELECT COUNT(*) FROM sys.dm_exec_sessions WHERE session_id = {number_at_server}");
        while number(&mut other, &alive).await > 0 {
            tokio::task::yield_now().await;
        }
        // The server may take a moment to hang up, and the session that is used again ends with an error then.
        while let Ok(rows) = taken(&endpoint).await.query(MARK, &[]).await {
            if marked(&rows) != first {
                return;
            }
        }
    });
}

#[test]
fn a_session_that_is_killed_while_nobody_uses_it_is_not_used_again() {
    is_not_used_again_once_it_is_killed(true);
}

#[test]
fn one_that_was_kept_as_it_is_is_not_either() {
    is_not_used_again_once_it_is_killed(false);
}

/// Whether a session is used again whose server answers the reset so, and hangs up then or does not.
fn is_used_again(answer: Vec<u8>, hangs_up: bool) -> bool {
    let (tell, told) = std::sync::mpsc::channel();
    let (hung_up, has_hung_up) = std::sync::mpsc::channel();
    let address = scripted_each(2, move |connection, stream| {
        let mut peer = Peer(stream);
        peer.log_in(4096);
        let mut asked = 0;
        while peer.message().is_some() {
            asked += 1;
            if connection == 0 && asked == 2 {
                peer.reply(&answer);
                if hangs_up {
                    drop(peer);
                    hung_up.send(()).unwrap();
                    return;
                }
            } else if connection == 0 && asked == 1 {
                // Of what nobody knows what it leaves.
                peer.reply(&done(0, 0));
            } else {
                tell.send(connection).unwrap();
                peer.reply(&done(0, 0));
            }
        }
    });
    let endpoint = endpoint(address, "Encrypt=false");
    run(async {
        let mut session = taken(&endpoint).await;
        session.execute("SET ROWCOUNT 0").await.unwrap();
        session.give_back().await;
        if hangs_up {
            // A connection that breaks later is an error of whoever uses it.
            has_hung_up.recv().unwrap();
        }
        let mut again = taken(&endpoint).await;
        again.execute("SELECT 1").await.unwrap();
    });
    told.iter().next() == Some(0)
}

#[test]
fn a_session_whose_state_the_server_does_not_forget_is_not_used_again() {
    let mut reset = Vec::new();
    EnvChange::Reset.encode(&mut reset);
    let reset = |rest: Vec<u8>| [reset.clone(), rest].concat();
    assert!(is_used_again(reset(done(0, 0)), false));
    assert!(!is_used_again(done(0, 0), false), "it does not say so");
    assert!(!is_used_again(reset([error(18056), done(2, 0)].concat()), false), "an error");
    assert!(!is_used_again(reset(done(0, 0)), true), "it hangs up");
    assert!(!is_used_again(reset(Vec::new()), true), "it hangs up within its answer");
}
