//! Writing a message into the caller's buffer (RFC 8489 5, 6.1, 14).

use std::{fmt, net::IpAddr};

use crate::{
    attribute::{AttributeType, TransactionTransmitCounter, ValueError, WriteAttribute},
    header::{Class, HEADER_LENGTH, MAGIC_COOKIE, Method, TransactionId, message_type},
    key::Key,
    message::{FINGERPRINT_XOR, IntegrityKind, Message},
};

/// Bytes of an attribute's type and length.
const ATTRIBUTE_HEADER: usize = 4;

/// Bytes that a message may have on the way to this address while the path's MTU is not known.
///
/// RFC 8489 6.1: 576 bytes of IPv4 or 1280 of IPv6, less the IP and UDP headers. A buffer of this size makes
/// [`MessageWriter`] refuse anything longer.
#[must_use]
pub const fn max_datagram(to: IpAddr) -> usize {
    match to {
        IpAddr::V4(_) => 576 - 20 - 8,
        IpAddr::V6(_) => 1280 - 40 - 8,
    }
}

/// Writes a message, attribute by attribute, into a buffer of the caller's; it never allocates.
///
/// Each call takes the writer and gives it back. Order is enforced: attributes, then MESSAGE-INTEGRITY, then
/// MESSAGE-INTEGRITY-SHA256, then FINGERPRINT, each of these three optional.
///
/// ```
/// use floe_stun::{Class, Key, Message, MessageWriter, Method, TransactionId, attribute::Username};
///
/// let key = Key::short_term("VOkJxbRl1RmTxUk/WvJxBt");
/// let mut buffer = [0; 548];
/// let length = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, TransactionId::new([7; 12]))?
///     .attribute(&Username::new("evtj:h6vY"))?
///     .integrity(&key)?
///     .fingerprint()?
///     .finish();
/// let message = Message::parse(&buffer[..length])?;
/// message.verify_fingerprint()?;
/// message.verify_integrity(&key)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MessageWriter<'b> {
    buffer: &'b mut [u8],
    length: usize,
    method: Method,
    id: TransactionId,
    stage: Stage,
    padding: u8,
}

/// What was written last, which decides what may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Attributes,
    Sha1,
    Sha256,
    Fingerprint,
}

impl<'b> MessageWriter<'b> {
    /// Writes the header.
    ///
    /// # Errors
    /// The buffer has fewer than 20 bytes.
    pub fn new(
        buffer: &'b mut [u8],
        class: Class,
        method: Method,
        id: TransactionId,
    ) -> Result<Self, WriteError> {
        let mut writer = Self { buffer, length: 0, method, id, stage: Stage::Attributes, padding: 0 };
        writer.put(&message_type(class, method).to_be_bytes())?;
        writer.put(&[0, 0])?;
        writer.put(&MAGIC_COOKIE.to_be_bytes())?;
        writer.put(id.as_bytes())?;
        Ok(writer)
    }

    /// Writes the header of a response: the request's method and transaction id (RFC 8489 6.3.1.1).
    ///
    /// # Errors
    /// The buffer has fewer than 20 bytes.
    pub fn respond(buffer: &'b mut [u8], request: &Message<'_>, class: Class) -> Result<Self, WriteError> {
        Self::new(buffer, class, request.method(), request.transaction_id())
    }

    /// Writes a request again that was sent before: everything up to its integrity, with another number of sends in
    /// TRANSACTION-TRANSMIT-COUNTER, which is all that may differ (RFC 7982 3.1). Integrity and FINGERPRINT follow from
    /// it, and are the caller's to append. A request without the counter comes out as it is.
    ///
    /// # Errors
    /// The buffer is too small.
    pub fn resend(buffer: &'b mut [u8], request: &Message<'_>, sends: u8) -> Result<Self, WriteError> {
        let writer = Self::new(buffer, request.class(), request.method(), request.transaction_id())?;
        request.attributes().try_fold(writer, |writer, attribute| match attribute.kind {
            kind if kind.is_integrity() || kind == AttributeType::FINGERPRINT => Ok(writer),
            AttributeType::TRANSACTION_TRANSMIT_COUNTER => {
                writer.attribute(&TransactionTransmitCounter::request(sends))
            }
            _ => writer.attribute(&attribute),
        })
    }

