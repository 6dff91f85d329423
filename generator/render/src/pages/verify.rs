//! How to verify: the key, the origin, and the commands; nothing on this site has to be believed.

use serde_json::json;

use crate::{
    escape::Html,
    language::Language,
    markdown,
    page::{Block, Page, Section},
    pen::Pen,
};

const ENGLISH: &str = include_str!("../../../../site/content/verify.en.md");
const FRENCH: &str = include_str!("../../../../site/content/verify.fr.md");

/// The page.
pub(crate) fn page(pen: &Pen<'_>) -> Page {
    let (site, w) = (pen.site, pen.w);
    let log = site.view.log;
    let mut page = Page::new(Section::Verify, "verify", w.verify_title);
    page.lede.push(Html::text(w.verify_lede));
    let place = site.base().unwrap_or("DIR");
    let key = log.verifier_key;
    page.heading(w.verify_command);
    page.blocks.push(Block::Code(format!("avouch verify {place} --key '{}'", quotable(key))));
    page.note(Html::text(w.verify_key_note));
    page.blocks.push(Block::Rows(vec![
        (w.origin.to_owned(), Html::format("<code class=\"hash\">{}</code>", &[&log.origin])),
        (w.verifier_key.to_owned(), Html::format("<code class=\"hash\">{}</code>", &[&key])),
        (w.log_entries.to_owned(), pen.number(log.entries)),
        (
            w.root_hash.to_owned(),
            log.root.map_or_else(|| pen.nothing(), |root| Html::format("<code class=\"hash\">{}</code>", &[&root.hex()])),
        ),
    ]));
    page.blocks.push(Block::Prose(markdown::render(&prose(pen.lang, place, key))));
    page.paragraph(Html::fill(
        w.verify_files,
        &[
            ("checkpoint", &Html::format("<a href=\"{}\"><code>checkpoint</code></a>", &[&pen.file("checkpoint")])),
            ("log", &pen.link("log", &w.log_link)),
        ],
    ));
    page.twin = json!({
        "v": 1,
        "origin": log.origin,
        "entries": log.entries,
        "root": log.root,
        "key": key,
    });
    page
}

/// The text with its commands filled in, so that each can be copied as it is. Not by `fill`: a shell has braces of its own.
fn prose(language: Language, place: &str, key: &str) -> String {
    let text = match language {
        Language::En => ENGLISH,
        Language::Fr => FRENCH,
    };
    text.replace("{place}", &quotable(place)).replace("{key}", &quotable(key))
}

/// Text as it can stand between single quotes in a shell, and in a fenced block of Markdown.
pub(crate) fn quotable(key: &str) -> String {
    key.chars().filter(|character| character.is_ascii_graphic() && !matches!(character, '\'' | '`')).collect()
}
