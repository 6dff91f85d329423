//! The command line, and the only place where the clock is asked.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, bail};
use chrono::{DateTime, Utc};
use clap::{Args, Parser, Subcommand};

use crate::{
    client::Client,
    database::{self, Seeding},
    defect::{self, Chosen},
    product::{self, Asked, Product},
    repository::{self, Writing},
    service::{self, Limits, Settings},
    traffic,
};

#[derive(Parser)]
#[command(name = "reference-api", version, about = "The API that avouch is tried on", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write the product's repository, with a commit and the tag of its release.
    Repository(RepositoryArgs),
    /// Create the product's database, and the file with the keys of the principals.
    Seed(SeedArgs),
    /// Serve the API until SIGTERM or SIGINT.
    Serve(Box<ServeArgs>),
    /// Send ordinary requests to a running service.
    Traffic(TrafficArgs),
    /// A product of another profile: a folder below `tests/products`.
    #[command(subcommand)]
    Product(ProductCommand),
    /// List the defects.
    Defects {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Subcommand)]
enum ProductCommand {
    /// Write its repository, with a commit and the tag of its release.
    Write {
        /// The product's folder.
        product: PathBuf,
        /// The folder of the repository; it must not exist, or be empty.
        dir: PathBuf,
        /// The defect.
        #[arg(long, value_name = "NAME")]
        defect: Option<String>,
    },
    /// Bring it up below a folder, print where it lies and its environment as one line of JSON, and keep it until the input ends.
    Hold {
        /// The product's folder.
        product: PathBuf,
        /// Where it is written; nothing may be there.
        place: PathBuf,
        /// Where Node.js is, before what the path has.
        #[arg(long, value_name = "DIR")]
        node: Option<PathBuf>,
    },
    /// Run avouch on it without and with each defect.
    Matrix {
        /// The product's folder.
        product: PathBuf,
        /// avouch.
        #[arg(long, value_name = "FILE")]
        avouch: PathBuf,
        /// Where Node.js is, before what the path has.
        #[arg(long, value_name = "DIR")]
        node: Option<PathBuf>,
        /// On workerd, as the product's `[worker]` says, with the defects that it names.
        #[arg(long)]
        worker: bool,
        /// These defects alone.
        #[arg(long, value_name = "NAME", value_delimiter = ',')]
        only: Vec<String>,
        /// How many products run at a time.
        #[arg(long, default_value_t = 2)]
        jobs: usize,
        /// Where the table goes as JSON.
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
}

#[derive(Args)]
struct Common {
    /// The defect, or several with commas between them; each subcommand does its part.
    #[arg(long, value_name = "NAMES")]
    defect: Option<Chosen>,
    /// What keys, pepper, people and rows follow from.
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    seed: u64,
    /// The present; the clock's if left out.
    #[arg(long, value_name = "RFC3339")]
    now: Option<DateTime<Utc>>,
}

impl Common {
    fn now(&self) -> DateTime<Utc> {
        self.now.unwrap_or_else(Utc::now)
    }

