use super::*;
use crate::catalog::{Length, SqlType, TableName};
use crate::config::{Feature, SchemaSettings};
use crate::schema::definition::sample::{self, check, column, index, varchar};
use crate::schema::definition::{
    Backs, CheckDefinition, ColumnDefinition, ComputedBy, ConstraintName, DefaultDefinition as DefaultOf,
    IdentityRange, IndexDefinition, Referencing, Statistics,
};

fn target() -> TargetServer {
    TargetServer {
        version: (16, 1000),
        edition: 2,
        collation: "Latin1_General_CI_AS".into(),
        ..TargetServer::default()
    }
}

fn keeping(pieces: &[Feature]) -> Policy {
    let keep = pieces.iter().copied().collect();
    Policy::of(&SchemaSettings { keep, ..SchemaSettings::default() }).unwrap()
}

fn drift(wanted: &Definition, found: &Definition) -> Vec<Deviation> {
    deviations(wanted, found, &Policy::default(), &target())
}

fn only(wanted: &Definition, found: &Definition) -> Deviation {
    let all = drift(wanted, found);
    assert_eq!(all.len(), 1, "{all:?}");
    all.into_iter().next().unwrap()
}

fn sql(difference: &Deviation) -> Vec<&str> {
    difference.statements.iter().map(|statement| statement.sql.as_str()).collect()
}

/// The sample table, and one that was changed.
fn changed(change: impl Fn(&mut Definition)) -> (Definition, Definition) {
    let mut table = sample::table();
    change(&mut table);
    (sample::table(), table)
}

fn with_column(change: impl Fn(&mut ColumnDefinition)) -> Definition {
    changed(|table| change(&mut table.columns[1])).1
}

#[test]
fn equal_tables_have_no_differences_whatever_is_not_compared() {
    let (wanted, found) = changed(|table| {
        table.columns.reverse();
        table.columns[0].name = "N".into();
        table.indexes[0].name.name = "PK__t__1".into();
        table.indexes[0].fill_factor = 80;
        table.indexes.push(index("its own", &["a"]));
        table.rows = None;
    });
    assert_eq!(drift(&wanted, &found), []);
}

#[test]
fn a_longer_varchar_is_safe_under_an_index_and_keeps_what_alter_column_would_forget() {
    let mut wanted = sample::table();
    wanted.columns[1] = varchar("a", 20);
    wanted.columns[1].nullable = false;
    let mut found = sample::table();
    found.columns[1].nullable = false;
    found.columns[1].collation = Some("Latin1_General_CI_AS".into());
    found.indexes.push(index("ix", &["a"]));
    wanted.indexes.push(index("ix", &["a"]));
    let difference = only(&wanted, &found);
    assert_eq!((difference.severity, difference.way), (Severity::Narrower, Mend::Safe));
    assert_eq!(
        sql(&difference),
        ["ALTER TABLE [dbo].[t] ALTER COLUMN [a] varchar(20) COLLATE Latin1_General_CI_AS NOT NULL"]
    );
    assert_eq!((difference.cost(), difference.blocked_by.len()), (Some(Cost::Metadata), 0));
}

#[test]
fn a_longer_key_than_there_may_be_is_not_safe() {
    let nvarchar = |n| column("a", SqlType::NVarChar(Length::N(n)));
    let (mut wanted, mut found) = (sample::table(), sample::table());
    (wanted.columns[1], found.columns[1]) = (nvarchar(1000), nvarchar(400));
    found.indexes.push(index("ix", &["a"]));
    let difference = only(&wanted, &found);
    assert_eq!(difference.way, Mend::Asked);
    assert!(difference.what.contains("1946") && difference.what.contains("ix"), "{difference:?}");
    // Beside the key it does no harm.
    found.indexes[1].keys[0].column = "n".into();
    found.indexes[1].included = vec!["a".into()];
    assert_eq!(only(&wanted, &found).way, Mend::Safe);
}

