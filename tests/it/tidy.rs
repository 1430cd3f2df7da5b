//! The architecture as tests: who may import whom, who may ask for the time, what a table's keys look like. Each rule is
//! a function from one file's text to its problems and is also shown a planted breach, so that none can go blind. It
//! reads source text and never runs it; what the compiler or clippy can enforce is left to them.

mod crates;
mod rust;
mod sql;
mod style;

use std::{
    collections::HashSet,
    fmt, fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use cartback::store::migration;
use rust::{Kind, Source};

/// A breach of one rule.
pub struct Problem {
    path: String,
    line: usize,
    what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Whom each layer may import besides itself. A layer that is not here may not be imported at all: adding one is a
/// decision, and this is where it is written down.
const IMPORTS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("clock", &["domain"]),
    ("http", &["domain"]),
    ("mail", &["domain"]),
    ("smpp", &["domain", "http"]),
    ("store", &["domain"]),
    ("shop", &["domain", "http"]),
    ("gateway", &["domain", "http"]),
    ("sink", &["domain", "http"]),
    ("pipeline", &["domain", "store", "shop", "gateway", "sink", "http", "mail", "clock"]),
    // Settings know which recurring work there is, and make the key of a first start.
    ("config", &["domain", "clock", "mail", "pipeline"]),
    ("observe", &["config"]),
    ("worker", &["pipeline", "store", "clock", "domain"]),
    ("web", &["pipeline", "store", "domain", "clock", "config", "shop", "gateway", "sink"]),
    ("app", EVERYTHING),
    ("cli", EVERYTHING),
    ("demo", EVERYTHING),
    // Words only.
    ("threat_model", &[]),
    // `main.rs` and `lib.rs` are the crate's root.
    ("", EVERYTHING),
];
const EVERYTHING: &[&str] = &[
    "domain", "clock", "http", "mail", "smpp", "config", "observe", "store", "shop", "gateway", "sink", "pipeline",
    "worker", "web", "app", "cli", "demo",
];

fn imports(path: &str, text: &str) -> Vec<Problem> {
    let source = Source::read(path, text);
    let layer = source.layer();
    let Some((_, allowed)) = IMPORTS.iter().find(|(name, _)| *name == layer) else {
        return vec![source.problem(1, format!("the layer `{layer}` is not in the table of imports"))];
    };
    // An exported macro stands at the crate's root, whichever layer it is of.
    let targets =
        source.imports().into_iter().map(|(line, target)| (line, if target == "transact" { "store" } else { target }));
    let breaches = targets.filter(|(_, target)| *target != layer && !allowed.contains(target));
    breaches
        .map(|(line, target)| match layer {
            "" => source.problem(line, format!("`{target}` is not a layer")),
            _ => source.problem(line, format!("`{layer}` may not import `{target}`")),
        })
        .collect()
}

/// Crates that stay in one room: the name (a prefix where it ends in `*`) and the layers that may use it.
const ROOMS: &[(&str, &[&str])] = &[
    ("sqlx*", &["store"]),
    ("actix*", &["web", "app", "demo"]),
    ("reqwest", &["http"]),
    ("lettre", &["mail"]),
    ("rusmpp", &["smpp"]),
];

fn rooms(path: &str, text: &str) -> Vec<Problem> {
    let source = Source::read(path, text);
    source.words(|word, _| {
        let (_, layers) = ROOMS.iter().find(|(name, _)| match name.strip_suffix('*') {
            Some(start) => word.starts_with(start),
            None => word == *name,
        })?;
        (!layers.contains(&source.layer())).then(|| format!("`{word}` belongs in {}", layers.join(" and ")))
    })
}

fn time_and_chance(path: &str, text: &str) -> Vec<Problem> {
    let source = Source::read(path, text);
    if source.layer() == "clock" {
        return Vec::new();
    }
    source.words(|word, at| {
        let asks = match word {
            "SystemTime" | "Timestamp" | "Zoned" | "Utc" | "Local" => source.reads(at + 1, &[":", ":", "now"]),
            // RSA blinds itself with chance while it signs, which only tests do: nothing is drawn there.
            "rand" if path.ends_with("tests.rs") => {
                source.reads(at + 1, &[":", ":"]) && !source.reads(at + 1, &[":", ":", "SystemRandom"])
            }
            "rand" => source.reads(at + 1, &[":", ":"]),
            "OsRng" | "getrandom" | "thread_rng" => true,
            _ => false,
        };
        asks.then(|| format!("`{word}` asks the machine for time or chance: only clock.rs does"))
    })
}

fn no_call_in_a_transaction(path: &str, text: &str) -> Vec<Problem> {
    let source = Source::read(path, text);
    source.words(|word, at| {
        let signature = (word == "fn").then(|| source.signature(at))?;
        let takes = |names: &[&str]| signature.iter().any(|token| names.contains(&token.text.as_str()));
        (takes(&["Tx"]) && takes(&["Http", "GuardedHttp"]))
            .then(|| "a function that takes both a `Tx` and an `Http` can call out inside a transaction".to_owned())
    })
}

fn opening(path: &str, text: &str) -> Vec<Problem> {
    let opens = text.starts_with("//! ");
    if opens { Vec::new() } else { vec![Problem::at(path, 1, "does not open with `//!`: say what it decides".into())] }
}

const LINES_MAX: usize = 600;

fn size(path: &str, text: &str) -> Vec<Problem> {
    let lines = text.lines().count();
    let problem = || Problem::at(path, lines, format!("{lines} lines, over {LINES_MAX}: it hides two rooms"));
    (lines > LINES_MAX).then(problem).into_iter().collect()
}

fn no_panics(path: &str, text: &str) -> Vec<Problem> {
    let source = Source::read(path, text).without_tests();
    source.words(|word, at| {
        let called = at > 0 && (source.reads(at - 1, &["."]) || source.reads(at - 1, &[":"]));
        let panics = match word {
            "unwrap" | "expect" | "unwrap_err" | "expect_err" => called,
            "panic" | "todo" | "unimplemented" => source.reads(at + 1, &["!"]),
            _ => false,
        };
        panics.then(|| format!("`{word}` can take the process down: bad input is normal input"))
    })
}

fn no_unsafe(path: &str, text: &str) -> Vec<Problem> {
    Source::read(path, text).words(|word, _| (word == "unsafe").then(|| "`unsafe`".to_owned()))
}

/// SQL stands in the store's string literals and in the migrations.
fn sql_asks_no_clock(path: &str, text: &str) -> Vec<Problem> {
    if path.ends_with(".sql") {
        return sql::asks_the_clock(path, text, 1);
    }
    let source = Source::read(path, text);
    if source.layer() != "store" {
        return Vec::new();
    }
    let literals = source.tokens.iter().filter(|token| token.kind == Kind::Text);
    literals.flat_map(|token| sql::asks_the_clock(path, &token.text, token.line)).collect()
}

fn statements_name_one_shop(path: &str, text: &str) -> Vec<Problem> {
    static OF_SHOPS: LazyLock<Vec<String>> = LazyLock::new(|| {
        sql::tables_of_shops(&migration::ALL.iter().map(|(_, _, text)| *text).collect::<Vec<_>>().join("\n"))
    });
    let source = Source::read(path, text).without_tests();
    if source.layer() != "store" {
        return Vec::new();
    }
    let literals = source.tokens.iter().filter(|token| token.kind == Kind::Text);
    literals.flat_map(|token| sql::names_one_shop(path, &token.text, token.line, &OF_SHOPS)).collect()
}

/// Pages that open a shop by themselves: the one that makes the `Visit`, and the gateways', some of which are the house's.
const OPENERS: [&str; 2] = ["src/web/page/mod.rs", "src/web/page/gateways.rs"];

/// A page's shop is its `Visit`'s, which knows only those its visitor may see.
fn shops_come_from_the_visit(path: &str, text: &str) -> Vec<Problem> {
    if !path.starts_with("src/web/page/") || OPENERS.contains(&path) {
        return Vec::new();
    }
    let source = Source::read(path, text);
    source.words(|word, at| {
        let asks = match word {
            "vault" | "shops_with_own" => true,
            "shop" => {
                ["ids", "list", "open", "get"].iter().any(|function| source.reads(at + 1, &[":", ":", function, "("]))
            }
            _ => false,
        };
        asks.then(|| format!("`{word}` opens a shop: a page takes its shop from its `Visit`"))
    })
}

impl Problem {
    fn at(path: &str, line: usize, what: String) -> Problem {
        Problem { path: path.to_owned(), line, what }
    }
}

type Rule = fn(&str, &str) -> Vec<Problem>;

/// The files that are compiled for tests only: those a `#[cfg(test)] mod name;` names.
fn test_files(root: &Path) -> HashSet<String> {
    let mut found = HashSet::new();
    for path in files(&root.join("src")) {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let folder = path.parent().unwrap();
        let home = if ["mod", "lib", "main"].contains(&name.as_str()) { folder.to_owned() } else { folder.join(&name) };
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let module = (line.trim() == "#[cfg(test)]").then(|| lines.next()).flatten();
            let module = module.and_then(|line| line.split_once("mod ")?.1.trim().strip_suffix(';'));
            if let Some(module) = module {
                found.insert(named(root, &home.join(format!("{module}.rs"))));
                // Its own modules are for tests only, like itself.
                found.extend(files(&home.join(module)).iter().map(|path| named(root, path)));
            }
        }
    }
    found
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        // A folder that does not exist yet has nothing to break a rule with.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

fn named(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/")
}

/// Applies a rule to every file below `folder` that ends in `ending`, and fails with all problems at once.
fn hold(folder: &str, ending: &str, rule: Rule) {
    let nobody = HashSet::new();
    hold_but(folder, ending, rule, &nobody);
}

/// The same for what is shipped: files compiled for tests only are left out.
fn hold_shipped(rule: Rule) {
    let tests = test_files(Path::new(env!("CARGO_MANIFEST_DIR")));
    assert!(tests.contains("src/cli/tests.rs"), "test files are not recognised any more: {tests:?}");
    hold_but("src", ".rs", rule, &tests);
}

fn hold_but(folder: &str, ending: &str, rule: Rule, but: &HashSet<String>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut problems = Vec::new();
    for path in files(&root.join(folder)) {
        let name = named(root, &path);
        if name.ends_with(ending) && !but.contains(&name) {
            problems.extend(rule(&name, &fs::read_to_string(&path).unwrap()));
        }
    }
    problems.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    assert!(lines.is_empty(), "{} problem(s)\n{}\n", lines.len(), lines.join("\n"));
}

/// The lines at which a rule finds a problem in a planted text.
#[track_caller]
fn check(rule: Rule, path: &str, text: &str, lines: &[usize]) {
    let problems = rule(path, text);
    let found: Vec<usize> = problems.iter().map(|problem| problem.line).collect();
    let said: Vec<String> = problems.iter().map(Problem::to_string).collect();
    assert_eq!(found, lines, "{path}\n{text}\n{said:?}");
}

#[test]
fn layers_import_only_downwards() {
    hold_shipped(imports);
}

#[test]
fn crates_stay_in_their_rooms() {
    hold("src", ".rs", rooms);
}

#[test]
fn only_the_clock_asks_for_time_and_chance() {
    hold("src", ".rs", time_and_chance);
}

#[test]
fn no_function_takes_a_transaction_and_a_way_out() {
    hold("src", ".rs", no_call_in_a_transaction);
}

#[test]
fn every_file_opens_with_what_it_decides() {
    hold("src", ".rs", opening);
    hold("tests", ".rs", opening);
}

#[test]
fn no_file_hides_two_rooms() {
    hold_shipped(size);
}

#[test]
fn nothing_panics_outside_tests() {
    hold_shipped(no_panics);
}

#[test]
fn pages_take_their_shop_from_the_visit() {
    hold("src/web/page", ".rs", shops_come_from_the_visit);
}

#[test]
fn nothing_is_unsafe() {
    hold("src", ".rs", no_unsafe);
}

#[test]
fn sql_is_told_the_time() {
    hold("src", ".rs", sql_asks_no_clock);
    hold("migrations", ".sql", sql_asks_no_clock);
}

#[test]
fn every_statement_names_one_shop() {
    hold("src", ".rs", statements_name_one_shop);
}

#[test]
fn migrations_use_portable_words() {
    hold("migrations", ".sql", sql::portable_words);
}

#[test]
fn every_key_begins_with_the_shop() {
    hold("migrations", ".sql", sql::keys_begin_with_the_shop);
}

#[test]
fn the_import_table_can_fail() {
    check(imports, "src/domain/cart.rs", "use crate::clock::Clock;", &[1]);
    check(imports, "src/domain/cart.rs", "use super::{money::Money, super::domain};\nuse crate::domain::id;", &[]);
    check(imports, "src/domain/cart.rs", "use super::super::store;", &[1]);
    check(imports, "src/domain/mod.rs", "use super::store;", &[1]);
    check(imports, "src/store/cart.rs", "use crate::{\n  domain::{cart, id},\n  clock::Clock,\n};", &[3]);
    check(imports, "src/shop/x.rs", "fn f() -> crate::http::Request { crate::store::db::open() }", &[1]);
    check(imports, "src/web/hook.rs", "use crate::http::Http;\nuse crate::pipeline::receive;", &[1]);
    check(imports, "src/worker.rs", "use crate::{gateway, pipeline};", &[1]);
    check(imports, "src/gateway/x.rs", "pub(in crate::store) fn f() {}", &[1]);
    check(imports, "src/app.rs", "use crate::{store, web, cli, worker};", &[]);
    check(imports, "src/lib.rs", "use crate::helper::X;", &[1]);
    check(imports, "src/helper.rs", "", &[1]);
    check(imports, "src/store/x.rs", "use crate::*;\nuse crate::domain::*;", &[1]);
    check(imports, "src/domain/x.rs", "mod inner { use super::super::id; }", &[]);
    check(
        imports,
        "src/domain/x.rs",
        "// use crate::store;\n/* crate::store::x */ const A: &str = \"crate::store\";",
        &[],
    );
    check(
        imports,
        "src/store/x.rs",
        "#[cfg(test)]\nmod tests { use crate::clock::Ids; }\nuse crate::clock::Ids;",
        &[3],
    );
}

#[test]
fn the_rooms_can_fail() {
    check(rooms, "src/pipeline/send.rs", "use sqlx::Row;\nuse actix_web::web;\nfn f() { reqwest::get() }", &[1, 2, 3]);
    check(rooms, "src/store/db.rs", "use sqlx::Row;", &[]);
    check(rooms, "src/web/hook.rs", "use actix_web::web;\nuse sqlx::Row;", &[2]);
    check(rooms, "src/app.rs", "use actix_web::App;", &[]);
    check(rooms, "src/http.rs", "use reqwest::Client;", &[]);
}

#[test]
fn the_clock_rule_can_fail() {
    let text = "let a = SystemTime::now();\nlet b = jiff::Timestamp::now();\nuse rand::Rng;\nlet c: Timestamp = now;";
    check(time_and_chance, "src/cli/serve.rs", text, &[1, 2, 3]);
    check(time_and_chance, "src/clock.rs", text, &[]);
}

#[test]
fn the_transaction_rule_can_fail() {
    let both = "async fn f<H>(tx: &mut Tx<'_>,\n http: &dyn Http) -> [u8; 3] where H: X {}";
    check(no_call_in_a_transaction, "src/pipeline/send.rs", both, &[1]);
    let apart =
        "fn f(tx: &mut Tx) { g(Http) }\nfn g(http: &dyn Http) { Tx::begin() }\ntrait X { fn a(t: Tx); fn b(h: Http); }";
    check(no_call_in_a_transaction, "src/pipeline/send.rs", apart, &[]);
}

#[test]
fn the_opening_and_size_rules_can_fail() {
    check(opening, "src/x.rs", "use std::fmt;\n//! Late.", &[1]);
    check(opening, "src/x.rs", "//! Early.\nuse std::fmt;", &[]);
    check(size, "src/x.rs", &"\n".repeat(LINES_MAX + 1), &[LINES_MAX + 1]);
    check(size, "src/x.rs", &"\n".repeat(LINES_MAX), &[]);
}

#[test]
fn the_panic_rule_can_fail() {
    let text = "fn f() { a.unwrap();\n b\n .expect(\"c\");\n panic!(\"d\");\n e.map(Result::unwrap);\n todo!() }";
    check(no_panics, "src/x.rs", text, &[1, 3, 4, 5, 6]);
    let calm = r##"
        /// ```
        /// a.unwrap();
        /// ```
        #[expect(dead_code)]
        fn f<'a>(s: &'a str) -> char { s.unwrap_or_default(); g("x.unwrap()", r#"" panic!("#, b"\"todo!()"); '"' }
        #[cfg(test)]
        #[allow(dead_code)]
        mod tests { fn g() -> [u8; 2] { a.unwrap(); if x { panic!() } } }
        #[cfg(test)]
        use crate::x::{unwrap};
    "##;
    check(no_panics, "src/x.rs", calm, &[]);
    check(no_panics, "src/x.rs", &format!("{calm}fn g() {{ a.unwrap() }}"), &[12]);
}

#[test]
fn the_visit_rule_can_fail() {
    let text =
        "let a = store::shop::ids(&mut read);\nlet b = core.vault.keys(r, id);\nuse store::shop::Shop;\nvisit.shop();";
    check(shops_come_from_the_visit, "src/web/page/x.rs", text, &[1, 2]);
    check(shops_come_from_the_visit, "src/web/page/mod.rs", text, &[]);
    check(shops_come_from_the_visit, "src/pipeline/x.rs", text, &[]);
}

#[test]
fn the_unsafe_rule_can_fail() {
    check(no_unsafe, "src/x.rs", "// unsafe\nunsafe { f() }", &[2]);
}

#[test]
fn the_told_time_rule_can_fail() {
    let text = "const Q: &str = \"SELECT 1\n  WHERE due_at < NOW ()\";\nconst R: &str = \"SELECT current_timestamp\";";
    check(sql_asks_no_clock, "src/store/job.rs", text, &[2, 3]);
    check(
        sql_asks_no_clock,
        "src/store/job.rs",
        "const Q: &str = \"SELECT now FROM t -- now()\";\nlet a = now();",
        &[],
    );
    check(sql_asks_no_clock, "src/shop/x.rs", "const FIELD: &str = \"current_timestamp\";", &[]);
    check(
        sql_asks_no_clock,
        "migrations/1.sql",
        "SELECT datetime('now');\nSELECT 1;\nSELECT CURRENT_TIMESTAMP;",
        &[1, 3],
    );
}
