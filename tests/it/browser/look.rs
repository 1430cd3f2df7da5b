//! Every page there is, as people with different eyes, hands and screens get it. Pages are found by following links from
//! the first one, so a new page needs no line here; the routes in the source say which must have been found. Each is
//! looked at wide and narrow, light and dark, by axe-core, and must nowhere be wider than its window: at 1280, 390 and
//! 320 pixels, at 640 (1280 enlarged to 200 %), and written from the right.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    env, fs,
    path::{Path, PathBuf},
};

use cartback::{
    domain::id::ShopId,
    web::{again::WITHIN, page::search},
};
use serde_json::Value;

use super::{REQUIRED, driver::Browser, rich, site::Stage, team};
use crate::server::missing;

/// Pages that no link leads to.
const UNLINKED: [&str; 3] = ["/sign-in", "/nothing-is-here", "/carts?state=texted"];

/// Routes that answer with a page and need no look: files, and what leads straight on.
const NOT_PAGES: [&str; 11] = [
    "/hook/",
    "/p/",
    "/healthz",
    "/readyz",
    "/watchz",
    "/metrics",
    "/assets/",
    "/api/",
    "/shops/{id}/arrivals",
    "/shops/{id}/approve",
    "/sign-in/{token}",
];
const NOT_PAGES_BY_ENDING: [&str; 2] = [".csv", ".json"];

/// Forms lead there, with what was chosen in them.
const BEHIND_FORMS: [&str; 7] = [
    "/connect/new?kind=generic&country=SI",
    "/shops/1/set-up?step=shop",
    "/shops/1/set-up?step=gateway&kind=twilio",
    "/shops/1/set-up?step=rules",
    "/shops/1/set-up?step=words",
    "/shops/1/set-up?step=test",
    "/shops/1/set-up?step=live",
];

/// What a walk does not come to: the house's only owner cannot be removed, only a letter leads to where it is ended, and
/// the pages of a second proof come one after the other, in a story of their own.
const BEHIND_MORE: [&str; 5] =
    ["/team/{id}/remove", "/digest/stop/{token}", "/account/second", "/sign-in/second", "/again"];

/// Pages of one kind that are looked at: carts differ by what happened to them.
const OF_A_KIND: usize = 3;

#[actix_web::test]
async fn pages_with_much_to_show() {
    let Some(axe) = axe() else { return };
    let Some(stage) = Stage::open_signed_in().await else { return };
    let text = rich::fill(&stage.app).await;
    let public = [rich::opt_out_path(&stage.app, &text).await, "/r/AAAAAAAAAAAAAAAAAAAAAAAA".to_owned()];
    let (_, keys) = stage.app.shop(ShopId::new(1)).await;
    let nobody = search::sealed(&keys, &"nobody@shopper.example").unwrap();
    let unlinked = UNLINKED
        .iter()
        .chain(&BEHIND_FORMS)
        .map(|path| (*path).to_owned())
        .chain(public)
        .chain(["/?shop=2".to_owned(), format!("/carts?q={nobody}")]);
    let mut problems = Problems::new();
    let seen = walk(&stage, unlinked, async |path| examine(&stage, &axe, path, &mut problems).await).await;
    assert!(problems.is_empty(), "{}", told(&problems));
    let is_to_be_seen = |route: &String| !BEHIND_MORE.contains(&route.as_str());
    let missed: Vec<String> =
        routes().into_iter().filter(is_to_be_seen).filter(|route| !seen.contains_key(route)).collect();
    assert!(missed.is_empty(), "no link led to {missed:?}; seen were {:?}", seen.keys());
    stage.end().await;
}

#[actix_web::test]
async fn pages_on_the_first_day() {
    let Some(axe) = axe() else { return };
    let Some(stage) = Stage::open_signed_in().await else { return };
    let unlinked = UNLINKED.iter().map(|path| (*path).to_owned());
    let mut problems = Problems::new();
    walk(&stage, unlinked, async |path| examine(&stage, &axe, path, &mut problems).await).await;
    assert!(problems.is_empty(), "{}", told(&problems));
    stage.end().await;
}

