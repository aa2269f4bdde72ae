//! What is moved in the cache gives nearly what a fresh evaluation gives, over any order of edits.
//!
//! `FREEHOLD_CASES=300 cargo test --release -p llama --test model moved -- --nocapture` prints the figures of
//! decision 0005: more edits, and other rules.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use engine::{Lane, Reuse, Segment};
use llama::blocks::Rules;
use llama::cache::{Cache, sequences};
use llama::ffi::batch::Batch;
use llama::ffi::context::{Context, ContextSizes, Decoded};
use llama::ffi::vocabulary::Vocabulary;
use llama::prompt::Tokeniser;
use llama::slots::Wanted;

const SLOTS: u32 = 3;
const FILES: [&str; 3] = [
    include_str!("../../src/threads.rs"),
    include_str!("../../../remote/src/remote_engine.rs"),
    include_str!("../../../../editors/vscode/src/server.ts"),
];

/// A cache by itself, which evaluates prompts.
struct Evaluator {
    cache: Cache,
    tokeniser: Tokeniser,
    requests: u64,
}

/// What one evaluation gave and cost.
struct Evaluated {
    logits: Vec<f32>,
    evaluated: usize,
    moved: usize,
    milliseconds: f64,
}

impl Evaluator {
    fn new(rules: Rules) -> Option<Self> {
        let model = crate::ffi::model()?;
        let sizes = ContextSizes {
            context_tokens: 4096,
            batch_tokens: 256,
            sequences: sequences(SLOTS, true),
        };
        let context = Context::new(Arc::clone(&model), sizes, Arc::new(AtomicBool::new(false)));
        let mut cache = Cache::new(context.expect("a small context fits"), SLOTS, rules);
        cache.set_threads(2);
        Some(Self {
            cache,
            tokeniser: Tokeniser::new(Vocabulary::new(model)),
            requests: 0,
        })
    }

    fn evaluate(&mut self, prompt: &[i32], reuse: Reuse) -> Evaluated {
        let start = Instant::now();
        self.requests += 1;
        let is_special = |token| self.tokeniser.is_reserved(token);
        let wanted = Wanted {
            prompt,
            keep_max: prompt.len() - 1,
            lane: if reuse == Reuse::Exact {
                Lane::Agent
            } else {
                Lane::Typing
            },
            reuse,
            is_special: &is_special,
        };
        let assigned = self.cache.assign(self.requests, wanted).expect("a slot is idle");
        let mut batch = Batch::new(256);
        let mut evaluated = 0;
        let mut logits = Vec::new();
        while logits.is_empty() {
            batch.clear();
            let mut open = self.cache.open(assigned.slot, prompt);
            open.end = open.end.min(open.start + 256);
            evaluated += open.len();
            let next = self.cache.slots().get(assigned.slot).next as i32;
            for (position, place) in (next..).zip(open.clone()) {
                let last = place + 1 == prompt.len();
                batch
                    .push(prompt[place], position, assigned.slot as i32, last)
                    .expect("there is room");
            }
            assert_eq!(self.cache.decode(&mut batch), Ok(Decoded::Done));
            if open.end == prompt.len() {
                logits = self.cache.logits(open.len() - 1).expect("asked for").to_vec();
            }
            self.cache.record(assigned.slot, &prompt[open], prompt.len());
        }
        self.cache.release_slot(assigned.slot);
        assert_eq!(evaluated + assigned.reused, prompt.len());
        Evaluated {
            logits,
            evaluated,
            moved: assigned.moved,
            milliseconds: start.elapsed().as_secs_f64() * 1e3,
        }
    }
}

/// A document that is typed into.
struct Typist {
    text: String,
    cursor: usize,
    /// What is typed next: it stood here before.
    coming: String,
    random: u64,
}

impl Typist {
    fn new(text: &str, seed: u64) -> Self {
        let mut typist = Self {
            text: text.to_owned(),
            cursor: 0,
            coming: String::new(),
            random: seed,
        };
        let middle = text.lines().count() / 2;
        typist.open_line(middle);
        typist
    }

