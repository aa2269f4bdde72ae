//! `freehold complete`: the suggestion at a place in a file.

mod report;
mod source;

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use completion::{Budget, Decision, Progress, Shape, Suggestion, Surroundings, Trigger, decide};
use engine::{Engine, Usage};
use host::{Clock, Host, RealHost};

use super::asking::{Prepared, prepare, run};
use super::attach::{Attached, ProgressLine, Wanted, attach};
use super::place::Place;
use super::show::neighbourhood;
use crate::cli::CompleteArguments;
use crate::lsp::prompt_view;
use crate::models::Store;
use crate::paths::Paths;
use crate::request_record::{Recorded, Recorder, Whom};
use crate::settings::Settings;
use crate::{engine_process, settings};
use report::{Times, report};
use source::Source;

/// `freehold complete FILE:LINE:COL`.
///
/// # Errors
/// When there is no such place, or no engine that could answer.
pub fn complete(arguments: &CompleteArguments) -> anyhow::Result<ExitCode> {
    let host: Arc<dyn Host> = Arc::new(RealHost::new());
    let place = Place::parse(&arguments.place)?;
    let source = Source::read(host.as_ref(), &place)?;
    let started = host.monotonic();
    let mut times = Times::default();
    let paths = Paths::find(host.as_ref())?;
    let settings = settings::load(host.as_ref(), &paths.settings_file)?.settings;
    let outcome = match shape(host.as_ref(), &source, &settings.completion.exclude) {
        Err(silence) => Outcome::silent(silence),
        Ok(shape) => {
            let question = Question {
                source: &source,
                shape,
                budget: Budget::for_prompt(settings.completion.prompt_tokens_max),
            };
            let caller = Caller {
                host: &host,
                paths: &paths,
                settings: &settings,
                model: arguments.model.as_deref(),
            };
            let attached = caller.attach(&mut times)?;
            if arguments.show_prompt {
                return question.show_prompt(&attached.engine);
            }
            caller.ask(&question, &attached)?
        }
    };
    times.total = host.monotonic() - started;
    let text = if arguments.json {
        serde_json::to_string_pretty(&report(&source, &place, &outcome, &times))? + "\n"
    } else {
        let coloured = std::io::stdout().is_terminal() && host.variable_os("NO_COLOR").is_none();
        if let Some(silent) = &outcome.silent {
            eprintln!("nothing to suggest: {silent}");
        }
        neighbourhood(
            &source.text,
            source.offset_bytes,
            outcome.suggestion.as_ref(),
            coloured,
        )
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// What is to be suggested at the place, or why nothing is.
fn shape(host: &dyn Host, source: &Source, excluded: &[String]) -> Result<Shape, &'static str> {
    if source.is_excluded(host, excluded) {
        return Err("`.gitignore`, `.freeholdignore` or `completion.exclude` keeps this file from the model");
    }
    match decide(&source.document(), source.offset_bytes, Trigger::Invoked, None) {
        Decision::Silent(silence) => Err(silence.reason()),
        Decision::Offer(shape) => Ok(shape),
    }
}

/// Who asks, and what they have set.
struct Caller<'a> {
    host: &'a Arc<dyn Host>,
    paths: &'a Paths,
    settings: &'a Settings,
    /// Which model is asked instead of the usual one.
    model: Option<&'a str>,
}

impl Caller<'_> {
    /// Finds the engine, and says how far it is while it loads.
    fn attach(&self, times: &mut Times) -> anyhow::Result<Attached> {
        require_model(self.host.as_ref(), self.paths, self.settings, self.model)?;
        let mut line = ProgressLine::default();
        let wanted = Wanted {
            model: self.model,
            ..Wanted::default()
        };
        let attached = attach(self.host, self.paths, wanted, &mut |state| line.show(state));
        line.clear();
        let attached = attached?;
        times.attach = attached.attach_time;
        times.load = attached.load_time;
        Ok(attached)
    }

    /// Asks the engine, and puts that on record if it is to be.
    fn ask(&self, question: &Question, attached: &Attached) -> anyhow::Result<Outcome> {
        let engine = attached.engine.clone();
        let host: &dyn Host = self.host.as_ref();
        let store = Store::new(host, self.paths);
        let installed = match self.model {
            Some(name) => store.require(name).ok(),
            None if self.settings.endpoint.is_some() => None,
            None => store.chosen(self.settings).ok(),
        };
        let Some(whom) = Whom::of(self.settings, installed.map(|installed| installed.record.sha256)) else {
            return question.ask(&engine, host);
        };
        let recorder = Arc::new(Recorder::new(Arc::clone(self.host), self.paths.clone()));
        let recorded = Recorded::new(engine, whom, Arc::clone(&recorder), attached.runtime());
        let outcome = question.ask(&recorded, host);
        recorder.write();
        outcome
    }
}

