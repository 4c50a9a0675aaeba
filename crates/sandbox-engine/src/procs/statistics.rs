//! UPDATE STATISTICS, and DBCC SHOW_STATISTICS … WITH HISTOGRAM.
use super::arguments::Arguments;
use super::change::dbcc_done;
use sandbox_ddl::statistics;
use sandbox_session::Session;
use sandbox_session::api::{Done, OutColumn, Param, Sink};
use sandbox_session::failure::Outcome;
use sandbox_sql::tokens::SourceText;
use sandbox_values::{SqlType, Value};

/// CurCmd of SELECT.
const SELECT: u16 = 193;

pub fn update(params: &[Param], session: &mut Session) -> Outcome<i32> {
    let given = Arguments::bind("UPDATE STATISTICS", &["@table", "@statistics"], params)?;
    let table = SourceText::new(&given.required_text("@table")?)?.cursor().expect_object_name()?;
    statistics::update(session, &table, given.text("@statistics").as_deref())?;
    Ok(0)
}

/// The columns that Microsoft docs ("DBCC SHOW_STATISTICS", "Result set") has. That RANGE_HI_KEY is of the column's type
/// is unconfirmed.
pub fn show(params: &[Param], session: &mut Session, sink: &mut dyn Sink, silent: bool) -> Outcome<i32> {
    let given = Arguments::bind("DBCC SHOW_STATISTICS", &["@table", "@statistics"], params)?;
    let table = SourceText::new(&given.required_text("@table")?)?.cursor().expect_object_name()?;
    let histogram = statistics::histogram(session, &table, &given.required_text("@statistics")?)?;
    let key = histogram.as_ref().map_or(SqlType::Int, |found| found.sql_type.clone());
    let column = |name: &str, sql_type| OutColumn {
        name: name.to_owned(),
        sql_type,
        nullable: true,
        flags: 0x09,
        user_type: 0,
        table: None,
    };
    sink.columns(&[
        column("RANGE_HI_KEY", key),
        column("RANGE_ROWS", SqlType::Real),
        column("EQ_ROWS", SqlType::Real),
        column("DISTINCT_RANGE_ROWS", SqlType::BigInt),
        column("AVG_RANGE_ROWS", SqlType::Real),
    ])?;
    let steps = histogram.as_ref().map_or(&[][..], |found| &found.steps);
    for step in steps {
        let average = if step.distinct == 0 { 1.0 } else { step.between as f64 / step.distinct as f64 };
        sink.row(&[
            step.high.clone(),
            Value::Float(step.between as f64),
            Value::Float(step.equal as f64),
            Value::Int(step.distinct as i64),
            Value::Float(average),
        ])?;
    }
    sink.done(Done { command: SELECT, count: Some(steps.len() as u64), error: false })?;
    if !silent {
        sink.message(&dbcc_done())?;
    }
    Ok(0)
}
