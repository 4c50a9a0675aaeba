//! Which encryption a connection gets: the negotiation of [MS-TDS] 2.2.6.5.
use replica_core::tds::prelogin::{Prelogin, encryption, option};
use sandbox_session::product;

/// Set beside ON by clients that offer a certificate.
const CLIENT_CERTIFICATE: u8 = 0x80;

/// What the server was told to offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// No TLS at all.
    Off,
    /// As the client asks; of one that does not care, the login is encrypted.
    On,
    /// Everything, or no connection.
    Required,
    /// TDS 8.0 only: TLS before anything else.
    Strict,
}

/// What was agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    Nothing,
    Login,
    Everything,
    /// The answer is sent, then the connection closed: one side insists on what the other can't do.
    Impossible,
}

/// The table of [MS-TDS] 2.2.6.5: the ENCRYPTION option to answer, and what follows from it. Under TDS 8.0
/// (`strict`) TLS is already there and the option says nothing.
fn agree(client: u8, policy: Policy, strict: bool) -> (u8, Encryption) {
    use encryption::{NOT_SUPPORTED, OFF, ON, REQUIRED};
    match (policy, client & !CLIENT_CERTIFICATE) {
        _ if strict => (NOT_SUPPORTED, Encryption::Nothing),
        (Policy::Off, REQUIRED | ON) => (NOT_SUPPORTED, Encryption::Impossible),
        (Policy::Off, _) => (NOT_SUPPORTED, Encryption::Nothing),
        (Policy::On, OFF) => (OFF, Encryption::Login),
        (Policy::On | Policy::Required, ON | REQUIRED) => (ON, Encryption::Everything),
        (Policy::On, _) => (NOT_SUPPORTED, Encryption::Nothing),
        (Policy::Required, OFF) => (REQUIRED, Encryption::Everything),
        (Policy::Required | Policy::Strict, _) => (REQUIRED, Encryption::Impossible),
    }
}

/// The server's PRELOGIN message, and what was agreed on.
pub fn answer(asked: &Prelogin, policy: Policy, strict: bool, takes_tokens: bool) -> (Vec<u8>, Encryption) {
    let (level, agreed) = agree(asked.encryption().unwrap_or(encryption::NOT_SUPPORTED), policy, strict);
    let [major, minor, build_high, build_low] = product::on_the_wire();
    // Any instance name will do, MARS is refused.
    let mut answer = Prelogin::default();
    answer.set(option::VERSION, &[major, minor, build_high, build_low, 0, 0]);
    answer.set(option::ENCRYPTION, &[level]);
    answer.set(option::INSTANCE, &[0]);
    answer.set(option::THREAD_ID, &[]);
    answer.set(option::MARS, &[0]);
    if asked.get(option::FED_AUTH_REQUIRED).is_some() {
        answer.set(option::FED_AUTH_REQUIRED, &[u8::from(takes_tokens)]);
    }
    let mut message = Vec::new();
    answer.encode(&mut message);
    (message, agreed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_specification() {
        use Encryption::*;
        let (off, on, not_supported, required) = (0, 1, 2, 3);
        for (policy, client, answer, outcome) in [
            (Policy::Off, off, not_supported, Nothing),
            (Policy::Off, on, not_supported, Impossible),
            (Policy::Off, not_supported, not_supported, Nothing),
            (Policy::On, off, off, Login),
            (Policy::On, on, on, Everything),
            (Policy::On, not_supported, not_supported, Nothing),
            (Policy::On, required, on, Everything),
            (Policy::Required, off, required, Everything),
            (Policy::Required, on, on, Everything),
            (Policy::Required, not_supported, required, Impossible),
            (Policy::Strict, on, required, Impossible),
        ] {
            assert_eq!(agree(client, policy, false), (answer, outcome), "{policy:?} {client}");
        }
    }

    #[test]
    fn a_client_certificate_flag_is_not_part_of_the_level() {
        assert_eq!(agree(0x81, Policy::On, false).1, Encryption::Everything);
    }
}
