//! What a file says of itself beyond Parquet, in its key-value metadata: all that it takes to make the rows again.
use replica_core::catalog::{Column, Table, TableName};
use replica_core::copy::Plan;
use replica_core::error::{Error, Result};
use replica_core::tds::{
    columns::{self, Form},
    fingerprint::Fingerprint,
};
use serde::{Deserialize, Serialize};

/// The key of the metadata; the value is JSON.
pub const KEY: &str = "replica";

/// Files of another format are refused: also of one whose rows are hashed in another way.
const FORMAT: u32 = 1;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Metadata {
    pub format: u32,
    /// The table that the rows come from, for people.
    pub schema: String,
    pub table: String,
    /// In the order of the leaves.
    pub columns: Vec<Origin>,
    /// COLMETADATA of the SELECT, in hexadecimal: names, types on the wire, collation bytes, nullability.
    pub result: String,
    /// Decimals were read with 17 bytes each, and are hashed so.
    pub padded_decimals: bool,
    /// What decides which of the table's rows these are, see `Article::fingerprint`.
    #[serde(default)]
    pub article: String,
    pub rows: u64,
    /// Of all rows, as [`Fingerprint`] prints it.
    pub hash: String,
    /// So many bytes are before the file's footer, and this is their XXH3, in hexadecimal.
    pub bytes: u64,
    pub bytes_hash: String,
}

/// Where a column's values come from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Origin {
    pub source: Column,
    /// What the SELECT computed. For comparison: it is never sent to a server.
    pub expression: String,
}

impl Metadata {
    /// For the rows of a plan; what only the end of the rows can say is left open.
    pub fn new(plan: &Plan, result: &[columns::WireColumn]) -> Self {
        let origin = plan.mapping.columns.iter().map(|column| Origin {
            source: column.source.clone(),
            expression: column.conversion.expression.clone(),
        });
        let mut encoded = Vec::new();
        columns::encode(result, Form::Result, &mut encoded);
        Self {
            format: FORMAT,
            schema: plan.source.schema.clone().unwrap_or_default(),
            table: plan.source.name.clone(),
            columns: origin.collect(),
            result: encoded.iter().map(|byte| format!("{byte:02x}")).collect(),
            padded_decimals: plan.strategy.server.pads_decimals,
            article: plan.article.fingerprint(),
            rows: 0,
            hash: String::new(),
            bytes: 0,
            bytes_hash: String::new(),
        }
    }

    /// # Errors
    /// It is not these tools' own, or of another version of them.
    pub fn parse(json: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let foreign = |error| Error::data(format!("its metadata cannot be read: {error}"));
        let Version { format } = serde_json::from_str(json).map_err(foreign)?;
        if format != FORMAT {
            return Err(Error::data(format!("it has format {format}, and these tools read {FORMAT}")));
        }
        serde_json::from_str(json).map_err(foreign)
    }

    /// The columns of the SELECT.
    ///
    /// # Errors
    /// They are not as they were written.
    pub fn result(&self) -> Result<Vec<columns::WireColumn>> {
        let damaged = || Error::data("its metadata does not say what columns there are");
        let pairs = self.result.as_bytes().chunks(2);
        let byte = |pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
        let bytes = pairs.map(byte).collect::<Option<Vec<u8>>>().ok_or_else(damaged)?;
        match columns::parse(&bytes, Form::Result) {
            Ok(Some((columns, used)))
                if used == bytes.len() && !columns.is_empty() && columns.len() == self.columns.len() =>
            {
                Ok(columns)
            }
            _ => Err(damaged()),
        }
    }

    /// The table, as far as a plan has to know it.
    pub fn table(&self, name: &TableName) -> Table {
        let columns = self.columns.iter().map(|column| column.source.clone()).collect();
        Table::unserved(name.clone(), columns, self.rows)
    }

    /// # Errors
    /// The rows are not those that the plan would select.
    pub fn check(&self, plan: &Plan, result: &[columns::WireColumn]) -> Result<()> {
        if plan.limits.is_some() {
            return Err(Error::usage("a file holds a whole table, and a window of it is wanted"));
        }
        let again = "Write the file again for this target: --full-table-mode parquet --keep-parquet";
        let wanted = &plan.mapping.columns;
        let names = || wanted.iter().map(|column| column.target.name.as_str());
        if !names().eq(result.iter().map(|column| &*column.name)) {
            let list = |names: Vec<&str>| names.join(", ");
            let held = list(result.iter().map(|column| &*column.name).collect());
            let wanted = list(names().collect());
            return Err(
                Error::mapping(format!("the file's columns are {held}; the target's {wanted}")).remedy(again)
            );
        }
        for (column, held) in wanted.iter().zip(&self.columns) {
            let held = &held.expression;
            let wanted = &column.conversion.expression;
            if held != wanted {
                let what = format!("the file holds {held}, and this target needs {wanted}");
                return Err(Error::mapping(what).column(&column.target.name).remedy(again));
            }
        }
        if self.article != plan.article.fingerprint() {
            let what = "the file was written with another condition on the rows, or other expressions";
            return Err(Error::mapping(what).remedy(again));
        }
        if self.padded_decimals != plan.strategy.server.pads_decimals {
            let what = "the file was written for another kind of server";
            return Err(Error::mapping(what).remedy(again));
        }
        Ok(())
    }

    /// # Errors
    /// The rows read are not those that were written.
    pub fn prove(&self, read: Fingerprint) -> Result<()> {
        if read.rows == self.rows && read.to_string() == self.hash {
            return Ok(());
        }
        Err(Error::data(format!(
            "the rows were changed after they were written: {} rows with hash {} then, {} with {read} now",
            self.rows, self.hash, read.rows
        )))
    }
}
