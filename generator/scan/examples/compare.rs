//! Searches a folder with and without the shortcuts and tells whether both find the same, and how quick each is.
//!
//! `cargo run --release -p avouch-scan --example compare -- FOLDER`

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example for measuring")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use avouch_scan::{Key, Place, Rules, Scanner};

fn main() {
    let root = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| ".".to_owned()));
    let started = processor();
    let rules = Rules::own().unwrap();
    let quick = Scanner::new(&rules, Key::from_bytes([1; 32]));
    println!("{} rules ready in {:.1} ms", rules.all().len(), (processor() - started) * 1e3);
    let whole = Scanner::new(&rules, Key::from_bytes([1; 32])).without_shortcuts();
    let mut files = Vec::new();
    walk(&root, &mut files);
    let mut contents = Vec::new();
    for file in files {
        let path = file.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        if let Ok(bytes) = fs::read(&file) {
            contents.push((path, bytes));
        }
    }
    let bytes: usize = contents.iter().map(|(_, bytes)| bytes.len()).sum();
    let mut found = Vec::new();
    // `ONCE` for the cost of one search as a whole, the way a program makes it.
    let passes = [("with shortcuts", &quick), ("again", &quick), ("without", &whole)];
    let wanted = if std::env::var_os("ONCE").is_some() { 1 } else { passes.len() };
    for (name, scanner) in passes.into_iter().take(wanted) {
        let (started, mut buffer, mut hits) = (processor(), Vec::new(), BTreeSet::new());
        for (path, content) in &contents {
            let profile = rules.profile(path);
            let scanned =
                scanner.scan(&mut content.as_slice(), Place { path, profile: &profile, commit: None }, &mut buffer).unwrap();
            hits.extend(
                scanned.hits.into_iter().map(|hit| (path.clone(), hit.line, hit.column, hit.line_end, hit.id, hit.digest)),
            );
        }
        let seconds = processor() - started;
        let megabytes = bytes as f64 / 1e6;
        println!(
            "{name:16} {} files, {megabytes:.1} MB in {seconds:.3} s: {:.0} MB/s, {} hits",
            contents.len(),
            megabytes / seconds,
            hits.len()
        );
        found.push(hits);
    }
    if let Some(whole) = found.get(2) {
        println!("the same: {}", found[0] == *whole);
    }
    let mut by_rule: BTreeMap<&str, usize> = BTreeMap::new();
    for (.., id, _) in &found[0] {
        *by_rule.entry(id).or_default() += 1;
    }
    println!("{by_rule:?}");
    if std::env::var_os("LIST").is_some() {
        for (path, line, column, _, id, _) in &found[0] {
            println!("{path}:{line}:{column} {id}");
        }
    }
}

/// The processor time of this thread, in seconds, as Linux tells it: a busy machine does not change it much.
fn processor() -> f64 {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    told.split(' ').next().and_then(|nanoseconds| nanoseconds.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() && entry.file_name() != ".git" {
            walk(&path, files);
        } else if kind.is_file() {
            files.push(path);
        }
    }
}
