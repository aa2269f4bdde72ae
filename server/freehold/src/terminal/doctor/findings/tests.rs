//! What `freehold doctor` says of healthy and of sick machines.

use std::path::Path;

use expect_test::{Expect, expect};

use super::super::shown;
use super::super::speed::Speed;
use super::*;
use crate::paths::Paths;

fn healthy() -> Facts {
    Facts {
        version: "1.2.3",
        platform: "linux-x86_64".to_owned(),
        build_features: vec!["llama"],
        executable: Ok("/opt/freehold/freehold".into()),
        libraries: Some(vec!["libggml-cpu-zen4.so".to_owned(), "libllama.so.0".to_owned()]),
        cores: 8,
        memory_total_bytes: Some(16_000_000_000),
        memory_free_bytes: Some(9_000_000_000),
        disk_free_bytes: Some(80_000_000_000),
        paths: Paths::within(Path::new("/fh")),
        settings_warnings: Ok(Vec::new()),
        endpoint: None,
        model: Ok(ModelFacts {
            name: "small".to_owned(),
            file: "/fh/models/small.gguf".into(),
            bytes: 491_400_064,
            fills_in: Some(true),
            checksum_published: true,
            changed: None,
        }),
        engine_runs: false,
        engine: Some(Ok(EngineFacts {
            model: "small".to_owned(),
            device: "CPU (zen4), 2 threads".to_owned(),
            engine_version: "llama.cpp b1".to_owned(),
            context_tokens: 4096,
            load_milliseconds: 812.0,
            speed: Ok(Some(Speed {
                prompt_tokens_per_second: 312.4,
                generated_tokens_per_second: 41.6,
            })),
        })),
    }
}

