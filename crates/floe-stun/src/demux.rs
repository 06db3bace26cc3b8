//! Which protocol a datagram belongs to, by its first byte (RFC 7983 7, RFC 9443 3).

/// What a datagram on a shared port claims to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// STUN, 0 to 3. [`Message::parse`](crate::Message::parse) has the last word.
    Stun,
    /// ZRTP, 16 to 19.
    Zrtp,
    /// DTLS, 20 to 63.
    Dtls,
    /// TURN ChannelData, 64 to 79. From anywhere but a TURN server that answered, it is QUIC (RFC 9443 3).
    Channel,
    /// QUIC, 80 to 127 and 192 to 255.
    Quic,
    /// RTP or RTCP, 128 to 191.
    Media,
    /// Nothing known: 4 to 15, or an empty datagram.
    Other,
}

/// Tells what the datagram claims to be.
#[must_use]
pub const fn classify(datagram: &[u8]) -> Kind {
    let Some(first) = datagram.first() else { return Kind::Other };
    match *first {
        0..=3 => Kind::Stun,
        4..=15 => Kind::Other,
        16..=19 => Kind::Zrtp,
        20..=63 => Kind::Dtls,
        64..=79 => Kind::Channel,
        80..=127 | 192..=255 => Kind::Quic,
        128..=191 => Kind::Media,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ChannelNumber;

    // proves: 8656-12-a
    #[test]
    fn all_256_first_bytes_fall_where_the_table_says() {
        let mut runs: Vec<(Kind, u8, u8)> = Vec::new();
        for first in 0..=255 {
            let kind = classify(&[first, 0xFF]);
            match runs.last_mut() {
                Some((last, _, end)) if *last == kind => *end = first,
                _ => runs.push((kind, first, first)),
            }
        }
        let expected = [
            (Kind::Stun, 0, 3),
            (Kind::Other, 4, 15),
            (Kind::Zrtp, 16, 19),
            (Kind::Dtls, 20, 63),
            (Kind::Channel, 64, 79),
            (Kind::Quic, 80, 127),
            (Kind::Media, 128, 191),
            (Kind::Quic, 192, 255),
        ];
        assert_eq!(runs, expected);

        // Every first byte of a channel number is a channel's, and no other.
        for number in 0..=u16::MAX {
            let is_channel = classify(&number.to_be_bytes()) == Kind::Channel;
            assert_eq!(ChannelNumber::new(number).is_some(), is_channel, "{number:#x}");
        }
    }

    #[test]
    fn an_empty_datagram_is_nothing_known() {
        assert_eq!(classify(&[]), Kind::Other);
    }
}
