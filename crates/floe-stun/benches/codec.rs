//! What one message costs: reading and verifying it, writing it, and the cryptography alone as the limit.
//!
//! `cargo bench -p floe-stun --bench codec`

use divan::{Bencher, black_box};
use floe_stun::{
    Class, Key, Message, MessageWriter, Method, TransactionId, WriteError,
    attribute::{AttributeType, IceControlling, Priority, Username},
    rules,
};

fn main() {
    divan::main();
}

const ID: TransactionId = TransactionId::new([4; 12]);

fn key() -> Key {
    Key::short_term("VOkJxbRl1RmTxUk/WvJxBt")
}

/// A connectivity check of 100 bytes.
fn write(buffer: &mut [u8], key: &Key) -> Result<usize, WriteError> {
    let writer = MessageWriter::new(buffer, Class::Request, Method::BINDING, ID)?
        .attribute(&Username::new("evtj:h6vY"))?
        .attribute(&Priority::new(0x6e00_01ff))?
        .attribute(&IceControlling::new(0x932f_f9b1_5126_3b36))?
        .integrity(key)?
        .fingerprint()?;
    Ok(writer.finish())
}

fn request() -> Vec<u8> {
    let mut buffer = vec![0; 548];
    let length = write(&mut buffer, &key()).expect("it fits");
    buffer.truncate(length);
    buffer
}

#[divan::bench]
fn write_request(bencher: Bencher<'_, '_>) {
    let (key, mut buffer) = (key(), [0; 548]);
    bencher.bench_local(|| write(black_box(&mut buffer), &key));
}

#[divan::bench]
fn parse(bencher: Bencher<'_, '_>) {
    let request = request();
    bencher.bench_local(|| Message::parse(black_box(&request)).is_ok());
}

#[divan::bench]
fn parse_and_verify(bencher: Bencher<'_, '_>) {
    let (key, request) = (key(), request());
    bencher.bench_local(|| {
        let message = Message::parse(black_box(&request)).ok()?;
        message.verify_fingerprint().ok()?;
        message.verify_integrity(&key).ok()
    });
}

/// As a peer does with every check: all of it, attributes and rules included.
#[divan::bench]
fn check_and_answer(bencher: Bencher<'_, '_>) {
    let (key, request, mut buffer) = (key(), request(), [0; 548]);
    let source = "192.0.2.1:32853".parse().expect("an address");
    bencher.bench_local(|| {
        let message = Message::parse(black_box(&request)).ok()?;
        message.verify_fingerprint().ok()?;
        let known = |name: &str| name.starts_with("evtj:").then_some(&key);
        let integrity = rules::check_request(&message, AttributeType::ICE, known).ok()?;
        let priority = message.attribute::<Priority>().ok()??;
        let role = message.attribute::<IceControlling>().ok()??;
        black_box((priority, role));
        rules::write_success(black_box(&mut buffer), &message, source, Some((integrity, &key))).ok()
    });
}

/// The limit: HMAC-SHA1 over the 68 bytes it covers, with the states made beforehand, and CRC-32 over the message.
#[divan::bench]
fn limit_of_verifying(bencher: Bencher<'_, '_>) {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let hmac = Hmac::<sha1::Sha1>::new_from_slice(b"VOkJxbRl1RmTxUk/WvJxBt").expect("any length");
    let request = request();
    let (covered, _) = request.split_at(68);
    bencher.bench_local(|| {
        let mut mac = hmac.clone();
        mac.update(black_box(covered));
        (mac.finalize().into_bytes(), crc32fast::hash(black_box(&request)))
    });
}
