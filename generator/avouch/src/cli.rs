//! The command line, as `--help` shows it.

mod decide;

use std::process::ExitCode;

use avouch_model::Timestamp;
use camino::Utf8PathBuf;
use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use self::decide::{Approve, Attest, Waive};

/// Turn a security page into claims that are checked, evidence that can be verified, and a static site that says only
/// what the evidence supports.
#[derive(Debug, Parser)]
#[command(
    name = "avouch",
    version,
    disable_help_subcommand = true,
    propagate_version = false,
    after_help = "Exit codes: 0 satisfied, 1 not satisfied, 2 usage or configuration, 3 could not tell.\n\
                  First steps: `avouch init`, `avouch doctor`, `avouch run`."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// Work in this folder instead of the current one
    // Its own id: a command's `directory` would otherwise be taken for this one.
    #[arg(id = "work-in", short = 'C', global = true, value_name = "DIR", default_value = ".", hide_default_value = true)]
    pub(crate) directory: Utf8PathBuf,
    /// The configuration file
    #[arg(long, global = true, value_name = "FILE", default_value = "avouch.toml")]
    pub(crate) config: Utf8PathBuf,
    /// Judge and render as of this time (RFC 3339); collecting commands refuse it
    #[arg(long, global = true, value_name = "TIME")]
    pub(crate) as_of: Option<Timestamp>,
    /// Say more on standard error: each check as it answers
    #[arg(short, long, global = true, action = clap::ArgAction::Count, conflicts_with = "quiet")]
    pub(crate) verbose: u8,
    /// Say nothing on standard error but errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Colour the output
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub(crate) color: Colour,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Look at the repository and write a commented avouch.toml, the keys and the .gitignore lines
    Init(Init),
    /// Say what to configure next, most valuable first
    Doctor,
    /// Do the whole job: SBOM, retention, checks, record, site
    Run(Run),
    /// Write an SBOM of a folder or a release; needs no avouch.toml
    #[command(args_conflicts_with_subcommands = true)]
    Sbom(Sbom),
    /// Look for known vulnerabilities of a folder or a BOM, offline; needs no avouch.toml
    Audit(Audit),
    /// Tell which recorded releases contain a package or have a vulnerability, through what, and where they run
    Affected(Affected),
    /// State how releases stand to a vulnerability, and write all statements as CycloneDX or OpenVEX
    Vex {
        /// What to do
        #[command(subcommand)]
        command: Vex,
    },
    /// Tell which release runs in which environment
    Deploy {
        /// What to do
        #[command(subcommand)]
        command: Deploy,
    },
    /// Look for secrets in a folder and in its history; never shows one, needs no avouch.toml and no key
    Scan(Scan),
    /// Show what would be deleted, delete it, or prove that nothing is overdue
    Retention {
        /// What to do with the rules
        #[command(subcommand)]
        command: Retention,
    },
    /// Collect and judge now, or judge the record with --as-of or --from and --to
    Check(Check),
    /// Print the page of a kind, check, control, claim, requirement or error code
    Explain {
        /// Its id, or a word of the output; without one it says how to list what there is
        id: Option<String>,
    },
    /// Try every kind on what must pass and on what must fail: the kill matrix
    Selftest {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Let a check fail for a while: write the waiver, and sign it
    Waive(Waive),
    /// State what only people can know: write the attestation, and sign it
    Attest(Attest),
    /// Sign a decision that somebody else wrote
    Approve(Approve),
    /// List what expires or is owed: waivers, attestations, reviews, known secrets, runs
    Due {
        /// How far to look ahead
        #[arg(long, default_value = "30 days", value_name = "SPAN")]
        within: avouch_model::Span,
        /// Also a baseline of `avouch scan`; those that checks name are looked at anyway
        #[arg(long, value_name = "FILE")]
        baseline: Vec<Utf8PathBuf>,
    },
    /// Work on the record: list, show, release what is sealed, withdraw, export, import, restore
    Evidence {
        /// What to do with the record
        #[command(subcommand)]
        command: Evidence,
    },
    /// Show or change the signing key
    Key {
        /// What to do with the key
        #[command(subcommand)]
        command: Key,
    },
    /// Render a preview of the site; it has no checkpoint, so nobody takes it for published
    Site {
        /// Where to write it
        #[arg(short, long, value_name = "DIR", default_value = "target/site-preview")]
        output: Utf8PathBuf,
    },
    /// Append a site entry if pages changed, and put the site out
    Publish {
        /// Where to publish; otherwise `[site] out`
        destination: Option<Utf8PathBuf>,
    },
    /// Re-check a published site, or one evidence of it, with bytes and a public key
    Verify(Verify),
    /// Run the schedule, and serve the site, health and metrics, until told to stop
    Serve(Serve),
}

