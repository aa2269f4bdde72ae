//! The record of requests to models: an audit log in volumes, one for all workspaces of the user.
//!
//! What a model was shown is there as a digest and a length, never as text. Requests to a server elsewhere are
//! always on record, those to the engine on this machine unless the user does not want it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use changes::{AuditEntry, AuditError, AuditKind, Digest, Volumes};
use engine::{Description, Engine, EventSink, Lane, Request, Segment, State, Ticket};
use host::Host;
use tokio::runtime::Handle;

use crate::paths::Paths;
use crate::settings::Settings;

/// A volume of so many bytes is followed by another: some two thousand requests.
const VOLUME_BYTES_MAX: u64 = 1 << 20;
/// So many volumes are kept.
const VOLUMES_MAX: u64 = 8;
/// Records wait for so long, to be written together: the disk is not waited for with every key.
const WRITE_AFTER: Duration = Duration::from_secs(2);
/// More do not wait while the log cannot be written.
const WAITING_MAX: usize = 10_000;

/// The log.
#[must_use]
pub fn log<'a>(host: &'a dyn Host, paths: &Paths) -> Volumes<'a> {
    Volumes::new(host, folder(paths), VOLUME_BYTES_MAX, VOLUMES_MAX)
}

fn folder(paths: &Paths) -> PathBuf {
    paths.state.join("requests")
}

/// Who is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whom {
    /// Where the endpoint is, without what it asks for to let one in; nothing for the engine on this machine.
    endpoint: Option<String>,
    /// The SHA-256 of the model's file, where it is known.
    file: Option<String>,
}

impl Whom {
    /// Who is asked with these settings, if that is to be put on record; `file` is the SHA-256 of the model's
    /// file, where it is known.
    #[must_use]
    pub fn of(settings: &Settings, file: Option<String>) -> Option<Self> {
        let endpoint = settings.endpoint.as_ref().map(|endpoint| bare(&endpoint.url));
        (endpoint.is_some() || settings.audit.completions).then_some(Self { endpoint, file })
    }
}

/// A URL without a name and a password in it, and without a query.
fn bare(url: &str) -> String {
    let Ok(mut parsed) = reqwest::Url::parse(url) else {
        return "an endpoint whose URL cannot be read".to_owned();
    };
    parsed.set_query(None);
    // What cannot have them has none.
    let _none = (parsed.set_username(""), parsed.set_password(None));
    parsed.to_string()
}

/// Puts records into the log, many at a time, and keeps nobody waiting.
pub struct Recorder {
    host: Arc<dyn Host>,
    paths: Paths,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    entries: Vec<AuditEntry>,
    /// Whether they will be written by themselves.
    due: bool,
}

impl Recorder {
    /// A recorder into the log of the user.
    #[must_use]
    pub fn new(host: Arc<dyn Host>, paths: Paths) -> Self {
        Self {
            host,
            paths,
            waiting: Mutex::default(),
        }
    }

    /// Puts a request on record, a little later.
    fn add(self: &Arc<Self>, entry: AuditEntry, runtime: &Handle) {
        let mut waiting = self.waiting();
        if waiting.entries.len() < WAITING_MAX {
            waiting.entries.push(entry);
        }
        if std::mem::replace(&mut waiting.due, true) {
            return;
        }
        let recorder = Arc::clone(self);
        runtime.spawn(async move {
            tokio::time::sleep(WRITE_AFTER).await;
            // Whatever goes wrong is told there.
            let _told = tokio::task::spawn_blocking(move || recorder.write()).await;
        });
    }

