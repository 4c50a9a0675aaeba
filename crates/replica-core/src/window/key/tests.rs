use super::*;
use crate::catalog::index::{Index, IndexKind, sample as index};
use crate::catalog::table::sample;
use crate::catalog::{Collation, Length, Table};
use crate::types::guide::column;
use crate::types::mapping::map;

fn ints(values: &[i64]) -> Boundary {
    values.iter().map(|value| KeyValue::new(value.to_string())).collect()
}

fn named(name: &str, sql_type: &SqlType, nullable: bool) -> Column {
    Column { nullable, ..column(name, sql_type) }
}

fn within(key: &Key, range: &KeyRange) -> (String, usize) {
    let mut params = Vec::new();
    (key.within(range, &mut params), params.len())
}

#[test]
fn ranges_are_half_open_and_the_first_has_the_rows_without_a_key() {
    let id = named("i]d", &SqlType::Int, true);
    let key = Key::of(&[&id]);
    let ranges = KeyRange::between(vec![ints(&[-5]), ints(&[7])]);
    let found: Vec<_> = ranges.iter().map(|range| within(&key, range)).collect();
    assert_eq!(
        found,
        [
            ("([i]]d] < CAST(@P1 AS int) OR [i]]d] IS NULL)".to_owned(), 1),
            ("[i]]d] >= CAST(@P1 AS int) AND [i]]d] < CAST(@P2 AS int)".to_owned(), 2),
            ("[i]]d] >= CAST(@P1 AS int)".to_owned(), 1),
        ]
    );
    let shown: Vec<_> = ranges.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["[.., -5)", "[-5, 7)", "[7, ..)"]);
    assert_eq!(within(&key, &KeyRange::between(vec![])[0]), ("1 = 1".to_owned(), 0));
    assert!(KeyRange::are_whole(&ranges.iter().collect::<Vec<_>>()));
    assert!(!KeyRange::are_whole(&ranges.iter().skip(1).collect::<Vec<_>>()));
    assert!(!KeyRange::are_whole(&[&ranges[0], &ranges[2]]));
    assert!(!KeyRange::are_whole(&[]));
}

#[test]
fn several_columns_are_one_value_and_the_first_is_sought() {
    let (a, b) = (named("a", &SqlType::Int, false), named("b", &SqlType::BigInt, false));
    let key = Key::of(&[&a, &b]);
    let ranges = KeyRange::between(vec![ints(&[1, 2]), ints(&[3, 4])]);
    assert_eq!(
        within(&key, &ranges[1]).0,
        "[a] >= CAST(@P1 AS int) AND ([a] > CAST(@P1 AS int) OR ([a] = CAST(@P1 AS int) AND [b] >= CAST(@P2 AS bigint))) \
         AND [a] <= CAST(@P3 AS int) AND ([a] < CAST(@P3 AS int) OR ([a] = CAST(@P3 AS int) AND [b] < CAST(@P4 AS bigint)))"
    );
    assert_eq!(ranges[1].to_string(), "[(1, 2), (3, 4))");
}

