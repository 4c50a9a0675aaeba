//! SELECT ... INTO: a new table with the result's columns, then its rows.
use crate::exec::Run;
use sandbox_query::bind::{Binder, Origin};
use sandbox_query::read;
use sandbox_session::api::Done;
use sandbox_session::failure::Outcome;
use sandbox_session::transaction;
use sandbox_sql::hints::Hints;
use sandbox_sql::parse::{self, Action, Insert, InsertRows, Statement};
use sandbox_sql::tokens::ObjectName;
use sandbox_values::SqlType;
use sandbox_values::error::SqlError;
use sqlparser::ast::{Query, SetExpr};

/// CurCmd of SELECT INTO is SELECT's.
const COMMAND: u16 = 193;

impl Run<'_> {
    pub fn select_into(&mut self, query: &Query, target: &ObjectName) -> Outcome {
        let (definition, columns) = self.definition(query, target)?;
        let statements = parse::batch(&definition)?;
        let [Statement { action: Action::Ddl(create), .. }] = statements.as_slice() else {
            return Err(SqlError::new(50000, 16, 1, "replica-sandbox: no table to make.").into());
        };
        let mut source = query.clone();
        if let SetExpr::Select(select) = &mut *source.body {
            select.into = None;
        }
        let insert = Insert {
            with: Vec::new(),
            top: None,
            target: parse::TargetName { name: target.clone(), hints: Hints::default() },
            columns: Some(columns),
            output: None,
            rows: InsertRows::Query(Box::new(source)),
        };
        let identity_insert = self.session.options.identity_insert;
        let frame = &*self.frame;
        let sink = &mut *self.sink;
        let count = transaction::within(self.session, |session| {
            sandbox_ddl::execute(create, session, sink)?;
            let made = {
                let binder = Binder::new(session, frame);
                super::Target::find(&binder, target, "INSERT")?
            };
            session.options.identity_insert =
                made.table.identity.as_ref().map(|_| (made.database, made.table.object_id));
            read::until_settled(session, sink, |session, sink| {
                super::insert::attempt(session, frame, &insert, sink)
            })
        });
        self.session.options.identity_insert = identity_insert;
        let (count, _) = count?;
        self.session.last.rowcount = count;
        self.done(Done { command: COMMAND, count: Some(count), error: false })
    }

    /// CREATE TABLE for the result, and its columns' names.
    fn definition(&self, query: &Query, target: &ObjectName) -> Outcome<(String, Vec<String>)> {
        let binder = Binder::new(self.session, self.frame);
        let bound = binder.statement(query);
        let needs = binder.finish();
        read::give_back_tables(self.session, &needs)?;
        let outputs = bound?.emitted.columns;
        let (mut lines, mut names) = (Vec::with_capacity(outputs.len()), Vec::with_capacity(outputs.len()));
        let mut identity_kept = false;
        for (n, output) in outputs.iter().enumerate() {
            let Some(name) = output.name.clone() else {
                let text = format!(
                    "An object or column name is missing or empty. For SELECT INTO statements, verify each column has a name. \
                     Column {} has none.",
                    n + 1
                );
                return Err(SqlError::new(1038, 15, 5, text).into());
            };
            let typed = &output.typed;
            let mut line = format!("{} {}", quoted(&name), plain_type(&typed.sql_type));
            if let Some(collation) = typed.sql_type.collation() {
                line.push_str(&format!(" COLLATE {}", collation.get().name));
            }
            // A single identity column keeps the property (Microsoft docs, INTO clause).
            if matches!(&typed.origin, Origin::Column(c) if c.identity) && !identity_kept {
                identity_kept = true;
                line.push_str(" IDENTITY(1, 1)");
            }
            line.push_str(if typed.nullable { " NULL" } else { " NOT NULL" });
            lines.push(line);
            names.push(name);
        }
        let name = [target.database.as_deref(), target.schema.as_deref(), Some(&target.name)];
        let name: Vec<String> = name.into_iter().flatten().map(quoted).collect();
        Ok((format!("CREATE TABLE {} ({})", name.join("."), lines.join(", ")), names))
    }
}

/// A rowversion is copied as what it is: eight bytes.
fn plain_type(sql_type: &SqlType) -> String {
    match sql_type {
        SqlType::RowVersion => "binary(8)".to_owned(),
        other => other.to_string(),
    }
}

fn quoted(name: &str) -> String {
    format!("[{}]", name.replace(']', "]]"))
}
