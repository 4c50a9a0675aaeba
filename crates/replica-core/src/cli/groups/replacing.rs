//! How tables are replaced: how rows are loaded, what may be lost, and how that becomes visible.
use argh::{ArgsInfo, FromArgs};

use super::{ArticleArgs, CreationArgs, Explain, Workers};
use crate::cli::values;
use crate::config::{Allowance, Apply, Publish, Shrink, TableSettings};
use crate::copy::Verify;
use crate::error::{Error, Result};
use crate::plan::CopyOptions;
use crate::shape::LoadOptions;

crate::options! {
    /// What all tools that replace tables, or windows of them, have.
    #[derive(Clone, Debug, PartialEq)]
    pub struct ReplacingArgs {
        /// How many at once.
        pub workers: Workers,
        /// Whether that is only told of.
        pub explain: Explain,
        /// Tables that the target lacks.
        pub creation: CreationArgs,
        /// How rows are loaded.
        pub loading: Loading,
        /// What may be lost.
        pub guard: Guard,
        /// What of a table is copied.
        pub article: ArticleArgs,
        /// How tables are brought in step.
        pub apply: ApplyArgs,
    }
}

/// What is done about the target's triggers.
#[derive(FromArgs, ArgsInfo, Clone, Debug, PartialEq)]
pub struct Triggers {
    /// let the target's triggers fire
    #[argh(switch)]
    pub fire_triggers: bool,
}

/// How rows are sent, and what is proved of them.
#[derive(FromArgs, ArgsInfo, Clone, Debug, PartialEq)]
pub struct LoadArgs {
    /// rows in one bulk message (default: by the target's shape)
    #[argh(option, long = "chunk-size", arg_name = "rows", from_str_fn(values::rows))]
    pub chunk_rows: Option<u64>,
    /// look for values that would not fit before anything is written
    #[argh(switch)]
    pub preflight: bool,
    /// re-read what was loaded, a whole table before the commit, a window after it; source: and what was read, at the
    /// source (default none)
    #[argh(option, arg_name = "none|count|hash|source", default = "Verify::Nothing")]
    pub verify: Verify,
    /// check the target's constraints while loading, and keep them trusted
    #[argh(switch)]
    check_constraints: bool,
}

crate::options! {
    /// How rows are loaded.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Loading {
        /// How they are sent.
        pub load: LoadArgs,
        triggers: Triggers,
    }
}

impl Loading {
    /// With what the configuration says of the table where the command line says nothing.
    pub fn load_options(&self, settings: &TableSettings) -> LoadOptions {
        LoadOptions {
            check_constraints: self.load.check_constraints,
            fire_triggers: self.triggers.fire_triggers,
            chunk_rows: self.load.chunk_rows.or(settings.chunk_size),
            ..LoadOptions::default()
        }
    }
}

/// By how much tables may shrink.
#[derive(FromArgs, ArgsInfo, Clone, Debug, PartialEq)]
pub struct Shrinking {
    /// let tables and windows become smaller, by any share of rows or by so many percent (default: of the configuration,
    /// or 50, and never to none)
    #[argh(option, arg_name = "[percent]", from_str_fn(values::shrink))]
    pub allow_shrink: Option<Shrink>,
}

/// Which columns and rows may differ on the two sides.
#[derive(FromArgs, ArgsInfo, Clone, Debug, PartialEq)]
pub struct DifferenceArgs {
    /// leave out source columns that the target lacks
    #[argh(switch)]
    pub ignore_extra_columns: bool,
    /// fill target columns that the source lacks with NULL or their default, whatever they hold
    #[argh(switch)]
    pub fill_missing_columns: bool,
    /// both logins see all rows, whatever security policies there are
    #[argh(switch)]
    allow_row_filters: bool,
}

/// Whether rows of other tables may go.
#[derive(FromArgs, ArgsInfo, Clone, Debug, PartialEq)]
pub struct Cascading {
    /// where only rows that differ are written: rows of other tables may go with rows that are gone at the source, where
    /// foreign keys say so
    #[argh(switch)]
    allow_cascade: bool,
}

impl Cascading {
    /// What is allowed, and this.
    pub fn over(&self, allowance: Allowance) -> Allowance {
        Allowance { cascade: self.allow_cascade || allowance.cascade, ..allowance }
    }
}