/// What is asked.
struct Question<'a> {
    source: &'a Source,
    shape: Shape,
    budget: Budget,
}

impl Question<'_> {
    fn prepare(&self, engine: &dyn Engine) -> anyhow::Result<Prepared> {
        prepare(
            engine,
            &self.source.document(),
            self.source.offset_bytes,
            self.shape,
            &Surroundings::default(),
            self.budget,
        )
    }

    /// Prints what the model is shown at the place.
    fn show_prompt(&self, engine: &dyn Engine) -> anyhow::Result<ExitCode> {
        let prepared = self.prepare(engine)?;
        print(&prompt_view::write(&prepared.context, &prepared.request))?;
        Ok(ExitCode::SUCCESS)
    }

    /// Asks `engine` for a suggestion.
    fn ask(&self, engine: &dyn Engine, clock: &dyn Clock) -> anyhow::Result<Outcome> {
        let Prepared {
            request,
            mut finisher,
            description,
            ..
        } = self.prepare(engine)?;
        let (usage, first_token) = run(engine, clock, request, &mut finisher, &mut |_| Progress::Continue)?;
        let suggestion = finisher.finish();
        let silent = suggestion
            .is_none()
            .then(|| "the model has nothing to add here".to_owned());
        Ok(Outcome {
            suggestion,
            silent,
            model: Some(description.model),
            usage: Some(usage),
            first_token,
        })
    }
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .context("cannot print")
}

/// Makes sure that there is a model before an engine is started in vain.
pub(super) fn require_model(
    host: &dyn Host,
    paths: &Paths,
    settings: &Settings,
    model: Option<&str>,
) -> anyhow::Result<()> {
    let needs_none = settings.endpoint.is_some() || engine_process::is_scripted(host);
    if needs_none && model.is_none() {
        return Ok(());
    }
    let store = Store::new(host, paths);
    match model {
        Some(name) => store.require(name),
        None => store.chosen(settings),
    }
    .map(drop)
}

/// What came of asking.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    suggestion: Option<Suggestion>,
    /// Why there is none.
    silent: Option<String>,
    model: Option<String>,
    usage: Option<Usage>,
    /// From the request to the first text.
    first_token: Option<Duration>,
}

