//! Result lines for people: a table of what they have in common, sorted, with what is long on lines of its own.
use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use super::record::{Record, RecordValue};
use super::{human_bytes, human_count, human_duration, one_line};

/// What would make every line too long: it stands below its line.
const BELOW: [&str; 6] = ["error", "left_out", "blocked_by", "statement", "key", "value"];
/// Longer values get no more room than this; what comes after them stands further to the right.
const WIDEST: usize = 40;
/// What both sides have: one column where they have the same in every line, and of hashes in any case.
const PAIRS: [(&str, &str, &str); 3] = [
    ("source_rows", "target_rows", "rows"),
    ("source_type", "target_type", "type"),
    ("source_hash", "target_hash", "hash"),
];

/// The table of these lines.
pub(super) fn table(records: &[Record], coloured: bool) -> String {
    let mut records: Vec<&Record> = records.iter().collect();
    records.sort_by_cached_key(|record| record.place());
    let columns = columns(&records);
    let mut out = String::new();
    if columns.is_empty() {
        return out;
    }
    let head: Vec<TextCell> =
        columns.iter().map(|column| TextCell { text: column.title.clone(), ..TextCell::default() }).collect();
    line(&mut out, &columns, &head, false);
    for (row, record) in records.iter().enumerate() {
        let cells: Vec<TextCell> = columns.iter().map(|column| column.cells[row].clone()).collect();
        line(&mut out, &columns, &cells, coloured);
        for (name, value) in record.values().filter(|(name, _)| BELOW.contains(name)) {
            match (*name, cell(value)) {
                (_, None) => {}
                ("error", Some(text)) => _ = writeln!(out, "  {text}"),
                (name, Some(text)) => _ = writeln!(out, "  {}: {text}", name.replace('_', " ")),
            }
        }
        record.details().for_each(|detail| _ = writeln!(out, "  {}", one_line(detail)));
    }
    out
}

#[derive(Clone, Default)]
struct TextCell {
    text: String,
    style: Style,
}

struct TextColumn {
    title: String,
    to_the_right: bool,
    /// One for each line.
    cells: Vec<TextCell>,
    width: usize,
}

impl TextColumn {
    /// `None`: no line has anything to say there.
    fn new(name: &str, values: &[Option<&RecordValue>], cells: Vec<TextCell>) -> Option<Self> {
        let says_nothing = |cell: &TextCell| cell.text.is_empty();
        let nothing_counted = values
            .iter()
            .all(|value| matches!(value, None | Some(RecordValue::Missing | RecordValue::Count(0))));
        if cells.iter().all(says_nothing) || (nothing_counted && !name.contains("rows")) {
            return None;
        }
        let title = title(name);
        let widths = cells.iter().map(|cell| cell.text.chars().count()).chain([title.chars().count()]);
        let width = widths.filter(|width| *width <= WIDEST).max().unwrap_or_default();
        let is_number = |value: &RecordValue| {
            matches!(
                value,
                RecordValue::Count(_)
                    | RecordValue::Bytes(_)
                    | RecordValue::Number(_)
                    | RecordValue::Seconds(_)
                    | RecordValue::Rate(_)
            )
        };
        Some(Self {
            title,
            to_the_right: values.iter().flatten().any(|value| is_number(value)),
            cells,
            width,
        })
    }
}

