use crate::testing::{errors, ok, rows, session};
use sandbox_session::Session;

fn numbers(session: &mut Session, sql: &str) -> Vec<i32> {
    errors(session, sql).into_iter().map(|(number, _)| number).collect()
}

fn one(session: &mut Session, sql: &str) -> String {
    rows(session, sql).into_iter().map(|row| row.join("|")).collect::<Vec<_>>().join(";")
}

#[test]
fn columns_are_added_with_their_values() {
    let mut session = session();
    let s = &mut session;
    ok(s, "CREATE TABLE t (a int NOT NULL); INSERT t VALUES (1), (2)");
    assert_eq!(numbers(s, "ALTER TABLE t ADD b int NOT NULL"), [4901]);
    ok(
        s,
        "ALTER TABLE t ADD n int NULL DEFAULT 5, d varchar(5) NOT NULL DEFAULT 'x', v int NULL DEFAULT 7 WITH VALUES,
         i int IDENTITY(10, 5), twice AS a * 2",
    );
    assert_eq!(one(s, "SELECT a, n, d, v, i, twice FROM t ORDER BY a"), "1|NULL|x|7|10|2;2|NULL|x|7|15|4");
    ok(s, "INSERT t (a) VALUES (3)");
    assert_eq!(one(s, "SELECT a, n, d, v, i FROM t WHERE a = 3"), "3|5|x|7|20");
}

#[test]
fn a_new_rowversion_column_has_a_value_in_every_row() {
    let mut session = session();
    let s = &mut session;
    ok(
        s,
        "CREATE TABLE t (a int NOT NULL); INSERT t VALUES (1), (2); CREATE TABLE other (r rowversion, b int)",
    );
    ok(s, "INSERT other (b) VALUES (1)");
    ok(s, "ALTER TABLE t ADD stamp rowversion");
    let above = "SELECT COUNT(DISTINCT stamp), COUNT(*) FROM t WHERE stamp > (SELECT MAX(r) FROM other) AND stamp <= @@DBTS";
    assert_eq!(one(s, above), "2|2");
    ok(s, "UPDATE t SET a = 3 WHERE a = 1");
    assert_eq!(one(s, "SELECT a FROM t ORDER BY stamp"), "2;3");
    ok(s, "BEGIN TRANSACTION; ALTER TABLE t DROP COLUMN stamp; ROLLBACK");
    assert_eq!(one(s, above), "2|2");
}

#[test]
fn constraints_are_checked_when_they_come() {
    let mut session = session();
    let s = &mut session;
    ok(s, "CREATE TABLE p (id int PRIMARY KEY); INSERT p VALUES (1)");
    ok(s, "CREATE TABLE c (id int, p int); INSERT c VALUES (1, 1), (-5, 9), (-5, NULL)");
    assert_eq!(
        errors(s, "ALTER TABLE c ADD CONSTRAINT ck CHECK (id > 0)"),
        [(
            547,
            "The ALTER TABLE statement conflicted with the CHECK constraint \"ck\". The conflict occurred in database \"master\", table \"dbo.c\"."
                .into()
        )]
    );
    assert_eq!(
        errors(s, "ALTER TABLE c ADD CONSTRAINT fk FOREIGN KEY (p) REFERENCES p (id)"),
        [(
            547,
            "The ALTER TABLE statement conflicted with the FOREIGN KEY constraint \"fk\". The conflict occurred in database \"master\", table \"dbo.p\", column 'id'."
                .into()
        )]
    );
    assert_eq!(
        errors(s, "ALTER TABLE c ADD CONSTRAINT uq UNIQUE (id)")[0],
        (
            1505,
            "The CREATE UNIQUE INDEX statement terminated because a duplicate key was found for the object name 'dbo.c' and the index name 'uq'. The duplicate key value is (-5)."
                .into()
        )
    );
    assert_eq!(numbers(s, "CREATE UNIQUE INDEX ix ON c (id)"), [1505]);
    ok(s, "CREATE UNIQUE INDEX ix ON c (id) WHERE id > 0");
    ok(s, "ALTER TABLE c WITH NOCHECK ADD CONSTRAINT ck CHECK (id > 0)");
    let trust = "SELECT is_disabled, is_not_trusted FROM sys.check_constraints";
    assert_eq!(one(s, trust), "0|1");
    assert_eq!(numbers(s, "INSERT c VALUES (-1, 1)"), [547]);
    ok(s, "ALTER TABLE c NOCHECK CONSTRAINT ck");
    assert_eq!(one(s, trust), "1|1");
    ok(s, "ALTER TABLE c CHECK CONSTRAINT ALL");
    assert_eq!(one(s, trust), "0|1");
    assert_eq!(numbers(s, "ALTER TABLE c WITH CHECK CHECK CONSTRAINT ck"), [547]);
    ok(s, "DELETE c WHERE id < 0; ALTER TABLE c WITH CHECK CHECK CONSTRAINT ck");
    assert_eq!(one(s, trust), "0|0");
    assert_eq!(numbers(s, "ALTER TABLE c CHECK CONSTRAINT nothing"), [4917]);
    assert_eq!(numbers(s, "CREATE TABLE x (a int CHECK (nothing > 1))"), [207]);
}

