//! What the library says where there is no KDC, no keytab and no sense in what it is given. Logins are tested with the
//! tools (`replicate-reference-tables`, `tests/kerberos.rs`).
use std::thread;

use replica_gssapi::{Acceptor, Failure, Initiator, TicketSource};

/// What it says; `None` where it is not installed.
fn said<T>(result: Result<T, Failure>) -> Option<String> {
    match result.err().expect("it fails") {
        Failure::Said(text) => Some(text),
        Failure::NotThere(why) => {
            assert!(std::env::var_os("CI").is_none(), "{why}");
            eprintln!("skipped: {why}");
            None
        }
    }
}

#[test]
fn names_that_are_none() {
    for name in ["a@@b", "a@b@c"] {
        let login = Initiator::new(name, &TicketSource::default());
        let Some(text) = said(login.and_then(|mut login| login.step(&[]))) else { return };
        assert_eq!(text, "Malformed representation of principal", "{name}");
    }
    let source = TicketSource { keytab: Some("FILE:a\0b".to_owned()), ..TicketSource::default() };
    assert_eq!(said(Initiator::new("a@B.TEST", &source)).as_deref(), Some("a NUL in a name"));
}

#[test]
fn keys_and_tickets_that_are_nowhere() {
    let source = TicketSource {
        principal: Some("etl@B.TEST".to_owned()),
        keytab: Some("FILE:/nowhere/etl.keytab".to_owned()),
        cache: Some("MEMORY:nothing in it".to_owned()),
    };
    let begun =
        || Initiator::new("MSSQLSvc/h.test:1433@B.TEST", &source).and_then(|mut login| login.step(&[]));
    let Some(text) = said(begun()) else { return };
    assert!(!text.is_empty());
    let Some(text) =
        said(Acceptor::new("FILE:/nowhere/server.keytab").and_then(|mut server| server.step(b"x")))
    else {
        return;
    };
    assert!(!text.is_empty());
}

/// Each thread has its own failure's text.
#[test]
fn threads_do_not_mix_their_failures() {
    let of = |name: &str| {
        said(Initiator::new(name, &TicketSource::default()).and_then(|mut login| login.step(b"x")))
    };
    let alone = of("a@@b");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..50).for_each(|_| assert_eq!(of("a@@b"), alone)));
            scope.spawn(|| (0..50).for_each(|_| drop(of("a"))));
        }
    });
}
