//! Puts the kinds over pipelines to a folder, and prints their transcripts as JSON, with the time that each took:
//! `cargo run --release -p avouch-collect --example hygiene -- DIR [KIND [PARAMETERS]]`.
//!
//! For comparing with other tools on public repositories: `docs/performance.md` says how that is done.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example ends by panicking")]

use std::{collections::BTreeMap, env, sync::Arc, time::Instant};

use avouch_collect::{Parsed, World, kinds};
use avouch_model::{Json, catalogue::Catalogue, diagnostic::Source};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let folder = avouch_repository::Folder::open(arguments.first().map_or(".", String::as_str)).unwrap();
    let text =
        "[product]\nname = \"x\"\nslug = \"x\"\nlanguages = [\"en\"]\nprofiles = []\n[evidence]\norigin = \"example.com/x\"\n";
    let source = Arc::new(Source { path: "avouch.toml".into(), text: text.into() });
    let (configuration, _) = avouch_read::configuration::load(&source).unwrap();
    let now = "2026-11-22T00:00:00Z".parse().unwrap();
    let (databases, probers, retention) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let world = World {
        now,
        clock: &|| now,
        configuration: &configuration,
        catalogue: &Catalogue::default(),
        release: None,
        tree: &folder,
        parsed: &Parsed::default(),
        repository: None,
        keeper: &(),
        folder: &folder,
        databases: &databases,
        probers: &probers,
        retention: &retention,
        releases: Some(&[]),
        decisions: &[],
        environment: &|_| None,
        random: &|| 4,
    };
    let parameters: Json = serde_json::from_str(arguments.get(2).map_or("{}", String::as_str)).unwrap();
    let only = arguments.get(1).map(String::as_str);
    for kind in kinds::ALL.iter().filter(|kind| only.map_or_else(|| kind.id.starts_with("workflow."), |only| kind.id == only)) {
        let began = Instant::now();
        match (kind.gather)(&world, &parameters) {
            Ok(seen) => {
                let took = began.elapsed().as_micros();
                let judged = (kind.judge)(&seen, &parameters).unwrap();
                let line = serde_json::json!({
                    "kind": kind.id, "microseconds": took, "seen": seen, "findings": judged.findings,
                    "outcome": format!("{:?}", judged.outcome),
                });
                println!("{line}");
            }
            Err(why) => println!("{}", serde_json::json!({ "kind": kind.id, "unasked": why.to_string() })),
        }
    }
}
