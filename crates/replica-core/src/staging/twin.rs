//! A table's twins: tables beside it, built like it from its whole definition, whose rows change places with all of its
//! own (ALTER TABLE ... SWITCH, Microsoft docs, "ALTER TABLE").
use std::ops::RangeInclusive;

use super::rules::BrokenRule;
use super::{SCHEMA, StagingTables};
use crate::catalog::record::CatalogRow;
use crate::catalog::{Table, TableName};
use crate::error::Result;
use crate::schema::ddl::Creation;
use crate::schema::definition::{Backs, ConstraintName, DataSpace, Definition, IdentityRange};
use crate::schema::statement::DdlStep;
use crate::session::Session;

/// What SWITCH minds of a table that its definition does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SwitchFacts {
    /// Change tracking is on.
    pub is_tracked: bool,
    /// How many partitions it has; 1 where it has none.
    pub partitions: usize,
    /// Its partitions are compressed differently.
    pub mixed_compression: bool,
    /// Its large values lie on another filegroup than the default one, where CREATE TABLE would put them.
    pub lob_elsewhere: bool,
    /// It is published for merge replication.
    pub merge_replicated: bool,
    /// Indexed views that read it, as far as this login may know.
    pub indexed_views: Vec<String>,
}

impl SwitchFacts {
    /// Asks the server.
    ///
    /// # Errors
    /// The server's. That it does not tell of views is none: SWITCH says so then, and the old rows stay.
    pub async fn read(session: &mut Session, target: &Table) -> Result<Self> {
        let name = target.object.name.quoted();
        let rows = session.query(include_str!("facts.sql"), &[&name]).await?;
        let views = match session.query(include_str!("indexed_views.sql"), &[&name]).await {
            Err(error) if error.server().is_some() && !error.is_transient() => Vec::new(),
            asked => asked?.iter().map(CatalogRow::from).collect(),
        };
        let views = views.iter().filter_map(|row| {
            Some(TableName::new(row.text("schema_name")?, row.text("view_name")?).to_string())
        });
        let row = rows.first().map(CatalogRow::from);
        let number = |column| row.as_ref().and_then(|row| row.int(column)).unwrap_or_default();
        Ok(Self {
            is_tracked: number("tracked") > 0,
            partitions: usize::try_from(number("partitions")).unwrap_or(1).max(1),
            mixed_compression: number("mixed_compression") > 0,
            lob_elsewhere: number("lob_elsewhere") > 0,
            merge_replicated: number("is_merge_published") > 0,
            indexed_views: views.collect(),
        })
    }

    pub(super) fn broken(&self) -> Vec<BrokenRule> {
        let rule = |number, what: &str| BrokenRule { number: Some(number), what: what.to_owned() };
        let mut broken = Vec::new();
        let flags = [
            (self.is_tracked, rule(4900, "it has change tracking")),
            (self.mixed_compression, rule(11406, "its partitions are compressed differently")),
            (self.lob_elsewhere, rule(4940, "its large values lie on a filegroup of their own")),
            (self.merge_replicated, rule(4941, "it is published for merge replication")),
        ];
        broken.extend(flags.into_iter().filter(|(is_so, _)| *is_so).map(|(_, rule)| rule));
        let views = self.indexed_views.iter();
        broken.extend(views.map(|view| rule(11402, &format!("the indexed view {view} reads it"))));
        broken
    }
}

/// How to build a table's twins.
#[derive(Clone, Debug)]
pub struct Twins {
    object_id: i64,
    definition: Definition,
    /// 0: it has none.
    partitions: usize,
    /// SWITCH can wait at low priority: since SQL Server 2014 (Microsoft docs, "ALTER TABLE", low_priority_lock_wait).
    low_priority: bool,
}

/// For a SWITCH that gives way to others: for one minute, which is the least, then it gives up. Without, it is the session's
/// LOCK_TIMEOUT.
pub(super) const LOW_PRIORITY: &str =
    " WITH (WAIT_AT_LOW_PRIORITY (MAX_DURATION = 1 MINUTES, ABORT_AFTER_WAIT = SELF))";

pub(super) fn waits_at_low_priority(target: &Table) -> bool {
    target.server.as_ref().is_some_and(|server| server.waits_at_low_priority())
}

impl Twins {
    /// Of a table that keeps [all rules](super::rules::broken_rules).
    pub fn new(target: &Table, definition: Definition, facts: &SwitchFacts) -> Self {
        let partitioned = matches!(definition.place, DataSpace::Scheme { .. });
        let partitions = if partitioned { facts.partitions } else { 0 };
        let low_priority = waits_at_low_priority(target);
        Self { object_id: target.object.id, definition, partitions, low_priority }
    }

