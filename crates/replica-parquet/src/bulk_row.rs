//! Rows as a bulk load has them.
use replica_core::tds::types::ValueLayout;
use replica_core::tds::value::{PLP_UNKNOWN, SHORT_NULL};

/// A text pointer and a timestamp. The row scanner puts its own in their place.
const TEXT_POINTER: [u8; 1 + 16 + 8] = {
    let mut pointer = [0xFF; 1 + 16 + 8];
    pointer[0] = 16;
    pointer
};

/// Appends what precedes a long value; a PLP value then has chunks, each after its length, and an empty one. `None`: such a
/// layout has no long values.
pub fn begin_long(layout: ValueLayout, length: u32, out: &mut Vec<u8>) -> Option<()> {
    match layout {
        ValueLayout::ByteLen | ValueLayout::UShortLen => return None,
        ValueLayout::LongLen => out.extend_from_slice(&length.to_le_bytes()),
        ValueLayout::TextPointer => {
            out.extend_from_slice(&TEXT_POINTER);
            out.extend_from_slice(&length.to_le_bytes());
        }
        ValueLayout::Plp => out.extend_from_slice(&PLP_UNKNOWN.to_le_bytes()),
    }
    Some(())
}

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
    put_with(layout, out, |out| {
        out.extend_from_slice(bytes);
        Some(())
    })
}

/// Appends a value that `value` appends the bytes of: it is made where it is to lie. `None`: `value` says so, or it is longer
/// than its layout can say.
pub fn put_with(
    layout: ValueLayout,
    out: &mut Vec<u8>,
    value: impl FnOnce(&mut Vec<u8>) -> Option<()>,
) -> Option<()> {
    let width = match layout {
        ValueLayout::ByteLen => 1,
        ValueLayout::UShortLen => 2,
        ValueLayout::LongLen => 4,
        ValueLayout::TextPointer => {
            out.extend_from_slice(&TEXT_POINTER);
            4
        }
        ValueLayout::Plp => {
            out.extend_from_slice(&PLP_UNKNOWN.to_le_bytes());
            4
        }
    };
    let head = out.len();
    let start = head + width;
    out.resize(start, 0);
    value(out)?;
    let length = u32::try_from(out.len() - start).ok()?;
    match layout {
        ValueLayout::ByteLen if length > u8::MAX.into() => return None,
        ValueLayout::UShortLen if length >= SHORT_NULL.into() => return None,
        // A value without bytes has no chunk.
        ValueLayout::Plp if length == 0 => out.truncate(head),
        _ => out[head..start].copy_from_slice(&length.to_le_bytes()[..width]),
    }
    if layout == ValueLayout::Plp {
        out.extend_from_slice(&[0; 4]);
    }
    Some(())
}
