//! Hosts, gateways and the internet between them.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::{
    commands::{feed, inside, load_rules, program},
    gateway::Gateway,
};

const COUNT_HOST: &str = include_str!("nft/count-host.nft");
const COUNT_SERVER: &str = include_str!("nft/count-server.nft");

/// Applied to each namespace before it has links: addresses are usable at once, and nobody waits for routers.
const SETTINGS: &str =
    "cd /proc/sys/net/ipv6/conf/default && echo 0 > accept_dad && echo 0 > router_solicitations";
const LINK_LIMIT: Duration = Duration::from_secs(10);
const LINK_POLL: Duration = Duration::from_millis(20);
const FORWARD: &str =
    "echo 1 > /proc/sys/net/ipv4/ip_forward && echo 1 > /proc/sys/net/ipv6/conf/all/forwarding";

/// The IP versions that a host has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Families {
    V4,
    V6,
    Both,
}

impl Families {
    const fn has_v4(self) -> bool {
        matches!(self, Self::V4 | Self::Both)
    }

    const fn has_v6(self) -> bool {
        matches!(self, Self::V6 | Self::Both)
    }
}

/// How one host reaches the internet.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Access {
    pub(crate) gateway: Gateway,
    /// A second NAT behind the first: the carrier's.
    pub(crate) carrier: Option<Gateway>,
    pub(crate) families: Families,
}

/// Where the two hosts are.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Plan {
    /// Each behind its own gateway.
    Apart([Access; 2]),
    /// Both behind this one, on links of their own.
    Together(Gateway),
}

/// The names of the two hosts' namespaces.
pub(crate) const HOSTS: [&str; 2] = ["a", "b"];
/// The server's namespace.
pub(crate) const SERVER: &str = "server";

/// A site's numbers: its public network is its own, and so are the private ones behind it.
#[derive(Debug, Clone, Copy)]
struct Site {
    name: &'static str,
    number: u8,
}

const SITES: [Site; 2] = [Site { name: "a", number: 1 }, Site { name: "b", number: 2 }];

impl Site {
    /// Its address on the internet, and that of the internet's router on the same link.
    fn outside(self) -> (String, String) {
        let first = self.number * 16;
        (format!("203.0.113.{}", first + 2), format!("203.0.113.{}", first + 1))
    }

    /// The networks behind the gateway: private, or with addresses of the internet.
    fn inside(self, public: bool) -> (String, String) {
        if public {
            let first = self.number * 16;
            return (format!("192.0.2.{}", first + 2), format!("192.0.2.{}", first + 1));
        }
        (format!("10.0.{}.2", self.number), format!("10.0.{}.1", self.number))
    }

    fn outside6(self) -> (String, String) {
        (format!("2001:db8:{}::2", self.number), format!("2001:db8:{}::1", self.number))
    }

    fn inside6(self) -> (String, String) {
        (format!("2001:db8:{}:1::2", self.number), format!("2001:db8:{}:1::1", self.number))
    }
}

/// Builds everything but the server program.
///
/// # Errors
/// When a program of the system refuses, with what it said.
pub(crate) fn build(plan: Plan) -> anyhow::Result<()> {
    let mut lab = Batch::default();
    lab.internet();
    match plan {
        Plan::Apart(accesses) => {
            for (site, access) in SITES.into_iter().zip(accesses) {
                lab.site(site, access);
            }
        }
        Plan::Together(_) => lab.shared(),
    }
    lab.run()?;
    for host in HOSTS {
        load_rules(host, COUNT_HOST)?;
    }
    load_rules(SERVER, COUNT_SERVER)?;
    match plan {
        Plan::Apart(accesses) => {
            SITES.into_iter().zip(accesses).try_for_each(|(site, access)| translate(site, access))
        }
        Plan::Together(gateway) => load_rules("gw-a", &gateway.rules(&SITES[0].outside().0)),
    }
}

