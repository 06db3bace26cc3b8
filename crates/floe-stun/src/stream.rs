//! STUN and ChannelData on a stream to a STUN or TURN server (RFC 8489 6.2.2, RFC 8656 12.5).
//!
//! Each message says itself how long it is, and ChannelData is padded to a multiple of 4. What ICE speaks over TCP has
//! its length before it: that is [`framing`](crate::framing).

use std::fmt;

use crate::{
    channel::{CHANNEL_HEADER_LENGTH, ChannelData},
    header::{HEADER_LENGTH, MAGIC_COOKIE},
};

/// How many zero bytes follow this message on a stream, so that the next one starts at a multiple of 4 (RFC 8656 12.5).
///
/// None follow STUN, which is padded within. Over datagrams nothing needs to follow anything.
///
/// ```
/// use floe_stun::stream::padding;
///
/// assert_eq!(padding(&[0x40, 0x00, 0, 5, b'h', b'e', b'l', b'l', b'o']), 3);
/// ```
#[must_use]
pub const fn padding(message: &[u8]) -> usize {
    ChannelData::padding(message.len())
}

/// Puts the messages together that a server sends over TCP or TLS, in whatever pieces they come.
///
/// Sans-IO: [`extend`](Self::extend) by what was read, then take [`next`](Self::next) until there is none; at the end
/// of the stream ask [`end`](Self::end).
///
/// It holds what was given to it and not yet taken, and never makes room for what is only announced. Who takes all
/// messages after each read thus has it hold less than one message, 65,555 bytes, and what the last read gave.
///
/// ```
/// use floe_stun::stream::{StreamDecoder, StreamError};
///
/// let mut decoder = StreamDecoder::new();
/// decoder.extend(&[0x40, 0x00, 0, 5, b'h', b'e']);
/// assert_eq!(decoder.next()?, None);
/// decoder.extend(b"llo\0\0\0");
/// assert_eq!(decoder.next()?, Some(&[0x40, 0x00, 0, 5, b'h', b'e', b'l', b'l', b'o'][..]));
/// assert_eq!(decoder.next()?, None);
/// assert_eq!(decoder.end(), Ok(()));
/// # Ok::<(), StreamError>(())
/// ```
#[derive(Clone, Default)]
pub struct StreamDecoder {
    buffer: Vec<u8>,
    /// So much of the buffer was taken.
    taken: usize,
    /// So much padding is still to come.
    padding: usize,
    broken: Option<StreamError>,
}

impl StreamDecoder {
    /// A decoder for a new stream.
    #[must_use]
    pub const fn new() -> Self {
        Self { buffer: Vec::new(), taken: 0, padding: 0, broken: None }
    }

    /// Takes what was read from the stream. After an error of [`next`](Self::next) it is dropped.
    pub fn extend(&mut self, bytes: &[u8]) {
        if self.broken.is_some() {
            return;
        }
        self.buffer.drain(..self.taken);
        self.taken = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole message, without the padding that follows it; `None` until more was read.
    ///
    /// It comes as soon as its last byte is there: nobody has to wait for the padding.
    ///
    /// # Errors
    /// What follows is no message. The stream cannot be followed any further: close the connection. The error stays.
    #[allow(
        clippy::should_implement_trait,
        reason = "what it gives borrows from the decoder, as no iterator's does"
    )]
    pub fn next(&mut self) -> Result<Option<&[u8]>, StreamError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        self.skip_padding();
        let length = message_length(self.rest()).inspect_err(|error| {
            self.broken = Some(*error);
            self.buffer = Vec::new();
            self.taken = 0;
        })?;
        let start = self.taken;
        let end = start + length.unwrap_or(usize::MAX - start);
        let Some(message) = self.buffer.get(start..end) else { return Ok(None) };
        self.taken = end;
        self.padding = padding(message);
        Ok(Some(message))
    }

    /// Whether the stream may end here.
    ///
    /// That the padding of the last message is missing does not matter.
    ///
    /// # Errors
    /// It ends within a message, or had an error before.
    pub fn end(&self) -> Result<(), StreamError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        match self.rest().len().saturating_sub(self.padding) {
            0 => Ok(()),
            present => Err(StreamError::Cut { present }),
        }
    }

    fn skip_padding(&mut self) {
        let skipped = self.padding.min(self.rest().len());
        self.taken += skipped;
        self.padding -= skipped;
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.taken..).unwrap_or_default()
    }
}

