//! Our functions inside SQLite. The binder makes an [`Op`] for each typed operation it meets and emits
//! `f(number, arguments...)`; SQLite calls back, and the operation sees typed values.
use crate::store::storage_error;
use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::Value as Stored;
use rusqlite::{Connection, Error};
use sandbox_values::error::SqlError;
use sandbox_values::storage::{from_stored, to_stored};
use sandbox_values::{SqlType, Value};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type OpRun = Box<dyn Fn(&[Value]) -> Result<Value, SqlError> + Send + Sync>;

/// One operation on values of fixed types.
pub struct Op {
    pub arguments: Vec<SqlType>,
    /// NULL if any argument is, without asking.
    pub strict: bool,
    pub run: OpRun,
}

/// What an aggregate keeps.
pub type AggregateState = Option<Value>;
type Step = Box<dyn Fn(AggregateState, &[Value]) -> Result<AggregateState, SqlError> + Send + Sync>;

/// An aggregate over rows whose arguments are not NULL; no such row gives NULL.
pub struct Fold {
    pub arguments: Vec<SqlType>,
    pub step: Step,
}

/// The operations of the statement at hand, and the error that one of them ended with: SQLite carries text only.
#[derive(Clone, Default)]
pub struct Ops(Arc<Mutex<StatementOps>>);

#[derive(Default)]
struct StatementOps {
    ops: Vec<Arc<Op>>,
    folds: Vec<Arc<Fold>>,
    /// What has been emitted before has the same number again, so that equal expressions have equal SQL.
    known: HashMap<String, usize>,
    failure: Option<SqlError>,
}

impl Ops {
    /// The number of the operation that `key` describes in full.
    pub fn intern(&self, key: String, op: impl FnOnce() -> Op) -> usize {
        let mut state = self.state();
        if let Some(&number) = state.known.get(&key) {
            return number;
        }
        state.ops.push(Arc::new(op()));
        let number = state.ops.len() - 1;
        state.known.insert(key, number);
        number
    }

    /// The same for an aggregate.
    pub fn intern_fold(&self, key: String, fold: impl FnOnce() -> Fold) -> usize {
        let mut state = self.state();
        if let Some(&number) = state.known.get(&key) {
            return number;
        }
        state.folds.push(Arc::new(fold()));
        let number = state.folds.len() - 1;
        state.known.insert(key, number);
        number
    }

    /// Forgets the last statement's.
    pub fn clear(&self) {
        *self.state() = StatementOps::default();
    }

    /// What SQLite failed with: an operation's own error, if it was one.
    pub fn explain(&self, error: &Error) -> SqlError {
        self.state().failure.take().unwrap_or_else(|| storage_error(error))
    }

    /// Makes SQLite fail, and [`Ops::explain`] know why.
    pub fn fail(&self, error: SqlError) -> Error {
        let told = Error::UserFunctionError(Box::new(error.clone()));
        self.state().failure = Some(error);
        told
    }

    /// Makes `f` (the same arguments give the same result), `fv` (they may not) and `fold` known to SQLite.
    pub fn register(&self, connection: &Connection) -> rusqlite::Result<()> {
        let pure = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
        let ops = self.clone();
        connection.create_scalar_function("f", -1, pure, move |context| ops.call(context))?;
        let ops = self.clone();
        connection
            .create_scalar_function("fv", -1, FunctionFlags::SQLITE_UTF8, move |context| ops.call(context))?;
        connection.create_aggregate_function("only", 1, FunctionFlags::SQLITE_UTF8, Only(self.clone()))?;
        connection.create_aggregate_function("fold", -1, FunctionFlags::SQLITE_UTF8, Folding(self.clone()))
    }

    fn call(&self, context: &Context<'_>) -> rusqlite::Result<Stored> {
        let op = usize::try_from(context.get::<i64>(0)?).ok().and_then(|n| self.state().ops.get(n).cloned());
        let Some(op) = op else {
            return Err(Error::InvalidFunctionParameterType(0, rusqlite::types::Type::Integer));
        };
        let mut values = Vec::with_capacity(op.arguments.len());
        for (n, sql_type) in op.arguments.iter().enumerate() {
            let value = self.argument(context, n + 1, sql_type)?;
            if op.strict && value == Value::Null {
                return Ok(Stored::Null);
            }
            values.push(value);
        }
        (op.run)(&values).map(to_stored).map_err(|error| self.fail(error))
    }

    fn argument(&self, context: &Context<'_>, n: usize, sql_type: &SqlType) -> rusqlite::Result<Value> {
        from_stored(context.get_raw(n), sql_type).map_err(|damaged| {
            self.fail(SqlError::new(50000, 16, 2, format!("replica-sandbox: storage: {damaged}.")))
        })
    }

    fn state(&self) -> MutexGuard<'_, StatementOps> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `only(x)`: the value of a scalar subquery, which has one row at most.
struct Only(Ops);

impl Aggregate<Option<Stored>, Stored> for Only {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Option<Stored>> {
        Ok(None)
    }

    fn step(&self, context: &mut Context<'_>, only: &mut Option<Stored>) -> rusqlite::Result<()> {
        if only.is_some() {
            return Err(self.0.fail(SqlError::new(
                512,
                16,
                1,
                "Subquery returned more than 1 value. This is not permitted when the subquery follows =, !=, <, <= , >, \
                 >= or when the subquery is used as an expression.",
            )));
        }
        *only = Some(context.get(0)?);
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, only: Option<Option<Stored>>) -> rusqlite::Result<Stored> {
        Ok(only.flatten().unwrap_or(Stored::Null))
    }
}

struct Folding(Ops);

type FoldState = AggregateState;

impl Folding {
    fn fold(&self, number: usize) -> rusqlite::Result<Arc<Fold>> {
        let found = self.0.state().folds.get(number).cloned();
        found.ok_or(Error::InvalidFunctionParameterType(0, rusqlite::types::Type::Integer))
    }

    fn arguments(&self, context: &Context<'_>, fold: &Fold) -> rusqlite::Result<Option<Vec<Value>>> {
        let mut values = Vec::with_capacity(fold.arguments.len());
        for (n, sql_type) in fold.arguments.iter().enumerate() {
            values.push(self.0.argument(context, n + 1, sql_type)?);
        }
        Ok((!values.contains(&Value::Null)).then_some(values))
    }
}

impl Aggregate<FoldState, Stored> for Folding {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<FoldState> {
        Ok(None)
    }

    fn step(&self, context: &mut Context<'_>, folded: &mut FoldState) -> rusqlite::Result<()> {
        let fold = self.fold(usize::try_from(context.get::<i64>(0)?).unwrap_or(usize::MAX))?;
        if let Some(values) = self.arguments(context, &fold)? {
            *folded = (fold.step)(folded.take(), &values).map_err(|error| self.0.fail(error))?;
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, folded: Option<FoldState>) -> rusqlite::Result<Stored> {
        Ok(folded.flatten().map_or(Stored::Null, to_stored))
    }
}
