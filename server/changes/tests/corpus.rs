//! Files in odd encodings, with odd line ends, byte-order marks, missing final line ends and modes: not a
//! byte changes outside the kept hunks. And how long it takes where there is much to decide.
//!
//! `FREEHOLD_FILES` says how many files are made:
//! `FREEHOLD_FILES=10000 cargo test --release -p changes --test corpus -- --nocapture`.

use std::path::{Path, PathBuf};

use changes::{
    About, Authority, ChangeInfo, Content, Decision, Live, Plan, Proposal, ProposedFile, Review, Store,
    WorkspacePath, Writer, patch,
};
use host::{Clock, Environment, Files, MemoryHost, RealHost, Trees};

const FILES: usize = 500;

/// A small generator of random numbers: the same everywhere, for ever.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % bound as u64) as usize
    }

    fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}

/// How a file is written, and how a patch for it is.
#[derive(Clone, Copy)]
enum Writing {
    Utf8,
    Latin1,
    Utf16(fn(u16) -> [u8; 2]),
}

struct OddFile {
    writing: Writing,
    mark: &'static [u8],
    lines: Vec<String>,
    mode: u32,
}

impl OddFile {
    fn new(random: &mut Random) -> Self {
        let kinds: [(Writing, &[u8]); 5] = [
            (Writing::Utf8, b""),
            (Writing::Utf8, b"\xef\xbb\xbf"),
            (Writing::Latin1, b""),
            (Writing::Utf16(u16::to_le_bytes), b"\xff\xfe"),
            (Writing::Utf16(u16::to_be_bytes), b"\xfe\xff"),
        ];
        let (writing, mark) = *random.pick(&kinds);
        let all_ends: [&[&str]; 4] = [&["\n"], &["\r\n"], &["\n", "\r\n"], &["\n", "\r\r\n", "\u{b}\n"]];
        let ends = *random.pick(&all_ends);
        // Numbered, so that no line can be taken for another.
        let mut lines: Vec<String> = (0..2 + random.below(30))
            .map(|index| format!("{}{index}{}", word(random), random.pick(ends)))
            .collect();
        if let Writing::Latin1 = writing {
            // Something that is not UTF-8, or it would be.
            lines[0] = format!("\u{e9} {}", lines[0]);
        }
        if random.below(3) == 0 {
            let last = lines.last_mut().expect("there are lines");
            *last = format!("{}x", last.trim_end());
        }
        Self {
            writing,
            mark,
            lines,
            mode: *random.pick(&[0o644, 0o755, 0o600, 0o444, 0o4755]),
        }
    }

    fn encode(&self, text: &str) -> Vec<u8> {
        match self.writing {
            Writing::Utf8 => text.as_bytes().to_vec(),
            Writing::Latin1 => text
                .chars()
                .map(|character| u8::try_from(character).expect("in Latin-1"))
                .collect(),
            Writing::Utf16(bytes) => text.encode_utf16().flat_map(bytes).collect(),
        }
    }

    fn bytes(&self, lines: &[String]) -> Vec<u8> {
        [self.mark, &self.encode(&lines.concat())].concat()
    }

    /// The line as a patch shows it.
    fn in_patch(&self, line: &str, marker: u8) -> Vec<u8> {
        let text = match self.writing {
            Writing::Latin1 => self.encode(line),
            Writing::Utf8 | Writing::Utf16(_) => line.as_bytes().to_vec(),
        };
        let end: &[u8] = if line.ends_with('\n') {
            b""
        } else {
            b"\n\\ No newline at end of file\n"
        };
        [&[marker], &*text, end].concat()
    }
}

fn word(random: &mut Random) -> String {
    let letters = [
        "a", "b", " ", "\t", "é", "ü", "{", "-", "+", "@@", "\\", "\u{a0}", "",
    ];
    (0..random.below(8)).map(|_| *random.pick(&letters)).collect()
}