#[test]
fn a_healthy_machine() {
    expect![[r#"
        ok       program   freehold 1.2.3 for linux-x86_64, /opt/freehold/freehold
        ok       build     llama; CPU variants in `lib/`: 1
        ok       folders   models `/fh/models`, log `/fh/state/engine.log`, socket `/fh/run/engine.sock`
        ok       settings  `/fh/config.toml`
        ok       model     `small`, 491 MB, its checksum is the published one
        ok       memory    9.0 GB free of 16.0 GB, 8 cores
        ok       disk      80.0 GB free where the models lie
        ok       process   does not run; it is started when needed
        ok       engine    CPU (zen4), 2 threads, llama.cpp b1; `small` with 4096 tokens of context, ready in 0.8 s
        ok       speed     reads 312 and writes 42 tokens per second
    "#]].assert_eq(&shown(&findings(&healthy()), false));
}

/// Shows only what differs from a healthy machine.
fn check(change: fn(&mut Facts), expected: Expect) {
    let mut facts = healthy();
    change(&mut facts);
    let healthy = findings(&healthy());
    let mut findings = findings(&facts);
    findings.retain(|finding| !healthy.contains(finding));
    expected.assert_eq(&shown(&findings, false));
}

fn small(facts: &mut Facts) -> &mut ModelFacts {
    facts.model.as_mut().expect("a healthy machine has a model")
}

#[test]
fn what_is_wrong_with_the_program() {
    check(
        |facts| facts.build_features.clear(),
        expect![[r#"
        PROBLEM  build  built without llama.cpp, so it cannot run a model itself
                        → build it with the default features, or name a server under `[endpoint]` in the settings
    "#]],
    );
    check(
        |facts| facts.libraries = None,
        expect![[r#"
        warning  build  llama; there is no folder `lib/` beside the program
                        → install Freehold again if no model loads: the program and `lib/` belong together
    "#]],
    );
    check(
        |facts| facts.libraries = Some(Vec::new()),
        expect![[r#"
        PROBLEM  build  the folder `lib/` beside the program has no CPU code in it
                        → install Freehold again: the program and `lib/` belong together
    "#]],
    );
}

#[test]
fn what_is_wrong_with_the_settings() {
    check(
        |facts| facts.settings_warnings = Ok(vec!["`modle` is not a setting".to_owned()]),
        expect![[r#"
            warning  settings  `modle` is not a setting
                               → mend `/fh/config.toml`
        "#]],
    );
    check(
        |facts| facts.settings_warnings = Err("cannot understand it".to_owned()),
        expect![[r#"
            PROBLEM  settings  cannot understand it
                               → mend `/fh/config.toml`
        "#]],
    );
}

#[test]
fn what_is_wrong_with_the_model() {
    check(
        |facts| facts.model = Err("no model is installed; get one".to_owned()),
        expect![[r#"
            PROBLEM  model  no model is installed
                            → get one
        "#]],
    );
    check(
        |facts| small(facts).changed = Some("the file has changed".to_owned()),
        expect![[r#"
            PROBLEM  model  the file has changed
                            → `freehold models remove small`, then get or add it
        "#]],
    );
    check(
        |facts| small(facts).fills_in = Some(false),
        expect![[r#"
        PROBLEM  model  `small` was not trained to fill in the middle, so it cannot complete code
                        → `freehold models list` shows those for code; `freehold models use NAME` chooses one
    "#]],
    );
    check(
        |facts| (small(facts).checksum_published, small(facts).fills_in) = (false, None),
        expect![[r#"
            ok       model  `small`, 491 MB, its checksum was never published
        "#]],
    );
}

#[test]
fn a_server_elsewhere_needs_no_model() {
    check(
        |facts| {
            facts.endpoint = Some("http://127.0.0.1:8080/v1".to_owned());
            facts.model = Err("no model is installed".to_owned());
        },
        expect![[r#"
            ok       endpoint  code is sent to `http://127.0.0.1:8080/v1`, as your settings say
            ok       model     none needed here: no model is installed
        "#]],
    );
}

#[test]
fn what_is_short() {
    check(
        |facts| facts.memory_free_bytes = Some(600_000_000),
        expect![[r#"
        warning  memory  600 MB free of 16.0 GB, 8 cores; `small` needs 1.0 GB
                         → close something, or choose a smaller model with `freehold models use NAME`
    "#]],
    );
    check(
        |facts| (facts.memory_free_bytes, facts.engine_runs) = (Some(600_000_000), true),
        expect![[r#"
            ok       memory   600 MB free of 16.0 GB, 8 cores
            ok       process  runs
        "#]],
    );
    check(
        |facts| facts.memory_total_bytes = Some(800_000_000),
        expect![[r#"
        PROBLEM  memory  9.0 GB free of 800 MB, 8 cores; `small` needs 1.0 GB
                         → choose a smaller model with `freehold models use NAME`
    "#]],
    );
    check(
        |facts| facts.disk_free_bytes = Some(1_000_000),
        expect![[r#"
        warning  disk  1 MB free where the models lie: too little for another one
                       → remove what you do not need with `freehold models remove NAME`
    "#]],
    );
}

#[test]
fn what_is_wrong_with_the_engine() {
    check(
        |facts| facts.engine = Some(Err("the engine process ended at once".to_owned())),
        expect![[r#"
            PROBLEM  engine  the engine process ended at once
                             → read `/fh/state/engine.log`, and `freehold engine` in a terminal says more
        "#]],
    );
    check(
        |facts| {
            if let Some(Ok(engine)) = &mut facts.engine {
                engine.speed = Ok(Some(Speed {
                    prompt_tokens_per_second: 40.0,
                    generated_tokens_per_second: 5.0,
                }));
            }
        },
        expect![[r#"
            warning  speed  reads 40 and writes 5 tokens per second: a suggestion at a new place will take seconds
                            → choose a smaller model, or close what else keeps the machine busy
        "#]],
    );
}

#[test]
fn a_server_elsewhere_says_little() {
    check(
        |facts| {
            if let Some(Ok(engine)) = &mut facts.engine {
                engine.device = "https://models.example.com/v1".to_owned();
                engine.engine_version.clear();
                engine.speed = Ok(None);
            }
        },
        expect![[r#"
            ok       engine  https://models.example.com/v1; `small`
            ok       speed   not known: this server does not say how long it takes
        "#]],
    );
}
