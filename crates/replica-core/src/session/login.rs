//! The login: tiberius speaks it, a relay carries its messages and listens.
//!
//! tiberius sends a PRELOGIN of its own, though ours is done: it gets the server's reply with the encryption
//! patched out. From then on messages pass, and what tiberius does not tell (the packet size that was granted, the
//! server's version) is read from the server's. It knows no TDS 8.0, which differs from 7.4 in nothing that comes
//! after TLS: with `Encrypt=strict` the version is patched both ways.
use std::convert::Infallible;
use std::time::Duration;

use tiberius::{Client, Config, EncryptionLevel};
use tokio::io::{DuplexStream, duplex};
use tokio::time::Instant;
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt};

use super::borrowed::{Borrowed, Shared};
use super::exchange::Exchange;
use super::lane::Lane;
use super::route::Route;
use crate::config::{ApplicationIntent, Credential, Encrypt, Endpoint, Secret};
use crate::error::{Error, Result, ServerError};
use crate::link::{self, Link, LinkTimes, PreparedLink, Protection, message};
use crate::tds::packet::{DEFAULT_SIZE, LARGEST_SIZE, SMALLEST_SIZE, kind};
use crate::tds::token::{self, EnvChange, Token};

/// Bytes between tiberius and the relay: more than a login has.
const PIPE: usize = 64 << 10;
/// The protocol versions as LOGINACK has them; LOGIN7 has the same bytes reversed ([MS-TDS] 2.2.7.14).
const TDS74: [u8; 4] = [0x74, 0, 0, 4];
const TDS80: [u8; 4] = [0x08, 0, 0, 0];
/// Where the version stands: in LOGIN7's payload, and in a LOGINACK token.
const LOGIN7_VERSION: std::ops::Range<usize> = 4..8;
const LOGIN_ACK_VERSION: std::ops::Range<usize> = 4..8;
/// Azure SQL sends a client on once; a server that does so without end is broken.
const MOST_ROUTES: u32 = 3;

/// What the server said of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerInfo {
    /// The name in LOGINACK, usually `Microsoft SQL Server`.
    pub program: String,
    /// Major, minor and build: 11 is SQL Server 2012, 13 is 2016, 16 is 2022. Azure SQL says 12.
    pub version: (u8, u8, u16),
    /// The database that the session is in.
    pub database: String,
}

/// A session's parts.
pub(super) struct LoggedIn {
    pub client: Client<Compat<Borrowed>>,
    pub shared: Shared,
    pub lane: Lane,
    pub server: ServerInfo,
    pub protection: Protection,
    pub times: ConnectTimes,
}

/// How long a server took to let us in: the one that it was at last, where it sent us on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ConnectTimes {
    /// Up to where the login begins.
    pub link: LinkTimes,
    /// From LOGIN7 to the server's answer; with a Windows login the exchange before it, too.
    pub login: Duration,
}

/// Connects and logs in, following the server's directions to another host if it gives any. `token`: of Entra, for an
/// endpoint that logs in with one. `route`: where the server has sent us on to, for the caller, who gives up at the
/// `deadline`.
pub(super) async fn connect(
    endpoint: &Endpoint,
    token: Option<Secret>,
    silence: Duration,
    deadline: Instant,
    route: &mut Option<Route>,
) -> Result<LoggedIn> {
    let mut endpoint = endpoint.clone();
    for _ in 0..=MOST_ROUTES {
        let attempted = async {
            let prepared = link::prepare(&endpoint).await?;
            login(prepared, token.clone(), &endpoint, (silence, deadline)).await
        };
        match attempted.await.map_err(|error| Route::led_to(error, route.as_ref()))? {
            LoginOutcome::In(logged_in) => return Ok(*logged_in),
            LoginOutcome::Routed { host, port } => {
                log::debug!("{endpoint} sends us on to {host},{port}");
                let there = endpoint.sent_on_to(&host, port);
                endpoint = there.map_err(|_| Error::protocol("the server sends us on to no address"))?;
                *route = Some(Route { host, port });
            }
        }
    }
    Err(Error::connect("the server sends us from host to host"))
}

enum LoginOutcome {
    In(Box<LoggedIn>),
    Routed { host: String, port: u16 },
}

