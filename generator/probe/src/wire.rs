//! HTTP/1.1 on a stream (RFC 9112): one request out, one bounded answer in, both at the same time.

use std::{
    io,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::Notify,
};

use crate::{Body, Response};

/// The most bytes of an answer's head.
pub(crate) const HEAD_MAX: usize = 64 << 10;
/// The most header fields of an answer.
const FIELDS_MAX: usize = 128;
/// The size of the chunks that are sent.
const CHUNK: usize = 16 << 10;
/// How long a target may keep silent about `Expect` (RFC 9110 section 10.1.1 lets a client go on).
const EXPECT_PATIENCE: Duration = Duration::from_secs(1);

/// A connection to the target: TCP, or TLS on it.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A connection with what was read ahead on it.
pub(crate) struct Connection {
    pub(crate) stream: Box<dyn Stream>,
    pub(crate) ahead: Vec<u8>,
    pub(crate) used: bool,
}

/// What is to be sent, ready for the wire.
pub(crate) struct Outgoing<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) host: &'a str,
    pub(crate) headers: &'a [(String, String)],
    pub(crate) body: &'a Body,
    pub(crate) body_max: usize,
    pub(crate) keep: bool,
    pub(crate) held: Duration,
}

/// Why an exchange failed.
#[derive(Debug)]
pub(crate) enum WireError {
    /// The connection ended; `true` when nothing of an answer had come.
    Closed(bool),
    /// The answer is not HTTP/1.1.
    NotHttp(String),
    /// The head is larger than is read.
    HeadTooLarge,
}

/// Sends the request, reads the answer. The second value tells whether the connection can be used again.
pub(crate) async fn exchange(connection: &mut Connection, out: &Outgoing<'_>) -> Result<(Response, bool), WireError> {
    let head = request_head(out);
    let go_on = Notify::new();
    let Connection { stream, ahead, used } = connection;
    *used = true;
    let (mut reader, mut writer) = tokio::io::split(stream);
    let started = Instant::now();
    let mut written = false;
    let answered = {
        let writing = write_request(&mut writer, &head, out, &go_on);
        let reading = read_head(&mut reader, ahead, &go_on);
        tokio::pin!(writing, reading);
        let mut writing_over = false;
        loop {
            tokio::select! {
                biased;
                result = &mut writing, if !writing_over => {
                    // A target may answer and close before it has read the whole body: the answer is still to be read.
                    writing_over = true;
                    written = result.is_ok();
                }
                answered = &mut reading => break answered?,
            }
        }
    };
    let took = started.elapsed();
    let framing = framing(&answered, out.method)?;
    let (body, truncated) = read_body(&mut reader, ahead, &framing, out.body_max).await?;
    let closes = answered.minor == 0
        || answered.fields.iter().any(|(name, value)| name == "connection" && value.to_ascii_lowercase().contains("close"));
    let reusable = out.keep && written && !truncated && !closes && !matches!(framing, Framing::UntilClose);
    Ok((
        Response { status: answered.status, headers: answered.fields, body, truncated, took, early: !written, at: took },
        reusable,
    ))
}

