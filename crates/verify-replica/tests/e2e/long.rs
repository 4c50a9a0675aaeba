//! Rows that are too long to be held in memory: both sides are read side by side.
use replica_testkit::Pair;

use crate::util::{findings, tool, verify};

/// Times that a text of five characters is repeated: 320 KiB as UTF-16, where a block has 128.
const TIMES: usize = 1 << 15;

fn text(charset: &str, times: usize) -> String {
    let unit = if charset == "nvarchar" { "N'abcé€'" } else { "'abcéx'" };
    format!("REPLICATE(CAST({unit} AS {charset}(max)), {times})")
}

fn bytes(times: usize) -> String {
    format!("CAST(REPLICATE(CAST('xyz' AS varchar(max)), {times}) AS varbinary(max))")
}

#[test]
fn where_long_rows_part_is_shown() {
    let pair = Pair::new();
    pair.both(
        "CREATE TABLE dbo.t (b varbinary(max) NULL, n nvarchar(max) NULL, v varchar(max) NULL, x xml NULL, \
         d image NULL, id int NOT NULL PRIMARY KEY, after int NULL)",
    );
    let (n, v, b) = (text("nvarchar", TIMES), text("varchar", TIMES), bytes(TIMES));
    let xml = format!("CAST(N'<a>' + {n} + N'</a>' AS xml)");
    let row = |id: u8| format!("INSERT INTO dbo.t VALUES ({b}, {n}, {v}, {xml}, {b}, {id}, 1)");
    (1..=9).for_each(|id| pair.both(&row(id)));
    pair.source(&row(10));
    pair.target(&row(11));
    let parted =
        |charset: &str| format!("{} + 'XX' + {}", text(charset, 10_000), text(charset, TIMES - 10_000));
    for change in [
        "after = 2 WHERE id = 1",
        "b = 0x78797900 WHERE id = 2",
        &format!("n = {} WHERE id = 3", parted("nvarchar")),
        &format!("v = {} WHERE id = 4", parted("varchar")),
        &format!("x = CAST(N'<a>' + {} + N'</a>' AS xml) WHERE id = 5", parted("nvarchar")),
        &format!("d = CAST({b} + 0x00 AS varbinary(max)) WHERE id = 6"),
        "n = NULL, v = '' WHERE id = 7",
        &format!("n = {n} + N'  ' WHERE id = 8"),
    ] {
        pair.target(&format!("UPDATE dbo.t SET {change}"));
    }
    let run = verify(&pair, &["dbo.t"], 1);
    let (before, after) = ("abcé€abcé€", "abcé€".repeat(8));
    let [from, to] = [format!("…'{before}{after}'…"), format!("…'{before}XX{}'…", &after[..after.len() - 5])];
    let latin = |text: &str| text.replace('€', "x");
    let wide = 5 * TIMES;
    let part = |at: usize, more: usize| {
        format!("from character {at} on, of {} and {}", wide + more, wide + more + 2)
    };
    let hex = |bytes: &str| bytes.bytes().map(|byte| format!("{byte:02X}")).collect::<String>();
    let xyz = "xyz".repeat(20);
    let end = format!("…{}", hex(&xyz[xyz.len() - 10..]));
    let expected = [
        ["changed", "id=1", "1", "after", "1", "2", ""].map(str::to_owned),
        [
            "changed".into(),
            "id=2".into(),
            "1".into(),
            "b".into(),
            format!("0x{}…", hex(&xyz[..42])),
            "0x78797900".into(),
            format!("from byte 3 on, of {} and 4", 3 * TIMES),
        ],
        ["changed", "id=3", "1", "n", &from, &to, &part(50_001, 0)].map(str::to_owned),
        ["changed", "id=4", "1", "v", &latin(&from), &latin(&to), &part(50_001, 0)].map(str::to_owned),
        ["changed", "id=5", "1", "x", &from, &to, &part(50_004, 7)].map(str::to_owned),
        [
            "changed".into(),
            "id=6".into(),
            "1".into(),
            "d".into(),
            end.clone(),
            end + "00",
            format!("from byte {} on, of {} and {0}", 3 * TIMES + 1, 3 * TIMES),
        ],
        [
            "changed".into(),
            "id=7".into(),
            "1".into(),
            "n".into(),
            format!("'{after}'…"),
            "NULL".into(),
            format!("a value of {} bytes, and NULL", 2 * wide),
        ],
        [
            "changed".into(),
            "id=7".into(),
            "1".into(),
            "v".into(),
            format!("'{}'…", latin(&after)),
            "''".into(),
            format!("from character 1 on, of {wide} and 0"),
        ],
        [
            "changed".into(),
            "id=8".into(),
            "1".into(),
            "n".into(),
            format!("…'{before}'"),
            format!("…'{before}  '"),
            format!("{}: trailing blanks", part(wide + 1, 0)),
        ],
        ["missing", "id=10", "1", "", "", "", ""].map(str::to_owned),
        ["extra", "id=11", "1", "", "", "", ""].map(str::to_owned),
    ];
    let found = findings(&run);
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
}

/// Of rows without a key there is the beginning of every value.
#[test]
fn long_rows_without_a_key_are_shown_by_how_they_begin() {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (a int NULL, n nvarchar(max) NULL, b varbinary(max) NULL)");
    for (database, last) in [(&pair.source, "N'y'"), (&pair.target, "N'z'")] {
        let [n, b] = [text("nvarchar", TIMES), bytes(TIMES)];
        database.client().batch(&format!("INSERT INTO dbo.t VALUES (1, {n}, {b}), (2, {n} + {last}, {b})"));
    }
    let run = verify(&pair, &["dbo.t"], 1);
    let mut found = findings(&run);
    found.sort();
    let [text, hex] = ["abcé€", "78797A"].map(|unit| unit.chars().cycle().take(58).collect::<String>());
    let shown = format!("a=2, n=N'{text}…, b=0x{hex}…");
    let line = |kind| vec![kind, shown.as_str(), "1", "", "", "", ""];
    assert_eq!(found, [line("extra"), line("missing")]);
}

/// Whatever its length, and whether or not it is shown.
#[test]
fn a_long_row_that_differs_is_never_in_memory() {
    const MIB: u64 = 16;
    let pair = Pair::new();
    let columns = "n nvarchar(max) NULL, b varbinary(max) NULL";
    pair.both(&format!("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, {columns})"));
    pair.both(&format!("CREATE TABLE dbo.heap (id int NOT NULL, {columns})"));
    let peak = |table: &str, more: &[&str], code: i32| {
        let (exit, peak) = tool(&pair).start(&[&[table], more].concat()).finish_with_peak();
        exit.exits(code);
        peak / 1024
    };
    let base = peak("dbo.t", &[], 0).max(peak("dbo.heap", &[], 0));
    let long = format!("REPLICATE(CAST('0123456789abcdef' AS varchar(max)), {MIB} * 65536)");
    for table in ["t", "heap"] {
        pair.both(&format!("INSERT INTO dbo.{table} VALUES (1, {long}, CAST({long} AS varbinary(max)))"));
        pair.target(&format!("UPDATE dbo.{table} SET n = n + N'x', b = b + 0x00"));
    }
    for (table, more) in [("dbo.t", &[][..]), ("dbo.t", &["--show-rows=9"]), ("dbo.heap", &["--show-rows=9"])]
    {
        let taken = peak(table, more, 1);
        assert!(
            taken < base + 12,
            "{table} {more:?}: {taken} MiB for {} MiB twice, {base} for none",
            3 * MIB
        );
    }
}
