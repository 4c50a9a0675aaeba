//! The two SELECTs of a search, and how their answers read. No I/O.
use super::naming::Naming;
use super::{Finding, LookedFor, Offender, Search};
use crate::decode::{Row, Value};
use crate::error::{Error, Result};
use crate::tds::rpc::Query;
use crate::types::mapping::MappedColumn;
use crate::types::{Problem, ValueCheck, ValueMeasure};
use crate::window::and_where;

/// The checks of a search.
pub(super) struct Scan<'a> {
    search: &'a Search<'a>,
    checks: Vec<(&'a MappedColumn, ValueCheck)>,
}

/// How many values an aggregate row has for each check: the count, the least and the greatest.
const AGGREGATES: usize = 3;

/// A SELECT has at most 4,096 columns (Microsoft docs, error 1056): a search of more checks than fit takes more scans.
const MOST_CHECKS: usize = 4_096 / AGGREGATES - 60;

impl<'a> Scan<'a> {
    /// One scan; none where there is nothing to look for; several for a table of a thousand columns.
    pub(super) fn all(search: &'a Search<'a>) -> Vec<Self> {
        let of_column =
            |column: &'a MappedColumn| column.checks().into_iter().map(move |check| (column, check));
        let wanted = |(column, check): &(&MappedColumn, ValueCheck)| match search.looked_for {
            LookedFor::Family(family) => column.family() == family && check.problem != Problem::Null,
            LookedFor::Refusals => check.problem.is_refused(),
            LookedFor::All => true,
        };
        let checks: Vec<_> = search.columns.iter().flat_map(of_column).filter(wanted).collect();
        checks.chunks(MOST_CHECKS).map(|checks| Self { search, checks: checks.to_vec() }).collect()
    }

    /// One row: for each check the number of rows, and the extremes of what it measures.
    pub(super) fn aggregate(&self) -> Query {
        let items = self.checks.iter().map(|(_, ValueCheck { predicate, measure, .. })| {
            let of =
                |function: &str, shown: &str| format!("{function}(CASE WHEN {predicate} THEN {shown} END)");
            let (least, greatest) = match measure {
                ValueMeasure::Nothing => ("NULL".into(), "NULL".into()),
                ValueMeasure::Value(value) => (of("MIN", value), of("MAX", value)),
                ValueMeasure::Text(shown) | ValueMeasure::Length { expression: shown, .. } => {
                    ("NULL".into(), of("MAX", shown))
                }
            };
            format!("{}, {least}, {greatest}", of("COUNT_BIG", "1"))
        });
        let items = items.collect::<Vec<_>>().join(", ");
        let sql =
            format!("SELECT {items} FROM {}{}", self.table(), and_where(self.search.filter.as_ref(), None));
        Query { sql, params: self.params() }
    }

    /// What the aggregate row says: the findings, each with the number of its check.
    pub(super) fn findings(&self, row: Row<'_>) -> Result<Vec<(usize, Finding)>> {
        let mut findings = Vec::new();
        for (number, (column, check)) in self.checks.iter().enumerate() {
            let at = number * AGGREGATES;
            let rows = count(&row.value(at)?)?;
            if rows == 0 {
                continue;
            }
            let (least, greatest) = (row.value(at + 1)?, row.value(at + 2)?);
            let finding = Finding {
                table: self.search.source.article.label(&self.search.source.object.name),
                column: column.source.name.clone(),
                source_type: column.source.sql_type.clone(),
                target_type: column.target.sql_type.clone(),
                capacity: check.capacity.clone(),
                problem: check.problem,
                extreme: extreme(&check.measure, &least, &greatest),
                rows,
                offenders: Vec::new(),
            };
            findings.push((number, finding));
        }
        Ok(findings)
    }

    /// The rows of some of the checks.
    pub(super) fn offenders(&self, checks: &[usize]) -> Offenders<'_> {
        let checks = checks.iter().filter_map(|number| self.checks.get(*number)).map(|(_, check)| check);
        Offenders { scan: self, checks: checks.collect(), naming: Naming::of(self.search.source) }
    }

    fn table(&self) -> String {
        self.search.source.rows_from().to_string()
    }

    fn params(&self) -> Vec<crate::tds::rpc::Param> {
        self.search.filter.as_ref().map(|filter| filter.params.clone()).unwrap_or_default()
    }
}

fn count(value: &Value<'_>) -> Result<u64> {
    match value {
        Value::Int(n) => u64::try_from(*n).map_err(|_| Error::protocol("COUNT_BIG is negative")),
        _ => Err(Error::protocol("COUNT_BIG gives no number")),
    }
}

fn extreme(measure: &ValueMeasure, least: &Value<'_>, greatest: &Value<'_>) -> Option<String> {
    match (shown(measure, least), shown(measure, greatest)?) {
        (Some(least), greatest) if least != greatest => Some(format!("{least} to {greatest}")),
        (_, greatest) => Some(greatest),
    }
}

/// A value as it is shown; `None` for NULL.
fn shown(measure: &ValueMeasure, value: &Value<'_>) -> Option<String> {
    match (measure, value) {
        (_, Value::Null) => None,
        (ValueMeasure::Length { unit, .. }, length) => Some(format!("{length} {unit}")),
        (_, value) => Some(value.to_string()),
    }
}

/// The rows that some checks are true for.
pub(super) struct Offenders<'a> {
    scan: &'a Scan<'a>,
    checks: Vec<&'a ValueCheck>,
    naming: Naming,
}

impl Offenders<'_> {
    /// The columns that name a row; then for each check whether it is true, and what it measures.
    pub(super) fn query(&self) -> Query {
        let checks = self.checks.iter().map(|ValueCheck { predicate, measure, .. }| {
            let shown = match measure {
                ValueMeasure::Nothing => "NULL",
                ValueMeasure::Value(shown)
                | ValueMeasure::Text(shown)
                | ValueMeasure::Length { expression: shown, .. } => shown,
            };
            format!("CASE WHEN {predicate} THEN 1 ELSE 0 END, {shown}")
        });
        let items: Vec<_> = self.naming.items().into_iter().chain(checks).collect();
        let any = self.checks.iter().map(|check| format!("({})", check.predicate)).collect::<Vec<_>>();
        let any = any.join(" OR ");
        let sql = format!(
            "SELECT {} FROM {}{}{}",
            items.join(", "),
            self.naming.table(self.scan.search.source),
            and_where(self.scan.search.filter.as_ref(), Some(any)),
            self.naming.order_by()
        );
        Query { sql, params: self.scan.params() }
    }

    /// The row, if the check at this place is true for it.
    pub(super) fn offender(&self, row: Row<'_>, place: usize) -> Result<Option<Offender>> {
        let at = self.naming.items().len() + 2 * place;
        if row.value(at)? != Value::Int(1) {
            return Ok(None);
        }
        let value = self
            .checks
            .get(place)
            .and_then(|check| row.value(at + 1).map(|value| shown(&check.measure, &value)).transpose());
        Ok(Some(Offender { row: self.naming.name(row)?, value: value.transpose()? }))
    }
}
