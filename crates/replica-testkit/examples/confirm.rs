//! Puts the questions of docs/UNCONFIRMED.md to the server that REPLICA_TEST_SERVER names, or to the sandbox.
use std::process::ExitCode;

use replica_testkit::Server;
use replica_testkit::confirm::{Confirmation, PAGE, questions};

fn main() -> ExitCode {
    let server = Server::start();
    let version = server.client("master").values("SELECT @@VERSION AS version");
    println!("{}", version.concat().concat());
    let mut refuted = 0;
    for question in questions(PAGE).expect("the page is tested") {
        let verdict = question.ask(&server);
        refuted += u32::from(matches!(verdict, Confirmation::Refuted(_)));
        println!("{}: {verdict}", question.title);
    }
    if refuted == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
