//! Text, code pages, binaries, GUIDs and variants.
use super::*;

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
        ConvertMode::Explicit,
    )
    .unwrap()
    {
        Value::Bytes(bytes) => bytes.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!(cut("Latin1_General_100_CI_AS"), 4, "half a pair stays");
    assert_eq!(cut("Latin1_General_100_CI_AS_SC"), 2, "_SC keeps pairs whole");
    let narrow =
        cast(&emoji, &nvarchar(10, "Greek_CI_AS"), &declare("varchar(5)"), None, ConvertMode::Explicit);
    assert_eq!(narrow, Ok(Value::Bytes(b"a??".to_vec())));
}

#[test]
fn code_pages_meet_in_unicode() {
    let text = |bytes: &[u8], from: &str, to: &str| {
        let [from, to] =
            [from, to].map(|name| SqlType::VarChar(Len::N(20), CollationId::by_name(name).unwrap()));
        match cast(&Value::Bytes(bytes.to_vec()), &from, &to, None, ConvertMode::Explicit).unwrap() {
            Value::Bytes(bytes) => bytes,
            other => panic!("{other:?}"),
        }
    };
    let (latin, utf8) = ("Latin1_General_CI_AS", "Latin1_General_100_CI_AS_SC_UTF8");
    assert_eq!(text(&[0xE9, 0x80, 0x81], latin, utf8), "é€\u{81}".as_bytes());
    assert_eq!(text("é€\u{81}".as_bytes(), utf8, latin), [0xE9, 0x80, 0x81]);
    assert_eq!(text("Ψ".as_bytes(), utf8, latin), b"?");
    assert_eq!(text("Ω".as_bytes(), utf8, latin), b"O", "the best fit");
    assert_eq!(text("Ω".as_bytes(), utf8, "Greek_CI_AS"), [0xD9]);
    assert_eq!(text("ア漢".as_bytes(), utf8, "Japanese_CI_AS"), [0x83, 0x41, 0x8A, 0xBF]);
    assert_eq!(text(&[0xC6], "Cyrillic_General_CI_AS", utf8), "Ж".as_bytes());
}

#[test]
fn binaries() {
    let binary = |literal: &str, from: &str, to: &str| {
        let (value, text_type) = varchar(literal);
        let from = declare(from);
        let typed = cast(&value, &text_type, &from, None, ConvertMode::Explicit).unwrap();
        match cast(&typed, &from, &declare(to), None, ConvertMode::Explicit).unwrap() {
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
        cast(&Value::Bytes(value.to_vec()), &declare(from), &declare(to), style, ConvertMode::Explicit)
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
    let variant = cast(&int, &SqlType::Int, &SqlType::Variant, None, ConvertMode::Implicit).unwrap();
    assert_eq!(variant, Value::Variant(Box::new((SqlType::Int, int))));
    assert_eq!(
        cast(&variant, &SqlType::Variant, &declare("decimal(5,1)"), None, ConvertMode::Explicit),
        Ok(Value::Decimal(50))
    );
    assert_eq!(
        cast(&variant, &SqlType::Variant, &SqlType::Date, None, ConvertMode::Explicit).unwrap_err().number,
        529
    );
    assert_eq!(
        cast(&variant, &SqlType::Variant, &SqlType::Int, None, ConvertMode::Implicit).unwrap_err().number,
        257
    );
}

#[test]
fn try_gives_null_for_values_but_not_for_pairs() {
    let (value, from) = varchar("x");
    assert_eq!(cast(&value, &from, &SqlType::Int, None, ConvertMode::Try), Ok(Value::Null));
    let date = Value::Date(0);
    assert_eq!(cast(&date, &SqlType::Date, &SqlType::Int, None, ConvertMode::Try).unwrap_err().number, 529);
}

#[test]
fn xml_is_what_its_text_says() {
    let xml = |text: &str, from: &str, style| match cast(
        &varchar_of(text, from),
        &declare(from),
        &SqlType::Xml,
        style,
        ConvertMode::Explicit,
    ) {
        Ok(Value::Bytes(bytes)) => {
            let units: Vec<u16> =
                bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
            Ok(String::from_utf16(&units).unwrap())
        }
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.number),
    };
    let ok = |text: &str| Ok(text.to_owned());
    assert_eq!(xml("<?xml version=\"1.0\"?>\n<a> <b/></a>", "nvarchar(max)", None), ok("<a><b/></a>"));
    assert_eq!(xml("<a> <b/></a>", "nvarchar(max)", Some(1)), ok("<a> <b/></a>"));
    assert_eq!(xml("<?xml version=\"1.0\" encoding=\"utf-8\"?><a/>", "nvarchar(max)", None), Err(9402));
    assert_eq!(xml("<?xml version=\"1.0\" encoding=\"utf-16\"?><a/>", "varchar(max)", None), Err(9402));
    // The declaration, not the collation, says what the bytes are.
    assert_eq!(
        xml("<?xml version=\"1.0\" encoding=\"utf-8\"?><a>\u{c3}\u{a9}</a>", "varchar(max)", None),
        ok("<a>é</a>")
    );
    assert_eq!(xml("<a>é</a>", "varchar(max)", None), ok("<a>é</a>"));
    assert_eq!(xml("<a><b></a>", "varchar(max)", None), Err(9436));
    let binary = cast(
        &Value::Bytes(b"\xEF\xBB\xBF<a>\xC3\xA9</a>".to_vec()),
        &declare("varbinary(max)"),
        &SqlType::Xml,
        None,
        ConvertMode::Explicit,
    );
    assert_eq!(binary, Ok(Value::Bytes("<a>é</a>".encode_utf16().flat_map(u16::to_le_bytes).collect())));
}

/// Text in a type's own bytes.
fn varchar_of(text: &str, sql_type: &str) -> Value {
    let (value, from) =
        (Value::Bytes(text.encode_utf16().flat_map(u16::to_le_bytes).collect()), declare("nvarchar(max)"));
    cast(&value, &from, &declare(sql_type), None, ConvertMode::Explicit).unwrap()
}
