//! Tables copied out of files, or through them.
use replica_core::catalog::{Article, Table, TableName};
use replica_core::config::Endpoint;
use replica_core::copy::{ConnectedSource, Plan, Source};
use replica_core::error::{Error, Result};
use replica_core::lane::{Progress, fingerprint};
use replica_core::report::{ExplainLine, Timing};
use replica_core::session::Session;
use replica_core::tds::fingerprint::Fingerprint;

use crate::Folder;
use crate::read::{File, FileRows};
use crate::write::write;

/// Tables that are in files.
#[derive(Clone, Debug)]
pub struct FromParquet {
    pub folder: Folder,
}

impl Source for FromParquet {
    type Connected = Self;

    async fn connect(&self) -> Result<Self> {
        Ok(self.clone())
    }

    fn check(&self, plan: &Plan) -> Result<()> {
        self.open(file_of(plan))?.check(plan)
    }

    fn explain(&self, plan: &Plan, lines: &mut Vec<ExplainLine>) {
        let Ok(path) = self.folder.find(file_of(plan)) else { return };
        for line in lines.iter_mut().filter(|line| line.topic == "read") {
            line.text = path.display().to_string();
        }
    }
}

impl ConnectedSource for FromParquet {
    type Rows<'a> = FileRows;

    async fn table(&mut self, name: &TableName, article: &Article) -> Result<Table> {
        article.of(self.open(article.target_of(name))?.table(name), Vec::new())
    }

    async fn count(&mut self, plan: &Plan, most: u64) -> Result<u64> {
        let rows = self.open(file_of(plan))?.table(&plan.source).rows();
        Ok(rows.unwrap_or_default().min(most))
    }

    async fn rows(
        &mut self,
        plan: &Plan,
        timing: &mut Timing,
        _: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<FileRows> {
        let file = self.open(file_of(plan))?;
        file.check_bytes()?;
        timing.phase("CHECK_FILE");
        file.rows(plan, None)
    }

    async fn reread(&mut self, plan: &Plan) -> Result<Fingerprint> {
        fingerprint(self.open(file_of(plan))?.rows(plan, None)?).await
    }
}

impl FromParquet {
    fn open(&self, table: &TableName) -> Result<File> {
        File::open(&self.folder.find(table)?)
    }
}

/// The table that a plan's file is named after: the target's.
fn file_of(plan: &Plan) -> &TableName {
    plan.article.target_of(&plan.source)
}

/// A server's tables, each written into a file first, which is then loaded.
#[derive(Clone, Debug)]
pub struct ThroughParquet {
    pub source: Endpoint,
    pub folder: Folder,
    /// Whether the files stay.
    pub keep: bool,
}

/// The server of a [`ThroughParquet`], and where its files go.
pub struct ConnectedThroughParquet {
    session: Session,
    folder: Folder,
    keep: bool,
}

impl Source for ThroughParquet {
    type Connected = ConnectedThroughParquet;

    async fn connect(&self) -> Result<ConnectedThroughParquet> {
        let session = self.source.connect().await?;
        Ok(ConnectedThroughParquet { session, folder: self.folder.clone(), keep: self.keep })
    }

    fn endpoint(&self) -> Option<&Endpoint> {
        Some(&self.source)
    }

    fn explain(&self, plan: &Plan, lines: &mut Vec<ExplainLine>) {
        let stays = if self.keep { "stays" } else { "is removed" };
        for line in lines.iter_mut().filter(|line| line.topic == "read") {
            let path = self.folder.file(&plan.target);
            line.text.push_str(&format!("; through {}, which {stays}", path.display()));
        }
    }
}

impl ConnectedSource for ConnectedThroughParquet {
    type Rows<'a> = FileRows;

    fn table(&mut self, name: &TableName, article: &Article) -> impl Future<Output = Result<Table>> + Send {
        ConnectedSource::table(&mut self.session, name, article)
    }

    fn count(&mut self, plan: &Plan, most: u64) -> impl Future<Output = Result<u64>> + Send {
        ConnectedSource::count(&mut self.session, plan, most)
    }

    async fn rows(
        &mut self,
        plan: &Plan,
        timing: &mut Timing,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<FileRows> {
        // First of all: if nothing can be written, nothing need be read.
        let file = self.folder.temporary(&plan.target, self.keep)?;
        let rows = ConnectedSource::rows(&mut self.session, plan, timing, progress).await?;
        let file = write(rows, plan, file, progress).await?;
        timing.phase("WRITE_FILE");
        if !self.keep {
            let path = file.into_temp_path();
            return File::open(&path)?.rows(plan, Some(path));
        }
        let path = self.folder.file(&plan.target);
        let failed = |error: std::io::Error| Error::data(format!("{}: {error}", path.display()));
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&path).map_err(|error| failed(error.error))?;
        File::open(&path)?.rows(plan, None)
    }
    /// At the server: what lies in between is seen, too.
    fn reread(&mut self, plan: &Plan) -> impl Future<Output = Result<Fingerprint>> + Send {
        self.session.reread(plan)
    }
}
