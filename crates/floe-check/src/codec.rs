//! Checks as STUN messages (RFC 8445 7.1, 7.2.2, 16.1).

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use bytes::Bytes;
use floe_core::{Priority, Role, TieBreaker};
use floe_stun::{
    Class, IntegrityKind, Key, Message, MessageWriter, Method, TransactionId, WriteError,
    attribute::{
        self, ErrorCode, IceControlled, IceControlling, Nomination, Software, TransactionTransmitCounter,
        UseCandidate, Username, XorMappedAddress,
    },
    max_datagram,
};

/// The longest datagram that paths of either family are sure to take (RFC 8489 6.1).
const MAX_LENGTH: usize = max_datagram(IpAddr::V6(Ipv6Addr::UNSPECIFIED));

/// The largest value of NOMINATION (draft-thatcher-ice-renomination 4).
pub(crate) const MAX_NOMINATION: u32 = 0x00FF_FFFF;

/// What a check says.
pub(crate) struct CheckRequest<'a> {
    pub(crate) username: &'a str,
    pub(crate) software: Option<&'a str>,
    pub(crate) priority: Priority,
    pub(crate) role: Role,
    pub(crate) tie_breaker: TieBreaker,
    pub(crate) use_candidate: bool,
    /// The value of NOMINATION, where it is sent.
    pub(crate) nomination: Option<u32>,
    pub(crate) key: &'a Key,
}

impl CheckRequest<'_> {
    /// The request to this address as it is sent for the first time; without SOFTWARE where that does not fit, and `None` where nothing does: only user
    /// names far over the usual make it so.
    pub(crate) fn write(&self, id: TransactionId, to: IpAddr) -> Option<Bytes> {
        self.write_with(self.software, id, to).or_else(|| self.write_with(None, id, to))
    }

    fn write_with(&self, software: Option<&str>, id: TransactionId, to: IpAddr) -> Option<Bytes> {
        written(to, |buffer| {
            let message = MessageWriter::new(buffer, Class::Request, Method::BINDING, id)?
                .optional(software.map(|text| Software::new(cut(text))).as_ref())?
                .attribute(&Username::new(self.username))?
                .attribute(&attribute::Priority::new(self.priority.get()))?;
            let message = match self.role {
                Role::Controlling => message.attribute(&IceControlling::new(self.tie_breaker.0))?,
                Role::Controlled => message.attribute(&IceControlled::new(self.tie_breaker.0))?,
            };
            let message = message
                .optional(self.use_candidate.then_some(UseCandidate).as_ref())?
                .optional(self.nomination.map(Nomination::new).as_ref())?
                .attribute(&TransactionTransmitCounter::request(1))?;
            Ok(message.integrity(self.key)?.fingerprint()?.finish())
        })
    }
}

/// The answer to an authentic check: success, or this error (RFC 8445 7.3.1.2).
pub(crate) struct CheckAnswer<'a> {
    pub(crate) source: SocketAddr,
    pub(crate) error: Option<ErrorCode<'a>>,
    pub(crate) counter: Option<TransactionTransmitCounter>,
    pub(crate) sign: Option<(IntegrityKind, &'a Key)>,
}

impl CheckAnswer<'_> {
    pub(crate) fn write(&self, request: &Message<'_>) -> Option<Bytes> {
        written(self.source.ip(), |buffer| {
            let message = match &self.error {
                None => MessageWriter::respond(buffer, request, Class::Success)?
                    .attribute(&XorMappedAddress(self.source))?,
                Some(error) => MessageWriter::respond(buffer, request, Class::Error)?.attribute(error)?,
            };
            let message = message.optional(self.counter.as_ref())?;
            let message = match self.sign {
                Some((kind, key)) => message.integrity_of(kind, key)?,
                None => message,
            };
            Ok(message.fingerprint()?.finish())
        })
    }
}

/// The beginning of a text: RFC 8489 14.14 allows fewer than 128 characters.
fn cut(text: &str) -> &str {
    let end = text.char_indices().nth(127).map_or(text.len(), |(end, _)| end);
    text.get(..end).unwrap_or_default()
}

