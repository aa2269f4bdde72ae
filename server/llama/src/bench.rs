//! Measures prompt and generation speed as `llama-bench` does.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use crate::LoadError;
use crate::ffi::Token;
use crate::ffi::backend::Backend;
use crate::ffi::batch::Batch;
use crate::ffi::context::{Context, ContextSizes, Decoded};
use crate::ffi::model::Model;
use crate::ffi::vocabulary::Vocabulary;

/// What is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BenchOptions {
    /// The GGUF file.
    pub file: PathBuf,
    /// Threads, at least 1.
    pub threads: u32,
    /// Tokens of the prompt, evaluated in batches of 512; 0 leaves this part out.
    pub prompt_tokens: u32,
    /// Tokens to generate, one after another; 0 leaves this part out.
    pub generated_tokens: u32,
    /// How often each is measured, after one run that does not count.
    pub repetitions: u32,
    /// Folder of llama.cpp's libraries, if not `lib/` beside the program.
    pub backends_folder: Option<PathBuf>,
    /// Layers on a graphics processor; `None` means all.
    pub gpu_layers: Option<u32>,
}

/// Speeds in tokens per second.
#[derive(Debug, Clone, PartialEq)]
pub struct BenchResult {
    /// What the model is, such as `qwen2 1.5B Q4_K - Medium`.
    pub model: String,
    /// What computed, such as `CPU (zen4)`.
    pub device: String,
    /// Evaluating a prompt.
    pub prompt: Speeds,
    /// Generating.
    pub generation: Speeds,
}

/// Measured speeds in tokens per second.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Speeds {
    /// One value for each repetition.
    pub samples: Vec<f64>,
}

impl Speeds {
    /// The mean; 0 if nothing was measured.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.samples.is_empty() {
            return 0.0;
        }
        self.samples.iter().sum::<f64>() / self.samples.len() as f64
    }

    /// The standard deviation of the samples; 0 with fewer than two.
    #[must_use]
    pub fn deviation(&self) -> f64 {
        if self.samples.len() < 2 {
            return 0.0;
        }
        let mean = self.mean();
        let squares: f64 = self.samples.iter().map(|sample| (sample - mean).powi(2)).sum();
        (squares / (self.samples.len() - 1) as f64).sqrt()
    }
}

/// Why a measurement could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BenchError {
    /// The model could not be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// llama.cpp failed while measuring.
    #[error("the measurement failed: {0}")]
    Decode(String),
}

/// Measures as [`BenchOptions`] say.
///
/// # Errors
/// Gives a [`BenchError`] when the model cannot be loaded or llama.cpp fails.
pub fn bench(options: &BenchOptions) -> Result<BenchResult, BenchError> {
    let mut runner = Runner::new(options)?;
    runner.context.set_threads(options.threads);
    let mut result = BenchResult {
        model: runner.context.model().summary(),
        device: crate::description::device(runner.backend, options.gpu_layers),
        prompt: Speeds::default(),
        generation: Speeds::default(),
    };
    if options.prompt_tokens > 0 {
        runner.prompt(options.prompt_tokens)?;
        for _ in 0..options.repetitions {
            let took = runner.prompt(options.prompt_tokens)?;
            result
                .prompt
                .samples
                .push(f64::from(options.prompt_tokens) / took.as_secs_f64());
        }
    }
    if options.generated_tokens > 0 {
        runner.generation(1)?;
        for _ in 0..options.repetitions {
            let took = runner.generation(options.generated_tokens)?;
            result
                .generation
                .samples
                .push(f64::from(options.generated_tokens) / took.as_secs_f64());
        }
    }
    Ok(result)
}

/// A context to measure with; the tokens do not matter.
#[derive(Debug)]
pub(crate) struct Runner {
    pub(crate) backend: &'static Backend,
    pub(crate) context: Context,
    batch: Batch,
    first: Token,
    vocabulary_tokens: usize,
    random: u64,
}

impl Runner {
    /// Loads the model of `options`.
    pub(crate) fn new(options: &BenchOptions) -> Result<Self, BenchError> {
        const BATCH_TOKENS: u32 = 512;
        let backend = Backend::get(options.backends_folder.as_deref())?;
        crate::load::check_header(&options.file)?;
        let model = Model::load(backend, &options.file, options.gpu_layers, &mut |_| true)?;
        let model = Arc::new(model);
        let vocabulary = Vocabulary::new(Arc::clone(&model));
        let sizes = ContextSizes {
            context_tokens: options.prompt_tokens.max(options.generated_tokens).max(1),
            batch_tokens: BATCH_TOKENS,
            sequences: 1,
        };
        let context = Context::new(model, sizes, Arc::new(AtomicBool::new(false)))?;
        Ok(Self {
            backend,
            batch: Batch::new(context.sizes().batch_tokens as usize),
            context,
            first: vocabulary.begin().unwrap_or(0),
            vocabulary_tokens: vocabulary.len().max(1),
            random: 0x9E37_79B9_7F4A_7C15,
        })
    }

    /// Evaluates `tokens` tokens in an empty context.
    pub(crate) fn prompt(&mut self, tokens: u32) -> Result<Duration, BenchError> {
        self.context.clear();
        let start = Instant::now();
        let mut position = 0;
        while position < tokens {
            self.batch.clear();
            while self.batch.room() > 0 && position < tokens {
                let token = if position == 0 { self.first } else { self.token() };
                self.push(token, position, position + 1 == tokens);
                position += 1;
            }
            self.decode()?;
        }
        Ok(start.elapsed())
    }

    /// Evaluates `tokens` tokens one after another in an empty context.
    pub(crate) fn generation(&mut self, tokens: u32) -> Result<Duration, BenchError> {
        self.context.clear();
        let start = Instant::now();
        for position in 0..tokens {
            self.step(position)?;
        }
        Ok(start.elapsed())
    }

    /// Evaluates one token at `position`, which must be the next one.
    pub(crate) fn step(&mut self, position: u32) -> Result<(), BenchError> {
        self.batch.clear();
        let token = if position == 0 { self.first } else { self.token() };
        self.push(token, position, true);
        self.decode()
    }

    /// Evaluates `tokens` tokens from `position` on at once; at most as many as a batch holds.
    pub(crate) fn chunk(&mut self, position: u32, tokens: u32) -> Result<(), BenchError> {
        self.batch.clear();
        for place in position..position + tokens {
            let token = self.token();
            self.push(token, place, place + 1 == position + tokens);
        }
        self.decode()
    }

    fn push(&mut self, token: Token, position: u32, output: bool) {
        let position = i32::try_from(position).unwrap_or(i32::MAX);
        self.batch
            .push(token, position, 0, output)
            .expect("the caller has looked for room");
    }

    fn decode(&mut self) -> Result<(), BenchError> {
        match self.context.decode(&mut self.batch) {
            Ok(Decoded::Done) => Ok(()),
            Ok(other) => Err(BenchError::Decode(format!("{other:?}"))),
            Err(error) => Err(BenchError::Decode(error.to_string())),
        }
    }

    fn token(&mut self) -> Token {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        Token::try_from((self.random >> 33) as usize % self.vocabulary_tokens).unwrap_or(0)
    }
}
