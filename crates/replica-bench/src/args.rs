//! The command line: what a person runs, and what the benchmark runs itself for each measurement.
use argh::FromArgs;
use std::path::PathBuf;

/// Prints by how much the data lane beats a typed copy, next to a plain byte relay. Exits with 1 when a target of
/// docs/BENCH.md is missed.
#[derive(FromArgs)]
pub struct Args {
    /// fewer rows: the same ratios in under a minute
    #[argh(switch)]
    pub quick: bool,

    /// the sandbox's binary (default: replica-sandbox beside this one)
    #[argh(option)]
    pub sandbox: Option<PathBuf>,

    /// measure this case only: sales, flights, int, wide, narrow or changes
    #[argh(option)]
    pub case: Option<String>,

    /// how long many small tables and windows take where a round trip takes so many milliseconds, in place of the cases
    #[argh(option)]
    pub latency: Option<u64>,

    /// what a small table or window costs where there are few and where there are many, in place of the cases
    #[argh(switch)]
    pub growth: bool,

    #[argh(subcommand)]
    pub measure: Option<Measure>,
}

/// one measurement, in a process of its own (used by the benchmark itself)
#[derive(FromArgs, Clone)]
#[argh(subcommand, name = "measure")]
pub struct Measure {
    /// relay, encrypted-relay, lane, encrypted, months, ranges, verify, narrow, difference, reload, changes, quiet or typed
    #[argh(positional)]
    pub mode: Mode,

    /// the table in both databases
    #[argh(positional)]
    pub table: String,

    /// host:port of the sandbox
    #[argh(option)]
    pub server: String,

    /// host:port of a socket that takes any bytes
    #[argh(option)]
    pub sink: String,

    /// the authorities of server and sink, for the encrypted relay: a PEM file
    #[argh(option)]
    pub authorities: Option<PathBuf>,

    /// the SELECT, for the relay
    #[argh(option)]
    pub select: String,

    /// columns that the typed copy leaves out; may be repeated
    #[argh(option)]
    pub without: Vec<String>,

    /// the core to keep to; the servers keep to the others
    #[argh(option)]
    pub core: Option<usize>,

    /// the typed copy is between the databases that REPLICA_SOURCE and REPLICA_TARGET name (scripts/bench --peers)
    #[argh(switch)]
    pub named: bool,

    /// months or ranges at once
    #[argh(option, default = "1")]
    pub workers: usize,

    /// tables that have not changed
    #[argh(option, default = "0")]
    pub tables: usize,
}

/// How the rows get from source to target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Bytes as they come: the floor.
    Relay,
    /// The same with TLS on both sides.
    EncryptedRelay,
    /// As the tools do it.
    Lane,
    /// The same with TLS on both sides.
    Encrypted,
    /// The same month by month, with a ledger.
    Months,
    /// The same range by range of the key.
    Ranges,
    /// Both sides read and compared.
    Verify,
    /// The same where one row differs.
    Narrow,
    /// Two equal sides brought in step by their differences.
    Difference,
    /// A table replaced, for the bytes that the target gets.
    Reload,
    /// The same table of which a hundredth has changed: what changed is carried over.
    Changes,
    /// A round over tables that have not changed.
    Quiet,
    /// Values decoded and encoded by tiberius.
    Typed,
}

impl Mode {
    pub fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::EncryptedRelay => "encrypted-relay",
            Self::Lane => "lane",
            Self::Encrypted => "encrypted",
            Self::Months => "months",
            Self::Ranges => "ranges",
            Self::Verify => "verify",
            Self::Narrow => "narrow",
            Self::Difference => "difference",
            Self::Reload => "reload",
            Self::Changes => "changes",
            Self::Quiet => "quiet",
            Self::Typed => "typed",
        }
    }
}

impl std::str::FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let modes = [
            Self::Relay,
            Self::EncryptedRelay,
            Self::Lane,
            Self::Encrypted,
            Self::Months,
            Self::Ranges,
            Self::Verify,
            Self::Narrow,
            Self::Difference,
            Self::Reload,
            Self::Changes,
            Self::Quiet,
            Self::Typed,
        ];
        let mode = modes.into_iter().find(|mode| mode.name() == text);
        mode.ok_or_else(|| format!("{text}: expected {}", modes.map(Self::name).join(", ")))
    }
}
