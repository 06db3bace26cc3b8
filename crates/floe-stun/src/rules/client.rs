//! The receiver of responses (RFC 8489 6.3.3, 6.3.4, 9.1.4).

use std::net::SocketAddr;

use crate::{
    attribute::{AttributeError, AttributeType, ErrorCode, Username, ValueError, XorMappedAddress},
    header::Class,
    key::Key,
    message::{IntegrityError, IntegrityKind, Message},
    writer::{MessageWriter, WriteError},
};

/// How often a request may be sent anew after a 5xx (RFC 8489 6.3.4).
pub const SERVER_ERROR_RETRIES: u32 = 4;

/// Which integrity attributes a request had (RFC 8489 9.1.2, 9.1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SentIntegrity {
    /// One, because the usage or an earlier response says which: only its like is an answer.
    Only(IntegrityKind),
    /// Both, and the answer chooses.
    Both,
}

impl SentIntegrity {
    fn accepts(self, kind: IntegrityKind) -> bool {
        match self {
            Self::Only(sent) => sent == kind,
            Self::Both => true,
        }
    }
}

/// Ends a request or indication with a short-term credential: USERNAME and integrity (RFC 8489 9.1.2).
///
/// What comes back takes FINGERPRINT and nothing else.
///
/// # Errors
/// The buffer is too small, the name too long, or integrity was already written.
pub fn write_credentials<'b>(
    writer: MessageWriter<'b>,
    username: &str,
    integrity: SentIntegrity,
    key: &Key,
) -> Result<MessageWriter<'b>, WriteError> {
    let writer = writer.attribute(&Username::new(username))?;
    match integrity {
        SentIntegrity::Only(kind) => writer.integrity_of(kind, key),
        SentIntegrity::Both => writer.integrity(key)?.integrity_sha256(key),
    }
}

/// What a response says, once it is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer<'a> {
    /// The request succeeded.
    Success,
    /// The request failed; [`after_error`] tells what may follow.
    Error(ErrorCode<'a>),
}

/// Checks the response of a request with a short-term credential, in the order of RFC 8489 9.1.4, 6.3.3 and 6.3.4.
///
/// That its transaction is open, and its addresses are those of the request, are the caller's to check before.
///
/// # Errors
/// [`BadResponse::ends_transaction`] tells whether the wait goes on.
pub fn check_response<'a>(
    response: &Message<'a>,
    known: &[AttributeType],
    sent: SentIntegrity,
    key: &Key,
) -> Result<Answer<'a>, BadResponse> {
    if !response.class().is_response() {
        return Err(BadResponse::NotAResponse);
    }
    match response.integrity_kind() {
        Some(kind) if !sent.accepts(kind) => return Err(BadResponse::OtherAlgorithm(kind)),
        _ => response.verify_integrity(key).map_err(BadResponse::Integrity)?,
    };
    read_response(response, known)
}

/// Checks a response where the usage has no credentials (RFC 8489 6.3.3, 6.3.4).
///
/// # Errors
/// [`BadResponse::ends_transaction`] tells whether the wait goes on.
pub fn read_response<'a>(response: &Message<'a>, known: &[AttributeType]) -> Result<Answer<'a>, BadResponse> {
    if !response.class().is_response() {
        return Err(BadResponse::NotAResponse);
    }
    if let Some(kind) = response.unknown_required(known).next() {
        return Err(BadResponse::UnknownAttribute(kind));
    }
    if response.class() == Class::Success {
        return Ok(Answer::Success);
    }
    match response.attribute() {
        Ok(Some(error)) => Ok(Answer::Error(error)),
        Ok(None) => Err(BadResponse::NoErrorCode),
        Err(error) => Err(BadResponse::MalformedErrorCode(error.problem)),
    }
}

