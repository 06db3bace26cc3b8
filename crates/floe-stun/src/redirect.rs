//! The client's part of the ALTERNATE-SERVER mechanism (RFC 8489 10).
//!
//! A server answers 300 and names another; [`Redirects`] says whether to go there, and what the certificate found there
//! has to be for.

use std::{
    fmt,
    net::SocketAddr,
    time::{Duration, Instant},
};

use floe_core::address::{self, Redacted};

use crate::{
    attribute::{AlternateDomain, AlternateServer, Attribute as _, AttributeType, ErrorCode},
    header::Class,
    long_term::Credential,
    message::Message,
};

/// For how long a server that was asked is not asked again because another says so (RFC 8489 10).
pub const REMEMBERED: Duration = Duration::from_secs(5 * 60);
/// How many servers are remembered at a time, and so how often one is sent on.
const MAX_SERVERS: usize = 8;

/// The servers that one request was sent to, and the name that the certificate of the next one has to have.
///
/// Sans-IO. Call order: [`new`](Self::new) with the first server; with each 300, [`follow`](Self::follow), and send the
/// request to where it says, over the same transport, and with the same user's credentials
/// ([`LongTerm::elsewhere`](crate::long_term::LongTerm::elsewhere)). `now` never goes back.
///
/// Keep it as long as the request may be made again, so that two servers that send a client to each other have it twice in
/// five minutes at most. `Debug` hides most of the addresses.
#[derive(Clone)]
pub struct Redirects {
    /// At most [`MAX_SERVERS`], each once.
    asked: Vec<(SocketAddr, Instant)>,
    current: SocketAddr,
    domain: Option<String>,
}

/// Where to send the request instead.
#[derive(Clone, PartialEq, Eq)]
pub struct Redirect {
    /// The server.
    pub server: SocketAddr,
    /// Over TLS or DTLS, what its certificate has to be for, by DNS-ID: what the server that sent us on says, or else what its
    /// own had to be for. `None` where there was no name to begin with, and none was given.
    pub domain: Option<String>,
    /// Whether the integrity of the response vouches for it. If not, the request had none either.
    pub authenticated: bool,
}

impl Redirects {
    /// The request is sent to this server, whose certificate, over TLS or DTLS, has to be for this name.
    #[must_use]
    pub fn new(now: Instant, server: SocketAddr, domain: Option<&str>) -> Self {
        Self { asked: vec![(server, now)], current: server, domain: domain.map(str::to_owned) }
    }

    /// The server that is asked now.
    #[must_use]
    pub const fn server(&self) -> SocketAddr {
        self.current
    }

    /// What its certificate has to be for.
    #[must_use]
    pub fn domain(&self) -> Option<&str> {
        self.domain.as_deref()
    }

    /// Reads a 300 of the server that is asked now, in answer to a request that was signed with `sent`, or with nothing. If
    /// it may be followed, the server that it names is the one that is asked from now on.
    ///
    /// Of several servers it takes the first of the family that is spoken already (RFC 8489 10).
    ///
    /// # Errors
    /// The redirection is not followed: the request has failed. Nothing has changed.
    pub fn follow(
        &mut self,
        now: Instant,
        response: &Message<'_>,
        sent: Option<&Credential>,
    ) -> Result<Redirect, RedirectError> {
        let code = response.attribute::<ErrorCode<'_>>().ok().flatten().map(|error| error.code());
        if response.class() != Class::Error || code != Some(ErrorCode::TRY_ALTERNATE) {
            return Err(RedirectError::NotARedirect);
        }
        if sent.is_some_and(|sent| response.verify_integrity(sent.key()) != Ok(sent.integrity())) {
            return Err(RedirectError::Unauthenticated);
        }
        let server = self.alternate(response)?;
        let domain = domain(response)?;
        self.go_on(now, server, domain, sent.is_some())
    }

    /// The same where the 300 was read already, by a client that says whether the integrity of the response vouched for it:
    /// the server, and the domain if it named one.
    ///
    /// # Errors
    /// The redirection is not followed: the request has failed. Nothing has changed.
    pub fn go_on(
        &mut self,
        now: Instant,
        server: SocketAddr,
        domain: Option<&str>,
        authenticated: bool,
    ) -> Result<Redirect, RedirectError> {
        self.check(server)?;
        self.remember(now, server)?;
        if let Some(domain) = domain {
            self.domain = Some(domain.to_owned());
        }
        self.current = server;
        Ok(Redirect { server, domain: self.domain.clone(), authenticated })
    }

