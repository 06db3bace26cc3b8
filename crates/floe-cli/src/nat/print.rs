//! The report, for a person or for a program.

use std::{
    fmt::Display,
    io::{self, Write},
};

use floe_nat::Report;
use serde::Serialize;

/// The report as JSON: with the sentence.
#[derive(Serialize)]
struct Json<'a> {
    #[serde(flatten)]
    report: &'a Report,
    sentence: &'a str,
}

/// Prints the report.
pub(super) fn print(report: &Report, json: bool) -> io::Result<()> {
    let out = io::stdout().lock();
    if json { print_json(report, out) } else { print_table(report, out) }
}

fn print_json(report: &Report, mut out: impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut out, &Json { report, sentence: report.sentence() })?;
    writeln!(out)
}

fn print_table(report: &Report, mut out: impl Write) -> io::Result<()> {
    let rows: [(&str, &dyn Display); 11] = [
        ("server", &report.server),
        ("local address", &report.local),
        ("mapped address", &report.mapped),
        ("NAT", &report.translation),
        ("mapping", &report.mapping),
        ("filtering", &report.filtering),
        ("hairpinning", &report.hairpinning),
        ("large requests", &report.large_requests),
        ("large responses", &report.large_responses),
        ("rewriting", &report.rewriting),
        ("binding lifetime", &report.lifetime),
    ];
    for (name, value) in rows {
        writeln!(out, "{name:<17} {value}")?;
    }
    writeln!(out, "\n{}", report.sentence())
}
