use std::collections::{BTreeMap, HashMap};

use super::*;
use crate::catalog::{Length, SqlType, TableName};
use crate::config::SchemaSettings;
use crate::schema::definition::sample::{check, column, index, name, table, varchar};
use crate::schema::definition::{ComputedBy, DefaultDefinition, IndexForm};

fn article(target: Option<&str>, filter: Option<&str>, excluded: &[&str], computed: &[&str]) -> Article {
    let excluded = excluded.iter().map(|name| (*name).to_owned()).collect();
    let computed: BTreeMap<_, _> =
        computed.iter().map(|name| ((*name).to_owned(), "NULL".to_owned())).collect();
    let target = target.map(|name| name.parse().unwrap());
    Article::new(target, filter.map(str::to_owned), excluded, computed).unwrap()
}

fn policy(articles: &[(&str, Article)]) -> Policy {
    let settings =
        SchemaSettings { keep: [Feature::ForeignKeys].into_iter().collect(), ..SchemaSettings::default() };
    let articles: HashMap<TableName, Article> =
        articles.iter().map(|(name, article)| (name.parse().unwrap(), article.clone())).collect();
    Policy::of(&settings).unwrap().with_articles(articles)
}

fn server() -> TargetServer {
    TargetServer { default_schema: "replica".into(), ..TargetServer::default() }
}

fn shape(
    table: &Definition,
    expressions: Vec<TypedExpression>,
    policy: &Policy,
) -> (Definition, Vec<String>) {
    shaped(table, expressions, "Latin1_General_CI_AS", (policy, &server())).unwrap()
}

fn key(name_of: &str, columns: &[&str], to: &str, referenced: &[&str]) -> ForeignKeyDefinition {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    ForeignKeyDefinition {
        name: name(name_of),
        columns: owned(columns),
        references: to.parse().unwrap(),
        referenced: owned(referenced),
        on_delete: 0,
        on_update: 0,
        disabled: false,
        trusted: true,
    }
}

#[test]
fn a_table_without_an_article_is_as_it_is() {
    let (shaped, notes) = shape(&table(), Vec::new(), &policy(&[]));
    assert_eq!((shaped, notes), (table(), Vec::new()));
}

