//! A connection's beginning: PRELOGIN, TLS, LOGIN7, and the login's reply.
use super::Shared;
use super::conversation::Conversation;
use super::entra;
use super::input::Input;
use super::outbox::Outbox;
use super::prelogin::{self, Encryption, Policy};
use super::prepared::Prepared;
use super::reply::Channel;
use super::tls::ALPN;
use super::transport::{Packet, Signals, pump_in, pump_out, read_packet};
use super::tunnel::Tunnel;
use super::windows;
use replica_core::tds::fed_auth::FedAuth;
use replica_core::tds::login7::{Login7, feature, flags2};
use replica_core::tds::packet::{self, DEFAULT_SIZE, LARGEST_SIZE, SMALLEST_SIZE, kind};
use replica_core::tds::prelogin::Prelogin;
use replica_core::tds::token::{self, DoneKind, EnvChange, LoginAck, Message, done};
use replica_core::tds::wire::Reader;
use sandbox_session::product;
use sandbox_session::session::{Login, Session};
use sandbox_values::error::SqlError;
use sandbox_values::wire::Client;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};

/// TDS versions as LOGIN7 numbers them ([MS-TDS] 2.2.7.14).
mod version {
    pub const TDS72: u32 = 0x7209_0002;
    /// The first with NBCROW.
    pub const TDS73B: u32 = 0x730B_0003;
    pub const TDS74: u32 = 0x7400_0004;
    pub const TDS80: u32 = 0x0800_0000;
}

/// A client that says nothing for so long before its login is done is cut off.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(30);
/// PRELOGIN and LOGIN7 are small; a token of a federated login would be the longest part.
const LONGEST_LOGIN: usize = 128 * 1024;
/// What SQL Server grants at most when TLS carries the packets (docs/WIRE.md, "Packets and messages").
const LARGEST_SIZE_UNDER_TLS: usize = 16383;
/// First byte of a TLS record that holds a handshake message.
const TLS_HANDSHAKE: u8 = 0x16;
/// Packets on their way to the session, and replies on their way to the client.
const QUEUE: usize = 4;
const READ_BUFFER: usize = 64 * 1024;
/// Statements nest, and a chain of operators is a tree as deep as it is long: enough for what `tokens` lets pass.
const SESSION_STACK: usize = 64 << 20;

pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// What the beginning has settled.
struct Opened {
    stream: Box<dyn Stream>,
    /// TLS stays on for everything.
    encrypted: bool,
    tds8: bool,
    login: Login7,
}

/// A client that may log in, if its login is one.
struct Arrived {
    opened: Opened,
    /// Of a Windows login.
    windows: Option<windows::WindowsAnswer>,
}

/// Serves one client to its end.
pub async fn serve(
    tcp: TcpStream,
    shared: Arc<Shared>,
    mut shutdown: watch::Receiver<bool>,
) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let client = tcp.peer_addr()?.ip();
    let arrived = tokio::select! {
        arrived = tokio::time::timeout(LOGIN_TIMEOUT, arrive(tcp, &shared)) => arrived.map_err(io::Error::other)??,
        _ = shutdown.changed() => return Ok(()),
    };
    let Some(Arrived { opened, windows }) = arrived else { return Ok(()) };
    let Opened { stream, encrypted, tds8, login } = opened;
    let packet_size = granted(login.packet_size, encrypted, shared.max_packet_size);

    let (read_half, write_half) = tokio::io::split(stream);
    let (to_session, packets) = mpsc::channel(QUEUE);
    let (to_client, replies) = mpsc::channel(QUEUE);
    let (ended, session_ended) = oneshot::channel::<()>();
    let signals = Arc::new(Signals::default());
    let engine = shared.engine.clone();
    let pumps = async {
        let reader = BufReader::with_capacity(READ_BUFFER, read_half);
        tokio::join!(
            pump_in(reader, packet_size, to_session, signals.clone(), || engine.interrupt()),
            pump_out(write_half, replies, signals.clone(), || engine.interrupt()),
        )
    };
    let beginning = Beginning { login, windows, packet_size, tds8, encrypted, client };
    let session = {
        let (shared, signals) = (shared.clone(), signals.clone());
        move || {
            // Dropped at the end of the thread, whichever way it ends.
            let _ended = ended;
            if let Some(conversation) = beginning.log_in(&shared, packets, to_client, signals) {
                conversation.run();
            }
        }
    };
    std::thread::Builder::new().name("session".to_owned()).stack_size(SESSION_STACK).spawn(session)?;
    tokio::select! {
        _ = pumps => {}
        _ = shutdown.changed() => {
            signals.hang_up();
            shared.engine.interrupt();
        }
    }
    // The session is gone when its transaction is rolled back.
    session_ended.await.ok();
    Ok(())
}

