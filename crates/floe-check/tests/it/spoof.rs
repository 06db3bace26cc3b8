//! What can be sent without the password changes nothing: neither what is observed nor what will be.
//!
//! Each attack is aimed at a set at many points of a session, while a twin that is spared goes the same way. The state
//! after each group of datagrams is compared with that before it; at the end the twins must have said and done the same.

use floe_check::{CheckConfig, Event, Outcome};
use floe_core::{BaseId, Role};
use floe_stun::{
    Class, Key, Message,
    attribute::{
        ErrorCode, IceControlled, IceControlling, Priority, UseCandidate, Username, XorMappedAddress,
    },
};

use crate::common::*;

const ATTACKER: &str = "198.51.100.66:6666";

/// A session that plays itself, step by step, and does the same each time.
struct Play {
    bench: Bench,
    /// What went over the wire so far: all of it may be known to an attacker.
    wire: Vec<Attack>,
    events: Vec<Event>,
    said: Vec<Seen>,
    last: Option<Seen>,
}

type Step = fn(&mut Play);

/// From nothing to a completed session with a NAT on the way, and back through a failure.
const STEPS: &[Step] = &[
    |play| play.ask("10.0.0.2:3"),
    |play| play.bench.describe(S0),
    |play| {
        for port in [1, 2, 5, 6] {
            play.bench.remote(S0, &numbered(port));
        }
    },
    Play::check,
    |play| play.answer("203.0.113.1:4000"),
    Play::check,
    |play| play.ask("10.0.0.2:2"),
    |play| play.wait(700),
    Play::check,
    |play| play.wait(600),
    |play| play.answer("203.0.113.1:4000"),
    Play::check,
    |play| play.refuse(487),
    Play::check,
    |play| play.nominate(),
    Play::check,
    |play| play.answer("203.0.113.1:4000"),
    |play| play.retire(),
    |play| play.ask("10.0.0.2:1"),
    |play| play.wait(60_000),
    |play| play.bench.end(S0),
];

impl Play {
    fn new(role: Role) -> Self {
        Self::with(CheckConfig::default().role(role))
    }

    fn with(config: CheckConfig) -> Self {
        let mut bench = Bench::with(config, &[(S0, &[RTP])]);
        bench.local(S0, &Cand::host("10.0.0.1:1000"));
        Self { bench, wire: Vec::new(), events: Vec::new(), said: Vec::new(), last: None }
    }

    fn step(&mut self, step: Step) {
        step(self);
        self.events.extend(self.bench.events());
        let sent = self.bench.sent();
        self.say(sent);
    }

    fn say(&mut self, sent: Vec<Seen>) {
        self.wire.extend(sent.iter().map(|seen| (seen.bytes.clone(), seen.to.to_string())));
        self.said.extend(sent);
    }

    fn check(&mut self) {
        if let Some(check) = self.bench.try_next() {
            self.say(vec![check.clone()]);
            self.last = Some(check);
        }
    }

    fn receive(&mut self, base: BaseId, from: &str, bytes: Vec<u8>) {
        let _ = self.bench.take(base, from, &bytes);
        self.wire.push((bytes, from.to_owned()));
    }

    fn ask(&mut self, from: &str) {
        let check = self.bench.check().write();
        self.receive(BASE, from, check);
    }

    fn answer(&mut self, mapped: &str) {
        let Some(check) = self.last.clone() else { return };
        self.receive(check.base, &check.to.to_string(), success(check.id, mapped).write());
    }

    fn refuse(&mut self, code: u16) {
        let Some(check) = self.last.clone() else { return };
        self.receive(check.base, &check.to.to_string(), error(check.id, code).write());
    }

    fn nominate(&mut self) {
        if self.bench.set.role() == Role::Controlling {
            let valid = self.bench.valid_ids();
            valid.first().copied().into_iter().for_each(|pair| self.bench.nominate(pair));
        } else {
            let nomination = self.bench.check().with(&UseCandidate).write();
            self.receive(BASE, "10.0.0.2:3", nomination);
        }
    }

    fn retire(&mut self) {
        if let Some(pair) = self.bench.valid().into_iter().find(|pair| pair.nominated) {
            self.bench.retire(pair.id);
        }
    }

    fn wait(&mut self, milliseconds: u64) {
        let until = self.bench.millis() + milliseconds;
        let sent = self.bench.at(until).into_iter().map(|(_, seen)| seen).collect();
        self.say(sent);
    }

