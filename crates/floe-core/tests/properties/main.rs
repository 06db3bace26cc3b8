//! Properties of the SDP text: what is written is read as it was, and nothing that is read does harm.

#![allow(clippy::unwrap_used, reason = "tests")]

mod strategies;

use floe_core::{
    Candidate, CandidateInit, Credentials, IceOptions, Pacing,
    sdp::{Fragment, Mid, RemoteCandidates, Session, TrickleReceiver, TrickleSender},
};
use proptest::prelude::*;
use strategies::{
    candidate, fragment, hostile_line, hostile_text, options, remote_candidates, session, session_text,
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_candidate_is_read_as_it_was_written(candidate in candidate()) {
        let text = candidate.to_string();
        prop_assert!(text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{text}");
        let prefixed = format!("a={text}\r\n");
        let bare = text.strip_prefix("candidate:").unwrap();
        for text in [&text, &prefixed, bare] {
            let read = text.parse::<Candidate>();
            prop_assert_eq!(read.as_ref(), Ok(&candidate), "{}", text);
        }
    }

    #[test]
    fn a_candidate_survives_json(candidate in candidate(), mid in "[a-z0-9]{1,4}", index in any::<u16>()) {
        let text = serde_json::to_string(&candidate).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Candidate>(&text).unwrap(), &candidate);
        let init = CandidateInit::from(&candidate).at(Some(&mid), index);
        let read: CandidateInit = serde_json::from_str(&serde_json::to_string(&init).unwrap()).unwrap();
        prop_assert_eq!(&read, &init);
        prop_assert_eq!(read.parse(), Ok(Some(candidate)));
    }

    /// Any line: it is refused, or what was understood of it is written so that it is understood the same way.
    #[test]
    fn a_hostile_line_does_no_harm(line in hostile_line()) {
        match line.parse::<Candidate>() {
            Ok(candidate) => {
                let text = candidate.to_string();
                prop_assert_eq!(text.parse::<Candidate>(), Ok(candidate), "{:?} as {:?}", line, text);
            }
            Err(error) => prop_assert!(error.offset <= line.len(), "{line:?}: {error}"),
        }
    }

    #[test]
    fn values_are_read_as_they_were_written(
        options in options(),
        millis in 0..=Pacing::MAX.as_millis(),
        remote in remote_candidates(),
    ) {
        prop_assert_eq!(options.to_string().parse::<IceOptions>(), Ok(options));
        let pacing = Pacing::from_millis(millis).unwrap();
        prop_assert_eq!(pacing.to_string().parse::<Pacing>(), Ok(pacing));
        if !remote.is_empty() {
            prop_assert_eq!(remote.to_string().parse::<RemoteCandidates>(), Ok(remote));
        }
    }

    #[test]
    fn any_text_may_be_a_value(text in "\\PC{0,80}|[ -~]{0,80}|[0-9. :]{0,40}") {
        let _ = text.parse::<IceOptions>();
        let _ = text.parse::<Pacing>();
        let _ = text.parse::<RemoteCandidates>();
        let _ = text.parse::<Mid>();
        let _ = Credentials::new(&text, &text);
        let _ = serde_json::from_str::<CandidateInit>(&text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_description_is_read_as_it_was_written(session in session()) {
        let text = session_text(&session);
        prop_assert_eq!(Session::parse(&text), Ok(session), "{}", text);
    }

    #[test]
    fn a_fragment_is_read_as_it_was_written(fragment in fragment()) {
        let text = fragment.to_string();
        prop_assert_eq!(Fragment::parse(&text), Ok(fragment), "{}", text);
    }

    /// Any text: it is refused as a whole, or every line of it was taken, skipped or refused; and what was taken is
    /// written so that it is read the same way.
    #[test]
    fn a_hostile_description_does_no_harm(text in hostile_text()) {
        let count = text.split('\n').count();
        match Session::parse(&text) {
            Ok(session) => {
                prop_assert!(session.refused.iter().all(|refused| (1..=count).contains(&refused.line)));
                let again = Session::parse(&session_text(&session));
                prop_assert!(again.is_ok(), "{again:?} of\n{text}");
            }
            Err(error) => prop_assert!(error.line <= count),
        }
        match Fragment::parse(&text) {
            Ok(mut fragment) => {
                fragment.refused.clear();
                prop_assert_eq!(Fragment::parse(&fragment.to_string()), Ok(fragment), "{}", text);
            }
            Err(error) => prop_assert!(error.line <= count),
        }
    }

    /// Whatever is lost, late or twice: every candidate is passed on once, and those of a section in their order.
    #[test]
    fn trickling_brings_each_candidate_once_and_in_order(
        candidates in prop::collection::vec(candidate(), 1..12),
        fates in prop::collection::vec(0..4_u8, 40),
    ) {
        let offer = Session::parse(
            "a=ice-ufrag:sess\na=ice-pwd:asd88fgpdd777uzjYhagZg\nm=audio 9 RTP/AVP 0\na=mid:0\n",
        )
        .unwrap();
        let mid = Mid::new("0").unwrap();
        let (mut sender, mut receiver) = (TrickleSender::new(&offer), TrickleReceiver::new(&offer));
        let (mut waiting, mut delayed, mut brought) = (candidates.iter(), Vec::new(), Vec::new());
        let mut deliver = |fragment: &Fragment| {
            let trickled = receiver.handle(fragment.clone()).unwrap();
            brought.extend(trickled.sections.into_iter().flat_map(|section| section.candidates));
        };
        for fate in fates {
            if let Some(candidate) = waiting.next() {
                sender.add(&mid, candidate.clone()).unwrap();
            }
            let Some(fragment) = sender.poll_fragment() else { continue };
            match fate {
                0 => sender.handle_failure(),
                1 => {
                    // The answer is lost, the fragment is not.
                    deliver(&fragment);
                    sender.handle_failure();
                }
                2 => {
                    delayed.push(fragment);
                    sender.handle_answer();
                }
                _ => {
                    deliver(&fragment);
                    delayed.iter().for_each(&mut deliver);
                    sender.handle_answer();
                }
            }
        }
        sender.handle_failure();
        sender.end(&mid).unwrap();
        deliver(&sender.poll_fragment().unwrap());
        let mut expected: Vec<Candidate> = Vec::new();
        for candidate in candidates {
            let same = |other: &&Candidate| {
                (other.component(), other.transport(), other.address())
                    == (candidate.component(), candidate.transport(), candidate.address())
            };
            if expected.iter().find(same).is_none() {
                expected.push(candidate);
            }
        }
        prop_assert_eq!(brought, expected);
    }
}
