use super::*;
use crate::types::How;
use crate::types::guide::{collated, column};

const LATIN: &str = "Latin1_General_CI_AS";

fn varchar(n: u16) -> SqlType {
    SqlType::VarChar(Length::N(n))
}

fn nvarchar(n: u16) -> SqlType {
    SqlType::NVarChar(Length::N(n))
}

fn decide(from: &Column, to: &Column) -> Conversion {
    convert(from, to).unwrap().unwrap()
}

fn plain(from: &SqlType, to: &SqlType) -> Conversion {
    decide(&column("c", from), &column("c", to))
}

#[test]
fn narrowing_is_left_to_the_server() {
    for (from, to) in [
        (varchar(50), varchar(10)),
        (nvarchar(50), nvarchar(10)),
        (SqlType::NVarChar(Length::Max), nvarchar(10)),
    ] {
        let c = plain(&from, &to);
        assert_eq!((c.how, c.expression.as_str(), &c.sent), (How::Pass, "[c]", &from));
        assert!(c.losses.is_empty() && !c.limits.is_empty());
    }
    let max = plain(&SqlType::VarChar(Length::Max), &varchar(10));
    assert_eq!(max.verify, "CAST([c] AS varchar(max))");
    assert_eq!(max.collation.as_deref(), Some(LATIN));
}

#[test]
fn no_expression_casts_text_to_something_narrower() {
    let texts = crate::types::guide::representatives().into_iter().filter(SqlType::is_text);
    let texts: Vec<_> = texts.collect();
    for from in &texts {
        for to in &texts {
            let c = plain(from, to);
            let had = Shape::of(from).unwrap();
            let sent = Shape::of(&c.sent).unwrap();
            let fits = sent.length.is_none() || had.length.is_some_and(|n| sent.length >= Some(n));
            assert!(fits, "{from} to {to}: {c:?}");
        }
    }
}

#[test]
fn padding_is_done_at_the_source_or_trimmed_on_both_sides() {
    assert_eq!(plain(&SqlType::Char(5), &SqlType::Char(8)).expression, "CAST([c] AS char(8))");
    assert_eq!(plain(&nvarchar(5), &SqlType::NChar(8)).expression, "CAST([c] AS nchar(8))");
    let c = plain(&SqlType::Char(8), &SqlType::Char(5));
    assert_eq!(c.expression, "CAST(RTRIM([c]) AS varchar(8))");
    assert_eq!(c.verify, "CAST(RTRIM([c]) AS varchar(5))");
    let c = plain(&SqlType::Char(8), &varchar(5));
    assert_eq!((c.expression.as_str(), c.verify.as_str()), ("CAST(RTRIM([c]) AS varchar(8))", "[c]"));
    assert_eq!(c.losses, ["trailing blanks"]);
    assert_eq!(c.checks[0].predicate, "DATALENGTH(CAST(RTRIM([c]) AS varchar(8))) > 5");
    let c = plain(&SqlType::VarChar(Length::Max), &SqlType::Char(5));
    assert_eq!(c.verify, "CAST(RTRIM([c]) AS varchar(max))");
    let utf8 = collated("c", &SqlType::Char(8), "Latin1_General_100_CI_AS_SC_UTF8", 65001);
    let c = decide(&utf8, &utf8);
    assert_eq!((c.how, c.verify), (How::Cast, c.expression.clone()));
    assert_eq!((c.expression.as_str(), c.sent), ("CAST(RTRIM([c]) AS varchar(8))", nvarchar(8)));
    assert_eq!(plain(&SqlType::Char(5), &varchar(8)).how, How::Pass);
}

#[test]
fn max_targets_want_a_max_type_on_the_wire() {
    assert_eq!(plain(&varchar(5), &SqlType::VarChar(Length::Max)).expression, "CAST([c] AS varchar(max))");
    assert_eq!(plain(&SqlType::Text, &SqlType::VarChar(Length::Max)).expression, "CAST([c] AS varchar(max))");
    assert_eq!(plain(&SqlType::NText, &SqlType::NText).how, How::Pass);
    assert_eq!(plain(&varchar(5), &SqlType::Text).expression, "CAST([c] AS text)");
}

#[test]
fn another_code_page_is_entered_at_the_source_without_cutting() {
    let latin = collated("c", &varchar(10), LATIN, 1252);
    let cyrillic = collated("c", &varchar(10), "Cyrillic_General_CI_AS", 1251);
    let c = decide(&latin, &cyrillic);
    assert_eq!(c.expression, "[c] COLLATE Cyrillic_General_CI_AS");
    assert_eq!(c.losses, ["characters that code page 1251 lacks become ?"]);
    assert_eq!(c.collation.as_deref(), Some("Cyrillic_General_CI_AS"));

    let same = decide(&latin, &collated("c", &varchar(10), "SQL_Latin1_General_CP1_CI_AS", 1252));
    assert_eq!((same.how, same.collation.as_deref()), (How::Pass, Some("SQL_Latin1_General_CP1_CI_AS")));

    let japanese = decide(&latin, &collated("c", &varchar(20), "Japanese_CI_AS", 932));
    assert_eq!(japanese.expression, "CAST([c] AS varchar(20)) COLLATE Japanese_CI_AS");
    assert!(japanese.limits.is_empty());
}

