//! Any bytes as a stream of a STUN or TURN server, in pieces of any size: the pieces never matter, what comes out is what
//! went in, and nothing is kept that did not come.
#![no_main]

use floe_stun::stream::{StreamDecoder, StreamError, padding};
use floe_stun::{ChannelData, Message};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<u8>, &[u8])| {
    let (sizes, stream) = input;
    let whole = decode([stream]);
    assert_eq!(decode(pieces(&sizes, stream)), whole);
    assert_eq!(decode(stream.chunks(1)), whole);
    for message in &whole.0 {
        check_message(message);
    }
    accounts_for_every_byte(stream, &whole);
    channel_data(stream);
});

/// The messages, and how the stream ended.
type Decoded = (Vec<Vec<u8>>, Result<(), StreamError>);

fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Decoded {
    let mut decoder = StreamDecoder::new();
    let mut messages = Vec::new();
    for piece in pieces {
        decoder.extend(piece);
        loop {
            match decoder.next() {
                Ok(Some(message)) => messages.push(message.to_vec()),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(decoder.end(), Err(error));
                    return (messages, Err(error));
                }
            }
        }
    }
    (messages, decoder.end())
}

/// Cuts the stream into pieces of these sizes; what is left is the last.
fn pieces<'a>(sizes: &[u8], mut stream: &'a [u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for &size in sizes {
        let (piece, rest) = stream.split_at(usize::from(size).min(stream.len()));
        pieces.push(piece);
        stream = rest;
    }
    pieces.push(stream);
    pieces
}

/// It is one message, and says its length itself.
fn check_message(message: &[u8]) {
    match Message::parse(message) {
        Ok(parsed) => assert_eq!(parsed.as_bytes(), message),
        // Its frame was right; what is in it need not be.
        Err(_) if message[0] < 0x40 => assert!(message.len() >= 20 && padding(message) == 0),
        Err(_) => assert_eq!(ChannelData::parse(message).expect("ChannelData").data, &message[4..]),
    }
}

/// The messages and their padding are the beginning of the stream, and what is left is what its end says.
fn accounts_for_every_byte(stream: &[u8], (messages, end): &Decoded) {
    let mut rest = stream;
    for message in messages {
        rest = rest.strip_prefix(message.as_slice()).expect("it was in the stream");
        rest = &rest[padding(message).min(rest.len())..];
    }
    match end {
        Ok(()) => assert!(rest.is_empty()),
        Err(StreamError::Cut { present }) => assert_eq!(*present, rest.len()),
        Err(_) => assert!(!rest.is_empty()),
    }
}

/// ChannelData that is read is written as it was, but for the padding.
fn channel_data(bytes: &[u8]) {
    let Ok(read) = ChannelData::parse(bytes) else { return };
    let mut buffer = vec![0xAA; bytes.len() + 3];
    let length = read.write(&mut buffer).expect("it fits where it came from");
    assert_eq!(buffer[..length], bytes[..length]);
    let padded = read.write_padded(&mut buffer).expect("and so does its padding");
    assert_eq!(padded - length, padding(&buffer[..length]));
    assert_eq!(decode([&buffer[..padded]]), (vec![buffer[..length].to_vec()], Ok(())));
}
