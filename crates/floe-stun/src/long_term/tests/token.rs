//! A server that takes access tokens (RFC 7635).

use super::*;
use crate::attribute::{AccessToken, Software, ThirdPartyAuthorization};

const ALLOCATE: u16 = 3;
const REFRESH: u16 = 4;
/// 160 bits, as RFC 7635 6.2 has them.
const MAC_KEY: [u8; 20] = [0x5A; 20];
const SERVER: &str = "turn1@example.com";

fn token(number: u8) -> Token {
    Token::new("22BIjxU93h/IgwEb", &[MAC_KEY[0] ^ number; 20], [0xFF, 0, number]).unwrap()
}

/// A request of this method, as the client sends it now.
fn send(client: &LongTerm, method: u16) -> Vec<u8> {
    let mut buffer = vec![0; 2048];
    let method = Method::new(method).unwrap();
    let mut writer = MessageWriter::new(&mut buffer, Class::Request, method, ID).unwrap();
    if let Some(credential) = client.credential() {
        writer = credential.sign(writer).unwrap();
    }
    let length = writer.finish();
    buffer.truncate(length);
    buffer
}

/// A 401 or 438 of a server that takes tokens.
fn wants_token(code: u16, realm: Option<&str>, nonce: &str) -> Vec<u8> {
    let error = ErrorCode::standard(code);
    let (software, name) = (Software::new("server"), ThirdPartyAuthorization::new(SERVER));
    let nonce = Nonce::new(nonce);
    let mut attributes: Vec<&dyn WriteAttribute> = vec![&error, &nonce, &software, &name];
    let realm = realm.map(Realm::new);
    attributes.extend(realm.iter().map(|realm| -> &dyn WriteAttribute { realm }));
    message(Class::Error, &attributes, None)
}

/// Checks what a request carries: the token where it belongs, the id of the key, the nonce, and integrity by the raw key.
#[track_caller]
fn assert_signed(bytes: &[u8], number: u8, carries: bool, realm: Option<&str>, nonce: &str) {
    let signed = Message::parse(bytes).unwrap();
    let value = [0xFF, 0, number];
    assert_eq!(signed.attribute().unwrap(), carries.then_some(AccessToken::new(&value)));
    assert_eq!(signed.attribute().unwrap(), Some(Username::new("22BIjxU93h/IgwEb")));
    assert_eq!(signed.attribute().unwrap(), realm.map(Realm::new));
    assert_eq!(signed.attribute().unwrap(), Some(Nonce::new(nonce)));
    let key = Key::from_bytes(&[MAC_KEY[0] ^ number; 20]);
    assert_eq!(signed.verify_integrity(&key), Ok(IntegrityKind::Sha1));
    assert!(!signed.has_integrity(IntegrityKind::Sha256));
    assert_eq!(kinds(bytes).last(), Some(&AttributeType::MESSAGE_INTEGRITY));
}

// proves: 7635-8-a
#[test]
fn the_token_goes_with_allocate_and_refresh_only_its_key_signs_all_and_another_follows_when_it_expires() {
    for realm in [None, Some("example.org")] {
        let mut client = LongTerm::with_token(token(1));
        assert!(kinds(&send(&client, ALLOCATE)).is_empty(), "the first request carries nothing");
        assert_eq!(receive(&mut client, &wants_token(401, realm, "n1")), Ok(Reply::Retry));
        assert_eq!(client.third_party(), Some(SERVER));
        for method in 0..=0x0B {
            let carries = [ALLOCATE, REFRESH].contains(&method);
            assert_signed(&send(&client, method), 1, carries, realm, "n1");
        }

        // Only what the same key has signed is an answer.
        let key = Key::from_bytes(&MAC_KEY.map(|byte| byte ^ 1));
        let success = message(Class::Success, &[], Some((IntegrityKind::Sha1, &key)));
        assert_eq!(receive(&mut client, &success), Ok(Reply::Answer(Answer::Success)));
        let guess = Key::from_bytes(&MAC_KEY);
        for (sign, error) in
            [(None, IntegrityError::Missing), (Some((IntegrityKind::Sha1, &guess)), IntegrityError::Mismatch)]
        {
            let forged = message(Class::Success, &[], sign);
            let expected = Err(Unbelieved::Bad(BadResponse::Integrity(error)));
            assert_eq!(receive(&mut client, &forged), expected);
        }

        // A nonce that went stale is no reason for another token, a second 401 is.
        assert_eq!(receive(&mut client, &wants_token(438, realm, "n2")), Ok(Reply::Retry));
        assert_signed(&send(&client, REFRESH), 1, true, realm, "n2");
        let expired = Refusal::TokenRefused { server: Some(SERVER.into()) };
        assert_eq!(receive(&mut client, &wants_token(401, realm, "n3")), Ok(Reply::Refused(expired)));
        let old = client.credential().cloned();
        client.set_token(token(2));
        assert_signed(&send(&client, REFRESH), 2, true, realm, "n2");
        assert_signed(&send(&client, 8), 2, false, realm, "n2");

        // What still comes for the old one is no word about the new one.
        let late = wants_token(401, realm, "n4");
        let reply = client.receive(&Message::parse(&late).unwrap(), old.as_deref(), AttributeType::RFC_8489);
        assert_eq!(reply, Ok(Reply::Retry));
        assert_signed(&send(&client, ALLOCATE), 2, true, realm, "n4");
    }
}

