//! Which engine answers this user: our own process, or the endpoint that the settings name.

use std::sync::Arc;

use anyhow::Context as _;
use engine::catalogue::Catalogue;
use engine::{FimFormat, ModelCard};
use host::{Environment, Host};
use remote::{Endpoint, OpenAiEndpoint, RemoteEngine, RemoteOptions};

use super::{IDLE_VARIABLE, launcher};
use crate::paths::Paths;
use crate::settings::{EndpointSettings, Settings};

/// The engine that answers this user. Our own process is started when it is first needed.
///
/// # Errors
/// When the endpoint of the settings is no address or its key is missing, or when this program's own
/// file cannot be found.
pub fn remote_engine(
    host: Arc<dyn Host>,
    paths: &Paths,
    settings: &Settings,
    runtime: tokio::runtime::Handle,
) -> anyhow::Result<RemoteEngine> {
    let endpoint = match &settings.endpoint {
        Some(elsewhere) => Endpoint::OpenAi(Box::new(open_ai(host.as_ref(), elsewhere)?)),
        None => {
            let launcher = launcher(host, paths)?;
            Endpoint::Freehold {
                socket: launcher.socket.clone(),
                attach: Some(launcher.hook()),
            }
        }
    };
    Ok(RemoteEngine::new(RemoteOptions { endpoint, runtime })?)
}

/// An engine process of one's own that holds `model`, beside the one that all share; whoever asked for it
/// ends it by [`super::shutdown`] with the same `paths`, whose `run` folder must be one of its own.
///
/// # Errors
/// When this program's own file cannot be found.
pub fn private_engine(
    host: Arc<dyn Host>,
    paths: &Paths,
    model: &str,
    runtime: tokio::runtime::Handle,
) -> anyhow::Result<RemoteEngine> {
    let mut launcher = launcher(host, paths)?;
    // Whoever started it may be interrupted before it ends it.
    launcher.environment.push((IDLE_VARIABLE.into(), "300".into()));
    launcher.arguments = vec![
        "--model".into(),
        model.into(),
        "--run-folder".into(),
        paths.run.clone().into(),
    ];
    let endpoint = Endpoint::Freehold {
        socket: launcher.socket.clone(),
        attach: Some(launcher.hook()),
    };
    Ok(RemoteEngine::new(RemoteOptions { endpoint, runtime })?)
}

fn open_ai(environment: &dyn Environment, settings: &EndpointSettings) -> anyhow::Result<OpenAiEndpoint> {
    let api_key = match &settings.api_key_variable {
        None => None,
        Some(variable) => Some(environment.variable(variable).with_context(|| {
            format!("`endpoint.api_key_variable` names `{variable}`, which is not set; set it to the key, or leave the setting out")
        })?),
    };
    let model = settings.model.clone().unwrap_or_default();
    let catalogue = Catalogue::builtin();
    let fim = match &settings.infill_format {
        None => known(&catalogue, &model),
        Some(format) => Some(named(&catalogue, format)?),
    };
    // What the server gives a context is its own affair; a card knows only the most that it can be.
    Ok(OpenAiEndpoint {
        url: settings.url.clone(),
        model,
        api_key,
        fim,
        context_tokens: 0,
    })
}

/// The format called `name`.
fn named(catalogue: &Catalogue, name: &str) -> anyhow::Result<FimFormat> {
    catalogue.fim.get(name).cloned().with_context(|| {
        let names: Vec<&str> = catalogue.fim.keys().map(String::as_str).collect();
        format!(
            "`endpoint.infill_format` is `{name}`, which is no format; there are {}",
            names.join(", ")
        )
    })
}

/// How the model of an endpoint is asked to fill in the middle: as the card says whose name is part of
/// the model's, for servers put owner, format or tag around it.
fn known(catalogue: &Catalogue, model: &str) -> Option<FimFormat> {
    let letters = |name: &str| -> String {
        name.chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|letter| letter.to_ascii_lowercase())
            .collect()
    };
    let model = letters(model);
    let named = |card: &&ModelCard| model.contains(&letters(&card.name));
    let card = catalogue
        .model
        .iter()
        .filter(named)
        .max_by_key(|card| card.name.len())?;
    catalogue.fim(card).cloned()
}

#[cfg(test)]
mod tests {
    use host::MemoryHost;

    use super::*;

    #[test]
    fn a_model_is_known_under_the_names_that_servers_give_it() {
        let catalogue = Catalogue::builtin();
        for (model, expected) in [
            ("qwen2.5-coder-0.5b", true),
            ("Qwen/Qwen2.5-Coder-1.5B-Instruct", true),
            ("qwen2.5-coder:1.5b-base-q4_K_M", true),
            ("llama3", false),
            ("", false),
        ] {
            assert_eq!(known(&catalogue, model).is_some(), expected, "{model}");
        }
    }

    #[test]
    fn a_model_under_a_name_of_its_own_is_asked_as_the_settings_say() {
        let host = MemoryHost::new();
        let mut settings = EndpointSettings {
            url: "http://127.0.0.1:8080/v1".to_owned(),
            model: Some("coder".to_owned()),
            infill_format: None,
            api_key_variable: None,
        };
        let fim = |settings: &EndpointSettings| open_ai(&host, settings).map(|endpoint| endpoint.fim);
        assert_eq!(fim(&settings).expect("an endpoint"), None);
        settings.infill_format = Some("qwen".to_owned());
        let qwen = Catalogue::builtin().fim["qwen"].clone();
        assert_eq!(fim(&settings).expect("an endpoint"), Some(qwen));
        settings.infill_format = Some("quen".to_owned());
        let error = fim(&settings).expect_err("no such format").to_string();
        assert!(
            error.contains("`quen`") && error.contains("starcoder2"),
            "{error}"
        );
    }

    #[test]
    fn a_key_that_is_named_must_be_there() {
        let host = MemoryHost::new();
        let mut settings = EndpointSettings {
            url: "http://127.0.0.1:8080/v1".to_owned(),
            model: None,
            infill_format: None,
            api_key_variable: None,
        };
        assert_eq!(open_ai(&host, &settings).expect("no key needed").api_key, None);
        settings.api_key_variable = Some("SERVER_KEY".to_owned());
        let error = open_ai(&host, &settings).err().expect("no key").to_string();
        assert!(error.contains("`SERVER_KEY`, which is not set"), "{error}");
        host.set_variable("SERVER_KEY", "k");
        assert_eq!(
            open_ai(&host, &settings).expect("a key").api_key,
            Some("k".to_owned())
        );
    }
}
