//! What is worth protecting, from whom, where the walls stand and what is known to be left. Documentation only: nothing is
//! decided here. Every test that is named here exists; `tests/it/checklist.rs` looks.
#![doc = include_str!("threat_model.md")]