    /// Pads with another byte than zero: only to reproduce vectors of older senders.
    #[cfg(test)]
    pub(crate) fn padded_with(mut self, padding: u8) -> Self {
        self.padding = padding;
        self
    }

    /// Appends an attribute.
    ///
    /// # Errors
    /// The buffer is too small, the value breaks a limit of its type, or integrity or FINGERPRINT were already
    /// written, behind which nothing is believed.
    pub fn attribute(mut self, attribute: &impl WriteAttribute) -> Result<Self, WriteError> {
        let kind = attribute.kind();
        if self.stage != Stage::Attributes || kind.is_integrity() || kind == AttributeType::FINGERPRINT {
            return Err(WriteError::Order(kind));
        }
        let value_start = self.length + ATTRIBUTE_HEADER;
        let rest = self.buffer.get_mut(value_start..).ok_or(WriteError::BufferTooSmall)?;
        let mut value = ValueWriter { buffer: rest, length: 0, id: self.id, kind };
        attribute.encode(&mut value)?;
        let length = value.length;
        self.close_attribute(kind, length)?;
        Ok(self)
    }

    /// Appends the attribute if there is one: for attributes that only some messages carry.
    ///
    /// # Errors
    /// Those of [`attribute`](Self::attribute).
    pub fn optional(self, attribute: Option<&impl WriteAttribute>) -> Result<Self, WriteError> {
        match attribute {
            Some(attribute) => self.attribute(attribute),
            None => Ok(self),
        }
    }

    /// Appends MESSAGE-INTEGRITY (RFC 8489 14.5), the one that ICE uses.
    ///
    /// # Errors
    /// The buffer is too small, or an integrity attribute or FINGERPRINT was already written.
    pub fn integrity(mut self, key: &Key) -> Result<Self, WriteError> {
        const LENGTH: usize = 20;
        self.enter(Stage::Sha1, AttributeType::MESSAGE_INTEGRITY)?;
        self.set_length(self.length + 4 + LENGTH)?;
        let digest = key.sha1(&[self.written()]);
        self.append(AttributeType::MESSAGE_INTEGRITY, &digest)
    }

    /// Appends MESSAGE-INTEGRITY-SHA256 (RFC 8489 14.6), uncut.
    ///
    /// # Errors
    /// The buffer is too small, or MESSAGE-INTEGRITY-SHA256 or FINGERPRINT was already written.
    pub fn integrity_sha256(mut self, key: &Key) -> Result<Self, WriteError> {
        const LENGTH: usize = 32;
        self.enter(Stage::Sha256, AttributeType::MESSAGE_INTEGRITY_SHA256)?;
        self.set_length(self.length + 4 + LENGTH)?;
        let digest = key.sha256(&[self.written()]);
        self.append(AttributeType::MESSAGE_INTEGRITY_SHA256, &digest)
    }

    /// Appends the integrity attribute of this algorithm: a response uses its request's (RFC 8489 9.1.3).
    ///
    /// # Errors
    /// Those of [`integrity`](Self::integrity) and [`integrity_sha256`](Self::integrity_sha256).
    pub fn integrity_of(self, kind: IntegrityKind, key: &Key) -> Result<Self, WriteError> {
        match kind {
            IntegrityKind::Sha1 => self.integrity(key),
            IntegrityKind::Sha256 => self.integrity_sha256(key),
        }
    }

