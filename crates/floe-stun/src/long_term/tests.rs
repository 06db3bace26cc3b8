//! A server made by hand, and what the client makes of its answers.

mod table;
mod token;

use sha2::{Digest as _, Sha256};

use super::*;
use crate::{
    Class, IntegrityKind, Key, KeyDerivation, MessageWriter, Method, TransactionId,
    attribute::{PasswordAlgorithm, RawAttribute, UserHash, Username, WriteAttribute},
    credentials::PrepareError,
};

const ID: TransactionId = TransactionId::new([9; 12]);
const MD5: [u8; 4] = [0, 1, 0, 0];
const SHA256: [u8; 4] = [0, 2, 0, 0];
const UNKNOWN: [u8; 4] = [0, 99, 0, 0];

fn client() -> LongTerm {
    LongTerm::new("ann", "secret", Choice::First).unwrap()
}

fn message(class: Class, attributes: &[&dyn WriteAttribute], key: Option<(IntegrityKind, &Key)>) -> Vec<u8> {
    let mut buffer = vec![0; 2048];
    let mut writer = MessageWriter::new(&mut buffer, class, Method::BINDING, ID).unwrap();
    for attribute in attributes {
        writer = writer.attribute(attribute).unwrap();
    }
    if let Some((kind, key)) = key {
        writer = writer.integrity_of(kind, key).unwrap();
    }
    let length = writer.finish();
    buffer.truncate(length);
    buffer
}

fn challenge(code: u16, realm: &str, nonce: &str, algorithms: Option<&[u8]>) -> Vec<u8> {
    let error = ErrorCode::standard(code);
    let (realm, nonce) = (Realm::new(realm), Nonce::new(nonce));
    let mut attributes: Vec<&dyn WriteAttribute> = vec![&error, &realm, &nonce];
    let list = algorithms.map(PasswordAlgorithms::from_bytes);
    attributes.extend(list.iter().map(|list| -> &dyn WriteAttribute { list }));
    message(Class::Error, &attributes, None)
}

/// What the client makes of these bytes, as the answer to its latest request.
fn receive<'a>(client: &mut LongTerm, bytes: &'a [u8]) -> Result<Reply<'a>, Unbelieved> {
    let sent = client.credential().cloned();
    client.receive(&Message::parse(bytes).unwrap(), sent.as_deref(), AttributeType::RFC_8489)
}

/// A request, signed if there is something to sign it with.
fn request(client: &LongTerm) -> Vec<u8> {
    let mut buffer = vec![0; 2048];
    let mut writer = MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, ID).unwrap();
    if let Some(credential) = client.credential() {
        writer = credential.sign(writer).unwrap();
    }
    let length = writer.finish();
    buffer.truncate(length);
    buffer
}

fn kinds(bytes: &[u8]) -> Vec<AttributeType> {
    Message::parse(bytes).unwrap().attributes().map(|attribute| attribute.kind).collect()
}

// proves: 8489-9.2.3-a
#[test]
fn the_first_request_carries_nothing_and_the_later_ones_what_the_server_asked_for() {
    let mut client = client();
    assert!(kinds(&request(&client)).is_empty());
    let bytes = challenge(401, "example.org", "n1", None);
    assert_eq!(receive(&mut client, &bytes), Ok(Reply::Retry));
    let key = Key::long_term(KeyDerivation::Md5, "ann", "example.org", "secret");
    for _ in 0..2 {
        let bytes = request(&client);
        let signed = Message::parse(&bytes).unwrap();
        let expected = [
            AttributeType::USERNAME,
            AttributeType::REALM,
            AttributeType::NONCE,
            AttributeType::MESSAGE_INTEGRITY,
        ];
        assert_eq!(kinds(&bytes), expected);
        assert_eq!(signed.attribute().unwrap(), Some(Username::new("ann")));
        assert_eq!(signed.attribute().unwrap(), Some(Realm::new("example.org")));
        assert_eq!(signed.attribute().unwrap(), Some(Nonce::new("n1")));
        assert_eq!(signed.verify_integrity(&key), Ok(IntegrityKind::Sha1));
        let answer = message(Class::Success, &[], Some((IntegrityKind::Sha1, &key)));
        assert_eq!(receive(&mut client, &answer), Ok(Reply::Answer(Answer::Success)));
    }
}

