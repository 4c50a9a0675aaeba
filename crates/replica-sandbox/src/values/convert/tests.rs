//! Conversions against Microsoft's documented results.
use super::*;
use crate::engine::type_name::{Place as TypePlace, TypeName};
use crate::values::{CollationId, Len};

fn declare(declaration: &str) -> SqlType {
    let place = TypePlace { ordinal: 1, name: "", length: 30, collation: CollationId::SERVER_DEFAULT };
    TypeName::parse_text(declaration).unwrap().resolve(&place).unwrap().sql_type
}

fn varchar(text: &str) -> (Value, SqlType) {
    (Value::Bytes(text.into()), declare("varchar(100)"))
}

/// Through text on both sides: the source as a literal of `from`, the result shown by CONVERT(varchar, ..., style).
fn shown(literal: &str, from: &str, to: &str, style: Option<i32>) -> Result<String, i32> {
    let (value, text_type) = varchar(literal);
    let from = declare(from);
    let typed = cast(&value, &text_type, &from, None, Mode::Explicit).map_err(|error| error.number)?;
    let to = declare(to);
    let result = cast(&typed, &from, &to, style, Mode::Explicit).map_err(|error| error.number)?;
    let plain = declare("varchar(max)");
    let shown = cast(&result, &to, &plain, None, Mode::Explicit).map_err(|error| error.number)?;
    match shown {
        Value::Bytes(bytes) => Ok(String::from_utf8(bytes).unwrap()),
        other => panic!("{other:?}"),
    }
}

fn check_all(cases: &[(&str, &str, &str, Result<&str, i32>)]) {
    for (literal, from, to, expected) in cases {
        let expected = expected.map(str::to_owned);
        assert_eq!(shown(literal, from, to, None), expected, "'{literal}' {from} to {to}");
    }
}

/// Microsoft, "CAST and CONVERT", "Truncating and rounding results".
#[test]
fn numbers_truncate_or_round_as_documented() {
    check_all(&[
        ("10.6496", "decimal(10,4)", "int", Ok("10")),
        ("-10.6496", "decimal(10,4)", "int", Ok("-10")),
        ("10.6496", "decimal(10,4)", "numeric(10,2)", Ok("10.65")),
        ("-10.6496", "decimal(10,4)", "numeric(10,1)", Ok("-10.6")),
        ("10.3496847", "decimal(10,7)", "money", Ok("10.35")),
        ("10.6", "money", "int", Ok("11")),
        ("10.6", "float", "int", Ok("10")),
        ("10.65", "float", "numeric(5,1)", Ok("10.7")),
        ("0.5", "float", "numeric(5,0)", Ok("1")),
        ("1e-5", "float", "numeric(10,2)", Ok("0.00")),
        ("2147483648", "bigint", "int", Err(8115)),
        ("256", "int", "tinyint", Err(220)),
        ("-1", "int", "tinyint", Err(220)),
        ("32768", "int", "smallint", Err(220)),
        ("1e10", "float", "int", Err(232)),
        ("1e19", "float", "bigint", Err(8115)),
        ("1e300", "float", "real", Err(232)),
        ("100.5", "decimal(5,1)", "decimal(3,2)", Err(8115)),
        ("1000", "int", "decimal(3,0)", Err(8115)),
        ("99999999999999999999999999999999999999", "decimal(38,0)", "money", Err(8115)),
        ("214748.3648", "money", "smallmoney", Err(8115)),
        ("7", "int", "bit", Ok("1")),
    ]);
}

#[test]
fn text_becomes_numbers_or_fails_with_the_type_s_own_error() {
    check_all(&[
        ("  42 ", "varchar(10)", "int", Ok("42")),
        ("", "varchar(10)", "int", Ok("0")),
        ("+7", "varchar(10)", "smallint", Ok("7")),
        ("4.5", "varchar(10)", "int", Err(245)),
        ("x", "varchar(10)", "int", Err(245)),
        ("99999999999", "varchar(20)", "int", Err(248)),
        ("300", "varchar(20)", "tinyint", Err(244)),
        ("40000", "varchar(20)", "smallint", Err(244)),
        ("x", "varchar(10)", "bigint", Err(8114)),
        ("x", "varchar(10)", "decimal(5,2)", Err(8114)),
        ("", "varchar(10)", "decimal(5,2)", Err(8114)),
        ("1e2", "varchar(10)", "decimal(5,2)", Err(8114)),
        ("1.005", "varchar(10)", "decimal(5,2)", Ok("1.01")),
        ("-.5", "varchar(10)", "decimal(5,0)", Ok("-1")),
        ("1000", "varchar(10)", "decimal(5,2)", Err(8115)),
        ("1e2", "varchar(10)", "float", Ok("100")),
        ("inf", "varchar(10)", "float", Err(8114)),
        ("TRUE", "varchar(10)", "bit", Ok("1")),
        ("$-1,234.56", "varchar(20)", "money", Ok("-1234.56")),
        ("-$5", "varchar(20)", "money", Ok("-5.00")),
        ("abc", "varchar(20)", "money", Err(235)),
    ]);
}

