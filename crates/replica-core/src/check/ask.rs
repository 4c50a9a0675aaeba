//! Questions to a server, each by itself: what is refused to one spoils no other.
use std::time::Duration;

use tokio::time::timeout;

use super::finding::{Check, CheckFinding, CheckFindings, CheckSeverity, Side};
use crate::catalog::quote;
use crate::catalog::record::CatalogRow;
use crate::config::Endpoint;
use crate::error::numbers::LOCK_TIMEOUT;
use crate::error::{Error, Result};
use crate::session::{Role, Session, ToSql};

/// No question waits for a lock for longer.
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// Nor for an answer: these are small questions.
const PATIENCE: Duration = Duration::from_secs(30);

/// The right that a question needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    /// None that a login of the tools lacks.
    None,
    /// To see what the whole server does.
    ServerState,
    /// To read the tables of SQL Server Agent.
    Agent,
    /// To read the ledger.
    Ledger,
}

/// One SELECT on a server's views.
#[derive(Clone, Copy, Debug)]
pub(super) struct CheckQuestion {
    pub check: Check,
    pub sql: &'static str,
    pub right: Right,
    /// The major version that has the views and columns asked for; older ones have nothing of the kind.
    pub since: u8,
}

/// SQL Server 2012, the oldest that the tools know.
pub(super) const SQL_SERVER_2012: u8 = 11;
pub(super) const SQL_SERVER_2016: u8 = 13;
const SQL_SERVER_2022: u8 = 16;

/// `EngineEdition` of SERVERPROPERTY (Microsoft docs, "SERVERPROPERTY").
pub(super) mod edition {
    pub(crate) const AZURE_DATABASE: i64 = 5;
    pub(crate) const SYNAPSE: i64 = 6;
    pub(crate) const MANAGED_INSTANCE: i64 = 8;
    pub(crate) const SYNAPSE_SERVERLESS: i64 = 11;
}

/// Who a server is, and who we are to it.
#[derive(Clone, Debug, Default)]
pub(super) struct Acquaintance {
    /// As `11.0.7001.0`.
    pub version: String,
    pub edition: i64,
    pub babelfish: bool,
    pub login: String,
    pub user: String,
    /// It shows us what other sessions do. `None`: it does not say.
    pub shows_state: Option<bool>,
    /// How far its clock is ahead of ours, give or take how much.
    pub clock: Option<(time::Duration, Duration)>,
    /// The recovery model is FULL.
    pub logs_all: bool,
}

impl Acquaintance {
    pub(super) fn major(&self) -> u8 {
        self.version.split('.').next().and_then(|major| major.parse().ok()).unwrap_or_default()
    }

    /// Azure, whose version says nothing about what it has.
    pub(super) fn is_azure(&self) -> bool {
        [edition::AZURE_DATABASE, edition::MANAGED_INSTANCE].contains(&self.edition)
    }

    fn has(&self, since: u8) -> bool {
        self.is_azure() || self.babelfish || self.major() == 0 || self.major() >= since
    }

    /// The statement that gives a right. On Azure SQL Database the state is the database's (Microsoft docs,
    /// "sys.dm_exec_requests", Permissions); VIEW SERVER PERFORMANCE STATE came with SQL Server 2022 (ibid.).
    fn grant(&self, right: Right) -> Option<String> {
        let (login, user) = (quote(&self.login), quote(&self.user));
        Some(match right {
            Right::None => return None,
            Right::ServerState if self.edition == edition::AZURE_DATABASE => {
                format!("GRANT VIEW DATABASE STATE TO {user}")
            }
            Right::ServerState if self.major() >= SQL_SERVER_2022 => {
                format!("GRANT VIEW SERVER PERFORMANCE STATE TO {login} (in master)")
            }
            Right::ServerState => format!("GRANT VIEW SERVER STATE TO {login} (in master)"),
            Right::Agent => format!(
                "In msdb: CREATE USER {login} FOR LOGIN {login}; GRANT SELECT ON dbo.sysjobs TO {login}; \
                 GRANT SELECT ON dbo.sysjobsteps TO {login}; GRANT SELECT ON dbo.sysjobschedules TO {login}"
            ),
            Right::Ledger => format!("GRANT SELECT ON SCHEMA::replica TO {user}"),
        })
    }
}

