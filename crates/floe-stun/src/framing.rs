//! Cutting a byte stream into the messages that were put into it, each with its length before it (RFC 4571).
//!
//! So ICE over TCP does (RFC 6544), with STUN and data alike. What a STUN or TURN server speaks over TCP has no such
//! lengths: that is [`stream`](crate::stream).

use std::fmt;

use bytes::{Buf as _, Bytes, BytesMut};

/// The two bytes before a message of this length; `None` above 65,535 bytes.
#[must_use]
pub fn length_prefix(length: usize) -> Option<[u8; 2]> {
    u16::try_from(length).ok().map(u16::to_be_bytes)
}

/// Puts messages together from what a stream gives, in whatever pieces it comes.
///
/// Sans-IO: [`push`](Self::push) what was read, then take [`next_frame`](Self::next_frame) until there is none.
///
/// ```
/// use floe_stun::framing::FrameDecoder;
///
/// let mut decoder = FrameDecoder::new();
/// decoder.push(&[0, 5, b'h', b'e']);
/// assert_eq!(decoder.next_frame(), None);
/// decoder.push(b"llo\x00");
/// assert_eq!(decoder.next_frame().as_deref(), Some(&b"hello"[..]));
/// assert_eq!(decoder.next_frame(), None);
/// ```
#[derive(Clone, Default)]
pub struct FrameDecoder {
    buffer: BytesMut,
}

impl FrameDecoder {
    /// A decoder for a new stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what was read from the stream.
    ///
    /// It keeps no more than one frame (64 KiB and its length) and what was pushed since frames were last taken.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message; `None` until more was read. A message without bytes is one, too (RFC 4571 2).
    pub fn next_frame(&mut self) -> Option<Bytes> {
        let prefix: &[u8; 2] = self.buffer.first_chunk()?;
        let length = usize::from(u16::from_be_bytes(*prefix));
        let start = prefix.len();
        if self.buffer.len() < start + length {
            return None;
        }
        self.buffer.advance(start);
        Some(self.buffer.split_to(length).freeze())
    }

    /// Whether the stream may end here: not in the middle of a message.
    #[must_use]
    pub fn is_between_frames(&self) -> bool {
        self.buffer.is_empty()
    }
}

impl fmt::Debug for FrameDecoder {
    /// Shows how much waits, and not what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FrameDecoder({} bytes)", self.buffer.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pushes the stream in these pieces; gives what comes out, and whether nothing is left over.
    fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Bytes>, bool) {
        let mut decoder = FrameDecoder::new();
        let mut frames = Vec::new();
        for piece in pieces {
            decoder.push(piece);
            frames.extend(std::iter::from_fn(|| decoder.next_frame()));
        }
        (frames, decoder.is_between_frames())
    }

    /// The frames as they stand on a stream.
    fn on_stream(frames: &[Vec<u8>]) -> Vec<u8> {
        let framed = |frame: &Vec<u8>| [&length_prefix(frame.len()).unwrap()[..], frame].concat();
        frames.iter().flat_map(framed).collect()
    }

    fn stun() -> Vec<u8> {
        let mut buffer = [0; 64];
        let id = crate::TransactionId::new([1; 12]);
        let writer =
            crate::MessageWriter::new(&mut buffer, crate::Class::Request, crate::Method::BINDING, id);
        let length = writer.and_then(crate::MessageWriter::fingerprint).unwrap().finish();
        buffer[..length].to_vec()
    }

    // proves: 8489-6.2.2-b
    #[test]
    fn stun_and_data_with_their_lengths_survive_every_split() {
        let frames = [stun(), vec![], b"application data".to_vec(), vec![0xFF], stun()];
        let stream = on_stream(&frames);
        for first in 0..=stream.len() {
            for second in first..=stream.len() {
                let pieces = [&stream[..first], &stream[first..second], &stream[second..]];
                let (decoded, whole) = decode(pieces);
                assert!(whole);
                assert_eq!(decoded, frames, "cut at {first} and {second}");
            }
        }
        assert_eq!(decode(stream.chunks(1)).0, frames);
        assert!(!decode([&stream[..stream.len() - 1]]).1);
    }

    #[test]
    fn frames_of_the_greatest_length_come_out_whole() {
        let frames = [vec![9; 65_535]];
        assert_eq!(decode(on_stream(&frames).chunks(1000)).0, frames);
        assert_eq!(length_prefix(65_536), None);
    }
}
