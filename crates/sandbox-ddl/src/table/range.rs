//! Ranges of a partitioning column: what a partition takes, and what check constraints promise.
use sandbox_catalog::schema::{Column, Database, Table};
use sandbox_query::ask;
use sandbox_session::Session;
use sandbox_session::failure::Outcome;
use sandbox_sql::tokens::{Cursor, SourceText};
use sandbox_values::Value;
use sqlparser::tokenizer::Token;
use std::cmp::Ordering;

/// An end of a range, and whether it belongs to it.
pub type RangeEnd = Option<(Value, bool)>;

#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    pub low: RangeEnd,
    pub high: RangeEnd,
    /// Can the value be NULL?
    pub nulls: bool,
}

impl Range {
    /// Is everything that `other` allows allowed here?
    pub fn covers(&self, other: &Range, compare: impl Fn(&Value, &Value) -> Ordering) -> bool {
        let within = |mine: &RangeEnd, theirs: &RangeEnd, outside: Ordering| match (mine, theirs) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some((mine, closed)), Some((theirs, their_closed))) => match compare(theirs, mine) {
                Ordering::Equal => *closed || !their_closed,
                order => order != outside,
            },
        };
        within(&self.low, &other.low, Ordering::Less)
            && within(&self.high, &other.high, Ordering::Greater)
            && (self.nulls || !other.nulls)
    }

    /// Both must hold.
    fn and(&mut self, condition: Condition, compare: &impl Fn(&Value, &Value) -> Ordering) {
        let (end, value, closed, tighter) = match condition {
            Condition::NotNull => {
                self.nulls = false;
                return;
            }
            Condition::Low(value, closed) => (&mut self.low, value, closed, Ordering::Greater),
            Condition::High(value, closed) => (&mut self.high, value, closed, Ordering::Less),
        };
        let better = match end {
            None => true,
            Some((now, now_closed)) => match compare(&value, now) {
                Ordering::Equal => *now_closed && !closed,
                order => order == tighter,
            },
        };
        if better {
            *end = Some((value, closed));
        }
    }
}

enum Condition {
    Low(Value, bool),
    High(Value, bool),
    NotNull,
}

/// What the partition at that position takes. NULL goes to the first one.
pub fn of_partition(database: &Database, table: &Table, at: usize) -> Option<Range> {
    let (scheme, _) = table.partitioned_on?;
    let function = database.partition_functions.get(&database.partition_schemes.get(&scheme)?.function_id)?;
    let low = at.checked_sub(1).and_then(|n| function.boundaries.get(n)).cloned();
    let high = function.boundaries.get(at).cloned();
    let right = function.boundary_right;
    Some(Range { low: low.map(|v| (v, right)), high: high.map(|v| (v, !right)), nulls: at == 0 })
}

/// What the table's enabled and trusted check constraints promise of a column: comparisons with constants joined by
/// AND. A constraint written otherwise promises nothing.
///
/// # Errors
/// As evaluating the constants.
pub fn of_checks(session: &mut Session, table: &Table, column: &Column) -> Outcome<Range> {
    let mut range = Range { low: None, high: None, nulls: true };
    let sql_type = column.sql_type.clone();
    let order = |a: &Value, b: &Value| sandbox_values::compare::compare(a, b, &sql_type);
    for check in table.checks.iter().filter(|c| !c.disabled && !c.not_trusted) {
        let source = SourceText::new(&check.definition)?;
        let mut found = Vec::new();
        conjuncts(&source.cursor(), 0, source.lexemes.len(), &mut found);
        for (from, to) in found {
            for (operator, text) in comparisons(&source.cursor(), (from, to), &column.name) {
                if operator == "IS NOT NULL" {
                    range.and(Condition::NotNull, &order);
                    continue;
                }
                let rows = ask(session, &format!("SELECT CAST({text} AS {sql_type})"))?;
                let Some(value) = rows.into_iter().next().and_then(|row| row.into_iter().next()) else {
                    continue;
                };
                match operator {
                    "<" => range.and(Condition::High(value, false), &order),
                    "<=" => range.and(Condition::High(value, true), &order),
                    ">" => range.and(Condition::Low(value, false), &order),
                    ">=" => range.and(Condition::Low(value, true), &order),
                    _ => {
                        range.and(Condition::Low(value.clone(), true), &order);
                        range.and(Condition::High(value, true), &order);
                    }
                }
            }
        }
    }
    Ok(range)
}

/// Splits at every AND that is not inside parentheses, after taking off those around the whole. An OR anywhere makes
/// it one piece. BETWEEN's AND is not a joint.
fn conjuncts(cursor: &Cursor<'_>, mut from: usize, mut to: usize, found: &mut Vec<(usize, usize)>) {
    loop {
        let mut walk = *cursor;
        walk.set_position(from);
        match walk.expect_parenthesised() {
            Ok((inner, end)) if end + 1 == to => (from, to) = (inner, end),
            _ => break,
        }
    }
    let mut walk = *cursor;
    walk.set_position(from);
    let (mut pieces, mut start, mut between) = (Vec::new(), from, false);
    while walk.position() < to {
        let at = walk.position();
        if walk.at_token(&Token::LParen) {
            if walk.expect_parenthesised().is_err() {
                return;
            }
            continue;
        }
        if walk.at_word("OR") || walk.at_word("NOT") && !is_not_null(&walk) {
            return;
        }
        if walk.at_word("BETWEEN") {
            between = true;
        } else if walk.at_word("AND") {
            if between {
                between = false;
            } else {
                pieces.push((start, at));
                start = at + 1;
            }
        }
        walk.advance();
    }
    pieces.push((start, to));
    if pieces.len() == 1 {
        found.push(pieces[0]);
        return;
    }
    for (from, to) in pieces {
        conjuncts(cursor, from, to, found);
    }
}

