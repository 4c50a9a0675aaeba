//! One server and database to connect to.
mod keywords;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::connection_string::{Pairs, normal};
use super::data_source::DataSource;
use super::{Credential, Kerberos, Secret, TokenSource};
use crate::error::{Error, Result};
use keywords::{PASSWORDS, WITHOUT_EFFECT, holds_a_password, unknown_keyword};

/// How much of the connection is encrypted: the `Encrypt` keyword of Microsoft.Data.SqlClient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encrypt {
    /// `optional`, `false`, `no`: the login only, or everything if the server insists.
    Optional,
    /// `mandatory`, `true`, `yes`: everything.
    #[default]
    Mandatory,
    /// `strict`: TLS before the first TDS byte (TDS 8.0), the certificate always checked.
    Strict,
}

/// The `ApplicationIntent` keyword: a read-only intent may be routed to a readable secondary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ApplicationIntent {
    #[default]
    /// Whatever the server lets the login do: the default.
    ReadWrite,
    /// An availability group may answer from a secondary replica.
    ReadOnly,
}

/// The `ConnectRetryCount` and `ConnectRetryInterval` keywords. In SqlClient they are for connections that were lost
/// while idle, and for logins; here they are for every connection, which is how often a server is asked to let us in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectRetry {
    /// Attempts after the first. `None`: as many as there is time for.
    pub count: Option<u8>,
    /// Between two attempts. `None`: short waits first, longer ones later.
    pub interval: Option<Duration>,
}

/// Where a password comes from: for whoever checks that nobody else can read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PasswordOrigin {
    /// The environment's connection string, or nowhere.
    #[default]
    Elsewhere,
    /// `replica.toml` itself.
    Configuration,
    /// A file of its own.
    File(PathBuf),
    /// A variable of the environment.
    Variable,
}

/// One server and database, and how to get there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Name or address, without protocol prefix.
    pub host: String,
    /// TCP port; without one and without an instance it is 1433.
    pub port: Option<u16>,
    /// A named instance, whose port SQL Server Browser tells. Ignored when a port is given.
    pub instance: Option<String>,
    /// The database; without one the login's default.
    pub database: Option<String>,
    /// How a session logs in.
    pub credential: Credential,
    /// SQL login.
    pub user: String,
    /// Its password.
    pub password: Secret,
    /// Where that was found.
    pub password_origin: PasswordOrigin,
    /// For a login by Kerberos.
    pub kerberos: Kerberos,
    /// How much is encrypted.
    pub encrypt: Encrypt,
    /// Take any certificate. Never applies to [`Encrypt::Strict`].
    pub trust_server_certificate: bool,
    /// The name that the certificate must carry, if not `host`.
    pub host_name_in_certificate: Option<String>,
    /// PEM file: the server's own certificate, or the authorities to trust instead of the system's.
    pub server_certificate: Option<PathBuf>,
    /// Shown in `sys.dm_exec_sessions`.
    pub application_name: String,
    /// Shown in `sys.dm_exec_sessions`; without one this machine's name.
    pub workstation_id: Option<String>,
    /// Read-write unless said otherwise.
    pub application_intent: ApplicationIntent,
    /// Try all addresses of the host at once.
    pub multi_subnet_failover: bool,
    /// From the first packet to the end of the login. Default 15 s.
    pub connect_timeout: Duration,
    /// How a connection that cannot be made now is tried again.
    pub connect_retry: ConnectRetry,
    /// The longest silence of the server while a request runs, if one was given.
    pub command_timeout: Option<Duration>,
    /// The TDS packet size to ask for, 512 to 32767 bytes. Default 32767.
    pub packet_size: u16,
    /// Keywords of the connection string that have no effect here, as written.
    pub without_effect: Vec<String>,
    /// What the last `Integrated Security` said. [`Self::validated`] makes a credential of it.
    integrated_security: bool,
}

