//! Every kind of response, to a request with and without credentials (RFC 8489 6.3.4, 9.2.5).

use super::*;
use crate::rules::{AfterError, after_error};

/// What vouches for a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Nobody,
    Forger,
    Server,
}

/// What has to come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The request is made again, with another nonce.
    Retry,
    /// Nothing can be done.
    Refused,
    /// It counts, and this may follow.
    Counts(AfterError),
    /// It is as if it had not come, over datagrams.
    Dropped,
}

/// A response of this code, which everything is in that a server may put there.
fn response(code: u16, sign: Sign) -> Vec<u8> {
    let key = match sign {
        Sign::Nobody => None,
        Sign::Forger => Some(Key::long_term(KeyDerivation::Md5, "ann", "example.org", "guess")),
        Sign::Server => Some(Key::long_term(KeyDerivation::Md5, "ann", "example.org", "secret")),
    };
    let (realm, nonce) = (Realm::new("example.org"), Nonce::new("n2"));
    let error = ErrorCode::standard(code);
    let attributes: [&dyn WriteAttribute; 3] = [&error, &realm, &nonce];
    message(Class::Error, &attributes, key.as_ref().map(|key| (IntegrityKind::Sha1, key)))
}

fn outcome(authenticated: bool, code: u16, sign: Sign) -> Outcome {
    let mut client = client();
    if authenticated {
        receive(&mut client, &challenge(401, "example.org", "n1", None)).unwrap();
    }
    match receive(&mut client, &response(code, sign)) {
        Ok(Reply::Retry) => Outcome::Retry,
        Ok(Reply::Refused(_)) => Outcome::Refused,
        Ok(Reply::Answer(Answer::Error(error))) => Outcome::Counts(after_error(error.code(), 0)),
        Ok(Reply::Answer(Answer::Success)) => panic!("an error response is no success"),
        Err(reason) => {
            assert!(reason.violates_integrity() && !reason.ends_transaction(false));
            Outcome::Dropped
        }
    }
}

#[test]
fn every_code_means_what_it_says_and_only_where_somebody_vouches_for_it() {
    use Outcome::{Counts, Dropped, Refused, Retry};
    const FAIL: Outcome = Counts(AfterError::Fail);
    const ALTERNATE: Outcome = Counts(AfterError::TryAlternate);
    const AGAIN: Outcome = Counts(AfterError::Retry);
    // The first request, which has no credentials; then one that has. In each: nobody signed, a forger did, the server.
    let table = [
        (300, [ALTERNATE, ALTERNATE, ALTERNATE], [Dropped, Dropped, ALTERNATE]),
        // An unsigned 400 never reaches anybody.
        (400, [Dropped, FAIL, FAIL], [Dropped, Dropped, FAIL]),
        // Challenges need no signature, and a second 401 for the same user is the end.
        (401, [Retry, Retry, Retry], [Refused, Refused, Refused]),
        (420, [FAIL, FAIL, FAIL], [Dropped, Dropped, FAIL]),
        (438, [Retry, Retry, Retry], [Retry, Retry, Retry]),
        (487, [FAIL, FAIL, FAIL], [Dropped, Dropped, FAIL]),
        (500, [AGAIN, AGAIN, AGAIN], [Dropped, Dropped, AGAIN]),
        (600, [FAIL, FAIL, FAIL], [Dropped, Dropped, FAIL]),
    ];
    for (code, first, later) in table {
        for (authenticated, row) in [(false, first), (true, later)] {
            for (sign, expected) in [Sign::Nobody, Sign::Forger, Sign::Server].into_iter().zip(row) {
                assert_eq!(outcome(authenticated, code, sign), expected, "{code} {authenticated} {sign:?}");
            }
        }
    }
}

// proves: 8489-6.3.4-a
#[test]
fn a_challenge_that_is_not_understood_fails_the_request_before_it_is_looked_at() {
    let strange = RawAttribute { kind: AttributeType::new(0x0031), value: &[] };
    let (realm, nonce) = (Realm::new("example.org"), Nonce::new("n1"));
    for code in [401, 438] {
        let error = ErrorCode::standard(code);
        let bytes = message(Class::Error, &[&error, &realm, &nonce, &strange], None);
        let mut client = client();
        let bad = Unbelieved::Bad(BadResponse::UnknownAttribute(strange.kind));
        assert_eq!(receive(&mut client, &bytes), Err(bad));
        assert!(bad.ends_transaction(false) && client.credential().is_none());
    }
}
