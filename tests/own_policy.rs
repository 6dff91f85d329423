//! The repository's own `SECURITY.md` comes from the same source as the policy on a site: nobody edits it by hand.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod support;

use std::{fs, path::Path};

use support::Sandbox;

#[test]
fn security_md_is_what_the_site_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let sandbox = Sandbox::new();
    let out = sandbox.path().join("preview");
    sandbox.avouch(&["-C", root.to_str().unwrap(), "site", "-o", out.to_str().unwrap()]).exits(0);
    let rendered = fs::read_to_string(out.join("SECURITY.md")).unwrap();
    let kept = fs::read_to_string(root.join("SECURITY.md")).unwrap();
    assert_eq!(kept, rendered, "write it anew: avouch site -o target/preview && cp target/preview/SECURITY.md .");
    assert!(rendered.contains("48 hours") && rendered.contains("14 days"), "the promises are in it");
}
