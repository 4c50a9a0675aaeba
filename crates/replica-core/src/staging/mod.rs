//! Partitioned targets: a window that is a partition is loaded into a table beside the target, built like it, and
//! changes places with the old rows in an instant (ALTER TABLE … SWITCH, Microsoft docs, "Partition switching").
//! Readers see the old rows until then, and writers of other windows are not in the way.
//!
//! What SWITCH demands is much: the same columns, indexes, filegroup and compression, and a CHECK that promises the
//! partition's range. What is not known to meet it goes the ordinary way, and so does what the server refuses.
//!
//! A whole table changes places with its [`Twins`] in the same way, or is replaced by what was loaded into a bare heap.
mod layout;
mod rules;
mod twin;

use crate::catalog::index::{Index, IndexKind};
use crate::catalog::{Column, Table, TableName, quote};
use crate::error::Result;
use crate::schema::statement::{Cost, DdlStatement, DdlStep};
use crate::window::{DateColumn, DayRange, Window};
pub(crate) use layout::{IdentitySeed, Layout, PartitionBounds, PartitionLayout};
pub(crate) use rules::{BrokenRule, broken_rules};
use twin::{LOW_PRIORITY, waits_at_low_priority};
pub(crate) use twin::{SwitchFacts, Twins, sql};

/// How to build the tables beside the target.
#[derive(Clone, Debug)]
pub struct Staging {
    target: TableName,
    object_id: i64,
    columns: Vec<Column>,
    indexes: Vec<Index>,
    date: DateColumn,
    layout: Layout,
    twins: Option<Twins>,
    low_priority: bool,
}

/// Tables beside a target, statement by statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StagingTables {
    /// The new rows.
    pub incoming: TableName,
    /// The old rows, on their way out; `None`: they are deleted.
    pub outgoing: Option<TableName>,
    /// The new rows have numbers of the target's identity column, which SWITCH does not move on.
    pub has_identity: bool,
    /// Each table, and what makes it.
    pub create: Vec<(TableName, Vec<String>)>,
    /// Once the new rows are there.
    pub finish: Vec<DdlStep>,
    /// The old rows out, the new ones in: in one transaction. Empty: they are deleted and inserted.
    pub switch: Vec<String>,
    /// The SWITCH waits for the target at low priority.
    pub low_priority: bool,
    /// Between which boundaries the rows that change places are; `None`: they are all.
    pub unless: Option<PartitionBounds>,
}

impl StagingTables {
    /// The tables.
    pub fn names(&self) -> impl Iterator<Item = &TableName> {
        std::iter::once(&self.incoming).chain(&self.outgoing)
    }

    /// A bare heap for rows that are copied over: loads into it are as fast as loads are. `part`: what tells it from others
    /// of the same target.
    pub fn heap(target: i64, part: &str, columns: &[&Column]) -> Self {
        let incoming = TableName::new(SCHEMA, &format!("stage_{target}_{part}_in"));
        let columns = columns.iter().map(|column| {
            let collation =
                column.collation.as_ref().map(|c| format!(" COLLATE {}", c.name)).unwrap_or_default();
            let null = if column.nullable { "NULL" } else { "NOT NULL" };
            format!("{} {}{collation} {null}", quote(&column.name), column.sql_type)
        });
        let create =
            format!("CREATE TABLE {} ({})", incoming.quoted(), columns.collect::<Vec<_>>().join(", "));
        Self {
            create: vec![(incoming.clone(), vec![create])],
            incoming,
            outgoing: None,
            has_identity: false,
            finish: Vec::new(),
            switch: Vec::new(),
            low_priority: false,
            unless: None,
        }
    }
}

/// What tells the tables of a window from those of others.
pub(crate) fn window_part(window: &Window) -> String {
    match window {
        Window::Days(days) => format!("{}_{}", days.first, days.next).replace('-', ""),
        Window::Keys(range) => format!("range{}", range.number),
    }
}

/// The schema of the ledger: whoever may write that may make tables there.
const SCHEMA: &str = "replica";

