//! The two servers of a job.
use super::source::{ConnectedSource, Source};
use crate::catalog::{self, Article, Table, TableName};
use crate::compare::Both;
use crate::config::Endpoint;
use crate::error::Result;
use crate::session::{Role, Session};

/// Both sides of a job, connected.
pub struct Sides<S = Session> {
    /// What the source has connected to.
    pub source: S,
    /// A session on the target.
    pub target: Session,
}

impl<S: ConnectedSource> Sides<S> {
    /// On sessions that were given back, or new ones.
    ///
    /// # Errors
    /// That of the source, else that of the target.
    pub async fn connect(source: &impl Source<Connected = S>, target: &Endpoint) -> Result<Self> {
        let (at_source, at_target) = tokio::join!(source.connect(), Session::take(target, Role::Target));
        Ok(Self { source: at_source?, target: at_target? })
    }

    /// For whoever connects next ([`Session::give_back`]).
    pub async fn give_back(self) {
        tokio::join!(self.source.give_back(), self.target.give_back());
    }

    /// Asks both sides about tables that [`Self::tables`] is going to be asked about, in few round trips.
    ///
    /// # Errors
    /// A lost connection.
    pub async fn look_ahead<'a>(
        &mut self,
        tables: impl IntoIterator<Item = (&'a TableName, &'a Article)>,
    ) -> Result<()> {
        let (at_source, at_target): (Vec<_>, Vec<_>) =
            tables.into_iter().map(|(name, article)| (name.clone(), article.target_of(name).clone())).unzip();
        let asked_source = self.source.look_ahead(&at_source);
        let asked_target = catalog::look_ahead(&mut self.target, &at_target);
        let (asked_source, asked_target) = tokio::join!(asked_source, asked_target);
        asked_source.and(asked_target)
    }

    /// What is known of the table on either side, at the source as its article has it.
    ///
    /// # Errors
    /// Those of [`ConnectedSource::table`] and [`catalog::read`].
    pub async fn tables(&mut self, name: &TableName, article: &Article) -> Result<(Table, Table)> {
        let at_source = self.source.table(name, article);
        let at_target = catalog::read_copy(&mut self.target, name, article);
        // Both to the end: a query that is cut off would take its connection with it.
        let (at_source, at_target) = tokio::join!(at_source, at_target);
        Ok((at_source?, at_target?))
    }
}

impl Sides {
    /// What both work on, for the log ([`Session::works_on`]).
    pub(crate) fn work_on(&mut self, what: impl std::fmt::Display) {
        self.source.works_on(&what);
        self.target.works_on(&what);
    }

    /// Both, to be compared.
    pub(crate) fn both(&mut self) -> Both<'_> {
        Both { source: &mut self.source, target: &mut self.target }
    }
}
