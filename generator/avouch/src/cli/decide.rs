//! `avouch waive`, `attest` and `approve`: decisions of people.

use avouch_model::time::Day;
use camino::Utf8PathBuf;
use clap::Args;

/// `avouch waive`
#[derive(Debug, Args)]
pub(crate) struct Waive {
    /// The check whose failure passes the gate for a while
    pub(crate) check: String,
    /// Why; published
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Who carries it, as in `[people]`
    #[arg(long, value_name = "NAME")]
    pub(crate) owner: String,
    /// Who approves it, and is somebody else
    #[arg(long, value_name = "NAME")]
    pub(crate) approver: String,
    /// The last day it counts: at most 180 days from now
    #[arg(long, value_name = "DAY")]
    pub(crate) until: Day,
    /// Its permanent id; otherwise made from the check and the day
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// The approver's SSH key: sign at once
    #[arg(long, value_name = "FILE")]
    pub(crate) sign_with: Option<Utf8PathBuf>,
}

/// `avouch attest`
#[derive(Debug, Args)]
pub(crate) struct Attest {
    /// The attestation; without one, those that the profiles ask for are listed
    pub(crate) id: Option<String>,
    /// What is stated; published
    #[arg(long, value_name = "TEXT", requires = "id")]
    pub(crate) statement: Option<String>,
    /// A figure: a whole number, `true`, `false` or a text; may be given several times
    #[arg(long = "figure", value_name = "NAME=VALUE", requires = "id")]
    pub(crate) figures: Vec<String>,
    /// A TOML file whose keys are figures
    #[arg(long, value_name = "FILE", requires = "id")]
    pub(crate) figures_from: Option<Utf8PathBuf>,
    /// Who states it, as in `[people]`
    #[arg(long, value_name = "NAME", requires = "id")]
    pub(crate) by: Option<String>,
    /// The last day it counts: at most 180 days from now
    #[arg(long, value_name = "DAY", requires = "id")]
    pub(crate) until: Option<Day>,
    /// The SSH key of whoever states it: sign at once
    #[arg(long, value_name = "FILE", requires = "id")]
    pub(crate) sign_with: Option<Utf8PathBuf>,
}

/// `avouch approve`
#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// The file of the decision, `decisions/cors.toml`
    pub(crate) file: Utf8PathBuf,
    /// The SSH key that signs it
    #[arg(long, value_name = "FILE")]
    pub(crate) sign_with: Utf8PathBuf,
}
