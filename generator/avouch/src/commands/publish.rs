//! `avouch site` and `avouch publish`: the pages without and with a checkpoint.

use std::fs;

use anyhow::{Context as _, bail};
use camino::Utf8Path;

use crate::{
    cli::Global,
    exit::{Exit, Usage},
    output::{Output, plain},
    pipeline::{publishing, record},
    project::Project,
};

/// A file that says that a folder is a preview, so that the next preview may replace it.
const MARK: &str = ".avouch-preview";

/// Renders a preview. It has no checkpoint, so nobody can take it for a publication.
pub(crate) fn preview(global: &Global, output: &Output, folder: &Utf8Path) -> anyhow::Result<Exit> {
    let project = Project::load(global, output)?;
    let ledger = record::open_if_any(&project)?;
    // A preview needs no secret: without a key it shows none.
    let key = record::signer(&project).map_or_else(|_| String::new(), |signer| signer.vkey().to_string());
    let folder = project.root.join(folder);
    if folder.exists() {
        let empty = folder.read_dir().map(|mut entries| entries.next().is_none()).unwrap_or(false);
        if !empty && !folder.join(MARK).is_file() {
            bail!(Usage(format!("`{folder}` holds something that is no preview of avouch; name an empty folder")));
        }
        fs::remove_dir_all(&folder).with_context(|| format!("cannot replace `{folder}`"))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder `{folder}`"))?;
    fs::write(folder.join(MARK), "").with_context(|| format!("cannot write to `{folder}`"))?;
    let site = publishing::Site::of(&project, ledger.as_ref(), &key, global.as_of)?;
    let mut pages = 0u64;
    site.write(&mut |path, bytes| {
        let file = folder.join(path);
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent)?;
        }
        pages += 1;
        fs::write(file, bytes)
    })
    .with_context(|| format!("cannot write to `{folder}`"))?;
    let policy = site.security_md();
    if let Some(policy) = &policy {
        fs::write(folder.join("SECURITY.md"), policy).with_context(|| format!("cannot write to `{folder}`"))?;
    }
    let and = if policy.is_some() { ", and SECURITY.md for the repository" } else { "" };
    output.result(&format!("{pages} pages in {}{and}; a preview has no checkpoint\n", plain(folder.as_str())))?;
    Ok(Exit::Satisfied)
}

/// Appends a site entry if pages changed, and puts the site out.
pub(crate) fn publish(global: &Global, output: &Output, destination: Option<&Utf8Path>) -> anyhow::Result<Exit> {
    let project = Project::load(global, output)?;
    let signer = record::signer(&project)?;
    let mut ledger = record::open(&project)?;
    let destination = destination.map(|folder| project.root.join(folder));
    let published = publishing::publish(&project, &mut ledger, &signer, destination.as_deref().map(Utf8Path::as_std_path))?;
    let changed = if published.site_changed { "pages changed" } else { "no page changed" };
    output.result(&format!(
        "{} entries, {} pages; {changed}; {} files written, {} removed\n",
        published.checkpoint.size, published.pages, published.written, published.removed
    ))?;
    Ok(Exit::Satisfied)
}
