//! `uv.lock`, `poetry.lock` and `requirements.txt`.

use super::*;

const UV: &str = r#"version = 1
revision = 3
requires-python = ">=3.10"

[manifest]
members = ["shop", "worker"]

[[package]]
name = "shop"
version = "1.0.0"
source = { editable = "." }
dependencies = [
    { name = "http", extra = ["socks"] },
    { name = "old", version = "1.0.0", source = { registry = "https://pypi.example/simple" }, marker = "python_full_version < '3.11'" },
    { name = "worker" },
]

[package.optional-dependencies]
fast = [{ name = "speed" }]

[package.dev-dependencies]
dev = [{ name = "checker" }]

[package.metadata]
requires-dist = [
    { name = "HTTP", extras = ["socks"], specifier = ">=1" },
    { name = "old" },
    { name = "speed", marker = "extra == 'fast'" },
    { name = "worker", editable = "worker" },
]

[package.metadata.requires-dev]
dev = [{ name = "checker", specifier = "==2.0" }]

[[package]]
name = "worker"
source = { editable = "worker" }

[[package]]
name = "http"
version = "1.0.0"
source = { git = "https://host.example/http.git?tag=v1#0123456789abcdef0123456789abcdef01234567" }
dependencies = [{ name = "core" }]

[package.optional-dependencies]
socks = [{ name = "socksio" }]
unasked = [{ name = "only-unasked" }]

