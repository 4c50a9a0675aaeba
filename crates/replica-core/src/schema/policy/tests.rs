use super::*;
use crate::catalog::Length;
use crate::schema::ddl::Creation;
use crate::schema::definition::sample::{check, column, index, table, varchar};
use crate::schema::definition::{
    ComputedBy, ConstraintName, DefaultDefinition, ForeignKeyDefinition, IdentityRange,
};
use crate::schema::drift::deviations;

fn target() -> TargetServer {
    TargetServer {
        version: (16, 1000),
        edition: 2,
        collation: "Latin1_General_CI_AS".into(),
        ..TargetServer::default()
    }
}

fn default(expression: &str) -> Option<DefaultDefinition> {
    let name = ConstraintName { name: "DF".into(), by_system: false };
    Some(DefaultDefinition { name, expression: expression.into() })
}

fn keep(features: &[Feature]) -> Policy {
    Policy::of(&SchemaSettings { keep: features.iter().copied().collect(), ..SchemaSettings::default() })
        .unwrap()
}

/// A table with everything that a replica has otherwise.
fn odd() -> Definition {
    let mut odd = table();
    odd.traits = vec!["system versioning".into(), "triggers".into()];
    odd.columns[0].identity = Some(IdentityRange { seed: "1".into(), increment: "1".into() });
    odd.columns[2].computed = Some(ComputedBy { expression: "([id]+(1))".into(), persisted: false });
    odd.columns.push(column("stamp", SqlType::RowVersion));
    odd.columns.push(ColumnDefinition { traits: vec!["a column set".into()], ..column("set", SqlType::Xml) });
    odd.columns.push(ColumnDefinition {
        traits: vec!["GENERATED ALWAYS".into()],
        ..column("from", SqlType::DateTime2(7))
    });
    odd.columns[1].default = default("(NEXT VALUE FOR [dbo].[s])");
    odd.checks = vec![check("own", "([n]>(0))"), check("outside", "([dbo].[f]([n])>(0))")];
    odd.foreign_keys.push(ForeignKeyDefinition {
        name: ConstraintName { name: "FK".into(), by_system: false },
        columns: vec!["n".into()],
        references: crate::catalog::TableName::new("dbo", "p"),
        referenced: vec!["id".into()],
        on_delete: 1,
        on_update: 2,
        disabled: false,
        trusted: true,
    });
    odd.indexes.push(IndexDefinition { disabled: true, ..index("off", &["n"]) });
    odd.place = DataSpace::Filegroup("DATA".into());
    odd
}

#[test]
fn what_a_copy_has_no_use_for_is_left_out_and_said() {
    let Wanted { definition, notes } = Policy::default().wanted(&odd(), &target()).unwrap();
    let names: Vec<&str> = definition.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["id", "a", "n", "stamp", "from"]);
    assert!(
        definition
            .columns
            .iter()
            .all(|c| c.identity.is_none() && c.computed.is_none() && c.default.is_none())
    );
    assert_eq!(definition.columns[3].sql_type, SqlType::Binary(8));
    assert_eq!((definition.checks.len(), definition.foreign_keys.len(), definition.indexes.len()), (1, 0, 1));
    assert_eq!(definition.place, DataSpace::Default);
    let said = notes.join("\n");
    for note in [
        "system versioning, triggers",
        "no identity",
        "stored, not computed",
        "binary(8)",
        "without column set",
        "GENERATED ALWAYS",
        "a sequence",
        "check outside",
        "without foreign keys",
        "index off: it is disabled",
        "not in DATA",
    ] {
        assert!(said.contains(note), "{note}\n{said}");
    }
    // A table that is made so has no differences.
    assert_eq!(deviations(&definition, &definition, &Policy::default(), &target()), []);
}