/// No permission: on the server, the object, the database; the user does not exist there (sys.messages).
const DENIED: [u32; 6] = [229, 230, 262, 297, 300, 916];
/// No such column, object, function, procedure (sys.messages).
const MISSING: [u32; 5] = [195, 207, 208, 2812, 4121];

/// Waits for an answer, and not for ever. A question that is given up takes its connection with it.
///
/// # Errors
/// Its own, or that none came in time.
pub(super) async fn patiently<T>(question: impl Future<Output = Result<T>>) -> Result<T> {
    let answer = timeout(PATIENCE, question).await;
    answer.unwrap_or_else(|_| Err(Error::timeout(format!("no answer within {} s", PATIENCE.as_secs()))))
}

/// A server that is asked.
pub struct Asker {
    /// `None` once it is lost for good.
    session: Option<Session>,
    endpoint: Endpoint,
    role: Role,
    reconnected: bool,
    pub(super) known: Acquaintance,
}

impl Asker {
    pub(super) async fn new(
        session: Session,
        endpoint: &Endpoint,
        role: Role,
        out: &mut CheckFindings,
    ) -> Self {
        let known = Acquaintance::default();
        let mut asker =
            Self { session: Some(session), endpoint: endpoint.clone(), role, reconnected: false, known };
        asker.be_impatient().await;
        asker.get_acquainted(out).await;
        asker
    }

    async fn be_impatient(&mut self) {
        if let Some(session) = &mut self.session
            && session.set_lock_timeout(LOCK_WAIT).await.is_err()
        {
            log::debug!("{}: LOCK_TIMEOUT is not known", self.endpoint);
        }
    }

    async fn get_acquainted(&mut self, out: &mut CheckFindings) {
        const SERVER: CheckQuestion = CheckQuestion {
            check: Check::Version,
            sql: include_str!("sql/server.sql"),
            right: Right::None,
            since: SQL_SERVER_2012,
        };
        const STATE: CheckQuestion = CheckQuestion {
            check: Check::Blocked,
            sql: include_str!("sql/rights.sql"),
            right: Right::None,
            since: SQL_SERVER_2012,
        };
        if let Some(row) = self.ask_one(&SERVER, &[], out).await {
            let text = |name| row.text(name).unwrap_or_default().to_owned();
            self.known = Acquaintance {
                version: text("product_version"),
                edition: row.int("engine_edition").unwrap_or_default(),
                babelfish: row.flag("is_babelfish"),
                login: text("login_name"),
                user: text("user_name"),
                ..Acquaintance::default()
            };
        }
        if let Some(row) = self.ask_one(&STATE, &[], out).await {
            let rights = match self.known.edition {
                edition::AZURE_DATABASE => ["database_performance_state", "database_state"],
                _ => ["server_performance_state", "server_state"],
            };
            // NULL: the server does not know the name.
            let answers = rights.map(|right| row.int(right));
            self.known.shows_state = match answers {
                [None, None] => None,
                answers => Some(answers.contains(&Some(1))),
            };
        }
    }

    /// Which server it is, for findings.
    pub fn side(&self) -> Side {
        match self.role {
            Role::Source => Side::Source,
            Role::Target => Side::Target,
        }
    }

    pub(super) fn finding(
        &self,
        check: Check,
        severity: CheckSeverity,
        what: impl Into<String>,
    ) -> CheckFinding {
        CheckFinding::new(check, self.side(), severity, what)
    }

    fn skipped(&self, check: Check, why: impl Into<String>, right: Right) -> CheckFinding {
        let finding = self.finding(check, CheckSeverity::Skipped, why);
        match self.known.grant(right) {
            Some(grant) => finding.remedy(grant),
            None => finding,
        }
    }

    /// The session itself, with a short patience for locks.
    pub(super) fn session(&mut self) -> Option<&mut Session> {
        self.session.as_mut()
    }

    /// The answer's rows. `None`: there is none, and the findings say why, unless the server is older than what is
    /// asked for.
    pub(super) async fn ask(
        &mut self,
        question: &CheckQuestion,
        params: &[&dyn ToSql],
        out: &mut CheckFindings,
    ) -> Option<Vec<CatalogRow>> {
        self.ask_sql(question, question.sql, params, out).await
    }

