//! The requirement table, `tests/conformance/requirements.toml`.

use std::collections::BTreeSet;

use serde::Deserialize;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    #[serde(rename = "requirement", default)]
    pub(crate) requirements: Vec<Requirement>,
    #[serde(rename = "exception", default)]
    pub(crate) exceptions: Vec<Exception>,
}

/// One testable statement.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Requirement {
    pub(crate) id: String,
    pub(crate) document: String,
    pub(crate) section: String,
    pub(crate) level: Level,
    pub(crate) statement: String,
    pub(crate) shows: String,
}

/// A statement that is not kept on purpose.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exception {
    pub(crate) id: String,
    pub(crate) reason: String,
}

/// The keyword of a statement. `PROC` is procedure text without a keyword.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) enum Level {
    #[serde(rename = "MUST")]
    Must,
    #[serde(rename = "MUST NOT")]
    MustNot,
    #[serde(rename = "PROC")]
    Proc,
    #[serde(rename = "SHOULD")]
    Should,
    #[serde(rename = "SHOULD NOT")]
    ShouldNot,
    #[serde(rename = "MAY")]
    May,
}

/// The column of the report that a level counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Strength {
    Must,
    Should,
    May,
}

impl Level {
    pub(crate) fn strength(self) -> Strength {
        match self {
            Level::Must | Level::MustNot | Level::Proc => Strength::Must,
            Level::Should | Level::ShouldNot => Strength::Should,
            Level::May => Strength::May,
        }
    }

    pub(crate) fn keyword(self) -> &'static str {
        match self {
            Level::Must => "MUST",
            Level::MustNot => "MUST NOT",
            Level::Proc => "PROC",
            Level::Should => "SHOULD",
            Level::ShouldNot => "SHOULD NOT",
            Level::May => "MAY",
        }
    }
}

impl Requirement {
    /// The id's first part, by which `--rfc` picks: `8445`, `mdns`.
    pub(crate) fn prefix(&self) -> &str {
        self.id.split_once('-').map_or(self.id.as_str(), |(prefix, _)| prefix)
    }
}

impl Table {
    /// Reads the file.
    ///
    /// # Errors
    /// When the text is not TOML of this shape; the error names the line.
    pub(crate) fn parse(text: &str) -> Result<Table, toml::de::Error> {
        toml::from_str(text)
    }

    /// What is wrong with the table itself: ids that stand twice or do not fit their section, empty texts, and
    /// exceptions that name nothing or give no reason.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut ids = BTreeSet::new();
        for requirement in &self.requirements {
            if !ids.insert(requirement.id.as_str()) {
                problems.push(format!("{} stands twice in the table", requirement.id));
            }
            problems.extend(shape_problem(requirement));
        }
        let mut excepted = BTreeSet::new();
        for Exception { id, reason } in &self.exceptions {
            if !ids.contains(id.as_str()) {
                problems.push(format!("the exception {id} names no requirement of the table"));
            }
            if !excepted.insert(id.as_str()) {
                problems.push(format!("{id} is excepted twice"));
            }
            if reason.trim().is_empty() {
                problems.push(format!("the exception {id} gives no reason"));
            }
        }
        problems
    }
}

/// An id is the document's short name, the section and a letter.
fn shape_problem(requirement: &Requirement) -> Option<String> {
    let Requirement { id, document, section, statement, shows, .. } = requirement;
    let (prefix, rest) = id.split_once('-')?;
    let letter = rest.strip_prefix(section.as_str()).and_then(|rest| rest.strip_prefix('-'));
    if !letter.is_some_and(|letter| letter.len() == 1 && letter.starts_with(|c: char| c.is_ascii_lowercase()))
    {
        return Some(format!("{id} is not \"{prefix}-\" with the section {section} and one letter"));
    }
    if document.strip_prefix("RFC ").is_some_and(|number| number != prefix) {
        return Some(format!("{id} does not belong to {document}"));
    }
    let empty = statement.trim().is_empty() || shows.trim().is_empty();
    empty.then(|| format!("{id} has an empty statement, or nothing that shows it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requirement(id: &str, section: &str) -> String {
        format!(
            "[[requirement]]\nid = \"{id}\"\ndocument = \"RFC 1\"\nsection = \"{section}\"\nlevel = \"MUST NOT\"\n\
             statement = \"s\"\nshows = \"t\"\n"
        )
    }

    fn problems(text: &str) -> Vec<String> {
        Table::parse(text).unwrap().problems()
    }

    #[test]
    fn a_sound_table_has_no_problems() {
        let exception = "[[exception]]\nid = \"1-2.3-a\"\nreason = \"no such network\"\n";
        assert_eq!(problems(&(requirement("1-2.3-a", "2.3") + exception)), [""; 0]);
    }

    #[test]
    fn an_id_that_stands_twice_is_a_problem() {
        let twice = requirement("1-2-a", "2").repeat(2);
        assert_eq!(problems(&twice), ["1-2-a stands twice in the table"]);
    }

    #[test]
    fn an_id_names_its_section_and_document() {
        assert_eq!(problems(&requirement("1-2-a", "3")).len(), 1);
        assert_eq!(problems(&requirement("1-2-ab", "2")).len(), 1);
        assert_eq!(problems(&requirement("2-2-a", "2")), ["2-2-a does not belong to RFC 1"]);
    }

    #[test]
    fn an_exception_needs_a_reason_and_a_requirement() {
        let text = requirement("1-2-a", "2") + "[[exception]]\nid = \"1-2-a\"\nreason = \" \"\n";
        assert_eq!(problems(&text), ["the exception 1-2-a gives no reason"]);
        let text = requirement("1-2-a", "2") + "[[exception]]\nid = \"1-2-b\"\nreason = \"r\"\n";
        assert_eq!(problems(&text), ["the exception 1-2-b names no requirement of the table"]);
        let exception = "[[exception]]\nid = \"1-2-a\"\nreason = \"r\"\n";
        let text = requirement("1-2-a", "2") + exception + exception;
        assert_eq!(problems(&text), ["1-2-a is excepted twice"]);
    }

    #[test]
    fn unknown_levels_and_fields_are_refused() {
        assert!(Table::parse(&requirement("1-2-a", "2").replace("MUST NOT", "OUGHT")).is_err());
        assert!(Table::parse(&(requirement("1-2-a", "2") + "note = \"n\"\n")).is_err());
    }
}