#[test]
fn another_type_is_asked_for_and_takes_what_is_in_its_way_along() {
    let mut wanted = sample::table();
    wanted.columns[2].sql_type = SqlType::BigInt;
    let mut found = sample::table();
    let mut covering = index("ix", &["a"]);
    covering.included = vec!["n".into()];
    found.indexes.push(covering);
    found.checks.push(check("CK", "([n]>(0))"));
    wanted.checks.clone_from(&found.checks);
    found.statistics.push(Statistics {
        name: "by hand".into(),
        columns: vec!["N".into(), "a".into()],
        filter: Some("([a]>(1))".into()),
        fixed: true,
    });
    let difference = only(&wanted, &found);
    assert_eq!((difference.severity, difference.way), (Severity::Narrower, Mend::Asked));
    assert_eq!(
        sql(&difference),
        [
            "DROP STATISTICS [dbo].[t].[by hand]",
            "ALTER TABLE [dbo].[t] DROP CONSTRAINT [CK]",
            "DROP INDEX [ix] ON [dbo].[t]",
            "ALTER TABLE [dbo].[t] ALTER COLUMN [n] bigint NULL",
            "CREATE NONCLUSTERED INDEX [ix] ON [dbo].[t] ([a]) INCLUDE ([n])",
            "ALTER TABLE [dbo].[t] WITH CHECK ADD CONSTRAINT [CK] CHECK ([n]>(0))",
            "CREATE STATISTICS [by hand] ON [dbo].[t] ([N], [a]) WHERE ([a]>(1)) WITH NORECOMPUTE",
        ]
    );
    assert_eq!(difference.blocked_by, ["index ix", "check CK", "statistics by hand"]);
    // A computed column, or somebody's key, is not taken along.
    found.columns.push(ColumnDefinition {
        computed: Some(ComputedBy { expression: "([n]+(1))".into(), persisted: false }),
        ..column("m", SqlType::Int)
    });
    wanted.columns.push(found.columns[3].clone());
    let difference = only(&wanted, &found);
    assert_eq!(difference.way, Mend::ByHand);
    assert!(difference.blocked_by.contains(&"computed column m".to_owned()), "{difference:?}");
}

#[test]
fn nothing_becomes_narrower() {
    for (wanted, found, severity) in [
        (SqlType::Int, SqlType::BigInt, Severity::Wider),
        (SqlType::VarChar(Length::N(10)), SqlType::VarChar(Length::Max), Severity::Wider),
        (SqlType::Int, SqlType::Decimal { precision: 12, scale: 0 }, Severity::Type),
        (SqlType::VarChar(Length::N(10)), SqlType::Int, Severity::Narrower),
        (
            SqlType::Decimal { precision: 9, scale: 4 },
            SqlType::Decimal { precision: 9, scale: 2 },
            Severity::Narrower,
        ),
    ] {
        let typed = |sql_type: SqlType| with_column(|c| c.sql_type = sql_type.clone());
        let difference = only(&typed(wanted), &typed(found));
        assert_eq!((difference.severity, difference.way), (severity, Mend::ByHand), "{difference:?}");
        assert_eq!(sql(&difference), [""; 0]);
    }
}

#[test]
fn a_new_column_is_added_as_null_where_there_are_rows() {
    let (found, mut wanted) = changed(|table| {
        table.columns.push(ColumnDefinition {
            nullable: false,
            default: Some(DefaultOf { name: sample::name("DF]"), expression: "((0))".into() }),
            ..column("new", SqlType::Int)
        });
    });
    let difference = only(&wanted, &found);
    assert_eq!((difference.severity, difference.way), (Severity::Missing, Mend::Safe));
    assert_eq!(
        sql(&difference),
        ["ALTER TABLE [dbo].[t] ADD [new] int NULL CONSTRAINT [DF]]] DEFAULT ((0))"]
    );
    assert!(difference.what.contains("added as NULL"), "{difference:?}");
    let empty = Definition { rows: Some(0), ..found.clone() };
    assert_eq!(
        sql(&only(&wanted, &empty)),
        ["ALTER TABLE [dbo].[t] ADD [new] int NOT NULL CONSTRAINT [DF]]] DEFAULT ((0))"]
    );
    // Every row would be written.
    wanted.columns[3] = ColumnDefinition {
        nullable: false,
        identity: Some(IdentityRange { seed: "1".into(), increment: "1".into() }),
        ..column("new", SqlType::Int)
    };
    let difference = only(&wanted, &found);
    assert_eq!((difference.way, difference.cost()), (Mend::Asked, Some(Cost::Rewrite)));
}