    fn check(&self, server: SocketAddr) -> Result<(), RedirectError> {
        if server.is_ipv4() != self.current.is_ipv4() {
            return Err(RedirectError::OtherFamily);
        }
        address::check_destination(server).map_err(|_| RedirectError::UnusableServer)
    }

    /// The server that the response names.
    fn alternate(&self, response: &Message<'_>) -> Result<SocketAddr, RedirectError> {
        let mut named = response
            .attributes()
            .filter(|attribute| attribute.kind == AttributeType::ALTERNATE_SERVER)
            .map(|raw| AlternateServer::decode(raw.value, response.transaction_id()))
            .peekable();
        if named.peek().is_none() {
            return Err(RedirectError::NoServer);
        }
        let mut reason = RedirectError::MalformedServer;
        for AlternateServer(server) in named.flatten() {
            match self.check(server) {
                Ok(()) => return Ok(server),
                Err(why) => reason = why,
            }
        }
        Err(reason)
    }

    /// Notes that the server is asked now, if it may be.
    fn remember(&mut self, now: Instant, server: SocketAddr) -> Result<(), RedirectError> {
        self.asked.retain(|(_, at)| now.saturating_duration_since(*at) < REMEMBERED);
        if self.asked.iter().any(|(asked, _)| *asked == server) {
            return Err(RedirectError::Loop { server });
        }
        if self.asked.len() >= MAX_SERVERS {
            return Err(RedirectError::TooMany);
        }
        self.asked.push((server, now));
        Ok(())
    }
}

/// The name that the response gives, if it gives one.
///
/// # Errors
/// [`RedirectError::MalformedDomain`]: there is one, and it is no name.
pub fn domain<'a>(response: &Message<'a>) -> Result<Option<&'a str>, RedirectError> {
    match response.attribute::<AlternateDomain<'_>>() {
        Ok(Some(domain)) if domain.as_str().is_empty() => Err(RedirectError::MalformedDomain),
        Ok(domain) => Ok(domain.map(|domain| domain.as_str())),
        // Another name instead would be no less wrong than the old one.
        Err(_) => Err(RedirectError::MalformedDomain),
    }
}

impl fmt::Debug for Redirects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redirects")
            .field("current", &Redacted(self.current))
            .field("domain", &self.domain)
            .field("asked", &self.asked.len())
            .finish()
    }
}

impl fmt::Debug for Redirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redirect")
            .field("server", &Redacted(self.server))
            .field("domain", &self.domain)
            .field("authenticated", &self.authenticated)
            .finish()
    }
}

/// Why a redirection is not followed. `Debug` and `Display` hide most of the address.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RedirectError {
    /// It is no 300.
    #[error("the response sends nobody on")]
    NotARedirect,
    /// The request was signed, and the response is not, or not with the same key: anybody on the way can send it.
    #[error("nothing vouches for the redirection")]
    Unauthenticated,
    /// It names no server: a broken one.
    #[error("a redirection without a server")]
    NoServer,
    /// The server's address cannot be read: a broken server.
    #[error("a redirection to what is no address")]
    MalformedServer,
    /// The servers that it names are of the other family, which may not be reachable from where the request came.
    #[error("a redirection to the other address family")]
    OtherFamily,
    /// Nothing can be sent to the address that it names.
    #[error("a redirection to an address that nothing can be sent to")]
    UnusableServer,
    /// The name that goes with the server is none.
    #[error("a redirection to what is no domain")]
    MalformedDomain,
    /// That server was asked within the last five minutes: they send the client round in a circle.
    #[error("a redirection in a circle, to {} again", Redacted(*server))]
    Loop {
        /// The server.
        server: SocketAddr,
    },
    /// More servers than anybody has have sent the client on within five minutes.
    #[error("too many redirections")]
    TooMany,
}