    /// The transaction ids that an attacker may have seen, and where the answers would come from.
    fn ids(&self) -> Vec<(floe_stun::TransactionId, String)> {
        let requests = self.said.iter().filter(|seen| seen.class == Class::Request);
        requests.map(|seen| (seen.id, seen.to.to_string())).collect()
    }
}

fn lite() -> CheckConfig {
    CheckConfig::default().role(Role::Controlled).lite(true)
}

/// A datagram, and where it comes from.
type Attack = (Vec<u8>, String);

/// Everything worth trying at this point, in groups.
fn attacks(play: &Play) -> Vec<(String, Vec<Attack>)> {
    let mut groups = vec![
        ("requests".to_owned(), requests(play)),
        ("answers".to_owned(), answers(play)),
        ("indications".to_owned(), indications()),
    ];
    let spoilt = |(bytes, from): &Attack| (format!("damaged {bytes:02x?} from {from}"), spoilt(bytes, from));
    groups.extend(play.wire.iter().map(spoilt));
    groups
}

fn requests(play: &Play) -> Vec<Attack> {
    let role = play.bench.set.role();
    let mut drafts = Vec::new();
    for (claim, tie_breaker) in [(role, u64::MAX), (role, 0), (role.opposite(), u64::MAX)] {
        let request = || request(7777, claim, tie_breaker).with(&UseCandidate);
        drafts.extend([
            request().unsigned(),
            request().signed("guess+guess+guess+guess"),
            request().signed(PEER_PWD),
            request().signed(OWN_UFRAG),
            request().signed_sha256("guess+guess+guess+guess"),
            request().instead(&Username::new("peerufrag:ownufrag")).signed(PEER_PWD),
            request().instead(&Username::new("ownufrag")).signed("guess+guess+guess+guess"),
            request().unsigned().raw(0x7777, &[]),
            request().without_fingerprint().unsigned(),
        ]);
    }
    let from = [ATTACKER, "10.0.0.2:1", "10.0.0.2:2"];
    drafts.iter().flat_map(|draft| from.map(|from| (draft.write(), from.to_owned()))).collect()
}

fn answers(play: &Play) -> Vec<Attack> {
    let mut attacks = Vec::new();
    let guessed = (id(99), "10.0.0.2:1".to_owned());
    for (id, to) in play.ids().into_iter().chain([guessed]) {
        let mapped = XorMappedAddress(addr("198.51.100.66:6666"));
        let drafts = [
            Draft::new(Class::Success, id).with(&mapped),
            Draft::new(Class::Success, id).with(&mapped).signed("guess+guess+guess+guess"),
            Draft::new(Class::Success, id).with(&mapped).signed(OWN_PWD),
            Draft::new(Class::Success, id).with(&mapped).signed_sha256("guess+guess+guess+guess"),
            Draft::new(Class::Error, id).with(&ErrorCode::standard(487)),
            Draft::new(Class::Error, id).with(&ErrorCode::standard(487)).signed("guess+guess+guess+guess"),
            Draft::new(Class::Error, id).with(&ErrorCode::standard(400)),
            Draft::new(Class::Error, id).with(&ErrorCode::standard(401)).signed(OWN_PWD),
        ];
        let from = [to.as_str(), ATTACKER];
        attacks.extend(drafts.iter().flat_map(|draft| from.map(|from| (draft.write(), from.to_owned()))));
    }
    attacks
}

fn indications() -> Vec<Attack> {
    let plain = || Draft::new(Class::Indication, id(55));
    let loaded = || {
        plain()
            .with(&Username::new("ownufrag:peerufrag"))
            .with(&Priority::new(1))
            .with(&IceControlling::new(u64::MAX))
            .with(&UseCandidate)
    };
    let drafts =
        [plain(), loaded(), loaded().signed("guess+guess+guess+guess"), plain().with(&IceControlled::new(0))];
    drafts.iter().map(|draft| (draft.write(), "10.0.0.2:1".to_owned())).collect()
}

/// Damaged copies of a message that did go over the wire, with a FINGERPRINT that fits the damage and without.
fn spoilt(bytes: &[u8], from: &str) -> Vec<Attack> {
    let mut attacks = Vec::new();
    for at in (0..bytes.len()).step_by(3) {
        let mut flipped = bytes.to_vec();
        flipped[at] ^= 1 << (at % 8);
        attacks.push((flipped.clone(), from.to_owned()));
        // Anyone can compute a CRC; the length comes right with it.
        if at < bytes.len() - 8 && !(2..4).contains(&at) {
            attacks.push((resealed(flipped), from.to_owned()));
        }
        attacks.push((bytes[..at].to_vec(), from.to_owned()));
    }
    attacks
}

