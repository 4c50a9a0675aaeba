//! What there is to do for a day: the configuration's tables, with what is said of each. Pure.
use std::collections::BTreeSet;
use std::sync::Arc;

use replica_core::catalog::{Article, ListEntry, NamedOrMatching, TableName};
use replica_core::cli::{Configured, List, values};
use replica_core::config::{Apply, Config, Shrink, TableSettings};
use replica_core::copy::Plan;
use replica_core::error::{Error, Result};
use replica_core::window::Range;
use time::macros::date;
use time::{Date, Duration};

use crate::chosen::{Listed, in_schemas, parse};

/// This program, as the ledger and those who are told name it.
pub const PROGRAM: &str = "run-replica-etl";

/// The first day of the type date.
const FIRST_DAY: Date = date!(0001 - 01 - 01);

/// One table's part of a run.
#[derive(Clone, Debug)]
pub struct Step {
    /// As the source has it.
    pub table: TableName,
    pub part: StepPart,
    /// Streams that it runs at once.
    pub workers: usize,
    pub settings: TableSettings,
    /// What of the table is copied.
    pub article: Article,
    /// Rows that are gone at the source stay for now.
    pub keep_gone: bool,
    /// How it is copied as a whole, as far as that was found out.
    pub planned: Option<Arc<Plan>>,
}

impl Step {
    /// For people: the table, by both names where they differ.
    pub fn label(&self) -> String {
        self.article.label(&self.table)
    }

    /// May only the rows that differ be written?
    pub fn may_differ(&self) -> bool {
        self.part != StepPart::Changes && !matches!(self.settings.apply, None | Some(Apply::Replace))
    }
}

/// How much of a table is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepPart {
    Whole,
    /// The days of the range, each for itself, cut by the column, or by the only one that holds dates.
    Days {
        range: Range,
        column: Option<String>,
    },
    /// What changed since the round before is carried over.
    Changes,
}

/// What the command line says of all steps.
#[derive(Clone, Copy, Debug, Default)]
pub struct StepOptions<'a> {
    /// Tables and groups; empty: all of the configuration.
    pub only: &'a [String],
    pub look_back: Option<u16>,
    pub allow_shrink: Option<Shrink>,
    /// Changes are carried over, of the tables that are listed for it.
    pub changes: bool,
}

