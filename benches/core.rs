//! The pure functions (`pure`), one at a time: what a change of one of them costs shows here before it shows in the whole.
//! `cargo bench --bench core`.

mod pure;

use divan::Bencher;

fn main() {
    divan::main();
}

#[divan::bench(args = pure::ALL.map(|(name, _)| name))]
fn pure_function(bencher: Bencher, name: &str) {
    let (_, make) = pure::ALL.into_iter().find(|(known, _)| *known == name).expect("one of them");
    let call = make();
    bencher.bench_local(call);
}
