//! What `avouch sbom` keeps between runs: where it lies, who may have written it, and that no BOM depends on it.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt as _, symlink},
};

use super::support::{Sandbox, cargo_project};

/// A product with its user's folder beside it.
fn product() -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    cargo_project(&sandbox);
    sandbox.commit(None);
    let without = sandbox.avouch(&["sbom", "--fresh"]).exits(0).stdout;
    assert!(!sandbox.exists(".cache"), "a fresh run keeps something");
    (sandbox, without)
}

fn mode(sandbox: &Sandbox, path: &str) -> u32 {
    fs::metadata(sandbox.path().join(path)).unwrap().permissions().mode() & 0o777
}

#[test]
fn it_lies_in_the_users_folder_for_caches_and_only_the_user_reads_it() {
    let (sandbox, without) = product();
    assert_eq!(sandbox.avouch(&["sbom"]).exits(0).stdout, without);
    assert_eq!((mode(&sandbox, ".cache/avouch"), mode(&sandbox, ".cache/avouch/sbom")), (0o700, 0o600));
    assert!(!sandbox.read(".cache/avouch/sbom").contains(sandbox.path().to_str().unwrap()), "a path of the machine is kept");
    assert_eq!(sandbox.avouch(&["sbom"]).exits(0).stdout, without);
    let caches = sandbox.path().join("caches");
    assert_eq!(sandbox.avouch_with(&["sbom"], &[("XDG_CACHE_HOME", caches.to_str().unwrap())]).exits(0).stdout, without);
    assert!(sandbox.exists("caches/avouch/sbom"));
    let names = fs::read_dir(sandbox.path().join("caches/avouch")).unwrap().count();
    assert_eq!(names, 1, "something is left beside it");
}

#[test]
fn a_quick_run_and_a_fresh_one_keep_nothing() {
    let (sandbox, without) = product();
    sandbox.avouch(&["sbom", "--quick"]).exits(0);
    assert!(!sandbox.exists(".cache"));
    sandbox.avouch(&["sbom"]).exits(0);
    sandbox.file(".cache/avouch/sbom", "what was there");
    assert_eq!(sandbox.avouch(&["sbom", "--fresh"]).exits(0).stdout, without);
    assert_eq!(sandbox.read(".cache/avouch/sbom"), "what was there");
}

#[test]
fn without_a_folder_that_is_ours_alone_nothing_is_kept_and_nothing_is_lacking() {
    let (sandbox, without) = product();
    for environment in [[("HOME", "")], [("HOME", "relative")], [("HOME", "/nowhere/at/all")], [("XDG_CACHE_HOME", "/dev/null")]]
    {
        assert_eq!(sandbox.avouch_with(&["sbom"], &environment).exits(0).stdout, without, "{environment:?}");
    }
    assert!(!sandbox.exists("relative"));
    // A relative folder for caches does not count, and the one of the home does.
    fs::create_dir_all(sandbox.path().join(".cache/avouch")).unwrap();
    fs::set_permissions(sandbox.path().join(".cache/avouch"), Permissions::from_mode(0o777)).unwrap();
    assert_eq!(sandbox.avouch_with(&["sbom"], &[("XDG_CACHE_HOME", "relative")]).exits(0).stdout, without);
    assert!(!sandbox.exists("relative") && !sandbox.exists(".cache/avouch/sbom"), "others could have written there");
}

#[test]
fn whatever_lies_in_its_place_changes_no_bom() {
    let (sandbox, without) = product();
    sandbox.avouch(&["sbom"]).exits(0);
    let kept = sandbox.read(".cache/avouch/sbom");
    let place = sandbox.path().join(".cache/avouch/sbom");
    let digest = kept.split(' ').nth(2).unwrap().to_owned();
    for content in
        ["", "\n", "not a memory", &kept[..kept.len() / 2], &kept.replace(&digest, &"0".repeat(64)), &"x\n".repeat(10_000)]
    {
        fs::write(&place, content).unwrap();
        assert_eq!(sandbox.avouch(&["sbom"]).exits(0).stdout, without, "{content:.80}");
    }
    fs::remove_file(&place).unwrap();
    symlink("/dev/zero", &place).unwrap();
    assert_eq!(sandbox.avouch(&["sbom"]).exits(0).stdout, without);
    fs::remove_file(&place).unwrap();
    fs::create_dir(&place).unwrap();
    assert_eq!(sandbox.avouch(&["sbom"]).exits(0).stdout, without);
}

#[test]
fn runs_at_the_same_time_do_not_disturb_each_other() {
    let (sandbox, without) = product();
    let runs: Vec<_> =
        (0..6).map(|_| sandbox.command(&["sbom"], &[]).stdout(std::process::Stdio::piped()).spawn().unwrap()).collect();
    for run in runs {
        let output = run.wait_with_output().unwrap();
        assert!(output.status.success());
        assert_eq!(String::from_utf8(output.stdout).unwrap(), without);
    }
    assert!(sandbox.read(".cache/avouch/sbom").starts_with("avouch-sbom-memory-1 "));
    assert_eq!(fs::read_dir(sandbox.path().join(".cache/avouch")).unwrap().count(), 1);
}
