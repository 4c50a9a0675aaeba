//! LOGIN7: who wants to log in, and how ([MS-TDS] 2.2.6.4).
use super::wire::{self, Malformed, Reader, complete};
use std::fmt;

/// Where PacketSize stands in the payload: a little-endian DWORD.
pub const PACKET_SIZE_AT: usize = 8;
/// Bytes before the variable part.
const FIXED: usize = 94;

/// Bits of OptionFlags2.
pub mod flags2 {
    /// fODBC: TEXTSIZE is unlimited, ANSI defaults are on.
    pub const ODBC: u8 = 0x02;
    /// fIntSecurity: SSPI instead of a password.
    pub const INTEGRATED_SECURITY: u8 = 0x80;
}

/// Bits of OptionFlags3.
pub mod flags3 {
    /// fExtension: a feature extension block follows.
    pub const EXTENSION: u8 = 0x10;
}

/// Feature ids of the extension block ([MS-TDS] 2.2.6.4).
pub mod feature {
    /// SESSIONRECOVERY.
    pub const SESSION_RECOVERY: u8 = 0x01;
    /// FEDAUTH: Entra.
    pub const FED_AUTH: u8 = 0x02;
    /// COLUMNENCRYPTION: Always Encrypted.
    pub const COLUMN_ENCRYPTION: u8 = 0x04;
    /// GLOBALTRANSACTIONS.
    pub const GLOBAL_TRANSACTIONS: u8 = 0x05;
    /// AZURESQLSUPPORT.
    pub const AZURE_SQL_SUPPORT: u8 = 0x08;
    /// DATACLASSIFICATION.
    pub const DATA_CLASSIFICATION: u8 = 0x09;
    /// UTF8_SUPPORT.
    pub const UTF8_SUPPORT: u8 = 0x0A;
    /// AZURESQLDNSCACHING.
    pub const DNS_CACHING: u8 = 0x0B;
    /// The block ends here.
    pub const TERMINATOR: u8 = 0xFF;
}

/// The login request. The passwords are not shown by `Debug`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Login7 {
    /// 0x74000004 for TDS 7.4.
    pub tds_version: u32,
    /// What the client would like, in bytes.
    pub packet_size: u32,
    /// ClientProgVer.
    pub client_version: u32,
    /// ClientPID.
    pub client_pid: u32,
    /// ConnectionID.
    pub connection_id: u32,
    /// OptionFlags1.
    pub option_flags1: u8,
    /// See [`flags2`].
    pub option_flags2: u8,
    /// TypeFlags; bit 0x20 is fReadOnlyIntent.
    pub type_flags: u8,
    /// See [`flags3`]; the extension bit follows from `features`.
    pub option_flags3: u8,
    /// ClientTimeZone: minutes, and servers pass over it.
    pub time_zone: i32,
    /// ClientLCID.
    pub lcid: u32,
    /// HostName: the client's.
    pub host: String,
    /// UserName; empty where SSPI or a token says who it is.
    pub user: String,
    /// Password.
    pub password: String,
    /// AppName.
    pub application: String,
    /// ServerName: as the client called it.
    pub server: String,
    /// CltIntName.
    pub client_library: String,
    /// Language; empty for the login's own.
    pub language: String,
    /// Database; empty for the login's own.
    pub database: String,
    /// ClientID: the network card's address, or anything.
    pub client_id: [u8; 6],
    /// SSPI: the first bytes of a Windows login.
    pub sspi: Vec<u8>,
    /// AtchDBFile.
    pub attach_file: String,
    /// ChangePassword.
    pub new_password: String,
    /// Feature ids and their data; `None` without an extension block.
    pub features: Option<Vec<(u8, Vec<u8>)>>,
}

impl fmt::Debug for Login7 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login7")
            .field("user", &self.user)
            .field("database", &self.database)
            .field("application", &self.application)
            .field("packet_size", &self.packet_size)
            .finish_non_exhaustive()
    }
}

