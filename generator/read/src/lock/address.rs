//! URLs as they may be published: without whatever lets somebody in.
//!
//! What a lockfile names is written into documents that customers read. A password before the `@`, a signature in the query
//! and a token that is a part of the path are left out; what remains still tells the host.

use avouch_model::percent::decoded_as_far;

/// From this length on a part of a path that looks drawn by lot is taken for a token: the shortest that an index is known to
/// hand out has 16 characters, and versions and folders of a registry are shorter.
const TOKEN_CHARACTERS_MIN: usize = 12;
/// The longest run of letters and digits that still is a word of a name, `es2015`.
const WORD_CHARACTERS_MAX: usize = 6;
/// How many digits a hash has that a host of archives puts into the path; 60 is what is left of 64 after two folders.
const HASH_DIGITS: [usize; 6] = [32, 40, 60, 64, 96, 128];

/// The scheme of an address in lower case (RFC 3986, section 3.1: schemes mean the same in both cases); none for a path, nor
/// for the drive of one.
pub(super) fn scheme(text: &str) -> Option<String> {
    let (scheme, _) = text.split_once(':')?;
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let sound = scheme.len() > 1 && scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(known);
    sound.then(|| scheme.to_ascii_lowercase())
}

/// Whether an address is one of the web.
pub(super) fn is_web(text: &str) -> bool {
    matches!(scheme(text).as_deref(), Some("http" | "https")) && text.contains("://")
}

/// A URL without user, password, query and fragment; scheme and host in lower case, and without the port that the scheme has
/// anyway. The user of an `ssh` URL is part of the address.
pub(super) fn plain(url: &str) -> String {
    let Some((written, rest)) = url.split_once("://") else {
        return url.split(['?', '#']).next().unwrap_or_default().to_owned();
    };
    let scheme = written.to_ascii_lowercase();
    let (authority, tail) = rest.split_at_checked(rest.find(['/', '?', '#']).unwrap_or(rest.len())).unwrap_or((rest, ""));
    let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    let user = user.filter(|user| scheme.ends_with("ssh") && !user.contains(':'));
    let host = host.to_ascii_lowercase();
    let port = if scheme.ends_with("https") { ":443" } else { ":80" };
    let host = host.strip_suffix(port).filter(|_| scheme.ends_with("http") || scheme.ends_with("https")).unwrap_or(&host);
    let path = tail.split(['?', '#']).next().unwrap_or_default();
    let user = user.map(|user| format!("{user}@")).unwrap_or_default();
    format!("{scheme}://{user}{host}{path}")
}

/// The URL of an archive, as it may be published. One with a token in its path is cut down to its host; hashes stay.
pub(super) fn of_archive(url: &str) -> String {
    without_token(&plain(url), |part| is_token(part) && !is_hash(part))
}

/// The URL of a registry or an index, as it may be published. One with a token in its path is cut down to its host.
pub(super) fn of_registry(url: &str) -> String {
    without_token(&plain(url), is_token)
}

fn without_token(plain: &str, is_token: impl Fn(&str) -> bool) -> String {
    let Some((scheme, rest)) = plain.split_once("://") else {
        return plain.to_owned();
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if path.split('/').any(is_token) { format!("{scheme}://{host}") } else { plain.to_owned() }
}

/// Whether a part of a path looks like a token: long, of letters and digits mixed, and no row of words and numbers.
fn is_token(part: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    // What is percent-encoded could be written plainly.
    let part = decoded_as_far(part);
    let long = part.len() >= TOKEN_CHARACTERS_MIN && part.bytes().all(known);
    let mixed =
        |text: &str| text.bytes().any(|byte| byte.is_ascii_digit()) && text.bytes().any(|byte| byte.is_ascii_alphabetic());
    long && mixed(&part) && part.split(['-', '_']).any(|word| mixed(word) && word.len() > WORD_CHARACTERS_MAX)
}

fn is_hash(part: &str) -> bool {
    HASH_DIGITS.contains(&part.len()) && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_leave_a_url() {
        for (url, published) in [
            ("https://user:secret@host/a@b", "https://host/a@b"),
            ("https://token@host:8443?x", "https://host:8443"),
            ("ssh://git@host/a", "ssh://git@host/a"),
            ("ssh://git:secret@host/a", "ssh://host/a"),
            ("https://host/a", "https://host/a"),
            ("HTTPS://Host.Example:443/A", "https://host.example/A"),
            ("http://host:80", "http://host"),
            ("http://host:443/a", "http://host:443/a"),
            ("git+https://host:443/a.git", "git+https://host/a.git"),
            ("https://npm.example/a/-/a-1.0.0.tgz?token=SECRET", "https://npm.example/a/-/a-1.0.0.tgz"),
            ("https://s3.example/a.tgz?X-Amz-Signature=0&x#access_token=SECRET", "https://s3.example/a.tgz"),
            ("https://host.example#@SECRET", "https://host.example"),
            ("//host/a?sig=SECRET", "//host/a"),
            ("a.tgz?sig=SECRET", "a.tgz"),
        ] {
            assert_eq!(of_archive(url), published);
            assert_eq!(of_registry(url), published);
        }
    }

    #[test]
    fn a_token_in_the_path_cuts_a_url_down_to_its_host() {
        for token in [
            "SEKRETVALUE123",
            concat!("glpat", "-4nVxZq8Lw2Rt7YbK9mJc"),
            "a1B2c3D4e5F6g7H8",
            "0123456789abcdef0123456789abcdef01234567",
            "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
            "SEKRET%56ALUE123",
        ] {
            assert_eq!(of_registry(&format!("https://u@host.example/{token}/simple?x")), "https://host.example", "{token}");
        }
        for part in [
            "simple",
            "python-packages-of-team-2",
            "v1.2.3-20240101120000-0123456789ab.zip",
            "20240101120000",
            "es2015-parser-next",
        ] {
            let url = format!("https://host.example/{part}/simple");
            assert_eq!(of_registry(&url), url);
        }
    }

    #[test]
    fn the_hash_in_the_path_of_an_archive_is_no_token() {
        let hash = "0123456789abcdef".repeat(4);
        for folder in [format!("packages/01/23/{}", &hash[4..]), hash.clone(), hash[..40].to_owned()] {
            let url = format!("https://files.example/{folder}/a-1.0.0.tar.gz");
            assert_eq!(of_archive(&url), url);
            assert_eq!(of_registry(&url), "https://files.example");
        }
        assert_eq!(of_archive("https://files.example/a1B2c3D4e5F6g7H8/a.tar.gz"), "https://files.example");
    }

    #[test]
    fn a_scheme_means_the_same_in_both_cases() {
        assert_eq!(scheme("JavaScript:x").as_deref(), Some("javascript"));
        assert_eq!(scheme("git+SSH://x").as_deref(), Some("git+ssh"));
        for path in ["../a", "C:\\a", "a/b:c", ":x", "1x:y", ""] {
            assert_eq!(scheme(path), None, "{path}");
        }
        assert!(is_web("HTTPS://host") && !is_web("https:host") && !is_web("s3://host"));
    }
}
