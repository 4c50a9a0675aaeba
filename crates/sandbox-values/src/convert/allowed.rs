//! Which pairs of types convert: the chart of Microsoft's "Data type conversion (Database Engine)".
use super::{ConvertMode, errors};
use crate::error::SqlError;
use crate::types::SqlType;

/// What the chart says of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Allowed {
    Implicitly,
    /// With CAST or CONVERT only.
    Explicitly,
    Never,
}

/// Refuses a pair that `mode` does not allow.
///
/// # Errors
/// 529 for CAST of a pair without conversion; 206 for such a pair implicitly; 257 where CAST is needed.
pub fn check(from: &SqlType, to: &SqlType, mode: ConvertMode) -> Result<(), SqlError> {
    match (allowed(from, to), mode) {
        (Allowed::Implicitly, _) | (Allowed::Explicitly, ConvertMode::Explicit | ConvertMode::Try) => Ok(()),
        (Allowed::Explicitly, ConvertMode::Implicit) => Err(errors::not_implicit(from, to)),
        (Allowed::Never, ConvertMode::Implicit) => Err(errors::clash(from, to)),
        (Allowed::Never, ConvertMode::Explicit | ConvertMode::Try) => Err(errors::not_explicit(from, to)),
    }
}

/// The kinds of types that the chart treats alike.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ConversionClass {
    Text,
    Long,
    Binary,
    Image,
    RowVersion,
    /// Integers, decimal and money.
    Exact,
    Float,
    /// datetime and smalldatetime.
    OldMoment,
    Date,
    Time,
    NewMoment,
    Guid,
    Xml,
    Variant,
    Clr,
}

fn kind(sql_type: &SqlType) -> ConversionClass {
    match sql_type {
        SqlType::Char(..) | SqlType::VarChar(..) | SqlType::NChar(..) | SqlType::NVarChar(..) => {
            ConversionClass::Text
        }
        SqlType::Text(_) | SqlType::NText(_) => ConversionClass::Long,
        SqlType::Binary(_) | SqlType::VarBinary(_) => ConversionClass::Binary,
        SqlType::Image => ConversionClass::Image,
        SqlType::RowVersion => ConversionClass::RowVersion,
        SqlType::Real | SqlType::Float => ConversionClass::Float,
        SqlType::DateTime | SqlType::SmallDateTime => ConversionClass::OldMoment,
        SqlType::Date => ConversionClass::Date,
        SqlType::Time(_) => ConversionClass::Time,
        SqlType::DateTime2(_) | SqlType::DateTimeOffset(_) => ConversionClass::NewMoment,
        SqlType::UniqueIdentifier => ConversionClass::Guid,
        SqlType::Xml => ConversionClass::Xml,
        SqlType::Variant => ConversionClass::Variant,
        SqlType::HierarchyId | SqlType::Geography | SqlType::Geometry => ConversionClass::Clr,
        SqlType::Bit
        | SqlType::TinyInt
        | SqlType::SmallInt
        | SqlType::Int
        | SqlType::BigInt
        | SqlType::Decimal { .. }
        | SqlType::Money
        | SqlType::SmallMoney => ConversionClass::Exact,
    }
}

/// Whether `from` converts to `to`.
fn allowed(from: &SqlType, to: &SqlType) -> Allowed {
    use Allowed::{Explicitly, Implicitly, Never};
    use ConversionClass::*;
    let (source, target) = (kind(from), kind(to));
    match (source, target) {
        (Clr, Clr) if from != to => Never,
        _ if source == target => Implicitly,
        (_, Variant) if matches!(source, Long | Image | RowVersion | Xml | Clr) || from.is_large() => Never,
        (_, Variant) => Implicitly,
        (Variant, Long | Image | RowVersion | Xml | Clr) => Never,
        // To the (max) types too: SQLAlchemy's mssql dialect casts the values of sys.extended_properties so.
        (Variant, _) => Explicitly,

        (Text, Binary | RowVersion) => Explicitly,
        (Text, Clr) => Never,
        (Text, _) => Implicitly,
        (Long, Text) => Implicitly,
        (Long, Xml) => Explicitly,
        (Long, _) => Never,

        (Binary | RowVersion, Float) => Never,
        (Binary | RowVersion, Long) => Never,
        (RowVersion, Date | Time | NewMoment | Guid | Xml | Clr) => Never,
        (Binary, Date | Time | NewMoment) => Explicitly,
        (Binary | RowVersion, _) => Implicitly,
        (Image, Binary | RowVersion) => Implicitly,
        (Image, _) => Never,

        (Exact | Float, Text) => Implicitly,
        (Float, Binary) => Implicitly,
        (Exact, Binary | RowVersion) => Implicitly,
        (Exact | Float, Exact | Float | OldMoment) => Implicitly,
        (Exact | Float, _) => Never,

        (OldMoment | Date | Time | NewMoment, Text) => Implicitly,
        (OldMoment | Date | Time | NewMoment, Binary) => Explicitly,
        (OldMoment, Exact | Float) => Explicitly,
        (Date, Time) | (Time, Date) => Never,
        (OldMoment | Date | Time | NewMoment, OldMoment | Date | Time | NewMoment) => Implicitly,
        (OldMoment | Date | Time | NewMoment, _) => Never,

        (Guid, Text | Binary) => Implicitly,
        (Guid, _) => Never,

        (Xml, Text | Binary) => Explicitly,
        (Xml, _) => Never,

        (Clr, Binary) => Explicitly,
        (Clr, _) => Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CollationId, Len};

    /// Cells of the chart.
    #[test]
    fn the_chart_is_followed() {
        let varchar = SqlType::VarChar(Len::N(10), CollationId::SERVER_DEFAULT);
        let varbinary = SqlType::VarBinary(Len::N(10));
        for (from, to, expected) in [
            (&varchar, &varbinary, Allowed::Explicitly),
            (&varbinary, &varchar, Allowed::Implicitly),
            (&SqlType::Int, &SqlType::DateTime, Allowed::Implicitly),
            (&SqlType::DateTime, &SqlType::Int, Allowed::Explicitly),
            (&SqlType::Int, &SqlType::Date, Allowed::Never),
            (&SqlType::Date, &SqlType::Int, Allowed::Never),
            (&SqlType::Date, &SqlType::Time(7), Allowed::Never),
            (&SqlType::Int, &SqlType::UniqueIdentifier, Allowed::Never),
            (&SqlType::UniqueIdentifier, &varchar, Allowed::Implicitly),
            (&SqlType::Xml, &varchar, Allowed::Explicitly),
            (&varchar, &SqlType::Xml, Allowed::Implicitly),
            (&SqlType::Variant, &SqlType::Int, Allowed::Explicitly),
            (&SqlType::Variant, &SqlType::VarBinary(Len::Max), Allowed::Explicitly),
            (&SqlType::Int, &SqlType::Variant, Allowed::Implicitly),
            (&SqlType::VarBinary(Len::Max), &SqlType::Variant, Allowed::Never),
            (&varbinary, &SqlType::Float, Allowed::Never),
        ] {
            assert_eq!(allowed(from, to), expected, "{from} to {to}");
        }
    }

    #[test]
    fn a_refused_pair_has_the_number_of_how_it_was_asked() {
        let number = |mode| check(&SqlType::Date, &SqlType::Int, mode).unwrap_err().number;
        assert_eq!(
            (number(ConvertMode::Implicit), number(ConvertMode::Explicit), number(ConvertMode::Try)),
            (206, 529, 529)
        );
        assert_eq!(check(&SqlType::DateTime, &SqlType::Int, ConvertMode::Implicit).unwrap_err().number, 257);
    }
}