impl Endpoint {
    /// An endpoint with everything at its default.
    pub fn new(host: impl Into<String>, user: impl Into<String>, password: Secret) -> Self {
        Self {
            host: host.into(),
            port: None,
            instance: None,
            database: None,
            credential: Credential::default(),
            user: user.into(),
            password,
            password_origin: PasswordOrigin::default(),
            kerberos: Kerberos::default(),
            encrypt: Encrypt::default(),
            trust_server_certificate: false,
            host_name_in_certificate: None,
            server_certificate: None,
            application_name: "sql-server-replica".into(),
            workstation_id: None,
            application_intent: ApplicationIntent::default(),
            multi_subnet_failover: false,
            connect_timeout: Duration::from_secs(15),
            connect_retry: ConnectRetry::default(),
            command_timeout: None,
            packet_size: 32767,
            without_effect: Vec::new(),
            integrated_security: false,
        }
    }

    /// Reads a connection string: of ADO.NET (Microsoft.Data.SqlClient, `SqlConnection.ConnectionString`), of ODBC, of
    /// JDBC, or a URL `sqlserver://`.
    ///
    /// # Errors
    /// An unknown keyword or a value out of range, by the keyword's name. Never repeats a value,
    /// which may be a password in the wrong place.
    pub fn from_connection_string(text: &str) -> Result<Self> {
        let mut endpoint = Self::new("", "", Secret::default());
        endpoint.set_all(text)?;
        endpoint.validated()
    }

    /// Sets every keyword of a connection string.
    pub(super) fn set_all(&mut self, text: &str) -> Result<()> {
        Pairs::parse(text)?.iter().try_for_each(|(keyword, value)| self.set(keyword, value))
    }

