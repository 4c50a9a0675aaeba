//! Rows that are loaded beside the target first, as statements; and what readers notice of each way.
use super::Plan;
use crate::catalog::{Table, TableName, quote};
use crate::error::Error;
use crate::refusal::Refusal;
use crate::report::ExplainLine;
use crate::shape::{DeleteMethod, LoadLock, Reason, triggers};
use crate::staging::{self, BrokenRule, StagingTables, Twins};
use crate::types::mapping::MappedColumn;
use crate::window::choose_key;

/// How new rows become visible.
#[derive(Clone, Debug, Default)]
pub enum Publishing {
    /// They are loaded into the target itself.
    #[default]
    Direct,
    /// They are loaded into a heap beside it, and copied over in one transaction.
    Staged,
    /// They are loaded into a table built like it, and change places with the old ones.
    Switch(Box<Twins>),
}

/// How many streams read a table, and by which columns it is cut.
#[derive(Clone, Debug)]
pub struct StreamsPlan {
    pub at_once: u32,
    pub columns: Vec<MappedColumn>,
}

impl Plan {
    /// The same plan, by which several streams load what `source` has, where it has a key that they can divide it by.
    pub(crate) fn by_streams(self, source: &Table, streams: u32) -> Self {
        if streams < 2 {
            return self;
        }
        let columns = choose_key(source, &[]).map(|key| {
            let mapped = key.into_iter().map_while(|column| {
                self.mapping.columns.iter().find(|mapped| mapped.source.id == column.id).cloned()
            });
            mapped.collect::<Vec<_>>()
        });
        match columns {
            Ok(columns) if !columns.is_empty() => {
                Self { streams: Some(StreamsPlan { at_once: streams, columns }), ..self }
            }
            why => {
                let mut warnings = self.warnings.clone();
                let why =
                    why.err().map_or_else(|| "its key is not copied".to_owned(), |error| error.to_string());
                warnings.push(format!("one stream, since nothing divides its rows: {why}"));
                Self { warnings, ..self }
            }
        }
    }

    /// The same plan, by which rows are loaded beside the target and copied over. Triggers of its own see them come.
    pub(crate) fn staged(self, target: &Table) -> Self {
        let strategy = self.strategy.clone().because(Reason::PublishStaged);
        let refusal = triggers::refusal_of_copies(target, strategy.fire_triggers);
        let strategy = match refusal {
            Some(refusal) => strategy.refused(refusal.table(&self.target)),
            None => strategy,
        };
        Self { strategy, publishing: Publishing::Staged, ..self }
    }

    /// The same plan, by which all rows change places.
    pub(crate) fn switched(self, twins: Twins) -> Self {
        let strategy = self.strategy.clone().because(Reason::PublishSwitch).keeping_indexes();
        Self { strategy, publishing: Publishing::Switch(Box::new(twins)), ..self }
    }

    /// The same plan, which must not be carried out: rows are to change places, and cannot.
    pub(crate) fn not_switched(self, broken: &[BrokenRule]) -> Self {
        let broken: Vec<String> = broken.iter().map(BrokenRule::to_string).collect();
        let refusal = Error::refused(
            Refusal::SwitchRules,
            format!("--publish switch is not possible: {}", broken.join("; ")),
        );
        let refusal =
            refusal.remedy("Say --publish staged or direct, or mend that first").table(&self.target);
        Self { strategy: self.strategy.clone().refused(refusal), ..self }
    }

    /// The heap that rows are loaded into before they are copied over. `part` tells it from others of the target.
    pub(crate) fn heap(&self, part: &str) -> StagingTables {
        let columns: Vec<_> = self.mapping.columns.iter().map(|column| &column.target).collect();
        StagingTables::heap(self.target_id, part, &columns)
    }

    /// What loads the rows into a table beside the target that nobody else has, and reads them back from there. `bare`: it
    /// is a heap, in no order.
    pub(crate) fn beside(&self, name: &TableName, bare: bool) -> Self {
        let mut plan = Self { target: name.clone(), limits: None, ..self.clone() };
        // What the target's constraints promise is checked once the rows are there.
        plan.strategy.check_constraints = plan.strategy.server.unchecked_loads;
        plan.strategy.fire_triggers = false;
        if bare {
            plan.strategy.lock = LoadLock::Table;
        } else if plan.streams.is_some() {
            // A table with a clustered index is locked by one of them alone.
            plan.strategy.lock = LoadLock::Rows;
        }
        plan
    }

    /// The same plan whose rows are read in no order.
    pub(crate) fn unsorted(&self) -> Self {
        Self { sorted: Vec::new(), ..self.clone() }
    }

    /// Copies the rows over from a table beside the target.
    pub(crate) fn copy_over(&self, from: &TableName) -> String {
        let columns: Vec<_> = self.mapping.columns.iter().map(|column| quote(&column.target.name)).collect();
        let columns = columns.join(", ");
        let lock = match self.strategy.delete_method {
            DeleteMethod::Truncate | DeleteMethod::Delete => " WITH (TABLOCK)",
            DeleteMethod::DeleteWindow | DeleteMethod::DeleteWindowInBatches(_) => "",
        };
        let (target, from) = (self.target.quoted(), from.quoted());
        format!("INSERT INTO {target}{lock} ({columns}) SELECT {columns} FROM {from}")
    }

