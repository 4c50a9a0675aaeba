use super::*;
use crate::catalog::table::sample;
use crate::types::convert;
use crate::types::guide::column;

fn mapped(from: &SqlType, to: &SqlType) -> MappedColumn {
    let (source, target) = (column("d]1", from), column("D", to));
    let conversion = convert(&source, &target).unwrap();
    MappedColumn { source, target, conversion }
}

fn within(date_column: &DateColumn, first: Date, next: Date) -> (String, Vec<Param>) {
    let mut params = Vec::new();
    let sql = date_column.within(&DayRange { first, next }, &mut params);
    (sql, params)
}

#[test]
fn bounds_are_of_the_columns_own_type() {
    let (first, next) = (date!(2024 - 02 - 01), date!(2024 - 03 - 01));
    for (sql_type, lower, upper) in [
        (SqlType::Date, "@P1", "@P2"),
        (SqlType::DateTime, "CAST(@P1 AS datetime)", "CAST(@P2 AS datetime)"),
        (SqlType::DateTime2(3), "CAST(@P1 AS datetime2(3))", "CAST(@P2 AS datetime2(3))"),
    ] {
        let (sql, params) = within(&DateColumn::at_source(&mapped(&sql_type, &sql_type)), first, next);
        assert_eq!(sql, format!("[d]]1] >= {lower} AND [d]]1] < {upper}"));
        assert_eq!(params, [Param::Date(first), Param::Date(next)]);
    }
    let (sql, params) = within(&DateColumn::at_target(&mapped(&SqlType::Int, &SqlType::BigInt)), first, next);
    assert_eq!(sql, "[D] >= @P1 AND [D] < @P2");
    assert_eq!(params, [Param::BigInt(20_240_201), Param::BigInt(20_240_301)]);
}

#[test]
fn where_the_copy_rounds_a_window_means_what_is_stored() {
    let rounded = mapped(&SqlType::DateTime2(7), &SqlType::SmallDateTime);
    let (sql, _) = within(&DateColumn::at_source(&rounded), date!(2024 - 01 - 01), date!(2024 - 02 - 01));
    assert!(sql.starts_with("TRY_CAST([d]]1] AS smalldatetime) >= CAST(@P1 AS smalldatetime)"), "{sql}");
    let exact = mapped(&SqlType::DateTime, &SqlType::DateTime2(7));
    assert!(
        within(&DateColumn::at_source(&exact), date!(2024 - 01 - 01), date!(2024 - 02 - 01))
            .0
            .starts_with("[d]]1] >=")
    );
}

#[test]
fn a_bound_beyond_the_type_bounds_nothing() {
    let small = DateColumn::at_target(&mapped(&SqlType::SmallDateTime, &SqlType::SmallDateTime));
    let (sql, params) = within(&small, date!(1899 - 01 - 01), date!(1900 - 02 - 01));
    assert_eq!((sql.as_str(), params.len()), ("[D] < CAST(@P1 AS smalldatetime)", 1));
    let (sql, params) = within(&small, date!(2079 - 06 - 01), date!(2079 - 07 - 01));
    assert_eq!((sql.as_str(), params.len()), ("[D] >= CAST(@P1 AS smalldatetime)", 1));
    for (first, next) in [(1800, 1900), (2080, 2081)] {
        let year = |year| Date::from_ordinal_date(year, 1).unwrap();
        assert_eq!(within(&small, year(first), year(next)), ("1 = 0".into(), Vec::new()));
    }
}

#[test]
fn a_window_without_end_is_bounded_below() {
    let of = |sql_type: SqlType| DateColumn::at_target(&mapped(&sql_type, &sql_type));
    for (sql_type, expected) in
        [(SqlType::Date, "[D] >= @P1"), (SqlType::BigInt, "[D] >= @P1"), (SqlType::SmallDateTime, "1 = 0")]
    {
        assert_eq!(within(&of(sql_type), date!(9999 - 12 - 01), LAST_DAY).0, expected);
    }
    assert_eq!(within(&of(SqlType::DateTime), FIRST_DAY, LAST_DAY).0, "[D] IS NOT NULL");
    let ever = DayRange { first: LAST_DAY, next: LAST_DAY };
    assert_eq!(of(SqlType::Int).promise(&ever), "[D] IS NOT NULL AND [D] >= 99991231");
}

#[test]
fn what_no_window_holds_is_counted_and_named() {
    let table = "[dbo].[t]";
    let sql = |sql_type: SqlType| DateColumn::at_target(&mapped(&sql_type, &sql_type)).outside(table).sql;
    let count = |term: &str| format!("SUM(CASE WHEN [D] {term} THEN CAST(1 AS bigint) ELSE 0 END)");
    assert_eq!(
        sql(SqlType::DateTime2(3)),
        format!(
            "SELECT {}, {} FROM [dbo].[t] WHERE [D] IS NULL OR [D] >= '99991231'",
            count("IS NULL"),
            count(">= '99991231'")
        )
    );
    assert!(!sql(SqlType::SmallDateTime).contains("99991231"), "the type does not go that far");
    let int = sql(SqlType::Int);
    assert!(int.ends_with("WHERE [D] IS NULL OR [D] >= 99991231 OR [D] < 10101"), "{int}");
    let told = |answer: &[Option<i64>], endless| {
        Outside::counted(&[answer.to_vec()]).told("day", endless, "not copied").join("; ")
    };
    assert_eq!(told(&[None, None], false), "", "an empty table has sums of NULL");
    let all = [Some(1), Some(20), Some(1_234), Some(-5), Some(0)];
    assert_eq!(
        told(&all, false),
        "1 row without day: in no window, and not copied; \
             1,234 rows with a day that is no day (-5 to 0): in no window that there can be, and not copied; \
             20 rows with a day of 9999-12-31 or later: only windows up to --end-date 9999-12-31 hold them"
    );
    assert!(!told(&all, true).contains("9999"));
}

#[test]
fn the_only_date_is_taken_and_a_choice_is_listed() {
    let mut table = sample("dbo.t");
    table.columns = vec![column("id", &SqlType::Int), column("day", &SqlType::Date)];
    assert_eq!(choose(&table, None).unwrap().name, "day");
    assert_eq!(choose(&table, Some("ID")).unwrap().name, "id");
    table.columns.push(column("made", &SqlType::DateTime2(0)));
    let error = choose(&table, None).unwrap_err().to_string();
    assert!(error.contains("day, made") && error.contains("--date-column"), "{error}");
    assert!(choose(&table, Some("nothing")).unwrap_err().to_string().contains("day, made"));
    table.columns = vec![column("name", &SqlType::NChar(8))];
    assert!(choose(&table, None).unwrap_err().to_string().contains("no column holds dates"));
    assert!(choose(&table, Some("name")).unwrap_err().to_string().contains("nchar(8)"));
}
