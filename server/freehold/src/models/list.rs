//! `freehold models list`: what is installed and what can be had.

use engine::{Licence, ModelCard};
use serde::Serialize;

use super::get::size;
use super::store::Installed;

/// One line of the list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Line {
    name: String,
    installed: bool,
    chosen: bool,
    parameters_total_billions: Option<f32>,
    parameters_active_billions: Option<f32>,
    bytes: Option<u64>,
    context_tokens_max: Option<u32>,
    completes_code: Option<bool>,
    licence: Option<Licence>,
    file: Option<String>,
}

/// What the list shows: the catalogue, then what is installed besides.
pub(super) fn lines(cards: &[ModelCard], installed: &[Installed], chosen: Option<&str>) -> Vec<Line> {
    let line = |name: &str, card: Option<&ModelCard>, installed: Option<&Installed>| Line {
        name: name.to_owned(),
        installed: installed.is_some(),
        chosen: chosen == Some(name),
        parameters_total_billions: card.map(|card| card.parameters_total_billions),
        parameters_active_billions: card.map(|card| card.parameters_active_billions),
        bytes: installed
            .map(|installed| installed.record.bytes)
            .or(card.and_then(|card| card.bytes)),
        context_tokens_max: card.map(|card| card.context_tokens_max),
        completes_code: card.map(|card| card.fim.is_some()),
        licence: card.map(|card| card.licence.clone()),
        file: installed.map(|installed| installed.file.display().to_string()),
    };
    let known = cards.iter().map(|card| {
        let installed = installed.iter().find(|installed| installed.name == card.name);
        line(&card.name, Some(card), installed)
    });
    let besides = installed
        .iter()
        .filter(|installed| cards.iter().all(|card| card.name != installed.name));
    let besides = besides.map(|installed| line(&installed.name, installed.card.as_ref(), Some(installed)));
    known.chain(besides).collect()
}

/// The list for a person, in aligned columns.
pub(super) fn table(lines: &[Line]) -> String {
    let mut rows = vec![["NAME", "STATE", "PARAMETERS", "SIZE", "FOR", "LICENCE"].map(str::to_owned)];
    rows.extend(lines.iter().map(row));
    let widths: Vec<usize> = (0..6)
        .map(|column| {
            rows.iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut table = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell}{}", " ".repeat(width - cell.chars().count())))
            .collect();
        table.push_str(cells.join("  ").trim_end());
        table.push('\n');
    }
    table
}

fn row(line: &Line) -> [String; 6] {
    let state = match (line.chosen, line.installed) {
        (true, true) => "chosen",
        (true, false) => "chosen, missing",
        (false, true) => "installed",
        (false, false) => "-",
    };
    let parameters = match (line.parameters_total_billions, line.parameters_active_billions) {
        (Some(total), Some(active)) if active < total => format!("{total} B, {active} B active"),
        (Some(total), _) => format!("{total} B"),
        (None, _) => "?".to_owned(),
    };
    let purpose = match line.completes_code {
        Some(true) => "code",
        Some(false) => "chat",
        None => "?",
    };
    let licence = match &line.licence {
        Some(licence) if licence.commercial_use => licence.name.clone(),
        Some(licence) => format!("{}, NON-COMMERCIAL", licence.name),
        None => "?".to_owned(),
    };
    let bytes = line.bytes.map_or("?".to_owned(), size);
    [
        line.name.clone(),
        state.to_owned(),
        parameters,
        bytes,
        purpose.to_owned(),
        licence,
    ]
}
