//! A received message, borrowed (RFC 8489 5, 6.3, 14).

use std::fmt;

use subtle::ConstantTimeEq as _;

use crate::{
    attribute::{Attribute, AttributeError, AttributeType, RawAttribute},
    header::{Class, HEADER_LENGTH, MAGIC_COOKIE, Method, TransactionId, split_message_type},
    key::Key,
};

/// What the CRC of FINGERPRINT is XORed with (RFC 8489 14.7).
pub(crate) const FINGERPRINT_XOR: u32 = 0x5354_554E;

/// A STUN message whose whole structure was checked: no accessor panics or allocates.
///
/// It shows only what may be believed: behind MESSAGE-INTEGRITY nothing but MESSAGE-INTEGRITY-SHA256 and
/// FINGERPRINT, behind MESSAGE-INTEGRITY-SHA256 nothing but FINGERPRINT (RFC 8489 9). That says nothing about who
/// sent it: ask [`verify_integrity`](Self::verify_integrity) before anything changes because of it.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    bytes: &'a [u8],
    header: &'a [u8; HEADER_LENGTH],
    /// Where the attributes end that are neither integrity nor FINGERPRINT.
    plain_end: usize,
    sha1: Option<Span>,
    sha256: Option<Span>,
    fingerprint: Option<Span>,
}

/// Where an attribute lies: from its type to the end of its padding.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Span {
    start: usize,
    end: usize,
}