    fn random(&mut self, below: usize) -> usize {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) as usize % below
    }

    /// Moves to a line and takes it out, to be typed again.
    fn open_line(&mut self, line: usize) {
        let start: usize = self.text.split_inclusive('\n').take(line).map(str::len).sum();
        let end = self.text[start..]
            .find('\n')
            .map_or(self.text.len(), |length| start + length);
        self.coming = self.text[start..end].to_owned();
        self.text.replace_range(start..end, "");
        self.cursor = start;
    }

    /// One edit, as people make them: most are typed characters.
    fn edit(&mut self) -> &'static str {
        match self.random(20) {
            0 => {
                let line = self.text[..self.cursor].lines().count();
                let to = (line + self.random(12)).saturating_sub(5);
                self.open_line(to.clamp(1, self.text.lines().count() - 2));
                "jump"
            }
            1 | 2 if self.cursor > 0 => {
                let length = self.random(6) + 1;
                let start = self.text[..self.cursor]
                    .char_indices()
                    .rev()
                    .nth(length)
                    .map_or(0, |(at, _)| at);
                self.text.replace_range(start..self.cursor, "");
                self.cursor = start;
                "delete"
            }
            3 => {
                let skipped = 80 + self.random(200);
                let ahead = self.text[self.cursor..].char_indices().skip(skipped);
                if let Some((at, _)) = ahead.filter(|(_, character)| *character == ' ').min() {
                    self.text.insert_str(self.cursor + at, " // changed");
                }
                "rest"
            }
            _ => {
                if self.coming.is_empty() {
                    let line = self.text[..self.cursor].lines().count();
                    self.open_line(line.clamp(1, self.text.lines().count() - 2));
                }
                let count = self.random(3) + 1;
                let length: usize = self.coming.chars().take(count).map(char::len_utf8).sum();
                let typed: String = self.coming.drain(..length).collect();
                self.text.insert_str(self.cursor, &typed);
                self.cursor += typed.len();
                "type"
            }
        }
    }

    /// The prompt, from about 20 lines before the cursor to 12 behind it. It begins at every eighth line.
    fn prompt(&self, tokeniser: &Tokeniser) -> Vec<i32> {
        let (before, after) = self.text.split_at(self.cursor);
        let lines = before.split_inclusive('\n').count();
        let first = lines.saturating_sub(20) / 8 * 8;
        let before: String = before.split_inclusive('\n').skip(first).collect();
        let after: String = after.split_inclusive('\n').take(12).collect();
        let token = |name: &str| Segment::Token(name.to_owned());
        let segments = [
            token("<|fim_prefix|>"),
            Segment::Open(before),
            token("<|fim_suffix|>"),
            Segment::Text(after),
            token("<|fim_middle|>"),
        ];
        tokeniser.prompt(&segments, 4096, true).expect("it fits").tokens
    }
}

fn probabilities(logits: &[f32]) -> Vec<f64> {
    let highest = logits.iter().copied().fold(f32::MIN, f32::max);
    let weights: Vec<f64> = logits
        .iter()
        .map(|logit| f64::from(logit - highest).exp())
        .collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / sum).collect()
}

/// How much is lost by believing `got` where `wanted` is true (Kullback-Leibler, in nats).
fn divergence(wanted: &[f32], got: &[f32]) -> f64 {
    let (wanted, got) = (probabilities(wanted), probabilities(got));
    let terms = wanted.iter().zip(&got).filter(|(wanted, _)| **wanted > 1e-12);
    terms
        .map(|(wanted, got)| wanted * (wanted / got.max(1e-30)).ln())
        .sum()
}

fn best(logits: &[f32]) -> usize {
    let all = logits.iter().enumerate();
    all.max_by(|left, right| left.1.total_cmp(right.1))
        .map_or(0, |(token, _)| token)
}

#[derive(Debug, Default)]
struct Figures {
    divergences: Vec<f64>,
    agreeing: usize,
    tokens: Vec<usize>,
    prompt_tokens: usize,
    moved: usize,
    milliseconds: Vec<f64>,
}

impl Figures {
    fn mean(&self) -> f64 {
        self.divergences.iter().sum::<f64>() / self.divergences.len() as f64
    }

    fn max(&self) -> f64 {
        self.divergences.iter().copied().fold(0.0, f64::max)
    }

