use std::fmt;

/// The type of an attribute: 16 bits, registered with IANA (RFC 8489 14, 18.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributeType(u16);

/// The types that have a name here, and the name that RFC 8489 18.3, RFC 8445 16.1 or RFC 5780 7 gives them.
macro_rules! named {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        impl AttributeType {
            $($(#[$doc])* pub const $name: Self = Self($number);)*

            /// Its registered name, for a type that this crate knows.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($text),)*
                    _ => None,
                }
            }
        }
    };
}

named! {
    /// The address seen by the server, in the clear (RFC 8489 14.1).
    MAPPED_ADDRESS = 0x0001, "MAPPED-ADDRESS";
    /// Where a server is to answer from (RFC 5780 7.2).
    CHANGE_REQUEST = 0x0003, "CHANGE-REQUEST";
    /// Whose password is the key (RFC 8489 14.3).
    USERNAME = 0x0006, "USERNAME";
    /// HMAC-SHA1 (RFC 8489 14.5).
    MESSAGE_INTEGRITY = 0x0008, "MESSAGE-INTEGRITY";
    /// Why a request failed (RFC 8489 14.8).
    ERROR_CODE = 0x0009, "ERROR-CODE";
    /// What a server did not understand (RFC 8489 14.13).
    UNKNOWN_ATTRIBUTES = 0x000A, "UNKNOWN-ATTRIBUTES";
    /// Where a long-term credential is valid (RFC 8489 14.9).
    REALM = 0x0014, "REALM";
    /// What a server wants back (RFC 8489 14.10).
    NONCE = 0x0015, "NONCE";
    /// What an authorization server has issued (RFC 7635 6.2).
    ACCESS_TOKEN = 0x001B, "ACCESS-TOKEN";
    /// HMAC-SHA256 (RFC 8489 14.6).
    MESSAGE_INTEGRITY_SHA256 = 0x001C, "MESSAGE-INTEGRITY-SHA256";
    /// The algorithm that a client chose (RFC 8489 14.12).
    PASSWORD_ALGORITHM = 0x001D, "PASSWORD-ALGORITHM";
    /// A user name that eavesdroppers cannot read (RFC 8489 14.4).
    USERHASH = 0x001E, "USERHASH";
    /// The address seen by the server (RFC 8489 14.2).
    XOR_MAPPED_ADDRESS = 0x0020, "XOR-MAPPED-ADDRESS";
    /// The priority of a candidate learned from a check (RFC 8445 7.1.1).
    PRIORITY = 0x0024, "PRIORITY";
    /// The pair is nominated (RFC 8445 7.1.2).
    USE_CANDIDATE = 0x0025, "USE-CANDIDATE";
    /// Bytes that make a message large (RFC 5780 7.6).
    PADDING = 0x0026, "PADDING";
    /// The port that a server is to answer to (RFC 5780 7.5).
    RESPONSE_PORT = 0x0027, "RESPONSE-PORT";
    /// The algorithms that a server knows (RFC 8489 14.11).
    PASSWORD_ALGORITHMS = 0x8002, "PASSWORD-ALGORITHMS";
    /// The name that an alternate server's certificate has (RFC 8489 14.16).
    ALTERNATE_DOMAIN = 0x8003, "ALTERNATE-DOMAIN";
    /// What wrote the message (RFC 8489 14.14).
    SOFTWARE = 0x8022, "SOFTWARE";
    /// A server to try instead (RFC 8489 14.15).
    ALTERNATE_SERVER = 0x8023, "ALTERNATE-SERVER";
    /// How often a request was sent, and answered (RFC 7982 3.1).
    TRANSACTION_TRANSMIT_COUNTER = 0x8025, "TRANSACTION-TRANSMIT-COUNTER";
    /// CRC-32 (RFC 8489 14.7).
    FINGERPRINT = 0x8028, "FINGERPRINT";
    /// The sender is controlled (RFC 8445 7.1.3).
    ICE_CONTROLLED = 0x8029, "ICE-CONTROLLED";
    /// The sender is controlling (RFC 8445 7.1.3).
    ICE_CONTROLLING = 0x802A, "ICE-CONTROLLING";
    /// The server takes access tokens (RFC 7635 6.1).
    THIRD_PARTY_AUTHORIZATION = 0x802E, "THIRD-PARTY-AUTHORIZATION";
    /// What a response was sent from (RFC 5780 7.3).
    RESPONSE_ORIGIN = 0x802B, "RESPONSE-ORIGIN";
    /// The other address of a server (RFC 5780 7.4).
    OTHER_ADDRESS = 0x802C, "OTHER-ADDRESS";
    /// The how-manieth nomination this is (draft-thatcher-ice-renomination).
    NOMINATION = 0xC001, "NOMINATION";
}

