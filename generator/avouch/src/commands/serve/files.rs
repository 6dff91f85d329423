//! Serving the published folder: only what is in it, with the headers that a trust site should send.

use std::path::{Path, PathBuf};

use avouch_model::percent;
use axum::{
    body::Body,
    http::{HeaderValue, Method, Response, StatusCode, Uri, header},
};

/// Sent with every answer. Pages have no script, no style of their own and load nothing from elsewhere.
const HEADERS: &[(&str, &str)] = &[
    (
        "content-security-policy",
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "cross-origin"),
    ("access-control-allow-origin", "*"),
];

/// The headers of every answer, put on one.
pub(super) fn protect(response: &mut Response<Body>) {
    for (name, value) in HEADERS {
        response.headers_mut().insert(*name, HeaderValue::from_static(value));
    }
}

/// Answers a request for a file of the folder.
pub(super) async fn answer(root: &Path, method: &Method, uri: &Uri) -> Response<Body> {
    if method != Method::GET && method != Method::HEAD {
        let mut response =
            finish(StatusCode::METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", "only GET and HEAD\n".into(), uri.path());
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let (status, path) = match find(root, uri.path()) {
        Found::File(path) => (StatusCode::OK, path),
        Found::Folder => return redirect(uri.path()),
        Found::Nothing => (StatusCode::NOT_FOUND, root.join("404.html")),
    };
    match tokio::task::spawn_blocking({
        let path = path.clone();
        move || std::fs::read(path)
    })
    .await
    {
        Ok(Ok(bytes)) => finish(status, media_type(&path), bytes, uri.path()),
        _ => finish(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "not found\n".into(), uri.path()),
    }
}

/// What a path names.
enum Found {
    File(PathBuf),
    Folder,
    Nothing,
}

/// Finds the file of a request path beneath the root: no `..`, no hidden temporary files, no link that leads out.
fn find(root: &Path, path: &str) -> Found {
    let Some(decoded) = percent::decoded(path) else { return Found::Nothing };
    let mut file = root.to_owned();
    for part in decoded.split('/').filter(|part| !part.is_empty()) {
        let hostile = part == ".." || part == "." || part.contains(['\\', '\0']) || part.ends_with(".tmp");
        // Of the names that begin with a dot only the well-known folder is published.
        if hostile || part.starts_with('.') && part != ".well-known" {
            return Found::Nothing;
        }
        file.push(part);
    }
    if file.is_dir() {
        if !decoded.ends_with('/') {
            return Found::Folder;
        }
        file.push("index.html");
    }
    let inside = |file: &Path| Some(file.canonicalize().ok()?.starts_with(root.canonicalize().ok()?));
    if file.is_file() && inside(&file) == Some(true) { Found::File(file) } else { Found::Nothing }
}

/// To the same folder with a slash; the path alone, so that nobody is sent to another host.
fn redirect(path: &str) -> Response<Body> {
    let mut response = finish(StatusCode::PERMANENT_REDIRECT, "text/plain; charset=utf-8", Vec::new(), path);
    let target = format!("/{}/", path.trim_matches('/'));
    if let Ok(value) = HeaderValue::from_str(&target) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

fn finish(status: StatusCode, media_type: &'static str, bytes: Vec<u8>, path: &str) -> Response<Body> {
    // What is named by its digest never changes. The rest is asked for anew each time: a page of yesterday beside the
    // checkpoint of today would look like tampering to whoever verifies.
    let lasting = ["/blob/", "/dsse/", "/tile/"].iter().any(|prefix| path.starts_with(prefix)) && !path.contains(".p/");
    let caching = if lasting && status == StatusCode::OK { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    protect(&mut response);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    response
}

fn media_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("xml") => "application/xml",
        Some("atom") => "application/atom+xml; charset=utf-8",
        Some("txt" | "md") => "text/plain; charset=utf-8",
        None if path.file_name().is_some_and(|name| name == "checkpoint") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_never_leaves_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("site");
        std::fs::create_dir_all(root.join("en")).unwrap();
        std::fs::write(root.join("en/index.html"), "x").unwrap();
        std::fs::write(root.join("page.html.tmp"), "half").unwrap();
        std::fs::write(folder.path().join("secret"), "s").unwrap();
        std::os::unix::fs::symlink(folder.path().join("secret"), root.join("link")).unwrap();
        let file = |path: &str| matches!(find(&root, path), Found::File(_));
        assert!(file("/en/") && file("/en/index.html") && file("/%65n/"));
        assert!(matches!(find(&root, "/en"), Found::Folder));
        for path in [
            "/../secret",
            "/%2e%2e/secret",
            "/en/../../secret",
            "/link",
            "/page.html.tmp",
            "/en/%00",
            "/%zz",
            "/%+fen/",
            "/%",
            "/.git/config",
        ] {
            assert!(!file(path), "{path}");
        }
    }
}
