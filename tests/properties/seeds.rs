//! The targets of `fuzz` without a fuzzer: over their seeds, and over mutations of them.

use std::collections::BTreeSet;
use std::{fmt, fs};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;
use repass_testkit::fuzzing::TARGETS;
use repass_testkit::root;

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = root().join("fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    files.into_iter().map(|file| fs::read(file).unwrap()).collect()
}

/// One change to a seed: a number of bytes go, and others come in their place.
#[derive(Debug, Clone)]
struct Edit {
    at: Index,
    gone: usize,
    come: Come,
}

#[derive(Debug, Clone)]
enum Come {
    Bytes(Vec<u8>),
    // A stretch of another seed.
    Stretch(Index, Index, usize),
    // The seed's own end, a number of times.
    Again(usize),
}

fn edit() -> impl Strategy<Value = Edit> {
    let come = prop_oneof![
        vec(any::<u8>(), 0..4).prop_map(Come::Bytes),
        "[\\[\\]{}\":,0-9\\\\%&\u{0}-\u{1f}\u{2028}-\u{202e}]{0,6}"
            .prop_map(|text| Come::Bytes(text.into_bytes())),
        (any::<Index>(), any::<Index>(), 1..40_usize)
            .prop_map(|(seed, at, length)| Come::Stretch(seed, at, length)),
        (1..200_usize).prop_map(Come::Again),
    ];
    (any::<Index>(), 0..12_usize, come).prop_map(|(at, gone, come)| Edit { at, gone, come })
}

fn edited(seeds: &[Vec<u8>], seed: Index, edits: &[Edit]) -> Vec<u8> {
    let mut data = seed.get(seeds).clone();
    for Edit { at, gone, come } in edits {
        let from = at.index(data.len() + 1);
        let to = (from + gone).min(data.len());
        let come = match come {
            Come::Bytes(bytes) => bytes.clone(),
            Come::Stretch(other, at, length) => {
                let other = other.get(seeds);
                let from = at.index(other.len() + 1);
                other[from..(from + length).min(other.len())].to_vec()
            }
            // More would only take longer.
            Come::Again(times) => data[to..].repeat((*times).min(4_000 / (data.len() + 1))),
        };
        data.splice(from..to, come);
    }
    data
}

#[test]
fn fuzz_seeds_keep_the_laws() {
    for (name, target) in TARGETS {
        let seeds = seeds(name);
        assert!(seeds.len() >= 3, "{name} has too few seeds");
        for seed in &seeds {
            target(seed);
        }
    }
}

#[test]
fn fuzz_seed_mutations_keep_the_laws() {
    for (name, target) in TARGETS {
        let seeds = seeds(name);
        let mutation = (any::<Index>(), vec(edit(), 1..5));
        let mutation = mutation.prop_map(move |(seed, edits)| Input(edited(&seeds, seed, &edits)));
        let config = ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::default()
        };
        let tried = TestRunner::new(config).run(&mutation, |input| {
            target(&input.0);
            Ok(())
        });
        tried.unwrap_or_else(|failure| panic!("{name}: {failure}"));
    }
}

struct Input(Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.escape_ascii().to_string())
    }
}

#[test]
fn fuzz_target_has_program_corpus_and_manifest_entry() {
    let names: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let files = |folder: &str| -> BTreeSet<String> {
        let files = fs::read_dir(root().join("fuzz").join(folder)).unwrap();
        let name = |file: fs::DirEntry| file.file_name().into_string().unwrap();
        files
            .map(|file| name(file.unwrap()).trim_end_matches(".rs").to_owned())
            .collect()
    };
    assert_eq!(files("fuzz_targets"), names);
    assert_eq!(files("corpus"), names);
    let manifest: toml::Table = fs::read_to_string(root().join("fuzz/Cargo.toml"))
        .unwrap()
        .parse()
        .unwrap();
    let built = manifest["bin"].as_array().unwrap().iter();
    assert_eq!(
        built
            .map(|bin| bin["name"].as_str().unwrap().to_owned())
            .collect::<BTreeSet<_>>(),
        names
    );
}