impl fmt::Debug for StreamDecoder {
    /// Shows how much waits, and not what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamDecoder({} bytes, {:?})", self.rest().len(), self.broken)
    }
}

/// How long the message is that starts here, without padding; `None` where too little is there to tell.
fn message_length(bytes: &[u8]) -> Result<Option<usize>, StreamError> {
    let Some(&first) = bytes.first() else { return Ok(None) };
    let is_channel = match first {
        0x00..=0x3F => false,
        // RFC 8656 12: the numbers of channels. What RFC 5766 had above them no server of ours can use, for it is the
        // client that chooses.
        0x40..=0x4F => true,
        _ => return Err(StreamError::FirstByte(first)),
    };
    let Some(&[_, _, l0, l1]) = bytes.first_chunk() else { return Ok(None) };
    let length = u16::from_be_bytes([l0, l1]);
    if is_channel {
        return Ok(Some(CHANNEL_HEADER_LENGTH + usize::from(length)));
    }
    if !length.is_multiple_of(4) {
        return Err(StreamError::UnalignedLength(length));
    }
    let cookie = bytes.get(4..).and_then(|rest| rest.first_chunk()).map(|cookie| u32::from_be_bytes(*cookie));
    match cookie {
        Some(cookie) if cookie != MAGIC_COOKIE => Err(StreamError::Cookie(cookie)),
        _ => Ok(Some(HEADER_LENGTH + usize::from(length))),
    }
}

