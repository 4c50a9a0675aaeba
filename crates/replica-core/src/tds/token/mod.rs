//! The tokens of a server's reply, rows excepted ([MS-TDS] 2.2.7).
//!
//! [`parse`] reads one token; ROW and NBCROW are the row scanner's, since only it knows the columns.
mod env_change;

pub use env_change::EnvChange;

use super::columns::{self, Form, WireColumn};
use super::types::TypeInfo;
use super::value;
use super::wire::{
    self, Malformed, ParseError, Reader, put_b_varchar, put_us_varchar, resumable, with_u16_length,
};

/// The token bytes ([MS-TDS] 2.2.4.2.1).
pub mod kind {
    /// Names of the tables that a result is from.
    pub const TABNAME: u8 = 0xA4;
    /// Which column is from which table.
    pub const COLINFO: u8 = 0xA5;
    /// The columns that rows are ordered by.
    pub const ORDER: u8 = 0xA9;
    /// A message of class 11 or more.
    pub const ERROR: u8 = 0xAA;
    /// A message of class 10 or less.
    pub const INFO: u8 = 0xAB;
    /// An output parameter.
    pub const RETURN_VALUE: u8 = 0xAC;
    /// The login is accepted.
    pub const LOGIN_ACK: u8 = 0xAD;
    /// The features that the server grants.
    pub const FEATURE_EXT_ACK: u8 = 0xAE;
    /// What a procedure returned.
    pub const RETURN_STATUS: u8 = 0x79;
    /// A row with every value.
    pub const ROW: u8 = 0xD1;
    /// A row with a bitmap of its NULLs.
    pub const NBCROW: u8 = 0xD2;
    /// The session has changed.
    pub const ENV_CHANGE: u8 = 0xE3;
    /// For session recovery.
    pub const SESSION_STATE: u8 = 0xE4;
    /// The server's part of a Windows login.
    pub const SSPI: u8 = 0xED;
    /// Where tokens of Entra are had.
    pub const FED_AUTH_INFO: u8 = 0xEE;
    /// The end of a statement.
    pub const DONE: u8 = 0xFD;
    /// The end of a procedure.
    pub const DONE_PROC: u8 = 0xFE;
    /// The end of a statement in a procedure.
    pub const DONE_IN_PROC: u8 = 0xFF;
}

/// Tokens whose length is a LONG may claim 4 GB; none that a server sends here comes near this.
const MOST_LONG_TOKEN: u32 = 1 << 20;
/// Units of a message's text. RAISERROR and THROW stop at 2,047; the token's own length is a USHORT of bytes.
const MOST_TEXT: u16 = 8000;

/// A token of a reply that is no row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// COLMETADATA: a result begins.
    Columns(Vec<WireColumn>),
    /// Ordinals, from 1, of the columns that the rows are ordered by.
    Order(Vec<u16>),
    /// A statement has ended.
    Done(Done),
    /// A statement failed.
    Error(Message),
    /// PRINT, a warning, a change of database or language.
    Info(Message),
    /// The session has changed.
    EnvChange(EnvChange),
    /// The login is accepted.
    LoginAck(LoginAck),
    /// What a procedure returned.
    ReturnStatus(i32),
    /// An output parameter.
    ReturnValue(ReturnValue),
    /// Feature ids and their data.
    FeatureExtAck(Vec<(u8, Vec<u8>)>),
    /// The server's part of a Windows login.
    Sspi(Vec<u8>),
    /// Read over: TABNAME, COLINFO, SESSIONSTATE, FEDAUTHINFO. The token byte.
    Skipped(u8),
}

/// Which of the three DONE tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DoneKind {
    /// DONE: of a statement in a batch.
    Done,
    /// DONEPROC: of a procedure.
    Proc,
    /// DONEINPROC: of a statement in a procedure.
    InProc,
}

/// The end of a statement ([MS-TDS] 2.2.7.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// Of what it is the end.
    pub kind: DoneKind,
    /// See [`done`].
    pub status: u16,
    /// CurCmd (docs/WIRE.md, "DONE").
    pub command: u16,
    /// Rows, if `status` has [`done::COUNT`].
    pub count: u64,
}

/// Bits of a DONE token's status.
pub mod done {
    /// Another result follows.
    pub const MORE: u16 = 0x001;
    /// The statement failed.
    pub const ERROR: u16 = 0x002;
    /// A transaction is open.
    pub const IN_TRANSACTION: u16 = 0x004;
    /// `count` is valid.
    pub const COUNT: u16 = 0x010;
    /// The request was cancelled, as asked.
    pub const ATTENTION: u16 = 0x020;
    /// The server gave up; the result is not to be used.
    pub const SERVER_ERROR: u16 = 0x100;
}

