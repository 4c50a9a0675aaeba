//! The command line.
use argh::{ArgsInfo, FromArgs};
use replica_core::boundaries::MOST_RANGES;
use replica_core::cli::windowed::{self, WindowedArgs, WindowedOptions, Work};
use replica_core::cli::{Code, Tables, Tool, values};
use replica_core::copy::windows::{IndexScope, RangeSize};
use replica_core::error::{Error, Result};
use replica_core::report::{Reporter, Reporting};

replica_core::options! {
    #[derive(Debug)]
    pub struct Args {
        own: Own,
        tables: Tables,
        windowed: WindowedArgs,
    }
}

/// Replaces a table by the source's, range by range of a key and several ranges at once: for big tables that have no date.
/// Where the ranges begin, the source's statistics say, or a sample of its pages; the table is not read for that. A ledger in
/// the target has the ranges, and says which are complete.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(
    example = "replicate-key-ranges-parallel-streaming dbo.Ledger_Entries --max-workers 4",
    example = "replicate-key-ranges-parallel-streaming dbo.Ledger_Entries --key entry_id --ranges 32 --explain",
    example = "replicate-key-ranges-parallel-streaming dbo.Ledger_Entries --resume",
    note = "Connections: REPLICA_SOURCE and REPLICA_TARGET (ADO.NET strings), or [source] and [target] in replica.toml.
Options may be written --name value or --name=value.
Exit codes: 0 all done; 1 something failed, the lines say what; 2 bad usage or configuration;
  3 cannot connect or log in; 4 another run holds this table; 130/143 stopped by a signal, after cleaning up."
)]
struct Own {
    /// cut by this column, or by several, with commas between (default: the clustered index's or the primary key's)
    #[argh(option, arg_name = "column")]
    key: Option<String>,
    /// so many ranges (default: 6 for each worker, of at least 10000 rows)
    #[argh(option, arg_name = "n")]
    ranges: Option<u32>,
    /// ranges of about so many rows
    #[argh(option, arg_name = "n", from_str_fn(values::rows))]
    rows_per_range: Option<u64>,
}

impl Tool for Args {
    const NAME: &'static str = "replicate-key-ranges-parallel-streaming";
    type Options = WindowedOptions;

    fn reporting(&self) -> Reporting {
        self.windowed.reporting()
    }

    fn resolve(self, stdin: bool) -> Result<WindowedOptions> {
        let selection = self.windowed.selection(self.tables, stdin)?;
        let work = match self.windowed.instead()? {
            Some(work) => work,
            None => Work::Keys { columns: self.own.columns()?, size: self.own.size()? },
        };
        if self.own.key.is_some() && selection.all {
            return Err(Error::usage("--key is of one table, and --all names many"));
        }
        self.windowed.options(Self::NAME, selection, work, IndexScope::Run)
    }

    fn run(options: WindowedOptions, reporter: &Reporter) -> Result<Code> {
        windowed::run(&options, reporter)
    }
}

impl Own {
    fn columns(&self) -> Result<Vec<String>> {
        let Some(key) = &self.key else { return Ok(Vec::new()) };
        let columns: Vec<_> = key.split(',').map(|column| column.trim().to_owned()).collect();
        if columns.iter().any(String::is_empty) {
            return Err(Error::usage(format!("--key {key} names a column that has no name")));
        }
        Ok(columns)
    }

    fn size(&self) -> Result<RangeSize> {
        match (self.ranges, self.rows_per_range) {
            (Some(_), Some(_)) => Err(Error::usage("--ranges and --rows-per-range exclude each other")),
            (Some(ranges), None) if (1..=MOST_RANGES).contains(&ranges) => Ok(RangeSize::Ranges(ranges)),
            (Some(_), None) => Err(Error::usage(format!("--ranges is a number from 1 to {MOST_RANGES}"))),
            (None, Some(rows)) => Ok(RangeSize::Rows(rows)),
            (None, None) => Ok(RangeSize::ByWorkers),
        }
    }
}

#[cfg(test)]
mod tests {
    use replica_testkit::{options, refusal};

    use super::*;

    #[test]
    fn a_key_and_how_it_is_cut() {
        let work = |line: &str| options::<Args>(line).work;
        let keys = |columns: &[&str], size| Work::Keys {
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
            size,
        };
        assert_eq!(work("t"), keys(&[], RangeSize::ByWorkers));
        assert_eq!(work("t --key id --ranges 8"), keys(&["id"], RangeSize::Ranges(8)));
        assert_eq!(work("t --key a,b --rows-per-range=5000"), keys(&["a", "b"], RangeSize::Rows(5_000)));
        assert_eq!(work("t --repair-indexes"), Work::RepairIndexes);
    }

    #[test]
    fn bad_values_are_usage_errors() {
        for words in [
            "--ranges 0",
            "--ranges 1001",
            "--rows-per-range 0",
            "--ranges 2 --rows-per-range 5",
            "--key a,,b",
            "--resume --restart",
            "--start-date 2024-01-01",
            "--index-scope month",
            "--max-workers 0",
        ] {
            refusal::<Args>(&format!("t {words}"));
        }
        refusal::<Args>("--all --key id");
        refusal::<Args>("");
    }
}