impl<'a> Message<'a> {
    /// Checks the structure of a whole datagram, or of one frame of a stream.
    ///
    /// # Errors
    /// It is no STUN message, or its lengths do not fit together; nothing of it can be used then.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        let (header, body) = check_header(bytes)?;
        let mut message =
            Self { bytes, header, plain_end: bytes.len(), sha1: None, sha256: None, fingerprint: None };
        let mut rest = body;
        while !rest.is_empty() {
            let start = bytes.len() - rest.len();
            let (attribute, next) = split_attribute(rest).ok_or(ParseError::Attribute { offset: start })?;
            message.note(attribute, Span { start, end: bytes.len() - next.len() }, next.is_empty())?;
            rest = next;
        }
        Ok(message)
    }

    /// Remembers where integrity and FINGERPRINT lie, and with them what is still believed.
    fn note(&mut self, attribute: RawAttribute<'_>, span: Span, is_last: bool) -> Result<(), ParseError> {
        match attribute.kind {
            AttributeType::MESSAGE_INTEGRITY if self.sha1.is_none() && self.sha256.is_none() => {
                self.sha1 = Some(span);
            }
            AttributeType::MESSAGE_INTEGRITY_SHA256 if self.sha256.is_none() => self.sha256 = Some(span),
            AttributeType::FINGERPRINT if !is_last => return Err(ParseError::FingerprintNotLast),
            AttributeType::FINGERPRINT if attribute.value.len() != 4 => {
                return Err(ParseError::FingerprintLength(attribute.value.len()));
            }
            AttributeType::FINGERPRINT => self.fingerprint = Some(span),
            _ => return Ok(()),
        }
        self.plain_end = self.plain_end.min(span.start);
        Ok(())
    }

    /// Its class.
    #[must_use]
    pub fn class(&self) -> Class {
        self.message_type().0
    }

    /// Its method.
    #[must_use]
    pub fn method(&self) -> Method {
        self.message_type().1
    }

    fn message_type(&self) -> (Class, Method) {
        let [high, low, ..] = *self.header;
        split_message_type(u16::from_be_bytes([high, low]))
    }

    /// Its transaction id.
    #[must_use]
    pub fn transaction_id(&self) -> TransactionId {
        let id = self.header.last_chunk().expect("invariant: a header holds 12 bytes of id");
        TransactionId::new(*id)
    }

    /// The whole message, as it came.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The attributes that may be believed, in their order, those of integrity and FINGERPRINT among them.
    pub fn attributes(&self) -> impl Iterator<Item = RawAttribute<'a>> + use<'a> {
        let message = *self;
        let body = self.bytes.get(HEADER_LENGTH..).unwrap_or_default();
        Attributes { rest: body, end: self.bytes.len() }.filter_map(move |(start, attribute)| {
            let special = [message.sha1, message.sha256, message.fingerprint];
            let believed =
                start < message.plain_end || special.iter().flatten().any(|span| span.start == start);
            believed.then_some(attribute)
        })
    }

    /// The first attribute of this type, undecoded.
    #[must_use]
    pub fn raw(&self, kind: AttributeType) -> Option<RawAttribute<'a>> {
        self.attributes().find(|attribute| attribute.kind == kind)
    }

    /// The first attribute of the type, decoded; `None` if there is none.
    ///
    /// # Errors
    /// It is there, and its value breaks the rules of its type. RFC 8489 leaves open what follows: a request is best
    /// answered with 400, anything else dropped.
    pub fn attribute<A: Attribute<'a>>(&self) -> Result<Option<A>, AttributeError> {
        let Some(raw) = self.raw(A::TYPE) else { return Ok(None) };
        A::decode(raw.value, self.transaction_id())
            .map(Some)
            .map_err(|problem| AttributeError { attribute: A::TYPE, problem })
    }

    /// Whether it has a believed attribute of this type, well formed or not.
    #[must_use]
    pub fn has(&self, kind: AttributeType) -> bool {
        self.raw(kind).is_some()
    }

    /// The types that must be understood and are not in `known` (RFC 8489 6.3.1), duplicates included.
    ///
    /// The integrity attributes are known to this crate and never among them.
    pub fn unknown_required<'k>(
        &self,
        known: &'k [AttributeType],
    ) -> impl Iterator<Item = AttributeType> + use<'a, 'k> {
        self.attributes()
            .map(|attribute| attribute.kind)
            .filter(|kind| kind.is_comprehension_required() && !kind.is_integrity() && !known.contains(kind))
    }

    /// Checks FINGERPRINT (RFC 8489 14.7).
    ///
    /// # Errors
    /// There is none, or it belongs to other bytes: this is no STUN, or it was damaged.
    pub fn verify_fingerprint(&self) -> Result<(), FingerprintError> {
        let span = self.fingerprint.ok_or(FingerprintError::Missing)?;
        let (covered, attribute) =
            self.bytes.split_at_checked(span.start).ok_or(FingerprintError::Missing)?;
        let expected = (crc32fast::hash(covered) ^ FINGERPRINT_XOR).to_be_bytes();
        let matches = attribute.last_chunk() == Some(&expected);
        if matches { Ok(()) } else { Err(FingerprintError::Mismatch) }
    }

    /// Which integrity attribute [`verify_integrity`](Self::verify_integrity) would look at.
    #[must_use]
    pub fn integrity_kind(&self) -> Option<IntegrityKind> {
        let sha256 = self.sha256.map(|_| IntegrityKind::Sha256);
        sha256.or_else(|| self.sha1.map(|_| IntegrityKind::Sha1))
    }

    /// Whether it has this integrity attribute where it may be believed.
    #[must_use]
    pub fn has_integrity(&self, kind: IntegrityKind) -> bool {
        match kind {
            IntegrityKind::Sha1 => self.sha1.is_some(),
            IntegrityKind::Sha256 => self.sha256.is_some(),
        }
    }

    /// Checks that one who knows the key wrote it: the stronger algorithm where there are both (RFC 8489 9.1.3).
    ///
    /// # Errors
    /// There is no integrity attribute, its length is impossible, or it belongs to another key or other bytes.
    pub fn verify_integrity(&self, key: &Key) -> Result<IntegrityKind, IntegrityError> {
        let kind = self.integrity_kind().ok_or(IntegrityError::Missing)?;
        let span = match kind {
            IntegrityKind::Sha1 => self.sha1,
            IntegrityKind::Sha256 => self.sha256,
        };
        self.verify(kind, span.ok_or(IntegrityError::Missing)?, key).map(|()| kind)
    }

    fn verify(&self, kind: IntegrityKind, span: Span, key: &Key) -> Result<(), IntegrityError> {
        let attribute = self.bytes.get(span.start..span.end).ok_or(IntegrityError::Malformed)?;
        let value = split_attribute(attribute).ok_or(IntegrityError::Malformed)?.0.value;
        if !kind.allows_length(value.len()) {
            return Err(IntegrityError::Malformed);
        }
        let covered = self.bytes.get(..span.start).ok_or(IntegrityError::Malformed)?;
        let (block, rest) = first_block(covered, span.end);
        let block = block.get(..covered.len()).unwrap_or(&block);
        let matches = match kind {
            IntegrityKind::Sha1 => starts_with(&key.sha1(&[block, rest]), value),
            IntegrityKind::Sha256 => starts_with(&key.sha256(&[block, rest]), value),
        };
        if matches { Ok(()) } else { Err(IntegrityError::Mismatch) }
    }
}

