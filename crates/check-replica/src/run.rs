//! From options to an exit code: the machine, the way to both servers, the servers, the tables.
use std::io;

use replica_core::check::{
    self, Asker, Check, CheckFinding, CheckFindings, CheckSeverity, CheckedRun, CheckedTable, Side,
};
use replica_core::cli::{self, Code, Configured, List, Written};
use replica_core::config::{Config, Endpoint};
use replica_core::error::{Error, Kind, Result};
use replica_core::report::{Reporter, number_of};
use replica_core::session::Role;
use run_replica_etl::{planned, planned_run, streams};

use crate::args::Options;
use crate::{machine, tell};

pub fn run(options: &Options, reporter: &Reporter) -> Result<Code> {
    let mut checking = Checking { options, findings: CheckFindings::default(), codes: Vec::new() };
    match Config::load(options.config.as_deref()) {
        Ok(config) => {
            machine::check(options, &config, &mut checking.findings);
            let servers = async {
                checking.servers(&config).await;
                Ok(Code::Ok)
            };
            cli::block_on(1, |stop| async move { stop.or(servers).await })?;
        }
        Err(error) => checking.failed(Check::Configuration, Side::Machine, &error),
    }
    checking.end(reporter)
}

struct Checking<'a> {
    options: &'a Options,
    findings: CheckFindings,
    /// Of what keeps us from asking.
    codes: Vec<Code>,
}

impl Checking<'_> {
    fn failed(&mut self, check: Check, side: Side, error: &Error) {
        self.findings.add(CheckFinding::error(check, side, error));
        self.codes.push(error.exit_code());
    }

    async fn servers(&mut self, config: &Config) {
        let mut source = self.reach(config.source(), Role::Source).await;
        let mut target = self.reach(config.target(), Role::Target).await;
        if source.is_none() && target.is_none() {
            return;
        }
        let tables = match (&mut source, config.source(), config.target()) {
            (Some(asker), Ok(at), target) => {
                asker.lending(self.tables(config, at, target.unwrap_or(at))).await
            }
            _ => {
                let what = "the source decides which tables are meant, and cannot be asked";
                self.findings.add(
                    CheckFinding::new(Check::TableNames, Side::Source, CheckSeverity::Skipped, what)
                        .remedy("Mend what keeps the source from being asked, and look again"),
                );
                Vec::new()
            }
        };
        let workers = match streams(config) {
            Ok(workers) => workers,
            Err(error) => {
                self.failed(Check::Configuration, Side::Machine, &error);
                return;
            }
        };
        let run = CheckedRun { tables: &tables, workers, starts: self.options.at };
        check::run(&mut source, &mut target, &run, &mut self.findings).await;
    }

    async fn reach(&mut self, endpoint: Result<&Endpoint>, role: Role) -> Option<Asker> {
        let side = match role {
            Role::Source => Side::Source,
            Role::Target => Side::Target,
        };
        let endpoint = match endpoint {
            Ok(endpoint) => endpoint,
            Err(error) => {
                self.failed(Check::Configuration, side, &error);
                return None;
            }
        };
        let asker = check::reach(endpoint, role, &mut self.findings).await;
        if asker.is_none() {
            self.codes.push(Code::Connect);
        }
        asker
    }

    /// The tables that are asked for, as a run would copy them.
    async fn tables(&mut self, config: &Config, source: &Endpoint, target: &Endpoint) -> Vec<CheckedTable> {
        let Options { asked, of_run, selection, .. } = self.options;
        let asked = *asked;
        if let Err(error) = asked.day(config.etl.time_zone.as_deref()) {
            self.failed(Check::Configuration, Side::Machine, &error);
            return Vec::new();
        }
        let written = match selection.written(config, &List::ALL, io::stdin().lock()) {
            Ok(written) => written,
            Err(_) if *of_run => Written::default(),
            Err(error) => {
                self.findings.add(misnamed(Side::Machine, &error));
                return Vec::new();
            }
        };
        let selected = async {
            if *of_run {
                let names = run_replica_etl::listed_names(config)?;
                let configured = Configured::ask(config, &names, Some(source), target).await?;
                return planned_run(config, &configured, asked);
            }
            let configured = Configured::ask(config, &written.entries, Some(source), target).await?;
            let tables = configured.tables(&written)?;
            planned(config, &configured, asked, &tables)
        };
        match selected.await {
            Ok(tables) => tables,
            Err(error) => {
                self.findings.add(misnamed(Side::Source, &error));
                if error.kind() == Kind::Connect {
                    self.codes.push(Code::Connect);
                }
                Vec::new()
            }
        }
    }

    fn end(self, reporter: &Reporter) -> Result<Code> {
        let Self { options, findings, codes } = self;
        let counts = [CheckSeverity::Error, CheckSeverity::Warning, CheckSeverity::Skipped]
            .map(|one| findings.count(one));
        let [errors, warnings, skipped] = counts;
        tell::tell(&findings.in_order(), reporter)?;
        let of = |count: usize, one| number_of(u64::try_from(count).unwrap_or(u64::MAX), one);
        log::info!("{}, {}, {skipped} skipped", of(errors, "error"), of(warnings, "warning"));
        let worst = [Code::Connect, Code::Usage].into_iter().find(|code| codes.contains(code));
        Ok(match worst {
            Some(code) => code,
            None if errors > 0 || options.strict && warnings > 0 => Code::Failed,
            None => Code::Ok,
        })
    }
}

/// Tables that are asked for in a way that means none.
fn misnamed(side: Side, error: &Error) -> CheckFinding {
    let finding = CheckFinding::error(Check::TableNames, side, error);
    match finding.remedy {
        None => finding.remedy("Correct the names on the command line, or in the lists of replica.toml"),
        Some(_) => finding,
    }
}
