//! What all lines are made of.

/// The fields of a line, parted by single spaces, with the place of each.
pub(super) struct Fields<'a> {
    rest: Option<&'a str>,
    offset: usize,
}

impl<'a> Fields<'a> {
    /// The fields of `text`, which begins `offset` bytes into what the caller was given.
    pub(super) const fn new(text: &'a str, offset: usize) -> Self {
        Self { rest: Some(text), offset }
    }

    /// Where the next field begins, or where the line ends.
    pub(super) const fn offset(&self) -> usize {
        self.offset
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (usize, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest?;
        let at = self.offset;
        let (field, rest) = match rest.split_once(' ') {
            Some((field, rest)) => (field, Some(rest)),
            None => (rest, None),
        };
        self.offset += field.len() + usize::from(rest.is_some());
        self.rest = rest;
        Some((at, field))
    }
}

/// Whether the texts are equal but for the case of ASCII letters: so ABNF compares keywords (RFC 5234 2.3).
pub(super) fn equal(text: &str, keyword: &str) -> bool {
    text.eq_ignore_ascii_case(keyword)
}

/// The text without this prefix, whatever its case; as it is where it has none.
pub(super) fn strip<'a>(text: &'a str, prefix: &str) -> &'a str {
    match text.split_at_checked(prefix.len()) {
        Some((start, rest)) if equal(start, prefix) => rest,
        _ => text,
    }
}

/// Whether the text begins with this, whatever its case.
pub(super) fn starts(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| equal(start, prefix))
}

/// The number made of 1 to this many digits; `None` for anything else.
pub(super) fn number(text: &str, digits: usize) -> Option<u64> {
    let fits = (1..=digits).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

/// Whether all characters are visible ASCII (VCHAR of RFC 5234): no space, no control character, no line end.
pub(crate) fn is_visible(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether this is a token (RFC 3261 25.1).
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte))
}
