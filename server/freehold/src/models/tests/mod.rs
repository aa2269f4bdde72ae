//! Models got from a hub and a mirror on this machine, added, chosen and removed.

mod commands;
mod mirror;
mod server;

use std::path::Path;

use engine::ModelCard;
use engine::card::MirrorSource;
use engine::catalogue::Catalogue;
use expect_test::{Expect, expect};
use host::{Files as _, Host, MemoryHost};
use sha2::{Digest as _, Sha256};

use super::get::{Sources, get};
use super::hub::Hub;
use super::store::hexadecimal;
use super::{Installed, Store};
use crate::paths::Paths;
use server::{Reply, Server};

/// A GGUF file, as far as anybody here looks.
fn content() -> Vec<u8> {
    let body = (0..50_000_u32).map(|number| (number % 251) as u8);
    b"GGUF\x03\0\0\0".iter().copied().chain(body).collect()
}

fn sha256(content: &[u8]) -> String {
    hexadecimal(&Sha256::digest(content))
}

/// A card of the file that `content` is.
fn card(content: &[u8]) -> ModelCard {
    let mut card = Catalogue::builtin().model.remove(0);
    card.name = "tiny".to_owned();
    card.source.repository = "owner/tiny".to_owned();
    card.source.file = "tiny.gguf".to_owned();
    card.source.mirror = None;
    card.bytes = Some(content.len() as u64);
    card.sha256 = Some(sha256(content));
    card
}

fn with_mirror(mut card: ModelCard, parts: u32) -> ModelCard {
    let package_prefix = "tiny-part".to_owned();
    card.source.mirror = Some(MirrorSource {
        package_prefix,
        version: "1.0".to_owned(),
        parts,
    });
    card
}

fn store<'a>(host: &'a dyn Host, home: &Path, card: &ModelCard) -> Store<'a> {
    let mut catalogue = Catalogue::builtin();
    catalogue.model = vec![card.clone()];
    Store::new(host, &Paths::within(home)).with_catalogue(catalogue)
}

/// Gets `card` from the hub at `base`, in memory.
fn try_get(host: &MemoryHost, card: &ModelCard, base: &str) -> anyhow::Result<Installed> {
    let store = store(host, Path::new("/home"), card);
    let sources = Sources {
        hub: Hub::impatient(base),
        pip: None,
    };
    get(host, &store, card, &sources, &mut |_| {})
}

/// Gets a card and compares what lies in the models folder, or the error.
fn check(host: &MemoryHost, card: &ModelCard, server: &Server, expected: Expect) {
    let answer = match try_get(host, card, &server.base()) {
        Ok(installed) => {
            assert_eq!(host.read(&installed.file).expect("there"), content());
            format!("{}\n{}", names(host), server.requests().join("\n"))
        }
        Err(error) => {
            let text = format!("{error:#}").replace(&server.base(), "HUB");
            format!("{text}\n{}\n{}", names(host), server.requests().join("\n"))
        }
    };
    expected.assert_eq(&answer);
}

