//! A product that runs: written, its steps done, its service up, avouch pointed at it.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail};
use chrono::SecondsFormat;

use super::{CONFIGURATION, Product, Step, Writing, Written};
use crate::service::tls;

/// How long a service may take until it answers, in hundredths of a second.
const PATIENCE: u32 = 6_000;
/// How long it may take to end, in hundredths of a second.
const FAREWELL: u32 = 1_000;

/// The product, below the place that it is given; what lies beside it is no part of its repository.
const FOLDER: &str = "product";
/// Where the service says at which addresses it answers, beside it.
const READY: &str = "ready";

/// A product with its service, which ends with it.
#[derive(Debug)]
pub(super) struct Running {
    /// The product's repository.
    pub(super) folder: PathBuf,
    /// The environment of whatever is run for it.
    pub(super) environment: Vec<(String, String)>,
    service: Option<Child>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(mut service) = self.service.take() else { return };
        // Asked to end it takes along what it has started; killed it could not.
        let _ = Command::new("kill").arg(service.id().to_string()).status();
        for _ in 0..FAREWELL {
            if matches!(service.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        let _ = service.kill();
        let _ = service.wait();
    }
}

/// Brings a product up below `place`, tells where it lies and its environment, and keeps it until standard input ends.
///
/// # Errors
/// When it does not come up, or cannot be told.
pub fn hold(
    product: &Product,
    place: &Path,
    writing: Writing<'_>,
    node: Option<&Path>,
    tell: impl FnOnce(String) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let running = Running::start(product, place, writing, node)?;
    let environment: BTreeMap<&str, &str> =
        running.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    tell(serde_json::json!({ "folder": running.folder, "environment": environment }).to_string())?;
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).context("cannot wait for the end of the input")?;
    Ok(())
}

impl Running {
    /// Writes the product into a folder below `place` and brings it up. `node` is where the programs of its steps are found
    /// before anything else.
    pub(super) fn start(product: &Product, place: &Path, writing: Writing<'_>, node: Option<&Path>) -> anyhow::Result<Self> {
        let folder = place.join(FOLDER);
        let written = product.write(&folder, writing)?;
        for made in ["reports", "data", "logs", "run"] {
            fs::create_dir_all(folder.join(made)).with_context(|| format!("cannot make the folder `{made}`"))?;
        }
        let issued = tls::issue(writing.now, 90)?;
        for (file, text) in [("run/ca.pem", issued.authority), ("run/tls.pem", issued.certificate), ("run/tls.key", issued.key)] {
            fs::write(folder.join(file), text).with_context(|| format!("cannot write `{file}`"))?;
        }
        let environment = environment(&written, writing, place, node)?;
        let mut this = Self { folder, environment, service: None };
        for step in &product.description.steps {
            this.run(step)?;
        }
        let mut addresses = Vec::new();
        if let Some(service) = &product.description.service {
            addresses = this.serve(service, &place.join(READY))?;
            this.environment.extend(addresses.iter().cloned());
            for step in &product.description.traffic {
                this.run(step)?;
            }
        }
        let configuration = written.configuration(writing, &addresses)?;
        fs::write(this.folder.join(CONFIGURATION), configuration).context("cannot write avouch.toml")?;
        Ok(this)
    }

    fn command(&self, step: &Step) -> anyhow::Result<Command> {
        let (program, arguments) = step.run.split_first().context("a step runs nothing")?;
        let mut command = Command::new(program);
        // Where the program is looked for is the path that it is given.
        command.args(arguments).current_dir(&self.folder).env_clear().envs(self.environment.iter().cloned());
        command.stdin(Stdio::null());
        Ok(command)
    }

    fn run(&self, step: &Step) -> anyhow::Result<()> {
        let name = step.run.join(" ");
        let output = self.command(step)?.output().with_context(|| format!("cannot start `{name}`"))?;
        if !output.status.success() && !step.may_fail {
            let said = [output.stdout, output.stderr].concat();
            bail!("`{name}` failed:\n{}", String::from_utf8_lossy(&said));
        }
        Ok(())
    }

    /// Starts the service and waits until it says where it answers.
    fn serve(&mut self, step: &Step, ready: &Path) -> anyhow::Result<Vec<(String, String)>> {
        let said = self.folder.join("run/service.err");
        let file = File::create(&said).context("cannot write what the service says")?;
        let child = self.command(step)?.stdout(Stdio::null()).stderr(Stdio::from(file)).spawn();
        let service = self.service.insert(child.with_context(|| format!("cannot start `{}`", step.run.join(" ")))?);
        let mut tries = 0;
        while !ready.exists() {
            if service.try_wait()?.is_some() || tries > PATIENCE {
                bail!("the service did not start:\n{}", fs::read_to_string(&said).unwrap_or_default());
            }
            tries += 1;
            thread::sleep(Duration::from_millis(10));
        }
        let text = fs::read_to_string(ready).context("cannot read where the service answers")?;
        Ok(text
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect())
    }
}

fn environment(
    written: &Written,
    writing: Writing<'_>,
    place: &Path,
    node: Option<&Path>,
) -> anyhow::Result<Vec<(String, String)>> {
    let mut path = std::env::var("PATH").unwrap_or_default();
    if let Some(node) = node {
        path = format!("{}:{path}", node.display());
    }
    let folder = place.join(FOLDER);
    let packages = node.map(|node| node.with_file_name("node_modules"));
    let text = |path: PathBuf| path.to_str().map(ToOwned::to_owned).context("a path is not UTF-8");
    let mut all = written.secrets.clone();
    all.extend([
        ("PATH".to_owned(), path),
        ("HOME".to_owned(), text(place.to_path_buf())?),
        ("COMMIT".to_owned(), written.commit.clone()),
        ("NOW".to_owned(), writing.now.to_rfc3339_opts(SecondsFormat::Secs, true)),
        ("READY_FILE".to_owned(), text(place.join(READY))?),
        ("TLS_CERT".to_owned(), text(folder.join("run/tls.pem"))?),
        ("TLS_KEY".to_owned(), text(folder.join("run/tls.key"))?),
        ("TLS_CA".to_owned(), text(folder.join("run/ca.pem"))?),
    ]);
    // Packages that are installed beside Node.js, for programs that ask for them with `require`.
    all.extend(packages.map(text).transpose()?.map(|packages| ("NODE_PATH".to_owned(), packages)));
    Ok(all)
}