    fn show(&mut self, name: &str) {
        self.tokens.sort_unstable();
        self.milliseconds.sort_by(f64::total_cmp);
        let edits = self.tokens.len();
        eprintln!(
            "{name}: {edits} edits, {} compared: KL mean {:.4} max {:.3}, best token the same {:.2}; tokens of a prompt {}, evaluated for an edit: mean {:.1} median {} p90 {}, ms median {:.0}",
            self.divergences.len(),
            self.mean(),
            self.max(),
            self.agreeing as f64 / self.divergences.len() as f64,
            self.prompt_tokens / edits,
            self.tokens.iter().sum::<usize>() as f64 / edits as f64,
            self.tokens[edits / 2],
            self.tokens[edits * 9 / 10],
            self.milliseconds[edits / 2],
        );
    }
}

/// One file's prompts, edit by edit, and what a fresh evaluation of some of them gives.
struct Session {
    prompts: Vec<Vec<i32>>,
    /// By the number of the prompt.
    wanted: Vec<(usize, Vec<f32>)>,
}

/// Edits the files `edits` times in all and evaluates every `every`th prompt afresh.
fn sessions(edits: usize, every: usize) -> Option<Vec<Session>> {
    let mut sessions = Vec::new();
    for (seed, file) in FILES.iter().enumerate() {
        let mut evaluator = Evaluator::new(Rules::default())?;
        let mut typist = Typist::new(file, seed as u64 + 1);
        let mut prompts = vec![typist.prompt(&evaluator.tokeniser)];
        for _ in 0..edits / FILES.len() {
            typist.edit();
            prompts.push(typist.prompt(&evaluator.tokeniser));
        }
        let compared = (1..prompts.len()).filter(|edit| edit % every == 0);
        let wanted = compared.map(|edit| (edit, evaluator.evaluate(&prompts[edit], Reuse::Exact).logits));
        let wanted = wanted.collect();
        sessions.push(Session { prompts, wanted });
    }
    Some(sessions)
}

/// Goes through the sessions by `rules` and compares.
fn run(sessions: &[Session], rules: Rules) -> Figures {
    let mut figures = Figures::default();
    for session in sessions {
        // Each in a cache of its own: what one left must not help the other.
        let mut evaluator = Evaluator::new(rules).expect("there is a model");
        for (edit, prompt) in session.prompts.iter().enumerate() {
            let got = evaluator.evaluate(prompt, Reuse::Moved);
            if edit == 0 {
                continue;
            }
            figures.tokens.push(got.evaluated);
            figures.milliseconds.push(got.milliseconds);
            figures.prompt_tokens += prompt.len();
            figures.moved += got.moved;
            if let Some((_, wanted)) = session.wanted.iter().find(|(number, _)| *number == edit) {
                figures.divergences.push(divergence(wanted, &got.logits));
                figures.agreeing += usize::from(best(wanted) == best(&got.logits));
            }
        }
    }
    figures
}

#[test]
fn any_edits_give_nearly_what_a_fresh_evaluation_gives() {
    let Some(sessions) = sessions(60, 10) else { return };
    let mut figures = run(&sessions, Rules::default());
    figures.show("default");
    assert!(figures.moved > figures.prompt_tokens / 8, "{figures:?}");
    assert!(figures.mean() < KL_MEAN_MAX, "{figures:?}");
    assert!(figures.max() < KL_MAX, "{figures:?}");
    let tokens: usize = figures.tokens.iter().sum();
    assert!(tokens * 5 < figures.prompt_tokens, "{figures:?}");
}

/// Bounds for the smallest model that is tested, 0.5B, a few times above what was measured: decision 0005.
const KL_MEAN_MAX: f64 = 0.3;
const KL_MAX: f64 = 2.0;

#[test]
fn figures_of_other_rules() {
    let edits = std::env::var("FREEHOLD_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    let Some(edits) = edits else { return };
    let Some(sessions) = sessions(edits, 5) else {
        return;
    };
    for renewed_tokens in [0, 1, 4, 16] {
        let rules = Rules {
            renewed_tokens,
            ..Rules::default()
        };
        run(&sessions, rules).show(&format!("renewed {renewed_tokens}"));
    }
    for positions in [8, 32, 128] {
        let rules = Rules {
            overlap_max: positions,
            gap_max: positions,
            slide_max: 0,
            ..Rules::default()
        };
        run(&sessions, rules).show(&format!("off their place by at most {positions}"));
    }
}
