//! An assessment to a site: paths and bytes out, nothing in but the view.
//!
//! Architecture invariants: pure and deterministic (two equal views give the same bytes, in the same order); sees only
//! what is public; no JavaScript, nothing from elsewhere; every link is relative, so that the folder reads from a disk or
//! below any prefix; text from outside is escaped for where it goes; the time taken is linear in the pages.

mod escape;
pub mod export;
mod files;
mod language;
mod markdown;
mod page;
mod pages;
mod path;
mod pen;
mod strip;
mod view;
mod words;

use std::collections::BTreeSet;

use askama::Template as _;

use crate::{
    language::Language,
    page::{FrameLink, Framed, Page, Section},
    pages::{
        control, decisions, disclosure, evidence, kinds, log, overview, releases, requirement, retention, threats, trials, verify,
    },
    pen::{Pen, Site},
};
pub use crate::{
    path::{evidence_page, name_in_path, sbom_file},
    view::{Kill, KindText, LogFacts, Trial, View, shown},
};

/// Why the site could not be rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError<E: std::error::Error + 'static> {
    /// The caller could not take a file.
    #[error("cannot write page `{path}`")]
    Write {
        /// Its path from the root.
        path: String,
        /// Why.
        #[source]
        cause: E,
    },
    /// A template could not be filled.
    #[error("cannot render page `{path}`")]
    Template {
        /// Its path from the root.
        path: String,
        /// Why.
        #[source]
        cause: askama::Error,
    },
    /// The machine-readable twin could not be written as JSON.
    #[error("cannot write the JSON of `{path}`")]
    Twin {
        /// Its path from the root.
        path: String,
        /// Why.
        #[source]
        cause: serde_json::Error,
    },
    /// Two pages would lie at one path: one would hide the other.
    #[error("two pages would lie at `{path}`: two controls, requirements, kinds or releases share an id")]
    Twice {
        /// The path.
        path: String,
    },
}

/// What takes the files, each by its path and its bytes.
pub type Take<'a, E> = dyn FnMut(&str, &[u8]) -> Result<(), E> + 'a;

/// Renders the whole site through `write(path, bytes)`, each path once, relative to the root and with `/` between its
/// parts. Returns how many files were written. Writes nothing below `tile/`, `blob/` and `dsse/`, and no `checkpoint`.
///
/// # Errors
/// As soon as `write` fails, or when two pages would lie at one path.
pub fn site<E: std::error::Error + 'static>(view: &View<'_>, write: &mut Take<'_, E>) -> Result<u64, RenderError<E>> {
    let site = Site::new(view);
    let mut out = Out { written: BTreeSet::new(), write };
    let mut tails = Vec::new();
    for (nth, language) in site.languages.iter().enumerate() {
        for_each_page(&site, *language, &mut |page| {
            if nth == 0 {
                let slash = if page.tail.is_empty() { "" } else { "/" };
                tails.push(format!("{}{slash}", page.tail));
            }
            framed(&site, *language, &page, &mut out)
        })?;
        let path = format!("{}/feed.atom", language.code());
        out.template(&path, files::feed(&site, *language))?;
    }
    let language = site.evidence_language();
    for (digest, entries) in &site.payloads {
        let folder = format!("e/{}", digest.hex());
        let pen = Pen::new(&site, language, &folder);
        let page = evidence::page(&pen, digest, entries);
        let twin = evidence::twin_path(entries).map(|path| pen.file(&path));
        let html = frame(&pen, &page, &folder, twin, false).render();
        out.template(&path::evidence_page(digest), html)?;
    }
    boms(&site, &mut out)?;
    out.template("index.html", files::root(&site))?;
    out.template("404.html", files::missing(&site))?;
    out.template("sitemap.xml", files::sitemap(&site, &tails))?;
    out.file("robots.txt", files::robots(&site).as_bytes())?;
    if let Some(text) = files::security_txt(&site) {
        out.file(".well-known/security.txt", text.as_bytes())?;
    }
    out.file("site.css", files::STYLE.as_bytes())?;
    out.file("icon.svg", files::ICON.as_bytes())?;
    Ok(out.written.len() as u64)
}

/// `SECURITY.md` for the repository, from the same source as the disclosure page, in the first language of the product;
/// none without a contact.
pub fn security_md(view: &View<'_>) -> Option<String> {
    let site = Site::new(view);
    let language = site.languages.first().copied()?;
    let title = language.words().disclosure_title;
    let policy = disclosure::policy(&site, language)?;
    // It is read and searched as plain text: English needs no space that is not one there.
    let policy = if language == Language::En { policy.replace('\u{a0}', " ") } else { policy };
    Some(format!("# {title}\n\n{policy}"))
}

/// Every page of a language, in the order of the site.
fn for_each_page<E: std::error::Error + 'static>(
    site: &Site<'_>,
    language: Language,
    take: &mut dyn FnMut(Page) -> Result<(), RenderError<E>>,
) -> Result<(), RenderError<E>> {
    let pen = |tail: &str| Pen::new(site, language, &format!("{}/{tail}", language.code()));
    // A page's depth is all that its pen must know: one stands for all of the same depth.
    let (top, below, two) = (pen(""), pen("x"), pen("x/x"));
    let catalogue = &site.view.scope.catalogue;
    take(overview::page(&top))?;
    take(requirement::register(&below))?;
    for control in &catalogue.controls {
        take(control::page(&two, control))?;
    }
    for standard in &catalogue.standards {
        for requirement in &standard.requirements {
            take(requirement::page(&two, standard, requirement))?;
        }
    }
    take(kinds::register(&below))?;
    for kind in site.view.kinds {
        take(kinds::page(&two, kind))?;
    }
    take(trials::page(&below))?;
    take(threats::page(&below))?;
    take(retention::page(&below))?;
    take(releases::register(&below))?;
    for (version, records) in releases::versions(site) {
        take(releases::page(&two, version, &records))?;
    }
    take(disclosure::page(&below))?;
    take(decisions::page(&below))?;
    take(verify::page(&below))?;
    let pages = log::pages(site.shown);
    for number in 0..pages {
        take(log::page(if number + 1 == pages { &below } else { &two }, number))?;
    }
    Ok(())
}