    /// The twins for one run, statement by statement.
    pub fn tables(&self, run: i64) -> StagingTables {
        let all = (self.partitions > 0).then_some(1..=self.partitions);
        self.tables_of(&run.to_string(), all)
    }

    /// The twins for some partitions; `None`: the table has none. `part` tells them from others of the target.
    pub(super) fn tables_of(&self, part: &str, partitions: Option<RangeInclusive<usize>>) -> StagingTables {
        let name = |which: &str| TableName::new(SCHEMA, &format!("stage_{}_{part}_{which}", self.object_id));
        let (incoming, outgoing) = (name("in"), name("out"));
        let new = Creation::of(&like(&self.definition, &incoming, true));
        let old = Creation::of(&like(&self.definition, &outgoing, false));
        let create = vec![
            (incoming.clone(), sql(std::slice::from_ref(&new.table))),
            (outgoing.clone(), [sql(std::slice::from_ref(&old.table)), sql(&old.after_load)].concat()),
        ];
        let finish = [new.after_load, new.foreign_keys].concat();
        let switch = self.switch(&outgoing, &incoming, partitions);
        let has_identity = self.definition.columns.iter().any(|column| column.identity.is_some());
        StagingTables {
            incoming,
            outgoing: Some(outgoing),
            has_identity,
            create,
            finish,
            switch,
            low_priority: self.low_priority,
            unless: None,
        }
    }

    /// The first of them waits for the target; what comes after has it already.
    fn switch(
        &self,
        outgoing: &TableName,
        incoming: &TableName,
        partitions: Option<RangeInclusive<usize>>,
    ) -> Vec<String> {
        let (target, out, new) = (self.definition.name.quoted(), outgoing.quoted(), incoming.quoted());
        let wait = if self.low_priority { LOW_PRIORITY } else { "" };
        let Some(partitions) = partitions else {
            return vec![
                format!("ALTER TABLE {target} SWITCH TO {out}{wait}"),
                format!("ALTER TABLE {new} SWITCH TO {target}"),
            ];
        };
        let first = *partitions.start();
        let out = partitions.clone().map(|n| {
            let wait = if n == first { wait } else { "" };
            format!("ALTER TABLE {target} SWITCH PARTITION {n} TO {out} PARTITION {n}{wait}")
        });
        let new =
            partitions.map(|n| format!("ALTER TABLE {new} SWITCH PARTITION {n} TO {target} PARTITION {n}"));
        out.chain(new).collect()
    }

    /// What makes `table` promise what the target's checks and foreign keys do, once the rows are there.
    pub(super) fn promises(&self, table: &TableName) -> Vec<DdlStep> {
        let promises = Definition { indexes: Vec::new(), ..like(&self.definition, table, true) };
        let Creation { after_load, foreign_keys, .. } = Creation::of(&promises);
        [after_load, foreign_keys].concat()
    }
}

/// A definition for a table beside the one that is so defined. `holds`: it gets the new rows, and what the target's
/// constraints promise of them. The other one takes the old ones.
fn like(definition: &Definition, name: &TableName, holds: bool) -> Definition {
    let mut like = Definition {
        name: name.clone(),
        statistics: Vec::new(),
        referenced_by: Vec::new(),
        traits: Vec::new(),
        ..definition.clone()
    };
    for column in &mut like.columns {
        column.default = None;
        // The table that is loaded counts as far as the load comes (see `identity::move_on`).
        column.identity = column.identity.take().filter(|_: &IdentityRange| holds);
    }
    for index in &mut like.indexes {
        // Names of keys are names in the schema; those of indexes are the table's own.
        index.name.by_system |= index.backs != Backs::Nothing;
    }
    if !holds {
        like.checks.clear();
        like.foreign_keys.clear();
    }
    // Where one fails it is told by the target's name, which nothing here takes. One that is to be disabled is called by a
    // name of its own.
    let unnamed = |name: &mut ConstraintName, (disabled, n): (bool, usize)| {
        name.by_system = true;
        if disabled {
            name.name = format!("{}_{n}", like.name.name);
        }
    };
    let checks = like.checks.iter_mut().map(|check| (&mut check.name, check.disabled));
    let keys = like.foreign_keys.iter_mut().map(|key| (&mut key.name, key.disabled));
    checks.chain(keys).enumerate().for_each(|(n, (name, disabled))| unnamed(name, (disabled, n)));
    like
}

/// The statements of steps, in their order.
pub(crate) fn sql(steps: &[DdlStep]) -> Vec<String> {
    steps.iter().flat_map(|step| &step.statements).map(|statement| statement.sql.clone()).collect()
}