    /// Appends FINGERPRINT (RFC 8489 14.7), behind which nothing may follow.
    ///
    /// # Errors
    /// The buffer is too small, or there is one already.
    pub fn fingerprint(mut self) -> Result<Self, WriteError> {
        const LENGTH: usize = 4;
        self.enter(Stage::Fingerprint, AttributeType::FINGERPRINT)?;
        self.set_length(self.length + 4 + LENGTH)?;
        let crc = crc32fast::hash(self.written()) ^ FINGERPRINT_XOR;
        self.append(AttributeType::FINGERPRINT, &crc.to_be_bytes())
    }

    /// The method of the message.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// Ends the message: so many bytes of the buffer are it.
    #[must_use]
    pub fn finish(self) -> usize {
        self.length
    }

    fn enter(&mut self, stage: Stage, kind: AttributeType) -> Result<(), WriteError> {
        if self.stage >= stage {
            return Err(WriteError::Order(kind));
        }
        self.stage = stage;
        Ok(())
    }

    /// Appends an attribute that needs no padding and that the length field counts already.
    fn append(mut self, kind: AttributeType, value: &[u8]) -> Result<Self, WriteError> {
        let length = u16::try_from(value.len()).map_err(|_| WriteError::MessageTooLong)?;
        self.put(&kind.get().to_be_bytes())?;
        self.put(&length.to_be_bytes())?;
        self.put(value)?;
        Ok(self)
    }

    /// Puts type, length and padding around a value that was just written.
    fn close_attribute(&mut self, kind: AttributeType, length: usize) -> Result<(), WriteError> {
        let field = u16::try_from(length).map_err(|_| WriteError::MessageTooLong)?;
        let end = self.length + ATTRIBUTE_HEADER + length.next_multiple_of(4);
        let attribute = self.buffer.get_mut(self.length..end).ok_or(WriteError::BufferTooSmall)?;
        let (header, value) =
            attribute.split_first_chunk_mut::<ATTRIBUTE_HEADER>().ok_or(WriteError::BufferTooSmall)?;
        let ([t0, t1], [l0, l1]) = (kind.get().to_be_bytes(), field.to_be_bytes());
        *header = [t0, t1, l0, l1];
        value.get_mut(length..).unwrap_or_default().fill(self.padding);
        self.length = end;
        self.set_length(end)
    }

    /// Sets the length field as if the message ended there.
    fn set_length(&mut self, end: usize) -> Result<(), WriteError> {
        let length = end.saturating_sub(HEADER_LENGTH);
        let length = u16::try_from(length).map_err(|_| WriteError::MessageTooLong)?;
        self.overwrite(2, &length.to_be_bytes())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.overwrite(self.length, bytes)?;
        self.length += bytes.len();
        Ok(())
    }

    fn overwrite(&mut self, at: usize, bytes: &[u8]) -> Result<(), WriteError> {
        let place = self.buffer.get_mut(at..at + bytes.len()).ok_or(WriteError::BufferTooSmall)?;
        place.copy_from_slice(bytes);
        Ok(())
    }

    fn written(&self) -> &[u8] {
        self.buffer.get(..self.length).unwrap_or_default()
    }
}

impl fmt::Debug for MessageWriter<'_> {
    /// Shows how much was written, and not what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageWriter({} of {} bytes, {:?})", self.length, self.buffer.len(), self.stage)
    }
}

/// Where an attribute writes its value; type, length and padding are the [`MessageWriter`]'s.
pub struct ValueWriter<'b> {
    buffer: &'b mut [u8],
    length: usize,
    id: TransactionId,
    kind: AttributeType,
}

impl ValueWriter<'_> {
    /// Appends bytes to the value.
    ///
    /// # Errors
    /// The buffer is too small.
    pub fn put(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let end = self.length + bytes.len();
        let place = self.buffer.get_mut(self.length..end).ok_or(WriteError::BufferTooSmall)?;
        place.copy_from_slice(bytes);
        self.length = end;
        Ok(())
    }

    /// The id of the message, which some values are mixed with (RFC 8489 14.2).
    #[must_use]
    pub fn transaction_id(&self) -> TransactionId {
        self.id
    }

    /// What to return for a value that must not be sent.
    #[must_use]
    pub fn refuse(&self, problem: ValueError) -> WriteError {
        WriteError::Value { attribute: self.kind, problem }
    }
}

