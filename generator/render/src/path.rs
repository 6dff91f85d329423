//! Where pages lie: names that are safe in a path whatever they are made from, and links that are always relative.

use avouch_model::Digest;

/// The longest part of a name that is kept as it came.
const NAME_LENGTH_MAX: usize = 80;

/// The name of a folder for this text: the text itself where it is a plain name (letters, digits, `.`, `_`, `-`, beginning
/// and ending with a letter or digit), otherwise its plain part and eight digits of its digest, so that two texts never
/// share a name. `API4:2023` becomes `API4-2023`.
pub fn name_in_path(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    if let Some((left, right)) = text.split_once(':')
        && [left, right].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        && text.len() <= NAME_LENGTH_MAX
    {
        return format!("{left}-{right}");
    }
    let mut plain = String::new();
    for character in text.chars().take(40) {
        match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '_' => plain.push(character),
            _ if plain.ends_with('-') => {}
            _ => plain.push('-'),
        }
    }
    let plain = plain.trim_matches(|character: char| !character.is_ascii_alphanumeric());
    let digest = Digest::of(text.as_bytes()).short();
    let digest = digest.get(..8).unwrap_or(&digest);
    if plain.is_empty() { format!("x-{digest}") } else { format!("{plain}-{digest}") }
}

fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let ends = bytes.first().zip(bytes.last());
    ends.is_some_and(|(first, last)| first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric())
        && bytes.len() <= NAME_LENGTH_MAX
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        && !text.eq_ignore_ascii_case("index.html")
        && !text.eq_ignore_ascii_case("index.json")
}

/// The path of a payload's permanent page.
pub fn evidence_page(digest: &Digest) -> String {
    format!("e/{}/index.html", digest.hex())
}

/// The path of a public payload's bytes.
pub(crate) fn blob(digest: &Digest) -> String {
    let hex = digest.hex();
    format!("blob/sha256/{}/{hex}", hex.get(..2).unwrap_or_default())
}

/// The path of the signed statement about a payload.
pub(crate) fn statement(digest: &Digest) -> String {
    let hex = digest.hex();
    format!("dsse/sha256/{}/{hex}.json", hex.get(..2).unwrap_or_default())
}

/// The path of a release's BOM, where the pages link to it: `sbom/1.4.2/bom.json`.
pub fn sbom_file(version: &str, file: &str) -> String {
    format!("sbom/{}/{}", name_in_path(version), name_in_path(file))
}

/// What leads from a folder back to the root: `../` for each of its parts.
pub(crate) fn to_root(folder: &str) -> String {
    "../".repeat(folder.split('/').filter(|part| !part.is_empty()).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_stay_and_others_cannot_leave_their_folder() {
        assert_eq!(name_in_path("rate-limit"), "rate-limit");
        assert_eq!(name_in_path("1.4.2-rc.1"), "1.4.2-rc.1");
        assert_eq!(name_in_path("API4:2023"), "API4-2023");
        for hostile in ["../x", "..", ".", "", "a/b", "a\\b", "<script>", "a\0b", "CON ", "é", "-x", "index.html", "a%2fb", "x."]
        {
            let name = name_in_path(hostile);
            assert!(is_plain(&name), "{hostile:?} became {name:?}");
            assert_ne!(name, hostile);
        }
    }

    #[test]
    fn two_texts_never_share_a_name() {
        assert_ne!(name_in_path("a/b"), name_in_path("a\\b"));
        assert_ne!(name_in_path("1.0+a"), name_in_path("1.0-a"));
    }

    #[test]
    fn every_folder_leads_back_to_the_root() {
        assert_eq!(to_root(""), "");
        assert_eq!(to_root("en/controls/rate-limit"), "../../../");
    }
}
