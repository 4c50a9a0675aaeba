//! The floor: the same reply's bytes from one socket to another, with the buffer that the lane has. Only packet
//! headers are looked at, to see where the reply ends.
use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, DEFAULT_VERSIONS, RootCertStore};

use super::SOURCE;
use crate::args::Measure;
use crate::figures::{Figures, Stopwatch};
use crate::sandbox::{PASSWORD, USER};
use replica_core::tds::login7::{Login7, flags2};
use replica_core::tds::packet::{HEADER, Header, LARGEST_SIZE, frame, kind};
use replica_core::tds::prelogin::{Prelogin, encryption, option};

/// As in `replica_core::read`.
const BUFFER: usize = 64 << 10;
/// The protocol name that TDS 8.0 announces ([MS-TDS] 3.2.5.1).
const ALPN: &[u8] = b"tds/8.0";
/// Bytes of a DONE token, of which the last eight are the row count.
const DONE: usize = 13;

pub async fn run(measure: &Measure) -> Result<Figures, Box<dyn Error>> {
    let source = TcpStream::connect(&measure.server).await?;
    source.set_nodelay(true)?;
    relay(source, TcpStream::connect(&measure.sink).await?, &measure.select).await
}

/// The same with TLS on both sides, as tokio-rustls has it. At the source TLS comes first (TDS 8.0): its records are those of
/// TDS 7.x, whose handshake alone travels in another way.
pub async fn encrypted(measure: &Measure) -> Result<Figures, Box<dyn Error>> {
    let authorities = measure.authorities.as_deref().ok_or("--authorities is missing")?;
    let connector = TlsConnector::from(Arc::new(trusting(authorities)?));
    let connect = async |address: &str| -> Result<_, Box<dyn Error>> {
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        let name = ServerName::from(address.parse::<SocketAddr>()?.ip());
        Ok(connector.connect(name, tcp).await?)
    };
    relay(connect(&measure.server).await?, connect(&measure.sink).await?, &measure.select).await
}

/// TLS to whom these authorities vouch for, from a PEM file.
fn trusting(authorities: &Path) -> Result<ClientConfig, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(authorities)? {
        roots.add(certificate?)?;
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(DEFAULT_VERSIONS)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(config)
}

async fn relay(
    mut source: impl AsyncRead + AsyncWrite + Unpin,
    mut sink: impl AsyncWrite + Unpin,
    select: &str,
) -> Result<Figures, Box<dyn Error>> {
    login(&mut source).await?;
    let select = batch(select);
    let stopwatch = Stopwatch::start();
    source.write_all(&select).await?;
    source.flush().await?;
    let mut reply = RelayReply::default();
    let mut buffer = vec![0; BUFFER];
    while !reply.ended {
        match source.read(&mut buffer).await? {
            0 => return Err("the source hung up".into()),
            n => {
                reply.pass(&buffer[..n])?;
                sink.write_all(&buffer[..n]).await?;
            }
        }
    }
    sink.flush().await?;
    let rows = u64::from_le_bytes(reply.tail[DONE - 8..].try_into()?);
    Ok(stopwatch.stop(rows, reply.bytes)?)
}

/// Where a reply stands.
#[derive(Default)]
struct RelayReply {
    bytes: u64,
    header: Vec<u8>,
    /// Bytes to come of the packet.
    left: usize,
    last: bool,
    ended: bool,
    /// The reply's last bytes.
    tail: [u8; DONE],
}

impl RelayReply {
    fn pass(&mut self, mut bytes: &[u8]) -> Result<(), Box<dyn Error>> {
        self.bytes += bytes.len() as u64;
        while !bytes.is_empty() {
            if self.left == 0 {
                let (part, rest) = bytes.split_at(bytes.len().min(HEADER - self.header.len()));
                self.header.extend_from_slice(part);
                bytes = rest;
                if let Some(header) = self.header.first_chunk::<HEADER>() {
                    let header = Header::parse(*header)?;
                    self.left = usize::from(header.length) - HEADER;
                    self.last = header.is_last();
                    self.header.clear();
                }
            } else {
                let (part, rest) = bytes.split_at(bytes.len().min(self.left));
                if self.last {
                    self.keep_tail(part);
                }
                self.left -= part.len();
                bytes = rest;
            }
            self.ended = self.last && self.left == 0;
        }
        Ok(())
    }

    fn keep_tail(&mut self, part: &[u8]) {
        let part = &part[part.len().saturating_sub(DONE)..];
        self.tail.rotate_left(part.len());
        self.tail[DONE - part.len()..].copy_from_slice(part);
    }
}

/// PRELOGIN and LOGIN7.
async fn login(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Result<(), Box<dyn Error>> {
    let mut prelogin = Prelogin::default();
    prelogin.set(option::VERSION, &[0; 6]);
    prelogin.set(option::ENCRYPTION, &[encryption::NOT_SUPPORTED]);
    let mut payload = Vec::new();
    prelogin.encode(&mut payload);
    exchange(stream, kind::PRELOGIN, &payload).await?;
    let login = Login7 {
        tds_version: 0x7400_0004,
        packet_size: LARGEST_SIZE as u32,
        option_flags2: flags2::ODBC,
        user: USER.into(),
        password: PASSWORD.into(),
        database: SOURCE.into(),
        ..Login7::default()
    };
    payload.clear();
    login.encode(&mut payload);
    exchange(stream, kind::LOGIN7, &payload).await
}

async fn exchange(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    kind: u8,
    payload: &[u8],
) -> Result<(), Box<dyn Error>> {
    let mut packets = Vec::new();
    frame(kind, payload, LARGEST_SIZE, &mut packets);
    stream.write_all(&packets).await?;
    stream.flush().await?;
    let mut reply = RelayReply::default();
    let mut byte = [0];
    while !reply.ended {
        stream.read_exact(&mut byte).await?;
        reply.pass(&byte)?;
    }
    Ok(())
}

/// A SQL batch in packets, outside transactions.
fn batch(sql: &str) -> Vec<u8> {
    let mut payload = Vec::from([22, 0, 0, 0, 18, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
    payload.extend(sql.encode_utf16().flat_map(u16::to_le_bytes));
    let mut packets = Vec::new();
    frame(kind::SQL_BATCH, &payload, LARGEST_SIZE, &mut packets);
    packets
}
