//! Attributes (RFC 8489 14, RFC 8445 16.1): one type each, read and written alike.

mod access_token;
mod address;
mod alternate_domain;
mod alternate_server;
mod change_request;
mod error_code;
mod ice_controlled;
mod ice_controlling;
mod kind;
mod mapped_address;
mod nomination;
mod nonce;
mod number;
mod other_address;
mod padding;
mod password_algorithm;
mod priority;
mod raw;
mod realm;
mod response_origin;
mod response_port;
mod software;
mod text;
mod third_party_authorization;
mod transaction_transmit_counter;
mod unknown_attributes;
mod use_candidate;
mod user_hash;
mod username;
mod xor_mapped_address;

pub use access_token::AccessToken;
pub use address::{decode_address, decode_xor_address, encode_address, encode_xor_address};
pub use alternate_domain::AlternateDomain;
pub use alternate_server::AlternateServer;
pub use change_request::ChangeRequest;
pub use error_code::ErrorCode;
pub use ice_controlled::IceControlled;
pub use ice_controlling::IceControlling;
pub use kind::AttributeType;
pub use mapped_address::MappedAddress;
pub use nomination::Nomination;
pub use nonce::Nonce;
pub use number::{decode_u32, decode_u64};
pub use other_address::OtherAddress;
pub use padding::Padding;
pub use password_algorithm::{PasswordAlgorithm, PasswordAlgorithms};
pub use priority::Priority;
pub use raw::RawAttribute;
pub use realm::Realm;
pub use response_origin::ResponseOrigin;
pub use response_port::ResponsePort;
pub use software::Software;
pub use text::{decode_text, encode_text};
pub use third_party_authorization::ThirdPartyAuthorization;
pub use transaction_transmit_counter::TransactionTransmitCounter;
pub use unknown_attributes::UnknownAttributes;
pub use use_candidate::UseCandidate;
pub use user_hash::UserHash;
pub use username::Username;
pub use xor_mapped_address::XorMappedAddress;

use crate::{
    header::TransactionId,
    writer::{ValueWriter, WriteError},
};

/// An attribute that can be read from a message.
pub trait Attribute<'a>: Sized {
    /// Its type.
    const TYPE: AttributeType;

    /// Reads its value: without type, length and padding.
    ///
    /// # Errors
    /// The value breaks the rules of the type.
    fn decode(value: &'a [u8], id: TransactionId) -> Result<Self, ValueError>;
}

/// An attribute that can be written into a message.
pub trait WriteAttribute {
    /// Its type.
    fn kind(&self) -> AttributeType;

    /// Writes its value: without type, length and padding.
    ///
    /// # Errors
    /// The buffer is too small, or the value must not be sent.
    fn encode(&self, value: &mut ValueWriter<'_>) -> Result<(), WriteError>;
}

impl<T: WriteAttribute + ?Sized> WriteAttribute for &T {
    fn kind(&self) -> AttributeType {
        (**self).kind()
    }

    fn encode(&self, value: &mut ValueWriter<'_>) -> Result<(), WriteError> {
        (**self).encode(value)
    }
}

/// An attribute is there and cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{attribute}: {problem}")]
pub struct AttributeError {
    /// Which.
    pub attribute: AttributeType,
    /// What is wrong with its value.
    pub problem: ValueError,
}

/// What is wrong with an attribute's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// The type has another length.
    #[error("{actual} bytes where {expected} belong")]
    Length {
        /// What its type asks for.
        expected: usize,
        /// What it has.
        actual: usize,
    },
    /// It is longer than the type allows.
    #[error("{actual} bytes where at most {limit} are allowed")]
    TooLong {
        /// The most bytes that the type allows.
        limit: usize,
        /// What it has.
        actual: usize,
    },
    /// It has more characters than the type allows.
    #[error("{actual} characters where at most {limit} are allowed")]
    TooManyCharacters {
        /// The most characters that the type allows.
        limit: usize,
        /// What it has.
        actual: usize,
    },
    /// It must be text and is not.
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// It must be ASCII and is not.
    #[error("the name is not ASCII")]
    NotAscii,
    /// Neither IPv4 nor IPv6 (RFC 8489 14.1).
    #[error("{0} is no address family")]
    Family(u8),
    /// Not between 300 and 699 (RFC 8489 14.8).
    #[error("class {class} and number {number} make no error code")]
    ErrorCode {
        /// The hundreds.
        class: u8,
        /// The rest.
        number: u8,
    },
    /// It is a number that its type has no meaning for.
    #[error("{0} is outside the range")]
    OutOfRange(u32),
    /// A list of 16-bit types has an odd number of bytes (RFC 8489 14.13).
    #[error("{0} bytes are no list of attribute types")]
    OddLength(usize),
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fmt::Debug;