#[test]
fn columns_change_their_type_with_their_values() {
    let mut session = session();
    let s = &mut session;
    ok(s, "CREATE TABLE t (id int PRIMARY KEY, s varchar(10) NULL, n int NULL)");
    ok(s, "INSERT t VALUES (1, '12', 3), (2, NULL, 300)");
    ok(s, "ALTER TABLE t ALTER COLUMN s nvarchar(20)");
    assert_eq!(one(s, "SELECT s, n FROM t ORDER BY id"), "12|3;NULL|300");
    assert_eq!(numbers(s, "ALTER TABLE t ALTER COLUMN s nvarchar(20) NOT NULL"), [515]);
    assert_eq!(numbers(s, "ALTER TABLE t ALTER COLUMN s nvarchar(1)"), [2628]);
    assert_eq!(numbers(s, "ALTER TABLE t ALTER COLUMN n tinyint"), [220]);
    ok(
        s,
        "DELETE t WHERE id = 2; ALTER TABLE t ALTER COLUMN s int NOT NULL; ALTER TABLE t ALTER COLUMN n tinyint",
    );
    assert_eq!(one(s, "SELECT s + 1, n FROM t"), "13|3");
    assert_eq!(numbers(s, "ALTER TABLE t ALTER COLUMN id bigint"), [4922]);
    assert_eq!(numbers(s, "ALTER TABLE t ALTER COLUMN nothing int"), [4924]);
    assert_eq!(numbers(s, "ALTER TABLE t DROP COLUMN id"), [4922]);
    ok(s, "ALTER TABLE t DROP COLUMN n; INSERT t VALUES (5, 6)");
    assert_eq!(one(s, "SELECT * FROM t ORDER BY id"), "1|12;5|6");
}

#[test]
fn a_transaction_takes_altered_rows_with_it() {
    let mut session = session();
    let s = &mut session;
    ok(s, "CREATE TABLE t (a int); INSERT t VALUES (1)");
    ok(
        s,
        "BEGIN TRAN; INSERT t VALUES (2); DELETE t WHERE a = 1; ALTER TABLE t ALTER COLUMN a bigint; INSERT t VALUES (3)",
    );
    assert_eq!(one(s, "SELECT a FROM t ORDER BY a"), "2;3");
    ok(s, "ROLLBACK");
    assert_eq!(one(s, "SELECT a FROM t"), "1");
    ok(
        s,
        "BEGIN TRAN; INSERT t VALUES (2); DELETE t WHERE a = 1; ALTER TABLE t ALTER COLUMN a bigint; COMMIT",
    );
    assert_eq!(one(s, "SELECT a FROM t"), "2");
    ok(s, "BEGIN TRAN; TRUNCATE TABLE t; INSERT t VALUES (9)");
    assert_eq!(one(s, "SELECT a FROM t"), "9");
    ok(s, "ROLLBACK");
    assert_eq!(one(s, "SELECT a FROM t"), "2");
}

