//! Which rows of its tables a statement sees: marks in emitted SQL, until that is known.
use sandbox_sql::hints::Hints;

/// The mark of a row's visibility in emitted SQL; `past` where rows in others' hands are passed over. No other text
/// of ours has a dollar sign: names are made up and literals are numbers and hexadecimal.
pub fn seen(alias: &str, past: bool) -> String {
    format!("${}({alias})", if past { "past" } else { "seen" })
}

/// Replaces the marks: by a plain test where all there is has been committed, else by the statement's eyes.
pub fn resolve_visibility(sql: &str, only_committed: bool) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once('$') {
        let (mark, after) = after.split_once(')').unwrap_or((after, ""));
        let (kind, alias) = mark.split_once('(').unwrap_or((mark, ""));
        out.push_str(before);
        if only_committed {
            out.push_str(&format!("{alias}._del IS NULL"));
        } else {
            let past = u8::from(kind == "past");
            out.push_str(&format!("vis({alias}._ins, {alias}._del, {past})"));
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// SQLite's condition that no one else has locked a row for a change; `take` locks it for this transaction.
pub fn row_lock(storage: &str, rowid: &str, hints: &Hints, take: bool) -> String {
    format!("rowlock({storage}, {rowid}, {}, {})", u8::from(hints.skips_locked()), u8::from(take))
}