/// Everything up to the answer to LOGIN7. `None` where the client went away, or was turned away.
async fn arrive(tcp: TcpStream, shared: &Shared) -> io::Result<Option<Arrived>> {
    let Some(mut opened) = open(tcp, shared).await? else { return Ok(None) };
    let integrated = opened.login.option_flags2 & flags2::INTEGRATED_SECURITY != 0;
    let windows = match &shared.keytab {
        Some(keytab) if integrated => {
            let Some(answer) = windows::accept(&mut opened.stream, &opened.login.sspi, keytab).await? else {
                return Ok(None);
            };
            Some(answer)
        }
        None if integrated => Some(Err(windows::untrusted())),
        _ => None,
    };
    Ok(Some(Arrived { opened, windows }))
}

/// PRELOGIN, TLS and LOGIN7. `None` where the client went away, or was turned away.
async fn open(mut tcp: TcpStream, shared: &Shared) -> io::Result<Option<Opened>> {
    let mut first = [0];
    if tcp.peek(&mut first).await? == 0 {
        return Ok(None);
    }
    if first[0] == TLS_HANDSHAKE {
        return open_strict(tcp, shared).await;
    }
    if first[0] == kind::LOGIN7 {
        return open_bare(tcp, shared).await;
    }
    let Some(asked) = read_message(&mut tcp, kind::PRELOGIN).await? else { return Ok(None) };
    let asked = Prelogin::parse(&asked).map_err(io::Error::other)?;
    let (answer, agreed) = prelogin::answer(&asked, shared.policy, false, shared.tokens.is_some());
    write_message(&mut tcp, &answer).await?;
    if agreed == Encryption::Impossible {
        tcp.shutdown().await?;
        return Ok(None);
    }
    if agreed == Encryption::Nothing {
        let login = read_login(&mut tcp, shared).await?;
        return Ok(login.map(|login| Opened { stream: Box::new(tcp), encrypted: false, tds8: false, login }));
    }
    let mut tls = shared.tds7.accept(Tunnel::new(tcp)).await?;
    tls.get_mut().0.open();
    let Some(login) = read_login(&mut tls, shared).await? else { return Ok(None) };
    let encrypted = agreed == Encryption::Everything;
    let stream: Box<dyn Stream> =
        if encrypted { Box::new(tls) } else { Box::new(tls.into_inner().0.into_inner()) };
    Ok(Some(Opened { stream, encrypted, tds8: false, login }))
}

/// No PRELOGIN, so nothing has been said of encryption: jTDS begins so.
async fn open_bare(mut tcp: TcpStream, shared: &Shared) -> io::Result<Option<Opened>> {
    if !matches!(shared.policy, Policy::Off | Policy::On) {
        return Ok(None);
    }
    let login = read_login(&mut tcp, shared).await?;
    Ok(login.map(|login| Opened { stream: Box::new(tcp), encrypted: false, tds8: false, login }))
}

/// TDS 8.0: TLS first, and all of TDS inside.
async fn open_strict(tcp: TcpStream, shared: &Shared) -> io::Result<Option<Opened>> {
    if shared.policy == Policy::Off {
        return Ok(None);
    }
    let mut tls = shared.tds8.accept(tcp).await?;
    if tls.get_ref().1.alpn_protocol() != Some(ALPN) {
        return Err(io::Error::other("a TLS client that does not offer tds/8.0"));
    }
    let Some(asked) = read_message(&mut tls, kind::PRELOGIN).await? else { return Ok(None) };
    let asked = Prelogin::parse(&asked).map_err(io::Error::other)?;
    let (answer, _) = prelogin::answer(&asked, shared.policy, true, shared.tokens.is_some());
    write_message(&mut tls, &answer).await?;
    let login = read_login(&mut tls, shared).await?;
    Ok(login.map(|login| Opened { stream: Box::new(tls), encrypted: true, tds8: true, login }))
}

/// `None` also for a client of a TDS below 7.2, which is told so.
async fn read_login(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    shared: &Shared,
) -> io::Result<Option<Login7>> {
    let Some(message) = read_message(stream, kind::LOGIN7).await? else { return Ok(None) };
    if is_outdated(&message) {
        let text = "replica-sandbox speaks TDS 7.2 to 8.0; the client asks for an older version.";
        let refusal = refusal(vec![SqlError::new(17803, 20, 1, text)], shared);
        write_message(stream, &refusal).await?;
        stream.shutdown().await?;
        return Ok(None);
    }
    Login7::parse(&message).map(Some).map_err(io::Error::other)
}

