//! The binder of one statement: what it has found, and the operations that it emits.

use super::typed::Typed;
use super::work::{Accumulators, CommonTable, Module};
use rusqlite::types::Value as Stored;
use sandbox_catalog::ops::{Op, Ops};
use sandbox_catalog::schema::{Table, same_but_for_case};
use sandbox_session::Session;
use sandbox_session::frame::Frame;
use sandbox_session::made::MadeTable;
use sandbox_sql::hints::Hints;
use sandbox_sql::tokens::{DEEPEST, too_deep};
use sandbox_transactions::Conflict;
use sandbox_values::convert::{self, ConvertMode, check};
use sandbox_values::error::SqlError;
use sandbox_values::storage::to_stored;
use sandbox_values::text::width;
use sandbox_values::{CollationId, SqlType, Value};
use sandbox_views::scope::Objects;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

/// How often a query may read itself without OPTION (MAXRECURSION n).
const RECURSION_LIMIT: i64 = 100;

/// A table that a statement reads, for its locks.
#[derive(Clone, Debug)]
pub struct TableUse {
    pub database: i16,
    pub table: Arc<Table>,
    pub hints: Hints,
    /// Its name in SQLite's SQL.
    pub alias: String,
}

/// Binds one statement.
pub struct Binder<'s> {
    pub session: &'s Session,
    pub frame: &'s Frame,
    pub ops: Ops,
    /// Where unqualified names are looked up: the current database, or that of a view's body.
    pub database: Cell<i16>,
    /// OPTION (MAXRECURSION n): how often a query may read itself; 0 is without end.
    pub(super) max_recursion: Cell<i64>,
    pub(super) module: RefCell<Module>,
    /// The name of what is being bound with SCHEMABINDING.
    pub(super) schema_bound: Option<String>,
    pub(super) work: RefCell<BinderWork>,
    pub(super) accumulators: RefCell<Accumulators>,
}

#[derive(Default)]
pub(super) struct BinderWork {
    pub(super) tables: Vec<TableUse>,
    /// Those that system views were put into.
    pub(super) made_tables: Vec<MadeTable>,
    /// Those of them that hold a view, by database, object and what it was asked about.
    pub(super) views: HashMap<(i16, i32, Option<Objects>), String>,
    /// Those that have a name in SQLite's SQL, by that name.
    pub(super) made: HashMap<String, String>,
    pub(super) params: Vec<Stored>,
    pub(super) conflict: Option<Conflict>,
    pub(super) aliases: usize,
    pub(super) common_tables: Vec<CommonTable>,
    pub(super) depth: usize,
}

/// What a bound statement needs to run, beside its SQL.
#[derive(Default)]
pub struct Needs {
    pub tables: Vec<TableUse>,
    pub made_tables: Vec<MadeTable>,
    pub params: Vec<Stored>,
    /// A transaction in whose hands catalog rows are that the statement reads.
    pub conflict: Option<Conflict>,
}

impl<'s> Binder<'s> {
    pub fn new(session: &'s Session, frame: &'s Frame) -> Self {
        session.ops.clear();
        Self::beside(session, frame)
    }

    /// While another statement runs: what has been bound for it stays.
    pub fn beside(session: &'s Session, frame: &'s Frame) -> Self {
        Self {
            session,
            frame,
            ops: session.ops.clone(),
            database: Cell::new(session.database),
            max_recursion: Cell::new(RECURSION_LIMIT),
            module: RefCell::new(Module::default()),
            schema_bound: None,
            work: RefCell::new(BinderWork::default()),
            accumulators: RefCell::new(Accumulators::new()),
        }
    }

    /// Binds the body of a module that is being made WITH SCHEMABINDING.
    pub fn schema_bound(self, name: &str) -> Self {
        Self { schema_bound: Some(name.to_owned()), ..self }
    }

    pub fn finish(self) -> Needs {
        let work = self.work.into_inner();
        let BinderWork { tables, made_tables, params, conflict, .. } = work;
        Needs { tables, made_tables, params, conflict }
    }

    /// The table that SQLite's SQL knows by that name.
    pub fn used_as(&self, alias: &str) -> Option<(i16, Arc<Table>)> {
        let work = self.work.borrow();
        let used = work.tables.iter().find(|t| t.alias == alias)?;
        Some((used.database, Arc::clone(&used.table)))
    }

    /// The collation of literals: the current database's.
    pub fn collation(&self) -> CollationId {
        let instance = self.session.engine.instance();
        instance.databases.get(&self.database.get()).map_or(CollationId::SERVER_DEFAULT, |d| d.collation)
    }

    /// Does case count in names?
    pub(super) fn exact(&self) -> bool {
        self.collation().get().is_case_sensitive()
    }

    pub(super) fn same(&self, a: &str, b: &str) -> bool {
        if self.exact() { a == b } else { same_but_for_case(a, b) }
    }

