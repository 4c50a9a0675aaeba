//! The whole client against a server that is made up.
use std::time::Duration;

use replica_core::config::Endpoint;
use replica_core::lane::Rows;
use replica_core::session::{Role, Session};
use replica_core::tds::packet::{HEADER, Header, frame, kind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

use crate::input::FuzzInput;
use crate::seeds;

/// A client that waits for longer hangs: the server hangs up when it has no more to say.
const LONGEST: Duration = Duration::from_secs(20);
/// So long the server waits for a request.
const PATIENCE: Duration = Duration::from_millis(100);

/// A byte of switches; then what the server answers, piece by piece.
pub fn client(bytes: &[u8]) {
    thread_local! {
        static RUNTIME: Runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    }
    RUNTIME.with(|runtime| {
        let done = runtime.block_on(async { tokio::time::timeout(LONGEST, converse(bytes)).await });
        assert!(done.is_ok(), "the client hangs");
    });
}

async fn converse(bytes: &[u8]) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let connection = format!("Server=127.0.0.1,{port};User Id=u;Password=p;Encrypt=false;Connect Timeout=10");
    let endpoint = Endpoint::from_connection_string(&connection).expect("a connection string");
    let served = async move {
        if let Ok((stream, _)) = listener.accept().await {
            serve(stream, bytes).await;
        }
    };
    let asked = async {
        // Whatever comes of it: it comes to an end.
        let _ = ask(&endpoint).await;
    };
    // A connection that is made anew finds nobody: the listener goes with the server.
    tokio::join!(served, asked);
}

async fn ask(endpoint: &Endpoint) -> replica_core::error::Result<()> {
    let mut session = Session::connect_once(endpoint, Role::Source).await?;
    let _ = session.query("SELECT name FROM sys.tables", &[]).await?;
    let _ = session.execute("UPDATE t SET n = 1").await?;
    let mut rows = Rows::open(session.lane()?, "SELECT * FROM t".to_owned()).await?;
    while let Some(block) = rows.next(Vec::new()).await? {
        assert!(block.bytes.len() < 64 << 20);
    }
    session.lane()?.batch("SELECT 1").await.map(drop)
}

async fn serve(mut stream: TcpStream, bytes: &[u8]) {
    let mut input = FuzzInput(bytes);
    let switches = input.byte();
    let (in_packets, size) = (switches & 1 == 0, if switches & 2 == 0 { 4096 } else { 512 });
    let mut answers = Vec::new();
    if switches & 4 == 0 {
        answers.extend([seeds::prelogin_answer(), seeds::login_answer()]);
    }
    while let Some(piece) = input.piece() {
        answers.push(piece.to_vec());
    }
    for answer in answers {
        // Who has only half of an answer waits for the rest of it.
        if !matches!(tokio::time::timeout(PATIENCE, request(&mut stream)).await, Ok(Some(()))) {
            return;
        }
        let mut packets = Vec::new();
        if in_packets {
            frame(kind::REPLY, &answer, size, &mut packets);
        } else {
            packets = answer;
        }
        if stream.write_all(&packets).await.is_err() {
            return;
        }
    }
    let _ = stream.shutdown().await;
}

/// Reads over a message; `None`: the client has gone.
async fn request(stream: &mut TcpStream) -> Option<()> {
    loop {
        let mut header = [0; HEADER];
        stream.read_exact(&mut header).await.ok()?;
        let header = Header::parse(header).ok()?;
        let mut payload = vec![0; usize::from(header.length).saturating_sub(HEADER)];
        stream.read_exact(&mut payload).await.ok()?;
        if header.is_last() {
            return Some(());
        }
    }
}
