//! What is right and what is wrong with a machine, and how to mend it: facts in, findings out.

use serde::Serialize;

use super::facts::{EngineFacts, Facts, ModelFacts};

/// Memory that a model needs besides its weights: the cache and the working buffers of a 4096-token
/// context of a 1.5B model, rounded up.
const MEMORY_OVERHEAD_BYTES: u64 = 512 << 20;

/// With less free space no model can be downloaded: the smallest takes this much.
const DISK_FREE_BYTES_MIN: u64 = 500_000_000;

/// Slower generation makes a suggestion of one line take more than two seconds.
const GENERATED_TOKENS_PER_SECOND_MIN: f64 = 8.0;

/// Slower reading makes the first suggestion at a new place, for which 120 tokens are read, take more than two seconds.
const PROMPT_TOKENS_PER_SECOND_MIN: f64 = 60.0;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, but could be better.
    Warning,
    /// Freehold cannot work as it is.
    Problem,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: &'static str,
    /// How it is.
    pub verdict: Verdict,
    /// How it is, in words.
    pub says: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, says: impl Into<String>) -> Self {
        Self {
            check,
            verdict: Verdict::Ok,
            says: says.into(),
            remedy: None,
        }
    }

    fn warning(check: &'static str, says: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            check,
            verdict: Verdict::Warning,
            says: says.into(),
            remedy: Some(remedy.into()),
        }
    }

    fn problem(check: &'static str, says: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            check,
            verdict: Verdict::Problem,
            says: says.into(),
            remedy: Some(remedy.into()),
        }
    }
}

/// Judges the facts, in the order in which a person would mend what is wrong.
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![program(facts), libraries(facts), folders(facts), settings(facts)];
    findings.extend(endpoint(facts));
    findings.push(model(facts));
    findings.push(memory(facts));
    findings.push(disk(facts));
    findings.push(engine_process(facts));
    match &facts.engine {
        Some(Ok(engine)) => findings.extend([device(engine), speed(engine)]),
        Some(Err(why)) => findings.push(Finding::problem(
            "engine",
            why.clone(),
            format!(
                "read `{}`, and `freehold engine` in a terminal says more",
                facts.paths.engine_log().display()
            ),
        )),
        None => {}
    }
    findings
}

fn program(facts: &Facts) -> Finding {
    let place = match &facts.executable {
        Ok(file) => file.display().to_string(),
        Err(why) => why.clone(),
    };
    Finding::ok(
        "program",
        format!("freehold {} for {}, {place}", facts.version, facts.platform),
    )
}

fn libraries(facts: &Facts) -> Finding {
    let check = "build";
    if facts.build_features.is_empty() && facts.endpoint.is_some() {
        return Finding::ok(
            check,
            "built without llama.cpp, which a server elsewhere makes up for",
        );
    }
    if facts.build_features.is_empty() {
        return Finding::problem(
            check,
            "built without llama.cpp, so it cannot run a model itself",
            "build it with the default features, or name a server under `[endpoint]` in the settings",
        );
    }
    let features = facts.build_features.join(", ");
    let variants = |libraries: &[String]| libraries.iter().filter(|name| name.contains("ggml-cpu")).count();
    match &facts.libraries {
        Some(libraries) if variants(libraries) > 0 => Finding::ok(
            check,
            format!("{features}; CPU variants in `lib/`: {}", variants(libraries)),
        ),
        Some(_) => Finding::problem(
            check,
            "the folder `lib/` beside the program has no CPU code in it",
            "install Freehold again: the program and `lib/` belong together",
        ),
        None => Finding::warning(
            check,
            format!("{features}; there is no folder `lib/` beside the program"),
            "install Freehold again if no model loads: the program and `lib/` belong together",
        ),
    }
}

fn folders(facts: &Facts) -> Finding {
    let paths = &facts.paths;
    Finding::ok(
        "folders",
        format!(
            "models `{}`, log `{}`, socket `{}`",
            paths.models.display(),
            paths.engine_log().display(),
            paths.engine_socket().display()
        ),
    )
}

fn settings(facts: &Facts) -> Finding {
    let check = "settings";
    let file = facts.paths.settings_file.display();
    match &facts.settings_warnings {
        Ok(warnings) if warnings.is_empty() => Finding::ok(check, format!("`{file}`")),
        Ok(warnings) => Finding::warning(check, warnings.join("; "), format!("mend `{file}`")),
        Err(why) => Finding::problem(check, why.clone(), format!("mend `{file}`")),
    }
}

fn endpoint(facts: &Facts) -> Option<Finding> {
    let url = facts.endpoint.as_ref()?;
    Some(Finding::ok(
        "endpoint",
        format!("code is sent to `{url}`, as your settings say"),
    ))
}

