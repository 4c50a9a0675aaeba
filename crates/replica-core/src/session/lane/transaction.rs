//! The lane's transaction: whether one is open, how it begins, and how it ends.
use super::Lane;
use crate::error::Result;

impl Lane {
    /// The open transaction's descriptor, for ALL_HEADERS ([MS-TDS] 2.2.5.3.2); 0 outside transactions.
    pub fn transaction(&self) -> u64 {
        self.transaction
    }

    /// Is a transaction open?
    pub fn in_transaction(&self) -> bool {
        self.in_transaction
    }

    /// For readers of raw replies: an ENVCHANGE 8 told a descriptor, or 9 or 10 ended it (0).
    pub fn set_transaction(&mut self, descriptor: u64) {
        self.transaction = descriptor;
        self.in_transaction = descriptor != 0;
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// Those of [`Self::batch`].
    pub async fn begin(&mut self) -> Result<()> {
        self.batch("BEGIN TRANSACTION").await?;
        self.has_begun();
        self.has_left_nothing();
        Ok(())
    }

    /// Babelfish 4.3 sends ENVCHANGE 8 to transaction manager requests only, and wants no descriptor back.
    pub(in crate::session) fn has_begun(&mut self) {
        self.in_transaction = true;
    }

    /// Commits the transaction and begins the next one, in one batch: where the first fails, the second is not wanted.
    ///
    /// # Errors
    /// Those of [`Self::batch`].
    pub async fn commit_and_begin(&mut self) -> Result<()> {
        self.batch("COMMIT TRANSACTION; BEGIN TRANSACTION").await?;
        self.has_begun();
        self.has_left_nothing();
        Ok(())
    }

    /// Commits the transaction. After a lost connection here nobody knows whether it happened.
    ///
    /// # Errors
    /// Those of [`Self::batch`].
    pub async fn commit(&mut self) -> Result<()> {
        self.batch("COMMIT TRANSACTION").await?;
        self.set_transaction(0);
        self.has_left_nothing();
        Ok(())
    }

    /// Commits the transaction, and runs a statement that does not belong to it in the same batch, and `more`. What became of
    /// these is within. Where the COMMIT fails the statement is not run: not every error ends a batch, even with XACT_ABORT ON.
    ///
    /// # Errors
    /// Those of [`Self::commit`].
    pub(in crate::session) async fn commit_and(
        &mut self,
        statement: &str,
        more: &[String],
    ) -> Result<Result<()>> {
        let statement = format!("COMMIT TRANSACTION; IF @@ERROR = 0 {statement}");
        let statements = std::iter::once(&statement).chain(more).map(String::as_str);
        self.send_batch(&statements.collect::<Vec<_>>().join("; ")).await?;
        let reply = self.whole_reply().await?;
        // Babelfish does not say that a transaction is over, and other servers might not say more than that before an error.
        let committed = reply.committed || reply.begun_well;
        match reply.settled() {
            Err(error) if !committed => Err(error),
            settled => {
                self.set_transaction(0);
                Ok(settled.map(drop))
            }
        }
    }

    /// Rolls the transaction back if the server has not done so already.
    ///
    /// # Errors
    /// A lost connection or silence. A refusal of the server is none: it comes when the transaction is gone.
    pub async fn rollback(&mut self) -> Result<()> {
        let rolled_back = self.batch("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION").await;
        self.set_transaction(0);
        match rolled_back {
            Err(e) if e.server().is_none() => Err(e),
            _ => Ok(()),
        }
    }
}
