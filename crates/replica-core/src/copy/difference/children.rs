//! Rows of other tables that foreign keys would delete or change with those of this one.
use super::apply::ApplyStep;
use crate::catalog::TableName;
use crate::catalog::constraint::ReferentialAction;
use crate::catalog::record::CatalogRow;
use crate::error::{Error, Result};
use crate::plan::{DifferencePlan, Plan};
use crate::read;
use crate::report::human_count;
use crate::session::Session;

/// A foreign key that points at the target and acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CascadingKey {
    name: String,
    table: TableName,
    on_delete: ReferentialAction,
    on_update: ReferentialAction,
    /// Its columns, and those of the target that they point at.
    pairs: Vec<(String, String)>,
}

/// What is about to happen to rows of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum On {
    Delete,
    /// Their key gets other bytes.
    Update,
}

impl CascadingKey {
    fn acts(&self, on: On) -> Option<String> {
        let (verb, action) = match on {
            On::Delete => ("DELETE", self.on_delete),
            On::Update => ("UPDATE", self.on_update),
        };
        (action != ReferentialAction::NoAction)
            .then(|| format!("{} of {} (ON {verb} {action})", self.name, self.table))
    }
}

/// The keys that act by now, whatever the plan has seen of them.
///
/// # Errors
/// The server's.
pub(super) async fn acting(target: &mut Session, plan: &Plan) -> Result<Vec<CascadingKey>> {
    if !plan.strategy.keys.known {
        return Ok(Vec::new());
    }
    let rows = target.query(DifferencePlan::acting_keys(), &[&plan.target.quoted().as_str()]).await?;
    let mut keys: Vec<CascadingKey> = Vec::new();
    for row in &rows {
        let row = CatalogRow::from(row);
        let (name, table) =
            (row.name("name")?, TableName::new(&row.name("schema_name")?, &row.name("table_name")?));
        let pair = (row.name("from_column")?, row.name("to_column")?);
        match keys.last_mut().filter(|key| key.name == name && key.table == table) {
            Some(key) => key.pairs.push(pair),
            None => keys.push(CascadingKey {
                name,
                table,
                on_delete: ReferentialAction::from_record(&row, "on_delete"),
                on_update: ReferentialAction::from_record(&row, "on_update"),
                pairs: vec![pair],
            }),
        }
    }
    Ok(keys)
}

/// Refuses what would reach rows of other tables, unless it may.
///
/// # Errors
/// There are such rows, or the server does not let us count them.
pub(super) async fn none_reached(
    target: &mut Session,
    step: &ApplyStep<'_>,
    keys: &[CascadingKey],
    on: On,
    staged: &str,
    may: bool,
) -> Result<()> {
    let mut reached = Vec::new();
    for key in keys.iter().filter(|key| key.table != step.plan.target) {
        let Some(by) = key.acts(on) else { continue };
        let count = step.difference.count_children(&key.table, &key.pairs, staged);
        let rows = read::count(target.lane()?, count).await.map_err(|error| {
            error
                .within(format_args!(
                    "counting the rows of {} that foreign key {} would reach",
                    key.table, key.name
                ))
                .remedy(format!("GRANT SELECT on {} to the target's login", key.table))
        })?;
        if rows > 0 {
            reached.push(format!("{} rows of {} by {by}", human_count(rows), key.table));
        }
    }
    if reached.is_empty() {
        return Ok(());
    }
    let reached = reached.join(", ");
    if may {
        log::warn!("{}: with rows of this table go or change {reached} (--allow-cascade)", step.what);
        return Ok(());
    }
    let gone = match on {
        On::Delete => "rows that are gone at the source would take rows of other tables along",
        On::Update => "keys whose case or blanks differ would change rows of other tables",
    };
    Err(Error::data(format!("{gone}: {reached}")).remedy(
        "Bring these tables in step first, or let their rows go with --allow-cascade (allow_cascade in [tables] of replica.toml)",
    ))
}
