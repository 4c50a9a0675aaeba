//! When a certificate ends: the one value of it that is wanted, out of its DER (RFC 5280, 4.1; X.690).
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// The version's tag, `[0]`: it is left out of version 1.
const VERSION: u8 = 0xA0;

/// notAfter of a certificate's validity; `None`: this is none.
pub(super) fn not_after(certificate: &[u8]) -> Option<OffsetDateTime> {
    let mut outer = Der(certificate);
    let mut certificate = Der(outer.take(SEQUENCE)?);
    let mut signed = Der(certificate.take(SEQUENCE)?);
    if signed.0.first() == Some(&VERSION) {
        signed.take(VERSION)?;
    }
    signed.take(INTEGER)?; // serialNumber
    signed.take(SEQUENCE)?; // signature
    signed.take(SEQUENCE)?; // issuer
    let mut validity = Der(signed.take(SEQUENCE)?);
    validity.next()?; // notBefore
    match validity.next()? {
        (UTC_TIME, text) => {
            // Two digits of the year: 50 and more are of the last century (RFC 5280, 4.1.2.5.1).
            let text = str::from_utf8(text).ok()?;
            let century = if text.get(..2)? < "50" { "20" } else { "19" };
            moment(&format!("{century}{text}"))
        }
        (GENERALIZED_TIME, text) => moment(str::from_utf8(text).ok()?),
        _ => None,
    }
}

fn moment(text: &str) -> Option<OffsetDateTime> {
    let format = format_description!("[year][month][day][hour][minute][second]Z");
    Some(PrimitiveDateTime::parse(text, format).ok()?.assume_utc())
}

/// Values one after the other.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// Tag and content of the next value.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let mut length = usize::from(first);
        if first & 0x80 != 0 {
            let (digits, content) = rest.split_at_checked(usize::from(first & 0x7F))?;
            if digits.len() > 4 {
                return None;
            }
            length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
            rest = content;
        }
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    /// The content of the next value, which has this tag.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    /// Version, serial number, signature, issuer, validity, and nothing more.
    fn certificate(version: bool, validity: &[u8]) -> Vec<u8> {
        let value = |tag: u8, content: &[u8]| {
            let length = u8::try_from(content.len()).unwrap();
            [&[tag, 0x81, length][..], content].concat()
        };
        let mut signed = if version { value(VERSION, &[2, 1, 2]) } else { Vec::new() };
        signed.extend(value(INTEGER, &[1; 20]));
        signed.extend([value(SEQUENCE, &[]), value(SEQUENCE, &[0x31, 0])].concat());
        signed.extend(value(SEQUENCE, validity));
        value(SEQUENCE, &value(SEQUENCE, &signed))
    }

    #[test]
    fn both_ways_to_write_a_time() {
        let utc = b"\x17\x0d240101000000Z\x17\x0d491231235959Z";
        assert_eq!(not_after(&certificate(true, utc)), Some(datetime!(2049-12-31 23:59:59 UTC)));
        let old = b"\x17\x0d500101000000Z\x17\x0d990101000000Z";
        assert_eq!(not_after(&certificate(false, old)), Some(datetime!(1999-01-01 0:00 UTC)));
        let later = b"\x17\x0d240101000000Z\x18\x0f20500101000000Z";
        assert_eq!(not_after(&certificate(true, later)), Some(datetime!(2050-01-01 0:00 UTC)));
    }

    #[test]
    fn what_is_cut_short_is_none() {
        let whole = certificate(true, b"\x17\x0d240101000000Z\x17\x0d491231235959Z");
        assert!((0..whole.len()).all(|length| not_after(&whole[..length]).is_none()));
        assert_eq!(not_after(b"\x30\x84\xff\xff\xff\xff"), None);
    }
}
