//! What was measured, as a page in Markdown.

use std::fmt::Write as _;

use crate::{Cell, Class, Expected, Group, Held, Hold, Measurement, QUICK_TA, Signalling};

/// What the project asks of itself, in milliseconds, at no latency: until data can flow.
const CONNECTED: f64 = 300.0;
/// Until the pair is selected, where it is direct.
const SELECTED_DIRECT: f64 = 300.0;
/// And where it is relayed.
const SELECTED_RELAYED: f64 = 500.0;

/// A way in which two floe peers call each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode {
    /// When they are told of each other.
    pub signalling: Signalling,
    /// Whether they propose [`QUICK_TA`] and not the default.
    pub quick: bool,
}

/// All of them, in the order of the columns.
pub const MODES: [Mode; 4] = [
    Mode { signalling: Signalling::Trickled, quick: false },
    Mode { signalling: Signalling::Gathered, quick: false },
    Mode { signalling: Signalling::Trickled, quick: true },
    Mode { signalling: Signalling::Gathered, quick: true },
];

impl Mode {
    fn name(self) -> String {
        let quick = self.quick.then(|| format!("at {QUICK_TA} ms"));
        let gathered = (self.signalling == Signalling::Gathered).then(|| "gathered first".to_owned());
        let parts: Vec<_> = quick.into_iter().chain(gathered).collect();
        if parts.is_empty() { "floe".to_owned() } else { parts.join(", ") }
    }
}

/// What came of one cell.
#[derive(Debug)]
pub struct Row {
    /// Which.
    pub cell: Cell,
    /// Two floe peers, in each of [`MODES`]; or why it failed.
    pub floe: [Result<Measurement, String>; MODES.len()],
    /// Two aioice agents; `None` where aioice is not there.
    pub aioice: Option<Result<Measurement, String>>,
}

/// All that was measured.
#[derive(Debug)]
pub struct Report {
    /// The cells, in order.
    pub rows: Vec<Row>,
    /// The allocation that was held, if one was.
    pub held: Option<(Hold, Result<Held, String>)>,
}

impl Row {
    /// What came of this one of [`MODES`].
    fn of(&self, mode: usize) -> Option<&Measurement> {
        self.floe.get(mode)?.as_ref().ok()
    }

    /// What is wrong with floe's results, if anything.
    fn faults(&self) -> Vec<String> {
        let faults = MODES.iter().zip(&self.floe).filter_map(|(mode, outcome)| {
            let fault = match outcome {
                Ok(measurement) => self.cell.verdict(measurement).err()?,
                Err(error) => error.clone(),
            };
            Some(format!("{} ({}): {fault}", self.cell.name, mode.name()))
        });
        faults.collect()
    }
}

impl Cell {
    /// Whether the path is of the kind that the place has.
    ///
    /// # Errors
    /// What it is instead.
    pub fn verdict(&self, measurement: &Measurement) -> Result<(), String> {
        let said = measurement.types.iter().any(|(local, remote)| local == "relay" || remote == "relay");
        let said = if said { Class::Relayed } else { Class::Direct };
        match (self.expected, measurement.class) {
            _ if said != measurement.class => Err(format!(
                "data goes over {:?}, and the agents say {:?}",
                measurement.ways, measurement.types
            )),
            (Expected::Direct, Class::Direct) | (Expected::Relayed, Class::Relayed) => Ok(()),
            (expected, class) => {
                Err(format!("{class:?} where {expected:?} is expected, {:?}", measurement.types))
            }
        }
    }
}

impl Report {
    /// What is wrong with floe's results; empty where all is as it should be. Times are not judged.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let held = self.held.iter().filter_map(|(_, outcome)| match outcome {
            Ok(held) if held.lost() == 0 => None,
            Ok(held) => Some(format!("held allocation: {} datagrams were lost", held.lost())),
            Err(error) => Some(format!("held allocation: {error}")),
        });
        self.rows.iter().flat_map(Row::faults).chain(held).collect()
    }

    /// The page.
    #[must_use]
    pub fn page(&self) -> String {
        let mut page = String::from(INTRODUCTION);
        let groups = [
            ("NAT against NAT", Group::Nats),
            ("Other places", Group::Places),
            ("Relays only, over one way to the server", Group::Servers),
        ];
        for (title, group) in groups {
            let rows: Vec<_> = self.rows.iter().filter(|row| row.cell.group == group).collect();
            if !rows.is_empty() {
                let _ = write!(page, "\n## {title}\n\n{}", table(&rows));
            }
        }
        let _ = write!(page, "\n## Above the bounds\n\n{}", self.above());
        if let Some((hold, outcome)) = &self.held {
            let _ = write!(page, "\n## An allocation held\n\n{}", held(hold, outcome));
        }
        page
    }
}

impl Report {
    /// In which cells a time of floe's is above a bound, or there is none because it failed.
    fn above(&self) -> String {
        let line = |(number, mode): (usize, &Mode)| {
            let slow = self.rows.iter().filter(|row| row.of(number).is_none_or(is_slow));
            let names: Vec<_> = slow.map(|row| row.cell.name.as_str()).collect();
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            format!("- {}: {names}\n", mode.name())
        };
        MODES.iter().enumerate().map(line).collect()
    }
}

