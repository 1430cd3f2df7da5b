//! Chromium: one chromedriver for the whole suite, a fresh browser with a fresh profile for each story. It knows nothing
//! of Cartback; what it offers is in a person's words: visit, follow a link, press a button, fill a field, see.

use std::{
    env, fmt,
    path::PathBuf,
    sync::{Mutex, OnceLock},
    time::{Duration, Instant},
};

use data_encoding::BASE64;
use fantoccini::{
    Client, ClientBuilder, Locator,
    elements::Element,
    wd::{Capabilities, WebDriverCompatibleCommand},
};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::REQUIRED;
use crate::server::{Watchdog, call, missing};

/// What a page must show by then. Far more than it needs: a slow machine is no failure.
const SEEN_WITHIN: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(15);

/// Browsers at work at the same time: each is five processes.
static TURNS: Semaphore = Semaphore::const_new(2);

/// The process that starts browsers, for all stories. A browser that a failed story left open ends with it.
struct Driver {
    url: String,
    chromium: PathBuf,
    _watchdog: Mutex<Watchdog>,
}

const SCRIPT: &str = r#"
folder=$(mktemp -d) || exit 1
HOME=$folder TMPDIR=$folder "$1" --port=0 --log-level=SEVERE >"$folder/said" 2>&1 &
until port=$(sed -n 's/.*started successfully on port \([0-9]*\).*/\1/p' "$folder/said") && [ -n "$port" ]; do
    kill -0 $! || exit 1
    sleep 0.05
done
echo "$port"
read -r _
trap '' TERM
kill -TERM 0
wait
tries=0
until rm -rf "$folder" || [ $tries = 100 ]; do tries=$((tries + 1)); sleep 0.05; done
"#;

fn driver() -> Option<&'static Driver> {
    static DRIVER: OnceLock<Option<Driver>> = OnceLock::new();
    let started = DRIVER.get_or_init(|| {
        let (Some(chromium), Some(chromedriver)) =
            (["chromium", "google-chrome"].iter().find_map(|name| on_path(name)), on_path("chromedriver"))
        else {
            missing("Chromium and chromedriver are not installed (Debian: chromium, chromium-driver)", REQUIRED);
            return None;
        };
        let mut watchdog = Watchdog::start(SCRIPT, &[&chromedriver], |_| {}).expect("chromedriver starts");
        let port: u16 = watchdog.answer().unwrap().parse().expect("chromedriver says its port");
        Some(Driver { url: format!("http://127.0.0.1:{port}"), chromium, _watchdog: Mutex::new(watchdog) })
    });
    started.as_ref()
}

pub fn on_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(program)).find(|file| file.is_file())
}

const ARGUMENTS: [&str; 13] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--lang=en-US",
    "--window-size=1280,900",
];

pub struct Browser {
    client: Client,
    session: String,
    /// Where paths lead.
    origin: String,
    /// Answers the story expects that Chromium writes on the console: a status and a part of its address.
    expected: Mutex<Vec<String>>,
    _turn: SemaphorePermit<'static>,
}

/// `None`, and a word about it, where Chromium is not installed.
pub fn is_there() -> bool {
    driver().is_some()
}

impl Browser {
    pub async fn open(origin: &str) -> Option<Browser> {
        let driver = driver()?;
        let turn = TURNS.acquire().await.unwrap();
        let Value::Object(wanted) = json!({
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
            "goog:chromeOptions": { "binary": driver.chromium, "args": ARGUMENTS },
        }) else {
            unreachable!()
        };
        let wanted: Capabilities = wanted;
        let client = ClientBuilder::new(HttpConnector::new()).capabilities(wanted).connect(&driver.url).await;
        let client = client.expect("Chromium starts");
        let session = client.session_id().await.unwrap().expect("a session");
        let session = format!("{}/session/{session}", driver.url);
        Some(Browser { client, session, origin: origin.to_owned(), expected: Mutex::default(), _turn: turn })
    }

    // Going about.

