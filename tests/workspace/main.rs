//! The shape of the workspace: which crate may know which, and what a sans-IO crate may not even link.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "reads manifests"
)]

use std::collections::BTreeSet;
use std::path::Path;

/// The crates, floor by floor. A crate may use those of the floors below; siblings never see each other.
const FLOORS: [&[&str]; 6] = [
    &["floe-core"],
    &["floe-stun"],
    &["floe-gather", "floe-check", "floe-nominate", "floe-turn", "floe-nat"],
    &["floe-session", "floe-net"],
    &["floe", "floe-sim"],
    &["floe-cli"],
];

/// The crates that get time, randomness and datagrams handed in.
const SANS_IO: [&str; 9] = [
    "floe-core",
    "floe-stun",
    "floe-gather",
    "floe-check",
    "floe-nominate",
    "floe-turn",
    "floe-nat",
    "floe-session",
    "floe-sim",
];

/// Ways to the outside world that a sans-IO crate must not depend on.
const OUTSIDE: [&str; 10] = [
    "async-std",
    "getrandom",
    "if-addrs",
    "mio",
    "netdev",
    "quinn-udp",
    "smol",
    "socket2",
    "tokio",
    "tokio-util",
];

fn floor(name: &str) -> usize {
    FLOORS
        .iter()
        .position(|floor| floor.contains(&name))
        .unwrap_or_else(|| panic!("{name} stands on no floor: give it its place in FLOORS"))
}

fn manifest(folder: &Path) -> toml::Table {
    let path = folder.join("Cargo.toml");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The name and the manifest of every crate of `crates/`.
fn crates() -> Vec<(String, toml::Table)> {
    let folders = std::fs::read_dir(root().join("crates")).unwrap();
    let manifests = folders.map(|folder| manifest(&folder.unwrap().path()));
    manifests.map(|manifest| (manifest["package"]["name"].as_str().unwrap().to_owned(), manifest)).collect()
}

/// The names in `[dependencies]`; what only tests use is free.
fn dependencies(manifest: &toml::Table) -> BTreeSet<String> {
    let table = manifest.get("dependencies").and_then(toml::Value::as_table);
    table.map(|table| table.keys().cloned().collect()).unwrap_or_default()
}

#[test]
fn a_crate_uses_only_crates_of_the_floors_below() {
    let crates = crates();
    assert!(crates.len() >= 10, "found only {}", crates.len());
    for (name, manifest) in &crates {
        for used in dependencies(manifest).iter().filter(|used| *used == "floe" || used.starts_with("floe-"))
        {
            assert!(floor(used) < floor(name), "{name} must not use {used}");
        }
    }
}

#[test]
fn nomination_knows_only_the_vocabulary() {
    let (_, manifest) = crates().into_iter().find(|(name, _)| name == "floe-nominate").unwrap();
    let used: Vec<_> = dependencies(&manifest).into_iter().filter(|used| used.starts_with("floe-")).collect();
    assert_eq!(used, ["floe-core"]);
}

#[test]
fn a_sans_io_crate_links_no_way_to_the_outside() {
    for (name, manifest) in crates().iter().filter(|(name, _)| SANS_IO.contains(&name.as_str())) {
        for used in dependencies(manifest) {
            assert!(!OUTSIDE.contains(&used.as_str()), "{name} is sans-IO and must not use {used}");
        }
    }
}

#[test]
fn every_member_takes_the_lints_of_the_workspace() {
    let workspace = manifest(root());
    let members = workspace["workspace"]["members"].as_array().unwrap();
    for member in members.iter().map(|member| member.as_str().unwrap()) {
        let manifest = manifest(&root().join(member));
        let inherited = manifest.get("lints").and_then(|lints| lints.get("workspace")?.as_bool());
        assert_eq!(inherited, Some(true), "{member} needs `[lints] workspace = true`");
    }
}