/// Which rows are written, and how.
#[derive(FromArgs, ArgsInfo, Clone, Debug, PartialEq)]
pub struct ApplyModeArgs {
    /// replace (default), difference (compare both sides, and write only the rows that differ), or auto (difference where
    /// foreign keys point at the table, or little changed in its last run)
    #[argh(option, arg_name = "replace|difference|auto")]
    pub apply: Option<Apply>,
    /// how new rows become visible: direct (loaded into the table itself), staged (loaded beside it, then copied over in one
    /// transaction), switch (loaded beside it, then SWITCH), or auto (default: SWITCH for windows that are partitions)
    #[argh(option, arg_name = "direct|staged|switch|auto")]
    pub publish: Option<Publish>,
}

crate::options! {
    /// How tables are brought in step, and how that becomes visible.
    #[derive(Clone, Debug, PartialEq)]
    pub struct ApplyArgs {
        /// Which rows are written, and how.
        pub mode: ApplyModeArgs,
        cascading: Cascading,
    }
}

impl ApplyArgs {
    /// # Errors
    /// Of kind `Usage`: two ways that exclude each other.
    pub fn agreed(&self) -> Result<()> {
        let differs = !matches!(self.mode.apply, None | Some(Apply::Replace));
        match self.mode.publish {
            Some(publish) if differs && publish.is_beside() => Err(Error::usage(format!(
                "--apply difference and auto write rows one by one, and --publish {publish} replaces them"
            ))
            .remedy("Leave out either: what differs is written in one transaction anyway")),
            _ => Ok(()),
        }
    }

    /// These options, with what the command line says, and the configuration where that says nothing.
    pub fn copy_options(&self, settings: &TableSettings, options: CopyOptions) -> CopyOptions {
        CopyOptions {
            apply: self.mode.apply.or(settings.apply).unwrap_or_default(),
            publish: self.mode.publish.unwrap_or(options.publish),
            allowance: self.cascading.over(options.allowance),
            ..options
        }
    }
}

crate::options! {
    /// What a replacement may do to columns, values and rows that the source does not have.
    #[derive(Clone, Debug, PartialEq)]
    pub struct Guard {
        /// Columns that one side alone has, and rows that logins may not see.
        pub differences: DifferenceArgs,
        /// How many rows may go.
        pub shrinking: Shrinking,
    }
}

impl Guard {
    /// With what the configuration allows, too.
    pub fn allowance(&self, settings: &TableSettings) -> Allowance {
        let typed = Allowance {
            fill_missing_columns: self.differences.fill_missing_columns,
            shrink: self.shrinking.allow_shrink,
            row_filters: self.differences.allow_row_filters,
            cascade: false,
        };
        typed.or(settings.allowance())
    }

    /// Whether source columns that the target lacks are left out.
    pub fn ignores_extra_columns(&self, settings: &TableSettings) -> bool {
        self.differences.ignore_extra_columns || settings.ignore_extra_columns
    }

    /// How a table is to be replaced: as the command line says, and the configuration where that says nothing.
    pub fn copy_options(&self, settings: &TableSettings, load: LoadOptions) -> CopyOptions {
        CopyOptions {
            ignore_extra_columns: self.ignores_extra_columns(settings),
            allowance: self.allowance(settings),
            publish: settings.publish.unwrap_or_default(),
            load,
            ..CopyOptions::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::groups::tests::group;

    #[test]
    fn what_the_command_line_leaves_open_the_configuration_says() {
        let settings = TableSettings {
            chunk_size: Some(5),
            ignore_extra_columns: true,
            allow_shrink: Shrink::percent(80).ok(),
            ..TableSettings::default()
        };
        let loading = |line: &str| group::<Loading>(line).unwrap().load_options(&settings);
        assert_eq!(loading("").chunk_rows, Some(5));
        assert_eq!(loading("--chunk-size 7").chunk_rows, Some(7));
        let request =
            |line: &str| group::<Guard>(line).unwrap().copy_options(&settings, LoadOptions::default());
        assert!(request("").ignore_extra_columns && !request("").allowance.fill_missing_columns);
        assert_eq!(request("").allowance.shrink, Shrink::percent(80).ok());
        assert_eq!(request("--allow-shrink 90").allowance.shrink, Shrink::percent(90).ok());
        assert!(request("--fill-missing-columns").allowance.fill_missing_columns);
    }
}
