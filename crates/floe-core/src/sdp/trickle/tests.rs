use super::*;

const PWD: &str = "asd88fgpdd777uzjYhagZg";
const OTHER_PWD: &str = "YH75Fviy6338Vbrhrlp8Yh";

/// A description with the credentials of section `a` at session level, those of `v` at media level.
fn description() -> Session {
    let text = format!(
        "a=ice-options:ice2 trickle\na=ice-ufrag:sess\na=ice-pwd:{PWD}\n\
         m=audio 9 RTP/AVP 0\na=mid:a\na=candidate:1 1 udp 1 192.0.2.1 1 typ host\n\
         m=video 9 RTP/AVP 0\na=mid:v\na=ice-ufrag:media\na=ice-pwd:{OTHER_PWD}\n"
    );
    Session::parse(&text).unwrap()
}

fn mid(text: &str) -> Mid {
    Mid::new(text).unwrap()
}

fn host(n: u8) -> Candidate {
    format!("{n} 1 udp 1 192.0.2.{n} 1 typ host").parse().unwrap()
}

fn hosts(numbers: impl IntoIterator<Item = u8>) -> Vec<Candidate> {
    numbers.into_iter().map(host).collect()
}

fn section(index: usize, candidates: Vec<Candidate>, ended: bool) -> TrickledSection {
    TrickledSection { index, candidates, ended }
}

// proves: 8840-4.4-a
#[test]
fn a_fragment_has_its_credentials_where_the_offer_has_them() {
    let offer = description();
    let (mut sender, mut receiver) = (TrickleSender::new(&offer), TrickleReceiver::new(&offer));
    sender.add(&mid("a"), host(2)).unwrap();
    sender.add(&mid("v"), host(3)).unwrap();
    let body = sender.poll_fragment().unwrap().to_string();
    let golden = format!(
        "a=ice-ufrag:sess\r\na=ice-pwd:{PWD}\r\n\
         m=audio 9 RTP/AVP 0\r\na=mid:a\r\n\
         a=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\na=candidate:2 1 udp 1 192.0.2.2 1 typ host\r\n\
         m=audio 9 RTP/AVP 0\r\na=ice-ufrag:media\r\na=ice-pwd:{OTHER_PWD}\r\na=mid:v\r\n\
         a=candidate:3 1 udp 1 192.0.2.3 1 typ host\r\n"
    );
    assert_eq!(body, golden);

    // Any pair of credentials that is not the current one drops the whole fragment, and nothing of it stays.
    for (from, to) in [("sess", "next"), ("media", "next"), (PWD, OTHER_PWD), (OTHER_PWD, PWD)] {
        let other = Fragment::parse(&body.replacen(from, to, 1)).unwrap();
        assert_eq!(receiver.handle(other), Err(WrongGeneration), "{from}");
    }
    let trickled = receiver.handle(Fragment::parse(&body).unwrap()).unwrap();
    assert_eq!(trickled.sections, [section(0, hosts([2]), false), section(1, hosts([3]), false)]);
    // A fragment that has nothing but its generation is held to it as well.
    let empty = |ufrag: &str| Fragment::parse(&format!("a=ice-ufrag:{ufrag}\na=ice-pwd:{PWD}\n")).unwrap();
    assert_eq!(receiver.handle(empty("sess")), Ok(Trickled::default()));
    assert_eq!(receiver.handle(empty("next")), Err(WrongGeneration));
    // Credentials of the session that every section overrides are of this generation too.
    let mut overridden = offer;
    overridden.media.remove(0);
    assert_eq!(TrickleReceiver::new(&overridden).handle(empty("sess")), Ok(Trickled::default()));
}

// proves: 8840-4.4-b
#[test]
fn each_fragment_repeats_all_before_and_only_what_is_new_is_passed_on() {
    let offer = description();
    let (mut sender, mut receiver) = (TrickleSender::new(&offer), TrickleReceiver::new(&offer));
    // What the offer has told is no news.
    assert_eq!(sender.poll_fragment(), None);
    sender.add(&mid("a"), host(9)).unwrap();
    sender.add(&mid("a"), host(4)).unwrap();
    let first = sender.poll_fragment().unwrap();
    assert_eq!(first.sections[0].candidates, hosts([1, 9, 4]));

    // One at a time: what comes meanwhile waits for the answer.
    sender.add(&mid("a"), host(7)).unwrap();
    sender.add(&mid("a"), host(9)).unwrap();
    sender.add(&mid("v"), host(2)).unwrap();
    assert_eq!(sender.poll_fragment(), None);
    sender.handle_answer();
    let second = sender.poll_fragment().unwrap();
    assert_eq!(second.sections[0].candidates, hosts([1, 9, 4, 7]));
    assert_eq!(second.sections[1].candidates, hosts([2]));
    assert_eq!(sender.poll_fragment(), None);

    // The later one arrives first, then the earlier, then the later once more.
    let sections = receiver.handle(second.clone()).unwrap().sections;
    assert_eq!(sections, [section(0, hosts([9, 4, 7]), false), section(1, hosts([2]), false)]);
    assert_eq!(receiver.handle(first), Ok(Trickled::default()));
    assert_eq!(receiver.handle(second.clone()), Ok(Trickled::default()));

    // A lost one is sent again, as it was.
    sender.handle_failure();
    assert_eq!(sender.poll_fragment(), Some(second));
    sender.handle_answer();
    assert_eq!(sender.poll_fragment(), None);
}

