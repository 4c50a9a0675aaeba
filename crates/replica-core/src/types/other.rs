//! Bytes, identifiers, XML, CLR types and the rest.
use super::{
    BINARY, Conversion, How, MappingRefusal, MappingResult, Problem, SHOWN, ValueCheck, ValueMeasure,
};
use crate::catalog::{Column, Length, SqlType};

/// Bytes in a rowversion.
const ROWVERSION: u16 = 8;

pub(super) fn convert(source: &Column, target: &Column) -> MappingResult {
    use SqlType::{
        BigInt, Binary, Clr, Image, Json, Other, RowVersion, UniqueIdentifier, VarBinary, Variant, Vector,
        Xml,
    };
    let pass = Conversion::pass(source, target);
    let max = VarBinary(Length::Max);
    let conversion = match (&source.sql_type, &target.sql_type) {
        (UniqueIdentifier, UniqueIdentifier) | (Variant, Variant) | (Image, Image) | (Json, Json) => pass,
        (Vector(n), Vector(m)) if n == m => pass,
        (Xml, Xml) => xml(pass),
        (Clr(from), Clr(to)) if from.eq_ignore_ascii_case(to) => {
            Conversion { how: How::Patch, sent: max, ..pass }
        }
        (Clr(_) | Image, VarBinary(length)) => bounded(
            Conversion::cast(source, target).through(super::cast(&pass.expression, &max), max),
            *length,
        ),
        (RowVersion, BigInt) => Conversion::cast(source, target),
        (RowVersion, Binary(m)) => return Some(binary(source, target, ROWVERSION, *m)),
        (RowVersion, VarBinary(length)) => return Some(varbinary(source, target, ROWVERSION, *length)),
        (Binary(n), Binary(m)) => return Some(binary(source, target, *n, *m)),
        (Binary(n), VarBinary(length)) => return Some(varbinary(source, target, *n, *length)),
        (VarBinary(Length::N(_)), VarBinary(Length::Max)) | (Binary(_) | VarBinary(_), Image) => {
            Conversion::cast(source, target)
        }
        (VarBinary(Length::N(n)), VarBinary(Length::N(m))) => {
            if n > m {
                pass.too_many(*m)
            } else {
                pass
            }
        }
        (VarBinary(Length::Max), VarBinary(length)) => bounded(pass, *length),
        (VarBinary(Length::N(n)), Binary(m)) if n <= m => {
            let length = format!("DATALENGTH({})", pass.expression);
            let predicate = format!("{length} < {m}");
            Conversion::cast(source, target)
                .loss(true, "shorter values are filled with zero bytes")
                .check(true, || bytes(Problem::ZeroFilled, predicate, length, *m))
        }
        (Other(from), Other(_)) => {
            return Some(Err(MappingRefusal::new(
                format!("{from} is a type unknown to these tools"),
                "Copy from a view that casts it to varbinary(max) or nvarchar(max)",
            )));
        }
        _ => return None,
    };
    Some(Ok(conversion))
}

impl Conversion {
    fn too_many(self, most: u16) -> Self {
        let length = format!("DATALENGTH({})", self.expression);
        let predicate = format!("{length} > {most}");
        self.limit(true, format!("values of more than {most} bytes"))
            .check(true, || bytes(Problem::TooLong, predicate, length, most))
    }
}

fn bytes(problem: Problem, predicate: String, expression: String, capacity: u16) -> ValueCheck {
    let measure = ValueMeasure::Length { expression, unit: "bytes" };
    ValueCheck { problem, predicate, measure, capacity: format!("{capacity} bytes") }
}

/// A bulk load takes no XML type, but text that it parses (MS-TDS 2.2.6.1). "By default, insignificant white space isn't
/// preserved" by a parse (Microsoft docs, "Create instances of XML data", and "CAST and CONVERT", styles of xml): blanks
/// that the source has kept by CONVERT with style 1 are dropped. That a load parses so as well is unconfirmed.
fn xml(pass: Conversion) -> Conversion {
    let text = SqlType::NVarChar(Length::Max);
    let as_is = super::cast(&pass.expression, &text);
    let parsed = super::cast(&super::cast(&as_is, &SqlType::Xml), &text);
    let check = ValueCheck {
        problem: Problem::TagBlanksLost,
        predicate: format!("{as_is} {BINARY} <> {parsed} {BINARY}"),
        measure: ValueMeasure::Text(format!("LEFT({as_is}, {SHOWN})")),
        capacity: "no blanks between tags".into(),
    };
    Conversion { how: How::Patch, sent: text, ..pass }
        .loss(
            true,
            "blanks between tags, where the source has kept them (CONVERT with style 1), may be dropped",
        )
        .check(true, || check)
}

