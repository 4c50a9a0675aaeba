//! Keys and indexes.
use super::{Compared, Deviation, Element, Mend, Paired, Severity, paired};
use crate::catalog::quote;
use crate::config::Feature;
use crate::schema::ddl;
use crate::schema::definition::{Backs, Compression, IndexDefinition, same_name};
use crate::schema::expression;
use crate::schema::statement::{Cost, DdlStatement};

pub(crate) fn deviations(pair: &Compared<'_>) -> Vec<Deviation> {
    let is_key = |index: &IndexDefinition| index.backs == Backs::PrimaryKey;
    let Paired { pairs, left } = paired(
        &pair.wanted.indexes,
        &pair.found.indexes,
        &[
            &|wanted, found| is_key(wanted) && is_key(found),
            &|wanted, found| same_name(&found.name.name, &wanted.name.name),
            &|wanted, found| found.backs == wanted.backs && is_same(found, wanted),
        ],
    );
    let mut all = Vec::new();
    let mut missing = Vec::new();
    for (wanted, found) in pairs {
        match found {
            Some(found) => all.extend(both(pair, wanted, found)),
            None => missing.push(wanted),
        }
    }
    all.extend(missing.into_iter().map(|wanted| missing_index(pair, wanted)));
    // Disabled, it refuses nothing.
    let left = left.into_iter().filter(|index| !index.disabled);
    let (keys, others): (Vec<_>, Vec<_>) = left.partition(|index| index.backs == Backs::PrimaryKey);
    for extra in others.into_iter().filter(|index| index.unique) {
        let what = "unique at the target alone: it refuses rows that the source may have";
        all.push(Deviation::new(Element::Index, &extra.name.name, Severity::Index, what));
    }
    for extra in keys {
        let what = "a primary key at the target alone: it refuses rows that the source may have";
        all.push(Deviation::new(Element::Index, &extra.name.name, Severity::Key, what));
    }
    all.extend(heap(pair));
    all
}

/// Do they hold the same? The order of what an index carries beside its keys means nothing.
fn is_same(one: &IndexDefinition, other: &IndexDefinition) -> bool {
    let mut included: [Vec<String>; 2] =
        [one, other].map(|index| index.included.iter().map(|c| c.to_lowercase()).collect());
    included.iter_mut().for_each(|columns| columns.sort_unstable());
    let keys = |index: &IndexDefinition| {
        let mut keys: Vec<_> =
            index.keys.iter().map(|key| (key.column.to_lowercase(), key.descending)).collect();
        if index.is_columnstore() {
            keys.sort_unstable();
        }
        // All columns, whatever they are.
        if index.is_columnstore() && index.is_clustered() { Vec::new() } else { keys }
    };
    let filter = match (&one.filter, &other.filter) {
        (Some(one), Some(other)) => expression::same(one, other),
        (one, other) => one.is_none() && other.is_none(),
    };
    one.kind == other.kind
        && one.unique == other.unique
        && one.ignores_duplicates == other.ignores_duplicates
        && keys(one) == keys(other)
        && included[0] == included[1]
        && filter
}

fn both(pair: &Compared<'_>, wanted: &IndexDefinition, found: &IndexDefinition) -> Option<Deviation> {
    let name = &found.name.name;
    if found.backs != wanted.backs || !is_same(found, wanted) {
        let severity = if wanted.backs == Backs::PrimaryKey && keys(wanted) != keys(found) {
            Severity::Key
        } else {
            Severity::Index
        };
        let difference = Deviation::new(
            Element::Index,
            name,
            severity,
            format!("{}, wanted {}", described(found), described(wanted)),
        );
        let again = found.backs == Backs::Nothing
            && wanted.backs == Backs::Nothing
            && found.is_clustered() == wanted.is_clustered()
            && found.is_columnstore() == wanted.is_columnstore()
            && same_name(name, &wanted.name.name);
        return Some(if again {
            difference.mend(Mend::Asked, vec![ddl::index_again(pair.found, wanted)])
        } else {
            difference
        });
    }
    let rebuild = format!("ALTER INDEX {} ON {} REBUILD", quote(name), pair.found.name.quoted());
    let (what, rebuild) = if found.disabled {
        let what = "disabled: a load does that for a while, and show-replica-status tells which".to_owned();
        (what, DdlStatement::new(Cost::Build, rebuild))
    } else if wanted.compression != found.compression && pair.policy.has(Feature::Compression) {
        let (is, to) = (compression(found.compression), compression(wanted.compression));
        let sql = format!("{rebuild} WITH (DATA_COMPRESSION = {to})");
        (format!("compression {is}, wanted {to}"), DdlStatement::new(Cost::Rewrite, sql))
    } else {
        return None;
    };
    Some(Deviation::new(Element::Index, name, Severity::Index, what).mend(Mend::Asked, vec![rebuild]))
}

