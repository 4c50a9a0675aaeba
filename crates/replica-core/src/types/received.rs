//! The type that a result's column has, as far as COLMETADATA tells it.
use crate::catalog::{Length, SqlType};
use crate::tds::types::{MAX_WIDTH, TypeInfo, token};

/// `None`: a type of which the wire does not say enough, or that these tools do not copy.
pub fn received(type_info: &TypeInfo) -> Option<SqlType> {
    let length = |size: u16, divisor: u16| match size {
        MAX_WIDTH => Length::Max,
        size => Length::N((size / divisor).max(1)),
    };
    let fixed = |size: u16, divisor: u16| (size / divisor).max(1);
    Some(match *type_info {
        TypeInfo::Fixed { token } => plain(token, 0)?,
        TypeInfo::ByteLen { token, size } => plain(token, size)?,
        TypeInfo::Decimal { precision, scale, .. } => SqlType::Decimal { precision, scale },
        TypeInfo::Date => SqlType::Date,
        TypeInfo::Scaled { token, scale } => match token {
            token::TIMEN => SqlType::Time(scale),
            token::DATETIME2N => SqlType::DateTime2(scale),
            token::DATETIMEOFFSETN => SqlType::DateTimeOffset(scale),
            _ => return None,
        },
        TypeInfo::Binary { token: token::BIGBINARY, size } => SqlType::Binary(fixed(size, 1)),
        TypeInfo::Binary { size, .. } => SqlType::VarBinary(length(size, 1)),
        TypeInfo::Chars { token, size, .. } => match token {
            token::NCHAR => SqlType::NChar(fixed(size, 2)),
            token::NVARCHAR => SqlType::NVarChar(length(size, 2)),
            token::BIGCHAR => SqlType::Char(fixed(size, 1)),
            token::BIGVARCHAR => SqlType::VarChar(length(size, 1)),
            _ => return None,
        },
        TypeInfo::LongLen { token, .. } => match token {
            token::TEXT => SqlType::Text,
            token::NTEXT => SqlType::NText,
            token::IMAGE => SqlType::Image,
            _ => return None,
        },
        TypeInfo::Xml { .. } => SqlType::Xml,
        TypeInfo::Variant { .. } => SqlType::Variant,
        TypeInfo::Udt { .. } => return None,
    })
}

/// By the token, and by the size where the token is one of the N types ([MS-TDS] 2.2.5.4).
fn plain(token: u8, size: u8) -> Option<SqlType> {
    Some(match (token, size) {
        (token::BIT, _) | (token::BITN, 1) => SqlType::Bit,
        (token::INT1, _) | (token::INTN, 1) => SqlType::TinyInt,
        (token::INT2, _) | (token::INTN, 2) => SqlType::SmallInt,
        (token::INT4, _) | (token::INTN, 4) => SqlType::Int,
        (token::INT8, _) | (token::INTN, 8) => SqlType::BigInt,
        (token::FLT4, _) | (token::FLTN, 4) => SqlType::Real,
        (token::FLT8, _) | (token::FLTN, 8) => SqlType::Float,
        (token::MONEY4, _) | (token::MONEYN, 4) => SqlType::SmallMoney,
        (token::MONEY, _) | (token::MONEYN, 8) => SqlType::Money,
        (token::DATETIM4, _) | (token::DATETIMN, 4) => SqlType::SmallDateTime,
        (token::DATETIME, _) | (token::DATETIMN, 8) => SqlType::DateTime,
        (token::GUID, _) => SqlType::UniqueIdentifier,
        _ => return None,
    })
}
