//! Settings files, read and changed.

use std::path::Path;

use expect_test::{Expect, expect, expect_file};
use host::MemoryHost;

use super::*;

fn check(text: &str, expected: Expect) {
    let answer = match parse(text, Path::new("/c.toml")) {
        Ok(loaded) => format!("{loaded:#?}"),
        Err(error) => format!("{error:#}"),
    };
    expected.assert_eq(&answer);
}

fn check_edit(text: &str, key: &str, value: Option<&str>, expected: Expect) {
    let value = value.map(toml_edit::Value::from);
    let answer = match edit(text, Path::new("/c.toml"), key, value) {
        Ok(edited) => edited,
        Err(error) => format!("{error:#}"),
    };
    expected.assert_eq(&answer);
}

#[test]
fn a_missing_file_gives_the_defaults() {
    let loaded = load(&MemoryHost::new(), Path::new("/c.toml")).expect("no file is no error");
    assert_eq!(loaded, Loaded::default());
}

#[test]
fn what_is_set_replaces_the_default() {
    check(
        "model = 'x'\n[engine]\nthreads = 2\nidle_minutes = 0\n[endpoint]\nurl = 'http://127.0.0.1:1/v1'\n[completion]\nautomatic = false\n",
        expect![[r#"
            Loaded {
                settings: Settings {
                    model: Some(
                        "x",
                    ),
                    engine: EngineSettings {
                        context_tokens: 8192,
                        threads: Some(
                            2,
                        ),
                        idle_minutes: 0,
                        keep_prompts: true,
                    },
                    endpoint: Some(
                        EndpointSettings {
                            url: "http://127.0.0.1:1/v1",
                            model: None,
                            infill_format: None,
                            api_key_variable: None,
                        },
                    ),
                    completion: CompletionSettings {
                        automatic: false,
                        prompt_tokens_max: 1536,
                        suggestion_tokens_max: 128,
                        alternatives: 3,
                        prefetch: true,
                        exclude: [],
                        scopes_off: [],
                        keep_texts: false,
                    },
                    audit: AuditSettings {
                        completions: true,
                    },
                    review: ReviewSettings {
                        command_seconds_max: 600,
                        undo_mebibytes_max: 1024,
                        undo_days_max: 90,
                    },
                },
                warnings: [],
            }"#]],
    );
}

#[test]
fn unknown_keys_warn_with_the_nearest_known_one() {
    let text = "modle = 'x'\ntheme = 'dark'\ncontext_tokens = 1\n[engine]\nthread = 2\n[endpoint]\nmodel = 'm'\n[engin]\nx = 1\n";
    let loaded = parse(text, Path::new("/c.toml")).expect("warnings only");
    expect![[r#"
        `context_tokens` in `/c.toml` is not a setting; did you mean `engine.context_tokens`?
        `engin` in `/c.toml` is not a setting; did you mean `engine`?
        `engine.thread` in `/c.toml` is not a setting; did you mean `engine.threads`?
        `modle` in `/c.toml` is not a setting; did you mean `model`?
        `theme` in `/c.toml` is not a setting
        `endpoint` in `/c.toml` has no `url`, so it is not used"#]]
    .assert_eq(&loaded.warnings.join("\n"));
    assert_eq!(loaded.settings, Settings::default());
}

#[test]
fn values_that_a_key_cannot_have_are_errors() {
    check(
        "[engine]\nthreads = 0\n",
        expect!["`engine.threads` in `/c.toml` is `0`; it must be a whole number from 1 to 1024"],
    );
    check(
        "[engine]\ncontext_tokens = 'many'\n",
        expect![[
            r#"`engine.context_tokens` in `/c.toml` is `"many"`; it must be a whole number from 512 to 1048576"#
        ]],
    );
    check(
        "model = ''\n",
        expect![[r#"`model` in `/c.toml` is `""`; it must be text that is not empty"#]],
    );
    check(
        "engine = 3\n",
        expect!["`engine` in `/c.toml` is `3`; it must be a section: `[engine]`"],
    );
    check(
        "[model]\nname = 'x'\n",
        expect!["`model` in `/c.toml` is a section; it must be text that is not empty"],
    );
    check(
        "[completion]\nautomatic = 1\n",
        expect!["`completion.automatic` in `/c.toml` is `1`; it must be `true` or `false`"],
    );
    check(
        "[engine\n",
        expect![[r#"
        cannot understand `/c.toml`: TOML parse error at line 1, column 8
          |
        1 | [engine
          |        ^
        unclosed table, expected `]`
    "#]],
    );
}

#[test]
fn changing_one_key_keeps_the_rest_of_the_file() {
    let text = "# mine\nmodel = 'a' # best\n\n[engine] # slow machine\nthreads = 2\n";
    check_edit(
        text,
        "model",
        Some("b"),
        expect![[r##"
        # mine
        model = "b" # best

        [engine] # slow machine
        threads = 2
    "##]],
    );
    check_edit(
        text,
        "model",
        None,
        expect![[r#"

            [engine] # slow machine
            threads = 2
            # mine
        "#]],
    );
    check_edit(
        text,
        "endpoint.model",
        Some("m"),
        expect![[r##"
        # mine
        model = 'a' # best

        [engine] # slow machine
        threads = 2

        [endpoint]
        model = "m"
    "##]],
    );
    check_edit(
        "[engine]\nthreads = 2\n",
        "model",
        Some("b"),
        expect![[r#"
        model = "b"
        [engine]
        threads = 2
    "#]],
    );
    check_edit("", "endpoint.url", None, expect![""]);
}

#[test]
fn a_change_that_cannot_stand_is_refused() {
    check_edit(
        "",
        "modle",
        Some("b"),
        expect!["`modle` is not a setting; did you mean `model`?"],
    );
    check_edit(
        "",
        "engine.threads",
        Some("two"),
        expect![[r#"`engine.threads` in `/c.toml` is `"two"`; it must be a whole number from 1 to 1024"#]],
    );
    check_edit(
        "engine = 3",
        "engine.threads",
        None,
        expect!["`engine` in `/c.toml` is not a section"],
    );
}

#[test]
fn a_failed_write_leaves_the_file_as_it_was() {
    let host = MemoryHost::new();
    let file = Path::new("/config/freehold/config.toml");
    write(&host, file, "model", Some("a".into())).expect("the folder is made");
    host.fail_from_write(Some(1));
    write(&host, file, "model", Some("b".into())).expect_err("the disk has gone away");
    assert_eq!(host.read_text(file).expect("readable"), "model = \"a\"\n");
}

#[test]
fn the_table_names_every_setting_and_no_other() {
    let full = Given {
        model: Some("m".to_owned()),
        engine: GivenEngine {
            context_tokens: Some(512),
            threads: Some(1),
            idle_minutes: Some(0),
            keep_prompts: Some(false),
        },
        endpoint: GivenEndpoint {
            url: Some("u".to_owned()),
            model: Some("m".to_owned()),
            infill_format: Some("f".to_owned()),
            api_key_variable: Some("v".to_owned()),
        },
        completion: GivenCompletion {
            automatic: Some(true),
            prompt_tokens_max: Some(64),
            suggestion_tokens_max: Some(1),
            alternatives: Some(1),
            prefetch: Some(true),
            exclude: vec!["x".to_owned()],
            scopes_off: vec!["strings".to_owned()],
            keep_texts: Some(true),
        },
        audit: GivenAudit {
            completions: Some(true),
        },
        review: GivenReview {
            command_seconds_max: Some(1),
            undo_mebibytes_max: Some(1),
            undo_days_max: Some(1),
        },
    };
    let table = toml::Table::try_from(&full).expect("serialisable");
    let mut names = Vec::new();
    for (name, value) in &table {
        match value {
            toml::Value::Table(section) => names.extend(section.keys().map(|leaf| format!("{name}.{leaf}"))),
            _ => names.push(name.clone()),
        }
    }
    names.sort();
    let mut known: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
    known.sort_unstable();
    assert_eq!(names, known);
}

#[test]
fn the_reference_page_and_the_schema_are_current() {
    expect_file!["../../../docs/settings.md"].assert_eq(&reference::reference());
    let schema = serde_json::to_string_pretty(&reference::schema_of_file()).expect("serialisable");
    expect_file!["../../../docs/settings.schema.json"].assert_eq(&(schema + "\n"));
}

#[test]
fn every_format_is_named_where_one_is_chosen() {
    let key = KEYS.iter().find(|key| key.name == "endpoint.infill_format");
    let description = key.expect("a setting").description;
    for name in engine::catalogue::Catalogue::builtin().fim.keys() {
        assert!(description.contains(&format!("`{name}`")), "{name}");
    }
}
