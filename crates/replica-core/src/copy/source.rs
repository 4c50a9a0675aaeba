//! Where a table is copied from: a server, or whatever else has rows.
use super::LOCK_WAIT;
use super::article;
use super::sides::Sides;
use crate::catalog::{self, Article, CatalogAnswer, Table, TableName};
use crate::config::Endpoint;
use crate::error::Result;
use crate::load::Progress;
use crate::plan::Plan;
use crate::read::{self, Rows};
use crate::report::{ExplainLine, Timing};
use crate::rows::RowSource;
use crate::session::{Isolation, Role, Session, forbids_snapshot};
use crate::tds::fingerprint::Fingerprint;
use crate::tds::rpc::{Param, Query};

/// Something that tables can be copied from.
pub trait Source: Sync {
    /// One connection to it, or an open folder.
    type Connected: ConnectedSource + 'static;

    /// Makes it ready to be asked.
    ///
    /// # Errors
    /// It is not there, or does not let us in.
    fn connect(&self) -> impl Future<Output = Result<Self::Connected>> + Send;

    /// The server that the rows are on, if they are on one: it can be asked about them.
    fn endpoint(&self) -> Option<&Endpoint> {
        None
    }

    /// Whether a plan's rows can be had, as far as that can be known without reading them.
    ///
    /// # Errors
    /// They cannot.
    fn check(&self, _: &Plan) -> Result<()> {
        Ok(())
    }

    /// Brings [`Plan::explain`] into line with how the rows are had from here.
    fn explain(&self, _: &Plan, _: &mut Vec<ExplainLine>) {}
}

/// A source that is ready to be asked.
pub trait ConnectedSource: Send + Sized {
    /// The rows of one SELECT, or of one file.
    type Rows<'a>: RowSource
    where
        Self: 'a;

    /// Both sides, of a source that is nothing but a server: it can be compared with the target.
    fn as_servers(_: &mut Sides<Self>) -> Option<&mut Sides> {
        None
    }

    /// It is not needed any more, and all went well.
    fn give_back(self) -> impl Future<Output = ()> + Send {
        async {}
    }

    /// Asks about tables that [`Self::table`] is going to be asked about, where that takes fewer round trips.
    ///
    /// # Errors
    /// A lost connection.
    fn look_ahead(&mut self, _: &[TableName]) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// What is known of a table, as its article has it.
    ///
    /// # Errors
    /// There is none of that name, or no answer; the article asks for what cannot be.
    fn table(&mut self, name: &TableName, article: &Article) -> impl Future<Output = Result<Table>> + Send;

    /// How many rows a plan's are, counted no further than `most`.
    ///
    /// # Errors
    /// Those of [`Self::rows`].
    fn count(&mut self, plan: &Plan, most: u64) -> impl Future<Output = Result<u64>> + Send;

    /// The rows that a plan wants. Whatever has to be done before rows can flow is done when this returns; what takes
    /// long is told to `timing` and `progress`.
    ///
    /// # Errors
    /// The rows cannot be had; those that the server has an answer of its own to are passed on as they are.
    fn rows(
        &mut self,
        plan: &Plan,
        timing: &mut Timing,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> impl Future<Output = Result<Self::Rows<'_>>> + Send;

    /// The rows that a plan wants, and what the catalog tells of the table by now, where both come in one round trip. `None`: they
    /// do not, and whoever asks for one after the other is told why.
    ///
    /// # Errors
    /// A lost connection; what [`forbids_snapshot`], or passes.
    fn rows_and_catalog(
        &mut self,
        _: &TableName,
        _: &Article,
        _: &Plan,
    ) -> impl Future<Output = Result<Option<(Self::Rows<'_>, CatalogAnswer)>>> + Send {
        async { Ok(None) }
    }

    /// Count and hash of the rows that [`Self::rows`] has brought, read a second time where they come from.
    ///
    /// # Errors
    /// Those of [`Self::rows`].
    fn reread(&mut self, plan: &Plan) -> impl Future<Output = Result<Fingerprint>> + Send;
}

impl Source for Endpoint {
    type Connected = Session;

    fn connect(&self) -> impl Future<Output = Result<Session>> + Send {
        Session::take(self, Role::Source)
    }

