//! `cargo xtask nat-matrix` runs this: the whole matrix, and an allocation that is held.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool: it writes a file and prints"
)]

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::Parser as _;
use floe_nat_lab::{Cell, Held, Hold, MODES, Measurement, Mode, Programs, Report, Row, Task};

/// The NAT matrix on real kernels.
#[derive(Debug, clap::Parser)]
struct Options {
    /// The program `floe`.
    #[arg(long)]
    floe: PathBuf,
    /// Only the cells whose name contains this; may be repeated.
    #[arg(long)]
    cell: Vec<String>,
    /// For how many seconds the allocation is held; 0 leaves that out.
    #[arg(long, default_value_t = 120)]
    hold: u64,
    /// How many seconds the server's permissions and channels last meanwhile.
    #[arg(long, default_value_t = 60)]
    permissions: u64,
    /// Where to write the page.
    #[arg(long)]
    write: Option<PathBuf>,
}

fn main() -> ExitCode {
    if let Some(code) = floe_nat_lab::main_inside() {
        return code;
    }
    match measure(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether floe did in every cell what it should.
fn measure(options: &Options) -> anyhow::Result<bool> {
    if let Some(lacks) = floe_nat_lab::missing() {
        anyhow::bail!("this machine lacks {lacks}");
    }
    let floe = Programs::Floe(std::path::absolute(&options.floe)?);
    let python = floe_nat_lab::aioice_python();
    let lacks = floe_nat_lab::missing_aioice(&python);
    if let Some(lacks) = &lacks {
        eprintln!("NOT RUN: aioice; this machine lacks {lacks}");
    }
    let aioice = lacks.is_none().then_some(Programs::Aioice(python));
    let wanted =
        |cell: &Cell| options.cell.is_empty() || options.cell.iter().any(|part| cell.name.contains(part));
    let cells = floe_nat_lab::cells().into_iter().filter(wanted);
    let rows = cells.map(|cell| row(cell, &floe, aioice.as_ref())).collect();
    let held = (options.hold > 0).then(|| hold(&floe, options));
    let report = Report { rows, held };
    let page = report.page();
    println!("{page}");
    if let Some(path) = &options.write {
        std::fs::write(path, &page).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let faults = report.faults();
    faults.iter().for_each(|fault| eprintln!("{fault}"));
    Ok(faults.is_empty())
}

fn row(cell: Cell, floe: &Programs, aioice: Option<&Programs>) -> Row {
    eprintln!("{}", cell.name);
    let call = |programs: &Programs, mode: Mode| {
        let programs = [programs.clone(), programs.clone()];
        let cell = if mode.quick { cell.clone().paced(floe_nat_lab::QUICK_TA) } else { cell.clone() };
        let task = Task::Call { cell: Box::new(cell), programs, signalling: mode.signalling };
        floe_nat_lab::run::<Measurement>(&task).map_err(|error| format!("{error:#}"))
    };
    let [_, gathered, ..] = MODES;
    let calls = MODES.map(|mode| call(floe, mode));
    let aioice = aioice.filter(|_| cell.suits_aioice()).map(|aioice| call(aioice, gathered));
    Row { cell, floe: calls, aioice }
}

fn hold(floe: &Programs, options: &Options) -> (Hold, Result<Held, String>) {
    eprintln!("an allocation is held for {} s", options.hold);
    let hold = Hold::new([floe.clone(), floe.clone()], options.hold).permissions_of(options.permissions);
    let held = floe_nat_lab::run(&Task::Hold(hold.clone()));
    (hold, held.map_err(|error| format!("{error:#}")))
}
