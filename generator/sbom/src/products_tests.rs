//! What of a repository is the product, what is a member of it, and what is somebody else's copy.

use avouch_repository::InMemory;
use serde_json::Value;

use crate::{Caches, Options, generate, tests::facts, validate};

fn bom<const N: usize>(files: [(&str, &str); N]) -> Value {
    let tree = InMemory::of(files.map(|(path, text)| (path, text.to_owned())));
    let sbom = generate(&tree, &Caches::default(), &facts(), &Options::default()).unwrap();
    assert_eq!(validate(&sbom.bytes), []);
    serde_json::from_slice(&sbom.bytes).unwrap()
}

fn component<'a>(bom: &'a Value, name: &str) -> &'a Value {
    bom["components"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap()
}

fn origin(component: &Value) -> Option<&str> {
    let mut properties = component["properties"].as_array()?.iter();
    properties.find(|one| one["name"] == "avouch:origin")?["value"].as_str()
}

fn named(bom: &Value) -> Vec<&str> {
    bom["components"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

#[test]
fn a_vendored_crate_that_is_patched_in_stays_a_package_of_its_registry() {
    let lock = "version = 3\n[[package]]\nname = \"app\"\nversion = \"1.0.0\"\ndependencies = [\"h2\", \"helper\"]\n\
        [[package]]\nname = \"h2\"\nversion = \"0.3.26\"\n[[package]]\nname = \"helper\"\nversion = \"0.1.0\"\n";
    let root = "[workspace]\nmembers = ['crates/*']\n[package]\nname = 'app'\nversion = '1.0.0'\n\
        [patch.crates-io]\nh2 = { path = './patched/h2' }\nhelper = { path = 'crates/helper' }\n";
    let helper = "[package]\nname = 'helper'\nversion = '0.1.0'\n";
    for manifest in [Some("patched/h2/Cargo.toml"), None] {
        let h2 = (manifest.unwrap_or("README.md"), "[package]\nname = 'h2'\nversion = '0.3.26'\n");
        let bom = bom([("Cargo.lock", lock), ("Cargo.toml", root), ("crates/helper/Cargo.toml", helper), h2]);
        let h2 = component(&bom, "h2");
        assert_eq!((&h2["purl"], &h2["version"]), (&"pkg:cargo/h2@0.3.26".into(), &"0.3.26".into()));
        assert_eq!((&h2["bom-ref"], origin(h2)), (&"path:cargo:patched/h2#h2@0.3.26".into(), Some("path")));
        assert_eq!(h2["scope"], "required");
        // A member that others of the workspace get by a patch is a member.
        let helper = component(&bom, "helper");
        assert_eq!((&helper["purl"], origin(helper)), (&"pkg:generic/app/helper@0.1.0".into(), Some("member")));
        assert_eq!(named(&bom).len(), 2, "the crate at the root is the product");
    }
}

#[test]
fn a_crate_in_a_folder_for_copies_or_outside_of_the_tree_is_a_copy() {
    let lock = "version = 3\n[[package]]\nname = \"app\"\nversion = \"1.0.0\"\ndependencies = [\"beside\", \"left\"]\n\
        [[package]]\nname = \"beside\"\nversion = \"0.1.0\"\n[[package]]\nname = \"left\"\nversion = \"2.0.0\"\n";
    let root = "[package]\nname = 'app'\nversion = '1.0.0'\n[dependencies]\nleft = { path = 'third_party/left' }\nbeside = { path = '../beside' }\n";
    let left = "[package]\nname = 'left'\nversion = '2.0.0'\n";
    let bom = bom([("Cargo.lock", lock), ("Cargo.toml", root), ("third_party/left/Cargo.toml", left)]);
    for (name, purl) in [("left", "pkg:cargo/left@2.0.0"), ("beside", "pkg:cargo/beside@0.1.0")] {
        assert_eq!((&component(&bom, name)["purl"], origin(component(&bom, name))), (&purl.into(), Some("path")));
        assert_eq!(component(&bom, name)["supplier"]["name"], "NOASSERTION", "we do not supply it");
    }
}

#[test]
fn a_vendored_archive_of_npm_stays_a_package_of_its_registry() {
    let lock = r#"{"name": "app", "version": "1.0.0", "lockfileVersion": 3, "packages": {
        "": {"name": "app", "version": "1.0.0", "dependencies": {"real": "file:vendor/real-2.0.0.tgz", "ui": "*"}},
        "node_modules/real": {"version": "2.0.0", "resolved": "file:vendor/real-2.0.0.tgz", "integrity": "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk="},
        "node_modules/ui": {"resolved": "packages/ui", "link": true},
        "packages/ui": {"name": "ui", "version": "0.1.0"},
        "vendor/old": {"name": "old", "version": "3.0.0"}}}"#;
    let bom = bom([("package-lock.json", lock), ("package.json", r#"{"name": "app"}"#)]);
    let real = component(&bom, "real");
    assert_eq!((&real["purl"], &real["version"]), (&"pkg:npm/real@2.0.0".into(), &"2.0.0".into()));
    assert_eq!(origin(real), Some("path"));
    assert_eq!(real["hashes"][0]["alg"], "SHA-1");
    assert_eq!(
        (&component(&bom, "ui")["purl"], origin(component(&bom, "ui"))),
        (&"pkg:generic/app/ui@0.1.0".into(), Some("member"))
    );
    assert_eq!((&component(&bom, "old")["purl"], origin(component(&bom, "old"))), (&"pkg:npm/old@3.0.0".into(), Some("path")));
}

#[test]
fn a_python_product_is_called_what_its_project_is_called() {
    let lock = |source: &str| {
        format!(
            "version = 1\n[[package]]\nname = \"shop\"\nversion = \"0.2.0\"\nsource = {{ {source} = \".\" }}\ndependencies = [{{ name = \"a\" }}]\n\
             [[package]]\nname = \"a\"\nversion = \"1.0\"\nsource = {{ registry = \"https://pypi.org/simple\" }}\n"
        )
    };
    let project = "[project]\nname = 'shop'\nversion = '0.2.0'\nlicense = 'MIT'\ndependencies = ['a']\n";
    for source in ["editable", "virtual"] {
        let bom = bom([("uv.lock", &lock(source)), ("pyproject.toml", project)]);
        let product = &bom["metadata"]["component"];
        assert_eq!((&product["name"], &product["purl"]), (&"shop".into(), &"pkg:generic/shop@1.4.2".into()));
        assert_eq!(product["licenses"][0]["license"]["id"], "MIT");
        assert_eq!(named(&bom), ["a"], "the project itself is the product");
    }
    let poetry = "[tool.poetry]\nname = 'old-shop'\nversion = '0.2.0'\nlicense = 'ISC'\n";
    let product = &bom([("requirements.txt", "a==1.0\n"), ("pyproject.toml", poetry)])["metadata"]["component"];
    assert_eq!((&product["name"], &product["licenses"][0]["license"]["id"]), (&"old-shop".into(), &"ISC".into()));
    let text = "[project]\nname = 'shop'\nlicense = { text = '''MIT License\n\nCopyright''' }\n";
    let product = &bom([("requirements.txt", "a==1.0\n"), ("pyproject.toml", text)])["metadata"]["component"];
    assert_eq!(product["licenses"][0]["license"]["name"], "NOASSERTION", "a whole text is no name");
}

#[test]
fn a_go_product_is_called_after_the_last_part_of_its_module() {
    for (module, name) in [("example.org/team/shop", "shop"), ("\"example.org/shop/v2\" // shop", "shop"), ("v2", "v2")] {
        let text = format!("module {module}\n\ngo 1.22\n\nrequire example.net/a v1.0.0\n");
        let bom = bom([("go.mod", &text)]);
        assert_eq!(bom["metadata"]["component"]["name"], name, "{module}");
        assert_eq!(bom["metadata"]["component"]["purl"], format!("pkg:generic/{name}@1.4.2"));
        assert_eq!(named(&bom), ["example.net/a"]);
    }
}

#[test]
fn what_a_workspace_states_once_holds_for_its_crates() {
    let lock = "version = 4\n[[package]]\nname = \"m\"\nversion = \"2.0.0\"\n[[package]]\nname = \"n\"\nversion = \"2.0.0\"\n";
    let root = "[workspace]\nmembers = ['m', 'n']\n[workspace.package]\nlicense = 'MIT'\nversion = '2.0.0'\n";
    let m = "[package]\nname = 'm'\nversion.workspace = true\nlicense.workspace = true\n";
    let n = "[package]\nname = 'n'\nversion = { workspace = true }\nlicense = { workspace = true }\n";
    let bom = bom([("Cargo.lock", lock), ("Cargo.toml", root), ("m/Cargo.toml", m), ("n/Cargo.toml", n)]);
    for name in ["m", "n"] {
        let component = component(&bom, name);
        assert_eq!((&component["licenses"][0]["license"]["id"], &component["version"]), (&"MIT".into(), &"2.0.0".into()));
        assert_eq!(origin(component), Some("member"));
    }
}
