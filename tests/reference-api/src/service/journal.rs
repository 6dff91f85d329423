//! The request log: a JSON line a request, without address, query, credential or cause of a refusal.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;

use super::Settings;
use crate::defect::Defect;

/// A log of this size is set aside as `.1`, and a new one begun.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The open log.
pub(super) struct Journal {
    path: PathBuf,
    open: Mutex<Open>,
}

struct Open {
    file: File,
    bytes: u64,
}

impl Journal {
    /// Opens the log, and makes its folder.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
        }
        let open = append(path).with_context(|| format!("cannot open the log `{}`", path.display()))?;
        Ok(Self { path: path.to_owned(), open: Mutex::new(open) })
    }

    /// Says that the service starts.
    pub(super) fn started(&self, settings: &Settings) {
        let mut line = json!({ "time": time((settings.clock)()), "event": "started", "commit": settings.commit });
        if settings.chosen.is(Defect::PepperInLog) {
            line["environment"] = json!({ "API_KEY_PEPPER": settings.pepper });
        }
        self.line(&line.to_string());
    }

    /// Says what became of a request.
    pub(super) fn request(&self, request: &Logged<'_>) {
        let mut line = json!({
            "time": time(request.at),
            "event": "request",
            "request_id": request.id,
            "method": request.method,
            "route": request.route,
            "status": request.status,
            "ms": request.ms,
        });
        if let Some(reason) = request.reason {
            line["reason"] = json!(reason);
        }
        if let Some(hint) = request.hint {
            line["hint"] = json!(hint);
        }
        self.line(&line.to_string());
    }

    /// Writes what a hash was made of beside the log: left over from looking for a fault.
    pub(super) fn compared(&self, at: DateTime<Utc>, pepper: &str) {
        let line = json!({ "time": time(at), "event": "compared", "salt": STANDARD.encode(pepper) });
        if let Ok(mut debug) = append(&self.path.with_file_name("debug.log")) {
            let _ = writeln!(debug.file, "{line}");
        }
    }

    /// Appends a line. A full disk must not stop the service: a line that cannot be written is lost.
    fn line(&self, text: &str) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.bytes > BYTES_MAX {
            let _ = std::fs::rename(&self.path, self.path.with_extension("log.1"));
            if let Ok(new) = append(&self.path) {
                *open = new;
            }
        }
        if open.file.write_all(format!("{text}\n").as_bytes()).is_ok() {
            open.bytes += text.len() as u64 + 1;
        }
    }
}

fn append(path: &Path) -> io::Result<Open> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let bytes = file.metadata()?.len();
    Ok(Open { file, bytes })
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A request as it is logged.
pub(super) struct Logged<'a> {
    pub(super) at: DateTime<Utc>,
    pub(super) id: &'a str,
    pub(super) method: &'a str,
    pub(super) route: &'a str,
    pub(super) status: u16,
    pub(super) ms: u64,
    pub(super) reason: Option<&'a str>,
    pub(super) hint: Option<&'a str>,
}
