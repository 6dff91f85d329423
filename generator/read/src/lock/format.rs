//! Which files are lockfiles, and what their formats tell.

use super::{BYTES_MAX, OTHER_BYTES_MAX};
use crate::structured::{Unreadable, empty_source};

/// Which packages there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ecosystem {
    /// Rust crates.
    Cargo,
    /// JavaScript packages.
    Npm,
    /// Python distributions.
    PyPi,
    /// Go modules.
    Go,
}

impl Ecosystem {
    /// Its type in package URLs (ECMA-427).
    pub const fn purl_type(self) -> &'static str {
        match self {
            Self::Cargo => "cargo",
            Self::Npm => "npm",
            Self::PyPi => "pypi",
            Self::Go => "golang",
        }
    }
}

/// A format of lockfiles that is read. Of two in one folder for the same ecosystem the smaller one tells more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// `Cargo.lock`, versions 1 to 4.
    CargoLock,
    /// `package-lock.json` and `npm-shrinkwrap.json`, versions 1 to 3.
    PackageLock,
    /// `pnpm-lock.yaml`, versions 5, 6 and 9.
    PnpmLock,
    /// `yarn.lock` of Yarn 1 and of Yarn 2 and later.
    YarnLock,
    /// `bun.lock`, versions 0 to 2.
    BunLock,
    /// `uv.lock`, version 1.
    UvLock,
    /// `poetry.lock`, versions 1.0 to 2.1.
    PoetryLock,
    /// `requirements.txt` of pip.
    Requirements,
    /// `go.mod`; its `go.sum` is told to it.
    GoMod,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 9] = [
        Self::CargoLock,
        Self::PackageLock,
        Self::PnpmLock,
        Self::YarnLock,
        Self::BunLock,
        Self::UvLock,
        Self::PoetryLock,
        Self::Requirements,
        Self::GoMod,
    ];

    /// The names of the files that have this format.
    pub const fn names(self) -> &'static [&'static str] {
        match self {
            Self::CargoLock => &["Cargo.lock"],
            Self::PackageLock => &["package-lock.json", "npm-shrinkwrap.json"],
            Self::PnpmLock => &["pnpm-lock.yaml"],
            Self::YarnLock => &["yarn.lock"],
            Self::BunLock => &["bun.lock"],
            Self::UvLock => &["uv.lock"],
            Self::PoetryLock => &["poetry.lock"],
            Self::Requirements => &["requirements.txt"],
            Self::GoMod => &["go.mod"],
        }
    }

    /// The format of a file with this path; none when it is no lockfile that is read.
    pub fn of(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next()?;
        Self::ALL.into_iter().find(|format| format.names().contains(&name))
    }

    /// The names of all files that are read, for messages.
    pub fn all_names() -> String {
        Self::ALL.iter().flat_map(|format| format.names()).copied().collect::<Vec<_>>().join(", ")
    }

    /// Its packages' ecosystem.
    pub const fn ecosystem(self) -> Ecosystem {
        match self {
            Self::CargoLock => Ecosystem::Cargo,
            Self::PackageLock | Self::PnpmLock | Self::YarnLock | Self::BunLock => Ecosystem::Npm,
            Self::UvLock | Self::PoetryLock | Self::Requirements => Ecosystem::PyPi,
            Self::GoMod => Ecosystem::Go,
        }
    }

    /// Whether the lockfile tells by itself what is needed for development only. A `Cargo.lock` does not: it lists what any
    /// feature, any platform and the tests may need. [`super::Lockfile::surplus`] tells of the very file.
    pub const fn tells_scopes(self) -> bool {
        matches!(self, Self::PackageLock | Self::PnpmLock | Self::BunLock | Self::UvLock)
    }

    /// Whether the lockfile tells which package needs which. Where it does not, all hang below the root.
    pub const fn tells_graph(self) -> bool {
        !matches!(self, Self::Requirements | Self::GoMod)
    }

    /// How large one may be, in bytes. With these a project of 50,000 packages is read.
    pub const fn bytes_max(self) -> u64 {
        match self {
            Self::UvLock | Self::PoetryLock => BYTES_MAX,
            _ => OTHER_BYTES_MAX,
        }
    }

    /// The command that writes the lockfile anew.
    pub const fn remake(self) -> &'static str {
        match self {
            Self::CargoLock => "cargo generate-lockfile",
            Self::PackageLock => "npm install --package-lock-only",
            Self::PnpmLock => "pnpm install --lockfile-only",
            Self::YarnLock => "yarn install --mode=update-lockfile",
            Self::BunLock => "bun install --lockfile-only",
            Self::UvLock => "uv lock",
            Self::PoetryLock => "poetry lock",
            Self::Requirements => "pip-compile --generate-hashes",
            Self::GoMod => "go mod tidy",
        }
    }
}

/// The command that turns Bun's binary lockfile into the text that is read.
const BUN_CONVERT: &str = "bun install --save-text-lockfile --frozen-lockfile --lockfile-only";

/// The tool that writes this lockfile, if it is one that is known and not read.
pub fn unread(path: &str) -> Option<&'static str> {
    match path.rsplit('/').next()? {
        "bun.lockb" => Some(
            "Bun in binary (`bun install --save-text-lockfile --frozen-lockfile --lockfile-only` writes bun.lock, which is read)",
        ),
        "deno.lock" => Some("Deno"),
        "pdm.lock" => Some("PDM"),
        "pylock.toml" => Some("Python (PEP 751)"),
        "Pipfile.lock" => Some("Pipenv"),
        "Gemfile.lock" => Some("Bundler"),
        "composer.lock" => Some("Composer"),
        "mix.lock" => Some("Mix"),
        "Package.resolved" => Some("Swift"),
        "Podfile.lock" => Some("CocoaPods"),
        "pubspec.lock" => Some("Dart"),
        "packages.lock.json" => Some("NuGet"),
        "gradle.lockfile" => Some("Gradle"),
        _ => None,
    }
}

/// Why a path is not read, with the way out.
pub(super) fn not_read(path: &str) -> Unreadable {
    let source = empty_source(path);
    let refused = |message: String| Unreadable::at(&source, "not-a-lockfile", 0..0, message);
    match (path.rsplit('/').next(), unread(path)) {
        (Some("bun.lockb"), _) => refused("Bun's binary lockfile is not read; its text is".to_owned())
            .help(format!("`{BUN_CONVERT}` writes bun.lock from it")),
        (Some("go.sum"), _) => refused("a go.sum is read with the go.mod beside it".to_owned())
            .help("name the go.mod; without one, `go mod init` and `go mod tidy` write it"),
        (_, Some(tool)) => {
            refused(format!("lockfiles of {tool} are not read")).help(format!("these are: {}", Format::all_names()))
        }
        _ => refused("this is no lockfile that is read".to_owned()).help(format!("these are: {}", Format::all_names())),
    }
}
