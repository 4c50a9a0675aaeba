//! All interleavings of hosts over a model of the ledger, and the model's steps by the real one. `ledger_model` says what is
//! modelled.
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::time::Duration;

use replica_core::catalog::record::CatalogRow;
use replica_core::error::{Kind, Result};
use replica_core::ledger::{self, Begun, NextClaim, PlannedWindow, ResumeMode, Run, RunOptions, Subject};
use replica_core::session::Session;
use replica_core::window::Window;

use crate::util::{LedgerStage, loaded, months, run, run_options, subject};
use ledger_model::explore::{Explored, explore};
use ledger_model::record::{
    IndexRow, LedgerAnswer as Answer, LedgerOp as Op, ModelClaim, ModelLedger, ModelResume,
    RunPhase as Phase, RunRow, WindowMark as Mark, WindowRow,
};

/// Of each kind of step and answer, unless REPLICA_MODEL_STEPS asks for more of each, or for `all`.
const OF_A_KIND: usize = 4;
const INDEX: &str = "ix_label";

/// Three hosts over so many windows, with so many faults in one interleaving.
fn explored(resume: ModelResume, windows: usize, faults: u8) -> Explored {
    let explored = explore(resume, windows, faults);
    let Explored { states, ends, steps } = &explored;
    println!(
        "{windows} windows, {faults} faults: {states} states, {} steps of the ledger, {ends} ends",
        steps.len()
    );
    assert!(*ends > 10, "the bounds are too narrow to say anything");
    explored
}

#[test]
fn no_interleaving_loses_or_doubles_a_window_and_the_ledger_does_as_the_model() {
    let explored = explored(ModelResume::Resume, 3, 1);
    compare(&explored.steps);
}

#[test]
fn no_interleaving_of_runs_that_replace_all_loses_or_doubles_a_window() {
    explored(ModelResume::Replace, 2, 1);
}

/// Puts each ledger into the sandbox, asks it what the model was asked, and compares answer and tables.
fn compare(steps: &HashSet<(ModelLedger, Op)>) {
    let stage = LedgerStage::new();
    let steps = chosen(steps);
    run(async {
        let mut real = RealLedger::new(&stage).await;
        for (before, op) in &steps {
            let mut model = *before;
            let answer = model.apply(*op);
            real.put(before).await;
            let (said, after) = real.apply(before, *op).await;
            assert_eq!(
                (said, after),
                (answer, model),
                "{op:?} of {before:?}: left the ledger, right the model"
            );
        }
    });
    println!("{} steps were the real ledger's", steps.len());
}

/// Some of each kind, from all over the list.
fn chosen(steps: &HashSet<(ModelLedger, Op)>) -> Vec<(ModelLedger, Op)> {
    let mut kinds: BTreeMap<String, Vec<(String, ModelLedger, Op)>> = BTreeMap::new();
    for (ledger, op) in steps {
        let (mut after, named) = (*ledger, format!("{op:?}"));
        let name = named.split('(').next().unwrap_or_default();
        let kind = format!("{name} {:?} {}", after.apply(*op), after == *ledger);
        kinds.entry(kind).or_default().push((format!("{ledger:?}{named}"), *ledger, *op));
    }
    let most = match std::env::var("REPLICA_MODEL_STEPS").as_deref() {
        Err(_) => OF_A_KIND,
        Ok("all") => usize::MAX,
        Ok(number) => number.parse().expect("`all`, or how many of each kind"),
    };
    let mut chosen = Vec::new();
    for mut of_a_kind in kinds.into_values() {
        // The order of a set is another one each time.
        of_a_kind.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        let stride = of_a_kind.len().div_ceil(most).max(1);
        chosen.extend(of_a_kind.into_iter().step_by(stride).map(|(_, ledger, op)| (ledger, op)));
    }
    chosen
}

struct RealLedger {
    session: Session,
    subject: Subject,
    windows: Vec<PlannedWindow>,
    /// Any run: the numbers are what tells it from others.
    run: Run,
}

impl RealLedger {
    async fn new(stage: &LedgerStage) -> Self {
        let mut session = stage.session().await;
        // The largest comes first.
        let (subject, windows) = (subject(), months(&[30, 20, 10]));
        let begun = ledger::begin(&mut session, &run_options(&subject, &windows)).await.unwrap();
        begun.run.started(&mut session).await.unwrap();
        Self { session, subject, windows, run: begun.run }
    }

    fn window(&self, window: u8) -> Window {
        self.windows[usize::from(window)].window.clone()
    }