#[test]
fn what_is_kept_on_request() {
    let policy = keep(&[Feature::Identity, Feature::Computed, Feature::Rowversion, Feature::ForeignKeys]);
    let wanted = policy.wanted(&odd(), &target()).unwrap().definition;
    assert!(wanted.columns[0].identity.is_some() && wanted.columns[2].computed.is_some());
    assert_eq!(wanted.columns[3].sql_type, SqlType::RowVersion);
    assert_eq!((wanted.foreign_keys[0].on_delete, wanted.foreign_keys[0].on_update), (0, 0));
    let both = SchemaSettings { keep: [Feature::Checks].into(), without: [Feature::Checks].into() };
    assert!(Policy::of(&both).unwrap_err().to_string().contains("checks"));
    // The target has no such function.
    let mut by_function = odd();
    by_function.columns[2].computed =
        Some(ComputedBy { expression: "([dbo].[f]([id]))".into(), persisted: false });
    let wanted = policy.wanted(&by_function, &target()).unwrap();
    assert!(wanted.definition.columns[2].computed.is_none());
    assert!(wanted.notes.iter().any(|note| note.contains("since it calls a function")), "{:?}", wanted.notes);
}

#[test]
fn a_unique_constraint_that_is_disabled_has_kept_nothing_apart() {
    let mut source = table();
    source.indexes[0].disabled = true;
    let unique = IndexDefinition { unique: true, backs: Backs::UniqueConstraint, ..index("UQ", &["a"]) };
    source.indexes.push(IndexDefinition { disabled: true, ..unique });
    let Wanted { definition, notes } = Policy::default().wanted(&source, &target()).unwrap();
    assert_eq!(definition.indexes, table().indexes);
    assert_eq!(notes, ["without the index UQ: it is disabled"]);
}

#[test]
fn a_plain_table_has_no_more_columns_than_it_may() {
    let mut wide = table();
    wide.columns.extend((3..1_024).map(|n| column(&format!("c{n}"), SqlType::Int)));
    assert!(Policy::default().wanted(&wide, &target()).is_ok());
    wide.columns.push(column("one more", SqlType::Int));
    let error = Policy::default().wanted(&wide, &target()).unwrap_err().to_string();
    assert!(error.contains("1025 columns") && error.contains("exclude_columns"), "{error}");
}

#[test]
fn what_the_target_cannot_have_is_refused_or_left_out() {
    let mut encrypted = table();
    encrypted.columns[1].traits.push("Always Encrypted".into());
    let error = Policy::default().wanted(&encrypted, &target()).unwrap_err().to_string();
    assert!(error.contains("column a") && error.contains("encrypted"), "{error}");
    let mut json = table();
    json.columns[1] = column("a", SqlType::Json);
    assert!(Policy::default().wanted(&json, &target()).is_err());
    assert!(Policy::default().wanted(&json, &TargetServer { version: (17, 0), ..target() }).is_ok());
    // Before 2016 SP1 only Enterprise compresses, and a columnstore beside rows makes them read-only.
    let mut compressed = table();
    compressed.indexes[0].compression = Compression::Page;
    compressed
        .indexes
        .push(IndexDefinition { kind: IndexForm::NonclusteredColumnstore, ..index("ncx", &["n"]) });
    let old = TargetServer { version: (12, 5000), ..target() };
    let wanted = Policy::default().wanted(&compressed, &old).unwrap();
    assert_eq!(
        (wanted.definition.indexes.len(), wanted.definition.indexes[0].compression),
        (1, Compression::None)
    );
    let enterprise = TargetServer { edition: 3, ..old };
    assert_eq!(
        Policy::default().wanted(&compressed, &enterprise).unwrap().definition.indexes[0].compression,
        Compression::Page
    );
    assert_eq!(Policy::default().wanted(&compressed, &target()).unwrap().definition.indexes.len(), 2);
}

