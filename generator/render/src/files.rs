//! Files that are not pages: `security.txt`, the feed, the map of the site, and what stands at its root.

use askama::Template;
use avouch_model::{assessment::Attention, entry::EntryKind, state::State};

use crate::{
    escape::{Html, clean, fill, safe_url},
    language::Language,
    pages::{log::kind_name, overview::job_name},
    path,
    pen::{Pen, Site},
};

/// The look of every page.
pub(crate) const STYLE: &str = include_str!("../../../site/assets/site.css");

/// The mark beside the title in a browser.
pub(crate) const ICON: &str = include_str!("../../../site/assets/icon.svg");

/// `/`: the languages, without a redirect.
#[derive(Template)]
#[template(path = "site/root.html")]
pub(crate) struct Root<'a> {
    pub(crate) product: &'a str,
    pub(crate) languages: Vec<RootLink>,
    pub(crate) canonical: Option<String>,
}

/// One language at the root.
pub(crate) struct RootLink {
    pub(crate) code: &'static str,
    pub(crate) name: &'static str,
    pub(crate) sentence: &'static str,
    pub(crate) href: String,
}

/// The root page.
pub(crate) fn root(site: &Site<'_>) -> Result<String, askama::Error> {
    let languages = site.languages.iter().map(|language| RootLink {
        code: language.code(),
        name: language.name(),
        sentence: language.words().root_sentence,
        href: format!("{}/index.html", language.code()),
    });
    Root {
        product: &site.view.scope.product.name,
        languages: languages.collect(),
        canonical: site.base().map(|base| format!("{base}/")),
    }
    .render()
}

/// `404.html`: served at any depth, so its links lead from the root when it is known.
#[derive(Template)]
#[template(path = "site/404.html")]
pub(crate) struct Missing<'a> {
    product: &'a str,
    root: String,
    languages: Vec<RootLink>,
}

/// The page for addresses that do not exist.
pub(crate) fn missing(site: &Site<'_>) -> Result<String, askama::Error> {
    let root = root_path(site);
    let languages = site.languages.iter().map(|language| RootLink {
        code: language.code(),
        name: language.name(),
        sentence: language.words().missing_page,
        href: format!("{root}{}/index.html", language.code()),
    });
    Missing { product: &site.view.scope.product.name, languages: languages.collect(), root: root.clone() }.render()
}

/// The path of the base address, with slashes at both ends; empty when there is none.
fn root_path(site: &Site<'_>) -> String {
    let Some(base) = site.base() else { return String::new() };
    let after_scheme = base.split_once("://").map_or("", |(_, rest)| rest);
    let path = after_scheme.split_once('/').map_or("", |(_, path)| path);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    if path.is_empty() { "/".to_owned() } else { format!("/{path}/") }
}

/// `security.txt` (RFC 9116); none without a contact that is a web, mail or phone address.
pub(crate) fn security_txt(site: &Site<'_>) -> Option<String> {
    let contact = site.view.scope.disclosure.contact.as_deref()?;
    // RFC 9116 section 2.5.3: web addresses are https.
    let contact = safe_url(contact).filter(|contact| !contact.starts_with("http:"))?;
    let mut text = format!("Contact: {contact}\nExpires: {}\n", site.view.security_txt_expires);
    let codes: Vec<&str> = site.languages.iter().map(|language| language.code()).collect();
    text.push_str(&format!("Preferred-Languages: {}\n", codes.join(", ")));
    if let Some(base) = site.base().filter(|base| base.starts_with("https://")) {
        let first = codes.first().copied().unwrap_or("en");
        text.push_str(&format!("Canonical: {base}/.well-known/security.txt\n"));
        text.push_str(&format!("Policy: {base}/{first}/disclosure/index.html\n"));
    }
    Some(text)
}

/// `robots.txt`.
pub(crate) fn robots(site: &Site<'_>) -> String {
    let map = site.base().map_or_else(String::new, |base| format!("Sitemap: {base}/sitemap.xml\n"));
    format!("User-agent: *\nAllow: /\n{map}")
}

/// `sitemap.xml`: the pages for people, each with its other language. Evidence is reached from them.
#[derive(Template)]
#[template(path = "site/sitemap.xml")]
struct Map<'a> {
    base: &'a str,
    languages: &'a [Language],
    tails: &'a [String],
}

/// The map of the site; its addresses must be absolute, so it is empty without a base address.
pub(crate) fn sitemap(site: &Site<'_>, tails: &[String]) -> Result<String, askama::Error> {
    let base = site.base().unwrap_or_default();
    Map { base, languages: &site.languages, tails: if base.is_empty() { &[] } else { tails } }.render()
}

/// How many of the newest entries the feed holds.
const FEED_ENTRIES_MAX: usize = 50;

/// An Atom feed (RFC 4287): what wants attention, then the newest entries of the log.
#[derive(Template)]
#[template(path = "site/feed.xml")]
struct Feed<'a> {
    lang: &'static str,
    product: &'a str,
    title: &'static str,
    id: String,
    updated: String,
    home: String,
    this: Option<String>,
    items: Vec<FeedItem>,
}

/// One entry of the feed.
struct FeedItem {
    id: String,
    title: String,
    updated: String,
    href: Option<String>,
}

