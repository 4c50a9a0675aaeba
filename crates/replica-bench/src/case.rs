//! What is copied: tables of a few thousand rows, which the sandbox replays to any number.

/// A table, and how many rows of it each mode moves.
pub struct Case {
    pub name: &'static str,
    pub table: &'static str,
    /// Batches that make and fill the table in the source; none where the sandbox has the data itself.
    pub source: Vec<String>,
    /// Batches that make the table in the target.
    pub target: Vec<String>,
    /// Columns that the typed copy goes without, since tiberius 0.13 can't load them: image, xml, sql_variant and CLR
    /// types, and the largest amounts of money, which it reads as floating point numbers beyond the type's range.
    pub untyped: &'static [&'static str],
    pub rows: CaseRows,
}

impl Case {
    /// A table that is made elsewhere.
    pub fn of_table(name: &'static str, table: &'static str) -> Self {
        let rows = CaseRows { fast: 0, typed: 0 };
        Self { name, table, source: Vec::new(), target: Vec::new(), untyped: &[], rows }
    }
}

/// Makes the sandbox fill its own tables: rows enough that no cache holds them all.
pub const SANDBOX: [&str; 6] = ["--generate", "sales", "--rows", "5000", "--load", "nycflights13"];

/// Rows for the lane and the relay, and for the typed copy, which is slow.
#[derive(Clone, Copy)]
pub struct CaseRows {
    pub fast: u64,
    pub typed: u64,
}

/// The cases of a run; a quick one moves fewer rows. `ddl`: the statements that make a data set's tables.
pub fn all<E>(quick: bool, ddl: impl Fn(&str) -> Result<Vec<String>, E>) -> Result<Vec<Case>, E> {
    let rows = |fast, typed, less| {
        if quick { CaseRows { fast: fast / less, typed: typed / less } } else { CaseRows { fast, typed } }
    };
    Ok(vec![
        sales(rows(800_000, 100_000, 2), ddl("sales")?),
        flights(rows(5_000_000, 500_000, 5), ddl("nycflights13")?),
        int(rows(20_000_000, 1_000_000, 5)),
        wide(rows(20_000, 10_000, 5)),
    ])
}

fn sales(rows: CaseRows, ddl: Vec<String>) -> Case {
    Case {
        name: "sales",
        table: "dbo.APP_4_SALES",
        source: Vec::new(),
        target: ddl,
        untyped: &[
            "REBATE_AMOUNT",
            "DEPOSIT_AMOUNT",
            "CASH_AMOUNT",
            "CARD_AMOUNT",
            "OLD_PICTURE",
            "DETAILS",
            "CUSTOM_VALUE",
            "LOCATION",
            "FLOOR_PLAN",
            "CATEGORY_PATH",
            "ROW_VERSION",
        ],
        rows,
    }
}

fn flights(rows: CaseRows, ddl: Vec<String>) -> Case {
    Case { name: "flights", table: "dbo.flights", source: Vec::new(), target: ddl, untyped: &[], rows }
}

fn int(rows: CaseRows) -> Case {
    let create = "CREATE TABLE dbo.one_int (n int NOT NULL)";
    let values: Vec<String> = (0..1000).map(|n| format!("({})", n * 7_919)).collect();
    let insert = format!("INSERT INTO dbo.one_int VALUES {}", values.join(", "));
    Case {
        name: "int",
        table: "dbo.one_int",
        source: vec![create.to_owned(), insert],
        target: vec![create.to_owned()],
        untyped: &[],
        rows,
    }
}

/// 20,000 characters are 40 kB: more than a packet holds.
fn wide(rows: CaseRows) -> Case {
    let create = "CREATE TABLE dbo.wide_text (t nvarchar(max) NULL)";
    let text = "Schöne Grüße, 日本 🦆. ".chars().cycle().take(20_000).collect::<String>();
    Case {
        name: "wide",
        table: "dbo.wide_text",
        source: vec![create.to_owned(), format!("INSERT INTO dbo.wide_text VALUES (N'{text}')")],
        target: vec![create.to_owned()],
        untyped: &[],
        rows,
    }
}