/// Why a stream cannot be followed any further: close the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// Neither STUN nor ChannelData starts so: another protocol, or the peer lost count.
    #[error("a first byte of {0:#04x} is neither STUN nor ChannelData")]
    FirstByte(u8),
    /// A STUN message has no such length: another protocol, or the peer lost count.
    #[error("a length of {0} is no multiple of 4")]
    UnalignedLength(u16),
    /// The cookie is another: another protocol, or the peer lost count.
    #[error("{0:#010x} is not the magic cookie")]
    Cookie(u32),
    /// The stream ended within a message, of which so many bytes came: the server broke off, or something on the way did.
    #[error("the stream ended {present} bytes into a message")]
    Cut {
        /// How many bytes of it came.
        present: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ChannelNumber, Class, Message, MessageWriter, Method, TransactionId, attribute::Software};

    /// Gives the stream in these pieces; gives what comes out, and how it ends.
    fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, Result<(), StreamError>) {
        let mut decoder = StreamDecoder::new();
        let mut messages = Vec::new();
        for piece in pieces {
            decoder.extend(piece);
            while let Some(message) = decoder.next().unwrap() {
                messages.push(message.to_vec());
            }
        }
        (messages, decoder.end())
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

    fn channel(data: &[u8]) -> Vec<u8> {
        let mut buffer = vec![0; data.len() + 4];
        let written = ChannelData { channel: ChannelNumber::MAX, data }.write(&mut buffer);
        assert_eq!(written, Some(buffer.len()));
        buffer
    }

    fn on_stream(messages: &[Vec<u8>]) -> Vec<u8> {
        let padded = |message: &Vec<u8>| [&message[..], &[0; 3][..padding(message)]].concat();
        messages.iter().flat_map(padded).collect()
    }

    // proves: 8489-6.2.2-b
    // proves: 8656-12.5-a
    #[test]
    fn stun_and_padded_channel_data_survive_every_split_and_over_datagrams_padding_is_optional() {
        for length in 0..=8 {
            let data = &b"01234567"[..length];
            let sent = channel(data);
            let messages = [stun("x"), sent.clone(), sent.clone(), stun("")];
            let stream = on_stream(&messages);
            assert!(stream.len().is_multiple_of(4));
            for first in 0..=stream.len() {
                for second in first..=stream.len() {
                    let pieces = [&stream[..first], &stream[first..second], &stream[second..]];
                    assert_eq!(decode(pieces), (messages.to_vec(), Ok(())), "cut at {first} and {second}");
                }
            }
            assert_eq!(decode(stream.chunks(1)), (messages.to_vec(), Ok(())));

            // The length counts the data alone, and a datagram may have the padding or not.
            let expected = ChannelData { channel: ChannelNumber::MAX, data };
            assert_eq!(ChannelData::parse(&sent), Ok(expected));
            assert_eq!(ChannelData::parse(&on_stream(&[sent])), Ok(expected));
        }
    }

    #[test]
    fn a_message_comes_before_its_padding_and_a_stream_that_ends_within_one_says_so() {
        let first = channel(b"0");
        let stream = on_stream(&[first.clone(), stun("abc")]);
        for end in 0..=stream.len() {
            let (messages, ended) = decode([&stream[..end]]);
            let whole = usize::from(end >= first.len()) + usize::from(end == stream.len());
            assert_eq!(messages.len(), whole, "{end} bytes");
            let expected = match end {
                0 | 5..=8 => Ok(()),
                1..=4 => Err(StreamError::Cut { present: end }),
                _ if end == stream.len() => Ok(()),
                _ => Err(StreamError::Cut { present: end - 8 }),
            };
            assert_eq!(ended, expected, "{end} bytes");
        }
    }

    #[test]
    fn messages_of_the_greatest_length_come_out_whole() {
        let longest = channel(&vec![9; 65_535]);
        let messages = [longest.clone(), longest, stun("x")];
        assert_eq!(decode(on_stream(&messages).chunks(1000)), (messages.to_vec(), Ok(())));
    }

    #[test]
    fn what_is_announced_takes_no_room_before_it_comes() {
        let mut decoder = StreamDecoder::new();
        for header in [[0x40, 0, 0xFF, 0xFF], [0x00, 0x01, 0xFF, 0xFC]] {
            decoder = StreamDecoder::new();
            decoder.extend(&header);
            assert_eq!(decoder.next(), Ok(None));
            assert!(decoder.buffer.capacity() < 64);
        }
        assert_eq!(decoder.end(), Err(StreamError::Cut { present: 4 }));

        // Nor do a million messages that were taken.
        let mut decoder = StreamDecoder::new();
        let read = on_stream(&[channel(b"01234567"), stun("abc")]);
        for _ in 0..100_000 {
            decoder.extend(&read[..13]);
            decoder.extend(&read[13..]);
            assert!(decoder.next().unwrap().is_some() && decoder.next().unwrap().is_some());
            assert_eq!(decoder.next(), Ok(None));
        }
        assert!(decoder.buffer.capacity() < 4 * read.len());
    }

    #[test]
    fn what_is_neither_stun_nor_channel_data_ends_the_stream_for_good() {
        let good = stun("x");
        let mut cookie = good.clone();
        cookie[7] ^= 1;
        let mut length = good.clone();
        length[3] ^= 2;
        let mut cases = vec![
            (vec![0xFF, 0, 0, 0], StreamError::FirstByte(0xFF)),
            (cookie, StreamError::Cookie(MAGIC_COOKIE ^ 1)),
            (length, StreamError::UnalignedLength(10)),
        ];
        cases.extend((0x50..=0xFF).map(|first| (vec![first], StreamError::FirstByte(first))));
        for (bad, error) in cases {
            let mut decoder = StreamDecoder::new();
            decoder.extend(&good);
            decoder.extend(&bad);
            assert_eq!(decoder.next(), Ok(Some(&good[..])));
            assert!(Message::parse(&good).is_ok());
            assert_eq!(decoder.next(), Err(error));
            decoder.extend(&good);
            assert_eq!(decoder.next(), Err(error), "there is no way back into step");
            assert_eq!((decoder.end(), decoder.buffer.capacity()), (Err(error), 0));
        }
        // And none of those that start one does.
        for first in 0..0x50 {
            let mut decoder = StreamDecoder::new();
            decoder.extend(&[first]);
            assert_eq!(decoder.next(), Ok(None));
        }
    }

    #[test]
    fn debug_shows_how_much_waits_and_not_what() {
        let mut decoder = StreamDecoder::new();
        decoder.extend(b"\x40\0\0\x07secret");
        assert_eq!(format!("{decoder:?}"), "StreamDecoder(10 bytes, None)");
    }
}
