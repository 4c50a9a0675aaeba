//! The JSON Schema of replica.toml takes what the tools take, and refuses what they refuse.
use std::path::Path;

use replica_testkit::Program;
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_replica-manual");

fn schema() -> Value {
    let folder = tempfile::TempDir::new().unwrap();
    Program::new(BINARY).run(&[folder.path().to_str().unwrap()]).exits(0);
    let text = std::fs::read_to_string(folder.path().join("replica.schema.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// What of JSON Schema (draft 7) the schema makes use of; any other keyword fails the test.
fn complaint(schema: &Value, of: &Value, value: &Value) -> Option<String> {
    let Some(rules) = of.as_object() else { return (*of != Value::Bool(true)).then(|| format!("{value}")) };
    let list = |rule: &Value| rule.as_array().cloned().unwrap_or_default();
    for (word, rule) in rules {
        let complaint = match word.as_str() {
            "$schema" | "title" | "description" | "default" | "format" | "definitions" | "uniqueItems" => {
                None
            }
            "$ref" => {
                let path = rule.as_str().unwrap().trim_start_matches('#');
                complaint(schema, schema.pointer(path).unwrap_or_else(|| panic!("{path}")), value)
            }
            "type" => {
                let kind = match value {
                    Value::Null => "null",
                    Value::Bool(_) => "boolean",
                    Value::Number(_) => "integer",
                    Value::String(_) => "string",
                    Value::Array(_) => "array",
                    Value::Object(_) => "object",
                };
                let kinds = if rule.is_array() { list(rule) } else { vec![rule.clone()] };
                (!kinds.iter().any(|one| one == kind)).then(|| format!("{value} is no {rule}"))
            }
            "enum" => (!list(rule).contains(value)).then(|| format!("{value} is not in {rule}")),
            "const" => (rule != value).then(|| format!("{value} is not {rule}")),
            "minimum" => {
                value.as_i64().filter(|n| *n < rule.as_i64().unwrap()).map(|n| format!("{n} < {rule}"))
            }
            "maximum" => {
                value.as_i64().filter(|n| *n > rule.as_i64().unwrap()).map(|n| format!("{n} > {rule}"))
            }
            "anyOf" | "oneOf" => {
                let complaints: Vec<_> = list(rule).iter().map(|one| complaint(schema, one, value)).collect();
                complaints.iter().all(Option::is_some).then(|| format!("{value}: {complaints:?}"))
            }
            "allOf" => list(rule).iter().find_map(|one| complaint(schema, one, value)),
            "items" => {
                value.as_array().and_then(|items| items.iter().find_map(|item| complaint(schema, rule, item)))
            }
            "properties" => value.as_object().and_then(|object| {
                object.iter().find_map(|(key, value)| {
                    complaint(schema, rule.get(key)?, value).map(|why| format!("{key}: {why}"))
                })
            }),
            "additionalProperties" => value.as_object().and_then(|object| {
                let known = rules.get("properties");
                let mut others =
                    object.iter().filter(|(key, _)| known.is_none_or(|known| known.get(key).is_none()));
                others.find_map(|(key, value)| {
                    complaint(schema, rule, value).map(|why| format!("{key}: {why}"))
                })
            }),
            "required" => list(rule)
                .iter()
                .find(|key| value.get(key.as_str().unwrap()).is_none())
                .map(ToString::to_string),
            other => panic!("a keyword that the test does not know: {other}"),
        };
        if complaint.is_some() {
            return complaint;
        }
    }
    None
}

fn of_toml(schema: &Value, text: &str) -> Option<String> {
    let value: toml::Table = toml::from_str(text).unwrap();
    complaint(schema, schema, &serde_json::to_value(value).unwrap())
}

/// Every block of TOML in the documents, and the sample, as far as it is a configuration.
fn samples() -> Vec<(String, String)> {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let sample = std::fs::read_to_string(docs.join("deploy/replica.toml")).unwrap();
    let mut samples = vec![("deploy/replica.toml".to_owned(), sample)];
    for page in ["CONNECTING.md", "ETL.md", "SCHEMA.md"] {
        let text = std::fs::read_to_string(docs.join(page)).unwrap();
        for block in text.split("```toml").skip(1) {
            let block = block.split_once('\n').unwrap().1.split("```").next().unwrap();
            samples.push((page.to_owned(), block.to_owned()));
        }
    }
    assert!(samples.len() > 3, "{samples:?}");
    samples
}

/// Editors and the man page show what is said of a key.
#[test]
fn every_key_is_explained() {
    let schema = schema();
    let of = |of: &Value| of["properties"].as_object().cloned().unwrap_or_default();
    let definitions = schema["definitions"].as_object().unwrap().values();
    let all = definitions.chain([&schema]).flat_map(of);
    let unexplained: Vec<_> =
        all.filter(|(_, key)| !key["description"].is_string()).map(|(name, _)| name).collect();
    assert!(unexplained.is_empty(), "{unexplained:?}");
}

#[test]
fn the_documents_samples_are_accepted() {
    let schema = schema();
    for (page, text) in samples() {
        assert_eq!(of_toml(&schema, &text), None, "{page}\n{text}");
    }
}

/// Schema and tools agree, on what is refused and on what is not.
#[test]
fn what_nobody_knows_is_refused() {
    let schema = schema();
    let tool = Path::new(BINARY).with_file_name("verify-replica");
    let login = "user = 'u'\npassword = 'p'\n";
    let complete = format!("[source]\nserver = 'h'\n{login}");
    for (text, is_accepted) in [
        ("", true),
        ("no_such_key = 1", false),
        ("[no_such_table]\na = 1", false),
        ("[source]\nserver = 'h'\nsever = 'h'", false),
        ("[etl]\nlook_back = 1", false),
        ("[etl]\nlook_back_days = 'one'", false),
        ("[etl]\nallow_shrink = 101", false),
        ("[etl]\nallow_shrink = true\napply = 'difference'\nschema = 'safe'", true),
        ("[etl]\napply = 'diff'", false),
        ("[schema]\nkeep = ['identity', 'foreign-keys']", true),
        ("[schema]\nkeep = ['triggers']", false),
        ("[tables.'dbo.t']\nchunk_size = 7\nwhere = 'a = 1'\nexclude_columns = ['b']", true),
        ("[tables.'dbo.t']\nchunk = 7", false),
        ("[groups]\nsmall = ['dbo.t']", true),
        ("reference_tables = 'dbo.t'", false),
        ("[source]\nserver = 'h'\nport = 70000", false),
        (
            "[source]\nserver = 'h'\nuser = 'u'\nencrypt = false\nconnect_timeout = 5\npassword_env = 'PATH'",
            true,
        ),
    ] {
        assert_eq!(of_toml(&schema, text).is_none(), is_accepted, "{text}: {:?}", of_toml(&schema, text));
        // The tool reads the file before it finds that no table is named on stdin.
        let source = if text.contains("[source]") { "" } else { &complete };
        let both = format!("{text}\n{source}\n[target]\nserver = 'h'\n{login}");
        let run = Program::new(&tool).file("replica.toml", &both).run(&["-"]).exits(2);
        assert_eq!(run.stderr.contains("no table is named"), is_accepted, "{text}\n{run}");
    }
}
