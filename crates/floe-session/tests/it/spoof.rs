//! The spoof suite: whatever somebody without the password sends, at whatever point of a session, the session is the
//! same before and after.
//!
//! Each scene is played twice, and both times alike but for the attacks. After each step the whole catalogue is fed to
//! one of the two, and its snapshot compared with that before, group by group; at the end both must have sent and told
//! the same.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use floe_core::{Credentials, Role};
use floe_session::{Disposition, IceState, Output, SessionConfig, SocketId, StreamConfig};
use floe_stun::{
    Class, Key, Message, TransactionId,
    attribute::{
        AttributeType, ErrorCode, IceControlled, IceControlling, Priority, UseCandidate, Username,
        XorMappedAddress,
    },
};

use self::message::{Draft, id, resealed};
use crate::wire::{A, B, Host, Sent, Wire, controlled, controlling, ms};

#[path = "../../../floe-check/tests/it/common/message.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the messages of the suite for check sets, not all of them needed here"
)]
mod message;

const STRANGER: &str = "203.0.113.66:6666";
/// Of the scripted peer of `message`.
const PEER_PWD: &str = "the+password+of+the+peer++";
const GUESS: &str = "guess+guess+guess+guess";
/// The attribute by which libwebrtc nominates anew.
const NOMINATION: u16 = 0xc001;

type Happening = fn(&mut Wire);

/// A way for a session to go.
struct Scene {
    name: &'static str,
    begin: fn() -> Wire,
    /// What happens when, besides what happens by itself.
    plan: &'static [(u64, Happening)],
    end: u64,
}

/// All that may happen to a session without a restart.
const SCENES: &[Scene] = &[
    Scene {
        name: "trickling, checks before the description, a release, lost consent",
        begin: || {
            let wire = Wire::pair().delay(ms(10));
            wire.addresses(A, &["192.0.2.1", "198.51.100.1"]).addresses(B, &["192.0.2.2", "198.51.100.2"])
        },
        plan: &[
            (0, |wire| wire.gather_on(A)),
            (20, |wire| wire.describe_to(A)),
            (40, |wire| wire.gather_on(B)),
            (130, |wire| wire.describe_to(B)),
            (9_000, |wire| wire.passes = Box::new(|_| false)),
        ],
        end: 45_000,
    },
    Scene {
        name: "a role conflict, and the best pair dead",
        begin: || {
            let b = SessionConfig::new([2; 32]).role(Role::Controlling);
            let wire = Wire::new(controlling(), b).addresses(B, &["192.0.2.2", "198.51.100.2"]);
            let mut wire = wire.delay(ms(25));
            wire.passes = Box::new(|sent| sent.to != "192.0.2.2:5000".parse().unwrap());
            wire
        },
        plan: &[(0, Wire::begin)],
        end: 7_000,
    },
    Scene {
        name: "two streams, one of two components, a socket lost, and the end",
        begin: || {
            let streams = || vec![StreamConfig { components: 2 }, StreamConfig { components: 1 }];
            let wire = Wire::new(controlling().streams(streams()), controlled().streams(streams()));
            wire.delay(ms(5))
        },
        plan: &[
            (0, Wire::begin),
            (2_000, |wire| {
                let (now, (socket, _)) = (wire.now, wire.hosts[B].socket());
                wire.b().handle_socket_closed(now, socket, "gone");
                wire.hosts[B].sockets.remove(&socket);
            }),
            (4_000, |wire| {
                let now = wire.now;
                wire.b().close(now);
            }),
        ],
        end: 5_000,
    },
    Scene {
        name: "a restart",
        begin: || Wire::pair().delay(ms(10)),
        plan: &[
            (0, Wire::begin),
            (150, |wire| {
                let now = wire.now;
                wire.a().restart(now);
            }),
        ],
        end: 8_000,
    },
    Scene {
        name: "no way, and failure",
        begin: || {
            let mut wire = Wire::new(controlling().patience(ms(3_000)), controlled().patience(ms(3_000)));
            wire.passes = Box::new(|_| false);
            wire
        },
        plan: &[(0, Wire::begin)],
        end: 41_000,
    },
];

