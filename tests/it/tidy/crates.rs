//! What we build on, by `deny.toml` as far as `Cargo.lock` alone can tell: which crates are refused, of which there may be
//! two versions, where all of them come from. Licences and advisories need the tool (`cargo deny check`).

use std::{collections::BTreeMap, fs, path::Path};

use toml::{Table, Value};

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Every breach, in words.
fn breaches(lock: &str, deny: &str) -> Vec<String> {
    let (lock, deny): (Table, Table) = (lock.parse().unwrap(), deny.parse().unwrap());
    let mut problems = Vec::new();
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in lock["package"].as_array().unwrap() {
        let text = |key: &str| package.get(key).and_then(Value::as_str);
        let (name, version) = (text("name").unwrap(), text("version").unwrap());
        versions.entry(name).or_default().push(version);
        let is_known = match text("source") {
            Some(source) => source == REGISTRY && text("checksum").is_some(),
            None => name == env!("CARGO_PKG_NAME"),
        };
        if !is_known {
            problems.push(format!("{name} {version}: comes from {}", text("source").unwrap_or("a folder")));
        }
    }
    let listed = |list: &str| -> Vec<&str> {
        let entries = deny["bans"][list].as_array().unwrap();
        entries.iter().map(|entry| entry["crate"].as_str().unwrap()).collect()
    };
    let refused = listed("deny").into_iter().filter(|name| versions.contains_key(name));
    problems.extend(refused.map(|name| format!("{name}: is refused")));
    let kept: Vec<(&str, &str)> = listed("skip").into_iter().map(|entry| entry.split_once(':').unwrap()).collect();
    for (name, all) in &versions {
        let newest = all.iter().max_by_key(|version| parts(version));
        let older = all.iter().filter(|version| Some(*version) != newest);
        let unlisted = older.filter(|version| !kept.iter().any(|(known, of)| known == name && is_of(version, of)));
        problems.extend(unlisted.map(|version| format!("{name} {version}: is there beside a newer one")));
    }
    let gone = kept.iter().filter(|(name, of)| {
        versions.get(name).is_none_or(|all| all.len() < 2 || !all.iter().any(|version| is_of(version, of)))
    });
    problems.extend(gone.map(|(name, of)| format!("{name} {of}: stands in deny.toml and is no second one any more")));
    problems
}

/// `0.22.1` is of `0.22` and not of `0.2`.
fn is_of(version: &str, of: &str) -> bool {
    version.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn parts(version: &str) -> Vec<u64> {
    let plain = version.split(['-', '+']).next().unwrap_or_default();
    plain.split('.').filter_map(|part| part.parse().ok()).collect()
}

#[test]
fn what_we_build_on_is_on_the_list() {
    let read = |name: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
    let problems = breaches(&read("Cargo.lock"), &read("deny.toml"));
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_list_can_fail() {
    #[track_caller]
    fn check(packages: &[(&str, &str, &str)], expected: &[&str]) {
        let lock: String = packages
            .iter()
            .map(|(name, version, more)| format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n{more}\n"))
            .collect();
        let deny = "[bans]\ndeny = [{ crate = \"openssl-sys\" }]\nskip = [{ crate = \"rand:0.8\" }]";
        assert_eq!(breaches(&lock, deny), expected);
    }
    let source = format!("source = \"{REGISTRY}\"\nchecksum = \"00\"");
    let ours = (env!("CARGO_PKG_NAME"), "0.1.0", "");
    let (old, new) = (("rand", "0.8.5", source.as_str()), ("rand", "0.10.1", source.as_str()));
    check(&[ours, old, new], &[]);
    check(&[ours, old, new, ("openssl-sys", "0.9.1", &source)], &["openssl-sys: is refused"]);
    check(&[ours, old, new, ("rand", "0.9.0", &source)], &["rand 0.9.0: is there beside a newer one"]);
    check(&[ours, new], &["rand 0.8: stands in deny.toml and is no second one any more"]);
    check(&[ours, old, new, ("x", "1.0.0", "source = \"git+https://x\"")], &["x 1.0.0: comes from git+https://x"]);
    check(&[ours, old, new, ("x", "1.0.0", "")], &["x 1.0.0: comes from a folder"]);
}
