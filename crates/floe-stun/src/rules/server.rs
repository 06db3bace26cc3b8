//! The receiver of requests and indications (RFC 8489 6.3.1, 6.3.2, 9.1.3).

use std::net::SocketAddr;

use crate::{
    attribute::{AttributeType, ErrorCode, UnknownAttributes, Username, XorMappedAddress},
    header::Class,
    key::Key,
    message::{IntegrityError, IntegrityKind, Message},
    writer::{MessageWriter, WriteError},
};

/// Checks a request or indication with a short-term credential, in the order of RFC 8489 9.1.3 and 6.3.1.
///
/// `key_of` gives the key of a user name that is valid now, and nothing for any other. `known` are the types that the
/// caller understands, such as [`AttributeType::ICE`]. FINGERPRINT, where the usage asks for it, is the caller's to
/// check before.
///
/// Nothing of the message may have an effect unless this succeeds; what comes back is the algorithm for the response.
///
/// # Errors
/// [`Rejection::answer`] writes the response that the RFC asks for.
pub fn check_request<'k>(
    message: &Message<'_>,
    known: &[AttributeType],
    key_of: impl FnOnce(&str) -> Option<&'k Key>,
) -> Result<IntegrityKind, Rejection> {
    if message.class().is_response() {
        return Err(Rejection::NotARequest);
    }
    if message.integrity_kind().is_none() {
        return Err(Rejection::NoIntegrity);
    }
    // A name that cannot be read is certainly no valid one.
    let username = match message.attribute::<Username<'_>>() {
        Ok(Some(username)) => username,
        Ok(None) => return Err(Rejection::NoUsername),
        Err(_) => return Err(Rejection::UnknownUsername),
    };
    let key = key_of(username.as_str()).ok_or(Rejection::UnknownUsername)?;
    let integrity = message.verify_integrity(key).map_err(Rejection::WrongIntegrity)?;
    understand(message, known, Some(integrity))?;
    Ok(integrity)
}

/// Checks a request or indication where the usage has no credentials (RFC 8489 6.3.1, 6.3.2).
///
/// # Errors
/// It has comprehension-required attributes that are not in `known`, or it is a response.
pub fn check_understood(message: &Message<'_>, known: &[AttributeType]) -> Result<(), Rejection> {
    if message.class().is_response() {
        return Err(Rejection::NotARequest);
    }
    understand(message, known, None)
}

fn understand(
    message: &Message<'_>,
    known: &[AttributeType],
    integrity: Option<IntegrityKind>,
) -> Result<(), Rejection> {
    let unknown = message.unknown_required(known).next();
    unknown.map_or(Ok(()), |first| Err(Rejection::UnknownAttributes { first, integrity }))
}

/// Writes the success response of a Binding request into the buffer, and says how long it is (RFC 8489 6.3.1.1).
///
/// It goes from the address that the request came to back to `source`, where the request came from. `sign` is what
/// [`check_request`] found and the key, or nothing where the usage has no credentials.
///
/// # Errors
/// The buffer is too small.
pub fn write_success(
    buffer: &mut [u8],
    request: &Message<'_>,
    source: SocketAddr,
    sign: Option<(IntegrityKind, &Key)>,
) -> Result<usize, WriteError> {
    let writer = MessageWriter::respond(buffer, request, Class::Success)?;
    finish(writer.attribute(&XorMappedAddress(source))?, sign)
}

/// Writes an error response into the buffer, and says how long it is (RFC 8489 6.3.1.1).
///
/// `sign` is what [`check_request`] found and the key; a request that was not authenticated gets an answer without.
///
/// # Errors
/// The buffer is too small, or the error code is none.
pub fn write_error(
    buffer: &mut [u8],
    request: &Message<'_>,
    error: ErrorCode<'_>,
    sign: Option<(IntegrityKind, &Key)>,
) -> Result<usize, WriteError> {
    finish(MessageWriter::respond(buffer, request, Class::Error)?.attribute(&error)?, sign)
}

fn finish(writer: MessageWriter<'_>, sign: Option<(IntegrityKind, &Key)>) -> Result<usize, WriteError> {
    let writer = match sign {
        Some((kind, key)) => writer.integrity_of(kind, key)?,
        None => writer,
    };
    Ok(writer.fingerprint()?.finish())
}

