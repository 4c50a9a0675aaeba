//! The command line.
use argh::{ArgsInfo, FromArgs};
use replica_core::cli::windowed::{self, WindowedArgs, WindowedOptions, Work};
use replica_core::cli::{Code, DayRangeArgs, Tables, Tool, WindowLength};
use replica_core::copy::windows::IndexScope;
use replica_core::error::{Error, Result};
use replica_core::report::{Reporter, Reporting};

replica_core::options! {
    #[derive(Debug)]
    pub struct Args {
        own: Own,
        tables: Tables,
        days: DayRangeArgs,
        length: WindowLength,
        windowed: WindowedArgs,
    }
}

/// Replaces the months (or weeks, or days) of a date-based table by the source's, several at once. Every window is
/// deleted and loaded again, so that a run can be repeated; a ledger in the target says which are complete.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(
    example = "replicate-monthly-parallel-streaming dbo.Flights --start-date 2024-01-01 --end-date 2024-12-31",
    example = "replicate-monthly-parallel-streaming --all --resume",
    example = "replicate-monthly-parallel-streaming dbo.Flights --repair-indexes",
    note = "Connections: REPLICA_SOURCE and REPLICA_TARGET (ADO.NET strings), or [source] and [target] in replica.toml.
Options may be written --name value or --name=value.
Exit codes: 0 all done; 1 something failed, the lines say what; 2 bad usage or configuration;
  3 cannot connect or log in; 4 another run holds this table; 130/143 stopped by a signal, after cleaning up."
)]
struct Own {
    /// disable indexes once a run, or once a month with one worker: run or month (default run)
    #[argh(option, arg_name = "run|month")]
    index_scope: Option<String>,
}

impl Tool for Args {
    const NAME: &'static str = "replicate-monthly-parallel-streaming";
    const OLD_NAMES: &'static [&'static str] = &["replicate_monthly_parallel"];
    type Options = WindowedOptions;

    fn reporting(&self) -> Reporting {
        self.windowed.reporting()
    }

    fn resolve(self, stdin: bool) -> Result<WindowedOptions> {
        let selection = self.windowed.selection(self.tables, stdin)?;
        let range = self.days.range()?;
        let work = match self.windowed.instead()? {
            Some(work) => work,
            None if range.is_none() && !selection.all => {
                return Err(Error::usage("no dates are given").remedy(
                    "Say --start-date 2024-01-01 --end-date 2024-12-31, or copy the whole table with replicate-reference-tables",
                ));
            }
            None => Work::Days {
                range,
                unit: self.length.unit.unwrap_or_default(),
                date_column: self.days.date_column,
            },
        };
        let index_scope = self.own.index_scope()?;
        if index_scope == IndexScope::Window && self.windowed.are_several() {
            return Err(Error::usage(
                "--index-scope month works on the whole table around each month, so only one worker can",
            )
            .remedy("Say --max-workers 1 without --shared, or leave --index-scope out"));
        }
        self.windowed.options(Self::NAME, selection, work, index_scope)
    }

    fn run(options: WindowedOptions, reporter: &Reporter) -> Result<Code> {
        windowed::run(&options, reporter)
    }
}

impl Own {
    fn index_scope(&self) -> Result<IndexScope> {
        match self.index_scope.as_deref() {
            None | Some("run") => Ok(IndexScope::Run),
            Some("month") => Ok(IndexScope::Window),
            Some(other) => {
                Err(Error::usage(format!("--index-scope {other} is unknown")).remedy("It is run or month"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use replica_core::copy::Tablock;
    use replica_core::ledger::ResumeMode;
    use replica_core::window::Unit;
    use replica_testkit::{options, refusal};

    use super::*;

    #[test]
    fn the_old_command_line() {
        let o = options::<Args>("APP_4_SALES --start-date 2024-01-01 --end-date=2024-12-31 --max-workers=4");
        assert_eq!((o.selection.named.as_slice(), o.max_workers), (&["APP_4_SALES".to_owned()][..], 4));
        let Work::Days { range: Some(range), unit, .. } = o.work else { panic!("{:?}", o.work) };
        assert_eq!(range.windows(unit).unwrap().len(), 12);
        assert_eq!(
            (o.resume, o.tablock, o.index_scope),
            (ResumeMode::Replace, Tablock::Auto, IndexScope::Run)
        );
        assert_eq!(o.max_retries, 5);
    }

    #[test]
    fn dates_are_needed_but_for_all_and_to_repair_indexes() {
        assert!(refusal::<Args>("t").contains("--start-date"));
        assert_eq!(options::<Args>("t --repair-indexes").work, Work::RepairIndexes);
        assert_eq!(options::<Args>("--all --repair-indexes").work, Work::RepairIndexes);
        let all = Work::Days { range: None, unit: Unit::Month, date_column: None };
        assert_eq!(options::<Args>("--all").work, all);
        refusal::<Args>("--start-date 2024-01-01 --end-date 2024-01-02");
    }

    #[test]
    fn months_of_index_work_are_for_one_worker() {
        let line = "t --start-date 2024-01-01 --end-date 2024-01-02 --index-scope month";
        let o = options::<Args>(line);
        assert_eq!((o.index_scope, o.max_workers), (IndexScope::Window, 1));
        refusal::<Args>(&format!("{line} --max-workers 2"));
        refusal::<Args>(&format!("{line} --shared"));
    }

    #[test]
    fn bad_values_are_usage_errors() {
        for words in [
            "--window year",
            "--tablock maybe",
            "--index-scope week",
            "--resume --restart",
            "--max-workers 0",
            "--chunk-size 0",
            "--commit-interval 0",
            "--verify all",
            "--output xml",
        ] {
            refusal::<Args>(&format!("t --start-date 2024-01-01 --end-date 2024-01-02 {words}"));
        }
    }
}
