//! Rows as a bulk load has them.
use replica_core::tds::types::ValueLayout;
use replica_core::tds::value::{PLP_UNKNOWN, SHORT_NULL};

/// Appends a value. `None`: it is longer than its layout can say.
pub fn put(layout: ValueLayout, value: Option<&[u8]>, out: &mut Vec<u8>) -> Option<()> {
    let Some(bytes) = value else {
        out.extend_from_slice(match layout {
            ValueLayout::ByteLen | ValueLayout::TextPointer => &[0][..],
            ValueLayout::UShortLen => &[0xFF; 2],
            ValueLayout::LongLen => &[0; 4],
            ValueLayout::Plp => &[0xFF; 8],
        });
        return Some(());
    };
    let length = u32::try_from(bytes.len()).ok()?;
    match layout {
        ValueLayout::ByteLen => out.push(u8::try_from(length).ok()?),
        ValueLayout::UShortLen => {
            let length = u16::try_from(length).ok().filter(|length| *length != SHORT_NULL)?;
            out.extend_from_slice(&length.to_le_bytes());
        }
        ValueLayout::LongLen => out.extend_from_slice(&length.to_le_bytes()),
        // A text pointer and a timestamp. The row scanner puts its own in their place.
        ValueLayout::TextPointer => {
            out.push(16);
            out.extend_from_slice(&[0xFF; 16 + 8]);
            out.extend_from_slice(&length.to_le_bytes());
        }
        ValueLayout::Plp => {
            out.extend_from_slice(&PLP_UNKNOWN.to_le_bytes());
            if length > 0 {
                out.extend_from_slice(&length.to_le_bytes());
            }
        }
    }
    out.extend_from_slice(bytes);
    if layout == ValueLayout::Plp {
        out.extend_from_slice(&[0; 4]);
    }
    Some(())
}
