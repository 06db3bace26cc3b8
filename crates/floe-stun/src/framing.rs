//! Cutting a byte stream into the messages that were put into it (RFC 4571, RFC 8489 6.2.2, RFC 8656 12.5).

use std::fmt;

use bytes::{Buf as _, Bytes, BytesMut};

use crate::{
    channel::{CHANNEL_HEADER_LENGTH, ChannelData},
    header::{HEADER_LENGTH, MAGIC_COOKIE},
};

/// How messages follow each other on a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Each has its length in two bytes before it (RFC 4571): ICE over TCP (RFC 6544), STUN and data alike.
    Length,
    /// Each says itself how long it is: STUN, and ChannelData padded to 4 bytes. What a STUN or TURN server speaks.
    Stun,
}

/// The two bytes before a message of this length, with [`Framing::Length`]; `None` above 65,535 bytes.
#[must_use]
pub fn length_prefix(length: usize) -> Option<[u8; 2]> {
    u16::try_from(length).ok().map(u16::to_be_bytes)
}

/// Puts messages together from what a stream gives, in whatever pieces it comes.
///
/// Sans-IO: [`push`](Self::push) what was read, then take [`next_frame`](Self::next_frame) until there is none.
///
/// ```
/// use floe_stun::framing::{FrameDecoder, Framing};
///
/// let mut decoder = FrameDecoder::new(Framing::Length);
/// decoder.push(&[0, 5, b'h', b'e']);
/// assert_eq!(decoder.next_frame()?, None);
/// decoder.push(b"llo\x00");
/// assert_eq!(decoder.next_frame()?.as_deref(), Some(&b"hello"[..]));
/// assert_eq!(decoder.next_frame()?, None);
/// # Ok::<(), floe_stun::framing::FramingError>(())
/// ```
pub struct FrameDecoder {
    framing: Framing,
    buffer: BytesMut,
    broken: Option<FramingError>,
}

/// Where the next frame lies in the buffer.
struct Frame {
    /// Bytes before it that are not part of it.
    skip: usize,
    /// Its own bytes.
    length: usize,
}

impl FrameDecoder {
    /// A decoder for a new stream.
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        Self { framing, buffer: BytesMut::new(), broken: None }
    }

    /// Takes what was read from the stream.
    ///
    /// It keeps no more than one frame (64 KiB and its header) and what was pushed since frames were last taken.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.broken.is_none() {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next whole message; `None` until more was read. A message without bytes is one, too (RFC 4571 2).
    ///
    /// # Errors
    /// What follows is no message. The stream cannot be followed any further: close the connection. The error stays.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, FramingError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        let found = match self.framing {
            Framing::Length => Ok(length_frame(&self.buffer)),
            Framing::Stun => stun_frame(&self.buffer),
        };
        let frame = found.inspect_err(|error| {
            self.broken = Some(*error);
            self.buffer = BytesMut::new();
        })?;
        let Some(frame) = frame.filter(|frame| frame.skip + frame.length <= self.buffer.len()) else {
            return Ok(None);
        };
        self.buffer.advance(frame.skip);
        Ok(Some(self.buffer.split_to(frame.length).freeze()))
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
        let Self { framing, buffer, broken } = self;
        write!(f, "FrameDecoder({framing:?}, {} bytes, {broken:?})", buffer.len())
    }
}

fn length_frame(buffer: &[u8]) -> Option<Frame> {
    let prefix = buffer.first_chunk()?;
    Some(Frame { skip: prefix.len(), length: u16::from_be_bytes(*prefix).into() })
}

/// The two top bits tell STUN (00) from ChannelData (01); nothing else is spoken here.
fn stun_frame(buffer: &[u8]) -> Result<Option<Frame>, FramingError> {
    let Some(&[first, _, l0, l1]) = buffer.first_chunk() else {
        return buffer.first().map_or(Ok(None), |&first| check_first(first).map(|()| None));
    };
    check_first(first)?;
    let length = u16::from_be_bytes([l0, l1]);
    if first & 0xC0 == 0x40 {
        let padded = usize::from(length) + ChannelData::padding(length.into());
        return Ok(Some(Frame { skip: 0, length: CHANNEL_HEADER_LENGTH + padded }));
    }
    if !length.is_multiple_of(4) {
        return Err(FramingError::UnalignedLength(length));
    }
    let cookie =
        buffer.get(4..).and_then(|rest| rest.first_chunk()).map(|cookie| u32::from_be_bytes(*cookie));
    if let Some(cookie) = cookie.filter(|cookie| *cookie != MAGIC_COOKIE) {
        return Err(FramingError::Cookie(cookie));
    }
    Ok(Some(Frame { skip: 0, length: HEADER_LENGTH + usize::from(length) }))
}

fn check_first(first: u8) -> Result<(), FramingError> {
    if first < 0x80 { Ok(()) } else { Err(FramingError::FirstByte(first)) }
}