#[test]
fn who_has_a_password_tries_it_and_learns_that_the_server_wants_a_token_and_for_whom() {
    let mut client = client();
    assert_eq!(client.third_party(), None);
    let realm = Some("example.org");
    assert_eq!(receive(&mut client, &wants_token(401, realm, "n1")), Ok(Reply::Retry));
    let wanted = Refusal::TokenWanted { server: SERVER.into() };
    assert_eq!(wanted.to_string(), "the server wants an access token for \"turn1@example.com\"");
    assert_eq!(receive(&mut client, &wants_token(401, realm, "n2")), Ok(Reply::Refused(wanted)));
    client.set_token(token(1));
    assert_signed(&send(&client, ALLOCATE), 1, true, realm, "n1");

    // A name that cannot be read is as good as none.
    let unreadable = RawAttribute { kind: AttributeType::THIRD_PARTY_AUTHORIZATION, value: &[0xFF] };
    let (realm, nonce) = (Realm::new("example.org"), Nonce::new("n1"));
    let error = ErrorCode::standard(401);
    let bytes = message(Class::Error, &[&error, &realm, &nonce, &unreadable], None);
    let mut client = super::client();
    assert_eq!(receive(&mut client, &bytes), Ok(Reply::Retry));
    let wanted = Refusal::TokenWanted { server: "".into() };
    assert_eq!(receive(&mut client, &bytes), Ok(Reply::Refused(wanted)));
}

#[test]
fn with_a_token_nothing_is_bid_down_and_no_name_is_hidden() {
    // The nonce says that there are algorithms and that names are hidden.
    for algorithms in [Some(&SHA256[..]), None] {
        let mut client = LongTerm::with_token(token(1));
        let bytes = challenge(401, "example.org", "obMatJos2wAAAx", algorithms);
        assert_eq!(receive(&mut client, &bytes), Ok(Reply::Retry));
        assert_signed(&send(&client, ALLOCATE), 1, true, Some("example.org"), "obMatJos2wAAAx");
        let key = client.credential().unwrap().key().clone();
        let nonce = Nonce::new("obMatJos2wAAAy");
        let success = message(Class::Success, &[&nonce], Some((IntegrityKind::Sha1, &key)));
        assert_eq!(receive(&mut client, &success), Ok(Reply::Answer(Answer::Success)));
        let expired = Refusal::TokenRefused { server: None };
        assert_eq!(receive(&mut client, &bytes), Ok(Reply::Refused(expired)));
    }
}

#[test]
fn what_is_no_token_makes_no_credential_and_debug_shows_nothing_of_one() {
    let bad = CredentialError::Username(PrepareError::Empty);
    assert_eq!(Token::new("", &MAC_KEY, [1]).err(), Some(bad));
    assert_eq!(Token::new("kid", &[], [1]).err(), Some(CredentialError::NoKey));
    assert_eq!(Token::new("kid", &MAC_KEY, []).err(), Some(CredentialError::NoToken));
    assert_eq!(format!("{:?}", token(1)), "Token { .. }");
    let shown = format!("{:?} {:?}", LongTerm::with_token(token(1)), AccessToken::new(b"secret"));
    assert_eq!(shown, "LongTerm { credential: None, .. } AccessToken(6 bytes)");
}
