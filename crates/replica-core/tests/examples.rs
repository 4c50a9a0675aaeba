//! The crate's example, run as a reader would.
use replica_testkit::{Pair, Program, ProgramExit};

/// Cargo builds the examples of a package with its tests, beside them.
fn copy_table(pair: &Pair, query: &str) -> ProgramExit {
    let tests = std::env::current_exe().unwrap();
    let examples = tests.parent().unwrap().with_file_name("examples");
    let name = format!("copy_table{}", std::env::consts::EXE_SUFFIX);
    Program::new(examples.join(name)).between(pair).run(&[query, "dbo.towns"])
}

fn towns(pair: &Pair) -> Vec<String> {
    let town = "CONCAT(id, ', ', ISNULL(mayor, 'none'), ', ', ISNULL(town, 'none'), ', ', seen)";
    let rows = pair.target.client().rows(&format!("SELECT {town} AS town FROM dbo.towns ORDER BY id"));
    rows.iter().map(|row| row.get::<&str, _>("town").unwrap().to_owned()).collect()
}

#[test]
fn a_query_of_one_server_fills_a_table_of_another() {
    let pair = Pair::new();
    pair.source(
        "CREATE TABLE dbo.places (id int NOT NULL, place varchar(20) COLLATE Cyrillic_General_CI_AS NULL, area real NULL); \
         CREATE TABLE dbo.mayors (place int NOT NULL, name nvarchar(max) NULL); \
         INSERT INTO dbo.places VALUES (1, N'Тверь', 152.2), (2, NULL, NULL), (3, 'Bern', 51.6); \
         INSERT INTO dbo.mayors VALUES (1, N'Ольга'), (3, NULL)",
    );
    pair.target(
        "CREATE TABLE dbo.towns (id bigint NOT NULL PRIMARY KEY, mayor nvarchar(100) NULL, \
         town nvarchar(20) NULL, seen int NULL DEFAULT 7); INSERT INTO dbo.towns VALUES (9, N'x', N'y', 1)",
    );
    let query = "SELECT m.name AS mayor, p.place AS town, p.id FROM dbo.places p \
                 LEFT JOIN dbo.mayors m ON m.place = p.id WHERE p.id <> 2";
    let run = copy_table(&pair, query);
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), "2 rows\n"), "{run}");
    let expected = ["1, Ольга, Тверь, 7", "3, none, Bern, 7", "9, x, y, 1"];
    assert_eq!(towns(&pair), expected);

    // The key is taken: nothing of the second run stays.
    let run = copy_table(&pair, "SELECT p.id + 2 AS id FROM dbo.places p");
    assert!(run.code == Some(1) && run.stderr.contains("2627"), "{run}");
    assert_eq!(towns(&pair), expected);

    let run = copy_table(&pair, "SELECT area FROM dbo.places");
    assert!(run.stderr.contains("area"), "{run}");
}