/// Plays a scene, and has `visit` look at each of its points; the time of the wire is then one at which nothing is left
/// to be done.
fn play(wire: &mut Wire, scene: &Scene, mut visit: impl FnMut(&mut Wire)) {
    let mut plan = scene.plan.iter().copied().peekable();
    let mut next_visit = Duration::ZERO;
    visit(wire);
    while wire.elapsed() < ms(scene.end) {
        while let Some((_, what)) = plan.next_if(|&(at, _)| ms(at) <= wire.elapsed()) {
            what(wire);
        }
        let until = plan.peek().map_or(scene.end, |&(at, _)| at);
        wire.step(wire.start + ms(until));
        // Each instant at first, when all is in motion, then now and then.
        if wire.elapsed() >= next_visit {
            visit(wire);
            let gap = if wire.elapsed() < ms(400) { Duration::ZERO } else { ms(1_130) };
            next_visit = wire.elapsed() + gap;
        }
    }
}

/// A datagram, and where it is said to come from.
type Attack = (Vec<u8>, SocketAddr);

/// What an attacker knows, and whom it attacks.
struct Spy<'a> {
    wire: &'a Wire,
    host: usize,
    /// Of each stream: ours, theirs.
    credentials: Vec<[Credentials; 2]>,
    /// The true peer's addresses, one of this host, and one of nobody.
    sources: Vec<SocketAddr>,
    /// Where the peer is and was.
    peers: std::collections::BTreeSet<SocketAddr>,
}

impl<'a> Spy<'a> {
    fn new(wire: &'a Wire, host: usize) -> Self {
        let of = |host: usize, stream| wire.hosts[host].session.local(stream).map(|local| local.credentials);
        let streams = (0..).map(floe_core::StreamId);
        let credentials =
            streams.map_while(|stream| Some([of(host, stream)?, of(1 - host, stream)?])).collect();
        let peers = wire.hosts[1 - host].sockets.values().copied();
        let own = wire.hosts[host].sockets.values().copied().take(1);
        let peers: Vec<_> = peers.collect();
        let sources = peers.iter().copied().chain(own).chain([STRANGER.parse().unwrap()]).collect();
        // Also where it was: data may still be on its way.
        let was = wire.log.iter().filter(|sent| sent.host != host).map(|sent| sent.from);
        let peers = peers.into_iter().chain(was).collect();
        Self { wire, host, credentials, sources, peers }
    }

    /// Everything worth trying at this point, in groups.
    fn attacks(&self) -> Vec<(&'static str, Vec<Attack>)> {
        let mut groups = vec![
            ("requests", self.spread(&self.requests())),
            ("answers", self.spread(&self.answers())),
            ("indications", self.spread(&self.indications())),
            ("no STUN", self.spread(&no_stun())),
            ("what the session itself sent", self.spread(&self.reflected())),
            ("answers once more", self.old_answers()),
        ];
        groups.extend(self.seen().into_iter().map(|sent| ("damaged", self.damaged(sent))));
        for (_, attacks) in &mut groups {
            attacks.retain(|(bytes, from)| !self.is_data_of_the_peer(bytes, *from));
        }
        groups
    }

    /// Whether this is data from where the peer was heard. It is taken, as on any path without a cipher, and says no more
    /// than that something is alive there; see [`CheckSet::note_heard`](floe_check::CheckSet::note_heard).
    fn is_data_of_the_peer(&self, bytes: &[u8], from: SocketAddr) -> bool {
        let is_stun = bytes.first().is_some_and(|first| *first < 4)
            && bytes.get(4..8) == Some(&floe_stun::MAGIC_COOKIE.to_be_bytes());
        !is_stun && self.peers.contains(&from)
    }

    fn spread(&self, datagrams: &[Vec<u8>]) -> Vec<Attack> {
        let each = |datagram: &Vec<u8>| self.sources.iter().map(|&from| (datagram.clone(), from)).collect();
        datagrams.iter().flat_map::<Vec<_>, _>(each).collect()
    }

    fn role(&self) -> Role {
        self.wire.hosts[self.host].session.role()
    }