impl Staging {
    /// For windows of `target` along `date`, its column `date_id`. `twins`: what they have to be like in all, where that was
    /// asked for; the target's constraints are promised then, and several partitions change places together.
    ///
    /// # Errors
    /// Why it cannot be done, in words for `--explain`.
    pub(crate) fn new(
        target: &Table,
        (date_id, date): (i32, DateColumn),
        layout: Layout,
        twins: Option<Twins>,
    ) -> Result<Self, String> {
        if layout.column_id != date_id {
            return Err("partitioned by another column than the windows' date".into());
        }
        if layout.first_days.is_none() {
            return Err("partitioned at other moments than midnights".into());
        }
        let special =
            target.columns.iter().find(|column| column.computed || column.generated || column.column_set);
        if let Some(column) = special {
            return Err(format!("column {} is computed or generated", column.name));
        }
        let is_unpromised = twins.is_none();
        if is_unpromised && target.foreign_keys.as_ref().is_none_or(|keys| !keys.is_empty()) {
            return Err("foreign keys, of which SWITCH wants copies".into());
        }
        if is_unpromised && target.checks.as_ref().is_none_or(|checks| !checks.is_empty()) {
            return Err("CHECK constraints, of which SWITCH wants copies".into());
        }
        let Some(indexes) = &target.indexes else {
            return Err("its indexes are unknown".into());
        };
        for index in indexes {
            let name = index.name.as_deref().unwrap_or_default();
            if matches!(index.kind, IndexKind::NonclusteredColumnstore | IndexKind::Other) || index.filtered {
                return Err(format!("index {name} is of a kind that is not rebuilt beside it"));
            }
            if index.disabled {
                return Err(format!("index {name} is disabled"));
            }
            if !index.partitioned {
                return Err(format!("index {name} is not partitioned"));
            }
        }
        Ok(Self {
            target: target.object.name.clone(),
            object_id: target.object.id,
            columns: target.columns.clone(),
            indexes: indexes.clone(),
            date,
            layout,
            twins,
            low_priority: waits_at_low_priority(target),
        })
    }

    /// The tables for one window; `None` if it is not to change places.
    pub fn stage(&self, window: &Window) -> Option<StagingTables> {
        let days = &window.days()?;
        let partitions = self.layout.partitions_of(days)?;
        let part = window_part(window);
        let unless = PartitionBounds::of(&self.layout, &self.target, &partitions);
        if partitions.start() == partitions.end() {
            return Some(StagingTables { unless, ..self.one(days, *partitions.start(), &part) });
        }
        Some(StagingTables { unless, ..self.twins.as_ref()?.tables_of(&part, Some(partitions)) })
    }

    /// For a window that is one partition the tables have none: their rows are held by a CHECK.
    fn one(&self, days: &DayRange, partition: usize, part: &str) -> StagingTables {
        let name = |which: &str| TableName::new(SCHEMA, &format!("stage_{}_{part}_{which}", self.object_id));
        let (incoming, outgoing) = (name("in"), name("out"));
        let others = || self.indexes.iter().filter(|index| index.id > 1);
        let create = [&incoming, &outgoing].map(|table| {
            let mut statements = vec![self.create(table, partition, *table == incoming)];
            statements.extend(self.base().and_then(|index| self.index(table, index, partition)));
            if *table == outgoing {
                statements.extend(others().filter_map(|index| self.index(table, index, partition)));
            }
            (table.clone(), statements)
        });
        let step = |what: String, cost, sql| DdlStep::new(what, vec![DdlStatement::new(cost, sql)]);
        let indexes = others().filter_map(|index| {
            let name = index.name.as_deref().unwrap_or_default();
            Some(step(format!("index {name}"), Cost::Build, self.index(&incoming, index, partition)?))
        });
        let mut finish: Vec<_> = indexes.collect();
        finish.extend(self.twins.iter().flat_map(|twins| twins.promises(&incoming)));
        let promise = self.date.promise(days);
        let promise = format!("ALTER TABLE {} WITH CHECK ADD CHECK ({promise})", incoming.quoted());
        finish.push(step("the check of the partition's days".into(), Cost::Scan, promise));
        let target = self.target.quoted();
        let wait = if self.low_priority { LOW_PRIORITY } else { "" };
        let switch = vec![
            format!("ALTER TABLE {target} SWITCH PARTITION {partition} TO {}{wait}", outgoing.quoted()),
            format!("ALTER TABLE {} SWITCH TO {target} PARTITION {partition}", incoming.quoted()),
        ];
        let has_identity = self.columns.iter().any(|column| column.identity);
        StagingTables {
            incoming,
            outgoing: Some(outgoing),
            has_identity,
            create: create.to_vec(),
            finish,
            switch,
            low_priority: self.low_priority,
            unless: None,
        }
    }

    fn base(&self) -> Option<&Index> {
        self.indexes.iter().find(|index| index.id <= 1)
    }

