//! The lines that come in: read strictly, and where one is refused it says what was wrong and where.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use floe::{
    Candidate, CandidateError, ComponentId, ComponentIdError, Credentials, CredentialsError, IceOptions,
    IceOptionsError, Pacing, ParseCandidateError,
};
use serde_json::{Map, Value};

/// The most bytes of a line. A candidate needs at most 4 KiB and a datagram in base64 88 KiB.
pub(crate) const MAX_LINE_LENGTH: usize = 256 * 1024;
/// The most bytes that a UDP datagram over IPv4 carries.
const MAX_DATAGRAM: usize = 65_507;
/// The most datagrams that one `send-many` sends.
const MAX_COUNT: u64 = 1_000_000;

/// A line that came in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// The peer's credentials.
    Credentials { credentials: Credentials, lite: bool, options: IceOptions, pacing: Option<Pacing> },
    /// One candidate of the peer.
    Candidate(Box<Candidate>),
    /// The peer has no more candidates, of this generation where it says.
    EndOfCandidates(Option<String>),
    /// Send one datagram.
    Send { component: ComponentId, data: Vec<u8> },
    /// Send so many datagrams of this size.
    SendMany { component: ComponentId, count: u64, size: usize },
    /// Restart ICE.
    Restart,
    /// Tell the statistics.
    Stats,
    /// Close the agent and end.
    Close,
}

/// Why a line is refused. The text never repeats a password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InputError {
    #[error("the line is longer than {MAX_LINE_LENGTH} bytes")]
    TooLong,
    #[error("the line is not UTF-8 from byte {0} on")]
    NotUtf8(usize),
    #[error("not JSON at column {column}: {problem}")]
    NotJson { column: usize, problem: &'static str },
    #[error("a JSON object is expected, and this is {0}")]
    NotAnObject(&'static str),
    #[error("unknown type {0:?}")]
    UnknownType(String),
    #[error("{line}{name}: {defect}")]
    Field { line: LineType, name: &'static str, defect: Defect },
    #[error("send: one of text and base64 is expected, and there are {0}")]
    Payload(&'static str),
}

/// The type of the line, as the prefix of an error; nothing where the line has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LineType(Option<&'static str>);

impl fmt::Display for LineType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |name| write!(f, "{name}: "))
    }
}

