//! Tables that are more than rows: what they are called, and why rows cannot simply be taken out or put in.
use super::record::CatalogRow;
use crate::error::Error;
use crate::refusal::Refusal;

/// What makes a table special.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// Of a graph (SQL Server 2017).
    Node,
    /// A graph's edges.
    Edge,
    /// A table over files (2012).
    FileTable,
    /// A table whose rows are elsewhere (2016).
    External,
    /// Of a ledger (2022).
    UpdatableLedger,
    /// A ledger table that takes INSERT alone.
    AppendOnlyLedger,
    /// The rows that a ledger table had before.
    LedgerHistory,
}

impl Special {
    /// By a row of sys.tables. A column that the server is too old for is none.
    pub fn from_record(record: &CatalogRow) -> Option<Self> {
        Some(match record.int("ledger_type") {
            Some(1) => Self::LedgerHistory,
            Some(2) => Self::UpdatableLedger,
            Some(3) => Self::AppendOnlyLedger,
            _ if record.flag("is_node") => Self::Node,
            _ if record.flag("is_edge") => Self::Edge,
            _ if record.flag("is_filetable") => Self::FileTable,
            _ if record.flag("is_external") => Self::External,
            _ => return None,
        })
    }

    /// Why it cannot be a source.
    pub fn refused_as_source(self) -> Option<Error> {
        let (what, ids) = match self {
            Self::Node => ("a node table", "$node_id"),
            Self::Edge => ("an edge table", "$edge_id, $from_id, $to_id"),
            _ => return None,
        };
        let error = Error::data(format!(
            "the source is {what} of a graph: its rows have ids of the server's own ({ids}), which cannot be read as they are \
             (error 13908)"
        ));
        Some(error.remedy(format!(
            "Copy from a view that selects its columns and, where they are wanted, {ids} as text"
        )))
    }

    /// Why it cannot be replaced as a target.
    pub fn refused_as_target(self) -> Error {
        let why = match self {
            Self::Node => {
                "a node table of a graph: its rows have ids of the server's own, and the edges that point at them would be lost"
            }
            Self::Edge => "an edge table of a graph: its rows point at ids that another server has not given",
            Self::FileTable => "a FileTable: its rows are files in a folder of the server",
            Self::External => "an external table: its rows are elsewhere",
            Self::UpdatableLedger => {
                "an updatable ledger table: all its old rows would stay in its history, and TRUNCATE is refused (error 13545)"
            }
            Self::AppendOnlyLedger => {
                "an append-only ledger table: its rows can be neither deleted (error 37359) nor truncated (error 13545)"
            }
            Self::LedgerHistory => "the history of a ledger table, which only the server writes",
        };
        Error::refused(Refusal::SpecialTable, format!("the target is {why}"))
            .remedy("Replicate into a plain table")
    }
}

/// What an object is that is neither a table nor a view, by its type in sys.objects (Microsoft docs, "sys.objects").
pub(crate) fn other_kind(object_type: &str) -> &'static str {
    match object_type {
        "SN" => "a synonym",
        "P" | "PC" | "X" => "a stored procedure",
        "FN" | "FS" | "IF" | "TF" | "FT" | "AF" => "a function",
        "SO" => "a sequence",
        "SQ" => "a queue",
        "TR" | "TA" => "a trigger",
        "TT" => "a table type",
        "IT" | "S" => "a table of the system's",
        "C" | "D" | "F" | "PK" | "UQ" | "R" => "a constraint",
        _ => "some other object",
    }
}