    fn partition(&self, index: &Index, number: usize) -> Option<&PartitionLayout> {
        self.layout.partitions.iter().find(|known| known.index_id == index.id && known.number == number)
    }

    /// `counts`: with the target's IDENTITY, so that it comes as far as a load brings the target. SWITCH does not ask for
    /// it (unconfirmed: it is a known way to give a table that property, or to take it).
    fn create(&self, table: &TableName, partition: usize, counts: bool) -> String {
        let IdentitySeed { seed, increment } = self.layout.identity;
        let columns = self.columns.iter().map(|column| {
            let collation =
                column.collation.as_ref().map(|c| format!(" COLLATE {}", c.name)).unwrap_or_default();
            let null = if column.nullable { "NULL" } else { "NOT NULL" };
            let identity = if counts && column.identity {
                format!(" IDENTITY({seed},{increment})")
            } else {
                String::new()
            };
            format!("{} {}{collation}{identity} {null}", quote(&column.name), column.sql_type)
        });
        let columns = columns.collect::<Vec<_>>().join(", ");
        let heap = self.base().filter(|index| index.kind == IndexKind::Heap);
        let place =
            self.base().and_then(|index| self.partition(index, partition)).map_or(String::new(), |place| {
                let compressed = heap.filter(|_| place.compression != "NONE");
                let compression =
                    compressed.map(|_| format!(" WITH (DATA_COMPRESSION = {})", place.compression));
                format!(" ON {}{}", quote(&place.filegroup), compression.unwrap_or_default())
            });
        format!("CREATE TABLE {} ({columns}){place}", table.quoted())
    }

