//! The engine process: one per user and machine, shared by all windows; and the ways to reach it.

mod activity;
mod api;
mod attach;
mod chat_template;
mod choose;
pub(crate) mod date;
mod lifecycle;
mod load;
mod metrics;
mod serve;
mod slot;
mod socket;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use host::{Environment, Host, RealHost};

use crate::cli::{EngineArguments, ServeArguments};
use crate::paths::Paths;
use crate::settings;
use attach::Launcher;
pub use choose::{private_engine, remote_engine};
use lifecycle::EngineProcess;
use load::{SCRIPT_VARIABLE, load_engine};
pub use socket::OwnListener;

/// Time without a request after which the process ends, in seconds; goes before the settings.
const IDLE_VARIABLE: &str = "FREEHOLD_IDLE_SECONDS";

/// If it is set, the process tells what it has generated for the last requests, too (`GET /freehold/requests`). It is for
/// measurements, which have a process of their own.
pub const TEXTS_VARIABLE: &str = "FREEHOLD_REQUEST_TEXTS";

/// How long a process that is asked to end may take to answer.
const SHUTDOWN_TIME_MAX: Duration = Duration::from_secs(5);
/// What is logged, in the notation of `tracing`; `info` if it is not set.
const LOG_VARIABLE: &str = "FREEHOLD_LOG";

/// `freehold engine`: holds the model until nobody needs it.
///
/// # Errors
/// When the settings cannot be read or the socket cannot be opened.
pub fn run(arguments: &EngineArguments) -> anyhow::Result<ExitCode> {
    let host = Arc::new(RealHost::new());
    start_again_with_engine_environment(host.as_ref())?;
    log_to_standard_error(host.variable(LOG_VARIABLE).as_deref());
    let mut paths = Paths::find(host.as_ref())?;
    if let Some(folder) = &arguments.run_folder {
        paths.run.clone_from(folder);
    }
    let mut settings = settings::load(host.as_ref(), &paths.settings_file)?.settings;
    if arguments.model.is_some() {
        settings.model.clone_from(&arguments.model);
    }
    let script = arguments
        .scripted
        .clone()
        .or_else(|| host.variable_os(SCRIPT_VARIABLE).map(PathBuf::from));
    let idle = match host.variable(IDLE_VARIABLE) {
        Some(seconds) => Duration::from_secs(
            seconds
                .parse()
                .with_context(|| format!("`{IDLE_VARIABLE}` must be a number of seconds"))?,
        ),
        None => Duration::from_secs(60 * u64::from(settings.engine.idle_minutes)),
    };
    let process = EngineProcess {
        host: host.clone(),
        socket: paths.engine_socket(),
        run: paths.run.clone(),
        idle: (!idle.is_zero()).then_some(idle),
        keeps_texts: host.variable_os(TEXTS_VARIABLE).is_some(),
    };
    process.run(Box::new(move || {
        let loaded = load_engine(host.as_ref(), &paths, &settings, script.as_deref());
        loaded.map_err(|error| format!("{error:#}"))
    }))
}

/// Whoever starts the process sends its standard error to the log.
fn log_to_standard_error(filter: Option<&str>) {
    let filter = tracing_subscriber::EnvFilter::new(filter.unwrap_or("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(std::io::stderr);
    // Somebody may have set up another log already; then that one gets it all.
    let _set_up_already = log.try_init();
}

/// `freehold serve`: the engine's API on a loopback port.
///
/// # Errors
/// When the port is taken or the token cannot be kept.
pub fn serve(arguments: &ServeArguments) -> anyhow::Result<ExitCode> {
    let host: Arc<dyn Host> = Arc::new(RealHost::new());
    let paths = Paths::find(host.as_ref())?;
    host.create_private_folder(&paths.state)?;
    let token_file = paths.state.join("serve-token");
    let (token, new) = serve::token(host.as_ref(), &token_file)?;
    let launcher = launcher(host, &paths)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start threads")?;
    runtime.block_on(async {
        let listener = serve::listen(arguments.port).await?;
        println!("address: http://{}/v1", listener.local_addr()?);
        match new {
            true => println!(
                "token: {token} (shown once; it lies in `{}`)",
                token_file.display()
            ),
            false => println!("token: the one in `{}`", token_file.display()),
        }
        serve::serve(listener, launcher, token).await
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Asks a running engine process to end, so that the next request starts one with other settings.
/// That none runs is no error; whether one did is the answer.
///
/// # Errors
/// When it runs and does not do as it is asked.
pub fn shutdown(paths: &Paths) -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let socket = paths.engine_socket();
        if tokio::net::UnixStream::connect(&socket).await.is_err() {
            return Ok(false);
        }
        let client = reqwest::Client::builder()
            .unix_socket(socket)
            .no_proxy()
            .build()?;
        let url = format!("http://localhost{}", remote::wire::SHUTDOWN_PATH);
        let answer = client.post(url).timeout(SHUTDOWN_TIME_MAX).send().await;
        answer
            .and_then(reqwest::Response::error_for_status)
            .context("the engine process does not end")?;
        Ok(true)
    })
}

/// Whether an engine process started from here answers from a script, so that it needs no model.
pub fn is_scripted(environment: &dyn Environment) -> bool {
    environment.variable_os(SCRIPT_VARIABLE).is_some()
}

fn launcher(host: Arc<dyn Host>, paths: &Paths) -> anyhow::Result<Launcher> {
    // Whoever owns the socket's folder reads the prompts: it must be this user, before anything is sent.
    host.create_private_folder(&paths.run)?;
    Ok(Launcher {
        program: host.own_executable()?,
        arguments: Vec::new(),
        socket: paths.engine_socket(),
        log: paths.engine_log(),
        environment: engine_environment(),
        host,
    })
}

/// Starts this program again if llama.cpp's runtime was not given what it must find in the environment
/// before the process starts: whoever typed the command cannot know.
pub fn start_again_with_engine_environment(host: &dyn Host) -> anyhow::Result<()> {
    let environment = engine_environment();
    if environment
        .iter()
        .all(|(name, _)| host.variable_os(&name.to_string_lossy()).is_some())
    {
        return Ok(());
    }
    let mut command = host::Command::new(host.own_executable()?).arguments(std::env::args_os().skip(1));
    command.environment = environment;
    match host.become_program(&command)? {}
}

/// What llama.cpp's runtime must find in the environment before the process starts.
fn engine_environment() -> Vec<(OsString, OsString)> {
    #[cfg(feature = "llama")]
    let variables = llama::ENGINE_ENVIRONMENT;
    #[cfg(not(feature = "llama"))]
    let variables: &[(&str, &str)] = &[];
    variables
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}