/// A (max) value for a column that may be bounded: the server refuses what does not fit.
fn bounded(conversion: Conversion, length: Length) -> Conversion {
    let Length::N(bytes) = length else { return conversion };
    let verify = super::cast(&conversion.verify, &SqlType::VarBinary(Length::Max));
    Conversion { verify, ..conversion }.too_many(bytes)
}

fn too_narrow(source: &Column, bytes: u16) -> MappingRefusal {
    MappingRefusal::new(
        format!("every {} takes {bytes} bytes", source.sql_type),
        format!("Make the target column binary({bytes})"),
    )
}

fn binary(source: &Column, target: &Column, n: u16, m: u16) -> Result<Conversion, MappingRefusal> {
    match n.cmp(&m) {
        std::cmp::Ordering::Equal => {
            Ok(Conversion { sent: SqlType::Binary(n), ..Conversion::pass(source, target) })
        }
        std::cmp::Ordering::Less => Ok(Conversion::cast(source, target)),
        std::cmp::Ordering::Greater => Err(too_narrow(source, n)),
    }
}

fn varbinary(source: &Column, target: &Column, n: u16, length: Length) -> Result<Conversion, MappingRefusal> {
    match length {
        Length::Max => Ok(Conversion::cast(source, target)),
        Length::N(m) if n <= m => {
            Ok(Conversion { sent: SqlType::Binary(n), ..Conversion::pass(source, target) })
        }
        Length::N(_) => Err(too_narrow(source, n)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::guide::column;
    use super::*;

    fn decide(from: &SqlType, to: &SqlType) -> Option<Result<Conversion, MappingRefusal>> {
        convert(&column("c", from), &column("c", to))
    }

    #[test]
    fn blanks_that_a_parse_drops_can_be_looked_for() {
        let c = decide(&SqlType::Xml, &SqlType::Xml).unwrap().unwrap();
        assert_eq!((c.how, c.expression.as_str(), c.checks.len()), (How::Patch, "[c]", 1));
        let text = "CAST([c] AS nvarchar(max))";
        assert_eq!(
            c.checks[0].predicate,
            format!("{text} {BINARY} <> CAST(CAST({text} AS xml) AS nvarchar(max)) {BINARY}")
        );
        let way_out = c.checks[0].problem.seen_by_hash("c").unwrap();
        assert!(way_out.contains("CAST(CAST([c] AS nvarchar(max)) AS xml)"), "{way_out}");
    }

    #[test]
    fn rowversion_becomes_its_eight_bytes() {
        let c = decide(&SqlType::RowVersion, &SqlType::Binary(8)).unwrap().unwrap();
        assert_eq!((c.how, c.sent), (How::Pass, SqlType::Binary(8)));
        assert!(decide(&SqlType::RowVersion, &SqlType::Binary(7)).unwrap().is_err());
        assert_eq!(
            decide(&SqlType::RowVersion, &SqlType::BigInt).unwrap().unwrap().expression,
            "CAST([c] AS bigint)"
        );
    }

    #[test]
    fn clr_types_go_as_bytes_and_only_into_their_own_kind() {
        let geography = SqlType::Clr("geography".into());
        let c = decide(&geography, &geography).unwrap().unwrap();
        assert_eq!((c.how, c.sent), (How::Patch, SqlType::VarBinary(Length::Max)));
        assert!(decide(&geography, &SqlType::Clr("geometry".into())).is_none());
    }

    #[test]
    fn binary_is_padded_at_the_source_and_never_cut() {
        let c = decide(&SqlType::Binary(4), &SqlType::Binary(6)).unwrap().unwrap();
        assert_eq!(c.expression, "CAST([c] AS binary(6))");
        assert!(decide(&SqlType::Binary(6), &SqlType::Binary(4)).unwrap().is_err());
        let max = SqlType::VarBinary(Length::Max);
        let c = decide(&max, &SqlType::VarBinary(Length::N(9))).unwrap().unwrap();
        assert_eq!((c.expression.as_str(), c.verify.as_str()), ("[c]", "CAST([c] AS varbinary(max))"));
        assert!(decide(&max, &SqlType::Binary(9)).is_none());
    }
}
