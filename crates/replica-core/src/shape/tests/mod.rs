mod windows;

use super::batches::{CHUNK_OF_NARROW_ROWS, CHUNK_OF_WIDE_ROWS, ROWGROUP};
use super::*;
use crate::catalog::constraint::{ActingKey, CheckConstraint, ForeignKey, ReferentialAction, Trigger};
use crate::catalog::index::{self, Index};
use crate::catalog::server::ServerFacts;
use crate::catalog::table::{Temporal, sample};
use crate::catalog::{Column, Special, SqlType, TableName};
use crate::types::guide::column;

const MANY: Option<u64> = Some(10_000_000);

pub(super) fn index(id: i32, kind: IndexKind) -> Index {
    index::sample(id, kind, &[1])
}

fn table(indexes: Vec<Index>) -> Table {
    let mut table = sample("dbo.t");
    table.indexes = Some(indexes);
    table.columns = vec![column("id", &SqlType::Int)];
    table
}

fn heap() -> Table {
    table(vec![index(0, IndexKind::Heap)])
}

fn incoming(name: &str) -> ForeignKey {
    ForeignKey {
        name: name.into(),
        table: TableName::new("dbo", "child"),
        own: false,
        incoming: true,
        disabled: false,
        trusted: true,
        on_delete: ReferentialAction::NoAction,
        on_update: ReferentialAction::NoAction,
        can_alter: Some(true),
    }
}

fn decided(table: &Table) -> Strategy {
    strategy(table, MANY, LoadOptions::default())
}

fn refused(table: &Table, options: LoadOptions) -> String {
    strategy(table, MANY, options).refusals[0].to_string()
}

#[test]
fn special_tables_are_called_what_they_are() {
    for (special, called) in [
        (Special::Node, "a node table of a graph"),
        (Special::Edge, "an edge table of a graph"),
        (Special::FileTable, "a FileTable"),
        (Special::External, "an external table"),
        (Special::UpdatableLedger, "an updatable ledger table"),
        (Special::AppendOnlyLedger, "neither deleted (error 37359)"),
        (Special::LedgerHistory, "the history of a ledger table"),
    ] {
        let mut target = heap();
        target.object.special = Some(special);
        // A ledger's tables are temporal ones, too.
        target.object.temporal = Temporal::SystemVersioned;
        let error = refused(&target, LoadOptions::default());
        assert!(error.contains(called) && error.contains("Replicate into a plain table"), "{error}");
    }
}

#[test]
fn the_base_index_decides_lock_order_and_chunk() {
    let s = decided(&heap());
    assert!(s.lock.tablock() && s.order.is_empty() && s.delete_method == DeleteMethod::Truncate);
    assert_eq!(s.batches.chunk_rows, CHUNK_OF_NARROW_ROWS);
    let s = decided(&table(vec![index(1, IndexKind::Clustered)]));
    assert!(s.lock.tablock() && s.order.len() == 1);
    let s = decided(&table(vec![index(1, IndexKind::ClusteredColumnstore)]));
    assert!(!s.lock.tablock() && s.order.is_empty());
    assert_eq!(s.batches.chunk_rows, ROWGROUP);
    let mut unknown = heap();
    unknown.indexes = None;
    assert!(!decided(&unknown).lock.tablock());
}

#[test]
fn wide_rows_go_in_smaller_messages_and_a_wish_wins() {
    let mut wide = heap();
    wide.columns = vec![column("c", &SqlType::Char(8000))];
    assert_eq!(decided(&wide).batches.chunk_rows, CHUNK_OF_WIDE_ROWS);
    let options = LoadOptions { chunk_rows: Some(7), ..LoadOptions::default() };
    assert_eq!(strategy(&wide, MANY, options).batches.chunk_rows, 7);
}