fn translate(site: Site, access: Access) -> anyhow::Result<()> {
    let (outside, _) = site.outside();
    let wan = match access.carrier {
        Some(carrier) => {
            load_rules(&format!("cgn-{}", site.name), &carrier.rules(&outside))?;
            carrier_lan(site).0
        }
        None => outside,
    };
    load_rules(&format!("gw-{}", site.name), &access.gateway.rules(&wan))
}

/// The link between a home's gateway and its carrier's: the address of each (RFC 6598).
fn carrier_lan(site: Site) -> (String, String) {
    (format!("100.64.{}.2", site.number), format!("100.64.{}.1", site.number))
}

/// The commands for `ip`, gathered so that few processes run them.
#[derive(Debug, Default)]
struct Batch {
    namespaces: Vec<String>,
    routers: Vec<String>,
    links: String,
    /// What is set up in each namespace, in order.
    within: BTreeMap<String, String>,
}

impl Batch {
    fn namespace(&mut self, name: &str) {
        self.namespaces.push(name.to_owned());
        self.within(name, "link set lo up");
    }

    fn router(&mut self, name: &str) {
        self.namespace(name);
        self.routers.push(name.to_owned());
    }

    fn within(&mut self, namespace: &str, line: &str) {
        let text = self.within.entry(namespace.to_owned()).or_default();
        let _ = writeln!(text, "{line}");
    }

    /// A link between two namespaces: in each the name of its end, and the addresses there.
    fn link(&mut self, ends: [(&str, &str, &[String]); 2]) {
        let [(left, left_name, _), (right, right_name, _)] = ends;
        let _ = writeln!(
            self.links,
            "link add name {left_name} netns {left} type veth peer name {right_name} netns {right}"
        );
        for (namespace, name, addresses) in ends {
            for address in addresses {
                self.within(namespace, &format!("address add {address} dev {name}"));
            }
            self.within(namespace, &format!("link set {name} up"));
        }
    }

    fn default_route(&mut self, namespace: &str, via: &str) {
        self.within(namespace, &format!("route add default via {via}"));
    }

    /// The router in the middle and the server's host. Private addresses lead nowhere from there, as on the internet.
    fn internet(&mut self) {
        self.router("inet");
        self.namespace(SERVER);
        let server = ["198.51.100.10/24", "198.51.100.11/24", "2001:db8:100::10/64", "2001:db8:100::11/64"];
        let router = ["198.51.100.1/24", "2001:db8:100::1/64"];
        self.link([
            ("inet", "server", &router.map(str::to_owned)),
            (SERVER, "eth0", &server.map(str::to_owned)),
        ]);
        self.default_route(SERVER, "198.51.100.1");
        self.default_route(SERVER, "2001:db8:100::1");
        for private in ["10.0.0.0/8", "100.64.0.0/10"] {
            self.within("inet", &format!("route add blackhole {private}"));
        }
    }

    fn site(&mut self, site: Site, access: Access) {
        let gateway = format!("gw-{}", site.name);
        self.router(&gateway);
        self.namespace(site.name);
        self.uplink(site, &gateway, access.carrier.is_some());
        self.lan(site, &gateway, "lan", access);
        if access.gateway.is_public() {
            let network = format!("192.0.2.{}/28", site.number * 16);
            self.within("inet", &format!("route add {network} via {}", site.outside().0));
        }
    }

    /// What lies between a gateway and the internet: a link, or a carrier's NAT. IPv6 goes around no NAT, so a carrier
    /// here carries IPv4 only.
    fn uplink(&mut self, site: Site, gateway: &str, carrier: bool) {
        let (outside, next) = site.outside();
        let port = format!("to-{}", site.name);
        if carrier {
            let cgn = format!("cgn-{}", site.name);
            self.router(&cgn);
            self.link([("inet", &port, &[format!("{next}/28")]), (&cgn, "wan", &[format!("{outside}/28")])]);
            let (home, carrier) = carrier_lan(site);
            self.link([(&cgn, "lan", &[format!("{carrier}/24")]), (gateway, "wan", &[format!("{home}/24")])]);
            self.default_route(&cgn, &next);
            self.default_route(gateway, &carrier);
            return;
        }
        let (outside6, next6) = site.outside6();
        self.link([
            ("inet", &port, &[format!("{next}/28"), format!("{next6}/64")]),
            (gateway, "wan", &[format!("{outside}/28"), format!("{outside6}/64")]),
        ]);
        self.default_route(gateway, &next);
        self.default_route(gateway, &next6);
        self.within("inet", &format!("route add 2001:db8:{}:1::/64 via {outside6}", site.number));
    }

