//! coturn, in the server's namespace.

use std::{
    fs::{self, File},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

use crate::{
    commands::{feed, inside, program},
    topology::{Families, SERVER},
};

/// Where a lab's files are: in the lab's own `/run`.
pub(crate) const FOLDER: &str = "/run/lab";
/// The certificate that agents trust.
pub(crate) const AUTHORITY: &str = "/run/lab/ca.pem";
pub(crate) const USER: &str = "lab";
pub(crate) const PASSWORD: &str = "lab-password";
const LOG: &str = "/run/lab/coturn.log";

/// The server's first addresses: plain at 3478, TLS and DTLS at 5349.
const FIRST: [&str; 2] = ["198.51.100.10", "2001:db8:100::10"];
/// Its second ones, which have port 443, too.
const SECOND: [&str; 2] = ["198.51.100.11", "2001:db8:100::11"];

/// Nothing here takes as long, unless it hangs.
const START_LIMIT: Duration = Duration::from_secs(20);

/// A way to the server: the URL's scheme and transport, and which address and port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum Service {
    Stun,
    Udp,
    Tcp,
    Tls,
    Dtls,
    Tls443,
    Tcp443,
}

impl Service {
    /// Whether its certificate is looked at.
    pub(crate) const fn is_encrypted(self) -> bool {
        matches!(self, Self::Tls | Self::Dtls | Self::Tls443)
    }

    /// Its URL (RFC 7064, RFC 7065), for a host that has IPv6 only if `v6`.
    pub(crate) fn url(self, v6: bool) -> String {
        let address = |addresses: [&str; 2]| match addresses {
            [_, six] if v6 => format!("[{six}]"),
            [four, _] => four.to_owned(),
        };
        match self {
            Self::Stun => format!("stun:{}:3478", address(FIRST)),
            Self::Udp => format!("turn:{}:3478?transport=udp", address(FIRST)),
            Self::Tcp => format!("turn:{}:3478?transport=tcp", address(FIRST)),
            Self::Tls => format!("turns:{}:5349?transport=tcp", address(FIRST)),
            Self::Dtls => format!("turns:{}:5349?transport=udp", address(FIRST)),
            Self::Tls443 => format!("turns:{}:443?transport=tcp", address(SECOND)),
            Self::Tcp443 => format!("turn:{}:443?transport=tcp", address(SECOND)),
        }
    }
}

impl Families {
    pub(crate) const fn needs_v6_servers(self) -> bool {
        matches!(self, Self::V6)
    }
}

/// Starts it and waits until it answers.
///
/// # Errors
/// When it does not start; its log is in the error.
pub(crate) fn start(options: &[String]) -> anyhow::Result<Child> {
    fs::create_dir_all(FOLDER)?;
    certificates()?;
    let log = File::create(LOG)?;
    let mut command = inside(SERVER, "turnserver");
    command.args([
        "-n",
        "--no-cli",
        "--log-file",
        "stdout",
        "--simple-log",
        "--fingerprint",
        "--no-multicast-peers",
    ]);
    for address in FIRST.iter().chain(&SECOND[..1]) {
        command.args(["--listening-ip", address]);
    }
    for address in FIRST {
        command.args(["--relay-ip", address]);
    }
    for address in [format!("{}:443", SECOND[0]), format!("[{}]:443", SECOND[1])] {
        command.args(["--aux-server", &address]);
    }
    command.args([
        "--listening-port",
        "3478",
        "--tls-listening-port",
        "5349",
        "--lt-cred-mech",
        "--realm",
        "lab.test",
    ]);
    command.args(["--user", &format!("{USER}:{PASSWORD}"), "--min-port", "49152", "--max-port", "50151"]);
    command.args(["--cert", "/run/lab/server.pem", "--pkey", "/run/lab/server.key"]);
    command.args(["--userdb", "/run/lab/coturn.db", "--pidfile", "/run/lab/coturn.pid"]).args(options);
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    let mut child = command.spawn().context("cannot start turnserver")?;
    wait_until_it_answers(&mut child)?;
    Ok(child)
}

fn wait_until_it_answers(child: &mut Child) -> anyhow::Result<()> {
    let started = Instant::now();
    while !crate::behaviour::answers(SERVER, "198.51.100.11:0", "198.51.100.10:3478")? {
        if let Some(status) = child.try_wait()? {
            bail!("turnserver ended with {status}:\n{}", log());
        }
        if started.elapsed() > START_LIMIT {
            bail!("turnserver does not answer:\n{}", log());
        }
    }
    Ok(())
}

/// What it has said so far.
pub(crate) fn log() -> String {
    fs::read_to_string(LOG).unwrap_or_default()
}

/// An authority, and a server's certificate by it.
fn certificates() -> anyhow::Result<()> {
    const KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let names: Vec<_> = FIRST.iter().chain(&SECOND).map(|address| format!("IP:{address}")).collect();
    let names = format!("subjectAltName=DNS:turn.lab.test,{}", names.join(","));
    let mut authority = program("openssl");
    authority.args(["req", "-x509"]).args(KEY).args(["-days", "30", "-subj", "/CN=floe lab authority"]);
    authority.args(["-keyout", "/run/lab/ca.key", "-out", AUTHORITY]);
    feed(&mut authority, "")?;
    let mut server = program("openssl");
    server.args(["req", "-x509"]).args(KEY).args(["-days", "20", "-subj", "/CN=turn.lab.test"]);
    server.args(["-CA", AUTHORITY, "-CAkey", "/run/lab/ca.key", "-addext", &names]);
    server.args(["-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth"]);
    server.args(["-keyout", "/run/lab/server.key", "-out", "/run/lab/server.pem"]);
    feed(&mut server, "").map(drop)
}
