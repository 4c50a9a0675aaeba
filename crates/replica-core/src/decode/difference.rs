//! How two values of one column differ, for people.
use std::fmt::Write;

use super::value::{Text, Value};

/// Two values that are not equal, so short that both fit a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Around the first difference where the value is long; see `note`.
    pub left: String,
    /// The other side's part, cut in the same way.
    pub right: String,
    /// What the two do not show by themselves; may be empty.
    pub note: String,
}

/// So much of a long value is shown before the first difference, and after it.
pub(super) const BEFORE: usize = 10;
pub(super) const AFTER: usize = 40;

/// `None`: they are equal, byte for byte.
pub fn difference(left: &Value<'_>, right: &Value<'_>) -> Option<Difference> {
    if left.is_same(right) {
        return None;
    }
    Some(match (left, right) {
        (Value::Variant(one, left), Value::Variant(other, right)) => {
            let mut inner = difference(left, right).unwrap_or_else(|| plain(left, right, String::new()));
            if one != other {
                inner.note = format!("{one} and {other}");
            }
            inner
        }
        (Value::Text(left), Value::Text(right)) => texts(*left, *right),
        (Value::Binary(left), Value::Binary(right)) => {
            let at = left.iter().zip(*right).take_while(|(l, r)| l == r).count();
            let window = |bytes: &[u8]| hex_around(bytes, at);
            let note = note_of_bytes(at as u64, [left.len() as u64, right.len() as u64]);
            Difference { left: window(left), right: window(right), note }
        }
        (Value::DateTimeOffset(one, _), Value::DateTimeOffset(other, _)) if one == other => {
            plain(left, right, "the same moment".into())
        }
        (Value::Decimal(one), Value::Decimal(other)) if one.magnitude == 0 && other.magnitude == 0 => {
            plain(left, right, "zeros of another sign or scale".into())
        }
        _ => plain(left, right, String::new()),
    })
}

impl Value<'_> {
    /// Equality of bytes: a NaN is itself, and the two zeros are not each other.
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Real(left), Value::Real(right)) => left.to_bits() == right.to_bits(),
            (Value::Float(left), Value::Float(right)) => left.to_bits() == right.to_bits(),
            (Value::Variant(one, left), Value::Variant(other, right)) => one == other && left.is_same(right),
            (left, right) => left == right,
        }
    }
}

fn plain(left: &Value<'_>, right: &Value<'_>, note: String) -> Difference {
    let show = |value: &Value<'_>| match value {
        Value::Text(text) => window(&text.lossy().chars().collect::<Vec<_>>(), 0),
        Value::Binary(bytes) => hex_around(bytes, 0),
        value => value.to_string(),
    };
    Difference { left: show(left), right: show(right), note }
}

fn texts(left: Text<'_>, right: Text<'_>) -> Difference {
    let (one, other) = (left.lossy(), right.lossy());
    let note = if one == other {
        "the same characters in other bytes"
    } else if one.trim_end_matches(' ') == other.trim_end_matches(' ') {
        "trailing blanks"
    } else if one.to_lowercase() == other.to_lowercase() {
        "upper and lower case"
    } else {
        ""
    };
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let at = one.iter().zip(&other).take_while(|(l, r)| l == r).count();
    let note = note_of_texts(at as u64, [one.len() as u64, other.len() as u64], note);
    Difference { left: window(&one, at), right: window(&other, at), note }
}

/// Of values that have their first `same` bytes in common.
pub(super) fn note_of_bytes(same: u64, [left, right]: [u64; 2]) -> String {
    format!("from byte {} on, of {left} and {right}", same + 1)
}

/// Of texts that have their first `same` characters in common.
pub(super) fn note_of_texts(same: u64, [left, right]: [u64; 2], note: &str) -> String {
    let mut place = format!("from character {} on, of {left} and {right}", same + 1);
    if !note.is_empty() {
        let _ = write!(place, ": {note}");
    }
    place
}

fn window(chars: &[char], at: usize) -> String {
    let from = if is_far(at as u64) { at - BEFORE } else { 0 };
    let shown = chars.get(from..).unwrap_or_default();
    let length = (at - from + AFTER).min(shown.len());
    quoted(from > 0, &shown[..length], length < shown.len())
}

/// Of a text whose first `same` characters are the other's, too: `before` has the last of these, `after` the first of `rest`
/// others.
pub(super) fn shown_text(same: u64, before: &str, after: &str, rest: u64) -> String {
    let before: Vec<char> = before.chars().collect();
    let from = if is_far(same) { before.len().saturating_sub(BEFORE) } else { 0 };
    let shown: Vec<char> = before[from..].iter().copied().chain(after.chars().take(AFTER)).collect();
    quoted(is_far(same), &shown, rest > AFTER as u64)
}

/// Whether the beginning is not shown.
fn is_far(same: u64) -> bool {
    same > (BEFORE + AFTER) as u64
}

/// In quotes, so that blanks show; control characters are escaped, so that it stays a line.
fn quoted(is_later: bool, shown: &[char], goes_on: bool) -> String {
    let mut text = String::from(if is_later { "…'" } else { "'" });
    for c in shown {
        if c.is_control() { text.extend(c.escape_default()) } else { text.push(*c) }
    }
    text.push_str(if goes_on { "'…" } else { "'" });
    text
}

fn hex_around(bytes: &[u8], at: usize) -> String {
    let from = if is_far(at as u64) { at - BEFORE } else { 0 };
    let shown = bytes.get(from..).unwrap_or_default();
    let length = (at - from + AFTER).min(shown.len());
    hex(from > 0, shown[..length].iter(), length < shown.len())
}

/// As [`shown_text`].
pub(super) fn shown_bytes(same: u64, before: &[u8], after: &[u8], rest: u64) -> String {
    let from = if is_far(same) { before.len().saturating_sub(BEFORE) } else { 0 };
    hex(is_far(same), before[from..].iter().chain(after.iter().take(AFTER)), rest > AFTER as u64)
}

fn hex<'a>(is_later: bool, shown: impl Iterator<Item = &'a u8>, goes_on: bool) -> String {
    let mut text = String::from(if is_later { "…" } else { "0x" });
    for byte in shown {
        let _ = write!(text, "{byte:02X}");
    }
    text.push_str(if goes_on { "…" } else { "" });
    text
}