    fn endpoint(&self) -> Option<&Endpoint> {
        Some(self)
    }
}

impl ConnectedSource for Session {
    type Rows<'a> = Rows<'a>;

    fn as_servers(sides: &mut Sides) -> Option<&mut Sides> {
        Some(sides)
    }

    fn give_back(self) -> impl Future<Output = ()> + Send {
        Session::give_back(self)
    }

    fn look_ahead(&mut self, names: &[TableName]) -> impl Future<Output = Result<()>> + Send {
        catalog::look_ahead(self, names)
    }

    async fn table(&mut self, name: &TableName, article: &Article) -> Result<Table> {
        let table = catalog::read(self, Role::Source, name).await?;
        article::shape(self, table, article).await
    }

    async fn count(&mut self, plan: &Plan, most: u64) -> Result<u64> {
        make_ready(self, plan).await?;
        read::count(self.lane()?, plan.count_at_source(most)).await
    }

    async fn rows(
        &mut self,
        plan: &Plan,
        _: &mut Timing,
        _: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Rows<'_>> {
        if self.lane()?.in_transaction() {
            // Of a reading that was given up: what it saw is too old by now.
            self.lane()?.rollback().await?;
        }
        let mut select = plan.select();
        if plan.reread && plan.snapshot {
            make_ready(self, plan).await?;
            self.lane()?.begin().await?;
        } else {
            select = self.preceded(isolation(plan), LOCK_WAIT, select).await?;
        }
        let rows = open(self, plan, select).await;
        rows.map_err(|error| error.within("reading from the source"))
    }

    async fn rows_and_catalog(
        &mut self,
        name: &TableName,
        article: &Article,
        plan: &Plan,
    ) -> Result<Option<(Rows<'_>, CatalogAnswer)>> {
        let select = plan.select();
        if !select.params.is_empty() || !article.expressions().is_empty() {
            return Ok(None);
        }
        self.works_on(name);
        // Its parameters make a batch of its own, with whose end the session has its settings back.
        let settings = Session::settings_for(isolation(plan), LOCK_WAIT);
        let statements = std::iter::once(catalog::call(1, 2)).chain(settings).chain([select.sql]);
        let sql = statements.collect::<Vec<_>>().join("; ");
        let query = Query { sql, params: vec![catalog::all_as_param(), Param::Text(name.quoted())] };
        let (results, mut rows) = match Rows::open_behind(self.lane()?, query, catalog::RESULTS).await {
            Ok(Some(opened)) => opened,
            Ok(None) => return Ok(None),
            // There are answers to the others.
            Err(error) if error.server().is_some() && !error.is_transient() && !forbids_snapshot(&error) => {
                log::debug!("{name}: is asked for one after the other: {error}");
                return Ok(None);
            }
            Err(error) => return Err(error.within("reading from the source")),
        };
        let Some(answer) = CatalogAnswer::new(results) else { return Ok(None) };
        // A SELECT, and settings that end with the call.
        rows.leaves_nothing();
        if plan.strategy.server.pads_decimals {
            rows.pad_decimals();
        }
        Ok(Some((rows, answer)))
    }

    async fn reread(&mut self, plan: &Plan) -> Result<Fingerprint> {
        let fingerprint = read::fingerprint(open(self, plan, plan.select()).await?).await?;
        let lane = self.lane()?;
        if lane.in_transaction() {
            lane.commit().await?;
        }
        Ok(fingerprint)
    }
}

async fn make_ready(session: &mut Session, plan: &Plan) -> Result<()> {
    session.set_isolation_and_wait(isolation(plan), LOCK_WAIT).await
}

fn isolation(plan: &Plan) -> Isolation {
    if plan.snapshot { Isolation::Snapshot } else { Isolation::ReadCommitted }
}

/// Sends a query for a plan's rows. Both sides are read alike, or their hashes could not be compared.
pub(super) async fn open<'a>(
    session: &'a mut Session,
    plan: &Plan,
    query: impl Into<Query>,
) -> Result<Rows<'a>> {
    let mut rows = Rows::open(session.lane()?, query).await?;
    if plan.strategy.server.pads_decimals {
        rows.pad_decimals();
    }
    Ok(rows)
}
