//! Numbers to numbers, from text and to text.
use super::*;

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