/// LOGIN7 begins with its length and the client's version; those of old versions are shorter than ours.
fn is_outdated(login: &[u8]) -> bool {
    let mut reader = Reader::new(login);
    let version = reader.u32().and_then(|_| reader.u32());
    version.is_ok_and(|version| version < version::TDS72 && version != version::TDS80)
}

/// What a client gets that may not log in.
fn refusal(errors: Vec<SqlError>, shared: &Shared) -> Vec<u8> {
    let mut tokens = Vec::new();
    let server = &shared.engine.options.server_name;
    errors.into_iter().for_each(|error| put_message(error, server, &mut tokens));
    token::Done { kind: DoneKind::Done, status: done::ERROR, command: 0, count: 0 }.encode(&mut tokens);
    tokens
}

pub async fn read_message(stream: &mut (impl AsyncRead + Unpin), kind: u8) -> io::Result<Option<Vec<u8>>> {
    let mut message = Vec::new();
    loop {
        let Some(packet) = read_packet(stream, DEFAULT_SIZE).await? else { return Ok(None) };
        if packet.kind != kind {
            return Err(io::Error::other(format!(
                "a packet of type {:#04x} where {kind:#04x} was expected",
                packet.kind
            )));
        }
        message.extend_from_slice(&packet.payload);
        if message.len() > LONGEST_LOGIN {
            return Err(io::Error::other(format!("a login message of more than {LONGEST_LOGIN} bytes")));
        }
        if packet.is_last() {
            return Ok(Some(message));
        }
    }
}

pub async fn write_message(stream: &mut (impl AsyncWrite + Unpin), message: &[u8]) -> io::Result<()> {
    let mut packets = Vec::new();
    packet::frame(kind::REPLY, message, DEFAULT_SIZE, &mut packets);
    stream.write_all(&packets).await?;
    stream.flush().await
}

/// The packet size that is granted; 0 asks for the default.
fn granted(asked: u32, encrypted: bool, most: usize) -> usize {
    let asked = usize::try_from(asked).unwrap_or(usize::MAX);
    let most = most.min(if encrypted { LARGEST_SIZE_UNDER_TLS } else { LARGEST_SIZE });
    if asked == 0 { DEFAULT_SIZE.min(most) } else { asked.clamp(SMALLEST_SIZE, most) }
}

/// What the session's thread needs to log in.
struct Beginning {
    login: Login7,
    windows: Option<windows::WindowsAnswer>,
    packet_size: usize,
    tds8: bool,
    encrypted: bool,
    client: IpAddr,
}

impl Beginning {
    /// Answers the login. `None` after a refusal, which has been sent.
    fn log_in(
        self,
        shared: &Shared,
        packets: mpsc::Receiver<Packet>,
        to_client: mpsc::Sender<Vec<u8>>,
        signals: Arc<Signals>,
    ) -> Option<Conversation> {
        let mut outbox = Outbox::new(to_client, DEFAULT_SIZE);
        let answer = self.connect(shared);
        let mut tokens = Vec::new();
        let session = match answer {
            Ok(session) => {
                outbox.set_spid(session.id);
                session.killed_by({
                    let (signals, engine) = (signals.clone(), shared.engine.clone());
                    move || {
                        signals.kill();
                        engine.interrupt();
                    }
                });
                self.accept(shared, &session, &mut tokens);
                Some(session)
            }
            Err(errors) => {
                tokens = refusal(errors, shared);
                None
            }
        };
        outbox.write(&tokens).and_then(|()| outbox.end_message()).ok()?;
        outbox.set_packet_size(self.packet_size);
        let client = Client {
            utf8: self.asks_for(feature::UTF8_SUPPORT),
            nbcrow: self.tds_version() >= version::TDS73B || self.tds8,
        };
        let channel = Channel { outbox, signals: signals.clone(), client, engine: shared.engine.clone() };
        let (session, mut input) = (session?, Input::new(packets, signals));
        if let Some(recorder) = &shared.recorder {
            let database = session.current_database().0;
            input.record(recorder.connection(session.id, &self.login.application, &database));
        }
        Some(Conversation { session, input, channel, prepared: Prepared::default() })
    }

