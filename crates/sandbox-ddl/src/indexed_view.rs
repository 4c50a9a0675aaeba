//! Indexed views. Nothing of them is stored: their rows are what their SELECT gives, and a unique index is held by
//! asking after each statement whether it still could be (Microsoft docs, "Create indexed views").
use super::table::keys::{self, KeyShape};
use super::table::validate::{self, Question};
use crate::required;
use sandbox_catalog::permissions::ObjectKey;
use sandbox_catalog::schema::{Database, Index, Instance, LockEscalation, Table, View};
use sandbox_session::Session;
use sandbox_session::change::change;
use sandbox_session::failure::Outcome;
use sandbox_session::names;
use sandbox_sql::ddl::ast::CreateIndex;
use sandbox_sql::tokens::{ObjectName, SourceText};
use sandbox_values::error::SqlError;
use sqlparser::tokenizer::Token;
use std::collections::BTreeMap;
use std::time::SystemTime;

fn views(database: i16) -> impl Fn(&mut Instance) -> Option<&mut BTreeMap<i32, View>> + Send + 'static {
    move |instance| instance.databases.get_mut(&database).map(|d| &mut d.views)
}

/// The view of that name, if the session's user may alter it.
pub fn find(session: &Session, name: &ObjectName) -> Option<(i16, View)> {
    let instance = session.engine.instance();
    let place = names::place(session, &instance, name).ok()?;
    let database = instance.databases.get(&place.database)?;
    let view = database.view(place.schema, &place.name)?;
    let target = ObjectKey { object_id: view.object_id, schema_id: view.schema_id };
    session.rights(&instance, database).has("ALTER", Some(target)).then(|| (place.database, view.clone()))
}

/// # Errors
/// 1939 without SCHEMABINDING, 1940 where the first index is not unique and clustered, 10138 without COUNT_BIG(*),
/// 33266 over a table with a security policy (Microsoft docs, "Database engine events and errors"); 1505; what
/// indexes of tables are refused for.
pub fn create(session: &mut Session, (database, view): (i16, View), def: &CreateIndex) -> Outcome {
    let refuse = |number, text| Err(SqlError::new(number, 16, 1, text).into());
    let name = &view.name;
    let Some(tables) = &view.bound_to else {
        return refuse(
            1939,
            format!("Cannot create index on view '{name}' because the view is not schema bound."),
        );
    };
    let clustered = def.index.clustered && def.index.unique && !def.index.columnstore;
    required::options(session, "CREATE INDEX")?;
    if view.indexes.is_empty() && !clustered {
        return refuse(
            1940,
            format!("Cannot create index on view '{name}'. It does not have a unique clustered index."),
        );
    }
    if aggregates(&view.select) && !has_word(&view.select, "COUNT_BIG") {
        return refuse(
            10138,
            format!(
                "Cannot create index on view '{name}' because its select list does not include a proper use of COUNT_BIG. \
                 Consider adding COUNT_BIG(*) to select list."
            ),
        );
    }
    let (index, question) = {
        let instance = session.engine.instance();
        let records = names::database(&instance, database)?;
        let secured =
            records.policies.values().flat_map(|p| &p.predicates).find(|p| tables.contains(&p.table));
        if let Some(predicate) = secured {
            let table = records.tables.get(&predicate.table).map_or("", |t| t.name.as_str());
            return refuse(
                33266,
                format!(
                    "The index on the view '{name}' cannot be created because the view is referencing table '{table}' that is \
                     referenced by a security policy."
                ),
            );
        }
        let mut table = as_table(&view);
        let id = keys::add_index(records, &mut table, &KeyShape::of(&def.index), SystemTime::now())?;
        let index = table.indexes.iter().find(|i| i.index_id == id).cloned();
        let index = index.ok_or_else(|| SqlError::new(1911, 16, 1, "The index was not made."))?;
        let question = index.unique.then(|| validate::unique(records, &table, &index));
        (index, question)
    };
    if let Some(question) = question {
        validate::ask(session, question)?;
    }
    change(session, |change| {
        let mut record =
            change.database(database)?.views.get(&view.object_id).cloned().unwrap_or(view.clone());
        record.indexes.push(index);
        record.indexes.sort_by_key(|i| i.index_id);
        record.modified = change.now;
        change.put(views(database), record.object_id, Some(record));
        Ok(())
    })
}

