//! The answers to the catalog questions, put together.
use super::article::Article;
use super::column::{Column, ProtectedColumn};
use super::constraint::{CheckConstraint, ForeignKey, Trigger};
use super::hidden::RowFilters;
use super::index::{Index, Partition};
use super::kind::Special;
use super::question::{self, CatalogQuestion};
use super::record::CatalogRow;
use super::server::ServerFacts;
use super::table::{Object, Table};
use crate::error::{Error, Result};

/// The answer to each question of [`question::ALL`], in that order; `Err` says in one line why there is none.
pub(crate) type Answers = Vec<Result<Vec<CatalogRow>, String>>;

/// Makes a table of the answers; `Ok(None)` when there is no such table, or it may not be seen.
/// What is missing is noted in [`Table::unknown`]; only the object and its columns cannot be done without.
pub(crate) fn assemble(answers: Answers) -> Result<Option<Table>> {
    let mut answers = CatalogAnswers { answers, unknown: Vec::new() };
    let Some(mut object) = answers.required(question::TABLE)?.first().map(Object::from_record).transpose()?
    else {
        return Ok(None);
    };
    let kind = answers.optional(question::KIND).unwrap_or_default();
    object.special = kind.first().and_then(Special::from_record).or(object.special);
    let within = |error: Error| error.table(&object.name);
    let columns = read(&answers.required(question::COLUMNS).map_err(within)?, Column::from_record);
    let server = answers.optional(question::SERVER).and_then(|records| records.into_iter().next());
    // There may be no row: without VIEW ANY DATABASE a login sees those it owns (Microsoft docs on that permission; those
    // on sys.databases have it see the one it is connected to, always).
    let database = answers.optional(question::DATABASE).and_then(|records| records.into_iter().next());
    let database = database.unwrap_or_default();
    let keys = answers.optional(question::INDEX_COLUMNS);
    let indexes = answers.optional(question::INDEXES).zip(keys).map(|(indexes, keys)| {
        let mut indexes = read(&indexes, Index::from_record)?;
        indexes.iter_mut().try_for_each(|index| index.take_columns(&keys))?;
        Ok(indexes)
    });
    let foreign_keys = answers.optional(question::FOREIGN_KEYS).map(|r| read(&r, ForeignKey::from_record));
    let checks = answers.optional(question::CHECKS).map(|r| read(&r, CheckConstraint::from_record));
    let triggers = answers.optional(question::TRIGGERS).map(|r| read(&r, Trigger::from_record));
    let partitions = answers.optional(question::PARTITIONS).map(|r| read(&r, Partition::from_record));
    let protected = answers.optional(question::PROTECTION).unwrap_or_default();
    let protected = read(&protected, ProtectedColumn::from_record).map_err(within)?;
    let filters = match answers.take(question::POLICIES) {
        Ok(records) => RowFilters::from_records(&records),
        Err(reason) => RowFilters { may_be_more: Some(reason), ..RowFilters::default() },
    };
    Ok(Some(Table {
        server: server
            .map(|server| ServerFacts::from_records(&server, &database))
            .transpose()
            .map_err(within)?,
        columns: columns.map_err(within)?,
        indexes: indexes.transpose().map_err(within)?,
        foreign_keys: foreign_keys.transpose().map_err(within)?,
        acting_keys: Vec::new(),
        checks: checks.transpose().map_err(within)?,
        triggers: triggers.transpose().map_err(within)?,
        partitions: partitions.transpose().map_err(within)?,
        protected: protected.into_iter().filter(|column| column.masked || column.encrypted).collect(),
        row_filters: filters,
        unknown: answers.unknown,
        told_at_once: false,
        fingerprint: None,
        article: Article::default(),
        excluded: Vec::new(),
        object,
    }))
}

fn read<T>(records: &[CatalogRow], from: impl Fn(&CatalogRow) -> Result<T>) -> Result<Vec<T>> {
    records.iter().map(from).collect()
}

/// Is it a synonym, which stands for something?
pub(crate) fn is_synonym(answers: &Answers) -> bool {
    let records = of_object(answers).and_then(|answer| answer.as_ref().ok());
    let kind = records.and_then(|records| records.first()?.text("object_type"));
    kind.is_some_and(|kind| kind.trim() == "SN")
}

/// What a list with one thing for each question has for that of the object.
pub(super) fn of_object<T>(answers: &[T]) -> Option<&T> {
    let position = question::ALL.iter().position(|question| *question == question::TABLE);
    answers.get(position?)
}

struct CatalogAnswers {
    answers: Answers,
    unknown: Vec<String>,
}

impl CatalogAnswers {
    fn take(&mut self, question: CatalogQuestion) -> Result<Vec<CatalogRow>, String> {
        let position = question::ALL.iter().position(|q| *q == question);
        let answer = position.and_then(|position| self.answers.get_mut(position));
        answer.map_or_else(|| Err("no answer".into()), |answer| std::mem::replace(answer, Ok(Vec::new())))
    }

    fn required(&mut self, question: CatalogQuestion) -> Result<Vec<CatalogRow>> {
        self.take(question).map_err(|reason| {
            Error::data(format!("the catalog does not tell {}: {reason}", question.topic))
                .remedy("The login needs VIEW DEFINITION on the table, or any permission on it")
        })
    }

