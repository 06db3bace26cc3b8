//! Any text as SDP lines: what is read can be written, and reads back as the same; what is refused is refused with its
//! place.
#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use floe_core::sdp::{IceOptions, Pacing};
use floe_core::{Candidate, Credentials};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for line in text.lines() {
        candidate(line);
        reads_back::<IceOptions>(line);
        reads_back::<Pacing>(line);
        if let Some((ufrag, pwd)) = line.split_once(' ') {
            credentials(ufrag, pwd);
        }
    }
});

fn candidate(line: &str) {
    reads_back::<Candidate>(line);
    if let Err(error) = line.parse::<Candidate>() {
        assert!(error.offset <= line.len(), "{error} points behind {line:?}");
    }
}

/// Writing is the inverse of reading: once written, a value has one text only.
fn reads_back<T: FromStr<Err: Debug + Display> + Display + Debug + PartialEq>(line: &str) {
    let Ok(value) = line.parse::<T>() else { return };
    let text = value.to_string();
    let again: T = text.parse().unwrap_or_else(|error| panic!("{text:?} was written, but {error}"));
    assert_eq!(again, value, "{text:?}");
    assert_eq!(again.to_string(), text);
    assert!(!format!("{value:?}").is_empty());
}

fn credentials(ufrag: &str, pwd: &str) {
    let Ok(credentials) = Credentials::new(ufrag, pwd) else { return };
    assert_eq!((credentials.ufrag(), credentials.pwd()), (ufrag, pwd));
    let printed = format!("{credentials:?}");
    assert!(ufrag.contains(pwd) || !printed.contains(pwd), "a password was printed: {printed}");
}
