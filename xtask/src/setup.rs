//! `cargo xtask setup`: brings what the tests and checks need to this machine.

use std::fmt;
use std::path::Path;
use std::process::Command;

use crate::steps::{run, succeeds};
use crate::workspace::cargo;

/// A cargo subcommand from the crates registry.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tool {
    name: &'static str,
    /// The version to install where there is none, or only one of an older minor version.
    version: (u32, u32, u32),
}

/// Runs the tests.
pub(crate) const NEXTEST: Tool = Tool { name: "cargo-nextest", version: (0, 9, 143) };
/// Builds and runs the fuzz targets.
pub(crate) const FUZZ: Tool = Tool { name: "cargo-fuzz", version: (0, 13, 2) };
/// Checks licences, bans, sources and advisories.
pub(crate) const DENY: Tool = Tool { name: "cargo-deny", version: (0, 20, 2) };

/// A part of the tests that cannot run without a system package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Fuzzing,
    /// Agents behind real NATs.
    NatLab,
}

/// A package of the system.
#[derive(Debug)]
pub(crate) struct SystemPackage {
    pub(crate) needed_for: Need,
    /// Its name in Debian.
    name: &'static str,
    why: &'static str,
    /// A program that is there when the package, or its like on another system, is.
    program: &'static str,
}

static SYSTEM_PACKAGES: [SystemPackage; 5] = [
    SystemPackage {
        needed_for: Need::Fuzzing,
        name: "g++",
        why: "the fuzzer's runtime, libFuzzer, is C++",
        program: "c++",
    },
    lab_package("iproute2", "it makes the NAT lab's networks", "ip"),
    lab_package("nftables", "it makes the NAT lab's gateways", "nft"),
    lab_package("coturn", "it is the NAT lab's server", "turnserver"),
    lab_package("openssl", "it makes the certificates of the NAT lab's server", "openssl"),
];

const fn lab_package(name: &'static str, why: &'static str, program: &'static str) -> SystemPackage {
    SystemPackage { needed_for: Need::NatLab, name, why, program }
}

impl fmt::Display for SystemPackage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}; in Debian the package {})", self.program, self.why, self.name)
    }
}

/// Installs the given tools and the system packages, as far as they are missing.
///
/// Packages are installed where this is root on Debian. Elsewhere those that are missing are printed and returned.
///
/// # Errors
/// When an install fails; the error holds its command line.
pub(crate) fn setup(tools: &[Tool]) -> anyhow::Result<Vec<&'static SystemPackage>> {
    for tool in tools {
        install(*tool)?;
    }
    let mut missing: Vec<_> = SYSTEM_PACKAGES.iter().filter(|package| !is_there(package)).collect();
    if !missing.is_empty() && is_root_on_debian() {
        install_packages(&missing)?;
        missing.retain(|package| !is_there(package));
    }
    for package in &missing {
        eprintln!("missing: {package}; please install it");
    }
    Ok(missing)
}

fn install_packages(packages: &[&SystemPackage]) -> anyhow::Result<()> {
    run(Command::new("apt-get").arg("update"))?;
    run(Command::new("apt-get")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["install", "--yes", "--no-install-recommends"])
        .args(packages.iter().map(|package| package.name)))
}

fn is_there(package: &SystemPackage) -> bool {
    // An administrator's programs are there even where they are not in a user's path.
    let look = format!("PATH=$PATH:/usr/sbin:/sbin; command -v {}", package.program);
    succeeds(Command::new("sh").args(["-c", &look]))
}

fn is_root_on_debian() -> bool {
    let user = Command::new("id").arg("-u").output();
    let root = user.is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    root && Path::new("/etc/debian_version").exists()
}

/// Installs a tool unless a suitable version is there: one of the same or a newer minor version.
fn install(tool: Tool) -> anyhow::Result<()> {
    let (major, minor, patch) = tool.version;
    let found = installed(tool);
    if found.is_some_and(|(found_major, found_minor, _)| (found_major, found_minor) >= (major, minor)) {
        return Ok(());
    }
    // These tools wait for compilers and tests all their life; optimising them takes longer than they ever run.
    // Seconds of processor time like this, and at level 1: cargo-nextest 138, 274; cargo-deny 46, 103; cargo-fuzz 18, 30.
    run(Command::new(cargo())
        .args(["install", "--locked", &format!("{}@{major}.{minor}.{patch}", tool.name)])
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "0"))
}

fn installed(tool: Tool) -> Option<(u32, u32, u32)> {
    let subcommand = tool.name.strip_prefix("cargo-")?;
    let output = Command::new(cargo()).args([subcommand, "--version"]).output().ok()?;
    version(&String::from_utf8_lossy(&output.stdout))
}

/// The version in a line like `cargo-nextest 0.9.143 (a1b2c3 2026-08-04)`.
fn version(line: &str) -> Option<(u32, u32, u32)> {
    let mut numbers =
        line.split_whitespace().nth(1)?.split(['.', '-', '+']).map_while(|part| part.parse().ok());
    Some((numbers.next()?, numbers.next()?, numbers.next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tools_version_is_read_from_its_first_line() {
        assert_eq!(
            version("cargo-nextest 0.9.143 (60fa45f63 2026-08-04)\nrelease: 0.9.143"),
            Some((0, 9, 143))
        );
        assert_eq!(version("cargo-fuzz 0.13.2\n"), Some((0, 13, 2)));
        assert_eq!(version("cargo-deny 0.20.2-rc.1"), Some((0, 20, 2)));
        assert_eq!(version(""), None);
        assert_eq!(version("cargo-deny unknown"), None);
    }
}