    /// Makes the tables say this.
    async fn put(&mut self, ledger: &ModelLedger) {
        let mut sql =
            "DELETE FROM replica.runs; DELETE FROM replica.windows; DELETE FROM replica.disabled_indexes; \
                       SET IDENTITY_INSERT replica.runs ON; "
                .to_owned();
        let mut last = 0;
        for (row, run) in ledger.runs.iter().zip(1..).filter(|(row, _)| row.phase != Phase::Absent) {
            let RunRow { batch, phase, alive } = row;
            let (phase, ended) = match phase {
                Phase::Copying => ("copying", "NULL"),
                Phase::Finishing => ("finishing", "NULL"),
                _ => ("ended", "SYSUTCDATETIME()"),
            };
            last = run;
            let lease = if *alive { 1 } else { -1 };
            let _ = write!(
                sql,
                "INSERT INTO replica.runs (run_id, batch_id, tool, schema_name, table_name, object_id, source, pid, \
                 shared, phase, started, lease_until, ended, windows_done, windows_failed, windows_skipped, row_count, \
                 byte_count, retries, disable_ms, rebuild_ms) VALUES ({run}, {batch}, 'test', 'dbo', 'SALES', 7, 'x', \
                 1, 1, '{phase}', SYSUTCDATETIME(), DATEADD(hour, {lease}, SYSUTCDATETIME()), {ended}, 0, 0, 0, 0, 0, \
                 0, 0, 0); "
            );
        }
        let _ = write!(
            sql,
            "SET IDENTITY_INSERT replica.runs OFF; DBCC CHECKIDENT ('replica.runs', RESEED, {last}) WITH NO_INFOMSGS; "
        );
        for (row, planned) in ledger.windows.iter().zip(&self.windows) {
            let WindowRow { state, batch, run, attempts } = row;
            let (state, run, hash) = match state {
                Mark::None | Mark::Absent => continue,
                Mark::Pending => ("pending", "NULL".to_owned(), "NULL"),
                Mark::Loading => ("loading", run.to_string(), "NULL"),
                Mark::Complete => ("complete", run.to_string(), "'abc'"),
            };
            let PlannedWindow { window, estimated_rows } = planned;
            let days = window.days().unwrap();
            let Subject { fingerprint, source, .. } = &self.subject;
            let _ = write!(
                sql,
                "INSERT INTO replica.windows (schema_name, table_name, first_date, next_date, state, object_id, \
                 date_column, fingerprint, source, batch_id, run_id, attempts, estimated_rows, row_count, byte_count, \
                 row_hash) VALUES ('dbo', 'SALES', '{}', '{}', '{state}', 7, 'sale_date', '{fingerprint}', \
                 '{source}', {batch}, {run}, {attempts}, {estimated_rows}, 1, 1, {hash}); ",
                days.first, days.next
            );
        }
        if let Some(IndexRow { run, rebuilding }) = ledger.index {
            let _ = write!(
                sql,
                "INSERT INTO replica.disabled_indexes (schema_name, table_name, index_name, object_id, run_id, \
                 recorded, rebuilding_run) VALUES ('dbo', 'SALES', '{INDEX}', 7, {run}, SYSUTCDATETIME(), \
                 NULLIF({rebuilding}, 0)); "
            );
        }
        self.session.execute(&sql).await.unwrap();
    }

    /// Reads the tables back. Whether there is a window at all is the model's own.
    async fn read(&mut self, before: &ModelLedger) -> ModelLedger {
        let mut ledger =
            ModelLedger::new(before.windows.iter().filter(|row| row.state != Mark::None).count());
        let sql = "SELECT run_id, batch_id, phase, CASE WHEN ended IS NULL AND lease_until > SYSUTCDATETIME() THEN 1 \
                   ELSE 0 END AS alive FROM replica.runs";
        for row in self.rows(sql).await {
            let phase = match row.text("phase") {
                Some("copying") => Phase::Copying,
                Some("finishing") => Phase::Finishing,
                _ => Phase::Ended,
            };
            let run = small(&row, "run_id");
            *ledger.run_mut(run) = RunRow { batch: small(&row, "batch_id"), phase, alive: row.flag("alive") };
        }
        let sql = "SELECT state, batch_id, run_id, attempts FROM replica.windows ORDER BY first_date";
        for (row, known) in self.rows(sql).await.iter().zip(&mut ledger.windows) {
            let state = match row.text("state") {
                Some("pending") => Mark::Pending,
                Some("loading") => Mark::Loading,
                _ => Mark::Complete,
            };
            let [batch, run, attempts] = ["batch_id", "run_id", "attempts"].map(|name| small(row, name));
            *known = WindowRow { state, batch, run, attempts };
        }
        let index = self.rows("SELECT run_id, rebuilding_run FROM replica.disabled_indexes").await;
        ledger.index = index
            .first()
            .map(|row| IndexRow { run: small(row, "run_id"), rebuilding: small(row, "rebuilding_run") });
        ledger
    }

    async fn rows(&mut self, sql: &str) -> Vec<CatalogRow> {
        self.session.query(sql, &[]).await.unwrap().iter().map(CatalogRow::from).collect()
    }

    async fn apply(&mut self, before: &ModelLedger, op: Op) -> (Answer, ModelLedger) {
        let answer = self.ask(before, op).await.unwrap();
        (answer, self.read(before).await)
    }