    /// A host's link to its gateway.
    fn lan(&mut self, site: Site, gateway: &str, port: &str, access: Access) {
        let public = access.gateway.is_public();
        let (host, router) = site.inside(public);
        let (host6, router6) = site.inside6();
        let length = if public { 28 } else { 24 };
        let mut ends = [Vec::new(), Vec::new()];
        if access.families.has_v4() {
            ends[0].push(format!("{host}/{length}"));
            ends[1].push(format!("{router}/{length}"));
        }
        if access.families.has_v6() {
            ends[0].push(format!("{host6}/64"));
            ends[1].push(format!("{router6}/64"));
        }
        self.link([(site.name, "eth0", &ends[0]), (gateway, port, &ends[1])]);
        if access.families.has_v4() {
            self.default_route(site.name, &router);
        }
        if access.families.has_v6() {
            self.default_route(site.name, &router6);
        }
    }

    /// Both hosts behind the first site's gateway.
    fn shared(&mut self) {
        let [first, _] = SITES;
        let gateway = format!("gw-{}", first.name);
        self.router(&gateway);
        self.uplink(first, &gateway, false);
        let access = Access { gateway: Gateway::Hairpin, carrier: None, families: Families::V4 };
        for site in SITES {
            self.namespace(site.name);
            self.lan(site, &gateway, &format!("lan-{}", site.name), access);
        }
    }

    fn run(self) -> anyhow::Result<()> {
        let names: String = self.namespaces.iter().map(|name| format!("netns add {name}\n")).collect();
        feed(program("ip").args(["-batch", "-"]), &names).context("namespaces")?;
        for name in &self.namespaces {
            let forward = if self.routers.contains(name) { format!(" && {FORWARD}") } else { String::new() };
            feed(inside(name, "sh").args(["-c", &format!("{SETTINGS}{forward}")]), "").context("settings")?;
        }
        feed(program("ip").args(["-batch", "-"]), &self.links).context("links")?;
        for (name, lines) in &self.within {
            feed(inside(name, "ip").args(["-batch", "-"]), lines)
                .with_context(|| format!("inside {name}"))?;
        }
        self.namespaces.iter().try_for_each(|name| await_links(name))
    }
}

/// The kernel takes up to a second to see that the other end of a link is up, and knows no neighbour before.
fn await_links(namespace: &str) -> anyhow::Result<()> {
    let until = Instant::now() + LINK_LIMIT;
    loop {
        let links = feed(inside(namespace, "ip").args(["-oneline", "link", "show", "type", "veth"]), "")?;
        if links.lines().all(|link| link.contains(" state UP ")) {
            return Ok(());
        }
        anyhow::ensure!(Instant::now() < until, "a link of {namespace} does not come up:\n{links}");
        thread::sleep(LINK_POLL);
    }
}

/// What a counter has seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Count {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
}

/// The counters of a namespace, by name.
pub(crate) fn counters(namespace: &str) -> anyhow::Result<BTreeMap<String, Count>> {
    let text = feed(inside(namespace, "nft").args(["-j", "list", "counters"]), "")?;
    let list: serde_json::Value = serde_json::from_str(&text).context("nft lists no counters")?;
    let entries =
        list.get("nftables").and_then(|list| list.as_array()).context("nft lists something else")?;
    let counters = entries.iter().filter_map(|entry| entry.get("counter"));
    let read = |counter: &serde_json::Value| {
        let number = |name: &str| counter.get(name)?.as_u64();
        let count = Count { packets: number("packets")?, bytes: number("bytes")? };
        Some((counter.get("name")?.as_str()?.to_owned(), count))
    };
    Ok(counters.filter_map(read).collect())
}
