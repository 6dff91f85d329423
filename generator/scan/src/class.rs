//! What a path tells of a file: a test, a document, an example, or something that runs.

/// The class of a path. It is part of a hit and never a reason to be silent: a real key in a test is a real key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathClass {
    /// Everything that is none of the others.
    Source,
    /// A test, a fixture, a mock, a snapshot.
    Test,
    /// A text for people.
    Document,
    /// An example, a template, a sample.
    Example,
}

impl PathClass {
    /// The class of a path with forward slashes.
    pub fn of(path: &str) -> Self {
        let lower = path.to_ascii_lowercase();
        let (folders, name) = lower.rsplit_once('/').unwrap_or(("", lower.as_str()));
        let words = |text: &str, wanted: &[&str]| {
            text.split(|letter: char| !letter.is_ascii_alphanumeric()).any(|word| wanted.contains(&word))
        };
        let in_folder = |wanted: &[&str]| folders.split('/').any(|folder| words(folder, wanted));
        const EXAMPLES: &[&str] = &["example", "examples", "sample", "samples", "template", "templates", "dist", "tmpl", "demo"];
        const TESTS: &[&str] = &[
            "test",
            "tests",
            "testdata",
            "testing",
            "spec",
            "specs",
            "fixture",
            "fixtures",
            "mock",
            "mocks",
            "snapshot",
            "snapshots",
            "snap",
            "e2e",
            "bench",
            "benches",
        ];
        const DOCUMENTS: &[&str] = &["doc", "docs", "documentation", "man"];
        let example_name = words(name, &EXAMPLES[..6]) || name.ends_with(".dist") || name.ends_with(".tmpl");
        if example_name {
            Self::Example
        } else if words(name, &TESTS[..11]) || name.starts_with("test_") || name.contains("_test.") || in_folder(TESTS) {
            Self::Test
        } else if in_folder(&EXAMPLES[..6]) || in_folder(&["demo", "demos"]) {
            Self::Example
        } else if [".md", ".mdx", ".rst", ".adoc", ".txt", ".markdown"].iter().any(|end| name.ends_with(end))
            || in_folder(DOCUMENTS)
        {
            Self::Document
        } else {
            Self::Source
        }
    }

    /// The word in machine output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Test => "test",
            Self::Document => "document",
            Self::Example => "example",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_tells_what_a_file_is_for() {
        for (path, class) in [
            ("src/index.ts", PathClass::Source),
            ("src/latest/contest.rs", PathClass::Source),
            (".env", PathClass::Source),
            (".env.example", PathClass::Example),
            (".dev.vars.example", PathClass::Example),
            ("config/database.yml.sample", PathClass::Example),
            ("examples/worker/wrangler.toml", PathClass::Example),
            ("src/auth.test.ts", PathClass::Test),
            ("pkg/auth_test.go", PathClass::Test),
            ("tests/fixtures/key.pem", PathClass::Test),
            ("examples/a/tests/b.rs", PathClass::Test),
            ("README.md", PathClass::Document),
            ("docs/setup/index.html", PathClass::Document),
        ] {
            assert_eq!(PathClass::of(path), class, "{path}");
        }
    }
}
