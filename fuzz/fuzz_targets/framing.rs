//! Any bytes as a stream of messages with their lengths before them, in pieces of any size: the pieces never matter, and
//! what comes out is what went in.
#![no_main]

use floe_stun::framing::{FrameDecoder, length_prefix};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<u8>, &[u8])| {
    let (sizes, stream) = input;
    let whole = decode([stream]);
    assert_eq!(decode(pieces(&sizes, stream)), whole);
    assert_eq!(decode(stream.chunks(1)), whole);
    round_trip(pieces(&sizes, stream));
});

/// The frames, and whether nothing is left over.
fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, bool) {
    let mut decoder = FrameDecoder::new();
    let mut frames = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        while let Some(frame) = decoder.next_frame() {
            frames.push(frame.to_vec());
        }
    }
    (frames, decoder.is_between_frames())
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

/// Messages with their length before them come out again, empty ones too.
fn round_trip(messages: Vec<&[u8]>) {
    let mut stream = Vec::new();
    for message in &messages {
        let Some(prefix) = length_prefix(message.len()) else { return };
        stream.extend_from_slice(&prefix);
        stream.extend_from_slice(message);
    }
    assert_eq!(decode([stream.as_slice()]), (messages.iter().map(|m| m.to_vec()).collect(), true));
}