    /// Writes what waits.
    pub fn write(&self) {
        let entries = {
            let mut waiting = self.waiting();
            waiting.due = false;
            std::mem::take(&mut waiting.entries)
        };
        match log(self.host.as_ref(), &self.paths).append(&entries) {
            Ok(()) => {}
            // Another window is writing; these go with the next.
            Err(AuditError::Busy) => {
                self.waiting().entries.splice(0..0, entries);
            }
            Err(error) => tracing::error!("requests to the model are not on record: {error}"),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An engine whose requests are put on record.
pub struct Recorded<E> {
    engine: E,
    whom: Whom,
    recorder: Arc<Recorder>,
    runtime: Handle,
}

impl<E: Engine> Recorded<E> {
    /// Puts the requests to `engine`, which is `whom`, on record by `recorder`; `runtime` is where that waits.
    pub fn new(engine: E, whom: Whom, recorder: Arc<Recorder>, runtime: Handle) -> Self {
        Self {
            engine,
            whom,
            recorder,
            runtime,
        }
    }
}

impl<E: Engine> Engine for Recorded<E> {
    fn description(&self) -> Description {
        self.engine.description()
    }

    fn state(&self) -> State {
        self.engine.state()
    }

    fn submit(&self, request: Request, events: EventSink) -> Ticket {
        let model = self.engine.description().model;
        let entry = entry(self.recorder.host.as_ref(), &self.whom, &model, &request);
        self.recorder.add(entry, &self.runtime);
        self.engine.submit(request, events)
    }
}

/// The record of a request.
fn entry(host: &dyn Host, whom: &Whom, model: &str, request: &Request) -> AuditEntry {
    let texts = request.prompt.iter().map(|segment| match segment {
        Segment::Text(text) | Segment::Open(text) | Segment::Token(text) | Segment::Template(text) => text,
    });
    let prompt: String = texts.map(String::as_str).collect();
    let lane = match request.lane {
        Lane::Typing => "typing",
        Lane::Agent => "agent",
        Lane::Idle => "idle",
    };
    let mut fields = vec![
        ("to", whom.endpoint.clone().unwrap_or_else(|| "here".to_owned())),
        ("model", model.to_owned()),
        ("lane", lane.to_owned()),
        ("prompt", Digest::of(prompt.as_bytes()).to_string()),
        ("bytes", prompt.len().to_string()),
        ("tokens", request.tokens_max.to_string()),
    ];
    if let Some(file) = &whom.file {
        fields.insert(2, ("file", file.clone()));
    }
    AuditEntry {
        kind: AuditKind::Request,
        time: host.now(),
        fields: fields
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use engine::scripted::{Script, ScriptedEngine};
    use host::{Clock as _, Files as _, MemoryHost};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn requests_are_on_record_without_their_text() {
        let host = Arc::new(MemoryHost::new());
        let paths = Paths::within(Path::new("/home"));
        let mut settings = Settings::default();
        settings.audit.completions = false;
        assert_eq!(Whom::of(&settings, None), None, "the user does not want it");
        settings.audit.completions = true;
        let whom = Whom::of(&settings, Some("ab12".to_owned())).expect("wanted");
        let recorder = Arc::new(Recorder::new(host.clone(), paths.clone()));
        let scripted = ScriptedEngine::new(Script::always(&["x"]));
        let engine = Recorded::new(scripted, whom, Arc::clone(&recorder), Handle::current());
        for name in ["secret one", "secret two"] {
            let request = Request {
                prompt: vec![Segment::Token("<|p|>".to_owned()), Segment::Text(name.to_owned())],
                sampling: engine::Sampling::default(),
                stop: engine::StopConditions::default(),
                lane: Lane::Typing,
                tokens_max: 7,
                log_probabilities: false,
                reuse: engine::Reuse::Exact,
            };
            drop(engine.submit(request, Box::new(|_| {})));
        }
        assert!(!host.exists(&folder(&paths)), "nobody waits for the disk");
        tokio::time::sleep(WRITE_AFTER).await;
        recorder.write();
        let found = log(host.as_ref(), &paths).verify().expect("as it was left");
        let prompts =
            ["<|p|>secret one", "<|p|>secret two"].map(|prompt| Digest::of(prompt.as_bytes()).to_string());
        let field = |entry: &AuditEntry, name: &str| {
            let found = entry.fields.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        for (entry, prompt) in found.iter().zip(prompts) {
            assert_eq!((entry.kind, entry.time), (AuditKind::Request, host.now()));
            let shown = ["to", "file", "lane", "bytes", "tokens"].map(|name| field(entry, name));
            assert_eq!(shown, ["here", "ab12", "typing", "15", "7"]);
            assert_eq!(field(entry, "prompt"), prompt);
        }
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn requests_elsewhere_are_always_on_record_and_name_no_password() {
        let mut settings = Settings::default();
        settings.endpoint = Some(crate::settings::EndpointSettings {
            url: "https://ada:secret@models.example:8443/v1?key=secret".to_owned(),
            model: None,
            infill_format: None,
            api_key_variable: None,
        });
        let whom = Whom::of(&settings, None).expect("always");
        assert_eq!(whom.endpoint.as_deref(), Some("https://models.example:8443/v1"));
    }
}