/// Whether this is what the peer could have sent: checks are signed with our password, answers with its own.
fn is_authentic(bytes: &[u8]) -> bool {
    let Ok(message) = Message::parse(bytes) else { return false };
    let pwd = if message.class() == Class::Request { OWN_PWD } else { PEER_PWD };
    message.verify_fingerprint().is_ok() && message.verify_integrity(&Key::short_term(pwd)).is_ok()
}

/// The datagram arrives; all it may draw is an unsigned error to where it says it is from.
fn strike(play: &mut Play, bytes: &[u8], from: &str) {
    assert!(!is_authentic(bytes), "{from} {bytes:02x?}");
    let _ = play.bench.take(BASE, from, bytes);
    for error in play.bench.sent() {
        assert_eq!((error.class, error.integrity, error.to), (Class::Error, None, addr(from)));
    }
    assert_eq!(play.bench.events(), [], "{from} {bytes:02x?}");
}

#[test]
fn what_is_sent_without_the_password_changes_nothing_now_or_later() {
    let mut tried = 0;
    let full = [Role::Controlling, Role::Controlled].map(|role| CheckConfig::default().role(role));
    for config in full.into_iter().chain([lite()]) {
        let (mut attacked, mut spared) = (Play::with(config.clone()), Play::with(config));
        for step in STEPS {
            attacked.step(*step);
            spared.step(*step);
            let before = attacked.bench.set.snapshot();
            assert!(before == spared.bench.set.snapshot());
            for (case, attacks) in attacks(&attacked) {
                tried += attacks.len();
                attacks.iter().for_each(|(bytes, from)| strike(&mut attacked, bytes, from));
                assert!(attacked.bench.set.snapshot() == before, "{case}");
            }
        }
        // They have said and told the same all the time, and go on alike.
        for play in [&mut attacked, &mut spared] {
            play.step(|play| play.wait(200_000));
        }
        assert_eq!(attacked.said, spared.said);
        assert_eq!(attacked.events, spared.events);
        assert!(attacked.bench.set.snapshot() == spared.bench.set.snapshot());
    }
    assert!(tried > 20_000, "{tried}");
}

#[test]
fn the_play_that_is_attacked_goes_through_all_that_matters() {
    for role in [Role::Controlling, Role::Controlled] {
        let mut play = Play::new(role);
        for step in STEPS {
            play.step(*step);
        }
        let has = |what: fn(&Event) -> bool| play.events.iter().any(what);
        assert!(has(|event| matches!(event, Event::PeerReflexive { local: true, .. })));
        assert!(has(|event| matches!(event, Event::PeerReflexive { local: false, .. })));
        assert!(has(|event| matches!(event, Event::Validated { .. })));
        assert!(has(|event| matches!(event, Event::RoleChanged(_))));
        assert!(has(|event| matches!(event, Event::Nominated { .. })));
        assert!(has(|event| matches!(event, Event::ListCompleted(_))), "{role}: {:?}", play.events);
    }
}

#[test]
fn a_lite_agent_that_is_attacked_has_something_to_lose() {
    let mut play = Play::with(lite());
    for step in STEPS {
        play.step(*step);
    }
    assert!(play.said.iter().all(|seen| seen.class == Class::Success));
    let has = |what: fn(&Event) -> bool| play.events.iter().any(what);
    assert!(has(|event| matches!(event, Event::PeerReflexive { local: false, .. })));
    assert!(has(|event| matches!(event, Event::Validated { .. })));
    assert!(has(|event| matches!(event, Event::Nominated { .. })));
    assert!(has(|event| matches!(event, Event::ListCompleted(_))), "{:?}", play.events);
}

#[test]
fn copies_of_what_was_already_answered_change_nothing_either() {
    // The attacker replays the true answers and checks of the session, from where they came from.
    for role in [Role::Controlling, Role::Controlled] {
        let mut play = Play::new(role);
        for step in STEPS {
            play.step(*step);
        }
        let before = play.bench.set.snapshot();
        let answers: Vec<_> = play
            .wire
            .iter()
            .filter(|(bytes, _)| Message::parse(bytes).unwrap().class() != Class::Request)
            .cloned()
            .collect();
        assert!(answers.len() >= 3);
        for (bytes, from) in answers {
            assert!(matches!(play.bench.take(BASE, &from, &bytes), Outcome::Dropped(_)));
        }
        assert!(play.bench.set.snapshot() == before);
    }
}
