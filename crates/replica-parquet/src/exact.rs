//! The bytes of those values of a row that Parquet's types do not give back: for each the column's ordinal (two bytes,
//! little-endian), a length (four bytes), and the value as it lies on the wire.

/// Appends a value. Rows have at most 4,096 columns, and values below 2 GiB.
pub fn put(out: &mut Vec<u8>, column: usize, bytes: &[u8]) {
    out.extend_from_slice(&(column as u16).to_le_bytes());
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Takes the value of this column, if it is the next.
///
/// # Errors
/// `Err(())`: the bytes are no such list.
pub fn take<'a>(list: &mut &'a [u8], column: usize) -> Result<Option<&'a [u8]>, ()> {
    let Some((head, rest)) = list.split_first_chunk::<6>() else {
        return if list.is_empty() { Ok(None) } else { Err(()) };
    };
    let [a, b, length @ ..] = *head;
    if usize::from(u16::from_le_bytes([a, b])) != column {
        return Ok(None);
    }
    let (bytes, rest) = rest.split_at_checked(u32::from_le_bytes(length) as usize).ok_or(())?;
    *list = rest;
    Ok(Some(bytes))
}
