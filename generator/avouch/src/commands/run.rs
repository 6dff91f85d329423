//! `avouch run`: the whole job.

use std::fmt::Write as _;

use crate::{
    cli::{Global, Run},
    exit::Exit,
    output::{Output, plain},
    pipeline,
    project::Project,
    summary,
};

/// Does the whole job and says how everything stands.
pub(crate) fn run(global: &Global, output: &Output, arguments: &Run) -> anyhow::Result<Exit> {
    let project = Project::load(global, output)?;
    let asked = pipeline::Asked {
        release: arguments.release.as_deref(),
        purge: arguments.purge,
        publish: !arguments.no_publish,
        owned: arguments.owning.i_own_this,
    };
    let done = pipeline::run(&project, output, asked)?;
    if arguments.json {
        output.result(&format!("{}\n", serde_json::to_string_pretty(&done.assessment)?))?;
    } else {
        let mut text = summary::assessment(output, &done.assessment, &project.catalogue);
        let _ = match &done.published {
            Some(published) => {
                writeln!(text, "Site: {} ({} log entries)", plain(&project.configuration.site.out), published.checkpoint.size)
            }
            None => writeln!(text, "Site: as it was; `avouch publish` puts it out"),
        };
        output.result(&text)?;
    }
    let exit = Exit::from(done.assessment.gate.verdict);
    // An SBOM is part of the job, whatever the gate asks for.
    Ok(if done.is_lacking && exit == Exit::Satisfied { Exit::CouldNotTell } else { exit })
}