    fn optional(&mut self, question: CatalogQuestion) -> Option<Vec<CatalogRow>> {
        match self.take(question) {
            Ok(records) => Some(records),
            Err(reason) => {
                self.unknown.push(format!("{}: {reason}", question.topic));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::CatalogValue;
    use super::*;

    fn record(cells: &[(&str, CatalogValue)]) -> CatalogRow {
        CatalogRow::new(cells.iter().map(|(name, cell)| ((*name).to_owned(), cell.clone())))
    }

    fn text(text: &str) -> CatalogValue {
        CatalogValue::Text(text.into())
    }

    fn answer(answers: &mut Answers, question: CatalogQuestion) -> &mut Result<Vec<CatalogRow>, String> {
        let at = question::ALL.iter().position(|one| *one == question).unwrap();
        &mut answers[at]
    }

    fn answers() -> Answers {
        let mut answers: Answers = question::ALL.iter().map(|_| Ok(Vec::new())).collect();
        *answer(&mut answers, question::TABLE) = Ok(vec![record(&[
            ("object_id", CatalogValue::Int(5)),
            ("schema_name", text("dbo")),
            ("table_name", text("t")),
            ("object_type", text("U")),
        ])]);
        *answer(&mut answers, question::COLUMNS) = Ok(vec![record(&[
            ("column_id", CatalogValue::Int(1)),
            ("column_name", text("id")),
            ("type_name", text("int")),
            ("max_length", CatalogValue::Int(4)),
        ])]);
        answers
    }

    #[test]
    fn no_object_is_no_table() {
        let nothing = question::ALL.iter().map(|_| Ok(Vec::new())).collect();
        assert!(assemble(nothing).unwrap().is_none());
    }

    #[test]
    fn what_a_server_lacks_is_noted_and_the_rest_is_learnt() {
        let mut given = answers();
        let server = [
            ("server_name", text("S")),
            ("database_name", text("d")),
            ("is_babelfish", CatalogValue::Int(1)),
        ];
        *answer(&mut given, question::SERVER) = Ok(vec![record(&server)]);
        *answer(&mut given, question::DATABASE) = Err("Invalid object name 'sys.databases'.".into());
        *answer(&mut given, question::TRIGGERS) = Err("Invalid object name 'sys.triggers'.".into());
        *answer(&mut given, question::POLICIES) = Err("denied".into());
        let table = assemble(given).unwrap().unwrap();
        assert_eq!(table.columns.len(), 1);
        let server = table.server.as_ref().unwrap();
        assert!(server.babelfish && !server.allows_snapshot && server.database_created.is_empty());
        assert!(table.triggers.is_none());
        assert_eq!(table.row_filters.may_be_more.as_deref(), Some("denied"));
        assert_eq!(table.foreign_keys.as_deref(), Some(&[][..]));
        assert_eq!(
            table.unknown,
            [
                "database options: Invalid object name 'sys.databases'.",
                "triggers: Invalid object name 'sys.triggers'."
            ]
        );
    }

    #[test]
    fn a_special_table_is_known_by_what_its_server_has() {
        for (column, value, special) in [
            ("is_node", 1, Some(Special::Node)),
            ("is_edge", 1, Some(Special::Edge)),
            ("is_filetable", 1, Some(Special::FileTable)),
            ("is_external", 1, Some(Special::External)),
            ("ledger_type", 1, Some(Special::LedgerHistory)),
            ("ledger_type", 2, Some(Special::UpdatableLedger)),
            ("ledger_type", 3, Some(Special::AppendOnlyLedger)),
            ("ledger_type", 0, None),
        ] {
            let mut given = answers();
            *answer(&mut given, question::KIND) = Ok(vec![record(&[(column, CatalogValue::Int(value))])]);
            assert_eq!(assemble(given).unwrap().unwrap().object.special, special, "{column} {value}");
        }
    }

    #[test]
    fn what_is_no_table_is_called_by_its_name() {
        for (object_type, called) in [("P ", "a stored procedure"), ("SN", "a synonym"), ("??", "some other")]
        {
            let mut given = answers();
            *answer(&mut given, question::TABLE) = Ok(vec![record(&[
                ("object_id", CatalogValue::Int(5)),
                ("schema_name", text("dbo")),
                ("table_name", text("t")),
                ("object_type", text(object_type)),
            ])]);
            assert_eq!(is_synonym(&given), object_type == "SN");
            let error = assemble(given).unwrap_err().to_string();
            assert!(error.contains(called) && error.contains("neither a table nor a view"), "{error}");
        }
    }

    #[test]
    fn columns_cannot_be_done_without() {
        let mut given = answers();
        *answer(&mut given, question::COLUMNS) = Err("denied".into());
        let error = assemble(given).unwrap_err().to_string();
        assert!(error.contains("columns: denied") && error.contains("VIEW DEFINITION"), "{error}");
    }

    #[test]
    fn index_keys_follow_their_ordinals_and_the_rest_is_included_or_neither() {
        let mut given = answers();
        let index = [
            ("index_id", CatalogValue::Int(1)),
            ("index_name", text("pk")),
            ("index_type", CatalogValue::Int(1)),
        ];
        *answer(&mut given, question::INDEXES) = Ok(vec![record(&index)]);
        let key = |column, ordinal, descending| {
            record(&[
                ("index_id", CatalogValue::Int(1)),
                ("column_id", CatalogValue::Int(column)),
                ("key_ordinal", CatalogValue::Int(ordinal)),
                ("is_descending_key", CatalogValue::Int(descending)),
                ("is_included_column", CatalogValue::Int((column == 5).into())),
            ])
        };
        *answer(&mut given, question::INDEX_COLUMNS) =
            Ok(vec![key(7, 2, 1), key(3, 1, 0), key(5, 0, 0), key(9, 0, 0)]);
        let table = assemble(given).unwrap().unwrap();
        let index = table.base_index().unwrap();
        let keys = index.keys.iter().map(|k| (k.column_id, k.descending)).collect::<Vec<_>>();
        assert_eq!((keys, &index.included[..]), (vec![(3, false), (7, true)], &[5][..]));
    }
}