/// The feed of a language.
pub(crate) fn feed(site: &Site<'_>, lang: Language) -> Result<String, askama::Error> {
    let pen = Pen::new(site, lang, lang.code());
    let origin = origin_name(site.view.log.origin);
    let absolute = |path: &str| site.base().map(|base| format!("{base}/{path}"));
    let as_of = site.view.assessment.as_of;
    let mut items: Vec<FeedItem> =
        site.view.assessment.attention.iter().map(|item| attention_item(&pen, &origin, item)).collect();
    let newest = site
        .shown
        .iter()
        .rev()
        .filter(|recorded| !matches!(recorded.entry.kind, EntryKind::Site | EntryKind::Details))
        .take(FEED_ENTRIES_MAX);
    for recorded in newest {
        let page = path::evidence_page(&recorded.entry.digest);
        items.push(FeedItem {
            id: format!("urn:avouch:{origin}:{}", recorded.index),
            title: fill(
                pen.w.feed_entry,
                &[
                    ("kind", kind_name(&pen, recorded.entry.kind)),
                    ("subject", &recorded.entry.subject),
                    ("index", &lang.number(recorded.index)),
                ],
            ),
            updated: recorded.entry.at.to_string(),
            href: absolute(&page).or_else(|| Some(format!("../{page}"))),
        });
    }
    let updated = site.shown.last().map_or(as_of, |recorded| recorded.entry.at);
    Feed {
        lang: lang.code(),
        product: &site.view.scope.product.name,
        title: pen.w.feed_title,
        id: format!("urn:avouch:{origin}:feed:{}", lang.code()),
        updated: updated.to_string(),
        home: absolute(&format!("{}/", lang.code())).unwrap_or_else(|| "index.html".to_owned()),
        this: absolute(&format!("{}/feed.atom", lang.code())),
        items,
    }
    .render()
}

/// An item names what it is about and since when, so that the same trouble is the same item.
fn attention_item(pen: &Pen<'_>, origin: &str, item: &Attention) -> FeedItem {
    let w = pen.w;
    let as_of = pen.site.view.assessment.as_of;
    let (title, since, page) = match item {
        Attention::Control { control, state, since } => {
            let title =
                pen.site.controls.get(control.as_str()).map_or(control.as_str(), |found| found.title.get(pen.lang.code()));
            (
                format!("{}{}{title}", pen.state_word(*state), w.colon),
                since.unwrap_or(as_of),
                format!("controls/{}", path::name_in_path(control)),
            )
        }
        Attention::Retention { rule, state } => {
            let word = if *state == State::Fail { w.does_not_hold } else { pen.state_word(*state) };
            (format!("{word}{}{rule}", w.colon), as_of.midnight(), "retention".to_owned())
        }
        Attention::Missed { job, from, slots, .. } => {
            (format!("{}{}{} ({slots})", w.missed, w.colon, job_name(pen, job)), *from, "log".to_owned())
        }
        Attention::Waiver { id, until, .. } => (
            format!("{} {id}", fill(w.state_waived_until, &[("day", &pen.lang.day(until.day()))])),
            as_of.midnight(),
            "decisions".to_owned(),
        ),
        Attention::Late { due } => (format!("{}{}{}", w.late, w.colon, pen.lang.instant(*due)), *due, "log".to_owned()),
        Attention::TwoCommits { version } => {
            (format!("{}{}{version}", w.two_commits_title, w.colon), as_of.midnight(), "releases".to_owned())
        }
    };
    let name = avouch_model::Digest::of(format!("{title}\n{since}").as_bytes()).short();
    let link = format!("{}/{page}/index.html", pen.lang.code());
    FeedItem {
        id: format!("urn:avouch:{origin}:attention:{name}"),
        title,
        updated: since.to_string(),
        href: Some(match pen.site.base() {
            Some(base) => format!("{base}/{link}"),
            None => format!("../{link}"),
        }),
    }
}

/// The origin as a part of a URN (RFC 8141): what is not plain becomes a hyphen.
fn origin_name(origin: &str) -> String {
    let plain =
        |character: char| if character.is_ascii_alphanumeric() || matches!(character, '.' | '/') { character } else { '-' };
    clean(origin).chars().map(plain).collect()
}

/// A sentence in the footer of every page.
pub(crate) fn footer(pen: &Pen<'_>, twin: Option<&str>) -> Html {
    let w = pen.w;
    let log = pen.site.view.log;
    let root = log.root.map_or_else(|| pen.nothing(), |root| Html::format("<span class=\"id\">{}</span>", &[&root.short()]));
    let generated = Html::fill(
        w.footer,
        &[
            ("n", &Html::format("<span class=\"num\">{}</span>", &[&pen.lang.number(log.entries)])),
            ("root", &root),
            ("verify", &pen.link("verify", &w.footer_verify)),
        ],
    );
    let mut links = Vec::new();
    if let Some(twin) = twin {
        links.push(Html::format("<a href=\"{}\">{}</a>", &[&twin, &w.footer_json]));
    }
    links.push(pen.link("decisions", &w.decisions_title));
    links.push(pen.link("log", &w.log_title));
    Html::format("{} {}", &[&generated, &Html::join(links, " · ")])
}
