//! Bodies, counted as they arrive: a declared length is believed only when it is too large.

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::{
    HeaderMap,
    body::{Bytes, Incoming},
    header::{CONTENT_LENGTH, EXPECT},
};
use tokio::time::timeout;

use super::answer::{INVALID_BODY, Refusal, TOO_LARGE, TOO_SLOW};

/// The longest that a body may take.
const BODY_MAX: Duration = Duration::from_secs(20);
/// How much of a body that is refused is still read, so that the client gets to read the refusal.
const DRAIN_BYTES: usize = 8 * 1024 * 1024;
/// How long that may take.
const DRAIN_MAX: Duration = Duration::from_secs(2);

/// How a body is capped.
#[derive(Clone, Copy)]
pub(super) struct Cap {
    /// The most bytes.
    pub(super) bytes: usize,
    /// The most bytes of a body that declares no length.
    pub(super) undeclared_bytes: usize,
    /// The most characters, as JavaScript counts them; none where bytes alone are counted.
    pub(super) characters: Option<usize>,
}

/// The body, if it keeps to the cap.
pub(super) async fn read(headers: &HeaderMap, mut body: Incoming, cap: Cap) -> Result<Vec<u8>, Refusal> {
    let declared = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|declared| declared > cap.bytes) {
        // A client that asks first sends nothing once it is refused.
        if !headers.contains_key(EXPECT) {
            drain(&mut body).await;
        }
        return Err(TOO_LARGE);
    }
    let most = if declared.is_some() { cap.bytes } else { cap.undeclared_bytes };
    match timeout(BODY_MAX, collect(&mut body, most)).await {
        Ok(Ok(Some(bytes))) => match cap.characters {
            Some(most) if String::from_utf8_lossy(&bytes).encode_utf16().count() > most => Err(TOO_LARGE),
            _ => Ok(bytes),
        },
        Ok(Ok(None)) => {
            drain(&mut body).await;
            Err(TOO_LARGE)
        }
        Ok(Err(_)) => Err(INVALID_BODY),
        Err(_) => Err(TOO_SLOW),
    }
}

/// All of the body; none when it has more bytes than `most`.
async fn collect(body: &mut Incoming, most: usize) -> Result<Option<Vec<u8>>, hyper::Error> {
    let mut bytes = Vec::new();
    while let Some(data) = data(body).await? {
        if bytes.len() + data.len() > most {
            return Ok(None);
        }
        bytes.extend_from_slice(&data);
    }
    Ok(Some(bytes))
}

async fn data(body: &mut Incoming) -> Result<Option<Bytes>, hyper::Error> {
    match body.frame().await {
        None => Ok(None),
        // Trailers count as nothing.
        Some(frame) => Ok(Some(frame?.into_data().unwrap_or_default())),
    }
}

async fn drain(body: &mut Incoming) {
    let _ = timeout(DRAIN_MAX, async {
        let mut drained = 0;
        while let Ok(Some(data)) = data(body).await {
            drained += data.len();
            if drained > DRAIN_BYTES {
                break;
            }
        }
    })
    .await;
}
