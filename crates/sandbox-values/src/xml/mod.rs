//! The xml type: what is stored is not the text but what it says. Text is parsed (errors 9400 and up: Microsoft docs,
//! "Database engine events and errors"); the declaration, a byte order mark and insignificant white space are not kept
//! (Microsoft docs, "xml (Transact-SQL)" and "CAST and CONVERT", "xml styles"), and what comes out is written anew: `<a></a>`
//! as `<a/>`. Where exactly in a line an error is told is confirmed for end tags, encodings and references only.
mod names;

use crate::error::SqlError;
use names::Namespaces;

/// Microsoft docs, "Maximum capacity specifications": levels of nested elements.
const DEEPEST: usize = 128;

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

struct Parser<'t> {
    text: &'t [char],
    at: usize,
    out: String,
    open: Vec<Element>,
    wide: bool,
}

/// An element whose end has not come.
struct Element {
    name: String,
    /// White space in it counts: xml:space.
    preserve: bool,
    namespaces: Namespaces,
    /// Nothing has come in it yet: its start tag is still without `>`.
    empty: bool,
}

impl Parser<'_> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn ahead(&self, wanted: &str) -> bool {
        wanted.chars().enumerate().all(|(n, c)| self.text.get(self.at + n) == Some(&c))
    }

    fn take(&mut self, wanted: &str) -> bool {
        let found = self.ahead(wanted);
        if found {
            self.at += wanted.chars().count();
        }
        found
    }

    fn blanks(&mut self) -> bool {
        let from = self.at;
        while self.peek().is_some_and(is_blank) {
            self.at += 1;
        }
        self.at > from
    }

    /// An error at the character that is next; at the end, at the last one.
    fn error(&self, number: i32, what: &str) -> SqlError {
        if self.at >= self.text.len() {
            return self.told(self.text.len(), 9400, "unexpected end of input");
        }
        self.told(self.at + 1, number, what)
    }

    fn told(&self, count: usize, number: i32, what: &str) -> SqlError {
        let before = &self.text[..count.min(self.text.len())];
        let line_start = before.iter().rposition(|c| *c == '\n').filter(|at| at + 1 < before.len());
        let line = before.iter().take(line_start.map_or(0, |at| at + 1)).filter(|c| **c == '\n').count() + 1;
        let character = before.len() - line_start.map_or(0, |at| at + 1);
        SqlError::new(number, 16, 1, format!("XML parsing: line {line}, character {character}, {what}"))
    }

    /// `<?xml version="1.0" encoding="…" standalone="…"?>`, at the beginning or not at all.
    fn declaration(&mut self) -> Result<(), SqlError> {
        if !self.ahead("<?xml") || !self.text.get(5).copied().is_some_and(is_blank) {
            return Ok(());
        }
        self.at = 5;
        let mut given = Vec::new();
        loop {
            let blank = self.blanks();
            if self.ahead("?>") {
                break;
            }
            if !blank {
                return Err(self.error(9410, "whitespace expected"));
            }
            let name = self.name()?;
            given.push((name, self.attribute_value()?));
        }
        let names: Vec<&str> = given.iter().map(|(name, _)| name.as_str()).collect();
        let known = [
            vec!["version"],
            vec!["version", "encoding"],
            vec!["version", "standalone"],
            vec!["version", "encoding", "standalone"],
        ];
        if !known.contains(&names) || given[0].1 != "1.0" {
            return Err(self.error(9441, "incorrect xml declaration syntax"));
        }
        self.at += 2;
        let encoding =
            given.iter().find(|(name, _)| name == "encoding").map(|(_, value)| value.to_lowercase());
        let is_wide = |name: &str| matches!(name, "utf-16" | "ucs-2" | "unicode" | "utf-16le");
        match encoding {
            Some(encoding) if is_wide(&encoding) != self.wide => {
                Err(self.told(self.at, 9402, "unable to switch the encoding"))
            }
            _ => Ok(()),
        }
    }

    fn content(&mut self, preserve: bool) -> Result<(), SqlError> {
        while let Some(c) = self.peek() {
            let kept = self.open.last().map_or(preserve, |element| element.preserve);
            match c {
                '<' if self.ahead("<!--") => self.comment()?,
                '<' if self.ahead("<?") => self.instruction()?,
                '<' if self.ahead("<!DOCTYPE") => {
                    let text = "Parsing XML with internal subset DTDs not allowed. Use CONVERT with style option 2 to \
                                enable limited internal subset DTD support.";
                    return Err(SqlError::new(6359, 16, 1, text));
                }
                '<' if self.ahead("</") => self.end_tag()?,
                '<' if self.ahead("<!") && !self.ahead("<![CDATA[") => {
                    self.at += 2;
                    return Err(self.error(9422, "incorrect document syntax"));
                }
                '<' if !self.ahead("<![") => self.start_tag(preserve)?,
                _ => self.text(kept)?,
            }
        }
        if self.open.is_empty() { Ok(()) } else { Err(self.error(9400, "")) }
    }

    /// The start tag around what comes now is at its end.
    fn begin_content(&mut self) {
        if let Some(element) = self.open.last_mut().filter(|element| element.empty) {
            element.empty = false;
            self.out.push('>');
        }
    }

    /// Text, references and CDATA sections up to the next tag.
    fn text(&mut self, preserve: bool) -> Result<(), SqlError> {
        let (mut text, mut counts) = (String::new(), preserve);
        while let Some(c) = self.peek() {
            if self.take("<![CDATA[") {
                counts = true;
                while !self.take("]]>") {
                    let Some(c) = self.peek() else { return Err(self.error(9423, "")) };
                    text.push(self.legal(c)?);
                }
            } else if c == '<' {
                break;
            } else if c == '&' {
                counts = true;
                text.push(self.reference()?);
            } else if self.ahead("]]>") {
                return Err(self.error(9454, "no ']]>' in element content"));
            } else {
                counts |= !is_blank(c);
                text.push(self.legal(c)?);
            }
        }
        if counts && !text.is_empty() {
            self.begin_content();
            escape(&text, false, &mut self.out);
        }
        Ok(())
    }

    /// Takes a character that XML allows; a line's end is one line feed.
    fn legal(&mut self, c: char) -> Result<char, SqlError> {
        if !is_legal(c) {
            return Err(self.error(9420, "illegal xml character"));
        }
        self.at += 1;
        if c == '\r' {
            if self.peek() == Some('\n') {
                self.at += 1;
            }
            return Ok('\n');
        }
        Ok(c)
    }

    /// `&name;`, `&#10;`, `&#xA;`
    fn reference(&mut self) -> Result<char, SqlError> {
        self.at += 1;
        if self.take("#") {
            let radix = if self.take("x") { 16 } else { 10 };
            let mut code = 0_u32;
            let from = self.at;
            while let Some(digit) = self.peek().and_then(|c| c.to_digit(radix)) {
                code = code.saturating_mul(radix).saturating_add(digit);
                self.at += 1;
            }
            if self.at == from || self.peek() != Some(';') {
                let (number, what) = if radix == 16 {
                    (9416, "hexadecimal digit expected")
                } else {
                    (9417, "decimal digit expected")
                };
                return Err(self.error(number, what));
            }
            let c = char::from_u32(code).filter(|c| is_legal(*c));
            let c = c.ok_or_else(|| self.error(9420, "illegal xml character"))?;
            self.at += 1;
            return Ok(c);
        }
        let name = self.name()?;
        if self.peek() != Some(';') {
            return Err(self.error(9411, "semicolon expected"));
        }
        let c = match name.as_str() {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "apos" => '\'',
            "quot" => '"',
            _ => return Err(self.error(9448, "well formed check: undeclared entity")),
        };
        self.at += 1;
        Ok(c)
    }

    fn comment(&mut self) -> Result<(), SqlError> {
        self.begin_content();
        self.at += 4;
        self.out.push_str("<!--");
        while !self.ahead("--") {
            let Some(c) = self.peek() else { return Err(self.error(9424, "")) };
            let c = self.legal(c)?;
            self.out.push(c);
        }
        self.at += 2;
        if !self.take(">") {
            return Err(self.error(9424, "incorrect comment syntax"));
        }
        self.out.push_str("-->");
        Ok(())
    }

    fn instruction(&mut self) -> Result<(), SqlError> {
        self.begin_content();
        self.at += 2;
        let target = self.name()?;
        if target.eq_ignore_ascii_case("xml") {
            return Err(self.error(9438, "text/xmldecl not at the beginning of input"));
        }
        let blank = self.blanks();
        self.out.push_str("<?");
        self.out.push_str(&target);
        if !blank && !self.ahead("?>") {
            return Err(self.error(9451, "incorrect processing instruction syntax"));
        }
        if !self.ahead("?>") {
            self.out.push(' ');
        }
        while !self.take("?>") {
            let Some(c) = self.peek() else { return Err(self.error(9451, "")) };
            let c = self.legal(c)?;
            self.out.push(c);
        }
        self.out.push_str("?>");
        Ok(())
    }

    fn start_tag(&mut self, preserve: bool) -> Result<(), SqlError> {
        self.begin_content();
        self.at += 1;
        let name = self.name()?;
        if self.open.len() >= DEEPEST {
            let text = format!(
                "XML datatype instance has too many levels of nested nodes. Maximum allowed depth is {DEEPEST} levels."
            );
            return Err(SqlError::new(6335, 16, 101, text));
        }
        let mut namespaces =
            self.open.last().map_or_else(Namespaces::default, |outer| outer.namespaces.clone());
        let mut preserve = self.open.last().map_or(preserve, |outer| outer.preserve);
        self.out.push('<');
        self.out.push_str(&name);
        let mut attributes: Vec<String> = Vec::new();
        let ended = loop {
            let blank = self.blanks();
            if self.ahead("/>") {
                break true;
            }
            match self.peek() {
                Some('>') => break false,
                Some('/') => {
                    self.at += 1;
                    return Err(self.error(9412, "'>' expected"));
                }
                Some(_) if !blank => return Err(self.error(9410, "whitespace expected")),
                _ => {}
            }
            let attribute = self.name()?;
            if attributes.contains(&attribute) {
                return Err(self.error(9437, "duplicate attribute"));
            }
            let value = self.attribute_value()?;
            if let Err((number, what)) = namespaces.declare(&attribute, &value) {
                return Err(self.error(number, what));
            }
            if attribute == "xml:space" {
                preserve = match value.as_str() {
                    "preserve" => true,
                    "default" => false,
                    _ => return Err(self.error(9463, "xml:space has a non-legal value")),
                };
            }
            self.out.push(' ');
            self.out.push_str(&attribute);
            self.out.push_str("=\"");
            escape(&value, true, &mut self.out);
            self.out.push('"');
            attributes.push(attribute);
        };
        // A default namespace is none of attributes without a prefix.
        if !namespaces.knows(&name) || attributes.iter().any(|attribute| !namespaces.knows(attribute)) {
            return Err(self.error(9459, "undeclared prefix"));
        }
        if ended {
            self.at += 2;
            self.out.push_str("/>");
        } else {
            self.at += 1;
            self.open.push(Element { name, preserve, namespaces, empty: true });
        }
        Ok(())
    }

    fn end_tag(&mut self) -> Result<(), SqlError> {
        self.at += 2;
        let name = self.name()?;
        self.blanks();
        if self.peek() != Some('>') {
            return Err(self.error(9412, "'>' expected"));
        }
        match self.open.last() {
            None => return Err(self.error(9422, "incorrect document syntax")),
            Some(element) if element.name != name => {
                return Err(self.error(9436, "end tag does not match start tag"));
            }
            Some(_) => {}
        }
        self.at += 1;
        match self.open.pop() {
            Some(element) if element.empty => self.out.push_str("/>"),
            _ => {
                self.out.push_str("</");
                self.out.push_str(&name);
                self.out.push('>');
            }
        }
        Ok(())
    }

    fn name(&mut self) -> Result<String, SqlError> {
        let from = self.at;
        while let Some(c) = self.peek() {
            let first = self.at == from || self.text.get(self.at - 1) == Some(&':');
            if !names::may_stand(c, first) {
                break;
            }
            self.at += 1;
        }
        let name: String = self.text[from..self.at].iter().collect();
        if name.is_empty() || name.ends_with(':') || name.starts_with(':') {
            return Err(self.error(9421, "illegal name character"));
        }
        if name.matches(':').count() > 1 {
            return Err(self.error(9456, "multiple colons in qualified name"));
        }
        Ok(name)
    }

    /// `= "value"`
    fn attribute_value(&mut self) -> Result<String, SqlError> {
        self.blanks();
        if !self.take("=") {
            return Err(self.error(9414, "equal expected"));
        }
        self.blanks();
        let quote = match self.peek() {
            Some(quote @ ('"' | '\'')) => quote,
            _ => return Err(self.error(9413, "A string literal was expected")),
        };
        self.at += 1;
        let mut value = String::new();
        loop {
            match self.peek() {
                None => return Err(self.error(9400, "")),
                Some(c) if c == quote => break,
                Some('<') => return Err(self.error(9415, "well formed check: no '<' in attribute value")),
                Some('&') => value.push(self.reference()?),
                Some(c) => {
                    let c = self.legal(c)?;
                    // Line ends and tabs that are written as such are blanks there (XML 1.0, 3.3.3).
                    value.push(if is_blank(c) { ' ' } else { c });
                }
            }
        }
        self.at += 1;
        Ok(value)
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// XML 1.0, 2.2.
fn is_legal(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

fn escape(text: &str, attribute: bool, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#x0D;"),
            '"' if attribute => out.push_str("&quot;"),
            '\t' if attribute => out.push_str("&#x09;"),
            '\n' if attribute => out.push_str("&#x0A;"),
            c => out.push(c),
        }
    }
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
