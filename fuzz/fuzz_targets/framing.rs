//! Any bytes as a stream of framed messages, in pieces of any size: the pieces never matter, and what comes out is what
//! went in.
#![no_main]

use floe_stun::framing::{FrameDecoder, Framing, FramingError, length_prefix};
use floe_stun::{ChannelData, Message};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<u8>, &[u8])| {
    let (sizes, stream) = input;
    for framing in [Framing::Length, Framing::Stun] {
        let whole = decode(framing, [stream]);
        assert_eq!(decode(framing, pieces(&sizes, stream)), whole);
        assert_eq!(decode(framing, stream.chunks(1)), whole);
        for frame in &whole.0 {
            check_frame(framing, frame);
        }
    }
    channel_data(stream);
    round_trip(pieces(&sizes, stream));
});

/// The frames, and how the stream ended.
type Decoded = (Vec<Vec<u8>>, Result<(), FramingError>);

fn decode<'a>(framing: Framing, pieces: impl IntoIterator<Item = &'a [u8]>) -> Decoded {
    let mut decoder = FrameDecoder::new(framing);
    let mut frames = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame.to_vec()),
                Ok(None) => break,
                Err(error) => return (frames, Err(error)),
            }
        }
    }
    (frames, Ok(()))
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

/// A frame of a server's stream holds one message, and says its length itself.
fn check_frame(framing: Framing, frame: &[u8]) {
    if framing == Framing::Length {
        return;
    }
    match Message::parse(frame) {
        Ok(message) => assert_eq!(message.as_bytes(), frame),
        Err(_) => assert!(frame.len() >= 4 && frame[0] < 0x80),
    }
}

/// ChannelData that is read is written as it was, but for the padding.
fn channel_data(bytes: &[u8]) {
    let Ok(read) = ChannelData::parse(bytes) else { return };
    let mut buffer = vec![0xAA; bytes.len() + 3];
    let length = read.write(&mut buffer).expect("it fits where it came from");
    assert_eq!(buffer[..length], bytes[..length]);
    let padded = read.write_padded(&mut buffer).expect("and so does its padding");
    assert!(padded.is_multiple_of(4) && padded - length < 4);
    let (frames, end) = decode(Framing::Stun, [&buffer[..padded]]);
    assert_eq!((frames.as_slice(), end), ([buffer[..padded].to_vec()].as_slice(), Ok(())));
}

/// Messages with their length before them come out again, empty ones too.
fn round_trip(messages: Vec<&[u8]>) {
    let mut stream = Vec::new();
    for message in &messages {
        let Some(prefix) = length_prefix(message.len()) else { return };
        stream.extend_from_slice(&prefix);
        stream.extend_from_slice(message);
    }
    assert_eq!(
        decode(Framing::Length, [stream.as_slice()]),
        (messages.iter().map(|m| m.to_vec()).collect(), Ok(()))
    );
}
