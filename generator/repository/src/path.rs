//! Paths that stay beneath a root.

use crate::RepositoryError;

/// The path, if it is relative, has no empty, `.` or `..` part, and no part that another system would read differently.
pub(crate) fn beneath(path: &str) -> Result<&str, RepositoryError> {
    let fine = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', '\0']);
    // A drive letter (`C:x`) would leave the root on Windows; elsewhere a colon is an ordinary character.
    let drive = cfg!(windows) && path.contains(':');
    if path.split('/').all(fine) && !drive { Ok(path) } else { Err(RepositoryError::Outside { path: path.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::beneath;

    #[test]
    fn a_path_stays_beneath_the_root() {
        for path in ["a", "a/b.txt", "..a/b..", "a b/é"] {
            assert!(beneath(path).is_ok(), "{path}");
        }
        for path in ["", "/etc/passwd", "../a", "a/../b", "a//b", "./a", "a/", "a\\b", "a\0b", ".."] {
            assert!(beneath(path).is_err(), "{path}");
        }
    }
}
