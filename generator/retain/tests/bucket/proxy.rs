//! What stands between a purge and the store, and does wrong when it is told to.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wrong {
    /// The store does not see it, and this status comes back.
    Say(u16, &'static str),
    /// The store does it, and no answer comes back.
    LoseAnswer,
    /// The store sees half of it, and no answer comes back.
    Half,
    /// The store answers, and another byte comes back.
    Tamper,
}

#[derive(Default)]
struct State {
    /// Method, end of the path, how many such requests go well before, how many go wrong.
    wrong: Option<(&'static str, &'static str, u32, u32, Wrong)>,
    seen: Vec<String>,
}

pub(super) struct Proxy {
    pub(super) port: u16,
    state: Arc<Mutex<State>>,
}

impl Proxy {
    pub(super) fn start(behind: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let proxy = Self { port: listener.local_addr().unwrap().port(), state: Arc::default() };
        let state = Arc::clone(&proxy.state);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, state) = (client.unwrap(), Arc::clone(&state));
                thread::spawn(move || pass(client, behind, &state));
            }
        });
        proxy
    }

    /// From now on so many requests with this method and this end of their path, but for the first few, go wrong in this way.
    pub(super) fn wrong(&self, method: &'static str, end: &'static str, skip: u32, times: u32, wrong: Wrong) {
        *self.state.lock().unwrap() = State { wrong: Some((method, end, skip, times, wrong)), seen: Vec::new() };
    }

    /// From now on all goes well, and what was seen is forgotten.
    pub(super) fn well(&self) {
        *self.state.lock().unwrap() = State::default();
    }

    /// Method and path of the requests that were seen.
    pub(super) fn seen(&self) -> Vec<String> {
        self.state.lock().unwrap().seen.clone()
    }
}

/// One request of a connection, and its end.
fn pass(mut client: TcpStream, behind: u16, state: &Mutex<State>) {
    let Some((head, body)) = request(&mut client) else { return };
    let line = head.lines().next().unwrap_or_default().rsplit_once(' ').unwrap().0.to_owned();
    let wrong = {
        let mut state = state.lock().unwrap();
        state.seen.push(line.clone());
        state.wrong.as_mut().and_then(|(method, end, skip, times, wrong)| {
            let meant = line.starts_with(*method) && line.ends_with(*end);
            if !meant || *times == 0 {
                return None;
            }
            if *skip > 0 {
                *skip -= 1;
                return None;
            }
            *times -= 1;
            Some(*wrong)
        })
    };
    if let Some(Wrong::Say(status, code)) = wrong {
        let body = format!("<Error><Code>{code}</Code><AWSAccessKeyId>of somebody</AWSAccessKeyId></Error>");
        let head = format!("HTTP/1.1 {status} -\r\nETag: \"0\"\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
        let _ = client.write_all((head + &body).as_bytes());
        return;
    }
    let mut store = TcpStream::connect(("127.0.0.1", behind)).unwrap();
    // The store ends the connection, so that its answer is all there is.
    let head = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    let sent = if matches!(wrong, Some(Wrong::Half)) { body.len() / 2 } else { body.len() };
    store.write_all(&[head.as_bytes(), &body[..sent]].concat()).unwrap();
    if matches!(wrong, Some(Wrong::Half)) {
        store.shutdown(Shutdown::Write).unwrap();
    }
    let mut answer = Vec::new();
    let _ = store.read_to_end(&mut answer);
    match wrong {
        None => {}
        Some(Wrong::Tamper) => *answer.last_mut().unwrap() ^= 1,
        Some(_) => return,
    }
    let _ = client.write_all(&answer);
}

/// Head and body of a request.
fn request(client: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut part = [0; 65_536];
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end + 4].to_vec()).unwrap();
            let length = head
                .to_lowercase()
                .split_once("content-length: ")
                .map_or(0, |(_, rest)| rest.lines().next().unwrap().parse().unwrap());
            if bytes.len() >= end + 4 + length {
                return Some((head, bytes[end + 4..].to_vec()));
            }
        }
        match client.read(&mut part) {
            Ok(read @ 1..) => bytes.extend_from_slice(&part[..read]),
            _ => return None,
        }
    }
}
