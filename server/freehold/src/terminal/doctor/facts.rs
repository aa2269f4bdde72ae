//! What is the case on this machine, as far as it matters to Freehold. Gathered here, judged elsewhere.

use std::path::{Path, PathBuf};

use host::{Files, Host};
use serde::{Serialize, Serializer};

use super::speed::Speed;
use crate::models::{Installed, Store};
use crate::paths::Paths;
use crate::settings::{self, Settings};

/// What is the case on this machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Facts {
    pub version: &'static str,
    /// What the program was built for: `linux-x86_64`.
    pub platform: String,
    /// Engines compiled into the program: `llama`, `cuda`, …
    pub build_features: Vec<&'static str>,
    #[serde(serialize_with = "told")]
    pub executable: Result<PathBuf, String>,
    /// Shared libraries in `lib/` beside the program; none if there is no such folder.
    pub libraries: Option<Vec<String>>,
    pub cores: usize,
    pub memory_total_bytes: Option<u64>,
    pub memory_free_bytes: Option<u64>,
    /// Free space where the models lie, or would.
    pub disk_free_bytes: Option<u64>,
    #[serde(serialize_with = "paths")]
    pub paths: Paths,
    /// What is odd about the settings; or why they cannot be read.
    #[serde(serialize_with = "told")]
    pub settings_warnings: Result<Vec<String>, String>,
    /// A server elsewhere that the settings name.
    pub endpoint: Option<String>,
    #[serde(serialize_with = "told")]
    pub model: Result<ModelFacts, String>,
    pub engine_runs: bool,
    /// What the engine said, if it was worth asking; or why it did not answer.
    #[serde(serialize_with = "told_if_asked")]
    pub engine: Option<Result<EngineFacts, String>>,
}

/// What is known of the chosen model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelFacts {
    pub name: String,
    pub file: PathBuf,
    pub bytes: u64,
    /// Whether it is prompted for code; unknown for models that are not in the catalogue.
    pub fills_in: Option<bool>,
    /// Whether the file's checksum is the one that the catalogue gives.
    pub checksum_published: bool,
    /// Why the file is not the one that was checked, if it is not.
    pub changed: Option<String>,
}

/// What the engine says of itself and how it did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EngineFacts {
    pub model: String,
    pub device: String,
    pub engine_version: String,
    pub context_tokens: u32,
    pub load_milliseconds: f64,
    #[serde(serialize_with = "told")]
    pub speed: Result<Option<Speed>, String>,
}

impl Facts {
    /// Looks around, without starting anything.
    ///
    /// # Errors
    /// When the folders cannot be found.
    pub fn gather(host: &dyn Host) -> anyhow::Result<Self> {
        let paths = Paths::find(host)?;
        let loaded = settings::load(host, &paths.settings_file);
        let settings = loaded
            .as_ref()
            .map_or_else(|_| Settings::default(), |loaded| loaded.settings.clone());
        let executable = host.own_executable();
        let libraries = executable.as_ref().ok().and_then(|file| libraries(host, file));
        let memory = host.memory();
        Ok(Self {
            version: env!("CARGO_PKG_VERSION"),
            platform: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
            build_features: build_features(),
            executable: executable.map_err(|error| error.to_string()),
            libraries,
            cores: host.core_count(),
            memory_total_bytes: memory.map(|memory| memory.total_bytes),
            memory_free_bytes: memory.map(|memory| memory.free_bytes),
            disk_free_bytes: disk_free(host, &paths.models),
            settings_warnings: loaded
                .map(|loaded| loaded.warnings)
                .map_err(|error| format!("{error:#}")),
            endpoint: settings.endpoint.as_ref().map(|endpoint| endpoint.url.clone()),
            model: model(host, &paths, &settings),
            engine_runs: runs(&paths.engine_socket()),
            engine: None,
            paths,
        })
    }

    /// Whether it is worth while to ask the engine.
    pub fn can_answer(&self) -> bool {
        self.endpoint.is_some() || self.model.as_ref().is_ok_and(|model| model.changed.is_none())
    }
}