    /// A value that SQLite gets as a parameter.
    pub fn param(&self, value: Value) -> String {
        let mut work = self.work.borrow_mut();
        work.params.push(to_stored(value));
        format!("?{}", work.params.len())
    }

    /// A new name for a table or subquery in SQLite's SQL.
    pub(super) fn alias(&self) -> String {
        let mut work = self.work.borrow_mut();
        work.aliases += 1;
        format!("a{}", work.aliases)
    }

    /// Emits an operation on typed arguments, which come in its types. `name` and the types say all about it,
    /// unless `detail` adds what else `run` has taken in.
    pub fn op(
        &self,
        name: &str,
        detail: &str,
        arguments: Vec<Typed>,
        result: SqlType,
        run: impl Fn(&[Value]) -> Result<Value, SqlError> + Send + Sync + 'static,
    ) -> Typed {
        let types: Vec<SqlType> = arguments.iter().map(|a| a.sql_type.clone()).collect();
        let nullable = arguments.iter().any(|a| a.nullable);
        let key = format!("{name} {detail} {types:?} {result:?}");
        let number = self.ops.intern(key, || Op { arguments: types, strict: true, run: Box::new(run) });
        let mut sql = format!("f({number}");
        for argument in &arguments {
            sql.push_str(", ");
            sql.push_str(&argument.sql);
        }
        sql.push(')');
        Typed::expression(sql, result, nullable)
    }

    /// An implicit conversion.
    ///
    /// # Errors
    /// 206, 257.
    pub fn implicit(&self, value: Typed, to: &SqlType) -> Result<Typed, SqlError> {
        self.convert(value, to, None, ConvertMode::Implicit)
    }

    /// A conversion; without work where the stored form is the same.
    ///
    /// # Errors
    /// 206, 257, 529.
    pub fn convert(
        &self,
        value: Typed,
        to: &SqlType,
        style: Option<i32>,
        mode: ConvertMode,
    ) -> Result<Typed, SqlError> {
        if value.is_untyped_null() {
            return Ok(Typed { sql_type: to.clone(), ..value });
        }
        if value.sql_type == *to {
            return Ok(value);
        }
        check(&value.sql_type, to, mode)?;
        let (label, nullable) = (value.label, value.nullable || mode == ConvertMode::Try);
        if same_stored_form(&value.sql_type, to) {
            return Ok(Typed { label, ..Typed::expression(value.sql, to.clone(), nullable) });
        }
        let (from, target) = (value.sql_type.clone(), to.clone());
        let detail = format!("{style:?} {mode:?}");
        let converted = self.op("cast", &detail, vec![value], to.clone(), move |v| {
            convert::cast(&v[0], &from, &target, style, mode)
        });
        Ok(Typed { label, nullable, ..converted })
    }

    /// Guards against statements that nest without end, views in views say.
    pub(super) fn deeper<T>(&self, work: impl FnOnce() -> Result<T, SqlError>) -> Result<T, SqlError> {
        self.work.borrow_mut().depth += 1;
        let result = if self.work.borrow().depth > DEEPEST { Err(too_deep()) } else { work() };
        self.work.borrow_mut().depth -= 1;
        result
    }
}

/// Does every value of `from` lie in storage just as it would in `to`?
fn same_stored_form(from: &SqlType, to: &SqlType) -> bool {
    use sandbox_values::Len::{Max, N};
    let room = |a: &SqlType, b: &SqlType| match (width(a), width(b)) {
        (_, None) => true,
        (Some(a), Some(b)) => a <= b,
        (None, Some(_)) => false,
    };
    match (from, to) {
        (
            SqlType::Bit | SqlType::TinyInt | SqlType::SmallInt | SqlType::Int,
            SqlType::Int | SqlType::BigInt,
        ) => true,
        (SqlType::Bit | SqlType::TinyInt, SqlType::SmallInt) | (SqlType::Bit, SqlType::TinyInt) => true,
        (SqlType::SmallMoney, SqlType::Money) | (SqlType::Real, SqlType::Float) => true,
        (
            SqlType::Decimal { precision: p1, scale: s1, .. },
            SqlType::Decimal { precision: p2, scale: s2, .. },
        ) => s1 == s2 && p1 <= p2,
        (SqlType::Time(a), SqlType::Time(b)) | (SqlType::DateTime2(a), SqlType::DateTime2(b)) => a <= b,
        (SqlType::DateTimeOffset(a), SqlType::DateTimeOffset(b)) => a <= b,
        (SqlType::Char(_, a) | SqlType::VarChar(_, a), SqlType::VarChar(N(_) | Max, b)) => {
            a.get().code_page == b.get().code_page && room(from, to)
        }
        (SqlType::NChar(..) | SqlType::NVarChar(..), SqlType::NVarChar(N(_) | Max, _)) => room(from, to),
        (SqlType::Binary(_) | SqlType::VarBinary(_), SqlType::VarBinary(N(_) | Max)) => room(from, to),
        _ => false,
    }
}