#[test]
fn not_a_byte_changes_outside_the_kept_hunks() {
    let host = RealHost::new();
    let count = host
        .variable("FREEHOLD_FILES")
        .and_then(|text| text.parse().ok())
        .unwrap_or(FILES);
    let mut random = Random(1);
    let (mut kept, mut dropped) = (0, 0);
    for number in 0..count {
        let file = OddFile::new(&mut random);
        // Every other line at most, so that each changed line is a hunk of its own.
        let changed: Vec<usize> = (0..file.lines.len())
            .step_by(2)
            .filter(|_| random.below(3) == 0)
            .collect();
        let mut diff = b"--- a/file\n+++ b/file\n".to_vec();
        let mut expected = file.lines.clone();
        let mut wanted = Vec::new();
        for &index in &changed {
            let old = &file.lines[index];
            let end = &old[old.trim_end_matches(['\r', '\n', '\u{b}']).len()..];
            let new = format!("changed {index}{end}");
            diff.extend(format!("@@ -{0} +{0} @@\n", index + 1).bytes());
            diff.extend(file.in_patch(old, b'-'));
            diff.extend(file.in_patch(&new, b'+'));
            wanted.push(random.below(2) == 0);
            if wanted.last() == Some(&true) {
                expected[index] = new;
            }
        }
        if changed.is_empty() {
            continue;
        }
        let result = apply(&file, &diff, &wanted).unwrap_or_else(|error| panic!("file {number}: {error}"));
        assert_eq!(result, (file.bytes(&expected), file.mode), "file {number}");
        kept += wanted.iter().filter(|wanted| **wanted).count();
        dropped += wanted.iter().filter(|wanted| !**wanted).count();
    }
    println!("{count} files: {kept} hunks kept, {dropped} dropped");
    assert!(kept > count / 2 && dropped > count / 2);
}

/// Puts a patch up for a file, keeps the wanted hunks and writes them; gives what the file is then.
fn apply(file: &OddFile, diff: &[u8], wanted: &[bool]) -> Result<(Vec<u8>, u32), String> {
    let said = |error: &dyn std::error::Error| error.to_string();
    let memory = MemoryHost::new();
    memory
        .create_folder(Path::new("/project"))
        .map_err(|error| said(&error))?;
    let tree = memory
        .open_tree(Path::new("/project"))
        .map_err(|error| said(&error))?;
    tree.write_new("file", &file.bytes(&file.lines), file.mode, None)
        .map_err(|error| said(&error))?;
    let writer = Writer::new(&memory, &*tree, PathBuf::from("/state"));
    let patches = patch::parse(diff).map_err(|error| said(&error))?;
    let mut review = Review::default();
    let info = ChangeInfo {
        title: String::new(),
        origin: String::new(),
        ..ChangeInfo::default()
    };
    review
        .propose_patch(info, &patches, |path| {
            writer.live_on_disk(path).expect("it can be read")
        })
        .map_err(|error| said(&error))?;
    let shown: Vec<_> = review.hunks().map(|view| (view.id, view.digest)).collect();
    if shown.len() != wanted.len() {
        return Err(format!(
            "{} hunks for {} changed lines",
            shown.len(),
            wanted.len()
        ));
    }
    for ((id, digest), wanted) in shown.into_iter().zip(wanted) {
        let decision = if *wanted { Decision::Keep } else { Decision::Drop };
        review
            .decide(id, decision, digest)
            .map_err(|error| said(&error))?;
    }
    let plan = review.plan().map_err(|error| said(&error))?;
    writer
        .apply(plan.writes(), About::default())
        .map_err(|error| said(&error))?;
    let mode = tree
        .look("file")
        .map_err(|error| said(&error))?
        .ok_or("the file is gone")?
        .mode;
    Ok((tree.read("file").map_err(|error| said(&error))?, mode))
}

fn path(text: &str) -> WorkspacePath {
    WorkspacePath::parse(text).expect("a plain path")
}

fn live(text: &str) -> Live {
    Live {
        authority: Authority::Disk,
        file: Some((Content::new_text(text), 0o644)),
    }
}

fn percentile_95(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() * 95 / 100]
}

fn source(lines: usize, seed: usize) -> String {
    (0..lines)
        .map(|line| format!("    let value_{line} = compute({seed}, {line});\n"))
        .collect()
}

