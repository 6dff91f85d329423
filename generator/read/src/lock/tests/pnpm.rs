//! Versions, resolutions and documents of `pnpm-lock.yaml`.

use super::*;

const INTEGRITY: &str = "{integrity: sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=}";

#[test]
fn version_5_names_packages_by_paths() {
    let text = format!(
        "lockfileVersion: 5.4
importers:
  .:
    specifiers: {{'@s/a': ^1.0.0, al: npm:b@2, ui: workspace:*}}
    dependencies: {{'@s/a': 1.0.0_b@2.0.0, al: /b/2.0.0, ui: link:packages/ui}}
  packages/ui:
    specifiers: {{g: github:o/g, other: '1', f: file:f.tgz}}
    dependencies: {{g: github.com/o/g/{COMMIT}, other: registry.example/other/1.0.0}}
    devDependencies: {{f: file:f.tgz}}
packages:
  /@s/a/1.0.0_b@2.0.0:
    resolution: {INTEGRITY}
    peerDependencies: {{b: '*'}}
    dependencies: {{b: 2.0.0}}
    dev: false
  /b/2.0.0:
    resolution: {INTEGRITY}
  github.com/o/g/{COMMIT}:
    resolution: {{tarball: https://codeload.github.com/o/g/tar.gz/{COMMIT}}}
    name: g
    version: 3.0.0
  registry.example/other/1.0.0:
    resolution: {{integrity: sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=, registry: 'https://registry.example/', tarball: 'https://registry.example/other/-/other-1.0.0.tgz'}}
    name: other
    version: 1.0.0
  file:f.tgz:
    resolution: {{integrity: sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=, tarball: file:f.tgz}}
    name: f
    version: 4.0.0
"
    );
    let lock = read("pnpm-lock.yaml", &text);
    let needed = graph(&lock);
    assert_eq!(needed["root -"], ["@s/a 1.0.0", "b 2.0.0", "packages/ui -"]);
    assert_eq!(needed["packages/ui -"], ["f 4.0.0", "g 3.0.0", "other 1.0.0"]);
    assert_eq!(needed["@s/a 1.0.0"], ["b 2.0.0"]);
    assert_eq!(package(&lock, "@s/a").needs, [Need::Peer]);
    assert_eq!(package(&lock, "g").origin, Origin::Git { url: "https://github.com/o/g".into(), commit: COMMIT.into() });
    assert_eq!(package(&lock, "other").origin, Origin::OtherRegistry { url: "https://registry.example".into() });
    assert_eq!(package(&lock, "f").origin, Origin::Path { path: Some("f.tgz".into()) });
    assert_eq!(package(&lock, "f").scope, Scope::Excluded);
    let asked: Vec<_> = lock.importers[0].asked.iter().map(|it| (it.name.as_str(), it.specifier.as_deref().unwrap())).collect();
    assert_eq!(asked, [("@s/a", "^1.0.0"), ("al", "npm:b@2"), ("ui", "workspace:*")]);
}

#[test]
fn a_link_into_the_folder_that_a_package_publishes_from_is_one_to_the_package() {
    let text = "lockfileVersion: '9.0'
importers:
  app:
    dependencies:
      ui: {specifier: 'workspace:*', version: link:../ui/dist}
      gone: {specifier: link:../ui/other, version: link:../ui/other}
  ui:
    publishDirectory: dist
";
    let lock = read("pnpm-lock.yaml", text);
    assert_eq!(graph(&lock)["app -"], ["ui -"]);
    assert_eq!(lock.unresolved.iter().collect::<Vec<_>>(), ["app → gone"]);
}

#[test]
fn the_document_about_the_package_manager_is_for_development() {
    let text = format!(
        "---
lockfileVersion: '9.0'
importers:
  .:
    configDependencies:
      conf: {{specifier: 1.0.0, version: 1.0.0}}
    packageManagerDependencies:
      pnpm: {{specifier: 12.0.0, version: 12.0.0}}
packages:
  conf@1.0.0: {{resolution: {INTEGRITY}}}
  pnpm@12.0.0: {{resolution: {INTEGRITY}}}
snapshots:
  conf@1.0.0: {{}}
  pnpm@12.0.0: {{}}
---
lockfileVersion: '9.0'
importers:
  .:
    dependencies:
      a: {{specifier: 'catalog:', version: 1.0.0}}
packages:
  a@1.0.0: {{resolution: {INTEGRITY}}}
snapshots:
  a@1.0.0: {{}}
"
    );
    let lock = read("pnpm-lock.yaml", &text);
    use Scope::{Excluded, Required};
    assert_eq!(scopes(&lock), [("a", Required), ("conf", Excluded), ("pnpm", Excluded), ("root", Required)]);
    assert_eq!(lock.roots.len(), 1);
    let first = text.replace("packageManagerDependencies", "dependencies");
    assert!(refused("pnpm-lock.yaml", &first).contains("only one document may lock a project"));
    let third = format!("{text}---\nlockfileVersion: '9.0'\n");
    assert!(refused("pnpm-lock.yaml", &third).contains("at most 2 are read"));
}

#[test]
fn every_resolution_of_version_9_is_told_apart() {
    let text = format!(
        "lockfileVersion: '9.0'
patchedDependencies:
  patched@1.0.0: {{hash: abc, path: patches/p.patch}}
importers:
  .:
    dependencies:
      git: {{specifier: git+ssh, version: git+ssh://git@host.example/git.git#{COMMIT}}}
      folder: {{specifier: 'file:folder', version: 'file:folder(patched@1.0.0)'}}
      tar: {{specifier: x, version: 'https://host.example/tar.tgz'}}
      patched: {{specifier: '1', version: 1.0.0(patch_hash=abc)}}
      private: {{specifier: '1', version: 1.0.0}}
      node: {{specifier: 'runtime:^22.0.0', version: 'runtime:22.0.0'}}
packages:
  git@git+ssh://git@host.example/git.git#{COMMIT}:
    resolution: {{commit: {COMMIT}, repo: 'git@host.example:git.git', type: git}}
    version: 1.0.0
  folder@file:folder: {{resolution: {{directory: folder, type: directory}}}}
  tar@https://host.example/tar.tgz:
    resolution: {{integrity: sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=, tarball: 'https://host.example/tar.tgz'}}
    version: 2.0.0
  patched@1.0.0: {{resolution: {INTEGRITY}, os: [linux]}}
  private@1.0.0:
    resolution: {{integrity: sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=, tarball: 'https://npm.example/download/private/1.0.0/x'}}
  node@runtime:22.0.0:
    resolution: {{type: variations, variants: [{{resolution: {{type: binary, url: 'https://host.example/node.tar.gz', integrity: sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=}}}}]}}
    version: 22.0.0
snapshots:
  git@git+ssh://git@host.example/git.git#{COMMIT}: {{}}
  folder@file:folder(patched@1.0.0): {{dependencies: {{patched: 1.0.0(patch_hash=abc)}}}}
  tar@https://host.example/tar.tgz: {{}}
  patched@1.0.0(patch_hash=abc): {{}}
  private@1.0.0: {{}}
  node@runtime:22.0.0: {{}}
"
    );
    let lock = read("pnpm-lock.yaml", &text);
    assert_eq!(graph(&lock)["folder -"], ["patched 1.0.0"]);
    assert!(package(&lock, "patched").patched && package(&lock, "patched").conditional);
    let git = Origin::Git { url: "ssh://git@host.example/git.git".into(), commit: COMMIT.into() };
    assert_eq!(package(&lock, "git").origin, git);
    assert_eq!(package(&lock, "folder").purl(), None, "a folder looks like no package of the registry");
    assert_eq!(package(&lock, "tar").origin, Origin::Archive { url: "https://host.example/tar.tgz".into() });
    assert_eq!(package(&lock, "private").origin, Origin::OtherRegistry { url: "https://npm.example".into() });
    assert_eq!(package(&lock, "node").origin, Origin::Archive { url: "https://host.example/node.tar.gz".into() });
    assert_eq!(package(&lock, "node").version.as_deref(), Some("22.0.0"));
    assert!(lock.unresolved.is_empty(), "{:?}", lock.unresolved);
    let short = text.replace(&format!("commit: {COMMIT}"), "commit: 0123456");
    assert!(refused("pnpm-lock.yaml", &short).contains("without a full commit id"));
}