fn columns(records: &[&Record]) -> Vec<TextColumn> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in records.iter().flat_map(|record| record.values()) {
        if !names.contains(name) && !BELOW.contains(name) {
            names.push(name);
        }
    }
    let values = |name: &str| -> Vec<Option<&RecordValue>> {
        records.iter().map(|record| record.value(name)).collect()
    };
    let mut columns = Vec::new();
    for name in names {
        let of_name = values(name);
        let pair = PAIRS.iter().find(|(source, target, _)| *source == name || *target == name);
        let (title, cells) = match pair {
            Some((source, target, both)) => {
                let (sources, targets) = (values(source), values(target));
                let same =
                    |(source, target): (&Option<&RecordValue>, &Option<&RecordValue>)| source == target;
                let all_same = sources.iter().zip(&targets).all(same);
                if !all_same && *both != "hash" {
                    (name, of_name.iter().map(|value| plain(*value)).collect())
                } else if name == *target {
                    continue;
                } else {
                    (
                        *both,
                        sources
                            .iter()
                            .zip(&targets)
                            .map(|(source, target)| both_of(*source, *target))
                            .collect(),
                    )
                }
            }
            None => (name, of_name.iter().map(|value| word(name, *value)).collect()),
        };
        columns.extend(TextColumn::new(title, &of_name, cells));
    }
    columns
}

fn plain(value: Option<&RecordValue>) -> TextCell {
    TextCell { text: value.and_then(cell).unwrap_or_default(), style: Style::new() }
}

/// How it went has a colour.
fn word(name: &str, value: Option<&RecordValue>) -> TextCell {
    let mut shown = plain(value);
    if matches!(name, "outcome" | "status" | "severity") {
        let colour = match shown.text.as_str() {
            "different" | "failed" | "refused" | "drift" | "missing" | "error" => Some(AnsiColor::Red),
            "behind" | "newer" | "skipped" | "warning" => Some(AnsiColor::Yellow),
            "ok" | "equal" | "same" | "done" | "rebuilt" | "unchanged" => Some(AnsiColor::Green),
            _ => None,
        };
        shown.style = Style::new().fg_color(colour.map(Into::into));
    }
    shown
}

/// One value where both are the same. Two hashes are as much as shows that they are two.
fn both_of(source: Option<&RecordValue>, target: Option<&RecordValue>) -> TextCell {
    if source == target {
        return plain(source);
    }
    let short = |value| plain(value).text.chars().take(8).collect::<String>();
    TextCell { text: format!("{}.. {}..", short(source), short(target)), style: Style::new() }
}

fn line(out: &mut String, columns: &[TextColumn], cells: &[TextCell], coloured: bool) {
    let mut text = String::new();
    for (TextColumn { to_the_right, width, .. }, TextCell { text: cell, style }) in columns.iter().zip(cells)
    {
        let blanks = " ".repeat(width.saturating_sub(cell.chars().count()));
        let between = if text.is_empty() { "" } else { "  " };
        let (before, after) = if *to_the_right { (blanks.as_str(), "") } else { ("", blanks.as_str()) };
        let _ = if coloured {
            write!(text, "{between}{before}{style}{cell}{style:#}{after}")
        } else {
            write!(text, "{between}{before}{cell}{after}")
        };
    }
    let _ = writeln!(out, "{}", text.trim_end());
}

fn title(name: &str) -> String {
    match name {
        "rows_per_s" => "rows/s".to_owned(),
        "seconds" => "time".to_owned(),
        "bytes" => "size".to_owned(),
        name => name.replace('_', " "),
    }
}