fn build_features() -> Vec<&'static str> {
    let features = [
        ("llama", cfg!(feature = "llama")),
        ("cuda", cfg!(feature = "cuda")),
        ("metal", cfg!(feature = "metal")),
        ("vulkan", cfg!(feature = "vulkan")),
    ];
    features
        .into_iter()
        .filter(|(_, on)| *on)
        .map(|(name, _)| name)
        .collect()
}

/// The names of the shared libraries in `lib/` beside the program.
fn libraries(files: &dyn Files, executable: &Path) -> Option<Vec<String>> {
    let entries = files.list(&executable.parent()?.join("lib")).ok()?;
    Some(
        entries
            .into_iter()
            .map(|entry| entry.name)
            .filter(|name| is_library(name))
            .collect(),
    )
}

fn is_library(name: &str) -> bool {
    name.contains(".so") || name.ends_with(".dylib") || name.ends_with(".dll")
}

/// Free space at `folder`, or at the nearest folder above it that exists.
fn disk_free(files: &dyn Files, folder: &Path) -> Option<u64> {
    folder
        .ancestors()
        .find(|folder| files.exists(folder))
        .and_then(|folder| files.free_bytes(folder).ok())
}

fn model(host: &dyn Host, paths: &Paths, settings: &Settings) -> Result<ModelFacts, String> {
    let store = Store::new(host, paths);
    let installed = store.chosen(settings).map_err(|error| format!("{error:#}"))?;
    let changed = store.verify(&installed).err().map(|error| format!("{error:#}"));
    let Installed {
        name,
        file,
        record,
        card,
    } = installed;
    Ok(ModelFacts {
        name,
        file,
        bytes: record.bytes,
        fills_in: card.as_ref().map(|card| card.fim.is_some()),
        checksum_published: card
            .and_then(|card| card.sha256)
            .is_some_and(|sha256| sha256 == record.sha256),
        changed,
    })
}

/// Whether an engine process answers at its socket: a socket file alone may be left over.
#[cfg(unix)]
fn runs(socket: &Path) -> bool {
    std::os::unix::net::UnixStream::connect(socket).is_ok()
}

/// Elsewhere there is no such socket.
#[cfg(not(unix))]
fn runs(_socket: &Path) -> bool {
    false
}

/// What was found, or `{"error": …}`.
fn told<T: Serialize, S: Serializer>(fact: &Result<T, String>, serializer: S) -> Result<S::Ok, S::Error> {
    match fact {
        Ok(fact) => fact.serialize(serializer),
        Err(why) => serializer.collect_map([("error", why)]),
    }
}

fn told_if_asked<T: Serialize, S: Serializer>(
    fact: &Option<Result<T, String>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match fact {
        Some(fact) => told(fact, serializer),
        None => serializer.serialize_none(),
    }
}

fn paths<S: Serializer>(paths: &Paths, serializer: S) -> Result<S::Ok, S::Error> {
    let named = [
        ("settings", paths.settings_file.clone()),
        ("models", paths.models.clone()),
        ("state", paths.state.clone()),
        ("engine_log", paths.engine_log()),
        ("engine_socket", paths.engine_socket()),
    ];
    serializer.collect_map(named)
}

#[cfg(test)]
mod tests {
    use host::MemoryHost;

    use super::*;

    #[test]
    fn an_empty_world_has_no_model_and_asks_no_engine() {
        let host = MemoryHost::new();
        host.set_variable("FREEHOLD_HOME", "/fh");
        let facts = Facts::gather(&host).expect("the folders are found");
        assert!(
            facts
                .model
                .as_ref()
                .is_err_and(|why| why.contains("freehold models get")),
            "{:?}",
            facts.model
        );
        assert_eq!(
            (facts.can_answer(), facts.engine_runs, facts.libraries),
            (false, false, None)
        );
        assert_eq!(facts.disk_free_bytes, Some(u64::MAX));
    }
}
