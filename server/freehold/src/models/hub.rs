//! The model hub: where makers publish their models. A file comes in one request, resumed where it broke.

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use engine::ModelCard;
use indicatif::ProgressBar;
use reqwest::header::{CONTENT_RANGE, HeaderMap, LOCATION, RANGE};
use reqwest::{Client, Response, StatusCode, Url};

use super::get::Room;
use super::partial::Partial;

/// The model hub that all repositories of the catalogue are on.
const HUB: &str = "https://huggingface.co";
/// Long enough for a slow line, short enough that nobody wonders before the mirror is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);
/// A connection that gives nothing for so long is taken to be broken.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
const REDIRECTS_MAX: usize = 5;
/// How often a broken download is taken up again without a byte gained.
const RETRIES_MAX: u32 = 4;

/// The model hub, and how patiently it is asked.
#[derive(Debug, Clone)]
pub(super) struct Hub {
    base: String,
    retry_delay: Duration,
}

/// Why a file did not come.
pub(super) enum Failure {
    /// The hub cannot be reached, or does not do its work: another source may.
    Unreachable(anyhow::Error),
    /// Another source would not help.
    Final(anyhow::Error),
}

/// Why one request did not bring the file to its end.
enum Broken {
    Unreachable(anyhow::Error),
    /// The connection broke: what has come can be gone on with.
    Midway(anyhow::Error),
    Final(anyhow::Error),
}

impl From<anyhow::Error> for Broken {
    fn from(error: anyhow::Error) -> Self {
        Self::Final(error)
    }
}

impl Hub {
    /// The hub at `base`, or the usual one.
    pub(super) fn new(base: Option<String>) -> Self {
        let base = base.unwrap_or_else(|| HUB.to_owned());
        Self {
            base: base.trim_end_matches('/').to_owned(),
            retry_delay: Duration::from_secs(1),
        }
    }

    /// A hub that is asked again at once.
    #[cfg(test)]
    pub(super) fn impatient(base: &str) -> Self {
        Self {
            retry_delay: Duration::ZERO,
            ..Self::new(Some(base.to_owned()))
        }
    }

    /// Where the file of `card` is.
    pub(super) fn url(&self, card: &ModelCard) -> String {
        format!(
            "{}/{}/resolve/main/{}",
            self.base, card.source.repository, card.source.file
        )
    }

    /// Brings the file of `card` into `partial`, going on where it ends.
    pub(super) async fn fetch(
        &self,
        card: &ModelCard,
        partial: &mut Partial<'_>,
        room: &Room<'_>,
        bar: &ProgressBar,
    ) -> Result<(), Failure> {
        let url = Url::parse(&self.url(card)).context("the address of the model hub is not valid");
        let url = url.map_err(Failure::Final)?;
        let client = client(&url).map_err(Failure::Final)?;
        let mut retries = 0;
        loop {
            let before = partial.length_bytes();
            let error = match self.once(&client, &url, card, partial, room, bar).await {
                Ok(()) => return Ok(()),
                Err(Broken::Unreachable(error)) if partial.is_open() => error,
                Err(Broken::Unreachable(error)) => return Err(Failure::Unreachable(error)),
                Err(Broken::Final(error)) => return Err(Failure::Final(error)),
                Err(Broken::Midway(error)) => error,
            };
            retries = if partial.length_bytes() > before {
                0
            } else {
                retries + 1
            };
            if retries > RETRIES_MAX {
                let hint = "the download broke off; run the same command again to go on where it ended";
                return Err(Failure::Final(error.context(hint)));
            }
            tokio::time::sleep(self.retry_delay * retries).await;
        }
    }

    /// Asks once and appends what comes.
    async fn once(
        &self,
        client: &Client,
        url: &Url,
        card: &ModelCard,
        partial: &mut Partial<'_>,
        room: &Room<'_>,
        bar: &ProgressBar,
    ) -> Result<(), Broken> {
        let (mut response, linked) = self.ask(client, url.clone(), partial.length_bytes()).await?;
        if let Some(sha256) = linked.sha256 {
            let known = card.sha256.as_ref().is_none_or(|known| *known == sha256);
            ensure_or(known, || {
                anyhow!(
                    "the model hub now has another file than the one Freehold knows; nothing was downloaded"
                )
            })?;
            let before = partial.length_bytes();
            partial.expect(&sha256)?;
            if partial.length_bytes() != before {
                // What was asked for went on with a file that is no longer the one over there.
                (response, _) = self.ask(client, url.clone(), 0).await?;
            }
        }
        let (start, total) = place(&response, partial.length_bytes())?;
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            let whole = total.is_some_and(|total| total == partial.length_bytes());
            partial.resume_at(if whole { partial.length_bytes() } else { 0 })?;
            return ensure_midway(whole, "what was there is longer than the file");
        }
        if let (Some(known), Some(total)) = (card.bytes, total) {
            let error = || anyhow!("the model hub offers {total} bytes where Freehold knows of {known}");
            ensure_or(known == total, error)?;
        }
        partial.resume_at(start)?;
        if let Some(total) = total {
            room.ensure(total.saturating_sub(start))?;
            bar.set_length(total);
        }
        bar.set_position(start);
        receive(&mut response, partial, bar).await?;
        let whole = total.is_none_or(|total| total == partial.length_bytes());
        ensure_midway(whole, "the file ended too soon")
    }

    /// Asks for the file from `start` on, through the hub's redirects.
    async fn ask(&self, client: &Client, mut url: Url, start: u64) -> Result<(Response, Linked), Broken> {
        let mut linked = Linked::default();
        for _ in 0..=REDIRECTS_MAX {
            let mut request = client.get(url.clone());
            if start > 0 {
                request = request.header(RANGE, format!("bytes={start}-"));
            }
            let response = request
                .send()
                .await
                .map_err(|error| Broken::Unreachable(plain(&error, &url)))?;
            linked = linked.or(response.headers());
            if !response.status().is_redirection() {
                check_status(response.status(), &url)?;
                return Ok((response, linked));
            }
            let location = response
                .headers()
                .get(LOCATION)
                .and_then(|location| location.to_str().ok());
            let next = url.join(location.context("the model hub redirects to nowhere")?);
            let next = next.context("the model hub redirects to an address that is not valid")?;
            let secure = url.scheme() != "https" || next.scheme() == "https";
            ensure_or(secure, || {
                anyhow!("the model hub redirects to an address that is not secure")
            })?;
            url = next;
        }
        Err(Broken::Final(anyhow!("the model hub redirects too often")))
    }
}