/// Why a stream cannot be followed any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FramingError {
    /// Neither STUN nor ChannelData starts so: another protocol, or the peer lost count.
    #[error("a first byte of {0:#04x} is neither STUN nor ChannelData")]
    FirstByte(u8),
    /// A STUN message has no such length: another protocol, or the peer lost count.
    #[error("a length of {0} is no multiple of 4")]
    UnalignedLength(u16),
    /// The cookie is another: another protocol, or the peer lost count.
    #[error("{0:#010x} is not the magic cookie")]
    Cookie(u32),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ChannelNumber, Class, Message, MessageWriter, Method, TransactionId, attribute::Software};

    /// Pushes the stream in these pieces; gives what comes out, and whether nothing is left over.
    fn decode<'a>(framing: Framing, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Bytes>, bool) {
        let mut decoder = FrameDecoder::new(framing);
        let mut frames = Vec::new();
        for piece in pieces {
            decoder.push(piece);
            while let Some(frame) = decoder.next_frame().unwrap() {
                frames.push(frame);
            }
        }
        (frames, decoder.is_between_frames())
    }

    /// The frames come out whole however the stream is cut: at any point, at any two points, and byte by byte.
    fn assert_every_split(framing: Framing, stream: &[u8], expected: &[Vec<u8>]) {
        for first in 0..=stream.len() {
            for second in first..=stream.len() {
                let pieces = [&stream[..first], &stream[first..second], &stream[second..]];
                let (frames, whole) = decode(framing, pieces);
                assert!(whole);
                assert_eq!(frames, expected, "cut at {first} and {second}");
            }
        }
        assert_eq!(decode(framing, stream.chunks(1)).0, expected);
    }

    fn stun(software: &str) -> Vec<u8> {
        let mut buffer = [0; 256];
        let length =
            MessageWriter::new(&mut buffer, Class::Indication, Method::BINDING, TransactionId::new([1; 12]))
                .and_then(|writer| writer.attribute(&Software::new(software)))
                .unwrap()
                .finish();
        buffer[..length].to_vec()
    }

    #[test]
    fn length_prefixed_messages_survive_every_split() {
        let frames = [stun("a"), vec![], b"application data".to_vec(), vec![0xFF], stun("bcd")];
        let stream: Vec<u8> = frames
            .iter()
            .flat_map(|frame| [&length_prefix(frame.len()).unwrap()[..], frame].concat())
            .collect();
        assert_every_split(Framing::Length, &stream, &frames);
    }

    // proves: 8656-12.5-a
    #[test]
    fn stun_and_padded_channel_data_survive_every_split_and_over_datagrams_padding_is_optional() {
        for length in 0..=8 {
            let data = &b"01234567"[..length];
            let sent = ChannelData { channel: ChannelNumber::MIN, data };
            let mut buffer = [0xFF; 64];
            let padded = sent.write_padded(&mut buffer).unwrap();
            assert_eq!((padded, padded % 4), (4 + length.next_multiple_of(4), 0));
            let channel = buffer[..padded].to_vec();
            let frames = [stun("x"), channel.clone(), channel.clone(), stun("")];
            assert_every_split(Framing::Stun, &frames.concat(), &frames);

            // The length counts the data alone, and a datagram may have the padding or not.
            assert_eq!(ChannelData::parse(&channel), Ok(sent));
            assert_eq!(ChannelData::parse(&channel[..4 + length]), Ok(sent));
        }
    }

    #[test]
    fn frames_of_the_greatest_length_come_out_whole() {
        let data = vec![9; 65_535];
        let stream = [&length_prefix(data.len()).unwrap()[..], &data].concat();
        assert_eq!(decode(Framing::Length, stream.chunks(1000)).0, [&data[..]]);
        assert_eq!(length_prefix(65_536), None);

        let mut buffer = vec![0; 70_000];
        let padded =
            ChannelData { channel: ChannelNumber::MAX, data: &data }.write_padded(&mut buffer).unwrap();
        assert_eq!(decode(Framing::Stun, buffer[..padded].chunks(1000)).0, [&buffer[..padded]]);
    }

    #[test]
    fn what_is_neither_stun_nor_channel_data_ends_the_stream_for_good() {
        let good = stun("x");
        let mut cookie = good.clone();
        cookie[7] ^= 1;
        let mut length = good.clone();
        length[3] ^= 2;
        let cases = [
            (vec![0x80], FramingError::FirstByte(0x80)),
            (vec![0xFF, 0, 0, 0], FramingError::FirstByte(0xFF)),
            (cookie, FramingError::Cookie(MAGIC_COOKIE ^ 1)),
            (length, FramingError::UnalignedLength(10)),
        ];
        for (bad, error) in cases {
            let mut decoder = FrameDecoder::new(Framing::Stun);
            decoder.push(&good);
            decoder.push(&bad);
            assert_eq!(decoder.next_frame().unwrap().as_deref(), Some(&good[..]));
            assert!(Message::parse(&good).is_ok());
            assert_eq!(decoder.next_frame(), Err(error));
            decoder.push(&good);
            assert_eq!(decoder.next_frame(), Err(error), "there is no way back into step");
        }
    }
}
