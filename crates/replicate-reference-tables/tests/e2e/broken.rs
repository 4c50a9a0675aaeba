//! New rows that break what the target promises: its old rows stay, nothing is left beside it, and the error says what they
//! break.
use crate::publish::{OLD, PLAIN, STAGED, assert_clean, pair};
use crate::util::{fault, ids, tool, until_it_waits};

const TRUSTED: &str = "SELECT COUNT(*) FROM (SELECT is_not_trusted, parent_object_id FROM sys.check_constraints \
                       UNION ALL SELECT is_not_trusted, parent_object_id FROM sys.foreign_keys) AS promises \
                       WHERE is_not_trusted = 0 AND parent_object_id = OBJECT_ID('dbo.t')";

#[test]
fn the_constraint_is_named() {
    for (shape, named, numbers) in [
        (&["ALTER TABLE dbo.t ADD CONSTRAINT ck_five CHECK (id <> 5)"][..], "ck_five", ["547", "547"]),
        (
            &[
                "CREATE TABLE dbo.p (label varchar(10) NOT NULL PRIMARY KEY)",
                "INSERT INTO dbo.p VALUES ('old'), ('older')",
                "ALTER TABLE dbo.t ADD CONSTRAINT fk_label FOREIGN KEY (label) REFERENCES dbo.p (label)",
            ],
            "fk_label",
            ["547", "547"],
        ),
        (&["ALTER TABLE dbo.t ADD CONSTRAINT uq_label UNIQUE (label)"], "uq_label", ["2627", "1505"]),
        (&["CREATE UNIQUE INDEX ux_label ON dbo.t (label)"], "ux_label", ["2601", "1505"]),
    ] {
        for (way, number) in ["staged", "switch"].iter().zip(numbers) {
            let pair = pair(&[&[PLAIN, OLD], shape].concat());
            let trusted = pair.target.client().number(TRUSTED);
            let refused = tool(&pair).run(&["dbo.t", "--publish", way]).exits(1);
            refused.says(named).says(&format!("error {number} "));
            let mut target = pair.target.client();
            assert_eq!(ids(&mut target), [901, 902], "{named} {way}");
            assert_eq!(target.number(TRUSTED), trusted, "{named} {way}");
            assert_clean(&pair);
        }
    }
}

/// It comes once the table beside the target has been planned: SWITCH misses it there (4970), INSERT ... SELECT holds the rows
/// against it (547).
#[test]
fn a_constraint_that_comes_meanwhile_is_named() {
    for (way, number, broken) in [("staged", 547, true), ("switch", 4970, true), ("switch", 4970, false)] {
        let pair = pair(&[PLAIN, OLD]);
        if !pair.server.is_sandbox() {
            return;
        }
        let mut target = pair.target.client();
        let incoming = format!("replica.stage_{}_1_in", target.number("SELECT OBJECT_ID('dbo.t')"));
        fault(&pair, &format!("@fault = 'stall', @table = '{incoming}'"));
        let running = tool(&pair).start(&["dbo.t", "--publish", way]);
        until_it_waits(&mut target, STAGED);
        let least = if broken { 5 } else { 0 };
        target.run(&format!("ALTER TABLE dbo.t ADD CONSTRAINT late CHECK (id > {least})"));
        fault(&pair, "@fault = 'none'");
        running.finish().exits(1).says(&format!("error {number} ")).says("late");
        assert_eq!(ids(&mut target), [901, 902], "{way}");
        assert_clean(&pair);
    }
}