/// `avouch init`
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// A built-in profile, or a path to your own; may be given several times
    #[arg(long = "profile", value_name = "PROFILE")]
    pub(crate) profiles: Vec<String>,
    /// Also write a pipeline for this forge
    #[arg(long, value_enum)]
    pub(crate) ci: Option<Forge>,
    /// Begin a new log although a ledger exists or the configuration names a log: what that one recorded is not continued
    #[arg(long)]
    pub(crate) new_log: bool,
    /// Where the offline recovery key is written; keep it away from this machine
    #[arg(long, value_name = "FILE", default_value = ".avouch/recovery.key")]
    pub(crate) recovery_key: Utf8PathBuf,
}

/// Where pipelines run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Forge {
    /// GitHub Actions
    Github,
    /// GitLab CI
    Gitlab,
}

/// `avouch run`
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The release to work on; otherwise the newest tag that counts
    #[arg(long, value_name = "VERSION")]
    pub(crate) release: Option<String>,
    /// Also delete what is over its time
    #[arg(long)]
    pub(crate) purge: bool,
    /// Leave the site as it is: `avouch publish` puts it out later
    #[arg(long)]
    pub(crate) no_publish: bool,
    /// Whose the targets are
    #[command(flatten)]
    pub(crate) owning: Owning,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `avouch sbom`
#[derive(Debug, Args)]
pub(crate) struct Sbom {
    /// What else to do
    #[command(subcommand)]
    pub(crate) command: Option<SbomCommand>,
    /// The folder
    #[arg(default_value = ".")]
    pub(crate) directory: Utf8PathBuf,
    /// Write to this file instead of standard output; with --split into this folder
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<Utf8PathBuf>,
    /// Write one BOM for each package that can be deployed by itself
    #[arg(long, requires = "output")]
    pub(crate) split: bool,
    /// The format of the BOM
    #[arg(long, value_enum, default_value_t = SbomFormat::Json)]
    pub(crate) format: SbomFormat,
    /// The CycloneDX version
    #[arg(long, default_value = "1.6", value_name = "VERSION")]
    pub(crate) spec: String,
    /// The release: read from the tree of its tag, not from the folder
    #[arg(long, value_name = "VERSION")]
    pub(crate) release: Option<String>,
    /// Read the lockfiles alone: the same bytes on every machine
    #[arg(long)]
    pub(crate) lock_only: bool,
    /// Hash no archive and read no licence text: quicker, without SHA-512 of crates and without concluded licences
    #[arg(long)]
    pub(crate) quick: bool,
    /// Hash every archive anew, whatever earlier runs found out, and keep nothing for later ones
    #[arg(long)]
    pub(crate) fresh: bool,
}

/// `avouch sbom validate` and `diff`
#[derive(Debug, Subcommand)]
pub(crate) enum SbomCommand {
    /// Check the schema and the references of any CycloneDX BOM, JSON or XML
    Validate {
        /// The BOMs
        #[arg(required = true)]
        files: Vec<Utf8PathBuf>,
    },
    /// Show what changed between two BOMs, or two releases
    Diff {
        /// The older one: a file (CycloneDX JSON or XML, SPDX JSON), or a release
        old: String,
        /// The newer one
        new: String,
        /// The format of the answer
        #[arg(long, value_enum, default_value_t = DiffFormat::Text)]
        format: DiffFormat,
    },
}

/// The format of a BOM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SbomFormat {
    /// CycloneDX in JSON
    Json,
    /// CycloneDX in XML
    Xml,
    /// SPDX 2.3 in JSON
    SpdxJson,
}

/// The format of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DiffFormat {
    /// For people
    Text,
    /// Everything, as JSON
    Json,
    /// For a pull request
    Markdown,
}

