//! What a machine needs for the lab.

use std::process::Stdio;

use crate::{commands::program, isolate::isolated};

/// The programs, and the package that has them in Debian.
const PROGRAMS: [(&str, &str); 6] = [
    ("unshare", "util-linux"),
    ("nsenter", "util-linux"),
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("turnserver", "coturn"),
    ("openssl", "openssl"),
];

/// Tries all that a lab does to the kernel.
const TRIAL: &str =
    "nft list tables && ip netns add trial && ip link add name t0 type veth peer name t1 netns trial";

/// What this machine lacks for a lab, in words; `None` where a lab can be built.
#[must_use]
pub fn missing() -> Option<String> {
    let absent = PROGRAMS.iter().find(|(name, _)| !is_there(name));
    if let Some((name, package)) = absent {
        return Some(format!("the program {name} (in Debian the package {package})"));
    }
    let mut trial = isolated("sh");
    trial.args(["-c", TRIAL]).stdin(Stdio::null()).stdout(Stdio::null());
    match trial.output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!(
            "the right to make network namespaces, links and rules (CAP_SYS_ADMIN and CAP_NET_ADMIN, or user namespaces): {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Err(error) => Some(format!("unshare: {error}")),
    }
}

fn is_there(name: &str) -> bool {
    let mut look = program("sh");
    look.args(["-c", &format!("command -v {name}")]).stdin(Stdio::null()).stdout(Stdio::null());
    look.status().is_ok_and(|status| status.success())
}

/// The Python that has aioice: named by `FLOE_AIOICE_PYTHON`, or else the usual one.
#[must_use]
pub fn aioice_python() -> String {
    std::env::var("FLOE_AIOICE_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

/// What this Python lacks for driving aioice, in words.
#[must_use]
pub fn missing_aioice(python: &str) -> Option<String> {
    let mut import = program(python);
    import.args(["-c", "import aioice"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if import.status().is_ok_and(|status| status.success()) {
        return None;
    }
    Some(format!("aioice for {python} (pip install aioice; FLOE_AIOICE_PYTHON names the Python that has it)"))
}
