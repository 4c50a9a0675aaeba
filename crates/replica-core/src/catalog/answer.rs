//! What a server has answered of one table, all questions in one request.
use super::assemble::{Answers, of_object};
use super::fingerprint::CatalogFingerprint;
use super::question;
use crate::error::Result;
use crate::read::{SmallResult, rows_of};
use crate::tds::fingerprint;

/// The results of all questions, not yet read.
pub struct CatalogAnswer {
    results: Vec<SmallResult>,
    fingerprint: CatalogFingerprint,
}

impl CatalogAnswer {
    /// `None`: there are fewer results.
    pub(crate) fn new(results: Vec<SmallResult>) -> Option<Self> {
        let fingerprint = fingerprint::in_order(results.iter().map(SmallResult::fingerprint));
        (results.len() == question::ALL.len())
            .then_some(Self { results, fingerprint: CatalogFingerprint(fingerprint) })
    }

    /// Of the rows of all results.
    pub(crate) fn fingerprint(&self) -> CatalogFingerprint {
        self.fingerprint
    }

    /// The object's; `None`: there is none, or it may not be seen.
    ///
    /// # Errors
    /// Those of [`SmallResult::rows`].
    pub(crate) fn object_id(&self) -> Result<Option<i64>> {
        let object = of_object(&self.results).map(SmallResult::rows).transpose()?.unwrap_or_default();
        Ok(object.first().and_then(|row| row.int("object_id")))
    }

    /// # Errors
    /// Those of [`SmallResult::rows`].
    pub(super) fn answers(&self) -> Result<Answers> {
        Ok(rows_of(&self.results)?.into_iter().map(Ok).collect())
    }
}