/// What `write` puts into a buffer as long as a datagram to this address may be; `None` where it does not fit, or is
/// nothing.
pub(crate) fn written(
    to: IpAddr,
    write: impl FnOnce(&mut [u8]) -> Result<usize, WriteError>,
) -> Option<Bytes> {
    let mut buffer = [0; MAX_LENGTH];
    let length = write(buffer.get_mut(..max_datagram(to))?).ok().filter(|length| *length > 0)?;
    buffer.get(..length).map(Bytes::copy_from_slice)
}

/// What an authenticated check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CheckFields {
    pub(crate) priority: Priority,
    /// The role the peer claims, and its tie-breaker; `None` where an old peer claims none.
    pub(crate) claim: Option<(Role, TieBreaker)>,
    pub(crate) use_candidate: bool,
    /// The value of NOMINATION: 24 bits.
    pub(crate) nomination: Option<u32>,
}

impl CheckFields {
    /// Reads an authentic request, and this agent's and the peer's ufrag out of its USERNAME; `None` where PRIORITY is
    /// missing or anything is malformed or contradicts itself.
    pub(crate) fn read<'a>(message: &Message<'a>) -> Option<(Self, [&'a str; 2])> {
        let (mine, peer) = message.attribute::<Username<'a>>().ok()??.as_str().split_once(':')?;
        let priority = message.attribute::<attribute::Priority>().ok()??;
        let controlling = message.attribute::<IceControlling>().ok()?;
        let controlled = message.attribute::<IceControlled>().ok()?;
        let claim = match (controlling, controlled) {
            (Some(claim), None) => Some((Role::Controlling, TieBreaker(claim.get()))),
            (None, Some(claim)) => Some((Role::Controlled, TieBreaker(claim.get()))),
            (None, None) => None,
            (Some(_), Some(_)) => return None,
        };
        let use_candidate = message.attribute::<UseCandidate>().ok()?.is_some();
        // To a peer that has not agreed on it the number may mean anything, so that a strange value is no error.
        let nomination =
            message.attribute::<Nomination>().ok().flatten().map(|value| value.get() & MAX_NOMINATION);
        let priority = Priority::from_raw(priority.get()).ok()?;
        Some((Self { priority, claim, use_candidate, nomination }, [mine, peer]))
    }
}

#[cfg(test)]
mod tests {
    use floe_stun::attribute::{AttributeType, RawAttribute};

    use super::*;

    const ID: TransactionId = TransactionId::new([7; 12]);
    const V4: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