/// The same page: int into too short a char is '*', into nchar an error; money, decimal and float are errors.
#[test]
fn numbers_that_do_not_fit_as_text() {
    check_all(&[
        ("12345", "int", "varchar(3)", Ok("*")),
        ("12345", "int", "char(3)", Ok("*  ")),
        ("12345", "int", "nvarchar(3)", Err(8115)),
        ("12345", "bigint", "varchar(3)", Err(8115)),
        ("1.5", "decimal(5,1)", "varchar(2)", Err(8115)),
        ("1.5", "money", "varchar(2)", Err(234)),
        ("6F9619FF-8B86-D011-B42D-00C04FC964FF", "uniqueidentifier", "varchar(10)", Err(8170)),
        ("20240305", "date", "varchar(4)", Ok("2024")),
    ]);
}

/// Microsoft, "CAST and CONVERT", float and real styles, money styles.
#[test]
fn numbers_as_text_in_styles() {
    for (literal, from, style, expected) in [
        ("1234567.891", "float", None, "1.23457e+006"),
        ("123456.7", "float", None, "123457"),
        ("0.00001", "float", None, "1e-005"),
        ("0.0001", "float", None, "0.0001"),
        ("1234567.891", "float", Some(1), "1.2345679e+006"),
        ("1234567.891", "float", Some(2), "1.234567891000000e+006"),
        ("0.1", "float", Some(3), "1.0000000000000001e-001"),
        ("4235.986", "money", None, "4235.99"),
        ("4235.986", "money", Some(1), "4,235.99"),
        ("-1234567.8", "money", Some(1), "-1,234,567.80"),
        ("4235.986", "money", Some(2), "4235.9860"),
    ] {
        assert_eq!(
            shown(literal, from, "varchar(50)", style),
            Ok(expected.to_owned()),
            "{literal} {style:?}"
        );
    }
}

/// Microsoft, "CAST and CONVERT", "Date and time styles".
#[test]
fn moments_as_text_in_styles() {
    for (style, expected) in [
        (None, "Mar  5 2024  3:04PM"),
        (Some(100), "Mar  5 2024  3:04PM"),
        (Some(1), "03/05/24"),
        (Some(101), "03/05/2024"),
        (Some(102), "2024.03.05"),
        (Some(103), "05/03/2024"),
        (Some(104), "05.03.2024"),
        (Some(105), "05-03-2024"),
        (Some(106), "05 Mar 2024"),
        (Some(107), "Mar 05, 2024"),
        (Some(108), "15:04:09"),
        (Some(109), "Mar  5 2024  3:04:09:997PM"),
        (Some(110), "03-05-2024"),
        (Some(111), "2024/03/05"),
        (Some(112), "20240305"),
        (Some(113), "05 Mar 2024 15:04:09:997"),
        (Some(114), "15:04:09:997"),
        (Some(120), "2024-03-05 15:04:09"),
        (Some(121), "2024-03-05 15:04:09.997"),
        (Some(126), "2024-03-05T15:04:09.997"),
    ] {
        let shown = shown("2024-03-05T15:04:09.997", "datetime", "varchar(50)", style);
        assert_eq!(shown, Ok(expected.to_owned()), "{style:?}");
    }
    assert_eq!(shown("20240305", "datetime", "varchar(50)", Some(99)), Err(281));
    assert_eq!(
        shown("2024-03-05 23:30:00.5 -02:00", "datetimeoffset(1)", "varchar(50)", Some(127)),
        Ok("2024-03-06T01:30:00.5Z".to_owned())
    );
}

