//! What the library's reasons mean, and the way out of each.
use replica_gssapi::Failure;

use super::keytab;
use crate::config::Kerberos;
use crate::error::Error;

/// Texts of MIT Kerberos (krb5 1.20, `src/lib/krb5/error_tables` and where they are extended), and what to do. The first
/// that is in the reason counts.
const REMEDIES: &[(&str, &str)] = &[
    (
        "Decrypt integrity check failed",
        "The keytab is older than the account's password: make it anew, or find out who set the password.",
    ),
    (
        "Preauthentication failed",
        "The keytab is older than the account's password: make it anew, or find out who set the password.",
    ),
    (
        "Cannot contact any KDC",
        "The domain's controllers must be reachable on port 88, TCP and UDP. They are found by DNS (SRV records \
         _kerberos._udp and _kerberos._tcp of the realm), or are named in [realms] of /etc/krb5.conf.",
    ),
    (
        "Cannot find KDC",
        "The KDC is found by DNS (SRV records _kerberos._udp and _kerberos._tcp of the realm, which is written in capital \
         letters), or is named in [realms] of /etc/krb5.conf.",
    ),
    (
        "Cannot resolve",
        "The name of a KDC in [realms] of /etc/krb5.conf, or in the realm's SRV records, is one that DNS does not know.",
    ),
    (
        "does not specify default realm",
        "Say default_realm in [libdefaults] of /etc/krb5.conf, or write the realm after the principal: user@REALM.",
    ),
    (
        "assword has expired",
        "The account's password has expired: set it anew, make the keytab anew, and let the account's password never expire.",
    ),
    ("entry in database has expired", "The account has expired: prolong it in the directory."),
    (
        "redentials have been revoked",
        "The account is disabled or locked: the directory's administrator can unlock it.",
    ),
    (
        "Ticket expired",
        "The ticket of kinit has run out, and nobody renews it: use a keytab (keytab_file, or KRB5_CLIENT_KTNAME).",
    ),
    (
        "Clock skew too great",
        "This machine's clock and the KDC's differ by more than five minutes: set them by NTP.",
    ),
    (
        "no support for encryption type",
        "The keytab's keys are of a kind that the KDC does not take any more: make it anew with AES keys.",
    ),
    (
        "not found in Kerberos database",
        "The KDC does not know the principal: check its spelling and realm, and make the keytab anew.",
    ),
];

/// The texts for "there is nothing to log in with".
const NO_CREDENTIALS: &[&str] = &[
    "No Kerberos credentials available",
    "No credentials cache found",
    "Matching credential not found",
    "Can't find client principal",
];

/// Whether the KDC does not know the service that was asked for.
pub(super) fn is_unknown_server(failure: &Failure) -> bool {
    matches!(failure, Failure::Said(text)
        if text.starts_with("Server") && text.contains("not found in Kerberos database"))
}

/// Nobody answered in time.
pub(super) fn silent(whom: &str) -> Error {
    Error::unreachable(format!("Kerberos: no answer of {whom} within Connect Timeout")).remedy(
        "The domain's controllers must be reachable on port 88, TCP and UDP, and DNS on port 53. \
         KRB5_TRACE=/dev/stderr shows who is asked.",
    )
}