#[test]
fn nonclustered_indexes_are_disabled_only_for_many_rows() {
    let mut unique = index(3, IndexKind::Nonclustered);
    unique.unique = true;
    let mut disabled = index(4, IndexKind::Nonclustered);
    disabled.disabled = true;
    let mut backing = index(5, IndexKind::Nonclustered);
    backing.backs_constraint = true;
    let columnstore = index(6, IndexKind::NonclusteredColumnstore);
    let plain = index(2, IndexKind::Nonclustered);
    let mut t = table(vec![index(1, IndexKind::Clustered), plain, unique, disabled, backing, columnstore]);
    assert_eq!(decided(&t).disable, ["ix]2", "ix]6"]);
    assert!(strategy(&t, Some(99_999), LoadOptions::default()).disable.is_empty());
    assert!(strategy(&t, None, LoadOptions::default()).disable.is_empty());
    t.object.can_alter = Some(false);
    assert!(decided(&t).disable.is_empty());
}

#[test]
fn a_disabled_clustered_index_is_refused() {
    let mut base = index(1, IndexKind::Clustered);
    base.disabled = true;
    assert!(refused(&table(vec![base]), LoadOptions::default()).contains("REBUILD"));
}

#[test]
fn incoming_keys_mean_delete_and_come_back_as_they_were() {
    let mut t = heap();
    let untrusted = ForeignKey { trusted: false, ..incoming("fk2") };
    let disabled = ForeignKey { disabled: true, trusted: false, ..incoming("fk3") };
    t.foreign_keys = Some(vec![incoming("fk1"), untrusted, disabled]);
    let s = decided(&t);
    assert_eq!(s.delete_method, DeleteMethod::Delete);
    let suspended: Vec<_> = s.keys.suspend.iter().map(|key| (key.name.as_str(), key.trusted)).collect();
    assert_eq!(suspended, [("fk1", true), ("fk2", false)]);
}

#[test]
fn a_key_that_may_not_be_suspended_is_named() {
    let mut t = heap();
    t.foreign_keys = Some(vec![ForeignKey { can_alter: Some(false), ..incoming("fk_child") }]);
    let error = refused(&t, LoadOptions::default());
    assert!(error.contains("fk_child of dbo.child") && error.contains("GRANT ALTER on dbo.child"), "{error}");
}

#[test]
fn a_table_that_points_at_itself_can_be_truncated() {
    let mut t = heap();
    t.foreign_keys = Some(vec![ForeignKey { own: true, ..incoming("fk_self") }]);
    t.object.referenced = Some(true);
    let s = decided(&t);
    assert!(s.delete_method == DeleteMethod::Truncate && s.keys.suspend.is_empty());
    let options = LoadOptions { check_constraints: true, ..LoadOptions::default() };
    assert_eq!(strategy(&t, MANY, options).batches.chunk_rows, u64::MAX);
}

#[test]
fn a_key_that_cannot_be_seen_is_refused() {
    let mut t = heap();
    t.object.referenced = Some(true);
    assert!(refused(&t, LoadOptions::default()).contains("cannot see"));
    t.foreign_keys = None;
    assert!(refused(&t, LoadOptions::default()).contains("cannot learn"));
    t.object.referenced = None;
    let s = decided(&t);
    assert!(
        s.refusals.is_empty() && s.delete_method == DeleteMethod::Truncate,
        "which no key survives in silence"
    );
    let delete_only = LoadOptions { delete_only: true, ..LoadOptions::default() };
    assert!(refused(&t, delete_only).contains("cannot learn"));
    t.object.referenced = Some(false);
    let s = strategy(&t, MANY, delete_only);
    assert!(s.refusals.is_empty() && s.delete_method == DeleteMethod::Delete);
    t.object.can_delete = Some(false);
    assert!(refused(&t, delete_only).contains("GRANT DELETE"));
}

#[test]
fn triggers_that_cannot_be_seen_are_refused_where_they_would_fire() {
    let mut t = heap();
    t.object.delete_triggers = Some(true);
    t.object.insert_triggers = Some(true);
    assert!(decided(&t).refusals.is_empty(), "TRUNCATE fires none, nor does the load");
    let firing = LoadOptions { fire_triggers: true, ..LoadOptions::default() };
    assert!(refused(&t, firing).contains("triggers that this login cannot see"));
    let delete_only = LoadOptions { delete_only: true, ..LoadOptions::default() };
    assert!(refused(&t, delete_only).contains("triggers that this login cannot see"));
    t.object.delete_triggers = Some(false);
    assert!(strategy(&t, MANY, delete_only).refusals.is_empty());
    t.triggers = None;
    t.object.delete_triggers = None;
    assert!(refused(&t, delete_only).contains("or may have"));
}

