//! What a check comes to: a code that does not change, how bad it is, a sentence, and the way out.
use std::fmt;

use crate::error::{Error, Refusal};

/// Where something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The machine that the tools run on.
    Machine,
    /// The server that rows are read from.
    Source,
    /// The server that rows are written to.
    Target,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Machine => "machine",
            Self::Source => "source",
            Self::Target => "target",
        })
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckSeverity {
    /// A run would fail.
    Error,
    /// A run may fail, or do what nobody expects.
    Warning,
    /// It could not be asked: the finding names the right that it needs.
    Skipped,
    /// Nothing is wrong: a fact that is worth knowing.
    Info,
}

impl fmt::Display for CheckSeverity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Skipped => "skipped",
            Self::Info => "info",
        })
    }
}

macro_rules! checks {
    ($($group:ident $title:literal { $($check:ident $code:literal,)+ })+) => {
        /// What is looked at, in the order in which it is shown. The list in docs/COMMANDS.md, "check-replica", says what
        /// each finds.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Check {
            $($(#[doc = concat!("`", $code, "`")] $check,)+)+
        }

        /// Checks that belong together.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum CheckGroup {
            $(#[doc = $title] $group,)+
        }

        impl Check {
            /// All of them.
            pub const ALL: &[Self] = &[$($(Self::$check,)+)+];

            /// The code, which does not change.
            pub fn code(self) -> &'static str {
                match self { $($(Self::$check => $code,)+)+ }
            }

            /// What it belongs to.
            pub fn group(self) -> CheckGroup {
                match self { $($(Self::$check => CheckGroup::$group,)+)+ }
            }
        }

        impl CheckGroup {
            /// For people.
            pub fn title(self) -> &'static str {
                match self { $(Self::$group => $title,)+ }
            }
        }
    };
}

checks! {
    Configuration "configuration" {
        Configuration "configuration",
        TableNames "table_names",
        SecretFile "secret_file",
    }
    Machine "machine" {
        CronEnvironment "cron_environment",
        RecordDir "record_dir",
        ParquetDir "parquet_dir",
        PrometheusFile "prometheus_file",
        Notify "notify",
    }
    Network "network" {
        NameResolution "name_resolution",
        Address "address",
        Connection "connection",
        Certificate "certificate",
    }
    Login "login" {
        Login "login",
        Credential "credential",
        AuthScheme "auth_scheme",
        PasswordExpiry "password_expiry",
    }
    Clock "clocks" {
        Clock "clock",
    }
    Version "version" {
        Version "version",
        CompatibilityLevel "compatibility_level",
    }
    Database "database" {
        DatabaseState "database_state",
        UserAccess "user_access",
        DatabaseReadOnly "database_read_only",
        RecoveryModel "recovery_model",
        LogReuseWait "log_reuse_wait",
        RowVersioning "row_versioning",
        AutoShrink "auto_shrink",
        AutoClose "auto_close",
        DelayedDurability "delayed_durability",
        AcceleratedRecovery "accelerated_recovery",
    }
    Rights "rights" {
        Table "table",
        LedgerRights "ledger_rights",
        DeleteWithoutAlter "delete_without_alter",
    }
    Columns "columns" {
        Columns "columns",
        PlanWarning "plan_warning",
        KeyCollation "key_collation",
        RowSize "row_size",
    }
    Obstacles "obstacles" {
        Refused "refused",
        Trigger "trigger",
        BlockPredicate "block_predicate",
        ChangeCapture "change_capture",
    }
    Indexes "indexes" {
        DisabledIndex "disabled_index",
        RecordedIndex "recorded_index",
    }
    Space "space" {
        Size "size",
        LogSpace "log_space",
        LogGrowth "log_growth",
        DataSpace "data_space",
        DiskSpace "disk_space",
        TempdbSpace "tempdb_space",
    }
    InTheWay "in the way" {
        LongTransaction "long_transaction",
        Blocked "blocked",
        Backup "backup",
        LockHeld "lock_held",
    }
    Limits "limits" {
        Connections "connections",
        WorkloadGroup "workload_group",
    }
    Secondary "availability" {
        Secondary "secondary",
        ReplicaHealth "replica_health",
    }
    Statistics "statistics" {
        Statistics "statistics",
        RowCount "row_count",
    }
    Jobs "jobs" {
        Jobs "jobs",
    }
    Ours "the replica's own" {
        Ledger "ledger",
        DeadRun "dead_run",
        FailedWindows "failed_windows",
        NoSuccess "no_success",
    }
}