#[test]
fn boundaries_read_back_as_they_were_written() {
    for (values, text) in [
        (&["-7"][..], "-7"),
        (&["  it's ] 1, \"2\" \u{1F600} "], "  it's ] 1, \"2\" \u{1F600} "),
        (&["[x]"], r#"["[x]"]"#),
        (&["1", "a, \"b\""], r#"["1","a, \"b\""]"#),
        (&[""], ""),
    ] {
        let boundary: Boundary = values.iter().map(|value| KeyValue::new(*value)).collect();
        assert_eq!(KeyRange::written(&boundary), text);
        assert_eq!(KeyRange::read(text).unwrap(), boundary);
    }
    assert!(KeyRange::read("[1").is_err());
}

fn mapped(source: Column, target: Column) -> MappedColumn {
    let (mut from, mut to) = (sample("s.t"), sample("s.t"));
    from.columns = vec![source];
    to.columns = vec![target];
    map(&from, &to, false).unwrap().columns.remove(0)
}

#[test]
fn the_target_compares_text_as_the_source_does() {
    let text = |sql_type: &SqlType, collation: &str| Column {
        collation: Some(Collation { name: collation.into(), code_page: Some(1252) }),
        ..column("t", sql_type)
    };
    let varchar = SqlType::VarChar(Length::N(5));
    let same = mapped(text(&varchar, "Latin1_General_CI_AS"), text(&varchar, "latin1_general_ci_as"));
    let range = &KeyRange::between(vec![[KeyValue::new("m")].into()])[1];
    let predicate = |mapped: &MappedColumn| within(&Key::at_target(&[mapped]).unwrap(), range).0;
    assert_eq!(predicate(&same), "[t] >= CAST(@P1 COLLATE latin1_general_ci_as AS varchar(5))");
    let other = mapped(text(&varchar, "Latin1_General_CI_AS"), text(&varchar, "Latin1_General_BIN2"));
    assert_eq!(
        predicate(&other),
        "CAST([t] COLLATE Latin1_General_CI_AS AS varchar(5)) >= CAST(@P1 COLLATE Latin1_General_CI_AS AS varchar(5))"
    );
}

#[test]
fn what_does_not_keep_its_order_is_no_key() {
    let to = |source: &SqlType, target: &SqlType| {
        Key::at_target(&[&mapped(column("c", source), column("c", target))])
    };
    assert!(to(&SqlType::Int, &SqlType::BigInt).is_ok());
    assert!(to(&SqlType::Real, &SqlType::Float).is_ok());
    let error = to(&SqlType::DateTime2(7), &SqlType::DateTime2(0)).unwrap_err().to_string();
    assert!(error.contains("--key") && error.contains("column c"), "{error}");
    assert!(to(&SqlType::DateTime, &SqlType::DateTime2(7)).is_err());
}

fn table(indexes: Vec<Index>) -> Table {
    let mut table = sample("dbo.t");
    table.columns = vec![
        Column { id: 1, ..named("id", &SqlType::Int, false) },
        Column { id: 2, ..named("code", &SqlType::VarChar(Length::N(9)), true) },
        Column { id: 3, ..named("doc", &SqlType::Xml, false) },
        Column { id: 4, ..named("at", &SqlType::Date, false) },
    ];
    table.indexes = Some(indexes);
    table
}

#[test]
fn the_clustered_key_is_taken_as_far_as_it_suits() {
    let names = |indexes, named: &[&str]| {
        let table = table(indexes);
        let named: Vec<_> = named.iter().map(|name| (*name).to_owned()).collect();
        let chosen = choose_key(&table, &named);
        chosen.map(|columns| columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>().join(" "))
    };
    let clustered = |keys: &[i32]| index(1, IndexKind::Clustered, keys);
    let primary = Index { unique: true, primary_key: true, ..index(2, IndexKind::Nonclustered, &[1]) };
    assert_eq!(names(vec![clustered(&[4, 1])], &[]).unwrap(), "at id");
    assert_eq!(names(vec![clustered(&[2, 1]), primary.clone()], &[]).unwrap(), "code id");
    assert_eq!(names(vec![clustered(&[1, 2])], &[]).unwrap(), "id", "a second column that may be NULL");
    assert_eq!(names(vec![clustered(&[3]), primary.clone()], &[]).unwrap(), "id");
    let heap = index(0, IndexKind::Heap, &[]);
    assert_eq!(names(vec![heap.clone(), primary], &[]).unwrap(), "id");
    let plain = index(2, IndexKind::Nonclustered, &[4]);
    let error = names(vec![heap, plain], &[]).unwrap_err();
    assert!(error.to_string().contains("--key") && error.exit_code().number() == 2, "{error}");
    assert_eq!(names(vec![], &["AT"]).unwrap(), "at");
    for named in [&["doc"][..], &["none"], &["id", "code"]] {
        assert_eq!(names(vec![], named).unwrap_err().exit_code().number(), 2, "{named:?}");
    }
}
