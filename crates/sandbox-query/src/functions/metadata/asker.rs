//! What a function may look at while SQLite runs it: the catalog, with the asker's permissions.
use super::{variant, variant_int};
use sandbox_catalog::login::default_schema;
use sandbox_catalog::permissions::{self, ObjectKey};
use sandbox_catalog::schema::{Database, Instance, Table};
use sandbox_session::Engine;
use sandbox_session::product;
use sandbox_sql::tokens::{ObjectName, SourceText};
use sandbox_transactions::locks::SessionId;
use sandbox_values::{CollationId, Value};
use std::sync::Arc;

const TEMPDB: i16 = 2;

/// What such a function may look at while SQLite runs it.
pub struct Asker {
    pub engine: Arc<Engine>,
    pub session: SessionId,
    pub database: i16,
    pub login: String,
}

/// An object that a name means, as far as the asker may see it.
pub struct FoundObject {
    pub target: ObjectKey,
    pub kind: &'static str,
    pub table: Option<Arc<Table>>,
    pub database: i16,
}

impl Asker {
    /// What a test has this function answer for its last argument.
    pub fn planted(&self, function: &str, arguments: &[Value]) -> Option<Option<String>> {
        let last = match arguments.last() {
            Some(Value::Int(number)) => number.to_string(),
            Some(text) => super::string(text),
            None => String::new(),
        };
        self.engine.sandbox.planted_answer(function, &last)
    }

    pub fn here<'i>(&self, instance: &'i Instance) -> Option<&'i Database> {
        instance.databases.get(&self.database)
    }

    pub fn object(&self, instance: &Instance, name: &str) -> Option<FoundObject> {
        let name = object_name(name)?;
        if name.name.starts_with('#') {
            let table = instance.databases.get(&TEMPDB)?.temporary_table(self.session, &name.name)?;
            let target = ObjectKey::from(&**table);
            return Some(FoundObject { target, kind: "U", table: Some(Arc::clone(table)), database: TEMPDB });
        }
        let home = match &name.database {
            Some(wanted) => database(instance, wanted)?,
            None => self.here(instance)?,
        };
        let schemas = match &name.schema {
            Some(schema) => vec![home.schema_id(schema)?],
            None => vec![default_schema(&permissions::rights(instance, home, &self.login), home), 1],
        };
        let named = |schema: i32| home.objects().find(|o| o.1 == schema && home.same_name(o.2, &name.name));
        let (object_id, schema_id, _, kind) = schemas.into_iter().find_map(named)?;
        let table = home.tables.get(&object_id).cloned();
        let found =
            FoundObject { target: ObjectKey { object_id, schema_id }, kind, table, database: home.id };
        permissions::rights(instance, home, &self.login).sees(found.target).then_some(found)
    }

    /// A system view, which everyone may read.
    pub fn system_view(&self, instance: &Instance, name: &str) -> Option<ObjectKey> {
        let name = object_name(name)?;
        let view = sandbox_views::find(self.here(instance)?, name.schema.as_deref()?, &name.name)?;
        Some(ObjectKey { object_id: view.object_id, schema_id: 4 })
    }

    /// Schema and name.
    pub fn by_id(&self, instance: &Instance, id: i64, database: Option<i64>) -> Option<(String, String)> {
        let home = match database {
            Some(id) => instance.databases.get(&i16::try_from(id).ok()?)?,
            None => self.here(instance)?,
        };
        let id = i32::try_from(id).ok()?;
        let temporary = home.tables.get(&id).map(|t| (t.schema_id, t.name.as_str()));
        let own = || home.objects().find(|object| object.0 == id).map(|object| (object.1, object.2));
        let (schema, name) = temporary.or_else(own)?;
        let seen = permissions::rights(instance, home, &self.login)
            .sees(ObjectKey { object_id: id, schema_id: schema });
        seen.then(|| (home.schema_name(schema).to_owned(), name.to_owned()))
    }

    pub fn table_by_id(&self, instance: &Instance, id: i64) -> Option<Arc<Table>> {
        self.here(instance)?.tables.get(&i32::try_from(id).ok()?).cloned()
    }

    pub fn server_property(&self, name: &str) -> Option<Value> {
        let server = self.engine.options.server_name.as_str();
        Some(match name.to_lowercase().as_str() {
            "servername" | "machinename" | "computernamephysicalnetbios" => variant(server),
            "productversion" => variant(&product::version()),
            "productmajorversion" => variant(&product::MAJOR.to_string()),
            "productminorversion" => variant(&product::MINOR.to_string()),
            "productbuild" => variant(&product::BUILD.to_string()),
            "productlevel" => variant("RTM"),
            "edition" => variant("replica-sandbox"),
            // 3 is Enterprise and Developer: all features.
            "engineedition" => variant_int(3),
            "collation" => variant(&CollationId::SERVER_DEFAULT.get().name),
            "isintegratedsecurityonly"
            | "isclustered"
            | "ishadrenabled"
            | "isfulltextinstalled"
            | "issingleuser"
            | "isxtpsupported"
            | "ispolybaseinstalled" => variant_int(0),
            "instancename" => return None,
            _ => return None,
        })
    }
}

fn object_name(text: &str) -> Option<ObjectName> {
    let source = SourceText::new(text).ok()?;
    let mut cursor = source.cursor();
    let name = cursor.expect_object_name().ok()?;
    cursor.is_done().then_some(name)
}

pub fn database<'i>(instance: &'i Instance, name: &str) -> Option<&'i Database> {
    instance.database(name.trim_end())
}