impl Login7 {
    /// Reads a whole LOGIN7 payload.
    pub fn parse(payload: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        let mut login = Self::default();
        let length = complete(reader.u32(), "LOGIN7")?;
        if length as usize != payload.len() {
            return Err(Malformed::new(format!("LOGIN7 of {} bytes says it has {length}", payload.len())));
        }
        let fixed = (|| {
            login.tds_version = reader.u32()?;
            login.packet_size = reader.u32()?;
            login.client_version = reader.u32()?;
            login.client_pid = reader.u32()?;
            login.connection_id = reader.u32()?;
            [login.option_flags1, login.option_flags2, login.type_flags, login.option_flags3] =
                reader.array()?;
            login.time_zone = reader.i32()?;
            login.lcid = reader.u32()?;
            Ok(())
        })();
        complete(fixed, "LOGIN7")?;

        let mut fields = Fields { payload, table: reader };
        login.host = fields.text()?;
        login.user = fields.text()?;
        login.password = reveal(fields.next(2)?);
        login.application = fields.text()?;
        login.server = fields.text()?;
        let extension = fields.next(1)?;
        login.client_library = fields.text()?;
        login.language = fields.text()?;
        login.database = fields.text()?;
        login.client_id = complete(fields.table.array(), "LOGIN7")?;
        let (sspi_at, sspi_length) = fields.place()?;
        login.attach_file = fields.text()?;
        login.new_password = reveal(fields.next(2)?);
        // A blob longer than a USHORT can say has its length here ([MS-TDS] 2.2.6.4, cbSSPILong).
        let sspi_long = complete(fields.table.u32(), "LOGIN7")? as usize;
        let is_long = sspi_length == usize::from(u16::MAX) && sspi_long > 0;
        login.sspi = at(payload, sspi_at, if is_long { sspi_long } else { sspi_length })?.to_vec();
        if login.option_flags3 & flags3::EXTENSION != 0 {
            login.features = Some(features(payload, extension)?);
        }
        Ok(login)
    }

    /// Appends the message's payload, without packet headers.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let extension = if self.features.is_some() { flags3::EXTENSION } else { 0 };
        let flags3 = (self.option_flags3 & !flags3::EXTENSION) | extension;
        out.extend_from_slice(&[0; 4]);
        for number in
            [self.tds_version, self.packet_size, self.client_version, self.client_pid, self.connection_id]
        {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&[self.option_flags1, self.option_flags2, self.type_flags, flags3]);
        out.extend_from_slice(&self.time_zone.to_le_bytes());
        out.extend_from_slice(&self.lcid.to_le_bytes());

        let mut variable = Vec::new();
        let mut put = |out: &mut Vec<u8>, data: &[u8], unit: usize| {
            out.extend_from_slice(&((FIXED + variable.len()) as u16).to_le_bytes());
            out.extend_from_slice(&((data.len() / unit) as u16).to_le_bytes());
            variable.extend_from_slice(data);
        };
        put(out, &utf16(&self.host), 2);
        put(out, &utf16(&self.user), 2);
        put(out, &hide(&self.password), 2);
        put(out, &utf16(&self.application), 2);
        put(out, &utf16(&self.server), 2);
        let extension_at = out.len();
        put(out, if self.features.is_some() { &[0; 4] } else { &[] }, 1);
        put(out, &utf16(&self.client_library), 2);
        put(out, &utf16(&self.language), 2);
        put(out, &utf16(&self.database), 2);
        out.extend_from_slice(&self.client_id);
        put(out, &self.sspi, 1);
        put(out, &utf16(&self.attach_file), 2);
        put(out, &hide(&self.new_password), 2);
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&variable);

        if let Some(features) = &self.features {
            let block = ((out.len() - start) as u32).to_le_bytes();
            let pointer = usize::from(u16::from_le_bytes([out[extension_at], out[extension_at + 1]]));
            out[start + pointer..start + pointer + 4].copy_from_slice(&block);
            for (id, data) in features {
                out.push(*id);
                out.extend_from_slice(&(data.len() as u32).to_le_bytes());
                out.extend_from_slice(data);
            }
            out.push(feature::TERMINATOR);
        }
        let length = ((out.len() - start) as u32).to_le_bytes();
        out[start..start + 4].copy_from_slice(&length);
    }
}

/// The table of offsets and lengths, and what it points into.
struct Fields<'a> {
    payload: &'a [u8],
    table: Reader<'a>,
}

impl<'a> Fields<'a> {
    fn place(&mut self) -> Result<(usize, usize), Malformed> {
        let offset = complete(self.table.u16(), "LOGIN7")?;
        let count = complete(self.table.u16(), "LOGIN7")?;
        Ok((usize::from(offset), usize::from(count)))
    }

