//! Sessions that ask the catalog while others change it.
use crate::testing::{connect, engine, ok, run};
use sandbox_session::{Engine, Session};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// The catalog of all tables, by all views that count their rows.
const COUNTED: &str = "
    select sum(p.rows) from sys.partitions p
    select sum(s.row_count) from sys.dm_db_partition_stats s
    select sum(a.used_pages) from sys.allocation_units a
    exec sp_spaceused";

/// Has each of some sessions ask for as long as others change something.
fn meanwhile(
    engine: &Arc<Engine>,
    ask: impl Fn(&mut Session) + Sync,
    change: impl Fn(&mut Session, usize) + Sync,
) {
    let over = AtomicBool::new(false);
    let session = || connect(engine, "sa", "secret");
    thread::scope(|threads| {
        let asked = || {
            let mut session = session();
            while !over.load(Ordering::Relaxed) {
                ask(&mut session);
            }
        };
        let asking: Vec<_> = (0..3).map(|_| threads.spawn(asked)).collect();
        let change = &change;
        let changing: Vec<_> = (0..3).map(|n| threads.spawn(move || change(&mut session(), n))).collect();
        let changed: Vec<_> = changing.into_iter().map(thread::ScopedJoinHandle::join).collect();
        over.store(true, Ordering::Relaxed);
        let asked = asking.into_iter().map(thread::ScopedJoinHandle::join);
        for ended in changed.into_iter().chain(asked.collect::<Vec<_>>()) {
            ended.unwrap();
        }
    });
}

#[test]
fn the_catalog_is_read_while_tables_come_and_go() {
    let engine = engine();
    let mut first = connect(&engine, "sa", "secret");
    for n in 0..3 {
        ok(&mut first, &format!("create table t{n} (a int not null primary key, long nvarchar(max))"));
        ok(&mut first, &format!("create trigger after{n} on t{n} after insert as set nocount on"));
    }
    meanwhile(
        &engine,
        |session| assert_eq!(run(session, COUNTED).error(), None),
        |session, n| {
            for end in ["commit", "commit", "rollback"].repeat(10) {
                let sql = format!(
                    "begin tran; truncate table t{n}; insert t{n} (a) values (1); {end}
                     create table passing{n} (a int); create table #mine (b int); drop table #mine
                     drop table passing{n}"
                );
                ok(session, &sql);
            }
        },
    );
}

/// A table that is not there is 208; one that is can be read.
#[test]
fn a_table_that_is_just_being_made_is_there_or_is_not() {
    meanwhile(
        &engine(),
        |session| {
            let read = run(session, "if object_id('passing0') is not null select count(*) from passing0");
            let missing = read.error().is_none_or(|error| error.number == 208);
            assert!(missing, "{:?}", read.error());
        },
        |session, n| {
            for _ in 0..60 {
                ok(session, &format!("create table passing{n} (a int); drop table passing{n}"));
            }
        },
    );
}