impl Done {
    /// Whether other results follow in the same reply.
    pub fn has_more(&self) -> bool {
        self.status & done::MORE != 0
    }

    /// Whether the statement failed.
    pub fn has_error(&self) -> bool {
        self.status & (done::ERROR | done::SERVER_ERROR) != 0
    }

    /// Rows, if the server counted them.
    pub fn rows(&self) -> Option<u64> {
        (self.status & done::COUNT != 0).then_some(self.count)
    }

    /// Appends the token, its first byte included.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(match self.kind {
            DoneKind::Done => kind::DONE,
            DoneKind::Proc => kind::DONE_PROC,
            DoneKind::InProc => kind::DONE_IN_PROC,
        });
        out.extend_from_slice(&self.status.to_le_bytes());
        out.extend_from_slice(&self.command.to_le_bytes());
        out.extend_from_slice(&self.count.to_le_bytes());
    }
}

/// ERROR and INFO: what the server says about a statement ([MS-TDS] 2.2.7.10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The error's number: 1205 for a deadlock.
    pub number: i32,
    /// Tells places apart that send the same number.
    pub state: u8,
    /// Severity. Up to 10 it is information; from 20 on the connection ends.
    pub class: u8,
    /// In the login's language.
    pub text: String,
    /// The server's name.
    pub server: String,
    /// Empty outside of procedures.
    pub procedure: String,
    /// In the batch or procedure, from 1.
    pub line: u32,
}

impl Message {
    /// Writes the token: ERROR or INFO (classes 0 to 10).
    pub fn encode(&self, token: u8, out: &mut Vec<u8>) {
        out.push(token);
        with_u16_length(out, |out| {
            out.extend_from_slice(&self.number.to_le_bytes());
            out.extend_from_slice(&[self.state, self.class]);
            put_us_varchar(&self.text, MOST_TEXT, out);
            put_b_varchar(&self.server, out);
            put_b_varchar(&self.procedure, out);
            out.extend_from_slice(&self.line.to_le_bytes());
        });
    }
}

/// The server accepts the login ([MS-TDS] 2.2.7.14).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginAck {
    /// Interface: the dialect of SQL, 1 for T-SQL.
    pub interface: u8,
    /// As on the wire, most significant byte first: 74000004 is TDS 7.4.
    pub tds_version: [u8; 4],
    /// ProgName: "Microsoft SQL Server".
    pub program: String,
    /// Major, minor, build high, build low.
    pub version: [u8; 4],
}

impl LoginAck {
    /// Appends the token, as an error or as information.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(kind::LOGIN_ACK);
        with_u16_length(out, |out| {
            out.push(self.interface);
            out.extend_from_slice(&self.tds_version);
            put_b_varchar(&self.program, out);
            out.extend_from_slice(&self.version);
        });
    }
}

/// An output parameter ([MS-TDS] 2.2.7.19).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnValue {
    /// Which parameter, from 0.
    pub ordinal: u16,
    /// With its @.
    pub name: String,
    /// 1 for an output parameter, 2 for a function's value.
    pub status: u8,
    /// See [`WireColumn::user_type`](columns::WireColumn::user_type).
    pub user_type: u32,
    /// See [`columns::flags`].
    pub flags: u16,
    /// The type that the value has.
    pub type_info: TypeInfo,
    /// As it lies on the wire, length included.
    pub value: Vec<u8>,
}

impl ReturnValue {
    fn parse(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        let ordinal = reader.u16()?;
        let name = reader.b_varchar()?;
        let status = reader.u8()?;
        let user_type = reader.u32()?;
        let flags = reader.u16()?;
        let type_info = TypeInfo::parse(reader)?;
        let value = value::take(&type_info, reader)?.to_vec();
        Ok(Self { ordinal, name, status, user_type, flags, type_info, value })
    }

    /// Appends the token, its first byte included.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(kind::RETURN_VALUE);
        out.extend_from_slice(&self.ordinal.to_le_bytes());
        put_b_varchar(&self.name, out);
        out.push(self.status);
        out.extend_from_slice(&self.user_type.to_le_bytes());
        out.extend_from_slice(&self.flags.to_le_bytes());
        self.type_info.encode(out);
        out.extend_from_slice(&self.value);
    }
}

/// Reads the token at the front of `bytes` and says how long it was. `Ok(None)`: more bytes are needed.
pub fn parse(bytes: &[u8]) -> Result<Option<(Token, usize)>, Malformed> {
    let mut reader = Reader::new(bytes);
    Ok(resumable(parse_token(&mut reader))?.map(|token| (token, reader.position())))
}

