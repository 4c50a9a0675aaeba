//! Windows logins: the server's side of Kerberos, in SSPI tokens ([MS-TDS] 3.3.5.5).
use super::connection::{Stream, read_message, write_message};
use replica_core::tds::packet::kind;
use replica_core::tds::token;
use replica_gssapi::Acceptor;
use sandbox_values::error::SqlError;
use std::io;
use std::path::Path;

/// Who has logged in, `DOMAIN\user`, or why nobody has.
pub type WindowsAnswer = Result<String, SqlError>;

/// What SQL Server says of tickets that it does not accept; its log has the reason (17806).
pub fn untrusted() -> SqlError {
    let text = "Login failed. The login is from an untrusted domain and cannot be used with Integrated authentication.";
    SqlError::new(18452, 14, 1, text)
}

/// Answers the client's token, and others that it sends. A token of ours is a message of its own: LOGINACK comes in the
/// next, which the client does not ask for. `None`: the client went away.
pub async fn accept(
    stream: &mut impl Stream,
    first: &[u8],
    keytab: &Path,
) -> io::Result<Option<WindowsAnswer>> {
    let mut acceptor = Acceptor::new(&format!("FILE:{}", keytab.display())).map_err(io::Error::other)?;
    let mut heard = first.to_vec();
    loop {
        // No KDC is asked, so this does not block.
        let step = match acceptor.step(&heard) {
            Ok(step) => step,
            Err(failure) => {
                log::info!("SSPI handshake failed (17806): {failure}");
                return Ok(Some(Err(untrusted())));
            }
        };
        if !step.token.is_empty() {
            let length = u16::try_from(step.token.len()).map_err(io::Error::other)?;
            let mut message = vec![token::kind::SSPI];
            message.extend_from_slice(&length.to_le_bytes());
            message.extend_from_slice(&step.token);
            write_message(stream, &message).await?;
        }
        if step.complete {
            return Ok(Some(acceptor.client().and_then(account).ok_or_else(untrusted)));
        }
        let Some(next) = read_message(stream, kind::SSPI).await? else { return Ok(None) };
        heard = next;
    }
}

/// `user@CORP.EXAMPLE` is `CORP\user`. A real server reads the domain's name from the ticket.
fn account(principal: &str) -> Option<String> {
    let (user, realm) = principal.rsplit_once('@')?;
    let domain = realm.split('.').next()?;
    Some(format!("{domain}\\{user}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_have_accounts() {
        assert_eq!(account("etl@CORP.EXAMPLE").as_deref(), Some("CORP\\etl"));
        assert_eq!(account("etl"), None);
    }
}
