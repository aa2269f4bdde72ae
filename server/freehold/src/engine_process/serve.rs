//! `freehold serve`: the engine's API on a loopback port, for tools that know nothing of its socket.
//!
//! A web page can send requests to loopback ports, under any host name that resolves there. So each
//! request must name a loopback host, must not come from a page of another origin, and must carry the
//! token, which no page knows.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use host::{Files, ReadFile};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

use super::api::BODY_BYTES_MAX;
use super::attach::Launcher;

/// Bytes of randomness in a token.
const TOKEN_BYTES: usize = 32;

struct Gate {
    token: String,
    launcher: Launcher,
    client: reqwest::Client,
}

/// Serves on `listener` what the engine process behind `launcher` answers, to whoever has `token`.
pub async fn serve(listener: TcpListener, launcher: Launcher, token: String) -> anyhow::Result<()> {
    let client = reqwest::Client::builder()
        .unix_socket(launcher.socket.clone())
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .context("cannot make a client for the engine's socket")?;
    let gate = Arc::new(Gate {
        token,
        launcher,
        client,
    });
    let router = Router::new()
        .fallback(pass)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(gate);
    axum::serve(listener, router).await.context("cannot serve")
}

/// Opens the port on the loopback interface.
///
/// # Errors
/// When the port is taken.
pub async fn listen(port: u16) -> anyhow::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| format!("cannot listen on port {port}; take another one or 0 for any"))
}

/// The token in `file`, which is made if it is not there; and whether it was made now.
///
/// # Errors
/// When the file cannot be read or written, or does not hold a token.
pub fn token(files: &dyn Files, file: &Path) -> anyhow::Result<(String, bool)> {
    match files.read_text(file) {
        Ok(text) => {
            let token = text.trim().to_owned();
            anyhow::ensure!(
                token.len() >= TOKEN_BYTES,
                "`{}` holds no token; remove it and a new one is made",
                file.display()
            );
            files.make_private(file)?;
            return Ok((token, false));
        }
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error.into()),
    }
    let mut bytes = [0; TOKEN_BYTES];
    let mut random: Box<dyn ReadFile> = files.open(Path::new("/dev/urandom"))?;
    random
        .read_exact(&mut bytes)
        .context("cannot get randomness for a token")?;
    let token: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    // The mode first, the secret second.
    files.write_atomic(file, b"")?;
    files.make_private(file)?;
    files.write_atomic(file, format!("{token}\n").as_bytes())?;
    Ok((token, true))
}

async fn pass(
    State(gate): State<Arc<Gate>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    if let Err((status, message)) = check(&headers, &uri, &gate.token) {
        return refuse(status, message);
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    // What is checked is what is sent: reading the address resolves `..`.
    let Ok(url) = reqwest::Url::parse(&format!("http://localhost{path}")) else {
        return refuse(StatusCode::BAD_REQUEST, "the path cannot be read");
    };
    if url.path().starts_with("/freehold/") {
        return refuse(StatusCode::NOT_FOUND, "this is open to Freehold itself only");
    }
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return refuse(rejection.status(), "the request is too long or was cut short"),
    };
    match forward(&gate, &method, &url, &headers, body).await {
        Ok(response) => response,
        Err(error) => refuse(StatusCode::SERVICE_UNAVAILABLE, &format!("{error:#}")),
    }
}

/// Whether a request may be answered at all.
fn check(headers: &HeaderMap, uri: &Uri, token: &str) -> Result<(), (StatusCode, &'static str)> {
    let forbidden = |message| Err((StatusCode::FORBIDDEN, message));
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    if !host.is_some_and(is_loopback_authority)
        || uri
            .authority()
            .is_some_and(|authority| !is_loopback_authority(authority.as_str()))
    {
        return forbidden("the `Host` of the request is not this machine's loopback name");
    }
    let origins = headers.get_all(header::ORIGIN);
    if !origins
        .iter()
        .all(|origin| origin.to_str().is_ok_and(is_loopback_origin))
    {
        return forbidden("web pages may not ask this engine");
    }
    let given = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let given = given
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    if !given.is_some_and(|(_, given)| same(given.trim(), token)) {
        return Err((
            StatusCode::UNAUTHORIZED,
            "the token is missing or wrong; `freehold serve` says where it lies; send it as `Authorization: Bearer …`",
        ));
    }
    Ok(())
}

