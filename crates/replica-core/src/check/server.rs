//! The server and its database: login, clock, version, the database's state and options.
use std::time::Duration;

use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};
use tokio::time::Instant;

use super::ask::{Acquaintance, Asker, CheckQuestion, Right, SQL_SERVER_2012, edition};
use super::finding::{Check, CheckFinding, CheckFindings, CheckSeverity, Side};
use crate::catalog::quote;
use crate::catalog::record::CatalogRow;
use crate::report::human_duration;

const fn question(check: Check, sql: &'static str) -> CheckQuestion {
    CheckQuestion { check, sql, right: Right::None, since: SQL_SERVER_2012 }
}

const AUTH_SCHEME: CheckQuestion = question(
    Check::AuthScheme,
    "SELECT CAST(CONNECTIONPROPERTY('auth_scheme') AS nvarchar(40)) AS auth_scheme",
);
const PASSWORD: CheckQuestion = question(
    Check::PasswordExpiry,
    "SELECT CAST(LOGINPROPERTY(SUSER_SNAME(), 'DaysUntilExpiration') AS int) AS days_left",
);
const CLOCK: CheckQuestion =
    question(Check::Clock, "SELECT CONVERT(varchar(33), SYSUTCDATETIME(), 126) AS now_there");
// All columns, and not those that are wanted: is_accelerated_database_recovery_on is of 2019, and to name it would be an
// error (207) before.
const DATABASE: CheckQuestion =
    question(Check::DatabaseState, "SELECT d.* FROM sys.databases AS d WHERE d.name = DB_NAME()");

/// Passwords are changed in peace before.
const PASSWORD_DAYS: i64 = 14;
/// Clocks that are further apart than this and the way of the question disagree about what is alive.
const APART: Duration = Duration::from_secs(2);
/// TRY_CAST, which the finders use, needs it (Microsoft docs, "TRY_CAST").
const LEAST_LEVEL: i64 = 110;

/// Asks about the server and its database.
pub(super) async fn check(asker: &mut Asker, out: &mut CheckFindings) {
    let side = asker.side();
    if let Some(row) = asker.ask_one(&AUTH_SCHEME, &[], out).await {
        out.extend(auth_scheme(&row, side));
    }
    if let Some(row) = asker.ask_one(&PASSWORD, &[], out).await {
        out.extend(password(&row, side));
    }
    let (begun, before) = (Instant::now(), OffsetDateTime::now_utc());
    if let Some(row) = asker.ask_one(&CLOCK, &[], out).await {
        let way = begun.elapsed();
        asker.known.clock = ahead(&row, before + way / 2).map(|ahead| (ahead, way / 2));
        out.extend(asker.known.clock.and_then(|(ahead, doubt)| clock(ahead, doubt, side)));
    }
    out.extend(version(&asker.known, side));
    out.extend(user(&asker.known, side));
    if let Some(row) = asker.ask_one(&DATABASE, &[], out).await {
        asker.known.logs_all = row.int("recovery_model") == Some(1);
        out.extend(database(&row, &asker.known, side));
    }
}

fn auth_scheme(row: &CatalogRow, side: Side) -> Option<CheckFinding> {
    let scheme = row.text("auth_scheme").filter(|scheme| scheme.eq_ignore_ascii_case("NTLM"))?;
    let what = format!("the login went by {scheme}, since Kerberos did not work");
    Some(
        CheckFinding::new(Check::AuthScheme, side, CheckSeverity::Warning, what)
            .remedy("Register the server's SPN (setspn), and connect by the name that it has there"),
    )
}

/// -1 and NULL where the password never ends (docs/SERVER.md, "What a login sees of the server").
fn password(row: &CatalogRow, side: Side) -> Option<CheckFinding> {
    let days = row.int("days_left").filter(|days| (0..PASSWORD_DAYS).contains(days))?;
    let what = match days {
        0 => "the login's password has ended, or ends today".to_owned(),
        days => format!("the login's password ends in {days} days"),
    };
    Some(
        CheckFinding::new(Check::PasswordExpiry, side, CheckSeverity::Warning, what).remedy(
            "Change it, and what password_file holds; or ALTER LOGIN ... WITH CHECK_EXPIRATION = OFF",
        ),
    )
}

/// How far the server's clock is ahead of ours. `here`: our time when it looked.
fn ahead(row: &CatalogRow, here: OffsetDateTime) -> Option<time::Duration> {
    // Fractions have as many digits as the server's type.
    let there = row.text("now_there")?.get(..19)?;
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
    let there = PrimitiveDateTime::parse(there, format).ok()?.assume_utc();
    Some(there - here.replace_nanosecond(0).ok()?)
}

/// `doubt`: so much more or less than `ahead` it may be.
fn clock(ahead: time::Duration, doubt: Duration, side: Side) -> Option<CheckFinding> {
    let what = format!("the server's clock is {} this machine's", far_from(ahead, doubt)?);
    Some(CheckFinding::new(Check::Clock, side, CheckSeverity::Warning, what).remedy(
        "Set the clocks by NTP: --t0 and --t1 go by this machine's, the leases of windows by the target's",
    ))
}

