//! Objects: tables, views, constraints and the rest as objects.
use super::definition::{Cell, Columns, Definition, Row, row};
use super::scope::{INFORMATION_SCHEMA, SYS, ViewScope};
use sandbox_catalog::schema::{Backs, Durability, LockEscalation, SecurityPolicy, Special, Synonym, Table};
use sandbox_session::failure::Outcome;
use std::time::SystemTime;

/// The twelve columns that every view of objects begins with.
macro_rules! object {
    (is_ms_shipped = $shipped:literal) => {
        concat!(
            "name sysname, object_id int, principal_id int null = null, schema_id int, parent_object_id int, ",
            "type char(2), type_desc nvarchar(60) null, create_date datetime, modify_date datetime, ",
            "is_ms_shipped bit = ",
            $shipped,
            ", is_published bit = 0, is_schema_published bit = 0",
        )
    };
}
pub const OBJECT: &str = object!(is_ms_shipped = 0);

/// What a view has more than an object.
const VIEW_MORE: &str = "is_replicated bit null = 0, has_replication_filter bit null = 0, \
    has_opaque_metadata bit = 0, has_unchecked_assembly_data bit = 0, with_check_option bit = 0, \
    is_date_correlation_view bit = 0, is_tracked_by_cdc bit null = 0, has_snapshot bit null = 0, \
    ledger_view_type tinyint null = 0, ledger_view_type_desc nvarchar(60) null = NON_LEDGER_VIEW, \
    is_dropped_ledger_view bit null = 0";

pub const VIEWS: &[Definition] = &[
    Definition { schema: "sys", name: "objects", columns: Columns(&[OBJECT]), rows: objects },
    Definition { schema: "sys", name: "all_objects", columns: Columns(&[OBJECT]), rows: objects },
    Definition {
        schema: "sys",
        name: "tables",
        columns: Columns(&[
            OBJECT,
            "lob_data_space_id int, filestream_data_space_id int null = null, max_column_id_used int",
            "lock_on_bulk_load bit = 0, uses_ansi_nulls bit null = 1, is_replicated bit null = 0",
            "has_replication_filter bit null = 0, is_merge_published bit null = 0",
            "is_sync_tran_subscribed bit null = 0, has_unchecked_assembly_data bit = 0",
            "text_in_row_limit int null = 0, large_value_types_out_of_row bit null = 0",
            "is_tracked_by_cdc bit null = 0, lock_escalation tinyint null",
            "lock_escalation_desc nvarchar(60) null, is_filetable bit null = 0",
            "is_memory_optimized bit null, durability tinyint null",
            "durability_desc nvarchar(60) null, temporal_type tinyint null = 0",
            "temporal_type_desc nvarchar(60) null = NON_TEMPORAL_TABLE, history_table_id int null = null",
            "is_remote_data_archive_enabled bit null = 0, is_external bit = 0",
            "history_retention_period int null = null, history_retention_period_unit int null = null",
            "history_retention_period_unit_desc nvarchar(10) null = null, is_node bit null",
            "is_edge bit null, data_retention_period int null = -1",
            "data_retention_period_unit int null = -1",
            "data_retention_period_unit_desc nvarchar(10) null = INFINITE, ledger_type tinyint null",
            "ledger_type_desc nvarchar(60) null, ledger_view_id int null = null",
            "is_dropped_ledger_table bit null = 0",
        ]),
        rows: tables,
    },
    Definition { schema: "sys", name: "views", columns: Columns(&[OBJECT, VIEW_MORE]), rows: views },
    // Those of the system have no rows here; sys.system_views has them.
    Definition { schema: "sys", name: "all_views", columns: Columns(&[OBJECT, VIEW_MORE]), rows: views },
    Definition {
        schema: "sys",
        name: "system_views",
        columns: Columns(&[object!(is_ms_shipped = 1), VIEW_MORE]),
        rows: system_views,
    },
    Definition {
        schema: "sys",
        name: "schemas",
        columns: Columns(&["name sysname, schema_id int, principal_id int null"]),
        rows: schemas,
    },
    Definition {
        schema: "sys",
        name: "synonyms",
        columns: Columns(&[OBJECT, "base_object_name nvarchar(1035) null"]),
        rows: synonyms,
    },
    Definition {
        schema: "sys",
        name: "system_objects",
        columns: Columns(&[object!(is_ms_shipped = 1)]),
        rows: system_views,
    },
    Definition {
        schema: "sys",
        name: "assemblies",
        columns: Columns(&[
            "name sysname, principal_id int, assembly_id int, clr_name nvarchar(4000) null",
            "permission_set tinyint null, permission_set_desc nvarchar(60) null, is_visible bit",
            "create_date datetime, modify_date datetime, is_user_defined bit null",
        ]),
        rows: assemblies,
    },
];

