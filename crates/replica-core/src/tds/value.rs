//! Where one value ends: the length rules of [MS-TDS] 2.2.5.4 and 2.2.5.5, for values that are held whole.
//! Rows are the row scanner's; this is for parameters and return values.
use super::types::{MAX_WIDTH, TypeInfo, fixed_size};
use super::wire::{ParseError, Reader};

/// A PLP value that is NULL.
pub const PLP_NULL: u64 = u64::MAX;
/// A PLP value whose length its sender did not say.
pub const PLP_UNKNOWN: u64 = u64::MAX - 1;
/// The USHORT length of a NULL.
pub const SHORT_NULL: u16 = 0xFFFF;

/// A parameter above this is refused rather than collected.
const MOST_VALUE: u64 = 1 << 30;

/// Takes one value's bytes, its length prefix included.
pub fn take<'a>(type_info: &TypeInfo, reader: &mut Reader<'a>) -> Result<&'a [u8], ParseError> {
    let mut ahead = reader.clone();
    skip(type_info, &mut ahead)?;
    reader.bytes(ahead.position() - reader.position())
}

fn skip(type_info: &TypeInfo, reader: &mut Reader<'_>) -> Result<(), ParseError> {
    match type_info {
        TypeInfo::Fixed { token } => {
            let size =
                fixed_size(*token).ok_or_else(|| ParseError::malformed("a fixed type without a size"))?;
            reader.bytes(usize::from(size))?;
        }
        TypeInfo::ByteLen { .. } | TypeInfo::Decimal { .. } | TypeInfo::Date | TypeInfo::Scaled { .. } => {
            reader.b_varbyte()?;
        }
        TypeInfo::Binary { size: MAX_WIDTH, .. }
        | TypeInfo::Chars { size: MAX_WIDTH, .. }
        | TypeInfo::Xml { .. }
        | TypeInfo::Udt { .. } => skip_plp(reader)?,
        TypeInfo::Binary { .. } | TypeInfo::Chars { .. } => match reader.u16()? {
            SHORT_NULL => {}
            length => {
                reader.bytes(usize::from(length))?;
            }
        },
        TypeInfo::LongLen { .. } => {
            if !reader.b_varbyte()?.is_empty() {
                reader.bytes(8)?;
                skip_long(reader)?;
            }
        }
        TypeInfo::Variant { .. } => skip_long(reader)?,
    }
    Ok(())
}

fn skip_long(reader: &mut Reader<'_>) -> Result<(), ParseError> {
    let length = reader.u32()?;
    bounded(u64::from(length))?;
    reader.bytes(length as usize)?;
    Ok(())
}

fn skip_plp(reader: &mut Reader<'_>) -> Result<(), ParseError> {
    let announced = reader.u64()?;
    if announced == PLP_NULL {
        return Ok(());
    }
    let mut total = 0;
    loop {
        let chunk = reader.u32()?;
        if chunk == 0 {
            break;
        }
        total += u64::from(chunk);
        bounded(total)?;
        reader.bytes(chunk as usize)?;
    }
    if announced != PLP_UNKNOWN && announced != total {
        return Err(ParseError::malformed(format!("a value of {total} bytes announced as {announced}")));
    }
    Ok(())
}

fn bounded(length: u64) -> Result<(), ParseError> {
    if length > MOST_VALUE {
        Err(ParseError::malformed(format!("a value of {length} bytes")))
    } else {
        Ok(())
    }
}
