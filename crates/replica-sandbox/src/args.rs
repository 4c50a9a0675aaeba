//! The command line.
use argh::FromArgs;
use replica_sandbox::server::Policy;
use std::path::PathBuf;

/// A stand-in for SQL Server that speaks TDS, for demo, tests and benchmarks. Prints the address it listens on,
/// one line, once it is ready; ends on SIGTERM or Ctrl-C. The login is `sa`; its password is taken from
/// REPLICA_SANDBOX_PASSWORD or --password-file, and is `Replica-Sandbox-1` otherwise.
#[derive(FromArgs)]
pub struct Args {
    /// address and port to listen on; port 0 takes a free one (default 127.0.0.1:0)
    #[argh(option, default = "String::from(\"127.0.0.1:0\")")]
    pub listen: String,

    /// folder that keeps the data; without it nothing outlives the server
    #[argh(option)]
    pub data_dir: Option<PathBuf>,

    /// create this database if it is not there; may be repeated
    #[argh(option)]
    pub database: Vec<String>,

    /// file with the password of sa
    #[argh(option)]
    pub password_file: Option<PathBuf>,

    /// off (no TLS), on (as the client asks, the default), required (everything), strict (TDS 8.0 only)
    #[argh(option, default = "Policy::On", from_str_fn(policy))]
    pub encrypt: Policy,

    /// file with a certificate chain (PEM); one is made up otherwise
    #[argh(option)]
    pub cert: Option<PathBuf>,

    /// file with the certificate's private key (PEM)
    #[argh(option)]
    pub key: Option<PathBuf>,

    /// write the authority of the made-up certificate to this file, for clients to trust
    #[argh(option)]
    pub write_ca: Option<PathBuf>,

    /// grant no larger packets than this many bytes, 512 to 32767
    #[argh(option, default = "32767", from_str_fn(packet_size))]
    pub max_packet_size: usize,

    /// let in who logs in with a token that is signed with the key in this file, a JSON object with key, tenant and users
    #[argh(option)]
    pub accept_tokens: Option<PathBuf>,

    /// accept Windows logins by Kerberos, with the server's keys in this keytab
    #[argh(option)]
    pub keytab: Option<PathBuf>,

    /// write what clients send to this file, one JSON object a line: statements, and the bytes of bulk loads
    #[argh(option)]
    pub record: Option<PathBuf>,

    /// make and fill the tables of this data set (nycflights13) in the first --database
    #[argh(option, from_str_fn(loaded))]
    pub load: Option<Dataset>,

    /// make and fill this table (sales: APP_4_SALES, 184 columns) in the first --database
    #[argh(option, from_str_fn(generated))]
    pub generate: Option<Dataset>,

    /// run the T-SQL of this file before listening; lines with GO alone part its batches; may be repeated
    #[argh(option)]
    pub run: Vec<PathBuf>,

    /// rows to generate (default 100000)
    #[argh(option, default = "100_000")]
    pub rows: u64,

    /// generate the rows of this seed; the same seed gives the same rows (default 1)
    #[argh(option, default = "1")]
    pub seed: u64,

    /// create this database, if it is not there, with the tables of --load and --generate but not their rows:
    /// a replica to be filled
    #[argh(option)]
    pub empty: Option<String>,

    /// print the CREATE TABLE statements of nycflights13 or sales, and end
    #[argh(option, from_str_fn(dataset))]
    pub print_ddl: Option<Dataset>,
}

/// Data that the sandbox brings along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dataset {
    NycFlights13,
    Sales,
}

fn dataset(value: &str) -> Result<Dataset, String> {
    match value {
        "nycflights13" => Ok(Dataset::NycFlights13),
        "sales" => Ok(Dataset::Sales),
        _ => Err("expected nycflights13 or sales".to_owned()),
    }
}

fn loaded(value: &str) -> Result<Dataset, String> {
    dataset(value)
        .ok()
        .filter(|dataset| *dataset == Dataset::NycFlights13)
        .ok_or_else(|| "expected nycflights13".to_owned())
}

fn generated(value: &str) -> Result<Dataset, String> {
    dataset(value)
        .ok()
        .filter(|dataset| *dataset == Dataset::Sales)
        .ok_or_else(|| "expected sales".to_owned())
}

fn policy(value: &str) -> Result<Policy, String> {
    match value {
        "off" => Ok(Policy::Off),
        "on" => Ok(Policy::On),
        "required" => Ok(Policy::Required),
        "strict" => Ok(Policy::Strict),
        _ => Err("expected off, on, required or strict".to_owned()),
    }
}

fn packet_size(value: &str) -> Result<usize, String> {
    let size = value.parse().ok().filter(|size| (512..=32767).contains(size));
    size.ok_or_else(|| "expected 512 to 32767".to_owned())
}