/// The cells of [`OBJECT`].
pub struct ObjectRow<'a> {
    pub name: &'a str,
    pub object_id: i32,
    pub schema_id: i32,
    pub parent: i32,
    /// Two characters, and their description.
    pub kind: (&'static str, &'static str),
    pub created: SystemTime,
    pub modified: SystemTime,
}

impl ObjectRow<'_> {
    pub fn row(&self) -> Row {
        row![
            self.name,
            self.object_id,
            self.schema_id,
            self.parent,
            self.kind.0,
            self.kind.1,
            self.created,
            self.modified,
        ]
    }

    /// The row, with what the view adds to it.
    pub fn row_and(&self, more: Row) -> Row {
        let mut row = self.row();
        row.extend(more);
        row
    }
}

pub const TABLE: (&str, &str) = ("U ", "USER_TABLE");
pub const VIEW: (&str, &str) = ("V ", "VIEW");
pub const PRIMARY_KEY: (&str, &str) = ("PK", "PRIMARY_KEY_CONSTRAINT");
pub const UNIQUE: (&str, &str) = ("UQ", "UNIQUE_CONSTRAINT");
pub const FOREIGN_KEY: (&str, &str) = ("F ", "FOREIGN_KEY_CONSTRAINT");
pub const CHECK: (&str, &str) = ("C ", "CHECK_CONSTRAINT");
pub const DEFAULT: (&str, &str) = ("D ", "DEFAULT_CONSTRAINT");
pub const TRIGGER: (&str, &str) = ("TR", "SQL_TRIGGER");
const FUNCTION: (&str, &str) = ("IF", "SQL_INLINE_TABLE_VALUED_FUNCTION");
const SYNONYM: (&str, &str) = ("SN", "SYNONYM");
const SECURITY_POLICY: (&str, &str) = ("SP", "SECURITY_POLICY");

pub fn table(table: &Table) -> ObjectRow<'_> {
    ObjectRow {
        name: &table.name,
        object_id: table.object_id,
        schema_id: table.schema_id,
        parent: 0,
        kind: TABLE,
        created: table.created,
        modified: table.modified,
    }
}

fn view(view: &sandbox_catalog::schema::View) -> ObjectRow<'_> {
    ObjectRow {
        name: &view.name,
        object_id: view.object_id,
        schema_id: view.schema_id,
        parent: 0,
        kind: VIEW,
        created: view.created,
        modified: view.modified,
    }
}

/// An object that is no part of a table.
fn own<'a>(
    name: &'a str,
    (object_id, schema_id, kind): (i32, i32, (&'static str, &'static str)),
    (created, modified): (SystemTime, SystemTime),
) -> ObjectRow<'a> {
    ObjectRow { name, object_id, schema_id, parent: 0, kind, created, modified }
}

fn synonym(s: &Synonym) -> ObjectRow<'_> {
    own(&s.name, (s.object_id, s.schema_id, SYNONYM), (s.created, s.created))
}

pub fn policy(p: &SecurityPolicy) -> ObjectRow<'_> {
    own(&p.name, (p.object_id, p.schema_id, SECURITY_POLICY), (p.created, p.modified))
}

/// A constraint or trigger of a table.
pub fn child<'a>(
    table: &Table,
    name: &'a str,
    object_id: i32,
    kind: (&'static str, &'static str),
    created: SystemTime,
) -> ObjectRow<'a> {
    ObjectRow {
        name,
        object_id,
        schema_id: table.schema_id,
        parent: table.object_id,
        kind,
        created,
        modified: created,
    }
}