#[test]
fn without_alter_permission_constraints_are_checked() {
    let mut t = heap();
    t.object.can_alter = Some(false);
    t.checks = Some(vec![CheckConstraint { name: "ck".into(), disabled: false, trusted: true }]);
    let s = decided(&t);
    assert!(s.check_constraints && s.delete_method == DeleteMethod::Delete && s.warnings.is_empty());
    t.columns[0] = Column { identity: true, ..t.columns[0].clone() };
    assert!(refused(&t, LoadOptions::default()).contains("identity"));
}

#[test]
fn trust_that_will_be_lost_is_told() {
    let mut t = heap();
    t.checks = Some(vec![
        CheckConstraint { name: "ck1".into(), disabled: false, trusted: true },
        CheckConstraint { name: "ck2".into(), disabled: false, trusted: false },
        CheckConstraint { name: "ck3".into(), disabled: true, trusted: false },
    ]);
    let s = decided(&t);
    assert!(s.warnings[0].contains("ck1 ("), "{:?}", s.warnings);
    let options = LoadOptions { check_constraints: true, ..LoadOptions::default() };
    assert!(strategy(&t, MANY, options).warnings.is_empty());
}

#[test]
fn triggers_do_not_fire_unless_asked_for() {
    let trigger = |event: &str, instead_of| Trigger {
        name: "tr".into(),
        disabled: false,
        instead_of,
        event: event.into(),
    };
    let firing = LoadOptions { fire_triggers: true, ..LoadOptions::default() };
    let mut t = heap();
    t.triggers = Some(vec![trigger("DELETE", false)]);
    assert_eq!(decided(&t).delete_method, DeleteMethod::Truncate);
    assert_eq!(strategy(&t, MANY, firing).delete_method, DeleteMethod::Delete);
    t.foreign_keys = Some(vec![incoming("fk")]);
    assert!(refused(&t, LoadOptions::default()).contains("--fire-triggers"));
    t.triggers = Some(vec![trigger("INSERT", true)]);
    assert!(refused(&t, firing).contains("INSTEAD OF"));
}

#[test]
fn kinds_that_cannot_be_replaced_are_refused() {
    let change: [fn(&mut Table); 5] = [
        |t| t.object.is_view = true,
        |t| t.object.temporal = Temporal::SystemVersioned,
        |t| t.object.temporal = Temporal::History,
        |t| t.object.memory_optimized = true,
        |t| t.object.can_insert = Some(false),
    ];
    for change in change {
        let mut t = heap();
        change(&mut t);
        assert!(refused(&t, LoadOptions::default()).starts_with("dbo.t: "));
    }
}

#[test]
fn what_babelfish_stores_is_checked_and_proved() {
    let mut table = heap();
    assert!(!decided(&table).server.unchecked_loads && !decided(&table).check_constraints);
    table.server = Some(ServerFacts { babelfish: true, ..ServerFacts::default() });
    let s = decided(&table);
    assert!(s.server.unchecked_loads && s.check_constraints && s.server.pads_decimals);
}

#[test]
fn a_key_that_cannot_be_suspended_stays_unless_it_acts() {
    let mut table = heap();
    table.foreign_keys = Some(vec![incoming("fk")]);
    let options = LoadOptions { keep_keys: true, ..LoadOptions::default() };
    let s = strategy(&table, MANY, options);
    assert!(s.keys.suspend.is_empty() && s.delete_method == DeleteMethod::Delete && s.refusals.is_empty());
    for action in [
        ReferentialAction::Cascade,
        ReferentialAction::SetNull,
        ReferentialAction::SetDefault,
        ReferentialAction::Unknown,
    ] {
        table.foreign_keys = Some(vec![ForeignKey { on_delete: action, ..incoming("fk") }]);
        assert!(decided(&table).refusals.is_empty() && decided(&table).keys.suspend.len() == 1);
        let error = refused(&table, options);
        assert!(error.contains(&format!("fk of dbo.child (ON DELETE {action})")), "{error}");
        assert!(error.contains("NOCHECK CONSTRAINT [fk]"), "{error}");
    }
}
