//! What the properties are tried on.

use std::net::{IpAddr, SocketAddr};

use floe_core::{
    Candidate, CandidateAddress, CandidateKind, ComponentId, Credentials, Foundation, IceOptions, Pacing,
    Priority, TcpType, Transport,
    sdp::{Fragment, FragmentSection, Media, Mid, RemoteCandidates, Session},
};
use proptest::{prelude::*, sample::Index};

fn ip() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(IpAddr::from),
        any::<[u8; 16]>().prop_map(IpAddr::from),
        // Addresses with long runs of zeros, which are written in short forms.
        any::<(u16, u8)>().prop_map(|(a, b)| IpAddr::from([a, 0, 0, 0, 0, 0, 0, b.into()])),
        any::<[u8; 4]>().prop_map(|v4| IpAddr::from(std::net::Ipv4Addr::from(v4).to_ipv6_mapped())),
    ]
}

fn socket_addr() -> impl Strategy<Value = SocketAddr> {
    (ip(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::new(ip, port))
}

fn address() -> impl Strategy<Value = CandidateAddress> {
    prop_oneof![
        4 => socket_addr().prop_map(CandidateAddress::from),
        1 => ("[A-Za-z0-9-]{1,63}", "local|LOCAL|Local", any::<u16>())
            .prop_map(|(label, local, port)| CandidateAddress::Mdns { name: format!("{label}.{local}").into(), port }),
    ]
}

fn kind() -> impl Strategy<Value = CandidateKind> {
    use CandidateKind::{Host, PeerReflexive, Relayed, ServerReflexive};
    prop::sample::select(vec![Host, ServerReflexive, PeerReflexive, Relayed])
}

fn transport() -> impl Strategy<Value = Transport> {
    use TcpType::{Active, Passive, SimultaneousOpen};
    let all = [Active, Passive, SimultaneousOpen].map(Transport::Tcp);
    prop::sample::select([vec![Transport::Udp], all.to_vec()].concat())
}

fn component() -> impl Strategy<Value = ComponentId> {
    (1..=256_u16).prop_map(|id| ComponentId::new(id).unwrap())
}

fn extension() -> impl Strategy<Value = (String, String)> {
    let known = ["generation", "ufrag", "network-id", "network-cost", "typ", "candidate:"].map(String::from);
    let own = |name: &String| ["raddr", "rport", "tcptype"].iter().all(|own| !name.eq_ignore_ascii_case(own));
    let name =
        prop_oneof![prop::sample::select(known.to_vec()), "[!-~]{1,12}".prop_filter("not an own one", own)];
    (name, "[!-~]{0,20}")
}

/// Every candidate there can be as it is signalled: an active one has the port that says so.
pub(crate) fn candidate() -> impl Strategy<Value = Candidate> {
    let extensions = prop::collection::vec(extension(), 0..5);
    let fields =
        (kind(), transport(), address(), component(), 1..=Priority::MAX.get(), "[A-Za-z0-9+/]{1,32}");
    (fields, socket_addr(), extensions).prop_map(|(fields, related, extensions)| {
        let (kind, transport, mut address, component, priority, foundation) = fields;
        if transport == Transport::Tcp(TcpType::Active) {
            address = match address {
                CandidateAddress::Ip(ip) => SocketAddr::new(ip.ip(), 9).into(),
                CandidateAddress::Mdns { name, .. } => CandidateAddress::Mdns { name, port: 9 },
            };
        }
        let mut builder = Candidate::builder(kind, transport, address)
            .component(component)
            .priority(Priority::from_raw(priority).unwrap())
            .foundation(Foundation::new(&foundation).unwrap());
        if kind != CandidateKind::Host {
            builder = builder.related(related);
        }
        extensions
            .iter()
            .fold(builder, |builder, (name, value)| builder.extension(name, value))
            .build()
            .unwrap()
    })
}

fn credentials() -> impl Strategy<Value = Credentials> {
    ("[A-Za-z0-9+/]{4,256}", "[A-Za-z0-9+/]{22,256}")
        .prop_map(|(ufrag, pwd)| Credentials::new(&ufrag, &pwd).unwrap())
}

pub(crate) fn options() -> impl Strategy<Value = IceOptions> {
    prop::collection::vec("ice2|trickle|renomination|[A-Za-z0-9+/]{1,8}", 0..6).prop_map(|tokens| {
        tokens.iter().fold(IceOptions::new(), |options, token| options.with(token).unwrap())
    })
}

pub(crate) fn remote_candidates() -> impl Strategy<Value = RemoteCandidates> {
    prop::collection::btree_map(component(), socket_addr(), 0..4).prop_map(|all| {
        all.into_iter()
            .fold(RemoteCandidates::new(), |all, (component, address)| all.with(component, address).unwrap())
    })
}

/// A media section as it is written and read: without what only other lines tell.
fn media(index: usize, session: Option<Credentials>) -> impl Strategy<Value = Media> {
    let own = prop::option::of(credentials());
    let candidates = prop::collection::vec(candidate(), 0..4);
    (own, options(), candidates, remote_candidates(), any::<bool>(), any::<bool>()).prop_map(move |fields| {
        let (own, options, candidates, remote_candidates, mismatch, ended) = fields;
        let mut media =
            Media::new("audio", Some(Mid::new(&index.to_string()).unwrap()), own.or_else(|| session.clone()));
        media.options = options;
        media.mismatch = mismatch;
        if !mismatch {
            (media.candidates, media.remote_candidates) = (candidates, remote_candidates);
            media.end_of_candidates = ended && media.credentials.is_some();
        }
        media
    })
}

pub(crate) fn session() -> impl Strategy<Value = Session> {
    let level = (any::<bool>(), prop::option::of(0..=Pacing::MAX.as_millis()), options(), any::<bool>());
    (level, prop::option::of(credentials()), 0..4_usize)
        .prop_flat_map(|(level, credentials, sections)| {
            let media: Vec<_> =
                (0..sections).map(|index| media(index, credentials.clone()).boxed()).collect();
            (Just(level), Just(credentials), media)
        })
        .prop_map(|((lite, pacing, options, ended), credentials, media)| {
            let mut session = Session::default();
            session.lite = lite;
            session.pacing = pacing.filter(|_| !lite).and_then(Pacing::from_millis);
            session.options = options;
            let has_ice = credentials.is_some() || media.iter().any(|media| media.credentials.is_some());
            session.end_of_candidates = ended && has_ice;
            (session.credentials, session.media) = (credentials, media);
            session
        })
}

/// The description around the ICE lines: as [`Media::new`] has it.
pub(crate) fn session_text(session: &Session) -> String {
    let mut text = format!("v=0\r\ns=-\r\nc=IN IP4 0.0.0.0\r\n{}", session.session_lines());
    for media in &session.media {
        text += &format!("m=audio {} RTP/AVP 0\r\n", media.port);
        if let Some(mid) = &media.mid {
            text += &format!("a=mid:{mid}\r\n");
        }
        text += &session.media_lines(media).to_string();
    }
    text
}

pub(crate) fn fragment() -> impl Strategy<Value = Fragment> {
    let section = (prop::option::of(credentials()), prop::collection::vec(candidate(), 0..4), any::<bool>());
    (credentials(), any::<bool>(), any::<bool>(), prop::collection::vec(section, 1..4)).prop_map(
        |(credentials, at_session_level, end_of_candidates, sections)| {
            let sections =
                sections.into_iter().enumerate().map(|(index, (own, candidates, ended))| FragmentSection {
                    mid: Mid::new(&index.to_string()).unwrap(),
                    credentials: own.unwrap_or_else(|| credentials.clone()),
                    candidates,
                    end_of_candidates: ended,
                });
            Fragment {
                sections: sections.collect(),
                credentials: at_session_level.then(|| credentials.clone()),
                end_of_candidates,
                refused: Vec::new(),
            }
        },
    )
}

/// Text that is anything, or a good line with something done to it.
pub(crate) fn hostile_line() -> impl Strategy<Value = String> {
    let words = "candidate:|a=|typ|host|srflx|relay|raddr|rport|tcptype|active|so|udp|TCP|1|0|99999999999|192.0.2.1|::|\
                 fe80::1%3|x.local|a.b.c|%|:|\t| |\u{fc}";
    prop_oneof![
        1 => any::<String>(),
        2 => prop::collection::vec(words, 0..16).prop_map(|words| words.join(" ")),
        4 => (candidate(), edits()).prop_map(|(candidate, edits)| edited(candidate.to_string(), &edits)),
    ]
}

type Edit = (Index, Index, String);

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    prop::collection::vec((any::<Index>(), any::<Index>(), " |  |\t|\r|\n|:|%|9|-|\\PC?|[ -~]{0,3}"), 0..4)
}

