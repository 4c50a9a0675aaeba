//! The server's answer to a statement that returns no rows.
use crate::error::{Error, Result, ServerError};
use crate::tds::token::{self, Done, EnvChange, Token};

/// What came back, rows excepted.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    /// The rows that the last statement to count any has counted: the batch's own, since those of its triggers
    /// and procedures come before it. `None` if none counted.
    pub rows: Option<u64>,
    /// The server's word for rows that it has dropped, since an index with IGNORE_DUP_KEY has their keys.
    pub dropped: Option<ServerError>,
    pub(super) errors: Vec<ServerError>,
    pub(super) failed: bool,
    pub(crate) transaction: Option<u64>,
    /// The session's state is forgotten.
    pub(super) reset: bool,
    /// The first statement has gone well, whatever came after it.
    pub(super) begun_well: bool,
    /// A transaction has been committed, whatever came after it.
    pub(super) committed: bool,
}

/// A server that sends errors without end must not fill the memory.
const MOST_ERRORS: usize = 1000;

/// "Duplicate key was ignored.": a warning (Microsoft docs, "CREATE INDEX", IGNORE_DUP_KEY).
const DUPLICATE_IGNORED: i32 = 3604;

impl Reply {
    /// Takes the whole tokens at the front of `payload` and says how many bytes they were.
    ///
    /// # Errors
    /// Bytes that are no token, and rows.
    pub(super) fn take(&mut self, payload: &[u8]) -> Result<usize> {
        let mut taken = 0;
        while taken < payload.len() {
            let Some((token, length)) = token::parse(&payload[taken..])? else {
                break;
            };
            taken += length;
            self.note(token)?;
        }
        Ok(taken)
    }

    /// Takes a token that is not a row.
    ///
    /// # Errors
    /// Column metadata: rows would follow.
    pub(crate) fn note(&mut self, token: Token) -> Result<()> {
        match token {
            Token::Done(done) => self.done(done),
            Token::Error(message) if self.errors.len() < MOST_ERRORS => self.errors.push(message.into()),
            Token::Info(message) if message.number == DUPLICATE_IGNORED => {
                self.dropped = Some(message.into())
            }
            // PRINT and warnings.
            Token::Info(message) => log::debug!("the server says: {}", ServerError::from(message)),
            Token::EnvChange(EnvChange::BeginTransaction(descriptor)) => self.transaction = Some(descriptor),
            Token::EnvChange(EnvChange::Commit(_)) => {
                self.transaction = Some(0);
                self.committed = true;
            }
            Token::EnvChange(EnvChange::Rollback(_)) => self.transaction = Some(0),
            Token::EnvChange(EnvChange::Reset) => self.reset = true,
            Token::Columns(_) => {
                return Err(Error::protocol(
                    "the server returns rows to a statement that should return none",
                ));
            }
            _ => {}
        }
        Ok(())
    }

    fn done(&mut self, done: Done) {
        self.failed |= done.has_error();
        self.begun_well |= !self.failed && self.errors.is_empty();
        if let Some(rows) = done.rows() {
            self.rows = Some(rows);
        }
    }

    /// The reply, or what it says went wrong. Some refusals come without an ERROR token: a bulk load into an
    /// unknown column ends with the error bit alone (docs/SERVER.md, "Errors of a bulk load").
    pub(crate) fn settled(mut self) -> Result<Self> {
        if self.failed || !self.errors.is_empty() {
            return Err(Error::from_server(std::mem::take(&mut self.errors)));
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tds::token::{DoneKind, Message, kind};

    fn done(status: u16, count: u64) -> Vec<u8> {
        let mut out = Vec::new();
        Done { kind: DoneKind::Done, status, command: 0, count }.encode(&mut out);
        out
    }

    fn message(number: i32, class: u8, token: u8) -> Vec<u8> {
        let text = format!("message {number}");
        let mut out = Vec::new();
        Message { number, state: 1, class, text, server: String::new(), procedure: String::new(), line: 1 }
            .encode(token, &mut out);
        out
    }

    fn read(tokens: &[Vec<u8>]) -> Result<Reply> {
        let payload = tokens.concat();
        let mut reply = Reply::default();
        assert_eq!(reply.take(&payload)?, payload.len());
        reply.settled()
    }

    #[test]
    fn the_last_count_is_the_batchs_own() {
        let reply = read(&[done(0x11, 3), message(5701, 0, kind::INFO), done(0x10, 4)]).unwrap();
        assert_eq!(reply.rows, Some(4));
        assert_eq!(read(&[done(0, 9)]).unwrap().rows, None);
    }

    #[test]
    fn the_first_error_is_the_cause() {
        let error =
            read(&[message(2627, 14, kind::ERROR), message(3621, 0, kind::INFO), done(2, 0)]).unwrap_err();
        assert_eq!(error.server().map(|e| e.number), Some(2627));
    }

    #[test]
    fn what_fails_later_leaves_what_went_before() {
        let begun_well = |tokens: &[Vec<u8>]| {
            let mut reply = Reply::default();
            reply.take(&tokens.concat()).unwrap();
            reply.begun_well
        };
        assert!(begun_well(&[done(1, 0), message(1222, 16, kind::ERROR), done(2, 0)]));
        assert!(!begun_well(&[message(3902, 16, kind::ERROR), done(1, 0), done(0, 0)]));
        assert!(!begun_well(&[done(3, 0), done(0, 0)]));
        assert!(!begun_well(&[]));
    }

    /// Where the statements before an error have no DONE of their own.
    #[test]
    fn a_commit_is_seen_though_its_batch_fails() {
        let committed = |change: EnvChange| {
            let mut tokens = Vec::new();
            change.encode(&mut tokens);
            tokens.extend([message(1222, 16, kind::ERROR), done(2, 0)].concat());
            let mut reply = Reply::default();
            reply.take(&tokens).unwrap();
            reply.committed
        };
        assert!(committed(EnvChange::Commit(7)));
        assert!(!committed(EnvChange::Rollback(7)));
    }

    #[test]
    fn an_error_bit_alone_is_an_error() {
        assert!(read(&[done(2, 0)]).is_err());
    }

    #[test]
    fn half_a_token_is_left_for_later() {
        let bytes = done(0x10, 3);
        for end in 0..bytes.len() {
            assert_eq!(Reply::default().take(&bytes[..end]).unwrap(), 0);
        }
    }
}