fn cell(value: &RecordValue) -> Option<String> {
    Some(match value {
        RecordValue::Text(text) => one_line(text),
        RecordValue::Count(count) => human_count(*count),
        RecordValue::Bytes(bytes) => human_bytes(*bytes),
        RecordValue::Seconds(duration) => human_duration(*duration),
        RecordValue::Rate(rate) => human_count(rate.round() as u64),
        RecordValue::Hash(hash) => format!("{hash:032x}"),
        RecordValue::Number(number) => number.to_string(),
        RecordValue::Missing => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::window::{KeyRange, KeyValue};

    fn text(text: &str) -> RecordValue {
        if text.is_empty() { RecordValue::Missing } else { RecordValue::Text(text.into()) }
    }

    fn copied(table: &str, window: &str, rows: u64, error: &str) -> Record {
        let done = error.is_empty();
        let if_done = |value| if done { value } else { RecordValue::Missing };
        Record::new()
            .with("table", text(table))
            .with("window", text(window))
            .with("outcome", text(if done { "ok" } else { "failed" }))
            .with("rows", if_done(RecordValue::Count(rows)))
            .with("bytes", if_done(RecordValue::Bytes(rows * 100)))
            .with("seconds", RecordValue::Seconds(Duration::from_millis(1_300)))
            .with("rows_per_s", if_done(RecordValue::Rate(rows as f64 / 1.3)))
            .with("hash", if_done(RecordValue::Hash(0xAB)))
            .with("error", text(error))
            .with("retries", RecordValue::Count(0))
    }

    #[test]
    fn lines_are_sorted_and_aligned_and_say_no_more_than_they_must() {
        let records = [
            copied("dbo.flights", "2013-02", 336_776, ""),
            copied("dbo.airlines", "", 16, ""),
            copied("dbo.flights", "2013-01", 1, "dbo.flights:\na deadlock"),
        ];
        let expected = "\
table         window   outcome     rows     size  time   rows/s  hash
dbo.airlines           ok            16   1.6 kB  1.3s       12  000000000000000000000000000000ab
dbo.flights   2013-01  failed                     1.3s
  dbo.flights: a deadlock
dbo.flights   2013-02  ok       336,776  33.7 MB  1.3s  259,058  000000000000000000000000000000ab
";
        assert_eq!(table(&records, false), expected);
        assert_eq!(table(&[], false), "");
    }

    #[test]
    fn ranges_stand_in_the_order_of_the_key() {
        let boundaries = ["9", "10", "100"].map(|key| [KeyValue::new(key)].into());
        let mut records: Vec<_> = KeyRange::between(boundaries.to_vec())
            .into_iter()
            .map(|range| Record::new().with("table", text("dbo.t")).with_window(Some(&range.into())))
            .collect();
        records.reverse();
        let shown = table(&records, false);
        let ranges: Vec<_> = shown.lines().skip(1).map(|line| line.trim_start_matches("dbo.t  ")).collect();
        assert_eq!(ranges, ["[.., 9)", "[9, 10)", "[10, 100)", "[100, ..)"]);
    }

    fn compared(table: &str, outcome: &str, rows: [u64; 2], hashes: [u128; 2]) -> Record {
        Record::new()
            .with("table", text(table))
            .with("outcome", text(outcome))
            .with("source_rows", RecordValue::Count(rows[0]))
            .with("target_rows", RecordValue::Count(rows[1]))
            .with("missing", RecordValue::Count(rows[0].saturating_sub(rows[1])))
            .with("extra", RecordValue::Count(0))
            .with("source_hash", RecordValue::Hash(hashes[0]))
            .with("target_hash", RecordValue::Hash(hashes[1]))
    }

    #[test]
    fn what_both_sides_have_stands_once() {
        let equal = compared("dbo.a", "equal", [5, 5], [0xAB, 0xAB]);
        let expected = "\
table  outcome  rows  hash
dbo.a  equal       5  000000000000000000000000000000ab
";
        assert_eq!(table(std::slice::from_ref(&equal), false), expected);
        let different = compared("dbo.b", "different", [1_000, 999], [0xAB << 96, 0xCD << 96]);
        let different = different.with_details(["missing: id=7".to_owned()]);
        let expected = "\
table  outcome    source rows  target rows  missing  hash
dbo.a  equal                5            5        0  000000000000000000000000000000ab
dbo.b  different        1,000          999        1  000000ab.. 000000cd..
  missing: id=7
";
        assert_eq!(table(&[different, equal], false), expected);
    }

    #[test]
    fn what_is_wrong_is_red() {
        let lines = table(&[compared("dbo.b", "different", [1, 1], [1, 2])], true);
        assert!(lines.contains("\u{1b}[31mdifferent\u{1b}[0m"), "{lines:?}");
        // What a server sends has no hold of the terminal.
        let lines = table(&[copied("dbo.\u{1b}[2J", "", 1, "")], false);
        assert!(!lines.contains('\u{1b}'), "{lines:?}");
    }
}
