//! The page of the configuration, replica.toml(5), made from its JSON Schema.
use roff::{Roff, bold, italic, roman};
use serde_json::{Map, Value};

use crate::page::{begin, entry, section};

/// The page of a file with this schema.
pub fn page(schema: &Value) -> String {
    let mut page = begin("replica.toml", "5");
    section(&mut page, "NAME");
    page.text([roman("replica.toml - the configuration of the replica tools")]);
    section(&mut page, "DESCRIPTION");
    page.text([roman(
        "A file of TOML. All tools read the same one: that which --config or REPLICA_CONFIG names, or the first that is \
         there in the current folder, in ~/.config/replica and in /etc/replica. A key that nobody knows is an error. \
         Relative paths count from the folder of the file. Options on the command line win.",
    )]);
    let (plain, tables): (Vec<_>, Vec<_>) =
        properties(schema).into_iter().partition(|(_, of)| keys_of(schema, of).is_none());
    section(&mut page, "KEYS AT THE TOP");
    plain.into_iter().for_each(|(key, of)| key_entry(&mut page, schema, key, of));
    for (name, of) in tables {
        let Some((by_name, keys)) = keys_of(schema, of) else { continue };
        section(&mut page, &if by_name { format!("[{name}.\"schema.table\"]") } else { format!("[{name}]") });
        page.text([roman(description(of))]);
        for (key, of) in properties(keys) {
            key_entry(&mut page, schema, key, of);
        }
    }
    section(&mut page, "SEE ALSO");
    page.text([bold("replica"), roman("(7)")]);
    page.render()
}

fn key_entry(page: &mut Roff, schema: &Value, key: &str, of: &Value) {
    let value = what(schema, of);
    entry(page, vec![bold(key), roman(" = "), italic(value)], description(of));
}

fn properties(of: &Value) -> Vec<(&String, &Value)> {
    of.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::iter).collect()
}

fn description(of: &Value) -> &str {
    of.get("description").and_then(Value::as_str).unwrap_or_default()
}

/// What a value is where it says so by a reference, alone or as one of several.
fn resolved<'a>(schema: &'a Value, of: &'a Value) -> &'a Value {
    let several = ["allOf", "anyOf"].into_iter().find_map(|word| of.get(word)).and_then(Value::as_array);
    let reference = |of: &'a Value| of.get("$ref").and_then(Value::as_str);
    let found = reference(of).or_else(|| several.into_iter().flatten().find_map(reference));
    found.and_then(|path| schema.pointer(path.trim_start_matches('#'))).unwrap_or(of)
}

/// The keys of a table; `true`: each table of it has a name of the user's own.
fn keys_of<'a>(schema: &'a Value, of: &'a Value) -> Option<(bool, &'a Value)> {
    let is = |of: &Value| of.get("properties").is_some();
    let own = resolved(schema, of);
    if is(own) {
        return Some((false, own));
    }
    let named = resolved(schema, own.get("additionalProperties")?);
    is(named).then_some((true, named))
}

/// What a value may be.
fn what(schema: &Value, of: &Value) -> String {
    let of = resolved(schema, of);
    let texts = |word: &str| of.get(word).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let named: Vec<String> =
        texts("enum").iter().filter_map(Value::as_str).map(|text| format!("\"{text}\"")).collect();
    if !named.is_empty() {
        return named.join(" | ");
    }
    let alternatives: Vec<String> = [texts("oneOf"), texts("anyOf")]
        .concat()
        .iter()
        .map(|one| match one.get("const").and_then(Value::as_str) {
            Some(text) => format!("\"{text}\""),
            None => what(schema, one),
        })
        .filter(|text| !text.is_empty())
        .collect();
    if !alternatives.is_empty() {
        return alternatives.join(" | ");
    }
    let kinds: Vec<&str> = match of.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let words = kinds.into_iter().filter_map(|kind| match kind {
        "string" => Some("text".to_owned()),
        "integer" => Some("number".to_owned()),
        "boolean" => Some("true | false".to_owned()),
        "array" => of.get("items").map(|items| format!("[{}, ...]", what(schema, items))),
        "object" => {
            of.get("additionalProperties").map(|value| format!("{{ name = {} }}", what(schema, value)))
        }
        _ => None,
    });
    words.collect::<Vec<_>>().join(" | ")
}