async fn login(
    prepared: PreparedLink,
    token: Option<Secret>,
    endpoint: &Endpoint,
    (silence, deadline): (Duration, Instant),
) -> Result<LoginOutcome> {
    let begun = Instant::now();
    let exchange = Exchange::new(endpoint, token, &prepared, deadline).await?;
    let PreparedLink { link, protection, prelogin, times, .. } = prepared;
    let (near, far) = duplex(PIPE);
    let shared = Shared::for_login(near);
    let strict = endpoint.encrypt == Encrypt::Strict;
    let config = config(endpoint, &exchange);
    let mut relay = Relay { link: Some(link), protection, strict, exchange, welcome: Welcome::default() };
    let client = tokio::select! {
        client = Client::connect(config, shared.borrowed().compat()) => client,
        error = relay.run(far, &prelogin) => {
            let Err(error) = error;
            return Err(error);
        }
    };
    let Relay { link, exchange, welcome, .. } = relay;
    if let Some((host, port)) = welcome.route {
        exchange.is_proved()?;
        return Ok(LoginOutcome::Routed { host, port });
    }
    let client = client.map_err(|error| {
        if welcome.errors.is_empty() { error.into() } else { refused(welcome.errors, &endpoint.credential) }
    })?;
    exchange.is_acknowledged(&welcome.features)?;
    let link = link.ok_or_else(|| Error::io("the server hung up at the end of the login"))?;
    let lane = Lane::new(link, welcome.packet_size, silence);
    let server = welcome.server;
    let times = ConnectTimes { link: times, login: begun.elapsed() };
    Ok(LoginOutcome::In(Box::new(LoggedIn { client, shared, lane, server, protection, times })))
}

/// A login error with the way out of the most frequent ones (Microsoft, "Database Engine events and errors").
fn refused(errors: Vec<ServerError>, credential: &Credential) -> Error {
    let number = errors.first().map(|e| e.number);
    let error = Error::from_server(errors);
    match (number, credential) {
        (Some(18456), Credential::SqlPassword) => {
            error.remedy("Check User Id and Password, and that the server allows SQL logins.")
        }
        (Some(18456), Credential::Entra(_)) => {
            let remedy = of_token(&error.to_string());
            error.remedy(remedy)
        }
        (Some(18456), Credential::Kerberos) => error.remedy(
            "The server knows who this is, and has no login for it: CREATE LOGIN [DOMAIN\\user] FROM WINDOWS, for the account \
             or a group that it is in.",
        ),
        // 17806 is what the server's log says of it ("MSSQLSERVER_18452", "MSSQLSERVER_17806").
        (Some(18452 | 17806), Credential::Kerberos) => error.remedy(
            "The server does not accept the Kerberos ticket; its error log has the reason (17806). The service may run under \
             another account than the one that its SPN is registered for (setspn -Q shows it), its clock may be more than \
             five minutes off, the domains may not trust each other, or it has Extended Protection=Required: that asks for \
             a binding to the TLS channel (tls-unique), which TLS 1.3 and our TLS library do not have, so it must be \
             Allowed or Off.",
        ),
        (Some(4060), _) => error.remedy("Check Database=, and that this login has a user in it."),
        _ => error,
    }
}

/// The way out where a token is refused, by what follows the error's first sentence. The sentences are those that clients
/// of Azure SQL reported (microsoft/azuredatastudio, issue 14497; microsoft/vscode-mssql, issues 22031 and 18966).
fn of_token(text: &str) -> &'static str {
    if text.contains("Token is expired") {
        "The token's time is up: give a fresh one, and compare this machine's clock."
    } else if text.contains("Incorrect or invalid token") {
        "The token is none for this server: ask for one for https://database.windows.net/, or what the server's cloud has \
         instead (docs/CONNECTING.md, \"Tokens of Entra\")."
    } else if text.contains("not currently configured to accept this token") {
        "The token is of another tenant or cloud than the server."
    } else {
        "Check Database=, that the database has a user for the token's owner (CREATE USER [name] FROM EXTERNAL PROVIDER), \
         and that the token is of the server's tenant."
    }
}

fn config(endpoint: &Endpoint, exchange: &Exchange) -> Config {
    let mut config = Config::new();
    config.host(&endpoint.host);
    config.port(endpoint.port_or_default());
    if let Some(database) = &endpoint.database {
        config.database(database);
    }
    config.application_name(&endpoint.application_name);
    let machine = || gethostname::gethostname().to_string_lossy().into_owned();
    config.client_name(endpoint.workstation_id.clone().unwrap_or_else(machine));
    config.readonly(endpoint.application_intent == ApplicationIntent::ReadOnly);
    config.packet_size(endpoint.packet_size.into());
    config.authentication(exchange.for_tiberius(endpoint));
    // TLS is ours, and so are the time limits: of the login as a whole, and of each query.
    config.encryption(EncryptionLevel::NotSupported);
    config.handshake_timeout(None);
    config.command_timeout(None);
    config
}

