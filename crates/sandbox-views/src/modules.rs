//! Triggers, the texts of modules, and security policies.
use super::absent::none;
use super::definition::{Columns, Definition, Row, row};
use super::objects::{OBJECT, policy};
use super::scope::ViewScope;
use sandbox_catalog::schema::{BlockedOperation, Table, Trigger};
use sandbox_session::failure::Outcome;

const MODULE: &[&str] = &[
    "object_id int, definition nvarchar(max) null, uses_ansi_nulls bit null = 1",
    "uses_quoted_identifier bit null = 1, is_schema_bound bit null",
    "uses_database_collation bit null = 0, is_recompiled bit null = 0, null_on_null_input bit null = 0",
    "execute_as_principal_id int null = null, uses_native_compilation bit null = 0",
    "inline_type bit null = 0, is_inlineable bit null = 0",
];

pub const VIEWS: &[Definition] = &[
    Definition {
        schema: "sys",
        name: "triggers",
        columns: Columns(&[
            "name sysname, object_id int, parent_class tinyint = 1",
            "parent_class_desc nvarchar(60) null = OBJECT_OR_COLUMN, parent_id int, type char(2) = TR",
            "type_desc nvarchar(60) null = SQL_TRIGGER, create_date datetime, modify_date datetime",
            "is_ms_shipped bit = 0, is_disabled bit, is_not_for_replication bit = 0",
            "is_instead_of_trigger bit",
        ]),
        rows: triggers,
    },
    Definition {
        schema: "sys",
        name: "trigger_events",
        columns: Columns(&[
            "object_id int, type int, type_desc nvarchar(60), is_first bit null = 0, is_last bit null = 0",
            "event_group_type int null = null, event_group_type_desc nvarchar(60) null = null",
            "is_trigger_event bit null = 1",
        ]),
        rows: trigger_events,
    },
    Definition { schema: "sys", name: "sql_modules", columns: Columns(MODULE), rows: modules },
    Definition { schema: "sys", name: "all_sql_modules", columns: Columns(MODULE), rows: modules },
    // The sandbox's own views are not written in T-SQL.
    Definition { schema: "sys", name: "system_sql_modules", columns: Columns(MODULE), rows: none },
    Definition {
        schema: "sys",
        name: "security_policies",
        columns: Columns(&[
            OBJECT,
            "is_enabled bit, is_not_for_replication bit, uses_database_collation bit null = 1, is_schema_bound bit",
        ]),
        rows: security_policies,
    },
    Definition {
        schema: "sys",
        name: "security_predicates",
        columns: Columns(&[
            "object_id int, security_predicate_id int, target_object_id int",
            "predicate_definition nvarchar(max) null, predicate_type int null",
            "predicate_type_desc nvarchar(60) null, operation int null, operation_desc nvarchar(60) null",
        ]),
        rows: security_predicates,
    },
];

fn security_policies(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let row = |p| policy(p).row_and(row![p.enabled, p.not_for_replication, p.schema_bound]);
    Ok(scope.policies().map(row).collect())
}

fn security_predicates(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let described = |operation: BlockedOperation| match operation {
        BlockedOperation::AfterInsert => "AFTER INSERT",
        BlockedOperation::AfterUpdate => "AFTER UPDATE",
        BlockedOperation::BeforeUpdate => "BEFORE UPDATE",
        BlockedOperation::BeforeDelete => "BEFORE DELETE",
    };
    Ok(scope
        .policies()
        .flat_map(|policy| policy.predicates.iter().map(move |p| (policy.object_id, p)))
        .map(|(policy, p)| {
            row![
                policy,
                p.id,
                p.table,
                &p.definition,
                i32::from(p.blocks),
                if p.blocks { "BLOCK" } else { "FILTER" },
                p.operation.map(|operation| operation as i32),
                p.operation.map(described),
            ]
        })
        .collect())
}

fn all_triggers<'a>(scope: &ViewScope<'a>) -> impl Iterator<Item = (&'a Table, &'a Trigger)> {
    scope.tables().flat_map(|t| t.triggers.iter().map(move |trigger| (t, trigger)))
}

fn triggers(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    Ok(all_triggers(scope)
        .map(|(t, g)| row![&g.name, g.object_id, t.object_id, g.created, g.created, g.disabled, g.instead_of])
        .collect())
}

fn trigger_events(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let number = |event: &str| match event {
        "INSERT" => 1,
        "UPDATE" => 2,
        _ => 3,
    };
    Ok(all_triggers(scope)
        .flat_map(|(_, g)| g.events.iter().map(move |event| row![g.object_id, number(event), event]))
        .collect())
}

fn modules(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let views = scope.views().map(|v| row![v.object_id, &v.definition, v.bound_to.is_some()]);
    let functions = scope.functions().map(|f| row![f.object_id, &f.definition, f.bound_to.is_some()]);
    let triggers = all_triggers(scope).map(|(_, g)| row![g.object_id, &g.definition, false]);
    Ok(views.chain(functions).chain(triggers).collect())
}