#[test]
fn algorithms_that_were_taken_out_on_the_way_end_it() {
    for code in [401, 438] {
        let bytes = challenge(code, "example.org", "obMatJos2gAAAx", None);
        let mut client = client();
        assert_eq!(receive(&mut client, &bytes), Ok(Reply::Refused(Refusal::BidDown)));
        assert!(client.credential().is_none());
    }
    // Neither are other answers with such a nonce believed, however well they are signed.
    let mut client = client();
    let bytes = challenge(401, "example.org", "n1", None);
    receive(&mut client, &bytes).unwrap();
    let key = client.credential().unwrap().key().clone();
    let nonce = Nonce::new("obMatJos2gAAAx");
    let sign = Some((IntegrityKind::Sha1, &key));
    for bytes in [
        message(Class::Success, &[&nonce], sign),
        message(Class::Error, &[&ErrorCode::standard(500), &nonce], sign),
    ] {
        let result = receive(&mut client, &bytes);
        assert_eq!(result, Err(Unbelieved::BidDown));
        assert!(!Unbelieved::BidDown.ends_transaction(false));
    }
    // Once offered, they are not given up again.
    let bytes = challenge(438, "example.org", "obMatJos2gAAAy", Some(&SHA256));
    assert_eq!(receive(&mut client, &bytes), Ok(Reply::Retry));
    let bytes = challenge(401, "example.org", "n2", None);
    assert_eq!(receive(&mut client, &bytes), Ok(Reply::Refused(Refusal::BidDown)));
}

#[test]
fn a_server_that_repeats_its_nonce_without_its_offer_is_believed_where_it_signs_with_the_chosen_algorithm() {
    let mut client = client();
    let bytes = challenge(401, "example.org", "obMatJos2gAAAx", Some(&SHA256));
    receive(&mut client, &bytes).unwrap();
    let key = client.credential().unwrap().key().clone();
    let nonce = Nonce::new("obMatJos2gAAAy");
    // Signed with less, or not at all, it may have been taken out.
    for sign in [None, Some((IntegrityKind::Sha1, &key))] {
        let success = message(Class::Success, &[&nonce], sign);
        assert_eq!(receive(&mut client, &success), Err(Unbelieved::BidDown));
    }
    let success = message(Class::Success, &[&nonce], Some((IntegrityKind::Sha256, &key)));
    assert_eq!(receive(&mut client, &success), Ok(Reply::Answer(Answer::Success)));
}

#[test]
fn a_438_without_the_offer_brings_a_nonce_and_changes_nothing_else() {
    let mut client = client();
    let bytes = challenge(401, "example.org", "obMatJos2gAAAx", Some(&SHA256));
    receive(&mut client, &bytes).unwrap();
    for nonce in ["obMatJos2gAAAy", "n2"] {
        let bytes = challenge(438, "example.org", nonce, None);
        assert_eq!(receive(&mut client, &bytes), Ok(Reply::Retry));
        let bytes = request(&client);
        let signed = Message::parse(&bytes).unwrap();
        assert_eq!(signed.attribute().unwrap(), Some(Nonce::new(nonce)));
        assert_eq!(signed.attribute().unwrap(), Some(PasswordAlgorithms::from_bytes(&SHA256)));
        assert_eq!(signed.integrity_kind(), Some(IntegrityKind::Sha256));
    }
    let elsewhere = challenge(438, "example.com", "n3", None);
    assert_eq!(receive(&mut client, &elsewhere), Ok(Reply::Refused(Refusal::BidDown)));
}

// proves: 8489-9.2.5-b
// proves: 8489-9.2.5-e
#[test]
fn the_first_known_algorithm_is_chosen_and_the_list_goes_back_as_it_came() {
    use KeyDerivation::{Md5, Sha256};
    type Case<'a> = (&'a [[u8; 4]], Choice, Option<KeyDerivation>);
    let lists: [Case<'_>; 8] = [
        (&[MD5], Choice::First, Some(Md5)),
        (&[SHA256], Choice::First, Some(Sha256)),
        (&[MD5, SHA256], Choice::First, Some(Md5)),
        (&[UNKNOWN, SHA256, MD5], Choice::First, Some(Sha256)),
        (&[MD5, SHA256], Choice::Strongest, Some(Sha256)),
        (&[MD5, UNKNOWN], Choice::Strongest, Some(Md5)),
        (&[UNKNOWN], Choice::First, None),
        (&[], Choice::Strongest, None),
    ];
    for (list, choice, chosen) in lists {
        let list = list.concat();
        let mut client = LongTerm::new("ann", "secret", choice).unwrap();
        let bytes = challenge(401, "example.org", "obMatJos2gAAAx", Some(&list));
        let Some(chosen) = chosen else {
            let refused = Ok(Reply::Refused(Refusal::NoCommonAlgorithm));
            assert_eq!(receive(&mut client, &bytes), refused);
            continue;
        };
        assert_eq!(receive(&mut client, &bytes), Ok(Reply::Retry));
        let bytes = request(&client);
        let signed = Message::parse(&bytes).unwrap();
        assert_eq!(signed.attribute().unwrap(), Some(PasswordAlgorithms::from_bytes(&list)));
        let expected = if chosen == Md5 { PasswordAlgorithm::MD5 } else { PasswordAlgorithm::SHA256 };
        assert_eq!(signed.attribute().unwrap(), Some(expected));
        assert!(!signed.has_integrity(IntegrityKind::Sha1));
        let key = Key::long_term(chosen, "ann", "example.org", "secret");
        assert_eq!(signed.verify_integrity(&key), Ok(IntegrityKind::Sha256));
        // The answer must be signed the same way.
        let weak = message(Class::Success, &[], Some((IntegrityKind::Sha1, &key)));
        let other = BadResponse::OtherAlgorithm(IntegrityKind::Sha1);
        assert_eq!(receive(&mut client, &weak), Err(Unbelieved::Bad(other)));
    }
}

