//! What a tool asks of the servers: logins and round trips, as the sandbox counts them.
use std::ops::Sub;

use crate::{Client, Pair, Program};

/// Of one side, since the sandbox started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundTrips {
    pub logins: i64,
    /// Requests whose answer somebody waited for: the reset of a session that is given back is none of them.
    pub round_trips: i64,
}

impl RoundTrips {
    /// By [`Program::counted`], at the source and at the target.
    pub fn of(pair: &Pair) -> [Self; 2] {
        let mut client = pair.server.client("master");
        [SOURCE, TARGET].map(|program| Self::by(&mut client, program))
    }

    /// By a program of this name, as its connection string has it.
    pub fn by(client: &mut Client, program: &str) -> Self {
        let rows = client.rows("EXEC sp_sandbox_requests");
        let row = rows.iter().find(|row| row.get::<&str, _>(0) == Some(program));
        let number = |place| row.and_then(|row| row.get::<i64, _>(place)).unwrap_or_default();
        Self { logins: number(1), round_trips: number(2) - number(3) }
    }
}

impl Sub for RoundTrips {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self { logins: self.logins - other.logins, round_trips: self.round_trips - other.round_trips }
    }
}

impl RoundTrips {
    /// What a run of the program asks of source and target.
    #[track_caller]
    pub fn of_run(pair: &Pair, program: Program, args: &[&str]) -> [Self; 2] {
        let before = Self::of(pair);
        program.counted(pair).run(args).exits(0);
        let after = Self::of(pair);
        [after[0] - before[0], after[1] - before[1]]
    }
}

const SOURCE: &str = "counted source";
const TARGET: &str = "counted target";

impl Program {
    /// Its requests are told apart from others'. For pairs on the sandbox.
    pub fn counted(self, pair: &Pair) -> Self {
        let named = |connection: &str, name: &str| format!("{connection};Application Name={name}");
        self.with("REPLICA_SOURCE", &named(&pair.source.connection, SOURCE))
            .with("REPLICA_TARGET", &named(&pair.target.connection, TARGET))
    }
}
