//! Text from outside on its way into a page: escaped, and unable to reorder or hide what stands beside it.

use std::fmt::{self, Write as _};

/// The escaper of every marked-up template (see `askama.toml`).
///
/// Escapes the five characters that mean something in HTML and XML, and shows what could deceive a reader or break XML
/// (control characters, bidirectional overrides and marks, non-characters) as U+FFFD.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Markup;

impl askama::filters::Escaper for Markup {
    fn write_escaped_str<W: fmt::Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        // Most text is plain ASCII with nothing to escape: one look a byte, one write.
        if text.bytes().all(is_plain) {
            return dest.write_str(text);
        }
        let mut plain = 0;
        for (at, character) in text.char_indices() {
            let Some(instead) = instead_of(character) else { continue };
            dest.write_str(text.get(plain..at).unwrap_or_default())?;
            dest.write_str(instead)?;
            plain = at + character.len_utf8();
        }
        dest.write_str(text.get(plain..).unwrap_or_default())
    }
}

/// Whether this is an ASCII character that stands for itself everywhere.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b' '..=b'~') && !matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'')
}

const fn instead_of(character: char) -> Option<&'static str> {
    match character {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        '\'' => Some("&#39;"),
        '\r' => Some(" "),
        '\t' | '\n' => None,
        _ if deceives(character) => Some("\u{fffd}"),
        _ => None,
    }
}

/// Whether a character has no look of its own and changes that of others: controls (C0, DEL, C1), the bidirectional
/// formatting characters (UAX #9), and what XML 1.0 does not allow.
const fn deceives(character: char) -> bool {
    matches!(character,
        '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{9f}'
        | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        | '\u{fffe}' | '\u{ffff}')
}

/// The text without what could deceive a reader: for places that are not marked up (Markdown, `security.txt`).
pub(crate) fn clean(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\r' => ' ',
            _ if deceives(character) => '\u{fffd}',
            _ => character,
        })
        .collect()
}

/// Markup that is safe to put into a page: only this module makes it, from fixed text and escaped pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Html(String);

impl fmt::Display for Html {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What can be put into a template: text is escaped, markup is not.
pub(crate) trait Piece {
    /// Appends it.
    fn push_to(&self, out: &mut String);
}

impl Piece for str {
    fn push_to(&self, out: &mut String) {
        // Writing to a String cannot fail.
        let _ = askama::filters::Escaper::write_escaped_str(&Markup, out, self);
    }
}

impl Piece for &str {
    fn push_to(&self, out: &mut String) {
        str::push_to(self, out);
    }
}

impl Piece for String {
    fn push_to(&self, out: &mut String) {
        self.as_str().push_to(out);
    }
}

impl Piece for Html {
    fn push_to(&self, out: &mut String) {
        out.push_str(&self.0);
    }
}

impl Piece for u64 {
    fn push_to(&self, out: &mut String) {
        let _ = write!(out, "{self}");
    }
}

impl Html {
    /// Text, escaped.
    pub(crate) fn text(text: &str) -> Self {
        let mut out = String::with_capacity(text.len() + 8);
        text.push_to(&mut out);
        Self(out)
    }

    /// Markup from the Markdown room, which escapes for itself.
    pub(super) const fn from_markdown(markup: String) -> Self {
        Self(markup)
    }

    /// A fixed template with `{}` for each piece, in order.
    pub(crate) fn format(template: &'static str, pieces: &[&dyn Piece]) -> Self {
        let mut out = String::with_capacity(template.len() + 32);
        let mut pieces = pieces.iter();
        // A brace stands in no template but for a piece; one character is found faster than two.
        for (at, part) in template.split('{').enumerate() {
            if at == 0 {
                out.push_str(part);
                continue;
            }
            if let Some(piece) = pieces.next() {
                piece.push_to(&mut out);
            }
            debug_assert!(part.starts_with('}'), "{template}");
            out.push_str(part.strip_prefix('}').unwrap_or(part));
        }
        Self(out)
    }

    /// A sentence with `{name}` for each piece; the sentence itself is escaped.
    pub(crate) fn fill(sentence: &str, pieces: &[(&str, &dyn Piece)]) -> Self {
        let mut out = String::with_capacity(sentence.len() + 64);
        fill_with(sentence, |text| text.push_to(&mut out), pieces);
        Self(out)
    }

    /// The parts with a fixed separator between them.
    pub(crate) fn join(parts: impl IntoIterator<Item = Self>, separator: &'static str) -> Self {
        let mut out = String::new();
        for (at, part) in parts.into_iter().enumerate() {
            if at > 0 {
                out.push_str(separator);
            }
            out.push_str(&part.0);
        }
        Self(out)
    }

    /// For a template: put as it is. Templates have no other way past the escaper, and text has no such method.
    pub(crate) const fn put(&self) -> askama::filters::Safe<&Self> {
        askama::filters::Safe(self)
    }

    /// Whether there is nothing in it.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Walks a sentence; text goes to `push_text`, pieces are rendered first and pushed as they are through the same buffer.
fn fill_with(sentence: &str, mut push_text: impl FnMut(&dyn Piece), pieces: &[(&str, &dyn Piece)]) {
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once('{') {
        push_text(&before);
        let Some((name, tail)) = after.split_once('}') else {
            push_text(&after);
            return;
        };
        if let Some((_, piece)) = pieces.iter().find(|(known, _)| *known == name) {
            push_text(*piece);
        }
        rest = tail;
    }
    push_text(&rest);
}

/// A sentence with `{name}` for each value, as plain text: escaped later, where it is put.
pub(crate) fn fill(sentence: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(sentence.len() + 32);
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, tail)) = after.split_once('}') else {
            out.push_str(after);
            return out;
        };
        if let Some((_, value)) = values.iter().find(|(known, _)| *known == name) {
            out.push_str(value);
        }
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// The address when it is one that a page may link to: http, https, mailto or tel, without spaces, controls, or characters
/// that would have to be quoted.
pub(crate) fn safe_url(address: &str) -> Option<&str> {
    let (scheme, rest) = address.split_once(':')?;
    let known = ["https", "http", "mailto", "tel"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    let plain =
        rest.chars().all(|character| character.is_ascii_graphic() && !matches!(character, '<' | '>' | '"' | '\'' | '`' | '\\'));
    (known && plain && !rest.is_empty()).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_markup_nor_turn_its_neighbours_around() {
        let html = Html::text("<b a='\"'>&\u{202e}\0\u{85}\tx");
        assert_eq!(html.0, "&lt;b a=&#39;&quot;&#39;&gt;&amp;\u{fffd}\u{fffd}\u{fffd}\tx");
    }

    #[test]
    fn a_piece_that_looks_like_a_placeholder_is_not_filled_again() {
        let html = Html::fill("a {x} & {y}", &[("x", &"{y}"), ("y", &Html::format("<b>{}</b>", &[&"<"]))]);
        assert_eq!(html.0, "a {y} &amp; <b>&lt;</b>");
        assert_eq!(fill("{x}{", &[("x", "1")]), "1");
    }

    #[test]
    fn only_plain_web_mail_and_phone_addresses_are_linked() {
        for good in ["https://a.example/x?y=1&z", "mailto:a@b.example", "HTTP://a", "tel:+33123"] {
            assert!(safe_url(good).is_some(), "{good}");
        }
        for bad in
            ["javascript:alert(1)", "data:text/html,x", "//a", "https:", "https://a b", "mailto:\u{202e}x", "https://a\"x", ""]
        {
            assert_eq!(safe_url(bad), None, "{bad}");
        }
    }
}
