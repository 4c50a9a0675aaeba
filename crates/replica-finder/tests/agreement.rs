//! For every pair of types that can be copied: what the finder says of a value is what becomes of it in a load.
use std::collections::{BTreeMap, BTreeSet};

use replica_core::catalog::{Article, Column, Length, SqlType, Table, TableName};
use replica_core::config::Endpoint;
use replica_core::copy::{CopyOptions, Plan, RowSelection, Sides};
use replica_core::decode::{RowReader, Value};
use replica_core::error::Result;
use replica_core::find::{LookedFor, RowName, Search, find};
use replica_core::lane::{self, Rows};
use replica_core::session::Session;
use replica_core::types::{
    convert,
    guide::{collated, column, representatives},
};
use replica_core::window::Filter;
use replica_testkit::Pair;
use tokio::runtime::Builder;

const LATIN: (&str, u32) = ("Latin1_General_CI_AS", 1252);
const CYRILLIC: (&str, u32) = ("Cyrillic_General_CI_AS", 1251);
const UTF8: (&str, u32) = ("Latin1_General_100_CI_AS_SC_UTF8", 65001);

/// Numbers at the edges of types, and beyond.
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "255",
    "256",
    "-32768",
    "-32769",
    "32767",
    "32768",
    "2147483647",
    "2147483648",
    "-2147483649",
    "9007199254740992",
    "9007199254740993",
    "9223372036854775807",
    "999999999",
    "1000000000",
    "-999999999.4999",
    "-999999999.5",
    "214748.3647",
    "214748.3648",
    "-214748.3649",
    "922337203685477.5807",
    "922337203685477.5808",
    "0.5",
    "0.05",
    "1.2345",
    "999999999999999.9999",
    "16777216",
    "16777217",
    "0.1",
    "1E10",
    "1E30",
    "3.5E38",
    "-1E300",
    "123456.7",
];

const MOMENTS: &[&str] = &[
    "0001-01-01",
    "1752-12-31",
    "1753-01-01",
    "1899-12-31",
    "1900-01-01",
    "2079-06-06 23:59:00",
    "2079-06-06 23:59:29",
    "2079-06-06 23:59:30",
    "2079-06-07",
    "9999-12-31 23:59:59.9999999",
    "9999-12-31 23:59:59.997",
    "9999-12-31 23:59:59.998",
    "2024-01-31 23:59:59.999",
    "2024-01-31 23:59:59.9999999",
    "2024-01-30 23:59:30",
    "2024-02-29 12:34:56.1234567",
    "2024-02-29 12:34:56.003",
    "2024-02-29 12:34:56.007",
    "2024-02-29 12:34:00",
    "23:59:59.9999999",
    "00:00:00.0000001",
    "12:00:00.5",
    "2024-01-31 23:59:59.9999999 +05:30",
];

fn texts() -> Vec<String> {
    let repeated =
        [("a", 10), ("a", 11), ("a", 40), ("a", 41), ("\u{e9}", 10), ("\u{e9}", 11), ("\u{e9}", 40)];
    let wide = [("\u{1F986}", 5), ("\u{1F986}", 20), ("\u{1F986}", 21), ("\u{6728}", 13), ("\u{6728}", 14)];
    let mut texts: Vec<String> = repeated.iter().chain(&wide).map(|(c, n)| c.repeat(*n)).collect();
    texts.extend(["", "?", "\u{416}", "\u{3A9}mega", "ab  "].map(str::to_owned));
    texts.push(format!("ab{}", " ".repeat(38)));
    texts.push(format!("{}{}", "\u{a9}".repeat(20), " ".repeat(20)));
    texts
}

fn types() -> Vec<Column> {
    let extra = [
        SqlType::Decimal { precision: 5, scale: 3 },
        SqlType::Time(0),
        SqlType::DateTime2(0),
        SqlType::DateTimeOffset(0),
        SqlType::VarChar(Length::N(10)),
        SqlType::NVarChar(Length::N(10)),
        SqlType::VarBinary(Length::N(8)),
    ];
    let made = |t: &SqlType| {
        !matches!(
            t,
            SqlType::Variant
                | SqlType::RowVersion
                | SqlType::Clr(_)
                | SqlType::Json
                | SqlType::Vector(_)
                | SqlType::Xml
        )
    };
    let mut columns = Vec::new();
    for sql_type in representatives().iter().chain(&extra).filter(|t| made(t)) {
        columns.push(column("v", sql_type));
        if matches!(sql_type, SqlType::VarChar(Length::N(_)) | SqlType::Char(_)) {
            for (collation, page) in [CYRILLIC, UTF8] {
                columns.push(collated("v", sql_type, collation, page));
            }
        }
    }
    columns
}

fn declared(column: &Column) -> String {
    let collation = column.collation.as_ref().map_or(LATIN.0, |collation| &collation.name);
    if column.sql_type.is_text() {
        format!("{} COLLATE {collation}", column.sql_type)
    } else {
        column.sql_type.to_string()
    }
}

