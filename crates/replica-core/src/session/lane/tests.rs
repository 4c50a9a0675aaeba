use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::link::message;
use crate::tds::token::{Done, DoneKind};

/// Babelfish 4.3, which sends no descriptor when a batch begins a transaction.
#[tokio::test]
async fn a_transaction_is_open_though_no_descriptor_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let link = Link::Plain(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap());
    let mut lane = Lane::new(link, 4096, Duration::from_secs(60));
    let server = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut reply = Vec::new();
        Done { kind: DoneKind::Done, status: 0, command: 0, count: 0 }.encode(&mut reply);
        while message::read(&mut socket).await.unwrap().is_some() {
            message::write(&mut socket, kind::REPLY, &reply, 4096).await.unwrap();
        }
    };
    let client = async {
        lane.begin().await.unwrap();
        assert_eq!((lane.in_transaction(), lane.transaction()), (true, 0));
        lane.commit().await.unwrap();
        assert!(!lane.in_transaction());
        lane.begin().await.unwrap();
        lane.rollback().await.unwrap();
        assert!(!lane.in_transaction());
        drop(lane);
    };
    tokio::join!(server, client);
}