/// `avouch audit`
#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// The folder whose lockfiles are audited, or a CycloneDX BOM in JSON
    #[arg(default_value = ".", value_name = "DIR|BOM")]
    pub(crate) target: Utf8PathBuf,
    /// The advisories: a folder of OSV JSON, `ECOSYSTEM/all.zip`, a RustSec checkout, or all of these in one folder
    #[arg(long, value_name = "PATH")]
    pub(crate) advisories: Utf8PathBuf,
    /// Fail from this severity on: low, medium, high, critical; a severity that nobody states fails
    #[arg(long, value_name = "SEVERITY", default_value = "low")]
    pub(crate) fail_on: avouch_advise::Rating,
    /// How old the newest advisory of an ecosystem may be before the answer is "could not tell"
    #[arg(long, value_name = "SPAN", default_value = "7 days")]
    pub(crate) max_age: avouch_model::Span,
    /// What may pass, each with a reason and an expiry; otherwise what is signed in decisions/, or advisories.toml without `[people]`
    #[arg(long, value_name = "FILE")]
    pub(crate) ignores: Option<Utf8PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = AuditFormat::Text)]
    pub(crate) format: AuditFormat,
}

/// How an audit is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AuditFormat {
    /// For people
    Text,
    /// Everything, as JSON
    Json,
    /// SARIF 2.1.0
    Sarif,
    /// A Markdown table
    Markdown,
}

/// `avouch scan`
#[derive(Debug, Args)]
pub(crate) struct Scan {
    /// The folder
    #[arg(default_value = ".")]
    pub(crate) directory: Utf8PathBuf,
    /// Also search everything that was ever committed
    #[arg(long)]
    pub(crate) history: bool,
    /// Rules in the format of gitleaks instead of the built-in ones; `[extend] useDefault = true` in it adds to them
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Option<Utf8PathBuf>,
    /// Secrets that are known, each with a reason and a day on which it ends
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<Utf8PathBuf>,
    /// Write what is found now into a new baseline
    #[arg(long, value_name = "FILE", requires = "reason", requires = "until")]
    pub(crate) write_baseline: Option<Utf8PathBuf>,
    /// Why the secrets of a new baseline may stay
    #[arg(long, value_name = "TEXT", requires = "write_baseline")]
    pub(crate) reason: Option<String>,
    /// The last day that a new baseline counts
    #[arg(long, value_name = "DAY", requires = "write_baseline")]
    pub(crate) until: Option<String>,
    /// Let `gitleaks:allow` on a line count; what it allows is counted
    #[arg(long)]
    pub(crate) inline_allow: bool,
    /// Search everything again, whatever was searched before
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = ScanFormat::Text)]
    pub(crate) format: ScanFormat,
}

/// How a scan is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScanFormat {
    /// For people
    Text,
    /// JSON
    Json,
    /// SARIF 2.1.0
    Sarif,
}

/// `avouch affected`
#[derive(Debug, Args)]
pub(crate) struct Affected {
    /// A package URL (`pkg:npm/left`, `pkg:cargo/time@0.1.44`), or the id of an advisory: CVE, GHSA, RUSTSEC and others
    #[arg(value_name = "PURL|ADVISORY")]
    pub(crate) what: String,
    /// The versions of the package: `>=1.2.0 <1.4.3`, `<2.0.0 || 3.0.0`
    #[arg(long, value_name = "RANGE")]
    pub(crate) range: Option<String>,
    /// The advisories in which an id is looked up; a package needs none
    #[arg(long, value_name = "PATH")]
    pub(crate) advisories: Option<Utf8PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = AffectedFormat::Text)]
    pub(crate) format: AffectedFormat,
}

/// How the answer to `avouch affected` is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AffectedFormat {
    /// For people
    Text,
    /// JSON
    Json,
}

/// `avouch vex`
#[derive(Debug, Subcommand)]
pub(crate) enum Vex {
    /// Record how releases stand to a vulnerability; a later statement takes the place of an earlier one
    Set(VexSet),
    /// Write what was stated, and what advisories say, as one VEX document
    Export(VexExport),
}

/// `avouch vex set`
#[derive(Debug, Args)]
pub(crate) struct VexSet {
    /// The vulnerability: CVE-2026-1234, GHSA-xxxx-xxxx-xxxx, RUSTSEC-2026-0001
    #[arg(value_name = "ID")]
    pub(crate) vulnerability: String,
    /// The releases: a version, or a glob over versions such as '1.4.*'
    #[arg(long, value_name = "GLOB")]
    pub(crate) release: String,
    /// How they stand
    #[arg(long, value_enum)]
    pub(crate) status: VexStatusArgument,
    /// Why they are not affected
    #[arg(long, value_enum)]
    pub(crate) justification: Option<VexJustificationArgument>,
    /// The same in words; published
    #[arg(long, value_name = "TEXT")]
    pub(crate) impact: Option<String>,
    /// What to do about it, where they are affected; published
    #[arg(long, value_name = "TEXT")]
    pub(crate) action: Option<String>,
    /// Only this component, by its package URL, with or without a version
    #[arg(long, value_name = "PURL")]
    pub(crate) product: Option<String>,
}

