//! What changed at the source since a version: the statements that read it. What they give is staged and applied as a
//! [difference](super::difference). Pure.
//!
//! Change tracking names the keys of rows that changed, once each, and a letter for what happened to each. The letter is
//! not asked for: of a key that was deleted and inserted again, or of a row in which a unique value moved, older builds
//! tell it wrong (Microsoft support, KB4135113). Whether the row is there decides, in the same snapshot.
use super::difference::DifferencePlan;
use super::{CopyOptions, Plan, select_list};
use crate::catalog::{SqlType, Table, TableName, quote};
use crate::compare::key::{MergeKey, WITHOUT_KEY};
use crate::config::{Apply, Publish};
use crate::error::{Error, Result};
use crate::ledger::Method;
use crate::load::{Load, LoadColumn};
use crate::refusal::Refusal;
use crate::session::Role;
use crate::tds::columns::WireColumn;
use crate::tds::rpc::{Param, Query};
use crate::types::mapping::MappedColumn;

/// How a table's changes are carried over.
#[derive(Clone, Debug)]
pub(crate) struct ChangesPlan {
    /// Of the difference, which has a [`DifferencePlan`].
    pub plan: Plan,
    pub method: Method,
    /// The source's column that grows with each change, of the method that needs one.
    row_version: Option<String>,
}

/// How rows of the source are called beside those of change tracking.
const ROW: &str = "replica_row";

/// The source's column of type rowversion; a table has at most one.
pub(crate) fn row_version(source: &Table) -> Option<&str> {
    let column = source.columns.iter().find(|column| column.sql_type == SqlType::RowVersion)?;
    Some(&column.name)
}

impl ChangesPlan {
    /// # Errors
    /// Those of [`Plan::new`]; rows cannot be told apart by what the method tells of them; what a difference refuses.
    pub(crate) fn new(source: &Table, target: &Table, options: CopyOptions, method: Method) -> Result<Self> {
        let options = CopyOptions { apply: Apply::Difference, publish: Publish::default(), ..options };
        let mut plan = Plan::new(source, target, options)?;
        if method == Method::ChangeTracking {
            plan.difference = Some(by_primary_key(source, target, &plan)?);
        }
        if plan.difference.is_none() {
            return Err(without_name(&plan.target));
        }
        plan.allowed()?;
        let row_version = match method {
            Method::ChangeTracking => None,
            Method::RowVersion => Some(row_version(source).map(str::to_owned).ok_or_else(|| {
                Error::refused(Refusal::NoVersions, "the source's table has no rowversion column")
                    .table(&source.object.name)
                    .remedy("Give it one, or say --method change-tracking")
            })?),
        };
        Ok(Self { plan, method, row_version })
    }

    /// # Errors
    /// There is none, which a plan of this kind always has.
    pub(crate) fn difference(&self) -> Result<&DifferencePlan> {
        self.plan.difference.as_ref().ok_or_else(|| without_name(&self.plan.target))
    }

    /// Where in the session of the target its rows are staged.
    pub(crate) fn staged_at(&mut self, place: usize) {
        if let Some(difference) = &mut self.plan.difference {
            difference.staged_at(place);
        }
    }

    fn key(&self) -> impl Iterator<Item = &MappedColumn> {
        let key = self.plan.difference.iter().flat_map(|difference| &difference.key.columns);
        key.map(|at| &self.plan.mapping.columns[*at])
    }

    /// The rows that changed since a version and are there.
    pub(crate) fn rows(&self, since: i64, before: Option<i64>) -> Query {
        let list = select_list(&self.plan.mapping.columns, |column| &column.conversion.expression);
        let (source, from) = (self.plan.source.quoted(), self.plan.rows_from.unnamed());
        let Some(version) = &self.row_version else {
            let same = self.same("c", ROW);
            let sql = format!(
                "SELECT {list} FROM {from} AS {ROW} WHERE EXISTS \
                 (SELECT 1 FROM CHANGETABLE(CHANGES {source}, @P1) AS c WHERE {same})"
            );
            return Query { sql, params: vec![Param::BigInt(since)] };
        };
        let version = quote(version);
        let mut sql = format!("SELECT {list} FROM {from} AS {ROW} WHERE ");
        let mut params = vec![Param::BigInt(since)];
        let mut limits = format!("{version} >= CAST(@P1 AS binary(8))");
        if let Some(before) = before {
            params.push(Param::BigInt(before));
            limits.push_str(&format!(" AND {version} < CAST(@P2 AS binary(8))"));
        }
        sql.push_str(&limits);
        Query { sql, params }
    }

