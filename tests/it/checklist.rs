//! What conversion tracking must cover, item by item, as five articles on it asked for or implied, each with the tests that
//! show it. The lists are kept in our own words under `checklist/`; a line is `number | what | file::test, file::test`, or
//! `number | what | - why it is left out`. Here it is only made sure that nothing is missing and that every test is there.

use std::{collections::BTreeSet, fs, path::Path};

/// List, and how many items it has.
const LISTS: [(&str, &str, usize); 5] = [
    ("introduction", include_str!("checklist/introduction.txt"), 11),
    ("tracking", include_str!("checklist/tracking.txt"), 55),
    ("micro", include_str!("checklist/micro.txt"), 18),
    ("glossary", include_str!("checklist/glossary.txt"), 10),
    ("growth", include_str!("checklist/growth.txt"), 15),
];

/// Why a line is wrong, if it is.
fn wrong(line: &str) -> Option<String> {
    let parts: Vec<&str> = line.split(" | ").collect();
    let [_, what, shown] = parts.as_slice() else { return Some("is no line of three parts".to_owned()) };
    if what.len() < 8 {
        return Some("says nothing".to_owned());
    }
    if let Some(why) = shown.strip_prefix("- ") {
        return (why.len() < 20).then(|| "does not say why it is left out".to_owned());
    }
    shown.split(", ").find_map(no_test)
}

/// Why `file::test` names no test, if it does not.
fn no_test(test: &str) -> Option<String> {
    let Some((file, name)) = test.split_once("::") else { return Some(format!("{test} is no file::test")) };
    let Ok(source) = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)) else {
        return Some(format!("there is no {file}"));
    };
    let Some(place) = source.find(&format!("fn {name}(")) else { return Some(format!("{file} has no {name}")) };
    // The attribute stands right before it, after the last function's end.
    let before = source.get(..place).unwrap_or_default();
    let since = before.rfind("}\n").map_or(before, |end| before.get(end..).unwrap_or_default());
    let is_test = since.contains("test]") || since.contains("::test(") || is_property(before);
    (!is_test).then(|| format!("{name} is no test"))
}

/// What is wrong with the tables of threats in a threat model: a threat without its test, a test that is not there.
fn unproved(model: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let (_, threats) = model.split_once("# Threats\n").unwrap_or_default();
    for line in threats.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| threat |")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [threat, _, shown] = cells.as_slice() else {
            problems.push(format!("no line of three cells: {line}"));
            continue;
        };
        let tests = shown.split(", ").map(|test| test.trim_matches('`'));
        problems.extend(tests.filter_map(no_test).map(|why| format!("{threat}: {why}")));
    }
    problems
}

#[test]
fn every_threat_names_a_test_that_is_there() {
    const MODEL: &str = include_str!("../../src/threat_model.md");
    for section in ["3A", "3B", "3C", "3D", "3E", "3F", "3G", "3H"] {
        let (_, rest) =
            MODEL.split_once(&format!("\n## {section}. ")).unwrap_or_else(|| panic!("{section} is missing"));
        let table = rest.split("\n## ").next().unwrap_or_default();
        assert!(table.lines().filter(|line| line.starts_with("| ")).count() > 5, "{section} says next to nothing");
    }
    let problems = unproved(MODEL);
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    let here = "tests/it/checklist.rs";
    let line = |shown: &str| format!("# Threats\n| threat | what | shown by |\n|---|---|---|\n| a | b | {shown} |\n");
    assert_eq!(unproved(&line(&format!("`{here}::the_check_can_fail`"))), [""; 0]);
    for bad in [format!("`{here}::nothing_of_this_name`"), "nowhere".to_owned(), format!("`{here}::x` | c")] {
        assert_eq!(unproved(&line(&bad)).len(), 1, "{bad}");
    }
}

/// Whether a file ends, so far, within a `proptest!`: each function in there is a test.
fn is_property(before: &str) -> bool {
    let Some(start) = before.rfind("proptest! {") else { return false };
    let (above, within) = before.split_at(start);
    let margin = above.rsplit('\n').next().unwrap_or_default();
    !within.contains(&format!("\n{margin}}}\n"))
}

#[test]
fn every_item_is_shown_by_a_test_or_says_why_not() {
    let mut problems = Vec::new();
    for (name, text, count) in LISTS {
        let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        let numbers: BTreeSet<usize> = lines.iter().filter_map(|line| line.split(" | ").next()?.parse().ok()).collect();
        if numbers != (1..=count).collect() || lines.len() != count {
            problems.push(format!("{name}: must have each of 1 to {count} once"));
        }
        problems.extend(lines.iter().filter_map(|line| Some(format!("{name} {line}: {}", wrong(line)?))));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn only_what_stands_in_a_property_is_one() {
    let inside = "mod tests {\n    proptest! {\n        fn a() {\n        }\n        ";
    assert!(is_property(inside) && !is_property("fn a() {}\n"));
    assert!(!is_property(&format!("{inside}fn b() {{\n        }}\n    }}\n    ")));
}

#[test]
fn the_check_can_fail() {
    let here = "tests/it/checklist.rs";
    assert_eq!(wrong(&format!("1 | something said | {here}::the_check_can_fail")), None);
    assert_eq!(wrong("1 | something said | - nobody has ever asked for it"), None);
    for bad in [
        "1 | something said".to_owned(),
        "1 | no | - nobody has ever asked for it".to_owned(),
        "1 | something said | - no".to_owned(),
        format!("1 | something said | {here}::nothing_of_this_name"),
        format!("1 | something said | {here}::wrong"),
        "1 | something said | tests/it/nowhere.rs::x".to_owned(),
        "1 | something said | x".to_owned(),
    ] {
        assert!(wrong(&bad).is_some(), "{bad}");
    }
}

/// The failure matrix of the service (F1 to F41): what can go wrong around it, and the tests that show what happens then. A
/// test says in its name which lines it is for.
#[test]
fn every_fault_of_the_matrix_has_a_test_of_its_number() {
    fn numbers(folder: &Path, found: &mut BTreeSet<u32>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                numbers(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let source = fs::read_to_string(&path).unwrap();
                for (place, _) in source.match_indices("fn f") {
                    let name: String =
                        source[place + 3..].chars().take_while(|it| it.is_ascii_alphanumeric() || *it == '_').collect();
                    let of_name = name.split('_').map_while(|part| part.strip_prefix('f')?.parse::<u32>().ok());
                    found.extend(of_name);
                }
            }
        }
    }
    let mut found = BTreeSet::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    numbers(&root.join("src"), &mut found);
    numbers(&root.join("tests"), &mut found);
    let missing: Vec<u32> = (1..=41).filter(|number| !found.contains(number) && !LEFT.contains(number)).collect();
    assert_eq!(missing, Vec::<u32>::new(), "lines of the matrix without a test");
}

/// Lines that have no test yet.
const LEFT: [u32; 0] = [];