    pub async fn visit(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.origin)).await.unwrap();
    }

    /// Path and query of the page that is shown.
    pub async fn place(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        assert!(url.as_str().starts_with(&self.origin), "{url} is not ours");
        url.as_str()[self.origin.len()..].to_owned()
    }

    /// Follows the link of these words.
    pub async fn follow(&self, words: &str) {
        let link = format!("//a[{}]", says(words));
        self.click(&link, &format!("a link “{words}”")).await;
    }

    /// Presses the button of these words, or opens the disclosure.
    pub async fn press(&self, words: &str) {
        let says = says(words);
        self.click(&format!("//button[{says}] | //summary[{says}]"), &format!("a button “{words}”")).await;
    }

    /// Ticks the box, or takes it back.
    pub async fn tick(&self, label: &str) {
        self.field(label).await.click().await.unwrap();
    }

    /// Writes into the field of this label, in place of what is there.
    pub async fn fill(&self, label: &str, text: &str) {
        let field = self.field(label).await;
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    pub async fn choose(&self, label: &str, option: &str) {
        self.field(label).await.select_by_label(option).await.unwrap();
    }

    async fn field(&self, label: &str) -> Element {
        let says = format!("contains(normalize-space(.), {})", quoted(label));
        let kinds = "self::input or self::textarea or self::select";
        let path = format!("//*[({kinds}) and (@id = //label[{says}]/@for or ancestor::label[{says}])]");
        self.find(&path, &format!("a field “{label}”")).await
    }

    async fn click(&self, path: &str, what: &str) {
        let element = self.find(path, what).await;
        if let Err(why) = element.click().await {
            panic!("{what} cannot be clicked on {}: {why}", self.place().await);
        }
    }

    async fn find(&self, path: &str, what: &str) -> Element {
        let seen = self
            .until(async || {
                // The first that is to be seen: what only screen readers are told takes one pixel.
                for element in self.client.find_all(Locator::XPath(path)).await.ok()? {
                    let hidden = element.attr("aria-hidden").await.is_ok_and(|hidden| hidden.is_some());
                    let shown = !hidden && element.is_displayed().await.unwrap_or(false);
                    if shown && element.rectangle().await.is_ok_and(|(_, _, width, _)| width > 1.0) {
                        return Some(element);
                    }
                }
                None
            })
            .await;
        match seen {
            Some(element) => element,
            None => panic!("no {what} on {}:\n{}", self.place().await, self.words().await),
        }
    }

    /// Keys as a person presses them, wherever the focus is.
    pub async fn keys(&self, keys: &str) {
        self.client.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    // Looking.

    /// Waits until the page says so.
    pub async fn sees(&self, words: &str) {
        let seen = self.until(async || self.words().await.contains(words).then_some(())).await;
        if seen.is_none() {
            panic!("{} does not say “{words}”:\n{}", self.place().await, self.words().await);
        }
    }

    pub async fn sees_not(&self, words: &str) {
        assert!(!self.words().await.contains(words), "{} says “{words}”", self.place().await);
    }

    /// What is written on the page, with its line breaks; "" between two pages.
    pub async fn words(&self) -> String {
        let words = self.client.execute("return document.body ? document.body.innerText : ''", Vec::new()).await;
        words.ok().and_then(|words| words.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// What a script returns.
    pub async fn run(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.unwrap_or_else(|why| panic!("{script}: {why}"))
    }

    /// What a script hands to `done`.
    pub async fn run_until_done(&self, script: &str) -> Value {
        let script = format!("const done = arguments[arguments.length - 1]; {script}");
        self.client.execute_async(&script, Vec::new()).await.unwrap_or_else(|why| panic!("{script}: {why}"))
    }

    /// Waits until a script returns true.
    pub async fn until_true(&self, script: &str) {
        let seen = self.until(async || (self.run(script).await == json!(true)).then_some(())).await;
        assert!(seen.is_some(), "never true on {}: {script}", self.place().await);
    }

    async fn until<T>(&self, look: impl AsyncFn() -> Option<T>) -> Option<T> {
        let end = Instant::now() + SEEN_WITHIN;
        while Instant::now() < end {
            if let Some(found) = look().await {
                return Some(found);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        None
    }

    // What the person's machine is like.

    /// The window, in CSS pixels.
    pub async fn size(&self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// What the system prefers, by the name of its media feature.
    pub async fn prefers(&self, features: &[(&str, &str)]) {
        let features: Vec<Value> =
            features.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// As on paper.
    pub async fn prints(&self) {
        self.devtools("Emulation.setEmulatedMedia", json!({ "media": "print" })).await;
    }

    /// Our own name gives away that a program steers us.
    pub async fn calls_itself(&self, agent: &str) {
        self.devtools("Network.setUserAgentOverride", json!({ "userAgent": agent })).await;
    }

    /// From the next page on, scripts do not run.
    pub async fn forbids_scripts(&self) {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    }

    /// Files are kept in this folder.
    pub async fn keeps_files_in(&self, folder: &std::path::Path) {
        let behavior = json!({ "behavior": "allow", "downloadPath": folder });
        self.devtools("Browser.setDownloadBehavior", behavior).await;
    }

    /// A picture of the page down to this height, as PNG; of all of it without one.
    pub async fn picture(&self, height_most: Option<u64>) -> Vec<u8> {
        let metrics = self.devtools("Page.getLayoutMetrics", json!({})).await;
        let size = &metrics["cssContentSize"];
        let height = size["height"].as_f64().unwrap().ceil();
        let height = height_most.map_or(height, |most| height.min(most as f64));
        let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": height, "scale": 1 });
        let wanted = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let taken = self.devtools("Page.captureScreenshot", wanted).await;
        BASE64.decode(taken["data"].as_str().unwrap().as_bytes()).unwrap()
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.own("goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await
    }

    async fn own(&self, path: &'static str, body: Value) -> Value {
        let said = format!("{body}");
        self.client.issue_cmd(Own { path, body }).await.unwrap_or_else(|why| panic!("{said}: {why}"))
    }

    // How it ends.

    /// Chromium notes every answer that is not a page; this one is meant to be there.
    pub fn expects(&self, note: &str) {
        self.expected.lock().unwrap().push(note.to_owned());
    }

    /// Whatever should not have happened: words on the console, refusals of the content policy among them, and requests
    /// to anybody else.
    pub async fn mishaps(&self) -> Vec<String> {
        let expected = self.expected.lock().unwrap().clone();
        let console = self.own("se/log", json!({ "type": "browser" })).await;
        let console = console.as_array().unwrap().iter().filter(|entry| entry["level"] != "INFO");
        let console = console.map(|entry| format!("console: {}", entry["message"].as_str().unwrap_or_default()));
        let console = console.filter(|said| !expected.iter().any(|note| said.contains(note)));
        let traffic = self.own("se/log", json!({ "type": "performance" })).await;
        let asked = traffic.as_array().unwrap().iter().filter_map(|entry| {
            let event: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            (event["message"]["method"] == "Network.requestWillBeSent").then_some(())?;
            event["message"]["params"]["request"]["url"].as_str().map(str::to_owned)
        });
        let ours = format!("{}/", self.origin);
        let foreign = asked.filter(|url| !url.starts_with(&ours) && !url.starts_with("data:"));
        console.chain(foreign.map(|url| format!("a request to {url}"))).collect()
    }

    pub async fn close(self) {
        let mishaps = self.mishaps().await;
        assert!(mishaps.is_empty(), "{mishaps:#?}");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = call("DELETE", &self.session, &[], b"");
    }
}

/// Whether an element's words are these, as XPath.
fn says(words: &str) -> String {
    format!("normalize-space(.) = {}", quoted(words))
}

fn quoted(words: &str) -> String {
    assert!(!words.contains('"'), "XPath has no way to escape a quote");
    format!("\"{words}\"")
}

/// A command of chromedriver's own.
struct Own {
    path: &'static str,
    body: Value,
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path)
    }
}

impl WebDriverCompatibleCommand for Own {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (reqwest::Method, Option<String>) {
        (reqwest::Method::POST, Some(self.body.to_string()))
    }
}