// proves: 8489-9.2.5-c
#[test]
fn where_names_are_hidden_the_hash_of_name_and_realm_stands_for_the_name() {
    for (nonce, hidden) in [("obMatJos2QAAAx", true), ("obMatJos2wAAAx", true), ("obMatJos2gAAAx", false)] {
        let mut client = client();
        let bytes = challenge(401, "example.org", nonce, Some(&SHA256));
        receive(&mut client, &bytes).unwrap();
        let bytes = request(&client);
        let signed = Message::parse(&bytes).unwrap();
        assert_eq!(signed.has(AttributeType::USERNAME), !hidden);
        let hash = signed.attribute::<UserHash>().unwrap();
        let expected = UserHash(Sha256::digest("ann:example.org").into());
        assert_eq!(hash, hidden.then_some(expected));
    }
}

// proves: 8489-9.2.5-d
#[test]
fn a_second_401_ends_it_and_a_438_brings_another_nonce() {
    let mut client = client();
    for (code, realm, nonce, expected) in [
        (401, "example.org", "n1", Reply::Retry),
        (438, "example.org", "n2", Reply::Retry),
        (438, "example.org", "n3", Reply::Retry),
        (401, "example.org", "n4", Reply::Refused(Refusal::Unauthenticated)),
        // Another realm, and so another credential.
        (401, "example.com", "n5", Reply::Retry),
        (401, "example.com", "n6", Reply::Refused(Refusal::Unauthenticated)),
    ] {
        let bytes = challenge(code, realm, nonce, None);
        assert_eq!(receive(&mut client, &bytes), Ok(expected.clone()));
        if expected == Reply::Retry {
            let bytes = request(&client);
            let signed = Message::parse(&bytes).unwrap();
            assert_eq!(signed.attribute().unwrap(), Some(Nonce::new(nonce)));
        }
    }
}

#[test]
fn a_challenge_without_realm_or_nonce_cannot_be_answered() {
    let error = ErrorCode::standard(401);
    let (realm, nonce) = (Realm::new("example.org"), Nonce::new("n1"));
    for attributes in [&[&error as &dyn WriteAttribute][..], &[&error, &realm], &[&error, &nonce]] {
        let bytes = message(Class::Error, attributes, None);
        assert_eq!(receive(&mut client(), &bytes), Ok(Reply::Refused(Refusal::NoChallenge)));
    }
}

#[test]
fn what_nothing_vouches_for_is_not_believed() {
    let mut fresh = client();
    // Before any challenge an error counts, a success or a 400 does not.
    let unsigned = message(Class::Error, &[&ErrorCode::standard(500)], None);
    let answer = Answer::Error(ErrorCode::standard(500));
    assert_eq!(receive(&mut fresh, &unsigned), Ok(Reply::Answer(answer)));
    let bad = message(Class::Error, &[&ErrorCode::standard(400)], None);
    assert_eq!(receive(&mut fresh, &bad), Err(Unbelieved::UnsignedBadRequest));
    let success = message(Class::Success, &[], None);
    let missing = Unbelieved::Bad(BadResponse::Integrity(IntegrityError::Missing));
    assert_eq!(receive(&mut fresh, &success), Err(missing));
    assert!(missing.violates_integrity() && !missing.ends_transaction(false));
    // After it nothing counts that is not signed with the key.
    let bytes = challenge(401, "example.org", "n1", None);
    receive(&mut fresh, &bytes).unwrap();
    for bytes in [&unsigned, &success] {
        assert_eq!(receive(&mut fresh, bytes), Err(missing));
    }
    let other = Key::long_term(KeyDerivation::Md5, "ann", "example.org", "guess");
    let forged = message(Class::Success, &[], Some((IntegrityKind::Sha1, &other)));
    let mismatch = Unbelieved::Bad(BadResponse::Integrity(IntegrityError::Mismatch));
    assert_eq!(receive(&mut fresh, &forged), Err(mismatch));
    let request = message(Class::Request, &[], None);
    assert_eq!(receive(&mut fresh, &request), Err(Unbelieved::Bad(BadResponse::NotAResponse)));
}