    fn chosen(&self) -> Chosen {
        self.defect.unwrap_or_default()
    }
}

#[derive(Args)]
struct RepositoryArgs {
    /// The folder; it must not exist, or be empty.
    dir: PathBuf,
    #[command(flatten)]
    common: Common,
    /// The time of the commits and of the tag; `--now` if left out.
    #[arg(long, value_name = "RFC3339")]
    date: Option<DateTime<Utc>>,
    /// The service's address, for avouch.toml.
    #[arg(long, default_value = "https://127.0.0.1:8443", value_name = "URL")]
    https: String,
    /// Its address in plain HTTP, for avouch.toml.
    #[arg(long, default_value = "http://127.0.0.1:8080", value_name = "URL")]
    http: String,
    /// The file of its authority, for avouch.toml.
    #[arg(long, default_value = "run/ca.pem", value_name = "FILE")]
    ca: String,
    /// Its database, for avouch.toml.
    #[arg(long, default_value = "run/app.db", value_name = "FILE")]
    db: String,
}

#[derive(Args)]
struct SeedArgs {
    /// The database; nothing may be there yet.
    db: PathBuf,
    #[command(flatten)]
    common: Common,
    /// Where the keys and the pepper go, as lines for a shell; beside the database if left out.
    #[arg(long, value_name = "FILE")]
    env_out: Option<PathBuf>,
    /// Rows of `interactions`.
    #[arg(long, default_value_t = 5_000)]
    interactions: u32,
    /// Rows of `rate_limits`.
    #[arg(long, default_value_t = 2_000)]
    rate_limits: u32,
    /// Rows of `audit_log`.
    #[arg(long, default_value_t = 1_000)]
    audit_log: u32,
    /// Rows of `alerts`.
    #[arg(long, default_value_t = 400)]
    alerts: u32,
    /// The part of each table that is over its time, in percent.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=100))]
    due: u32,
}

#[derive(Args)]
struct ServeArgs {
    /// The database that `seed` made.
    #[arg(long, value_name = "FILE")]
    db: PathBuf,
    /// Where HTTPS is served; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8443", value_name = "ADDRESS")]
    https: SocketAddr,
    /// Where plain HTTP points to HTTPS.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    http: SocketAddr,
    /// Where the certificate of the authority is written.
    #[arg(long, value_name = "FILE")]
    ca_out: PathBuf,
    /// The commit that `/version` names.
    #[arg(long)]
    commit: String,
    /// Written once the service answers: lines `HTTPS=…`, `HTTP=…`, `PID=…`.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// The request log.
    #[arg(long, default_value = "logs/api.log", value_name = "FILE")]
    log: PathBuf,
    /// The defect, or several with commas between them.
    #[arg(long, value_name = "NAMES")]
    defect: Option<Chosen>,
    /// Requests per address in its window.
    #[arg(long, default_value_t = 60)]
    ip_limit: u32,
    /// The window of an address, in seconds.
    #[arg(long, default_value_t = 60)]
    ip_window: u32,
    /// Requests per key in its window.
    #[arg(long, default_value_t = 1_000)]
    key_limit: u32,
    /// The window of a key, in seconds.
    #[arg(long, default_value_t = 60)]
    key_window: u32,
    /// The least time of an authentication, in milliseconds.
    #[arg(long, default_value_t = 80)]
    floor_ms: u32,
    /// The largest body of one interaction, in bytes.
    #[arg(long, default_value_t = 1_000_000)]
    single_cap: usize,
    /// The largest body of a batch, in bytes.
    #[arg(long, default_value_t = 5_000_000)]
    batch_cap: usize,
    /// The most interactions in a batch.
    #[arg(long, default_value_t = 100)]
    batch_items: usize,
}

#[derive(Args)]
struct TrafficArgs {
    /// The ready file of the service.
    #[arg(long, value_name = "FILE")]
    ready_file: PathBuf,
    /// The certificate of its authority.
    #[arg(long, value_name = "FILE")]
    ca: PathBuf,
    /// How many requests.
    #[arg(long, default_value_t = 150)]
    requests: u32,
}

/// Runs the command line: exit code 0 when done, 1 when it failed, 2 when it was not understood.
pub fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Repository(args) => {
            let writing = Writing {
                now: args.common.now(),
                date: args.date.unwrap_or_else(|| args.common.now()),
                seed: args.common.seed,
                chosen: args.common.chosen(),
                https: args.https,
                http: args.http,
                ca: args.ca,
                db: args.db,
            };
            let commit = repository::write(&args.dir, &writing)?;
            print(&commit)
        }
        Command::Seed(args) => seed(&args),
        Command::Serve(args) => runtime()?.block_on(serve(*args)),
        Command::Traffic(args) => {
            let ready = read(&args.ready_file)?;
            let https = ready.lines().find_map(|line| line.strip_prefix("HTTPS=https://"));
            let address = https.context("the ready file names no HTTPS address")?.parse().context("that is no address")?;
            let client = Client::https(address, read(&args.ca)?.as_bytes())?;
            runtime()?.block_on(traffic::send(&client, &variable("PROBE_A")?, args.requests))
        }
        Command::Product(command) => product(command),
        Command::Defects { json: true } => print(&serde_json::to_string_pretty(&defect::json()).context("cannot write JSON")?),
        Command::Defects { json: false } => defect::all().try_for_each(|entry| {
            let parts: Vec<_> = entry.parts.iter().map(|part| part.name()).collect();
            let linked: Vec<_> = entry.linked.iter().map(|(claim, reason)| format!("\n    may turn {claim}: {reason}")).collect();
            let (parts, claims, linked) = (parts.join(", "), entry.claims.join(", "), linked.concat());
            print(&format!("{} ({parts})\n    {}\n    turns {claims}{linked}", entry.name, entry.change))
        }),
    }
}

