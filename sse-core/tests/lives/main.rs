//! Whole lives of streams, in any order of what can happen: by proptest, and from the corpus of the
//! fuzz target.
#![cfg(feature = "tokio")]

mod life;

use proptest::prelude::*;

proptest! {
    #[test]
    fn no_order_of_what_can_happen_breaks_a_rule(input in prop::collection::vec(any::<u8>(), 0..60)) {
        life::live(&input);
    }
}

#[test]
fn the_corpus_of_the_fuzz_target_finds_nothing() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/lifecycle");
    let mut files = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        life::live(&std::fs::read(entry.unwrap().path()).unwrap());
        files += 1;
    }
    assert!(files >= 10, "{files} files");
}
