//! One file a command.

mod affected;
mod audit;
mod check;
mod decide;
mod deploy;
mod doctor;
mod due;
mod evidence;
mod explain;
mod init;
mod key;
mod publish;
mod rehearse;
mod retention;
mod run;
mod sbom;
mod sbom_diff;
mod sbom_validate;
mod scan;
mod selftest;
mod serve;
mod verify;
mod vex;

use anyhow::bail;

use crate::{
    cli::{Arguments, Command},
    exit::{Exit, Usage},
    output::Output,
};

/// Does what was asked for.
pub(crate) fn dispatch(arguments: &Arguments, output: &Output) -> anyhow::Result<Exit> {
    let global = &arguments.global;
    refuse_as_of(arguments)?;
    match &arguments.command {
        Command::Init(arguments) => init::init(global, output, arguments),
        Command::Doctor => doctor::doctor(global, output),
        Command::Run(arguments) => run::run(global, output, arguments),
        Command::Sbom(arguments) => sbom::sbom(global, output, arguments),
        Command::Audit(arguments) => audit::audit(global, output, arguments),
        Command::Scan(arguments) => scan::scan(global, output, arguments),
        Command::Affected(arguments) => affected::affected(global, output, arguments),
        Command::Vex { command } => vex::vex(global, output, command),
        Command::Deploy { command } => deploy::deploy(global, output, command),
        Command::Retention { command } => retention::retention(global, output, command),
        Command::Check(arguments) => check::check(global, output, arguments),
        Command::Explain { id } => explain::explain(global, output, id.as_deref()),
        Command::Selftest { json } => selftest::selftest(global, output, *json),
        Command::Waive(arguments) => decide::waive(global, output, arguments),
        Command::Attest(arguments) => decide::attest(global, output, arguments),
        Command::Approve(arguments) => decide::approve(global, output, arguments),
        Command::Due { within, baseline } => due::due(global, output, *within, baseline),
        Command::Evidence { command } => evidence::evidence(global, output, command),
        Command::Key { command } => key::key(global, output, command),
        Command::Site { output: folder } => publish::preview(global, output, folder),
        Command::Publish { destination } => publish::publish(global, output, destination.as_deref()),
        Command::Verify(arguments) => verify::verify(global, output, arguments),
        Command::Serve(arguments) => serve::serve(global, output, arguments),
    }
}

/// Collecting, deleting, recording and publishing happen now; nothing can be seen as of another time.
fn refuse_as_of(arguments: &Arguments) -> anyhow::Result<()> {
    let judges = matches!(
        arguments.command,
        Command::Check(_)
            | Command::Site { .. }
            | Command::Due { .. }
            | Command::Verify(_)
            | Command::Explain { .. }
            | Command::Affected(_)
            | Command::Vex { .. }
    );
    if arguments.global.as_of.is_some() && !judges {
        bail!(Usage("--as-of judges and renders the record; this command works by the clock".to_owned()));
    }
    Ok(())
}
