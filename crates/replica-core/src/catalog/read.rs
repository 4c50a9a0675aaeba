//! Asks a server about one table.
use std::iter;
use std::sync::{Arc, LazyLock};

use super::answer::CatalogAnswer;
use super::article::Article;
use super::assemble::{Answers, assemble, is_synonym};
use super::constraint::{ActingKey, ReferentialAction};
use super::fingerprint::CatalogFingerprint;
use super::name::{TableName, sync_command};
use super::near::near;
use super::question::{self, CatalogQuestion};
use super::record::CatalogRow;
use super::table::Table;
use crate::error::{Error, Result};
use crate::read::SmallResults;
use crate::session::{Role, Row, Session};
use crate::tds::rpc::{Param, Query};
use crate::tds::wire::put_utf16le;

/// Invalid column name, invalid object name (sys.messages).
const MISSING: [u32; 2] = [207, 208];

/// Reads everything about a table or view, in one round trip where the server can answer every question.
///
/// # Errors
/// No such table, or none that this login may see: names the near ones. Also a lost connection, and columns that
/// may not be read. Anything else that the server cannot tell is in [`Table::unknown`].
pub async fn read(session: &mut Session, role: Role, name: &TableName) -> Result<Table> {
    read_as(session, role, name, name).await
}

/// The target's table of an article of the `source`'s.
///
/// # Errors
/// Those of [`read`].
pub async fn read_copy(session: &mut Session, source: &TableName, article: &Article) -> Result<Table> {
    read_as(session, Role::Target, article.target_of(source), source).await
}

/// Tables that are asked about in one round trip.
const AT_ONCE: usize = 50;

