//! What every decision about a load has in common.
use super::Reason;
use crate::catalog::TableName;
use crate::error::Error;

/// What was decided, and what is to be said of it. A decision is made by a function of what is known before, and
/// nothing changes it afterwards.
#[derive(Debug)]
pub(super) struct Decision<T> {
    pub value: T,
    pub notes: Notes,
}

/// What is to be said of decisions.
#[derive(Clone, Debug, Default)]
pub(super) struct Notes {
    /// Why it was decided so.
    pub reasons: Vec<Reason>,
    /// What the user ought to know before it happens.
    pub warnings: Vec<String>,
    /// Why it must not happen at all.
    pub refusals: Vec<Error>,
}

impl<T> Decision<T> {
    /// Nothing is to be said of it.
    pub(super) fn of(value: T) -> Self {
        Self { value, notes: Notes::default() }
    }

    /// With one more reason.
    pub(super) fn because(mut self, reason: Reason) -> Self {
        self.notes.reasons.push(reason);
        self
    }

    /// With a refusal, if there is one.
    pub(super) fn unless(mut self, refusal: Option<Error>) -> Self {
        self.notes.refusals.extend(refusal);
        self
    }
}

impl Notes {
    /// What was decided, once its notes are among these.
    pub(super) fn take<T>(&mut self, decision: Decision<T>) -> T {
        let Notes { reasons, warnings, refusals } = decision.notes;
        self.reasons.extend(reasons);
        self.warnings.extend(warnings);
        self.refusals.extend(refusals);
        decision.value
    }

    /// The same, with the table's name in each refusal.
    pub(super) fn of_table(self, table: &TableName) -> Self {
        Self { refusals: self.refusals.into_iter().map(|refusal| refusal.table(table)).collect(), ..self }
    }
}