fn heap(pair: &Compared<'_>) -> Option<Deviation> {
    let (wanted, found) = (pair.wanted.compression, pair.found.compression);
    let heaps = pair.wanted.clustered().is_none() && pair.found.clustered().is_none();
    if !heaps || wanted == found || !pair.policy.has(Feature::Compression) {
        return None;
    }
    let what = format!("compression {}, wanted {}", compression(found), compression(wanted));
    let sql = format!(
        "ALTER TABLE {} REBUILD WITH (DATA_COMPRESSION = {})",
        pair.found.name.quoted(),
        compression(wanted)
    );
    let rebuild = DdlStatement::new(Cost::Rewrite, sql);
    Some(
        Deviation::new(Element::Table, &pair.found.name.name, Severity::Index, what)
            .mend(Mend::Asked, vec![rebuild]),
    )
}

fn missing_index(pair: &Compared<'_>, wanted: &IndexDefinition) -> Deviation {
    let severity = if wanted.backs == Backs::PrimaryKey { Severity::Key } else { Severity::Index };
    let difference = Deviation::new(
        Element::Index,
        &wanted.name.name,
        severity,
        format!("the target lacks it: {}", described(wanted)),
    );
    let statement = ddl::index(pair.found, wanted);
    let clustered = pair.found.clustered().map(|index| index.name.name.clone());
    let nullable =
        wanted.keys.iter().filter_map(|key| pair.found.column(&key.column)).find(|column| column.nullable);
    match (wanted.is_clustered(), clustered, nullable) {
        _ if wanted.columns().any(|column| pair.found.column(column).is_none()) => {
            let mut difference = difference.mend(Mend::ByHand, vec![statement]);
            difference.blocked_by = vec!["a column that is missing".into()];
            difference
        }
        (_, _, Some(column)) if wanted.backs == Backs::PrimaryKey => {
            let mut difference = difference.mend(Mend::ByHand, vec![statement]);
            difference.blocked_by = vec![format!("column {}, which may have NULL", column.name)];
            difference
        }
        (true, Some(index), _) => {
            let mut difference = difference.mend(Mend::ByHand, vec![statement]);
            difference.blocked_by = vec![format!("index {index}, which is clustered")];
            difference
        }
        // The rows are sorted anew.
        (true, None, _) => {
            difference.mend(Mend::Asked, vec![DdlStatement { cost: Cost::Rewrite, ..statement }])
        }
        (false, ..) => difference.mend(Mend::Create, vec![statement]),
    }
}

fn keys(index: &IndexDefinition) -> Vec<(String, bool)> {
    index.keys.iter().map(|key| (key.column.to_lowercase(), key.descending)).collect()
}

fn described(index: &IndexDefinition) -> String {
    let kind = match index.backs {
        Backs::PrimaryKey => "primary key",
        Backs::UniqueConstraint => "unique constraint",
        Backs::Nothing if index.unique => "unique index",
        Backs::Nothing if index.is_columnstore() => "columnstore index",
        Backs::Nothing => "index",
    };
    let clustered = if index.is_clustered() { "clustered " } else { "" };
    if index.is_columnstore() && index.is_clustered() {
        return format!("{clustered}{kind}");
    }
    let keys: Vec<String> = index
        .keys
        .iter()
        .map(|key| format!("{}{}", key.column, if key.descending { " DESC" } else { "" }))
        .collect();
    let mut text = format!("{clustered}{kind} on {}", keys.join(", "));
    if !index.included.is_empty() {
        text.push_str(&format!(" with {}", index.included.join(", ")));
    }
    if let Some(filter) = &index.filter {
        text.push_str(&format!(" where {filter}"));
    }
    text
}

fn compression(of: Compression) -> &'static str {
    match of {
        Compression::None => "NONE",
        Compression::Row => "ROW",
        Compression::Page => "PAGE",
        Compression::Columnstore => "COLUMNSTORE",
        Compression::ColumnstoreArchive => "COLUMNSTORE_ARCHIVE",
    }
}
