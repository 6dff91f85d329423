//! A text that is shown to somebody, without the secrets in it.

use crate::{Key, Place, Rules, Scanner};

/// The text with stars for every secret that our own rules find, to the end of its last line: every other sign keeps its place. A
/// text that cannot be searched is all stars.
pub fn masked(text: &str) -> String {
    let Ok(rules) = Rules::own() else { return stars(text) };
    let place = Place { path: "shown", profile: &rules.profile("shown"), commit: None };
    // Digests are not looked at here, so their key does not matter.
    let Ok(scanned) = Scanner::new(&rules, Key::from_bytes([0; 32])).scan_bytes(text.as_bytes(), place) else {
        return stars(text);
    };
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    for hit in &scanned.hits {
        for number in hit.line..=hit.line_end {
            let Some(line) = usize::try_from(number).ok().and_then(|number| lines.get_mut(number.checked_sub(1)?)) else {
                continue;
            };
            let from = if number == hit.line { usize::try_from(hit.column).unwrap_or(1).saturating_sub(1) } else { 0 };
            *line = match line.split_at_checked(from) {
                Some((before, after)) => format!("{before}{}", stars(after)),
                None => stars(line),
            };
        }
    }
    lines.concat()
}

/// As many bytes, so that places stay what they are.
fn stars(text: &str) -> String {
    let star = |each: char| if each.is_whitespace() { each.to_string() } else { "*".repeat(each.len_utf8()) };
    text.chars().map(star).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_stars_and_everything_else_stays_in_its_place() {
        let token = ["ghp", "_q7Rk2Lx9Vb4Nz8Wt6Yc3Hd5Jf1Mg0Ps2Qa1u"].concat();
        let text = format!("a = 1\nkéy = \"{token}\"\nb = 2\n");
        let shown = masked(&text);
        assert_eq!(shown.len(), text.len());
        assert!(shown.starts_with("a = 1\nkéy = \"***") && shown.ends_with("*\nb = 2\n"), "{shown}");
        assert_eq!(masked("until = \"never\""), "until = \"never\"");
    }
}