/// The text with some of its parts replaced.
fn edited(mut text: String, edits: &[Edit]) -> String {
    for (from, to, new) in edits {
        let places: Vec<usize> = text.char_indices().map(|(place, _)| place).chain([text.len()]).collect();
        let (from, to) = (*from.get(&places), *to.get(&places));
        // Mostly short pieces: a line cut in half is refused early.
        let to = to.clamp(from, from + 4).min(text.len());
        if text.is_char_boundary(to) {
            text.replace_range(from..to, new);
        }
    }
    text
}

/// Good descriptions and fragments with something done to them, and lines thrown together.
pub(crate) fn hostile_text() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        "a=(ice-ufrag:[a-c]{4}|ice-pwd:[ab]{22}|ice-lite|ice-options:[a ]{1,9}|mid:[01]|ice-mismatch|end-of-candidates)",
        "(m=audio [0-9]{1,2} RTP/AVP 0|c=IN IP4 192.0.2.1|a=rtcp:[0-9]{1,2}|a=remote-candidates:[12] :: 1|[a-z]=\\PC{0,9})",
        candidate().prop_map(|candidate| format!("a={candidate}")),
        hostile_line(),
    ];
    prop_oneof![
        prop::collection::vec(line, 0..20).prop_map(|lines| lines.join("\r\n")),
        (session(), edits()).prop_map(|(session, edits)| edited(session_text(&session), &edits)),
        (fragment(), edits()).prop_map(|(fragment, edits)| edited(fragment.to_string(), &edits)),
    ]
}
