//! `[source]` and `[target]`: a server, a database and a login.
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, de};

use super::Environment;
use crate::config::location::ConfigFolder;
use crate::config::{Credential, Endpoint, PasswordOrigin, Secret, TokenSource, read_small_text};
use crate::error::{Error, Result};

/// A server, a database and a login: docs/CONNECTING.md.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct RawEndpoint {
    /// Of ADO.NET, ODBC or JDBC, or a URL; what is written beside it wins.
    connection_string: Option<Secret>,
    /// `[tcp:]host[\instance][,port]`
    server: Option<Scalar>,
    /// 1433 without it.
    port: Option<u16>,
    /// The login's own without it.
    database: Option<Scalar>,
    /// A SQL login.
    user: Option<Scalar>,
    /// The password itself.
    password: Option<Secret>,
    /// The environment variable that holds the password.
    password_env: Option<String>,
    /// The file that holds the password and nothing else.
    password_file: Option<PathBuf>,
    /// The file that holds a token of Entra.
    access_token_file: Option<PathBuf>,
    /// A program that prints such a token, and its arguments.
    access_token_command: Option<Vec<String>>,
    /// How to log in, as in connection strings; without it by user and password.
    authentication: Option<Scalar>,
    /// Log in as the user or the machine that runs the tool, by Kerberos.
    integrated_security: Option<Scalar>,
    /// The server's name in Kerberos, MSSQLSvc/host:port without it.
    server_spn: Option<Scalar>,
    /// The keytab that Kerberos takes the key from.
    keytab_file: Option<Scalar>,
    /// Whose key of the keytab.
    principal: Option<Scalar>,
    /// true or mandatory (without it), false or optional, strict.
    encrypt: Option<Scalar>,
    /// Accept any certificate.
    trust_server_certificate: Option<Scalar>,
    /// The name that the certificate must carry; the host's without it.
    host_name_in_certificate: Option<Scalar>,
    /// A PEM file: the server's certificate, or the authorities to trust.
    server_certificate: Option<Scalar>,
    /// What sys.dm_exec_sessions shows.
    application_name: Option<Scalar>,
    /// ReadOnly: an availability group may send the connection to a readable secondary.
    application_intent: Option<Scalar>,
    /// Seconds from the first packet to the end of the login: 15 without it.
    connect_timeout: Option<Scalar>,
    /// Attempts after the first while the server refuses for a reason that may pass.
    connect_retry_count: Option<Scalar>,
    /// Seconds between two attempts, 1 to 60.
    connect_retry_interval: Option<Scalar>,
    /// Seconds for which a server may be silent while it works: 600 without it.
    command_timeout: Option<Scalar>,
    /// Bytes to ask for, 512 to 32767.
    packet_size: Option<Scalar>,
    /// Try all addresses of the host at once.
    multi_subnet_failover: Option<Scalar>,
}