fn request_head(out: &Outgoing<'_>) -> Vec<u8> {
    let mut head = format!("{} {} HTTP/1.1\r\nHost: {}\r\n", out.method, out.path, out.host);
    for (name, value) in out.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    match out.body {
        Body::None => {
            if matches!(out.method, "POST" | "PUT" | "PATCH") {
                head.push_str("Content-Length: 0\r\n");
            }
        }
        Body::Declared(bytes) => head.push_str(&format!("Content-Length: {}\r\n", bytes.len())),
        Body::Expecting(bytes) => {
            head.push_str(&format!("Content-Length: {}\r\nExpect: 100-continue\r\n", bytes.len()));
        }
        Body::Chunked(_) => head.push_str("Transfer-Encoding: chunked\r\n"),
        Body::ChunkedBesideLength(_, length) => {
            head.push_str(&format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"));
        }
    }
    head.push_str(if out.keep { "\r\n" } else { "Connection: close\r\n\r\n" });
    head.into_bytes()
}

async fn write_request<W: AsyncWrite + Unpin>(writer: &mut W, head: &[u8], out: &Outgoing<'_>, go_on: &Notify) -> io::Result<()> {
    let head = match head.split_at_checked(head.len().saturating_sub(2)) {
        Some((most, end)) if !out.held.is_zero() => {
            writer.write_all(most).await?;
            writer.flush().await?;
            tokio::time::sleep(out.held).await;
            end
        }
        _ => head,
    };
    match out.body {
        Body::None => writer.write_all(head).await?,
        Body::Declared(bytes) if bytes.len() <= CHUNK => {
            // In one piece, so that a small request is one segment.
            writer.write_all(&[head, bytes].concat()).await?;
        }
        Body::Declared(bytes) => {
            writer.write_all(head).await?;
            writer.write_all(bytes).await?;
        }
        Body::Expecting(bytes) => {
            writer.write_all(head).await?;
            writer.flush().await?;
            let _silent = tokio::time::timeout(EXPECT_PATIENCE, go_on.notified()).await;
            writer.write_all(bytes).await?;
        }
        Body::Chunked(bytes) | Body::ChunkedBesideLength(bytes, _) => {
            writer.write_all(head).await?;
            for chunk in bytes.chunks(CHUNK) {
                writer.write_all(format!("{:x}\r\n", chunk.len()).as_bytes()).await?;
                writer.write_all(chunk).await?;
                writer.write_all(b"\r\n").await?;
            }
            writer.write_all(b"0\r\n\r\n").await?;
        }
    }
    writer.flush().await
}

/// The head of an answer.
pub(crate) struct Head {
    minor: u8,
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
}

/// Reads heads until one is final: interim answers (1xx, RFC 9110 section 15.2) are passed over.
pub(crate) async fn read_head<R: AsyncRead + Unpin>(
    reader: &mut R,
    ahead: &mut Vec<u8>,
    go_on: &Notify,
) -> Result<Head, WireError> {
    loop {
        if let Some(head) = parse_head(ahead)? {
            if (100..200).contains(&head.status) && head.status != 101 {
                if head.status == 100 {
                    go_on.notify_one();
                }
                continue;
            }
            return Ok(head);
        }
        if ahead.len() >= HEAD_MAX {
            return Err(WireError::HeadTooLarge);
        }
        if !more(reader, ahead).await {
            return Err(WireError::Closed(ahead.is_empty()));
        }
    }
}

/// Takes a head off the front, when it is whole.
fn parse_head(ahead: &mut Vec<u8>) -> Result<Option<Head>, WireError> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut parsed = httparse::Response::new(&mut fields);
    match parsed.parse(ahead) {
        Ok(httparse::Status::Complete(length)) => {
            let head = Head {
                minor: parsed.version.unwrap_or(0),
                status: parsed.code.unwrap_or(0),
                fields: parsed
                    .headers
                    .iter()
                    .map(|field| (field.name.to_ascii_lowercase(), String::from_utf8_lossy(field.value).into_owned()))
                    .collect(),
            };
            ahead.drain(..length);
            Ok(Some(head))
        }
        Ok(httparse::Status::Partial) => Ok(None),
        Err(error) => Err(WireError::NotHttp(error.to_string())),
    }
}

/// How the end of a body is told.
enum Framing {
    Empty,
    Length(u64),
    Chunked,
    UntilClose,
}

/// RFC 9112 section 6.3.
fn framing(head: &Head, method: &str) -> Result<Framing, WireError> {
    if method == "HEAD" || head.status == 204 || head.status == 304 {
        return Ok(Framing::Empty);
    }
    let values = |wanted: &str| -> Vec<&str> {
        head.fields.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value.trim()).collect()
    };
    let coded = values("transfer-encoding");
    if let Some(last) = coded.last() {
        let chunked = last.rsplit(',').next().is_some_and(|each| each.trim().eq_ignore_ascii_case("chunked"));
        return Ok(if chunked { Framing::Chunked } else { Framing::UntilClose });
    }
    let lengths = values("content-length");
    let Some(first) = lengths.first() else {
        return Ok(Framing::UntilClose);
    };
    if lengths.iter().any(|each| each != first) || !first.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(WireError::NotHttp("its Content-Length is not one number".to_owned()));
    }
    first.parse().map(Framing::Length).map_err(|_| WireError::NotHttp("its Content-Length is not one number".to_owned()))
}

/// The body, and whether it is only a part.
async fn read_body<R: AsyncRead + Unpin>(
    reader: &mut R,
    ahead: &mut Vec<u8>,
    framing: &Framing,
    max: usize,
) -> Result<(Vec<u8>, bool), WireError> {
    let mut body = Vec::new();
    match framing {
        Framing::Empty => Ok((body, false)),
        Framing::Length(length) => {
            let length = usize::try_from(*length).unwrap_or(usize::MAX);
            let whole = take(reader, ahead, &mut body, length.min(max)).await;
            Ok((body, !whole || length > max))
        }
        Framing::UntilClose => {
            let filled = take(reader, ahead, &mut body, max).await;
            Ok((body, filled && (!ahead.is_empty() || more(reader, ahead).await)))
        }
        Framing::Chunked => loop {
            let Some(line) = take_line(reader, ahead).await? else {
                return Ok((body, true));
            };
            let digits = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(digits, 16)
                .ok()
                .filter(|_| !digits.starts_with('+'))
                .ok_or_else(|| WireError::NotHttp("a chunk has no size".to_owned()))?;
            if size == 0 {
                // Trailer fields are read and dropped.
                loop {
                    match take_line(reader, ahead).await? {
                        None => return Ok((body, true)),
                        Some(line) if line.is_empty() => return Ok((body, false)),
                        Some(_) => {}
                    }
                }
            }
            let room = max.saturating_sub(body.len());
            if !take(reader, ahead, &mut body, size.min(room)).await || size > room {
                return Ok((body, true));
            }
            if take_line(reader, ahead).await?.as_deref() != Some("") {
                return Ok((body, true));
            }
        },
    }
}

