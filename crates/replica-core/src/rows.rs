//! Rows on their way to a load, wherever they come from.
use crate::error::Result;
use crate::tds::columns::WireColumn;
use crate::tds::fingerprint::Fingerprint;
use crate::tds::row::Block;

/// Rows in bulk form, in blocks: of a SELECT ([`read::Rows`](crate::read::Rows)), or of a file.
pub trait RowSource: Send {
    /// The columns as a server describes them in a result.
    fn columns(&self) -> &[WireColumn];

    /// Makes a block end after each multiple of `rows` rows, counted from here on.
    fn set_chunk_rows(&mut self, rows: u64);

    /// The next rows; `None` after the last. `empty` is a buffer to use again.
    ///
    /// # Errors
    /// Whatever keeps the rows from being complete. `None` says that all rows were there.
    fn next(&mut self, empty: Vec<u8>) -> impl Future<Output = Result<Option<Block>>> + Send;

    /// Count and hash of the rows so far.
    fn fingerprint(&self) -> Fingerprint;

    /// Ends it before its end.
    ///
    /// # Errors
    /// The source cannot be used any more.
    fn cancel(self) -> impl Future<Output = Result<()>> + Send;
}