    /// The user names of checks to this host: that of each stream, and those that went over the wire, of generations before
    /// among them; each with credentials of ours and of theirs.
    fn names(&self) -> Vec<(String, &[Credentials; 2])> {
        let due =
            self.credentials.iter().map(|both| (format!("{}:{}", both[0].ufrag(), both[1].ufrag()), both));
        let mut names: Vec<_> = due.collect();
        for sent in self.wire.log.iter().filter(|sent| sent.host != self.host && sent.request().is_some()) {
            let message = Message::parse(&sent.data).unwrap();
            let name = message.attribute::<Username<'_>>().unwrap().unwrap().as_str().to_owned();
            if names.iter().all(|(known, _)| *known != name) {
                names.push((name, &self.credentials[0]));
            }
        }
        names
    }

    /// Without credentials, with wrong ones, with those of another generation; claiming either role, and nominating.
    fn requests(&self) -> Vec<Vec<u8>> {
        let mut drafts = Vec::new();
        let role = self.role();
        for (name, [ours, theirs]) in self.names() {
            for (claim, tie_breaker) in [(role, u64::MAX), (role, 0), (role.opposite(), u64::MAX)] {
                let request = || request(&name, claim, tie_breaker);
                drafts.extend([
                    request(),
                    request().signed(GUESS),
                    request().signed_sha256(GUESS),
                    // The peer's requests to the session are signed with the session's password, not with its own.
                    request().signed(theirs.pwd()),
                    request().signed(ours.ufrag()),
                    request().instead(&Username::new("former:peers")).signed("former+former+former+former"),
                    request().instead(&Username::new(ours.ufrag())).signed(GUESS),
                    request().instead(&Username::new(":")).signed(GUESS),
                    request().without(AttributeType::USERNAME).signed(GUESS),
                    request().raw(0x7777, &[]).signed(GUESS),
                    request().raw(0x7777, &[]),
                    request().signed(GUESS).behind(AttributeType::USE_CANDIDATE, &[]),
                    request().without_fingerprint().signed(GUESS),
                ]);
            }
        }
        drafts.iter().map(Draft::write).collect()
    }

    /// To requests of the session that it may have seen, and to one that never was.
    fn answers(&self) -> Vec<Vec<u8>> {
        let mine = self.wire.log.iter().rev().filter(|sent| sent.host == self.host);
        let mut ids: Vec<TransactionId> = mine.filter_map(Sent::request).collect();
        ids.dedup();
        ids.truncate(8);
        let mut drafts = Vec::new();
        for id in ids.into_iter().chain([id(99)]) {
            let own = self.credentials[0][0].pwd();
            let mapped = XorMappedAddress(STRANGER.parse().unwrap());
            let success = || Draft::new(Class::Success, id).with(&mapped);
            drafts.extend([
                success(),
                success().signed(GUESS),
                success().signed(own),
                success().signed_sha256(GUESS),
                success().behind(AttributeType::USE_CANDIDATE, &[]).signed(GUESS),
            ]);
            for code in [300, 400, 401, 403, 420, 438, 487, 500] {
                let error = || Draft::new(Class::Error, id).with(&ErrorCode::standard(code));
                drafts.extend([error(), error().signed(GUESS), error().signed(own)]);
            }
        }
        drafts.iter().map(Draft::write).collect()
    }

    fn indications(&self) -> Vec<Vec<u8>> {
        let [ours, theirs] = &self.credentials[0];
        let name = format!("{}:{}", ours.ufrag(), theirs.ufrag());
        let plain = Draft::new(Class::Indication, id(55));
        let loaded = Draft { class: Class::Indication, ..request(&name, Role::Controlling, u64::MAX) };
        let signed = loaded.clone().signed(GUESS);
        [plain, loaded, signed].iter().map(Draft::write).collect()
    }

    /// What it sent, sent back to it.
    fn reflected(&self) -> Vec<Vec<u8>> {
        let mine = self.wire.log.iter().rev().filter(|sent| sent.host == self.host);
        mine.take(6).map(|sent| sent.data.to_vec()).collect()
    }

    /// Copies of answers that arrived, from where they came.
    fn old_answers(&self) -> Vec<Attack> {
        let answers = self
            .wire
            .delivered
            .iter()
            .rev()
            .filter(|sent| sent.host != self.host && sent.request().is_none());
        answers.take(6).map(|sent| (sent.data.to_vec(), sent.from)).collect()
    }