    fn connect(&self, shared: &Shared) -> Result<Session, Vec<SqlError>> {
        let login = &self.login;
        let windows = self.windows.clone().transpose().map_err(|error| vec![error])?;
        let token_of = self.token_of(shared).map_err(|error| vec![error])?;
        let vouched_for = windows.or_else(|| token_of.clone());
        let user = vouched_for.as_ref().unwrap_or(&login.user);
        let asked = Login {
            user: user.clone(),
            password: login.password.as_str().into(),
            vouched_for: vouched_for.is_some(),
            database: login.database.clone(),
            host: login.host.clone(),
            program: login.application.clone(),
        };
        shared.engine.connect(&asked).map_err(|error| {
            let failed = format!("Login failed for user '{user}'.");
            match error.number {
                _ if token_of.is_some() => vec![entra::refused(1, "")],
                4060 => vec![error, SqlError::new(18456, 14, 1, failed)],
                _ => vec![error],
            }
        })
    }

    /// The login that a token stands for; `None` without a token.
    fn token_of(&self, shared: &Shared) -> Result<Option<String>, SqlError> {
        let sent = self.login.features.iter().flatten().find(|(id, _)| *id == feature::FED_AUTH);
        let Some((_, sent)) = sent else { return Ok(None) };
        let broken = |text: &str| SqlError::new(17832, 20, 18, text);
        if !self.encrypted {
            return Err(broken("A login by token over a connection that is not encrypted."));
        }
        let sent = FedAuth::parse(sent).map_err(|error| broken(&error.to_string()))?;
        // "The server's PRELOGIN response" is what the client repeats ([MS-TDS] 2.2.6.4, fFedAuthEcho).
        if sent.echo != shared.tokens.is_some() || sent.nonce.is_some() {
            return Err(broken("A login by token that does not repeat what PRELOGIN said."));
        }
        let tokens = shared.tokens.as_ref().ok_or_else(|| entra::refused(1, ""))?;
        tokens.login(&sent.token, &shared.engine.options.server_name, self.client).map(Some)
    }

    fn asks_for(&self, feature: u8) -> bool {
        self.login.features.iter().flatten().any(|(id, _)| *id == feature)
    }

    fn tds_version(&self) -> u32 {
        if self.tds8 { version::TDS80 } else { self.login.tds_version.min(version::TDS74) }
    }

    /// In the order of docs/WIRE.md, "Login reply".
    fn accept(&self, shared: &Shared, session: &Session, out: &mut Vec<u8>) {
        let server = &shared.engine.options.server_name;
        let (database, collation) = session.current_database();
        EnvChange::Database { new: database.clone(), old: "master".to_owned() }.encode(out);
        let text = format!("Changed database context to '{database}'.");
        put_message(SqlError::new(5701, 0, 2, text), server, out);
        EnvChange::Collation { new: collation.get().wire().0.to_vec(), old: Vec::new() }.encode(out);
        EnvChange::Language { new: "us_english".to_owned(), old: String::new() }.encode(out);
        let size = EnvChange::PacketSize { new: self.packet_size as u32, old: DEFAULT_SIZE as u32 };
        let with_features = self.login.features.is_some();
        if !with_features {
            size.encode(out);
        }
        put_message(SqlError::new(5703, 0, 1, "Changed language setting to us_english."), server, out);
        LoginAck {
            interface: 1,
            tds_version: self.tds_version().to_be_bytes(),
            program: "Microsoft SQL Server".to_owned(),
            version: product::on_the_wire(),
        }
        .encode(out);
        if with_features {
            size.encode(out);
            out.push(token::kind::FEATURE_EXT_ACK);
            if self.asks_for(feature::UTF8_SUPPORT) {
                out.extend_from_slice(&[feature::UTF8_SUPPORT, 1, 0, 0, 0, 1]);
            }
            if self.asks_for(feature::FED_AUTH) {
                out.extend_from_slice(&[feature::FED_AUTH, 0, 0, 0, 0]);
            }
            out.push(feature::TERMINATOR);
        }
        token::Done { kind: DoneKind::Done, status: 0, command: 0, count: 0 }.encode(out);
    }
}

fn put_message(error: SqlError, server: &str, out: &mut Vec<u8>) {
    let token = if error.class > 10 { token::kind::ERROR } else { token::kind::INFO };
    let SqlError { number, class, state, text, line, procedure } = error;
    Message { number, state, class, text, server: server.to_owned(), procedure, line }.encode(token, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packet_sizes_are_granted_honestly() {
        for (asked, encrypted, most, expected) in [
            (0, false, LARGEST_SIZE, 4096),
            (0, false, 1024, 1024),
            (8000, false, LARGEST_SIZE, 8000),
            (u32::MAX, false, LARGEST_SIZE, 32767),
            (32767, true, LARGEST_SIZE, 16383),
            (32767, false, 8192, 8192),
            (1, false, LARGEST_SIZE, 512),
        ] {
            assert_eq!(granted(asked, encrypted, most), expected, "{asked} {encrypted} {most}");
        }
    }
}
