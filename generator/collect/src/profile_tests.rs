//! The checks of the built-in profile that look at sources, asked of the reference product's repository: they pass as it
//! stands, and each of these changes breaks exactly the check that it must.

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use avouch_model::{
    catalogue::{Asked, When},
    diagnostic::Source,
    release::Release,
    state::Outcome,
};
use avouch_read::{
    configuration,
    mapping::{builtin_profiles, builtins, load, resolve},
};

use crate::{collect, kinds, testing::Scene};

#[test]
fn the_reference_repository_passes_and_each_defect_is_found() {
    let (scene, asked) = reference();
    assert!(asked.len() >= 8, "{}", asked.len());
    assert_eq!(outcomes(&scene, &asked, |outcome| outcome != Outcome::Pass), BTreeMap::new());

    let defects = [
        ("src/keys.ts", "Uint8Array(17)", "Uint8Array(16)", "key-entropy-figures"),
        ("src/keys.ts", "crypto.getRandomValues(", "Math.random(", "key-generator"),
        ("docs/security.md", "130 bits of entropy", "256 bits of entropy", "key-entropy-figures"),
        ("docs/security.md", "8-character prefix", "12-character prefix", "key-prefix-figures"),
        ("wrangler.toml", "limit = 60, period = 60", "limit = 600, period = 60", "rate-limit-binding"),
        ("wrangler.toml", "[vars]\n", "[vars]\nPEPPER = \"x\"\n", "pepper-binding"),
        ("wrangler.toml", "[[env.staging.secrets_store_secrets]]", "[[env.staging.other]]", "pepper-binding"),
        ("src/routes/interactions.ts", "\n", "\nconst o = c.req.query(\"org_id\");\n", "tenant-not-from-request"),
        (".github/workflows/release.yml", "-o bom.json", "-o bom.json || true", "sbom-in-pipeline"),
        (".github/workflows/release.yml", "run: avouch sbom", "run: echo # avouch sbom", "sbom-in-pipeline"),
        (".pre-commit-config.yaml", "gitleaks/gitleaks", "other/other", "secret-hook"),
        ("src/errors.ts", "\n", concat!("\nconst id = \"AK", "IAQ3EXB7TLMW2ZK5RV\";\n"), "secrets-in-tree"),
        ("docs/trust/owasp-api-top-10.md", "API7:2023", "API7:2019", "owasp-mapping-document"),
        ("SECURITY.md", "## Safe harbour", "## Thanks", "safe-harbour"),
    ];
    for (file, from, to, check) in defects {
        let (mut broken, _) = reference();
        let text = String::from_utf8(broken.tree.0[file].clone()).unwrap();
        assert!(text.contains(from), "`{file}` no longer holds `{from}`");
        broken.tree.0.insert(file.to_owned(), text.replacen(from, to, 1).into_bytes());
        let failed = outcomes(&broken, &asked, |outcome| outcome == Outcome::Fail);
        assert_eq!(failed.get(check), Some(&Outcome::Fail), "{file}: `{to}` → {failed:?}");
    }
}

#[test]
fn an_empty_repository_passes_nothing() {
    let (mut scene, asked) = reference();
    scene.tree.0.clear();
    // What is about the mapping itself is not in the repository.
    let passed = outcomes(&scene, &asked, |outcome| outcome == Outcome::Pass);
    assert_eq!(passed, BTreeMap::new());
}

fn outcomes(scene: &Scene, asked: &[Asked], keep: fn(Outcome) -> bool) -> BTreeMap<String, Outcome> {
    let collected = scene.with(|world| collect(world, asked));
    let kept = collected.observations.into_iter().filter(|one| keep(one.outcome));
    kept.map(|one| (one.check, one.outcome)).collect()
}

/// The reference repository as a commit, and the checks that look at it.
fn reference() -> (Scene, Vec<Asked>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference-api/template");
    let mut files = BTreeMap::new();
    read(&root, &root, &mut files);
    let text = fs::read_to_string(root.join("avouch.toml")).unwrap();
    let key = |number: &str| format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{number}");
    let text = text
        .replace("@@HTTPS@@", "https://127.0.0.1:1")
        .replace("@@HTTP@@", "http://127.0.0.1:2")
        .replace("@@DB@@", "data.db")
        .replace("@@CA@@", "ca.pem")
        .replace("@@KEY_ALICE@@", &key("AABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"))
        .replace("@@KEY_BOB@@", &key("AECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g"));
    let source = Arc::new(Source { path: "avouch.toml".into(), text });
    let configuration = match configuration::load(&source) {
        Ok((configuration, _)) => configuration,
        Err(mistakes) => panic!("{:?}", mistakes.iter().map(|one| one.line()).collect::<Vec<_>>()),
    };
    let ids: Vec<&str> = kinds::ALL.iter().map(|kind| kind.id).collect();
    let profiles: Vec<_> = builtin_profiles().into_iter().filter(|profile| profile.name == "auth-api").collect();
    let catalogue = load(&profiles, &builtins(), &ids).unwrap();
    let mut asked = resolve(&catalogue, &configuration, &Default::default()).asked;
    // What a history holds is shown by the kill matrix, which has one.
    let elsewhere = ["mapping.coverage", "secrets.history"];
    asked.retain(|asked| asked.check.when == When::Build && !elsewhere.contains(&asked.check.kind.as_str()));
    // The baseline is no claim of this product.
    let unclaimed = catalogue.unclaimed();
    asked.retain(|asked| !unclaimed.contains(asked.check.id.as_str()));
    let mut scene = Scene::of(files);
    scene.configuration = configuration;
    scene.catalogue = catalogue;
    scene.release = Some(Release { version: "1.0.0".into(), commit: "c0".into(), tag: Some("v1.0.0".into()) });
    (scene, asked)
}

fn read(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(root, &path, files);
            continue;
        }
        let name = path.strip_prefix(root).unwrap().to_str().unwrap();
        // Names that would mean something in this repository are written without their dot there.
        let name = match name {
            "gitignore" => ".gitignore",
            "pre-commit-config.yaml" => ".pre-commit-config.yaml",
            other => other,
        };
        files.insert(name.to_owned(), fs::read(&path).unwrap());
    }
}
