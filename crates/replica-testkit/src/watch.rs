//! A reader that looks at a table again and again, while something else happens to it.
use std::sync::atomic::{AtomicBool, Ordering};

use crate::client::Client;

/// Asks what has to answer 0, until all is over: `snapshot` says that each round is a transaction of its own, and that the session
/// reads under SNAPSHOT isolation. Answers how many answers there were.
///
/// # Panics
/// An answer is another one, or an error.
pub fn watch(client: &mut Client, zeros: [&str; 2], snapshot: bool, over: &AtomicBool) -> usize {
    let mut looks = 0;
    while !over.load(Ordering::SeqCst) {
        if snapshot {
            client.batch("BEGIN TRANSACTION");
        }
        for sql in zeros {
            match client.try_rows(sql) {
                Ok(rows) => {
                    assert_eq!(rows[0].get::<i32, _>(0), Some(0), "{sql}");
                    looks += 1;
                }
                // A table that is switched or truncated has no versions of what it was (MSSQLSERVER_3961).
                Err(error) => {
                    assert!(snapshot && error.has_number(3961), "{error}");
                    break;
                }
            }
        }
        if snapshot {
            client.batch("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION");
        }
    }
    looks
}