/// The labels of VEX.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum VexStatusArgument {
    /// They do not have it, or it cannot be used against them
    NotAffected,
    /// They have it
    Affected,
    /// They do not have it any more
    Fixed,
    /// It is not known yet
    UnderInvestigation,
}

impl From<VexStatusArgument> for avouch_model::payload::VexStatus {
    fn from(status: VexStatusArgument) -> Self {
        match status {
            VexStatusArgument::NotAffected => Self::NotAffected,
            VexStatusArgument::Affected => Self::Affected,
            VexStatusArgument::Fixed => Self::Fixed,
            VexStatusArgument::UnderInvestigation => Self::UnderInvestigation,
        }
    }
}

/// The justifications of VEX.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum VexJustificationArgument {
    /// The component is not in it
    ComponentNotPresent,
    /// The component is in it without the vulnerable code
    VulnerableCodeNotPresent,
    /// The code is in it and never runs
    VulnerableCodeNotInExecutePath,
    /// Nobody from outside can steer the code
    VulnerableCodeCannotBeControlledByAdversary,
    /// Something in the product prevents it
    InlineMitigationsAlreadyExist,
}

impl From<VexJustificationArgument> for avouch_model::payload::VexJustification {
    fn from(justification: VexJustificationArgument) -> Self {
        use VexJustificationArgument as Argument;
        match justification {
            Argument::ComponentNotPresent => Self::ComponentNotPresent,
            Argument::VulnerableCodeNotPresent => Self::VulnerableCodeNotPresent,
            Argument::VulnerableCodeNotInExecutePath => Self::VulnerableCodeNotInExecutePath,
            Argument::VulnerableCodeCannotBeControlledByAdversary => Self::VulnerableCodeCannotBeControlledByAdversary,
            Argument::InlineMitigationsAlreadyExist => Self::InlineMitigationsAlreadyExist,
        }
    }
}

/// `avouch vex export`
#[derive(Debug, Args)]
pub(crate) struct VexExport {
    /// The format of the document
    #[arg(long, value_enum)]
    pub(crate) format: VexFormat,
    /// The releases: a version, or a glob over versions; otherwise all on record
    #[arg(long, value_name = "GLOB")]
    pub(crate) release: Option<String>,
    /// Advisories whose vulnerabilities are listed too: under investigation until something is stated
    #[arg(long, value_name = "PATH")]
    pub(crate) advisories: Option<Utf8PathBuf>,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<Utf8PathBuf>,
}

/// The format of a VEX document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum VexFormat {
    /// CycloneDX 1.6, a document of its own
    Cyclonedx,
    /// OpenVEX 0.2.0
    Openvex,
}

/// `avouch deploy`
#[derive(Debug, Subcommand)]
pub(crate) enum Deploy {
    /// Record that a release runs in an environment, until another one does
    Record {
        /// The environment: `production`
        #[arg(long, value_name = "NAME")]
        environment: String,
        /// The release, one that is on record
        #[arg(long, value_name = "VERSION")]
        release: String,
        /// Since when (RFC 3339); otherwise now
        #[arg(long, value_name = "TIME")]
        at: Option<Timestamp>,
    },
}

