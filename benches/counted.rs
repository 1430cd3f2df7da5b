//! How many instructions each pure function (`pure`) takes, counted by valgrind beside the counts in `counted.txt`: on a busy
//! machine too a function that became a tenth dearer shows. `cargo bench --profile counted --bench counted`; with
//! `CARTBACK_WRITE_COUNTS=1` the counts are written anew. Cheaper is no failure. With another compiler or another kind of
//! machine than they were counted with they are only told, and a machine without valgrind is told so.

mod pure;

use std::{
    collections::BTreeMap,
    env,
    fmt::Write,
    fs,
    process::{Command, ExitCode},
};

/// Per cent that a count may be above what is written down.
const MORE_MOST: u64 = 10;
const KNOWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/counted.txt");
/// The child's word for one function.
const ONE: &str = "CARTBACK_COUNT";

fn main() -> ExitCode {
    if let Ok(name) = env::var(ONE) {
        let (_, make) = pure::ALL.into_iter().find(|(known, _)| *known == name).expect("one of them");
        let call = make();
        // What is made once (tables, patterns) is no part of it.
        call();
        counted_from_here(&*call);
        return ExitCode::SUCCESS;
    }
    // What `cargo bench` adds, and `cargo test` does not.
    if !env::args().any(|word| word == "--bench") {
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("valgrind is not installed: nothing is counted");
        return if env::var_os("CARTBACK_REQUIRE_VALGRIND").is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    let counts: Vec<(&str, u64)> = pure::ALL.iter().map(|(name, _)| (*name, count(name))).collect();
    let place = place();
    if env::var_os("CARTBACK_WRITE_COUNTS").is_some() {
        let mut text = format!("# {place}\n");
        for (name, count) in &counts {
            let _ = writeln!(text, "{name} {count}");
        }
        fs::write(KNOWN, text).expect("the file can be written");
    }
    let known = fs::read_to_string(KNOWN).expect("there is such a file");
    let compares = known.lines().next() == Some(&format!("# {place}"));
    if !compares {
        println!("counted with {place}; what is written down was counted with another: nothing fails");
    }
    let known: BTreeMap<&str, u64> = known
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(' '))
        .map(|(name, count)| (name, number(count)))
        .collect();
    let mut is_dearer = false;
    for (name, count) in counts {
        let Some(before) = known.get(name) else {
            println!("{name:24} {count:>10}  nothing to compare with: CARTBACK_WRITE_COUNTS=1 writes it down");
            is_dearer = true;
            continue;
        };
        let more = (count as f64 / *before as f64 - 1.0) * 100.0;
        let dearer = count * 100 > before * (100 + MORE_MOST);
        is_dearer |= dearer;
        println!("{name:24} {count:>10} instructions  {more:+6.1} %{}", if dearer { "  DEARER" } else { "" });
    }
    if is_dearer && compares { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// What counts depend on besides our code: the compiler, and the ways of computing that libraries choose from.
fn place() -> String {
    let compiler = Command::new("rustc").arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    let compiler = String::from_utf8_lossy(&compiler).into_owned();
    let compiler = compiler.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    format!("{compiler} on {}{}", env::consts::ARCH, if has_avx2() { " with AVX2" } else { "" })
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx2() -> bool {
    false
}

/// Valgrind counts while this is run.
#[inline(never)]
fn counted_from_here(call: &dyn Fn()) {
    call();
}

fn number(text: &str) -> u64 {
    text.trim().parse().unwrap_or_else(|_| panic!("{text} is no count"))
}

fn count(name: &str) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*counted_from_here*"])
        .arg(env::current_exe().expect("it has a name"))
        .env(ONE, name)
        .output()
        .expect("valgrind starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {said}");
    let (_, rest) = said.split_once("Collected : ").unwrap_or_else(|| panic!("{name}: nothing was counted: {said}"));
    let count = number(rest.lines().next().unwrap_or_default());
    assert!(count > 0, "{name}: nothing was counted");
    count
}
