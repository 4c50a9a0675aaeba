//! Tags, text, comments and declarations: what is read is written anew.
use super::names::Namespaces;
use super::parser::{Element, Parser, escape, is_blank};
use crate::error::SqlError;

/// Microsoft docs, "Maximum capacity specifications": levels of nested elements.
const DEEPEST: usize = 128;

impl Parser<'_> {
    /// `<?xml version="1.0" encoding="…" standalone="…"?>`, at the beginning or not at all.
    pub fn declaration(&mut self) -> Result<(), SqlError> {
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

    pub fn content(&mut self, preserve: bool) -> Result<(), SqlError> {
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
}