pub fn objects(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let mut rows: Vec<Row> = scope.views().map(|v| view(v).row()).collect();
    rows.extend(scope.functions().map(|f| {
        let of = (f.object_id, f.schema_id, FUNCTION);
        own(&f.name, of, (f.created, f.modified)).row()
    }));
    rows.extend(scope.synonyms().map(|s| synonym(s).row()));
    rows.extend(scope.policies().map(|p| policy(p).row()));
    for t in scope.tables() {
        rows.push(table(t).row());
        for index in t.indexes.iter().filter(|i| i.backs != Backs::Nothing) {
            let kind = if index.backs == Backs::PrimaryKey { PRIMARY_KEY } else { UNIQUE };
            let name = index.name.as_deref().unwrap_or_default();
            rows.push(child(t, name, index.object_id, kind, index.created).row());
        }
        for default in t.columns.iter().filter_map(|c| c.default.as_ref()) {
            rows.push(child(t, &default.name, default.object_id, DEFAULT, default.created).row());
        }
        for check in &t.checks {
            rows.push(child(t, &check.name, check.object_id, CHECK, check.created).row());
        }
        for key in &t.foreign_keys {
            rows.push(child(t, &key.name, key.object_id, FOREIGN_KEY, key.created).row());
        }
        for trigger in &t.triggers {
            rows.push(child(t, &trigger.name, trigger.object_id, TRIGGER, trigger.created).row());
        }
    }
    Ok(rows)
}

fn tables(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    Ok(scope
        .tables()
        .map(|t| {
            let large = t.columns.iter().any(|c| c.sql_type.is_large());
            let (durability, described) = match t.memory_optimized {
                Some(Durability::SchemaOnly) => (1, "SCHEMA_ONLY"),
                _ => (0, "SCHEMA_AND_DATA"),
            };
            let in_memory = t.memory_optimized.is_some();
            let (ledger, ledger_type) = match t.special {
                Some(Special::UpdatableLedger) => (2, "UPDATABLE_LEDGER_TABLE"),
                Some(Special::AppendOnlyLedger) => (3, "APPEND_ONLY_LEDGER_TABLE"),
                _ => (0, "NON_LEDGER_TABLE"),
            };
            let is = |special| t.special == Some(special);
            let escalation = match t.lock_escalation {
                LockEscalation::Table => "TABLE",
                LockEscalation::Disable => "DISABLE",
                LockEscalation::Auto => "AUTO",
            };
            table(t).row_and(row![
                i32::from(large),
                t.max_column_id,
                t.lock_escalation as i32,
                escalation,
                in_memory,
                durability,
                described,
                is(Special::Node),
                is(Special::Edge),
                ledger,
                ledger_type,
            ])
        })
        .collect())
}

fn views(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    Ok(scope.views().map(|v| view(v).row()).collect())
}

fn synonyms(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let quoted = |part: &String| format!("[{}]", part.replace(']', "]]"));
    Ok(scope
        .synonyms()
        .map(|s| {
            let (database, schema, name) = &s.base;
            let base = match (database, schema) {
                (Some(database), None) => format!("{}..{}", quoted(database), quoted(name)),
                (database, schema) => {
                    let parts = [database.as_ref(), schema.as_ref(), Some(name)];
                    parts.into_iter().flatten().map(quoted).collect::<Vec<_>>().join(".")
                }
            };
            synonym(s).row_and(row![base])
        })
        .collect())
}

fn system_views(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let created = scope.database.created;
    let object = |(object_id, d): (i32, &'static Definition)| ObjectRow {
        name: d.name,
        object_id,
        schema_id: if d.schema == "sys" { SYS } else { INFORMATION_SCHEMA },
        parent: 0,
        kind: VIEW,
        created,
        modified: created,
    };
    Ok(super::numbered().map(|view| object(view).row()).collect())
}

/// The one that every database has: of geography, geometry and hierarchyid.
fn assemblies(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let name = "Microsoft.SqlServer.Types";
    let full = "microsoft.sqlserver.types, version=11.0.0.0, culture=neutral, publickeytoken=89845dcd8080cc91, \
                processorarchitecture=msil";
    let created = scope.database.created;
    Ok(vec![row![name, 4, 1, full, 3, "UNSAFE_ACCESS", true, created, created, false]])
}

/// The schemas that are there in every database for its users and fixed roles belong to these; all others to dbo.
fn schemas(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let owner = |id: i32| if id <= 4 { id } else { 1 };
    Ok(scope.database.schemas.iter().map(|(id, name)| row![name, *id, Cell::from(owner(*id))]).collect())
}
