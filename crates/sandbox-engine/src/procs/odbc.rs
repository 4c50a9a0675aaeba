//! How ODBC and the old catalogs describe a type (Microsoft docs, "sp_columns" and "sp_datatype_info").
use sandbox_catalog::schema::Column;
use sandbox_values::SqlType;

pub struct Described {
    pub data_type: i16,
    pub type_name: String,
    pub precision: i32,
    pub length: i32,
    pub scale: Option<u8>,
    pub radix: Option<i16>,
    pub sql_data_type: i16,
    pub datetime_sub: Option<i16>,
    pub octets: Option<i32>,
    pub ss_data_type: u8,
}

/// ODBC type numbers: those of ODBC 2 and 3 differ for datetime. `newer`: the types that came with SQL Server 2008
/// show as themselves, not as nvarchar.
pub fn describe(column: &Column, version: i32, newer: bool) -> Described {
    let t = &column.sql_type;
    let moment = matches!(t, SqlType::DateTime | SqlType::SmallDateTime);
    let data_type = match t {
        _ if moment => {
            if version >= 3 {
                93
            } else {
                11
            }
        }
        SqlType::Date | SqlType::Time(_) | SqlType::DateTime2(_) | SqlType::DateTimeOffset(_) if !newer => -9,
        _ => number(t),
    };
    let bytes = i32::from(t.max_length());
    let characters = t.is_character() || t.is_binary();
    let name = column.type_name.clone().unwrap_or_else(|| t.name().to_owned());
    Described {
        data_type,
        type_name: if column.identity { format!("{name} identity") } else { name },
        precision: precision(t),
        length: length(t),
        scale: (t.is_number() && !matches!(t, SqlType::Real | SqlType::Float) || t.is_date_or_time())
            .then(|| if *t == SqlType::Date { 0 } else { t.scale() }),
        radix: match t {
            SqlType::Real | SqlType::Float => Some(2),
            _ if t.is_number() && *t != SqlType::Bit => Some(10),
            _ => None,
        },
        sql_data_type: if moment { 9 } else { data_type },
        datetime_sub: moment.then_some(3),
        octets: characters.then_some(match t {
            SqlType::Text(_) | SqlType::Image => i32::MAX,
            SqlType::NText(_) => i32::MAX - 1,
            _ if bytes < 0 => 0,
            _ => bytes,
        }),
        ss_data_type: old_number(t, column.nullable),
    }
}

fn number(t: &SqlType) -> i16 {
    match t {
        SqlType::Bit => -7,
        SqlType::TinyInt => -6,
        SqlType::SmallInt => 5,
        SqlType::Int => 4,
        SqlType::BigInt => -5,
        SqlType::Decimal { numeric: true, .. } => 2,
        SqlType::Decimal { .. } | SqlType::Money | SqlType::SmallMoney => 3,
        SqlType::Real => 7,
        SqlType::Float => 6,
        SqlType::Date => 91,
        SqlType::Time(_) => -154,
        SqlType::DateTime2(_) | SqlType::DateTime | SqlType::SmallDateTime => 93,
        SqlType::DateTimeOffset(_) => -155,
        SqlType::Char(..) => 1,
        SqlType::VarChar(..) => 12,
        SqlType::NChar(..) => -8,
        SqlType::NVarChar(..) => -9,
        SqlType::Text(_) => -1,
        SqlType::NText(_) => -10,
        SqlType::Image => -4,
        SqlType::Binary(_) | SqlType::RowVersion => -2,
        SqlType::VarBinary(_) => -3,
        SqlType::UniqueIdentifier => -11,
        SqlType::Xml => -152,
        SqlType::Variant => -150,
        SqlType::HierarchyId | SqlType::Geography | SqlType::Geometry => -151,
    }
}

/// Digits, characters or bytes; 0 for (max).
fn precision(t: &SqlType) -> i32 {
    let bytes = i32::from(t.max_length());
    match t {
        SqlType::Real => 7,
        SqlType::Float => 15,
        SqlType::UniqueIdentifier => 36,
        SqlType::Text(_) | SqlType::Image => i32::MAX,
        SqlType::NText(_) => 1_073_741_823,
        SqlType::NChar(..) | SqlType::NVarChar(..) => bytes.max(0) / 2,
        _ if t.is_number() || t.is_date_or_time() => i32::from(t.precision()),
        _ => bytes.max(0),
    }
}

/// Bytes that the value takes in a C buffer.
fn length(t: &SqlType) -> i32 {
    match t {
        SqlType::Decimal { precision, .. } => i32::from(*precision) + 2,
        SqlType::Money => 21,
        SqlType::SmallMoney => 12,
        SqlType::Date => 6,
        SqlType::Time(_) => 12,
        SqlType::DateTime | SqlType::SmallDateTime | SqlType::DateTime2(_) => 16,
        SqlType::DateTimeOffset(_) => 20,
        SqlType::Text(_) | SqlType::Image => i32::MAX,
        SqlType::NText(_) => i32::MAX - 1,
        _ => i32::from(t.max_length()).max(0),
    }
}

/// The types of the old systypes: nullable columns have their own.
fn old_number(t: &SqlType, nullable: bool) -> u8 {
    match (t, nullable) {
        (SqlType::TinyInt | SqlType::SmallInt | SqlType::Int | SqlType::BigInt, true) => 38,
        (SqlType::BigInt, false) => 63,
        (SqlType::Bit, _) => 50,
        (SqlType::Real | SqlType::Float, true) => 109,
        (SqlType::Money | SqlType::SmallMoney, true) => 110,
        (SqlType::DateTime | SqlType::SmallDateTime, true) => 111,
        (SqlType::Char(..) | SqlType::NChar(..), true) => 39,
        (SqlType::Char(..) | SqlType::NChar(..), false) => 47,
        (SqlType::VarChar(..) | SqlType::NVarChar(..), _) => 39,
        (SqlType::Binary(_), false) => 45,
        (SqlType::Binary(_), true) | (SqlType::VarBinary(_), _) => 37,
        (SqlType::RowVersion, _) => 45,
        (SqlType::UniqueIdentifier, _) => 37,
        _ => t.system_type_id(),
    }
}