/// Both servers' clocks may be near ours, and far from each other.
pub(super) fn clocks(source: &Acquaintance, target: &Acquaintance) -> Option<CheckFinding> {
    let ((source, of_source), (target, of_target)) = source.clock.zip(target.clock)?;
    if far_from(source, of_source).or(far_from(target, of_target)).is_some() {
        return None;
    }
    let what =
        format!("the target's clock is {} the source's", far_from(target - source, of_source + of_target)?);
    Some(
        CheckFinding::new(Check::Clock, Side::Target, CheckSeverity::Warning, what)
            .remedy("Set the clocks by NTP: how fresh the replica is, is told by both"),
    )
}

fn far_from(ahead: time::Duration, doubt: Duration) -> Option<String> {
    let apart = ahead.unsigned_abs();
    let way = if ahead.is_negative() { "behind" } else { "ahead of" };
    (apart > APART + doubt).then(|| format!("{} {way}", human_duration(apart)))
}

/// Whoever has no user of its own in a database is its guest, with the rights that all have (Microsoft docs, "Principals",
/// guest).
fn user(known: &Acquaintance, side: Side) -> Option<CheckFinding> {
    known.user.eq_ignore_ascii_case("guest").then(|| {
        let what = format!("the login {} has no user in this database: it is its guest", known.login);
        CheckFinding::new(Check::Login, side, CheckSeverity::Warning, what)
            .remedy(format!("CREATE USER {0} FOR LOGIN {0}", quote(&known.login)))
    })
}

fn version(known: &Acquaintance, side: Side) -> Vec<CheckFinding> {
    let unsupported = match known.edition {
        edition::SYNAPSE => Some("Azure Synapse Analytics".to_owned()),
        edition::SYNAPSE_SERVERLESS => Some("the serverless pool of Azure Synapse".to_owned()),
        _ if known.is_azure() || known.babelfish || known.major() == 0 => None,
        _ if known.major() < SQL_SERVER_2012 => Some(format!("version {}", known.version)),
        _ => None,
    };
    let name = if known.babelfish { "Babelfish" } else { "SQL Server" };
    let info = format!("{name} {}, login {}, user {}", known.version, known.login, known.user);
    let mut findings = vec![CheckFinding::new(Check::Version, side, CheckSeverity::Info, info)];
    findings.extend(unsupported.map(|what| {
        let what = format!("{what} is a server that these tools do not know");
        CheckFinding::new(Check::Version, side, CheckSeverity::Error, what)
            .remedy("They know SQL Server 2012 and later, Azure SQL and Babelfish")
    }));
    findings
}

