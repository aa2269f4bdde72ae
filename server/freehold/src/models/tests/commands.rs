//! Models added, chosen, listed and removed.

use std::time::Duration;

use expect_test::expect;

use super::super::list::{lines, table};
use super::super::{Commands, add, introduction};
use super::*;
use crate::settings;

/// A home with the file `/downloads/my model.gguf`, and the catalogue of one card that it is.
fn home() -> MemoryHost {
    let host = MemoryHost::new();
    host.create_folder(Path::new("/downloads")).expect("made");
    host.write_atomic(Path::new("/downloads/my model.gguf"), &content())
        .expect("written");
    host
}

fn commands(host: &MemoryHost) -> Commands<'_> {
    let store = store(host, Path::new("/home"), &card(&content()));
    Commands {
        host,
        store,
        paths: Paths::within(Path::new("/home")),
    }
}

fn chosen(host: &MemoryHost) -> Option<String> {
    settings::load(host, Path::new("/home/config.toml"))
        .expect("readable")
        .settings
        .model
}

fn file() -> &'static Path {
    Path::new("/downloads/my model.gguf")
}

#[test]
fn a_known_file_gets_the_name_of_the_catalogue() {
    let host = home();
    let installed = add(&host, &commands(&host).store, file(), None).expect("added");
    assert_eq!(
        (installed.name.as_str(), installed.record.catalogue.as_deref()),
        ("tiny", Some("tiny"))
    );
    assert_eq!(installed.record.sha256, sha256(&content()));
    assert_eq!(installed.card, Some(card(&content())));
}

#[test]
fn an_unknown_file_needs_a_name_that_can_be_typed() {
    let host = home();
    let mut other = content();
    other.push(0);
    host.write_atomic(file(), &other).expect("written");
    let store = commands(&host).store;
    let error = add(&host, &store, file(), None).expect_err("a space");
    expect!["give it another name with `--name`: `my model` cannot be the name of a model: letters, digits, `.`, `_` and `-`, with a letter or digit first"].assert_eq(&format!("{error:#}"));
    add(&host, &store, file(), Some("../escape")).expect_err("outside the folder");
    let installed = add(&host, &store, file(), Some("mine")).expect("added");
    assert_eq!((installed.name.as_str(), installed.card), ("mine", None));
    let error = add(&host, &store, file(), Some("mine")).expect_err("taken");
    expect!["there is a model `mine` already; remove it first, or give this one another name with `--name`"]
        .assert_eq(&format!("{error:#}"));
}

#[test]
fn what_is_no_model_is_not_added() {
    let host = home();
    let store = commands(&host).store;
    for (content, expected) in [
        (
            b"PK\x03\x04....".as_slice(),
            expect!["`/downloads/my model.gguf` is not a GGUF file"],
        ),
        (
            b"GGUF",
            expect!["`/downloads/my model.gguf` is a GGUF file of a version that is not known here"],
        ),
        (
            b"GGUF\x09\0\0\0",
            expect!["`/downloads/my model.gguf` is a GGUF file of a version that is not known here"],
        ),
    ] {
        host.write_atomic(file(), content).expect("written");
        expected.assert_eq(&format!(
            "{:#}",
            add(&host, &store, file(), None).expect_err("refused")
        ));
    }
    add(&host, &store, Path::new("/downloads/none"), None).expect_err("not there");
    assert_eq!(names(&host), "");
}

#[test]
fn the_first_model_is_chosen_and_a_removed_one_is_not() {
    let host = home();
    let commands = commands(&host);
    commands.add(file(), None).expect("added");
    assert_eq!(chosen(&host), Some("tiny".to_owned()));
    commands.add(file(), Some("other")).expect("added");
    assert_eq!(
        chosen(&host),
        Some("tiny".to_owned()),
        "the second is not chosen by itself"
    );
    commands.choose("other").expect("chosen");
    assert_eq!(chosen(&host), Some("other".to_owned()));
    commands.remove("other").expect("removed");
    assert_eq!(chosen(&host), None);
    assert_eq!(names(&host), "tiny.gguf tiny.toml");
    expect!["model `other` is not installed"]
        .assert_eq(&format!("{:#}", commands.remove("other").expect_err("gone")));
    expect!["there is no model `other`; `freehold models list` shows those there are"]
        .assert_eq(&format!("{:#}", commands.choose("other").expect_err("gone")));
    assert!(host.exists(file()), "the user's own file stays");
}