    /// `unit`: bytes of what the length counts.
    fn next(&mut self, unit: usize) -> Result<&'a [u8], Malformed> {
        let (offset, count) = self.place()?;
        at(self.payload, offset, count * unit)
    }

    fn text(&mut self) -> Result<String, Malformed> {
        Ok(wire::from_utf16le(self.next(2)?))
    }
}

fn at(payload: &[u8], offset: usize, length: usize) -> Result<&[u8], Malformed> {
    match payload.get(offset..).and_then(|rest| rest.get(..length)) {
        Some(bytes) => Ok(bytes),
        // Clients may put anything into the offset of an empty field.
        None if length == 0 => Ok(&[]),
        None => Err(Malformed::new("a LOGIN7 field lies outside the message")),
    }
}

/// `extension` holds the offset of the feature block, as a DWORD.
fn features(payload: &[u8], extension: &[u8]) -> Result<Vec<(u8, Vec<u8>)>, Malformed> {
    let offset = complete(Reader::new(extension).u32(), "the LOGIN7 extension")? as usize;
    let rest =
        payload.get(offset..).ok_or_else(|| Malformed::new("the LOGIN7 features lie outside the message"))?;
    let mut reader = Reader::new(rest);
    let mut features = Vec::new();
    loop {
        match complete(reader.u8(), "the LOGIN7 features")? {
            feature::TERMINATOR => return Ok(features),
            id => {
                let data = reader.u32().and_then(|length| reader.bytes(length as usize));
                features.push((id, complete(data, "a LOGIN7 feature")?.to_vec()));
            }
        }
    }
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// Not encryption: nibbles swapped, then XOR 0xA5 ([MS-TDS] 2.2.6.4).
fn hide(password: &str) -> Vec<u8> {
    utf16(password).into_iter().map(|byte| byte.rotate_left(4) ^ 0xA5).collect()
}

fn reveal(hidden: &[u8]) -> String {
    let clear: Vec<u8> = hidden.iter().map(|byte| (byte ^ 0xA5).rotate_left(4)).collect();
    wire::from_utf16le(&clear)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Login7 {
        Login7 {
            tds_version: 0x7400_0004,
            packet_size: 32767,
            option_flags2: flags2::ODBC,
            host: "host".into(),
            user: "sa".into(),
            password: "pä$$".into(),
            application: "app".into(),
            server: "server".into(),
            database: "db".into(),
            client_id: [1, 2, 3, 4, 5, 6],
            ..Login7::default()
        }
    }

    #[test]
    fn round_trip_with_and_without_features() {
        let extended = Login7 {
            option_flags3: flags3::EXTENSION,
            features: Some(vec![(feature::UTF8_SUPPORT, vec![1]), (feature::FED_AUTH, vec![])]),
            ..sample()
        };
        for login in [sample(), extended] {
            let mut payload = Vec::new();
            login.encode(&mut payload);
            assert_eq!(payload[PACKET_SIZE_AT..PACKET_SIZE_AT + 4], 32767u32.to_le_bytes());
            let parsed = Login7::parse(&payload).unwrap();
            assert!(parsed == login, "{parsed:?}");
            for end in 0..payload.len() {
                assert!(Login7::parse(&payload[..end]).is_err());
            }
        }
    }

    /// [MS-TDS] 2.2.6.4: "a" is 0x61 0x00; nibbles swapped 0x16 0x00; XOR 0xA5 gives 0xB3 0xA5.
    #[test]
    fn passwords_are_obfuscated_as_specified_and_never_shown() {
        assert_eq!(hide("a"), [0xB3, 0xA5]);
        assert_eq!(reveal(&[0xB3, 0xA5]), "a");
        assert!(!format!("{:?}", sample()).contains("pä$$"));
    }

    proptest! {
        #[test]
        fn a_corrupted_byte_is_read_or_refused(at in 0usize..200, byte in any::<u8>()) {
            let mut payload = Vec::new();
            Login7 { features: Some(vec![(1, vec![2, 3])]), ..sample() }.encode(&mut payload);
            let at = at % payload.len();
            payload[at] = byte;
            let _ = Login7::parse(&payload);
        }
    }
}