    async fn ask(&mut self, before: &ModelLedger, op: Op) -> Result<Answer> {
        let subject = &self.subject;
        let numbered = |id: u8| {
            let mut run = self.run.clone();
            run.id = id.into();
            run.batch = if before.run(id).batch > 0 { before.run(id).batch.into() } else { run.id };
            run
        };
        let windows: Vec<Window> = self.windows.iter().map(|planned| planned.window.clone()).collect();
        let session = &mut self.session;
        let table = &subject.table;
        let answer = match op {
            Op::Begin(_, resume) => {
                let there = before.windows.iter().filter(|row| row.state != Mark::None).count();
                let resume = match resume {
                    ModelResume::Resume => ResumeMode::Resume,
                    ModelResume::Replace => ResumeMode::Replace,
                };
                let lease = Duration::from_secs(3_600);
                let windows = &self.windows[..there];
                let options = RunOptions { shared: true, resume, lease, ..run_options(subject, windows) };
                let Begun { run, joined, .. } = ledger::begin(session, &options).await?;
                run.started(session).await?;
                if joined { Answer::Joined(u8::try_from(run.batch).unwrap()) } else { Answer::Began }
            }
            Op::Next(id) => match numbered(id).next(session).await? {
                NextClaim::Claimed(claim) => claimed(&windows, &claim),
                NextClaim::Wait => Answer::Wait,
                NextClaim::Done => Answer::NoneLeft,
            },
            Op::Claim(id, window) => {
                let window = windows[usize::from(window)].clone();
                numbered(id)
                    .claim(session, window)
                    .await?
                    .map_or(Answer::No, |claim| claimed(&windows, &claim))
            }
            Op::Fence(claim) => {
                let claim = self.claim(before, claim).await;
                in_transaction(&mut self.session, async |session| claim.check(session).await).await?
            }
            Op::Complete(claim) => {
                let claim = self.claim(before, claim).await;
                in_transaction(&mut self.session, async |session| claim.complete(session, &loaded(1)).await)
                    .await?
            }
            Op::IsComplete(claim) => {
                let claim = self.claim(before, claim).await;
                yes(claim.is_complete(&mut self.session).await?)
            }
            Op::Release(id) => numbered(id).release(session).await.map(|_| Answer::Done)?,
            Op::Leave(id) => match numbered(id).leave(session).await {
                Err(error) if error.kind() == Kind::Busy => Answer::Lost,
                last => yes(last?),
            },
            Op::End(id) => numbered(id).end(session, &Default::default()).await.map(|()| Answer::Done)?,
            Op::Renew(id) => match numbered(id).renew(session).await {
                Err(error) if error.kind() == Kind::Busy => Answer::Lost,
                renewed => renewed.map(|()| Answer::Done)?,
            },
            Op::Record(id) => {
                ledger::record(session, &numbered(id), 7, INDEX).await.map(|()| Answer::Done)?
            }
            Op::Take(id) => yes(ledger::take(session, &numbered(id), INDEX).await?),
            Op::GiveBack(id) => {
                ledger::give_back(session, &numbered(id), INDEX).await.map(|()| Answer::Done)?
            }
            Op::Forget => ledger::forget(session, table, INDEX).await.map(|()| Answer::Done)?,
            Op::ForgetTaken(id) => {
                ledger::forget_taken(session, &numbered(id), INDEX).await.map(|()| Answer::Done)?
            }
        };
        Ok(answer)
    }

    /// A claim of these numbers: the ledger gives none away but for a window that is free, so one is made so meanwhile.
    async fn claim(&mut self, before: &ModelLedger, claim: ModelClaim) -> ledger::Claim {
        let mut run = self.run.clone();
        (run.id, run.batch) = (claim.run.into(), before.run(claim.run).batch.into());
        let free = "UPDATE replica.windows SET state = 'pending', batch_id = @P1";
        self.session.query(free, &[&run.batch]).await.unwrap();
        let first = self.window(0);
        let mut real = run.claim(&mut self.session, first).await.unwrap().unwrap();
        real.window = self.window(claim.window);
        real.attempt = claim.attempt.into();
        self.put(before).await;
        real
    }
}

async fn in_transaction(
    session: &mut Session,
    work: impl AsyncFnOnce(&mut Session) -> Result<()>,
) -> Result<Answer> {
    session.lane()?.begin().await?;
    match work(session).await {
        Err(error) if error.kind() == Kind::Busy => Ok(Answer::Lost),
        done => {
            done?;
            session.lane()?.commit().await?;
            Ok(Answer::Done)
        }
    }
}

fn claimed(windows: &[Window], claim: &ledger::Claim) -> Answer {
    let window = windows.iter().position(|window| *window == claim.window).unwrap();
    Answer::Claimed(u8::try_from(window).unwrap(), u8::try_from(claim.attempt).unwrap())
}

fn yes(yes: bool) -> Answer {
    if yes { Answer::Yes } else { Answer::No }
}

/// NULL is 0.
fn small(row: &CatalogRow, name: &str) -> u8 {
    u8::try_from(row.int(name).unwrap_or_default()).unwrap()
}
