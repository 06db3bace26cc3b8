//! coturn, on two addresses of loopback.

use std::{
    env,
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use floe_stun::{Class, MessageWriter, Method, TransactionId};

/// Who may allocate.
pub(crate) const USER: &str = "ice";
/// Their password.
pub(crate) const PASSWORD: &str = "icepass";

/// A running server, over UDP and TCP. It is killed, and what it wrote removed, when it is dropped.
pub(crate) struct Coturn {
    /// Where it listens; the other address is 127.0.0.2, with the next port.
    pub(crate) at: SocketAddr,
    child: Child,
    folder: PathBuf,
}

impl Coturn {
    /// Starts it. Where coturn is missing the test is skipped by name; where everything is to be tested that is an error.
    #[allow(clippy::print_stdout, reason = "who runs the tests reads what was skipped")]
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = find("turnserver") else {
            let why = "coturn's turnserver is not installed (Debian: apt-get install coturn)";
            assert!(!env::var("CI").is_ok_and(|ci| ci == "true"), "not run: {why}");
            println!("skipped: {}: {why}", thread::current().name().unwrap_or("a test"));
            return None;
        };
        // Another process may take the port that was free a moment ago.
        let started = (0..5).find_map(|_| Self::try_start(&program));
        Some(started.expect("turnserver does not answer"))
    }

    fn try_start(program: &PathBuf) -> Option<Self> {
        let at = free_port();
        let folder = env::temp_dir().join(format!("floe-coturn-{}-{}", std::process::id(), at.port()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut command = Command::new(program);
        command.args(["-n", "--no-cli", "--log-file", "stdout", "-L", "127.0.0.1", "-L", "127.0.0.2"]);
        command.args(["-E", "127.0.0.1", "-p", &at.port().to_string(), "--no-tls", "--no-dtls"]);
        command.args(["-a", "-u", &format!("{USER}:{PASSWORD}"), "-r", "lab.test", "--fingerprint"]);
        command.args(["--no-multicast-peers", "--allow-loopback-peers"]);
        command.arg("--pidfile").arg(folder.join("pid")).arg("--userdb").arg(folder.join("users"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let server = Self { at, child, folder };
        server.answers().then_some(server)
    }

    /// Asks until it answers, or for so long that it never will.
    fn answers(&self) -> bool {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let mut buffer = [0; 1_500];
        (0..50).any(|number| {
            let id = TransactionId::new([number; 12]);
            let length =
                MessageWriter::new(&mut buffer, Class::Request, Method::BINDING, id).unwrap().finish();
            let sent = socket.send_to(&buffer[..length], self.at);
            let answered = sent.is_ok() && socket.recv_from(&mut buffer).is_ok();
            answered && TcpStream::connect(self.at).is_ok()
        })
    }
}

impl Drop for Coturn {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn find(program: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// A port that is free, also over TCP, as the next one is.
fn free_port() -> SocketAddr {
    loop {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let at = socket.local_addr().unwrap();
        let next = at.port().checked_add(1).map(|port| SocketAddr::new(at.ip(), port));
        let streams = TcpListener::bind(at).is_ok();
        if streams && next.is_some_and(|next| UdpSocket::bind(next).is_ok()) {
            return at;
        }
    }
}