    /// The keys of rows that changed since a version and are not there.
    pub(crate) fn gone(&self, since: i64) -> Query {
        let source = self.plan.source.quoted();
        let key: Vec<MappedColumn> = self.key().cloned().collect();
        let list = select_list(&key, |column| &column.conversion.expression);
        let (from, same) = (self.plan.rows_from.unnamed(), self.same("c", ROW));
        let sql = format!(
            "SELECT {list} FROM CHANGETABLE(CHANGES {source}, @P1) AS c WHERE NOT EXISTS \
             (SELECT 1 FROM {from} AS {ROW} WHERE {same})"
        );
        Query { sql, params: vec![Param::BigInt(since)] }
    }

    /// The load of keys, as a side has them.
    ///
    /// # Errors
    /// As [`Plan::load`].
    pub(crate) fn load_keys(&self, arrived: &[WireColumn], read_from: Role) -> Result<Load> {
        let columns: Vec<LoadColumn> = self
            .key()
            .zip(arrived)
            .map(|(column, arrived)| {
                let collation = match read_from {
                    Role::Source => column.conversion.collation.as_deref(),
                    Role::Target => column.target.collation.as_ref().map(|collation| collation.name.as_str()),
                };
                LoadColumn::new(&column.target, arrived, collation)
            })
            .collect();
        if columns.len() != arrived.len() {
            return Err(Error::protocol("the source answers a SELECT of keys with other columns"));
        }
        Ok(self.plan.load_of(columns))
    }

    /// The statements of a round in which the table has changes, up to the ledger's.
    pub(crate) fn statements(&self) -> Vec<String> {
        let Some(difference) = &self.plan.difference else { return Vec::new() };
        let mut statements = Vec::new();
        if self.method == Method::ChangeTracking {
            statements.push(format!("{} -- rows that are there, at the source", self.rows(0, None).sql));
            statements.push(format!("{} -- rows that are gone, at the source", self.gone(0).sql));
        } else {
            statements.push(format!("{} -- at the source", self.rows(0, Some(0)).sql));
        }
        statements.extend(difference.create());
        statements.extend(difference.written(&self.plan));
        statements
    }

    /// `c` and `r` are one row, as the source names it.
    fn same(&self, c: &str, r: &str) -> String {
        let equal = self.key().map(|column| {
            let name = quote(&column.source.name);
            format!("{c}.{name} = {r}.{name}")
        });
        equal.collect::<Vec<_>>().join(" AND ")
    }
}

/// Has any row of a table, by its quoted name, changed since the version in a parameter?
pub(crate) fn any_change(source: &str, parameter: usize) -> String {
    format!(
        "CASE WHEN EXISTS (SELECT 1 FROM CHANGETABLE(CHANGES {source}, @P{parameter}) AS c) THEN 1 ELSE 0 END"
    )
}

fn without_name(target: &TableName) -> Error {
    Error::refused(Refusal::NoKey, WITHOUT_KEY)
        .remedy("Give the target a primary key like the source's, or copy the table by replicate-reference-tables")
        .table(target)
}

