//! WebSocket (RFC 6455), as far as a probe needs it: single messages out, valid or not, and what comes back.
//!
//! Written here because a probe must be able to send what a library refuses to: text that is no UTF-8. Extensions are not asked
//! for, fragments are put together, and everything that is read is bounded.

use std::time::Duration;

use avouch_model::product::ProbeClass;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1::{Digest as _, Sha1};
use tokio::{io::AsyncWriteExt, sync::Notify};

use crate::{
    ProbeError, Prober, Request, Source,
    gate::Gate,
    wire::{Connection, more, read_head},
};

/// The most bytes of one message that are read.
const MESSAGE_MAX: usize = 1 << 20;
/// The most frames that are read while one message is waited for.
const FRAMES_MAX: usize = 256;
/// Of the opening handshake (RFC 6455 section 1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// An open WebSocket.
pub struct Socket<'a> {
    prober: &'a Prober,
    class: ProbeClass,
    /// None in a rehearsal.
    connection: Option<Connection>,
    timeout: Duration,
}

/// A message to send.
#[derive(Clone, Copy, Debug)]
pub enum Sent<'a> {
    /// A text message; the bytes need not be UTF-8.
    Text(&'a [u8]),
    /// A binary message.
    Binary(&'a [u8]),
}

/// What came back.
#[derive(Clone, PartialEq, Eq)]
pub enum Said {
    /// A text message.
    Text(String),
    /// A binary message of so many bytes.
    Binary(usize),
    /// A close frame, with its code where it has one (RFC 6455 section 7.4).
    Closed(Option<u16>),
    /// The connection ended without a close frame, or what came is no WebSocket.
    Gone,
    /// Nothing, in the time that was given.
    Silent,
}

/// Shows no text: it may hold what must not be in a log.
impl std::fmt::Debug for Said {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(formatter, "Text({} bytes)", text.len()),
            Self::Binary(bytes) => write!(formatter, "Binary({bytes} bytes)"),
            Self::Closed(code) => write!(formatter, "Closed({code:?})"),
            Self::Gone => formatter.write_str("Gone"),
            Self::Silent => formatter.write_str("Silent"),
        }
    }
}

impl Prober {
    /// Opens a WebSocket with a GET request (RFC 6455 section 4.1). Without one, the status that the target answered instead.
    ///
    /// # Errors
    /// When the request may not be sent, or is not answered in HTTP.
    pub fn socket(&self, request: &Request) -> Result<Result<Socket<'_>, u16>, ProbeError> {
        let inner = &self.inner;
        self.admit(request)?;
        let socket = |connection| Socket { prober: self, class: request.class, connection, timeout: request.timeout };
        if let Some(rehearsal) = &inner.rehearsal {
            rehearsal.answer(&inner.target, request, 1);
            return Ok(Ok(socket(None)));
        }
        inner.unbroken()?;
        let from = self.turns(1, Source::Common)?.0.into_iter().next().flatten();
        let _pass = Gate::pass(&inner.gate, 1);
        let mut nonce = [0; 16];
        for part in nonce.chunks_exact_mut(8) {
            part.copy_from_slice(&inner.next_seed().to_be_bytes());
        }
        let key = STANDARD.encode(nonce);
        let mut head = format!("GET {} HTTP/1.1\r\nHost: {}\r\n", request.path, inner.place.authority());
        for (name, value) in inner.headers(request)? {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!(
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ));
        inner.spend()?;
        let target = || inner.target.name.clone();
        self.runtime.block_on(async {
            let mut connection = inner.place.connect(&inner.trust, from, request.timeout).await?;
            let shaken = tokio::time::timeout(request.timeout, async {
                connection.stream.write_all(head.as_bytes()).await.map_err(|_| ProbeError::Reset { target: target() })?;
                let Connection { stream, ahead, .. } = &mut connection;
                read_head(stream, ahead, &Notify::new()).await.map_err(|_| ProbeError::Reset { target: target() })
            });
            let head = shaken.await.map_err(|_| ProbeError::TimedOut { target: target(), after: request.timeout })??;
            inner.heed(head.status);
            if head.status != 101 {
                return Ok(Err(head.status));
            }
            let accepted = head.fields.iter().find(|(name, _)| name == "sec-websocket-accept").map(|(_, value)| value.trim());
            if accepted != Some(accept(&key).as_str()) {
                return Err(ProbeError::NotHttp {
                    target: target(),
                    reason: "its Sec-WebSocket-Accept is not of this key".to_owned(),
                });
            }
            Ok(Ok(socket(Some(connection))))
        })
    }
}

