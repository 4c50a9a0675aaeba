//! Every target over its corpus, and over mutations of it for a moment: what libFuzzer does for longer.
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use replica_fuzz::{Mutator, TARGETS, run, seeds};

/// Seconds for each target.
const SECONDS: &str = "REPLICA_FUZZ_SECONDS";
/// Other mutations.
const SEED: &str = "REPLICA_FUZZ_SEED";

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files.into_iter().map(|file| (file.clone(), fs::read(&file).unwrap())).collect()
}

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

/// The corpus first, then what the mutator makes of it.
fn fuzz(target: &str) {
    let corpus = corpus(target);
    assert!(corpus.len() >= seeds(target).len().max(1), "the corpus of {target} lacks its seeds");
    for (file, bytes) in &corpus {
        assert!(catch_unwind(|| run(target, bytes)).is_ok(), "{target}: {}", file.display());
    }
    let seed = number(SEED, 1);
    let mut mutator = Mutator::new(corpus.into_iter().map(|(_, bytes)| bytes).collect(), seed);
    let limit = Duration::from_secs(number(SECONDS, 1));
    let (begun, mut executions) = (Instant::now(), 0_u64);
    while begun.elapsed() < limit {
        let bytes = mutator.next_bytes();
        if catch_unwind(|| run(target, &bytes)).is_err() {
            let file = std::env::temp_dir().join(format!("fuzz-{target}-{seed}-{executions}"));
            fs::write(&file, &bytes).unwrap();
            panic!("{target} fails on {}", file.display());
        }
        executions += 1;
    }
    println!("{target}: {executions} executions in {} s, seed {seed}", limit.as_secs());
}

macro_rules! targets {
    ($($target:ident),*) => {
        const TESTED: &[&str] = &[$(stringify!($target)),*];
        $(#[test] fn $target() { fuzz(stringify!($target)); })*
    };
}

targets!(
    tokens,
    packets,
    prelogin,
    login7,
    columns,
    rows,
    connection_string,
    configuration,
    names,
    parquet,
    client
);

#[test]
fn every_target_is_run() {
    assert_eq!(TARGETS.map(|(name, _)| name), TESTED);
}