/// Why a request or indication has no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// It is a response: nothing for a server. Dropped.
    #[error("a response is no request")]
    NotARequest,
    /// It has no integrity attribute: 400. The peer does not speak the short-term mechanism.
    #[error("the message has no integrity attribute")]
    NoIntegrity,
    /// It has no user name: 400. The peer does not speak the short-term mechanism.
    #[error("the message has no USERNAME")]
    NoUsername,
    /// The user name is none that is valid now: 401. The peer has other or older credentials.
    #[error("the user name is not valid here")]
    UnknownUsername,
    /// Integrity does not vouch for it: 401. The peer has another password, or someone else sent it.
    #[error("{0}")]
    WrongIntegrity(IntegrityError),
    /// It cannot be used without understanding an attribute that is not understood: 420.
    #[error("{first} is not understood")]
    UnknownAttributes {
        /// The first of them; the response lists all.
        first: AttributeType,
        /// How the request was found authentic, and thus how the response is protected; nothing where the usage has
        /// no credentials.
        integrity: Option<IntegrityKind>,
    },
}

impl Rejection {
    /// The error code that a request gets; `None` for a response, which gets nothing.
    #[must_use]
    pub const fn code(&self) -> Option<u16> {
        match self {
            Self::NotARequest => None,
            Self::NoIntegrity | Self::NoUsername => Some(ErrorCode::BAD_REQUEST),
            Self::UnknownUsername | Self::WrongIntegrity(_) => Some(ErrorCode::UNAUTHENTICATED),
            Self::UnknownAttributes { .. } => Some(ErrorCode::UNKNOWN_ATTRIBUTE),
        }
    }

    /// Writes the error response that the RFC asks for, and says how long it is.
    ///
    /// `None` where it asks for silence: an indication is dropped without a word (RFC 8489 6.3.2, 9.1.3). What was
    /// not authenticated gets an answer without integrity and user name.
    ///
    /// `known` is what was given to [`check_request`]; `key` what its `key_of` found, and used only where the request
    /// was authentic.
    ///
    /// # Errors
    /// The buffer is too small.
    pub fn answer(
        &self,
        buffer: &mut [u8],
        request: &Message<'_>,
        known: &[AttributeType],
        key: Option<&Key>,
    ) -> Result<Option<usize>, WriteError> {
        let Some(code) = self.code().filter(|_| request.class() == Class::Request) else { return Ok(None) };
        let error = ErrorCode::standard(code);
        let Self::UnknownAttributes { integrity, .. } = *self else {
            return write_error(buffer, request, error, None).map(Some);
        };
        let types = UnknownTypes::of(request, known);
        let writer = MessageWriter::respond(buffer, request, Class::Error)?
            .attribute(&error)?
            .attribute(&UnknownAttributes::new(types.as_slice()))?;
        finish(writer, integrity.zip(key)).map(Some)
    }
}

/// The types that were not understood, each once, in the order of their first appearance.
///
/// The first 64 of them: a response has to fit into a datagram, and who sends more than that does not want to know.
struct UnknownTypes {
    types: [AttributeType; Self::CAPACITY],
    length: usize,
}

impl UnknownTypes {
    const CAPACITY: usize = 64;

    fn of(message: &Message<'_>, known: &[AttributeType]) -> Self {
        let mut unknown = Self { types: [AttributeType::new(0); Self::CAPACITY], length: 0 };
        for kind in message.unknown_required(known) {
            if !unknown.as_slice().contains(&kind) {
                let Some(place) = unknown.types.get_mut(unknown.length) else { break };
                *place = kind;
                unknown.length += 1;
            }
        }
        unknown
    }

    fn as_slice(&self) -> &[AttributeType] {
        self.types.get(..self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Method, TransactionId,
        attribute::{RawAttribute, UseCandidate, WriteAttribute},
    };

    const ID: TransactionId = TransactionId::new([9; 12]);
    const NAME: &str = "local:remote";

    fn key() -> Key {
        Key::short_term("the password of this agent")
    }

    fn raw(kind: u16) -> RawAttribute<'static> {
        RawAttribute { kind: AttributeType::new(kind), value: &[1, 2, 3] }
    }

    /// A Binding message with these attributes and, where there is a key, integrity.
    fn message(
        class: Class,
        attributes: &[&dyn WriteAttribute],
        sign: Option<(IntegrityKind, &Key)>,
    ) -> Vec<u8> {
        let mut buffer = vec![0; 2048];
        let mut writer = MessageWriter::new(&mut buffer, class, Method::BINDING, ID).unwrap();
        for attribute in attributes {
            writer = writer.attribute(attribute).unwrap();
        }
        let length = finish(writer, sign).unwrap();
        buffer.truncate(length);
        buffer
    }