#[test]
fn candidates_end_once_and_nothing_follows() {
    let offer = description();
    let (mut sender, mut receiver) = (TrickleSender::new(&offer), TrickleReceiver::new(&offer));
    sender.end(&mid("v")).unwrap();
    assert_eq!(sender.add(&mid("v"), host(5)), Err(TrickleError::Ended));
    assert_eq!(sender.end(&mid("v")), Err(TrickleError::Ended));
    assert_eq!(sender.add(&mid("x"), host(5)), Err(TrickleError::UnknownMid));
    let fragment = sender.poll_fragment().unwrap();
    assert_eq!(receiver.handle(fragment.clone()).unwrap().sections, [section(1, vec![], true)]);
    assert_eq!(receiver.handle(fragment).unwrap().sections, []);
    sender.handle_answer();

    sender.end_all();
    assert_eq!(sender.add(&mid("a"), host(5)), Err(TrickleError::Ended));
    let fragment = sender.poll_fragment().unwrap();
    assert!(fragment.end_of_candidates);
    assert_eq!(receiver.handle(fragment).unwrap().sections, [section(0, vec![], true)]);
    sender.handle_answer();
    sender.end_all();
    assert_eq!(sender.poll_fragment(), None);
}

#[test]
fn what_comes_after_the_end_is_ignored_and_counted() {
    let offer = description();
    let mut receiver = TrickleReceiver::new(&offer);
    let mut bring = |lines: &str| {
        let body = format!("a=ice-ufrag:sess\na=ice-pwd:{PWD}\n{lines}");
        receiver.handle(Fragment::parse(&body).unwrap()).unwrap()
    };
    let line = |n: u8| format!("a=candidate:{}\n", host(n).to_string().trim_start_matches("candidate:"));
    let of_a = |lines: String| format!("m=x\na=mid:a\n{lines}");
    // RFC 8838 14. The candidates of the fragment that brings the end are in time, wherever the end stands in it.
    let last = bring(&of_a(format!("a=end-of-candidates\n{}{}", line(1), line(2))));
    assert_eq!((last.sections, last.too_late), (vec![section(0, hosts([2]), true)], 0));
    // What was known before the end is a repetition and no news.
    let late = bring(&of_a(format!("{}{}{}", line(1), line(2), line(3))));
    assert_eq!(late, Trickled { too_late: 1, ..Trickled::default() });
    assert_eq!(bring(&of_a(line(3))).too_late, 1, "it was ignored, not learned");
}

#[test]
fn same_address_port_transport_and_component_is_the_same_candidate() {
    let offer = description();
    let mut receiver = TrickleReceiver::new(&offer);
    let mut bring = |line: &str| {
        let body = format!("a=ice-ufrag:sess\na=ice-pwd:{PWD}\nm=x\na=mid:a\na=candidate:{line}\n");
        receiver.handle(Fragment::parse(&body).unwrap()).unwrap().sections.len()
    };
    assert_eq!(bring("77 1 udp 99 192.0.2.1 1 typ srflx raddr 0.0.0.0 rport 9 x y"), 0);
    assert_eq!(bring("1 2 udp 1 192.0.2.1 1 typ host"), 1);
    assert_eq!(bring("1 1 udp 1 192.0.2.1 2 typ host"), 1);
    assert_eq!(bring("1 1 tcp 1 192.0.2.1 1 typ host tcptype passive"), 1);
    assert_eq!(bring("1 1 tcp 1 192.0.2.1 1 typ host tcptype so"), 1);
    assert_eq!(bring("1 1 tcp 1 192.0.2.1 1 typ host tcptype so"), 0);
}

#[test]
fn unknown_sections_and_floods_are_counted() {
    let mut receiver = TrickleReceiver::new(&description());
    let mut body = format!("a=ice-ufrag:sess\na=ice-pwd:{PWD}\nm=x\na=mid:unknown\nm=x\na=mid:a\n");
    for n in 0..1010 {
        body += &format!("a=candidate:1 1 udp 1 2001:db8::{n:x} 1 typ host\n");
    }
    let trickled = receiver.handle(Fragment::parse(&body).unwrap()).unwrap();
    // One of the thousand came with the offer.
    assert_eq!((trickled.unknown_mids, trickled.dropped), (1, 11));
    assert_eq!(trickled.sections[0].candidates.len(), 999);
}
