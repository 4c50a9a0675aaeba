//! COLUMNPROPERTY, OBJECTPROPERTY, DATABASEPROPERTYEX, COLLATIONPROPERTY.
use super::{column, flag, variant, variant_int};
use sandbox_catalog::schema::{Database, Index, LoginRecord, Table};
use sandbox_values::{CollationId, Value};

pub fn column_property(table: &Table, name: &str, property: &str) -> Option<Value> {
    let column = column(table, name)?;
    Some(match property.to_lowercase().as_str() {
        "allowsnull" => flag(column.nullable),
        "columnid" | "ordinal" => Value::Int(column.column_id.into()),
        "iscomputed" => flag(column.computed.is_some()),
        "isidentity" => flag(column.identity),
        "isrowguidcol" => flag(column.rowguidcol),
        "generatedalwaystype" => Value::Int(column.generated_always.into()),
        "precision" => Value::Int(column.sql_type.precision().into()),
        "scale" => Value::Int(column.sql_type.scale().into()),
        "charmaxlen" => Value::Int(column.sql_type.max_length().into()),
        "issparse" => flag(column.sparse),
        "ishidden" | "isidnotforrepl" | "iscolumnset" | "isfulltextindexed" | "isxmlindexable" => flag(false),
        _ => return None,
    })
}

pub fn object_property(database: &Database, id: i32, property: &str) -> Option<Value> {
    let property = property.to_lowercase();
    if let Some(view) = database.views.get(&id) {
        return Some(match property.as_str() {
            "isindexed" => flag(!view.indexes.is_empty()),
            "isschemabound" => flag(view.bound_to.is_some()),
            "isview" => flag(true),
            other => return module_property(other),
        });
    }
    if database.functions.contains_key(&id) {
        return Some(match property.as_str() {
            "isinlinefunction" | "istablefunction" => flag(true),
            "isschemabound" => flag(database.functions[&id].bound_to.is_some()),
            other => return module_property(other),
        });
    }
    let Some(table) = database.tables.get(&id) else { return part_property(database, id, &property) };
    Some(match property.as_str() {
        // Neither option is kept: tables are made under both, and no row is stored so.
        "isquotedidenton" | "isansinullson" => flag(true),
        "tablehasvardecimalstorageformat" => flag(false),
        "istable" | "isusertable" => flag(true),
        "isview" | "isprocedure" | "ismsshipped" | "issystemtable" => flag(false),
        "tableismemoryoptimized" => flag(table.memory_optimized.is_some()),
        "tabletemporaltype" => Value::Int(0),
        "tablehasidentity" => flag(table.identity.is_some()),
        "tablehasprimarykey" => flag(table.primary_key().is_some()),
        "tablehasforeignkey" => flag(!table.foreign_keys.is_empty()),
        "tablehasforeignref" => {
            flag(database.tables.values().any(|t| t.foreign_keys.iter().any(|f| f.references == id)))
        }
        "tablehasdeletetrigger" => flag(has_trigger(table, "DELETE")),
        "tablehasinserttrigger" => flag(has_trigger(table, "INSERT")),
        "tablehasupdatetrigger" => flag(has_trigger(table, "UPDATE")),
        "tablehasclustindex" => flag(table.base_index().is_some_and(|i| i.index_id == 1)),
        "tablehasindex" => flag(table.indexes.iter().any(|i| i.index_id > 0)),
        "tablehasuniquecnst" => {
            flag(table.indexes.iter().any(|i| i.backs == sandbox_catalog::schema::Backs::UniqueConstraint))
        }
        "schemaid" => Value::Int(table.schema_id.into()),
        "ownerid" => Value::Int(1),
        _ => return None,
    })
}

/// Of what has a text: all are written under both options, and in clear.
fn module_property(property: &str) -> Option<Value> {
    Some(flag(match property {
        "execisquotedidenton" | "execisansinullson" => true,
        "isencrypted" | "ismsshipped" | "istable" | "isusertable" | "issystemtable" | "isview"
        | "isprocedure" => false,
        "isinlinefunction" | "istablefunction" | "isscalarfunction" | "istrigger" | "isindexed" => false,
        _ => return None,
    }))
}

