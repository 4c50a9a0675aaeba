//! Plans in words and statements, for `--explain`.
use super::{Plan, WindowedPlan};
use crate::catalog::{TableName, quote};
use crate::load::LoadColumn;
use crate::report::{ExplainLine, human_count};
use crate::shape::{DeleteMethod, LoadLock, Reached, Reason};
use crate::staging;
use crate::types::mapping::MappedColumn;
use crate::window::Window;

impl Plan {
    /// What goes where, how, and why.
    fn explain_columns(&self) -> Vec<ExplainLine> {
        let mut lines = Vec::new();
        let mut add = |topic, text: String| lines.push(ExplainLine::new(topic, text));
        add("source", self.source.to_string());
        add("target", self.target.to_string());
        add(
            "rows",
            self.source_rows.map_or_else(|| "unknown".into(), |rows| format!("about {}", human_count(rows))),
        );
        if let Some(filter) = self.article.filter() {
            add(
                "filter",
                format!(
                    "{filter}: of all that is replaced, the target's table then holds such rows and no others"
                ),
            );
        }
        for (column, expression) in self.article.expressions() {
            add("expression", format!("{column}: {expression}"));
        }
        for column in &self.mapping.columns {
            add("column", describe(column));
        }
        for left in &self.mapping.left_out {
            add("left out", format!("{} ({})", left.column.name, left.filler));
        }
        for column in &self.mapping.ignored {
            add("ignored", format!("{} (in the source only)", column.name));
        }
        if let Some(limits) = &self.limits {
            add("window", limits.window.to_string());
        }
        lines.extend(self.strategy.reasons.iter().map(explain_reason));
        lines.extend(self.strategy.refusals.iter().map(ExplainLine::refused));
        for Reached { table, rows, by } in &self.strategy.keys.reached {
            let rows =
                rows.map_or_else(|| "rows".into(), |rows| format!("rows, of about {}", human_count(rows)));
            lines.push(ExplainLine::new("reached", format!("{table}: {rows}, by {by}")));
        }
        lines
    }

    fn explain_warnings(&self) -> impl Iterator<Item = ExplainLine> {
        self.warnings.iter().map(|warning| ExplainLine::new("warning", warning))
    }

    fn isolation(&self) -> &'static str {
        match (self.snapshot, self.reread) {
            (true, false) => "SNAPSHOT: no locks, one point in time",
            (true, true) => "SNAPSHOT: no locks, one point in time; read twice",
            (false, false) => "READ COMMITTED: shared locks as it reads",
            (false, true) => "READ COMMITTED: shared locks as it reads; read twice",
        }
    }

    /// INSERT BULK as it will be, and how often.
    pub(super) fn explain_load(&self) -> String {
        let columns = self.mapping.columns.iter().map(|column| LoadColumn {
            name: column.target.name.clone(),
            declared: declared(column),
            nullable: column.target.nullable,
        });
        let chunk = match self.strategy.batches.chunk_rows {
            u64::MAX => "one message".to_owned(),
            rows => format!("a message every {rows} rows"),
        };
        format!("{} -- {chunk}", self.load_of(columns.collect()).statement())
    }

    /// Everything that would happen, line by line.
    pub fn explain(&self) -> Vec<ExplainLine> {
        let mut lines = self.explain_columns();
        if self.allowed().is_err() {
            lines.extend(self.explain_warnings());
            return lines;
        }
        if let Some(difference) = &self.difference {
            lines.extend(difference.explain(self));
            lines.extend(self.explain_warnings());
            return lines;
        }
        let mut add = |topic, text: String| lines.push(ExplainLine::new(topic, text));
        add("read", format!("{}; {}", self.isolation(), self.select().sql));
        add("locks", self.locks().into());
        lines.extend(self.explain_publish());
        if let Some(statements) = self.explain_beside() {
            lines.extend(statements.into_iter().map(|sql| ExplainLine::new("statement", sql)));
            lines.extend(self.explain_warnings());
            return lines;
        }
        let mut add = |topic, text: String| lines.push(ExplainLine::new(topic, text));
        for table in self.children() {
            add(
                "locks",
                format!(
                    "schema modification (Sch-M) on {table}, whose key is suspended, to the commit: its readers wait"
                ),
            );
        }
        add("statement", "BEGIN TRANSACTION".into());
        self.before().into_iter().for_each(|statement| add("statement", statement.query.sql));
        add("statement", self.explain_load());
        self.after().into_iter().for_each(|statement| add("statement", statement.query.sql));
        add("statement", "COMMIT TRANSACTION".into());
        lines.extend(self.explain_warnings());
        lines
    }

    /// The other tables whose keys are suspended, each once.
    fn children(&self) -> Vec<&TableName> {
        let mut children: Vec<&TableName> = Vec::new();
        for key in &self.strategy.keys.suspend {
            if key.table != self.target && !children.contains(&&key.table) {
                children.push(&key.table);
            }
        }
        children
    }

    fn locks(&self) -> &'static str {
        match self.strategy.delete_method {
            DeleteMethod::Truncate => {
                "schema modification (Sch-M) on the target from TRUNCATE to the commit: readers wait, then see the new rows"
            }
            DeleteMethod::DeleteWindow | DeleteMethod::DeleteWindowInBatches(_) => self.windowed_locks(),
            DeleteMethod::Delete => {
                "exclusive (X) on the target from DELETE to the commit: readers wait (or, with row versioning, see the old rows)"
            }
        }
    }

    fn windowed_locks(&self) -> &'static str {
        match self.strategy.lock {
            LoadLock::SerializedTable => {
                "exclusive (X) on the target while a load's transaction lasts; one load at a time"
            }
            LoadLock::Table => "bulk update (BU) on the target: loads share it, readers wait",
            LoadLock::Rows => {
                "intent exclusive (IX) on the target, exclusive (X) on its new rows: readers of other rows go on"
            }
        }
    }
}

