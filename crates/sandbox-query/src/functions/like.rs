//! LIKE and PATINDEX: `%`, `_`, `[set]`, `[^set]`.
use sandbox_values::CollationId;
use sandbox_values::collation::{Charset, utf16le};

/// A pattern cut into its parts.
pub struct Pattern {
    parts: Vec<PatternPart>,
    collation: CollationId,
}

enum PatternPart {
    /// `%`
    Any,
    /// `_`
    One,
    Unit(u16),
    /// Single units and ranges; whether the set is turned over.
    Set(Vec<(u16, u16)>, bool),
}

impl Pattern {
    pub fn new(pattern: &[u16], escape: Option<u16>, collation: CollationId) -> Self {
        const PERCENT: u16 = b'%' as u16;
        const UNDERSCORE: u16 = b'_' as u16;
        const OPEN: u16 = b'[' as u16;
        let mut parts = Vec::new();
        let mut rest = pattern;
        while let Some((&unit, after)) = rest.split_first() {
            rest = after;
            if Some(unit) == escape
                && let Some((&escaped, after)) = rest.split_first()
            {
                parts.push(PatternPart::Unit(escaped));
                rest = after;
                continue;
            }
            match unit {
                PERCENT => parts.push(PatternPart::Any),
                UNDERSCORE => parts.push(PatternPart::One),
                OPEN => match set(rest) {
                    Some((part, after)) => {
                        parts.push(part);
                        rest = after;
                    }
                    None => parts.push(PatternPart::Unit(unit)),
                },
                _ => parts.push(PatternPart::Unit(unit)),
            }
        }
        Self { parts, collation }
    }

    /// Does the whole text match? Trailing blanks of the text may be left over, as SQL Server has it.
    pub fn matches(&self, text: &[u16]) -> bool {
        let trimmed = text.iter().rposition(|&u| u != u16::from(b' ')).map_or(0, |last| last + 1);
        self.from(0, text) || (trimmed < text.len() && self.from(0, &text[..trimmed]))
    }

    /// Greedy search with one point to come back to: the last `%`.
    fn from(&self, mut part: usize, text: &[u16]) -> bool {
        let (mut at, mut back) = (0, None);
        loop {
            match self.parts.get(part) {
                None if at == text.len() => return true,
                Some(PatternPart::Any) => {
                    part += 1;
                    back = Some((part, at));
                    continue;
                }
                Some(wanted) if at < text.len() && self.fits(wanted, text[at]) => {
                    part += 1;
                    at += 1;
                    continue;
                }
                _ => {}
            }
            match back {
                Some((after, from)) if from < text.len() => {
                    back = Some((after, from + 1));
                    part = after;
                    at = from + 1;
                }
                _ => return false,
            }
        }
    }

    fn fits(&self, part: &PatternPart, unit: u16) -> bool {
        match part {
            PatternPart::Any | PatternPart::One => true,
            PatternPart::Unit(wanted) => *wanted == unit || self.key(*wanted) == self.key(unit),
            PatternPart::Set(ranges, turned) => {
                let key = self.key(unit);
                let within = ranges.iter().any(|(low, high)| {
                    (*low..=*high).contains(&unit) || (self.key(*low) <= key && key <= self.key(*high))
                });
                within != *turned
            }
        }
    }

    fn key(&self, unit: u16) -> Vec<u8> {
        let mut key = Vec::new();
        self.collation.get().sort_key(&utf16le(&[unit]), Charset::Utf16, &mut key);
        key
    }
}

/// A set after its "["; what follows its "]".
fn set(rest: &[u16]) -> Option<(PatternPart, &[u16])> {
    let close = rest.iter().position(|&u| u == u16::from(b']')).filter(|&at| at > 0)?;
    let (mut inside, after) = (&rest[..close], &rest[close + 1..]);
    let turned = inside.first() == Some(&u16::from(b'^'));
    if turned {
        inside = &inside[1..];
    }
    let mut ranges = Vec::new();
    while let Some((&low, more)) = inside.split_first() {
        match more {
            [dash, high, more @ ..] if *dash == u16::from(b'-') => {
                ranges.push((low, *high));
                inside = more;
            }
            _ => {
                ranges.push((low, low));
                inside = more;
            }
        }
    }
    Some((PatternPart::Set(ranges, turned), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn like(text: &str, pattern: &str) -> bool {
        let units = |s: &str| s.encode_utf16().collect::<Vec<_>>();
        Pattern::new(&units(pattern), Some(b'!'.into()), CollationId::SERVER_DEFAULT).matches(&units(text))
    }

    #[test]
    fn wildcards_sets_and_escapes() {
        for (text, pattern) in [
            ("abc", "a%"),
            ("abc", "%C"),
            ("abcabc", "%b_a%"),
            ("abc", "[a-c]b[^x]"),
            ("50%", "50!%"),
            ("a ", "a"),
            ("a[b", "a[[]b"),
            ("", "%"),
        ] {
            assert!(like(text, pattern), "{text} LIKE {pattern}");
        }
        for (text, pattern) in [("abc", "ab"), ("abc", "[d-f]%"), ("500", "50!%"), ("abc", "%d"), ("", "_")] {
            assert!(!like(text, pattern), "{text} NOT LIKE {pattern}");
        }
    }
}