    /// As [`Self::ask`], of a statement that is made for this once.
    pub(super) async fn ask_sql(
        &mut self,
        question: &CheckQuestion,
        sql: &str,
        params: &[&dyn ToSql],
        out: &mut CheckFindings,
    ) -> Option<Vec<CatalogRow>> {
        if !self.known.has(question.since) {
            return None;
        }
        let (check, right) = (question.check, question.right);
        // Without it some views show ourselves alone: an empty answer would prove nothing.
        if right == Right::ServerState && self.known.shows_state == Some(false) {
            out.add(self.skipped(check, "this login does not see what the server does", right));
            return None;
        }
        let Some(session) = &mut self.session else {
            out.add(self.skipped(check, "the connection is lost", Right::None));
            return None;
        };
        let error = match patiently(session.query(sql, params)).await {
            Ok(rows) => return Some(rows.iter().map(CatalogRow::from).collect()),
            Err(error) => error,
        };
        let is_one_of = |numbers: &[u32]| numbers.iter().any(|number| error.has_number(*number));
        if error.server().is_none() {
            self.reconnect(&error).await;
            out.add(self.skipped(check, format!("the connection was lost: {error}"), Right::None));
        } else if is_one_of(&DENIED) {
            out.add(self.skipped(check, format!("this login may not ask: {error}"), right));
        } else if is_one_of(&MISSING) {
            out.add(self.skipped(check, format!("this server cannot be asked: {error}"), Right::None));
        } else if error.has_number(LOCK_TIMEOUT) {
            out.add(self.skipped(check, "the answer waits for a lock: ask again later", Right::None));
        } else {
            out.add(self.skipped(check, format!("there is no answer: {error}"), Right::None));
        }
        None
    }

    pub(super) async fn ask_one(
        &mut self,
        question: &CheckQuestion,
        params: &[&dyn ToSql],
        out: &mut CheckFindings,
    ) -> Option<CatalogRow> {
        self.ask(question, params, out).await?.into_iter().next()
    }

    /// Does what asks the same server on a session of its own, and lends it ours.
    pub async fn lending<T>(&mut self, others: impl Future<Output = T>) -> T {
        let Some(session) = self.session.take() else { return others.await };
        session.give_back().await;
        let done = others.await;
        self.session = Session::take(&self.endpoint, self.role).await.ok();
        self.be_impatient().await;
        done
    }

    /// Once: a server that drops us again would do so for ever.
    pub(super) async fn reconnect(&mut self, lost: &Error) {
        log::debug!("{}: {lost}", self.endpoint);
        self.session = None;
        if !std::mem::replace(&mut self.reconnected, true) {
            self.session = Session::connect_once(&self.endpoint, self.role).await.ok();
            self.be_impatient().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(version: &str, edition: i64) -> Acquaintance {
        let name = |text: &str| text.to_owned();
        let (login, user) = (name("o'x]"), name("u"));
        Acquaintance { version: name(version), edition, login, user, ..Acquaintance::default() }
    }

    #[test]
    fn the_grant_is_the_servers_own() {
        let grant = |version, edition| server(version, edition).grant(Right::ServerState).unwrap();
        assert_eq!(grant("11.0.7001.0", 3), "GRANT VIEW SERVER STATE TO [o'x]]] (in master)");
        assert_eq!(grant("16.0.1000.6", 3), "GRANT VIEW SERVER PERFORMANCE STATE TO [o'x]]] (in master)");
        let azure = grant("12.0.2000.8", edition::AZURE_DATABASE);
        assert_eq!(azure, "GRANT VIEW DATABASE STATE TO [u]");
        assert_eq!(server("16.0.1000.6", 3).grant(Right::None), None);
    }

    #[test]
    fn what_a_version_lacks_is_left_out() {
        assert!(!server("12.0.6024.0", 3).has(SQL_SERVER_2016));
        assert!(server("13.0.1601.5", 3).has(SQL_SERVER_2016));
        assert!(
            server("12.0.2000.8", edition::AZURE_DATABASE).has(SQL_SERVER_2016),
            "whatever it calls itself"
        );
        assert!(server("", 0).has(SQL_SERVER_2016), "asked, and refused if it has to be");
    }
}