/// What is wrong with a field.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Defect {
    #[error("is missing")]
    Missing,
    #[error("{expected} is expected, and this is {found}")]
    Kind { expected: &'static str, found: &'static str },
    #[error("{value} is not within {least} to {most}")]
    Range { value: u64, least: u64, most: u64 },
    #[error("is empty")]
    Empty,
    #[error("{0} bytes are too many for a datagram, which carries {MAX_DATAGRAM}")]
    TooLong(usize),
    #[error("not base64: {0}")]
    Base64(#[from] base64::DecodeError),
    #[error(transparent)]
    Component(#[from] ComponentIdError),
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error(transparent)]
    Options(#[from] IceOptionsError),
    // Which field of which text is said before it.
    #[error("{} (byte {}): {}", .0.field, .0.offset, .0.defect)]
    Candidate(#[from] ParseCandidateError),
    #[error(transparent)]
    Extension(#[from] CandidateError),
}

/// Reads one line, without its end.
pub(crate) fn parse(line: &[u8]) -> Result<Input, InputError> {
    if line.len() > MAX_LINE_LENGTH {
        return Err(InputError::TooLong);
    }
    let text = std::str::from_utf8(line).map_err(|error| InputError::NotUtf8(error.valid_up_to() + 1))?;
    let map = match serde_json::from_str(text) {
        Ok(Value::Object(map)) => map,
        Ok(other) => return Err(InputError::NotAnObject(kind_of(&other))),
        Err(error) => return Err(not_json(&error)),
    };
    let untyped = Fields { line: LineType(None), map: &map };
    let name = untyped.string("type")?;
    let Some(known) = TYPES.into_iter().find(|known| *known == name) else {
        return Err(InputError::UnknownType(name.chars().take(64).collect()));
    };
    read(known, &Fields { line: LineType(Some(known)), map: &map })
}

/// The types of lines that come in.
const TYPES: [&str; 8] =
    ["credentials", "candidate", "end-of-candidates", "send", "send-many", "restart", "stats", "close"];

fn read(known: &'static str, fields: &Fields<'_>) -> Result<Input, InputError> {
    Ok(match known {
        "credentials" => credentials(fields)?,
        "candidate" => candidate(fields)?,
        "end-of-candidates" => {
            Input::EndOfCandidates(fields.optional_string("usernameFragment")?.map(str::to_owned))
        }
        "send" => Input::Send { component: fields.component()?, data: payload(fields)? },
        "send-many" => send_many(fields)?,
        "restart" => Input::Restart,
        "stats" => Input::Stats,
        "close" => Input::Close,
        other => return Err(InputError::UnknownType(other.to_owned())),
    })
}

/// The longest pacing interval that there is a text for (RFC 8839 5.6), in milliseconds.
const MAX_PACING: u64 = Pacing::MAX.as_millis();

fn credentials(fields: &Fields<'_>) -> Result<Input, InputError> {
    let (ufrag, pwd) = (fields.string("ufrag")?, fields.string("pwd")?);
    let lite = fields.flag("lite")?.unwrap_or(false);
    let options = fields.strings("options")?.into_iter().try_fold(IceOptions::new(), IceOptions::with);
    let options = options.map_err(|error| fields.error("options", error))?;
    let credentials = Credentials::new(ufrag, pwd).map_err(|error| {
        let name = match error {
            CredentialsError::PwdLength(_) | CredentialsError::PwdCharacter => "pwd",
            _ => "ufrag",
        };
        fields.error(name, error)
    })?;
    let pacing = match fields.map.get("pacing") {
        None | Some(Value::Null) => None,
        Some(_) => Pacing::from_millis(fields.number("pacing", 1, MAX_PACING)?),
    };
    Ok(Input::Credentials { credentials, lite, options, pacing })
}

fn candidate(fields: &Fields<'_>) -> Result<Input, InputError> {
    let text = fields.string("candidate")?;
    let candidate: Candidate =
        text.parse().map_err(|error: ParseCandidateError| fields.error("candidate", error))?;
    // The fragment beside the candidate says the same as the one in its text (RFC 8838 9): to which generation it
    // belongs. It wins where both are there, as in `CandidateInit`.
    let candidate = match fields.optional_string("usernameFragment")? {
        Some(ufrag) if !ufrag.is_empty() => candidate
            .with_extension("ufrag", ufrag)
            .map_err(|error| fields.error("usernameFragment", error))?,
        _ => candidate,
    };
    Ok(Input::Candidate(Box::new(candidate)))
}

fn payload(fields: &Fields<'_>) -> Result<Vec<u8>, InputError> {
    let (name, data) = match (fields.optional_string("text")?, fields.optional_string("base64")?) {
        (Some(text), None) => ("text", text.as_bytes().to_vec()),
        (None, Some(text)) => {
            ("base64", BASE64_STANDARD.decode(text).map_err(|error| fields.error("base64", error))?)
        }
        (Some(_), Some(_)) => return Err(InputError::Payload("both")),
        (None, None) => return Err(InputError::Payload("none")),
    };
    match data.len() {
        0 => Err(fields.error(name, Defect::Empty)),
        1..=MAX_DATAGRAM => Ok(data),
        more => Err(fields.error(name, Defect::TooLong(more))),
    }
}

fn send_many(fields: &Fields<'_>) -> Result<Input, InputError> {
    let component = fields.component()?;
    let count = fields.number("count", 1, MAX_COUNT)?;
    let size = fields.number("size", 1, MAX_DATAGRAM as u64)?;
    Ok(Input::SendMany { component, count, size: usize::try_from(size).unwrap_or(MAX_DATAGRAM) })
}

/// The fields of a line, looked up by name; what nobody looks up is ignored.
struct Fields<'a> {
    line: LineType,
    map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    fn error(&self, name: &'static str, defect: impl Into<Defect>) -> InputError {
        InputError::Field { line: self.line, name, defect: defect.into() }
    }

    fn kind_error(&self, name: &'static str, expected: &'static str, found: &Value) -> InputError {
        self.error(name, Defect::Kind { expected, found: kind_of(found) })
    }

    fn string(&self, name: &'static str) -> Result<&'a str, InputError> {
        match self.map.get(name) {
            Some(Value::String(text)) => Ok(text),
            Some(other) => Err(self.kind_error(name, "a string", other)),
            None => Err(self.error(name, Defect::Missing)),
        }
    }

    /// A string that may be missing or null.
    fn optional_string(&self, name: &'static str) -> Result<Option<&'a str>, InputError> {
        match self.map.get(name) {
            Some(Value::String(text)) => Ok(Some(text)),
            None | Some(Value::Null) => Ok(None),
            Some(other) => Err(self.kind_error(name, "a string", other)),
        }
    }

    /// A list of strings; a missing one is empty.
    fn strings(&self, name: &'static str) -> Result<Vec<&'a str>, InputError> {
        let items = match self.map.get(name) {
            Some(Value::Array(items)) => items.as_slice(),
            None => &[],
            Some(other) => return Err(self.kind_error(name, "an array of strings", other)),
        };
        let string = |item: &'a Value| {
            item.as_str().ok_or_else(|| self.kind_error(name, "a string for each option", item))
        };
        items.iter().map(string).collect()
    }

    fn flag(&self, name: &'static str) -> Result<Option<bool>, InputError> {
        match self.map.get(name) {
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            None => Ok(None),
            Some(other) => Err(self.kind_error(name, "true or false", other)),
        }
    }

    fn number(&self, name: &'static str, least: u64, most: u64) -> Result<u64, InputError> {
        let value = self.map.get(name).ok_or_else(|| self.error(name, Defect::Missing))?;
        let value = value.as_u64().ok_or_else(|| self.kind_error(name, "a whole number from 0 on", value))?;
        if !(least..=most).contains(&value) {
            return Err(self.error(name, Defect::Range { value, least, most }));
        }
        Ok(value)
    }

    fn component(&self) -> Result<ComponentId, InputError> {
        let number = self.number("component", 1, 256)?;
        let number = u16::try_from(number).unwrap_or(0);
        ComponentId::new(number).map_err(|error| self.error("component", error))
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_u64() => "a number",
        Value::Number(number) if number.is_i64() => "a negative number",
        Value::Number(_) => "a fraction",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The parser's own words would do, but may one day repeat the line, and that may hold a password.
fn not_json(error: &serde_json::Error) -> InputError {
    let problem = if error.is_eof() { "the line ends too early" } else { "this does not belong here" };
    InputError::NotJson { column: error.column(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "1 1 udp 2130706431 192.0.2.1 50000 typ host";

    fn refused(line: &str) -> String {
        parse(line.as_bytes()).expect_err(line).to_string()
    }

    fn accepted(line: &str) -> Input {
        parse(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    #[test]
    fn every_line_of_the_protocol_is_read() {
        let component = ComponentId::RTP;
        let credentials = Credentials::new("abcd", "0123456789012345678901").unwrap();
        let pwd = credentials.pwd();
        let table = [
            (
                format!(r#"{{"type":"credentials","ufrag":"abcd","pwd":"{pwd}","lite":true}}"#),
                Input::Credentials {
                    credentials: credentials.clone(),
                    lite: true,
                    pacing: None,
                    options: IceOptions::new(),
                },
            ),
            (
                format!(
                    r#"{{"type":"credentials","ufrag":"abcd","pwd":"{pwd}","options":["ice2"],"new":[1]}}"#
                ),
                Input::Credentials {
                    credentials,
                    lite: false,
                    options: "ice2".parse().unwrap(),
                    pacing: None,
                },
            ),
            (r#"{"type":"end-of-candidates"}"#.to_owned(), Input::EndOfCandidates(None)),
            (
                r#"{"type":"end-of-candidates","usernameFragment":"abcd"}"#.to_owned(),
                Input::EndOfCandidates(Some("abcd".to_owned())),
            ),
            (
                r#" {"text":"hä","component":1,"type":"send"} "#.to_owned(),
                Input::Send { component, data: "hä".into() },
            ),
            (
                r#"{"type":"send","component":1,"base64":"AP8="}"#.to_owned(),
                Input::Send { component, data: vec![0, 255] },
            ),
            (
                r#"{"type":"send-many","component":2,"count":1000,"size":1200}"#.to_owned(),
                Input::SendMany { component: ComponentId::RTCP, count: 1000, size: 1200 },
            ),
            (r#"{"type":"restart"}"#.to_owned(), Input::Restart),
            (r#"{"type":"stats","verbose":true}"#.to_owned(), Input::Stats),
            (r#"{"type":"close"}"#.to_owned(), Input::Close),
        ];
        for (line, input) in table {
            assert_eq!(accepted(&line), input, "{line}");
        }
    }

    #[test]
    fn a_candidate_comes_with_or_without_its_prefix() {
        let expected: Candidate = HOST.parse().unwrap();
        for prefix in ["", "candidate:", "a=candidate:"] {
            let line = format!(r#"{{"type":"candidate","candidate":"{prefix}{HOST}","sdpMid":"0"}}"#);
            assert_eq!(accepted(&line), Input::Candidate(Box::new(expected.clone())), "{prefix}");
        }
    }

    #[test]
    fn the_fragment_beside_a_candidate_says_its_generation() {
        let line = |extra: &str, ufrag: &str| {
            let line =
                format!(r#"{{"type":"candidate","candidate":"{HOST}{extra}","usernameFragment":{ufrag}}}"#);
            let Input::Candidate(candidate) = accepted(&line) else { panic!("{line}") };
            candidate.ufrag().map(str::to_owned)
        };
        assert_eq!(line("", r#""abcd""#).as_deref(), Some("abcd"));
        assert_eq!(line(" ufrag efgh", r#""abcd""#).as_deref(), Some("abcd"));
        assert_eq!(line(" ufrag efgh", "null").as_deref(), Some("efgh"));
        assert_eq!(line("", "null"), None);
        assert_eq!(line("", r#""""#), None);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let table = [
            ("", "not JSON at column 0: the line ends too early"),
            (r#"{"type":"stats""#, "not JSON at column 15: the line ends too early"),
            (r#"{"type":stats}"#, "not JSON at column 9: this does not belong here"),
            (r#"{"type":"stats"} x"#, "not JSON at column 18: this does not belong here"),
            ("[]", "a JSON object is expected, and this is an array"),
            ("{}", "type: is missing"),
            (r#"{"type":3}"#, "type: a string is expected, and this is a number"),
            (r#"{"type":"Stats"}"#, r#"unknown type "Stats""#),
            (r#"{"type":"credentials","pwd":"x"}"#, "credentials: ufrag: is missing"),
            (
                r#"{"type":"credentials","ufrag":"abcd","pwd":"secret"}"#,
                "credentials: pwd: a password has 22 to 256 characters, this one 6",
            ),
            (
                r#"{"type":"credentials","ufrag":"a","pwd":"0123456789012345678901"}"#,
                "credentials: ufrag: a ufrag has 4 to 256 characters, this one 1",
            ),
            (
                r#"{"type":"credentials","ufrag":"abcd","pwd":"0123456789012345678901","lite":"no"}"#,
                "credentials: lite: true or false is expected, and this is a string",
            ),
            (
                r#"{"type":"candidate","candidate":"1 1 udp 1 192.0.2.1 70000 typ host"}"#,
                "candidate: candidate: port (byte 20): 70000 is not within 0 to 65535",
            ),
            (
                r#"{"type":"credentials","ufrag":"abcd","pwd":"0123456789012345678901","options":["ice2",1]}"#,
                "credentials: options: a string for each option is expected, and this is a number",
            ),
            (r#"{"type":"send","text":"x"}"#, "send: component: is missing"),
            (r#"{"type":"send","component":0,"text":"x"}"#, "send: component: 0 is not within 1 to 256"),
            (
                r#"{"type":"send","component":-1,"text":"x"}"#,
                "send: component: a whole number from 0 on is expected, and this is a negative number",
            ),
            (
                r#"{"type":"send","component":1}"#,
                "send: one of text and base64 is expected, and there are none",
            ),
            (
                r#"{"type":"send","component":1,"text":"a","base64":"AA=="}"#,
                "send: one of text and base64 is expected, and there are both",
            ),
            (r#"{"type":"send","component":1,"text":""}"#, "send: text: is empty"),
            (
                r#"{"type":"send","component":1,"base64":"A*=="}"#,
                "send: base64: not base64: Invalid symbol 42, offset 1.",
            ),
            (
                r#"{"type":"send-many","component":1,"count":0,"size":9}"#,
                "send-many: count: 0 is not within 1 to 1000000",
            ),
            (
                r#"{"type":"send-many","component":1,"count":1,"size":65508}"#,
                "send-many: size: 65508 is not within 1 to 65507",
            ),
        ];
        for (line, message) in table {
            assert_eq!(refused(line), message, "{line}");
        }
        assert_eq!(parse(b"{\"type\":\"\xff\"}"), Err(InputError::NotUtf8(10)));
        assert_eq!(parse(&vec![b' '; MAX_LINE_LENGTH + 1]), Err(InputError::TooLong));
        let long = format!(r#"{{"type":"send","component":1,"text":"{}"}}"#, "x".repeat(MAX_DATAGRAM + 1));
        assert!(refused(&long).starts_with("send: text: 65508 bytes are too many"), "{}", refused(&long));
    }

    #[test]
    fn an_error_never_repeats_a_password() {
        let pwd = "correcthorsebatterystaple";
        let lines = [
            format!(r#"{{"type":"credentials","ufrag":"abcd","pwd":"{pwd} "}}"#),
            format!(r#"{{"type":"credentials","ufrag":"a","pwd":"{pwd}"}}"#),
            format!(r#"{{"type":"credentials","ufrag":"abcd","pwd":["{pwd}"]}}"#),
            format!(r#"{{"type":"credentials","ufrag":"abcd","pwd":"{pwd}"#),
            format!(r#""{pwd}""#),
        ];
        for line in lines {
            assert!(!refused(&line).contains(pwd), "{}", refused(&line));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_line_is_read_or_refused(line in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let _ = parse(&line);
        }

        #[test]
        fn any_fields_are_read_or_refused(
            kind in proptest::sample::select(TYPES.to_vec()),
            name in proptest::sample::select(vec!["ufrag", "candidate", "component", "text", "base64", "count"]),
            value in ".{0,40}",
        ) {
            let line = serde_json::json!({ "type": kind, name: value }).to_string();
            let _ = parse(line.as_bytes());
        }
    }
}