fn partitioned(s: &mut Session) {
    ok(
        s,
        "CREATE PARTITION FUNCTION pf (date) AS RANGE RIGHT FOR VALUES ('20240201', '20240101')
         CREATE PARTITION SCHEME ps AS PARTITION pf ALL TO ([PRIMARY])
         CREATE TABLE sales (d date NOT NULL, a int) ON ps (d)
         INSERT sales VALUES ('20231231', 1), ('20240101', 2), ('20240131', 3), ('20240201', 4)",
    );
}

const COUNTS: &str =
    "SELECT partition_number, rows FROM sys.partitions WHERE object_id = OBJECT_ID('sales') ORDER BY 1";

#[test]
fn rows_go_to_their_partitions() {
    let mut session = session();
    let s = &mut session;
    partitioned(s);
    assert_eq!(one(s, COUNTS), "1|1;2|2;3|1");
    assert_eq!(
        one(s, "SELECT boundary_id, CONVERT(varchar(10), value) FROM sys.partition_range_values ORDER BY 1"),
        "1|2024-01-01;2|2024-02-01"
    );
    ok(s, "UPDATE sales SET d = '20240301' WHERE a = 1");
    assert_eq!(one(s, COUNTS), "1|0;2|2;3|2");
    ok(
        s,
        "ALTER PARTITION SCHEME ps NEXT USED [PRIMARY]; ALTER PARTITION FUNCTION pf() SPLIT RANGE ('20240301')",
    );
    assert_eq!(one(s, COUNTS), "1|0;2|2;3|1;4|1");
    ok(s, "ALTER PARTITION FUNCTION pf() MERGE RANGE ('20240101')");
    assert_eq!(one(s, COUNTS), "1|2;2|1;3|1");
    ok(s, "TRUNCATE TABLE sales WITH (PARTITIONS (1, 3))");
    assert_eq!(one(s, COUNTS), "1|0;2|1;3|0");
    assert_eq!(one(s, "SELECT a FROM sales"), "4");
    assert_eq!(numbers(s, "TRUNCATE TABLE sales WITH (PARTITIONS (4))"), [7722]);
    assert_eq!(numbers(s, "ALTER PARTITION FUNCTION pf() MERGE RANGE ('19000101')"), [7715]);
    assert_eq!(numbers(s, "DROP PARTITION SCHEME ps"), [7717]);
    assert_eq!(numbers(s, "DROP PARTITION FUNCTION pf"), [7706]);
    assert_eq!(numbers(s, "CREATE UNIQUE INDEX ix ON sales (a)"), [1908]);
    assert_eq!(numbers(s, "CREATE TABLE x (a int) ON ps (a)"), [7726]);
    ok(s, "DROP TABLE sales; DROP PARTITION SCHEME ps; DROP PARTITION FUNCTION pf");
}

