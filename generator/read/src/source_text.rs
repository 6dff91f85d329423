//! Source texts without their comments, or without comments and strings, in place: every character that is taken out
//! leaves a space, so that lines and columns stay what they were.
//!
//! This is a scanner of tokens, not a parser: it knows how comments and strings begin and end in each family of
//! languages, and errs on the side of leaving text in.

/// What is taken out of a source text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strip {
    /// Nothing.
    #[default]
    None,
    /// Comments.
    Comments,
    /// Comments and the contents of strings.
    CommentsAndStrings,
}

/// How a family of languages writes comments and strings.
struct Family {
    line: &'static [&'static str],
    block: &'static [(&'static str, &'static str)],
    /// Whether block comments nest (Rust).
    nested: bool,
    /// Delimiters of strings, longest first, whether a backslash escapes, and whether they may span lines.
    strings: &'static [(&'static str, bool, bool)],
    /// Whether a line comment begins only at the start of a word (shell, YAML).
    at_word: bool,
}

const C_LIKE: Family = Family {
    line: &["//"],
    block: &[("/*", "*/")],
    nested: false,
    strings: &[("\"", true, false), ("'", true, false), ("`", true, true)],
    at_word: false,
};

const RUST: Family = Family {
    line: &["//"],
    block: &[("/*", "*/")],
    nested: true,
    // A single quote is a lifetime as often as a character.
    strings: &[("\"", true, true)],
    at_word: false,
};

const PYTHON: Family = Family {
    line: &["#"],
    block: &[],
    nested: false,
    strings: &[("\"\"\"", true, true), ("'''", true, true), ("\"", true, false), ("'", true, false)],
    at_word: false,
};

const HASH: Family =
    Family { line: &["#"], block: &[], nested: false, strings: &[("\"", true, true), ("'", false, true)], at_word: true };

const SQL: Family =
    Family { line: &["--"], block: &[("/*", "*/")], nested: false, strings: &[("'", false, true)], at_word: false };

const MARKUP: Family = Family { line: &[], block: &[("<!--", "-->")], nested: false, strings: &[], at_word: false };

/// A text without what `strip` names, by the family of the path's extension; unknown extensions are left as they are.
pub fn strip(path: &str, text: &str, strip: Strip) -> String {
    match (strip, family(path)) {
        (Strip::None, _) | (_, None) => text.to_owned(),
        (Strip::Comments, Some(family)) => scan(text, family, false),
        (Strip::CommentsAndStrings, Some(family)) => scan(text, family, true),
    }
}

fn family(path: &str) -> Option<&'static Family> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map_or(name, |(_, extension)| extension);
    Some(match extension.to_ascii_lowercase().as_str() {
        "js" | "mjs" | "cjs" | "jsx" | "ts" | "mts" | "cts" | "tsx" | "java" | "c" | "h" | "cc" | "cpp" | "cs" | "go" | "kt"
        | "scala" | "swift" | "php" | "css" | "scss" | "jsonc" | "json5" | "proto" => &C_LIKE,
        "rs" => &RUST,
        "py" => &PYTHON,
        "sh" | "bash" | "zsh" | "rb" | "yml" | "yaml" | "toml" | "tf" | "dockerfile" | "makefile" | "conf" | "ini" => &HASH,
        "sql" => &SQL,
        "html" | "htm" | "xml" | "svg" | "md" | "markdown" | "vue" | "svelte" => &MARKUP,
        _ => return None,
    })
}