fn framed<E: std::error::Error + 'static>(
    site: &Site<'_>,
    language: Language,
    page: &Page,
    out: &mut Out<'_, E>,
) -> Result<(), RenderError<E>> {
    let slash = if page.tail.is_empty() { "" } else { "/" };
    let folder = format!("{}{slash}{}", language.code(), page.tail);
    let pen = Pen::new(site, language, &folder);
    let html = frame(&pen, page, &folder, Some("index.json".to_owned()), true).render();
    out.template(&format!("{folder}/index.html"), html)?;
    let path = format!("{folder}/index.json");
    let json = serde_json::to_string_pretty(&page.twin).map_err(|cause| RenderError::Twin { path: path.clone(), cause })?;
    // In JSON `<` stands only within strings. Escaped, a host that forgets the media type serves no markup either.
    let json = format!("{}\n", json.replace('<', "\\u003c"));
    out.file(&path, json.as_bytes())
}

/// A page in its frame; `translated` pages have one in each language at the same place.
fn frame<'a>(pen: &'a Pen<'a>, page: &'a Page, folder: &str, twin: Option<String>, translated: bool) -> Framed<'a> {
    let w = pen.w;
    let entry = |tail: &str, text: &'static str, section: Section| FrameLink {
        href: pen.page(tail),
        text,
        current: page.section == section,
        lang: "",
    };
    let slash = if page.tail.is_empty() { "" } else { "/" };
    let in_language = |language: Language| {
        let tail = if translated { format!("{}{slash}", page.tail) } else { String::new() };
        format!("{}/{tail}", language.code())
    };
    let base = pen.site.base();
    let languages = pen.site.languages.iter().map(|language| FrameLink {
        href: pen.file(&format!("{}index.html", in_language(*language))),
        text: language.name(),
        current: translated && *language == pen.lang,
        lang: language.code(),
    });
    let alternates = pen.site.languages.iter().filter(|_| translated).map(|language| FrameLink {
        href: match base {
            Some(base) => format!("{base}/{}index.html", in_language(*language)),
            None => pen.file(&format!("{}index.html", in_language(*language))),
        },
        text: "",
        current: false,
        lang: language.code(),
    });
    let footer = files::footer(pen, twin.as_deref());
    Framed {
        page,
        pen,
        lang: pen.lang.code(),
        root: pen.root().to_owned(),
        home: pen.page(""),
        product: pen.product(),
        nav: vec![
            entry("", w.nav_overview, Section::Overview),
            entry("controls", w.controls_title, Section::Controls),
            entry("threat-model", w.threats_title, Section::Threats),
            entry("retention", w.retention_title, Section::Retention),
            entry("releases", w.releases_title, Section::Releases),
            entry("disclosure", w.nav_disclosure, Section::Disclosure),
            entry("verify", w.verify_title, Section::Verify),
        ],
        languages: if pen.site.languages.len() > 1 { languages.collect() } else { Vec::new() },
        canonical: base.map(|base| format!("{base}/{folder}/index.html")),
        alternates: alternates.collect(),
        twin,
        feed: translated.then(|| pen.file(&format!("{}/feed.atom", pen.lang.code()))),
        footer,
    }
}

/// The BOMs, each where its release's page links to it.
fn boms<E: std::error::Error + 'static>(site: &Site<'_>, out: &mut Out<'_, E>) -> Result<(), RenderError<E>> {
    for (version, records) in releases::versions(site) {
        // One version seen with two commits: the last record's files are the ones that its page shows.
        let Some((record, _)) = records.last() else { continue };
        for bom in &record.boms {
            let path = sbom_file(version, &bom.file);
            if !site.payloads.contains_key(&bom.digest) || out.written.contains(&path) {
                continue;
            }
            if let Some(bytes) = (site.view.payload_bytes)(&bom.digest) {
                out.file(&path, &bytes)?;
            }
        }
    }
    Ok(())
}

/// Where files go, each path once.
struct Out<'a, E> {
    written: BTreeSet<String>,
    write: &'a mut Take<'a, E>,
}

impl<E: std::error::Error + 'static> Out<'_, E> {
    fn template(&mut self, path: &str, rendered: Result<String, askama::Error>) -> Result<(), RenderError<E>> {
        let text = rendered.map_err(|cause| RenderError::Template { path: path.to_owned(), cause })?;
        self.file(path, text.as_bytes())
    }

    fn file(&mut self, path: &str, bytes: &[u8]) -> Result<(), RenderError<E>> {
        if !self.written.insert(path.to_owned()) {
            return Err(RenderError::Twice { path: path.to_owned() });
        }
        (self.write)(path, bytes).map_err(|cause| RenderError::Write { path: path.to_owned(), cause })
    }
}