/// What the relay hears.
struct Welcome {
    server: ServerInfo,
    packet_size: usize,
    route: Option<(String, u16)>,
    features: Vec<(u8, Vec<u8>)>,
    errors: Vec<ServerError>,
}

impl Default for Welcome {
    fn default() -> Self {
        // A server that grants nothing keeps the size of the login.
        Self {
            server: ServerInfo::default(),
            packet_size: DEFAULT_SIZE,
            route: None,
            features: Vec::new(),
            errors: Vec::new(),
        }
    }
}

/// What a reply says of the login itself.
#[derive(Default)]
struct Heard {
    /// The server's token of a Windows login.
    sspi: Option<Vec<u8>>,
    /// The login is over, well or not.
    over: bool,
}

impl Welcome {
    fn hear(&mut self, mut tokens: &mut [u8]) -> Result<Heard> {
        let mut heard = Heard::default();
        while !tokens.is_empty() {
            let Some((token, length)) = token::parse(tokens)? else {
                return Err(Error::protocol("the login's reply ends within a token"));
            };
            let (this, rest) = tokens.split_at_mut(length);
            tokens = rest;
            match token {
                Token::EnvChange(EnvChange::PacketSize { new, .. }) => {
                    let size =
                        usize::try_from(new).ok().filter(|n| (SMALLEST_SIZE..=LARGEST_SIZE).contains(n));
                    self.packet_size = size.ok_or_else(|| {
                        Error::protocol(format!("the server grants packets of {new} bytes"))
                    })?;
                }
                Token::EnvChange(EnvChange::Database { new, .. }) => self.server.database = new,
                Token::EnvChange(EnvChange::Routing { port, host }) => self.route = Some((host, port)),
                Token::Sspi(token) => heard.sspi = Some(token),
                Token::Done(_) => heard.over = true,
                Token::LoginAck(ack) => {
                    heard.over = true;
                    let [major, minor, high, low] = ack.version;
                    self.server.version = (major, minor, u16::from_be_bytes([high, low]));
                    self.server.program = ack.program.trim_end_matches('\0').to_owned();
                    if ack.tds_version == TDS80 {
                        this[LOGIN_ACK_VERSION].copy_from_slice(&TDS74);
                    }
                }
                Token::FeatureExtAck(features) => self.features.extend(features),
                Token::Error(message) => {
                    heard.over = true;
                    self.errors.push(message.into());
                }
                _ => {}
            }
        }
        Ok(heard)
    }
}

struct Relay {
    /// `None` only while TLS is taken off it.
    link: Option<Link>,
    protection: Protection,
    strict: bool,
    exchange: Exchange,
    welcome: Welcome,
}

impl Relay {
    /// Carries messages until it is dropped, or one can't be carried.
    async fn run(&mut self, mut tiberius: DuplexStream, prelogin: &[u8]) -> Result<Infallible> {
        let gone = || Error::unreachable("the server hung up during the login");
        message::read(&mut tiberius).await?.ok_or_else(gone)?;
        message::write(&mut tiberius, kind::REPLY, prelogin, DEFAULT_SIZE).await?;
        loop {
            let (request, mut payload) = message::read(&mut tiberius).await?.ok_or_else(gone)?;
            if request == kind::LOGIN7 {
                payload = self.exchange.login7(payload)?;
                if self.strict {
                    announce_tds80(&mut payload);
                }
            }
            let link = self.link.as_mut().ok_or_else(gone)?;
            message::write(link, request, &payload, DEFAULT_SIZE).await?;
            if self.protection == Protection::LoginOnly {
                self.protection = Protection::None;
                self.link = self.link.take().map(Link::into_plain);
            }
            let link = self.link.as_mut().ok_or_else(gone)?;
            let reply = loop {
                let mut reply = message::read_reply(link).await?.ok_or_else(gone)?;
                let heard = self.welcome.hear(&mut reply)?;
                let refused = !self.welcome.errors.is_empty();
                let Some(token) = heard.sspi.filter(|_| !refused) else { break reply };
                let answer = self.exchange.answer(token).await?;
                if heard.over {
                    break reply;
                }
                // The server goes on unasked where the library has nothing more to say: tiberius knows no such reply.
                if !answer.is_empty() {
                    message::write(link, kind::SSPI, &answer, DEFAULT_SIZE).await?;
                }
            };
            message::write(&mut tiberius, kind::REPLY, &reply, DEFAULT_SIZE).await?;
        }
    }
}

fn announce_tds80(login7: &mut [u8]) {
    if let Some(version) = login7.get_mut(LOGIN7_VERSION) {
        version.copy_from_slice(&TDS80);
        version.reverse();
    }
}