#[test]
fn nulls_are_let_in_but_for_a_key() {
    let not_null = with_column(|c| c.nullable = false);
    let difference = only(&sample::table(), &not_null);
    assert_eq!((difference.severity, difference.way), (Severity::NotNull, Mend::Safe));
    assert_eq!(
        sql(&difference),
        ["ALTER TABLE [dbo].[t] ALTER COLUMN [a] varchar(10) COLLATE Latin1_General_CI_AS NULL"]
    );
    let difference = only(&not_null, &sample::table());
    assert_eq!(
        (difference.severity, difference.way, difference.cost()),
        (Severity::Wider, Mend::Asked, Some(Cost::Scan))
    );
    let wanted = changed(|table| table.columns[0].nullable = true).1;
    // No primary key is made on a column that takes NULL.
    let difference = &drift(&wanted, &sample::table())[0];
    assert_eq!(
        (difference.way, &difference.blocked_by[..]),
        (Mend::ByHand, &["primary key PK_t".to_owned()][..])
    );
}

#[test]
fn a_filtered_index_holds_the_columns_of_its_condition() {
    let filtered = |table: &mut Definition| {
        let filter = Some("([A] IS NOT NULL)".into());
        table.indexes.push(IndexDefinition { filter, ..index("ix", &["n"]) });
    };
    let found = changed(filtered).1;
    let mut longer = found.clone();
    longer.columns[1] = varchar("a", 20);
    let mut wanted = [longer, found.clone(), found.clone()];
    wanted[1].columns[1].collation = Some("Latin1_General_CS_AS".into());
    wanted[2].columns[1].nullable = false;
    for wanted in &wanted {
        let difference = only(wanted, &found);
        assert_eq!((difference.way, &difference.blocked_by[..]), (Mend::Asked, &["index ix".to_owned()][..]));
        let sql = sql(&difference);
        assert_eq!((sql[0], sql.len()), ("DROP INDEX [ix] ON [dbo].[t]", 3));
        assert_eq!(sql[2], "CREATE NONCLUSTERED INDEX [ix] ON [dbo].[t] ([n]) WHERE ([A] IS NOT NULL)");
    }
    let not_null = |table: &Definition| {
        let mut table = table.clone();
        table.columns[1].nullable = false;
        table
    };
    assert_eq!(only(&found, &not_null(&found)).way, Mend::Asked);
}

#[test]
fn a_disabled_index_is_built_on_request_and_refuses_nothing() {
    let unique = |disabled| {
        changed(|table| {
            table.indexes.push(IndexDefinition { unique: true, disabled, ..index("ux", &["a"]) });
        })
        .1
    };
    let difference = only(&unique(false), &unique(true));
    assert_eq!(
        (difference.severity, difference.way, difference.cost()),
        (Severity::Index, Mend::Asked, Some(Cost::Build))
    );
    assert_eq!(sql(&difference), ["ALTER INDEX [ux] ON [dbo].[t] REBUILD"]);
    assert_eq!(drift(&sample::table(), &unique(true)), []);
    assert_eq!(drift(&sample::table(), &unique(false)).len(), 1);
}

