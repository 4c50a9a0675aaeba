//! The text of an expression as SQL Server keeps it in its catalog: `a > 0` becomes `([a]>(0))`.
use crate::tokens::{Cursor, is_reserved};
use sqlparser::tokenizer::Token;
use std::fmt::Write;

/// Reserved words that are written like functions.
const CALLED: &[&str] = &["COALESCE", "CONVERT", "LEFT", "NULLIF", "RIGHT", "TRY_CONVERT"];

/// Types that take arguments: these are no numbers of the expression.
const SIZED: &[&str] = &[
    "varchar",
    "nvarchar",
    "char",
    "nchar",
    "binary",
    "varbinary",
    "decimal",
    "numeric",
    "float",
    "time",
    "datetime2",
    "datetimeoffset",
];

/// The expression between two positions, in parentheses: names bracketed, numbers in parentheses of their own,
/// blanks around keywords only (as sys.check_constraints and sys.default_constraints show them).
pub fn definition(cursor: &Cursor<'_>, from: usize, to: usize) -> String {
    let (from, to) = strip_parentheses(cursor, from, to);
    let mut walk = *cursor;
    walk.set_position(from);
    let mut out = String::from("(");
    let (mut keyword_before, mut called) = (false, false);
    while walk.position() < to {
        let at = walk.position();
        let Some(token) = walk.advance() else { break };
        let keyword = matches!(token, Token::Word(w)
            if w.quote_style.is_none() && is_reserved(&w.value)
                && !CALLED.contains(&w.value.to_ascii_uppercase().as_str()));
        let glued = out.ends_with(['(', ',', '.']) || matches!(token, Token::Comma | Token::RParen);
        if (keyword || keyword_before) && !glued {
            out.push(' ');
        }
        keyword_before = keyword;
        let called_before = std::mem::replace(&mut called, false);
        match token {
            Token::Word(word) if word.quote_style.is_none() && is_reserved(&word.value) => {
                let case = ["case", "when", "then", "else", "end"]
                    .iter()
                    .find(|c| word.value.eq_ignore_ascii_case(c));
                called = CALLED.contains(&word.value.to_ascii_uppercase().as_str());
                out.push_str(&case.map_or_else(|| word.value.to_ascii_uppercase(), |c| (*c).to_owned()));
            }
            Token::Word(word) => {
                let lower = word.value.to_ascii_lowercase();
                called = walk.position() < to && walk.at_token(&Token::LParen);
                if word.quote_style.is_none() && (called || lower.starts_with('@') || at_type(&out)) {
                    out.push_str(&lower);
                } else {
                    let _ = write!(out, "[{}]", word.value.replace(']', "]]"));
                }
                if called && SIZED.contains(&lower.as_str()) && walk.expect_parenthesised().is_ok() {
                    out.push_str(walk.text(at + 1, walk.position()));
                }
            }
            // A number that has its own parentheses keeps them; those of a call's arguments are not its own.
            Token::LParen if !called_before && own_parentheses(&walk, to) => {
                let _ = write!(out, "({})", walk.text(at + 1, at + 2));
                walk.set_position(at + 3);
            }
            Token::Number(..) => {
                let _ = write!(out, "({})", walk.text(at, at + 1));
            }
            _ => out.push_str(walk.text(at, at + 1)),
        }
    }
    out.push(')');
    out
}

/// After an opening parenthesis: a number and the closing one?
fn own_parentheses(walk: &Cursor<'_>, to: usize) -> bool {
    let mut ahead = *walk;
    ahead.position() + 1 < to
        && matches!(ahead.advance(), Some(Token::Number(..)))
        && ahead.at_token(&Token::RParen)
}

/// Does a type's name come next: after `CAST(x AS` and `CONVERT(`?
fn at_type(out: &str) -> bool {
    out.ends_with(" AS ") || out.ends_with("CONVERT(")
}

/// Takes away pairs of parentheses that hold the whole expression: the catalog adds its own.
fn strip_parentheses(cursor: &Cursor<'_>, mut from: usize, mut to: usize) -> (usize, usize) {
    loop {
        let mut walk = *cursor;
        walk.set_position(from);
        match walk.expect_parenthesised() {
            Ok((inner, end)) if end + 1 == to && inner < end => (from, to) = (inner, end),
            _ => return (from, to),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::definition;
    use crate::tokens::SourceText;

    fn kept(text: &str) -> String {
        let source = SourceText::new(text).unwrap();
        definition(&source.cursor(), 0, source.lexemes.len())
    }

    #[test]
    fn what_the_catalog_shows_stays_as_it_is() {
        for shown in [
            "((0))",
            "([a]>(0) AND [b]=(-(1)))",
            "([a] BETWEEN (1) AND (9))",
            "([s] IN ((1),(2)))",
            "(abs((1)))",
            "(CONVERT(varchar(10),[d],(120)))",
            "(([a]+(1))*(2))",
        ] {
            assert_eq!(kept(shown), shown);
        }
    }

    #[test]
    fn as_the_catalog_shows_them() {
        for (written, expected) in [
            ("0", "((0))"),
            ("(0)", "((0))"),
            ("((0))", "((0))"),
            ("getdate()", "(getdate())"),
            ("GETDATE()", "(getdate())"),
            ("N'x'", "(N'x')"),
            ("a > 0", "([a]>(0))"),
            ("a>0 and b is not null", "([a]>(0) AND [b] IS NOT NULL)"),
            ("(a + b) * (c - 1)", "(([a]+[b])*([c]-(1)))"),
            ("CAST(a AS decimal(9,2))", "(cast([a] AS decimal(9,2)))"),
            ("convert(varchar(10), [d], 120)", "(CONVERT(varchar(10),[d],(120)))"),
            ("s in ('a','b')", "([s] IN ('a','b'))"),
            ("-1", "(-(1))"),
            ("CASE WHEN NOT (a = 1) THEN 2 END", "(case when NOT ([a]=(1)) then (2) end)"),
        ] {
            assert_eq!(kept(written), expected, "{written}");
        }
    }
}