#[test]
fn what_rests_on_a_column_goes_with_it() {
    let mut source = table();
    source.columns.push(varchar("secret", 9));
    source.columns[1].computed = Some(ComputedBy { expression: "([SECRET]+'x')".into(), persisted: true });
    source.indexes.push(index("on_n", &["n"]));
    source.indexes.push(index("on_secret", &["n", "secret"]));
    source.indexes.push(IndexDefinition { included: vec!["Secret".into()], ..index("with_secret", &["n"]) });
    source.indexes.push(IndexDefinition {
        filter: Some("([secret] IS NOT NULL)".into()),
        ..index("where_secret", &["n"])
    });
    source.indexes.push(IndexDefinition {
        kind: IndexForm::NonclusteredColumnstore,
        ..index("columnstore", &["n", "secret"])
    });
    source.checks = vec![check("of_n", "([n]>(0))"), check("of_secret", "(len([secret])>[n])")];
    source.foreign_keys =
        vec![key("FK_s", &["secret"], "dbo.p", &["id"]), key("FK_n", &["n"], "dbo.p", &["id"])];
    source.place = DataSpace::Scheme { scheme: "s".into(), column: "secret".into() };
    let (shaped, notes) =
        shape(&source, Vec::new(), &policy(&[("dbo.t", article(None, None, &["SECRET"], &[]))]));
    let names = |indexes: &[IndexDefinition]| {
        indexes.iter().map(|index| index.name.name.clone()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(names(&shaped.indexes), "PK_t on_n columnstore");
    assert_eq!(shaped.indexes[2].keys.len(), 1);
    assert_eq!(shaped.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["id", "a", "n"]);
    assert_eq!((&shaped.columns[1].computed, &shaped.place), (&None, &DataSpace::Default));
    assert_eq!((shaped.checks.len(), shaped.foreign_keys.len()), (1, 1));
    assert_eq!(
        notes,
        [
            "without the expression of column a, since a column of it is left out: it is stored",
            "without the index on_secret, since column secret is left out",
            "without the index with_secret, since column secret is left out",
            "without the index where_secret, since column secret is left out",
            "without the check of_secret, since column secret is left out",
            "not partitioned, since the column of its partitions is left out",
            "without the foreign key FK_s, since column secret is left out",
        ]
    );
}

#[test]
fn a_column_with_an_expression_has_its_type_and_need_not_be_unique() {
    let mut source = table();
    source.columns[1].default = Some(DefaultDefinition { name: name("DF"), expression: "('x')".into() });
    source.columns[1].collation = Some("Cyrillic_General_CI_AS".into());
    source.columns[1].traits.push("Always Encrypted".into());
    source.indexes.push(index("by_a", &["a"]));
    source.indexes.push(IndexDefinition { unique: true, ..index("one_a", &["a"]) });
    source.checks = vec![check("of_a", "([a]>'x')")];
    source.foreign_keys = vec![key("FK", &["a"], "dbo.p", &["a"])];
    let typed =
        |name: &str, sql_type: SqlType| TypedExpression { name: name.into(), sql_type, nullable: true };
    let policy = policy(&[("dbo.t", article(None, None, &[], &["A", "ID", "made"]))]);
    let expressions = vec![
        typed("A", SqlType::NVarChar(Length::N(4))),
        typed("ID", SqlType::BigInt),
        typed("made", SqlType::VarChar(Length::N(3))),
    ];
    let (shaped, notes) = shape(&source, expressions, &policy);
    let collated = |name: &str, length, collation: &str| ColumnDefinition {
        collation: Some(collation.into()),
        ..column(name, length)
    };
    assert_eq!(
        shaped.columns,
        [
            ColumnDefinition { nullable: false, ..column("id", SqlType::BigInt) },
            collated("a", SqlType::NVarChar(Length::N(4)), "Cyrillic_General_CI_AS"),
            column("n", SqlType::Int),
            collated("made", SqlType::VarChar(Length::N(3)), "Latin1_General_CI_AS"),
        ]
    );
    let indexes: Vec<&str> = shaped.indexes.iter().map(|index| index.name.name.as_str()).collect();
    assert_eq!(indexes, ["PK_t", "by_a"], "{notes:?}");
    assert!(shaped.checks.is_empty() && shaped.foreign_keys.is_empty(), "{notes:?}");
    assert!(notes[0].contains("its default") && notes[1].contains("column a has an expression"), "{notes:?}");
    // No index takes a value of any length.
    let (shaped, _) = shape(&source, vec![typed("a", SqlType::VarChar(Length::Max))], &policy);
    assert_eq!(shaped.indexes.len(), 1);
}

#[test]
fn foreign_keys_point_at_the_targets_tables_and_leave_conditions_out() {
    let mut source = table();
    source.foreign_keys = vec![
        key("to_renamed", &["n"], "dbo.renamed", &["id"]),
        key("to_filtered", &["n"], "dbo.filtered", &["id"]),
        key("to_left_out", &["n"], "dbo.shaped", &["code"]),
        key("to_computed", &["n"], "dbo.shaped", &["made"]),
        key("to_kept", &["n"], "dbo.shaped", &["id"]),
        key("to_itself", &["n"], "dbo.t", &["id"]),
    ];
    let others = [
        ("dbo.renamed", article(Some("stage.[other name]"), None, &[], &[])),
        ("dbo.filtered", article(None, Some("id = 1"), &[], &[])),
        ("dbo.shaped", article(Some("shaped"), None, &["Code"], &["made"])),
        ("dbo.t", article(Some("u"), None, &[], &[])),
    ];
    let (shaped, notes) = shape(&source, Vec::new(), &policy(&others));
    let to: Vec<String> = shaped.foreign_keys.iter().map(|key| key.references.to_string()).collect();
    assert_eq!(to, ["stage.[other name]", "replica.shaped", "replica.u"]);
    assert_eq!(shaped.name.to_string(), "replica.u");
    assert_eq!(notes.len(), 3, "{notes:?}");
    assert!(notes[0].contains("dbo.filtered has a condition"), "{notes:?}");
    let mut others = others;
    others[3].1 = article(None, Some("n > 0"), &[], &[]);
    let (shaped, notes) = shape(&source, Vec::new(), &policy(&others));
    assert_eq!((shaped.foreign_keys.len(), notes.len()), (0, 6), "{notes:?}");
    assert_eq!(notes[0], "without the foreign key to_renamed, since the table has a condition");
}

#[test]
fn a_column_of_the_key_and_one_that_is_not_there_cannot_be_left_out() {
    for (excluded, says) in [("ID", "key"), ("nothing", "no such column")] {
        let policy = policy(&[("dbo.t", article(None, None, &[excluded], &[]))]);
        let error = shaped(&table(), Vec::new(), "", (&policy, &server())).unwrap_err();
        assert_eq!(error.exit_code().number(), 2);
        assert!(error.to_string().contains(says), "{error}");
    }
}