#[test]
fn the_model_that_completes_is_the_chosen_one_or_the_only_one() {
    let host = home();
    let commands = commands(&host);
    let ask = || {
        let settings = commands.settings().expect("readable");
        commands.store.chosen(&settings).map(|installed| installed.name)
    };
    expect!["no model is installed; `freehold models list` shows those there are, and `freehold models get qwen2.5-coder-0.5b` downloads the smallest"].assert_eq(&format!("{:#}", ask().expect_err("none installed")));
    add(&host, &commands.store, file(), None).expect("added");
    assert_eq!(ask().expect("the only one"), "tiny");
    add(&host, &commands.store, file(), Some("other")).expect("added");
    expect!["no model is chosen; `freehold models use NAME` chooses one"]
        .assert_eq(&format!("{:#}", ask().expect_err("two")));
    commands.choose("tiny").expect("chosen");
    assert_eq!(ask().expect("the chosen one"), "tiny");
    commands.store.remove("tiny").expect("removed");
    expect!["model `tiny` is not installed; `freehold models get tiny` downloads it"]
        .assert_eq(&format!("{:#}", ask().expect_err("the chosen one is gone")));
}

#[test]
fn a_file_that_changed_is_not_used() {
    let host = home();
    let store = commands(&host).store;
    let installed = add(&host, &store, file(), None).expect("added");
    store.verify(&installed).expect("as it was");
    host.advance(Duration::from_secs(1));
    host.write_atomic(&installed.file, &content()).expect("written");
    store.verify(&installed).expect("only its time changed");
    let again = store.require("tiny").expect("there");
    assert_ne!(
        again.record.modified, installed.record.modified,
        "the next check is cheap again"
    );
    let mut other = content();
    other[100] ^= 1;
    host.advance(Duration::from_secs(1));
    host.write_atomic(&installed.file, &other).expect("written");
    expect!["the file of model `tiny` has changed since it was checked; remove it with `freehold models remove tiny` and get or add it again"].assert_eq(&format!("{:#}", store.verify(&again).expect_err("changed")));
}

#[test]
fn the_list_shows_what_is_there_and_what_can_be_had() {
    let host = home();
    let commands = commands(&host);
    let cards: Vec<ModelCard> = [
        "qwen2.5-coder-0.5b",
        "qwen2.5-coder-3b",
        "qwen3-coder-30b-a3b",
        "gpt-oss-20b",
    ]
    .iter()
    .map(|name| Catalogue::builtin().card(name).cloned().expect("known"))
    .collect();
    commands.add(file(), Some("mine")).expect("added");
    let lines = lines(&cards, &commands.store.installed().expect("listed"), Some("mine"));
    expect![[r#"
        NAME                 STATE   PARAMETERS            SIZE            FOR   LICENCE
        qwen2.5-coder-0.5b   -       0.49 B                491 MB          code  Apache-2.0
        qwen2.5-coder-3b     -       3.09 B                2.1 GB          code  Qwen Research License, NON-COMMERCIAL
        qwen3-coder-30b-a3b  -       30.5 B, 3.3 B active  18.6 GB         code  Apache-2.0
        gpt-oss-20b          -       20.9 B, 3.6 B active  12.1 GB         chat  Apache-2.0
        mine                 chosen  0.49 B                less than 1 MB  code  Apache-2.0
    "#]].assert_eq(&table(&lines));
    let json = serde_json::to_value(&lines[1]).expect("serialisable");
    assert_eq!(json["licence"]["commercial_use"], serde_json::json!(false));
    assert_eq!(json["installed"], serde_json::json!(false));
}

#[test]
fn the_licence_is_said_first_and_loudly_where_it_forbids_commerce() {
    let catalogue = Catalogue::builtin();
    expect![[r#"
        Licence: Apache-2.0
        Model:   Qwen2.5-Coder 0.5B Instruct, 491 MB
    "#]]
    .assert_eq(&introduction(
        catalogue.card("qwen2.5-coder-0.5b").expect("known"),
    ));
    expect![[r#"
        Licence: Qwen Research License
                 NOT FOR COMMERCIAL USE.
                 It permits research and evaluation only; the other sizes are Apache-2.0.
        Model:   Qwen2.5-Coder 3B Instruct, 2.1 GB
    "#]]
    .assert_eq(&introduction(catalogue.card("qwen2.5-coder-3b").expect("known")));
}
