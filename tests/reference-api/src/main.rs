//! `reference-api`: writes the product's repository, fills its database, serves it.

use std::process::ExitCode;

fn main() -> ExitCode {
    reference_api::cli::main()
}
