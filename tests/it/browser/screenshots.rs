//! Pictures, made anew by hand: `cargo test --test it browser::screenshots -- --ignored --nocapture`.
//!
//! `readme` makes those of the README from the demo, which lives through two months first. `every_page` makes a sheet of
//! every page, wide and narrow, light and dark, in `target/screenshots`, to be looked at by whoever changes a style.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use super::{
    driver::{Browser, on_path},
    look::walk,
    rich,
    site::Stage,
};
use crate::server::{Watchdog, free_ports, get, say};

const README: &str = "assets/screenshots";
const SHEET: &str = "target/screenshots";
/// A picture in the README.
const BYTES_MOST: usize = 120_000;
/// What it is called, what it shows, and where it ends: behind the chart, the rates, the order.
const PICTURES: [(&str, &str, u64); 3] =
    [("overview", "/", 1_050), ("cart", "/carts?state=recovered", 1_450), ("report", "/report", 1_218)];
/// Two months take a debug build a while.
const LIVED_WITHIN: Duration = Duration::from_secs(900);

const DEMO: &str = r#"
"$1" demo --listen "$2" --data "$3" >"$3.log" 2>&1 &
echo started
read -r _
kill -TERM $!
wait
"#;

fn root(folder: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[actix_web::test]
#[ignore = "makes the README's pictures anew"]
async fn readme() {
    let [port] = free_ports().unwrap();
    let address = format!("127.0.0.1:{port}");
    let url = format!("http://{address}");
    let Some(browser) = Browser::open(&url).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let (binary, data) = (Path::new(env!("CARGO_BIN_EXE_cartback")), folder.path().join("demo"));
    let mut watchdog = Watchdog::start(DEMO, &[binary, Path::new(&address), &data], |_| {}).unwrap();
    watchdog.answer().unwrap();
    let end = Instant::now() + LIVED_WITHIN;
    while get(&format!("{url}/healthz")).is_err() {
        assert!(Instant::now() < end, "the demo does not answer");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let out = root(README);
    for (name, path, height) in PICTURES {
        browser.size(1280, 900).await;
        browser.visit(path).await;
        if name == "cart" {
            browser.run("document.querySelector('tbody a').click()").await;
            browser.sees("What happened, and why").await;
        }
        // The demo's own bar is of the demo only.
        browser.run("document.querySelector('.demo')?.remove()").await;
        for scheme in ["light", "dark"] {
            browser.prefers(&[("prefers-color-scheme", scheme)]).await;
            let picture = smaller(browser.picture(Some(height)).await);
            assert!(picture.len() < BYTES_MOST, "{name} {scheme} takes {} bytes", picture.len());
            fs::write(out.join(format!("{name}-{scheme}.png")), picture).unwrap();
        }
    }
    browser.close().await;
}

/// With a palette, where `pngquant` is there.
fn smaller(picture: Vec<u8>) -> Vec<u8> {
    let Some(program) = on_path("pngquant") else {
        say("pngquant is not installed: the pictures are larger than they need be");
        return picture;
    };
    let mut child = Command::new(program)
        .args(["--quality", "70-95", "--speed", "1", "--strip", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let given = picture.clone();
    let writing = std::thread::spawn(move || input.write_all(&given));
    let made = child.wait_with_output().unwrap();
    writing.join().unwrap().unwrap();
    if made.status.success() { made.stdout } else { picture }
}

#[actix_web::test]
#[ignore = "makes a picture of every page, to be looked at"]
async fn every_page() {
    let Some(stage) = Stage::open_signed_in().await else { return };
    let out = root(SHEET);
    let mut sheet = String::from("<!doctype html><meta charset=utf-8><title>Every page</title>\n");
    let mut shoot = async |path: &str, house: &str| {
        let name = format!("{house}{}", path.replace(|it: char| !it.is_ascii_alphanumeric(), "-"));
        let name: String = name.chars().take(60).collect();
        let _ = writeln!(sheet, "<h2>{house} {}</h2>", path.replace('&', "&amp;").replace('<', "&lt;"));
        for (width, scheme) in [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")] {
            stage.size(width, 900).await;
            stage.prefers(&[("prefers-color-scheme", scheme)]).await;
            let file = format!("{name}-{width}-{scheme}.png");
            fs::write(out.join(&file), stage.picture(None).await).unwrap();
            let _ = writeln!(sheet, "<img src=\"{file}\" width=\"{}\" loading=lazy>", width / 2);
        }
        stage.size(1280, 900).await;
    };
    let others = ["/sign-in", "/nothing-is-here"].map(str::to_owned);
    walk(&stage, others.into_iter(), async |path| shoot(path, "empty").await).await;
    let text = rich::fill(&stage.app).await;
    let others = ["/?shop=2".to_owned(), rich::opt_out_path(&stage.app, &text).await];
    walk(&stage, others.into_iter(), async |path| shoot(path, "rich").await).await;
    fs::write(out.join("index.html"), sheet).unwrap();
    say(&format!("every page: {}/index.html", out.display()));
    stage.end().await;
}
