//! Reads a session description, or just its candidate lines, and lists the candidates in the order of their priority.
//!
//! ```text
//! cargo run --example candidates < description.sdp
//! cargo run --example candidates -- "candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host"
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for the terminal")]

use std::cmp::Reverse;
use std::io::Read as _;
use std::process::ExitCode;

use floe_core::{Candidate, CandidateAddress};

fn main() -> ExitCode {
    let lines = match lines() {
        Ok(lines) => lines,
        Err(error) => {
            eprintln!("cannot read standard input: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut candidates = Vec::new();
    let mut refused = 0;
    for line in lines.lines().filter(|line| line.contains("candidate:")) {
        match line.parse::<Candidate>() {
            Ok(candidate) => candidates.push(candidate),
            // Lines that a later standard may give a meaning are skipped; the others are somebody's mistake.
            Err(error) if error.is_ignorable() => eprintln!("skipped: {line}\n    {error}"),
            Err(error) => {
                refused += 1;
                eprintln!("refused: {line}\n    {error}");
            }
        }
    }
    candidates.sort_by_key(|candidate| (candidate.component(), Reverse(candidate.priority())));
    candidates.iter().for_each(print);
    println!("{} candidates, {refused} lines refused", candidates.len());
    if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The arguments, a line each; without any, standard input.
fn lines() -> std::io::Result<String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if !arguments.is_empty() {
        return Ok(arguments.join("\n"));
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).map(|_| text)
}

fn print(candidate: &Candidate) {
    let address = match candidate.address() {
        CandidateAddress::Ip(address) => address.to_string(),
        CandidateAddress::Mdns { name, port } => format!("{name}:{port}"),
    };
    let transport = candidate.transport().as_str();
    println!("component {} {transport} {:<5} {address}", candidate.component(), candidate.kind().to_string());
    println!("    priority {}, foundation {}", candidate.priority(), candidate.foundation());
    if let Some(related) = candidate.related() {
        println!("    related address {related}");
    }
    for extension in candidate.extensions() {
        println!("    {} {}", extension.name, extension.value);
    }
}
