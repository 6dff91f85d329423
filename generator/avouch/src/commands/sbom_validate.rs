//! `avouch sbom validate`: is a BOM what it says it is?

use std::fs;

use avouch_sbom::Verdict;
use camino::{Utf8Path, Utf8PathBuf};

use crate::{
    cli::Global,
    exit::Exit,
    output::{Output, plain},
};

/// The largest BOM that is read.
pub(super) const BOM_BYTES_MAX: u64 = 256 << 20;

/// Schema and references of each BOM: 0 when all are valid, 1 when one is not, 3 when nothing can be told of one.
pub(crate) fn validate(global: &Global, output: &Output, files: &[Utf8PathBuf]) -> anyhow::Result<Exit> {
    let (mut invalid, mut unread) = (false, false);
    let mut text = String::new();
    for file in files {
        let shown = plain(file.as_str());
        match judged(&global.directory.join(file)) {
            Ok(Verdict::Valid(what)) => text.push_str(&format!("{shown}: valid {}\n", plain(&what))),
            Ok(Verdict::Invalid(faults)) => {
                for fault in &faults {
                    let place = if fault.place.is_empty() { "/" } else { &fault.place };
                    text.push_str(&format!("{shown}: {}: {}\n", plain(place), plain(&fault.message)));
                }
                invalid = true;
            }
            Ok(Verdict::Unknown(why)) => {
                text.push_str(&format!("{shown}: not checked: {}\n", plain(&why)));
                unread = true;
            }
            Err(why) => {
                text.push_str(&format!("{shown}: not read: {}\n", plain(&why)));
                unread = true;
            }
        }
    }
    output.result(&text)?;
    Ok(if invalid {
        Exit::NotSatisfied
    } else if unread {
        Exit::CouldNotTell
    } else {
        Exit::Satisfied
    })
}

fn judged(path: &Utf8Path) -> Result<Verdict, String> {
    let size = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > BOM_BYTES_MAX {
        return Err(format!("it has more than {BOM_BYTES_MAX} bytes"));
    }
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    Ok(avouch_sbom::judge(&bytes))
}
