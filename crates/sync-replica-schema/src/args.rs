//! The command line: as typed ([`Args`]), and as resolved ([`Options`]).
use std::path::PathBuf;

use argh::{ArgsInfo, FromArgs};
use replica_core::cli::{ArticleArgs, Code, Common, Selection, Tables, Tool};
use replica_core::config::{Config, Feature};
use replica_core::error::{Error, Result};

use replica_core::report::{Reporter, Reporting};
use replica_core::schema::Policy;
use replica_core::schema::sync::Permitted;

use crate::run;

replica_core::options! {
    #[derive(Debug)]
    pub struct Args {
        own: Own,
        tables: Tables,
        article: ArticleArgs,
        common: Common,
    }
}

/// Shows where the target's tables differ from what a replica of the source's would be, and makes what is missing.
/// Writes nothing without --create, --apply-safe or --apply.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(
    example = "sync-replica-schema --init",
    example = "sync-replica-schema --all",
    example = "sync-replica-schema --all --create",
    example = "sync-replica-schema dbo.Flights --sql --apply arr_delay",
    note = "Connections: REPLICA_SOURCE and REPLICA_TARGET (ADO.NET strings), or [source] and [target] in replica.toml.
Options may be written --name value or --name=value.
Features for --keep: identity, computed, rowversion, foreign-keys, trust; for --without: defaults, checks, indexes,
  collations, compression, fill-factor, partitions.
Exit codes: 0 the same; 1 different, or something failed; 2 bad usage or configuration;
  3 cannot connect or log in; 130/143 stopped by a signal."
)]
struct Own {
    /// make what is missing: tables, keys, indexes, checks, defaults
    #[argh(switch)]
    create: bool,
    /// foreign keys, too: the same as --keep foreign-keys
    #[argh(switch)]
    foreign_keys: bool,
    /// make the changes that lose and rewrite nothing: columns added as NULL, longer varchar, NULL allowed
    #[argh(switch)]
    apply_safe: bool,
    /// change this column, index or constraint, whatever it costs; may be repeated
    #[argh(option, arg_name = "name")]
    apply: Vec<String>,
    /// print the statements as a script, and run none
    #[argh(switch)]
    sql: bool,
    /// write a first replica.toml from the source's catalog, or the file that --config names; no file is overwritten
    #[argh(switch)]
    init: bool,
    /// have this feature of the source's tables in the replica; may be repeated
    #[argh(option, arg_name = "feature")]
    keep: Vec<Feature>,
    /// leave this feature out; may be repeated
    #[argh(option, arg_name = "feature")]
    without: Vec<Feature>,
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// `None`: a configuration is to be written.
    pub selection: Option<Selection>,
    /// What is typed of a single table.
    pub article: ArticleArgs,
    pub permitted: Permitted,
    pub sql: bool,
    pub keep: Vec<Feature>,
    pub without: Vec<Feature>,
    pub config: Option<PathBuf>,
}

impl Options {
    /// The configuration's policy, and what the command line says of it.
    ///
    /// # Errors
    /// Of kind `Usage`: a feature is to be kept and left out.
    pub fn policy(&self, config: &Config) -> Result<Policy> {
        let mut settings = config.schema.clone();
        // What is typed wins.
        settings.without.retain(|feature| !self.keep.contains(feature));
        settings.keep.retain(|feature| !self.without.contains(feature));
        settings.keep.extend(&self.keep);
        settings.without.extend(&self.without);
        Policy::of(&settings)
    }
}

impl Tool for Args {
    const NAME: &'static str = "sync-replica-schema";
    type Options = Options;

    fn reporting(&self) -> Reporting {
        self.common.reporting()
    }

    fn resolve(self, stdin: bool) -> Result<Options> {
        let Own { create, foreign_keys, apply_safe, apply, sql, init, mut keep, without } = self.own;
        keep.extend(foreign_keys.then_some(Feature::ForeignKeys));
        if let Some(feature) = keep.iter().find(|feature| without.contains(feature)) {
            return Err(Error::usage(format!("{feature} is to be kept and to be left out")));
        }
        if apply.iter().any(|name| name.trim().is_empty()) {
            return Err(Error::usage("--apply takes the name of a column, an index or a constraint"));
        }
        let permitted = Permitted { create, safe: apply_safe, named: apply };
        let selection = self.tables.selection(stdin);
        if init
            && (selection.is_ok()
                || self.article.is_given()
                || sql
                || !permitted.nothing()
                || !keep.is_empty()
                || !without.is_empty())
        {
            return Err(Error::usage("--init goes with --config alone: it looks at the whole source"));
        }
        Ok(Options {
            selection: if init { None } else { Some(selection?) },
            article: self.article,
            permitted,
            sql,
            keep,
            without,
            config: self.common.config,
        })
    }

    fn run(options: Options, reporter: &Reporter) -> Result<Code> {
        run::run(&options, reporter)
    }
}

#[cfg(test)]
mod tests {
    use replica_testkit::{options, refusal};

    use super::*;

    #[test]
    fn what_is_permitted_is_asked_for() {
        assert!(options::<Args>("t").permitted.nothing());
        let o = options::<Args>("t --create --apply-safe --apply a --apply=dbo.t.b --foreign-keys");
        assert!(o.permitted.create && o.permitted.safe && !o.sql);
        assert_eq!(o.permitted.named, ["a", "dbo.t.b"]);
        assert_eq!(o.keep, [Feature::ForeignKeys]);
    }

    #[test]
    fn the_command_line_wins_over_the_configuration() {
        let mut config = Config::default();
        config.schema.keep.insert(Feature::Identity);
        config.schema.without.insert(Feature::Checks);
        let o = options::<Args>("t --without identity --keep checks --without fill_factor");
        let policy = o.policy(&config).unwrap();
        assert!(
            !policy.has(Feature::Identity) && policy.has(Feature::Checks) && !policy.has(Feature::FillFactor)
        );
        let policy = options::<Args>("t").policy(&config).unwrap();
        assert!(policy.has(Feature::Identity) && !policy.has(Feature::Checks));
    }

    #[test]
    fn bad_values_are_usage_errors() {
        for line in [
            "",
            "t --keep triggers",
            "t --keep checks --without checks",
            "t --apply=",
            "t --init",
            "--init --sql",
            "t --output xml",
        ] {
            refusal::<Args>(line);
        }
    }
}