impl Outcome {
    fn silent(reason: &str) -> Self {
        Self {
            silent: Some(reason.to_owned()),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::Description;
    use engine::catalogue::Catalogue;
    use engine::scripted::{Script, ScriptedEngine};
    use expect_test::{Expect, expect};
    use host::{Files as _, MemoryHost};
    use std::path::Path;

    use super::*;

    fn world() -> MemoryHost {
        let host = MemoryHost::new();
        for (file, text) in [
            ("/sums/.git/HEAD", "x"),
            ("/sums/src/add.py", "def add(a, b):\n    \n\nprint(add(1, 2))\n"),
            ("/sums/.gitignore", "local.py\n"),
            ("/sums/src/local.py", "place = \n"),
            ("/sums/all.sql", "select \n"),
        ] {
            let file = Path::new(file);
            host.create_folder(file.parent().expect("a folder"))
                .expect("made");
            host.write_atomic(file, text.as_bytes()).expect("written");
        }
        host
    }

    fn scripted(tokens: &[&str]) -> ScriptedEngine {
        let mut script = Script::always(tokens);
        let fim = Catalogue::builtin().fim["qwen"].clone();
        script.description = Description {
            model: "scripted".to_owned(),
            fim: Some(fim),
            context_tokens: 4096,
            ..Description::default()
        };
        ScriptedEngine::new(script)
    }

    fn run_at(place: &str, engine: &ScriptedEngine) -> anyhow::Result<String> {
        let host = world();
        let place = Place::parse(place)?;
        let source = Source::read(&host, &place)?;
        let outcome = match shape(&host, &source, &["*.sql".to_owned()]) {
            Err(silence) => Outcome::silent(silence),
            Ok(shape) => {
                let question = Question {
                    source: &source,
                    shape,
                    budget: Budget::default(),
                };
                question.ask(engine, &host)?
            }
        };
        assert_eq!(engine.complaints(), Vec::<String>::new());
        let report = report(&source, &place, &outcome, &Times::default());
        Ok(serde_json::to_string_pretty(&report)?
            + "\n"
            + &neighbourhood(
                &source.text,
                source.offset_bytes,
                outcome.suggestion.as_ref(),
                false,
            ))
    }

    fn check(place: &str, tokens: &[&str], expected: Expect) {
        let shown = run_at(place, &scripted(tokens)).unwrap_or_else(|error| format!("{error:#}\n"));
        expected.assert_eq(&shown);
    }

    #[test]
    fn a_suggestion_is_printed_in_place_with_what_it_cost() {
        let tokens = ["return", " a", " + b", "\n", "\n", "\n", "print", "(add", "never"];
        check(
            "/sums/src/add.py:2:5",
            &tokens,
            expect![[r#"
            {
              "file": "/sums/src/add.py",
              "milliseconds": {
                "attach": 0.0,
                "first_token": 0.0,
                "load": 0.0,
                "total": 0.0
              },
              "model": "scripted",
              "range": {
                "end": {
                  "column": 5,
                  "line": 2,
                  "offset_bytes": 19
                },
                "start": {
                  "column": 5,
                  "line": 2,
                  "offset_bytes": 19
                }
              },
              "silent": null,
              "suggestion": "return a + b",
              "usage": {
                "evaluated_tokens": 31,
                "generated_tokens": 9,
                "generation_milliseconds": 0.0,
                "moved_tokens": 0,
                "prompt_milliseconds": 0.0,
                "prompt_tokens": 31,
                "queue_milliseconds": 0.0,
                "reused_tokens": 0
              }
            }
              1 │ def add(a, b):
            + 2 │     return a + b
              3 │
              4 │ print(add(1, 2))
        "#]],
        );
    }

    #[test]
    fn nothing_suggested_says_so() {
        check(
            "/sums/src/add.py:2:5",
            &["  ", "\n"],
            expect![[r#"
            {
              "file": "/sums/src/add.py",
              "milliseconds": {
                "attach": 0.0,
                "first_token": 0.0,
                "load": 0.0,
                "total": 0.0
              },
              "model": "scripted",
              "range": null,
              "silent": "the model has nothing to add here",
              "suggestion": null,
              "usage": {
                "evaluated_tokens": 31,
                "generated_tokens": 2,
                "generation_milliseconds": 0.0,
                "moved_tokens": 0,
                "prompt_milliseconds": 0.0,
                "prompt_tokens": 31,
                "queue_milliseconds": 0.0,
                "reused_tokens": 0
              }
            }
              1 │ def add(a, b):
              2 │
              3 │
              4 │ print(add(1, 2))
        "#]],
        );
    }

    #[test]
    fn what_is_kept_from_the_model_is_not_asked_for() {
        for place in ["/sums/src/local.py:1:9", "/sums/all.sql:1:8"] {
            let engine = scripted(&["never"]);
            let shown = run_at(place, &engine).expect("no failure");
            assert!(shown.contains("keeps this file from the model"), "{shown}");
            assert_eq!(engine.requests(), Vec::new(), "{place}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        check(
            "/sums/none.py:1:1",
            &["x"],
            expect![[r#"
            cannot read `/sums/none.py`: entity not found
        "#]],
        );
        check(
            "/sums/src/add.py:9:1",
            &["x"],
            expect![[r#"
            `/sums/src/add.py` has 5 lines, so line 9 is past its end
        "#]],
        );
    }

    #[test]
    fn a_model_that_cannot_fill_in_is_named() {
        let engine = ScriptedEngine::new(Script::always(&["x"]));
        let error = run_at("/sums/src/add.py:2:5", &engine).expect_err("it cannot");
        assert!(
            error
                .to_string()
                .contains("was not trained to fill in the middle"),
            "{error}"
        );
    }

    #[test]
    fn the_prompt_names_the_repository_and_the_path_in_it() {
        let engine = scripted(&["return a"]);
        run_at("/sums/src/add.py:2:5", &engine).expect("answered");
        let prompt = engine::scripted::flatten(&engine.requests()[0]);
        assert!(
            prompt.contains("sums\n") && prompt.contains("src/add.py\n"),
            "{prompt}"
        );
    }
}
