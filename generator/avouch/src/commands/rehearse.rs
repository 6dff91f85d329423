//! `avouch check --dry-run`: every request that the checks would send, and none sent.

use std::{collections::BTreeSet, fmt::Write as _};

use anyhow::Context as _;
use avouch_model::{catalogue::Asked, product::ProbeClass};
use avouch_probe::{PROOF_PATH, Prober, Rehearsed};

use crate::{
    exit::Exit,
    output::{Output, plain},
    pipeline::collecting::{self, Beside},
    project::Project,
};

/// Prints what would be sent, check by check.
pub(crate) fn rehearse(project: &Project, output: &Output, beside: &Beside<'_>, asked: &[Asked]) -> anyhow::Result<Exit> {
    let mut text = String::new();
    let (mut checks, mut requests) = (0_usize, 0_usize);
    let mut intruded = BTreeSet::new();
    for each in asked.iter().filter(|asked| collecting::asks_a_target(asked)) {
        let (target, rehearsed, why) = collecting::rehearse(project, output, beside, each)
            .with_context(|| format!("cannot rehearse `{}`", each.check.id))?;
        checks += 1;
        let _ = writeln!(text, "{} ({}) at {}", output.strong(&plain(&each.check.id)), plain(&each.check.kind), plain(&target));
        for line in together(&rehearsed) {
            requests += line.times;
            if line.class == ProbeClass::Intrusive {
                intruded.insert(target.clone());
            }
            let _ = writeln!(text, "  {}", plain(&line.to_string()));
        }
        for why in why {
            let _ =
                writeln!(text, "  {}", output.faint(&format!("here it would need more than a rehearsal has: {}", plain(&why))));
        }
    }
    for (name, target) in &project.configuration.targets {
        if let Some(from) = &target.release_from {
            let _ = writeln!(text, "passive GET {} as nobody, once in a run, at {}", plain(&from.path), plain(name));
        }
        if intruded.contains(name) && Prober::rehearsing(target, 1)?.wants_proof() {
            let _ = writeln!(text, "passive GET {PROOF_PATH} as nobody, once in a run, at {}", plain(name));
            if !beside.owned {
                let _ = writeln!(text, "Nothing intrusive is sent to {} without --i-own-this.", plain(name));
            }
        }
    }
    let _ = writeln!(
        text,
        "{checks} checks would send {requests} requests: those that share a measurement make it once, and what follows from an answer is \
         shown as if all went well. Nothing was sent."
    );
    output.result(&text)?;
    Ok(Exit::Satisfied)
}

/// The same request of one check once, with how often it is sent, in the order in which they first appear.
fn together(rehearsed: &[Rehearsed]) -> Vec<Rehearsed> {
    let mut all: Vec<Rehearsed> = Vec::new();
    for each in rehearsed {
        match all.iter_mut().find(|known| known.class == each.class && known.request == each.request) {
            Some(known) => known.times += each.times,
            None => all.push(each.clone()),
        }
    }
    all
}
