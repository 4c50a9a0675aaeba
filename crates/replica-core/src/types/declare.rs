//! The type that INSERT BULK declares for a column: the one that its bytes have on the wire.
use crate::tds::types::{MAX_WIDTH, TypeInfo, token};

/// T-SQL for a bulk column's TYPE_INFO (as [`crate::tds::bulk::type_info`] writes it), with the collation of the
/// bytes where they need one. The declared width equals the wire's, or the server may answer 4816
/// (docs/SERVER.md, "Text in bulk loads").
pub fn declare(type_info: &TypeInfo, collation: Option<&str>) -> String {
    let declared = match type_info {
        TypeInfo::Fixed { token } | TypeInfo::ByteLen { token, .. } => {
            by_size(*token, byte_size(type_info)).to_owned()
        }
        TypeInfo::Decimal { precision, scale, .. } => format!("decimal({precision},{scale})"),
        TypeInfo::Date => "date".to_owned(),
        TypeInfo::Scaled { token, scale } => match *token {
            token::TIMEN => format!("time({scale})"),
            token::DATETIME2N => format!("datetime2({scale})"),
            _ => format!("datetimeoffset({scale})"),
        },
        TypeInfo::Binary { token: token::BIGBINARY, size } => format!("binary({})", size.max(&1)),
        TypeInfo::Binary { size, .. } => format!("varbinary({})", length(*size, 1)),
        TypeInfo::Chars { token, size, .. } => match *token {
            token::NCHAR => format!("nchar({})", length(*size, 2)),
            token::NVARCHAR => format!("nvarchar({})", length(*size, 2)),
            token::BIGCHAR => format!("char({})", length(*size, 1)),
            _ => format!("varchar({})", length(*size, 1)),
        },
        TypeInfo::LongLen { token, .. } => match *token {
            token::TEXT => "text".to_owned(),
            token::NTEXT => "ntext".to_owned(),
            _ => "image".to_owned(),
        },
        TypeInfo::Xml { .. } => "nvarchar(max)".to_owned(),
        TypeInfo::Udt { .. } => "varbinary(max)".to_owned(),
        TypeInfo::Variant { .. } => "sql_variant".to_owned(),
    };
    match collation {
        Some(collation) if has_code_page(type_info) => format!("{declared} COLLATE {collation}"),
        _ => declared,
    }
}

fn has_code_page(type_info: &TypeInfo) -> bool {
    matches!(
        type_info,
        TypeInfo::Chars { token: token::BIGCHAR | token::BIGVARCHAR, .. }
            | TypeInfo::LongLen { token: token::TEXT, .. }
    )
}

fn byte_size(type_info: &TypeInfo) -> u8 {
    match type_info {
        TypeInfo::ByteLen { size, .. } => *size,
        _ => 0,
    }
}

/// The name of a type by its token, and by its size where the token is one of the N types.
fn by_size(token: u8, size: u8) -> &'static str {
    match (token, size) {
        (token::INT1, _) | (token::INTN, 1) => "tinyint",
        (token::INT2, _) | (token::INTN, 2) => "smallint",
        (token::INT4, _) | (token::INTN, 4) => "int",
        (token::INT8, _) | (token::INTN, _) => "bigint",
        (token::BIT | token::BITN, _) => "bit",
        (token::FLT4, _) | (token::FLTN, 4) => "real",
        (token::FLT8, _) | (token::FLTN, _) => "float",
        (token::MONEY4, _) | (token::MONEYN, 4) => "smallmoney",
        (token::MONEY, _) | (token::MONEYN, _) => "money",
        (token::DATETIM4, _) | (token::DATETIMN, 4) => "smalldatetime",
        (token::DATETIME, _) | (token::DATETIMN, _) => "datetime",
        _ => "uniqueidentifier",
    }
}

fn length(bytes: u16, unit: u16) -> String {
    if bytes == MAX_WIDTH { "max".to_owned() } else { (bytes / unit).max(1).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tds::types::CollationBytes;

    #[test]
    fn the_declaration_says_what_is_on_the_wire() {
        let chars = |token, size| TypeInfo::Chars { token, size, collation: CollationBytes::default() };
        let text = TypeInfo::LongLen { token: token::TEXT, size: 1, collation: None };
        for (info, declared) in [
            (TypeInfo::ByteLen { token: token::INTN, size: 8 }, "bigint"),
            (TypeInfo::ByteLen { token: token::FLTN, size: 4 }, "real"),
            (TypeInfo::ByteLen { token: token::DATETIMN, size: 4 }, "smalldatetime"),
            (TypeInfo::ByteLen { token: token::GUID, size: 16 }, "uniqueidentifier"),
            (TypeInfo::Fixed { token: token::MONEY4 }, "smallmoney"),
            (TypeInfo::Decimal { token: token::NUMERICN, size: 17, precision: 9, scale: 2 }, "decimal(9,2)"),
            (TypeInfo::Scaled { token: token::DATETIME2N, scale: 3 }, "datetime2(3)"),
            (chars(token::BIGVARCHAR, 10), "varchar(10) COLLATE Greek_CI_AS"),
            (chars(token::BIGVARCHAR, MAX_WIDTH), "varchar(max) COLLATE Greek_CI_AS"),
            (chars(token::NVARCHAR, 10), "nvarchar(5)"),
            (chars(token::NCHAR, 8), "nchar(4)"),
            (TypeInfo::Binary { token: token::BIGVARBINARY, size: MAX_WIDTH }, "varbinary(max)"),
            (TypeInfo::Binary { token: token::BIGBINARY, size: 8 }, "binary(8)"),
            (text, "text COLLATE Greek_CI_AS"),
        ] {
            assert_eq!(declare(&info, Some("Greek_CI_AS")), declared);
        }
    }
}
