//! The language server's view of the program it is part of.

use std::path::Path;
use std::sync::Arc;

use engine::{Engine, ModelCard};
use host::Host;
use tokio::runtime::Handle;

use super::backend::{AttachFailure, Backend, ModelEntry};
use super::event::Configuration;
use super::excluded;
use super::feedback::Judged;
use super::folders::Folder;
use crate::engine_process::OwnListener;
use crate::models::{Installed, Store};
use crate::paths::Paths;
use crate::request_record::{Recorded, Recorder, Whom};
use crate::review::Workspace;
use crate::settings::{self, Settings};
use crate::{engine_process, models, suggestion_record};

/// The program around the language server.
pub struct Program {
    host: Arc<dyn Host>,
    paths: Paths,
    runtime: Handle,
    recorder: Arc<Recorder>,
}

impl Program {
    /// The program on `host`; what waits for the engine runs on `runtime`.
    ///
    /// # Errors
    /// When Freehold's folders cannot be found.
    pub fn new(host: Arc<dyn Host>, runtime: Handle) -> anyhow::Result<Self> {
        let paths = Paths::find(host.as_ref())?;
        let recorder = Arc::new(Recorder::new(Arc::clone(&host), paths.clone()));
        Ok(Self {
            host,
            paths,
            runtime,
            recorder,
        })
    }

    /// Writes what is yet to be put on record.
    pub fn write_records(&self) {
        self.recorder.write();
    }

    /// Who is asked with `settings`, if that is to be put on record.
    fn whom(&self, settings: &Settings) -> Option<Whom> {
        let chosen = || self.store().chosen(settings).ok();
        let local = settings.endpoint.is_none().then(chosen).flatten();
        Whom::of(settings, local.map(|installed| installed.record.sha256))
    }

    fn settings(&self) -> anyhow::Result<Settings> {
        Ok(settings::load(self.host.as_ref(), &self.paths.settings_file)?.settings)
    }

    fn store(&self) -> Store<'_> {
        Store::new(self.host.as_ref(), &self.paths)
    }

    /// Says why no request could be answered, before an engine is started in vain.
    fn require_model(&self, settings: &Settings) -> Result<(), AttachFailure> {
        let needs_none = settings.endpoint.is_some() || engine_process::is_scripted(self.host.as_ref());
        if needs_none {
            return Ok(());
        }
        let chosen = self.store().chosen(settings);
        chosen
            .map(drop)
            .map_err(|error| AttachFailure::NoModel(format!("{error:#}")))
    }
}

impl Backend for Program {
    fn attach_engine(&self) -> Result<Arc<dyn Engine>, AttachFailure> {
        let unusable = |error: anyhow::Error| AttachFailure::NoEngine(format!("{error:#}"));
        let settings = self.settings().map_err(unusable)?;
        self.require_model(&settings)?;
        let engine =
            engine_process::remote_engine(self.host.clone(), &self.paths, &settings, self.runtime.clone())
                .map_err(unusable)?;
        let connecting = engine.clone();
        self.runtime.spawn(async move {
            // The state of the engine says what came of it.
            let _shown_by_the_state = connecting.connect().await;
        });
        Ok(match self.whom(&settings) {
            Some(whom) => {
                let recorder = Arc::clone(&self.recorder);
                Arc::new(Recorded::new(engine, whom, recorder, self.runtime.clone()))
            }
            None => Arc::new(engine),
        })
    }

    fn restart_engine(&self) -> anyhow::Result<()> {
        engine_process::shutdown(&self.paths).map(drop)
    }

    fn list_models(&self) -> anyhow::Result<Vec<ModelEntry>> {
        let store = self.store();
        let installed = store.installed()?;
        let chosen = self.settings()?.model;
        let entry = |name: &str, card: Option<&ModelCard>, installed: Option<&Installed>| ModelEntry {
            name: name.to_owned(),
            title: card.map_or(name, |card| card.title.as_str()).to_owned(),
            installed: installed.is_some(),
            chosen: chosen.as_deref() == Some(name),
            bytes: installed
                .map(|installed| installed.record.bytes)
                .or(card.and_then(|card| card.bytes)),
            licence: card
                .map_or("not known", |card| card.licence.name.as_str())
                .to_owned(),
            commercial_use: card.is_none_or(|card| card.licence.commercial_use),
        };
        let cards = &store.catalogue().model;
        let known = cards.iter().map(|card| {
            let installed = installed.iter().find(|installed| installed.name == card.name);
            entry(&card.name, Some(card), installed)
        });
        let besides = installed
            .iter()
            .filter(|installed| cards.iter().all(|card| card.name != installed.name))
            .map(|installed| entry(&installed.name, installed.card.as_ref(), Some(installed)));
        Ok(known.chain(besides).collect())
    }

    fn use_model(&self, name: &str) -> anyhow::Result<()> {
        models::choose(self.host.as_ref(), &self.store(), &self.paths, name).map(drop)
    }

    fn configuration(&self) -> Configuration {
        let completion = match self.settings() {
            Ok(settings) => settings.completion,
            Err(error) => {
                tracing::warn!("{error:#}");
                Settings::default().completion
            }
        };
        Configuration {
            completion,
            gate: suggestion_record::gate(self.host.as_ref(), &self.paths),
        }
    }

    fn is_excluded(&self, uri: &str, folders: &[Folder]) -> bool {
        match self.settings() {
            Ok(settings) => {
                excluded::is_excluded(self.host.as_ref(), uri, folders, &settings.completion.exclude)
            }
            // Settings that cannot be read may name this file.
            Err(_) => true,
        }
    }

    fn keep(&self, judged: &Judged) -> anyhow::Result<()> {
        let keep_text = self.settings()?.completion.keep_texts;
        suggestion_record::keep(self.host.as_ref(), &self.paths, judged, keep_text)
    }

    fn open_workspace(&self, root: &Path) -> anyhow::Result<Workspace> {
        Workspace::open(Arc::clone(&self.host), &self.paths, root)
    }

    fn listen_for_reviews(&self, root: &Path) -> anyhow::Result<Option<OwnListener>> {
        let host = self.host.as_ref();
        host.create_private_folder(&self.paths.run)?;
        let socket = self.paths.review_socket(&host.canonical(root)?);
        // Whoever had the workspace before left its socket behind; only one has it at a time.
        if host.exists(&socket) {
            host.remove_file(&socket)?;
        }
        OwnListener::bind(host, &socket, host.user_id()).map(Some)
    }
}
