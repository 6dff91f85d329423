//! Where things lie in a published folder: one place that knows the paths.

use avouch_model::Digest;

/// The path of the signed head.
pub const CHECKPOINT: &str = "checkpoint";

/// The folder in which a publication stages what is new. A publication that ended leaves none.
pub const STAGING: &str = ".avouch-staging";

/// What the log takes at the top of a published folder: everything else is a page.
const LOG_NAMES: [&str; 4] = [CHECKPOINT, "tile", "blob", "dsse"];

/// The path of a public payload, `blob/sha256/ab/<hex>`.
pub fn blob(digest: &Digest) -> String {
    let hex = digest.hex();
    format!("blob/sha256/{}/{hex}", hex.get(..2).unwrap_or_default())
}

/// The path of the signed statement about a payload, `dsse/sha256/ab/<hex>.json`.
pub fn envelope(digest: &Digest) -> String {
    let hex = digest.hex();
    format!("dsse/sha256/{}/{hex}.json", hex.get(..2).unwrap_or_default())
}

/// Whether a path belongs to the log rather than to the pages.
pub fn is_log(path: &str) -> bool {
    LOG_NAMES.contains(&path.split('/').next().unwrap_or_default())
}

/// Whether a path can be that of a page: relative, below the folder on every file system, outside the log, not hidden.
///
/// Its parts are at most 200 bytes of ASCII letters, digits and `-._~+@=,()!`; none begins with a dot but `.well-known` in
/// front, and none ends with one.
pub fn is_page(path: &str) -> bool {
    let part = |(index, part): (usize, &str)| {
        (1..=200).contains(&part.len())
            && (!part.starts_with('.') || (index == 0 && part == ".well-known"))
            && !part.ends_with('.')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+@=,()!".contains(&byte))
    };
    path.len() <= 1000 && !is_log(path) && path.split('/').enumerate().all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_stay_below_the_folder_and_out_of_the_log() {
        for path in ["index.html", "en/a/index.html", ".well-known/security.txt", "sbom/1.4.2/bom.json", "e/ab12/index.html"] {
            assert!(is_page(path), "{path}");
        }
        for path in [
            "",
            "/",
            "/a",
            "a/",
            "a//b",
            "../a",
            "a/../b",
            ".",
            "a/.",
            "a\\b",
            "c:x",
            "a\0b",
            ".git/config",
            "a/.well-known/x",
            "checkpoint",
            "tile/0/000",
            "tile",
            "blob/x",
            "dsse/x",
            "checkpoint/x",
            "tile/",
            "a b",
            "é",
            "a.",
            "a\nb",
            "%2e%2e/a",
        ] {
            assert!(!is_page(path), "{path}");
        }
        assert!(!is_page(&"a".repeat(201)));
    }

    #[test]
    fn payloads_lie_under_the_start_of_their_digest() {
        let digest = Digest::of(b"abc");
        assert_eq!(blob(&digest), "blob/sha256/ba/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(envelope(&digest).starts_with("dsse/sha256/ba/ba78") && envelope(&digest).ends_with(".json"));
    }
}
