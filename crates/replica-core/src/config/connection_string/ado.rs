//! The grammar of ADO.NET connection strings (.NET, `DbConnectionStringBuilder` and "Connection
//! String Syntax"): `keyword=value;...`, values optionally in single or double quotes with the
//! quote doubled inside, `==` for an equals sign within a keyword.
use std::iter::Peekable;
use std::str::Chars;

use crate::error::{Error, Result};

/// The keywords and values in the order in which they were written.
pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    let mut rest = text.chars().peekable();
    loop {
        while rest.next_if(|c| *c == ';' || c.is_whitespace()).is_some() {}
        if rest.peek().is_none() {
            return Ok(pairs);
        }
        let keyword = keyword(&mut rest, pairs.len() + 1)?;
        let value = value(&mut rest, &keyword)?;
        pairs.push((keyword, value));
    }
}

fn keyword(rest: &mut Peekable<Chars<'_>>, number: usize) -> Result<String> {
    let mut keyword = String::new();
    loop {
        match rest.next() {
            Some('=') if rest.next_if_eq(&'=').is_some() => keyword.push('='),
            Some('=') if !keyword.trim().is_empty() => return Ok(keyword.trim().to_owned()),
            // The text so far may be the tail of a password with a semicolon: it is not repeated.
            Some('=' | ';') | None => {
                return Err(Error::usage(format!(
                    "Part {number} of the connection string is not keyword=value"
                ))
                .remedy("A value with a semicolon or a quote in it goes in double quotes."));
            }
            Some(c) => keyword.push(c),
        }
    }
}

fn value(rest: &mut Peekable<Chars<'_>>, keyword: &str) -> Result<String> {
    while rest.next_if(|c| c.is_whitespace()).is_some() {}
    let mut value = String::new();
    let Some(quote) = rest.next_if(|c| matches!(c, '\'' | '"')) else {
        while let Some(c) = rest.next_if(|c| *c != ';') {
            value.push(c);
        }
        return Ok(value.trim_end().to_owned());
    };
    loop {
        match rest.next() {
            Some(c) if c == quote && rest.next_if_eq(&quote).is_some() => value.push(quote),
            Some(c) if c == quote => break,
            Some(c) => value.push(c),
            None => return Err(Error::usage(format!("The value of '{keyword}' lacks its closing quote"))),
        }
    }
    while rest.next_if(|c| c.is_whitespace()).is_some() {}
    match rest.peek() {
        None | Some(';') => Ok(value),
        Some(_) => Err(Error::usage(format!("Text follows the quoted value of '{keyword}'"))
            .remedy("Double a quote that is part of the value.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    fn one(text: &str) -> (String, String) {
        let mut pairs = pairs(text);
        assert_eq!(pairs.len(), 1, "{text}");
        pairs.remove(0)
    }

    #[test]
    fn quoting() {
        for (text, keyword, value) in [
            ("a=b", "a", "b"),
            (" a = b ; ", "a", "b"),
            ("a=\"b;c\"", "a", "b;c"),
            ("a='b\"c'", "a", "b\"c"),
            ("a='b''c'", "a", "b'c"),
            ("a=\"b\"\"c\" ;", "a", "b\"c"),
            ("a=' b '", "a", " b "),
            ("a=b'c\"d", "a", "b'c\"d"),
            ("a=b=c", "a", "b=c"),
            ("a==b=c", "a=b", "c"),
            ("a=", "a", ""),
            ("a=;", "a", ""),
        ] {
            assert_eq!(one(text), (keyword.into(), value.into()), "{text}");
        }
    }

    #[test]
    fn many_pairs() {
        let expected = [("a", "1"), ("B c", "2"), ("d", "")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(pairs(";;a=1;B c=2;;d=;"), expected);
        assert!(pairs("").is_empty());
    }

    #[test]
    fn mistakes_never_repeat_the_text() {
        for text in ["secret", "a=1;secret;b=2", "=secret", "a='secret", "a='b'secret"] {
            let error = parse(text).err().unwrap_or_else(|| panic!("{text} is accepted")).to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
