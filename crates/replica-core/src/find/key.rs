//! What tells the rows of a table apart.
use crate::catalog::index::Index;
use crate::catalog::{Column, Length, SqlType, Table, quote};
use crate::error::{Error, Result};
use crate::tds::rpc::Param;

/// The columns that tell a table's rows apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowKey {
    /// In the order of the key.
    pub columns: Vec<Column>,
}

impl RowKey {
    /// The table's key: one that it has declared before one that happens to be unique.
    pub fn of(table: &Table) -> Option<Self> {
        let usable = |index: &&Index| index.unique && !index.disabled && !index.filtered;
        let mut indexes: Vec<_> = table.indexes.iter().flatten().filter(usable).collect();
        indexes.sort_by_key(|index| (!index.primary_key, !index.backs_constraint, index.id));
        indexes.iter().find_map(|index| {
            let columns = index.keys.iter().map(|key| table.column(key.column_id));
            let columns = columns.collect::<Option<Vec<_>>>()?;
            let named = |column: &&Column| !column.nullable && parsed(&column.sql_type).is_some();
            let all = !columns.is_empty() && columns.iter().all(named);
            all.then(|| Self { columns: columns.into_iter().cloned().collect() })
        })
    }

    /// The key's columns, for ORDER BY and SELECT.
    pub fn list(&self) -> String {
        self.columns.iter().map(|column| quote(&column.name)).collect::<Vec<_>>().join(", ")
    }

    /// The row of these values, written as [`RowName`](super::RowName) shows them.
    ///
    /// # Errors
    /// Of kind `Usage`: another number of values.
    pub fn predicate(&self, values: &[String], params: &mut Vec<Param>) -> Result<String> {
        if values.len() != self.columns.len() {
            let (wanted, given) = (self.columns.len(), values.len());
            return Err(Error::usage(format!(
                "the key has {wanted} columns ({}), and {given} values are given",
                self.list()
            ))
            .remedy("Write the values in this order, each as a word of its own"));
        }
        let terms = self.columns.iter().zip(values).map(|(column, value)| {
            params.push(Param::Text(value.clone()));
            // Of the column's own type: an index on it would be of no use otherwise.
            let value = from_text(&format!("@P{}", params.len()), column);
            format!("{} = {value}", quote(&column.name))
        });
        Ok(terms.collect::<Vec<_>>().join(" AND "))
    }
}

/// How T-SQL makes a value of a type out of text. `None`: it does not, or not for sure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyLiteral {
    Cast,
    /// CONVERT with a style: dates as yyyy-mm-dd whatever the language (121), bytes as 0x… (1).
    Style(u8),
    /// CLR types: as the bytes that they are stored in.
    ThroughBytes,
    /// Through the column's own code page.
    Collated,
}

fn parsed(sql_type: &SqlType) -> Option<KeyLiteral> {
    Some(match sql_type {
        SqlType::Date
        | SqlType::Time(_)
        | SqlType::DateTime
        | SqlType::SmallDateTime
        | SqlType::DateTime2(_)
        | SqlType::DateTimeOffset(_) => KeyLiteral::Style(121),
        SqlType::Binary(_) | SqlType::VarBinary(Length::N(_)) | SqlType::RowVersion => KeyLiteral::Style(1),
        SqlType::Char(_) | SqlType::VarChar(Length::N(_)) => KeyLiteral::Collated,
        SqlType::Clr(_) => KeyLiteral::ThroughBytes,
        SqlType::Text
        | SqlType::NText
        | SqlType::Image
        | SqlType::Xml
        | SqlType::Json
        | SqlType::Vector(_)
        | SqlType::Variant
        | SqlType::VarChar(Length::Max)
        | SqlType::NVarChar(Length::Max)
        | SqlType::VarBinary(Length::Max)
        | SqlType::Other(_) => return None,
        _ => KeyLiteral::Cast,
    })
}

fn from_text(text: &str, column: &Column) -> String {
    let sql_type = &column.sql_type;
    match parsed(sql_type) {
        Some(KeyLiteral::Style(style)) => {
            let sql_type = if *sql_type == SqlType::RowVersion { &SqlType::Binary(8) } else { sql_type };
            format!("CONVERT({sql_type}, {text}, {style})")
        }
        Some(KeyLiteral::ThroughBytes) => format!("CAST(CONVERT(varbinary(8000), {text}, 1) AS {sql_type})"),
        Some(KeyLiteral::Collated) => {
            let collate = column.collation.as_ref().map(|collation| format!(" COLLATE {}", collation.name));
            format!("CAST({text}{} AS {sql_type})", collate.unwrap_or_default())
        }
        Some(KeyLiteral::Cast) | None => format!("CAST({text} AS {sql_type})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::index::{IndexKind, sample as index};
    use crate::catalog::table::sample;
    use crate::types::guide::column;

    fn unique(id: i32, columns: &[i32]) -> Index {
        Index { unique: true, ..index(id, IndexKind::Nonclustered, columns) }
    }

    fn table(indexes: Vec<Index>) -> Table {
        let mut table = sample("dbo.t");
        let of = |id, name: &str, sql_type| Column { id, nullable: false, ..column(name, sql_type) };
        table.columns = vec![
            of(1, "id", &SqlType::Int),
            of(2, "a]b", &SqlType::VarChar(Length::N(9))),
            of(3, "blob", &SqlType::Variant),
        ];
        table.indexes = Some(indexes);
        table
    }

    #[test]
    fn the_primary_key_comes_first_and_what_cannot_be_written_is_none() {
        let names = |indexes| RowKey::of(&table(indexes)).map(|key| key.list());
        assert_eq!(names(vec![]), None);
        assert_eq!(names(vec![unique(2, &[1])]).as_deref(), Some("[id]"));
        let primary = Index { primary_key: true, backs_constraint: true, ..unique(3, &[2, 1]) };
        assert_eq!(names(vec![unique(2, &[1]), primary]).as_deref(), Some("[a]]b], [id]"));
        assert_eq!(names(vec![unique(2, &[3])]), None);
        assert_eq!(names(vec![Index { filtered: true, ..unique(2, &[1]) }]), None);
        assert_eq!(names(vec![Index { disabled: true, ..unique(2, &[1]) }]), None);
        let mut nullable = table(vec![unique(2, &[1])]);
        nullable.columns[0].nullable = true;
        assert_eq!(RowKey::of(&nullable), None);
    }

    #[test]
    fn values_are_parameters_of_the_columns_type() {
        let key = RowKey::of(&table(vec![unique(2, &[1, 2])])).unwrap();
        let mut params = vec![Param::Int(1)];
        let predicate = key.predicate(&["7".into(), "'; --".into()], &mut params).unwrap();
        assert_eq!(
            predicate,
            "[id] = CAST(@P2 AS int) AND [a]]b] = CAST(@P3 COLLATE Latin1_General_CI_AS AS varchar(9))"
        );
        assert_eq!(params[1..], [Param::Text("7".into()), Param::Text("'; --".into())]);
        let error = key.predicate(&["7".into()], &mut params).unwrap_err();
        assert_eq!(error.exit_code().number(), 2);
    }
}