/// Change tracking names rows by the primary key of the source's table: so must the target.
fn by_primary_key(source: &Table, target: &Table, plan: &Plan) -> Result<DifferencePlan> {
    let refused = |why: String| Error::refused(Refusal::NoKey, why).table(&target.object.name);
    let primary = source.indexes.iter().flatten().find(|index| index.primary_key);
    let ids: Vec<i32> = primary.iter().flat_map(|index| &index.keys).map(|key| key.column_id).collect();
    if ids.is_empty() {
        return Err(Error::refused(Refusal::NoKey, "the source's table has no primary key, by which changes are tracked")
            .remedy("Give it one, or give it a rowversion column (--method rowversion), or copy the table by replicate-reference-tables")
            .table(&source.object.name));
    }
    let key = MergeKey::filled_by(target, &plan.mapping, &ids).ok_or_else(|| {
        match MergeKey::identifying(target, &plan.mapping) {
            None => without_name(&target.object.name),
            Some(_) => refused(
                "changes are named by the source's primary key, and the target has no unique key of these columns".into(),
            )
            .remedy("Make a unique index on them at the target, or say --method rowversion"),
        }
    })?;
    for at in &key.columns {
        let MappedColumn { source: from, target: to, .. } = &plan.mapping.columns[*at];
        if source.is_computed(from) {
            return Err(refused(
                "an expression makes its key, and changes are named by the source's own".into(),
            )
            .column(&to.name)
            .remedy("Leave the key as it is, or copy the table by replicate-reference-tables"));
        }
        let name = |collation: &Option<crate::catalog::Collation>| {
            collation.as_ref().map(|collation| collation.name.to_ascii_uppercase()).unwrap_or_default()
        };
        let (theirs, ours) = (name(&from.collation), name(&to.collation));
        // A key that only changes its case is the same key to the source, which tells of no row that is gone.
        if theirs != ours && !theirs.ends_with("_BIN") && !theirs.ends_with("_BIN2") {
            return Err(refused(format!(
                "the key is {ours} at the target and {theirs} at the source: what is one key there may be two here"
            ))
            .column(&to.name)
            .remedy("Give both the same collation, or copy the table by replicate-reference-tables --apply difference"));
        }
    }
    DifferencePlan::by(key, target, &plan.mapping)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::index::{Index, IndexKind, sample as index};
    use crate::catalog::table::sample;
    use crate::catalog::{Column, Length};
    use crate::types::guide::column;

    fn table(name: &str) -> Table {
        let mut table = sample(name);
        table.object.id = i64::from(name.len() as u32);
        table.columns = vec![
            Column { id: 1, nullable: false, ..column("id", &SqlType::Int) },
            Column { id: 2, nullable: false, ..column("co]de", &SqlType::VarChar(Length::N(10))) },
            Column { id: 3, nullable: true, ..column("text", &SqlType::NVarChar(Length::Max)) },
            Column { id: 4, ..column("stamp", &SqlType::RowVersion) },
        ];
        let primary = Index { unique: true, primary_key: true, ..index(1, IndexKind::Clustered, &[2, 1]) };
        table.indexes = Some(vec![primary]);
        table
    }

    fn planned(change: impl FnOnce(&mut Table, &mut Table), method: Method) -> Result<ChangesPlan> {
        let (mut source, mut target) = (table("s.t"), table("dbo.t"));
        change(&mut source, &mut target);
        ChangesPlan::new(&source, &target, CopyOptions::default(), method)
    }

    #[test]
    fn changes_are_asked_for_by_key_and_presence() {
        let to_bigint = |_: &mut Table, target: &mut Table| target.columns[0].sql_type = SqlType::BigInt;
        let plan = planned(to_bigint, Method::ChangeTracking).unwrap();
        assert_eq!(
            plan.rows(7, None).sql,
            "SELECT CAST([id] AS bigint) AS [id], [co]]de], [text] FROM [s].[t] AS replica_row WHERE EXISTS \
             (SELECT 1 FROM CHANGETABLE(CHANGES [s].[t], @P1) AS c WHERE c.[co]]de] = replica_row.[co]]de] \
             AND c.[id] = replica_row.[id])"
        );
        let gone = plan.gone(7);
        assert_eq!(
            gone.sql,
            "SELECT [co]]de], CAST([id] AS bigint) AS [id] FROM CHANGETABLE(CHANGES [s].[t], @P1) AS c WHERE NOT EXISTS \
             (SELECT 1 FROM [s].[t] AS replica_row WHERE c.[co]]de] = replica_row.[co]]de] AND c.[id] = replica_row.[id])"
        );
        assert_eq!(gone.params, [Param::BigInt(7)]);
    }

    #[test]
    fn rowversions_are_bounded_on_both_sides() {
        let query = planned(|_, _| {}, Method::RowVersion).unwrap().rows(1, Some(9));
        assert!(
            query
                .sql
                .ends_with("WHERE [stamp] >= CAST(@P1 AS binary(8)) AND [stamp] < CAST(@P2 AS binary(8))"),
            "{}",
            query.sql
        );
        let without = |source: &mut Table, _: &mut Table| source.columns.truncate(3);
        let error = planned(without, Method::RowVersion).unwrap_err();
        assert_eq!(error.refusal(), Some(Refusal::NoVersions));
    }

    #[test]
    fn rows_that_the_target_cannot_name_are_refused() {
        let refused = |change: fn(&mut Table, &mut Table)| {
            planned(change, Method::ChangeTracking).unwrap_err().to_string()
        };
        assert!(refused(|source, _| source.indexes = None).contains("no primary key"));
        assert!(refused(|_, target| target.indexes = None).contains("primary key like the source's"));
        let by_one = |_: &mut Table, target: &mut Table| {
            target.indexes =
                Some(vec![Index { unique: true, primary_key: true, ..index(1, IndexKind::Clustered, &[1]) }]);
        };
        assert!(refused(by_one).contains("unique index on them"));
        let finer = |_: &mut Table, target: &mut Table| {
            if let Some(collation) = &mut target.columns[1].collation {
                collation.name = "Latin1_General_BIN2".into();
            }
        };
        assert!(refused(finer).contains("one key there may be two here"));
        let coarser = |source: &mut Table, _: &mut Table| {
            if let Some(collation) = &mut source.columns[1].collation {
                collation.name = "Latin1_General_BIN2".into();
            }
        };
        assert!(planned(coarser, Method::ChangeTracking).is_ok());
    }
}
