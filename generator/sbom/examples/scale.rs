//! An SBOM beside merely parsing its lockfile, at a size: `cargo run --release -p avouch-sbom --example scale -- 5000`.
//!
//! Lockfiles in memory: a `Cargo.lock` and a `package-lock.json` of that many packages with five dependencies each. Both
//! ways take turns; figures are medians of the processor time. Prints `name value` lines. With a folder after the number it
//! only writes each lockfile there, in a folder of its own, for measuring the program as a whole.
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on panics")]
#![allow(clippy::print_stdout, reason = "figures are its result")]

use std::{fmt::Write as _, fs, hint::black_box, path::PathBuf};

use avouch_model::Timestamp;
use avouch_repository::InMemory;
use avouch_sbom::{Caches, Options, ReleaseFacts, generate};

const ROUNDS: usize = 9;

fn main() {
    let packages: usize = std::env::args().nth(1).map_or(5_000, |packages| packages.parse().unwrap());
    for (format, path, text, manifest) in [
        ("cargo", "Cargo.lock", cargo(packages), "[package]\nname = \"root\"\nversion = \"1.0.0\"\n".to_owned()),
        ("npm", "package-lock.json", npm(packages), "{\"name\": \"root\", \"version\": \"1.0.0\"}".to_owned()),
    ] {
        if let Some(folder) = std::env::args().nth(2) {
            let folder = PathBuf::from(folder).join(format);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(path), text).unwrap();
            continue;
        }
        let beside = if format == "cargo" { "Cargo.toml" } else { "package.json" };
        let tree = InMemory::of([(path, text.clone()), (beside, manifest)]);
        let (mut parsing, mut generating, mut components) = (Vec::new(), Vec::new(), 0);
        for _ in 0..ROUNDS {
            let start = processor();
            black_box(avouch_read::lock::parse(path, text.as_bytes()).unwrap());
            let parsed = processor();
            let sbom = generate(&tree, &Caches::default(), &facts(), &options()).unwrap();
            generating.push(processor() - parsed);
            parsing.push(parsed - start);
            components = sbom.components;
        }
        assert!(components as usize >= packages - 1, "{components}");
        println!("{format}_bytes {}\n{format}_parse_ms {:.2}", text.len(), median(&mut parsing));
        println!("{format}_sbom_ms {:.2}", median(&mut generating));
    }
}

fn median(nanos: &mut [u64]) -> f64 {
    nanos.sort_unstable();
    nanos[nanos.len() / 2] as f64 / 1e6
}

fn facts() -> ReleaseFacts {
    ReleaseFacts {
        name: None,
        release: None,
        committed: None,
        dirty: false,
        timestamp: Timestamp::from_unix(1_795_240_923),
        author: None,
        supplier: None,
        tool_version: "0.0.0".to_owned(),
        tool_digest: None,
    }
}

fn options() -> Options {
    Options { spec: "1.6".parse().unwrap(), lock_only: true, quick: false }
}

/// The packages that a package depends on: five of those after it, near and far.
fn dependencies(nth: usize, packages: usize) -> impl Iterator<Item = usize> {
    let near = [1, 2, 7, 40, 900].into_iter().map(move |step| nth + step);
    near.filter(move |other| *other < packages)
}

fn cargo(packages: usize) -> String {
    let mut text = "version = 4\n".to_owned();
    for nth in 0..packages {
        let (name, version) = if nth == 0 { ("root".to_owned(), "1.0.0".to_owned()) } else { named(nth) };
        let _ = write!(text, "\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n");
        if nth > 0 {
            let source = "registry+https://github.com/rust-lang/crates.io-index";
            let _ = write!(text, "source = \"{source}\"\nchecksum = \"{nth:064x}\"\n");
        }
        text.push_str("dependencies = [\n");
        for other in dependencies(nth, packages) {
            let _ = writeln!(text, " \"{}\",", named(other).0);
        }
        text.push_str("]\n");
    }
    text
}

fn npm(packages: usize) -> String {
    let mut text = "{\"name\": \"root\", \"version\": \"1.0.0\", \"lockfileVersion\": 3, \"packages\": {\n".to_owned();
    for nth in 0..packages {
        let wanted: Vec<String> =
            dependencies(nth, packages).map(|other| format!("\"{}\": \"^1.0.0\"", named(other).0)).collect();
        let (name, version) = named(nth);
        let head = if nth == 0 {
            "\"\": {\"name\": \"root\", \"version\": \"1.0.0\"".to_owned()
        } else {
            let integrity = format!("sha512-{nth:085}A==");
            format!("\"node_modules/{name}\": {{\"version\": \"{version}\", \"integrity\": \"{integrity}\", \"license\": \"MIT\"")
        };
        let end = if nth + 1 < packages { "," } else { "" };
        let _ = writeln!(text, "{head}, \"dependencies\": {{{}}}}}{end}", wanted.join(", "));
    }
    text.push_str("}}\n");
    text
}

fn named(nth: usize) -> (String, String) {
    (format!("package-{nth}"), format!("1.{}.{}", nth % 7, nth % 31))
}

/// Linux, `Documentation/scheduler/sched-stats.rst`, first field of `schedstat`: nanoseconds of this thread on a processor.
fn processor() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_ascii_whitespace().next().unwrap().parse().unwrap()
}
