//! Expressions as catalogs keep them: `([n]>(0))`. Two servers' texts of one expression are equal but for parentheses,
//! blanks, brackets and letters' case, since either was written by a server.
use std::iter::Peekable;
use std::str::Chars;

/// Do two texts say the same?
pub(crate) fn same(one: &str, other: &str) -> bool {
    one == other || canonical(one) == canonical(other)
}

/// The text in parentheses, as CHECK, DEFAULT and AS take it; no second pair where it has one.
pub(crate) fn in_parentheses(text: &str) -> String {
    match items(text)[..] {
        [Item::Group(_)] => text.trim().to_owned(),
        _ => format!("({text})"),
    }
}

/// Does it need something outside of its table: a function of the user's, or a sequence? Such are written in two parts,
/// and columns in one.
pub(crate) fn reaches_outside(text: &str) -> bool {
    fn reaches(items: &[Item]) -> bool {
        items.iter().any(|item| match item {
            Item::Group(items) => reaches(items),
            Item::Token(token) => token == ".",
        }) || items.windows(3).any(|words| {
            matches!(words, [Item::Token(a), Item::Token(b), Item::Token(c)]
            if a == "next" && b == "value" && c == "for")
        })
    }
    reaches(&items(text))
}

/// Does it name the column?
pub(crate) fn mentions(text: &str, column: &str) -> bool {
    fn mentions(items: &[Item], column: &str) -> bool {
        items.iter().any(|item| match item {
            Item::Group(items) => mentions(items, column),
            Item::Token(token) => token == column,
        })
    }
    mentions(&items(text), &column.to_lowercase())
}

#[derive(Debug, PartialEq)]
enum Item {
    Token(String),
    Group(Vec<Item>),
}

/// Words after which a pair of parentheses holds no arguments.
const OPERATORS: &[&str] = &["and", "or", "not", "in", "like", "between", "case", "when", "then", "else"];

fn canonical(text: &str) -> Vec<Item> {
    simplified(items(text))
}

/// Without parentheses around what is one already: a single value, and a comparison beside AND and OR.
fn simplified(items: Vec<Item>) -> Vec<Item> {
    let mut simple: Vec<Item> = Vec::new();
    let mut items = items.into_iter().peekable();
    while let Some(item) = items.next() {
        let Item::Group(inner) = item else {
            simple.push(item);
            continue;
        };
        let inner = simplified(inner);
        let is_alone = simple.last().is_none_or(joins) && items.peek().is_none_or(joins);
        if inner.len() == 1 && !simple.last().is_some_and(is_called) || is_alone && !inner.iter().any(joins) {
            simple.extend(inner);
        } else {
            simple.push(Item::Group(inner));
        }
    }
    match <[Item; 1]>::try_from(simple) {
        Ok([Item::Group(inner)]) => inner,
        Ok([other]) => vec![other],
        Err(simple) => simple,
    }
}

fn joins(item: &Item) -> bool {
    matches!(item, Item::Token(word) if word == "and" || word == "or")
}

/// Do parentheses after it hold its arguments?
fn is_called(item: &Item) -> bool {
    let Item::Token(word) = item else { return false };
    let is_word = word.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '@'));
    is_word && !OPERATORS.contains(&word.as_str())
}

fn items(text: &str) -> Vec<Item> {
    let mut chars = text.chars().peekable();
    let mut stack: Vec<Vec<Item>> = vec![Vec::new()];
    while let Some(token) = token(&mut chars) {
        match token.as_str() {
            "(" => stack.push(Vec::new()),
            ")" if stack.len() > 1 => {
                let group = Item::Group(stack.pop().unwrap_or_default());
                if let Some(items) = stack.last_mut() {
                    items.push(group);
                }
            }
            _ => {
                if let Some(items) = stack.last_mut() {
                    items.push(Item::Token(token));
                }
            }
        }
    }
    // What is not closed, no server writes.
    stack.into_iter().flatten().collect()
}

fn token(chars: &mut Peekable<Chars<'_>>) -> Option<String> {
    let first = chars.find(|c| !c.is_whitespace())?;
    let part_of_word = |c: &char| c.is_alphanumeric() || matches!(c, '_' | '@' | '#' | '$');
    let of_number = |c: &char| c.is_ascii_digit() || *c == '.';
    Some(match first {
        '[' | '"' => quoted(chars, if first == '[' { ']' } else { '"' }).to_lowercase(),
        '\'' => format!("'{}'", quoted(chars, '\'')),
        'N' | 'n' if chars.peek() == Some(&'\'') => {
            chars.next();
            format!("N'{}'", quoted(chars, '\''))
        }
        // `.5` and `$1.5` are numbers, too; a function's name never begins with a digit.
        c if c.is_ascii_digit() || matches!(c, '.' | '$') && chars.peek().is_some_and(of_number) => {
            let mut number = String::from(c);
            while let Some(c) = chars.next_if(|c| part_of_word(c) || *c == '.') {
                number.push(c);
            }
            number.to_lowercase()
        }
        c if part_of_word(&c) => {
            let mut word = String::from(c);
            while let Some(c) = chars.next_if(part_of_word) {
                word.push(c);
            }
            word.to_lowercase()
        }
        c => String::from(c),
    })
}

/// The text up to `close`, which is written twice where it is meant.
fn quoted(chars: &mut Peekable<Chars<'_>>, close: char) -> String {
    let mut text = String::new();
    while let Some(c) = chars.next() {
        if c == close && chars.next_if_eq(&close).is_none() {
            break;
        }
        text.push(c);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_two_servers_are_the_same() {
        for (one, other) in [
            ("((0))", "(0)"),
            ("([n]>(0))", "(N > 0)"),
            ("([a]=(1) OR [a]=(2))", "(([a]=(1)) or ([a]=(2)))"),
            ("(getdate())", "GETDATE()"),
            ("(CONVERT([varchar](10),[d],(120)))", "(convert(varchar(10),d,120))"),
            ("(N'a''b')", "N'a''b'"),
        ] {
            assert!(same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn what_differs_stays_different() {
        for (one, other) in [
            ("([a]+[b])*[c]", "[a]+([b]*[c])"),
            ("('A')", "('a')"),
            ("('a')", "(N'a')"),
            ("((0))", "((1))"),
            ("([a]>(0))", "([a]>=(0))"),
            ("(f(a))", "(f a)"),
            ("('x y')", "('xy')"),
            ("($1.5)", "(1.5)"),
            ("(.5)", "(5)"),
        ] {
            assert!(!same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn parentheses_are_put_around_what_has_none() {
        assert_eq!(in_parentheses("([n]>(0))"), "([n]>(0))");
        assert_eq!(in_parentheses("(a) + (b)"), "((a) + (b))");
        assert_eq!(in_parentheses("getdate()"), "(getdate())");
        assert_eq!(in_parentheses("N')'"), "(N')')");
    }

    #[test]
    fn functions_of_users_and_sequences_are_outside() {
        for (text, outside) in [
            ("([dbo].[f]((1)))", true),
            ("(NEXT VALUE FOR [dbo].[s])", true),
            ("(next value for [s])", true),
            ("((1.5))", false),
            ("($1.5)", false),
            ("(($.5))", false),
            ("([a]>(.5))", false),
            ("([dbo].[1]((1)))", true),
            ("('a.b')", false),
            ("([a.b]>(0))", false),
        ] {
            assert_eq!(reaches_outside(text), outside, "{text}");
        }
        assert!(mentions("([A b]+(1))", "a B") && !mentions("(N'a')", "a"));
    }
}