    /// Sets one keyword. Spaces, underscores and case do not matter; an empty value keeps the default.
    pub(super) fn set(&mut self, keyword: &str, value: &str) -> Result<()> {
        if value.is_empty() {
            return Ok(());
        }
        let text = || Some(value.to_owned());
        let name = normal(keyword);
        if !PASSWORDS.contains(&name.as_str()) && holds_a_password(value) {
            return Err(Error::usage("A password stands within the value of another keyword")
                .remedy("Put a semicolon before Password=, or quotes around a value that has one in it."));
        }
        match name.as_str() {
            "server" | "datasource" | "address" | "addr" | "networkaddress" => {
                let source = DataSource::parse(value)?;
                self.host = source.host;
                self.instance = source.instance;
                self.port = source.port.or(self.port);
            }
            "database" | "initialcatalog" => self.database = text(),
            "userid" | "uid" | "user" => self.user = value.to_owned(),
            name if PASSWORDS.contains(&name) => self.password = Secret::new(value),
            // The second is OLE DB's.
            "encrypt" | "useencryptionfordata" => {
                self.encrypt = match value.to_ascii_lowercase().as_str() {
                    "strict" => Encrypt::Strict,
                    "mandatory" => Encrypt::Mandatory,
                    "optional" => Encrypt::Optional,
                    _ => match boolean(value) {
                        Some(true) => Encrypt::Mandatory,
                        Some(false) => Encrypt::Optional,
                        None => return Err(bad_value(keyword, "true, false, mandatory, optional or strict")),
                    },
                };
            }
            "trustservercertificate" => self.trust_server_certificate = flag(keyword, value)?,
            "hostnameincertificate" => self.host_name_in_certificate = text(),
            "servercertificate" | "trustservercertificateca" => self.server_certificate = Some(value.into()),
            "applicationname" | "app" => self.application_name = value.to_owned(),
            "workstationid" | "wsid" => self.workstation_id = text(),
            "applicationintent" => {
                self.application_intent = match normal(value).as_str() {
                    "readonly" => ApplicationIntent::ReadOnly,
                    "readwrite" => ApplicationIntent::ReadWrite,
                    _ => return Err(bad_value(keyword, "ReadOnly or ReadWrite")),
                };
            }
            "multisubnetfailover" => self.multi_subnet_failover = flag(keyword, value)?,
            "connecttimeout" | "connectiontimeout" | "timeout" => {
                // 0 means "without limit" in SqlClient; a tool that may hang for ever is of no use to cron.
                let seconds: u32 = number(keyword, value, 0, u32::MAX)?;
                self.connect_timeout = Duration::from_secs(if seconds == 0 { 3600 } else { seconds.into() });
            }
            "connectretrycount" => self.connect_retry.count = Some(number(keyword, value, 0, u8::MAX)?),
            "connectretryinterval" => {
                let seconds: u8 = number(keyword, value, 1, 60)?;
                self.connect_retry.interval = Some(Duration::from_secs(seconds.into()));
            }
            "commandtimeout" => {
                let seconds: u32 = number(keyword, value, 0, u32::MAX)?;
                self.command_timeout = (seconds > 0).then(|| Duration::from_secs(seconds.into()));
            }
            // SqlClient allows 32768, one more than the protocol does.
            "packetsize" => self.packet_size = number(keyword, value, 512, 32768u16)?.min(32767),
            "integratedsecurity" | "trustedconnection" => {
                self.integrated_security = normal(value) == "sspi" || flag(keyword, value)?;
            }
            "authentication" => self.credential = Credential::named(value)?,
            "serverspn" => self.kerberos.server_spn = text(),
            "keytabfile" | "krb5-keytabfile" => self.kerberos.keytab_file = Some(value.into()),
            "principal" => self.kerberos.principal = text(),
            // Of JDBC, beside integratedSecurity.
            "authenticationscheme" => match normal(value).as_str() {
                "ntlm" => return Err(ntlm()),
                "javakerberos" | "nativeauthentication" => {}
                _ => return Err(bad_value(keyword, "JavaKerberos or NativeAuthentication")),
            },
            // Of go-mssqldb.
            "authenticator" => match normal(value).as_str() {
                "krb5" => self.credential = Credential::Kerberos,
                "ntlm" | "winsspi" => return Err(ntlm()),
                _ => return Err(bad_value(keyword, "krb5")),
            },
            "networklibrary" | "network" | "net" => {
                if normal(value) != "dbmssocn" {
                    return Err(bad_value(keyword, "dbmssocn, which is TCP"));
                }
            }
            "attachdbfilename" | "extendedproperties" | "initialfilename" => {
                return Err(Error::usage("Connection strings here attach no file to a server")
                    .remedy("Attach the database on the server, and name it with Database."));
            }
            // Of OLE DB, as Driver is of ODBC.
            "provider" => {}
            // The driver's object would give the password back; nothing here does.
            "persistsecurityinfo" => {}
            known if WITHOUT_EFFECT.contains(&known) => {
                // What is switched off is not missed.
                if boolean(value) != Some(false) && normal(value) != "disabled" {
                    self.without_effect.push(keyword.to_owned());
                }
            }
            unknown => return Err(unknown_keyword(unknown, keyword)),
        }
        Ok(())
    }