fn product(command: ProductCommand) -> anyhow::Result<()> {
    match command {
        ProductCommand::Write { product, dir, defect } => {
            let product = Product::load(&product)?;
            let defects: Vec<_> = defect.iter().map(|name| product.defect(name)).collect::<Result<_, _>>()?;
            let written = product.write(&dir, product::Writing { now: Utc::now(), seed: 1, defects: &defects })?;
            print(&written.commit)
        }
        ProductCommand::Hold { product, place, node } => {
            let node = node.map(|node| found(&node)).transpose()?;
            std::fs::create_dir_all(&place).with_context(|| format!("cannot make the folder `{}`", place.display()))?;
            let writing = product::Writing { now: Utc::now(), seed: 1, defects: &[] };
            product::hold(&Product::load(&product)?, &found(&place)?, writing, node.as_deref(), |told| print(&told))
        }
        ProductCommand::Matrix { product, avouch, node, worker, only, jobs, json } => {
            let avouch = found(&avouch)?;
            let node = node.map(|node| found(&node)).transpose()?;
            let asked = Asked { program: &avouch, node: node.as_deref(), only: &only, jobs, clock: Utc::now };
            let product = Product::load(&product)?;
            let product = if worker { product.on_workerd()? } else { product };
            let matrix = product::matrix(&product, asked)?;
            if let Some(path) = json {
                let text = serde_json::to_string_pretty(&matrix).context("cannot write JSON")?;
                std::fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
            }
            print(&matrix.table())?;
            let wrong = if only.is_empty() && !worker { matrix.wrong() } else { matrix.wrong_rows() };
            if !wrong.is_empty() {
                bail!("not every defect was found as it must be\n\n{wrong}");
            }
            Ok(())
        }
    }
}

/// Steps run in the product's folder: what is named from here must be found from there.
fn found(path: &Path) -> anyhow::Result<PathBuf> {
    path.canonicalize().with_context(|| format!("there is no `{}`", path.display()))
}

fn seed(args: &SeedArgs) -> anyhow::Result<()> {
    let fixture = database::create(
        &args.db,
        &Seeding {
            now: args.common.now(),
            seed: args.common.seed,
            due_percent: args.due,
            interactions: args.interactions,
            rate_limits: args.rate_limits,
            audit_log: args.audit_log,
            alerts: args.alerts,
            chosen: args.common.chosen(),
        },
    )?;
    let env = args.env_out.clone().unwrap_or_else(|| args.db.with_file_name("env.sh"));
    write_secret(&env, &fixture.shell()).with_context(|| format!("cannot write the keys to `{}`", env.display()))
}

/// Writes a file that only its owner may read.
fn write_secret(path: &Path, text: &str) -> io::Result<()> {
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
    let mut file = std::fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)?;
    // The mode above counts only for a file that is new.
    file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())
}

async fn serve(args: ServeArgs) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminated = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupted = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    let running = service::start(Settings {
        database: args.db,
        https: args.https,
        http: args.http,
        ca_out: args.ca_out,
        commit: args.commit,
        log: args.log,
        pepper: variable("PEPPER")?,
        clock: Utc::now,
        chosen: args.defect.unwrap_or_default(),
        limits: Limits {
            address: args.ip_limit,
            address_window: args.ip_window,
            key: args.key_limit,
            key_window: args.key_window,
            floor_ms: args.floor_ms,
            single_bytes: args.single_cap,
            batch_bytes: args.batch_cap,
            batch_items: args.batch_items,
            ..Limits::default()
        },
    })
    .await?;
    if let Some(path) = &args.ready_file {
        let text = format!("HTTPS=https://{}\nHTTP=http://{}\nPID={}\n", running.https, running.http, std::process::id());
        // Renamed into place: whoever sees the file sees all of it.
        let unfinished = path.with_extension("unfinished");
        std::fs::write(&unfinished, text)
            .and_then(|()| std::fs::rename(&unfinished, path))
            .with_context(|| format!("cannot write the ready file `{}`", path.display()))?;
    }
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    running.stop().await;
    Ok(())
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")
}

fn variable(name: &str) -> anyhow::Result<String> {
    std::env::var(name)
        .with_context(|| format!("the environment variable {name} is not set; source the env file that `seed` wrote"))
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))
}

fn print(line: &str) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{line}").context("cannot write to standard output")
}
