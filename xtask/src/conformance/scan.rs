//! Finds which tests claim which requirements.
//!
//! A claim is a comment `// proves: id, id` straight above a test function. Other comments and the function's attributes
//! may stand between the two, nothing else.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::lexer::{Located, Token, tokens};

/// One test that says it proves one requirement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) id: String,
    pub(crate) test: TestFn,
}

/// A test function and where its marker stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TestFn {
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
    pub(crate) name: String,
}

/// What one file says: its claims, and the markers that claim nothing, each with a reason.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Scan {
    pub(crate) claims: Vec<Claim>,
    pub(crate) problems: Vec<String>,
}

/// Reads the markers of one source file.
pub(crate) fn scan(file: &Path, source: &str) -> Scan {
    let tokens = tokens(source);
    let mut scan = Scan::default();
    let mut block = tokens.as_slice();
    while let Some((&(line, token), rest)) = block.split_first() {
        if marker(token).is_none() {
            block = rest;
            continue;
        }
        let ids = marker_ids(block);
        match test_function(block).and_then(|name| check_ids(&ids).map(|()| name)) {
            Ok(name) => {
                let test = TestFn { file: file.to_owned(), line, name: name.to_owned() };
                scan.claims.extend(ids.iter().map(|id| Claim { id: (*id).to_owned(), test: test.clone() }));
            }
            Err(why) => scan.problems.push(format!("{}:{line}: {why}", file.display())),
        }
        let markers = block.iter().take_while(|(_, token)| marker(*token).is_some()).count();
        block = block.get(markers..).unwrap_or_default();
    }
    scan
}

/// The ids of a marker comment. Doc comments are prose and never markers.
fn marker(token: Token<'_>) -> Option<&str> {
    match token {
        Token::LineComment(text) => text.trim_start().strip_prefix("proves:"),
        _ => None,
    }
}

/// The ids of the marker a block starts with; a long list may go on in further markers right below.
fn marker_ids<'a>(block: &[Located<'a>]) -> Vec<&'a str> {
    let lists = block.iter().map_while(|(_, token)| marker(*token));
    lists.flat_map(|list| list.split(',')).map(str::trim).collect()
}

fn check_ids(ids: &[&str]) -> Result<(), String> {
    if ids.iter().any(|id| id.is_empty()) {
        return Err("a marker with an empty id: write `// proves: id, id`".to_owned());
    }
    let mut seen = BTreeSet::new();
    let repeated = ids.iter().find(|id| !seen.insert(**id));
    repeated.map_or(Ok(()), |id| Err(format!("the marker names {id} twice")))
}

/// The name of the test function that a block of comments and attributes belongs to.
fn test_function<'a>(block: &[Located<'a>]) -> Result<&'a str, String> {
    let mut code =
        block.iter().map(|(_, token)| *token).filter(|token| !matches!(token, Token::LineComment(_)));
    let mut attributes = Vec::new();
    let mut next = code.next();
    while next == Some(Token::Punct('#')) {
        attributes.push(attribute_path(&mut code));
        next = code.next();
    }
    while matches!(next, Some(Token::Word("pub" | "const" | "async" | "unsafe"))) {
        next = code.next();
    }
    let name = match (next, code.next()) {
        (Some(Token::Word("fn")), Some(Token::Word(name))) => name,
        _ => return Err("the marker does not stand above a function".to_owned()),
    };
    if !attributes.iter().any(|path| path.rsplit(':').next() == Some("test")) {
        return Err(format!("the marker stands above `{name}`, which has no #[test] attribute"));
    }
    if attributes.iter().any(|path| path == "ignore") {
        return Err(format!("`{name}` is ignored, and a test that does not run proves nothing"));
    }
    Ok(name)
}