/// `avouch retention`
#[derive(Debug, Subcommand)]
pub(crate) enum Retention {
    /// Make the journal in the databases that rules delete from, and print the grants that the rules need
    Init {
        /// Only print the statements, for whoever may run them
        #[arg(long)]
        print: bool,
    },
    /// Show what would be deleted; deletes nothing
    Plan {
        /// The rules, by name; otherwise all
        rules: Vec<String>,
    },
    /// Delete what is over its time, and prove it by a second query
    Run {
        /// The rules, by name; otherwise all
        rules: Vec<String>,
        /// Let the plan with this digest past the fuse
        #[arg(long, value_name = "DIGEST")]
        confirm: Option<String>,
    },
    /// How the rules stand, from the record
    Status {
        /// The rules, by name; otherwise all
        rules: Vec<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// `avouch check`
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The controls or checks; otherwise all
    pub(crate) controls: Vec<String>,
    /// Only the checks that can be asked at this stage; `build` opens no socket
    #[arg(long, value_enum)]
    pub(crate) when: Option<WhenArgument>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = CheckFormat::Text)]
    pub(crate) format: CheckFormat,
    /// Print every request that would be sent to a target, and send none
    #[arg(long, conflicts_with_all = ["bundle", "from", "to"])]
    pub(crate) dry_run: bool,
    /// Whose the targets are
    #[command(flatten)]
    pub(crate) owning: Owning,
    /// Write the observations to this file, for `avouch evidence import` elsewhere
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<Utf8PathBuf>,
    /// Judge a period of the record: its beginning (RFC 3339)
    #[arg(long, value_name = "TIME", requires = "to")]
    pub(crate) from: Option<Timestamp>,
    /// Judge a period of the record: its end (RFC 3339)
    #[arg(long, value_name = "TIME", requires = "from")]
    pub(crate) to: Option<Timestamp>,
}

/// The stage of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum WhenArgument {
    /// The sources alone
    Build,
    /// Also what the pipeline produced: reports, SBOMs, statements
    Deploy,
    /// Also the running system and its data
    Operate,
}

/// How a result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// For people
    Text,
    /// The assessment as JSON
    Json,
    /// SARIF 2.1.0
    Sarif,
    /// JUnit XML
    Junit,
    /// GitHub workflow commands
    Github,
    /// A Markdown table
    Markdown,
}

/// `avouch evidence`
#[derive(Debug, Subcommand)]
pub(crate) enum Evidence {
    /// The entries of the log, newest last
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// One payload, by its digest or the beginning of it
    Show {
        /// The digest, or at least its first six digits, from `evidence list`
        digest: String,
    },
    /// Make a sealed payload public
    Release {
        /// The digest, or at least its first six digits, from `evidence list`
        digest: String,
    },
    /// Remove a payload; its entry stays, and says why
    Withdraw {
        /// The digest, or at least its first six digits, from `evidence list`
        digest: String,
        /// Why: personal-data, secret, legal, mistake, superseded
        #[arg(long)]
        reason: String,
    },
    /// Write the public record to a folder
    Export {
        /// The folder
        directory: Utf8PathBuf,
    },
    /// Record observations that `check --bundle` wrote elsewhere
    Import {
        /// The bundle
        file: Utf8PathBuf,
    },
    /// Rebuild the ledger from a published record
    Restore {
        /// The published folder or its URL
        from: String,
        /// The verifier key to trust; otherwise that of the signing key, where there is one
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
    },
}

/// `avouch key`
#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Make a new signing key; the old one signs no more
    Rotate,
    /// Revoke a key that was lost: what it signs from now on is void
    Revoke {
        /// The verifier key, or its id
        key: String,
    },
    /// Take over with the offline recovery key
    Recover {
        /// The recovery key file
        file: Utf8PathBuf,
    },
    /// Print the verifier key
    Show,
}

/// `avouch verify`
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 verified, anchored, fresh; 1 tampered; 2 usage; 3 stale; 4 unanchored (the key came \
                        from the site itself); 5 rollback or fork; 6 unreachable.")]
pub(crate) struct Verify {
    /// The published folder, or its URL
    pub(crate) site: String,
    /// The verifier key, or a file with it
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Vec<String>,
    /// A C2SP tlog-policy file with the keys to trust
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<Utf8PathBuf>,
    /// Remember the checkpoint here, to notice a rollback or a fork next time
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<Utf8PathBuf>,
    /// How long ago the last run or publication may be
    #[arg(long, value_name = "SPAN", default_value = "36 hours")]
    pub(crate) max_age: avouch_model::Span,
    /// Verify only the evidence with this digest: all 64 digits, as its page shows them
    #[arg(long, value_name = "DIGEST")]
    pub(crate) entry: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `avouch serve`
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8480")]
    pub(crate) listen: std::net::SocketAddr,
    /// Whose the targets are
    #[command(flatten)]
    pub(crate) owning: Owning,
}

/// What whoever gives a command says of the targets.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct Owning {
    /// The targets are yours: intrusive requests go to those not on this machine too, where they show it (`avouch doctor`)
    #[arg(long)]
    pub(crate) i_own_this: bool,
}

/// Shows what is wrong with the command line, or the help that was asked for.
pub(crate) fn refuse(error: &clap::Error) -> ExitCode {
    // A closed pipe is no reason for another message.
    let _ = error.print();
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}
