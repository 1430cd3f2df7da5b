//! Bodies of the API, each read as its handler reads it. The first line names the operation (`goals add`).
#![no_main]

use cartback::web::{api::body, problem::Problem};
use cartback_fuzz::{Input, bounded};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let input = Input::of(bytes);
    let sum = input.words.iter().flat_map(|word| word.bytes()).map(usize::from).sum::<usize>();
    let named = body::ALL.iter().find(|(noun, name, _)| (*noun, *name) == (input.word(0), input.word(1)));
    let (.., read) = named.unwrap_or(&body::ALL[sum % body::ALL.len()]);
    match read(&input.body) {
        Ok(()) => {}
        Err(Problem::Wrong(problems)) => {
            assert!(!problems.is_empty());
            bounded(bytes, &problems);
        }
        Err(other) => panic!("a body is {other:?}"),
    }
});
