//! Asks a server for the definitions of tables: one round trip for up to `TABLES_AT_ONCE` of them.
use std::time::Duration;

use super::assemble::{SchemaAnswers, assemble};
use super::definition::Definition;
use super::policy::TargetServer;
use super::question::{self, SchemaQuestion};
use crate::catalog::TableName;
use crate::catalog::record::CatalogRow;
use crate::error::{Error, Result};
use crate::session::{Role, Session, ToSql};
use crate::tds::rpc::{Param, Query};

/// Each name is a parameter, and stands in every question once.
const TABLES_AT_ONCE: usize = 100;
/// Somebody else's DDL on any of the tables keeps the catalog from answering.
const LOCK_WAIT: Duration = Duration::from_secs(60);

/// What a server says.
#[derive(Clone, Debug)]
pub struct Definitions {
    /// What it can do.
    pub server: TargetServer,
    /// In the order of the names that were asked for. `None`: there is no such table, or this login may not see it.
    /// `Err`: what keeps one from being known, with the way out.
    pub tables: Vec<Result<Option<Definition>>>,
}

/// Reads the definitions of tables and views.
///
/// # Errors
/// A lost connection; a question that the server refuses. What is wrong with one table is in the answer.
pub async fn read(session: &mut Session, role: Role, names: &[TableName]) -> Result<Definitions> {
    session.set_lock_timeout(LOCK_WAIT).await?;
    let mut all: Option<Definitions> = None;
    // The server is asked about itself, however few tables there are.
    let chunks = names.chunks(TABLES_AT_ONCE).chain(names.is_empty().then_some(&[][..]));
    for names in chunks {
        let answers = answers(session, names).await;
        let answer = answers.and_then(|answers| assemble(answers, role, names));
        let answer = answer.map_err(|error| error.within(format_args!("asking the {role}'s catalog")))?;
        match &mut all {
            Some(all) => all.tables.extend(answer.tables),
            None => all = Some(answer),
        }
    }
    all.ok_or_else(|| Error::protocol("the catalog was not asked"))
}

async fn answers(session: &mut Session, names: &[TableName]) -> Result<SchemaAnswers> {
    let quoted: Vec<String> = names.iter().map(TableName::quoted).collect();
    let asked: Vec<SchemaQuestion> =
        question::ALL.into_iter().filter(|q| !names.is_empty() || !q.is_about_tables()).collect();
    let batch: Vec<String> = asked.iter().map(|question| question.about(names.len())).collect();
    let params = quoted.iter().cloned().map(Param::Text).collect();
    match session.records(Query { sql: batch.join(";\n"), params }).await {
        Ok(sets) if sets.len() == asked.len() => return Ok(SchemaAnswers::new(asked.into_iter().zip(sets))),
        Ok(_) => {}
        Err(error) if error.server().is_some() && !error.is_transient() => {
            log::debug!("the questions about definitions are asked one by one: {error}");
        }
        Err(error) => return Err(error),
    }
    let params: Vec<&dyn ToSql> = quoted.iter().map(|name| name as &dyn ToSql).collect();
    let mut answers = Vec::new();
    for (question, sql) in asked.into_iter().zip(batch) {
        let records = match session.query(&sql, &params).await {
            Ok(rows) => rows.iter().map(CatalogRow::from).collect(),
            Err(error) if question.optional && error.server().is_some() && !error.is_transient() => {
                log::warn!("the server does not tell of {}: {error}", question.topic);
                Vec::new()
            }
            Err(error) => return Err(error.within(format_args!("asking for {}", question.topic))),
        };
        answers.push((question, records));
    }
    Ok(SchemaAnswers::new(answers))
}