    fn check(key: &Key, role: Role, use_candidate: bool) -> CheckRequest<'_> {
        CheckRequest {
            username: "theirs:mine",
            software: None,
            priority: Priority::from_raw(4711).unwrap(),
            role,
            tie_breaker: TieBreaker(0x0123_4567_89AB_CDEF),
            use_candidate,
            nomination: use_candidate.then_some(7),
            key,
        }
    }

    #[test]
    fn a_check_reads_as_it_was_written() {
        let key = Key::short_term("password");
        for role in [Role::Controlling, Role::Controlled] {
            for use_candidate in [false, true] {
                let bytes = check(&key, role, use_candidate).write(ID, V4).unwrap();
                let message = Message::parse(&bytes).unwrap();
                assert_eq!((message.class(), message.method()), (Class::Request, Method::BINDING));
                assert_eq!(message.transaction_id(), ID);
                message.verify_fingerprint().unwrap();
                message.verify_integrity(&key).unwrap();
                let claim = Some((role, TieBreaker(0x0123_4567_89AB_CDEF)));
                let priority = Priority::from_raw(4711).unwrap();
                let nomination = use_candidate.then_some(7);
                let fields = CheckFields { priority, claim, use_candidate, nomination };
                assert_eq!(CheckFields::read(&message), Some((fields, ["theirs", "mine"])));
            }
        }
    }

    // proves: 8489-6.1-a
    #[test]
    fn a_check_is_no_longer_than_paths_are_sure_to_take() {
        let key = Key::short_term("password");
        // The longest name there is: the peer's ufrag of 256 characters, and one of ours that long.
        let (name, software) = ("x".repeat(508), "𝄞".repeat(200));
        let usual = CheckRequest { software: Some(&software), ..check(&key, Role::Controlling, true) };
        let long = CheckRequest { username: &name, ..check(&key, Role::Controlling, true) };
        for (to, limit) in [(V4, 548), (V6, 1232)] {
            let bytes = usual.write(ID, to).unwrap();
            assert!(bytes.len() <= limit, "{to}: {}", bytes.len());
            // What would not fit goes without SOFTWARE.
            let told = Message::parse(&bytes).unwrap().attribute::<Software<'_>>().unwrap().is_some();
            assert_eq!(told, to == V6);
        }
        assert_eq!(long.write(ID, V4), None);
        assert!(long.write(ID, V6).unwrap().len() <= 1232);
        let longer = "x".repeat(509);
        assert_eq!(CheckRequest { username: &longer, ..long }.write(ID, V6), None);
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut("floe"), "floe");
        assert_eq!(cut(&"x".repeat(127)), "x".repeat(127));
        assert_eq!(cut(&"x".repeat(128)), "x".repeat(127));
        assert_eq!(cut(&"ß".repeat(300)), "ß".repeat(127));
    }

    #[test]
    fn nothing_written_is_no_datagram() {
        assert_eq!(written(V4, |_| Ok(0)), None);
        assert_eq!(written(V4, |_| Err(WriteError::BufferTooSmall)), None);
        assert_eq!(
            written(V4, |buffer| {
                buffer[0] = 9;
                Ok(1)
            })
            .unwrap()[..],
            [9]
        );
    }

    #[test]
    fn a_check_without_a_colon_or_with_a_broken_field_reads_as_none() {
        let read = |attributes: &[(AttributeType, &[u8])]| {
            let mut buffer = [0; 256];
            let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, ID).unwrap();
            for (kind, value) in attributes {
                writer = writer.attribute(&RawAttribute { kind: *kind, value }).unwrap();
            }
            let length = writer.finish();
            CheckFields::read(&Message::parse(&buffer[..length]).unwrap()).map(|(fields, _)| fields)
        };
        use AttributeType as T;
        let (name, priority) = ((T::USERNAME, &b"mine:theirs"[..]), (T::PRIORITY, &[0, 0, 0, 1][..]));
        let bare = CheckFields {
            priority: Priority::from_raw(1).unwrap(),
            claim: None,
            use_candidate: false,
            nomination: None,
        };
        assert_eq!(read(&[name, priority]), Some(bare));
        // Of NOMINATION 24 bits count, and one of another length is none.
        let nominated = CheckFields { nomination: Some(0x00AB_CDEF), ..bare };
        assert_eq!(read(&[name, priority, (T::NOMINATION, &[9, 0xAB, 0xCD, 0xEF])]), Some(nominated));
        assert_eq!(read(&[name, priority, (T::NOMINATION, &[1, 2, 3])]), Some(bare));
        assert_eq!(read(&[(T::USERNAME, b"mine"), priority]), None);
        assert_eq!(read(&[priority]), None);
        assert_eq!(read(&[name]), None);
        assert_eq!(read(&[name, (T::PRIORITY, &[0, 0, 0])]), None);
        assert_eq!(read(&[name, (T::PRIORITY, &[0x80, 0, 0, 0])]), None);
        assert_eq!(read(&[name, priority, (T::ICE_CONTROLLED, &[1; 7])]), None);
        assert_eq!(
            read(&[name, priority, (T::ICE_CONTROLLED, &[1; 8]), (T::ICE_CONTROLLING, &[1; 8])]),
            None
        );
        assert_eq!(read(&[name, priority, (T::USE_CANDIDATE, &[0])]), None);
    }
}