    /// Checks the message as this agent does, and writes the answer, if there is one.
    fn receive(bytes: &[u8]) -> Result<IntegrityKind, (Option<u16>, Option<Vec<u8>>)> {
        let key = key();
        let message = Message::parse(bytes).unwrap();
        let checked = check_request(&message, AttributeType::ICE, |name| (name == NAME).then_some(&key));
        checked.map_err(|rejection| {
            let mut buffer = [0; 548];
            let length = rejection.answer(&mut buffer, &message, AttributeType::ICE, Some(&key)).unwrap();
            (rejection.code(), length.map(|length| buffer[..length].to_vec()))
        })
    }

    // proves: 8489-9.1.3-a
    #[test]
    fn without_valid_credentials_a_request_gets_a_bare_error_and_an_indication_silence() {
        let (own, wrong) = (key(), Key::short_term("another password"));
        let (name, other_name) = (Username::new(NAME), Username::new("somebody:else"));
        let unreadable = RawAttribute { kind: AttributeType::USERNAME, value: &[0xFF] };
        let sha1 = IntegrityKind::Sha1;
        let sha256 = IntegrityKind::Sha256;
        type Case<'a> = (&'a [&'a dyn WriteAttribute], Option<(IntegrityKind, &'a Key)>, u16);
        let cases: [Case<'_>; 8] = [
            (&[], None, 400),
            (&[&name], None, 400),
            (&[], Some((sha1, &own)), 400),
            (&[&other_name], Some((sha1, &own)), 401),
            (&[&unreadable], Some((sha1, &own)), 401),
            (&[&name], Some((sha1, &wrong)), 401),
            (&[&name], Some((sha256, &wrong)), 401),
            // What is not understood comes after who asks.
            (&[&name, &raw(0x0030)], Some((sha1, &wrong)), 401),
        ];
        for (number, (attributes, sign, code)) in cases.into_iter().enumerate() {
            let (found, answer) = receive(&message(Class::Request, attributes, sign)).unwrap_err();
            assert_eq!(found, Some(code), "case {number}");
            let answer = answer.unwrap();
            let answer = Message::parse(&answer).unwrap();
            assert_eq!((answer.class(), answer.method()), (Class::Error, Method::BINDING));
            assert_eq!(answer.transaction_id(), ID);
            assert_eq!(answer.attribute(), Ok(Some(ErrorCode::standard(code))));
            assert_eq!(answer.integrity_kind(), None);
            assert!(!answer.has(AttributeType::USERNAME));
            assert_eq!(answer.verify_fingerprint(), Ok(()));

            let silent = receive(&message(Class::Indication, attributes, sign)).unwrap_err();
            assert_eq!(silent, (Some(code), None), "case {number}");
        }
    }

    // proves: 8489-9.1.3-b, 8489-6.3.1.1-a
    #[test]
    fn a_response_uses_the_requests_algorithm_alone_and_has_no_username() {
        let key = key();
        for kind in [IntegrityKind::Sha1, IntegrityKind::Sha256] {
            let request = message(Class::Request, &[&Username::new(NAME), &UseCandidate], Some((kind, &key)));
            assert_eq!(receive(&request), Ok(kind));
            let request = Message::parse(&request).unwrap();
            let source = "192.0.2.1:4444".parse().unwrap();
            let (mut success, mut error) = ([0; 548], [0; 548]);
            let success_length = write_success(&mut success, &request, source, Some((kind, &key))).unwrap();
            let conflict = ErrorCode::standard(ErrorCode::ROLE_CONFLICT);
            let error_length = write_error(&mut error, &request, conflict, Some((kind, &key))).unwrap();

            let success = Message::parse(&success[..success_length]).unwrap();
            assert_eq!(
                (success.class(), success.attribute()),
                (Class::Success, Ok(Some(XorMappedAddress(source))))
            );
            let error = Message::parse(&error[..error_length]).unwrap();
            assert_eq!((error.class(), error.attribute()), (Class::Error, Ok(Some(conflict))));
            for response in [success, error] {
                assert_eq!(response.verify_integrity(&key), Ok(kind));
                let other =
                    if kind == IntegrityKind::Sha1 { IntegrityKind::Sha256 } else { IntegrityKind::Sha1 };
                assert!(!response.has_integrity(other));
                assert!(!response.has(AttributeType::USERNAME));
                assert_eq!((response.method(), response.transaction_id()), (Method::BINDING, ID));
            }
        }
    }

    #[test]
    fn with_both_algorithms_in_the_request_the_stronger_one_counts() {
        let (key, wrong) = (key(), Key::short_term("another password"));
        let request = |sha1: &Key, sha256: &Key| {
            let mut buffer = vec![0; 548];
            let length = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, ID)
                .and_then(|writer| {
                    writer.attribute(&Username::new(NAME))?.integrity(sha1)?.integrity_sha256(sha256)
                })
                .unwrap()
                .finish();
            buffer.truncate(length);
            buffer
        };
        assert_eq!(receive(&request(&key, &key)), Ok(IntegrityKind::Sha256));
        assert_eq!(receive(&request(&wrong, &key)), Ok(IntegrityKind::Sha256));
        assert_eq!(receive(&request(&key, &wrong)).unwrap_err().0, Some(401));
    }

    // proves: 8489-6.3.1-a
    #[test]
    fn what_must_be_understood_and_is_not_is_listed_in_a_420_and_an_indication_is_dropped() {
        let key = key();
        let attributes: [&dyn WriteAttribute; 5] =
            [&raw(0x7FFF), &Username::new(NAME), &raw(0x0003), &raw(0x8888), &raw(0x7FFF)];
        let sign = Some((IntegrityKind::Sha256, &key));
        let (code, answer) = receive(&message(Class::Request, &attributes, sign)).unwrap_err();
        assert_eq!(code, Some(420));
        let answer = answer.unwrap();
        let answer = Message::parse(&answer).unwrap();
        assert_eq!(answer.attribute(), Ok(Some(ErrorCode::standard(420))));
        let expected = [0x7FFF, 0x0003].map(AttributeType::new);
        assert_eq!(answer.attribute(), Ok(Some(UnknownAttributes::new(&expected))));
        assert_eq!(answer.verify_integrity(&key), Ok(IntegrityKind::Sha256), "the request was authentic");

        let dropped = receive(&message(Class::Indication, &attributes, sign)).unwrap_err();
        assert_eq!(dropped, (Some(420), None));
    }

    // proves: 8489-6.3-a
    #[test]
    fn unknown_optional_and_unexpected_known_attributes_are_skipped() {
        let key = key();
        let realm = crate::attribute::Realm::new("not expected here");
        let attributes: [&dyn WriteAttribute; 5] =
            [&raw(0x8000), &Username::new(NAME), &raw(0xFFFF), &realm, &raw(0xC057)];
        let request = message(Class::Request, &attributes, Some((IntegrityKind::Sha1, &key)));
        assert_eq!(receive(&request), Ok(IntegrityKind::Sha1));
    }

    #[test]
    fn without_credentials_a_request_need_only_be_understood() {
        let fine = message(Class::Request, &[&raw(0x8000)], None);
        assert_eq!(check_understood(&Message::parse(&fine).unwrap(), AttributeType::RFC_8489), Ok(()));

        let strange = message(Class::Request, &[&raw(0x0030)], None);
        let strange = Message::parse(&strange).unwrap();
        let rejection = check_understood(&strange, AttributeType::RFC_8489).unwrap_err();
        let mut buffer = [0; 548];
        let length = rejection.answer(&mut buffer, &strange, AttributeType::RFC_8489, None).unwrap().unwrap();
        let answer = Message::parse(&buffer[..length]).unwrap();
        let expected = [AttributeType::new(0x0030)];
        assert_eq!(answer.attribute(), Ok(Some(UnknownAttributes::new(&expected))));
        assert_eq!(answer.integrity_kind(), None);
    }

    #[test]
    fn a_response_is_no_request_and_never_answered() {
        let key = key();
        for class in [Class::Success, Class::Error] {
            let response = message(class, &[&Username::new(NAME)], Some((IntegrityKind::Sha1, &key)));
            assert_eq!(receive(&response), Err((None, None)));
            let response = Message::parse(&response).unwrap();
            assert_eq!(check_understood(&response, &[]), Err(Rejection::NotARequest));
        }
    }

    #[test]
    fn a_flood_of_unknown_types_gets_an_answer_that_fits_into_a_datagram() {
        let kinds: Vec<_> = (0..200).map(|number| raw(0x4000 + number)).collect();
        let attributes: Vec<_> = kinds.iter().map(|kind| kind as &dyn WriteAttribute).collect();
        let request = message(Class::Request, &attributes, None);
        let request = Message::parse(&request).unwrap();
        let rejection = check_understood(&request, &[]).unwrap_err();
        let mut buffer = [0; 548];
        let length = rejection.answer(&mut buffer, &request, &[], None).unwrap().unwrap();
        let answer = Message::parse(&buffer[..length]).unwrap();
        let listed = answer.attribute::<UnknownAttributes<'_>>().unwrap().unwrap();
        assert!(listed.types().eq(kinds[..64].iter().map(|raw| raw.kind)));
    }
}