#[test]
fn utf8_travels_as_utf16() {
    let utf8 = collated("c", &varchar(30), "Latin1_General_100_CI_AS_SC_UTF8", 65001);
    let c = decide(&utf8, &utf8);
    assert_eq!((c.how, &c.sent, &c.collation), (How::Pass, &nvarchar(30), &None));
    let latin = collated("c", &varchar(10), LATIN, 1252);
    let c = decide(&latin, &utf8);
    assert_eq!(c.expression, "CAST([c] AS nvarchar(10))");
    assert!(c.losses.is_empty() && c.limits.is_empty());
    let tight = collated("c", &varchar(29), "Latin1_General_100_CI_AS_SC_UTF8", 65001);
    let c = decide(&latin, &tight);
    assert!(c.losses[0].contains("--verify hash"));
    let stored = "CAST([c] AS varchar(30)) COLLATE Latin1_General_100_CI_AS_SC_UTF8";
    assert_eq!(c.checks[0].predicate, format!("DATALENGTH(RTRIM({stored})) > 29"));
}

/// What UTF-8 has no bytes for is sent as it is, so that a row read back is another one.
#[test]
fn half_a_surrogate_pair_is_not_hidden_by_the_source() {
    let utf8 = |sql_type: &SqlType| collated("c", sql_type, "Latin1_General_100_CI_AS_SC_UTF8", 65001);
    let c = decide(&column("c", &nvarchar(10)), &utf8(&varchar(30)));
    assert_eq!((c.how, c.expression.as_str(), &c.sent), (How::Pass, "[c]", &nvarchar(10)));
    assert_eq!(c.losses.len(), 1);
    let stored = "CAST([c] COLLATE Latin1_General_100_CI_AS_SC_UTF8 AS varchar(30))";
    let bin = "COLLATE Latin1_General_BIN2";
    let check = &c.checks[0];
    assert_eq!((check.problem, check.capacity.as_str()), (Problem::HalvesLost, "UTF-8"));
    assert_eq!(check.predicate, format!("CAST({stored} AS nvarchar(30)) {bin} <> [c] {bin}"));
}

/// A client sees a UTF-8 column of more than 4,000 bytes as nvarchar(max), whose bytes in a row are others.
#[test]
fn utf8_is_bounded_on_both_sides_or_on_neither() {
    let utf8 = |n| collated("c", &varchar(n), "Latin1_General_100_CI_AS_SC_UTF8", 65001);
    let expressions = |from: &Column, to: &Column| {
        let c = decide(from, to);
        (c.expression, c.verify)
    };
    let plain = ("[c]".to_owned(), "[c]".to_owned());
    assert_eq!(expressions(&column("c", &nvarchar(10)), &utf8(4000)), plain);
    let (sent, stored) = expressions(&column("c", &nvarchar(10)), &utf8(4001));
    assert_eq!(
        (sent.as_str(), stored.as_str()),
        ("CAST([c] AS nvarchar(max))", "CAST([c] AS nvarchar(max))")
    );
    let (sent, stored) = expressions(&column("c", &SqlType::NVarChar(Length::Max)), &utf8(10));
    assert_eq!((sent.as_str(), stored.as_str()), ("[c]", "CAST([c] AS nvarchar(max))"));
    let max = ("CAST([c] AS varchar(max))".to_owned(), "CAST([c] AS varchar(max))".to_owned());
    assert_eq!(expressions(&utf8(4000), &utf8(4000)), plain);
    for (from, to) in [(4001, 4000), (4000, 4001), (4001, 4001)] {
        assert_eq!(expressions(&utf8(from), &utf8(to)), max);
    }
}

#[test]
fn unicode_enters_a_code_page_through_its_collation() {
    let c = decide(&column("c", &nvarchar(10)), &collated("c", &varchar(10), LATIN, 1252));
    assert_eq!(c.expression, "CAST([c] COLLATE Latin1_General_CI_AS AS varchar(10))");
    assert_eq!(c.losses.len(), 1);
    assert_eq!(plain(&varchar(10), &nvarchar(10)).expression, "CAST([c] AS nvarchar(10))");
    assert_eq!(plain(&varchar(5000), &nvarchar(4000)).expression, "CAST([c] AS nvarchar(max))");
}

#[test]
fn numbers_become_text_only_where_every_value_fits() {
    assert!(convert(&column("c", &SqlType::Int), &column("c", &varchar(10))).unwrap().is_err());
    let c = plain(&SqlType::Int, &varchar(11));
    assert_eq!(c.expression, "CAST([c] AS varchar(11)) COLLATE Latin1_General_CI_AS");
    assert_eq!(plain(&SqlType::Money, &nvarchar(21)).expression, "CONVERT(nvarchar(21), [c], 2)");
    let all_fraction = SqlType::Decimal { precision: 3, scale: 3 };
    assert!(convert(&column("c", &all_fraction), &column("c", &varchar(5))).unwrap().is_err());
    assert_eq!(plain(&all_fraction, &nvarchar(6)).expression, "CAST([c] AS nvarchar(6))");
    assert!(convert(&column("c", &SqlType::Float), &column("c", &varchar(100))).is_none());
}