/// Statements that put every value that the type has into dbo.s, under ids of their own.
fn inserts(column: &Column) -> Vec<String> {
    let sql_type = &column.sql_type;
    let literals: Vec<String> = match sql_type {
        t if t.is_text() => texts().iter().map(|text| format!("N'{text}'")).collect(),
        SqlType::Binary(_) | SqlType::VarBinary(_) | SqlType::Image => {
            [0, 1, 8, 9, 16, 17].iter().map(|n| format!("0x{}", "AB".repeat(*n))).collect()
        }
        SqlType::UniqueIdentifier => vec!["'6F9619FF-8B86-D011-B42D-00C04FC964FF'".into()],
        SqlType::Date
        | SqlType::Time(_)
        | SqlType::DateTime
        | SqlType::SmallDateTime
        | SqlType::DateTime2(_)
        | SqlType::DateTimeOffset(_) => {
            MOMENTS.iter().map(|text| format!("TRY_CONVERT({sql_type}, '{text}', 121)")).collect()
        }
        _ => NUMBERS.iter().map(|text| format!("TRY_CAST('{text}' AS {sql_type})")).collect(),
    };
    let insert = |(id, literal): (usize, String)| format!("INSERT INTO dbo.s VALUES ({id}, {literal})");
    literals.into_iter().enumerate().map(insert).collect()
}

#[test]
fn the_finder_and_the_load_agree_on_every_pair() {
    let pair = Pair::new();
    Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let endpoint = |connection: &str| Endpoint::from_connection_string(connection).unwrap();
        let (source, target) = (endpoint(&pair.source.connection), endpoint(&pair.target.connection));
        let mut sides = Sides::connect(&source, &target).await.unwrap();
        let mut kinds = BTreeMap::new();
        for from in types() {
            make(&mut sides.source, "s", &from).await;
            for insert in inserts(&from) {
                // What the source cannot hold either is not asked about.
                drop(sides.source.execute(&insert).await);
            }
            make(&mut sides.target, "s", &from).await;
            let (source, target) =
                sides.tables(&TableName::new("dbo", "s"), &Article::default()).await.unwrap();
            for to in types().iter().filter(|to| convert(&from, to).is_ok()) {
                make(&mut sides.target, "s", to).await;
                let mut target = target.clone();
                let made = Column { id: target.columns[1].id, ..to.clone() };
                target.columns[1] = made;
                let plan = Plan::new(&source, &target, CopyOptions::default()).unwrap();
                for kind in agree(&mut sides, &source, &plan).await {
                    *kinds.entry(kind).or_insert(0) += 1;
                }
            }
        }
        let kinds: Vec<_> = kinds.into_keys().collect();
        let expected = [
            "characters lost",
            "filled with zero bytes",
            "out of range",
            "rounded",
            "rounded into the next day",
            "rounded into the next month",
            "too long",
            "trailing blanks cut",
        ];
        assert_eq!(kinds, expected, "every kind of problem has come up");
    });
}

async fn make(session: &mut Session, table: &str, column: &Column) {
    let declared = declared(column);
    let sql = format!(
        "DROP TABLE IF EXISTS dbo.{table}; CREATE TABLE dbo.{table} (id int NOT NULL PRIMARY KEY, v {declared} NULL)"
    );
    session.execute(&sql).await.unwrap();
}

/// Compares verdict and outcome for every row; answers the kinds of problems that came up.
async fn agree(sides: &mut Sides, source: &Table, plan: &Plan) -> BTreeSet<String> {
    let columns = &plan.mapping.columns;
    let (from, to) = (&columns[1].source, &columns[1].target);
    let what = format!("{} to {}", declared(from), declared(to));
    let search = Search { source, columns, looked_for: LookedFor::All, filter: None, rows: 1000 };
    let findings = find(&mut sides.source, &search).await.unwrap();
    let mut refused = BTreeSet::new();
    let mut changed = BTreeSet::new();
    for finding in &findings {
        for offender in &finding.offenders {
            let RowName::Key(key) = &offender.row else { panic!("{what}: no key") };
            let id: i64 = key[0].parse().unwrap();
            let set = if finding.problem.is_refused() { &mut refused } else { &mut changed };
            set.insert(id);
        }
        assert_eq!(finding.offenders.len() as u64, finding.rows, "{what}: {finding}");
    }
    let before = values(&mut sides.source).await;
    for id in &refused {
        let loaded = load_rows(sides, plan, format!("id = {id}")).await;
        assert!(loaded.is_err(), "{what}: {} is taken, and the finder says that it is not", before[id]);
    }
    let rest: Vec<String> = refused.iter().map(ToString::to_string).collect();
    let rest = if rest.is_empty() { "1 = 1".into() } else { format!("id NOT IN ({})", rest.join(", ")) };
    if let Err(error) = load_rows(sides, plan, rest).await {
        panic!("{what}: the finder misses what the load is refused for: {error}");
    }
    let after = values(&mut sides.target).await;
    for (id, value) in &after {
        let same = is_same(&before[id], value, from, to);
        let said = changed.contains(id);
        assert_eq!(!same, said, "{what}: {} became {value}; said to change: {said}", before[id]);
    }
    findings.iter().map(|finding| finding.problem.to_string()).collect()
}

