//! Writes the site of a made-up product into a folder, to look at: `cargo run --example preview -- DIR [BASE_URL [RUNS]]`.
//!
//! With `RUNS`, that many more runs are in the log: `time` shows that the work grows with the pages and no faster.

#![allow(clippy::print_stderr, reason = "an example speaks to the person who runs it")]

use std::{collections::HashSet, fs, io, path::Path};

#[path = "../tests/sample/mod.rs"]
mod sample;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: preview DIR [BASE_URL]")?;
    let mut made = sample::sample(&str::to_owned);
    made.base_url = arguments.next();
    sample::grow(&mut made, arguments.next().map_or(Ok(0), |runs| runs.parse())?);
    let mut folders = HashSet::new();
    let mut write = |path: &str, bytes: &[u8]| -> io::Result<()> {
        let path = Path::new(&folder).join(path);
        if let Some(parent) = path.parent().filter(|parent| !folders.contains(*parent)) {
            fs::create_dir_all(parent)?;
            folders.insert(parent.to_owned());
        }
        fs::write(path, bytes)
    };
    let files = sample::with_view(&made, |view| avouch_render::site(view, &mut write))?;
    if let Some(text) = sample::with_view(&made, avouch_render::security_md) {
        write("SECURITY.md", text.as_bytes())?;
    }
    eprintln!("{files} files");
    Ok(())
}
