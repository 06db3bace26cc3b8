//! Two `floe peer` behind real NATs, in every cell of the matrix that `cargo xtask nat-matrix` measures; and `floe nat` behind
//! each kind of NAT.
//!
//! Each must connect, directly where two hosts can reach each other and by a relay where they cannot. How long it takes
//! is not judged here.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a test: it reads the environment and says what is missing"
)]

use std::process::ExitCode;

use floe_nat_lab::{
    Cell, Gateway, Hold, Measurement, Programs, Restarted, Signalling, Task, cells, main_inside, missing, run,
};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    if let Some(code) = main_inside() {
        return code;
    }
    let lacks = missing();
    let mut trials: Vec<_> = cells().into_iter().map(|cell| connects(cell, lacks.as_deref())).collect();
    trials.push(trial("a_server_that_was_restarted_under_a_call".to_owned(), lacks.as_deref(), || {
        run::<Restarted>(&Task::Restart([floe(), floe()]))?;
        Ok(())
    }));
    trials.extend(behaviours(lacks.as_deref()));
    trials.push(trial(
        "an_allocation_is_held_while_nonces_and_permissions_end".to_owned(),
        lacks.as_deref(),
        || held(Hold::new([floe(), floe()], SHORT).permissions_of(30)),
    ));
    // It takes two minutes, and runs by its name: `cargo test -p floe-cli --test nat_matrix -- --ignored held`.
    trials.push(
        Trial::test("an_allocation_is_held_over_short_lifetimes", || held(Hold::new([floe(), floe()], 120)))
            .with_ignored_flag(true),
    );
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn floe() -> Programs {
    Programs::Floe(env!("CARGO_BIN_EXE_floe").into())
}

fn connects(cell: Cell, lacks: Option<&str>) -> Trial {
    trial(cell.name.replace('-', "_"), lacks, move || {
        let programs = [floe(), floe()];
        let task = Task::Call { cell: Box::new(cell.clone()), programs, signalling: Signalling::Trickled };
        let measurement: Measurement = run(&task)?;
        Ok(cell.verdict(&measurement)?)
    })
}

/// What `floe nat` says of each gateway, and what that means for a call.
fn behaviours(lacks: Option<&str>) -> Vec<Trial> {
    const NONE: &str = "endpoint-independent";
    const ADDRESS: &str = "address-dependent";
    const BOTH: &str = "address-and-port-dependent";
    let expected = [
        (Gateway::FullCone, NONE, NONE),
        (Gateway::AddressRestricted, NONE, ADDRESS),
        (Gateway::PortRestricted, NONE, BOTH),
        (Gateway::Symmetric, BOTH, BOTH),
    ];
    let trials = expected.into_iter().map(|(gateway, mapping, filtering)| {
        let name = format!("floe_nat_behind_{}", gateway.name().replace('-', "_"));
        trial(name, lacks, move || {
            let report: serde_json::Value = run(&Task::Tell(env!("CARGO_BIN_EXE_floe").into(), gateway))?;
            let said = ["/mapping/value", "/filtering/value"]
                .map(|at| report.pointer(at).and_then(serde_json::Value::as_str));
            assert_eq!(said, [Some(mapping), Some(filtering)], "{report}");
            Ok(())
        })
    });
    trials.collect()
}

/// A test in a lab. Where none can be built it is left out by name, and under CI=true it fails.
fn trial(
    name: String,
    lacks: Option<&str>,
    test: impl FnOnce() -> Result<(), Failed> + Send + 'static,
) -> Trial {
    let Some(lacks) = lacks.map(|lacks| format!("this machine lacks {lacks}")) else {
        return Trial::test(name, test);
    };
    let strict = std::env::var("CI").is_ok_and(|value| value == "true");
    eprintln!("{name} cannot run: {lacks}");
    Trial::test(name, move || Err(lacks.into())).with_ignored_flag(!strict)
}

/// For how long nonces of 20 s are outlived, and permissions and channels of 30 s.
const SHORT: u64 = 45;

fn held(hold: Hold) -> Result<(), Failed> {
    let held: floe_nat_lab::Held = run(&Task::Hold(hold))?;
    if held.lost() == 0 {
        Ok(())
    } else {
        Err(format!("{} datagrams were lost: {held:?}", held.lost()).into())
    }
}
