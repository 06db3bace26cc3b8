//! Messages that no session would send, and some that one would.

use floe_core::Credentials;
use floe_stun::{
    Class, Key, Message, MessageWriter, Method, TransactionId,
    attribute::{
        ErrorCode, IceControlled, IceControlling, Priority, UseCandidate, Username, XorMappedAddress,
    },
};

/// What a check says, and who signs it.
#[derive(Debug, Clone)]
pub(crate) struct Check {
    pub(crate) username: String,
    pub(crate) pwd: String,
    pub(crate) controlling: bool,
    pub(crate) tie_breaker: u64,
    pub(crate) use_candidate: bool,
    pub(crate) id: [u8; 12],
}

impl Check {
    /// A check as a controlling peer with `theirs` would send it to an agent with `ours`.
    pub(crate) fn of(theirs: &Credentials, ours: &Credentials) -> Self {
        Self {
            username: format!("{}:{}", ours.ufrag(), theirs.ufrag()),
            pwd: ours.pwd().to_owned(),
            controlling: true,
            tie_breaker: 7,
            use_candidate: false,
            id: [9; 12],
        }
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let mut buffer = [0; 600];
        let id = TransactionId::new(self.id);
        let message = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, id)
            .and_then(|message| message.attribute(&Username::new(&self.username)))
            .and_then(|message| message.attribute(&Priority::new(1_862_270_975)))
            .unwrap();
        let message = if self.controlling {
            message.attribute(&IceControlling::new(self.tie_breaker)).unwrap()
        } else {
            message.attribute(&IceControlled::new(self.tie_breaker)).unwrap()
        };
        let message = message.optional(self.use_candidate.then_some(UseCandidate).as_ref()).unwrap();
        let key = Key::short_term(&self.pwd);
        let length = message.integrity(&key).and_then(MessageWriter::fingerprint).unwrap().finish();
        buffer[..length].to_vec()
    }
}

/// An answer to this request, signed with this password, or not at all. One of class error says 487.
pub(crate) fn answer(request: &[u8], pwd: Option<&str>, class: Class) -> Vec<u8> {
    let id = Message::parse(request).unwrap().transaction_id();
    let mut buffer = [0; 200];
    let message = MessageWriter::new(&mut buffer, class, Method::BINDING, id).unwrap();
    let message = if class == Class::Error {
        message.attribute(&ErrorCode::new(ErrorCode::ROLE_CONFLICT, "Role Conflict")).unwrap()
    } else {
        message.attribute(&XorMappedAddress("192.0.2.66:6666".parse().unwrap())).unwrap()
    };
    let message = match pwd {
        Some(pwd) => message.integrity(&Key::short_term(pwd)).unwrap(),
        None => message,
    };
    let length = message.fingerprint().unwrap().finish();
    buffer[..length].to_vec()
}
