//! avouch: claims that are checked, evidence that can be verified, and a static site that says only what it supports.
//!
//! This room puts the stages in order. It is the only one that asks the clock, and the only one that prints.

mod bundle;
mod cli;
mod clock;
mod commands;
mod exit;
mod fetch;
mod files;
mod kept;
mod markdown;
mod output;
mod pipeline;
mod project;
mod summary;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let arguments = match cli::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return cli::refuse(&error),
    };
    let output = output::Output::new(&arguments.global);
    match commands::dispatch(&arguments, &output) {
        Ok(code) => code.into(),
        Err(error) => output.failed(&error).into(),
    }
}