#[test]
fn a_partition_is_switched_in_and_out() {
    let mut session = session();
    let s = &mut session;
    partitioned(s);
    ok(s, "CREATE TABLE stage (d date NOT NULL, a int); INSERT stage VALUES ('20240105', 9)");
    let switch_in = "ALTER TABLE stage SWITCH TO sales PARTITION 2";
    assert_eq!(
        errors(s, switch_in),
        [(
            4904,
            "ALTER TABLE SWITCH statement failed. The specified partition 2 of target table 'sales' must be empty."
                .into()
        )]
    );
    assert_eq!(numbers(s, "ALTER TABLE sales SWITCH TO stage"), [4911]);
    assert_eq!(numbers(s, "ALTER TABLE sales SWITCH PARTITION 9 TO stage"), [4950]);
    assert_eq!(numbers(s, "ALTER TABLE sales SWITCH PARTITION 2 TO stage"), [4905]);
    ok(s, "CREATE TABLE gone (d date NOT NULL, a int); ALTER TABLE sales SWITCH PARTITION 2 TO gone");
    assert_eq!(one(s, COUNTS), "1|1;2|0;3|1");
    assert_eq!(one(s, "SELECT a FROM gone ORDER BY a"), "2;3");
    // That the rows fit is not enough: a trusted constraint has to say so.
    assert_eq!(
        errors(s, switch_in),
        [(
            4982,
            "ALTER TABLE SWITCH statement failed. Check constraints of source table 'stage' allow values that are not allowed by range defined by partition 2 on target table 'sales'."
                .into()
        )]
    );
    ok(s, "ALTER TABLE stage WITH NOCHECK ADD CONSTRAINT ck CHECK (d >= '20240101' AND d < '20240201')");
    assert_eq!(numbers(s, switch_in), [4982]);
    ok(s, "ALTER TABLE stage WITH CHECK CHECK CONSTRAINT ck");
    ok(s, switch_in);
    assert_eq!(one(s, COUNTS), "1|1;2|1;3|1");
    assert_eq!(one(s, "SELECT COUNT(*) FROM stage"), "0");
    assert_eq!(one(s, "SELECT a FROM sales WHERE d = '20240105'"), "9");
    ok(s, "ALTER TABLE stage DROP CONSTRAINT ck; BEGIN TRAN; ALTER TABLE sales SWITCH PARTITION 2 TO stage");
    assert_eq!(one(s, "SELECT a FROM stage"), "9");
    ok(s, "ROLLBACK");
    assert_eq!(one(s, "SELECT a FROM sales WHERE d = '20240105'"), "9");
}

/// What the sandbox does not have, a test plants.
#[test]
fn planted_features_are_not_switched() {
    let mut session = session();
    let s = &mut session;
    ok(
        s,
        "CREATE TABLE t (a int NOT NULL, b varbinary(max)); CREATE TABLE u (a int NOT NULL, b varbinary(max)); INSERT t VALUES (1, 0x)",
    );
    let id = |s: &mut Session, table: &str| one(s, &format!("SELECT OBJECT_ID('{table}')"));
    for (table, view, values, number) in [
        ("t", "sys.fulltext_indexes", "", 4918),
        ("u", "sys.fulltext_indexes", "", 4918),
        ("t", "sys.tables", "temporal_type=2", 13546),
        ("t", "sys.columns", "is_filestream=1", 4951),
        ("u", "sys.columns", "is_filestream=1", 4951),
        ("u", "sys.indexes", "data_space_id=2", 4940),
    ] {
        let id = id(s, table);
        let plant = match values {
            "" => format!("EXEC sp_sandbox_plant '{view}', @add = 'object_id={id}'"),
            values => format!("EXEC sp_sandbox_plant '{view}', @set = '{values}', @where = 'object_id={id}'"),
        };
        ok(s, &plant);
        assert_eq!(numbers(s, "ALTER TABLE t SWITCH TO u"), [number], "{view} of {table}");
        ok(s, "EXEC sp_sandbox_plant 'none'");
    }
    ok(s, "CREATE PARTITION FUNCTION pf (int) AS RANGE RIGHT FOR VALUES (0)");
    ok(s, "CREATE PARTITION SCHEME ps AS PARTITION pf ALL TO ([PRIMARY])");
    ok(s, "CREATE TABLE p (a int NOT NULL, b varbinary(max)) ON ps (a)");
    let id = id(s, "p");
    ok(
        s,
        &format!("EXEC sp_sandbox_plant 'sys.indexes', @set = 'data_space_id=2', @where = 'object_id={id}'"),
    );
    assert_eq!(numbers(s, "ALTER TABLE t SWITCH TO p PARTITION 2"), [4939]);
    ok(s, "EXEC sp_sandbox_plant 'none'; ALTER TABLE t SWITCH TO u");
}

