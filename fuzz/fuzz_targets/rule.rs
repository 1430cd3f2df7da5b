//! Rules and sequences as people type them: a line for each, `key=value`. What is taken is within its bounds, is typed again
//! as it was read, and comes back from the store.
#![no_main]

use cartback::domain::{
    rules::Rules,
    sequence::{PRESETS, Sequence, default_sequence},
};
use cartback_fuzz::{always, bounded};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let changes: Vec<(&str, &str)> = text.lines().take(40).filter_map(|line| line.split_once('=')).collect();
    let mut sequence = default_sequence();
    let set = always(text.as_bytes(), || sequence.clone().set_all(changes.iter().copied()));
    bounded(text.as_bytes(), &set);
    if sequence.set_all(changes.iter().copied()).is_ok() {
        assert!(sequence.check().is_empty(), "{text:?}");
        let typed = sequence.typed();
        let mut again = sequence.clone();
        let pairs = typed.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        assert_eq!(again.set_all(pairs), Ok(()), "{typed:?}");
        assert_eq!(again, sequence, "{text:?}");
        let json = serde_json::to_string(&sequence).expect("json");
        assert_eq!(serde_json::from_str::<Sequence>(&json).ok().as_ref(), Some(&sequence));
    }
    let mut rules = Rules::default();
    if let Err(problems) = rules.set_all(changes.iter().copied()) {
        bounded(text.as_bytes(), &problems.iter().take(10).collect::<Vec<_>>());
    } else {
        assert_eq!(rules.check(), Ok(()));
        let json = serde_json::to_string(&rules).expect("json");
        assert_eq!(Rules::restored(&json).ok().as_ref(), Some(&rules), "{text:?}");
    }
    let _ = (Rules::restored(text), serde_json::from_str::<Sequence>(text), PRESETS.len());
});