impl WindowedPlan {
    /// Everything that would happen, line by line; with the source's rows of each window, and what is said of
    /// those in none.
    pub fn explain(&self, windows: &[(Window, u64)], outside: &[String]) -> Vec<ExplainLine> {
        let plan = &self.base;
        let mut lines = plan.explain_columns();
        let mut add = |topic, text: String| lines.push(ExplainLine::new(topic, text));
        let topic = if self.at_source.date().is_some() { "date" } else { "key" };
        add(topic, format!("windows are cut by {}", self.cut_by));
        for (window, rows) in windows {
            add("window", format!("{window}: {} rows", human_count(*rows)));
        }
        outside.iter().for_each(|rows| add("left out", rows.clone()));
        let Some((window, _)) = windows.first().filter(|_| plan.allowed().is_ok()) else {
            lines.extend(plan.explain_warnings());
            return lines;
        };
        let first = self.limited(window.clone());
        if let Some(difference) = &first.difference {
            lines.extend(difference.explain(&first));
            lines.extend(plan.explain_warnings());
            return lines;
        }
        add("read", format!("{}; {}", plan.isolation(), first.select().sql));
        add("locks", plan.windowed_locks().into());
        lines.extend(plan.explain_publish());
        if let Some(statements) = first.explain_beside() {
            lines.extend(statements.into_iter().map(|sql| ExplainLine::new("statement", sql)));
            lines.extend(plan.explain_warnings());
            return lines;
        }
        let mut add = |topic, text: String| lines.push(ExplainLine::new(topic, text));
        for index in &plan.strategy.disable {
            add("statement", format!("{} -- once, before the first window", plan.disable(index)));
        }
        if let Some(stage) = self.staging.as_ref().and_then(|staging| staging.stage(window)) {
            let create = stage.create.iter().flat_map(|(_, statements)| statements);
            let finish = staging::sql(&stage.finish);
            let steps = create.chain(&finish).chain(&stage.switch);
            steps.for_each(|sql| add("statement", format!("{sql} -- for a window of whole partitions")));
        }
        let (delete, batch) = first.delete();
        let again = if batch.is_some() { "until none is left, each a transaction" } else { "a transaction" };
        add("statement", format!("{} -- for each window, {again}", delete.sql));
        add("statement", "BEGIN TRANSACTION".into());
        add("statement", plan.explain_load());
        let commit = match plan.strategy.batches.commit_rows {
            Some(rows) => format!("COMMIT TRANSACTION -- every {rows} rows; the last with the ledger's row"),
            None => "COMMIT TRANSACTION".into(),
        };
        add("statement", commit);
        for index in &plan.strategy.disable {
            add("statement", format!("{} -- once, after the last window", plan.rebuild(index)));
        }
        lines.extend(plan.explain_warnings());
        lines
    }
}

fn explain_reason(reason: &Reason) -> ExplainLine {
    ExplainLine { topic: "strategy", code: Some(reason.code()), text: reason.to_string() }
}

fn declared(column: &MappedColumn) -> String {
    let sent = &column.conversion.sent;
    match &column.conversion.collation {
        Some(collation) => format!("{sent} COLLATE {collation}"),
        None => sent.to_string(),
    }
}

fn describe(column: &MappedColumn) -> String {
    let MappedColumn { source, target, conversion } = column;
    let mut text = format!("{}: {} -> {}: {}", target.name, source.sql_type, target.sql_type, conversion.how);
    if conversion.expression != quote(&source.name) {
        text.push_str(&format!(" {}", conversion.expression));
    }
    for loss in &conversion.losses {
        text.push_str(&format!("; loses: {loss}"));
    }
    for limit in &conversion.limits {
        text.push_str(&format!("; refused: {limit}"));
    }
    if source.nullable && !target.nullable {
        text.push_str("; refused: NULL");
    }
    text
}