    /// A few of the messages that went either way.
    fn seen(&self) -> Vec<&'a Sent> {
        let of = |host: usize| self.wire.log.iter().rev().filter(move |sent| sent.host == host);
        of(1 - self.host).take(5).chain(of(self.host).take(2)).collect()
    }

    /// Copies of a message with a bit flipped, with a FINGERPRINT that fits the damage and without, and cut off.
    fn damaged(&self, sent: &Sent) -> Vec<Attack> {
        let mut attacks = Vec::new();
        for at in (0..sent.data.len()).step_by(5) {
            let mut flipped = sent.data.to_vec();
            flipped[at] ^= 1 << (at % 8);
            // Anyone can compute a CRC; the length comes right with it.
            if at < flipped.len() - 8 && !(2..4).contains(&at) {
                attacks.push((resealed(flipped.clone()), sent.from));
            }
            attacks.push((flipped, sent.from));
            attacks.push((sent.data[..at].to_vec(), sent.from));
        }
        attacks
    }

    /// Whether this is what the peer could have sent: checks are signed with our password, answers with its own.
    fn is_authentic(&self, bytes: &[u8]) -> bool {
        let Ok(message) = Message::parse(bytes) else { return false };
        let is_signed = |[ours, theirs]: &[Credentials; 2]| {
            let pwd = if message.class() == Class::Request { ours.pwd() } else { theirs.pwd() };
            message.verify_integrity(&Key::short_term(pwd)).is_ok()
        };
        message.verify_fingerprint().is_ok() && self.credentials.iter().any(is_signed)
    }
}

/// A nominating check, unsigned, with all that might make an impression.
fn request(name: &str, claim: Role, tie_breaker: u64) -> Draft {
    let request = Draft::new(Class::Request, id(7_777))
        .with(&Username::new(name))
        .with(&Priority::new(u32::MAX >> 1))
        .with(&UseCandidate)
        .raw(NOMINATION, &[0, 0, 0, 9]);
    match claim {
        Role::Controlling => request.with(&IceControlling::new(tie_breaker)),
        Role::Controlled => request.with(&IceControlled::new(tie_breaker)),
    }
}

/// `ChannelData`, DTLS, RTP, what only looks like STUN, and nothing.
fn no_stun() -> Vec<Vec<u8>> {
    let mut cookie = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x43];
    cookie.extend([0; 12]);
    let begins = [0x40_u8, 0x4f, 20, 22, 63, 0x80, 0xbf, 0xff, 3, 0];
    let short = begins.map(|first| vec![first, 0, 0, 4, 1, 2, 3, 4]);
    short.into_iter().chain([cookie, Vec::new(), vec![0], vec![0; 1_400]]).collect()
}

/// The sockets of a host, and one that nobody knows.
fn sockets(wire: &Wire, host: usize) -> Vec<SocketId> {
    wire.hosts[host].sockets.keys().copied().chain([SocketId(77)]).collect()
}

/// Everything is tried on this host. Says how many datagrams that took, and how many errors they drew.
fn strike(wire: &mut Wire, host: usize, scene: &str) -> (usize, usize) {
    let (mut tried, mut errors) = (0, 0);
    let before = wire.hosts[host].session.snapshot();
    let due = wire.hosts[host].session.poll_timeout();
    let sockets = sockets(wire, host);
    let spy = Spy::new(wire, host);
    let groups = spy.attacks();
    for (bytes, from) in
        groups.iter().filter(|(name, _)| *name != "answers once more").flat_map(|(_, all)| all)
    {
        assert!(!spy.is_authentic(bytes), "{from} {bytes:02x?}");
    }
    let (now, session) = (wire.now, &mut wire.hosts[host].session);
    for (name, attacks) in groups {
        for (bytes, from) in attacks {
            // What is damaged is tried on one socket after the other, and the rest on all of them.
            let one = &sockets[tried % sockets.len()..][..1];
            for &socket in if name == "damaged" { one } else { &sockets } {
                tried += 1;
                let made = session.handle_datagram(now, socket, from, &bytes);
                assert!(
                    made != Disposition::Consumed || name == "indications",
                    "{scene}, {name}: {bytes:02x?}"
                );
                while let Some(output) = session.poll_output() {
                    assert_is_error(&output, socket, from, &bytes);
                    errors += 1;
                }
            }
        }
        let after = session.snapshot();
        if after != before {
            let (before, after) = (before.to_string(), after.to_string());
            let changed = before.lines().zip(after.lines()).find(|(before, after)| before != after);
            panic!("{scene} at {:?}: {name}: {changed:?}", now - wire.start);
        }
        assert_eq!(session.poll_timeout(), due, "{scene}: {name}");
    }
    (tried, errors)
}

