//! The xml type: what is stored is not the text but what it says. Text is parsed (errors 9400 and up: Microsoft docs,
//! "Database engine events and errors"); the declaration, a byte order mark and insignificant white space are not kept
//! (Microsoft docs, "xml (Transact-SQL)" and "CAST and CONVERT", "xml styles"), and what comes out is written anew: `<a></a>`
//! as `<a/>`. Where exactly in a line an error is told is confirmed for end tags, encodings and references only.
mod markup;
mod names;
mod parser;

use crate::error::SqlError;
use parser::Parser;

/// Parses text and writes it as SQL Server shows it. `wide`: the text came as UTF-16, which a declaration may not
/// deny. `preserve`: white space between tags stays.
///
/// # Errors
/// 6335, 6359, 9400 to 9480.
pub fn parse(text: &[char], wide: bool, preserve: bool) -> Result<String, SqlError> {
    let text = text.strip_prefix(&['\u{FEFF}']).unwrap_or(text);
    let mut parser = Parser { text, at: 0, out: String::with_capacity(text.len()), open: Vec::new(), wide };
    parser.declaration()?;
    parser.content(preserve)?;
    Ok(parser.out)
}

/// What a declaration says of its encoding.
pub fn declared_encoding(text: &[char]) -> Option<String> {
    let text = text.strip_prefix(&['\u{FEFF}']).unwrap_or(text);
    let end = text.windows(2).position(|pair| pair == ['?', '>'])?;
    let declaration: String = text.get(..end)?.iter().collect();
    let rest = declaration.strip_prefix("<?xml")?.split_once("encoding")?.1;
    let rest = rest.trim_start().strip_prefix('=')?.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    rest[1..].split_once(quote).map(|(name, _)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chars(text: &str) -> Vec<char> {
        text.chars().collect()
    }

    fn written(text: &str) -> String {
        parse(&chars(text), true, false).unwrap()
    }

    #[test]
    fn what_is_written_is_what_it_says() {
        for (given, shown) in [
            ("", ""),
            ("plain & simple".replace('&', "&amp;").as_str(), "plain &amp; simple"),
            ("\u{FEFF}<?xml version=\"1.0\" encoding=\"UTF-16\"?>\r\n<a/>", "<a/>"),
            ("<a>\n  <b></b>\n  <c >x</c >\n</a>", "<a><b/><c>x</c></a>"),
            ("<a> x </a>", "<a> x </a>"),
            ("<a xml:space=\"preserve\"> <b/></a>", "<a xml:space=\"preserve\"> <b/></a>"),
            ("<a b='\"1\"' c = \"x&#10;y\"/>", "<a b=\"&quot;1&quot;\" c=\"x&#x0A;y\"/>"),
            ("<a><![CDATA[<&>]]></a>", "<a>&lt;&amp;&gt;</a>"),
            ("<a>&#x20;</a>", "<a> </a>"),
            ("<a/><b/>text", "<a/><b/>text"),
            (
                "<!-- c --><?p i?><a xmlns:p=\"u\"><p:b p:c=\"1\"/></a>",
                "<!-- c --><?p i?><a xmlns:p=\"u\"><p:b p:c=\"1\"/></a>",
            ),
        ] {
            assert_eq!(written(given), shown, "{given}");
        }
        assert_eq!(parse(&chars("<a> <b/> </a>"), true, true), Ok("<a> <b/> </a>".to_owned()));
    }

    #[test]
    fn what_is_not_well_formed_is_refused_where_it_stands() {
        for (text, number, told) in [
            ("<a><b></a>", 9436, "line 1, character 10, end tag does not match start tag"),
            ("<a>", 9400, "line 1, character 3, unexpected end of input"),
            ("<a>\n<b>x & y</b></a>", 9421, "line 2, character 7, illegal name character"),
            ("<a>AT&T</a>", 9411, "line 1, character 8, semicolon expected"),
            (
                "<?xml version=\"1.0\" encoding=\"utf-8\"?><a/>",
                9402,
                "line 1, character 38, unable to switch the encoding",
            ),
            (
                " <?xml version=\"1.0\"?><a/>",
                9438,
                "line 1, character 7, text/xmldecl not at the beginning of input",
            ),
            ("<a b=1/>", 9413, "line 1, character 6, A string literal was expected"),
            ("<a b/>", 9414, "line 1, character 5, equal expected"),
            ("<a b=\"1\"c=\"2\"/>", 9410, "line 1, character 9, whitespace expected"),
            ("<a b=\"1\" b=\"2\"/>", 9437, "line 1, character 11, duplicate attribute"),
            ("<a b=\"<\"/>", 9415, "line 1, character 7, well formed check: no '<' in attribute value"),
            ("<p:a/>", 9459, "line 1, character 5, undeclared prefix"),
            ("</a>", 9422, "line 1, character 4, incorrect document syntax"),
            ("<a>\u{1}</a>", 9420, "line 1, character 4, illegal xml character"),
            ("<a>&nbsp;</a>", 9448, "line 1, character 9, well formed check: undeclared entity"),
            ("<1/>", 9421, "line 1, character 2, illegal name character"),
            ("<!-- -- --><a/>", 9424, "line 1, character 8, incorrect comment syntax"),
        ] {
            let refused = parse(&chars(text), true, false).unwrap_err();
            assert_eq!((refused.number, refused.text), (number, format!("XML parsing: {told}")), "{text}");
        }
        let refused = |text: &str| parse(&chars(text), true, false).unwrap_err().number;
        assert_eq!(refused("<!DOCTYPE a [<!ENTITY e \"x\">]><a/>"), 6359);
        assert_eq!(refused(&format!("{}{}", "<a>".repeat(129), "</a>".repeat(129))), 6335);
    }

    #[test]
    fn narrow_text_may_say_how_it_is_encoded() {
        assert_eq!(
            declared_encoding(&chars("<?xml version='1.0' encoding = 'ISO-8859-1' ?><a/>")).as_deref(),
            Some("ISO-8859-1")
        );
        assert_eq!(declared_encoding(&chars("<a encoding='x'/>")), None);
        assert!(parse(&chars("<?xml version=\"1.0\" encoding=\"utf-8\"?><a/>"), false, false).is_ok());
        assert_eq!(
            parse(&chars("<?xml version=\"1.0\" encoding=\"utf-16\"?><a/>"), false, false)
                .unwrap_err()
                .number,
            9402
        );
    }
}
