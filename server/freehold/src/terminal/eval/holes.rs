//! Cases as people write them: programs of a few files with holes in one of them.
//!
//! ```text
//! === name                 a program
//! --- ledger.py            a file that stands there
//! --- report.py            a file with holes: each is a case, the others are filled in
//!     return ⟦sum(values)⟧
//! --- check                what must hold, put after the file with the holes
//! ```

use anyhow::{Context as _, bail, ensure};

const OPEN: char = '⟦';
const CLOSE: char = '⟧';

/// Name under which a program's check stands.
const CHECK: &str = "check";

/// A program with one hole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hole {
    /// The program's name and the hole's number in it, such as `ledger/1`.
    pub name: String,
    /// The other files: path and content.
    pub files: Vec<(String, String)>,
    /// The file with the hole.
    pub path: String,
    /// What stands there before the hole.
    pub prefix: String,
    /// What stands there after it.
    pub suffix: String,
    /// What stood in it.
    pub reference: String,
    /// What must hold: a program that goes after the file.
    pub check: String,
}

/// Reads the holes of all programs in `text`, in order.
///
/// # Errors
/// When a program has no check, or not one file with holes, or holes that do not close.
pub fn parse(text: &str) -> anyhow::Result<Vec<Hole>> {
    let mut holes = Vec::new();
    for program in text.split("\n=== ").skip(1) {
        let (name, body) = program.split_once('\n').unwrap_or((program, ""));
        holes.extend(holes_of(name, body).with_context(|| format!("program `{name}`"))?);
    }
    Ok(holes)
}

fn holes_of(name: &str, body: &str) -> anyhow::Result<Vec<Hole>> {
    let body = format!("\n{body}");
    let mut files: Vec<(String, String)> = body
        .split("\n--- ")
        .skip(1)
        .map(|file| file.split_once('\n').unwrap_or((file, "")))
        .map(|(path, content)| (path.to_owned(), content.trim_end().to_owned() + "\n"))
        .collect();
    let at = files
        .iter()
        .position(|(path, _)| path == CHECK)
        .context("it has no check")?;
    let (_, check) = files.remove(at);
    let at = files
        .iter()
        .position(|(_, content)| content.contains(OPEN))
        .context("it has no file with a hole")?;
    let (path, marked) = files.remove(at);
    if let Some((other, _)) = files.iter().find(|(_, content)| content.contains(OPEN)) {
        bail!("both `{path}` and `{other}` have holes");
    }
    let pieces = pieces(&marked)?;
    let whole = |pieces: &[&str]| pieces.concat();
    let holes = (1..pieces.len()).step_by(2).enumerate().map(|(index, at)| Hole {
        name: format!("{name}/{}", index + 1),
        files: files.clone(),
        path: path.clone(),
        prefix: whole(&pieces[..at]),
        suffix: whole(&pieces[at + 1..]),
        reference: pieces[at].to_owned(),
        check: check.clone(),
    });
    Ok(holes.collect())
}

/// `marked` taken apart at its marks: what stands outside of holes and what in them, in turn.
fn pieces(marked: &str) -> anyhow::Result<Vec<&str>> {
    let mut pieces = Vec::new();
    let mut rest = marked;
    while let Some((outside, after)) = rest.split_once(OPEN) {
        let (inside, after) = after.split_once(CLOSE).context("a hole does not close")?;
        ensure!(!inside.contains(OPEN), "a hole opens within another");
        pieces.extend([outside, inside]);
        rest = after;
    }
    pieces.push(rest);
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn each_hole_is_a_case_with_the_others_filled_in() {
        let text = "words\n=== sum\n--- a.py\nX = 1\n\n--- b.py\nfrom a import X\ny = ⟦X + 1⟧\nz = ⟦y⟧\n--- check\nassert z == 2\n";
        expect![[r#"
            sum/1: b.py "from a import X\ny = " "X + 1" "\nz = y\n" [("a.py", "X = 1\n")] "assert z == 2\n"
            sum/2: b.py "from a import X\ny = X + 1\nz = " "y" "\n" [("a.py", "X = 1\n")] "assert z == 2\n"
        "#]]
        .assert_eq(
            &parse(text)
                .expect("well formed")
                .iter()
                .map(|hole| {
                    format!(
                        "{}: {} {:?} {:?} {:?} {:?} {:?}\n",
                        hole.name,
                        hole.path,
                        hole.prefix,
                        hole.reference,
                        hole.suffix,
                        hole.files,
                        hole.check
                    )
                })
                .collect::<String>(),
        );
    }

    #[test]
    fn what_is_no_case_is_refused() {
        for (text, reason) in [
            ("\n=== a\n--- b.py\n⟦x⟧\n", "it has no check"),
            ("\n=== a\n--- b.py\nx\n--- check\n", "it has no file with a hole"),
            ("\n=== a\n--- b.py\n⟦x\n--- check\n", "a hole does not close"),
            (
                "\n=== a\n--- b.py\n⟦x ⟦y⟧⟧\n--- check\n",
                "a hole opens within another",
            ),
            (
                "\n=== a\n--- b.py\n⟦x⟧\n--- c.py\n⟦x⟧\n--- check\n",
                "both `b.py` and `c.py` have holes",
            ),
        ] {
            let error = parse(text).expect_err("refused");
            assert_eq!(error.root_cause().to_string(), reason);
        }
    }
}
