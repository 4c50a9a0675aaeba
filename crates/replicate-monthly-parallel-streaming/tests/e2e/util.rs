//! What the tests share.
use replica_testkit::{Pair, Program, Run};

/// The tool, copying between the pair's databases.
pub fn tool(pair: &Pair) -> Program {
    Program::new(env!("CARGO_BIN_EXE_replicate-monthly-parallel-streaming")).between(pair)
}

/// Replaces the months of dbo.t in the first half of 2024, and expects success.
#[track_caller]
pub fn copy(pair: &Pair, more: &[&str]) -> Run {
    tool(pair).run(&[&HALF_A_YEAR, more].concat()).exits(0)
}

pub const HALF_A_YEAR: [&str; 5] = ["dbo.t", "--start-date", "2024-01-01", "--end-date", "2024-06-30"];

/// dbo.t (id, day, label) with `key` on both sides, and 600 rows at the source over the days of 2024.
pub fn pair(key: &str) -> Pair {
    let pair = Pair::new();
    pair.both(&format!(
        "CREATE TABLE dbo.t (id int NOT NULL, day date NOT NULL, label nvarchar(20) NULL{key})"
    ));
    let mut source = pair.source.client();
    source.run("INSERT INTO dbo.t (id, day, label) VALUES (0, '2024-01-01', N'first')");
    for doubling in 0..10 {
        let by = 1 << doubling;
        source.run(&format!(
            "INSERT INTO dbo.t (id, day, label) SELECT id + {by}, DATEADD(day, (id + {by}) % 366, '2024-01-01'), \
             CASE (id + {by}) % 3 WHEN 0 THEN NULL WHEN 1 THEN N'' ELSE N'Ünï ' + CAST(id + {by} AS nvarchar(9)) END \
             FROM dbo.t WHERE id + {by} < 600"
        ));
    }
    pair
}

/// The rows of the first half of 2024 are the same on both sides.
#[track_caller]
pub fn assert_half_a_year(pair: &Pair) {
    pair.assert_equal("SELECT id, day, label FROM dbo.t WHERE day < '2024-07-01' ORDER BY id");
}