impl fmt::Debug for Message<'_> {
    /// Shows no attribute's value: addresses and user names do not belong into logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("class", &self.class())
            .field("method", &self.method())
            .field("transaction_id", &self.transaction_id())
            .field("attributes", &DebugTypes(self))
            .finish()
    }
}

struct DebugTypes<'m, 'a>(&'m Message<'a>);

impl fmt::Debug for DebugTypes<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.attributes().map(|attribute| attribute.kind)).finish()
    }
}

/// What both hashes take at a time; whole ones are not copied once more.
const BLOCK: usize = 64;

/// The first block of what HMAC covers, and the rest: the header's length is as if the message ended at `end`
/// (RFC 8489 14.5, 14.6).
fn first_block(covered: &[u8], end: usize) -> ([u8; BLOCK], &[u8]) {
    let mut block = [0; BLOCK];
    let (head, rest) = covered.split_at_checked(BLOCK).unwrap_or((covered, &[]));
    for (to, from) in block.iter_mut().zip(head) {
        *to = *from;
    }
    let length = u16::try_from(end.saturating_sub(HEADER_LENGTH)).unwrap_or(u16::MAX);
    let [_, _, high, low, ..] = &mut block;
    [*high, *low] = length.to_be_bytes();
    (block, rest)
}

/// Whether the value is the first part of the digest; how long that takes says nothing about where they differ.
///
/// The value's length is one that its algorithm allows: whole words, and no more of them than the digest has.
fn starts_with(digest: &[u8], value: &[u8]) -> bool {
    let (digest, _) = digest.as_chunks::<4>();
    let (value, _) = value.as_chunks::<4>();
    let difference = digest.iter().zip(value).fold(0, |difference, (ours, theirs)| {
        difference | (u32::from_ne_bytes(*ours) ^ u32::from_ne_bytes(*theirs))
    });
    difference.ct_eq(&0).into()
}

/// Checks everything before the attributes.
fn check_header(bytes: &[u8]) -> Result<(&[u8; HEADER_LENGTH], &[u8]), ParseError> {
    let (header, body) =
        bytes.split_first_chunk::<HEADER_LENGTH>().ok_or(ParseError::TooShort(bytes.len()))?;
    let [first, _, high, low, c0, c1, c2, c3, ..] = *header;
    if first & 0xC0 != 0 {
        return Err(ParseError::NotStun { first });
    }
    let cookie = u32::from_be_bytes([c0, c1, c2, c3]);
    if cookie != MAGIC_COOKIE {
        return Err(ParseError::Cookie(cookie));
    }
    let length = u16::from_be_bytes([high, low]);
    if !length.is_multiple_of(4) {
        return Err(ParseError::UnalignedLength(length));
    }
    if usize::from(length) != body.len() {
        return Err(ParseError::Length { announced: length, present: body.len() });
    }
    Ok((header, body))
}

/// The attribute in front, and what follows its padding; `None` where it does not fit.
fn split_attribute(bytes: &[u8]) -> Option<(RawAttribute<'_>, &[u8])> {
    let (&[t0, t1, l0, l1], rest) = bytes.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    let (padded, next) = rest.split_at_checked(length.next_multiple_of(4))?;
    let kind = AttributeType::new(u16::from_be_bytes([t0, t1]));
    Some((RawAttribute { kind, value: padded.get(..length)? }, next))
}

