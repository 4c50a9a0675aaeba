//! What the work at hand is about, for the log.
tokio::task_local! {
    static SUBJECT: LogSubject;
}

/// A table, and its window if there is one.
#[derive(Clone, Debug)]
pub(super) struct LogSubject {
    pub(super) table: String,
    pub(super) window: Option<String>,
}

/// Does work on a table or one of its windows: what the log has of it as JSON names them.
///
/// The work is on the heap: a copy's future is large, and whoever awaits it would hold it several times.
pub fn about<F: Future>(table: String, window: Option<String>, work: F) -> impl Future<Output = F::Output> {
    SUBJECT.scope(LogSubject { table, window }, Box::pin(work))
}

/// Tells of a table or one of its windows.
pub(super) fn telling(subject: LogSubject, tell: impl FnOnce()) {
    SUBJECT.sync_scope(subject, tell);
}

/// What the work at hand is about, if that is one table.
pub(super) fn subject() -> Option<LogSubject> {
    SUBJECT.try_with(LogSubject::clone).ok()
}