#[test]
fn newer_moments_read_in_iso_form() {
    check_all(&[
        ("2024-03-05 15:04:09.1234567", "datetime2", "varchar(50)", Ok("2024-03-05 15:04:09.1234567")),
        ("2024-03-05 15:04:09.1234567", "datetime2", "datetime2(3)", Ok("2024-03-05 15:04:09.123")),
        ("2024-12-31 23:59:59.6", "datetime2", "datetime2(0)", Ok("2025-01-01 00:00:00")),
        ("23:59:59.9999999", "time", "time(0)", Ok("00:00:00")),
        ("2024-03-05 15:04:09 +05:30", "datetimeoffset(0)", "varchar(50)", Ok("2024-03-05 15:04:09 +05:30")),
        ("2024-03-05 15:04:09 +05:30", "datetimeoffset(0)", "datetime2(0)", Ok("2024-03-05 15:04:09")),
        ("2024-03-05", "date", "datetime2(0)", Ok("2024-03-05 00:00:00")),
        ("10:11", "time(0)", "datetime2(0)", Ok("1900-01-01 10:11:00")),
        ("2024-03-05T10:11:12.123", "datetime", "time(7)", Ok("10:11:12.1233333")),
    ]);
}

/// Microsoft, "datetime": the table of rounded values; "smalldatetime": 29.998 down, 29.999 up.
#[test]
fn datetime_rounds_to_a_three_hundredth_and_smalldatetime_to_the_minute() {
    for (literal, expected) in [
        ("01/01/98 23:59:59.999", "1998-01-02 00:00:00.000"),
        ("01/01/98 23:59:59.998", "1998-01-01 23:59:59.997"),
        ("01/01/98 23:59:59.995", "1998-01-01 23:59:59.997"),
        ("01/01/98 23:59:59.994", "1998-01-01 23:59:59.993"),
        ("01/01/98 23:59:59.991", "1998-01-01 23:59:59.990"),
        ("01/01/98 23:59:59.990", "1998-01-01 23:59:59.990"),
    ] {
        assert_eq!(
            shown(literal, "datetime", "varchar(30)", Some(121)),
            Ok(expected.to_owned()),
            "{literal}"
        );
    }
    for (literal, expected) in [
        ("2000-05-08 12:35:29.998", "2000-05-08 12:35:00"),
        ("2000-05-08 12:35:29.999", "2000-05-08 12:36:00"),
        ("2000-12-31 23:59:30", "2001-01-01 00:00:00"),
    ] {
        assert_eq!(
            shown(literal, "smalldatetime", "varchar(30)", Some(120)),
            Ok(expected.to_owned()),
            "{literal}"
        );
    }
}

#[test]
fn dates_out_of_range_and_texts_that_are_no_dates() {
    check_all(&[
        ("1752-12-31", "date", "datetime", Err(242)),
        ("0001-01-01", "datetime2(0)", "smalldatetime", Err(242)),
        ("2024-13-01", "varchar(20)", "datetime", Err(242)),
        ("2024-13-01", "varchar(20)", "date", Err(241)),
        ("2023-02-29", "varchar(20)", "datetime2(0)", Err(241)),
        ("yesterday", "varchar(20)", "datetime", Err(241)),
        ("yesterday", "varchar(20)", "smalldatetime", Err(295)),
        ("2024-01-01 00:00:00.1234567", "varchar(40)", "datetime", Err(241)),
        ("2024-01-01 00:00:00 +01:00", "varchar(40)", "datetime", Err(241)),
        ("25:00", "varchar(20)", "time(0)", Err(241)),
    ]);
}

#[test]
fn dates_are_read_in_every_documented_form() {
    for text in [
        "2024-03-05",
        "20240305",
        "240305",
        "3/5/2024",
        "03-05-2024",
        "3.5.24",
        "2024/3/5",
        "Mar 5, 2024",
        "March 5 2024",
        "5 March 2024",
        "05-Mar-24",
        "2024 Mar 5",
        "2024-03-05T00:00:00",
        "2024-03-05T00:00:00Z",
    ] {
        assert_eq!(shown(text, "date", "varchar(20)", None), Ok("2024-03-05".to_owned()), "{text}");
    }
    let (value, from) = varchar("05/03/2024");
    let date = cast(&value, &from, &SqlType::Date, Some(103), Mode::Explicit).unwrap();
    assert_eq!(Some(date), days_of_date(2024, 3, 5).map(Value::Date));
    assert_eq!(shown("3:04:05.5 PM", "time(1)", "varchar(20)", None), Ok("15:04:05.5".to_owned()));
    assert_eq!(shown("12am", "time(0)", "varchar(20)", None), Ok("00:00:00".to_owned()));
}