/// Walks over attributes that were checked, and says where each starts.
struct Attributes<'a> {
    rest: &'a [u8],
    end: usize,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (usize, RawAttribute<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.end - self.rest.len();
        let (attribute, next) = split_attribute(self.rest)?;
        self.rest = next;
        Some((start, attribute))
    }
}

/// The algorithm of an integrity attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IntegrityKind {
    /// MESSAGE-INTEGRITY, HMAC-SHA1 (RFC 8489 14.5).
    Sha1,
    /// MESSAGE-INTEGRITY-SHA256, HMAC-SHA256 (RFC 8489 14.6).
    Sha256,
}

impl IntegrityKind {
    const fn allows_length(self, length: usize) -> bool {
        match self {
            Self::Sha1 => length == 20,
            // RFC 8489 14.6: cut to no less than half, in steps of 4.
            Self::Sha256 => length >= 16 && length <= 32 && length.is_multiple_of(4),
        }
    }
}

/// Why bytes are no STUN message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Fewer bytes than a header. Something else, or a frame not yet complete.
    #[error("{0} bytes are fewer than a STUN header has")]
    TooShort(usize),
    /// One of the first two bits is set: another protocol.
    #[error("a first byte of {first:#04x} is not STUN")]
    NotStun {
        /// The byte.
        first: u8,
    },
    /// The cookie is another: another protocol, or RFC 3489, which floe does not speak.
    #[error("{0:#010x} is not the magic cookie")]
    Cookie(u32),
    /// Attributes are padded to 4 bytes, this length is not: broken or forged.
    #[error("a length of {0} is no multiple of 4")]
    UnalignedLength(u16),
    /// The datagram was cut, or something follows the message.
    #[error("the header announces {announced} bytes of attributes, and there are {present}")]
    Length {
        /// What the length field says.
        announced: u16,
        /// What follows the header.
        present: usize,
    },
    /// An attribute reaches over the end of the message: broken or forged.
    #[error("the attribute at byte {offset} reaches over the end")]
    Attribute {
        /// Where it starts, from the start of the message.
        offset: usize,
    },
    /// FINGERPRINT stands before another attribute (RFC 8489 14.7): broken, or added to on its way.
    #[error("FINGERPRINT is not the last attribute")]
    FingerprintNotLast,
    /// FINGERPRINT is no CRC-32: broken.
    #[error("a FINGERPRINT has 4 bytes, this one {0}")]
    FingerprintLength(usize),
}

/// Why FINGERPRINT does not vouch for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FingerprintError {
    /// There is none. Where the usage asks for it, as ICE does (RFC 8445 7.1), drop the message.
    #[error("the message has no FINGERPRINT")]
    Missing,
    /// It belongs to other bytes. Drop the message, or try it as another protocol.
    #[error("FINGERPRINT does not match")]
    Mismatch,
}