/// What a check has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckFinding {
    /// What was looked at.
    pub check: Check,
    /// The refusal's code stands for the check's, where a plan refuses a table.
    pub refusal: Option<Refusal>,
    /// Where.
    pub side: Side,
    /// The table that it is about, as the source has it.
    pub table: Option<String>,
    /// How bad it is.
    pub severity: CheckSeverity,
    /// A sentence.
    pub what: String,
    /// The way out: a GRANT, a setting.
    pub remedy: Option<String>,
}

impl CheckFinding {
    /// Without a table, and without a way out.
    pub fn new(check: Check, side: Side, severity: CheckSeverity, what: impl Into<String>) -> Self {
        Self { check, refusal: None, side, table: None, severity, what: what.into(), remedy: None }
    }

    /// That a run would fail on this error.
    pub fn error(check: Check, side: Side, error: &Error) -> Self {
        let finding = Self::new(check, side, CheckSeverity::Error, error.what());
        let (table, remedy) = (error.of_table().map(str::to_owned), error.way_out().map(str::to_owned));
        Self { refusal: error.refusal(), table, remedy, ..finding }
    }

    /// Adds the way out.
    #[must_use]
    pub fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    /// Adds the table, by its name at the source. One that is known by another name keeps that in the sentence.
    #[must_use]
    pub fn table(self, table: impl fmt::Display) -> Self {
        let table = table.to_string();
        let what = match &self.table {
            Some(its) if *its != table => format!("{its}: {}", self.what),
            _ => self.what,
        };
        Self { table: Some(table), what, ..self }
    }

    /// What programs tell it by: it does not change.
    pub fn code(&self) -> &'static str {
        self.refusal.map_or(self.check.code(), Refusal::code)
    }
}

/// What was found so far.
#[derive(Clone, Debug, Default)]
pub struct CheckFindings(Vec<CheckFinding>);

impl CheckFindings {
    /// Adds one. What could not be asked is said once.
    pub fn add(&mut self, finding: CheckFinding) {
        if finding.severity != CheckSeverity::Skipped || !self.0.contains(&finding) {
            self.0.push(finding);
        }
    }

    /// Adds several.
    pub fn extend(&mut self, findings: impl IntoIterator<Item = CheckFinding>) {
        findings.into_iter().for_each(|finding| self.add(finding));
    }

    /// How many are so bad.
    pub fn count(&self, severity: CheckSeverity) -> usize {
        self.0.iter().filter(|finding| finding.severity == severity).count()
    }

    /// In the order of the checks; of one check by side, as found.
    pub fn in_order(mut self) -> Vec<CheckFinding> {
        self.0.sort_by_key(|finding| (finding.check, finding.side));
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_there_once_and_documented() {
        let documented = include_str!("../../../../docs/COMMANDS.md");
        let mut codes: Vec<_> = Check::ALL.iter().map(|check| check.code()).collect();
        for code in &codes {
            assert!(documented.contains(&format!("`{code}`")), "docs/COMMANDS.md has no `{code}`");
        }
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Check::ALL.len());
    }

    #[test]
    fn what_could_not_be_asked_is_said_once_a_side() {
        let mut findings = CheckFindings::default();
        for side in [Side::Source, Side::Target, Side::Target] {
            findings.add(CheckFinding::new(Check::Jobs, side, CheckSeverity::Skipped, "no right"));
        }
        findings.add(CheckFinding::new(Check::Clock, Side::Target, CheckSeverity::Warning, "late"));
        findings.add(CheckFinding::new(Check::Clock, Side::Target, CheckSeverity::Warning, "later"));
        let order: Vec<_> = findings.in_order().iter().map(|f| (f.check, f.side)).collect();
        let clock = (Check::Clock, Side::Target);
        assert_eq!(order, [clock, clock, (Check::Jobs, Side::Source), (Check::Jobs, Side::Target)]);
    }
}