async fn load_rows(sides: &mut Sides, plan: &Plan, predicate: String) -> Result<()> {
    let part =
        RowSelection { filter: Some(Filter { predicate, params: Vec::new() }), ..RowSelection::default() };
    let rows = Rows::open(sides.source.lane()?, plan.select_part(&part)).await?;
    let load = plan.load(rows.columns())?;
    lane::stream(rows, sides.target.lane()?, &load, &mut |_| ()).await.map(drop)
}

/// A value as the test compares it.
#[derive(Clone, Debug)]
enum Seen {
    Null,
    Int(i64),
    Real(f32),
    Float(f64),
    Text(String),
    Other(String),
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

async fn values(session: &mut Session) -> BTreeMap<i64, Seen> {
    let mut rows = Rows::open(session.lane().unwrap(), "SELECT id, v FROM dbo.s").await.unwrap();
    let mut reader = RowReader::new(rows.columns(), 1 << 20).unwrap();
    let mut values = BTreeMap::new();
    while let Some(block) = rows.next(Vec::new()).await.unwrap() {
        let mut input = block.bytes.as_slice();
        while let Some(row) = reader.next(&mut input).unwrap() {
            let Value::Int(id) = row.value(0).unwrap() else { panic!("no id") };
            let seen = match row.value(1).unwrap() {
                Value::Null => Seen::Null,
                Value::Int(n) => Seen::Int(n),
                Value::Real(x) => Seen::Real(x),
                Value::Float(x) => Seen::Float(x),
                Value::Text(text) => Seen::Text(text.lossy().into_owned()),
                other => Seen::Other(other.to_string()),
            };
            values.insert(id, seen);
        }
    }
    values
}

/// Is the value the same for those who care, whatever its type now?
fn is_same(before: &Seen, after: &Seen, from: &Column, to: &Column) -> bool {
    let fixed = |column: &Column| {
        matches!(column.sql_type, SqlType::Char(_) | SqlType::NChar(_) | SqlType::Binary(_))
    };
    match (before, after) {
        (Seen::Null, Seen::Null) => true,
        // Padding is no part of a value.
        (Seen::Text(one), Seen::Text(other)) if fixed(from) || fixed(to) => {
            one.trim_end_matches(' ') == other.trim_end_matches(' ')
        }
        (Seen::Text(one), Seen::Text(other)) => one == other,
        (Seen::Int(n), Seen::Float(x)) => *x as i128 == i128::from(*n),
        (Seen::Int(n), Seen::Real(x)) => *x as i128 == i128::from(*n),
        (Seen::Float(x), Seen::Float(y)) => x == y,
        (Seen::Real(x), Seen::Real(y)) => x == y,
        (Seen::Float(x), Seen::Real(y)) => *x == f64::from(*y),
        (Seen::Real(x), Seen::Float(y)) => f64::from(*x) == *y,
        (Seen::Float(x), Seen::Other(text)) => text.parse() == Ok(*x),
        (Seen::Real(x), Seen::Other(text)) => text.parse() == Ok(*x),
        (Seen::Other(text), Seen::Float(x)) => is_number(text, *x, 15),
        (Seen::Other(text), Seen::Real(x)) => is_number(text, f64::from(*x), 6),
        // Numbers and identifiers as text.
        (other, Seen::Text(text)) => plain(&bare(other)) == plain(text.trim_end_matches(' ')),
        (one, other) if from.sql_type == SqlType::DateTime => {
            milliseconds(&bare(one)) == milliseconds(&bare(other))
        }
        (one, other) if fixed(from) => bare(one).trim_end_matches('0') == bare(other).trim_end_matches('0'),
        (one, other) => plain(&bare(one)) == plain(&bare(other)),
    }
}

/// A number of no more digits than a float keeps is the same; any other, if it reads back as itself.
fn is_number(exact: &str, float: f64, keeps: usize) -> bool {
    let digits = exact.chars().filter(char::is_ascii_digit).collect::<String>();
    let scale = exact.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    digits.trim_matches('0').len() <= keeps || format!("{float:.scale$}") == exact
}

/// A step of datetime has three decimals for people, and more of them in datetime2: .997 is .9966667.
fn milliseconds(moment: &str) -> (&str, u32) {
    let (second, fraction) = moment.split_once('.').unwrap_or((moment, "0"));
    (second, (format!("{fraction:0<7}").parse::<u32>().unwrap() + 5_000) / 10_000)
}

fn bare(seen: &Seen) -> String {
    match seen {
        Seen::Null => "NULL".into(),
        Seen::Int(n) => n.to_string(),
        Seen::Real(x) => x.to_string(),
        Seen::Float(x) => x.to_string(),
        Seen::Text(text) | Seen::Other(text) => text.clone(),
    }
}

/// Without zeros that say nothing: after a point, and of a time of midnight.
fn plain(text: &str) -> String {
    let (text, offset) = match text.rsplit_once(' ') {
        Some((text, offset)) if offset.starts_with(['+', '-']) => (text, offset),
        _ => (text, ""),
    };
    let short = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text };
    format!("{}{offset}", short.strip_suffix(" 00:00:00").unwrap_or(short))
}
