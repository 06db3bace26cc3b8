//! Sets claims against the table, and prints the outcome.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::scan::{Claim, TestFn};
use super::table::{Requirement, Strength, Table};

const STRENGTHS: [Strength; 3] = [Strength::Must, Strength::Should, Strength::May];

/// How a requirement stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    Proven(BTreeSet<TestFn>),
    Excepted(String),
    Open,
}

/// Every requirement with its standing, in the table's order, and everything that makes the check fail.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    rows: Vec<(&'a Requirement, Standing)>,
    pub(crate) problems: Vec<String>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(table: &'a Table, claims: Vec<Claim>) -> Report<'a> {
        let mut problems = table.problems();
        let mut proofs: BTreeMap<String, BTreeSet<TestFn>> = BTreeMap::new();
        for Claim { id, test } in claims {
            if !table.requirements.iter().any(|requirement| requirement.id == id) {
                let TestFn { file, line, name } = &test;
                problems.push(format!("{}:{line}: `{name}` proves {id}, which no table has", file.display()));
            }
            proofs.entry(id).or_default().insert(test);
        }
        let excepted: BTreeMap<_, _> = table
            .exceptions
            .iter()
            .map(|exception| (exception.id.as_str(), exception.reason.as_str()))
            .collect();
        let mut rows = Vec::new();
        for requirement in &table.requirements {
            let id = requirement.id.as_str();
            let standing = match (proofs.remove(id), excepted.get(id)) {
                (Some(tests), None) => Standing::Proven(tests),
                (None, Some(reason)) => Standing::Excepted((*reason).to_owned()),
                (None, None) => Standing::Open,
                (Some(tests), Some(_)) => {
                    let names = tests.iter().map(|test| test.name.as_str()).collect::<Vec<_>>().join(", ");
                    problems.push(format!("{id} is excepted, and yet proven by {names}"));
                    Standing::Proven(tests)
                }
            };
            rows.push((requirement, standing));
        }
        Report { rows, problems }
    }

    /// Keeps the rows of one document, named as in its ids: `8445`, `mdns`.
    ///
    /// # Errors
    /// When the table has no such document; the error lists those it has.
    pub(crate) fn only(mut self, prefix: &str) -> Result<Report<'a>, String> {
        let known: BTreeSet<_> = self.rows.iter().map(|(requirement, _)| requirement.prefix()).collect();
        if !known.contains(prefix) {
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            return Err(format!("the table has no requirements of {prefix}; it has {known}"));
        }
        self.rows.retain(|(requirement, _)| requirement.prefix() == prefix);
        Ok(self)
    }

    /// The counts, one line per document and a total.
    pub(crate) fn summary(&self) -> String {
        let mut text = format!("{:<20}", "");
        for strength in STRENGTHS {
            let _ = write!(text, "  {:<22}", format!("{strength:?}").to_uppercase());
        }
        let _ = write!(text, "\n{:<20}", "");
        for _ in STRENGTHS {
            let _ = write!(text, "  {:>6} {:>8} {:>5} ", "proven", "excepted", "open");
        }
        text.push('\n');
        let mut documents: Vec<&str> = Vec::new();
        for (requirement, _) in &self.rows {
            if !documents.contains(&requirement.document.as_str()) {
                documents.push(&requirement.document);
            }
        }
        for document in documents {
            self.summary_line(&mut text, document, |requirement| requirement.document == document);
        }
        self.summary_line(&mut text, "all", |_| true);
        text
    }

    fn summary_line(&self, text: &mut String, name: &str, belongs: impl Fn(&Requirement) -> bool) {
        let _ = write!(text, "{name:<20}");
        for strength in STRENGTHS {
            let (mut proven, mut excepted, mut open) = (0, 0, 0);
            let rows = self.rows.iter().filter(|(row, _)| belongs(row) && row.level.strength() == strength);
            for (_, standing) in rows {
                match standing {
                    Standing::Proven(_) => proven += 1,
                    Standing::Excepted(_) => excepted += 1,
                    Standing::Open => open += 1,
                }
            }
            let _ = write!(text, "  {proven:>6} {excepted:>8} {open:>5} ");
        }
        text.push('\n');
    }

    /// The proven ids, each with its tests.
    pub(crate) fn proven(&self) -> String {
        let mut text = String::new();
        for (requirement, standing) in &self.rows {
            if let Standing::Proven(tests) = standing {
                let _ = writeln!(text, "{}", requirement.id);
                for TestFn { file, line, name } in tests {
                    let _ = writeln!(text, "    {}:{line} {name}", file.display());
                }
            }
        }
        text
    }

    /// The open ids, each with its statement and how a test can show it.
    pub(crate) fn open(&self) -> String {
        let mut text = String::new();
        for (row, standing) in &self.rows {
            if *standing == Standing::Open {
                let _ = writeln!(
                    text,
                    "{} {}: {}\n    {}",
                    row.id,
                    row.level.keyword(),
                    row.statement,
                    row.shows
                );
            }
        }
        text
    }

    /// The excepted ids, each with its reason.
    pub(crate) fn excepted(&self) -> String {
        let mut text = String::new();
        for (requirement, standing) in &self.rows {
            if let Standing::Excepted(reason) = standing {
                let _ = writeln!(text, "{}: {reason}", requirement.id);
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(ids: &[&str], excepted: &[&str]) -> Table {
        let mut text = String::new();
        for id in ids {
            let (document, rest) = id.split_once('-').unwrap();
            let (section, level) = rest.split_once('-').unwrap();
            let level = if level == "a" { "MUST" } else { "SHOULD NOT" };
            let _ = write!(
                text,
                "[[requirement]]\nid = \"{id}\"\ndocument = \"RFC {document}\"\nsection = \"{section}\"\n\
                 level = \"{level}\"\nstatement = \"s\"\nshows = \"t\"\n"
            );
        }
        for id in excepted {
            let _ = write!(text, "[[exception]]\nid = \"{id}\"\nreason = \"r\"\n");
        }
        Table::parse(&text).unwrap()
    }

    fn claim(id: &str, name: &str) -> Claim {
        Claim { id: id.into(), test: TestFn { file: "a.rs".into(), line: 7, name: name.into() } }
    }

    #[test]
    fn requirements_are_counted_per_document_and_level() {
        let table = table(&["1-1-a", "1-1-b", "1-2-a", "2-1-a"], &["1-2-a"]);
        let report = Report::new(&table, vec![claim("1-1-a", "x"), claim("1-1-a", "y")]);
        assert_eq!(report.problems, [""; 0]);
        let summary = report.summary();
        let lines: Vec<Vec<&str>> = summary.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[2], ["RFC", "1", "1", "1", "0", "0", "0", "1", "0", "0", "0"]);
        assert_eq!(lines[3], ["RFC", "2", "0", "0", "1", "0", "0", "0", "0", "0", "0"]);
        assert_eq!(lines[4], ["all", "1", "1", "1", "0", "0", "1", "0", "0", "0"]);
    }

    #[test]
    fn the_lists_name_tests_statements_and_reasons() {
        let table = table(&["1-1-a", "1-1-b", "1-2-a"], &["1-2-a"]);
        let report = Report::new(&table, vec![claim("1-1-a", "x")]);
        assert_eq!(report.proven(), "1-1-a\n    a.rs:7 x\n");
        assert_eq!(report.open(), "1-1-b SHOULD NOT: s\n    t\n");
        assert_eq!(report.excepted(), "1-2-a: r\n");
    }

    #[test]
    fn a_claim_that_no_table_has_is_a_problem() {
        let table = table(&["1-1-a"], &[]);
        let report = Report::new(&table, vec![claim("1-9-a", "x")]);
        assert_eq!(report.problems, ["a.rs:7: `x` proves 1-9-a, which no table has"]);
    }

    #[test]
    fn an_id_both_excepted_and_proven_is_a_problem() {
        let table = table(&["1-1-a"], &["1-1-a"]);
        let report = Report::new(&table, vec![claim("1-1-a", "x")]);
        assert_eq!(report.problems, ["1-1-a is excepted, and yet proven by x"]);
    }

    #[test]
    fn one_document_can_be_picked() {
        let table = table(&["1-1-a", "2-1-a"], &[]);
        let report = Report::new(&table, Vec::new()).only("2").unwrap();
        assert!(!report.summary().contains("RFC 1"));
        let error = Report::new(&table, Vec::new()).only("3").unwrap_err();
        assert_eq!(error, "the table has no requirements of 3; it has 1, 2");
    }
}
