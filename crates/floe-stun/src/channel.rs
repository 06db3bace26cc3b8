//! ChannelData: what a TURN server relays with four bytes before it (RFC 8656 12).

use std::fmt;

/// Bytes of the header before the data.
pub const CHANNEL_HEADER_LENGTH: usize = 4;

/// The number of a TURN channel: 0x4000 to 0x4FFF (RFC 8656 12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelNumber(u16);

impl ChannelNumber {
    /// The smallest.
    pub const MIN: Self = Self(0x4000);
    /// The largest.
    pub const MAX: Self = Self(0x4FFF);

    /// The channel of this number; `None` outside the range.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if number >= Self::MIN.0 && number <= Self::MAX.0 { Some(Self(number)) } else { None }
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

/// Application data on a channel, borrowed. `Debug` shows its length only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ChannelData<'a> {
    /// The channel, which stands for the peer.
    pub channel: ChannelNumber,
    /// What the peer sent or shall get; it may be empty.
    pub data: &'a [u8],
}

impl<'a> ChannelData<'a> {
    /// Reads a datagram, or a frame of a stream. What follows the data is padding.
    ///
    /// # Errors
    /// It is no ChannelData, or shorter than it says: drop it (RFC 8656 12.6).
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ChannelDataError> {
        let (&[n0, n1, l0, l1], rest) = bytes
            .split_first_chunk()
            .ok_or(ChannelDataError::TooShort { expected: 4, actual: bytes.len() })?;
        let number = u16::from_be_bytes([n0, n1]);
        let channel = ChannelNumber::new(number).ok_or(ChannelDataError::Number(number))?;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let expected = CHANNEL_HEADER_LENGTH + length;
        let data = rest.get(..length).ok_or(ChannelDataError::TooShort { expected, actual: bytes.len() })?;
        Ok(Self { channel, data })
    }

    /// The four bytes to put before so much data; `None` above 65,535 bytes.
    ///
    /// For data that has room before it, so that nothing is copied.
    #[must_use]
    pub fn header(channel: ChannelNumber, length: usize) -> Option<[u8; CHANNEL_HEADER_LENGTH]> {
        let [l0, l1] = u16::try_from(length).ok()?.to_be_bytes();
        let [n0, n1] = channel.0.to_be_bytes();
        Some([n0, n1, l0, l1])
    }

    /// How many zero bytes follow so much data on a stream (RFC 8656 12.5); over datagrams none need to.
    #[must_use]
    pub const fn padding(length: usize) -> usize {
        length.wrapping_neg() % 4
    }

    /// Writes it for a datagram, without padding, and says how long it is; `None` where the buffer is too small or
    /// the data longer than 65,535 bytes.
    #[must_use]
    pub fn write(&self, buffer: &mut [u8]) -> Option<usize> {
        let header = Self::header(self.channel, self.data.len())?;
        let (place, rest) = buffer.split_first_chunk_mut()?;
        *place = header;
        rest.get_mut(..self.data.len())?.copy_from_slice(self.data);
        Some(CHANNEL_HEADER_LENGTH + self.data.len())
    }

    /// Writes it for a stream, padded to a multiple of 4 (RFC 8656 12.5), and says how long it is; `None` as in
    /// [`write`](Self::write).
    #[must_use]
    pub fn write_padded(&self, buffer: &mut [u8]) -> Option<usize> {
        let length = self.write(buffer)?;
        let end = length + Self::padding(self.data.len());
        buffer.get_mut(length..end)?.fill(0);
        Some(end)
    }
}

impl fmt::Debug for ChannelData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChannelData({:#06x}, {} bytes)", self.channel.0, self.data.len())
    }
}

/// Why bytes are no ChannelData.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelDataError {
    /// The datagram was cut.
    #[error("{actual} bytes where ChannelData needs {expected}")]
    TooShort {
        /// What header and data need.
        expected: usize,
        /// What is there.
        actual: usize,
    },
    /// Not a channel's number: another protocol, or from the reserved range.
    #[error("{0:#06x} is no channel number")]
    Number(u16),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_round_trips_with_and_without_padding() {
        let data = [7; 70_000];
        let mut buffer = vec![0xFF; 70_000];
        for length in (0..100).chain(65_500..=65_535) {
            let sent = ChannelData { channel: ChannelNumber::MAX, data: &data[..length] };
            let plain = sent.write(&mut buffer).unwrap();
            assert_eq!((plain, ChannelData::parse(&buffer[..plain])), (length + 4, Ok(sent)));

            let padded = sent.write_padded(&mut buffer).unwrap();
            assert_eq!((padded % 4, padded - plain), (0, ChannelData::padding(length)));
            assert_eq!(ChannelData::parse(&buffer[..padded]), Ok(sent));
            assert!(buffer[plain..padded].iter().all(|&byte| byte == 0));
        }
        let too_long = ChannelData { channel: ChannelNumber::MIN, data: &data[..65_536] };
        assert_eq!(too_long.write(&mut buffer), None);
        let sent = ChannelData { channel: ChannelNumber::MIN, data: b"abcde" };
        assert_eq!((sent.write(&mut [0; 8]), sent.write(&mut [0; 9])), (None, Some(9)));
        assert_eq!((sent.write_padded(&mut [0; 11]), sent.write_padded(&mut [0; 12])), (None, Some(12)));
    }

    #[test]
    fn a_datagram_shorter_than_it_says_is_refused_at_every_length() {
        let whole = [0x40, 0x00, 0, 5, 1, 2, 3, 4, 5];
        for length in 0..whole.len() {
            let expected = if length < 4 { 4 } else { 9 };
            let refused = ChannelDataError::TooShort { expected, actual: length };
            assert_eq!(ChannelData::parse(&whole[..length]), Err(refused));
        }
    }

    #[test]
    fn only_0x4000_to_0x4fff_are_channels() {
        for number in 0..=u16::MAX {
            let [n0, n1] = number.to_be_bytes();
            let parsed = ChannelData::parse(&[n0, n1, 0, 0]).map(|parsed| parsed.channel.get());
            let expected = if (0x4000..=0x4FFF).contains(&number) {
                Ok(number)
            } else {
                Err(ChannelDataError::Number(number))
            };
            assert_eq!(parsed, expected);
        }
    }
}
