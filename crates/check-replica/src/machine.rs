//! The configuration, and what cron's environment makes of it. No server is asked.
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use replica_core::check::{Check, CheckFinding, CheckFindings, CheckSeverity, Side};
use replica_core::config::{Config, Credential, Endpoint, Notify, PasswordOrigin, TokenSource};
use replica_core::notify;
use rustix::fs::{Access, access};

use crate::args::Options;
use crate::folder::{self, FOR_FILES, FOR_LINES};

/// Where cron looks for programs (crontab(5) of Debian's cron and of cronie).
const CRONS_PATH: &str = "/usr/bin:/bin";
/// Bits of a file's mode that are not its owner's.
const OTHERS: u32 = 0o077;

/// Looks at the machine.
pub fn check(options: &Options, config: &Config, out: &mut CheckFindings) {
    let what = match config.file() {
        Some(file) => format!("replica.toml is {}", whole(file).display()),
        None => "there is no replica.toml: the environment alone says where to connect".to_owned(),
    };
    out.add(CheckFinding::new(Check::Configuration, Side::Machine, CheckSeverity::Info, what));
    let sides = [(config.source().ok(), Side::Source), (config.target().ok(), Side::Target)];
    for (endpoint, side) in sides {
        if let Some(endpoint) = endpoint {
            secret_files(endpoint, config.file(), side, out);
        }
    }
    let environment = CronEnvironment {
        value: &|name| std::env::var_os(name).filter(|value| !value.is_empty()),
        program: std::env::current_exe().ok(),
    };
    out.extend(environment.check(config, sides.map(|(endpoint, _)| endpoint)));
    out.extend(environment.notified(&config.notify));
    if let Some(folder) = &config.etl.record_dir {
        out.add(folder::look(Check::RecordDir, folder, true, FOR_LINES));
    }
    if let Some(folder) = &options.parquet_dir {
        out.add(folder::look(Check::ParquetDir, folder, false, FOR_FILES));
    }
    if let Some(file) = &config.etl.prometheus_file {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        out.add(folder::look(Check::PrometheusFile, folder.unwrap_or(Path::new(".")), false, FOR_LINES));
    }
}

/// As a user can find it.
fn whole(file: &Path) -> PathBuf {
    std::path::absolute(file).unwrap_or_else(|_| file.to_owned())
}

fn secret_files(endpoint: &Endpoint, config: Option<&Path>, side: Side, out: &mut CheckFindings) {
    match (&endpoint.password_origin, config) {
        (PasswordOrigin::File(file), _) => out.extend(private(file, "the password", side)),
        (PasswordOrigin::Configuration, Some(file)) if endpoint.credential != Credential::Kerberos => {
            out.extend(private(file, "the password", side))
        }
        _ => {}
    }
    if let Credential::Entra(TokenSource::File(file)) = &endpoint.credential {
        out.extend(private(file, "the token", side));
    }
    if let Some(file) = &endpoint.kerberos.keytab_file {
        out.extend(private(file, "the keytab", side));
    }
    if let Some(file) = &endpoint.server_certificate
        && let Err(error) = std::fs::File::open(file)
    {
        let what = format!("the certificate {} cannot be read: {error}", file.display());
        out.add(
            CheckFinding::new(Check::SecretFile, side, CheckSeverity::Error, what)
                .remedy("Correct server_certificate, or let the user that cron starts the run as read it"),
        );
    }
}

/// A file that holds `what` is its owner's alone.
fn private(file: &Path, what: &str, side: Side) -> Option<CheckFinding> {
    let mode = match std::fs::File::open(file).and_then(|file| file.metadata()) {
        Ok(metadata) => metadata.permissions().mode(),
        Err(error) => {
            let what = format!("{}, which holds {what}, cannot be read: {error}", file.display());
            return Some(
                CheckFinding::new(Check::SecretFile, side, CheckSeverity::Error, what)
                    .remedy("Correct its name, or make it the file of the user that cron starts the run as"),
            );
        }
    };
    (mode & OTHERS != 0).then(|| {
        let what = format!(
            "{} holds {what}, and its mode {:04o} lets others than its owner at it",
            file.display(),
            mode & 0o7777
        );
        CheckFinding::new(Check::SecretFile, side, CheckSeverity::Warning, what)
            .remedy(format!("chmod 0400 {}", file.display()))
    })
}

/// What of this environment cron will not have.
struct CronEnvironment<'a> {
    value: &'a dyn Fn(&str) -> Option<OsString>,
    /// This program's file.
    program: Option<PathBuf>,
}

