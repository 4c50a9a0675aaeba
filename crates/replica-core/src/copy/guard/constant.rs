//! Defaults that are the same for every row, read from the server's own text of them.

/// What a default puts into a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Default {
    Null,
    /// A literal of T-SQL.
    Constant(String),
    /// Whatever an expression gives, or a text that this login may not see: nothing that values can be compared with.
    /// It must not be run, either: NEXT VALUE FOR would take numbers.
    Other,
}

/// Reads a definition as sys.default_constraints has it: `((0))`, `((-1))`, `(N'it''s')`, `(NULL)`, `(CONVERT([bit],(0)))`.
pub(super) fn read(definition: &str) -> Default {
    let mut text = definition.trim();
    let mut sign = "";
    loop {
        let bit = || ["CONVERT([bit],", "CONVERT(bit,"].into_iter().find_map(|opening| within(text, opening));
        let inner = within(text, "(").or_else(bit);
        if let Some(inner) = inner {
            text = inner.trim();
        } else if let Some(rest) = text.strip_prefix('-').filter(|_| sign.is_empty()) {
            sign = "-";
            text = rest.trim();
        } else {
            break;
        }
    }
    match text {
        _ if text.eq_ignore_ascii_case("NULL") && sign.is_empty() => Default::Null,
        _ if is_number(text) => Default::Constant(format!("{sign}{text}")),
        _ if sign.is_empty() && (is_text(text) || is_binary(text)) => Default::Constant(text.to_owned()),
        _ => Default::Other,
    }
}

/// What is between an opening and the last parenthesis. That the two are no pair shows in what is left.
fn within<'a>(text: &'a str, opening: &str) -> Option<&'a str> {
    let head = text.get(..opening.len())?;
    let rest = head.eq_ignore_ascii_case(opening).then(|| &text[opening.len()..])?;
    rest.strip_suffix(')')
}

fn is_number(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.strip_prefix(['+', '-']).unwrap_or(exponent)),
        None => (text, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole)
        && digits(fraction)
        && digits(exponent)
        && !exponent.is_empty()
        && whole.len() + fraction.len() > 0
}

fn is_text(text: &str) -> bool {
    let text = text.strip_prefix(['N', 'n']).unwrap_or(text);
    let inner = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
    // Quotes come in pairs.
    inner.is_some_and(|inner| !inner.replace("''", "").contains('\''))
}

fn is_binary(text: &str) -> bool {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_read_as_they_are_written() {
        for (definition, literal) in [
            ("((0))", "0"),
            ("((-1))", "-1"),
            ("(-(1))", "-1"),
            ("((1.50))", "1.50"),
            ("((.5))", ".5"),
            ("((1e-3))", "1e-3"),
            ("('')", "''"),
            ("(N'it''s (not) a call()')", "N'it''s (not) a call()'"),
            ("('2000-01-01')", "'2000-01-01'"),
            ("(0x00FF)", "0x00FF"),
            ("(CONVERT([bit],(1)))", "1"),
            ("(CONVERT(bit,(0)))", "0"),
        ] {
            assert_eq!(read(definition), Default::Constant(literal.into()), "{definition}");
        }
        assert_eq!(read("(NULL)"), Default::Null);
        assert_eq!(read("(null)"), Default::Null);
    }

    #[test]
    fn whatever_else_there_is_is_never_run() {
        for definition in [
            "(getdate())",
            "(newid())",
            "(NEXT VALUE FOR [dbo].[s])",
            "((1)+(2))",
            "('a'+'b')",
            "('a' + (2))",
            "(user_name())",
            "(CONVERT([int],(0)))",
            "(--1)",
            "((1)); DROP TABLE t --(1)",
            "(')",
            "('it's')",
            "(N'')')",
            "(0x0G)",
            "(.)",
            "(1e)",
            "()",
            "",
            "CREATE DEFAULT d AS 0",
        ] {
            assert_eq!(read(definition), Default::Other, "{definition}");
        }
    }
}
