//! A socket between a purge and the server, which cuts the connection at a commit.

use std::{
    io::{Read, Write},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    thread,
};

use crate::server::Server;

/// `COMMIT` as a simple query (PostgreSQL 15, "Message Formats", Query).
const COMMIT: &[u8] = b"Q\0\0\0\x0bCOMMIT\0";

/// Where a purge connects to go through it.
pub(super) fn url(folder: &Path) -> String {
    format!("host={} port=1 user=purger dbname=postgres", folder.join("proxy").display())
}

/// It passes everything on but one commit.
pub(super) struct Proxy {
    commits_left: Arc<AtomicI64>,
    arrives: Arc<AtomicBool>,
}

impl Proxy {
    pub(super) fn start(server: &Server) -> Self {
        let folder = server.folder().join("proxy");
        std::fs::create_dir(&folder).unwrap();
        let listener = UnixListener::bind(folder.join(".s.PGSQL.1")).unwrap();
        let behind = server.folder().join(format!(".s.PGSQL.{}", server.port()));
        let proxy = Self { commits_left: Arc::new(AtomicI64::new(-1)), arrives: Arc::default() };
        let (commits_left, arrives) = (Arc::clone(&proxy.commits_left), Arc::clone(&proxy.arrives));
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), UnixStream::connect(&behind).unwrap());
                let (commits_left, arrives) = (Arc::clone(&commits_left), Arc::clone(&arrives));
                thread::spawn(move || pass(client, server, &commits_left, &arrives));
            }
        });
        proxy
    }

    /// Cuts the connection at the `nth` commit from now: before it `arrives` at the server, or after the server answered.
    pub(super) fn cut(&self, nth: i64, arrives: bool) {
        self.arrives.store(arrives, Ordering::SeqCst);
        self.commits_left.store(nth, Ordering::SeqCst);
    }
}

fn pass(mut client: UnixStream, mut server: UnixStream, commits_left: &AtomicI64, arrives: &AtomicBool) {
    let held_back = Arc::new(AtomicBool::new(false));
    let back = {
        let (mut from, mut to, held_back) = (server.try_clone().unwrap(), client.try_clone().unwrap(), Arc::clone(&held_back));
        thread::spawn(move || {
            each(&mut from, |bytes| !held_back.load(Ordering::SeqCst) && to.write_all(bytes).is_ok());
            let _ = to.shutdown(Shutdown::Both);
        })
    };
    each(&mut client, |bytes| {
        if bytes.ends_with(COMMIT) && commits_left.fetch_sub(1, Ordering::SeqCst) == 1 {
            held_back.store(true, Ordering::SeqCst);
            if !arrives.load(Ordering::SeqCst) {
                return false;
            }
        }
        server.write_all(bytes).is_ok()
    });
    let _ = server.shutdown(Shutdown::Both);
    back.join().unwrap();
}

/// Reads until the end, or until nothing more is wanted.
fn each(from: &mut UnixStream, mut wanted: impl FnMut(&[u8]) -> bool) {
    let mut bytes = [0; 65_536];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        if !wanted(&bytes[..read]) {
            return;
        }
    }
}
