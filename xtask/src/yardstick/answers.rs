//! What a program of the yardstick printed: rows and notes.

use anyhow::{Context, Result, bail, ensure};
use std::{collections::BTreeMap, fs, path::Path};

/// The answers of one device, by the names of the rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers {
    pub(super) rows: BTreeMap<String, String>,
    /// What is told and not compared, such as times.
    pub(super) notes: Vec<String>,
}

impl Answers {
    /// One row of them, if they have it.
    pub(super) fn only(&self, row: &str) -> Answers {
        let rows = self.rows.get(row).map(|answer| (row.to_owned(), answer.clone()));
        Answers { rows: rows.into_iter().collect(), notes: Vec::new() }
    }

    /// Of a file that a guest left.
    pub(super) fn read(path: &Path) -> Result<Answers> {
        let text = fs::read_to_string(path).with_context(|| format!("the guest left no {}", path.display()))?;
        Answers::parse(&text).with_context(|| format!("{}", path.display()))
    }

    /// # Errors
    /// If a line is not a name, a tab and an answer, or a row comes twice.
    pub(super) fn parse(text: &str) -> Result<Answers> {
        let mut answers = Answers::default();
        for line in text.lines() {
            let Some((name, answer)) = line.split_once('\t') else { bail!("{line:?} is no row") };
            if name == "note" {
                answers.notes.push(answer.to_owned());
                continue;
            }
            let before = answers.rows.insert(name.to_owned(), answer.to_owned());
            ensure!(before.is_none(), "the row {name:?} comes twice");
        }
        Ok(answers)
    }
}
