//! The pages and their contents.

use std::fs;
use std::path::{Path, PathBuf};

/// A fenced code sample.
pub(crate) struct Sample {
    /// The language of the fence: `toml`, `rust,no_run`, …
    pub(crate) language: String,
    /// The last nonempty line before it, which names the file if the sample is a file.
    pub(crate) before: String,
    pub(crate) text: String,
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .unwrap()
        .to_owned()
}

/// Every page of the guide, the README and the page of errors, each with its path from the root.
pub(crate) fn all() -> Vec<(String, String)> {
    let folder = root().join("docs/guide");
    let names = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let guide = names.map(|name| format!("docs/guide/{}", name.to_str().unwrap()));
    let mut paths: Vec<String> = guide
        .chain(["README.md", "docs/errors.md", "docs/observability.md"].map(str::to_owned))
        .collect();
    paths.sort();
    assert!(paths.len() > 10, "the pages were found");
    paths
        .into_iter()
        .map(|path| (path.clone(), read(&path)))
        .collect()
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

pub(crate) fn samples(page: &str) -> Vec<Sample> {
    let mut samples: Vec<Sample> = Vec::new();
    let (mut open, mut before) = (false, String::new());
    for line in page.lines() {
        if let Some(language) = line.strip_prefix("```") {
            if !open {
                samples.push(Sample {
                    language: language.to_owned(),
                    before: before.clone(),
                    text: String::new(),
                });
            }
            open = !open;
        } else if open {
            let text = &mut samples.last_mut().unwrap().text;
            text.push_str(line);
            text.push('\n');
        } else if !line.trim().is_empty() {
            line.clone_into(&mut before);
        }
    }
    assert!(!open, "every fence is closed");
    samples
}

/// A heading as links name it.
pub(crate) fn anchor(heading: &str) -> String {
    let kept = heading
        .trim_start_matches('#')
        .trim()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() })
        .collect()
}

/// The text of the section with this anchor, to the next heading of its rank or above.
pub(crate) fn section<'a>(page: &'a str, wanted: &str) -> Option<&'a str> {
    let mut start = None;
    let (mut at, mut fenced) = (0, false);
    for line in page.split_inclusive('\n') {
        if line.starts_with("```") {
            fenced = !fenced;
        }
        let rank = line.bytes().take_while(|byte| *byte == b'#').count();
        if rank > 0 && !fenced {
            match start {
                Some((from, of)) if rank <= of => return Some(&page[from..at]),
                None if anchor(line) == wanted => start = Some((at, rank)),
                _ => {}
            }
        }
        at += line.len();
    }
    start.map(|(from, _)| &page[from..])
}