#[actix_web::test]
async fn pages_of_a_second_proof() {
    let Some(axe) = axe() else { return };
    let Some(stage) = Stage::open().await else { return };
    let mut problems = Problems::new();
    let mut look = async |page: &str| examine(&stage, &axe, page, &mut problems).await;
    stage.open_link().await;
    team::settle_in(&stage).await;
    let secret = team::begin_second(&stage).await;
    look("setting a second proof up").await;
    stage.fill("Code", "000000").await;
    stage.press("Switch the second proof on").await;
    stage.sees("This code is not right").await;
    look("a first code that is wrong").await;
    team::type_code(&stage, &secret).await;
    stage.press("Switch the second proof on").await;
    stage.sees("Keep these 10 codes").await;
    look("recovery codes").await;
    stage.follow("I have kept them").await;
    stage.sees("10 of 10").await;
    look("an account with a second proof").await;
    stage.app.clock.advance(WITHIN);
    stage.visit("/again?to=%2Fteam").await;
    look("asked again").await;
    stage.visit("/").await;
    stage.press("Sign out").await;
    stage.fill("E-mail address", team::MAJA).await;
    stage.fill("Password", team::PASSWORD).await;
    stage.press("Sign in").await;
    stage.sees("1 step left: the code from your app.").await;
    look("the second proof at the door").await;
    stage.expects("401");
    stage.expects("429");
    for _ in 0..6 {
        stage.fill("Code", "000000").await;
        stage.press("Sign in").await;
        stage.sees("code").await;
    }
    stage.sees("come back in").await;
    look("too many wrong codes").await;
    assert!(problems.is_empty(), "{}", told(&problems));
    stage.end().await;
}

/// axe-core's own text, which is not part of this project.
fn axe() -> Option<String> {
    let usual = "target/tools/node_modules/axe-core/axe.min.js";
    let file = env::var_os("CARTBACK_AXE").map(PathBuf::from);
    let file = file.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(usual));
    let text = fs::read_to_string(&file).ok();
    if text.is_none() {
        missing(&format!("axe-core is not at {} (.ci/run fetches it)", file.display()), REQUIRED);
    }
    text
}