fn is_not_null(walk: &Cursor<'_>) -> bool {
    let mut before = *walk;
    before.set_position(walk.position().saturating_sub(1));
    before.at_words(&["IS", "NOT", "NULL"])
}

/// `column op constant`, `constant op column`, `column BETWEEN a AND b`, `column IS NOT NULL`: the operator as if
/// the column stood on the left, and the constant's text.
fn comparisons(cursor: &Cursor<'_>, (from, to): (usize, usize), column: &str) -> Vec<(&'static str, String)> {
    let is_column = |at: usize| {
        let mut walk = *cursor;
        walk.set_position(at);
        matches!(walk.peek(), Some(Token::Word(w)) if w.value.eq_ignore_ascii_case(column))
    };
    let mut walk = *cursor;
    if is_column(from) {
        walk.set_position(from + 1);
        if walk.at_words(&["IS", "NOT", "NULL"]) && from + 4 == to {
            return vec![("IS NOT NULL", String::new())];
        }
        if walk.take_word("BETWEEN") {
            let low = walk.position();
            while walk.position() < to && !walk.at_word("AND") {
                walk.advance();
            }
            let middle = walk.position();
            return vec![
                (">=", cursor.text(low, middle).to_owned()),
                ("<=", cursor.text(middle + 1, to).to_owned()),
            ];
        }
        let Some(operator) = walk.advance().and_then(operator) else { return Vec::new() };
        let start = walk.position();
        return vec![(operator, cursor.text(start, to).to_owned())];
    }
    if to > from + 2 && is_column(to - 1) {
        walk.set_position(to - 2);
        let turned = match walk.peek().and_then(operator) {
            Some("<") => ">",
            Some("<=") => ">=",
            Some(">") => "<",
            Some(">=") => "<=",
            Some(_) => "=",
            None => return Vec::new(),
        };
        return vec![(turned, cursor.text(from, to - 2).to_owned())];
    }
    Vec::new()
}

fn operator(token: &Token) -> Option<&'static str> {
    match token {
        Token::Lt => Some("<"),
        Token::LtEq => Some("<="),
        Token::Gt => Some(">"),
        Token::GtEq => Some(">="),
        Token::Eq => Some("="),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(low: Option<(i64, bool)>, high: Option<(i64, bool)>, nulls: bool) -> Range {
        let end = |e: Option<(i64, bool)>| e.map(|(n, closed)| (Value::Int(n), closed));
        Range { low: end(low), high: end(high), nulls }
    }

    fn order(a: &Value, b: &Value) -> Ordering {
        match (a, b) {
            (Value::Int(a), Value::Int(b)) => a.cmp(b),
            _ => panic!("not an int"),
        }
    }

    #[test]
    fn a_range_covers_what_lies_in_it() {
        let partition = range(Some((10, true)), Some((20, false)), false);
        assert!(partition.covers(&range(Some((10, true)), Some((20, false)), false), order));
        assert!(partition.covers(&range(Some((10, false)), Some((19, true)), false), order));
        assert!(!partition.covers(&range(Some((10, true)), Some((20, true)), false), order));
        assert!(!partition.covers(&range(Some((9, true)), Some((20, false)), false), order));
        assert!(!partition.covers(&range(Some((10, true)), None, false), order));
        assert!(!partition.covers(&range(Some((10, true)), Some((20, false)), true), order));
        assert!(range(None, None, true).covers(&partition, order));
    }

    fn found(definition: &str) -> Vec<(&'static str, String)> {
        let source = SourceText::new(definition).unwrap();
        let mut pieces = Vec::new();
        conjuncts(&source.cursor(), 0, source.lexemes.len(), &mut pieces);
        pieces.into_iter().flat_map(|piece| comparisons(&source.cursor(), piece, "d")).collect()
    }

    #[test]
    fn comparisons_are_found_in_checks() {
        let pair = |operator, text: &str| (operator, text.to_owned());
        assert_eq!(
            found("([d]>='20240101' AND [d]<'20240201' AND [d] IS NOT NULL)"),
            [pair(">=", "'20240101'"), pair("<", "'20240201'"), pair("IS NOT NULL", "")]
        );
        assert_eq!(found("(([d]>(1)) AND ((5)>=[d] AND [a]>(3)))"), [pair(">", "(1)"), pair("<=", "(5)")]);
        assert_eq!(found("([d] BETWEEN (1) AND (5))"), [pair(">=", "(1)"), pair("<=", "(5)")]);
        assert_eq!(found("([d]>(1) OR [a]>(3))"), []);
        assert_eq!(found("(NOT [d]>(1))"), []);
    }
}
