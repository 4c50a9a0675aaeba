//! `sp_sandbox_*`: what a test or a benchmark asks of the stand-in (docs/SANDBOX.md).
use super::answer::rows as answer_rows;
use super::arguments::Arguments;
use sandbox_session::Session;
use sandbox_session::api::{Param, Sink};
use sandbox_session::failure::Outcome;
use sandbox_session::sandbox::{
    Fault, FaultKind, PlantedChange, PlantedRow, PlpLengths, TableName, planted_values,
};
use sandbox_values::error::SqlError;
use sandbox_views::definition::{Cell, Columns, row};
use std::time::Duration;

/// `sp_sandbox_fault @fault [, @table] [, @at] [, @count] [, @value]`; `@fault = 'none'` disarms all.
pub fn fault(params: &[Param], session: &mut Session) -> Outcome<i32> {
    let names = ["@fault", "@table", "@at", "@count", "@value"];
    let given = Arguments::bind("sp_sandbox_fault", &names, params)?;
    let sandbox = &session.engine.sandbox;
    let name = given.required_text("@fault")?;
    if name.eq_ignore_ascii_case("none") {
        sandbox.disarm();
        return Ok(0);
    }
    let kind = FaultKind::by_name(&name).ok_or_else(|| invalid(format!("there is no fault '{name}'")))?;
    let occurrences = |name: &str| {
        let given = given.int(name)?.unwrap_or(1);
        u32::try_from(given)
            .ok()
            .filter(|n| *n > 0)
            .ok_or_else(|| invalid(format!("{name} must be 1 or more")))
    };
    sandbox.arm(Fault {
        kind,
        table: given.text("@table").as_deref().map(TableName::parse).transpose()?,
        skip: occurrences("@at")? - 1,
        remaining: occurrences("@count")?,
        value: given.bigint("@value")?.unwrap_or(0),
    });
    Ok(0)
}

/// `sp_sandbox_counters @table`: one row.
pub fn counters(params: &[Param], session: &mut Session, sink: &mut dyn Sink) -> Outcome<i32> {
    let given = Arguments::bind("sp_sandbox_counters", &["@table"], params)?;
    let counters = session.engine.sandbox.counters(&TableName::parse(&given.required_text("@table")?)?);
    let rebuilds: u64 = counters.indexes.values().map(|index| index.rebuilds).sum();
    let columns = Columns(&[
        "scans bigint, index_rebuilds bigint, bulk_loads bigint, bulk_rows bigint, rows_sent bigint",
    ]);
    let numbers = [counters.scans, rebuilds, counters.bulk_loads, counters.bulk_rows, counters.rows_sent];
    let row = numbers.map(|n| Cell::from(number(n))).to_vec();
    answer_rows(columns, vec![row], session.current_database().1, sink)?;
    Ok(0)
}

/// `sp_sandbox_index_counters @table`: a row for each index that was disabled or rebuilt, by name.
pub fn index_counters(params: &[Param], session: &mut Session, sink: &mut dyn Sink) -> Outcome<i32> {
    let given = Arguments::bind("sp_sandbox_index_counters", &["@table"], params)?;
    let counters = session.engine.sandbox.counters(&TableName::parse(&given.required_text("@table")?)?);
    let columns = Columns(&["index_name sysname, disables bigint, rebuilds bigint"]);
    let rows = counters.indexes.iter().map(|(name, n)| row![name, number(n.disables), number(n.rebuilds)]);
    answer_rows(columns, rows.collect(), session.current_database().1, sink)?;
    Ok(0)
}

/// `sp_sandbox_requests`: a row for each program that has logged in, by name.
pub fn requests(params: &[Param], session: &mut Session, sink: &mut dyn Sink) -> Outcome<i32> {
    Arguments::bind("sp_sandbox_requests", &[], params)?;
    let counters = session.engine.sandbox.requests();
    let columns = Columns(&["program_name nvarchar(128), logins bigint, requests bigint, resets bigint"]);
    let rows = counters
        .iter()
        .map(|(program, n)| row![program.as_str(), number(n.logins), number(n.requests), number(n.resets)]);
    answer_rows(columns, rows.collect(), session.current_database().1, sink)?;
    Ok(0)
}

fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// `sp_sandbox_plp 'known' | 'unknown' [, @chunk]`: for results that begin from now on, in all sessions.
pub fn plp(params: &[Param], session: &mut Session) -> Outcome<i32> {
    let given = Arguments::bind("sp_sandbox_plp", &["@lengths", "@chunk"], params)?;
    let lengths = given.required_text("@lengths")?;
    let chunk = given.int("@chunk")?.unwrap_or(4096);
    session.engine.sandbox.set_plp(match lengths.to_ascii_lowercase().as_str() {
        "known" => PlpLengths::Known,
        "unknown" => PlpLengths::Unknown {
            chunk: usize::try_from(chunk)
                .ok()
                .filter(|chunk| *chunk > 0)
                .ok_or_else(|| invalid("@chunk must be 1 or more".to_owned()))?,
        },
        _ => return Err(invalid("@lengths must be 'known' or 'unknown'".to_owned()).into()),
    });
    Ok(0)
}

/// `sp_sandbox_replay @table, @rows`; no `@rows` ends it.
pub fn replay(params: &[Param], session: &mut Session) -> Outcome<i32> {
    let given = Arguments::bind("sp_sandbox_replay", &["@table", "@rows"], params)?;
    let table = TableName::parse(&given.required_text("@table")?)?;
    let rows = given
        .bigint("@rows")?
        .map(|rows| u64::try_from(rows).map_err(|_| invalid("@rows must not be negative".to_owned())));
    session.engine.sandbox.replay(table, rows.transpose()?);
    Ok(0)
}

/// `sp_sandbox_discard @table [, @on]`.
pub fn discard(params: &[Param], session: &mut Session) -> Outcome<i32> {
    let given = Arguments::bind("sp_sandbox_discard", &["@table", "@on"], params)?;
    let table = TableName::parse(&given.required_text("@table")?)?;
    session.engine.sandbox.discard(table, given.int("@on")?.unwrap_or(1) != 0);
    Ok(0)
}

/// `sp_sandbox_plant @view [, @set [, @where]] [, @add] [, @database]`: what a system view shows from now on;
/// `@view = 'none'` ends that, for functions and the clock, too.
pub fn plant(params: &[Param], session: &mut Session) -> Outcome<i32> {
    let names = ["@view", "@set", "@where", "@add", "@database"];
    let given = Arguments::bind("sp_sandbox_plant", &names, params)?;
    let sandbox = &session.engine.sandbox;
    let view = given.required_text("@view")?.to_lowercase();
    if view == "none" {
        sandbox.forget_planted();
        return Ok(0);
    }
    let known = sandbox_views::all().any(|d| view == format!("{}.{}", d.schema, d.name).to_lowercase());
    if !known {
        return Err(invalid(format!("there is no view '{view}'")).into());
    }
    let values = |name: &str| {
        let text = given.text(name).unwrap_or_default();
        planted_values(&text).map_err(|why| invalid(format!("{name}: {why}")))
    };
    let change = match given.text("@add") {
        Some(_) => PlantedChange::Add(values("@add")?),
        None => PlantedChange::Set { values: values("@set")?, of: values("@where")? },
    };
    sandbox.plant_row(PlantedRow { view, database: given.text("@database"), change });
    Ok(0)
}

/// `sp_sandbox_answer @function, @argument, @value`: what a function that asks the catalog answers from now on where its
/// last argument is this one.
pub fn answer(params: &[Param], session: &mut Session) -> Outcome<i32> {
    let given = Arguments::bind("sp_sandbox_answer", &["@function", "@argument", "@value"], params)?;
    let (function, argument) = (given.required_text("@function")?, given.required_text("@argument")?);
    session.engine.sandbox.plant_answer(&function, &argument, given.text("@value"));
    Ok(0)
}

/// `sp_sandbox_clock @seconds`: how far the server's clock is ahead.
pub fn clock(params: &[Param], session: &mut Session) -> Outcome<i32> {
    let given = Arguments::bind("sp_sandbox_clock", &["@seconds"], params)?;
    session.engine.sandbox.plant_clock(given.int("@seconds")?.unwrap_or(0).into());
    Ok(0)
}

/// `sp_sandbox_minute [@milliseconds]`: how long a minute of WAIT_AT_LOW_PRIORITY lasts from now on; without it, a minute.
pub fn minute(params: &[Param], session: &mut Session) -> Outcome<i32> {
    let given = Arguments::bind("sp_sandbox_minute", &["@milliseconds"], params)?;
    let milliseconds = given.bigint("@milliseconds")?.map(|n| {
        let n = u64::try_from(n).map_err(|_| invalid("@milliseconds must not be negative".to_owned()))?;
        Ok::<_, SqlError>(Duration::from_millis(n))
    });
    session.engine.sandbox.set_minute(milliseconds.transpose()?);
    Ok(0)
}

/// No SQL Server has these procedures, so none has a number for their misuse.
fn invalid(what: String) -> SqlError {
    SqlError::new(50000, 16, 1, format!("replica-sandbox: {what}."))
}
