//! `freehold eval gate`: the weights by which suggestions are shown or not, fitted to answers whose outcome is known.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, ensure};
use completion::{Features, Gate, Record};
use host::Files;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

/// Parts that the answers are divided into; each is judged by weights fitted to the others.
const FOLDS: u8 = 5;

/// With fewer answers than these the weights say more of the cases than of the model.
const ANSWERS_MIN: usize = 50;

/// What the weights are of, in their order.
const NAMES: [&str; 6] = ["constant", "mean", "least", "length", "lines", "in line"];

/// A line of a file of answers, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Answer {
    id: String,
    side: String,
    model: String,
    passed: bool,
    features: Option<Features>,
}

/// Fits the weights to the answers in `file`, and says how well they tell right from wrong.
///
/// # Errors
/// When the file holds something else, or too little.
pub fn gate(files: &dyn Files, file: &Path) -> anyhow::Result<String> {
    report(&records(&files.read_text(file)?)?)
}

/// What is known of each answer of Freehold's that was shown, and the program that it belongs to. Of answers to
/// the same case by the same model the last counts.
fn records(text: &str) -> anyhow::Result<Vec<(String, Record)>> {
    let mut records = BTreeMap::new();
    for line in text.lines() {
        let answer: Answer = serde_json::from_str(line).context("this is no file of answers")?;
        let features = answer.features.filter(|features| features.tokens > 0);
        if let Some(features) = features.filter(|_| answer.side == "freehold") {
            let accepted = answer.passed;
            records.insert((answer.id, answer.model), Record { features, accepted });
        }
    }
    Ok(records
        .into_iter()
        .map(|((id, _), record)| (program(&id).to_owned(), record))
        .collect())
}

/// The program that a case was cut from: cases of one must not stand on both sides of a division.
fn program(id: &str) -> &str {
    let id = id.split_once("/HumanEval/").map_or(id, |(_, problem)| problem);
    match id.split_once('/') {
        Some((problem, _)) if problem.bytes().all(|byte| byte.is_ascii_digit()) => problem,
        _ => id.rsplit_once('/').map_or(id, |(program, _)| program),
    }
}

fn report(records: &[(String, Record)]) -> anyhow::Result<String> {
    let all: Vec<Record> = records.iter().map(|(_, record)| *record).collect();
    let accepted = all.iter().filter(|record| record.accepted).count();
    ensure!(
        all.len() >= ANSWERS_MIN && accepted > 0 && accepted < all.len(),
        "{} answers with a text, {accepted} of them right, are too few; `eval fim --answers` makes more",
        all.len()
    );
    let judged = |gate: &Gate, records: &[Record]| -> Vec<(f32, bool)> {
        let of = |record: &Record| (gate.probability(&record.features), record.accepted);
        records.iter().map(of).collect()
    };
    let mut unseen = Vec::new();
    for fold in 0..FOLDS {
        let here = |program: &str| Sha256::digest(program)[0] % FOLDS == fold;
        let part = |inside: bool| -> Vec<Record> {
            let wanted = records.iter().filter(|(program, _)| here(program) == inside);
            wanted.map(|(_, record)| *record).collect()
        };
        unseen.extend(judged(&Gate::fit(&part(false)), &part(true)));
    }
    let (default, fitted) = (Gate::default(), Gate::fit(&all));
    let mut text = format!("{} answers, {accepted} of them right\n\n", all.len());
    text += &format!("{:<10}{:>9}{:>9}\n", "weight", "as it is", "fitted");
    for ((name, was), is) in NAMES.iter().zip(default.weights()).zip(fitted.weights()) {
        text += &format!("{name:<10}{was:>9.2}{is:>9.2}\n");
    }
    text += "\narea under the curve (0.5 is chance)\n";
    for (name, judged) in [
        ("as it is", judged(&default, &all)),
        ("fitted, on the same answers", judged(&fitted, &all)),
        ("fitted, on answers it has not seen", unseen),
    ] {
        text += &format!("  {name:<36}{:.2}\n", area(&judged));
    }
    Ok(text)
}

/// How often one that is right is judged likelier than one that is wrong.
fn area(judged: &[(f32, bool)]) -> f64 {
    let of = |wanted: bool| judged.iter().filter(move |(_, right)| *right == wanted);
    let mut above = 0.0;
    for (right, _) in of(true) {
        for (wrong, _) in of(false) {
            above += if right > wrong {
                1.0
            } else if right < wrong {
                0.0
            } else {
                0.5
            };
        }
    }
    above / (of(true).count() * of(false).count()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(count: usize) -> String {
        let line = |index: usize| {
            let mean = if index.is_multiple_of(2) { -0.2 } else { -1.5 };
            let features = serde_json::json!({
                "tokens": 5, "log_probability_mean": mean, "log_probability_min": mean * 2.0,
                "characters": 20, "lines": 1, "invoked": false, "in_line": false,
            });
            serde_json::json!({
                "id": format!("SingleLineInfilling/HumanEval/{index}/L1"), "side": "freehold", "model": "m",
                "passed": index.is_multiple_of(2) || index.is_multiple_of(7), "features": features,
            })
            .to_string()
                + "\n"
        };
        (0..count).map(line).collect()
    }

    #[test]
    fn the_weights_tell_right_from_wrong_in_answers_they_have_not_seen() {
        let records = records(&answers(100)).expect("well formed");
        assert_eq!(records[0].0, "0");
        let report = report(&records).expect("enough");
        assert!(report.starts_with("100 answers, 57 of them right\n"), "{report}");
        // By hand: 50 of 57 right ones are sure, no wrong one is; the other seven are judged like the wrong ones.
        assert!(report.contains("on the same answers         0.94\n"), "{report}");
    }

    #[test]
    fn few_answers_and_other_files_are_refused() {
        assert!(report(&records(&answers(20)).expect("well formed")).is_err());
        assert!(records("kind\tcase\n").is_err());
    }

    #[test]
    fn cases_of_one_program_stay_together() {
        for (id, of) in [
            ("MultiLineInfilling/HumanEval/96/L1_L4", "96"),
            ("SingleLineInfilling/HumanEval/96/L1+5", "96"),
            ("crossfile/ledger/2", "crossfile/ledger"),
        ] {
            assert_eq!(program(id), of);
        }
    }

    #[test]
    fn the_area_counts_pairs() {
        assert!((area(&[(0.9, true), (0.1, false)]) - 1.0).abs() < 1e-12);
        assert!((area(&[(0.5, true), (0.5, false)]) - 0.5).abs() < 1e-12);
    }
}
