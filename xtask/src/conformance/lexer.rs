//! As much of Rust's lexical structure as it takes to know a comment from a string.

/// A piece of Rust source, without the text of literals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// A `//` comment: what stands behind the two slashes, so a doc comment starts with `/` or `!`.
    LineComment(&'a str),
    /// A word or a number.
    Word(&'a str),
    /// A string, a byte string or a character.
    Literal,
    /// A lifetime or a loop label.
    Lifetime,
    /// Any other character.
    Punct(char),
}

/// A token and the line it starts on, counted from 1.
pub(crate) type Located<'a> = (usize, Token<'a>);

/// Splits source text into tokens; white space and block comments are left out.
pub(crate) fn tokens(source: &str) -> Vec<Located<'_>> {
    let mut lexer = Lexer { rest: source, line: 1 };
    std::iter::from_fn(|| lexer.next_token()).collect()
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Lexer<'a> {
    fn next_token(&mut self) -> Option<Located<'a>> {
        loop {
            self.take_while(char::is_whitespace);
            if !self.rest.starts_with("/*") {
                break;
            }
            self.skip_block_comment();
        }
        let line = self.line;
        let first = self.rest.chars().next()?;
        let token = match first {
            '/' if self.rest.starts_with("//") => {
                self.advance(2);
                Token::LineComment(self.take_while(|c| c != '\n'))
            }
            '"' => self.string(),
            '\'' => self.quote(),
            c if is_word(c) => self.word(),
            c => {
                self.advance(c.len_utf8());
                Token::Punct(c)
            }
        };
        Some((line, token))
    }

    /// A word, or the literal that it is the prefix of: `b"`, `c"`, `r"`, `br#"`, `b'`.
    fn word(&mut self) -> Token<'a> {
        let word = self.take_while(is_word);
        let hashes = self.rest.len() - self.rest.trim_start_matches('#').len();
        let raw = matches!(word, "r" | "br" | "cr") && self.rest[hashes..].starts_with('"');
        match self.rest.chars().next() {
            _ if raw => self.raw_string(hashes),
            Some('"') if matches!(word, "b" | "c") => self.string(),
            Some('\'') if word == "b" => self.quote(),
            _ => Token::Word(word),
        }
    }

    fn string(&mut self) -> Token<'a> {
        self.advance(1);
        self.skip_to_unescaped('"');
        Token::Literal
    }

    fn raw_string(&mut self, hashes: usize) -> Token<'a> {
        self.advance(hashes + 1);
        let end = format!("\"{}", "#".repeat(hashes));
        let length = self.rest.find(&end).map_or(self.rest.len(), |at| at + end.len());
        self.advance(length);
        Token::Literal
    }

    /// `'x'` and `'\n'` are characters; any other quote begins a lifetime.
    fn quote(&mut self) -> Token<'a> {
        self.advance(1);
        let mut ahead = self.rest.chars();
        let escaped = ahead.next() == Some('\\');
        if escaped || ahead.next() == Some('\'') {
            self.skip_to_unescaped('\'');
            return Token::Literal;
        }
        self.take_while(is_word);
        Token::Lifetime
    }

    fn skip_to_unescaped(&mut self, end: char) {
        let mut escaped = false;
        self.take_while(|c| {
            let goes_on = escaped || c != end;
            escaped = !escaped && c == '\\';
            goes_on
        });
        self.advance(end.len_utf8().min(self.rest.len()));
    }

    /// Block comments nest.
    fn skip_block_comment(&mut self) {
        let mut depth = 0_usize;
        while !self.rest.is_empty() {
            if self.rest.starts_with("/*") {
                depth += 1;
                self.advance(2);
            } else if self.rest.starts_with("*/") {
                depth -= 1;
                self.advance(2);
            } else {
                self.advance(self.rest.chars().next().map_or(0, char::len_utf8));
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn take_while(&mut self, mut keep: impl FnMut(char) -> bool) -> &'a str {
        let length = self.rest.find(|c| !keep(c)).unwrap_or(self.rest.len());
        self.advance(length)
    }

    fn advance(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(source: &str) -> Vec<Token<'_>> {
        tokens(source).into_iter().map(|(_, token)| token).collect()
    }

    #[test]
    fn slashes_inside_strings_are_no_comments() {
        for literal in [r#""// a""#, r##"r#"// a " b"#"##, r#"b"\"// a""#, r#"br"// a""#, r#""\\""#] {
            assert_eq!(plain(&format!("{literal} x")), [Token::Literal, Token::Word("x")], "{literal}");
        }
    }

    #[test]
    fn characters_are_told_from_lifetimes() {
        for literal in ["'a'", "'\"'", r"'\''", r"'\u{7f}'", "b'/'", "'é'"] {
            assert_eq!(plain(literal), [Token::Literal], "{literal}");
        }
        assert_eq!(plain("<'a>"), [Token::Punct('<'), Token::Lifetime, Token::Punct('>')]);
    }

    #[test]
    fn block_comments_nest_and_lines_are_counted_through_them() {
        let source = "a /* 1 /* 2 \n */ // not a line comment\n */ b\n// c\n\"x\ny\" d";
        let expected = [
            (1, Token::Word("a")),
            (3, Token::Word("b")),
            (4, Token::LineComment(" c")),
            (5, Token::Literal),
            (6, Token::Word("d")),
        ];
        assert_eq!(tokens(source), expected);
    }

    #[test]
    fn unfinished_input_ends_the_tokens() {
        for source in ["\"abc", "r#\"abc\"", "/* abc", "'\\", "b'", "/*/", "\"\\"] {
            assert!(plain(source).len() <= 1, "{source}");
        }
    }

    #[test]
    fn a_raw_identifier_is_not_a_string() {
        assert_eq!(plain("r#fn"), [Token::Word("r"), Token::Punct('#'), Token::Word("fn")]);
    }
}