/// What a server answers to a key (RFC 6455 section 4.2.2).
fn accept(key: &str) -> String {
    STANDARD.encode(Sha1::digest(format!("{key}{GUID}")))
}

impl Socket<'_> {
    /// Sends one message in one frame. False when the connection has ended.
    pub fn send(&mut self, message: Sent<'_>) -> bool {
        let (code, bytes) = match message {
            Sent::Text(bytes) => (TEXT, bytes),
            Sent::Binary(bytes) => (BINARY, bytes),
        };
        if let Some(rehearsal) = &self.prober.inner.rehearsal {
            rehearsal.note(self.class, format!("a WebSocket message, {} bytes", bytes.len()), 1);
        }
        let frame = frame(code, bytes, self.mask());
        let Some(connection) = &mut self.connection else { return true };
        let (stream, timeout) = (&mut connection.stream, self.timeout);
        let sent = self.prober.runtime.block_on(async {
            tokio::time::timeout(timeout, async {
                stream.write_all(&frame).await?;
                stream.flush().await
            })
            .await
        });
        matches!(sent, Ok(Ok(())))
    }

    /// The next message, or that the other side closed.
    pub fn receive(&mut self, within: Duration) -> Said {
        let mask = self.mask();
        let Some(connection) = &mut self.connection else { return Said::Text("{}".to_owned()) };
        let said = self.prober.runtime.block_on(async { tokio::time::timeout(within, next(connection, mask)).await });
        said.unwrap_or(Said::Silent)
    }

    /// Says goodbye; nothing is waited for.
    pub fn close(mut self) {
        let frame = frame(CLOSE, &1000_u16.to_be_bytes(), self.mask());
        let Some(Connection { stream, .. }) = &mut self.connection else { return };
        let _gone =
            self.prober.runtime.block_on(async { tokio::time::timeout(Duration::from_secs(1), stream.write_all(&frame)).await });
    }

    fn mask(&self) -> [u8; 4] {
        let seed = self.prober.inner.next_seed().to_be_bytes();
        [seed[0], seed[3], seed[5], seed[7]]
    }
}

impl std::fmt::Debug for Socket<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Socket").field("prober", self.prober).finish_non_exhaustive()
    }
}

/// A whole message of a client in one frame, masked (RFC 6455 sections 5.2 and 5.3).
fn frame(code: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let mut frame = vec![0x80 | code];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ ..=125), _) => frame.push(0x80 | length),
        (_, Ok(length)) => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend((payload.len() as u64).to_be_bytes());
        }
    }
    frame.extend(mask);
    frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    frame
}

/// A frame of a server.
struct Frame {
    last: bool,
    code: u8,
    payload: Vec<u8>,
}

/// Takes a frame off the front, when it is whole; an error is what no server sends.
fn parse(ahead: &mut Vec<u8>) -> Result<Option<Frame>, ()> {
    let (Some(&first), Some(&second)) = (ahead.first(), ahead.get(1)) else { return Ok(None) };
    // Reserved bits belong to extensions, of which none was asked for; a server does not mask.
    if first & 0x70 != 0 || second & 0x80 != 0 {
        return Err(());
    }
    let (length, start) = match second {
        126 => match ahead.get(2..4) {
            Some(bytes) => (u64::from(u16::from_be_bytes(bytes.try_into().map_err(drop)?)), 4),
            None => return Ok(None),
        },
        127 => match ahead.get(2..10) {
            Some(bytes) => (u64::from_be_bytes(bytes.try_into().map_err(drop)?), 10),
            None => return Ok(None),
        },
        short => (u64::from(short), 2),
    };
    let length = usize::try_from(length).ok().filter(|length| *length <= MESSAGE_MAX).ok_or(())?;
    if ahead.len() < start + length {
        return Ok(None);
    }
    let mut whole: Vec<u8> = ahead.drain(..start + length).collect();
    let payload = whole.split_off(start);
    Ok(Some(Frame { last: first & 0x80 != 0, code: first & 0x0f, payload }))
}