/// Moves `count` bytes into `body`; false when the connection ended before.
async fn take<R: AsyncRead + Unpin>(reader: &mut R, ahead: &mut Vec<u8>, body: &mut Vec<u8>, count: usize) -> bool {
    let mut left = count;
    loop {
        let now = left.min(ahead.len());
        body.extend(ahead.drain(..now));
        left -= now;
        if left == 0 {
            return true;
        }
        if !more(reader, ahead).await {
            return false;
        }
    }
}

/// The next line without its end; none when the connection ended before.
async fn take_line<R: AsyncRead + Unpin>(reader: &mut R, ahead: &mut Vec<u8>) -> Result<Option<String>, WireError> {
    loop {
        if let Some(end) = ahead.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = ahead.drain(..=end).collect();
            return Ok(Some(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned()));
        }
        if ahead.len() > HEAD_MAX {
            return Err(WireError::NotHttp("a line of a chunked body does not end".to_owned()));
        }
        if !more(reader, ahead).await {
            return Ok(None);
        }
    }
}

/// Reads what there is; false at the end, or when the connection was reset.
pub(crate) async fn more<R: AsyncRead + Unpin>(reader: &mut R, ahead: &mut Vec<u8>) -> bool {
    ahead.reserve(8 << 10);
    matches!(reader.read_buf(ahead).await, Ok(count) if count > 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(answer: &[u8], method: &str, max: usize) -> Result<(Response, bool), WireError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (ours, mut theirs) = tokio::io::duplex(1 << 20);
            theirs.write_all(answer).await.unwrap();
            theirs.shutdown().await.unwrap();
            let mut connection = Connection { stream: Box::new(ours), ahead: Vec::new(), used: false };
            let out = Outgoing {
                method,
                path: "/",
                host: "h",
                headers: &[],
                body: &Body::None,
                body_max: max,
                keep: true,
                held: Duration::ZERO,
            };
            exchange(&mut connection, &out).await
        })
    }

    #[test]
    fn the_end_of_a_body_is_told_in_each_way_of_the_rfc() {
        for (answer, method, body, truncated, again) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd", "GET", "abc", false, true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", "GET", "abc", true, false),
            ("HTTP/1.1 200 OK\r\n\r\nabc", "GET", "abc", false, false),
            ("HTTP/1.1 204 No\r\n\r\nabc", "GET", "", false, true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "HEAD", "", false, true),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nT: u\r\n\r\n",
                "GET",
                "abc",
                false,
                true,
            ),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "GET", "ab", true, false),
            ("HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", "GET", "x", false, true),
            ("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", "GET", "x", false, false),
        ] {
            let (response, reusable) = run(answer.as_bytes(), method, 100).unwrap();
            assert_eq!((response.text().as_ref(), response.truncated, reusable), (body, truncated, again), "{answer}");
        }
    }

    #[test]
    fn a_long_body_is_cut_at_the_bound() {
        for answer in [
            "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabcdef",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\nabcdef",
        ] {
            let (response, reusable) = run(answer.as_bytes(), "GET", 4).unwrap();
            assert_eq!((response.text().as_ref(), response.truncated, reusable), ("abcd", true, false));
        }
    }

    #[test]
    fn what_is_not_http_is_an_error() {
        assert!(matches!(run(b"SSH-2.0-x\r\n", "GET", 9), Err(WireError::NotHttp(_))));
        assert!(matches!(run(b"", "GET", 9), Err(WireError::Closed(true))));
        assert!(matches!(run(b"HTTP/1.1 200", "GET", 9), Err(WireError::Closed(false))));
        let two = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab";
        assert!(matches!(run(two, "GET", 9), Err(WireError::NotHttp(_))));
        let mut endless = b"HTTP/1.1 200 OK\r\n".to_vec();
        endless.extend(b"A: ".iter().copied().chain(std::iter::repeat_n(b'x', HEAD_MAX)));
        assert!(matches!(run(&endless, "GET", 9), Err(WireError::HeadTooLarge)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_answer_ends_within_the_bounds(tail in prop::collection::vec(any::<u8>(), 0..400), chunked in any::<bool>()) {
            let mut answer = b"HTTP/1.1 200 OK\r\n".to_vec();
            if chunked {
                answer.extend(b"Transfer-Encoding: chunked\r\n\r\n");
            }
            answer.extend(&tail);
            if let Ok((response, _)) = run(&answer, "GET", 50) {
                prop_assert!(response.body.len() <= 50);
            }
        }
    }
}
