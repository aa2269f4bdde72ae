//! `freehold eval fim`: what both sides would show in the cases, and what comes of it.

use std::process::ExitCode;
use std::sync::Arc;

use host::Host;

use super::case::Case;
use super::check::Checker;
use super::ledger::Ledger;
use super::run::{Run, Subjects, sides};
use super::scores::{Side, Subject};
use super::{cases, print, table};
use crate::cli::FimArguments;
use crate::engine_process;
use crate::models::{Installed, Store};
use crate::paths::Paths;
use crate::settings::{self, Settings};
use crate::terminal::attach::{Attached, ProgressLine, Wanted, attach};
use crate::terminal::complete::require_model;
use crate::terminal::interrupt::{Interrupt, Interrupted};
use crate::terminal::peer::server::PeerServer;

/// Exit code of a command that was interrupted, as shells have it.
const INTERRUPTED_CODE: u8 = 130;

/// The model that is asked.
struct Model {
    /// Its name; nothing for the endpoint of the settings.
    name: Option<String>,
    installed: Option<Installed>,
    settings: Settings,
    /// Threads that both sides compute with.
    threads: u32,
    subject: Subject,
}

/// What a run needs besides cases.
struct Fim<'a> {
    host: &'a Arc<dyn Host>,
    paths: Paths,
    arguments: &'a FimArguments,
    model: Model,
}

/// Runs the command.
///
/// # Errors
/// When the cases, Python or an engine are missing, or programs cannot be confined.
pub fn fim(host: &Arc<dyn Host>, arguments: &FimArguments) -> anyhow::Result<ExitCode> {
    let (cases, checker) = cases(host.as_ref(), &arguments.cases)?;
    let paths = Paths::find(host.as_ref())?;
    let model = Model::find(host.as_ref(), &paths, arguments)?;
    let mut ledger = Ledger::open(
        host.as_ref(),
        model.subject.clone(),
        arguments.scores.as_deref(),
        arguments.answers.as_deref(),
        arguments.again,
    )?;
    let before = ledger.scores().of_cases(&cases);
    let asked: Vec<(&Case, Side)> = cases
        .iter()
        .flat_map(|case| {
            let sides = sides(case, arguments.peer.is_some(), arguments.incremental);
            sides.into_iter().map(move |side| (case, side))
        })
        .collect();
    if arguments.again {
        for (case, side) in &asked {
            ledger.forget(case, *side);
        }
    }
    let is_known = |pair: &&(&Case, Side)| !ledger.lacks(pair.0, pair.1);
    let known = asked.iter().filter(is_known).count();
    if known > 0 {
        eprintln!("{known} of {} answers are known already", asked.len());
    }
    let mut notes = String::new();
    if known < asked.len() {
        let fim = Fim {
            host,
            paths,
            arguments,
            model,
        };
        match fim.answer(&checker, &cases, &mut ledger) {
            Ok(said) => notes = said,
            Err(error) => {
                eprintln!("{}", how_to_go_on(arguments));
                return if error.is::<Interrupted>() {
                    Ok(ExitCode::from(INTERRUPTED_CODE))
                } else {
                    Err(error)
                };
            }
        }
    }
    let scores = ledger.scores().of_cases(&cases);
    print(&format!("{}\n{notes}", table::table(&scores)))?;
    if arguments.again {
        print(&before.changes(&scores))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What becomes of a run that has not come to its end.
fn how_to_go_on(arguments: &FimArguments) -> String {
    match &arguments.scores {
        Some(file) => format!(
            "ended early: what is answered stands in `{}`; the same command without `--again` goes on with the rest",
            file.display()
        ),
        None => {
            "ended early: nothing is kept; with `--scores FILE` the next run can be gone on with".to_owned()
        }
    }
}

impl Fim<'_> {
    /// Asks for what `ledger` lacks; gives what is said of the run besides the scores. The engine and the peer
    /// are this command's own and end with it, interrupted or not.
    fn answer(&self, checker: &Checker, cases: &[Case], ledger: &mut Ledger) -> anyhow::Result<String> {
        let interrupt = Interrupt::listen()?;
        let peer = self.start_peer(&interrupt)?;
        let attached = self.attach(&interrupt)?;
        let mut run = Run::new(Subjects {
            engine: &attached.engine,
            peer: peer.as_ref(),
            incremental: self.arguments.incremental,
            seed: u32::try_from(self.arguments.cases.seed).unwrap_or(u32::MAX),
            interrupt: &interrupt,
        });
        run.answer_all(self.host.as_ref(), checker, cases, ledger)?;
        Ok(run.notes())
    }

    fn attach(&self, interrupt: &Interrupt) -> anyhow::Result<Attached> {
        let wanted = Wanted {
            model: self.model.name.as_deref(),
            alone: true,
            interrupt: Some(interrupt),
        };
        let mut line = ProgressLine::default();
        let attached = attach(self.host, &self.paths, wanted, &mut |state| line.show(state));
        line.clear();
        attached
    }

    /// Starts the peer with the same model, if one is named.
    fn start_peer(&self, interrupt: &Interrupt) -> anyhow::Result<Option<PeerServer>> {
        let Some(program) = &self.arguments.peer else {
            return Ok(None);
        };
        let host = self.host.as_ref();
        let file = match &self.model.installed {
            Some(installed) => installed.file.clone(),
            None => Store::new(host, &self.paths).chosen(&self.model.settings)?.file,
        };
        host.create_private_folder(&self.paths.state)?;
        let log = self.paths.state.join("peer.log");
        // From the root on: the libraries beside a program are found by it.
        let program = host.current_folder()?.join(program);
        let threads = self.model.threads;
        PeerServer::start(self.host.clone(), &program, &file, threads, &log, interrupt).map(Some)
    }
}

impl Model {
    fn find(host: &dyn Host, paths: &Paths, arguments: &FimArguments) -> anyhow::Result<Self> {
        let settings = settings::load(host, &paths.settings_file)?.settings;
        require_model(host, paths, &settings, arguments.model.as_deref())?;
        let store = Store::new(host, paths);
        let installed = match &arguments.model {
            Some(name) => Some(store.require(name)?),
            None if settings.endpoint.is_some() || engine_process::is_scripted(host) => None,
            None => Some(store.chosen(&settings)?),
        };
        let (name, model) = match (&installed, &settings.endpoint) {
            (Some(installed), _) => {
                let Installed { name, record, .. } = installed;
                (Some(name.clone()), format!("{name} sha256:{}", record.sha256))
            }
            (None, Some(endpoint)) => {
                let model = endpoint.model.as_deref().unwrap_or("the model");
                (None, format!("{model} at {}", endpoint.url))
            }
            (None, None) => (Some("script".to_owned()), "script".to_owned()),
        };
        let cores = u32::try_from(host.core_count()).unwrap_or(u32::MAX);
        let threads = settings.engine.threads.unwrap_or(cores);
        let context_tokens = settings.engine.context_tokens;
        let seed = arguments.cases.seed;
        Ok(Self {
            name,
            installed,
            settings,
            threads,
            subject: Subject {
                model,
                settings: format!("context_tokens={context_tokens} threads={threads} seed={seed}"),
            },
        })
    }
}
