//! STUN messages as a scripted peer, or an attacker, writes and reads them.

use std::net::SocketAddr;

use floe_core::{BaseId, Role, Transmit};
use floe_stun::{
    Class, IntegrityKind, Key, Message, MessageWriter, Method, TransactionId,
    attribute::{
        AttributeType, ErrorCode, IceControlled, IceControlling, Nomination, Priority, RawAttribute,
        Software, TransactionTransmitCounter, UnknownAttributes, UseCandidate, Username, WriteAttribute,
        XorMappedAddress,
    },
};

/// The transaction id made of a number.
pub fn id(number: u64) -> TransactionId {
    let mut bytes = [0xA5; 12];
    bytes[4..].copy_from_slice(&number.to_be_bytes());
    TransactionId::new(bytes)
}

/// A message to write; every part can be spoilt.
#[derive(Clone)]
pub struct Draft {
    pub class: Class,
    pub method: Method,
    pub id: TransactionId,
    pub attributes: Vec<(AttributeType, Vec<u8>)>,
    pub sign: Option<(IntegrityKind, Key)>,
    /// Appended behind the integrity attribute.
    pub behind: Vec<(AttributeType, Vec<u8>)>,
    pub fingerprint: bool,
}

impl Draft {
    pub fn new(class: Class, id: TransactionId) -> Self {
        Self {
            class,
            method: Method::BINDING,
            id,
            attributes: Vec::new(),
            sign: None,
            behind: Vec::new(),
            fingerprint: true,
        }
    }

    pub fn with(mut self, attribute: &impl WriteAttribute) -> Self {
        let mut buffer = [0; 1024];
        let length = MessageWriter::new(&mut buffer, self.class, self.method, self.id)
            .and_then(|writer| writer.attribute(attribute))
            .unwrap()
            .finish();
        let message = Message::parse(&buffer[..length]).unwrap();
        let raw = message.raw(attribute.kind()).unwrap();
        self.attributes.push((raw.kind, raw.value.to_vec()));
        self
    }

    pub fn raw(mut self, kind: u16, value: &[u8]) -> Self {
        self.attributes.push((AttributeType::new(kind), value.to_vec()));
        self
    }

    pub fn without(mut self, kind: AttributeType) -> Self {
        self.attributes.retain(|(known, _)| *known != kind);
        self
    }

    /// This attribute in place of the one of its type.
    pub fn instead(self, attribute: &impl WriteAttribute) -> Self {
        self.without(attribute.kind()).with(attribute)
    }

    pub fn signed(mut self, pwd: &str) -> Self {
        self.sign = Some((IntegrityKind::Sha1, Key::short_term(pwd)));
        self
    }

    pub fn signed_sha256(mut self, pwd: &str) -> Self {
        self.sign = Some((IntegrityKind::Sha256, Key::short_term(pwd)));
        self
    }

    pub fn unsigned(mut self) -> Self {
        self.sign = None;
        self
    }

    pub fn behind(mut self, kind: AttributeType, value: &[u8]) -> Self {
        self.behind.push((kind, value.to_vec()));
        self
    }

    pub fn without_fingerprint(mut self) -> Self {
        self.fingerprint = false;
        self
    }

    pub fn write(&self) -> Vec<u8> {
        let mut buffer = vec![0; 70_000];
        let mut writer = MessageWriter::new(&mut buffer, self.class, self.method, self.id).unwrap();
        for (kind, value) in &self.attributes {
            writer = writer.attribute(&RawAttribute { kind: *kind, value }).unwrap();
        }
        if let Some((kind, key)) = &self.sign {
            writer = writer.integrity_of(*kind, key).unwrap();
        }
        let length = writer.finish();
        buffer.truncate(length);
        for (kind, value) in &self.behind {
            append(&mut buffer, *kind, value);
        }
        if self.fingerprint {
            seal(&mut buffer);
        }
        buffer
    }
}

/// Appends an attribute wherever the message is, and sets its length.
pub fn append(message: &mut Vec<u8>, kind: AttributeType, value: &[u8]) {
    message.extend(kind.get().to_be_bytes());
    message.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(4), 0);
    set_length(message, 0);
}

/// Appends a FINGERPRINT that fits.
pub fn seal(message: &mut Vec<u8>) {
    set_length(message, 8);
    let crc = crc32fast::hash(message) ^ 0x5354_554E;
    append(message, AttributeType::FINGERPRINT, &crc.to_be_bytes());
}

