//! Rows as a bulk load has them.
use replica_core::tds::types::TypeInfo;
use replica_core::tds::value::{PLP_UNKNOWN, SHORT_NULL};

/// How a column's values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Byte,
    Short,
    Long,
    Pointed,
    Plp,
}

impl Form {
    /// For a type that a bulk load has ([`bulk::type_info`](replica_core::tds::bulk::type_info)).
    pub fn of(type_info: &TypeInfo) -> Self {
        match type_info {
            TypeInfo::LongLen { .. } => Self::Pointed,
            TypeInfo::Variant { .. } => Self::Long,
            type_info if type_info.is_plp() => Self::Plp,
            TypeInfo::Binary { .. } | TypeInfo::Chars { .. } => Self::Short,
            _ => Self::Byte,
        }
    }

    /// Appends a value. `None`: it is longer than this form can say.
    pub fn put(self, value: Option<&[u8]>, out: &mut Vec<u8>) -> Option<()> {
        let Some(bytes) = value else {
            out.extend_from_slice(match self {
                Self::Byte | Self::Pointed => &[0][..],
                Self::Short => &[0xFF; 2],
                Self::Long => &[0; 4],
                Self::Plp => &[0xFF; 8],
            });
            return Some(());
        };
        let length = u32::try_from(bytes.len()).ok()?;
        match self {
            Self::Byte => out.push(u8::try_from(length).ok()?),
            Self::Short => {
                let length = u16::try_from(length).ok().filter(|length| *length != SHORT_NULL)?;
                out.extend_from_slice(&length.to_le_bytes());
            }
            Self::Long => out.extend_from_slice(&length.to_le_bytes()),
            // A text pointer and a timestamp. The row scanner puts its own in their place.
            Self::Pointed => {
                out.push(16);
                out.extend_from_slice(&[0xFF; 16 + 8]);
                out.extend_from_slice(&length.to_le_bytes());
            }
            Self::Plp => {
                out.extend_from_slice(&PLP_UNKNOWN.to_le_bytes());
                if length > 0 {
                    out.extend_from_slice(&length.to_le_bytes());
                }
            }
        }
        out.extend_from_slice(bytes);
        if self == Self::Plp {
            out.extend_from_slice(&[0; 4]);
        }
        Some(())
    }
}
