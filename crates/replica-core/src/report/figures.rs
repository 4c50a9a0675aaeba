//! The figures of one kind of run: gathered table by table, and put into the file for Prometheus at its end.
use std::path::PathBuf;
use std::time::Duration;

use super::metrics::{self, Metric, Sample, SampleTable, SampledTables};
use crate::catalog::{Article, TableName};
use crate::config::Etl;
use crate::error::Result;

/// What is known of a run so far, for its figures.
pub struct RunFigures {
    file: Option<PathBuf>,
    kind: &'static str,
    samples: Vec<Sample>,
}

impl RunFigures {
    /// In the file that the command line names, or the configuration. `None` of both: nobody wants them.
    ///
    /// # Errors
    /// Of kind `Usage`: there can be no such file.
    pub fn open(asked: Option<PathBuf>, etl: &Etl, kind: &'static str) -> Result<Self> {
        let file = asked.or_else(|| etl.prometheus_file.clone()).map(metrics::replaceable).transpose()?;
        Ok(Self { file, kind, samples: Vec::new() })
    }

    /// A run begins.
    pub fn clear(&mut self) {
        self.samples.clear();
    }

    /// A table is done with, well or not; `more`: what else there is to say of it.
    pub fn table(
        &mut self,
        (table, article): (&TableName, &Article),
        well: bool,
        elapsed: Duration,
        more: impl IntoIterator<Item = (Metric, f64)>,
    ) {
        let target = article.target_of(table);
        let target = (target != table).then(|| target.to_string());
        let name = SampleTable { name: table.to_string(), target };
        let own = [
            (Metric::TableSuccess, f64::from(u8::from(well))),
            (Metric::TableSeconds, elapsed.as_secs_f64()),
        ];
        let last = well.then(|| (Metric::TableLastSuccess, metrics::now()));
        for (metric, value) in own.into_iter().chain(last).chain(more) {
            self.samples.push(Sample { metric, kind: self.kind, table: Some(name.clone()), value });
        }
    }

    /// The run has ended. Tables of the file that are not `listed` any more lose their figures.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&mut self, well: bool, elapsed: Duration, listed: Option<SampledTables<'_>>) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        for (metric, value) in [
            (Metric::RunSuccess, f64::from(u8::from(well))),
            (Metric::RunEnd, metrics::now()),
            (Metric::RunSeconds, elapsed.as_secs_f64()),
        ] {
            self.samples.push(Sample { metric, kind: self.kind, table: None, value });
        }
        metrics::write(file, &self.samples, listed)
    }
}