    /// What has to be said before rows with numbers of their own are inserted, and after.
    pub(crate) fn keep_numbers(&self, keep: bool) -> Option<String> {
        let numbered = self.mapping.columns.iter().any(|column| column.target.identity);
        let keep = if keep { "ON" } else { "OFF" };
        numbered.then(|| format!("SET IDENTITY_INSERT {} {keep}", self.target.quoted()))
    }

    /// How new rows become visible: what readers notice, what it costs, what it takes.
    pub(super) fn explain_publish(&self) -> Vec<ExplainLine> {
        let windowed = self.limits.is_some()
            || matches!(
                self.strategy.delete_method,
                DeleteMethod::DeleteWindow | DeleteMethod::DeleteWindowInBatches(_)
            );
        let truncates = self.strategy.delete_method == DeleteMethod::Truncate;
        let one_transaction = self.strategy.batches.commit_rows.is_none();
        let told: &[&str] = match (&self.publishing, truncates) {
            (Publishing::Direct, true) => &[
                "direct. Readers: all wait from TRUNCATE to the commit, the load included, then see the new rows; SNAPSHOT transactions that are open get error 3961",
                "direct. Cost: the rows are written once",
            ],
            (Publishing::Direct, false) if windowed && !one_transaction => &[
                "direct. Readers: see a window half full, since its DELETE and its commits are transactions of their own",
                "direct. Cost: the rows are written once",
            ],
            (Publishing::Direct, false) => &[
                "direct. Readers: those that lock wait from DELETE to the commit, the load included; those that read versions (READ_COMMITTED_SNAPSHOT, SNAPSHOT) see the old rows until then",
                "direct. Cost: the rows are written once; the version store keeps the old ones where readers see versions",
            ],
            (Publishing::Staged, true) => &[
                "staged. Readers: all wait from TRUNCATE to the commit, while rows are copied within the server, then see the new rows; SNAPSHOT transactions that are open get error 3961",
                "staged. Cost: the rows are written twice, and lie there twice until the commit",
                "staged. Takes: CREATE TABLE, ALTER on the schema replica, and the ledger",
            ],
            (Publishing::Staged, false) => &[
                "staged. Readers: those that lock wait from DELETE to the commit, while rows are copied within the server; those that read versions (READ_COMMITTED_SNAPSHOT, SNAPSHOT) see the old rows until then",
                "staged. Cost: the rows are written twice and logged twice, and lie there twice until the commit; the version store keeps the old ones where readers see versions",
                "staged. Takes: CREATE TABLE, ALTER on the schema replica, and the ledger",
            ],
            (Publishing::Switch(_), _) => &[
                "switch. Readers: all see the old rows until the rows change places, and wait for that instant alone; it waits for them first. SNAPSHOT transactions that are open get error 3961",
                "switch. Cost: the rows are written once, and lie there beside the old ones until the commit",
                "switch. Takes: CREATE TABLE, ALTER on the table and on the schema replica, and the ledger; every rule of SWITCH holds",
            ],
        };
        let told = told.iter().map(|text| ExplainLine::new("publish", *text));
        let streams = self.streams.iter().map(|streams| ExplainLine::new("streams", self.divided(streams)));
        told.chain(streams).collect()
    }

    fn divided(&self, StreamsPlan { at_once, columns }: &StreamsPlan) -> String {
        let columns: Vec<_> = columns.iter().map(|column| column.source.name.as_str()).collect();
        let columns = columns.join(", ");
        let moment = if self.snapshot {
            "in one snapshot, for which writers of the source wait until all have begun"
        } else {
            "under READ COMMITTED, since the source's database does not allow SNAPSHOT isolation: a row whose key moves \
             meanwhile may be missed or come twice"
        };
        format!("{at_once} at once, each some ranges of {columns}, {moment}")
    }

    /// The statements around a load beside the target, for `--explain`.
    pub(super) fn explain_beside(&self) -> Option<Vec<String>> {
        let (tables, bare) = match &self.publishing {
            Publishing::Direct => return None,
            Publishing::Staged => (self.heap("0"), true),
            Publishing::Switch(twins) => (twins.tables(0), false),
        };
        let mut lines: Vec<String> =
            tables.create.iter().flat_map(|(_, statements)| statements).cloned().collect();
        lines.push(self.beside(&tables.incoming, bare).explain_load());
        lines.extend(staging::sql(&tables.finish));
        lines.push("BEGIN TRANSACTION".into());
        if tables.switch.is_empty() {
            lines.extend(self.before().into_iter().map(|statement| statement.query.sql));
            lines.extend(self.keep_numbers(true));
            lines.push(self.copy_over(&tables.incoming));
            lines.extend(self.keep_numbers(false));
            lines.extend(self.after().into_iter().map(|statement| statement.query.sql));
        } else {
            lines.extend(tables.switch.iter().cloned());
        }
        lines.push("COMMIT TRANSACTION".into());
        lines.extend(tables.names().map(|name| format!("DROP TABLE {}", name.quoted())));
        Some(lines)
    }
}
