//! The JSON Schema of `replica.toml`, made from the types that read it: editors complete the file by it.
//!
//! Most types derive theirs, with the comments on their fields. Here are those that read values in ways of their own.
use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::file::RawConfig;
use super::file::endpoint::Scalar;
use super::{Feature, Secret, Shrink};

/// Of draft 7, which editors know.
pub fn json_schema() -> Value {
    let schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<RawConfig>();
    let mut schema = schema.to_value();
    schema["title"] = "replica.toml".into();
    schema
}

/// The schema of a type that reads a value in a way of its own.
macro_rules! reads {
    ($type:ty, $($schema:tt)+) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($($schema)+)
            }
        }
    };
}

reads!(Scalar, { "type": ["string", "integer", "boolean"] });
reads!(Secret, { "type": "string" });
reads!(Shrink, { "anyOf": [{ "type": "boolean" }, { "type": "integer", "minimum": 0, "maximum": 100 }] });
reads!(Feature, { "type": "string", "enum": Feature::names().collect::<Vec<_>>() });