    use super::*;
    use crate::{Class, Message, MessageWriter, Method};

    pub(crate) const ID: TransactionId = TransactionId::new(*b"0123456789AB");

    /// Writes the attribute between two others and gives the message to the check.
    pub(crate) fn round_trip_with(attribute: &impl WriteAttribute, check: impl FnOnce(Message<'_>)) {
        // Not zero, so that padding which is not written shows.
        let mut buffer = [0xAA; 2048];
        let marker = RawAttribute { kind: AttributeType::new(0xC0FF), value: &[1] };
        let length = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, ID)
            .and_then(|writer| writer.attribute(&marker)?.attribute(attribute)?.attribute(&marker))
            .unwrap()
            .finish();
        let message = Message::parse(&buffer[..length]).unwrap();
        assert_eq!(message.attributes().map(|raw| raw.kind).nth(1), Some(attribute.kind()));
        assert_eq!(message.attributes().last(), Some(marker));
        check(message);
    }

    /// What was written is read again.
    pub(crate) fn round_trip<T>(attribute: &T)
    where
        T: WriteAttribute + for<'a> ReadBack<'a>,
    {
        round_trip_with(attribute, |message| attribute.assert_in(message));
    }

    /// The same type as read from another buffer.
    pub(crate) trait ReadBack<'a> {
        fn assert_in(&self, message: Message<'a>);
    }

    macro_rules! read_back {
        ($($name:ident $(<$life:lifetime>)?),* $(,)?) => {
            $(impl<'a> ReadBack<'a> for $name $(<$life>)? {
                fn assert_in(&self, message: Message<'a>) {
                    assert_eq!(message.attribute::<$name $(<$life>)?>().as_ref(), Ok(&Some(*self)));
                }
            })*
        };
    }

    read_back! {
        AccessToken<'_>, AlternateDomain<'_>, AlternateServer, ChangeRequest, ErrorCode<'_>, IceControlled, IceControlling, MappedAddress, Nomination, Nonce<'_>, OtherAddress, Padding, PasswordAlgorithm<'_>, PasswordAlgorithms<'_>, Priority, Realm<'_>, ResponseOrigin, ResponsePort, Software<'_>, ThirdPartyAuthorization<'_>, TransactionTransmitCounter, UnknownAttributes<'_>, UseCandidate, UserHash, Username<'_>, XorMappedAddress,
    }

    /// The value's bytes as they stand in a message.
    pub(crate) fn try_value_of(attribute: &impl WriteAttribute) -> Result<Vec<u8>, WriteError> {
        let mut buffer = [0; 2048];
        let length = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, ID)?
            .attribute(attribute)?
            .finish();
        let message = Message::parse(&buffer[..length]).unwrap();
        Ok(message.raw(attribute.kind()).unwrap().value.to_vec())
    }

    pub(crate) fn value_of(attribute: &impl WriteAttribute) -> Vec<u8> {
        try_value_of(attribute).unwrap()
    }

    /// Fewer than 128 characters are sent, however long each; up to 763 bytes are read.
    pub(crate) fn assert_text_limits<'a, T>(new: fn(&'a str) -> T, text: fn(&T) -> &'a str)
    where
        T: WriteAttribute + Attribute<'a> + Debug + PartialEq,
    {
        for character in ["x", "ß", "マ", "𝄞"] {
            let longest: &'a str = character.repeat(127).leak();
            assert!(try_value_of(&new(longest)).is_ok());
            let problem = ValueError::TooManyCharacters { limit: 127, actual: 128 };
            let refused = WriteError::Value { attribute: T::TYPE, problem };
            assert_eq!(try_value_of(&new(character.repeat(128).leak())), Err(refused));
        }

        // What stands before the text, as in ERROR-CODE.
        let before = value_of(&new(""));
        let read = |text_bytes: &[u8]| T::decode([&before[..], text_bytes].concat().leak(), ID);
        assert_eq!(read(&[b'x'; 763]).map(|read| text(&read).len()), Ok(763));
        assert_eq!(read(&[b'x'; 764]), Err(ValueError::TooLong { limit: 763, actual: 764 }));
        assert_eq!(read(&[0xC3, 0x28]), Err(ValueError::NotUtf8));
    }
}
