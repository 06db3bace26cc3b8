//! The lab itself: that its gateways behave as they are called, that agents meet in it, and that it leaves nothing behind.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test: it reads the environment and says what is missing"
)]

use std::process::ExitCode;

use floe_nat_lab::{
    Behaviour, Dependence, Gateway, Measurement, Programs, Signalling, Task, aioice_python, cells,
    main_inside, missing, missing_aioice, run,
};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    if let Some(code) = main_inside() {
        return code;
    }
    let trials = behaviours().into_iter().chain([aioice()]).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A test that needs a lab: where none can be built it is left out by name, and under CI=true it fails.
fn trial(
    name: String,
    lacks: Option<String>,
    test: impl FnOnce() -> Result<(), Failed> + Send + 'static,
) -> Trial {
    let Some(lacks) = lacks else { return Trial::test(name, test) };
    let strict = std::env::var("CI").is_ok_and(|value| value == "true");
    left_out(name, lacks, strict)
}

fn left_out(name: String, lacks: String, strict: bool) -> Trial {
    eprintln!("{name} cannot run: this machine lacks {lacks}");
    Trial::test(name, move || Err(format!("this machine lacks {lacks}").into())).with_ignored_flag(!strict)
}

fn behaviours() -> Vec<Trial> {
    use Dependence::{Address, AddressAndPort, EndpointIndependent};
    let expected = [
        (Gateway::None, EndpointIndependent, EndpointIndependent),
        (Gateway::FullCone, EndpointIndependent, EndpointIndependent),
        (Gateway::AddressRestricted, EndpointIndependent, Address),
        (Gateway::PortRestricted, EndpointIndependent, AddressAndPort),
        (Gateway::Symmetric, AddressAndPort, AddressAndPort),
        (Gateway::Hairpin, EndpointIndependent, EndpointIndependent),
    ];
    let lacks = missing();
    let trials = expected.into_iter().map(|(gateway, mapping, filtering)| {
        let name = format!("{}_maps_and_filters_as_it_is_called", gateway.name().replace('-', "_"));
        trial(name, lacks.clone(), move || {
            let seen: Behaviour = run(&Task::Observe(gateway))?;
            assert_eq!(seen, Behaviour { mapping: Some(mapping), filtering: Some(filtering) });
            Ok(())
        })
    });
    trials.collect()
}

/// Another agent than floe, so that a lab that works is told from a floe that works.
fn aioice() -> Trial {
    let python = aioice_python();
    let name = "aioice_meets_itself_behind_two_full_cones".to_owned();
    // It is compared with, and nothing of floe rests on it: no machine has to have it.
    if let Some(lacks) = missing_aioice(&python) {
        return left_out(name, lacks, false);
    }
    trial(name, missing(), move || {
        let cell = cells().into_iter().find(|cell| cell.name == "full-cone-x-full-cone").unwrap();
        let programs = [Programs::Aioice(python.clone()), Programs::Aioice(python)];
        let task = Task::Call { cell: Box::new(cell), programs, signalling: Signalling::Gathered };
        // It takes the first pair that works, which is not always the direct one.
        let _: Measurement = run(&task)?;
        Ok(())
    })
}