/// The XOR-MAPPED-ADDRESS of a Binding response; one of an unknown family counts as none (RFC 8489 6.3.3).
///
/// # Errors
/// It is there, and malformed.
pub fn mapped_address(response: &Message<'_>) -> Result<Option<SocketAddr>, AttributeError> {
    match response.attribute::<XorMappedAddress>() {
        Ok(mapped) => Ok(mapped.map(|XorMappedAddress(address)| address)),
        Err(AttributeError { problem: ValueError::Family(_), .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What may follow an error response (RFC 8489 6.3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterError {
    /// Nothing: the transaction failed.
    Fail,
    /// Another server, where the usage has ALTERNATE-SERVER and integrity vouches for the response (RFC 8489 10);
    /// otherwise the transaction failed.
    TryAlternate,
    /// The same request in a new transaction, later.
    Retry,
}

/// What may follow an error response with this code, after so many retries of the request (RFC 8489 6.3.4).
///
/// Mechanisms and usages have their own rules for some codes: 401 and 438 with long-term credentials, 487 with ICE.
#[must_use]
pub const fn after_error(code: u16, retries: u32) -> AfterError {
    match code {
        300..=399 => AfterError::TryAlternate,
        500..=599 if retries < SERVER_ERROR_RETRIES => AfterError::Retry,
        _ => AfterError::Fail,
    }
}

/// Why a response cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadResponse {
    /// It is a request or an indication.
    #[error("the message is no response")]
    NotAResponse,
    /// Its algorithm is not the one that the request had: forged, or the peer breaks RFC 8489 9.1.3.
    #[error("the response has {0:?} integrity, which the request had not")]
    OtherAlgorithm(IntegrityKind),
    /// Integrity does not vouch for it: forged, or the peer has another password. An error response without it may
    /// come from a peer that could not authenticate the request; its code is a hint for people, and no more.
    #[error("{0}")]
    Integrity(IntegrityError),
    /// It cannot be used without understanding this attribute.
    #[error("{0} is not understood")]
    UnknownAttribute(AttributeType),
    /// It is an error response that does not say why.
    #[error("the error response has no ERROR-CODE")]
    NoErrorCode,
    /// It is an error response whose reason cannot be read.
    #[error("ERROR-CODE: {0}")]
    MalformedErrorCode(ValueError),
}

impl BadResponse {
    /// Whether the transaction fails because of it; otherwise the wait goes on as if it had not come.
    ///
    /// What is not authentic ends a transaction over a stream, since nobody else can write there, and never one over
    /// datagrams, where anyone can (RFC 8489 9.1.4).
    #[must_use]
    pub const fn ends_transaction(self, reliable: bool) -> bool {
        match self {
            Self::NotAResponse => false,
            Self::OtherAlgorithm(_) | Self::Integrity(_) => reliable,
            Self::UnknownAttribute(_) | Self::NoErrorCode | Self::MalformedErrorCode(_) => true,
        }
    }

    /// Whether integrity was violated: [`Transactions::note_forged`](crate::Transactions::note_forged) wants to know.
    #[must_use]
    pub const fn violates_integrity(self) -> bool {
        matches!(self, Self::OtherAlgorithm(_) | Self::Integrity(_))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{
        Due, Method, RetransmitPolicy, TransactionId, Transactions,
        attribute::{RawAttribute, WriteAttribute},
    };

    const ID: TransactionId = TransactionId::new([9; 12]);

    fn key() -> Key {
        Key::short_term("the password of the peer")
    }

    /// A Binding response; each algorithm signs in its turn.
    fn response(class: Class, attributes: &[&dyn WriteAttribute], sign: &[(IntegrityKind, &Key)]) -> Vec<u8> {
        let mut buffer = vec![0; 548];
        let mut writer = MessageWriter::new(&mut buffer, class, Method::BINDING, ID).unwrap();
        for attribute in attributes {
            writer = writer.attribute(attribute).unwrap();
        }
        for (kind, key) in sign {
            writer = writer.integrity_of(*kind, key).unwrap();
        }
        let length = writer.fingerprint().unwrap().finish();
        buffer.truncate(length);
        buffer
    }

    #[test]
    fn only_the_algorithm_that_was_sent_is_an_answer_and_of_both_either() {
        use IntegrityKind::{Sha1, Sha256};
        let key = key();
        for answered in [Sha1, Sha256] {
            let bytes = response(Class::Success, &[], &[(answered, &key)]);
            let message = Message::parse(&bytes).unwrap();
            for sent in [Sha1, Sha256] {
                let expected = if sent == answered {
                    Ok(Answer::Success)
                } else {
                    Err(BadResponse::OtherAlgorithm(answered))
                };
                assert_eq!(check_response(&message, &[], SentIntegrity::Only(sent), &key), expected);
            }
            assert_eq!(check_response(&message, &[], SentIntegrity::Both, &key), Ok(Answer::Success));
        }
    }

    // proves: 8489-9.1.2-a
    #[test]
    fn a_request_has_username_and_both_algorithms_or_the_one_that_the_peer_is_known_to_have() {
        let key = key();
        for (sent, kinds) in [
            (SentIntegrity::Both, &[IntegrityKind::Sha1, IntegrityKind::Sha256][..]),
            (SentIntegrity::Only(IntegrityKind::Sha1), &[IntegrityKind::Sha1]),
            (SentIntegrity::Only(IntegrityKind::Sha256), &[IntegrityKind::Sha256]),
        ] {
            let mut buffer = [0; 548];
            let length = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, ID)
                .and_then(|writer| write_credentials(writer, "a:b", sent, &key)?.fingerprint())
                .unwrap()
                .finish();
            let request = Message::parse(&buffer[..length]).unwrap();
            assert_eq!(request.attribute(), Ok(Some(Username::new("a:b"))));
            assert_eq!(request.verify_integrity(&key).ok(), kinds.last().copied());
            for kind in [IntegrityKind::Sha1, IntegrityKind::Sha256] {
                assert_eq!(request.has_integrity(kind), kinds.contains(&kind));
            }
            // One who knows only MESSAGE-INTEGRITY finds a valid one.
            if let Some(end) = sha1_end(&request) {
                let mut weaker = buffer[..end].to_vec();
                weaker[2..4].copy_from_slice(&u16::try_from(end - 20).unwrap().to_be_bytes());
                assert_eq!(Message::parse(&weaker).unwrap().verify_integrity(&key), Ok(IntegrityKind::Sha1));
            }
        }
    }

    /// Where MESSAGE-INTEGRITY ends, if there is one.
    fn sha1_end(message: &Message<'_>) -> Option<usize> {
        let value = message.raw(AttributeType::MESSAGE_INTEGRITY)?.value;
        Some(value.as_ptr() as usize - message.as_bytes().as_ptr() as usize + value.len())
    }

    /// Takes a response as the owner of the table would: gives the answer's success, or whether it ended the wait.
    fn take(transactions: &mut Transactions<()>, bytes: &[u8], reliable: bool) -> Option<bool> {
        let message = Message::parse(bytes).unwrap();
        let sent = SentIntegrity::Only(IntegrityKind::Sha1);
        match check_response(&message, AttributeType::ICE, sent, &key()) {
            Ok(answer) => transactions.complete(ID).map(|_| answer == Answer::Success),
            Err(bad) if bad.ends_transaction(reliable) => transactions.remove(ID).map(|()| false),
            Err(bad) => {
                assert!(bad.violates_integrity());
                transactions.note_forged(ID);
                None
            }
        }
    }

    // proves: 8489-9.1.4-a
    #[test]
    #[allow(clippy::disallowed_methods, reason = "an epoch for virtual time")]
    fn over_udp_a_forged_response_is_dropped_and_the_wait_goes_on_and_over_tcp_it_is_the_end() {
        let epoch = std::time::Instant::now();
        let (key, wrong) = (key(), Key::short_term("guessed"));
        let genuine = response(Class::Success, &[], &[(IntegrityKind::Sha1, &key)]);
        let forgeries = [
            response(Class::Success, &[], &[]),
            response(Class::Success, &[], &[(IntegrityKind::Sha1, &wrong)]),
            response(Class::Error, &[&ErrorCode::standard(400)], &[]),
        ];
        let open = |policy| {
            let mut transactions = Transactions::new();
            transactions.start(epoch, ID, policy, Bytes::new(), ());
            transactions
        };
        for forged in &forgeries {
            // The forged one, then the true one.
            let mut transactions = open(RetransmitPolicy::default());
            assert_eq!(take(&mut transactions, forged, false), None);
            assert_eq!(
                transactions.poll_timeout(),
                Some(epoch + RetransmitPolicy::MIN_RTO),
                "as if it had not come"
            );
            assert_eq!(take(&mut transactions, &genuine, false), Some(true));

            // Nothing but forged ones: all resends, and another end than silence.
            let mut transactions = open(RetransmitPolicy::default());
            let mut resends = 0;
            let violated = loop {
                take(&mut transactions, forged, false);
                match transactions.poll(transactions.poll_timeout().unwrap()).unwrap() {
                    Due::Resend { .. } => resends += 1,
                    Due::TimedOut { integrity_violated, .. } => break integrity_violated,
                }
            };
            assert_eq!((resends, violated), (6, true));

            // Over a stream: at once.
            let mut transactions = open(RetransmitPolicy::reliable(RetransmitPolicy::RELIABLE_TIMEOUT));
            assert_eq!(take(&mut transactions, forged, true), Some(false));
            assert!(transactions.is_empty());
        }
    }

    #[test]
    fn what_is_not_authentic_is_no_answer_and_ends_only_a_stream() {
        let (key, wrong) = (key(), Key::short_term("guessed"));
        let sent = SentIntegrity::Only(IntegrityKind::Sha1);
        let error = ErrorCode::standard(401);
        for class in [Class::Success, Class::Error] {
            for sign in [&[][..], &[(IntegrityKind::Sha1, &wrong)], &[(IntegrityKind::Sha256, &key)]] {
                let bytes = response(class, &[&error], sign);
                let bad = check_response(&Message::parse(&bytes).unwrap(), &[], sent, &key).unwrap_err();
                assert!(
                    bad.violates_integrity() && !bad.ends_transaction(false) && bad.ends_transaction(true)
                );
            }
        }
    }

    // proves: 8489-6.3.3-a
    #[test]
    fn a_success_that_is_not_understood_fails_and_an_address_of_an_unknown_family_is_ignored() {
        let key = key();
        let sent = SentIntegrity::Only(IntegrityKind::Sha1);
        let strange = RawAttribute { kind: AttributeType::new(0x0031), value: &[] };
        let bytes = response(Class::Success, &[&strange], &[(IntegrityKind::Sha1, &key)]);
        let bad =
            check_response(&Message::parse(&bytes).unwrap(), AttributeType::ICE, sent, &key).unwrap_err();
        assert_eq!(bad, BadResponse::UnknownAttribute(strange.kind));
        assert!(bad.ends_transaction(false) && bad.ends_transaction(true) && !bad.violates_integrity());

        let family =
            RawAttribute { kind: AttributeType::XOR_MAPPED_ADDRESS, value: &[0, 3, 1, 1, 1, 1, 1, 1] };
        let bytes = response(Class::Success, &[&family], &[(IntegrityKind::Sha1, &key)]);
        let message = Message::parse(&bytes).unwrap();
        assert_eq!(check_response(&message, AttributeType::ICE, sent, &key), Ok(Answer::Success));
        assert_eq!(mapped_address(&message), Ok(None));
    }

    #[test]
    fn the_mapped_address_is_read_and_a_malformed_one_is_an_error() {
        let address: SocketAddr = "[2001:db8::7]:7".parse().unwrap();
        let bytes = response(Class::Success, &[&XorMappedAddress(address)], &[]);
        assert_eq!(mapped_address(&Message::parse(&bytes).unwrap()), Ok(Some(address)));
        assert_eq!(mapped_address(&Message::parse(&response(Class::Success, &[], &[])).unwrap()), Ok(None));

        let short = RawAttribute { kind: AttributeType::XOR_MAPPED_ADDRESS, value: &[0, 1, 1] };
        let bytes = response(Class::Success, &[&short], &[]);
        let error = mapped_address(&Message::parse(&bytes).unwrap()).unwrap_err();
        assert_eq!(error.problem, ValueError::Length { expected: 8, actual: 3 });
    }

    /// How many requests a client sends that tries again where it may, to a server that answers all with this code.
    #[allow(clippy::disallowed_methods, reason = "an epoch for virtual time")]
    fn requests_to_a_server_that_says(code: u16) -> u32 {
        let (epoch, key) = (std::time::Instant::now(), key());
        let answer = response(Class::Error, &[&ErrorCode::new(code, "no")], &[(IntegrityKind::Sha1, &key)]);
        let mut transactions = Transactions::new();
        for sent in 1.. {
            transactions.start(epoch, ID, RetransmitPolicy::default(), Bytes::new(), ());
            assert_eq!(take(&mut transactions, &answer, false), Some(false), "{code} fails the transaction");
            assert!(transactions.is_empty());
            if after_error(code, sent - 1) != AfterError::Retry {
                return sent;
            }
        }
        unreachable!()
    }

    // proves: 8489-6.3.4-a
    #[test]
    fn an_error_fails_the_transaction_but_a_5xx_may_be_tried_four_times_more() {
        for retries in 0..6 {
            for code in 300..=699 {
                let expected = match code / 100 {
                    3 => AfterError::TryAlternate,
                    5 if retries < 4 => AfterError::Retry,
                    _ => AfterError::Fail,
                };
                assert_eq!(after_error(code, retries), expected, "{code} after {retries} retries");
            }
        }
        let requests = [300, 400, 420, 487, 500, 599, 600].map(requests_to_a_server_that_says);
        assert_eq!(requests, [1, 1, 1, 1, 5, 5, 1]);

        let read = |attributes: &[&dyn WriteAttribute]| {
            let bytes = response(Class::Error, attributes, &[]);
            let message = Message::parse(&bytes).unwrap();
            read_response(&message, AttributeType::RFC_8489)
                .map(|answer| matches!(answer, Answer::Error(error) if error.code() == 487))
        };
        assert_eq!(read(&[&ErrorCode::standard(487)]), Ok(true));
        let strange = RawAttribute { kind: AttributeType::new(0x0031), value: &[] };
        let broken = RawAttribute { kind: AttributeType::ERROR_CODE, value: &[0, 0, 2, 0] };
        type Case<'a> = (&'a [&'a dyn WriteAttribute], BadResponse);
        let cases: [Case<'_>; 3] = [
            (&[], BadResponse::NoErrorCode),
            (&[&broken], BadResponse::MalformedErrorCode(ValueError::ErrorCode { class: 2, number: 0 })),
            (&[&ErrorCode::standard(400), &strange], BadResponse::UnknownAttribute(strange.kind)),
        ];
        for (attributes, expected) in cases {
            assert_eq!(read(attributes), Err(expected));
            assert!(expected.ends_transaction(false));
        }
    }

    #[test]
    fn requests_and_indications_are_no_responses() {
        let key = key();
        for class in [Class::Request, Class::Indication] {
            let bytes = response(class, &[], &[(IntegrityKind::Sha1, &key)]);
            let message = Message::parse(&bytes).unwrap();
            assert_eq!(
                check_response(&message, &[], SentIntegrity::Both, &key),
                Err(BadResponse::NotAResponse)
            );
            assert_eq!(read_response(&message, &[]), Err(BadResponse::NotAResponse));
            assert!(!BadResponse::NotAResponse.ends_transaction(true));
        }
    }
}
