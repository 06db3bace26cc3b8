//! What goes out on a stream: whole messages only.

use std::io::{self, IoSlice};

use floe_stun::ChannelData;

/// More parts than a header, some data and padding have, and some to spare.
const MAX_PARTS: usize = 8;
const PADDING: [u8; 3] = [0; 3];

/// The parts of a message with its padding behind them (RFC 8656 12.5), as they are written.
pub(super) struct Outgoing<'a> {
    parts: [IoSlice<'a>; MAX_PARTS],
    used: usize,
    length: usize,
}

impl<'a> Outgoing<'a> {
    /// # Errors
    /// It is no whole message: on a stream everything behind it would be lost. Or it comes in more than 7 parts.
    pub(super) fn new(message: &[IoSlice<'a>]) -> io::Result<Self> {
        let length = message.iter().map(|part| part.len()).sum::<usize>();
        if announced(message) != Some(length) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "neither STUN nor ChannelData"));
        }
        let padding = ChannelData::padding(length);
        let padding_part = PADDING.get(..padding).map(IoSlice::new);
        let mut parts = [IoSlice::new(&[]); MAX_PARTS];
        let filled = message.iter().filter(|part| !part.is_empty()).copied().chain(padding_part);
        let used = filled.clone().count();
        if used > MAX_PARTS {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many parts"));
        }
        parts.iter_mut().zip(filled).for_each(|(place, part)| *place = part);
        Ok(Self { parts, used, length: length + padding })
    }

    pub(super) fn parts(&self) -> &[IoSlice<'a>] {
        self.parts.get(..self.used).unwrap_or_default()
    }

    pub(super) const fn length(&self) -> usize {
        self.length
    }

    /// Keeps what is left of it when so many bytes have gone.
    pub(super) fn rest_into(&self, gone: usize, kept: &mut Vec<u8>) {
        let bytes = self.parts().iter().flat_map(|part| part.iter());
        kept.extend(bytes.skip(gone));
    }
}

/// How long a message says it is, by its first four bytes: STUN by RFC 8489 5, ChannelData by RFC 8656 12.4.
fn announced(parts: &[IoSlice<'_>]) -> Option<usize> {
    let mut bytes = parts.iter().flat_map(|part| part.iter()).copied();
    let [first, _, l0, l1] = [bytes.next()?, bytes.next()?, bytes.next()?, bytes.next()?];
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    match first {
        0x00..=0x3F => Some(20 + length),
        0x40..=0x4F => Some(4 + length),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(parts: &[&[u8]]) -> io::Result<Vec<u8>> {
        let slices: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
        let outgoing = Outgoing::new(&slices)?;
        let mut all = Vec::new();
        outgoing.rest_into(0, &mut all);
        assert_eq!(all.len(), outgoing.length());
        Ok(all)
    }

    #[test]
    fn channel_data_is_padded_and_stun_is_not() {
        assert_eq!(whole(&[&[0x40, 0, 0, 5], b"hel", b"", b"lo"]).unwrap(), b"\x40\0\0\x05hello\0\0\0");
        assert_eq!(whole(&[&[0x40, 0, 0], &[4], b"four"]).unwrap(), b"\x40\0\0\x04four");
        let stun = [&[0, 1, 0, 0][..], &[0x21, 0x12, 0xA4, 0x42], &[7; 12]];
        assert_eq!(whole(&stun).unwrap(), stun.concat());
    }

    #[test]
    fn what_would_put_the_stream_out_of_step_is_refused() {
        let refused: [&[&[u8]]; 5] = [
            &[],
            &[&[0x40, 0, 0]],
            &[&[0x40, 0, 0, 5], b"hell"],
            &[&[0x40, 0, 0, 5], b"hello!"],
            &[b"data!"],
        ];
        for parts in refused {
            assert_eq!(whole(parts).unwrap_err().kind(), io::ErrorKind::InvalidInput, "{parts:?}");
        }
        assert!(whole(&[&[0x40, 0, 0, 8], b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8"]).is_err());
    }

    #[test]
    fn the_rest_is_what_has_not_gone() {
        let slices = [IoSlice::new(&[0x40, 0, 0, 5]), IoSlice::new(b"hello")];
        let outgoing = Outgoing::new(&slices).unwrap();
        let mut kept = Vec::new();
        outgoing.rest_into(6, &mut kept);
        assert_eq!(kept, b"llo\0\0\0");
    }
}
