//! A typed copy: every value decoded into tiberius' own rows and encoded again by its bulk insert.
use std::error::Error;

use futures_util::TryStreamExt;
use tiberius::{Client, Config, EncryptionLevel, SqlBulkCopyOption, TokenRow};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

use super::{SOURCE, TARGET, connection_string};
use crate::args::Measure;
use crate::figures::{Figures, Stopwatch};

pub async fn run(measure: &Measure) -> Result<Figures, Box<dyn Error>> {
    let (mut source, mut target, table) = if measure.named {
        let named = |variable| std::env::var(variable).map_err(|e| format!("{variable}: {e}"));
        let [source, target] = [named("REPLICA_SOURCE")?, named("REPLICA_TARGET")?];
        (connect(&source).await?, connect(&target).await?, measure.table.clone())
    } else {
        let database = |name| connection_string(&measure.server, name);
        // Its own table in the target: a SELECT on one that is replayed, as tiberius makes it to learn the columns,
        // would be answered with all the rows.
        let table = measure.table.replacen("dbo.", "typed.", 1);
        (connect(&database(SOURCE)).await?, connect(&database(TARGET)).await?, table)
    };
    let described = target.column_metadata(&table, &["*"]).await?;
    let names = described.iter().map(|column| column.col_name.as_ref());
    let columns: Vec<&str> = names.filter(|name| measure.without.iter().all(|other| other != name)).collect();
    let select = format!("SELECT {} FROM {}", columns.join(", "), measure.table);
    let stopwatch = Stopwatch::start();
    let mut rows = source.simple_query(select).await?.into_row_stream();
    let options = SqlBulkCopyOption::KeepNulls | SqlBulkCopyOption::KeepIdentity;
    let mut load = target.bulk_insert_with_options(&table, &columns, options, &[]).await?;
    let mut count = 0;
    while let Some(row) = rows.try_next().await? {
        let mut values = TokenRow::with_capacity(row.len());
        row.into_iter().for_each(|value| values.push(value));
        load.send(values).await?;
        count += 1;
    }
    let loaded = load.finalize().await?.total();
    if loaded != count {
        return Err(format!("{count} rows were sent and {loaded} loaded").into());
    }
    Ok(stopwatch.stop(count, 0)?)
}

async fn connect(connection: &str) -> Result<Client<Compat<TcpStream>>, Box<dyn Error>> {
    let mut config = Config::from_ado_string(connection)?;
    config.encryption(EncryptionLevel::NotSupported);
    let tcp = TcpStream::connect(config.get_addr()).await?;
    tcp.set_nodelay(true)?;
    Ok(Client::connect(config, tcp.compat_write()).await?)
}
