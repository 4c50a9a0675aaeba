//! Which names are near a mistyped one.
use super::name::TableName;

/// At most this many suggestions.
const MOST: usize = 3;

/// The names nearest to `wanted`, best first: those of the same name in another schema, and those a few
/// letters away.
pub(crate) fn near<'a>(wanted: &TableName, names: &'a [TableName]) -> Vec<&'a TableName> {
    let target = wanted.name.to_lowercase();
    let limit = 1 + target.chars().count() / 4;
    let mut scored: Vec<_> = names
        .iter()
        .map(|name| (distance(&target, &name.name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= limit)
        .collect();
    scored.sort();
    scored.into_iter().take(MOST).map(|(_, name)| name).collect()
}

/// Levenshtein's distance: the fewest letters put in, taken out or replaced.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, r) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(l != *r);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_off_or_another_schema_is_near() {
        let names: Vec<TableName> = ["dbo.Airports", "dbo.Airlines", "sales.Airport", "dbo.Flights"]
            .map(|n| n.parse().unwrap())
            .into();
        let found = |wanted: &str| {
            near(&wanted.parse().unwrap(), &names).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(found("dbo.airport"), ["sales.Airport", "dbo.Airports"]);
        assert_eq!(found("Fligths"), ["dbo.Flights"]);
        assert!(found("weather").is_empty());
    }
}
