//! A Postgres server of a test's own: started in a folder of its own, stopped with the test, shared with nothing.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "shared by test files, each of which uses a part of it"
)]

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

/// A server on a socket in its folder, and on a port of the loopback address.
pub struct Server {
    folder: PathBuf,
    programs: PathBuf,
    as_root: bool,
    /// It is stopped with its folder; none where another process started it.
    own: Option<tempfile::TempDir>,
}

impl Server {
    pub fn start() -> Self {
        let own = tempfile::tempdir().unwrap();
        let mut server = Self::at(own.path());
        // It refuses to run as root.
        if server.as_root {
            let made = Command::new("chown").arg("postgres").arg(own.path()).status().unwrap();
            assert!(made.success(), "no user `postgres`");
        }
        let (folder, data) = (own.path().display().to_string(), server.data());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        server.call("initdb", &["-D", &data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "-N"]);
        let options = format!("-c listen_addresses=127.0.0.1 -p {port} -c unix_socket_directories={folder} -c fsync=off");
        server.call("pg_ctl", &["-w", "-D", &data, "-o", &options, "-l", &format!("{folder}/log"), "start"]);
        server.own = Some(own);
        server
    }

    /// The server that another process started in this folder.
    pub fn at(folder: &Path) -> Self {
        let programs = programs().expect("the package `postgresql`: tests/setup.sh installs it");
        let as_root = fs::metadata("/proc/self").unwrap().uid() == 0;
        Self { folder: folder.to_owned(), programs, as_root, own: None }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn data(&self) -> String {
        self.folder.join("data").display().to_string()
    }

    /// The port, which is in the name of the socket too.
    pub fn port(&self) -> u16 {
        let names = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.into_iter().find_map(|name| name.strip_prefix(".s.PGSQL.")?.parse().ok()).expect("a socket")
    }

    /// As after a loss of power: what was committed is there, and every connection is gone.
    pub fn crash(&self) {
        let log = self.folder.join("log").display().to_string();
        self.call("pg_ctl", &["-w", "-D", &self.data(), "-l", &log, "-m", "immediate", "restart"]);
    }

    /// Reads its configuration again.
    pub fn reload(&self) {
        self.call("pg_ctl", &["-D", &self.data(), "reload"]);
    }

    /// Gives a file in its folder to whom it runs as.
    pub fn give(&self, file: &Path) {
        if self.as_root {
            assert!(Command::new("chown").arg("postgres").arg(file).status().unwrap().success());
        }
    }

    pub fn url(&self, user: &str) -> String {
        format!("host={} port={} user={user} dbname=postgres", self.folder.display(), self.port())
    }

    /// Runs SQL as whoever owns the tables; gives back what it prints.
    pub fn sql(&self, sql: &str) -> String {
        let output = self.psql().args(["-v", "ON_ERROR_STOP=1", "-c", sql]).output().unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub fn count(&self, table: &str) -> i64 {
        self.sql(&format!("SELECT count(*) FROM {table}")).parse().unwrap()
    }

    /// Somebody else who is connected.
    pub fn somebody(&self) -> Somebody {
        let mut psql = self.psql().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let says = BufReader::new(psql.stdout.take().unwrap());
        Somebody { psql, says }
    }

    fn psql(&self) -> Command {
        let mut command = Command::new(self.programs.join("psql"));
        command.args(["-X", "-q", "-A", "-t", "-d", &self.url("postgres")]);
        command
    }

    fn call(&self, program: &str, arguments: &[&str]) {
        let place = self.programs.join(program);
        let mut command = Command::new(if self.as_root { Path::new("setpriv") } else { &place });
        if self.as_root {
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(&place);
        }
        let status = command.args(arguments).current_dir(&self.folder).stdout(Stdio::null()).status().unwrap();
        assert!(status.success(), "{program}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.own.is_some() {
            self.call("pg_ctl", &["-D", &self.data(), "-m", "immediate", "stop"]);
        }
    }
}

/// A connection that stays. What it began is undone with it.
pub struct Somebody {
    psql: Child,
    says: BufReader<ChildStdout>,
}

impl Somebody {
    /// Runs SQL; returns what it prints, once it is done.
    pub fn runs(&mut self, sql: &str) -> String {
        writeln!(self.psql.stdin.as_mut().unwrap(), "{sql};\n\\echo --").unwrap();
        let mut said = String::new();
        while !said.ends_with("--\n") {
            assert!(self.says.read_line(&mut said).unwrap() > 0, "{sql}: it ended after {said}");
        }
        said.trim_end_matches("--\n").trim().to_owned()
    }

    /// Asks until the answer is this.
    pub fn awaits(&mut self, sql: &str, answer: &str) {
        assert!((0..50_000).any(|_| self.runs(sql) == answer), "{sql}");
    }
}

impl Drop for Somebody {
    fn drop(&mut self) {
        drop(self.psql.stdin.take());
        let _ = self.psql.wait();
    }
}

/// Where Debian has the server's own programs.
fn programs() -> Option<PathBuf> {
    let found = fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(Result::ok);
    found.map(|version| version.path().join("bin")).filter(|bin| bin.join("initdb").exists()).max()
}
