//! What windows are cut by, on one side.
use super::{DateColumn, DayRange, Key, Window};
use crate::tds::rpc::Param;

/// What windows of a table are to be cut by, as the user names it or the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CutBy {
    /// A column of the source that holds dates; `None`: the only one that does.
    Date(Option<String>),
    /// Columns of the source that make a key.
    Key(Vec<String>),
}

/// What a table's windows are cut by, as one side has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The days of a column.
    Date(DateColumn),
    /// The values of a key.
    Key(Key),
}

impl Cut {
    /// Which rows are in a window. Values go to `params`. No row is in a window of the other kind.
    pub fn within(&self, window: &Window, params: &mut Vec<Param>) -> String {
        match (self, window) {
            (Self::Date(date), Window::Days(days)) => date.within(days, params),
            (Self::Key(key), Window::Keys(range)) => key.within(range, params),
            _ => "1 = 0".to_owned(),
        }
    }

    /// The column that holds the days.
    pub fn date(&self) -> Option<&DateColumn> {
        match self {
            Self::Date(date) => Some(date),
            Self::Key(_) => None,
        }
    }
}

impl From<DateColumn> for Cut {
    fn from(date: DateColumn) -> Self {
        Self::Date(date)
    }
}

/// All days from the first of some windows to the last; `None`: they are not of days, or there are none.
pub(crate) fn all_days(windows: &[Window]) -> Option<DayRange> {
    let first = windows.first()?.days()?;
    let last = windows.last()?.days()?;
    Some(DayRange { first: first.first, next: last.next })
}
