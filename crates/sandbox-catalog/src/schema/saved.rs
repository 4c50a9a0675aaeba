//! The saved form of what has none of its own.

/// Tables as a list: their ids are in them. Temporary ones end with their session and are left out.
pub mod tables {
    use super::super::table::Table;
    use serde::{Deserialize, Deserializer, Serializer};
    use std::collections::BTreeMap;
    use std::sync::Arc;

    pub fn serialize<S: Serializer>(tables: &BTreeMap<i32, Arc<Table>>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(tables.values().map(AsRef::as_ref).filter(|t| t.owner_session.is_none()))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<i32, Arc<Table>>, D::Error> {
        let tables = Vec::<Table>::deserialize(from)?;
        Ok(tables.into_iter().map(|table| (table.object_id, Arc::new(table))).collect())
    }
}
