//! A listener of ours: whether somebody calls an address that only we gave away.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::{ProbeError, connect::Place};

/// How long an address may be in use by somebody else (another check of this run) before that is an error.
const BIND_MAX: Duration = Duration::from_secs(30);
/// How often it is looked whether somebody calls.
const TICK: Duration = Duration::from_millis(10);
/// How long a caller may take to say what it wants.
const READ_MAX: Duration = Duration::from_secs(2);
/// The most bytes that are read of a call.
const HEAD_MAX: usize = 8 << 10;
/// The most calls that are kept.
const CALLS_MAX: usize = 1_000;

/// Listens until it is dropped, keeps the target of every request line, and answers each with 204 (RFC 9110 section
/// 15.3.5). Serves nothing.
#[derive(Debug)]
pub struct Callbacks {
    at: SocketAddr,
    calls: Arc<Mutex<Vec<String>>>,
    over: Arc<AtomicBool>,
    running: Option<JoinHandle<()>>,
}

impl Callbacks {
    /// Listens at `127.0.0.1:9099`; port 0 is any free one.
    ///
    /// # Errors
    /// When the address cannot be listened at, even after waiting for others to leave it.
    pub fn listen(address: &str) -> Result<Self, ProbeError> {
        let failed = |cause| ProbeError::Listen { address: address.to_owned(), cause };
        let started = Instant::now();
        let listener = loop {
            match TcpListener::bind(address) {
                Ok(listener) => break listener,
                Err(cause) if cause.kind() == ErrorKind::AddrInUse && started.elapsed() < BIND_MAX => std::thread::sleep(TICK),
                Err(cause) => return Err(failed(cause)),
            }
        };
        listener.set_nonblocking(true).map_err(failed)?;
        let at = listener.local_addr().map_err(failed)?;
        let (calls, over) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicBool>::default());
        let (into, ends) = (Arc::clone(&calls), Arc::clone(&over));
        let running = std::thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        let into = Arc::clone(&into);
                        std::thread::spawn(move || hear(stream, &into));
                    }
                    Err(_) => std::thread::sleep(TICK),
                }
            }
        });
        Ok(Self { at, calls, over, running: Some(running) })
    }

    /// Listens nowhere.
    pub(crate) fn silent() -> Self {
        Self { at: SocketAddr::from(([127, 0, 0, 1], 0)), calls: Arc::default(), over: Arc::default(), running: None }
    }

    /// Where it listens.
    pub const fn at(&self) -> SocketAddr {
        self.at
    }

    /// Whether a call with this text in its request line has come.
    pub fn heard(&self, text: &str) -> bool {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|call| call.contains(text))
    }

    /// Waits until a call with this text in its request line has come, for so long at most; whether it has.
    pub fn hears(&self, text: &str, within: Duration) -> bool {
        let started = Instant::now();
        while !self.heard(text) {
            if self.running.is_none() || started.elapsed() >= within {
                return false;
            }
            std::thread::sleep(TICK);
        }
        true
    }

    /// Calls itself at the address that others are given, `http://probe.example:9099`; whether the call came.
    ///
    /// # Errors
    /// When that is no such address.
    pub fn is_reached_at(&self, url: &str, text: &str) -> Result<bool, ProbeError> {
        let place = Place::parse("callback", url)?;
        if self.running.is_none() {
            return Ok(false);
        }
        let addresses = (place.host.trim_matches(['[', ']']), place.port).to_socket_addrs().into_iter().flatten();
        for address in addresses {
            if let Ok(mut stream) = TcpStream::connect_timeout(&address, READ_MAX)
                && stream.write_all(format!("GET /{text} HTTP/1.1\r\nHost: {}\r\n\r\n", place.authority()).as_bytes()).is_ok()
                && self.hears(text, READ_MAX)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Drop for Callbacks {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(running) = self.running.take() {
            let _ = running.join();
        }
    }
}

/// Keeps the request line of a call.
fn hear(mut stream: TcpStream, calls: &Mutex<Vec<String>>) {
    let _ = stream.set_nonblocking(false);
    let _ = stream.set_read_timeout(Some(READ_MAX));
    let mut read = Vec::new();
    let mut some = [0; 1_024];
    let line = loop {
        if let Some(end) = read.iter().position(|byte| *byte == b'\n') {
            break String::from_utf8_lossy(read.get(..end).unwrap_or_default()).into_owned();
        }
        match stream.read(&mut some) {
            Ok(count @ 1..) if read.len() < HEAD_MAX => read.extend_from_slice(some.get(..count).unwrap_or_default()),
            _ => return,
        }
    };
    {
        let mut calls = calls.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.len() < CALLS_MAX {
            calls.push(line);
        }
    }
    let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_heard_and_silence_is_not() {
        let callbacks = Callbacks::listen("127.0.0.1:0").unwrap();
        let url = format!("http://{}", callbacks.at());
        assert!(!callbacks.heard("token"));
        assert!(callbacks.is_reached_at(&url, "token").unwrap());
        assert!(callbacks.heard("token") && !callbacks.hears("other", Duration::ZERO));
        assert!(callbacks.is_reached_at("ftp://x", "token").is_err());
    }

    #[test]
    fn an_address_of_somebody_else_is_not_reached_and_a_foreign_one_cannot_be_listened_at() {
        let callbacks = Callbacks::listen("127.0.0.1:0").unwrap();
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", other.local_addr().unwrap());
        drop(other);
        assert!(!callbacks.is_reached_at(&url, "token").unwrap());
        assert!(Callbacks::listen("192.0.2.1:1").is_err());
    }
}
