//! Adds the rows of a query on one server to a table of another, as they come over the wire.
//!
//!     copy_table 'SELECT id, name FROM dbo.Airports WHERE country = 7' dbo.Airports
//!
//! REPLICA_SOURCE and REPLICA_TARGET say where. The query's columns have the names of the table's.
use std::process::ExitCode;

use replica_core::catalog::{self, TableName};
use replica_core::cli::{Code, block_on};
use replica_core::config::Config;
use replica_core::error::{Error, Result};
use replica_core::lane::{self, Load, LoadColumn, Rows};
use replica_core::session::{Role, Session};

async fn copy(query: &str, table: &TableName) -> Result<u64> {
    let config = Config::load(None)?;
    let mut source = Session::connect(config.source()?, Role::Source).await?;
    let mut target = Session::connect(config.target()?, Role::Target).await?;
    let table = catalog::read(&mut target, Role::Target, table).await?;

    // What comes over the wire does not name its collation, and the load has to.
    let described = source.query("EXEC sys.sp_describe_first_result_set @P1", &[&query]).await?;
    let rows = Rows::open(source.lane()?, query).await?;
    let mut columns = Vec::new();
    for (arrived, described) in rows.columns().iter().zip(&described) {
        let no_column = || Error::mapping("the table has no such column").column(&arrived.name);
        let column = table.column_named(&arrived.name).ok_or_else(no_column)?;
        columns.push(LoadColumn::new(column, arrived, described.try_get("collation_name")?));
    }
    let load = Load {
        table: table.object.name.quoted(),
        columns,
        hints: vec!["KEEP_NULLS".into()],
        chunk_rows: 100_000,
        chunk_bytes: 64 << 20,
        commit_rows: None,
        fence: None,
    };

    // Where this fails, the connection ends, and the server takes the rows back.
    let lane = target.lane()?;
    lane.begin().await?;
    let loaded = lane::stream(rows, lane, &load, &mut |_| ()).await?;
    lane.commit().await?;
    Ok(loaded.fingerprint.rows)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let copied = block_on(1, async |_| {
        let [query, table] = &arguments[..] else { return Err(Error::usage("copy_table QUERY TABLE")) };
        println!("{} rows", copy(query, &table.parse()?).await?);
        Ok(Code::Ok)
    });
    if let Err(error) = &copied {
        eprintln!("{error}");
    }
    copied.unwrap_or_else(|error| error.exit_code()).into()
}