[[package]]
name = "core"
version = "1.0.0"
source = { registry = "https://pypi.example/simple" }
sdist = { url = "https://user:secret@files.example/core-1.0.0.tar.gz", hash = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", size = 1 }
wheels = [{ url = "https://files.example/core-1.0.0-py3-none-any.whl", hash = "sha256:0000000000000000000000000000000000000000000000000000000000000000" }]

[[package]]
name = "socksio"
version = "1.0.0"
source = { registry = "https://pypi.example/simple" }
wheels = [{ url = "https://files.example/socksio-1.0.0-py3-none-any.whl", hash = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" }]

[[package]]
name = "only-unasked"
version = "1.0.0"
source = { registry = "https://pypi.example/simple" }

[[package]]
name = "old"
version = "1.0.0"
source = { registry = "https://pypi.example/simple" }
resolution-markers = ["python_full_version < '3.11'"]

[[package]]
name = "old"
version = "2.0.0"
source = { url = "https://files.example/old-2.0.0.tar.gz" }

[[package]]
name = "speed"
version = "1.0.0"
source = { registry = "https://pypi.example/simple" }

[[package]]
name = "checker"
version = "2.0"
source = { path = "vendor/checker-2.0-py3-none-any.whl" }
dependencies = [{ name = "core" }]
"#;

#[test]
fn an_extra_brings_its_packages_to_those_who_ask_for_it() {
    let lock = read("uv.lock", UV);
    let needed = graph(&lock);
    assert_eq!(needed["shop 1.0.0"], ["checker 2.0", "http 1.0.0", "old 1.0.0", "speed 1.0.0", "worker -"]);
    assert_eq!(needed["http 1.0.0"], ["core 1.0.0", "only-unasked 1.0.0", "socksio 1.0.0"]);
    use Scope::{Excluded, Optional, Required};
    let scope = |name: &str| package(&lock, name).scope;
    assert_eq!([scope("core"), scope("socksio"), scope("only-unasked")], [Required, Required, Excluded]);
    assert_eq!([scope("speed"), scope("checker"), scope("worker")], [Optional, Excluded, Required]);
    assert_eq!(lock.roots.len(), 2);
    assert!(lock.surplus.contains(&Surplus::Platforms));
}

#[test]
fn files_of_a_distribution_keep_their_own_hashes() {
    let lock = read("uv.lock", UV);
    let core = package(&lock, "core");
    assert!(core.hashes.is_empty(), "which of them is installed depends on the platform");
    let files: Vec<_> =
        core.archives.iter().map(|it| (it.url.as_deref().unwrap(), it.file.as_deref(), it.hashes.len())).collect();
    let at = |name: &str| format!("https://files.example/{name}");
    let (wheel, source) = (at("core-1.0.0-py3-none-any.whl"), at("core-1.0.0.tar.gz"));
    assert_eq!(files, [(wheel.as_str(), None, 1), (source.as_str(), None, 1)], "the address ends with the name");
    assert_eq!(package(&lock, "socksio").hashes.len(), 1, "one file leaves no choice");
    assert_eq!(package(&lock, "http").origin, Origin::Git { url: "https://host.example/http.git".into(), commit: COMMIT.into() });
    assert_eq!(package(&lock, "checker").purl(), None);
    let other = "pkg:pypi/core@1.0.0?repository_url=https:%2F%2Fpypi.example%2Fsimple";
    assert_eq!(core.purl().unwrap(), other);
    let asked: Vec<_> = lock.importers[0].asked.iter().map(|it| (it.name.as_str(), it.specifier.as_deref().unwrap())).collect();
    assert_eq!(asked, [("checker", "==2.0"), ("http", ">=1"), ("old", ""), ("speed", ""), ("worker", "")]);
}

#[test]
fn the_index_of_python_is_the_registry() {
    let index = format!("https://{}/simple", ["pypi", "org"].join("."));
    let lock = read("uv.lock", &UV.replace("https://pypi.example/simple", &index));
    assert_eq!(package(&lock, "core").purl().unwrap(), "pkg:pypi/core@1.0.0");
}

#[test]
fn a_project_that_is_no_package_asks_by_its_groups() {
    let text = "version = 1\n[manifest.dependency-groups]\ndev = [{ name = \"a\", specifier = \">=1\" }]\n\
                [[package]]\nname = \"a\"\nversion = \"1.0\"\nsource = { registry = \"https://i.example/simple\" }\n";
    let lock = read("uv.lock", text);
    assert_eq!(graph(&lock)["root -"], ["a 1.0"]);
    assert_eq!(package(&lock, "a").scope, Scope::Excluded);
}

const POETRY: &str = r#"# This file is automatically @generated by Poetry 2.1.0.

[[package]]
name = "http"
version = "1.0.0"
description = ""
optional = false
python-versions = ">=3.8"
groups = ["main", "dev"]
files = [
    {file = "http-1.0.0-py3-none-any.whl", hash = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {file = "http-1.0.0.tar.gz", hash = "sha256:0000000000000000000000000000000000000000000000000000000000000000"},
]

[package.dependencies]
core = ">=1"
lock_er = {version = ">=2", optional = true, markers = "extra == \"cache\""}
absent = {version = "*", markers = "sys_platform == \"win32\""}

[package.extras]
cache = ["lock-er (>=2)"]

[[package]]
name = "core"
version = "1.0.0"
description = ""
optional = false
python-versions = "*"
groups = ["main"]
files = []

[package.source]
type = "git"
url = "https://host.example/core.git"
reference = "HEAD"
resolved_reference = "0123456789abcdef0123456789abcdef01234567"

[[package]]
name = "lock-er"
version = "2.0"
description = ""
optional = true
python-versions = "*"
groups = ["main"]
files = []

[package.source]
type = "legacy"
url = "https://pypi.example/simple"
reference = "private"

[[package]]
name = "tool"
version = "3.0"
description = ""
optional = false
python-versions = "*"
groups = ["dev"]
files = []

[package.dependencies]
http = {version = "*", extras = ["cache"]}

[metadata]
lock-version = "2.1"
python-versions = ">=3.8"
content-hash = "00"
"#;

#[test]
fn poetry_states_the_groups_that_need_a_package() {
    let lock = read("poetry.lock", POETRY);
    let needed = graph(&lock);
    assert_eq!(needed["root -"], ["tool 3.0"]);
    assert_eq!(needed["http 1.0.0"], ["core 1.0.0", "lock-er 2.0"]);
    use Scope::{Excluded, Optional, Required};
    let expected = [("core", Required), ("http", Required), ("lock-er", Optional), ("root", Required), ("tool", Excluded)];
    assert_eq!(scopes(&lock), expected);
    assert!(lock.unresolved.is_empty(), "{:?}", lock.unresolved);
    assert_eq!(package(&lock, "core").origin, Origin::Git { url: "https://host.example/core.git".into(), commit: COMMIT.into() });
    assert_eq!(package(&lock, "lock-er").origin, Origin::OtherRegistry { url: "https://pypi.example/simple".into() });
    assert_eq!(package(&lock, "http").archives.len(), 2);
    assert_eq!(lock.surplus, [Surplus::Platforms].into());
}

#[test]
fn a_pyproject_tells_what_poetry_leaves_open() {
    let without = POETRY.replace("lock-version = \"2.1\"", "lock-version = \"2.0\"");
    let without: String = without.lines().filter(|line| !line.starts_with("groups")).map(|line| format!("{line}\n")).collect();
    let mut lock = read("poetry.lock", &without);
    assert!(lock.surplus.contains(&Surplus::Development));
    assert_eq!(package(&lock, "tool").scope, Scope::Required, "nothing tells yet");
    let manifest = "[project]\nname = 'shop'\nversion = '1.0'\ndependencies = ['core (>=1)']\n\
                    [tool.poetry.group.dev.dependencies]\nTool = '^3'\n[tool.poetry.dependencies]\npython = '^3.8'\n";
    lock.tell_manifests(&[(String::new(), Manifest::parse("pyproject.toml", manifest.as_bytes()).unwrap())]);
    assert_eq!(graph(&lock)["shop 1.0"], ["core 1.0.0", "tool 3.0"]);
    assert_eq!(package(&lock, "core").scope, Scope::Required);
    assert_eq!(package(&lock, "http").scope, Scope::Excluded);
    assert!(!lock.surplus.contains(&Surplus::Development));
}

#[test]
fn files_and_categories_of_old_poetry_are_read() {
    let text = "[[package]]\nname = \"a\"\nversion = \"1.0\"\ncategory = \"dev\"\noptional = false\n\
                [metadata]\nlock-version = \"1.1\"\n[metadata.files]\na = [{file = \"a-1.0.tar.gz\", hash = \"md5:d41d8cd98f00b204e9800998ecf8427e\"}]\n";
    let lock = read("poetry.lock", text);
    assert_eq!(package(&lock, "a").scope, Scope::Excluded);
    assert_eq!(package(&lock, "a").hashes[0].algorithm, HashAlgorithm::Md5);
}

const REQUIREMENTS: &str = "# Made by hand.
--index-url https://user:secret@pypi.example/simple
-r other.txt
-c constraints.txt
Flask[async]==3.0.0 ; python_version >= '3.8' \\
    --hash=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 \\
    --hash=sha256:0000000000000000000000000000000000000000000000000000000000000000
    # via shop
one===1.0 --hash=sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e
loose>=1.0,<2
wild==1.*
bare
git-dep @ git+https://host.example/g.git@0123456789abcdef0123456789abcdef01234567#egg=git-dep
moving @ git+https://host.example/g.git@main
archive @ https://host.example/a-1.0.tar.gz
-e .
./vendor/local
";

#[test]
fn only_what_is_pinned_is_a_package() {
    let lock = read("requirements.txt", REQUIREMENTS);
    let names: Vec<&str> = lock.foreign().map(|package| package.name.as_str()).collect();
    assert_eq!(names, ["Flask", "archive", "git-dep", "local", "one"]);
    assert_eq!(
        lock.unresolved.iter().map(String::as_str).collect::<Vec<_>>(),
        [
            "bare is not pinned with `==`",
            "includes constraints.txt, which is not read",
            "includes other.txt, which is not read",
            "loose is not pinned with `==`",
            "moving is not pinned with `==`",
            "wild is not pinned with `==`"
        ]
    );
    let flask = package(&lock, "Flask");
    assert_eq!(flask.purl().unwrap(), "pkg:pypi/flask@3.0.0?repository_url=https:%2F%2Fpypi.example%2Fsimple");
    assert_eq!((flask.archives.len(), flask.hashes.len(), flask.conditional), (2, 0, true));
    assert_eq!(package(&lock, "one").hashes[0].algorithm, HashAlgorithm::Sha512);
    assert_eq!(package(&lock, "git-dep").origin, Origin::Git { url: "https://host.example/g.git".into(), commit: COMMIT.into() });
    assert_eq!(package(&lock, "local").purl(), None);
    assert_eq!(read("requirements.txt", &REQUIREMENTS.replace('\n', "\r\n")), lock);
}

#[test]
fn what_python_never_writes_is_refused_at_its_place() {
    for (path, text, place) in [
        ("uv.lock", "version = 2\n", "uv.lock:1:11:"),
        ("uv.lock", "version = 1\n", "uv.lock:1:1:"),
        (
            "uv.lock",
            "version = 1\n[[package]]\nname = \"a\"\nversion = \"1\"\nsource = { git = \"https://h.example/a#main\" }\n",
            "uv.lock:5:10:",
        ),
        ("poetry.lock", "package = []\n", "poetry.lock:1:1:"),
        ("requirements.txt", "ok==1.0\n!!!\n", "requirements.txt:2:1:"),
        ("requirements.txt", "a==1.0 --hash=sha256:00\n", "requirements.txt:1:1:"),
    ] {
        let error = refused(path, text);
        assert!(error.starts_with(place), "{text:?}: {error}");
    }
}