/// The same message with a FINGERPRINT that fits what it now says.
pub fn resealed(mut message: Vec<u8>) -> Vec<u8> {
    message.truncate(message.len() - 8);
    seal(&mut message);
    message
}

fn set_length(message: &mut [u8], more: usize) {
    let length = u16::try_from(message.len() - 20 + more).unwrap();
    message[2..4].copy_from_slice(&length.to_be_bytes());
}

/// A message that a check set sent, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub base: BaseId,
    pub to: SocketAddr,
    pub class: Class,
    pub id: TransactionId,
    pub username: Option<String>,
    pub software: Option<String>,
    pub priority: Option<u32>,
    pub claim: Option<(Role, u64)>,
    pub use_candidate: bool,
    pub nomination: Option<u32>,
    pub mapped: Option<SocketAddr>,
    pub error: Option<u16>,
    pub unknown: Vec<u16>,
    pub integrity: Option<IntegrityKind>,
    pub types: Vec<AttributeType>,
    pub bytes: Vec<u8>,
}

impl Seen {
    pub fn of(transmit: &Transmit) -> Self {
        let message = Message::parse(&transmit.payload).expect("what is sent is STUN");
        message.verify_fingerprint().expect("what is sent has a FINGERPRINT");
        let controlling = message.attribute::<IceControlling>().unwrap();
        let controlled = message.attribute::<IceControlled>().unwrap();
        assert!(controlling.is_none() || controlled.is_none(), "one role at a time");
        Self {
            base: transmit.base,
            to: transmit.to,
            class: message.class(),
            id: message.transaction_id(),
            username: message.attribute::<Username<'_>>().unwrap().map(|name| name.as_str().to_owned()),
            software: message.attribute::<Software<'_>>().unwrap().map(|name| name.as_str().to_owned()),
            priority: message.attribute::<Priority>().unwrap().map(Priority::get),
            claim: controlling
                .map(|claim| (Role::Controlling, claim.get()))
                .or(controlled.map(|claim| (Role::Controlled, claim.get()))),
            use_candidate: message.attribute::<UseCandidate>().unwrap().is_some(),
            nomination: message.attribute::<Nomination>().unwrap().map(Nomination::get),
            mapped: message.attribute::<XorMappedAddress>().unwrap().map(|mapped| mapped.0),
            error: message.attribute::<ErrorCode<'_>>().unwrap().map(|error| error.code()),
            unknown: message
                .attribute::<UnknownAttributes<'_>>()
                .unwrap()
                .map(|unknown| unknown.types().map(AttributeType::get).collect())
                .unwrap_or_default(),
            integrity: message.integrity_kind(),
            types: message.attributes().map(|attribute| attribute.kind).collect(),
            bytes: transmit.payload.to_vec(),
        }
    }

    /// What RFC 7982 asks of the same check when it is sent for the how-manieth time.
    pub fn sent_again(&self, number: u8) -> Self {
        let message = Message::parse(&self.bytes).unwrap();
        let counter = message.raw(AttributeType::TRANSACTION_TRANSMIT_COUNTER).unwrap();
        assert_eq!(counter.value, [0, 0, 1, 0], "the first one has the number one");
        let mut draft = Draft::new(self.class, self.id).signed(super::PEER_PWD);
        for attribute in message.attributes().filter(|raw| is_plain(raw.kind)) {
            let value = if attribute.kind == counter.kind { &[0, 0, number, 0] } else { attribute.value };
            draft = draft.raw(attribute.kind.get(), value);
        }
        Self { bytes: draft.write(), ..self.clone() }
    }

    /// Its TRANSACTION-TRANSMIT-COUNTER: how often asked, how often answered.
    pub fn counter(&self) -> Option<(u8, u8)> {
        let counter = Message::parse(&self.bytes).unwrap().attribute::<TransactionTransmitCounter>().unwrap();
        counter.map(|counter| (counter.requests, counter.responses))
    }

    pub fn is_signed_with(&self, pwd: &str) -> bool {
        let key = Key::short_term(pwd);
        Message::parse(&self.bytes).unwrap().verify_integrity(&key).is_ok()
    }
}

fn is_plain(kind: AttributeType) -> bool {
    !kind.is_integrity() && kind != AttributeType::FINGERPRINT
}