fn database(row: &CatalogRow, known: &Acquaintance, side: Side) -> Vec<CheckFinding> {
    let mut findings = Vec::new();
    let mut add = |check, severity, what: String, remedy: &str| {
        findings.push(CheckFinding::new(check, side, severity, what).remedy(remedy));
    };
    let target = side == Side::Target;
    let text = |name: &str| row.text(name).unwrap_or_default().to_owned();
    let is = |name: &str| row.flag(name);
    if let Some(level) = row.int("compatibility_level").filter(|level| *level < LEAST_LEVEL) {
        let what = format!("the database's compatibility level is {level}: the finders need {LEAST_LEVEL}");
        add(
            Check::CompatibilityLevel,
            CheckSeverity::Warning,
            what,
            "ALTER DATABASE CURRENT SET COMPATIBILITY_LEVEL = 110, or later",
        );
    }
    if row.int("state").is_some_and(|state| state != 0) {
        let what = format!("the database is {}", text("state_desc"));
        add(Check::DatabaseState, CheckSeverity::Warning, what, "See the server's log");
    }
    if row.int("user_access").is_some_and(|access| access != 0) {
        let what =
            format!("the database is {}: not all logins get in, or one alone", text("user_access_desc"));
        add(Check::UserAccess, CheckSeverity::Warning, what, "ALTER DATABASE ... SET MULTI_USER");
    }
    if target && is("is_read_only") {
        let what = "the database is read-only".to_owned();
        add(Check::DatabaseReadOnly, CheckSeverity::Error, what, "ALTER DATABASE ... SET READ_WRITE");
    }
    if target && row.int("recovery_model") == Some(1) && !known.is_azure() {
        add(
            Check::RecoveryModel,
            CheckSeverity::Warning,
            "the recovery model is FULL: all rows are logged, and the log grows until it is backed up"
                .to_owned(),
            "ALTER DATABASE ... SET RECOVERY SIMPLE, if the replica can be made anew; or back up the log often",
        );
    }
    let wait = text("log_reuse_wait_desc");
    if target && !["", "NOTHING", "CHECKPOINT", "OLDEST_PAGE"].contains(&wait.as_str()) {
        add(
            Check::LogReuseWait,
            CheckSeverity::Warning,
            format!("the log cannot be used again: it waits for {wait}"),
            "LOG_BACKUP: back up the log; ACTIVE_TRANSACTION: end it; AVAILABILITY_REPLICA: see the secondary",
        );
    }
    let versions = row.int("snapshot_isolation_state") == Some(1) || is("is_read_committed_snapshot_on");
    if !target && row.int("snapshot_isolation_state").is_some() && !versions {
        add(
            Check::RowVersioning,
            CheckSeverity::Warning,
            "there is no row versioning: the tools wait for writers of the source, and writers for them"
                .to_owned(),
            "ALTER DATABASE ... SET ALLOW_SNAPSHOT_ISOLATION ON",
        );
    }
    if target && is("is_auto_shrink_on") {
        let what = "the database shrinks its files by itself, and the next load lets them grow again";
        add(
            Check::AutoShrink,
            CheckSeverity::Warning,
            what.to_owned(),
            "ALTER DATABASE ... SET AUTO_SHRINK OFF",
        );
    }
    if is("is_auto_close_on") {
        let what = "the database closes when nobody is in it, and has to be opened for the first connection";
        add(
            Check::AutoClose,
            CheckSeverity::Warning,
            what.to_owned(),
            "ALTER DATABASE ... SET AUTO_CLOSE OFF",
        );
    }
    if target && text("delayed_durability_desc") == "FORCED" {
        add(
            Check::DelayedDurability,
            CheckSeverity::Warning,
            "commits are delayed: what a run calls done may be gone after a crash of the server".to_owned(),
            "ALTER DATABASE ... SET DELAYED_DURABILITY = ALLOWED",
        );
    }
    if target && is("is_accelerated_database_recovery_on") && !known.is_azure() {
        add(
            Check::AcceleratedRecovery,
            CheckSeverity::Warning,
            "accelerated recovery keeps the old rows as versions in the data files until they are cleaned up"
                .to_owned(),
            "Have room for the largest table once more, or ALTER DATABASE ... SET ACCELERATED_DATABASE_RECOVERY = OFF",
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::catalog::record::CatalogValue;

    fn row(cells: &[(&str, CatalogValue)]) -> CatalogRow {
        CatalogRow::new(cells.iter().map(|(name, value)| ((*name).to_owned(), value.clone())))
    }

    #[test]
    fn clocks_may_be_as_far_apart_as_the_question_takes() {
        let there = row(&[("now_there", CatalogValue::Text("2024-03-01T00:00:05.1234567".into()))]);
        let at = |here, doubt| {
            clock(ahead(&there, here).unwrap(), Duration::from_secs(doubt), Side::Target).is_some()
        };
        assert!(!at(datetime!(2024-03-01 0:00:03.9 UTC), 0));
        assert!(at(datetime!(2024-03-01 0:00:02 UTC), 0));
        assert!(!at(datetime!(2024-03-01 0:00:02 UTC), 1));
        assert!(at(datetime!(2024-03-01 0:00:09 UTC), 1));
    }

    #[test]
    fn two_clocks_may_be_near_a_third_and_far_from_each_other() {
        let told = |source: i64, target: i64| {
            let known = |seconds| Acquaintance {
                clock: Some((time::Duration::seconds(seconds), Duration::ZERO)),
                ..Acquaintance::default()
            };
            clocks(&known(source), &known(target)).map(|finding| finding.what)
        };
        assert_eq!(told(1, -1), None);
        assert_eq!(told(2, -1).unwrap(), "the target's clock is 3.0s behind the source's");
        assert_eq!(told(-2, 2).unwrap(), "the target's clock is 4.0s ahead of the source's");
        assert_eq!(told(3, -1), None, "that one is far from ours is said of it");
    }

    #[test]
    fn a_guest_is_told_how_to_become_a_user() {
        let of = |user: &str| {
            let (login, user) = ("r".to_owned(), user.to_owned());
            super::user(&Acquaintance { login, user, ..Acquaintance::default() }, Side::Source)
        };
        assert_eq!(of("guest").unwrap().remedy.as_deref(), Some("CREATE USER [r] FOR LOGIN [r]"));
        assert_eq!(of("dbo"), None);
    }

    #[test]
    fn only_what_is_older_or_another_product_is_an_error() {
        let severities = |version: &str, edition| -> Vec<_> {
            let known = Acquaintance { version: version.into(), edition, ..Acquaintance::default() };
            super::version(&known, Side::Source).iter().map(|finding| finding.severity).collect()
        };
        assert_eq!(severities("11.0.7001.0", 3), [CheckSeverity::Info]);
        assert_eq!(severities("12.0.2000.8", edition::AZURE_DATABASE), [CheckSeverity::Info]);
        assert_eq!(severities("10.50.6000.34", 3), [CheckSeverity::Info, CheckSeverity::Error]);
        assert_eq!(severities("10.0.15665.0", edition::SYNAPSE), [CheckSeverity::Info, CheckSeverity::Error]);
    }

    #[test]
    fn an_older_server_lacks_columns_and_is_fine() {
        assert_eq!(database(&row(&[]), &Acquaintance::default(), Side::Target), []);
    }
}
