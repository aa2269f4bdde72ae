//! Which steps are taken back by going so far back, or forward again.

use anyhow::Context as _;
use changes::{Step, StepId, next_redo, next_undo, redoable, undoable};

use super::command::Scope;

/// The steps to take back, of those that are on record in their order; forward, the undos.
pub(super) fn steps(recorded: &[Step], scope: &Scope, forward: bool) -> anyhow::Result<Vec<StepId>> {
    let named = match scope {
        Scope::Step(step) | Scope::Run(step) | Scope::Session(step) | Scope::Hunk { step, .. } => *step,
    };
    let first = match (named, forward) {
        (Some(step), false) => StepId(step),
        (Some(step), true) => undo_of(recorded, StepId(step))?,
        (None, false) => next_undo(recorded).context("there is nothing to undo")?,
        (None, true) => next_redo(recorded).context("there is nothing to redo")?,
    };
    let step = find(recorded, first)?;
    // What goes forward is of the run and the session of what was taken back.
    let of = match step.about.takes_back.first() {
        Some(&taken_back) if forward => find(recorded, taken_back)?,
        _ => step,
    };
    let (run, session) = (&of.about.run, &of.about.session);
    let same_session = |other: &Step| !session.is_empty() && other.about.session == *session;
    let same_run = |other: &Step| same_session(other) && !run.is_empty() && other.about.run == *run;
    let all = |select: &dyn Fn(&Step) -> bool| {
        if forward {
            redoable(recorded, select)
        } else {
            undoable(recorded, select)
        }
    };
    let mut found = match scope {
        Scope::Run(_) => all(&same_run),
        Scope::Session(_) => all(&same_session),
        Scope::Step(_) | Scope::Hunk { .. } => Vec::new(),
    };
    if found.is_empty() {
        found.push(first);
    }
    Ok(found)
}

/// The undo that going forward to a step takes back: the step itself, if it is one, or the one that took it back.
fn undo_of(recorded: &[Step], step: StepId) -> anyhow::Result<StepId> {
    let named = find(recorded, step)?;
    let of_it = |undo: &&StepId| {
        let undo = find(recorded, **undo);
        undo.is_ok_and(|undo| undo.id == step || undo.about.takes_back.contains(&step))
    };
    let undos = redoable(recorded, |_| true);
    let found = undos.iter().rev().find(of_it).copied();
    found.with_context(|| {
        if named.about.takes_back.is_empty() {
            format!("step {} was not taken back, or something was kept since", step.0)
        } else {
            format!(
                "step {} does not hold any more, or something was kept since",
                step.0
            )
        }
    })
}

fn find(recorded: &[Step], id: StepId) -> anyhow::Result<&Step> {
    let step = recorded.iter().find(|step| step.id == id);
    step.with_context(|| format!("there is no step {}; see `freehold checkpoints`", id.0))
}