/// Why integrity does not vouch for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IntegrityError {
    /// There is no integrity attribute: anyone may have sent it.
    #[error("the message has no integrity attribute")]
    Missing,
    /// The value has a length that its algorithm cannot have: broken or forged.
    #[error("the integrity attribute has an impossible length")]
    Malformed,
    /// It belongs to another key or to other bytes: an old credential, or forged.
    #[error("the integrity attribute does not match")]
    Mismatch,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        MessageWriter,
        attribute::{Nonce, Priority, Realm, UseCandidate, Username, ValueError},
    };

    const ID: TransactionId = TransactionId::new(*b"0123456789AB");

    fn key() -> Key {
        Key::short_term("password")
    }

    /// A header that announces what follows it.
    fn framed(body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42];
        bytes.extend_from_slice(ID.as_bytes());
        bytes.extend_from_slice(body);
        relength(bytes)
    }

    fn relength(mut bytes: Vec<u8>) -> Vec<u8> {
        let length = u16::try_from(bytes.len() - HEADER_LENGTH).unwrap();
        bytes[2..4].copy_from_slice(&length.to_be_bytes());
        bytes
    }

    fn tlv(kind: AttributeType, value: &[u8]) -> Vec<u8> {
        let mut bytes =
            [kind.get().to_be_bytes(), u16::try_from(value.len()).unwrap().to_be_bytes()].concat();
        bytes.extend_from_slice(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn written(
        write: impl FnOnce(MessageWriter<'_>) -> Result<MessageWriter<'_>, crate::WriteError>,
    ) -> Vec<u8> {
        let mut buffer = vec![0; 2048];
        let writer = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, ID).unwrap();
        let length = write(writer).unwrap().finish();
        buffer.truncate(length);
        buffer
    }

    fn kinds(message: &Message<'_>) -> Vec<AttributeType> {
        message.attributes().map(|attribute| attribute.kind).collect()
    }

    // proves: 8489-5-a
    #[test]
    fn two_zero_bits_and_the_cookie_make_a_header_of_20_bytes_stun() {
        let header = framed(&[]);
        let message = Message::parse(&header).unwrap();
        assert_eq!(
            (message.class(), message.method(), message.transaction_id()),
            (Class::Request, Method::BINDING, ID)
        );
        for length in 0..HEADER_LENGTH {
            assert_eq!(Message::parse(&header[..length]).err(), Some(ParseError::TooShort(length)));
        }
        for first in 0..=255 {
            let mut bytes = header.clone();
            bytes[0] = first;
            let expected = if first < 0x40 { None } else { Some(ParseError::NotStun { first }) };
            assert_eq!(Message::parse(&bytes).err(), expected);
        }
        for bit in 0..32 {
            let mut bytes = header.clone();
            bytes[4 + bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(Message::parse(&bytes), Err(ParseError::Cookie(_))), "bit {bit}");
        }
    }

    // proves: 8489-5-d
    #[test]
    fn the_length_is_a_multiple_of_4_and_exactly_what_follows_the_header() {
        let whole =
            written(|writer| writer.attribute(&Username::new("evtj:h6vY"))?.integrity(&key())?.fingerprint());
        assert!(Message::parse(&whole).is_ok());
        for length in HEADER_LENGTH..whole.len() {
            let cut = Message::parse(&whole[..length]);
            assert!(matches!(cut, Err(ParseError::Length { .. })), "cut to {length}");
        }
        for extra in 1..9 {
            let longer = [&whole[..], &vec![0; extra]].concat();
            assert!(matches!(Message::parse(&longer), Err(ParseError::Length { .. })), "{extra} more");
        }
        for announced in 0..=u16::MAX {
            let mut bytes = whole.clone();
            bytes[2..4].copy_from_slice(&announced.to_be_bytes());
            let expected = match announced {
                _ if !announced.is_multiple_of(4) => Some(ParseError::UnalignedLength(announced)),
                _ if usize::from(announced) == whole.len() - HEADER_LENGTH => None,
                _ => Some(ParseError::Length { announced, present: whole.len() - HEADER_LENGTH }),
            };
            assert_eq!(Message::parse(&bytes).err(), expected);
        }
    }

    #[test]
    fn an_attribute_that_reaches_over_the_end_is_refused_where_it_starts() {
        let good = tlv(AttributeType::PRIORITY, &[0; 4]);
        for length in 5..=u16::MAX {
            let mut bad = tlv(AttributeType::USERNAME, b"abcd");
            bad[2..4].copy_from_slice(&length.to_be_bytes());
            let bytes = framed(&[&good[..], &bad].concat());
            let refused = Message::parse(&bytes).err();
            assert_eq!(refused, Some(ParseError::Attribute { offset: 28 }), "length {length}");
        }
        // Padding that is not there counts as missing, too.
        assert!(Message::parse(&framed(&[0, 6, 0, 3, b'a', b'b', b'c', 0])).is_ok());
    }

    // proves: 8489-14-a
    #[test]
    fn the_first_of_duplicates_wins_and_padding_is_sent_as_zero_and_ignored() {
        let bytes = written(|writer| {
            writer
                .attribute(&Username::new("first"))?
                .attribute(&Username::new("another"))?
                .attribute(&Priority::new(7))
        });
        assert_eq!(bytes[20..32], *b"\x00\x06\x00\x05first\x00\x00\x00", "the length leaves the padding out");
        for padding in 0..=255 {
            let mut bytes = bytes.clone();
            bytes[29..32].fill(padding);
            let message = Message::parse(&bytes).unwrap();
            assert_eq!(message.attribute(), Ok(Some(Username::new("first"))));
            assert_eq!(message.attribute(), Ok(Some(Priority::new(7))));
        }
    }

    // proves: 8489-9-a
    #[test]
    fn behind_integrity_only_stronger_integrity_and_the_fingerprint_are_believed() {
        let key = key();
        let added = [tlv(AttributeType::USE_CANDIDATE, &[]), tlv(AttributeType::new(0x7FFF), &[1])].concat();
        let use_candidate = |bytes: &[u8]| Message::parse(bytes).unwrap().attribute::<UseCandidate>();

        // Behind MESSAGE-INTEGRITY.
        let sha1 = written(|writer| writer.attribute(&Username::new("u"))?.integrity(&key));
        let bytes = relength([&sha1[..], &added].concat());
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(kinds(&message), [AttributeType::USERNAME, AttributeType::MESSAGE_INTEGRITY]);
        assert_eq!(message.unknown_required(AttributeType::ICE).count(), 0);
        assert_eq!(
            (use_candidate(&bytes), message.verify_integrity(&key)),
            (Ok(None), Ok(IntegrityKind::Sha1))
        );

        // Behind MESSAGE-INTEGRITY-SHA256, another integrity attribute included.
        let sha256 = written(|writer| writer.attribute(&Username::new("u"))?.integrity_sha256(&key));
        let weaker = tlv(AttributeType::MESSAGE_INTEGRITY, &[0; 20]);
        let bytes = relength([&sha256[..], &weaker, &added].concat());
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(kinds(&message), [AttributeType::USERNAME, AttributeType::MESSAGE_INTEGRITY_SHA256]);
        assert_eq!(
            (use_candidate(&bytes), message.verify_integrity(&key)),
            (Ok(None), Ok(IntegrityKind::Sha256))
        );

        // Between the two, and then FINGERPRINT: both are believed, what stands between is not.
        let between = written(|writer| writer.integrity(&key));
        let stronger = tlv(AttributeType::MESSAGE_INTEGRITY_SHA256, &[0; 32]);
        let fingerprint = tlv(AttributeType::FINGERPRINT, &[0; 4]);
        let bytes = relength([&between[..], &added, &stronger, &fingerprint].concat());
        let message = Message::parse(&bytes).unwrap();
        let believed = [
            AttributeType::MESSAGE_INTEGRITY,
            AttributeType::MESSAGE_INTEGRITY_SHA256,
            AttributeType::FINGERPRINT,
        ];
        assert_eq!((kinds(&message), use_candidate(&bytes)), (believed.to_vec(), Ok(None)));

        // In front of it, the same attribute counts.
        let before = written(|writer| writer.attribute(&UseCandidate)?.integrity(&key));
        assert_eq!(use_candidate(&before), Ok(Some(UseCandidate)));
    }

    // proves: 8489-14.6-a
    #[test]
    fn sha256_may_be_cut_to_16_bytes_in_steps_of_4() {
        let key = key();
        let whole = written(|writer| writer.attribute(&Priority::new(1))?.integrity_sha256(&key));
        let (body, digest) = whole.split_at(whole.len() - 32);
        for length in 0..=40_u8 {
            let mut value = digest.to_vec();
            value.resize(length.into(), 0);
            // The length field takes part in the digest, so that each cut has its own.
            let mut bytes = body[..body.len() - 4].to_vec();
            bytes.extend(tlv(AttributeType::MESSAGE_INTEGRITY_SHA256, &value));
            let mut bytes = relength(bytes);
            let full = key.sha256(&[&bytes[..body.len() - 4]]);
            let kept = usize::from(length).min(32);
            bytes[body.len()..body.len() + kept].copy_from_slice(&full[..kept]);
            let verified = Message::parse(&bytes).unwrap().verify_integrity(&key);
            if (16..=32).contains(&length) && length % 4 == 0 {
                assert_eq!(verified, Ok(IntegrityKind::Sha256), "{length}");
                bytes[body.len() + kept - 1] ^= 1;
                let damaged = Message::parse(&bytes).unwrap().verify_integrity(&key);
                assert_eq!(damaged, Err(IntegrityError::Mismatch), "{length}");
            } else {
                assert_eq!(verified, Err(IntegrityError::Malformed), "{length}");
            }
        }
    }

    #[test]
    fn sha1_has_20_bytes_and_no_other_number() {
        for length in (0..40).filter(|&length| length != 20) {
            let bytes = framed(&tlv(AttributeType::MESSAGE_INTEGRITY, &vec![0; length]));
            let verified = Message::parse(&bytes).unwrap().verify_integrity(&key());
            assert_eq!(verified, Err(IntegrityError::Malformed), "{length}");
        }
    }

    #[test]
    fn a_fingerprint_is_last_has_4_bytes_and_may_be_missing() {
        let fingerprint = |length| tlv(AttributeType::FINGERPRINT, &vec![0; length]);
        let early = framed(&[fingerprint(4), tlv(AttributeType::PRIORITY, &[0; 4])].concat());
        assert_eq!(Message::parse(&early).err(), Some(ParseError::FingerprintNotLast));
        let twice = framed(&[fingerprint(4), fingerprint(4)].concat());
        assert_eq!(Message::parse(&twice).err(), Some(ParseError::FingerprintNotLast));
        for length in (0..9).filter(|&length| length != 4) {
            let bytes = framed(&fingerprint(length));
            assert_eq!(Message::parse(&bytes).err(), Some(ParseError::FingerprintLength(length)));
        }
        let bytes = framed(&fingerprint(4));
        assert_eq!(Message::parse(&bytes).unwrap().verify_fingerprint(), Err(FingerprintError::Mismatch));
        let bytes = framed(&[]);
        assert_eq!(Message::parse(&bytes).unwrap().verify_fingerprint(), Err(FingerprintError::Missing));
        assert_eq!(Message::parse(&bytes).unwrap().verify_integrity(&key()), Err(IntegrityError::Missing));
    }

    #[test]
    fn what_must_be_understood_and_is_unknown_is_named_and_integrity_is_known_always() {
        let bytes = written(|writer| {
            writer
                .attribute(&Realm::new("r"))?
                .attribute(&RawAttribute { kind: AttributeType::new(0x0003), value: &[] })?
                .attribute(&RawAttribute { kind: AttributeType::new(0x8003), value: &[] })?
                .integrity(&key())?
                .integrity_sha256(&key())?
                .fingerprint()
        });
        let message = Message::parse(&bytes).unwrap();
        let unknown = |known| message.unknown_required(known).collect::<Vec<_>>();
        assert_eq!(unknown(AttributeType::RFC_8489), [AttributeType::new(0x0003)]);
        assert_eq!(unknown(&[]), [AttributeType::REALM, AttributeType::new(0x0003)]);
        assert_eq!(unknown(&[AttributeType::REALM, AttributeType::new(0x0003)]), []);
    }

    #[test]
    fn a_malformed_attribute_is_named_with_its_problem() {
        let bytes = framed(&tlv(AttributeType::PRIORITY, &[1, 2, 3]));
        let message = Message::parse(&bytes).unwrap();
        let error = message.attribute::<Priority>().unwrap_err();
        assert_eq!(error.problem, ValueError::Length { expected: 4, actual: 3 });
        assert_eq!(error.to_string(), "PRIORITY: 3 bytes where 4 belong");
        assert!(message.has(AttributeType::PRIORITY) && !message.has(AttributeType::NONCE));
        assert_eq!(message.attribute::<Nonce<'_>>(), Ok(None));
    }

    #[test]
    fn debug_shows_types_and_no_values() {
        let bytes = written(|writer| writer.attribute(&Username::new("alice"))?.fingerprint());
        let shown = format!("{:?}", Message::parse(&bytes).unwrap());
        assert!(shown.contains("[USERNAME, FINGERPRINT]") && !shown.contains("alice"), "{shown}");
    }
}
