//! The web client, built by `build.rs` and carried in the program.

use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "$OUT_DIR/web"]
struct Assets;

/// The page that every path without a file of its own answers with.
const INDEX: &str = "index.html";

/// Answers a GET for `path` (without the leading slash).
pub(crate) fn answer(path: &str, headers: &HeaderMap) -> Response<Body> {
    let (path, found) = match best(path, headers) {
        Some(found) if !path.is_empty() => (path, found),
        // Paths of the client's own router have no dot; a missing file must not become a page.
        _ if !path.contains('.') => match best(INDEX, headers) {
            Some(found) => (INDEX, found),
            None => {
                return plain(
                    StatusCode::NOT_FOUND,
                    "the web client is not in this program",
                );
            }
        },
        _ => return plain(StatusCode::NOT_FOUND, "there is no such file"),
    };
    let (file, encoding) = found;
    let tag = format!("\"{}\"", hex(&file.metadata.sha256_hash()));
    let known = headers
        .get(IF_NONE_MATCH)
        .is_some_and(|seen| seen.as_bytes() == tag.as_bytes());
    let mut response = if known {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        Response::new(Body::from(file.data.into_owned()))
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching(path)));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

/// A short answer in plain text.
pub(crate) fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{text}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

type Found = (EmbeddedFile, Option<&'static str>);

/// The file in the best encoding that the client takes.
fn best(path: &str, headers: &HeaderMap) -> Option<Found> {
    // A compressed sibling is a form of its file, no file of its own.
    if path.ends_with(".br") || path.ends_with(".gz") {
        return None;
    }
    let plain = Assets::get(path)?;
    let accepted = headers
        .get(ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    for (encoding, suffix) in [("br", ".br"), ("gzip", ".gz")] {
        if takes(accepted, encoding)
            && let Some(file) = Assets::get(&format!("{path}{suffix}"))
        {
            return Some((file, Some(encoding)));
        }
    }
    Some((plain, None))
}

/// Whether an `Accept-Encoding` value takes `encoding` (RFC 9110, 12.5.3; weights beyond zero are
/// not compared: smaller is better for everybody).
fn takes(accepted: &str, encoding: &str) -> bool {
    accepted.split(',').any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let named = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        let refused = parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        named && !refused
    })
}

/// Files under `assets/` carry a hash in their name; all others are asked for again each time.
fn caching(path: &str) -> &'static str {
    if path.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("webp") => "image/webp",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings() {
        let check = |accepted: &str, encoding: &str, expect: bool| {
            assert_eq!(takes(accepted, encoding), expect, "{accepted}");
        };
        check("gzip, deflate, br", "br", true);
        check("gzip;q=1.0, BR;q=0.5", "br", true);
        check("br;q=0, gzip", "br", false);
        check("brotli", "br", false);
        check("", "gzip", false);
    }

    #[test]
    fn the_client_router_answers_with_the_page_and_files_do_not() {
        let none = HeaderMap::new();
        assert_eq!(answer("", &none).status(), StatusCode::OK);
        assert_eq!(answer("circle/abc", &none).status(), StatusCode::OK);
        assert_eq!(answer("missing.js", &none).status(), StatusCode::NOT_FOUND);
        assert_eq!(
            answer("../Cargo.toml", &none).status(),
            StatusCode::NOT_FOUND
        );
        assert_eq!(
            answer("index.html.br", &none).status(),
            StatusCode::NOT_FOUND
        );
    }

    #[test]
    fn a_known_tag_costs_no_body() {
        let first = answer("", &HeaderMap::new());
        let mut headers = HeaderMap::new();
        if let Some(tag) = first.headers().get(ETAG) {
            headers.insert(IF_NONE_MATCH, tag.clone());
        }
        assert_eq!(answer("", &headers).status(), StatusCode::NOT_MODIFIED);
    }
}