/// Drops an index; the clustered one takes the others with it.
///
/// # Errors
/// `missing` where it is not there.
pub fn drop_index(
    session: &mut Session,
    (database, mut view): (i16, View),
    name: &str,
    missing: impl Fn() -> SqlError,
) -> Outcome {
    let collation = {
        let instance = session.engine.instance();
        names::database(&instance, database)?.collation
    };
    let same =
        |i: &Index| i.name.as_deref().is_some_and(|n| sandbox_catalog::schema::same_name(collation, n, name));
    let found = view.indexes.iter().find(|i| same(i)).ok_or_else(missing)?.index_id;
    view.indexes.retain(|i| i.index_id != found && found != 1);
    change(session, |change| {
        view.modified = change.now;
        change.put(views(database), view.object_id, Some(view));
        Ok(())
    })
}

/// The view, for what knows tables only.
fn as_table(view: &View) -> Table {
    let indexes = if view.indexes.is_empty() { vec![keys::heap(view.created)] } else { view.indexes.clone() };
    Table {
        object_id: view.object_id,
        schema_id: view.schema_id,
        name: view.name.clone(),
        owner_session: None,
        created: view.created,
        modified: view.modified,
        max_column_id: view.columns.len() as i32,
        columns: view.columns.clone(),
        indexes,
        foreign_keys: Vec::new(),
        statistics: Vec::new(),
        checks: Vec::new(),
        triggers: Vec::new(),
        identity: None,
        storage: Vec::new(),
        partitioned_on: None,
        memory_optimized: None,
        special: None,
        lock_escalation: LockEscalation::default(),
        change_tracking: None,
    }
}

/// What must hold of the unique indexes of views after a table was written to.
pub fn questions(session: &Session, database: i16, table: i32) -> Vec<Question> {
    let instance = session.engine.instance();
    let Some(records) = instance.databases.get(&database) else { return Vec::new() };
    let reads = |v: &&View| v.bound_to.as_ref().is_some_and(|ids| ids.contains(&table));
    let held = records.views.values().filter(reads).flat_map(|v| v.indexes.iter().map(move |i| (v, i)));
    held.filter(|(_, i)| i.unique && !i.disabled)
        .map(|(v, i)| validate::unique(records, &as_table(v), i))
        .collect()
}

/// Rows change places only between tables whose indexed views do so as well.
///
/// # Errors
/// 11402 where the target has more of them, 11404 where one has no like at the source.
pub fn switchable(database: &Database, source: &Table, target: &Table) -> Result<(), SqlError> {
    let of = |table: &Table| -> Vec<Vec<Token>> {
        let reads = |v: &&View| v.bound_to.as_ref().is_some_and(|ids| ids.contains(&table.object_id));
        let indexed = database.views.values().filter(reads).filter(|v| !v.indexes.is_empty());
        indexed.map(|v| shape(&v.select, &table.name)).collect()
    };
    let (of_source, of_target) = (of(source), of(target));
    let counted = |number, matching: &str, count: usize| {
        let text = format!(
            "ALTER TABLE SWITCH statement failed. Target table '{}' is referenced by {} indexed view(s), but source table '{}' is \
             only referenced by {count} {matching}indexed view(s). Every indexed view on the target table must have at least one \
             matching indexed view on the source table.",
            target.name,
            of_target.len(),
            source.name
        );
        Err(SqlError::new(number, 16, 1, text))
    };
    if of_source.len() < of_target.len() {
        return counted(11402, "", of_source.len());
    }
    let matching = of_target.iter().filter(|view| of_source.contains(view)).count();
    if matching < of_target.len() { counted(11404, "matching ", matching) } else { Ok(()) }
}

/// A SELECT's words, with the table's name left open.
fn shape(select: &str, table: &str) -> Vec<Token> {
    let Ok(source) = SourceText::new(select) else { return Vec::new() };
    let word = |token: &Token| match token {
        Token::Word(w) if w.value.eq_ignore_ascii_case(table) => Token::Placeholder(String::new()),
        Token::Word(w) => Token::Placeholder(w.value.to_lowercase()),
        other => other.clone(),
    };
    source.lexemes.iter().map(|lexeme| word(&lexeme.token)).collect()
}

fn has_word(select: &str, wanted: &str) -> bool {
    let Ok(source) = SourceText::new(select) else { return false };
    let is = |token: &Token| matches!(token, Token::Word(w) if w.value.eq_ignore_ascii_case(wanted));
    source.lexemes.iter().any(|lexeme| is(&lexeme.token))
}

fn aggregates(select: &str) -> bool {
    has_word(select, "GROUP")
}