#[test]
fn deciding_one_of_five_hundred_hunks() {
    let host = RealHost::new();
    let mut review = Review::default();
    let change = |text: &str| {
        (0..5).fold(text.to_owned(), |text, part| {
            text.replace(&format!("_{}0 ", part * 9 + 1), "_new ")
        })
    };
    let texts: Vec<String> = (0..100).map(|file| source(500, file)).collect();
    let files = texts.iter().enumerate().map(|(number, text)| ProposedFile {
        path: path(&format!("src/file{number:03}.rs")),
        seen: Some(Content::new_text(text)),
        content: Some(Content::new_text(&change(text))),
        rename: None,
        mode: None,
    });
    let info = ChangeInfo {
        title: String::new(),
        origin: String::new(),
        ..ChangeInfo::default()
    };
    let proposal = Proposal {
        info,
        files: files.collect(),
    };
    let number = |path: &WorkspacePath| path.as_str()[8..11].parse::<usize>().expect("a number");
    review
        .propose(proposal, |path| live(&texts[number(path)]))
        .expect("proposed");
    let ids: Vec<_> = review.hunks().map(|view| view.id).collect();
    assert_eq!(ids.len(), 500);
    let mut times = Vec::new();
    for id in ids {
        let digest = review.hunk(id).expect("it waits").digest;
        let start = host.monotonic();
        review.decide(id, Decision::Keep, digest).expect("decided");
        // What a client is shown after it.
        assert_eq!(review.hunks().count(), 500);
        times.push((host.monotonic() - start).as_secs_f64() * 1e3);
    }
    println!(
        "deciding one of 500 hunks over 100 files and showing all: p95 {:.2} ms",
        percentile_95(times)
    );
    let start = host.monotonic();
    let plan = review.plan().expect("planned");
    let links = review.links();
    println!(
        "planning all and finding {} links: {:.1} ms",
        links.len(),
        (host.monotonic() - start).as_secs_f64() * 1e3
    );
    assert_eq!(plan.files.len(), 100);
    assert_ne!(plan, Plan::default());
}

#[test]
fn proposing_five_thousand_lines() {
    let host = RealHost::new();
    let old = source(20_000, 1);
    let new: String = old
        .split_inclusive('\n')
        .enumerate()
        .map(|(index, line)| {
            if index % 4 == 0 {
                format!("    let other_{index} = 1;\n")
            } else {
                line.to_owned()
            }
        })
        .collect();
    for (what, old, new) in [
        ("every fourth line of 20,000", old.as_str(), new),
        (
            "all of 5,000 lines",
            &source(5_000, 1),
            source(5_000, 2).replace("let", "var"),
        ),
    ] {
        let mut review = Review::default();
        let file = ProposedFile {
            path: path("a.rs"),
            seen: Some(Content::new_text(old)),
            content: Some(Content::new_text(&new)),
            rename: None,
            mode: None,
        };
        let info = ChangeInfo {
            title: String::new(),
            origin: String::new(),
            ..ChangeInfo::default()
        };
        let start = host.monotonic();
        review
            .propose(
                Proposal {
                    info,
                    files: vec![file],
                },
                |_| live(old),
            )
            .expect("proposed");
        let taken = (host.monotonic() - start).as_secs_f64() * 1e3;
        println!(
            "proposing to change {what}: {} hunks in {taken:.1} ms",
            review.hunks().count()
        );
        assert_eq!(
            review.file(&path("a.rs")).expect("it waits").text().preview(),
            new
        );
    }
}

#[test]
fn the_store_holds_little_more_than_what_changed() {
    let memory = MemoryHost::new();
    let store = Store::new(&memory, PathBuf::from("/store"));
    let mut random = Random(3);
    let noise: Vec<u8> = (0..1_000_000).map(|_| random.below(256) as u8).collect();
    let mut sizes = Vec::new();
    for bytes in [source(10_000, 1).into_bytes(), noise] {
        let digest = store.put(&bytes).expect("kept").to_string();
        let object = Path::new("/store").join(&digest[..2]).join(&digest[2..]);
        let kept = memory.metadata(&object).expect("there").bytes;
        sizes.push(format!("{} of {} bytes", kept, bytes.len()));
        assert!(kept as f64 <= bytes.len() as f64 * 1.2);
    }
    println!("the store takes {}", sizes.join(" of source, and of noise "));
}