#[test]
fn partitions_need_the_scheme_for_the_type() {
    let mut partitioned = table();
    let place = DataSpace::Scheme { scheme: "By_Month".into(), column: "n".into() };
    (partitioned.place, partitioned.indexes[0].place) = (place.clone(), place.clone());
    let with =
        |type_name: &str| TargetServer { schemes: vec![("by_month".into(), type_name.into())], ..target() };
    let wanted = |target: &TargetServer| Policy::default().wanted(&partitioned, target).unwrap();
    assert_eq!(wanted(&with("int")).definition.place, place);
    assert_eq!(wanted(&with("date")).definition.place, DataSpace::Default);
    assert_eq!(wanted(&target()).notes, ["not partitioned: the target has no scheme By_Month for n"]);
}

#[test]
fn a_long_key_is_said() {
    let mut long = table();
    long.columns[1] = varchar("a", 1000);
    long.indexes.push(index("ix", &["a", "n"]));
    assert_eq!(Policy::default().wanted(&long, &target()).unwrap().notes, [""; 0]);
    let old = TargetServer { version: (12, 0), ..target() };
    assert!(Policy::default().wanted(&long, &old).unwrap().notes[0].contains("1946"));
}

#[test]
fn the_statements_say_everything() {
    let mut wanted = table();
    wanted.columns[1].default = default("('x')");
    wanted
        .columns
        .push(ColumnDefinition { numeric: true, ..column("d", SqlType::Decimal { precision: 9, scale: 2 }) });
    wanted.columns.push(column("v", SqlType::NVarChar(Length::Max)));
    wanted.indexes[0].fill_factor = 80;
    let mut covering = index("i]x", &["a"]);
    covering.keys[0].descending = true;
    covering.included = vec!["n".into()];
    covering.filter = Some("([n] IS NOT NULL)".into());
    (covering.unique, covering.compression) = (true, Compression::Row);
    wanted.indexes.push(covering);
    wanted.checks.push(check("CK", "([n]>(0))"));
    let creation = Creation::of(&wanted);
    assert_eq!(
        creation.table.statements[0].sql,
        "CREATE TABLE [dbo].[t] (\n    [id] int NOT NULL,\n    [a] varchar(10) COLLATE Latin1_General_CI_AS NULL CONSTRAINT [DF] DEFAULT ('x'),\n    \
         [n] int NULL,\n    [d] numeric(9,2) NULL,\n    [v] nvarchar(max) COLLATE Latin1_General_CI_AS NULL,\n    \
         CONSTRAINT [PK_t] PRIMARY KEY CLUSTERED ([id]) WITH (FILLFACTOR = 80)\n)"
    );
    let after: Vec<&str> = creation.after_load.iter().map(|step| step.statements[0].sql.as_str()).collect();
    assert_eq!(
        after,
        [
            "CREATE UNIQUE NONCLUSTERED INDEX [i]]x] ON [dbo].[t] ([a] DESC) INCLUDE ([n]) WHERE ([n] IS NOT NULL) WITH (DATA_COMPRESSION = ROW)",
            "ALTER TABLE [dbo].[t] WITH CHECK ADD CONSTRAINT [CK] CHECK ([n]>(0))",
        ]
    );
}

#[test]
fn an_index_that_does_not_follow_its_partitioned_table_says_so() {
    let mut wanted = table();
    let place = DataSpace::Scheme { scheme: "s".into(), column: "id".into() };
    (wanted.place, wanted.indexes[0].place) = (place.clone(), place.clone());
    wanted.indexes.push(index("apart", &["n"]));
    wanted.indexes.push(IndexDefinition { place, ..index("along", &["n"]) });
    let creation = Creation::of(&wanted);
    assert!(
        creation.table.statements[0].sql.ends_with("PRIMARY KEY CLUSTERED ([id]) ON [s]([id])\n)"),
        "{creation:?}"
    );
    let after: Vec<&str> = creation.after_load.iter().map(|step| step.statements[0].sql.as_str()).collect();
    assert!(after[0].ends_with("([n]) ON [default]") && after[1].ends_with("([n])"), "{after:?}");
}
