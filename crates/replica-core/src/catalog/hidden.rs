//! What a login does not see of a table: rows that a security policy filters, values that are masked.
use super::column::ProtectedColumn;
use super::record::CatalogRow;
use super::table::Table;
use crate::catalog::server::ServerFacts;
use crate::error::Result;

/// Row-level security on a table, or on what a view reads, as far as this login may know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowFilters {
    /// Enabled policies that filter what is read.
    pub policies: Vec<String>,
    /// Why there may be more of them.
    pub may_be_more: Option<String>,
}

impl RowFilters {
    /// `records`: none where the server knows no such thing.
    pub fn from_records(records: &[CatalogRow]) -> Self {
        let sees_all =
            |record: &CatalogRow| record.flag("can_view_definitions") || record.flag("can_alter_policies");
        let policies = records.iter().filter_map(|record| record.text("policy_name").map(str::to_owned));
        let unseen = records.first().is_some_and(|record| !sees_all(record));
        Self {
            policies: policies.collect(),
            may_be_more: unseen
                .then(|| "it may not see policies (GRANT VIEW DEFINITION in the database)".into()),
        }
    }
}

impl Table {
    /// What is known to hide rows of a side.
    pub fn hides_rows(&self, side: &str) -> impl Iterator<Item = String> {
        let policies = self.row_filters.policies.iter();
        policies.map(move |policy| {
            format!("security policy {policy} filters the rows that the {side}'s login sees")
        })
    }

    /// Why rows of a side may be hidden that nobody knows of.
    pub fn may_hide_rows(&self, side: &str) -> Option<String> {
        let why = self.row_filters.may_be_more.as_ref()?;
        Some(format!("row-level security may hide rows of the {side} from its login: {why}"))
    }

    /// Columns that are loaded as they are, and cannot be read back so: what compares them finds a difference.
    pub fn masked_when_read_back(&self) -> impl Iterator<Item = String> {
        let masked = self.protected.iter().filter(|column| column.masked);
        masked.map(|column| {
            format!(
                "column {} is masked for the target's login, which cannot read it back (GRANT UNMASK)",
                column.name
            )
        })
    }

    /// Takes in what is known of the tables that the view reads; `Err`: why nothing is.
    pub(super) fn look_beneath(&mut self, answer: Result<Vec<CatalogRow>, String>) -> Result<()> {
        let records = match answer {
            Ok(records) => records,
            Err(reason) => {
                self.unknown.push(format!("masks on what the view reads: {reason}"));
                self.row_filters.may_be_more = Some(format!("what the view reads is not known ({reason})"));
                return Ok(());
            }
        };
        for record in records {
            let name = record.name("name")?;
            let table = || -> Result<_> {
                Ok(format!("{}.{}", record.name("schema_name")?, record.name("table_name")?))
            };
            match record.text("what") {
                Some("filter") => self.row_filters.policies.push(format!("{name} on {}", table()?)),
                Some("mask") => {
                    let collation = self.name_collation();
                    let alike =
                        self.columns.iter().find(|c| ServerFacts::same_name(collation, &c.name, &name));
                    match alike.map(|column| column.name.clone()) {
                        Some(name) => {
                            self.protected.push(ProtectedColumn { name, masked: true, encrypted: false });
                        }
                        None => self.unknown.push(format!(
                            "masks: column {name} of {}, which the view reads, is masked for this login",
                            table()?
                        )),
                    }
                }
                _ => {
                    let why = format!("the view reads another database, {name}");
                    self.unknown.push(format!("masks: {why}"));
                    self.row_filters.may_be_more = Some(why);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::CatalogValue;
    use super::super::table::sample;
    use super::*;
    use crate::catalog::SqlType;
    use crate::types::guide::column;

    fn record(cells: &[(&str, &str)]) -> CatalogRow {
        CatalogRow::new(
            cells.iter().map(|(name, text)| ((*name).to_owned(), CatalogValue::Text((*text).into()))),
        )
    }

    #[test]
    fn what_may_not_be_seen_is_said() {
        assert_eq!(RowFilters::from_records(&[]), RowFilters::default());
        let seen = record(&[("can_view_definitions", "0"), ("can_alter_policies", "1")]);
        assert_eq!(RowFilters::from_records(&[seen]), RowFilters::default());
        let partly = record(&[("policy_name", "p"), ("can_view_definitions", "0")]);
        let mut table = sample("dbo.t");
        table.row_filters = RowFilters::from_records(&[partly]);
        let known: Vec<String> = table.hides_rows("source").collect();
        assert_eq!(known, ["security policy p filters the rows that the source's login sees"]);
        assert!(
            table.may_hide_rows("source").unwrap().contains("may hide rows of the source from its login")
        );
    }

    #[test]
    fn a_view_hides_what_its_tables_hide() {
        let mut view = sample("dbo.v");
        view.columns = vec![column("Email", &SqlType::Int), column("id", &SqlType::Int)];
        let beneath = |what, name| {
            record(&[("what", what), ("schema_name", "s"), ("table_name", "people"), ("name", name)])
        };
        let answer = vec![
            beneath("filter", "p"),
            beneath("mask", "email"),
            beneath("mask", "phone"),
            record(&[("what", "elsewhere"), ("name", "other")]),
        ];
        view.look_beneath(Ok(answer)).unwrap();
        assert_eq!(view.row_filters.policies, ["p on s.people"]);
        assert_eq!(view.row_filters.may_be_more.as_deref(), Some("the view reads another database, other"));
        assert_eq!(view.protected[0].name, "Email");
        assert!(view.unknown[0].contains("column phone of s.people"), "{:?}", view.unknown);

        let mut view = sample("dbo.v");
        view.look_beneath(Err("denied".into())).unwrap();
        assert!(view.may_hide_rows("source").unwrap().contains("not known (denied)"));
    }
}