#[test]
fn tables_that_differ_are_not_switched() {
    let mut session = session();
    let s = &mut session;
    ok(s, "CREATE TABLE t (a int NOT NULL, s varchar(5))");
    for (definition, number) in [
        ("a int NOT NULL", 4943),
        ("b int NOT NULL, s varchar(5)", 4942),
        ("a bigint NOT NULL, s varchar(5)", 4944),
        ("a int NULL, s varchar(5)", 4985),
        ("a int NOT NULL, s varchar(5) COLLATE Greek_CI_AS", 4945),
        ("a int NOT NULL PRIMARY KEY, s varchar(5)", 4913),
        ("a int NOT NULL, s varchar(5), INDEX ix (a)", 4947),
        ("a int NOT NULL CHECK (a > 0), s varchar(5)", 4971),
        ("a int NOT NULL, s varchar(5), CHECK (a > 0)", 4970),
        ("a int NOT NULL, s varchar(5) SPARSE", 11412),
    ] {
        ok(s, &format!("CREATE TABLE u ({definition})"));
        assert_eq!(numbers(s, "ALTER TABLE t SWITCH TO u"), [number], "{definition}");
        ok(s, "DROP TABLE u");
    }
    assert_eq!(numbers(s, "ALTER TABLE t SWITCH TO t"), [4955]);
    assert_eq!(numbers(s, "ALTER TABLE t SWITCH TO nothing"), [4902]);
}

#[test]
fn views_show_what_they_select() {
    let mut session = session();
    let s = &mut session;
    ok(s, "CREATE TABLE t (a int NOT NULL, s varchar(5)); INSERT t VALUES (1, 'x'), (2, 'y')");
    ok(s, "CREATE VIEW v AS SELECT a, s FROM t WHERE a > 1");
    assert_eq!(one(s, "SELECT s FROM v"), "y");
    ok(s, "CREATE OR ALTER VIEW v (n, twice) AS SELECT a, a * 2 FROM t");
    assert_eq!(one(s, "SELECT twice FROM v ORDER BY n"), "2;4");
    assert_eq!(
        one(
            s,
            "SELECT name, system_type_id FROM sys.columns WHERE object_id = OBJECT_ID('v') ORDER BY column_id"
        ),
        "n|56;twice|56"
    );
    assert_eq!(numbers(s, "CREATE VIEW v AS SELECT 1 AS a"), [2714]);
    assert_eq!(numbers(s, "CREATE VIEW w AS SELECT 1"), [4511]);
    assert_eq!(numbers(s, "CREATE VIEW w AS SELECT 1 AS a, 2 AS a"), [4506]);
    assert_eq!(numbers(s, "CREATE VIEW w (a, b) AS SELECT 1"), [8159]);
    assert_eq!(numbers(s, "CREATE VIEW w AS SELECT nothing FROM t"), [207]);
    ok(s, "DROP VIEW v");
    assert_eq!(numbers(s, "SELECT * FROM v"), [208]);
}

#[test]
fn a_disabled_clustered_index_keeps_everyone_out() {
    let mut session = session();
    let s = &mut session;
    ok(s, "CREATE TABLE t (a int CONSTRAINT pk PRIMARY KEY, b int); INSERT t VALUES (1, 1)");
    ok(s, "CREATE UNIQUE INDEX ix ON t (b); ALTER INDEX ix ON t DISABLE; INSERT t VALUES (2, 1)");
    assert_eq!(numbers(s, "ALTER INDEX ix ON t REBUILD"), [1505]);
    ok(s, "ALTER INDEX pk ON t DISABLE");
    let denied = errors(s, "SELECT * FROM t");
    assert_eq!(
        denied,
        [(
            8655,
            "The query processor is unable to produce a plan because the index 'pk' on table or view 't' is disabled."
                .into()
        )]
    );
    assert_eq!(numbers(s, "INSERT t VALUES (3, 3)"), [8655]);
    ok(s, "ALTER INDEX pk ON t REBUILD");
    assert_eq!(one(s, "SELECT COUNT(*) FROM t"), "2");
    assert_eq!(
        one(s, "SELECT name, is_disabled FROM sys.indexes WHERE object_id = OBJECT_ID('t')"),
        "pk|0;ix|1"
    );
}