impl fmt::Debug for ValueWriter<'_> {
    /// Shows how much was written, and not what.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ValueWriter({}, {} bytes)", self.kind, self.length)
    }
}

/// Why a message could not be written. The buffer's bytes mean nothing then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The message is longer than the buffer: give a larger one, or, where its size is the path's, send less.
    #[error("the message does not fit into the buffer")]
    BufferTooSmall,
    /// The attributes are longer than the length field can say: send less.
    #[error("the message is longer than 65,535 bytes of attributes")]
    MessageTooLong,
    /// The attribute may not follow what was written: attributes, integrity, FINGERPRINT is the order.
    #[error("{0} may not follow what was written")]
    Order(AttributeType),
    /// The value breaks a limit of its type: shorten or mend it.
    #[error("{attribute}: {problem}")]
    Value {
        /// Of which attribute.
        attribute: AttributeType,
        /// What is wrong with it.
        problem: ValueError,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::{Priority, RawAttribute, Software, Username};

    const ID: TransactionId = TransactionId::new([3; 12]);

    fn writer(buffer: &mut [u8]) -> Result<MessageWriter<'_>, WriteError> {
        MessageWriter::new(buffer, Class::Request, Method::BINDING, ID)
    }

    /// A request as ICE sends it, with a name of this length.
    fn request(buffer: &mut [u8], name: usize) -> Result<usize, WriteError> {
        let key = Key::short_term("password");
        let name = "n".repeat(name);
        let writer = writer(buffer)?.attribute(&Username::new(&name))?;
        Ok(writer.integrity(&key)?.integrity_sha256(&key)?.fingerprint()?.finish())
    }

    // proves: 7982-3-a
    #[test]
    fn a_resend_differs_in_its_number_and_in_what_follows_from_it_only() {
        let key = Key::short_term("password");
        let written = |sends: Option<u8>| {
            let mut buffer = [0; 256];
            let counter = sends.map(TransactionTransmitCounter::request);
            let writer = writer(&mut buffer).unwrap().attribute(&Username::new("theirs:mine")).unwrap();
            let writer = writer.optional(counter.as_ref()).unwrap().attribute(&Priority::new(7)).unwrap();
            let length = writer.integrity(&key).unwrap().fingerprint().unwrap().finish();
            buffer[..length].to_vec()
        };
        let resent = |request: &[u8], sends: u8, room: usize| {
            let mut buffer = vec![0; room];
            let request = Message::parse(request).unwrap();
            let writer = MessageWriter::resend(&mut buffer, &request, sends)?;
            let length = writer.integrity(&key)?.fingerprint()?.finish();
            Ok(buffer[..length].to_vec())
        };
        let first = written(Some(1));
        for sends in [1, 2, 7, 255] {
            assert_eq!(resent(&first, sends, first.len()), Ok(written(Some(sends))));
        }
        let bare = written(None);
        assert_eq!(
            resent(&bare, 2, 256),
            Ok(bare.clone()),
            "nothing is added to a request that counts nothing"
        );
        for room in 0..first.len() {
            assert_eq!(resent(&first, 2, room), Err(WriteError::BufferTooSmall));
        }
    }

    #[test]
    fn a_buffer_that_is_too_small_is_an_error_at_every_length() {
        let mut buffer = [0; 256];
        for name in 0..9 {
            let needed = request(&mut buffer, name).unwrap();
            for length in 0..needed {
                assert_eq!(request(&mut buffer[..length], name), Err(WriteError::BufferTooSmall), "{length}");
            }
            assert_eq!(request(&mut buffer[..needed], name), Ok(needed));
        }
    }

    #[test]
    fn a_message_longer_than_an_unknown_path_carries_is_refused() {
        for (to, limit) in [("192.0.2.1", 576 - 28), ("2001:db8::1", 1280 - 48)] {
            let mut buffer = vec![0; max_datagram(to.parse().unwrap())];
            let mut write = |length| {
                let value = vec![0; length];
                let raw = RawAttribute { kind: AttributeType::new(0x8000), value: &value };
                writer(&mut buffer).and_then(|writer| writer.attribute(&raw)).map(MessageWriter::finish)
            };
            assert_eq!(write(limit - 24), Ok(limit));
            assert_eq!(write(limit - 23), Err(WriteError::BufferTooSmall));
        }
    }

    #[test]
    fn a_message_longer_than_its_length_field_is_refused() {
        let mut buffer = vec![0; 70_000];
        let mut write = |length| {
            let value = vec![0; length];
            let raw = RawAttribute { kind: AttributeType::new(0x8000), value: &value };
            writer(&mut buffer)
                .and_then(|writer| writer.attribute(&raw)?.fingerprint())
                .map(MessageWriter::finish)
        };
        // 65,532 is the last multiple of 4; 12 of it are FINGERPRINT and the attribute's own head.
        assert_eq!(write(65_520), Ok(65_552));
        assert_eq!(write(65_521), Err(WriteError::MessageTooLong));
        assert_eq!(write(65_532), Err(WriteError::MessageTooLong));
        assert_eq!(write(65_536), Err(WriteError::MessageTooLong));
    }

    #[test]
    fn the_order_is_attributes_then_integrity_then_fingerprint() {
        type Step = fn(MessageWriter<'_>) -> Result<MessageWriter<'_>, WriteError>;
        let steps: [Step; 4] = [
            |writer| writer.attribute(&Priority::new(1)),
            |writer| writer.integrity(&Key::short_term("p")),
            |writer| writer.integrity_sha256(&Key::short_term("p")),
            |writer| writer.fingerprint(),
        ];
        for (first, one) in steps.iter().enumerate() {
            for (second, other) in steps.iter().enumerate() {
                let mut buffer = [0; 256];
                let both = one(writer(&mut buffer).unwrap()).and_then(other);
                // Forward, or one attribute after another.
                let allowed = first < second || (first, second) == (0, 0);
                assert_eq!(both.is_ok(), allowed, "{first} then {second}");
                assert!(both.is_ok() || matches!(both, Err(WriteError::Order(_))));
            }
        }
    }

    #[test]
    fn integrity_and_fingerprint_cannot_be_written_by_hand() {
        for kind in [
            AttributeType::MESSAGE_INTEGRITY,
            AttributeType::MESSAGE_INTEGRITY_SHA256,
            AttributeType::FINGERPRINT,
        ] {
            let mut buffer = [0; 256];
            let raw = RawAttribute { kind, value: &[0; 20] };
            let refused = writer(&mut buffer).unwrap().attribute(&raw).err();
            assert_eq!(refused, Some(WriteError::Order(kind)));
        }
    }

    #[test]
    fn software_is_written_where_there_is_one() {
        let mut buffer = [0; 256];
        for software in [None, Some(Software::new("floe 0.1.0"))] {
            let length = writer(&mut buffer).unwrap().optional(software.as_ref()).unwrap().finish();
            let message = Message::parse(&buffer[..length]).unwrap();
            assert_eq!(message.attribute(), Ok(software));
        }
    }

    #[test]
    fn nothing_of_an_older_message_in_the_buffer_remains() {
        let (mut clean, mut dirty) = ([0; 256], [0xFF; 256]);
        let lengths = (request(&mut clean, 5).unwrap(), request(&mut dirty, 5).unwrap());
        assert_eq!(clean[..lengths.0], dirty[..lengths.1]);
    }
}