fn model(facts: &Facts) -> Finding {
    let check = "model";
    let model = match &facts.model {
        Ok(model) => model,
        Err(why) if facts.endpoint.is_some() => {
            return Finding::ok(check, format!("none needed here: {why}"));
        }
        Err(why) => {
            // The store's own words end with the remedy.
            let (says, remedy) = why
                .split_once("; ")
                .unwrap_or((why, "`freehold models list` shows those there are"));
            return Finding::problem(check, says, remedy);
        }
    };
    let ModelFacts { name, bytes, .. } = model;
    let size = size(*bytes);
    if let Some(changed) = &model.changed {
        return Finding::problem(
            check,
            changed.clone(),
            format!("`freehold models remove {name}`, then get or add it"),
        );
    }
    if model.fills_in == Some(false) {
        return Finding::problem(
            check,
            format!("`{name}` was not trained to fill in the middle, so it cannot complete code"),
            "`freehold models list` shows those for code; `freehold models use NAME` chooses one",
        );
    }
    let origin = if model.checksum_published {
        "its checksum is the published one"
    } else {
        "its checksum was never published"
    };
    Finding::ok(check, format!("`{name}`, {size}, {origin}"))
}

fn memory(facts: &Facts) -> Finding {
    let check = "memory";
    let (Some(total), Some(free)) = (facts.memory_total_bytes, facts.memory_free_bytes) else {
        return Finding::ok(check, "the system does not say");
    };
    let says = format!("{} free of {}, {} cores", size(free), size(total), facts.cores);
    let Ok(model) = &facts.model else {
        return Finding::ok(check, says);
    };
    let needed = model.bytes + MEMORY_OVERHEAD_BYTES;
    let smaller = "choose a smaller model with `freehold models use NAME`";
    if needed > total {
        return Finding::problem(
            check,
            format!("{says}; `{}` needs {}", model.name, size(needed)),
            smaller,
        );
    }
    // A model that is loaded already has what it needs.
    if needed > free && !facts.engine_runs {
        let remedy = format!("close something, or {smaller}");
        return Finding::warning(
            check,
            format!("{says}; `{}` needs {}", model.name, size(needed)),
            remedy,
        );
    }
    Finding::ok(check, says)
}

fn disk(facts: &Facts) -> Finding {
    let check = "disk";
    match facts.disk_free_bytes {
        None => Finding::ok(check, "the system does not say"),
        Some(free) if free < DISK_FREE_BYTES_MIN => Finding::warning(
            check,
            format!(
                "{} free where the models lie: too little for another one",
                size(free)
            ),
            "remove what you do not need with `freehold models remove NAME`",
        ),
        Some(free) => Finding::ok(check, format!("{} free where the models lie", size(free))),
    }
}

fn engine_process(facts: &Facts) -> Finding {
    let says = if facts.engine_runs {
        "runs"
    } else {
        "does not run; it is started when needed"
    };
    Finding::ok("process", says)
}

fn device(engine: &EngineFacts) -> Finding {
    let EngineFacts {
        model,
        device,
        engine_version,
        context_tokens,
        load_milliseconds,
        ..
    } = engine;
    // A server elsewhere says no more than its address.
    if engine_version.is_empty() {
        return Finding::ok("engine", format!("{device}; `{model}`"));
    }
    let seconds = load_milliseconds / 1000.0;
    Finding::ok(
        "engine",
        format!(
            "{device}, {engine_version}; `{model}` with {context_tokens} tokens of context, ready in {seconds:.1} s"
        ),
    )
}

fn speed(engine: &EngineFacts) -> Finding {
    let check = "speed";
    let speed = match &engine.speed {
        Ok(Some(speed)) => speed,
        Ok(None) => return Finding::ok(check, "not known: this server does not say how long it takes"),
        Err(why) => return Finding::problem(check, why.clone(), "`freehold engine` in a terminal says more"),
    };
    let (prompt, generated) = (speed.prompt_tokens_per_second, speed.generated_tokens_per_second);
    let says = format!("reads {prompt:.0} and writes {generated:.0} tokens per second");
    if prompt < PROMPT_TOKENS_PER_SECOND_MIN || generated < GENERATED_TOKENS_PER_SECOND_MIN {
        let remedy = "choose a smaller model, or close what else keeps the machine busy";
        return Finding::warning(
            check,
            format!("{says}: a suggestion at a new place will take seconds"),
            remedy,
        );
    }
    Finding::ok(check, says)
}

/// A size as people read it.
fn size(bytes: u64) -> String {
    let gigabytes = bytes as f64 / 1e9;
    if gigabytes >= 1.0 {
        format!("{gigabytes:.1} GB")
    } else {
        format!("{:.0} MB", bytes as f64 / 1e6)
    }
}

#[cfg(test)]
mod tests;
