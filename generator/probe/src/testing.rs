//! A small HTTP server for tests: one handler, any address of the loopback network, one thread a connection.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
};

use avouch_model::product::{Principal, ProbeClass, ReleaseFrom, Route, Target};

/// A request as the server saw it.
#[derive(Clone, Debug, Default)]
#[allow(dead_code, reason = "shared by the tests of two rooms")]
pub(crate) struct Got {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
    pub(crate) peer: String,
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// What the server answers: status, header fields, body.
pub(crate) type Answer = (u16, Vec<(&'static str, String)>, String);

/// A JSON answer.
#[allow(dead_code, reason = "shared by the tests of two rooms")]
pub(crate) fn json(status: u16, body: impl Into<String>) -> Answer {
    (status, vec![("Content-Type", "application/json".to_owned())], body.into())
}

/// How a server treats request bodies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caps {
    /// The cap on a declared length.
    pub(crate) declared: usize,
    /// The cap on what is read from chunks.
    pub(crate) chunked: usize,
}

impl Caps {
    pub(crate) const NONE: Self = Self { declared: usize::MAX, chunked: usize::MAX };
}

/// Serves until the process ends.
pub(crate) fn serve(caps: Caps, handle: impl Fn(&Got) -> Answer + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let handle = Arc::new(handle);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let handle = Arc::clone(&handle);
            std::thread::spawn(move || talk(&stream, caps, &*handle));
        }
    });
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// One connection; `None` inside ends it.
fn talk(mut stream: &TcpStream, caps: Caps, handle: &dyn Fn(&Got) -> Answer) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let peer = stream.peer_addr().ok()?.ip().to_string();
    let mut ahead = Vec::new();
    loop {
        let head = loop {
            if let Some(end) = ahead.windows(4).position(|four| four == b"\r\n\r\n") {
                let head: Vec<u8> = ahead.drain(..end + 4).collect();
                break String::from_utf8(head).ok()?;
            }
            fill(&mut stream, &mut ahead)?;
        };
        let mut lines = head.lines();
        let mut words = lines.next()?.split(' ');
        let mut got =
            Got { method: words.next()?.to_owned(), path: words.next()?.to_owned(), peer: peer.clone(), ..Got::default() };
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            got.headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let length: usize = got.header("content-length").parse().unwrap_or(0);
        if length > caps.declared {
            write(&mut stream, &json(413, "{}"))?;
            // Drains for a while, as servers do, so that the answer is not lost to a reset.
            stream.set_read_timeout(Some(std::time::Duration::from_millis(200))).ok()?;
            while fill(&mut stream, &mut ahead).is_some() {
                ahead.clear();
            }
            return None;
        }
        if got.header("expect") == "100-continue" {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
        }
        if got.header("transfer-encoding") == "chunked" {
            loop {
                while !ahead.contains(&b'\n') {
                    fill(&mut stream, &mut ahead)?;
                }
                let end = ahead.iter().position(|&byte| byte == b'\n')?;
                let line: Vec<u8> = ahead.drain(..=end).collect();
                let size = usize::from_str_radix(String::from_utf8(line).ok()?.trim(), 16).ok()?;
                while ahead.len() < size + 2 {
                    fill(&mut stream, &mut ahead)?;
                }
                got.body.extend(ahead.drain(..size));
                ahead.drain(..2);
                if got.body.len() > caps.chunked {
                    write(&mut stream, &json(413, "{}"))?;
                    stream.set_read_timeout(Some(std::time::Duration::from_millis(200))).ok()?;
                    while fill(&mut stream, &mut ahead).is_some() {
                        ahead.clear();
                    }
                    return None;
                }
                if size == 0 {
                    break;
                }
            }
        } else {
            while ahead.len() < length {
                fill(&mut stream, &mut ahead)?;
            }
            got.body = ahead.drain(..length).collect();
        }
        write(&mut stream, &handle(&got))?;
        if got.header("connection") == "close" {
            return None;
        }
    }
}

fn fill(stream: &mut &TcpStream, ahead: &mut Vec<u8>) -> Option<()> {
    let mut some = [0; 16_384];
    let count = stream.read(&mut some).ok().filter(|&count| count > 0)?;
    ahead.extend_from_slice(&some[..count]);
    Some(())
}

fn write(stream: &mut &TcpStream, (status, headers, body): &Answer) -> Option<()> {
    let mut text = format!("HTTP/1.1 {status} Said\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{text}\r\n{body}").as_bytes()).ok()
}

/// A target at this address with two principals (`a` of tenant A, `b` of tenant B) and every class allowed.
pub(crate) fn target(at: SocketAddr) -> Target {
    let principal = |name: &str, tenant: &str| {
        let principal = Principal {
            name: name.to_owned(),
            tenant: Some(tenant.to_owned()),
            header: "Authorization".to_owned(),
            value: format!("Bearer ck_live_{}0123456789", tenant.repeat(16)),
            with: BTreeMap::new(),
        };
        (name.to_owned(), principal)
    };
    Target {
        name: "api".to_owned(),
        url: format!("http://{at}"),
        plain_url: None,
        allow: [ProbeClass::Intrusive].into(),
        environment: "test".to_owned(),
        release_from: Some(ReleaseFrom { path: "/version".to_owned(), pointer: "/commit".to_owned() }),
        ca_file: None,
        source_addresses: (2..=9).map(|last| IpAddr::from([127, 0, 0, last])).collect(),
        requests_per_address: 10_000,
        requests_max: 100_000,
        principals: [principal("a", "A"), principal("b", "B")].into(),
        routes: BTreeMap::new(),
    }
}

/// A route, `POST /v1/items`.
#[allow(dead_code, reason = "shared by the tests of two rooms")]
pub(crate) fn route(name: &str, call: &str, ok: u16) -> (String, Route) {
    let (method, path) = call.split_once(' ').unwrap();
    let route =
        Route { name: name.to_owned(), method: method.to_owned(), path: path.to_owned(), body: None, ok, id: None, undo: None };
    (name.to_owned(), route)
}
