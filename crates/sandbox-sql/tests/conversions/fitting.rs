//! Storing values in columns (docs/SERVER.md, "Text in bulk loads" and "Values that are rounded").
use super::*;

fn column(collation: &str, width: u16) -> SqlType {
    SqlType::VarChar(Len::N(width), CollationId::by_name(collation).unwrap())
}

fn number(misfit: Misfit) -> i32 {
    misfit.into_error(ColumnPlace { database: "db", table: "dbo.t", column: "s", colid: 1 }, true).number
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
    assert_eq!(stored("Ω".as_bytes(), &column(UTF8, 4), &column(LATIN, 2)), Ok(b"O".to_vec()));
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
    let misfit =
        fit(&Value::Bytes(b"toolong".to_vec()), &declare("varchar(9)"), &declare("varchar(4)")).unwrap_err();
    let place = ColumnPlace { database: "db", table: "dbo.t", column: "s", colid: 1 };
    assert_eq!(
        misfit.clone().into_error(place, true).text,
        "String or binary data would be truncated in table 'db.dbo.t', column 's'. Truncated value: 'tool'."
    );
    assert_eq!(misfit.into_error(place, false).number, 8152);
}

#[test]
fn other_types_convert_as_they_do_implicitly() {
    assert_eq!(fit(&Value::Int(7), &SqlType::Int, &SqlType::BigInt), Ok(Value::Int(7)));
    assert_eq!(fit(&Value::Int(7), &SqlType::Int, &declare("varchar(5)")), Ok(Value::Bytes(b"7".to_vec())));
    assert_eq!(
        fit(&Value::Decimal(125), &declare("decimal(5,2)"), &declare("decimal(5,1)")),
        Ok(Value::Decimal(13))
    );
    assert_eq!(number(fit(&Value::Int(300), &SqlType::Int, &SqlType::TinyInt).unwrap_err()), 220);
    assert_eq!(number(fit(&Value::Date(0), &SqlType::Date, &SqlType::Int).unwrap_err()), 206);
    assert_eq!(
        number(fit(&Value::Bytes(vec![1; 5]), &declare("varbinary(9)"), &declare("binary(4)")).unwrap_err()),
        2628
    );
}
