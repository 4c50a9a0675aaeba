//! Values coming in: parameters of an RPC and the columns of a bulk row.
use super::payload::{self, Bad};
use super::{sql_type, variant};
use crate::types::{CollationId, Value};
use replica_core::tds::types::{MAX_WIDTH, TypeInfo, token};
use std::io::{self, Read};

const PLP_NULL: u64 = u64::MAX;
const PLP_UNKNOWN: u64 = u64::MAX - 1;
const LONG_NULL: u32 = u32::MAX;
/// 2 GiB less a byte: the largest value of a (max) type.
const LARGEST: u64 = i32::MAX as u64;
/// Memory set aside on a length's word alone; more only as bytes come.
const TRUSTED: usize = 64 * 1024;

/// Why no value could be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The source failed, or ended too early ([`io::ErrorKind::UnexpectedEof`]).
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The bytes are not what the TYPE_INFO says.
    #[error("the value's bytes do not fit its type")]
    Malformed,
    /// Well-formed, but nothing that the type can hold.
    #[error("the value is no valid instance of its type")]
    Invalid,
}

impl From<Bad> for ReadError {
    fn from(bad: Bad) -> Self {
        match bad {
            Bad::Length => ReadError::Malformed,
            Bad::Value => ReadError::Invalid,
        }
    }
}

/// Reads one value as `info` describes it; it is of the type that [`sql_type`] gives. Blocks as `input` does
/// and holds no more than the value.
///
/// # Errors
/// [`ReadError`]; the stream's position is then undefined.
pub fn read_value(input: &mut impl Read, info: &TypeInfo) -> Result<Value, ReadError> {
    let data = read_data(input, info)?;
    value(data, info)
}

/// As [`read_value`], of an RPC's parameter: text, ntext and image have no text pointer there (FreeTDS 1.3,
/// tds/query.c, and tedious 19, data-types/ntext.js, send none).
///
/// # Errors
/// As [`read_value`].
pub fn read_parameter(input: &mut impl Read, info: &TypeInfo) -> Result<Value, ReadError> {
    let TypeInfo::LongLen { .. } = info else { return read_value(input, info) };
    let data = match u32::from_le_bytes(array(input)?) {
        LONG_NULL => None,
        len => Some(take(input, len.into())?),
    };
    value(data, info)
}

fn value(data: Option<Vec<u8>>, info: &TypeInfo) -> Result<Value, ReadError> {
    let Some(data) = data else { return Ok(Value::Null) };
    if let TypeInfo::Variant { .. } = info {
        return Ok(variant::read_body(&data)?);
    }
    // The collation changes nothing about the bytes.
    let sql_type = sql_type(info, CollationId::SERVER_DEFAULT).ok_or(ReadError::Malformed)?;
    if sql_type.is_character() && !data.len().is_multiple_of(unit(info)) {
        return Err(ReadError::Malformed);
    }
    if sql_type.is_character() || sql_type.is_binary() {
        return Ok(Value::Bytes(data));
    }
    Ok(payload::get(&data, &sql_type)?)
}

fn unit(info: &TypeInfo) -> usize {
    match info {
        TypeInfo::Chars { token: token::NCHAR | token::NVARCHAR, .. } => 2,
        TypeInfo::LongLen { token: token::NTEXT, .. } => 2,
        _ => 1,
    }
}

fn read_data(input: &mut impl Read, info: &TypeInfo) -> Result<Option<Vec<u8>>, ReadError> {
    match info {
        TypeInfo::Fixed { token } => {
            let len = match *token {
                token::INT1 | token::BIT => 1,
                token::INT2 => 2,
                token::INT4 | token::FLT4 | token::MONEY4 | token::DATETIM4 => 4,
                token::INT8 | token::FLT8 | token::MONEY | token::DATETIME => 8,
                _ => return Err(ReadError::Malformed),
            };
            take(input, len).map(Some)
        }
        TypeInfo::ByteLen { .. } | TypeInfo::Decimal { .. } | TypeInfo::Date | TypeInfo::Scaled { .. } => {
            match u8::from_le_bytes(array(input)?) {
                0 => Ok(None),
                len => take(input, len.into()).map(Some),
            }
        }
        TypeInfo::Binary { size: MAX_WIDTH, .. }
        | TypeInfo::Chars { size: MAX_WIDTH, .. }
        | TypeInfo::Xml { .. }
        | TypeInfo::Udt { .. } => read_plp(input),
        TypeInfo::Binary { .. } | TypeInfo::Chars { .. } => match u16::from_le_bytes(array(input)?) {
            0xFFFF => Ok(None),
            len => take(input, len.into()).map(Some),
        },
        TypeInfo::LongLen { .. } => {
            let pointer = u8::from_le_bytes(array(input)?);
            if pointer == 0 {
                return Ok(None);
            }
            take(input, u64::from(pointer) + 8)?;
            let len = u32::from_le_bytes(array(input)?);
            take(input, len.into()).map(Some)
        }
        TypeInfo::Variant { .. } => match u32::from_le_bytes(array(input)?) {
            0 => Ok(None),
            // 8000 bytes of data and the longest head.
            len @ ..=8016 => take(input, len.into()).map(Some),
            _ => Err(ReadError::Malformed),
        },
    }
}

/// [MS-TDS] 2.2.5.2.3. A length that was told must be met.
fn read_plp(input: &mut impl Read) -> Result<Option<Vec<u8>>, ReadError> {
    let told = u64::from_le_bytes(array(input)?);
    if told == PLP_NULL {
        return Ok(None);
    }
    if told != PLP_UNKNOWN && told > LARGEST {
        return Err(ReadError::Malformed);
    }
    let mut data = Vec::new();
    loop {
        let len = u32::from_le_bytes(array(input)?);
        if len == 0 {
            break;
        }
        if data.len() as u64 + u64::from(len) > LARGEST {
            return Err(ReadError::Malformed);
        }
        append(input, len.into(), &mut data)?;
    }
    if told != PLP_UNKNOWN && told != data.len() as u64 {
        return Err(ReadError::Malformed);
    }
    Ok(Some(data))
}

fn array<const N: usize>(input: &mut impl Read) -> Result<[u8; N], ReadError> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn take(input: &mut impl Read, len: u64) -> Result<Vec<u8>, ReadError> {
    if len > LARGEST {
        return Err(ReadError::Malformed);
    }
    let mut data = Vec::new();
    append(input, len, &mut data)?;
    Ok(data)
}

fn append(input: &mut impl Read, len: u64, data: &mut Vec<u8>) -> Result<(), ReadError> {
    data.reserve((len as usize).min(TRUSTED));
    let read = input.take(len).read_to_end(data)?;
    if read as u64 != len {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    Ok(())
}
