//! What follows WHERE, as a user writes it: one condition, which cannot end the statement that it is put into.
use std::iter::Peekable;
use std::str::Chars;

use crate::error::{Error, Result};

/// The condition in brackets of its own.
///
/// # Errors
/// Of kind `Usage`: quotes, brackets or comments that do not close, brackets that close what the condition has not opened, a
/// semicolon.
pub(crate) fn bracketed(text: &str) -> Result<String> {
    enclosed("condition", text, "It is one condition, as it follows WHERE: col = 1 AND other > 'x'")
}

/// The same of an expression, which is what a SELECT takes for a column.
///
/// # Errors
/// Those of [`bracketed`].
pub(crate) fn bracketed_expression(text: &str) -> Result<String> {
    enclosed("expression", text, "It is one value, as a SELECT has it: LOWER(email)")
}

fn enclosed(what: &str, text: &str, way_out: &str) -> Result<String> {
    check(text).map_err(|why| Error::usage(format!("the {what} {text:?} {why}")).remedy(way_out))?;
    // On lines of its own: a comment to the end of the line leaves the bracket be.
    Ok(format!("(\n{text}\n)"))
}

fn check(text: &str) -> Result<(), &'static str> {
    let mut rest = text.chars().peekable();
    let mut open = 0_u32;
    let mut is_empty = true;
    while let Some(c) = rest.next() {
        is_empty &= c.is_whitespace();
        match c {
            '\'' => quoted(&mut rest, '\'')?,
            '"' => quoted(&mut rest, '"')?,
            '[' => quoted(&mut rest, ']')?,
            '-' if rest.next_if_eq(&'-').is_some() => while rest.next_if(|c| *c != '\n').is_some() {},
            '/' if rest.next_if_eq(&'*').is_some() => comment(&mut rest)?,
            '(' => open += 1,
            ')' => open = open.checked_sub(1).ok_or("closes a bracket that it has not opened")?,
            ';' => return Err("has a semicolon, which ends a statement"),
            _ => {}
        }
    }
    match (is_empty, open) {
        (true, _) => Err("is empty"),
        (_, 0) => Ok(()),
        _ => Err("does not close a bracket"),
    }
}

/// Up to the closing quote; twice, it is one of the quoted characters.
fn quoted(rest: &mut Peekable<Chars<'_>>, close: char) -> Result<(), &'static str> {
    while let Some(c) = rest.next() {
        if c == close && rest.next_if_eq(&close).is_none() {
            return Ok(());
        }
    }
    Err("does not close a quote")
}

/// T-SQL's comments nest (Microsoft docs, "Slash star (block comment)").
fn comment(rest: &mut Peekable<Chars<'_>>) -> Result<(), &'static str> {
    let mut depth = 1;
    while let Some(c) = rest.next() {
        match c {
            '*' if rest.next_if_eq(&'/').is_some() => depth -= 1,
            '/' if rest.next_if_eq(&'*').is_some() => depth += 1,
            _ => {}
        }
        if depth == 0 {
            return Ok(());
        }
    }
    Err("does not close a comment")
}

/// Does the text call one of the functions, or name a variable of theirs that is called without parentheses? What is quoted,
/// in brackets or in a comment calls nothing.
pub(crate) fn calls(text: &str, functions: &[&str], without_parentheses: &[&str]) -> bool {
    let mut rest = text.chars().peekable();
    let is_of_word = |c: &char| c.is_alphanumeric() || matches!(c, '_' | '@' | '#' | '$');
    while let Some(c) = rest.next() {
        // A text that does not close calls nothing after it.
        let skipped = match c {
            '\'' | '"' => quoted(&mut rest, c),
            '[' => quoted(&mut rest, ']'),
            '-' if rest.next_if_eq(&'-').is_some() => {
                while rest.next_if(|c| *c != '\n').is_some() {}
                Ok(())
            }
            '/' if rest.next_if_eq(&'*').is_some() => comment(&mut rest),
            _ => Ok(()),
        };
        if skipped.is_err() {
            return false;
        }
        if !is_of_word(&c) {
            continue;
        }
        let mut word = String::from(c);
        while let Some(c) = rest.next_if(is_of_word) {
            word.push(c);
        }
        let is_one_of = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(&word));
        while rest.next_if(|c| c.is_whitespace()).is_some() {}
        if is_one_of(without_parentheses) || is_one_of(functions) && rest.peek() == Some(&'(') {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_calls_a_function_is_no_text_column_or_comment() {
        let calls = |text| calls(text, &["GETDATE"], &["CURRENT_TIMESTAMP"]);
        for calling in [
            "day > GetDate()",
            "day > DATEADD(day, -1, getdate ())",
            "a = 'x' AND [b]=getdate()",
            "day < current_timestamp",
        ] {
            assert!(calls(calling), "{calling}");
        }
        for quiet in [
            "note = 'getdate()'",
            "[getdate()] = 1",
            "\"current_timestamp\" = 1",
            "a = 1 -- getdate()",
            "a = 1 /* getdate() /* */ getdate() */ AND b = 2",
            "getdate = 1",
            "my_getdate() = 1",
            "a = 'it''s getdate()'",
            "a = 'getdate()",
        ] {
            assert!(!calls(quiet), "{quiet}");
        }
        assert!(calls("a = 1 -- x\n AND b > getdate()"));
    }

    #[test]
    fn a_condition_stays_one() {
        for fine in [
            "id = 7",
            "a IN (1, 2) AND (b = 'it''s; --' OR [odd ]]; name] = \"x\"\";\")",
            "a = 1 -- the first; of many )",
            "a = 1 /* ) ; /* nested */ */ AND b = 2",
            "EXISTS (SELECT 1 FROM x WHERE x.id = t.id)",
        ] {
            assert_eq!(bracketed(fine).unwrap(), format!("(\n{fine}\n)"));
        }
    }

    #[test]
    fn what_could_end_the_statement_is_refused() {
        for (wrong, why) in [
            ("1=1); DELETE FROM t; --", "closes a bracket"),
            ("1=1; DELETE FROM t", "semicolon"),
            ("1=1) DELETE FROM t WHERE (1=1", "closes a bracket"),
            ("(1=1", "does not close a bracket"),
            ("a = 'x", "does not close a quote"),
            ("a = [x", "does not close a quote"),
            ("a = 1 /* x", "does not close a comment"),
            ("a = 1 /* /* x */", "does not close a comment"),
            (" ", "is empty"),
        ] {
            let error = bracketed(wrong).unwrap_err();
            assert_eq!(error.exit_code().number(), 2);
            assert!(error.to_string().contains(why), "{wrong}: {error}");
        }
    }
}