/// Every name that may be a table's, to be asked for: of the lists, of groups and their members, of `--only`. Where the
/// schema is left out, each is meant that the lists write.
///
/// # Errors
/// Of kind `Usage`: nothing is listed, or what is no table name.
pub fn written(config: &Config, only: &[String]) -> Result<Vec<ListEntry>> {
    let mut entries = lists(config)?.concat();
    if entries.is_empty() {
        return Err(Error::usage("the configuration lists no tables")
            .remedy("Write reference_tables = [\"dbo.Airports\", ...] and date_tables = [\"dbo.Flights\", ...] in replica.toml"));
    }
    let mut mentioned = Vec::new();
    for (name, members) in &config.groups {
        let place = format!("[groups] {name}");
        mentioned.extend(name.parse::<TableName>().ok().map(ListEntry::from));
        for member in members {
            mentioned.push(parse(&place, member)?);
        }
    }
    for typed in only.iter().filter(|typed| !config.groups.contains_key(*typed)) {
        mentioned.push(parse("--only", typed)?);
    }
    let schemas = schemas(config)?;
    for entry in mentioned {
        if let NamedOrMatching::Named(name) = &entry.tables {
            entries.extend(in_schemas(name, &schemas).into_iter().map(ListEntry::from));
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// The steps of a day: reference tables first, then tables whose changes are carried over, then date-based ones, each as
/// listed.
///
/// # Errors
/// Of kind `Usage`: what is listed or asked for makes no sense.
pub fn steps(
    config: &Config,
    configured: &Configured,
    day: Date,
    step_options: &StepOptions<'_>,
) -> Result<Vec<Step>> {
    let [reference, dated, changing] = List::ALL.map(|list| configured.list(list));
    let (reference, dated, changing) = (reference?, dated?, changing?);
    if let Some(both) = dated.iter().find(|table| reference.contains(table)) {
        return Err(Error::usage("it is in reference_tables and in date_tables").table(both));
    }
    if !step_options.changes && reference.is_empty() && dated.is_empty() {
        return Err(Error::usage(
            "change_tables are carried over by --t0 alone, and no other tables are listed",
        )
        .remedy("Say --t0, or list them in reference_tables or date_tables, too"));
    }
    let is_carried = |table: &&TableName| step_options.changes && changing.contains(*table);
    let mut steps = Vec::new();
    for table in reference.iter().filter(|table| !is_carried(table)) {
        steps.push(step(config, configured, step_options, table, StepPart::Whole)?);
    }
    for table in changing.iter().filter(is_carried) {
        steps.push(step(config, configured, step_options, table, StepPart::Changes)?);
    }
    for table in dated.iter().filter(|table| !is_carried(table)) {
        let look_back = step_options.look_back.or(configured.settings(table).look_back_days);
        let look_back = look_back.unwrap_or(config.etl.look_back_days);
        let first = day.checked_sub(Duration::days(look_back.into())).unwrap_or(FIRST_DAY).max(FIRST_DAY);
        let range = Range::new(first, day)?;
        let column = configured.date_column(table).map(str::to_owned);
        steps.push(step(config, configured, step_options, table, StepPart::Days { range, column })?);
    }
    let listed = Listed { names: configured.names(), schemas: schemas(config)?, steps: &steps };
    let chosen = listed.chosen(config, step_options.only)?;
    steps.retain(|step| chosen.as_ref().is_none_or(|chosen| chosen.contains(&step.table)));
    Ok(steps)
}

fn step(
    config: &Config,
    configured: &Configured,
    step_options: &StepOptions<'_>,
    table: &TableName,
    part: StepPart,
) -> Result<Step> {
    let mut settings = configured.settings(table);
    settings.allow_shrink = step_options.allow_shrink.or(settings.allow_shrink).or(config.etl.allow_shrink);
    settings.apply = settings.apply.or(config.etl.apply);
    settings.publish = settings.publish.or(config.etl.publish);
    let workers = match part {
        StepPart::Whole | StepPart::Changes => 1,
        StepPart::Days { .. } => match settings.max_workers {
            Some(most) => values::configured_workers(most).map_err(|error| error.table(table))?,
            None => 1,
        },
    };
    let article = settings.article().map_err(|error| error.table(table))?;
    Ok(Step { table: table.clone(), part, workers, settings, article, keep_gone: false, planned: None })
}

/// All lists, as written.
fn lists(config: &Config) -> Result<Vec<Vec<ListEntry>>> {
    List::ALL.into_iter().map(|list| list.entries(config)).collect()
}

/// Every table of the configuration.
///
/// # Errors
/// Of kind `Usage`: a pattern that no table is of.
pub fn listed(configured: &Configured) -> Result<Vec<TableName>> {
    let lists: Vec<&[TableName]> =
        List::ALL.into_iter().map(|list| configured.list(list)).collect::<Result<_>>()?;
    Ok(lists.concat())
}

/// The schemas that the lists write.
fn schemas(config: &Config) -> Result<BTreeSet<String>> {
    let named = lists(config)?.concat().into_iter().filter_map(|entry| match entry.tables {
        NamedOrMatching::Named(name) => name.schema,
        NamedOrMatching::Matching(_) => None,
    });
    Ok(named.collect())
}

#[cfg(test)]
mod tests {
    use replica_core::catalog::Names;
    use replica_core::session::Role;
    use time::macros::date;

    use super::*;

    fn config() -> Config {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let mut config = Config::default();
        config.reference_tables = owned(&["dbo.airlines", "airports", "[dbo].[airlines]"]);
        config.date_tables = owned(&["dbo.flights", "hr.weather"]);
        config.date_filter_columns.insert("[dbo].[flights]".into(), "time_hour".into());
        let settings = TableSettings { look_back_days: Some(7), max_workers: Some(2), ..Default::default() };
        config.tables.insert("dbo.flights".into(), settings);
        config.etl.look_back_days = 1;
        config.groups.insert("air".into(), owned(&["flights", "dbo.airlines"]));
        config
    }

    /// A server that compares without regard to case, and has dbo as the login's schema.
    fn on(config: &Config, day: Date, step_options: &StepOptions<'_>) -> Result<Vec<Step>> {
        let written = written(config, step_options.only)?;
        let keys = config.tables.keys().chain(config.date_filter_columns.keys());
        let named = written.iter().filter_map(|entry| match &entry.tables {
            NamedOrMatching::Named(name) => Some(name.clone()),
            NamedOrMatching::Matching(_) => None,
        });
        let all = named.chain(keys.map(|key| key.parse().unwrap()));
        let real = all.map(|name| {
            let schema = name.schema.as_deref().unwrap_or("dbo").to_lowercase();
            let table = TableName::new(&schema, &name.name.to_lowercase());
            (name, table)
        });
        let names: Names = real.filter(|(_, table)| TABLES.contains(&table.to_string().as_str())).collect();
        let tables = TABLES.iter().map(|table| table.parse().unwrap()).collect();
        let names = names.with_tables(tables, "Latin1_General_CI_AS");
        let configured = Configured::new(config, &written, names, Role::Source)?;
        steps(config, &configured, day, step_options)
    }

    const TABLES: [&str; 6] =
        ["dbo.airlines", "dbo.airports", "dbo.flights", "hr.flights", "hr.weather", "other.flights"];

    fn planned(config: &Config, step_options: &StepOptions<'_>) -> Result<Vec<String>> {
        let steps = on(config, date!(2024 - 03 - 01), step_options)?;
        let show = |step: &Step| match &step.part {
            StepPart::Whole => step.table.to_string(),
            StepPart::Changes => format!("{} changes", step.table),
            StepPart::Days { range, column } => {
                format!("{} {} {}", step.table, range.whole(), column.as_deref().unwrap_or("?"))
            }
        };
        Ok(steps.iter().map(show).collect())
    }

    fn only(config: &Config, only: &[&str]) -> Result<Vec<String>> {
        let only: Vec<String> = only.iter().map(|name| (*name).to_owned()).collect();
        planned(config, &StepOptions { only: &only, look_back: Some(0), ..StepOptions::default() })
    }

    fn refused(result: Result<Vec<String>>) -> String {
        let error = result.unwrap_err();
        assert_eq!(error.exit_code().number(), 2, "{error}");
        error.to_string()
    }

    #[test]
    fn every_table_once_with_its_own_look_back() {
        assert_eq!(
            planned(&config(), &StepOptions::default()).unwrap(),
            [
                "dbo.airlines",
                "dbo.airports",
                "dbo.flights 2024-02-23..2024-03-01 time_hour",
                "hr.weather 2024-02-29..2024-03-01 ?"
            ]
        );
        let step_options = StepOptions { look_back: Some(0), ..StepOptions::default() };
        let found = planned(&config(), &step_options).unwrap();
        assert_eq!(found[2..], ["dbo.flights 2024-03-01 time_hour", "hr.weather 2024-03-01 ?"]);
        let steps = on(&config(), date!(2024 - 03 - 01), &StepOptions::default()).unwrap();
        assert_eq!(steps.iter().map(|step| step.workers).collect::<Vec<_>>(), [1, 1, 2, 1]);
    }

    #[test]
    fn changes_are_carried_over_instead_and_only_where_that_is_asked_for() {
        let mut config = config();
        config.change_tables = vec!["dbo.airports".into(), "other.flights".into()];
        let carrying = StepOptions { changes: true, look_back: Some(0), ..StepOptions::default() };
        let carried = ["dbo.airports changes", "other.flights changes"];
        let planned_now = planned(&config, &carrying).unwrap();
        assert_eq!(planned_now[..3], ["dbo.airlines", carried[0], carried[1]]);
        assert_eq!(planned_now.len(), 5, "{planned_now:?}");
        let planned_else = planned(&config, &StepOptions::default()).unwrap();
        assert!(planned_else.iter().all(|step| !step.contains("changes")), "{planned_else:?}");
        (config.reference_tables, config.date_tables) = (Vec::new(), Vec::new());
        config.groups.clear();
        assert_eq!(planned(&config, &carrying).unwrap(), carried);
        assert!(refused(planned(&config, &StepOptions::default())).contains("--t0"));
    }

    #[test]
    fn the_command_line_says_first_how_much_may_be_lost_then_the_table_then_the_rest() {
        let share = |percent| Shrink::percent(percent).ok();
        let mut config = config();
        let shares = |config: &Config, allow_shrink| {
            let step_options = StepOptions { allow_shrink, ..StepOptions::default() };
            let steps = on(config, date!(2024 - 03 - 01), &step_options).unwrap();
            steps.iter().map(|step| step.settings.allowance().shrink).collect::<Vec<_>>()
        };
        assert_eq!(shares(&config, None), [None; 4]);
        config.etl.allow_shrink = share(60);
        config.tables.get_mut("dbo.flights").unwrap().allow_shrink = share(70);
        assert_eq!(shares(&config, None), [share(60), share(60), share(70), share(60)]);
        assert_eq!(shares(&config, share(80)), [share(80); 4]);
    }

    #[test]
    fn no_look_back_goes_beyond_the_first_day_that_there_is() {
        let steps = on(&config(), date!(0001 - 01 - 02), &StepOptions::default()).unwrap();
        let StepPart::Days { range, .. } = &steps[2].part else { panic!("{:?}", steps[2]) };
        assert_eq!(range.whole().to_string(), "0001-01-01..0001-01-02");
    }

    #[test]
    fn only_takes_tables_and_groups_under_any_spelling() {
        let found = only(&config(), &["[DBO].[flights]", "dbo.Airports"]).unwrap();
        assert_eq!(found, ["dbo.airports", "dbo.flights 2024-03-01 time_hour"]);
        // Not the login's own schema, but the only one in the configuration.
        assert_eq!(only(&config(), &["Weather"]).unwrap(), ["hr.weather 2024-03-01 ?"]);
        let found = only(&config(), &["air", "flights"]).unwrap();
        assert_eq!(found, ["dbo.airlines", "dbo.flights 2024-03-01 time_hour"]);
        assert!(refused(only(&config(), &["dbo.weather"])).contains("date_tables"));
        assert!(refused(only(&config(), &["a.b.c"])).contains("--only"));
        let mut twice = config();
        twice.reference_tables.push("other.flights".into());
        twice.groups.clear();
        twice.date_tables = vec!["DBO.Flights".into()];
        assert_eq!(only(&twice, &["flights"]).unwrap().len(), 1, "dbo's is the login's own");
        twice.date_tables = vec!["hr.flights".into()];
        assert!(refused(only(&twice, &["flights"])).contains("hr.flights or other.flights"));
    }

    #[test]
    fn patterns_take_tables_of_the_source_and_of_the_configuration() {
        let mut many = config();
        many.reference_tables = vec!["dbo.air*".into(), "!dbo.airports".into(), "other.*".into()];
        many.groups.insert("air".into(), vec!["DBO.*".into(), "!dbo.flights".into()]);
        assert_eq!(
            planned(&many, &StepOptions::default()).unwrap()[..2],
            ["dbo.airlines".to_owned(), "other.flights".to_owned()]
        );
        assert_eq!(only(&many, &["air"]).unwrap(), ["dbo.airlines"]);
        let found = only(&many, &["*.fl*", "air", "!other.*"]).unwrap();
        assert_eq!(found, ["dbo.airlines", "dbo.flights 2024-03-01 time_hour"]);
        assert_eq!(only(&many, &["!*.fl*", "!hr.*"]).unwrap(), ["dbo.airlines"]);
        assert!(refused(only(&many, &["dbo.airp*"])).contains("dbo.airp*"));
        many.reference_tables.push("none.*".into());
        assert!(refused(planned(&many, &StepOptions::default())).contains("none.*"));
    }

    #[test]
    fn a_configuration_that_makes_no_sense_is_refused() {
        assert!(refused(planned(&Config::default(), &StepOptions::default())).contains("date_tables"));
        let mut both = config();
        both.reference_tables.push("[DBO].Flights".into());
        assert!(refused(planned(&both, &StepOptions::default())).starts_with("dbo.flights: it is in"));
        let mut group = config();
        group.groups.insert("night".into(), vec!["dbo.nights".into()]);
        assert!(refused(planned(&group, &StepOptions::default())).contains("[groups] night: dbo.nights"));
        let mut group = config();
        group.groups.insert("airports".into(), vec![]);
        assert!(refused(planned(&group, &StepOptions::default())).contains("another name"));
        let mut workers = config();
        workers.tables.get_mut("dbo.flights").unwrap().max_workers = Some(0);
        assert!(refused(planned(&workers, &StepOptions::default())).starts_with("dbo.flights: "));
        let mut name = config();
        name.date_tables.push("a.b.c".into());
        assert!(refused(planned(&name, &StepOptions::default())).contains("date_tables"));
    }
}