/// Microsoft, "datetime" and "CAST and CONVERT": days since 1900-01-01.
#[test]
fn datetime_and_numbers() {
    assert_eq!(shown("1.5", "float", "datetime", None), Ok("Jan  2 1900 12:00PM".to_owned()));
    assert_eq!(shown("-53690", "int", "datetime", None), Ok("Jan  1 1753 12:00AM".to_owned()));
    assert_eq!(shown("-53691", "int", "datetime", None), Err(8115));
    assert_eq!(shown("1900-01-02 18:00", "datetime", "int", None), Ok("2".to_owned()));
    assert_eq!(shown("1900-01-02 18:00", "datetime", "float", None), Ok("1.75".to_owned()));
}

#[test]
fn texts_are_cut_and_padded_in_silence() {
    check_all(&[
        ("abcdef", "varchar(10)", "varchar(3)", Ok("abc")),
        ("ab", "varchar(10)", "char(4)", Ok("ab  ")),
        ("ab", "varchar(10)", "nchar(4)", Ok("ab  ")),
    ]);
    let emoji = Value::Bytes("a\u{1F600}".encode_utf16().flat_map(u16::to_le_bytes).collect());
    let nvarchar =
        |n, collation: &str| SqlType::NVarChar(Len::N(n), CollationId::by_name(collation).unwrap());
    let cut = |collation: &str| match cast(
        &emoji,
        &nvarchar(10, collation),
        &nvarchar(2, collation),
        None,
        Mode::Explicit,
    )
    .unwrap()
    {
        Value::Bytes(bytes) => bytes.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!(cut("Latin1_General_100_CI_AS"), 4, "half a pair stays");
    assert_eq!(cut("Latin1_General_100_CI_AS_SC"), 2, "_SC keeps pairs whole");
    let narrow = cast(&emoji, &nvarchar(10, "Greek_CI_AS"), &declare("varchar(5)"), None, Mode::Explicit);
    assert_eq!(narrow, Ok(Value::Bytes(b"a??".to_vec())));
}

#[test]
fn code_pages_meet_in_unicode() {
    let text = |bytes: &[u8], from: &str, to: &str| {
        let [from, to] =
            [from, to].map(|name| SqlType::VarChar(Len::N(20), CollationId::by_name(name).unwrap()));
        match cast(&Value::Bytes(bytes.to_vec()), &from, &to, None, Mode::Explicit).unwrap() {
            Value::Bytes(bytes) => bytes,
            other => panic!("{other:?}"),
        }
    };
    let (latin, utf8) = ("Latin1_General_CI_AS", "Latin1_General_100_CI_AS_SC_UTF8");
    assert_eq!(text(&[0xE9, 0x80, 0x81], latin, utf8), "é€\u{81}".as_bytes());
    assert_eq!(text("é€\u{81}".as_bytes(), utf8, latin), [0xE9, 0x80, 0x81]);
    assert_eq!(text("Ω".as_bytes(), utf8, latin), b"?");
    assert_eq!(text("Ω".as_bytes(), utf8, "Greek_CI_AS"), [0xD9]);
    assert_eq!(text("ア漢".as_bytes(), utf8, "Japanese_CI_AS"), [0x83, 0x41, 0x8A, 0xBF]);
    assert_eq!(text(&[0xC6], "Cyrillic_General_CI_AS", utf8), "Ж".as_bytes());
}

#[test]
fn binaries() {
    let binary = |literal: &str, from: &str, to: &str| {
        let (value, text_type) = varchar(literal);
        let from = declare(from);
        let typed = cast(&value, &text_type, &from, None, Mode::Explicit).unwrap();
        match cast(&typed, &from, &declare(to), None, Mode::Explicit).unwrap() {
            Value::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02X}")).collect::<String>(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(binary("1", "int", "binary(8)"), "0000000000000001");
    assert_eq!(binary("258", "int", "varbinary(1)"), "02");
    assert_eq!(binary("-1", "smallint", "varbinary(10)"), "FFFF");
    assert_eq!(binary("1", "float", "varbinary(8)"), "3FF0000000000000");
    assert_eq!(binary("1.0", "decimal(2,1)", "varbinary(20)"), "020100010A000000");
    assert_eq!(binary("1", "money", "varbinary(8)"), "0000000000002710");
    assert_eq!(binary("abc", "varchar(5)", "binary(4)"), "61626300");
    // Microsoft, "uniqueidentifier": its example converted to binary.
    assert_eq!(
        binary("6F9619FF-8B86-D011-B42D-00C04FC964FF", "uniqueidentifier", "binary(16)"),
        "FF19966F868B11D0B42D00C04FC964FF"
    );
    let convert = |value: &[u8], from: &str, to: &str, style| {
        cast(&Value::Bytes(value.to_vec()), &declare(from), &declare(to), style, Mode::Explicit)
    };
    // Microsoft, "CAST and CONVERT", binary styles.
    assert_eq!(
        convert(b"0x4E616D65", "varchar(20)", "binary(8)", Some(1)),
        Ok(Value::Bytes(b"Name\0\0\0\0".to_vec()))
    );
    assert_eq!(convert(b"4E616D65", "varchar(20)", "binary(4)", Some(2)), Ok(Value::Bytes(b"Name".to_vec())));
    assert_eq!(
        convert(b"Name", "varbinary(8)", "char(10)", Some(1)),
        Ok(Value::Bytes(b"0x4E616D65".to_vec()))
    );
    assert_eq!(convert(b"zz", "varchar(20)", "binary(4)", Some(2)).unwrap_err().number, 8114);
    assert_eq!(convert(&[1, 0], "varbinary(8)", "int", None), Ok(Value::Int(256)));
    assert_eq!(convert(&[0xFF; 9], "varbinary(9)", "bigint", None), Ok(Value::Int(-1)));
}

/// Microsoft, "uniqueidentifier": text longer than 36 characters is cut.
#[test]
fn guids() {
    let guid = "0E984725-C51C-4BF4-9960-E1C80E27ABA0";
    for text in [guid.to_owned(), format!("{guid}wrong"), format!("{{{guid}}}"), guid.to_lowercase()] {
        assert_eq!(shown(&text, "varchar(60)", "uniqueidentifier", None), Ok(guid.to_owned()), "{text}");
    }
    assert_eq!(shown("0E984725", "varchar(60)", "uniqueidentifier", None), Err(8169));
}

#[test]
fn variants_keep_their_base_type() {
    let int = Value::Int(5);
    let variant = cast(&int, &SqlType::Int, &SqlType::Variant, None, Mode::Implicit).unwrap();
    assert_eq!(variant, Value::Variant(Box::new((SqlType::Int, int))));
    assert_eq!(
        cast(&variant, &SqlType::Variant, &declare("decimal(5,1)"), None, Mode::Explicit),
        Ok(Value::Decimal(50))
    );
    assert_eq!(
        cast(&variant, &SqlType::Variant, &SqlType::Date, None, Mode::Explicit).unwrap_err().number,
        529
    );
    assert_eq!(
        cast(&variant, &SqlType::Variant, &SqlType::Int, None, Mode::Implicit).unwrap_err().number,
        257
    );
}

#[test]
fn try_gives_null_for_values_but_not_for_pairs() {
    let (value, from) = varchar("x");
    assert_eq!(cast(&value, &from, &SqlType::Int, None, Mode::Try), Ok(Value::Null));
    let date = Value::Date(0);
    assert_eq!(cast(&date, &SqlType::Date, &SqlType::Int, None, Mode::Try).unwrap_err().number, 529);
}

/// server-facts.md section 7.
mod fitting {
    use super::*;

    fn column(collation: &str, width: u16) -> SqlType {
        SqlType::VarChar(Len::N(width), CollationId::by_name(collation).unwrap())
    }

    fn number(misfit: Misfit) -> i32 {
        misfit.into_error(Place { database: "db", table: "dbo.t", column: "s" }, true).number
    }

    fn stored(bytes: &[u8], from: &SqlType, to: &SqlType) -> Result<Vec<u8>, i32> {
        match fit(&Value::Bytes(bytes.to_vec()), from, to) {
            Ok(Value::Bytes(bytes)) => Ok(bytes),
            Ok(other) => panic!("{other:?}"),
            Err(misfit) => Err(number(misfit)),
        }
    }

    const UTF8: &str = "Latin1_General_100_BIN2_UTF8";
    const LATIN: &str = "Latin1_General_100_BIN2";

    #[test]
    fn unicode_columns_count_utf16_units() {
        let source = declare("nvarchar(10)");
        let duck: Vec<u8> = "\u{1F986}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(stored(&duck, &source, &declare("nchar(1)")), Err(2628));
        assert_eq!(stored(&duck, &source, &declare("nchar(2)")), Ok(duck.clone()));
    }

    #[test]
    fn source_bytes_are_held_against_the_width() {
        assert_eq!(stored("Ω".as_bytes(), &column(UTF8, 4), &column(LATIN, 1)), Err(2628));
        assert_eq!(stored("Ω".as_bytes(), &column(UTF8, 4), &column(LATIN, 2)), Ok(b"?".to_vec()));
        assert_eq!(stored(&[0xA9, 0xE9], &column(LATIN, 4), &column(UTF8, 1)), Err(2628));
    }

    #[test]
    fn characters_too_long_only_after_conversion_vanish() {
        assert_eq!(stored(&[0xA9], &column(LATIN, 4), &column(UTF8, 1)), Ok(vec![]));
        assert_eq!(stored(&[0xA9, 0xE9], &column(LATIN, 4), &column(UTF8, 3)), Ok(vec![0xC2, 0xA9]));
    }

    #[test]
    fn trailing_blanks_beyond_the_width_are_cut() {
        for width in [1, 2] {
            let kept = b"A  "[..width.into()].to_vec();
            assert_eq!(stored(b"A  ", &column(LATIN, 4), &column(LATIN, width)), Ok(kept));
        }
        assert_eq!(stored("©  ".as_bytes(), &column(UTF8, 4), &column(UTF8, 1)), Err(2628));
    }

    #[test]
    fn char_columns_are_filled_up() {
        assert_eq!(stored(b"", &column(LATIN, 4), &declare("char(3)")), Ok(b"   ".to_vec()));
        assert_eq!(fit(&Value::Null, &column(LATIN, 4), &declare("char(3)")), Ok(Value::Null));
    }

    #[test]
    fn broken_utf8_is_refused_where_a_server_refused_it() {
        let (from, to) = (column(UTF8, 9), column(UTF8, 9));
        assert_eq!(stored(&[0xC3, 0x28], &from, &to), Ok(vec![0xC3, 0x28]));
        assert_eq!(stored(&[0xED, 0xA0, 0x80], &from, &to), Ok(vec![0xED, 0xA0, 0x80]));
        assert_eq!(stored(&[0xFF], &from, &to), Err(9833));
        assert_eq!(stored(&[0x61, 0xC3], &from, &to), Err(7339));
        assert_eq!(
            stored(&[0x61, 0xC3], &from, &SqlType::VarChar(Len::Max, from.collation().unwrap())),
            Err(4896)
        );
    }

    #[test]
    fn errors_name_the_place() {
        let misfit = fit(&Value::Bytes(b"toolong".to_vec()), &declare("varchar(9)"), &declare("varchar(4)"))
            .unwrap_err();
        let place = Place { database: "db", table: "dbo.t", column: "s" };
        assert_eq!(
            misfit.clone().into_error(place, true).text,
            "String or binary data would be truncated in table 'db.dbo.t', column 's'. Truncated value: 'tool'."
        );
        assert_eq!(misfit.into_error(place, false).number, 8152);
    }

    #[test]
    fn other_types_convert_as_they_do_implicitly() {
        assert_eq!(fit(&Value::Int(7), &SqlType::Int, &SqlType::BigInt), Ok(Value::Int(7)));
        assert_eq!(
            fit(&Value::Int(7), &SqlType::Int, &declare("varchar(5)")),
            Ok(Value::Bytes(b"7".to_vec()))
        );
        assert_eq!(
            fit(&Value::Decimal(125), &declare("decimal(5,2)"), &declare("decimal(5,1)")),
            Ok(Value::Decimal(13))
        );
        assert_eq!(number(fit(&Value::Int(300), &SqlType::Int, &SqlType::TinyInt).unwrap_err()), 220);
        assert_eq!(number(fit(&Value::Date(0), &SqlType::Date, &SqlType::Int).unwrap_err()), 206);
        assert_eq!(
            number(
                fit(&Value::Bytes(vec![1; 5]), &declare("varbinary(9)"), &declare("binary(4)")).unwrap_err()
            ),
            2628
        );
    }
}