/// The failure to get a ticket for one of these names, with the way out.
pub(super) fn explained(failure: &Failure, settings: &Kerberos, names: &[String]) -> Error {
    let said = match failure {
        Failure::NotThere(why) => {
            return Error::connect(format!("the library for Kerberos cannot be loaded: {why}")).remedy(
                "Install it: libgssapi-krb5-2 on Debian and Ubuntu, krb5-libs on Red Hat and its kin.",
            );
        }
        Failure::Said(text) => text,
    };
    if is_unknown_server(failure) {
        return Error::connect(format!("Kerberos: the KDC does not know {}", names.join(" or "))).remedy(
            "In the domain, `setspn -Q MSSQLSvc/*` lists what servers are registered as, and `setspn -L account` what the \
             service's account is: register the missing name there (setspn -S), or give another with ServerSPN.",
        );
    }
    let text = format!("Kerberos: {said}");
    if NO_CREDENTIALS.iter().any(|none| said.contains(none)) {
        return nothing_to_show(text, settings);
    }
    // Tickets from a keytab are renewed before they end, by this machine's clock.
    if said.contains("Ticket expired")
        && (settings.keytab_file.is_some() || keytab::of_environment().is_some())
    {
        return Error::connect(text).remedy(
            "The keytab's ticket has ended before it was used: this machine's clock is ahead of the KDC's. Set both by NTP.",
        );
    }
    match REMEDIES.iter().find(|(reason, _)| said.contains(reason)) {
        // A controller that restarts answers in a while.
        Some((reason, remedy)) if reason.starts_with("Cannot contact") => {
            Error::unreachable(text).remedy(remedy)
        }
        Some((_, remedy)) => Error::connect(text).remedy(remedy),
        None => Error::connect(text).remedy("KRB5_TRACE=/dev/stderr shows each step."),
    }
}

/// The same text stands for keys that are missing, unreadable or another principal's.
fn nothing_to_show(text: String, settings: &Kerberos) -> Error {
    if settings.keytab_file.is_none()
        && let Some(file) = keytab::of_environment()
        && let Err(error) = keytab::check(&file, settings.principal.as_deref())
    {
        return error.within("KRB5_CLIENT_KTNAME");
    }
    Error::connect(text).remedy(
        "Name a keytab with keytab_file in replica.toml, KeytabFile= in the connection string, or KRB5_CLIENT_KTNAME in the \
         environment. A ticket of kinit is seen by the same user only, and cron may not see it.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_way_out() {
        let names = ["MSSQLSvc/h.test:1433".to_owned()];
        for (said, remedy) in [
            ("Server MSSQLSvc/h.test:1433@A not found in Kerberos database", "setspn -S"),
            ("Client 'etl@A' not found in Kerberos database", "spelling"),
            ("No Kerberos credentials available (default cache: FILE:/tmp/x)", "keytab_file"),
            ("Can't find client principal etl@A in cache collection", "keytab_file"),
            ("Decrypt integrity check failed", "older than the account's password"),
            ("Cannot contact any KDC for realm 'A'", "port 88"),
            ("Cannot find KDC for realm \"A\"", "SRV records"),
            ("Configuration file does not specify default realm", "default_realm"),
            ("Password has expired", "never expire"),
            ("Client's credentials have been revoked", "locked"),
            ("Ticket expired", "use a keytab"),
            ("Clock skew too great", "NTP"),
            ("KDC has no support for encryption type", "AES"),
            ("something new", "KRB5_TRACE"),
        ] {
            let error = explained(&Failure::Said(said.to_owned()), &Kerberos::default(), &names).to_string();
            assert!(error.contains(remedy), "{said}: {error}");
        }
        let with_keytab = Kerberos { keytab_file: Some("/k".into()), ..Kerberos::default() };
        let error = explained(&Failure::Said("Ticket expired".to_owned()), &with_keytab, &names).to_string();
        assert!(error.contains("clock") && !error.contains("kinit"), "{error}");
        let missing = Failure::NotThere("libgssapi_krb5.so.2: cannot open shared object file".to_owned());
        assert!(explained(&missing, &Kerberos::default(), &names).to_string().contains("libgssapi-krb5-2"));
    }

    #[test]
    fn a_controller_may_come_back() {
        let error = |said: &str| explained(&Failure::Said(said.to_owned()), &Kerberos::default(), &[]);
        assert!(error("Cannot contact any KDC for realm 'A'").is_transient());
        assert!(silent("a KDC").is_transient());
        assert!(!error("Decrypt integrity check failed").is_transient());
    }
}