/// All that a stranger may draw: an unsigned error, to where it says it is, and hardly longer than what it sent.
fn assert_is_error(output: &Output, via: SocketId, from: SocketAddr, drawn_by: &[u8]) {
    let Output::Send { socket, to, data } = output else { panic!("{output:?} by {drawn_by:02x?}") };
    let message = Message::parse(data).unwrap();
    assert_eq!((message.class(), message.integrity_kind()), (Class::Error, None));
    assert_eq!((*socket, *to), (via, from));
    assert!(data.len() <= drawn_by.len().max(80), "{} for {}", data.len(), drawn_by.len());
}

// proves: sec-forge-b, sec-487-a
#[test]
fn whatever_is_sent_without_the_password_at_any_point_changes_nothing_now_or_later() {
    let mut tried = 0;
    for scene in SCENES {
        let (mut attacked, mut spared) = ((scene.begin)(), (scene.begin)());
        (spared.start, spared.now) = (attacked.start, attacked.now);
        let mut errors = 0;
        play(&mut attacked, scene, |wire| {
            for host in [A, B] {
                let (these, drawn) = strike(wire, host, scene.name);
                tried += these;
                errors += drawn;
            }
        });
        play(&mut spared, scene, |_| {});
        // Two sessions, each at first 20 and then 10 a second.
        let seconds = usize::try_from(scene.end.div_ceil(1_000)).unwrap();
        assert!(errors > 0 && errors <= 2 * (20 + 10 * seconds), "{errors} errors in {}", scene.name);
        let log = |wire: &Wire| {
            let sent = wire.log.iter().map(|sent| (sent.at, sent.from, sent.to, sent.data.clone()));
            sent.collect::<Vec<_>>()
        };
        assert!(log(&attacked) == log(&spared), "{}", scene.name);
        for host in [A, B] {
            let (attacked, spared) = (&attacked.hosts[host], &spared.hosts[host]);
            let told = |host: &Host| unforged(&format!("{:?}", host.events));
            assert_eq!(told(attacked), told(spared));
            let [attacked, spared] = [attacked, spared].map(|host| host.session.snapshot().to_string());
            assert!(unforged(&attacked) == unforged(&spared), "{}", scene.name);
        }
    }
    assert!(tried > 100_000, "{tried}");
}

/// RFC 8489 9.1.4: where no true answer comes, forged ones are given as the reason for the failure. It is the only trace
/// that they leave.
fn unforged(text: &str) -> String {
    text.replace("Forged", "Timeout")
}

#[test]
fn the_scenes_that_are_attacked_go_through_every_state() {
    let mut states = BTreeSet::new();
    for scene in SCENES {
        let mut wire = (scene.begin)();
        play(&mut wire, scene, |wire| states.extend([A, B].map(|host| wire.hosts[host].session.state())));
    }
    let brief = [IceState::Connected, IceState::Disconnected];
    let lasting = IceState::ALL.into_iter().filter(|state| !brief.contains(state));
    assert!(lasting.clone().all(|state| states.contains(&state)), "{states:?}");
}

#[test]
fn a_driver_that_is_late_is_not_set_going_by_strangers() {
    // A check is due, and what strangers send comes before the timeout.
    let mut wire = Wire::pair().addresses(B, &["192.0.2.2", "198.51.100.2"]);
    wire.passes = Box::new(|_| false);
    wire.begin();
    wire.now += ms(70);
    let due = wire.hosts[A].session.poll_timeout();
    assert!(due.is_some_and(|at| at < wire.now));
    let before = wire.hosts[A].session.snapshot();
    let bytes = request("who:me", Role::Controlled, 0).signed(GUESS).write();
    let (now, (socket, _)) = (wire.now, wire.hosts[A].socket());
    let _ = wire.a().handle_datagram(now, socket, STRANGER.parse().unwrap(), &bytes);
    assert!(wire.hosts[A].session.snapshot() == before);
    assert_eq!(wire.hosts[A].session.poll_timeout(), due);
}