/// Asks about many tables in few round trips. What is learnt is kept for [`read`], once; what is not, [`read`] asks for.
///
/// # Errors
/// A lost connection.
pub async fn look_ahead(session: &mut Session, names: &[TableName]) -> Result<()> {
    for names in names.chunks(AT_ONCE) {
        // Each call is as that of a single table: the server compiles the questions once.
        let calls = (2..).zip(names).map(|(place, _)| call(1, place));
        let sql = calls.collect::<Vec<_>>().join("; ");
        let quoted = names.iter().map(|name| Param::Text(name.quoted()));
        let params = iter::once(all_as_param()).chain(quoted).collect();
        let SmallResults { mut sets, ended } = SmallResults::of(session, Query { sql, params }).await?;
        match ended {
            Ok(()) if sets.len() == names.len() * RESULTS => {
                session.has_left_nothing();
                for name in names.iter().rev() {
                    let of_this = CatalogAnswer::new(sets.split_off(sets.len() - RESULTS));
                    of_this.into_iter().for_each(|answer| session.keep_ahead(name.quoted(), answer));
                }
            }
            Ok(()) => return Ok(()),
            Err(error) => {
                log::debug!("the catalog is asked table by table: {error}");
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Every question that any table is asked about, as one batch. The server has no use for comments and indentation, which are a
/// third of it.
fn all() -> &'static str {
    static ALL: LazyLock<String> =
        LazyLock::new(|| question::ALL.map(|question| stripped(question.sql)).join(";\n"));
    &ALL
}

fn stripped(sql: &str) -> String {
    let lines = sql.lines().map(str::trim).filter(|line| !line.starts_with("--"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The same, for [`call`].
pub(crate) fn all_as_param() -> Param {
    static UTF16: LazyLock<Arc<[u8]>> = LazyLock::new(|| {
        let mut letters = Vec::new();
        put_utf16le(all(), &mut letters);
        letters.into()
    });
    Param::Utf16(UTF16.clone())
}

/// As many results as [`all`] has.
pub(crate) const RESULTS: usize = question::ALL.len();

/// A statement that asks all of it, by the parameters that have the questions and the quoted name.
pub(crate) fn call(questions: usize, name: usize) -> String {
    format!("EXEC sp_executesql @P{questions}, N'@P1 nvarchar(4000)', @P1 = @P{name}")
}

/// The target's table of an article of the `source`'s, of the answer to [`all`].
///
/// # Errors
/// Those of [`read_copy`].
pub(crate) async fn told_of_copy(
    session: &mut Session,
    source: &TableName,
    article: &Article,
    answer: &CatalogAnswer,
) -> Result<Table> {
    told(session, (Role::Target, article.target_of(source), source), Answered::of(answer)?).await
}

/// A table, of the answer to [`all`] alone. `None`: there is more to be asked, or it is not there.
///
/// # Errors
/// What is answered cannot be.
pub(crate) fn told_of(answer: &CatalogAnswer) -> Result<Option<Table>> {
    let answers = answer.answers()?;
    if is_synonym(&answers) {
        return Ok(None);
    }
    let table = assemble(answers)?.filter(|table| !table.object.is_view);
    Ok(table.map(|table| Table { told_at_once: true, ..table }))
}

/// `source`: what a table that the target lacks is called by the tool that makes it.
async fn read_as(session: &mut Session, role: Role, name: &TableName, source: &TableName) -> Result<Table> {
    session.works_on(name);
    let answered = answers(session, name).await;
    let answered = answered.map_err(|error| error.within(format_args!("asking the {role}'s catalog")))?;
    told(session, (role, name, source), answered).await
}

/// What is known of a table before anything else is asked.
struct Answered {
    answers: Answers,
    /// All came together.
    at_once: bool,
    /// Where they did, in few round trips.
    fingerprint: Option<CatalogFingerprint>,
}

impl Answered {
    fn of(answer: &CatalogAnswer) -> Result<Self> {
        Ok(Self { answers: answer.answers()?, at_once: true, fingerprint: Some(answer.fingerprint()) })
    }
}

async fn told(
    session: &mut Session,
    (role, name, source): (Role, &TableName, &TableName),
    Answered { answers, at_once, fingerprint }: Answered,
) -> Result<Table> {
    if is_synonym(&answers) {
        return Err(synonym(session, role, name).await);
    }
    match assemble(answers).map_err(|error| error.table(name))? {
        Some(mut table) => {
            table.told_at_once = at_once;
            table.fingerprint = fingerprint;
            if role == Role::Target
                && table.incoming_keys().any(|key| key.on_delete != ReferentialAction::NoAction)
            {
                read_acting_keys(session, &mut table).await?;
                table.fingerprint = None;
            }
            if table.object.is_view {
                table.fingerprint = None;
                let beneath = ask(session, question::BENEATH, name).await?;
                table.look_beneath(beneath).map_err(|error| error.table(name))?;
            }
            Ok(table)
        }
        None => Err(not_found(session, role, name, source).await),
    }
}

async fn answers(session: &mut Session, name: &TableName) -> Result<Answered> {
    if let Some(answer) = session.take_ahead(&name.quoted()) {
        return Answered::of(&answer);
    }
    let together = together(session, name).await?;
    let at_once = together.is_some();
    let answers = match together {
        Some(answers) => answers,
        None => one_by_one(session, name).await?,
    };
    Ok(Answered { answers, at_once, fingerprint: None })
}

async fn read_acting_keys(session: &mut Session, table: &mut Table) -> Result<()> {
    let question = question::ACTING_KEYS;
    match session.query(question.sql, &[]).await {
        Ok(rows) => {
            let keys = records(&rows).iter().map(ActingKey::from_record).collect::<Result<_>>();
            table.acting_keys = keys.map_err(|error| error.table(&table.object.name))?;
        }
        Err(error) if error.server().is_some() && !error.is_transient() => {
            table.unknown.push(format!("{}: {error}", question.topic));
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// `None`: the server refuses one of the questions, and with it the batch.
async fn together(session: &mut Session, name: &TableName) -> Result<Option<Answers>> {
    match session.query_all(all(), &[&name.quoted()]).await {
        Ok(sets) if sets.len() == question::ALL.len() => {
            Ok(Some(sets.iter().map(|rows| Ok(records(rows))).collect()))
        }
        Ok(_) => Ok(None),
        Err(error) if error.server().is_some() && !error.is_transient() => {
            log::debug!("the catalog questions are asked one by one: {error}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

async fn one_by_one(session: &mut Session, name: &TableName) -> Result<Answers> {
    let mut answers = Answers::new();
    for question in question::ALL {
        answers.push(ask(session, question, name).await?);
    }
    Ok(answers)
}

async fn ask(
    session: &mut Session,
    question: CatalogQuestion,
    name: &TableName,
) -> Result<Result<Vec<CatalogRow>, String>> {
    match session.query(question.sql, &[&name.quoted()]).await {
        Ok(rows) => Ok(Ok(records(&rows))),
        // A server without the views and columns has none of what they would show.
        Err(error) if question.since_2016 && MISSING.iter().any(|number| error.has_number(*number)) => {
            Ok(Ok(Vec::new()))
        }
        Err(error) if error.server().is_some() && !error.is_transient() => Ok(Err(error.to_string())),
        Err(error) => Err(error),
    }
}

fn records(rows: &[Row]) -> Vec<CatalogRow> {
    rows.iter().map(CatalogRow::from).collect()
}

/// A synonym has neither columns nor permissions of its own, and may lead to another database or server.
async fn synonym(session: &mut Session, role: Role, name: &TableName) -> Error {
    let error =
        Error::data(format!("at the {role} this is a synonym, neither a table nor a view")).table(name);
    let stands_for = session.query(question::SYNONYM.sql, &[&name.quoted()]).await.ok();
    let stands_for = stands_for.map(|rows| records(&rows)).unwrap_or_default();
    match stands_for.first().and_then(|record| record.text("base_object_name")) {
        Some(base) => error.remedy(format!(
            "It stands for {base}: name that table, and connect to its database. As source a view over the synonym will do"
        )),
        None => error.remedy("Name the table that it stands for"),
    }
}

async fn not_found(session: &mut Session, role: Role, name: &TableName, source: &TableName) -> Error {
    let error = Error::data(format!("the {role} has no such table, or its login may not see it")).table(name);
    let rows = session.query(question::NAMES.sql, &[]).await.unwrap_or_default();
    let names = records(&rows);
    let names = names
        .iter()
        .filter_map(|record| Some(TableName::new(record.text("schema_name")?, record.text("table_name")?)));
    let names: Vec<TableName> = names.collect();
    let way_out = match near(name, &names)[..] {
        [] => "Check the name, the database in the connection string, and the login's permissions".to_owned(),
        ref found => {
            let found = found.iter().map(ToString::to_string).collect::<Vec<_>>();
            format!("Did you mean {}?", found.join(" or "))
        }
    };
    error.remedy(match role {
        Role::Source => way_out,
        Role::Target => {
            let between = if way_out.ends_with('?') { " Or" } else { ", or" };
            let make = sync_command(source, name);
            format!("{way_out}{between} make the table like the source's: {make} --create")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_a_question_is_stripped() {
        let sql = "-- What it is.\nSELECT 'a--b' AS x,\n       1 AS y\n";
        assert_eq!(stripped(sql), "SELECT 'a--b' AS x,\n1 AS y");
        // None goes over several lines.
        for line in question::ALL.iter().flat_map(|question| question.sql.lines()) {
            assert!(line.trim().starts_with("--") || line.matches('\'').count() % 2 == 0, "{line}");
        }
    }
}