impl fmt::Debug for RedirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedirectError({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        IntegrityKind, Key, MessageWriter, Method, TransactionId,
        attribute::{Nonce, RawAttribute, Realm, WriteAttribute},
        long_term::{Choice, LongTerm, Reply},
    };

    const ID: TransactionId = TransactionId::new([9; 12]);

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[allow(clippy::disallowed_methods, reason = "an epoch for virtual time")]
    fn epoch() -> Instant {
        Instant::now()
    }

    fn response(code: u16, attributes: &[&dyn WriteAttribute], key: Option<&Key>) -> Vec<u8> {
        let mut buffer = vec![0; 1024];
        let writer = MessageWriter::new(&mut buffer, Class::Error, Method::BINDING, ID)
            .and_then(|writer| writer.attribute(&ErrorCode::standard(code)))
            .unwrap();
        let writer = attributes.iter().try_fold(writer, MessageWriter::attribute);
        let writer = writer.and_then(|writer| match key {
            Some(key) => writer.integrity_of(IntegrityKind::Sha1, key),
            None => Ok(writer),
        });
        let length = writer.unwrap().finish();
        buffer.truncate(length);
        buffer
    }

    fn to(server: &str) -> Vec<u8> {
        response(300, &[&AlternateServer(at(server))], None)
    }

    fn follow(redirects: &mut Redirects, now: Instant, bytes: &[u8]) -> Result<SocketAddr, RedirectError> {
        redirects.follow(now, &Message::parse(bytes).unwrap(), None).map(|redirect| redirect.server)
    }

    /// A user whom a server has challenged.
    fn challenged() -> LongTerm {
        let mut user = LongTerm::new("ann", "secret", Choice::First).unwrap();
        let bytes = response(401, &[&Realm::new("example.org"), &Nonce::new("n1")], None);
        let reply = user.receive(&Message::parse(&bytes).unwrap(), None, AttributeType::RFC_8489);
        assert_eq!(reply, Ok(Reply::Retry));
        user
    }

    // proves: 8489-10-a
    #[test]
    fn a_signed_request_is_sent_on_only_by_its_key_and_the_same_user_is_asked_for_elsewhere() {
        let (now, user) = (epoch(), challenged());
        let sent = user.credential().unwrap();
        let server = AlternateServer(at("192.0.2.2:3478"));
        let mut redirects = Redirects::new(now, at("192.0.2.1:3478"), None);
        for key in [None, Some(Key::short_term("guess"))] {
            let bytes = response(300, &[&server], key.as_ref());
            let refused = redirects.follow(now, &Message::parse(&bytes).unwrap(), Some(sent));
            assert_eq!(refused, Err(RedirectError::Unauthenticated));
            assert_eq!(redirects.server(), at("192.0.2.1:3478"));
        }
        let bytes = response(300, &[&server], Some(sent.key()));
        let redirect = redirects.follow(now, &Message::parse(&bytes).unwrap(), Some(sent)).unwrap();
        assert_eq!((redirect.server, redirect.authenticated), (server.0, true));
        assert_eq!(redirects.server(), server.0);

        // The other server knows nothing of the first one's nonce, and the user is the same.
        let mut elsewhere = user.elsewhere();
        assert!(elsewhere.credential().is_none());
        let bytes = response(401, &[&Realm::new("example.org"), &Nonce::new("n2")], None);
        elsewhere.receive(&Message::parse(&bytes).unwrap(), None, AttributeType::RFC_8489).unwrap();
        let signed = response(300, &[], Some(elsewhere.credential().unwrap().key()));
        assert_eq!(Message::parse(&signed).unwrap().verify_integrity(sent.key()), Ok(IntegrityKind::Sha1));
    }

    // proves: 8489-10-a
    #[test]
    fn two_servers_that_send_to_each_other_end_it_until_five_minutes_have_passed() {
        let start = epoch();
        let (a, b) = ("192.0.2.1:3478", "192.0.2.2:3478");
        let mut redirects = Redirects::new(start, at(a), None);
        assert_eq!(follow(&mut redirects, start, &to(a)), Err(RedirectError::Loop { server: at(a) }));
        let later = start + Duration::from_secs(60);
        assert_eq!(follow(&mut redirects, later, &to(b)), Ok(at(b)));
        for now in [later, start + REMEMBERED - Duration::from_millis(1)] {
            let round = RedirectError::Loop { server: at(a) };
            assert_eq!(follow(&mut redirects, now, &to(a)), Err(round));
            assert_eq!(round.to_string(), "a redirection in a circle, to 192.x.x.x:3478 again");
        }
        assert_eq!(redirects.server(), at(b));
        assert_eq!(follow(&mut redirects, start + REMEMBERED, &to(a)), Ok(at(a)));
        // Another port is another server.
        assert_eq!(follow(&mut redirects, start + REMEMBERED, &to("192.0.2.2:443")), Ok(at("192.0.2.2:443")));
    }

    // proves: 8489-10-a
    #[test]
    fn the_certificate_has_to_be_for_what_the_response_says_or_else_for_the_same_as_before() {
        let now = epoch();
        let mut redirects = Redirects::new(now, at("192.0.2.1:5349"), Some("turn.example.org"));
        for (server, named, expected) in [
            ("192.0.2.2:5349", None, "turn.example.org"),
            ("192.0.2.3:5349", Some("turn.example.com"), "turn.example.com"),
            ("192.0.2.4:5349", None, "turn.example.com"),
        ] {
            let server = AlternateServer(at(server));
            let named = named.map(AlternateDomain::new);
            let mut attributes: Vec<&dyn WriteAttribute> = vec![&server];
            attributes.extend(named.iter().map(|named| -> &dyn WriteAttribute { named }));
            let bytes = response(300, &attributes, None);
            let redirect = redirects.follow(now, &Message::parse(&bytes).unwrap(), None).unwrap();
            assert_eq!(redirect.domain.as_deref(), Some(expected));
            assert_eq!((redirects.domain(), redirect.authenticated), (Some(expected), false));
        }
        for name in [&b""[..], &[0xFF], &[b'd'; 256]] {
            let server = AlternateServer(at("192.0.2.9:5349"));
            let domain = RawAttribute { kind: AttributeType::ALTERNATE_DOMAIN, value: name };
            let bytes = response(300, &[&server, &domain], None);
            assert_eq!(follow(&mut redirects, now, &bytes), Err(RedirectError::MalformedDomain));
        }
        assert_eq!(redirects.domain(), Some("turn.example.com"));
    }

    #[test]
    fn the_first_server_of_the_family_that_is_spoken_is_taken_and_none_of_the_other() {
        let now = epoch();
        let v4 = AlternateServer(at("192.0.2.2:3478"));
        let v6 = AlternateServer(at("[2001:db8::2]:3478"));
        for (from, expected, other) in [("192.0.2.1:1", v4, v6), ("[2001:db8::1]:1", v6, v4)] {
            for attributes in [[&expected as &dyn WriteAttribute, &other], [&other, &expected]] {
                let mut redirects = Redirects::new(now, at(from), None);
                let bytes = response(300, &attributes, None);
                assert_eq!(follow(&mut redirects, now, &bytes), Ok(expected.0));
            }
            let mut redirects = Redirects::new(now, at(from), None);
            let bytes = response(300, &[&other], None);
            assert_eq!(follow(&mut redirects, now, &bytes), Err(RedirectError::OtherFamily));
        }
    }

    #[test]
    fn what_names_no_server_sends_nobody_on() {
        let now = epoch();
        let good = AlternateServer(at("192.0.2.2:3478"));
        let port = AlternateServer(at("192.0.2.2:0"));
        let broken = RawAttribute { kind: AttributeType::ALTERNATE_SERVER, value: &[0, 9, 1] };
        type Case<'a> = (u16, &'a [&'a dyn WriteAttribute], RedirectError);
        let cases: [Case<'_>; 5] = [
            (301, &[&good], RedirectError::NotARedirect),
            (400, &[&good], RedirectError::NotARedirect),
            (300, &[], RedirectError::NoServer),
            (300, &[&broken], RedirectError::MalformedServer),
            (300, &[&port], RedirectError::UnusableServer),
        ];
        for (code, attributes, error) in cases {
            let mut redirects = Redirects::new(now, at("192.0.2.1:3478"), None);
            assert_eq!(follow(&mut redirects, now, &response(code, attributes, None)), Err(error));
        }
    }

    #[test]
    fn nobody_is_sent_on_and_on() {
        let now = epoch();
        let mut redirects = Redirects::new(now, at("192.0.2.1:1"), None);
        for port in 2..=8 {
            assert!(follow(&mut redirects, now, &to(&format!("192.0.2.1:{port}"))).is_ok());
        }
        assert_eq!(follow(&mut redirects, now, &to("192.0.2.1:9")), Err(RedirectError::TooMany));
        assert_eq!(follow(&mut redirects, now + REMEMBERED, &to("192.0.2.1:9")), Ok(at("192.0.2.1:9")));
    }

    #[test]
    fn debug_hides_addresses() {
        let now = epoch();
        let mut redirects = Redirects::new(now, at("192.0.2.77:1"), None);
        let bytes = to("192.0.2.78:1");
        let redirect = redirects.follow(now, &Message::parse(&bytes).unwrap(), None);
        let again = follow(&mut redirects, now, &bytes);
        let shown = format!("{redirects:?} {redirect:?} {again:?}");
        assert!(!shown.contains("0.2.7"), "{shown}");
    }
}