    /// `None` for a heap. Constraints go without a name, which would have to be one of its own.
    fn index(&self, table: &TableName, index: &Index, partition: usize) -> Option<String> {
        let place = self.partition(index, partition);
        let on = place.map(|place| format!(" ON {}", quote(&place.filegroup))).unwrap_or_default();
        let compression = place
            .filter(|place| place.compression != "NONE" && index.kind != IndexKind::ClusteredColumnstore);
        let with = compression
            .map(|place| format!(" WITH (DATA_COMPRESSION = {})", place.compression))
            .unwrap_or_default();
        let column = |id: i32| self.columns.iter().find(|column| column.id == id).map(|c| quote(&c.name));
        let keys = index.keys.iter().filter_map(|key| {
            Some(format!("{} {}", column(key.column_id)?, if key.descending { "DESC" } else { "ASC" }))
        });
        let keys = keys.collect::<Vec<_>>().join(", ");
        let included = index.included.iter().filter_map(|id| column(*id)).collect::<Vec<_>>().join(", ");
        let include = if included.is_empty() { String::new() } else { format!(" INCLUDE ({included})") };
        let table = table.quoted();
        let name = quote(index.name.as_deref().unwrap_or_default());
        let clustered = if index.kind == IndexKind::Clustered { "CLUSTERED" } else { "NONCLUSTERED" };
        Some(match (index.kind, index.primary_key, index.backs_constraint) {
            (IndexKind::Heap, ..) => return None,
            (IndexKind::ClusteredColumnstore, ..) => {
                format!("CREATE CLUSTERED COLUMNSTORE INDEX {name} ON {table}{on}")
            }
            (_, true, _) => format!("ALTER TABLE {table} ADD PRIMARY KEY {clustered} ({keys}){with}{on}"),
            (_, _, true) => format!("ALTER TABLE {table} ADD UNIQUE {clustered} ({keys}){with}{on}"),
            _ => {
                let unique = if index.unique { "UNIQUE " } else { "" };
                format!("CREATE {unique}{clustered} INDEX {name} ON {table} ({keys}){include}{with}{on}")
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;
    use crate::catalog::SqlType;
    use crate::catalog::index::sample as index;
    use crate::catalog::table::sample;
    use crate::types::guide::column;

    const JANUARY: DayRange = DayRange { first: date!(2024 - 01 - 01), next: date!(2024 - 02 - 01) };

    fn layout() -> Layout {
        let place = |index_id, compression: &str| PartitionLayout {
            index_id,
            number: 2,
            compression: compression.into(),
            filegroup: "FG 2".into(),
        };
        Layout {
            column_id: 2,
            first_days: Some(vec![JANUARY.first, JANUARY.next]),
            boundaries: vec!["2024-01-01T00:00:00".into(), "2024-02-01T00:00:00".into()],
            partitions: vec![place(1, "PAGE"), place(2, "NONE")],
            identity: IdentitySeed { seed: 10, increment: -5 },
        }
    }

    fn table() -> Table {
        let mut table = sample("dbo.t");
        let id = Column { id: 1, nullable: false, ..column("id", &SqlType::Int) };
        table.columns = vec![id, Column { id: 2, nullable: false, ..column("d", &SqlType::Date) }];
        let index = |id, kind, keys: &[i32]| Index { partitioned: true, ..index(id, kind, keys) };
        let key = index(1, IndexKind::Clustered, &[2, 1]);
        table.indexes = Some(vec![
            Index { primary_key: true, backs_constraint: true, unique: true, ..key },
            Index { included: vec![1], ..index(2, IndexKind::Nonclustered, &[2]) },
        ]);
        table
    }

    fn staging(table: &Table, layout: Layout) -> Result<Staging, String> {
        let date = DateColumn::plain(&table.columns[1]);
        Staging::new(table, (2, date), layout, None)
    }

    #[test]
    fn statements_of_a_partition() {
        let stage = staging(&table(), layout()).unwrap().stage(&JANUARY.into()).unwrap();
        let new = "[replica].[stage_1_20240101_20240201_in]";
        let old = "[replica].[stage_1_20240101_20240201_out]";
        assert_eq!(
            stage.create[0].1,
            [
                format!("CREATE TABLE {new} ([id] int NOT NULL, [d] date NOT NULL) ON [FG 2]"),
                format!(
                    "ALTER TABLE {new} ADD PRIMARY KEY CLUSTERED ([d] ASC, [id] ASC) WITH (DATA_COMPRESSION = PAGE) ON [FG 2]"
                ),
            ]
        );
        assert_eq!(
            sql(&stage.finish),
            [
                format!("CREATE NONCLUSTERED INDEX [ix]]2] ON {new} ([d] ASC) INCLUDE ([id]) ON [FG 2]"),
                format!(
                    "ALTER TABLE {new} WITH CHECK ADD CHECK ([d] IS NOT NULL AND [d] >= '20240101' AND [d] < '20240201')"
                ),
            ]
        );
        assert_eq!(
            stage.switch,
            [
                format!("ALTER TABLE [dbo].[t] SWITCH PARTITION 2 TO {old}"),
                format!("ALTER TABLE {new} SWITCH TO [dbo].[t] PARTITION 2"),
            ]
        );
        assert_eq!(
            staging(&table(), layout())
                .unwrap()
                .stage(&DayRange { next: date!(2024 - 01 - 31), ..JANUARY }.into()),
            None
        );
    }

    #[test]
    fn new_rows_are_counted_as_the_target_counts() {
        let mut table = table();
        table.columns[0].identity = true;
        let stage = staging(&table, layout()).unwrap().stage(&JANUARY.into()).unwrap();
        let created = |name: &TableName| {
            let begin = format!("CREATE TABLE {} ([id] int", name.quoted());
            let all = stage.create.iter().flat_map(|(_, statements)| statements);
            all.into_iter().find_map(|sql| sql.strip_prefix(&begin)).unwrap()
        };
        assert!(stage.has_identity);
        assert!(created(&stage.incoming).starts_with(" IDENTITY(10,-5) NOT NULL, [d] date NOT NULL)"));
        assert!(created(stage.outgoing.as_ref().unwrap()).starts_with(" NOT NULL, "));
    }

    #[test]
    fn what_is_not_known_to_switch_is_left_alone() {
        let mut computed = table();
        computed.columns[0].computed = true;
        assert!(staging(&computed, layout()).unwrap_err().contains("id"));
        assert!(staging(&table(), Layout { column_id: 1, ..layout() }).is_err());
        assert!(staging(&table(), Layout { first_days: None, ..layout() }).is_err());
        let second = |change: fn(&mut Index)| {
            let mut table = table();
            change(&mut table.indexes.as_mut().unwrap()[1]);
            staging(&table, layout()).unwrap_err()
        };
        assert!(second(|index| index.disabled = true).contains("ix]2"));
        assert!(second(|index| index.partitioned = false).contains("ix]2"));
        assert!(second(|index| index.filtered = true).contains("ix]2"));
        assert!(second(|index| index.kind = IndexKind::NonclusteredColumnstore).contains("ix]2"));
        let unknown = Table { indexes: None, ..table() };
        assert!(staging(&unknown, layout()).unwrap_err().contains("unknown"));
    }
}
