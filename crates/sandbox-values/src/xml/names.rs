//! Names and the namespaces that their prefixes stand for.

/// May the character stand in a name (XML 1.0, 2.3)? The first of a part may be no digit, hyphen or dot.
pub fn may_stand(c: char, first: bool) -> bool {
    match c {
        '_' => true,
        ':' | '-' | '.' | '\u{B7}' => !first,
        c if c.is_ascii() => c.is_ascii_alphabetic() || !first && c.is_ascii_digit(),
        '\u{D7}' | '\u{F7}' => false,
        '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}' => !first,
        '\u{C0}'..='\u{37D}'
        | '\u{37F}'..='\u{1FFF}'
        | '\u{200C}'..='\u{200D}'
        | '\u{2070}'..='\u{218F}'
        | '\u{2C00}'..='\u{2FEF}'
        | '\u{3001}'..='\u{D7FF}'
        | '\u{F900}'..='\u{FDCF}'
        | '\u{FDF0}'..='\u{FFFD}'
        | '\u{10000}'..='\u{EFFFF}' => true,
        _ => false,
    }
}

/// The prefixes that are declared around a place.
#[derive(Clone, Default)]
pub struct Namespaces(Vec<String>);

impl Namespaces {
    /// Takes note of an attribute that declares one.
    ///
    /// # Errors
    /// Number and words of what is wrong with it.
    pub fn declare(&mut self, attribute: &str, value: &str) -> Result<(), (i32, &'static str)> {
        let Some(prefix) = attribute.strip_prefix("xmlns:") else { return Ok(()) };
        match (prefix, value) {
            ("xmlns", _) => Err((9465, "XML namespace prefix 'xmlns' is reserved for use by XML.")),
            (_, "") => Err((9460, "non default namespace with empty uri")),
            _ => {
                self.0.push(prefix.to_owned());
                Ok(())
            }
        }
    }

    /// Is the prefix of a name, if it has one, declared?
    pub fn knows(&self, name: &str) -> bool {
        match name.split_once(':') {
            Some((prefix, _)) => {
                matches!(prefix, "xml" | "xmlns") || self.0.iter().any(|known| known == prefix)
            }
            None => true,
        }
    }
}
