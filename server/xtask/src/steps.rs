//! Steps with a name, a time they should take and an outcome; one line for each, a table at the end.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::process::Log;

/// How often a running step says that it still runs, where no line can be rewritten in place.
const HEARTBEAT: Duration = Duration::from_secs(120);

/// Does a step; gives a remark for the table, such as a count, or the empty text.
pub type Action = Box<dyn Fn(&mut Log) -> Result<String>>;

/// One thing to do.
pub struct Step {
    /// Short and typeable: `--only NAME`.
    pub name: &'static str,
    /// What it does, for a person.
    pub about: &'static str,
    /// How long it takes from nothing on two cores.
    pub expected: Duration,
    /// Steps that must have passed, of those that are run at all.
    pub needs: &'static [&'static str],
    /// Does it.
    pub run: Action,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It did what it should; the remark may be empty.
    Passed(String),
    /// It did not, for this reason.
    Failed(String),
    /// It was not tried, because the step of this name had not passed.
    Skipped(&'static str),
}

/// A step that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The name of the step.
    pub name: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
}

/// A duration as a person says it, to the second.
pub fn spoken(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 60, seconds % 60) {
        (0, 0) => format!("{} ms", duration.as_millis()),
        (0, seconds) => format!("{seconds} s"),
        (minutes, 0) => format!("{minutes} min"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

/// The sum of the expected times, rounded up to whole minutes.
pub fn expected_minutes(steps: &[Step]) -> u64 {
    steps
        .iter()
        .map(|step| step.expected.as_secs())
        .sum::<u64>()
        .div_ceil(60)
}

/// Runs `steps` in order, printing one line for each and the reason where one fails.
///
/// A step whose needs did not pass is skipped; all others are tried, so that one run shows every fault.
pub fn run(steps: &[Step]) -> Vec<Report> {
    let mut reports: Vec<Report> = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let label = format!("[{:>2}/{}] {}", index + 1, steps.len(), step.about);
        let unmet = step.needs.iter().find(|need| {
            reports
                .iter()
                .any(|report| report.name == **need && !matches!(report.outcome, Outcome::Passed(_)))
        });
        let since = Instant::now();
        let outcome = match unmet {
            Some(need) => Outcome::Skipped(need),
            None => attempt(step, &label),
        };
        let took = since.elapsed();
        println!("{}", line(&label, &outcome, took));
        if let Outcome::Failed(reason) = &outcome {
            println!("{reason}");
        }
        reports.push(Report {
            name: step.name,
            outcome,
            took,
        });
    }
    reports
}

fn attempt(step: &Step, label: &str) -> Outcome {
    let on_terminal = std::io::stdout().is_terminal();
    if on_terminal {
        print!("{label} …");
        // A terminal that cannot be written to shows in the next line at the latest.
        std::io::stdout().flush().ok();
    }
    let log = Log::create(step.name, ticker(label.to_owned(), step.expected, on_terminal));
    let result = log.and_then(|mut log| (step.run)(&mut log));
    if on_terminal {
        print!("\r\x1b[2K");
    }
    match result {
        Ok(remark) => Outcome::Passed(remark),
        Err(error) => Outcome::Failed(format!("{error:#}")),
    }
}

/// Shows that a step is alive: in place on a terminal, else by a line every two minutes.
fn ticker(label: String, expected: Duration, on_terminal: bool) -> impl FnMut(Duration, &str) {
    let mut spoken_last = Duration::ZERO;
    move |elapsed, last_line| {
        if on_terminal {
            let status = format!("{label} … {} of about {}", spoken(elapsed), spoken(expected));
            let room = 100usize.saturating_sub(status.chars().count());
            let tail: String = last_line.chars().filter(|c| !c.is_control()).take(room).collect();
            print!("\r\x1b[2K{status}  \x1b[2m{tail}\x1b[0m");
            std::io::stdout().flush().ok();
        } else if elapsed >= spoken_last + HEARTBEAT {
            spoken_last = elapsed;
            println!(
                "{label} … still running after {} of about {}",
                spoken(elapsed),
                spoken(expected)
            );
        }
    }
}

fn line(label: &str, outcome: &Outcome, took: Duration) -> String {
    match outcome {
        Outcome::Passed(remark) if remark.is_empty() => format!("{label}: ok, {}", spoken(took)),
        Outcome::Passed(remark) => format!("{label}: ok, {} ({remark})", spoken(took)),
        Outcome::Failed(_) => format!("{label}: FAILED after {}", spoken(took)),
        Outcome::Skipped(need) => format!("{label}: skipped, because `{need}` did not pass"),
    }
}

/// The table of durations, and below it the counts.
pub fn table(reports: &[Report]) -> String {
    let width = reports.iter().map(|report| report.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for report in reports {
        let (word, remark) = match &report.outcome {
            Outcome::Passed(remark) => ("ok", remark.as_str()),
            Outcome::Failed(_) => ("FAILED", ""),
            Outcome::Skipped(need) => ("skipped", *need),
        };
        let row = format!(
            "  {:width$}  {:>13}  {word:7}  {remark}",
            report.name,
            spoken(report.took)
        );
        text.push_str(row.trim_end());
        text.push('\n');
    }
    let total: Duration = reports.iter().map(|report| report.took).sum();
    text.push_str(&format!("  {:width$}  {:>13}\n\n", "", spoken(total)));
    text.push_str(&counts(reports));
    text
}

/// `N passed, N failed`, and the skipped ones where there are any.
pub fn counts(reports: &[Report]) -> String {
    let passed = reports
        .iter()
        .filter(|report| matches!(report.outcome, Outcome::Passed(_)))
        .count();
    let failed = reports
        .iter()
        .filter(|report| matches!(report.outcome, Outcome::Failed(_)))
        .count();
    match reports.len() - passed - failed {
        0 => format!("{passed} passed, {failed} failed"),
        skipped => format!("{passed} passed, {failed} failed, {skipped} skipped"),
    }
}

/// Whether every step passed.
pub fn all_passed(reports: &[Report]) -> bool {
    reports
        .iter()
        .all(|report| matches!(report.outcome, Outcome::Passed(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(name: &'static str, needs: &'static [&'static str], passes: bool) -> Step {
        Step {
            name,
            about: name,
            expected: Duration::from_secs(40),
            needs,
            run: Box::new(move |_| {
                if passes {
                    Ok("2 tests".into())
                } else {
                    anyhow::bail!("no luck")
                }
            }),
        }
    }

    #[test]
    fn what_needs_a_failed_step_is_skipped_and_the_rest_is_tried() {
        let steps = [
            step("unit-a", &[], true),
            step("unit-b", &["unit-a"], false),
            step("unit-c", &["unit-b"], true),
            step("unit-d", &["unit-c"], true),
            step("unit-e", &["not-among-these"], true),
        ];
        let outcomes: Vec<_> = run(&steps).into_iter().map(|report| report.outcome).collect();
        assert_eq!(
            outcomes,
            [
                Outcome::Passed("2 tests".into()),
                Outcome::Failed("no luck".into()),
                Outcome::Skipped("unit-b"),
                Outcome::Skipped("unit-c"),
                Outcome::Passed("2 tests".into()),
            ]
        );
        assert_eq!(expected_minutes(&steps), 4);
    }

    #[test]
    fn the_table_ends_with_the_counts() {
        let report = |name, outcome, seconds| Report {
            name,
            outcome,
            took: Duration::from_secs(seconds),
        };
        let mut reports = vec![
            report("fmt", Outcome::Passed(String::new()), 1),
            report("build", Outcome::Passed("9 libraries".into()), 125),
        ];
        assert!(all_passed(&reports));
        assert_eq!(
            table(&reports),
            "  fmt              1 s  ok\n  \
               build      2 min 5 s  ok       9 libraries\n             \
               2 min 6 s\n\n\
             2 passed, 0 failed"
        );
        reports.push(report("editor", Outcome::Failed("no".into()), 60));
        reports.push(report("later", Outcome::Skipped("editor"), 0));
        assert!(!all_passed(&reports));
        assert_eq!(counts(&reports), "2 passed, 1 failed, 1 skipped");
    }
}