#[test]
fn a_collation_is_asked_for() {
    let other = with_column(|c| c.collation = Some("Latin1_General_CS_AS".into()));
    let difference = only(&other, &sample::table());
    assert_eq!((difference.severity, difference.way), (Severity::Collation, Mend::Asked));
    assert_eq!(
        sql(&difference),
        ["ALTER TABLE [dbo].[t] ALTER COLUMN [a] varchar(10) COLLATE Latin1_General_CS_AS NULL"]
    );
    let without =
        Policy::of(&SchemaSettings { without: [Feature::Collations].into(), ..SchemaSettings::default() })
            .unwrap();
    assert_eq!(deviations(&other, &sample::table(), &without, &target()), []);
}

#[test]
fn columns_of_the_targets_own() {
    let (wanted, mut found) = changed(|table| table.columns.push(column("loaded", SqlType::DateTime)));
    let difference = only(&wanted, &found);
    assert_eq!((difference.severity, difference.way), (Severity::Wider, Mend::ByHand));
    found.columns[3].nullable = false;
    let difference = only(&wanted, &found);
    assert_eq!((difference.severity, difference.way), (Severity::ExtraRequired, Mend::Safe));
    assert_eq!(sql(&difference), ["ALTER TABLE [dbo].[t] ALTER COLUMN [loaded] datetime NULL"]);
}

#[test]
fn names_that_servers_made_up_are_not_compared() {
    let unnamed = |name: &str| ConstraintName { name: name.into(), by_system: true };
    let table = |number: &str| {
        changed(|table| {
            table.indexes[0].name = unnamed(&format!("PK__t__{number}"));
            let name = unnamed(&format!("DF__t__a__{number}"));
            table.columns[1].default = Some(DefaultOf { name, expression: "('x')".into() });
            table.checks.push(CheckDefinition {
                name: unnamed(&format!("CK__t__{number}")),
                ..check("", "([n]>(0))")
            });
            let unique =
                IndexDefinition { backs: Backs::UniqueConstraint, unique: true, ..index("", &["n"]) };
            table.indexes.push(IndexDefinition { name: unnamed(&format!("UQ__t__{number}")), ..unique });
        })
        .1
    };
    assert_eq!(drift(&table("1A"), &table("2B")), []);
}

#[test]
fn constraints_are_compared_by_what_they_say() {
    let table = |expression: &str| changed(|table| table.checks.push(check("CK", expression))).1;
    assert_eq!(drift(&table("([n]=(2) OR [n]=(1))"), &table("(([n]=(2)) OR ([n]=(1)))")), []);
    let difference = only(&table("([n]>(0))"), &table("([n]>(1))"));
    assert_eq!(
        (difference.severity, difference.way, difference.statements.len()),
        (Severity::Constraint, Mend::Asked, 2)
    );
    let difference = only(&table("([n]>(0))"), &sample::table());
    assert_eq!(sql(&difference), ["ALTER TABLE [dbo].[t] WITH CHECK ADD CONSTRAINT [CK] CHECK ([n]>(0))"]);
    let difference = only(&sample::table(), &table("([n]>(0))"));
    assert_eq!(sql(&difference), ["ALTER TABLE [dbo].[t] DROP CONSTRAINT [CK]"]);
    let mut untrusted = table("([n]>(0))");
    untrusted.checks[0].trusted = false;
    // What a load leaves behind.
    assert_eq!(drift(&table("([n]>(0))"), &untrusted), []);
    let all = deviations(&table("([n]>(0))"), &untrusted, &keeping(&[Feature::Trust]), &target());
    assert_eq!(sql(&all[0]), ["ALTER TABLE [dbo].[t] WITH CHECK CHECK CONSTRAINT [CK]"]);
    assert_eq!(drift(&untrusted, &table("([n]>(0))")), []);
}

#[test]
fn an_index_is_the_one_of_its_name_before_another_that_holds_the_same() {
    let (_, mut wanted) =
        changed(|table| table.indexes.extend([index("plain", &["n"]), index("other", &["a"])]));
    let (_, mut found) = changed(|table| table.indexes.push(index("other", &["n"])));
    wanted.checks = vec![check("CK_1", "([n]>(0))"), check("CK_2", "([n]>(1))")];
    found.checks = vec![check("CK_2", "([n]>(0))")];
    let all = drift(&wanted, &found);
    let names: Vec<(&str, Mend)> = all.iter().map(|one| (one.name.as_str(), one.way)).collect();
    assert_eq!(
        names,
        [("CK_1", Mend::Create), ("CK_2", Mend::Asked), ("other", Mend::Asked), ("plain", Mend::Create)]
    );
}

