//! A connection's two pumps: one task reads packets for the session, one writes what the session answers.
//!
//! Both channels are short, so that a client that does not read blocks the engine, and an engine that does not
//! read blocks the client. An attention is noticed by the reading task while the session is busy.
use replica_core::tds::packet::{HEADER, Header, kind, status};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{Notify, mpsc};

#[derive(Debug)]
pub struct Packet {
    pub kind: u8,
    pub status: u8,
    pub payload: Vec<u8>,
}

impl Packet {
    pub fn is_last(&self) -> bool {
        self.status & status::END_OF_MESSAGE != 0
    }
}

/// Reads one packet; `None` when the peer has closed the connection between two packets.
///
/// # Errors
/// Of the stream; also for a length that is below the header's, or above `limit`, or a packet cut short.
pub async fn read_packet(stream: &mut (impl AsyncRead + Unpin), limit: usize) -> io::Result<Option<Packet>> {
    let mut header = [0; HEADER];
    let read = stream.read(&mut header).await?;
    if read == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut header[read..]).await?;
    let header = Header::parse(header).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let length = usize::from(header.length);
    if length > limit {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a packet of {length} bytes")));
    }
    let mut payload = vec![0; length - HEADER];
    stream.read_exact(&mut payload).await?;
    Ok(Some(Packet { kind: header.kind, status: header.status, payload }))
}

/// What the pumps and the session tell each other beside the packets.
#[derive(Default)]
pub struct Signals {
    attentions: AtomicU32,
    gone: AtomicBool,
    killed: Notify,
}

impl Signals {
    /// Has the client sent an attention that was not answered yet, or hung up?
    pub fn cancelled(&self) -> bool {
        self.gone() || self.attentions.load(Ordering::SeqCst) > 0
    }

    pub fn gone(&self) -> bool {
        self.gone.load(Ordering::SeqCst)
    }

    /// The connection is as good as closed.
    pub fn hang_up(&self) {
        self.gone.store(true, Ordering::SeqCst);
    }

    /// Another session has ended this one: nothing more is read.
    pub fn kill(&self) {
        self.hang_up();
        // Whoever waits later finds the permit.
        self.killed.notify_one();
    }

    /// The session has taken an attention from its queue and answers it.
    pub fn attention_taken(&self) {
        self.attentions.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Runs until the client closes, breaks the protocol, or the session has ended. `interrupt` is called after a
/// signal has changed.
pub async fn pump_in(
    mut stream: impl AsyncRead + Unpin,
    packet_size: usize,
    packets: mpsc::Sender<Packet>,
    signals: Arc<Signals>,
    interrupt: impl Fn(),
) {
    loop {
        let packet = tokio::select! {
            packet = read_packet(&mut stream, packet_size) => packet,
            () = packets.closed() => break,
            () = signals.killed.notified() => break,
        };
        let packet = match packet {
            Ok(Some(packet)) => packet,
            Ok(None) => break,
            Err(error) => {
                log::info!("reading a packet: {error}");
                break;
            }
        };
        if packet.kind == kind::ATTENTION {
            signals.attentions.fetch_add(1, Ordering::SeqCst);
            interrupt();
        } else if !packet.is_last() && packet.payload.len() + HEADER != packet_size {
            // [MS-TDS] 2.2.3.1.3: every packet but the last is exactly as large as was negotiated.
            log::info!("a packet of {} bytes inside a message", packet.payload.len() + HEADER);
            break;
        }
        if packets.send(packet).await.is_err() {
            break;
        }
    }
    signals.hang_up();
    interrupt();
}

/// Writes what comes until the session drops its end, then closes the stream.
pub async fn pump_out(
    mut stream: impl AsyncWrite + Unpin,
    mut bytes: mpsc::Receiver<Vec<u8>>,
    signals: Arc<Signals>,
    interrupt: impl Fn(),
) {
    while let Some(bytes) = bytes.recv().await {
        let written = async {
            stream.write_all(&bytes).await?;
            stream.flush().await
        };
        if let Err(error) = written.await {
            log::info!("writing a reply: {error}");
            signals.hang_up();
            interrupt();
            return;
        }
    }
    // The client may have closed first.
    stream.shutdown().await.ok();
}
