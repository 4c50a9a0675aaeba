//! Kerberos for tests: a KDC of MIT's on loopback, an ordinary process with a folder of its own.
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::clock::{by_clock, faketime};

pub const REALM: &str = "REPLICA.TEST";

/// A KDC of [`REALM`]; it ends with its owner.
pub struct Kdc {
    folder: TempDir,
    process: Child,
}

impl Kdc {
    /// `None` where there is no KDC to start; where everything is to be tested (`CI`), that is a failure.
    pub fn start() -> Option<Self> {
        Self::run_by(None)
    }

    /// As [`Self::start`], with a clock that is ahead by so much, as `faketime` writes it.
    pub fn start_ahead(by: &str) -> Option<Self> {
        Self::run_by(Some(by))
    }

    fn run_by(wrong_clock: Option<&str>) -> Option<Self> {
        for program in ["krb5kdc", "kdb5_util", "kadmin.local", "kinit", "tsql", "faketime"] {
            if !is_there(program) {
                assert!(std::env::var_os("CI").is_none(), "run scripts/install-clients first: no {program}");
                eprintln!("skipped: there is no {program}: run scripts/install-clients first");
                return None;
            }
        }
        let folder = TempDir::new().expect("a temporary folder");
        let port = SilentKdc::start().port();
        let place = folder.path().display();
        let profile = format!(
            "[kdcdefaults]\nkdc_listen = 127.0.0.1:{port}\nkdc_tcp_listen = 127.0.0.1:{port}\n\
             [realms]\n{REALM} = {{\ndatabase_name = {place}/database\nkey_stash_file = {place}/stash\n}}\n\
             [logging]\nkdc = FILE:{place}/kdc.log\n"
        );
        std::fs::write(folder.path().join("kdc.conf"), profile).expect("a file");
        std::fs::write(folder.path().join("krb5.conf"), client(port)).expect("a file");
        ended_well(command(&folder, "kdb5_util").args(["create", "-s", "-r", REALM, "-P", "master"]));

        let mut starting = command(&folder, "krb5kdc");
        if let Some(by) = wrong_clock {
            starting.envs(by_clock(faketime().expect("libfaketime is there"), by));
        }
        let starting = starting.arg("-n").stderr(Stdio::piped());
        let mut process = starting.spawn().expect("the KDC starts");
        // It says so once it listens.
        let mut said = String::new();
        let stderr = process.stderr.take().expect("stderr is heard");
        BufReader::new(stderr).read_line(&mut said).expect("the KDC says that it starts");
        assert!(said.contains("starting"), "the KDC says: {said}");
        Some(Self { folder, process })
    }

    /// The configuration for those who use it: `KRB5_CONFIG`.
    pub fn config(&self) -> PathBuf {
        self.path("krb5.conf")
    }

    /// The configuration of a realm whose KDC is elsewhere on this machine.
    pub fn config_at(&self, port: u16) -> PathBuf {
        let path = self.path("elsewhere.conf");
        std::fs::write(&path, client(port)).expect("a file");
        path
    }

    /// The configuration with one more setting of `[libdefaults]`.
    pub fn config_with(&self, setting: &str) -> PathBuf {
        let text = std::fs::read_to_string(self.config()).expect("a file");
        let path = self.path("changed.conf");
        std::fs::write(&path, text.replace("[libdefaults]\n", &format!("[libdefaults]\n{setting}\n")))
            .expect("a file");
        path
    }

    /// Makes a principal with a password.
    pub fn add_person(&self, principal: &str, password: &str) {
        self.administer(&format!("addprinc -pw {password} +requires_preauth {principal}"));
    }

    /// Makes a principal; `options` are those of `addprinc`. As in a domain, it proves who it is before it gets a ticket.
    pub fn add(&self, principal: &str, options: &str) {
        self.administer(&format!("addprinc -randkey +requires_preauth {options} {principal}"));
    }

    /// Writes a principal's keys to the end of a file. They are new ones: those in other files are worth nothing any more.
    pub fn new_keys(&self, principal: &str, keytab: &str) -> PathBuf {
        let path = self.path(keytab);
        self.administer(&format!("ktadd -k {} {principal}", path.display()));
        path
    }

    /// Changes a principal; `options` are those of `modprinc`.
    pub fn change(&self, principal: &str, options: &str) {
        self.administer(&format!("modprinc {options} {principal}"));
    }

    /// Forgets a principal.
    pub fn remove(&self, principal: &str) {
        self.administer(&format!("delprinc -force {principal}"));
    }

    /// A cache with a principal's ticket, as `kinit` leaves it.
    pub fn tickets(&self, principal: &str, keytab: &Path) -> PathBuf {
        let cache = self.path("tickets");
        ended_well(
            command(&self.folder, "kinit")
                .arg("-c")
                .arg(&cache)
                .args(["-k", "-t"])
                .arg(keytab)
                .arg(principal),
        );
        cache
    }

    /// How often a principal has shown its key for a ticket of its own.
    pub fn shown_keys(&self, principal: &str) -> usize {
        let log = std::fs::read_to_string(self.path("kdc.log")).expect("the KDC keeps a log");
        let of = format!("{principal}@{REALM} for krbtgt/");
        log.lines().filter(|line| line.contains("ISSUE") && line.contains(&of)).count()
    }

    /// A file of this KDC's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn administer(&self, command_line: &str) {
        ended_well(command(&self.folder, "kadmin.local").args(["-r", REALM, "-q", command_line]));
    }
}

impl Drop for Kdc {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A client's configuration: nothing is asked of DNS.
fn client(port: u16) -> String {
    format!(
        "[libdefaults]\ndefault_realm = {REALM}\ndns_lookup_kdc = false\ndns_lookup_realm = false\nrdns = false\n\
         [realms]\n{REALM} = {{\nkdc = 127.0.0.1:{port}\n}}\n"
    )
}

/// What takes the packets of a KDC and answers none, until it is dropped.
pub struct SilentKdc {
    port: u16,
    _held: (TcpListener, UdpSocket),
}

impl SilentKdc {
    /// Panics if no port is free for both, TCP and UDP.
    pub fn start() -> Self {
        let both = || {
            let tcp = TcpListener::bind("127.0.0.1:0").ok()?;
            let port = tcp.local_addr().ok()?.port();
            let udp = UdpSocket::bind(("127.0.0.1", port)).ok()?;
            Some(Self { port, _held: (tcp, udp) })
        };
        // Another test may hold the UDP port that belongs to a free TCP port.
        (0..100).find_map(|_| both()).expect("a free port")
    }

    pub const fn port(&self) -> u16 {
        self.port
    }
}

/// Where administrators' programs are, too, which not every user's PATH has.
fn places() -> String {
    format!("{}:/usr/local/sbin:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default())
}

fn is_there(program: &str) -> bool {
    std::env::split_paths(&places()).any(|folder| folder.join(program).exists())
}

fn command(folder: &TempDir, program: &str) -> Command {
    let at = |name: &str| folder.path().join(name);
    let found =
        std::env::split_paths(&places()).map(|folder| folder.join(program)).find(|path| path.exists());
    let mut command = Command::new(found.as_deref().unwrap_or(Path::new(program)));
    command.env("PATH", places()).env("KRB5_CONFIG", at("krb5.conf")).env("KRB5_KDC_PROFILE", at("kdc.conf"));
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn ended_well(command: &mut Command) {
    let output = command.stdout(Stdio::piped()).output().expect("the program is there");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    // kadmin.local ends well, whatever became of its command.
    assert!(!said.contains("while "), "{command:?}: {said}");
}