fn names(host: &dyn Host) -> String {
    let entries = host.list(Path::new("/home/models")).unwrap_or_default();
    entries
        .into_iter()
        .map(|entry| entry.name)
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn a_model_comes_from_the_hub() {
    let server = Server::new(content(), &[Reply::File]);
    check(
        &MemoryHost::new(),
        &card(&content()),
        &server,
        expect![[r#"
        .tiny.lock tiny.gguf tiny.toml
        /owner/tiny/resolve/main/tiny.gguf"#]],
    );
}

#[test]
fn a_model_that_is_there_is_not_got_again() {
    let host = MemoryHost::new();
    let server = Server::new(content(), &[Reply::File]);
    let first = try_get(&host, &card(&content()), &server.base()).expect("got");
    let second = try_get(&host, &card(&content()), &server.base()).expect("there already");
    assert_eq!(first, second);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_broken_connection_is_taken_up_where_it_broke() {
    let server = Server::new(
        content(),
        &[Reply::Breaks(20_000), Reply::Breaks(10), Reply::File],
    );
    check(
        &MemoryHost::new(),
        &card(&content()),
        &server,
        expect![[r#"
            .tiny.lock tiny.gguf tiny.toml
            /owner/tiny/resolve/main/tiny.gguf
            /owner/tiny/resolve/main/tiny.gguf from 20000
            /owner/tiny/resolve/main/tiny.gguf from 20010"#]],
    );
}

#[test]
fn a_hub_without_ranges_sends_all_of_it_again() {
    let server = Server::new(content(), &[Reply::Breaks(20_000), Reply::WithoutRanges]);
    check(
        &MemoryHost::new(),
        &card(&content()),
        &server,
        expect![[r#"
            .tiny.lock tiny.gguf tiny.toml
            /owner/tiny/resolve/main/tiny.gguf
            /owner/tiny/resolve/main/tiny.gguf from 20000"#]],
    );
}

#[test]
fn another_run_goes_on_where_the_first_ended() {
    let host = MemoryHost::new();
    let broken = Server::new(content(), &[Reply::Breaks(20_000), Reply::Status(503)]);
    check(
        &host,
        &card(&content()),
        &broken,
        expect![[r#"
            the download broke off; run the same command again to go on where it ended: `127.0.0.1` answers 503 Service Unavailable
            .tiny.lock tiny.gguf.part tiny.gguf.part.toml
            /owner/tiny/resolve/main/tiny.gguf
            /owner/tiny/resolve/main/tiny.gguf from 20000
            /owner/tiny/resolve/main/tiny.gguf from 20000
            /owner/tiny/resolve/main/tiny.gguf from 20000
            /owner/tiny/resolve/main/tiny.gguf from 20000
            /owner/tiny/resolve/main/tiny.gguf from 20000"#]],
    );
    let mended = Server::new(content(), &[Reply::File]);
    check(
        &host,
        &card(&content()),
        &mended,
        expect![[r#"
            .tiny.lock tiny.gguf tiny.toml
            /owner/tiny/resolve/main/tiny.gguf from 20000"#]],
    );
}

#[test]
fn a_file_that_came_whole_but_was_not_put_in_place_is_not_got_again() {
    let host = MemoryHost::new();
    let broken = Server::new(
        content(),
        &[Reply::Breaks(content().len() - 1), Reply::Status(503)],
    );
    try_get(&host, &card(&content()), &broken.base()).expect_err("one byte is missing");
    let path = Path::new("/home/models/tiny.gguf.part");
    let mut part = host.open_append(path).expect("there");
    part.write_all(&content()[content().len() - 1..])
        .expect("written");
    let server = Server::new(content(), &[Reply::File]);
    check(
        &host,
        &card(&content()),
        &server,
        expect![[r#"
            .tiny.lock tiny.gguf tiny.toml
            /owner/tiny/resolve/main/tiny.gguf from 50008"#]],
    );
}

#[test]
fn a_wrong_file_is_removed() {
    let mut wrong = content();
    wrong[30_000] ^= 1;
    let server = Server::new(wrong, &[Reply::File]);
    check(
        &MemoryHost::new(),
        &card(&content()),
        &server,
        expect![[r#"
            what was downloaded is not model `tiny`: its checksum is cf113d3f9556123dbc6c218ce43925d6e24b3faac672ffc6f71ae4aa837c7cba and should be 4304955fc7c6cf86144939fc1bc5780052b2242e8963aa2d94a2d96d0d232831; it was removed, nothing was changed
            .tiny.lock
            /owner/tiny/resolve/main/tiny.gguf"#]],
    );
}

#[test]
fn a_file_of_the_wrong_size_is_not_begun() {
    let server = Server::new(content()[..1000].to_vec(), &[Reply::File]);
    check(
        &MemoryHost::new(),
        &card(&content()),
        &server,
        expect![[r#"
            the model hub offers 1000 bytes where Freehold knows of 50008
            .tiny.lock tiny.gguf.part.toml
            /owner/tiny/resolve/main/tiny.gguf"#]],
    );
}

#[test]
fn a_hub_that_knows_another_checksum_is_not_believed() {
    let server = Server::new(content(), &[Reply::Redirect("a".repeat(64)), Reply::File]);
    check(
        &MemoryHost::new(),
        &card(&content()),
        &server,
        expect![[r#"
        the model hub now has another file than the one Freehold knows; nothing was downloaded
        .tiny.lock tiny.gguf.part.toml
        /owner/tiny/resolve/main/tiny.gguf
        /stored"#]],
    );
}

#[test]
fn where_the_catalogue_knows_no_checksum_the_hub_says_it() {
    let mut card = card(&content());
    (card.sha256, card.bytes) = (None, None);
    let server = Server::new(content(), &[Reply::Redirect(sha256(&content())), Reply::File]);
    check(
        &MemoryHost::new(),
        &card,
        &server,
        expect![[r#"
        .tiny.lock tiny.gguf tiny.toml
        /owner/tiny/resolve/main/tiny.gguf
        /stored"#]],
    );
    let server = Server::new(content(), &[Reply::Redirect("b".repeat(64)), Reply::File]);
    check(
        &MemoryHost::new(),
        &card,
        &server,
        expect![[r#"
            what was downloaded is not model `tiny`: its checksum is 4304955fc7c6cf86144939fc1bc5780052b2242e8963aa2d94a2d96d0d232831 and should be bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb; it was removed, nothing was changed
            .tiny.lock
            /owner/tiny/resolve/main/tiny.gguf
            /stored"#]],
    );
}

#[test]
fn where_nobody_knows_a_checksum_the_file_must_be_a_model() {
    let mut card = card(&content());
    (card.sha256, card.bytes) = (None, None);
    let server = Server::new(b"<html>please log in</html>".to_vec(), &[Reply::File]);
    check(
        &MemoryHost::new(),
        &card,
        &server,
        expect![[r#"
        what was downloaded is not model `tiny`: `/home/models/tiny.gguf.part` is not a GGUF file; it was removed, nothing was changed
        .tiny.lock
        /owner/tiny/resolve/main/tiny.gguf"#]],
    );
}

#[test]
fn a_hub_that_does_not_give_the_file_is_named() {
    for (status, expected) in [
        (
            404,
            expect![
                "cannot download model `tiny`; if you have the file already, `freehold models add FILE` takes it: `127.0.0.1` has no such file (404 Not Found)"
            ],
        ),
        (
            401,
            expect![
                "cannot download model `tiny`; if you have the file already, `freehold models add FILE` takes it: `127.0.0.1` does not give the file to everybody (401 Unauthorized); its makers may want you to accept their terms on its page first: download it there and use `freehold models add FILE`"
            ],
        ),
        (
            500,
            expect![
                "cannot download model `tiny`; if you have the file already, `freehold models add FILE` takes it: `127.0.0.1` answers 500 Internal Server Error"
            ],
        ),
    ] {
        let server = Server::new(content(), &[Reply::Status(status)]);
        let error = try_get(&MemoryHost::new(), &card(&content()), &server.base()).expect_err("refused");
        expected.assert_eq(&format!("{error:#}").replace("http://", ""));
    }
}

#[test]
fn a_full_disk_is_seen_before_anything_is_asked_for() {
    let host = MemoryHost::new();
    host.set_free_bytes(100_000);
    let server = Server::new(content(), &[Reply::File]);
    check(
        &host,
        &card(&content()),
        &server,
        expect![[r#"
            the disk of `/home/models` has less than 1 MB free, and 268 MB more are needed; make room, or set FREEHOLD_HOME to a folder on another disk
            .tiny.lock tiny.gguf.part.toml
        "#]],
    );
}

#[test]
fn two_programs_do_not_get_the_same_model_at_once() {
    let host = MemoryHost::new();
    host.create_folder(Path::new("/home/models")).expect("made");
    let _held = host
        .try_lock(Path::new("/home/models/.tiny.lock"))
        .expect("locks work")
        .expect("free");
    let server = Server::new(content(), &[Reply::File]);
    check(
        &host,
        &card(&content()),
        &server,
        expect![[r#"
        another program is getting model `tiny` just now
        .tiny.lock
    "#]],
    );
}

#[test]
fn whatever_write_fails_the_next_run_ends_with_the_right_file() {
    let server = Server::new(content(), &[Reply::File]);
    let card = card(&content());
    let mut failures = 0;
    for n in 1.. {
        let host = MemoryHost::new();
        host.fail_from_write(Some(n));
        let first = try_get(&host, &card, &server.base());
        host.fail_from_write(None);
        failures += u32::from(first.is_err());
        let installed = try_get(&host, &card, &server.base()).expect("the disk is back");
        assert_eq!(
            host.read(&installed.file).expect("there"),
            content(),
            "after failure at write {n}"
        );
        assert_eq!(
            names(&host),
            ".tiny.lock tiny.gguf tiny.toml",
            "after failure at write {n}"
        );
        if first.is_ok() {
            break;
        }
    }
    assert!(
        failures >= 6,
        "the folder, the state, the file, its content, its place and its record"
    );
}
