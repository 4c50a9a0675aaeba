//! Dates and times, from text and to text.
use super::*;

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
    let date = cast(&value, &from, &SqlType::Date, Some(103), ConvertMode::Explicit).unwrap();
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