#[test]
fn keys_are_the_worst() {
    let (found, wanted) = changed(|table| {
        table.indexes[0] = sample::key("PK_t", &["id", "n"]);
        table.columns[2].nullable = false;
    });
    let all = drift(&wanted, &found);
    assert_eq!(
        all.iter().map(|d| (d.severity, d.way)).collect::<Vec<_>>(),
        [(Severity::Key, Mend::ByHand), (Severity::Wider, Mend::Asked)]
    );
    let (wanted, found) = changed(|table| table.indexes.clear());
    let difference = only(&wanted, &found);
    assert_eq!(
        (difference.severity, difference.way, difference.cost()),
        (Severity::Key, Mend::Asked, Some(Cost::Rewrite))
    );
    assert_eq!(only(&found, &wanted).severity, Severity::Key);
    let clustered = changed(|table| {
        table.indexes[0] = index("ix", &["n"]);
        table.indexes[0].kind = crate::schema::definition::IndexForm::Clustered;
    });
    let difference = &drift(&wanted, &clustered.1)[0];
    assert_eq!(
        (difference.way, &difference.blocked_by[..]),
        (Mend::ByHand, &["index ix, which is clustered".to_owned()][..])
    );
}

#[test]
fn indexes_are_made_where_they_are_missing_and_again_where_they_are_others() {
    let (found, wanted) = changed(|table| table.indexes.push(index("ix", &["a"])));
    let difference = only(&wanted, &found);
    assert_eq!((difference.severity, difference.way), (Severity::Index, Mend::Create));
    let other = changed(|table| table.indexes.push(index("IX", &["n"]))).1;
    let difference = only(&wanted, &other);
    assert_eq!(difference.way, Mend::Asked);
    assert_eq!(
        sql(&difference),
        ["CREATE NONCLUSTERED INDEX [ix] ON [dbo].[t] ([a]) WITH (DROP_EXISTING = ON)"]
    );
    // Under another name it is as good.
    let renamed = changed(|table| table.indexes.push(index("other", &["A"]))).1;
    assert_eq!(drift(&wanted, &renamed), []);
    let unique =
        changed(|table| table.indexes.push(IndexDefinition { unique: true, ..index("u", &["a"]) })).1;
    assert_eq!(only(&found, &unique).way, Mend::ByHand);
}

#[test]
fn what_the_server_would_write_is_told() {
    let mut found = sample::table();
    found.columns[0].identity = Some(IdentityRange { seed: "1".into(), increment: "1".into() });
    assert_eq!(only(&sample::table(), &found).severity, Severity::Generated);
    let policy = keeping(&[Feature::Identity]);
    assert_eq!(deviations(&found, &found, &policy, &target()), []);
    let found =
        with_column(|c| c.computed = Some(ComputedBy { expression: "([n]+(1))".into(), persisted: true }));
    assert_eq!(only(&sample::table(), &found).severity, Severity::Generated);
    let found = with_column(|c| (c.sql_type, c.collation) = (SqlType::RowVersion, None));
    assert_eq!(only(&sample::table(), &found).severity, Severity::Generated);
}

#[test]
fn a_column_that_a_key_points_at_stays() {
    let mut wanted = sample::table();
    wanted.columns[0].sql_type = SqlType::BigInt;
    let mut found = sample::table();
    let by = Referencing { name: "FK".into(), table: TableName::new("dbo", "child"), column: "id".into() };
    found.referenced_by.push(by);
    let difference = only(&wanted, &found);
    assert_eq!(difference.way, Mend::ByHand);
    assert_eq!(difference.blocked_by, ["foreign key FK of dbo.child", "primary key PK_t"]);
}