fn told(problems: &Problems) -> String {
    let line = |(what, pages): (&String, &BTreeSet<String>)| {
        format!("{what}\n    on {}", pages.iter().cloned().collect::<Vec<_>>().join(", "))
    };
    format!("{} problems:\n{}", problems.len(), problems.iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// What is wrong, and on which pages.
type Problems = BTreeMap<String, BTreeSet<String>>;

/// Visits the first page and whatever links lead to, as long as it is of a kind not yet seen, then what no link leads
/// to; answers how often each route was seen.
pub async fn walk(
    stage: &Browser,
    unlinked: impl Iterator<Item = String>,
    mut visit: impl AsyncFnMut(&str),
) -> BTreeMap<String, usize> {
    let routes = routes();
    let mut seen = BTreeMap::<String, usize>::new();
    let mut ahead = VecDeque::from(["/".to_owned()]);
    let mut known: BTreeSet<String> = ahead.iter().cloned().collect();
    while let Some(path) = ahead.pop_front() {
        let route = route_of(&routes, &path);
        let most = if route.contains('{') { OF_A_KIND } else { 1 };
        let count = seen.entry(route).or_default();
        if *count >= most {
            continue;
        }
        *count += 1;
        stage.visit(&path).await;
        let links = stage.run(LINKS).await;
        for link in links.as_array().unwrap().iter().filter_map(Value::as_str) {
            if known.insert(link.to_owned()) {
                ahead.push_back(link.to_owned());
            }
        }
        visit(&path).await;
    }
    // The answer to what is not there is noted on the console.
    stage.expects("404 (Not Found)");
    stage.expects("410 (Gone)");
    for path in unlinked {
        *seen.entry(route_of(&routes, &path)).or_default() += 1;
        stage.visit(&path).await;
        visit(&path).await;
    }
    seen
}

/// The route that answers this path; the path itself when none does.
fn route_of(routes: &[String], path: &str) -> String {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let fits = |route: &&String| {
        let (here, there): (Vec<_>, Vec<_>) = (path.split('/').collect(), route.split('/').collect());
        here.len() == there.len()
            && here.iter().zip(there).all(|(part, pattern)| *part == pattern || pattern.starts_with('{'))
    };
    // A word of its own goes before one that stands for any.
    let fitting = routes.iter().filter(fits).min_by_key(|route| route.matches('{').count());
    fitting.cloned().unwrap_or_else(|| path.to_owned())
}

async fn examine(stage: &Browser, axe: &str, path: &str, problems: &mut Problems) {
    let mut note = |what: String, page: String| {
        problems.entry(what).or_default().insert(page);
    };
    // What is folded away is looked at too.
    stage.run("document.querySelectorAll('main details').forEach(it => it.open = true)").await;
    stage.run(axe).await;
    for (width, scheme) in [(1280, "light"), (1280, "dark"), (390, "dark"), (390, "light")] {
        stage.size(width, 900).await;
        stage.prefers(&[("prefers-color-scheme", scheme)]).await;
        for violation in stage.run_until_done(AXE).await.as_array().unwrap() {
            let [id, at, why] = ["id", "at", "why"].map(|name| violation[name].as_str().unwrap_or_default());
            note(format!("{id} {at}\n    {why}"), format!("{path} ({width} {scheme})"));
        }
    }
    for direction in ["ltr", "rtl"] {
        stage.run(&format!("document.documentElement.dir = '{direction}'")).await;
        for width in [1280, 640, 390, 320] {
            stage.size(width, 900).await;
            if let Some(wide) = stage.run(WIDE).await.as_str().filter(|wide| !wide.is_empty()) {
                note(format!("wider than its window of {width}: {wide}"), format!("{path} ({direction})"));
            }
        }
    }
    stage.size(1280, 900).await;
    stage.prefers(&[]).await;
}

/// Links to our own pages, without files and fragments.
const LINKS: &str = "
return [...document.links].filter(it => it.origin === location.origin && !it.hasAttribute('download'))
  .map(it => it.pathname + it.search).filter(it => !/\\.(json|csv|pdf)(\\?|$)|^\\/(assets|demo|r)\\//.test(it));";

const AXE: &str = "
const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
axe.run(document, { runOnly: { type: 'tag', values: tags }, resultTypes: ['violations'] }).then(found => done(
  found.violations.flatMap(it => it.nodes.slice(0, 3).map(node =>
    ({ id: it.id, at: node.target.join(' '), why: (node.failureSummary ?? it.help).replace(/\\s+/g, ' ') })))),
  why => done([{ id: 'axe', at: '', why: String(why) }]));";

/// What sticks out furthest to the side, when the page can be scrolled there.
const WIDE: &str = "
const root = document.documentElement;
if (root.scrollWidth <= root.clientWidth) return '';
const sticksOut = it => { const box = it.getBoundingClientRect(); return Math.max(box.right - root.clientWidth, -box.left); };
const worst = [...document.querySelectorAll('body *')].reduce((one, other) => sticksOut(other) > sticksOut(one) ? other : one);
return `${root.scrollWidth} px, by <${worst.tagName.toLowerCase()} class=\"${worst.getAttribute('class') ?? ''}\"> ${(worst.textContent ?? '').trim().slice(0, 40)}`;";

/// Every route that answers GET with a page, as the source says it.
fn routes() -> Vec<String> {
    let mut files = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web")];
    let mut found = BTreeSet::new();
    while let Some(file) = files.pop() {
        if file.is_dir() {
            files.extend(fs::read_dir(file).unwrap().flatten().map(|entry| entry.path()));
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for (at, _) in text.match_indices("service(") {
            let rest = &text[at..];
            let rest = &rest[..rest.find(".service(").map_or(rest.len().min(400), |end| end.max(1))];
            let Some(path) = rest.split('"').nth(1).filter(|path| path.starts_with('/')) else { continue };
            let is_page = rest.contains("page(") || rest.contains("get().to(");
            let is_other = NOT_PAGES.iter().any(|other| path.starts_with(other))
                || NOT_PAGES_BY_ENDING.iter().any(|other| path.ends_with(other));
            if is_page && !is_other {
                found.insert(path.to_owned());
            }
        }
    }
    found.into_iter().collect()
}

#[test]
fn the_routes_are_found_in_the_source() {
    let routes = routes();
    for page in ["/", "/carts", "/carts/{id}", "/sequences", "/texts/{sequence}/{step}", "/sign-in", "/o/{token}"] {
        assert!(routes.iter().any(|route| route == page), "{page} is not among {routes:?}");
    }
    for other in ["/person/export", "/sign-out", "/metrics", "/hook/shop/{connection}"] {
        assert!(!routes.iter().any(|route| route == other), "{other} is among {routes:?}");
    }
}