impl RawEndpoint {
    /// The connection string first, then what is written beside it. `section` is its name in the file.
    pub(super) fn resolve(
        self,
        section: &str,
        folder: &ConfigFolder,
        environment: &Environment<'_>,
    ) -> Result<Endpoint> {
        let mut endpoint = Endpoint::new("", "", Secret::default());
        if let Some(text) = &self.connection_string {
            endpoint.set_all(text.expose())?;
        }
        for (keyword, value) in [
            ("server", &self.server),
            ("database", &self.database),
            ("user", &self.user),
            ("authentication", &self.authentication),
            ("integrated_security", &self.integrated_security),
            ("server_spn", &self.server_spn),
            ("keytab_file", &self.keytab_file),
            ("principal", &self.principal),
            ("encrypt", &self.encrypt),
            ("trust_server_certificate", &self.trust_server_certificate),
            ("host_name_in_certificate", &self.host_name_in_certificate),
            ("server_certificate", &self.server_certificate),
            ("application_name", &self.application_name),
            ("application_intent", &self.application_intent),
            ("connect_timeout", &self.connect_timeout),
            ("connect_retry_count", &self.connect_retry_count),
            ("connect_retry_interval", &self.connect_retry_interval),
            ("command_timeout", &self.command_timeout),
            ("packet_size", &self.packet_size),
            ("multi_subnet_failover", &self.multi_subnet_failover),
        ] {
            if let Some(Scalar(value)) = value {
                endpoint.set(keyword, value)?;
            }
        }
        endpoint.port = self.port.or(endpoint.port);
        let path = |key: &str, path: &Path| folder.resolve(&format!("{section} {key}"), path);
        endpoint.server_certificate =
            endpoint.server_certificate.map(|certificate| path("server_certificate", &certificate));
        if self.connection_string.is_some() || self.password.is_some() {
            endpoint.password_origin = PasswordOrigin::Configuration;
        }
        let keytab_file = endpoint.kerberos.keytab_file;
        endpoint.kerberos.keytab_file = keytab_file.map(|keytab| path("keytab_file", &keytab));
        match (self.password, self.password_env, self.password_file) {
            (None, None, None) => {}
            (Some(password), None, None) => endpoint.password = password,
            (None, Some(name), None) => {
                // Neither name is repeated: it may be the password itself, in the wrong place.
                let password = environment(&name).ok_or_else(|| {
                    Error::usage(
                        "password_env must name an environment variable, and none of that name is set",
                    )
                    .remedy("Set the variable, or write the password as password.")
                })?;
                endpoint.password = Secret::new(password);
                endpoint.password_origin = PasswordOrigin::Variable;
            }
            (None, None, Some(file)) => {
                // Editors end a file with a line break; a password does not.
                let file = path("password_file", &file);
                endpoint.password_origin = PasswordOrigin::File(file.clone());
                let text = std::fs::File::open(file).and_then(read_small_text).map_err(|error| {
                    Error::usage(format!("The file that password_file names cannot be read: {error}")).remedy(
                        "Name a file that holds the password and nothing else; a relative path counts from the folder \
                         of the configuration.",
                    )
                })?;
                endpoint.password = Secret::new(text.trim_end_matches(['\r', '\n']));
            }
            _ => {
                return Err(Error::usage(
                    "More than one of password, password_env and password_file is given",
                )
                .remedy("Keep one of them."));
            }
        }
        let token = match (self.access_token_file, self.access_token_command) {
            (None, None) => None,
            (Some(file), None) => Some(TokenSource::File(path("access_token_file", &file))),
            (None, Some(mut words)) => {
                // What has a slash in it is a path; all else is looked for on the PATH.
                if let Some(program) = words.first_mut().filter(|program| program.contains('/')) {
                    *program =
                        path("access_token_command", Path::new(program)).to_string_lossy().into_owned();
                }
                Some(TokenSource::Command(words))
            }
            (Some(_), Some(_)) => {
                return Err(Error::usage("Both access_token_file and access_token_command are given")
                    .remedy("Keep one of them."));
            }
        };
        match token {
            Some(TokenSource::Command(words)) if words.is_empty() => {
                return Err(Error::usage("access_token_command is empty")
                    .remedy("Write the program and its arguments: [\"az\", \"account\", ...]."));
            }
            Some(_) if endpoint.credential != Credential::SqlPassword => {
                return Err(
                    Error::usage("Authentication is given beside a token").remedy("Keep one of them.")
                );
            }
            Some(source) => endpoint.credential = Credential::Entra(source),
            None => {}
        }
        endpoint.validated()
    }
}

/// A string, number or boolean; connection strings know no difference.
pub(in crate::config) struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => Ok(Self(text)),
            toml::Value::Integer(number) => Ok(Self(number.to_string())),
            toml::Value::Boolean(flag) => Ok(Self(flag.to_string())),
            _ => Err(de::Error::custom("a string, a whole number, true or false is expected here")),
        }
    }
}