fn parse_token(reader: &mut Reader<'_>) -> Result<Token, ParseError> {
    Ok(match reader.u8()? {
        columns::COLMETADATA => Token::Columns(columns::parse_body(reader, Form::Result)?),
        kind::ORDER => Token::Order(short_body(reader)?.chunks_exact(2).map(le16).collect()),
        kind::ERROR => Token::Error(message(short_body(reader)?)?),
        kind::INFO => Token::Info(message(short_body(reader)?)?),
        kind::ENV_CHANGE => {
            Token::EnvChange(EnvChange::parse(short_body(reader)?).map_err(ParseError::Malformed)?)
        }
        kind::LOGIN_ACK => Token::LoginAck(login_ack(short_body(reader)?)?),
        kind::RETURN_STATUS => Token::ReturnStatus(reader.i32()?),
        kind::RETURN_VALUE => Token::ReturnValue(ReturnValue::parse(reader)?),
        kind::FEATURE_EXT_ACK => Token::FeatureExtAck(features(reader)?),
        kind::SSPI => Token::Sspi(short_body(reader)?.to_vec()),
        kind::DONE => Token::Done(done_body(DoneKind::Done, reader)?),
        kind::DONE_PROC => Token::Done(done_body(DoneKind::Proc, reader)?),
        kind::DONE_IN_PROC => Token::Done(done_body(DoneKind::InProc, reader)?),
        skipped @ (kind::TABNAME | kind::COLINFO) => {
            short_body(reader)?;
            Token::Skipped(skipped)
        }
        skipped @ (kind::SESSION_STATE | kind::FED_AUTH_INFO) => {
            long_body(reader)?;
            Token::Skipped(skipped)
        }
        kind::ROW | kind::NBCROW => return Err(ParseError::malformed("a row without column metadata")),
        other => return Err(ParseError::malformed(format!("unknown token 0x{other:02X}"))),
    })
}

fn short_body<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], ParseError> {
    let length = reader.u16()?;
    reader.bytes(usize::from(length))
}

fn long_body<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], ParseError> {
    match reader.u32()? {
        length if length > MOST_LONG_TOKEN => {
            Err(ParseError::malformed(format!("a token of {length} bytes")))
        }
        length => reader.bytes(length as usize),
    }
}

fn le16(pair: &[u8]) -> u16 {
    u16::from_le_bytes([pair[0], pair[1]])
}

fn done_body(kind: DoneKind, reader: &mut Reader<'_>) -> Result<Done, ParseError> {
    Ok(Done { kind, status: reader.u16()?, command: reader.u16()?, count: reader.u64()? })
}

fn message(body: &[u8]) -> Result<Message, ParseError> {
    let mut reader = Reader::new(body);
    let parsed = (|| {
        let number = reader.i32()?;
        let [state, class] = reader.array()?;
        let text = reader.us_varchar()?;
        let server = reader.b_varchar()?;
        let procedure = reader.b_varchar()?;
        Ok(Message { number, state, class, text, server, procedure, line: reader.u32()? })
    })();
    wire::complete(parsed, "ERROR or INFO").map_err(ParseError::Malformed)
}

fn login_ack(body: &[u8]) -> Result<LoginAck, ParseError> {
    let mut reader = Reader::new(body);
    let parsed = (|| {
        Ok(LoginAck {
            interface: reader.u8()?,
            tds_version: reader.array()?,
            program: reader.b_varchar()?,
            version: reader.array()?,
        })
    })();
    wire::complete(parsed, "LOGINACK").map_err(ParseError::Malformed)
}

fn features(reader: &mut Reader<'_>) -> Result<Vec<(u8, Vec<u8>)>, ParseError> {
    const END: u8 = 0xFF;
    let mut features = Vec::new();
    loop {
        match reader.u8()? {
            END => return Ok(features),
            id => features.push((id, long_body(reader)?.to_vec())),
        }
    }
}

/// Writes a result set's ORDER token.
pub fn encode_order(ordinals: &[u16], out: &mut Vec<u8>) {
    out.push(kind::ORDER);
    with_u16_length(out, |out| ordinals.iter().for_each(|n| out.extend_from_slice(&n.to_le_bytes())));
}

/// Writes a procedure's RETURNSTATUS token.
pub fn encode_return_status(status: i32, out: &mut Vec<u8>) {
    out.push(kind::RETURN_STATUS);
    out.extend_from_slice(&status.to_le_bytes());
}

/// Writes a FEATUREEXTACK token ([MS-TDS] 2.2.7.11).
pub fn encode_features(features: &[(u8, Vec<u8>)], out: &mut Vec<u8>) {
    out.push(kind::FEATURE_EXT_ACK);
    for (id, data) in features {
        out.push(*id);
        out.extend_from_slice(&(data.len() as u32).to_le_bytes());
        out.extend_from_slice(data);
    }
    out.push(0xFF);
}

#[cfg(test)]
mod tests;
