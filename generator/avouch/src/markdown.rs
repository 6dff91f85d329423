//! Text from outside within Markdown.

use crate::output::plain;

/// A code span (CommonMark 0.31, section 6.1): its fence is longer than every run of backticks within.
pub(crate) fn code(text: &str) -> String {
    let text = plain(text);
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let edge = |character: char| character == '`' || character == ' ';
    let pad = if text.is_empty() || text.starts_with(edge) || text.ends_with(edge) { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// Text from outside that stands in a table of Markdown and means nothing there.
pub(crate) fn escaped(text: &str) -> String {
    avouch_render::export::in_markdown(&plain(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_code_span() {
        assert_eq!(code("a"), "`a`");
        assert_eq!(code("a``b"), "```a``b```");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code("[x](http://y)\n# @z"), "`[x](http://y)\u{fffd}# @z`");
        assert_eq!(code(""), "`  `");
    }
}