/// What the hub says of a file on the way to where it lies.
#[derive(Debug, Default)]
struct Linked {
    sha256: Option<String>,
}

impl Linked {
    fn or(self, headers: &HeaderMap) -> Self {
        let sha256 = headers.get("x-linked-etag").and_then(|value| value.to_str().ok());
        let sha256 = sha256.map(|value| {
            value
                .trim_start_matches("W/")
                .trim_matches('"')
                .to_ascii_lowercase()
        });
        let sha256 =
            sha256.filter(|value| value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit()));
        Self {
            sha256: self.sha256.or(sha256),
        }
    }
}

fn client(url: &Url) -> anyhow::Result<Client> {
    let loopback = match url.host_str() {
        Some("localhost") => true,
        Some(host) => host
            .trim_matches(['[', ']'])
            .parse()
            .is_ok_and(|address: std::net::IpAddr| address.is_loopback()),
        None => false,
    };
    let mut builder = Client::builder()
        .user_agent(concat!("freehold/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        // Followed by hand: the hub gives the checksum with the redirect, not with the file.
        .redirect(reqwest::redirect::Policy::none());
    if loopback {
        builder = builder.no_proxy();
    }
    builder.build().context("cannot prepare the download")
}

fn check_status(status: StatusCode, url: &Url) -> Result<(), Broken> {
    let host = url.host_str().unwrap_or_default();
    match status {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => Ok(()),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(Broken::Unreachable(anyhow!(
            "`{host}` does not give the file to everybody ({status}); its makers may want you to accept their terms on \
             its page first: download it there and use `freehold models add FILE`"
        ))),
        StatusCode::NOT_FOUND => Err(Broken::Unreachable(anyhow!(
            "`{host}` has no such file ({status})"
        ))),
        status => Err(Broken::Unreachable(anyhow!("`{host}` answers {status}"))),
    }
}

/// Where the answer begins within the file, and how long the whole file is.
fn place(response: &Response, asked: u64) -> anyhow::Result<(u64, Option<u64>)> {
    if response.status() == StatusCode::OK {
        // A server that knows no ranges sends the whole file.
        return Ok((0, response.content_length()));
    }
    let range = response
        .headers()
        .get(CONTENT_RANGE)
        .and_then(|range| range.to_str().ok());
    let (span, total) = range
        .and_then(|range| range.trim().strip_prefix("bytes "))
        .and_then(|range| range.split_once('/'))
        .context("the model hub sends a part of the file and does not say which")?;
    let total = total.parse().ok();
    if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
        return Ok((0, total));
    }
    let start = span
        .split_once('-')
        .and_then(|(start, _)| start.parse::<u64>().ok());
    ensure!(
        start == Some(asked),
        "the model hub sends another part of the file than was asked for"
    );
    Ok((asked, total))
}

/// Appends what comes until the answer ends.
async fn receive(
    response: &mut Response,
    partial: &mut Partial<'_>,
    bar: &ProgressBar,
) -> Result<(), Broken> {
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                partial.append(&chunk)?;
                bar.inc(chunk.len() as u64);
            }
            Ok(None) => {
                partial.sync()?;
                return Ok(());
            }
            Err(error) => {
                partial.sync()?;
                return Err(Broken::Midway(plain(&error, response.url())));
            }
        }
    }
}

fn ensure_or(good: bool, error: impl FnOnce() -> anyhow::Error) -> Result<(), Broken> {
    if good { Ok(()) } else { Err(Broken::Final(error())) }
}

fn ensure_midway(whole: bool, otherwise: &'static str) -> Result<(), Broken> {
    if whole {
        Ok(())
    } else {
        Err(Broken::Midway(anyhow!(otherwise)))
    }
}

/// The error without the address, which is long and may carry a signature, and with its innermost cause.
fn plain(error: &reqwest::Error, url: &Url) -> anyhow::Error {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let what = if error.is_timeout() {
        "it does not answer in time".to_owned()
    } else {
        cause.to_string()
    };
    anyhow!("cannot reach `{}`: {what}", url.host_str().unwrap_or_default())
}

/// The hub address that the user's environment names, checked.
pub(super) fn base_from(variable: Option<String>) -> anyhow::Result<Option<String>> {
    let Some(base) = variable else { return Ok(None) };
    match Url::parse(&base) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Some(base)),
        _ => bail!("`HF_ENDPOINT` is `{base}`; it must be an address that begins with https://"),
    }
}