/// Reads until a message is whole, or the other side has closed.
async fn next(connection: &mut Connection, mask: [u8; 4]) -> Said {
    let Connection { stream, ahead, .. } = connection;
    let mut message: Option<(u8, Vec<u8>)> = None;
    for _ in 0..FRAMES_MAX {
        let frame = loop {
            match parse(ahead) {
                Err(()) => return Said::Gone,
                Ok(Some(frame)) => break frame,
                Ok(None) => {
                    if !more(stream, ahead).await {
                        return Said::Gone;
                    }
                }
            }
        };
        match (frame.code, &mut message) {
            (PING, _) => {
                if stream.write_all(&self::frame(PONG, &frame.payload, mask)).await.is_err() {
                    return Said::Gone;
                }
                continue;
            }
            (PONG, _) => continue,
            (CLOSE, _) => {
                let code = frame.payload.get(..2).and_then(|code| code.try_into().ok()).map(u16::from_be_bytes);
                return Said::Closed(code);
            }
            (TEXT | BINARY, None) => message = Some((frame.code, frame.payload)),
            (CONTINUATION, Some((_, bytes))) if bytes.len() + frame.payload.len() <= MESSAGE_MAX => bytes.extend(frame.payload),
            _ => return Said::Gone,
        }
        if frame.last {
            return match message {
                Some((TEXT, bytes)) => String::from_utf8(bytes).map_or(Said::Gone, Said::Text),
                Some((_, bytes)) => Said::Binary(bytes.len()),
                None => Said::Gone,
            };
        }
    }
    Said::Gone
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::{SocketAddr, TcpListener},
    };

    use proptest::prelude::*;

    use super::*;
    use crate::testing::target;

    #[test]
    fn a_key_is_answered_as_in_the_standard() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_frame_is_as_in_the_standard() {
        // RFC 6455 section 5.7: a single-frame masked text message, "Hello".
        assert_eq!(
            frame(TEXT, b"Hello", [0x37, 0xfa, 0x21, 0x3d]),
            [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]
        );
        assert_eq!(frame(BINARY, &[0; 256], [0; 4])[..4], [0x82, 0x80 | 126, 1, 0]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_frames_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut ahead = bytes.clone();
            let mut taken = 0;
            while let Ok(Some(frame)) = parse(&mut ahead) {
                taken += frame.payload.len() + 2;
            }
            prop_assert!(taken <= bytes.len() + 2 * bytes.len());
            prop_assert!(bytes.ends_with(&ahead));
        }
    }

    /// A server that shakes hands and then says these bytes, whatever it is told.
    fn serve(says: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut one = [0];
                    stream.read_exact(&mut one).unwrap();
                    head.extend(one);
                }
                let head = String::from_utf8(head).unwrap();
                let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
                let text =
                    format!("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {}\r\n\r\n", accept(key));
                stream.write_all(text.as_bytes()).unwrap();
                stream.write_all(says).unwrap();
                let mut rest = [0; 64];
                let _ = stream.read(&mut rest);
            }
        });
        address
    }

    fn said(says: &'static [u8]) -> Vec<Said> {
        let prober = Prober::new(&target(serve(says)), "run", 7, &|_| Some("x".repeat(20)), None).unwrap();
        let mut socket = prober.socket(&Request::new(ProbeClass::Active, "GET", "/ws")).unwrap().unwrap();
        let mut all = vec![socket.receive(Duration::from_millis(200))];
        while !matches!(all.last(), Some(Said::Closed(_) | Said::Gone | Said::Silent)) {
            all.push(socket.receive(Duration::from_millis(200)));
        }
        assert!(socket.send(Sent::Text(b"\xff")) || all.contains(&Said::Gone));
        all
    }

    #[test]
    fn a_rehearsal_notes_messages_and_opens_nothing() {
        let prober = Prober::rehearsing(&target(([127, 0, 0, 1], 1).into()), 7).unwrap();
        let mut socket = prober.socket(&Request::new(ProbeClass::Active, "GET", "/ws")).unwrap().unwrap();
        assert!(socket.send(Sent::Text(b"hello")));
        assert_eq!(socket.receive(Duration::ZERO), Said::Text("{}".to_owned()));
        socket.close();
        let noted: Vec<String> = prober.rehearsed().iter().map(ToString::to_string).collect();
        assert_eq!(noted, ["active GET /ws as nobody", "active a WebSocket message, 5 bytes"]);
    }

    #[test]
    fn fragments_are_put_together_and_a_close_has_a_code() {
        let says = b"\x01\x03hel\x89\x01!\x80\x02lo\x82\x01\x00\x88\x02\x03\xef";
        assert_eq!(said(says), [Said::Text("hello".to_owned()), Said::Binary(1), Said::Closed(Some(1007))]);
        assert_eq!(said(b""), [Said::Silent]);
        // A masked frame of a server, a continuation of nothing, a text that is no UTF-8.
        for wrong in [&b"\x81\x81abcd!"[..], b"\x80\x01a", b"\x81\x01\xff"] {
            assert_eq!(said(wrong), [Said::Gone]);
        }
    }
}
