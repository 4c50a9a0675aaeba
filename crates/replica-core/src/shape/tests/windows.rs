//! What a window of a table is loaded like.
use super::*;

const DATE: i32 = 2;

fn on(id: i32, kind: IndexKind, column_id: i32) -> Index {
    Index { keys: vec![KeyColumn { column_id, descending: false }], ..index(id, kind) }
}

fn decided(table: &Table, options: LoadOptions) -> Strategy {
    windowed(table, DATE, options)
}

fn plain(table: &Table) -> Strategy {
    decided(table, LoadOptions::default())
}

const AT_ONCE: DeleteMethod = DeleteMethod::DeleteWindow;
const BATCHES: DeleteMethod = DeleteMethod::DeleteWindowInBatches(4_500);

#[test]
fn loads_share_the_lock_of_a_bare_heap() {
    let s = plain(&heap());
    assert!(s.lock.tablock() && !s.lock.serializes_loads() && s.delete_method == AT_ONCE);
    assert_eq!((s.batches.commit_rows, s.batches.chunk_rows), (Some(100_000), CHUNK_OF_NARROW_ROWS));
    let with_index = table(vec![index(0, IndexKind::Heap), on(2, IndexKind::Nonclustered, 1)]);
    let s = plain(&with_index);
    assert!(s.lock.tablock(), "once its index is disabled it is bare");
    assert_eq!(s.disable, ["ix]2"]);
    let s = decided(&with_index, LoadOptions { keep_indexes: true, ..LoadOptions::default() });
    assert!(!s.lock.tablock() && s.disable.is_empty());
}

#[test]
fn a_clustered_table_takes_several_writers_without_a_table_lock() {
    let t = table(vec![on(1, IndexKind::Clustered, DATE), on(2, IndexKind::Nonclustered, 1)]);
    let s = plain(&t);
    assert!(!s.lock.tablock() && !s.lock.serializes_loads() && s.delete_method == BATCHES);
    assert_eq!((s.order.len(), s.disable), (1, vec!["ix]2".to_owned()]));
}

#[test]
fn the_index_that_finds_the_old_rows_stays() {
    let t = table(vec![
        on(1, IndexKind::Clustered, 1),
        on(2, IndexKind::Nonclustered, DATE),
        on(3, IndexKind::Nonclustered, 1),
    ]);
    let s = plain(&t);
    assert_eq!((s.disable, s.delete_method), (vec!["ix]3".to_owned()], BATCHES));
    let unfound = table(vec![on(1, IndexKind::Clustered, 1)]);
    assert_eq!(plain(&unfound).delete_method, AT_ONCE);
}

#[test]
fn tablock_can_be_asked_for() {
    let with = |tablock| LoadOptions { tablock, ..LoadOptions::default() };
    let clustered = table(vec![on(1, IndexKind::Clustered, DATE)]);
    let s = decided(&clustered, with(Tablock::Always));
    assert!(s.lock.tablock() && s.lock.serializes_loads(), "writers that cannot share it take turns");
    let s = decided(&heap(), with(Tablock::Always));
    assert!(s.lock.tablock() && !s.lock.serializes_loads());
    assert!(!decided(&heap(), with(Tablock::Never)).lock.tablock());
}

#[test]
fn a_columnstore_commits_whole_rowgroups() {
    let s = plain(&table(vec![index(1, IndexKind::ClusteredColumnstore)]));
    assert!(!s.lock.tablock() && s.order.is_empty());
    assert_eq!((s.batches.chunk_rows, s.batches.commit_rows), (ROWGROUP, Some(ROWGROUP)));
    let asked = LoadOptions { commit_rows: Some(5_000), ..LoadOptions::default() };
    let s = decided(&heap(), asked);
    assert_eq!(
        (s.batches.chunk_rows, s.batches.commit_rows),
        (5_000, Some(5_000)),
        "no message spans a commit"
    );
}

#[test]
fn what_cannot_work_is_refused() {
    let mut t = heap();
    t.object.can_delete = Some(false);
    assert!(decided(&t, LoadOptions::default()).refusals[0].to_string().contains("GRANT DELETE"));
    let mut disabled = table(vec![index(1, IndexKind::Clustered)]);
    disabled.indexes.as_mut().unwrap()[0].disabled = true;
    assert!(decided(&disabled, LoadOptions::default()).refusals[0].to_string().contains("REBUILD"));
}

#[test]
fn keys_that_act_are_refused_and_others_are_told() {
    let mut t = heap();
    let disabled = ForeignKey { disabled: true, on_delete: ReferentialAction::Cascade, ..incoming("off") };
    t.foreign_keys = Some(vec![incoming("plain"), disabled.clone()]);
    let s = plain(&t);
    assert!(s.refusals.is_empty() && s.warnings[0].contains("plain of dbo.child"), "{:?}", s.warnings);
    let own = ForeignKey { own: true, ..disabled.clone() };
    for key in [disabled, own].map(|key| ForeignKey { disabled: false, ..key }) {
        t.foreign_keys = Some(vec![key]);
        let error = plain(&t).refusals[0].to_string();
        assert!(error.contains("off of dbo.child (ON DELETE CASCADE)"), "{error}");
    }
    t.foreign_keys = Some(Vec::new());
    t.object.referenced = Some(true);
    assert!(plain(&t).refusals[0].to_string().contains("VIEW DEFINITION"));
}

#[test]
fn what_an_action_reaches_is_followed_from_key_to_key() {
    use ReferentialAction::*;
    let key = |name: &str, table_id, referenced_id, on_delete, on_update| ActingKey {
        name: name.into(),
        table: TableName::new("dbo", &format!("t{table_id}")),
        table_id,
        table_rows: Some(3),
        referenced_id,
        on_delete,
        on_update,
    };
    let mut t = heap();
    t.foreign_keys = Some(vec![ForeignKey { on_delete: Cascade, ..incoming("a") }]);
    t.acting_keys = vec![
        key("a", 2, t.object.id, Cascade, NoAction),
        key("b", 3, 2, SetNull, NoAction),
        key("c", 4, 3, Cascade, NoAction),
        key("d", 5, 3, NoAction, Cascade),
        key("e", 2, 5, NoAction, SetDefault),
        key("f", 7, 6, Cascade, Cascade),
    ];
    let s = plain(&t);
    let by: Vec<_> = s.keys.reached.iter().map(|reached| reached.by.as_str()).collect();
    let all = [
        "a (ON DELETE CASCADE)",
        "b (ON DELETE SET NULL)",
        "d (ON UPDATE CASCADE)",
        "e (ON UPDATE SET DEFAULT)",
    ];
    assert_eq!(by, all, "SET NULL changes rows and deletes none");
    let error = s.refusals[0].to_string();
    assert!(error.contains("and through them dbo.t2, dbo.t3, dbo.t5"), "{error}");
}