#[test]
fn a_nonce_and_a_realm_longer_than_one_may_send_go_back_to_the_byte() {
    let long = "x".repeat(700);
    let error = ErrorCode::standard(401);
    let realm = RawAttribute { kind: AttributeType::REALM, value: long.as_bytes() };
    let nonce = RawAttribute { kind: AttributeType::NONCE, value: long.as_bytes() };
    let bytes = message(Class::Error, &[&error, &realm, &nonce], None);
    let mut client = client();
    assert_eq!(receive(&mut client, &bytes), Ok(Reply::Retry));
    let bytes = request(&client);
    assert_eq!(Message::parse(&bytes).unwrap().raw(AttributeType::NONCE), Some(nonce));
}

// proves: 8489-9.2.2-a
#[test]
fn name_realm_and_password_are_prepared_and_the_realm_goes_back_as_it_came() {
    let prepared = ["Am\u{e9}lie", "caf\u{e9} bar", "p\u{e9} \u{c5}"];
    let written = ["Ame\u{301}lie\0", "cafe\u{301}\u{a0}bar", "pe\u{301}\u{3000}\u{212b}\0\0"];
    let [name, realm, password] = prepared;
    for (derivation, algorithms) in [(KeyDerivation::Md5, None), (KeyDerivation::Sha256, Some(&SHA256[..]))] {
        for nonce in
            ["obMatJos2gAAAx", "obMatJos2wAAAx"].map(|nonce| if algorithms.is_some() { nonce } else { "n1" })
        {
            let mut client = LongTerm::new(written[0], written[2], Choice::First).unwrap();
            let bytes = challenge(401, written[1], nonce, algorithms);
            assert_eq!(receive(&mut client, &bytes), Ok(Reply::Retry));
            let bytes = request(&client);
            let signed = Message::parse(&bytes).unwrap();
            assert!(signed.verify_integrity(&Key::long_term(derivation, name, realm, password)).is_ok());
            assert_eq!(signed.attribute().unwrap(), Some(Realm::new(written[1])));
            if signed.has(AttributeType::USERNAME) {
                assert_eq!(signed.attribute().unwrap(), Some(Username::new(name)));
            } else {
                let hash = UserHash(Sha256::digest(format!("{name}:{realm}")).into());
                assert_eq!(signed.attribute().unwrap(), Some(hash), "RFC 8489 14.4");
            }
        }
    }
    // A realm that the profile does not allow counts as it is.
    let mut client = client();
    let bytes = challenge(401, "a\tb", "n1", None);
    assert_eq!(receive(&mut client, &bytes), Ok(Reply::Retry));
    let key = Key::long_term(KeyDerivation::Md5, "ann", "a\tb", "secret");
    assert!(Message::parse(&request(&client)).unwrap().verify_integrity(&key).is_ok());
}

#[test]
fn what_cannot_be_prepared_makes_no_credential() {
    let bad = PrepareError::Disallowed { position: 1 };
    for (name, password, error) in [
        ("a\tb", "secret", CredentialError::Username(bad)),
        ("ann", "a\tb", CredentialError::Password(bad)),
        ("", "secret", CredentialError::Username(PrepareError::Empty)),
        ("ann", "", CredentialError::Password(PrepareError::Empty)),
        (&"n".repeat(509), "secret", CredentialError::UsernameTooLong(509)),
    ] {
        assert_eq!(LongTerm::new(name, password, Choice::First).err(), Some(error));
    }
}

#[test]
fn debug_shows_neither_name_nor_password_nor_realm() {
    let mut client = client();
    let bytes = challenge(401, "example.org", "n1", None);
    receive(&mut client, &bytes).unwrap();
    let expected = "LongTerm { credential: Some(Credential { integrity: Sha1, .. }), .. }";
    assert_eq!(format!("{client:?}"), expected);
}
