//! DBCC USEROPTIONS (Microsoft docs of that name): the options that are set, each with its value.
use super::answer;
use sandbox_session::Session;
use sandbox_session::api::Sink;
use sandbox_session::failure::Outcome;
use sandbox_session::options::{Isolation, SWITCH_BITS};
use sandbox_values::CollationId;
use sandbox_views::definition::{Columns, Row, row};

pub fn user_options(session: &Session, sink: &mut dyn Sink) -> Outcome<i32> {
    let options = &session.options;
    let isolation = match options.isolation {
        Isolation::ReadUncommitted => "read uncommitted",
        Isolation::ReadCommitted if reads_versions(session) => "read committed snapshot",
        Isolation::ReadCommitted => "read committed",
        Isolation::RepeatableRead => "repeatable read",
        Isolation::Serializable => "serializable",
        Isolation::Snapshot => "snapshot",
    };
    let textsize = if options.textsize < 0 { i32::MAX } else { options.textsize };
    let timeout = options.lock_timeout.map_or(-1, |t| i64::try_from(t.as_millis()).unwrap_or(i64::MAX));
    let mut rows: Vec<Row> = vec![
        row!["textsize", textsize.to_string()],
        row!["language", "us_english"],
        row!["dateformat", "mdy"],
        row!["datefirst", options.datefirst.to_string()],
        row!["lock_timeout", timeout.to_string()],
    ];
    let set = SWITCH_BITS.iter().filter(|(_, bit)| options.bits() & bit != 0);
    rows.extend(set.map(|(name, _)| row![*name, "SET"]));
    rows.push(row!["isolation level", isolation]);
    let columns = Columns(&["Set_Option nvarchar(128) null, Value nvarchar(46) null"]);
    answer::rows_named(columns, &["Set Option", "Value"], rows, CollationId::SERVER_DEFAULT, sink)?;
    Ok(0)
}

fn reads_versions(session: &Session) -> bool {
    let instance = session.engine.instance();
    instance.databases.get(&session.database).is_some_and(|d| d.read_committed_snapshot)
}
