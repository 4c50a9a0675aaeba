//! Runs the SQL on stdin against the server that an environment variable names: for scripts that have no client at hand.
//!
//! `echo 'UPDATE ...' | sql REPLICA_TARGET`
use std::io::{Read, stdin};

fn main() -> std::process::ExitCode {
    let variable = std::env::args().nth(1).expect("the name of a variable that holds a connection string");
    let connection = std::env::var(&variable).unwrap_or_else(|_| panic!("{variable} is not set"));
    let mut sql = String::new();
    stdin().read_to_string(&mut sql).expect("SQL on stdin");
    // Rows may come, and are dropped.
    match replica_testkit::Client::connect(&connection).try_rows(&sql) {
        Ok(_) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            std::process::ExitCode::FAILURE
        }
    }
}
