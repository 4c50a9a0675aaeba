//! What the histories have found, one by one.
use super::history::{begun, names};

/// A row points elsewhere now, the row that it pointed at is gone, and a unique value of that one has another row by now:
/// neither deletes nor updates can come first.
#[test]
fn a_child_that_moved_and_a_unique_value_that_passed_on_arrive_together() {
    let (pair, tool) = begun();
    pair.source(
        "UPDATE dbo.child SET parent_id = 2 WHERE parent_id = 1; DELETE FROM dbo.parent WHERE id = 1;
         UPDATE dbo.parent SET code = 1 WHERE id = 2",
    );
    tool.run(&names()).exits(0);
    pair.assert_equal("SELECT c.id, c.parent_id, p.code FROM dbo.child AS c LEFT JOIN dbo.parent AS p ON p.id = c.parent_id ORDER BY 1");
    let state = "SELECT CAST(is_disabled AS int) + CAST(is_not_trusted AS int) FROM sys.foreign_keys WHERE name = 'child_parent'";
    assert_eq!(pair.target.client().number(state), 0);
    assert!(
        pair.target.client().try_run("DELETE FROM dbo.parent WHERE id = 2").is_err(),
        "the key holds again"
    );
}
