use super::*;

fn name(text: &str) -> TableName {
    text.parse().unwrap()
}

/// What a server says that compares without regard to case, and has dbo as the login's schema.
fn names(written: &[&str], tables: &[&str]) -> Names {
    let tables: Vec<TableName> = tables.iter().map(|table| name(table)).collect();
    let find = |written: TableName| {
        let full = TableName::new(written.schema.as_deref().unwrap_or("dbo"), &written.name);
        let same = |table: &&TableName| table.to_string().to_lowercase() == full.to_string().to_lowercase();
        let table = tables.iter().find(same)?.clone();
        Some((written, table))
    };
    written.iter().map(|written| name(written)).filter_map(find).collect()
}

fn entries(texts: &[&str]) -> Vec<ListEntry> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn tables(known: &Configured, written: &[&str]) -> Result<Vec<String>> {
    let tables = known.tables(&Written { entries: entries(written), lists: Vec::new() })?;
    Ok(tables.iter().map(ToString::to_string).collect())
}

fn known(keys: &[&str], run: &[&str], tables: &[&str]) -> Result<Configured> {
    let mut config = Config::default();
    for key in keys {
        let set = TableSettings { chunk_size: Some(5), ..TableSettings::default() };
        config.tables.insert((*key).to_owned(), set);
        config.date_filter_columns.insert((*key).to_owned(), "DAY".into());
    }
    Configured::new(&config, &entries(run), names(&[keys, run].concat(), tables), Role::Source)
}

fn refused(known: Result<Configured>) -> String {
    let error = known.unwrap_err();
    assert_eq!(error.exit_code().number(), 2, "{error}");
    error.to_string()
}

#[test]
fn settings_are_found_under_any_spelling() {
    for key in ["dbo.flights", "[DBO].[Flights]", "FLIGHTS", "\"dbo\".Flights"] {
        let run = ["flights", "dbo.FLIGHTS"];
        let known = known(&[key], &run, &["dbo.Flights", "hr.Flights"]).unwrap();
        assert_eq!(tables(&known, &run).unwrap(), ["dbo.Flights"]);
        assert_eq!(known.settings(&name("dbo.Flights")).chunk_size, Some(5), "{key}");
        assert_eq!(known.date_column(&name("dbo.Flights")), Some("DAY"), "{key}");
        assert_eq!(known.date_column(&name("hr.Flights")), None);
    }
}

#[test]
fn a_key_that_means_no_table_is_named() {
    let message = refused(known(&["dbo.Flihgts"], &["dbo.Flights"], &["dbo.Flights"]));
    assert!(message.contains("dbo.Flihgts") && message.contains("Did you mean dbo.Flights?"), "{message}");
    // Of another table that the source has, though it is not in the run.
    assert!(known(&["dbo.Other"], &["dbo.Flights"], &["dbo.Flights", "dbo.Other"]).is_ok());
    // Of a table that is gone: it is missed when its turn comes.
    let known = known(&["dbo.gone"], &["dbo.gone"], &[]).unwrap();
    assert_eq!(tables(&known, &["dbo.gone"]).unwrap(), ["dbo.gone"]);
    assert_eq!(known.date_column(&name("dbo.gone")), Some("DAY"));
}

#[test]
fn two_keys_of_one_table_are_named() {
    let message = refused(known(&["dbo.t", "[dbo].[T]"], &["t"], &["dbo.T"]));
    assert!(message.contains("dbo.t") && message.contains("[dbo].[T]"), "{message}");
}

#[test]
fn a_key_without_schema_is_not_taken_for_another_schemas_table() {
    let message = refused(known(&["t"], &["hr.T"], &["hr.T", "dbo.t"]));
    assert!(message.contains("that is dbo.t") && message.contains("\"hr.T\""), "{message}");
    assert!(known(&["dbo.t"], &["hr.T"], &["hr.T", "dbo.t"]).is_ok());
    assert!(known(&["t"], &["hr.T", "t"], &["hr.T", "dbo.t"]).is_ok());
}

/// A configuration and a server of these tables, of which the first is a view.
fn listing(lists: [&[&str]; 2]) -> Configured {
    const TABLES: [&str; 6] = ["dbo.v", "dbo.a", "dbo.tmp_1", "dbo.[x*y]", "s.Fact_1", "s.log_1"];
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let mut config = Config::default();
    [config.reference_tables, config.date_tables] = lists.map(owned);
    let names = names(&["a", "dbo.a", "dbo.v", "s.fact_1", "dbo.[x*y]"], &TABLES);
    let tables = TABLES[1..].iter().map(|table| name(table)).collect();
    Configured::new(&config, &[], names.with_tables(tables, "Latin1_General_CI_AS"), Role::Source).unwrap()
}

#[test]
fn patterns_choose_tables_and_exclusions_win() {
    let known = listing([&[], &[]]);
    let chosen = |written: &[&str]| tables(&known, written);
    assert_eq!(chosen(&["dbo.*"]).unwrap(), ["dbo.a", "dbo.tmp_1", "dbo.[x*y]"]);
    assert_eq!(chosen(&["dbo.*", "!dbo.TMP_*"]).unwrap(), ["dbo.a", "dbo.[x*y]"]);
    assert_eq!(chosen(&["!s.log_*", "s.*"]).unwrap(), ["s.Fact_1"]);
    assert_eq!(chosen(&["a", "!s.none*", "dbo.?"]).unwrap(), ["dbo.a"]);
    assert_eq!(chosen(&["dbo.v", "*.fact_?"]).unwrap(), ["dbo.v", "s.Fact_1"]);
    assert_eq!(chosen(&["dbo.[x*y]", "!dbo.x*"]).unwrap_err().exit_code().number(), 2);
    assert_eq!(chosen(&["dbo.*", "!a", "!dbo.tmp_1"]).unwrap(), ["dbo.[x*y]"]);
    let none = chosen(&["dbo.*", "s.dim_*"]).unwrap_err();
    assert_eq!(none.exit_code().number(), 2);
    assert!(none.to_string().contains("s.dim_*"), "{none}");
}

#[test]
fn what_one_list_names_no_pattern_of_the_other_takes() {
    let known = listing([&["*.*", "!*.log_*"], &["s.fact_1", "dbo.tmp_*"]]);
    let list = |list| known.list(list).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    assert_eq!(list(List::Reference), "dbo.a dbo.tmp_1 dbo.[x*y]");
    assert_eq!(list(List::Dated), "s.Fact_1 dbo.tmp_1");
    assert!(known.is_listed(List::Dated, &name("s.Fact_1")));
    let known = listing([&["none.*"], &["dbo.a"]]);
    assert!(known.list(List::Reference).unwrap_err().to_string().starts_with("reference_tables: "));
    assert_eq!(known.list(List::Dated).unwrap(), [name("dbo.a")], "another list's slip is not its own");
}

#[test]
fn two_sources_for_one_target_are_refused() {
    let renamed = |target: &str| {
        let mut config = Config::default();
        let settings = TableSettings { target: Some(target.into()), ..TableSettings::default() };
        config.tables.insert("dbo.a".into(), settings);
        let tables = ["dbo.a", "dbo.b"];
        Configured::new(&config, &entries(&["dbo.b"]), names(&tables, &tables), Role::Source)
    };
    let known = renamed("stage.B").unwrap();
    let article = known.settings(&name("dbo.a")).article().unwrap();
    assert_eq!(article.label(&name("dbo.a")), "dbo.a -> stage.B");
    assert!(refused(renamed("DBO.B")).contains("dbo.b"));
    assert_eq!(refused(renamed("a.b.c")).matches("a.b.c").count(), 1);
}
