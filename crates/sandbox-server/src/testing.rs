//! What the unit tests of this module share.
use super::input::Input;
use super::transport::Packet;
use replica_core::tds::packet::kind::BULK_LOAD;
use tokio::sync::mpsc;

/// The captured load of three rows (docs/WIRE.md, "Captured packets"), without its packet header:
/// (3, 'alpha', 0102), (4, NULL, empty), (5, 'Ω', NULL).
pub fn three_rows() -> Vec<u8> {
    let digits = "810300000000000400260402690064000000\
        00000500e720000904d00034056c006100620065006c00000000000500a51000077000610079006c006f0061006400d104030000000a00\
        61006c0070006800610002000102d10404000000ffff0000d104050000000200a903fffffd000000000000000000000000";
    let digit = |byte: u8| (byte as char).to_digit(16).expect("a digit") as u8;
    digits.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// A bulk load message in packets with payloads of so many bytes: its first packet, and the rest to be read.
pub fn in_packets(message: &[u8], size: usize) -> (Packet, Input) {
    let packets = message.chunks(size).count();
    let (sender, receiver) = mpsc::channel(packets);
    for (number, payload) in (1..).zip(message.chunks(size)) {
        let status = u8::from(number == packets);
        let packet = Packet { kind: BULK_LOAD, status, payload: payload.to_vec() };
        sender.blocking_send(packet).expect("there is room");
    }
    let mut input = Input::new(receiver, Default::default());
    let first = input.next_packet().expect("a packet");
    (first, input)
}
