//! Markdown to markup: raw HTML is shown as text, links lead only to the web, to mail, or within the site.

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

use crate::escape::{Html, clean, safe_url};

/// Renders Markdown for the body of a page, whose own title is the only `h1`.
pub(crate) fn render(source: &str) -> Html {
    let source = clean(source);
    let options = Options::ENABLE_TABLES;
    let deepest_is_title = Parser::new_ext(&source, options)
        .any(|event| matches!(event, Event::Start(Tag::Heading { level: HeadingLevel::H1, .. })));
    let shift = usize::from(deepest_is_title);
    let mut links = Vec::new();
    let events = Parser::new_ext(&source, options).filter_map(|event| {
        Some(match event {
            Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
            Event::Start(Tag::HtmlBlock) => Event::Start(Tag::Paragraph),
            Event::End(TagEnd::HtmlBlock) => Event::End(TagEnd::Paragraph),
            Event::Start(Tag::Heading { level, .. }) => {
                Event::Start(Tag::Heading { level: lower(level, shift), id: None, classes: Vec::new(), attrs: Vec::new() })
            }
            Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(lower(level, shift))),
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let allowed = may_link(&dest_url);
                links.push(allowed);
                if !allowed {
                    return None;
                }
                Event::Start(Tag::Link { link_type, dest_url, title, id })
            }
            // A link is ended as it was begun.
            Event::End(TagEnd::Link) if links.pop() == Some(false) => return None,
            // Pictures from elsewhere are never loaded: what they show is said in words.
            Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => return None,
            Event::Start(Tag::CodeBlock(_)) => Event::Start(Tag::CodeBlock(pulldown_cmark::CodeBlockKind::Indented)),
            other => other,
        })
    });
    let mut out = String::with_capacity(source.len() * 3 / 2);
    html::push_html(&mut out, events);
    Html::from_markdown(out)
}

/// Text as Markdown that shows exactly it: every ASCII punctuation character is escaped (CommonMark section 2.4).
pub(crate) fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for character in clean(text).chars() {
        match character {
            '\n' => out.push(' '),
            // A full stop, a comma or a hyphen within a line starts nothing; escaping them would only hurt readers of the source.
            '.' if !out.is_empty() && !out.bytes().all(|byte| byte.is_ascii_digit()) => out.push(character),
            ',' | '-' | '@' | '/' | ':' if !out.is_empty() => out.push(character),
            _ if character.is_ascii_punctuation() => out.extend(['\\', character]),
            _ => out.push(character),
        }
    }
    out
}

/// A link in Markdown where the address may be linked, the literal text otherwise.
pub(crate) fn link(address: &str) -> String {
    match safe_url(address) {
        Some(url) => {
            let text = url.strip_prefix("mailto:").or_else(|| url.strip_prefix("tel:")).unwrap_or(url);
            format!("[{}](<{url}>)", literal(text))
        }
        None => literal(address),
    }
}

fn may_link(address: &CowStr<'_>) -> bool {
    if address.contains(':') {
        return safe_url(address).is_some();
    }
    // Relative, and not `//host`: a scheme would hold a colon.
    !address.starts_with("//") && !address.starts_with('\\') && address.chars().all(|character| character.is_ascii_graphic())
}

const fn lower(level: HeadingLevel, shift: usize) -> HeadingLevel {
    match (level, shift) {
        (HeadingLevel::H1, _) => HeadingLevel::H2,
        (level, 0) => level,
        (HeadingLevel::H2, _) => HeadingLevel::H3,
        (HeadingLevel::H3, _) => HeadingLevel::H4,
        (HeadingLevel::H4, _) => HeadingLevel::H5,
        _ => HeadingLevel::H6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_html_is_shown_not_obeyed() {
        let out = render("a <b onclick=x>c</b>\n\n<script>alert(1)</script>\n\n<!-- x -->").to_string();
        assert!(!out.contains("<b") && !out.contains("<script") && !out.contains("<!--"), "{out}");
        assert!(out.contains("&lt;script&gt;alert(1)"), "{out}");
    }

    #[test]
    fn links_lead_only_to_web_mail_or_within() {
        let out = render("[a](javascript:x) [b](https://b.example) [c](../c/) [d](//evil.example) ![e](https://t.example/p.png)")
            .to_string();
        assert_eq!(out.matches("<a ").count(), 2, "{out}");
        assert_eq!(out.matches("</a>").count(), 2, "{out}");
        assert!(!out.contains("javascript") && !out.contains("<img") && !out.contains("evil"), "{out}");
    }

    #[test]
    fn headings_stay_below_the_title_of_the_page() {
        assert!(render("# One\n\n## Two").to_string().contains("<h2>One</h2>\n<h3>Two</h3>"));
        assert!(render("## Two").to_string().contains("<h2>Two</h2>"));
    }

    #[test]
    fn literal_text_stays_literal() {
        for text in ["*a* [b](c) <d> `e` #f", "1. x", "- x", "a_b_c", "&amp;", "\\*"] {
            let out = render(&literal(text)).to_string();
            assert_eq!(out.trim(), format!("<p>{}</p>", Html::text(text)).replace("&#39;", "'"), "{text}");
        }
    }
}