#[test]
fn a_value_tells_its_partition() {
    let s = &mut session();
    partitioned(s);
    let number = "SELECT $PARTITION.pf('20240105'), $partition.[pf](NULL), master.$PARTITION.pf(CAST('20240201' AS datetime2))";
    assert_eq!(one(s, number), "2|1|3");
    assert_eq!(numbers(s, "SELECT $PARTITION.other('20240105')"), [208]);
    assert_eq!(numbers(s, "SELECT $PARTITION.pf(1)"), [206]);
    assert_eq!(numbers(s, "SELECT $PARTITION.pf()"), [174]);
    ok(s, "INSERT sales (d) VALUES ('20240105'), ('20240106'), ('20240207')");
    assert_eq!(
        one(s, "SELECT $PARTITION.pf(d), COUNT_BIG(*) FROM sales GROUP BY $PARTITION.pf(d) ORDER BY 1"),
        "1|1;2|4;3|2"
    );
}

#[test]
fn a_table_has_1024_columns_at_most() {
    let s = &mut session();
    let columns = |n: usize| (1..=n).map(|n| format!("c{n} bit")).collect::<Vec<_>>().join(", ");
    assert_eq!(numbers(s, &format!("CREATE TABLE t ({})", columns(1025))), [1702]);
    ok(s, &format!("CREATE TABLE t ({})", columns(1024)));
    assert_eq!(numbers(s, "ALTER TABLE t ADD d bit"), [1702]);
}

#[test]
fn sparse_columns_are_nullable_and_plain() {
    let s = &mut session();
    ok(
        s,
        "CREATE TABLE t (a int, b varchar(10) SPARSE NULL, c int NULL); ALTER TABLE t ALTER COLUMN c ADD SPARSE",
    );
    assert_eq!(
        rows(s, "SELECT name FROM sys.columns WHERE is_sparse = 1 ORDER BY column_id"),
        [["b"], ["c"]]
    );
    assert_eq!(rows(s, "SELECT COLUMNPROPERTY(OBJECT_ID('t'), 'b', 'IsSparse')"), [["1"]]);
    for column in
        ["a int SPARSE NOT NULL", "a int IDENTITY SPARSE", "a text SPARSE NULL", "a geometry SPARSE NULL"]
    {
        assert_eq!(errors(s, &format!("CREATE TABLE x ({column})"))[0].0, 1731, "{column}");
    }
    ok(s, "ALTER TABLE t ALTER COLUMN b DROP SPARSE");
    assert_eq!(rows(s, "SELECT is_sparse FROM sys.columns WHERE name = 'b'"), [["0"]]);
}

#[test]
fn keys_and_compression_have_to_be_alike() {
    let mut session = session();
    let s = &mut session;
    ok(s, "CREATE TABLE p (a int NOT NULL PRIMARY KEY)");
    ok(s, "CREATE TABLE t (a int NOT NULL); ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES p (a)");
    ok(s, "CREATE TABLE u (a int NOT NULL REFERENCES p (a))");
    ok(s, "ALTER TABLE t NOCHECK CONSTRAINT f");
    assert_eq!(numbers(s, "ALTER TABLE t SWITCH TO u"), [4969]);
    ok(s, "ALTER TABLE t WITH NOCHECK CHECK CONSTRAINT f");
    assert_eq!(numbers(s, "ALTER TABLE t SWITCH TO u"), [4974]);
    ok(s, "ALTER TABLE t WITH CHECK CHECK CONSTRAINT f; ALTER TABLE t SWITCH TO u");
    ok(s, "CREATE TABLE v (a int NOT NULL) WITH (DATA_COMPRESSION = PAGE); CREATE TABLE w (a int NOT NULL)");
    assert_eq!(numbers(s, "ALTER TABLE w SWITCH TO v"), [11406]);
}