/// Of a trigger or a constraint.
fn part_property(database: &Database, id: i32, property: &str) -> Option<Value> {
    let table = |t: &&std::sync::Arc<Table>| t.triggers.iter().any(|g| g.object_id == id);
    if let Some(trigger) =
        database.tables.values().find(table).and_then(|t| t.triggers.iter().find(|g| g.object_id == id))
    {
        return Some(match property {
            "istrigger" => flag(true),
            "execistriggerdisabled" => flag(trigger.disabled),
            "execisinsteadoftrigger" => flag(trigger.instead_of),
            "execisaftertrigger" => flag(!trigger.instead_of),
            "execisfirstinserttrigger"
            | "execisfirstupdatetrigger"
            | "execisfirstdeletetrigger"
            | "execislastinserttrigger"
            | "execislastupdatetrigger"
            | "execislastdeletetrigger"
            | "execistriggernotforrepl" => flag(false),
            other => return module_property(other),
        });
    }
    let constraint = |t: &std::sync::Arc<Table>| {
        t.indexes.iter().any(|i| i.object_id == id)
            || t.checks.iter().any(|c| c.object_id == id)
            || t.foreign_keys.iter().any(|f| f.object_id == id)
            || t.columns.iter().any(|c| c.default.as_ref().is_some_and(|d| d.object_id == id))
    };
    if id == 0 || !database.tables.values().any(constraint) {
        return None;
    }
    match property {
        "isconstraint" => Some(flag(true)),
        other => module_property(other),
    }
}

fn has_trigger(table: &Table, event: &str) -> bool {
    table.triggers.iter().any(|trigger| trigger.events.iter().any(|e| e == event))
}

pub fn database_property(database: &Database, property: &str) -> Option<Value> {
    Some(match property.to_lowercase().as_str() {
        "collation" => variant(&database.collation.get().name),
        "status" => variant("ONLINE"),
        "updateability" => variant(if database.read_only { "READ_ONLY" } else { "READ_WRITE" }),
        "useraccess" => variant("MULTI_USER"),
        "recovery" => variant(match database.recovery_model {
            1 => "FULL",
            2 => "BULK_LOGGED",
            _ => "SIMPLE",
        }),
        "version" => variant_int(957),
        "lcid" => variant_int(database.collation.get().lcid as i64),
        "sqlsortorder" => variant_int(database.collation.get().sort_id.into()),
        "isansinullsenabled" | "isinstandby" | "isautoclose" | "isautoshrink" | "isfulltextenabled" => {
            variant_int(0)
        }
        _ => return None,
    })
}

/// Microsoft docs, "INDEXPROPERTY". There are no statistics without an index, and no depth is known.
pub fn index_property(index: &Index, property: &str) -> Option<Value> {
    use sandbox_catalog::schema::IndexKind::{Clustered, ClusteredColumnstore, NonclusteredColumnstore};
    Some(match property.to_lowercase().as_str() {
        "indexid" => Value::Int(index.index_id.into()),
        "indexfillfactor" => Value::Int(0),
        "isclustered" => flag(matches!(index.kind, Clustered | ClusteredColumnstore)),
        "iscolumnstore" => flag(matches!(index.kind, ClusteredColumnstore | NonclusteredColumnstore)),
        "isdisabled" => flag(index.disabled),
        "isunique" => flag(index.unique),
        "isautostatistics"
        | "isfulltextkey"
        | "ishypothetical"
        | "ispadindex"
        | "ispagelockdisallowed"
        | "isrowlockdisallowed"
        | "isstatistics"
        | "isoptimizedforsequentialkey" => flag(false),
        _ => return None,
    })
}

/// There are no policies for passwords, and their hashes are not shown.
pub fn login_property(login: &LoginRecord, property: &str) -> Option<Value> {
    Some(match property.to_lowercase().as_str() {
        "isexpired" | "islocked" | "ismustchange" | "badpasswordcount" => variant_int(0),
        "defaultdatabase" => variant(&login.default_database),
        "defaultlanguage" => variant("us_english"),
        _ => return None,
    })
}

pub fn collation_property(name: &str, property: &str) -> Option<Value> {
    let collation = CollationId::by_name(name).ok()?.get();
    let ignores = |sensitive: bool, bit: i64| if sensitive { 0 } else { bit };
    Some(match property.to_lowercase().as_str() {
        "codepage" => variant_int(collation.code_page.into()),
        "lcid" => variant_int(collation.lcid.into()),
        "version" => variant_int(collation.version.into()),
        // Microsoft docs, COLLATIONPROPERTY: ignore case 1, accents 2, kana 65536, width 131072.
        "comparisonstyle" if collation.order == sandbox_values::collation::Order::Linguistic => variant_int(
            ignores(collation.case_sensitive, 1)
                + ignores(collation.accent_sensitive, 2)
                + ignores(collation.kana_sensitive, 65_536)
                + ignores(collation.width_sensitive, 131_072),
        ),
        "comparisonstyle" => variant_int(0),
        _ => return None,
    })
}
