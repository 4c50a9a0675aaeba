//! docs/TYPES.md's tables, made by the code that they describe.
use std::fmt::Write as _;

use super::{Conversion, convert};
use crate::catalog::column::Collation;
use crate::catalog::{Column, Length, SqlType};

/// A nullable column as the guide shows it: text in code page 1252.
pub fn column(name: &str, sql_type: &SqlType) -> Column {
    collated(name, sql_type, "Latin1_General_CI_AS", 1252)
}

/// A nullable column with a collation, where its type has one.
pub fn collated(name: &str, sql_type: &SqlType, collation: &str, code_page: u32) -> Column {
    let collation = Collation { name: collation.into(), code_page: Some(code_page) };
    let collation = Some(collation).filter(|_| sql_type.is_text());
    Column { id: 1, ..Column::plain(name, sql_type.clone(), collation) }
}

/// One or two of every type.
pub fn representatives() -> Vec<SqlType> {
    use SqlType as T;
    vec![
        T::Bit,
        T::TinyInt,
        T::SmallInt,
        T::Int,
        T::BigInt,
        T::Decimal { precision: 9, scale: 0 },
        T::Decimal { precision: 19, scale: 4 },
        T::SmallMoney,
        T::Money,
        T::Real,
        T::Float,
        T::Date,
        T::Time(7),
        T::SmallDateTime,
        T::DateTime,
        T::DateTime2(3),
        T::DateTime2(7),
        T::DateTimeOffset(7),
        T::Char(10),
        T::Char(40),
        T::VarChar(Length::N(40)),
        T::VarChar(Length::Max),
        T::Text,
        T::NChar(40),
        T::NVarChar(Length::N(40)),
        T::NVarChar(Length::Max),
        T::NText,
        T::Binary(8),
        T::Binary(16),
        T::VarBinary(Length::N(16)),
        T::VarBinary(Length::Max),
        T::Image,
        T::UniqueIdentifier,
        T::Xml,
        T::Variant,
        T::RowVersion,
        T::Clr("hierarchyid".into()),
        T::Clr("geography".into()),
        T::Clr("geometry".into()),
        T::Json,
        T::Vector(20),
    ]
}

/// The table of docs/TYPES.md: a line for every pair of types that can be copied.
pub fn table() -> String {
    let types = representatives();
    let mut out = String::from(
        "| source | target | how | the source's SELECT | loses | refused by the server |\n|---|---|---|---|---|---|\n",
    );
    for from in &types {
        for to in types.iter().filter(|to| **to != SqlType::RowVersion) {
            if let Ok(conversion) = convert(&column("c", from), &column("c", to)) {
                let _ = writeln!(out, "| {from} | {to} | {} |", cells(&conversion));
            }
        }
    }
    out
}

fn cells(conversion: &Conversion) -> String {
    format!(
        "{} | `{}` | {} | {}",
        conversion.how,
        conversion.expression,
        conversion.losses.join("; "),
        conversion.limits.join("; ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: &str = "<!-- made by replica_core::types::guide: begin -->\n";
    const END: &str = "<!-- end -->";

    /// The page says what the code does. To bring it up to date: REPLICA_WRITE_DOCS=1 cargo test guide
    #[test]
    fn the_page_is_what_the_code_does() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/TYPES.md");
        let page = std::fs::read_to_string(path).unwrap();
        let (head, rest) = page.split_once(BEGIN).unwrap();
        let (shown, tail) = rest.split_once(END).unwrap();
        if std::env::var_os("REPLICA_WRITE_DOCS").is_some() {
            std::fs::write(path, format!("{head}{BEGIN}{}{END}{tail}", table())).unwrap();
        } else {
            assert_eq!(shown, table(), "docs/TYPES.md is out of date");
        }
    }

    #[test]
    fn every_type_copies_into_itself_unless_the_server_fills_it() {
        for sql_type in representatives().iter().filter(|t| **t != SqlType::RowVersion) {
            let conversion = convert(&column("c", sql_type), &column("c", sql_type)).unwrap();
            assert_eq!(conversion.expression, "[c]", "{sql_type}");
            // What a parse drops nobody can know from the types.
            let is_whole = conversion.losses.is_empty() || *sql_type == SqlType::Xml;
            assert!(is_whole && conversion.limits.is_empty(), "{sql_type}");
        }
    }
}