impl AttributeType {
    /// The comprehension-required types of RFC 8489 18.3: what every agent understands.
    pub const RFC_8489: &'static [Self] = &[
        Self::MAPPED_ADDRESS,
        Self::USERNAME,
        Self::MESSAGE_INTEGRITY,
        Self::ERROR_CODE,
        Self::UNKNOWN_ATTRIBUTES,
        Self::REALM,
        Self::NONCE,
        Self::MESSAGE_INTEGRITY_SHA256,
        Self::PASSWORD_ALGORITHM,
        Self::USERHASH,
        Self::XOR_MAPPED_ADDRESS,
    ];

    /// Those of [`RFC_8489`](Self::RFC_8489) and of RFC 8445 16.1: what an ICE agent understands.
    pub const ICE: &'static [Self] = &[
        Self::MAPPED_ADDRESS,
        Self::USERNAME,
        Self::MESSAGE_INTEGRITY,
        Self::ERROR_CODE,
        Self::UNKNOWN_ATTRIBUTES,
        Self::REALM,
        Self::NONCE,
        Self::MESSAGE_INTEGRITY_SHA256,
        Self::PASSWORD_ALGORITHM,
        Self::USERHASH,
        Self::XOR_MAPPED_ADDRESS,
        Self::PRIORITY,
        Self::USE_CANDIDATE,
    ];

    /// Those of [`RFC_8489`](Self::RFC_8489) and of RFC 5780 7: what a server understands by which clients find out how
    /// their NATs behave.
    pub const RFC_5780: &'static [Self] = &[
        Self::MAPPED_ADDRESS,
        Self::USERNAME,
        Self::MESSAGE_INTEGRITY,
        Self::ERROR_CODE,
        Self::UNKNOWN_ATTRIBUTES,
        Self::REALM,
        Self::NONCE,
        Self::MESSAGE_INTEGRITY_SHA256,
        Self::PASSWORD_ALGORITHM,
        Self::USERHASH,
        Self::XOR_MAPPED_ADDRESS,
        Self::CHANGE_REQUEST,
        Self::PADDING,
        Self::RESPONSE_PORT,
    ];

    /// The type of this number.
    #[must_use]
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Whether a message with it can only be used by one who understands it (RFC 8489 14).
    #[must_use]
    pub const fn is_comprehension_required(self) -> bool {
        self.0 < 0x8000
    }

    /// Whether it is MESSAGE-INTEGRITY or MESSAGE-INTEGRITY-SHA256.
    #[must_use]
    pub const fn is_integrity(self) -> bool {
        matches!(self, Self::MESSAGE_INTEGRITY | Self::MESSAGE_INTEGRITY_SHA256)
    }
}

impl fmt::Display for AttributeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "attribute {:#06x}", self.0),
        }
    }
}

impl fmt::Debug for AttributeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upper_half_may_be_skipped() {
        assert!(AttributeType::new(0x0000).is_comprehension_required());
        assert!(AttributeType::new(0x7FFF).is_comprehension_required());
        assert!(!AttributeType::new(0x8000).is_comprehension_required());
        assert!(!AttributeType::new(0xFFFF).is_comprehension_required());
    }

    #[test]
    fn what_is_listed_as_understood_is_required_and_named() {
        for kind in AttributeType::ICE.iter().chain(AttributeType::RFC_5780) {
            assert!(kind.is_comprehension_required() && kind.name().is_some(), "{kind}");
        }
        assert!(AttributeType::ICE.starts_with(AttributeType::RFC_8489));
        assert!(AttributeType::RFC_5780.starts_with(AttributeType::RFC_8489));
    }

    #[test]
    fn a_type_without_a_name_shows_its_number() {
        assert_eq!(AttributeType::new(0x0002).to_string(), "attribute 0x0002");
        assert_eq!(AttributeType::USE_CANDIDATE.to_string(), "USE-CANDIDATE");
    }
}