/// Compares in a time that does not depend on where the two differ, nor on their lengths.
fn same(given: &str, token: &str) -> bool {
    let given = Sha256::digest(given.as_bytes());
    let token = Sha256::digest(token.as_bytes());
    let difference = given
        .iter()
        .zip(token.iter())
        .fold(0, |difference, (one, other)| difference | (one ^ other));
    std::hint::black_box(difference) == 0
}

fn is_loopback_origin(origin: &str) -> bool {
    let authority = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    authority.is_some_and(is_loopback_authority)
}

/// Whether `authority`, a host with or without a port, is a loopback name.
fn is_loopback_authority(authority: &str) -> bool {
    let (host, port) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, port)) => (host, port),
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port_is_one = port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|port| port.parse::<u16>().is_ok());
    port_is_one && (host.eq_ignore_ascii_case("localhost") || matches!(host, "127.0.0.1" | "::1"))
}

async fn forward(
    gate: &Gate,
    method: &Method,
    url: &reqwest::Url,
    headers: &HeaderMap,
    body: Bytes,
) -> anyhow::Result<Response> {
    let request = || {
        let mut request = gate.client.request(method.clone(), url.clone());
        for name in [header::CONTENT_TYPE, header::ACCEPT] {
            if let Some(value) = headers.get(&name) {
                request = request.header(name, value);
            }
        }
        request.body(body.clone()).send()
    };
    let answer = match request().await {
        Ok(answer) => answer,
        Err(_) => {
            gate.launcher.attach().await?;
            request()
                .await
                .context("the engine process went away before it answered; ask again")?
        }
    };
    let mut response = Response::builder().status(answer.status());
    for name in [header::CONTENT_TYPE, header::CACHE_CONTROL, header::ALLOW] {
        if let Some(value) = answer.headers().get(&name) {
            response = response.header(name, value);
        }
    }
    response
        .body(Body::from_stream(answer.bytes_stream()))
        .context("the engine's answer is no response")
}

fn refuse(status: StatusCode, message: &str) -> Response {
    let error = json!({
        "error": {"message": message, "type": "invalid_request_error", "param": null, "code": null},
    });
    (status, axum::Json(error)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_names_are_hosts() {
        for (authority, expected) in [
            ("localhost", true),
            ("LOCALHOST:8080", true),
            ("127.0.0.1:1", true),
            ("[::1]:65535", true),
            ("[::1]", true),
            ("localhost.example.org", false),
            ("example.org:80", false),
            ("127.0.0.1.example.org", false),
            ("127.0.0.1:port", false),
            ("user@localhost", false),
            ("[::1]x", false),
            ("0.0.0.0:1", false),
            ("", false),
        ] {
            assert_eq!(is_loopback_authority(authority), expected, "{authority}");
        }
        assert!(is_loopback_origin("http://localhost:5173"));
        assert!(!is_loopback_origin("null"));
        assert!(!is_loopback_origin("https://example.org"));
        assert!(!is_loopback_origin("file://localhost"));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the mode is looked at past the host")]
    fn a_token_is_made_once_and_private() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("serve-token");
        let host = host::RealHost::new();
        let (token, made) = super::token(&host, &file).expect("made");
        assert!(made && token.len() == 2 * TOKEN_BYTES);
        assert_eq!(super::token(&host, &file).expect("read"), (token.clone(), false));
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).expect("there").permissions());
        assert_eq!(mode & 0o777, 0o600);
        assert!(same(&token, &token) && !same("", &token) && !same(&token[1..], &token));
    }
}
