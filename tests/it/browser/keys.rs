//! A day without a mouse: everything is reached by the Tab key, where it is can be seen, and what opens closes by Esc.

use fantoccini::key::Key;
use serde_json::{Value, json};

use super::{driver::Browser, rich, site::Stage};

fn tab() -> String {
    Key::Tab.to_string()
}

/// Where the focus is: its words or name, and whether anything marks it.
async fn focus(browser: &Browser) -> (String, bool) {
    let found = browser
        .run(
            "const at = document.activeElement; const style = getComputedStyle(at);
             const mark = [style, getComputedStyle(at, '::after')].some(it =>
               it.outlineStyle !== 'none' && parseFloat(it.outlineWidth) >= 2);
             return [at === document.body ? '' : (at.innerText || at.name || at.id || at.tagName).trim(), mark];",
        )
        .await;
    (found[0].as_str().unwrap().to_owned(), found[1] == json!(true))
}

/// Presses Tab until the focus is on these words.
async fn tab_to(browser: &Browser, words: &str) {
    let mut passed = Vec::new();
    for _ in 0..120 {
        browser.keys(&tab()).await;
        let (on, marked) = focus(browser).await;
        if !on.is_empty() {
            assert!(marked, "the focus on “{on}” cannot be seen");
        }
        if on == words {
            return;
        }
        passed.push(on);
    }
    panic!("“{words}” is not reached by Tab: {passed:?}");
}

#[actix_web::test]
async fn a_test_is_sent_with_the_keyboard_alone() {
    let Some(stage) = Stage::open_signed_in().await else { return };
    let shop = stage.app.with_shop("generic").await;
    stage.app.with_gateway(&shop, "log").await;
    stage.visit("/").await;
    // The first stop skips what is on every page.
    stage.keys(&tab()).await;
    assert_eq!(focus(&stage).await, ("Skip to the page".to_owned(), true));
    let shown = stage.run("return document.activeElement.getBoundingClientRect().top >= 0").await;
    assert_eq!(shown, json!(true), "the skip link shows itself");
    stage.keys(&Key::Enter.to_string()).await;
    assert_eq!(stage.run("return document.activeElement.id").await, json!("main"));
    stage.visit("/").await;
    tab_to(&stage, "Texts").await;
    stage.keys(&Key::Enter.to_string()).await;
    stage.sees("ready-made").await;
    tab_to(&stage, "Write").await;
    stage.keys(&Key::Enter.to_string()).await;
    tab_to(&stage, "phone").await;
    stage.keys("040 555 199").await;
    tab_to(&stage, "Send a test").await;
    stage.keys(&Key::Enter.to_string()).await;
    stage.sees("The test is on its way").await;
    stage.app.settle().await;
    assert_eq!(stage.app.last_text(&shop).await.to, "+38640555199");
    stage.end().await;
}

#[actix_web::test]
async fn menus_open_by_key_and_close_by_escape() {
    let Some(stage) = Stage::open_signed_in().await else { return };
    rich::fill(&stage.app).await;
    stage.visit("/").await;
    let menus: Value = stage
        .run("return [...document.querySelectorAll('details.menu > summary')].map(it => it.innerText.trim())")
        .await;
    let menus: Vec<String> = serde_json::from_value(menus).unwrap();
    assert!(!menus.is_empty());
    for menu in menus {
        tab_to(&stage, &menu).await;
        stage.keys(&Key::Enter.to_string()).await;
        stage.until_true("return document.activeElement.parentElement.open === true").await;
        stage.keys(&tab()).await;
        let inside = "return document.activeElement.closest('details.menu[open]') !== null";
        assert_eq!(stage.run(inside).await, json!(true), "Tab leads into the menu {menu}");
        stage.keys(&Key::Escape.to_string()).await;
        stage.until_true("return document.querySelector('details.menu[open]') === null").await;
        assert_eq!(focus(&stage).await.0, menu, "Esc leads back to where it was opened");
    }
    stage.end().await;
}

/// Numbers every control that can be used, and notes at each that gets the focus whether a mark shows it.
const WATCH: &str = "
const shown = it => it.checkVisibility({ visibilityProperty: true }) && !it.closest('[aria-hidden=true]');
const controls = 'a[href], button, input:not([type=hidden]), select, textarea, summary';
const radios = new Set();
window.stops = [...document.querySelectorAll(controls)].filter(shown).filter(it => {
  if (it.disabled || it.tabIndex < 0) return false;
  if (it.type !== 'radio') return true;
  const first = !radios.has(it.name);
  radios.add(it.name);
  return first;
});
window.reached = new Set();
window.unmarked = new Set();
document.addEventListener('focusin', event => {
  const at = event.target;
  const marked = [getComputedStyle(at), getComputedStyle(at, '::after')].some(style =>
    style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2);
  window.reached.add(at);
  if (!marked) window.unmarked.add(at);
});
return window.stops.length;";

const INSIDE_DATES: usize = 10;

const RESULT: &str = "
const name = it => it.outerHTML.slice(0, 120);
return { missed: window.stops.filter(it => !window.reached.has(it)).map(name), unmarked: [...window.unmarked].map(name) };";

#[actix_web::test]
async fn every_control_is_reached_and_its_focus_is_seen() {
    let Some(stage) = Stage::open_signed_in().await else { return };
    rich::fill(&stage.app).await;
    for path in PAGES {
        for colours in ["none", "active"] {
            stage.prefers(&[("forced-colors", colours)]).await;
            stage.visit(path).await;
            let controls = stage.run(WATCH).await.as_u64().unwrap();
            // A field for a date has several stops inside.
            stage.keys(&tab().repeat(usize::try_from(controls).unwrap() + 2 + INSIDE_DATES)).await;
            let result = stage.run(RESULT).await;
            assert_eq!(result["missed"], json!([]), "{path}: not reached by Tab");
            assert_eq!(result["unmarked"], json!([]), "{path}: focus that cannot be seen, forced colours {colours}");
        }
    }
    stage.end().await;
}

const PAGES: [&str; 7] =
    ["/", "/carts", "/messages", "/texts/default/1?language=sl", "/sequences/default", "/inbox", "/person"];