    /// Checks what no single keyword can say.
    pub(super) fn validated(mut self) -> Result<Self> {
        let lacks = |what: &str| Err(Error::usage(format!("The connection string lacks {what}")));
        if self.host.is_empty() {
            return lacks("Server=host,port");
        }
        // Which group's secondary it may be is known by the database alone (go-mssqldb has the same rule).
        if self.application_intent == ApplicationIntent::ReadOnly && self.database.is_none() {
            return Err(Error::usage("ApplicationIntent=ReadOnly needs a Database").remedy(
                "Name it: a server sends to a secondary by the availability group of the database.",
            ));
        }
        if self.integrated_security {
            // As SqlClient has it: "Cannot use 'Authentication' with 'Integrated Security'."
            if matches!(self.credential, Credential::Entra(_)) {
                return Err(Error::usage("Integrated Security is given beside another way to log in")
                    .remedy("Keep one of them."));
            }
            self.credential = Credential::Kerberos;
        }
        let (user, password) = (!self.user.is_empty(), !self.password.expose().is_empty());
        let Kerberos { server_spn, keytab_file, principal } = &self.kerberos;
        if self.credential != Credential::Kerberos {
            if keytab_file.is_some() || principal.is_some() {
                return Err(Error::usage("KeytabFile and Principal are of Windows logins")
                    .remedy("Say Integrated Security=true as well, or leave them out."));
            }
            if server_spn.is_some() {
                self.without_effect.push("ServerSPN".to_owned());
            }
        }
        match &self.credential {
            // No SQL login has one in its name ("CREATE LOGIN", Arguments).
            Credential::SqlPassword if self.user.contains('\\') => return Err(ntlm()),
            Credential::SqlPassword if !user => return lacks("User Id and Password"),
            Credential::SqlPassword => {}
            // Drivers pass over it, too.
            Credential::Kerberos if user => self.without_effect.push("User Id".to_owned()),
            Credential::Kerberos => {}
            Credential::Entra(_) if self.encrypt == Encrypt::Optional => {
                return Err(Error::usage("A token of Entra is sent under TLS only")
                    .remedy("Leave out Encrypt, or say Encrypt=true or strict."));
            }
            Credential::Entra(TokenSource::ServicePrincipal) if !user || !password => {
                return lacks("User Id (the application's client id, with @tenant) or Password (its secret)");
            }
            Credential::Entra(TokenSource::ServicePrincipal) => {}
            Credential::Entra(TokenSource::File(_) | TokenSource::Command(_)) if user || password => {
                return Err(Error::usage("A user or password is given beside a token")
                    .remedy("Leave them out: the token says who it is."));
            }
            Credential::Entra(_) if password => {
                return Err(Error::usage("This way to log in has no Password").remedy("Leave it out."));
            }
            Credential::Entra(_) => {}
        }
        Ok(self)
    }

    /// The same, at the server that this one sends its clients on to. `host` may have an instance after it: SqlClient, too,
    /// reads host and port as a data source (Microsoft.Data.SqlClient, `ServerInfo`).
    ///
    /// # Errors
    /// Of kind `Usage`: no address.
    pub(crate) fn sent_on_to(&self, host: &str, port: u16) -> Result<Self> {
        let DataSource { host, instance, port } = DataSource::parse(&format!("{host},{port}"))?;
        Ok(Self { host, instance, port, ..self.clone() })
    }

    /// The name that the server's certificate must carry.
    pub fn certificate_name(&self) -> &str {
        self.host_name_in_certificate.as_deref().unwrap_or(&self.host)
    }

    /// The port to use when no SQL Server Browser has to be asked.
    pub fn port_or_default(&self) -> u16 {
        self.port.unwrap_or(1433)
    }
}

/// Host, port or instance, and database: fit for logs and errors.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        match (&self.instance, self.port) {
            (Some(instance), None) => write!(f, "\\{instance}")?,
            (_, port) => write!(f, ",{}", port.unwrap_or(1433))?,
        }
        match &self.database {
            Some(database) => write!(f, "/{database}"),
            None => Ok(()),
        }
    }
}

fn boolean(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Some(true),
        "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

fn flag(keyword: &str, value: &str) -> Result<bool> {
    boolean(value).ok_or_else(|| bad_value(keyword, "true or false"))
}

fn number<N>(keyword: &str, value: &str, min: N, max: N) -> Result<N>
where
    N: std::str::FromStr + PartialOrd + fmt::Display,
{
    let parsed = value.trim().parse().ok().filter(|n| (&min..=&max).contains(&n));
    parsed.ok_or_else(|| bad_value(keyword, &format!("a whole number from {min} to {max}")))
}

fn bad_value(keyword: &str, expected: &str) -> Error {
    Error::usage(format!("The value of '{keyword}' must be {expected}"))
}

fn ntlm() -> Error {
    Error::usage("Windows logins by user and password (NTLM) are not supported").remedy(
        "NTLM can be relayed to other servers, and domains switch it off. Log in by Kerberos with a keytab \
         (Integrated Security=true; docs/CONNECTING.md shows how), or give a SQL login: User Id and Password.",
    )
}

#[cfg(test)]
mod tests;
