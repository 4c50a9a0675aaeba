//! Columns: their types, what fills them, and what else they are.
use super::constraints::constraint_name;
use super::{SchemaQuestion, Within, question};
use crate::catalog::SqlType;
use crate::catalog::record::CatalogRow;
use crate::catalog::sql_type::Described;
use crate::error::Result;
use crate::schema::definition::{ColumnDefinition, ComputedBy, DefaultDefinition, IdentityRange};

pub(super) fn columns<'a>(
    within: &Within<'_>,
    about: &impl Fn(SchemaQuestion) -> &'a [CatalogRow],
) -> Result<Vec<ColumnDefinition>> {
    let of = |question: SchemaQuestion, id: i64| {
        about(question).iter().find(|record| record.int("column_id") == Some(id))
    };
    let mut columns = Vec::new();
    for record in about(question::COLUMNS) {
        let (id, name): (i64, String) = (record.number("column_id")?, record.name("name")?);
        // A column that was dropped from a ledger table stays under another name (Microsoft docs, "sys.columns").
        if record.flag("is_dropped_ledger_column") {
            continue;
        }
        let mut column = column(record, name)?;
        if let Some(identity) = of(question::IDENTITIES, id) {
            let number = |column| identity.text(column).unwrap_or("1").to_owned();
            column.identity = Some(IdentityRange { seed: number("seed"), increment: number("increment") });
        }
        if let Some(computed) = of(question::COMPUTED, id) {
            let what = || format!("the expression of the computed column {}", column.name);
            let expression = within.text(computed, "definition", what)?;
            column.computed = Some(ComputedBy { expression, persisted: computed.flag("is_persisted") });
        }
        if let Some(default) = of(question::DEFAULTS, id) {
            let expression =
                within.text(default, "definition", || format!("the default of column {}", column.name))?;
            column.default = Some(DefaultDefinition { name: constraint_name(default)?, expression });
        } else if record.int("default_object_id").is_some_and(|id| id != 0) {
            column.traits.push("bound default".into());
        }
        columns.push(column);
    }
    Ok(columns)
}

fn column(record: &CatalogRow, name: String) -> Result<ColumnDefinition> {
    let number = |column: &str| record.int(column).unwrap_or_default();
    let type_name = record.text("type_name").unwrap_or("a type without a name");
    let alias = record.flag("is_user_defined") && !record.flag("is_assembly_type");
    let base = record.text("base_name").filter(|_| alias).unwrap_or(type_name);
    let sql_type = SqlType::of(Described {
        type_name,
        base_name: record.text("base_name"),
        user_defined: record.flag("is_user_defined"),
        assembly: record.flag("is_assembly_type"),
        max_length: record.number("max_length").map_err(|error| error.column(&name))?,
        precision: number("precision").clamp(0, 255) as u8,
        scale: number("scale").clamp(0, 255) as u8,
    });
    let mut traits = Vec::new();
    let mut has = |is: bool, what: String| traits.extend(is.then_some(what));
    has(alias, format!("the alias type {type_name}"));
    has(number("xml_collection_id") != 0, "an XML schema collection".into());
    has(number("rule_object_id") != 0, "a rule".into());
    has(record.flag("is_rowguidcol"), "ROWGUIDCOL".into());
    has(record.flag("is_filestream"), "FILESTREAM".into());
    has(record.flag("is_sparse"), "SPARSE".into());
    has(record.flag("is_column_set"), "a column set".into());
    has(number("generated_always_type") != 0, "GENERATED ALWAYS".into());
    has(record.flag("is_masked"), "a mask".into());
    has(record.int("encryption_type").is_some(), "Always Encrypted".into());
    let pads = matches!(
        sql_type,
        SqlType::Char(_) | SqlType::VarChar(_) | SqlType::Binary(_) | SqlType::VarBinary(_)
    );
    has(pads && record.int("is_ansi_padded") == Some(0), "ANSI_PADDING OFF".into());
    Ok(ColumnDefinition {
        collation: record.text("collation_name").filter(|_| sql_type.is_text()).map(str::to_owned),
        numeric: base.eq_ignore_ascii_case("numeric"),
        nullable: record.flag("is_nullable"),
        identity: None,
        computed: None,
        default: None,
        sql_type,
        name,
        traits,
    })
}