fn scan(text: &str, family: &Family, strings_too: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = '\n';
    while let Some(next) = rest.chars().next() {
        let starts_word = !family.at_word || before.is_whitespace();
        let taken = if starts_word && family.line.iter().any(|mark| rest.starts_with(mark)) {
            let end = rest.find('\n').unwrap_or(rest.len());
            blank(&rest[..end], &mut out);
            end
        } else if let Some((open, close)) = family.block.iter().find(|(open, _)| rest.starts_with(open)) {
            let end = block_end(rest, open, close, family.nested);
            blank(&rest[..end], &mut out);
            end
        } else if let Some(&(mark, escapes, lines)) = family.strings.iter().find(|(mark, ..)| rest.starts_with(mark)) {
            let end = string_end(rest, mark, escapes, lines);
            if strings_too && end >= 2 * mark.len() {
                out.push_str(mark);
                blank(&rest[mark.len()..end - mark.len()], &mut out);
                out.push_str(&rest[end - mark.len()..end]);
            } else {
                out.push_str(&rest[..end]);
            }
            end
        } else {
            out.push(next);
            next.len_utf8()
        };
        before = rest[..taken].chars().next_back().unwrap_or(next);
        rest = &rest[taken..];
    }
    out
}

/// Spaces for every character but line breaks.
fn blank(text: &str, out: &mut String) {
    out.extend(text.chars().map(|each| if each == '\n' { '\n' } else { ' ' }));
}

/// The length of the block comment that begins here; an open one ends with the text.
fn block_end(text: &str, open: &str, close: &str, nested: bool) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(rest) = text.get(at..) {
        if rest.is_empty() {
            break;
        }
        if depth > 0 && rest.starts_with(close) {
            depth -= 1;
            at += close.len();
            if depth == 0 {
                return at;
            }
        } else if rest.starts_with(open) && (nested || depth == 0) {
            depth += 1;
            at += open.len();
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of the string that begins here; one that does not close where it may ends before the line break.
fn string_end(text: &str, mark: &str, escapes: bool, lines: bool) -> usize {
    let mut at = mark.len();
    while let Some(rest) = text.get(at..) {
        let Some(next) = rest.chars().next() else { break };
        if rest.starts_with(mark) {
            return at + mark.len();
        }
        if next == '\n' && !lines {
            // No string after all (an apostrophe, a regular expression): only its mark is passed over.
            return mark.len();
        }
        at += next.len_utf8();
        if next == '\\' && escapes {
            at += text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        }
    }
    mark.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn comments_go_and_strings_stay() {
        let text = "a(); // query org_id\nb(\"// org_id\"); /* org_id\n org_id */ c('it\\'s');";
        let stripped = strip("src/a.ts", text, Strip::Comments);
        assert_eq!(stripped, "a();                \nb(\"// org_id\");          \n           c('it\\'s');");
    }

    #[test]
    fn strings_go_too_when_asked() {
        assert_eq!(strip("a.ts", "f(`x\ny`, \"org_id\")", Strip::CommentsAndStrings), "f(` \n `, \"      \")");
        assert_eq!(strip("a.py", "x = '''a\nb''' # c", Strip::CommentsAndStrings), "x = ''' \n '''    ");
    }

    #[test]
    fn a_hash_within_a_word_is_no_comment() {
        assert_eq!(strip("a.yml", "a: b#c # d", Strip::Comments), "a: b#c    ");
        assert_eq!(strip("a.md", "a <!-- b --> # c", Strip::Comments), "a            # c");
    }

    #[test]
    fn an_apostrophe_does_not_swallow_the_rest() {
        assert_eq!(strip("a.ts", "don't\n// x\ny", Strip::Comments), "don't\n    \ny");
        assert_eq!(strip("a.rs", "fn f<'a>(x: &'a str) {} // y", Strip::Comments), "fn f<'a>(x: &'a str) {}     ");
    }

    proptest! {
        #[test]
        fn lines_and_columns_stay(text in "[a-z\"'`/*#\\\\\\-<>! é\n]{0,80}", extension in 0_usize..6) {
            let path = ["a.ts", "a.rs", "a.py", "a.yml", "a.sql", "a.html"][extension];
            for how in [Strip::None, Strip::Comments, Strip::CommentsAndStrings] {
                let stripped = strip(path, &text, how);
                let shape = |text: &str| text.split('\n').map(|line| line.chars().count()).collect::<Vec<_>>();
                prop_assert_eq!(shape(&stripped), shape(&text));
                for (left, right) in stripped.chars().zip(text.chars()) {
                    prop_assert!(left == right || left == ' ');
                }
            }
        }
    }
}
