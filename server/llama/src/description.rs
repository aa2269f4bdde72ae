//! What is said of a loaded model.

use engine::catalogue::Catalogue;
use engine::{Description, FimFormat, FimPart};

use crate::ffi::backend::Backend;
use crate::ffi::vocabulary::Vocabulary;

/// What computes, for a person: `CPU (zen4)`, or the names of the graphics processors.
#[must_use]
pub fn device(backend: &Backend, gpu_layers: Option<u32>) -> String {
    let gpus: Vec<String> = backend
        .devices()
        .into_iter()
        .filter(|device| device.gpu)
        .map(|device| device.title)
        .collect();
    if gpu_layers != Some(0) && !gpus.is_empty() {
        return gpus.join(", ");
    }
    match backend.cpu_variant() {
        Some(variant) => format!("CPU ({variant})"),
        None => "CPU".to_owned(),
    }
}

/// The infill format of the catalogue whose tokens the model has. Of several, the one that uses most of
/// them; a format of which only the infill block's tokens exist is taken without its other blocks.
#[must_use]
pub fn probe_fim(vocabulary: &Vocabulary) -> Option<FimFormat> {
    let has = |token: &str| vocabulary.special(token).is_some();
    let formats = Catalogue::builtin().fim.into_values();
    let (_, format) = formats
        .filter(|format| tokens(&format.infill).next().is_some() && tokens(&format.infill).all(has))
        .map(|format| {
            let others = [&format.repository, &format.other_file, &format.current_file];
            let whole = others.iter().all(|parts| tokens(parts).all(has));
            let format = if whole {
                format.clone()
            } else {
                infill_only(&format)
            };
            (all_tokens(&format), format)
        })
        // The first of equals, unlike `max_by_key`.
        .reduce(|best, next| if next.0 > best.0 { next } else { best })?;
    Some(format)
}

fn infill_only(format: &FimFormat) -> FimFormat {
    FimFormat {
        repository: Vec::new(),
        other_file: Vec::new(),
        current_file: Vec::new(),
        ..format.clone()
    }
}

fn all_tokens(format: &FimFormat) -> usize {
    [
        &format.infill,
        &format.repository,
        &format.other_file,
        &format.current_file,
    ]
    .iter()
    .map(|parts| tokens(parts).count())
    .sum()
}

fn tokens(parts: &[FimPart]) -> impl Iterator<Item = &str> {
    parts.iter().filter_map(|part| match part {
        FimPart::Token(token) => Some(token.as_str()),
        _ => None,
    })
}

/// Fills in what only a loaded model tells; `template` is its own chat template.
#[must_use]
pub fn describe(
    backend: &Backend,
    vocabulary: &Vocabulary,
    known: Description,
    template: Option<String>,
) -> Description {
    let begin = vocabulary.begin().filter(|_| vocabulary.wants_begin());
    Description {
        fim: known.fim.or_else(|| probe_fim(vocabulary)),
        chat_template: template,
        begin_token: begin.map(|token| vocabulary.text(token)),
        end_token: vocabulary.end().map(|token| vocabulary.text(token)),
        engine_version: format!("{} (llama.cpp {})", env!("CARGO_PKG_VERSION"), backend.version()),
        ..known
    }
}