/// Consumes `[...]` behind a `#` and returns the attribute's path, as in `tokio::test`.
fn attribute_path<'a>(code: &mut impl Iterator<Item = Token<'a>>) -> String {
    let mut path = String::new();
    let mut in_path = true;
    let mut depth = 0_usize;
    for token in code {
        match token {
            Token::Punct('[') => depth += 1,
            Token::Punct(']') => depth = depth.saturating_sub(1),
            Token::Punct(':') if in_path => path.push(':'),
            Token::Word(word) if in_path => path.push_str(word),
            _ => in_path = false,
        }
        if depth == 0 {
            break;
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan_text(source: &str) -> Scan {
        scan(Path::new("a.rs"), source)
    }

    fn ids(source: &str) -> Vec<(String, String)> {
        let scan = scan_text(source);
        assert_eq!(scan.problems, [""; 0]);
        scan.claims.into_iter().map(|claim| (claim.id, claim.test.name)).collect()
    }

    fn problem(source: &str) -> String {
        let scan = scan_text(source);
        assert_eq!(scan.claims, []);
        assert_eq!(scan.problems.len(), 1, "{:?}", scan.problems);
        scan.problems.concat()
    }

    #[test]
    fn a_marker_gives_its_ids_to_the_test_below() {
        let found = ids("// proves: 1-a, 2-b.c\n#[test]\nfn pairs_are_sorted() {}");
        assert_eq!(
            found,
            [("1-a".into(), "pairs_are_sorted".into()), ("2-b.c".into(), "pairs_are_sorted".into())]
        );
    }

    #[test]
    fn attributes_comments_and_further_markers_may_stand_between() {
        let source = "// proves: 1-a,\n";
        assert!(problem(&format!("{source}#[test] fn x() {{}}")).contains("empty id"));
        let source = "// proves: 1-a\n// proves: 2-b\n/// Why.\n// a note\n#[tokio::test(start_paused = true)]\n\
                      #[cfg_attr(miri, ignore)]\npub async fn x() {}";
        assert_eq!(ids(source), [("1-a".into(), "x".into()), ("2-b".into(), "x".into())]);
    }

    #[test]
    fn a_property_inside_its_macro_is_a_test() {
        let source = "proptest! {\n  // proves: 1-a\n  #[test]\n  fn holds(a in 0..3u8) {}\n}";
        assert_eq!(ids(source), [("1-a".into(), "holds".into())]);
    }

    #[test]
    fn a_marker_above_anything_else_is_reported_with_its_line() {
        assert_eq!(
            problem("\n// proves: 1-a\nfn helper() {}"),
            "a.rs:2: the marker stands above `helper`, which has no #[test] attribute"
        );
        assert!(problem("// proves: 1-a\nmod tests {}").contains("above a function"));
        assert!(problem("// proves: 1-a\n#[test]\nuse x;\nfn y() {}").contains("above a function"));
        assert!(problem("// proves: 1-a").contains("above a function"));
        assert!(problem("// proves: 1-a\n#[cfg(test)]\nfn y() {}").contains("no #[test]"));
    }

    #[test]
    fn an_ignored_test_proves_nothing() {
        assert!(problem("// proves: 1-a\n#[test]\n#[ignore = \"slow\"]\nfn x() {}").contains("ignored"));
    }

    #[test]
    fn an_id_named_twice_is_reported() {
        assert!(problem("// proves: 1-a, 1-a\n#[test]\nfn x() {}").contains("twice"));
    }

    #[test]
    fn markers_in_strings_and_doc_comments_are_prose() {
        let source =
            "/// proves: 1-a\nconst A: &str = \"\n// proves: 1-a\n\";\n/* // proves: 1-a */ fn b() {}";
        assert_eq!(scan_text(source), Scan::default());
    }

    #[test]
    fn a_bad_marker_does_not_hide_the_next() {
        let scan = scan_text("// proves: 1-a\nfn x() {}\n// proves: 2-b\n#[test]\nfn y() {}");
        assert_eq!((scan.problems.len(), scan.claims.len()), (1, 1));
        assert_eq!(scan.claims[0].test.line, 3);
    }
}
