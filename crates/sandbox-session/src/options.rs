//! What SET sets, for a session.
pub use sandbox_sql::terms::Isolation;
use std::time::Duration;

/// Options by their bits in `@@OPTIONS`, as DBCC USEROPTIONS and SESSIONPROPERTY name them (Microsoft docs, "Configure the
/// user options").
pub const SWITCH_BITS: &[(&str, u32)] = &[
    ("implicit_transactions", 2),
    ("cursor_close_on_commit", 4),
    ("quoted_identifier", 256),
    ("arithabort", 64),
    ("arithignore", 128),
    ("nocount", 512),
    ("ansi_null_dflt_on", 1024),
    ("ansi_null_dflt_off", 2048),
    ("ansi_warnings", 8),
    ("ansi_padding", 16),
    ("ansi_nulls", 32),
    ("concat_null_yields_null", 4096),
    ("numeric_roundabort", 8192),
    ("xact_abort", 16_384),
];

/// The options that change what the sandbox does; others are accepted by name and change nothing.
#[derive(Clone, Debug)]
pub struct SetOptions {
    pub nocount: bool,
    pub xact_abort: bool,
    pub implicit_transactions: bool,
    pub isolation: Isolation,
    /// `None` waits for ever.
    pub lock_timeout: Option<Duration>,
    /// -10 to 10.
    pub deadlock_priority: i8,
    /// database_id and object_id of the one table.
    pub identity_insert: Option<(i16, i32)>,
    /// Bytes; -1 is unlimited.
    pub textsize: i32,
    /// 0 is all rows.
    pub rowcount: u64,
    pub fmtonly: bool,
    pub noexec: bool,
    /// First day of the week, 1 (Monday) to 7.
    pub datefirst: u8,
    /// The bits of `@@OPTIONS` that change nothing here.
    pub others: u32,
}

impl Default for SetOptions {
    /// As ODBC and OLE DB clients find them: `@@OPTIONS` 5496.
    fn default() -> Self {
        Self {
            nocount: false,
            xact_abort: false,
            implicit_transactions: false,
            isolation: Isolation::ReadCommitted,
            lock_timeout: None,
            deadlock_priority: 0,
            identity_insert: None,
            textsize: -1,
            rowcount: 0,
            fmtonly: false,
            noexec: false,
            datefirst: 7,
            others: 5496,
        }
    }
}

impl SetOptions {
    /// `@@OPTIONS` (Microsoft docs, "Configure the user options").
    pub fn bits(&self) -> u32 {
        let bit = |on: bool, bit: u32| if on { bit } else { 0 };
        self.others
            | bit(self.implicit_transactions, 2)
            | bit(self.nocount, 512)
            | bit(self.xact_abort, 16_384)
    }
}
