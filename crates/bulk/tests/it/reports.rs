//! The CSV and JSON reports of a run, as snapshots.

use repass_bulk::{RunReader, write_csv, write_json};

use crate::world::{World, options};

#[tokio::test]
async fn csv_and_json_reports_of_a_run_match_their_snapshot() {
    let world = World::new(&["ann", "bob", "lost", "=cmd"]);
    let (run, manifest) = world.begin(&["ann", "nobody", "ann", "a/b", "lost", "=cmd"]);
    let one_by_one = repass_bulk::SessionOptions {
        concurrency: 1,
        ..options()
    };
    let (run, _) = world.go(run, &manifest, one_by_one).await;
    drop(run);
    let (mut csv, mut json) = (Vec::new(), Vec::new());
    let run = RunReader::open(&world.run()).unwrap();
    write_csv(&run, &mut csv).unwrap();
    write_json(&run, &mut json).unwrap();
    let parsed: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(parsed["rows"].as_array().unwrap().len(), 6);
    let text = format!(
        "{}\n{}",
        String::from_utf8(csv).unwrap(),
        String::from_utf8(json).unwrap()
    );
    let text = text.replace(&world.run().display().to_string(), "RUN");
    insta::assert_snapshot!(without_times(&text));
}

/// Replaces times such as `2026-01-31T12:34:56.789Z`.
fn without_times(text: &str) -> String {
    const PATTERN: &[u8] = b"dddd-dd-ddTdd:dd:dd.dddZ";
    let is_time = |bytes: &[u8]| {
        bytes.len() == PATTERN.len()
            && bytes.iter().zip(PATTERN).all(|(byte, pattern)| match pattern {
                b'd' => byte.is_ascii_digit(),
                other => byte == other,
            })
    };
    let mut masked = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let at_time = rest.as_bytes().get(..PATTERN.len()).is_some_and(is_time);
        let (part, length) = if at_time {
            ("TIME".to_owned(), PATTERN.len())
        } else {
            (next.to_string(), next.len_utf8())
        };
        masked.push_str(&part);
        rest = &rest[length..];
    }
    masked
}
