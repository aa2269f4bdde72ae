//! Addresses of endpoints: read, shown, and told apart from the world outside.

use engine::Failure;
use reqwest::Url;

/// Reads the address of an endpoint.
pub(crate) fn parse(url: &str) -> Result<Url, Failure> {
    let wrong = |why: &str| {
        Failure::Endpoint(format!(
            "`endpoint.url` in the settings is not an address of an endpoint: {why}"
        ))
    };
    let parsed = Url::parse(url).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
        return Err(wrong("it must begin with `http://` or `https://`"));
    }
    if parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(wrong("it must end with its path, usually `/v1`"));
    }
    Ok(parsed)
}

/// The address as it may be shown: without user, password and query.
pub(crate) fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!(
        "{}://{host}{port}{}",
        url.scheme(),
        url.path().trim_end_matches('/')
    )
}

/// Whether it is on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.to_ascii_lowercase().ends_with(".localhost")
        || address
            .parse()
            .is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_and_shown_without_secrets() {
        let url = parse("https://user:secret@example.org:8443/v1/").expect("an address");
        assert_eq!(shown(&url), "https://example.org:8443/v1");
        for wrong in ["localhost:8080", "ftp://host/v1", "http://host/v1?key=secret", ""] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn loopback_in_all_its_forms() {
        for (url, expected) in [
            ("http://localhost:1/v1", true),
            ("http://127.0.0.2/v1", true),
            ("http://[::1]:8080/v1", true),
            ("http://a.localhost/v1", true),
            ("http://localhost.example.org/v1", false),
            ("http://10.0.0.1/v1", false),
        ] {
            assert_eq!(is_loopback(&parse(url).expect("an address")), expected, "{url}");
        }
    }
}