impl CronEnvironment<'_> {
    fn has(&self, name: &str) -> bool {
        (self.value)(name).is_some()
    }

    /// Cron, and a unit of systemd, start programs without a terminal.
    fn is_a_shell(&self) -> bool {
        self.has("TERM")
    }

    fn check(&self, config: &Config, endpoints: [Option<&Endpoint>; 2]) -> Vec<CheckFinding> {
        let mut findings = Vec::new();
        let mut warn = |what: String, remedy: &str| {
            let finding =
                CheckFinding::new(Check::CronEnvironment, Side::Machine, CheckSeverity::Warning, what);
            findings.push(finding.remedy(remedy));
        };
        if self.is_a_shell() {
            for (name, remedy) in [
                ("REPLICA_SOURCE", "Write [source] in replica.toml, or set the variable in the crontab"),
                ("REPLICA_TARGET", "Write [target] in replica.toml, or set the variable in the crontab"),
                ("REPLICA_CONFIG", "Name the file with --config, or set the variable in the crontab"),
            ] {
                if self.has(name) {
                    warn(format!("{name} is set here; cron starts with an environment of its own"), remedy);
                }
            }
            let of_variable = |side: &&Endpoint| side.password_origin == PasswordOrigin::Variable;
            if endpoints.iter().flatten().any(of_variable) {
                let what =
                    "the variable of password_env is set here; cron starts with an environment of its own";
                warn(what.to_owned(), "Take password_file, or set the variable in the crontab");
            }
            let of_shell = |side: &&Endpoint| {
                side.credential == Credential::Kerberos && side.kerberos.keytab_file.is_none()
            };
            if endpoints.iter().flatten().any(of_shell) {
                let what = "the Windows login takes this shell's ticket or keytab; cron may have neither";
                warn(
                    what.to_owned(),
                    "Write keytab_file in replica.toml, or set KRB5_CLIENT_KTNAME in the crontab",
                );
            }
            if config.file().is_some_and(Path::is_relative) {
                let what = "replica.toml is found in the current folder; cron starts in the user's home";
                warn(what.to_owned(), "Name it with --config and its whole path");
            }
            if self.has("TZ") && config.etl.time_zone.is_none() {
                let what = "TZ is set here, and decides which day yesterday is; cron may have another";
                warn(what.to_owned(), "Write time_zone in [etl] of replica.toml");
            }
        }
        let path = self.crons_path();
        let folder = self.program.as_deref().and_then(Path::parent);
        if let Some(folder) = folder.filter(|folder| std::env::split_paths(&path).all(|one| one != *folder)) {
            let what = format!("{} is not in cron's PATH, {}", folder.display(), path.display());
            warn(what, "Write the programs with their whole path in the crontab, or set PATH in it");
        }
        findings
    }

    fn crons_path(&self) -> OsString {
        let path = if self.is_a_shell() { None } else { (self.value)("PATH") };
        path.unwrap_or_else(|| CRONS_PATH.into())
    }

    /// Whether whoever is to be told of a run's end can be. A night that ends badly would not be heard of.
    fn notified(&self, notify: &Notify) -> Vec<CheckFinding> {
        let warning = |what: String, remedy: &str| {
            CheckFinding::new(Check::Notify, Side::Machine, CheckSeverity::Warning, what).remedy(remedy)
        };
        let mut findings = Vec::new();
        if let Err(error) = notify::address(notify) {
            findings.push(warning(
                format!("nothing will be posted: {error}"),
                "Correct [notify] in replica.toml",
            ));
        }
        let Some(program) = notify.command.first() else { return findings };
        let can_start = |file: &Path| file.is_file() && access(file, Access::EXEC_OK).is_ok();
        if program.contains('/') {
            if !can_start(Path::new(program)) {
                let what = format!("the command of [notify], {program}, is no program that can be started");
                findings.push(warning(what, "Correct its name, or chmod +x"));
            }
        } else {
            let path = self.crons_path();
            if !std::env::split_paths(&path).any(|folder| can_start(&folder.join(program))) {
                let what =
                    format!("the command of [notify], {program}, is not in cron's PATH, {}", path.display());
                findings.push(warning(what, "Write it with its whole path, or set PATH in the crontab"));
            }
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_is_told_of_runs_is_one_that_cron_finds() {
        let value = |_: &str| None;
        let environment = CronEnvironment { value: &value, program: None };
        let told = |program: &str| {
            let command = vec![program.to_owned()];
            environment.notified(&Notify { command, ..Notify::default() }).len()
        };
        assert_eq!([told("sh"), told("/bin/sh")], [0, 0]);
        assert_eq!(
            [told("no-such-program"), told("/bin/no-such-program"), told("/etc/passwd"), told("/bin")],
            [1; 4]
        );
        assert!(environment.notified(&Notify::default()).is_empty());
        let nowhere: Notify = serde_json::from_str(r#"{"url": "ftp://example.com"}"#).unwrap();
        assert_eq!(environment.notified(&nowhere).len(), 1);
    }

    fn warned(variables: &[(&str, &str)], config: &Config) -> Vec<String> {
        let value = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| value.into());
        let environment = CronEnvironment { value: &value, program: Some("/opt/bin/check-replica".into()) };
        let findings = environment.check(config, [None, None]);
        findings.into_iter().map(|finding| finding.what.split(' ').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn what_a_shell_has_and_cron_has_not() {
        let config = Config::default();
        let shell = [("TERM", "xterm"), ("REPLICA_SOURCE", "x"), ("TZ", "UTC"), ("PATH", "/opt/bin")];
        assert_eq!(warned(&shell, &config), ["REPLICA_SOURCE", "TZ", "/opt/bin"]);
        assert_eq!(warned(&shell[1..], &config), [""; 0], "cron has them");
        assert_eq!(warned(&[("PATH", "/usr/bin:/bin")], &config), ["/opt/bin"]);
        assert_eq!(warned(&[], &config), ["/opt/bin"]);
        let mut zoned = Config::default();
        zoned.etl.time_zone = Some("UTC".into());
        assert_eq!(warned(&shell, &zoned), ["REPLICA_SOURCE", "/opt/bin"]);
    }

    #[test]
    fn a_file_with_a_password_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        assert_eq!(private(&file, "it", Side::Source).unwrap().severity, CheckSeverity::Error);
        std::fs::write(&file, "secret").unwrap();
        for (mode, severity) in [(0o400, None), (0o600, None), (0o640, Some(CheckSeverity::Warning))] {
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(private(&file, "it", Side::Source).map(|f| f.severity), severity, "{mode:o}");
        }
    }
}