fn held(hold: &Hold, outcome: &Result<Held, String>) -> String {
    let Hold { seconds, rate, nonce, allocation, permission, channel, .. } = hold;
    let terms = format!(
        "Two peers with relays only, over TURN on UDP, sent {rate} datagrams a second each way for {seconds} s. The server's nonces lasted\n\
         {nonce} s, an allocation {allocation} s at most, a permission {permission} s and a channel {channel} s.\n"
    );
    let result = match outcome {
        Ok(held) => format!("Sent {} each way, lost {}.\n", held.sent, held.lost()),
        Err(_) => "**It failed.**\n".to_owned(),
    };
    terms + &result
}

const INTRODUCTION: &str = "# Through real NATs

Written by `cargo xtask nat-matrix`. Two agents in two network namespaces of one Linux kernel, behind gateways that are rules of
nftables, and coturn as their STUN and TURN server. There is no latency and no loss; what takes time is the agents' own.

Times are in milliseconds, on the slower of the two sides, counted from when both agents had been told the other's credentials.

- **floe**: two `floe peer`. Each is told the other's credentials at once and candidates as they are found, so that its gathering
  counts. `data` is when both were connected: both had a pair that works. `selected` is when both had selected the pair that they kept.
  `packets` is what both hosts sent until then, gathering included, as the kernel counts.
- **floe, gathered first**: the same, told of each other only when both have gathered: what can be compared with aioice.
- **at 10 ms**: both again, with a pacing interval of 10 ms that both propose (RFC 8445 14.2; `floe peer --ta 10`) in place of the
  default of 50 ms.
- **aioice**: two aioice 0.13, which gather before they can begin; that is not counted. It paces its
  checks by 20 ms and agrees on that with nobody. It takes one TURN server, so where UDP is
  blocked it is told the one that works, and TURN over DTLS it does not know. It tells of no pair before it has nominated one: its one time is `selected`.

floe knows of one server what a program does that does not know where it is: STUN, and TURN over UDP, over TCP and over TLS at port 443.
A path is named by the types of the candidates, those of `a` first; a relayed one by the way from the relay's client to the server.
A time above the project's bounds is marked with (!): 300 for data, 300 for a direct pair, 500 for a relayed one.
";

fn table(rows: &[&Row]) -> String {
    let columns = |mode: &Mode| format!(" {}: data | selected | packets |", mode.name());
    let columns: String = MODES.iter().map(columns).collect();
    let mut table = format!("| place | path |{columns} aioice: path | selected | packets |\n|---|---|");
    table += &"--:|".repeat(3 * MODES.len());
    table += "---|--:|--:|\n";
    for row in rows {
        let [first, others @ ..] = &row.floe;
        let others: Vec<_> = others.iter().map(after).collect();
        let _ = writeln!(table, "| {} {} {} {}", row.cell.name, floe(first), others.join(" "), other(row));
    }
    let _ = writeln!(table, "{}", medians(rows));
    table
}

fn floe(outcome: &Result<Measurement, String>) -> String {
    match outcome {
        Ok(it) => format!("| {} {}", path(it), times(it)),
        Err(_) => "| **failed** | | | ".to_owned(),
    }
}

fn after(outcome: &Result<Measurement, String>) -> String {
    outcome.as_ref().map_or_else(|_| "| **failed** | | ".to_owned(), times)
}

fn is_slow(it: &Measurement) -> bool {
    it.connected_ms > CONNECTED || it.selected_ms > selected_bound(it)
}

const fn selected_bound(it: &Measurement) -> f64 {
    match it.class {
        Class::Direct => SELECTED_DIRECT,
        Class::Relayed => SELECTED_RELAYED,
    }
}

fn times(it: &Measurement) -> String {
    let (data, selected) = (time(it.connected_ms, CONNECTED), time(it.selected_ms, selected_bound(it)));
    format!("| {data} | {selected} | {} ", it.packets)
}

fn time(ms: f64, bound: f64) -> String {
    let mark = if ms > bound { " (!)" } else { "" };
    format!("{ms:.0}{mark}")
}

fn other(row: &Row) -> String {
    match &row.aioice {
        Some(Ok(it)) => format!("| {} | {:.0} | {} |", path(it), it.selected_ms, it.packets),
        Some(Err(_)) => "| failed | | |".to_owned(),
        None => "| not run | | |".to_owned(),
    }
}

fn path(it: &Measurement) -> String {
    let (local, remote) = &it.types[0];
    match it.class {
        Class::Direct => format!("direct, {local} to {remote}"),
        Class::Relayed => format!("relayed, {local} to {remote}, {}", it.ways.join(" and ")),
    }
}

fn medians(rows: &[&Row]) -> String {
    #[allow(clippy::cast_precision_loss, reason = "a few hundred packets")]
    let packets: fn(&Measurement) -> f64 = |it| it.packets as f64;
    let mut line = String::from("| **median** | |");
    for mode in 0..MODES.len() {
        let reads: [fn(&Measurement) -> f64; 3] = [|it| it.connected_ms, |it| it.selected_ms, packets];
        for read in reads {
            let _ = write!(line, " {} |", median(rows.iter().filter_map(|row| row.of(mode)).map(read)));
        }
    }
    let aioice = || rows.iter().filter_map(|row| row.aioice.as_ref()?.as_ref().ok());
    let _ = write!(
        line,
        " | {} | {} |",
        median(aioice().map(|it| it.selected_ms)),
        median(aioice().map(packets))
    );
    line
}

fn median(values: impl Iterator<Item = f64>) -> String {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).map_or_else(String::new, |median| format!("{median:.0}"))
}
