//! What requests may have left in the session, as far as nobody says that they leave nothing.
use super::Lane;

impl Lane {
    /// The last request has gone well, and has left nothing in the session that is not accounted for elsewhere: no reset has
    /// to undo it.
    pub(crate) fn has_left_nothing(&mut self) {
        self.traces.last_left_none();
    }

    /// No request has left anything since the session began, or began anew.
    pub(in crate::session) fn is_without_traces(&self) -> bool {
        self.traces.are_none()
    }

    pub(in crate::session) fn begins_anew(&mut self) {
        self.traces = Traces::default();
    }

    /// A request goes out that is not sent here.
    pub(in crate::session) fn is_lent(&mut self) {
        self.traces.sent();
    }
}

/// Every request leaves something, until whoever has sent it and knows what it does says otherwise, once it has gone well.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Traces {
    /// Of requests before the last one.
    before: bool,
    /// Of the last one.
    last: bool,
}

impl Traces {
    /// A request is sent.
    pub(super) fn sent(&mut self) {
        self.before |= self.last;
        self.last = true;
    }

    /// The last one has left nothing.
    pub(super) fn last_left_none(&mut self) {
        self.last = false;
    }

    pub(super) fn are_none(self) -> bool {
        !self.before && !self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_request_can_be_spoken_for() {
        let mut traces = Traces::default();
        assert!(traces.are_none());
        traces.sent();
        assert!(!traces.are_none());
        traces.last_left_none();
        traces.sent();
        traces.last_left_none();
        assert!(traces.are_none());
        traces.sent();
        traces.sent();
        traces.last_left_none();
        traces.last_left_none();
        assert!(!traces.are_none());
    }
}
