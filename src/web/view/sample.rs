//! Every page twice, rich and empty, for the tests and for looking at: with `CARTBACK_PREVIEW=1`,
//! `cargo test --lib web::view::sample` writes them to `target/preview` beside their styles.

mod api;
mod cart;
mod connecting;
mod demo;
mod digest;
mod events;
mod lists;
mod books;
mod offline;
mod platform;
mod reports;
mod earned;
mod net_ledger;
mod experiment;
mod call;
mod dry_run;
mod rules;
mod team;
mod webhook;
mod wording;

use std::{fs, path::PathBuf};

use askama::Template;
use jiff::{civil::date, tz::TimeZone};

use super::{
    cart::{Cart, CartRow, CartState, Carts, Entry, Filter, Gate, Item, Verdict},
    demo::{Bar, Checkout, Discount, OtherPhone, Phone, PhoneText, Placed},
    error::{ErrorPage, Kind},
    funnel::{Funnel, Stage, Step},
    inbox::{self, DeliveryRow, Inbox},
    law::{Law, LawRow, Laws, RowShown},
    ledger::{self, Ledger},
    message::{MessageRow, Messages},
    need::Need,
    order::{Candidate, Credit, Order, OtherRule, Refund},
    overview::{Holdout, Overview, SetUp},
    public::{LinkGone, OptOut, OptOutState},
    replies::{Replies, ReplyRow},
    risk::{HoldRow, PauseRow, Risk, Switch},
    sequences::{self, Line, Preset, Row, Sequence, Sequences},
    sign_in::{SignIn, State},
    takings::{Before, Day, Takings},
    texts::{Editor, Language, Preview, SequenceTexts, StepTexts, Texts, Variant},
    *,
};
use crate::domain::{
    law,
    message::{Cost, MessageState},
    money::Money,
    rules::Rules,
    time::{DAY, HOUR, MINUTE},
};

/// Text that would break out of a page that forgot to escape it.
const HOSTILE: &str = "<script>alert('x')</script>\"&";

fn now() -> Time {
    Time::parse("2026-11-20T14:05:00Z").unwrap()
}

fn money(minor: i64, code: &str) -> Money {
    Money::new(minor, code.parse().unwrap())
}

fn euro(minor: i64) -> Money {
    money(minor, "EUR")
}

fn cost(micros: i64) -> Cost {
    Cost { micros, currency: "EUR".parse().unwrap() }
}

use cart::{cart, inbox, order};
pub use cart::{carts, messages};
use demo::{checkout, phone};
pub use lists::list;
use rules::{law, laws, ledger, replies, risk};
use wording::{editor, sequence, sequences, texts};

pub fn page(section: Section) -> Page {
    let shop = |id: &str, name: &str| ShopChoice { id: id.to_owned(), name: name.to_owned() };
    Page {
        section,
        shops: vec![shop("1", "Acme Outdoor"), shop("2", "Tea & Tide")],
        shop: Some(shop("1", "Acme Outdoor")),
        days: Days::Month,
        compare: true,
        now: now(),
        zone: TimeZone::get("Europe/Ljubljana").unwrap(),
        csrf: "c5rf".to_owned(),
        signed_in_as: "maja@acme.example".to_owned(),
        notice: None,
        demo: None,
        may_manage: true,
        may_run_house: true,
    }
}

/// On the first day: nothing connected, nobody else's name known.
fn bare_page(section: Section) -> Page {
    Page { shops: Vec::new(), shop: None, zone: TimeZone::UTC, csrf: String::new(), ..page(section) }
}

fn takings() -> Takings {
    let first = date(2026, 10, 22);
    let days: Vec<Day> = (0..30_i64)
        .map(|place| {
            let wave = [310, 455, 120, 0, 390, 610, 820, 540, 275, 430][(place % 10) as usize] * 100;
            Day {
                date: first.checked_add(jiff::Span::new().days(place)).unwrap(),
                orders: wave as u64 / 13_000,
                gross: wave + place * 210,
                refunded: if place % 7 == 4 { 9_600 + place * 300 } else { 0 },
                net_before: Some((wave * 8 / 10 + 4_000 + (place % 3) * 5_200).min(62_000)),
            }
        })
        .collect();
    let (gross, refunded) = (days.iter().map(|day| day.gross).sum(), days.iter().map(|day| day.refunded).sum::<i64>());
    Takings {
        gross: euro(gross),
        refunded: euro(refunded),
        net: euro(gross - refunded),
        orders: 96,
        before: Some(Before { net: euro(1_021_540), orders: 88 }),
        assisted: euro(184_000),
        assisted_orders: 14,
        days,
    }
}

fn francs() -> Takings {
    let mut takings = takings();
    for day in &mut takings.days {
        day.gross = if day.date.day() % 9 == 1 { 12_000 } else { 0 };
        day.orders = u64::from(day.gross > 0);
        day.refunded = 0;
        day.net_before = None;
    }
    let gross = takings.days.iter().map(|day| day.gross).sum();
    Takings {
        gross: money(gross, "CHF"),
        refunded: money(0, "CHF"),
        net: money(gross, "CHF"),
        orders: 4,
        before: None,
        assisted: money(0, "CHF"),
        assisted_orders: 0,
        ..takings
    }
}

fn funnel() -> Funnel {
    let step = |stage, carts, left| Step { stage, carts, left };
    Funnel(vec![
        step(Stage::Abandoned, 4_310, vec![]),
        step(Stage::Phone, 3_020, vec![euro(16_402_000)]),
        step(Stage::Mobile, 2_890, vec![euro(1_611_000)]),
        step(Stage::Consent, 1_610, vec![euro(16_205_000)]),
        step(Stage::Allowed, 1_244, vec![euro(4_610_000)]),
        step(Stage::Sent, 1_204, vec![euro(570_000)]),
        step(Stage::Delivered, 1_162, vec![euro(540_000)]),
        step(Stage::Clicked, 388, vec![euro(9_820_000)]),
        step(Stage::Bought, 96, vec![euro(3_611_000), money(84_000, "CHF")]),
    ])
}

fn overview() -> Overview {
    Overview {
        page: page(Section::Overview),
        takings: vec![takings()],
        holdout: Some(Holdout { days: 14, buyers: 96, orders: 61, low: 52, high: 70 }),
        texts: 1_204,
        texts_before: Some(1_116),
        cost: vec![cost(61_200_000)],
        opt_outs: 9,
        funnel: funnel(),
        needs: vec![
            Need::UnknownOutcomes { messages: 2 },
            Need::Silent(super::silence::Quiet {
                silence: crate::domain::silence::Silence::Receipts,
                name: "Twilio EU".into(),
                shop: String::new(),
                since: now() - HOUR * 30,
            }),
            Need::ShopQuiet {
                id: "1".into(),
                name: "Acme Outdoor".into(),
                since: now() - HOUR * 3,
                usual_per_hour: 40,
            },
            Need::GatewayPaused { gateway: "Twilio EU".into(), why: "authentication failed (20003)".into() },
            Need::Paused { things: 2 },
        ],
        switch: Switch { thrown: None, may: true },
        set_up: None,
    }
}

pub fn pages() -> Vec<(&'static str, String)> {
    let sign_in = |state, email: &str| SignIn {
        state,
        email: email.into(),
        link_command: "cartback user link".into(),
        minutes: 1440,
    };
    let opt_out = |state| OptOut {
        shop: "Acme Outdoor".into(),
        home_url: "https://acme.example".into(),
        token: "AQEx9fK2".into(),
        state,
    };
    let gone = |shop: &str, home: &str| LinkGone { shop: shop.into(), home_url: home.into() };
    let error = |kind| ErrorPage { kind };
    let placed = Placed { number: "#1093".into(), at: now(), href: "/orders/ord_01hx9".into() };
    let mut pages: Vec<(&'static str, askama::Result<String>)> = vec![
        ("overview", overview().render()),
        (
            "overview-quiet",
            Overview {
                takings: vec![Takings { days: Vec::new(), ..francs() }],
                needs: Vec::new(),
                holdout: None,
                funnel: Funnel::default(),
                texts: 0,
                texts_before: None,
                opt_outs: 0,
                cost: Vec::new(),
                ..overview()
            }
            .render(),
        ),
        (
            "overview-empty",
            Overview {
                page: bare_page(Section::Overview),
                set_up: Some(SetUp { shop: true, ..SetUp::default() }),
                takings: Vec::new(),
                needs: Vec::new(),
                ..overview()
            }
            .render(),
        ),
        ("carts", carts().render()),
        (
            "carts-nothing-found",
            Carts { rows: Vec::new(), q: HOSTILE.into(), list: list("/carts", 0, "state"), ..carts() }.render(),
        ),
        ("carts-empty", Carts { page: bare_page(Section::Carts), rows: Vec::new(), is_new: true, ..carts() }.render()),
        ("cart", cart().render()),
        (
            "cart-erased",
            Cart { erased: true, items: Vec::new(), timeline: Vec::new(), who: HOSTILE.into(), ..cart() }.render(),
        ),
        ("texts", texts().render()),
        ("texts-empty", Texts { page: bare_page(Section::Texts), sequences: Vec::new(), ready: 44 }.render()),
        ("text", editor().render()),
        (
            "text-unwritten",
            Editor {
                preview: Preview {
                    said: None,
                    cart_id: None,
                    next_cart: None,
                    price: None,
                    on: false,
                    ..editor().preview
                },
                refused: Vec::new(),
                own: false,
                rtl: true,
                ..editor()
            }
            .render(),
        ),
        ("messages", messages().render()),
        (
            "messages-empty",
            Messages {
                page: bare_page(Section::Messages),
                is_new: true,
                unknown: Vec::new(),
                rows: Vec::new(),
                ..messages()
            }
            .render(),
        ),
        ("order", order().render()),
        (
            "order-not-ours",
            Order {
                credit: None,
                candidates: Vec::new(),
                other_rules: Vec::new(),
                evidence: Vec::new(),
                refunds: Vec::new(),
                ..order()
            }
            .render(),
        ),
        ("report", reports::report().render()),
        ("attribution", reports::attribution().render()),
        ("attribution-empty", reports::quiet_attribution().render()),
        ("statement", reports::statement().render()),
        ("statement-empty", reports::quiet_statement().render()),
        ("report-empty", reports::quiet().render()),
        ("sequences", sequences().render()),
        (
            "sequences-empty",
            Sequences { page: bare_page(Section::Sequences), rows: vec![], presets: vec![], problems: vec![] }.render(),
        ),
        ("sequence", sequence().render()),
        (
            "sequence-problems",
            Sequence { problems: vec!["step 2: after_minutes: must be 0 to 43200".into()], ..sequence() }.render(),
        ),
        ("law", laws().render()),
        ("law-empty", Laws { page: bare_page(Section::Law), rows: Vec::new(), states: Vec::new(), ..laws() }.render()),
        ("law-country", law("US", "US").render()),
        ("law-held", law("IN", "SI").render()),
        ("law-unlisted", law("CH", "CH").render()),
        ("replies", replies().render()),
        (
            "replies-empty",
            Replies {
                page: bare_page(Section::Replies),
                waiting: Vec::new(),
                waiting_total: 0,
                rows: Vec::new(),
                ..replies()
            }
            .render(),
        ),
        ("ledger", ledger().render()),
        ("ledger-empty", Ledger { entries: Vec::new(), number: String::new(), held_since: None, ..ledger() }.render()),
        ("risk", risk().render()),
        ("risk-empty", Risk { pauses: Vec::new(), holds: Vec::new(), ..risk() }.render()),
        (
            "risk-stopped",
            Risk { switch: Switch { thrown: Some((now(), HOSTILE.into())), may: true }, ..risk() }.render(),
        ),
        ("inbox", inbox().render()),
        ("inbox-empty", Inbox { is_new: true, rows: Vec::new(), ..inbox() }.render()),
        ("webhooks", webhook::all().render()),
        ("webhooks-empty", webhook::none(bare_page(Section::Webhooks)).render()),
        ("webhook", webhook::one().render()),
        ("webhook-new", webhook::fresh().render()),
        ("sign-in", sign_in(State::Ask { with_password: true }, "").render()),
        ("sign-in-first", sign_in(State::Ask { with_password: false }, "").render()),
        ("sign-in-wrong", sign_in(State::Wrong, HOSTILE).render()),
        ("sign-in-shut", sign_in(State::Shut { wait: MINUTE * 15 }, "maja@acme.example").render()),
        ("sign-in-ready", sign_in(State::Ready { token: "t0k3n".into() }, "").render()),
        ("sign-in-expired", sign_in(State::Expired, "").render()),
        ("sign-in-used", sign_in(State::Used, "").render()),
        ("sign-in-unknown", sign_in(State::Unknown, "").render()),
        ("error-404", error(Kind::NotFound).render()),
        ("error-403", error(Kind::Forbidden).render()),
        ("error-400", error(Kind::Wrong { reasons: vec!["line 7: at: must be a moment".into()] }).render()),
        ("error-429", error(Kind::TooMany).render()),
        ("error-500", error(Kind::Broken { id: "7kq2m9xv".into() }).render()),
        ("error-503", error(Kind::Busy { retry_seconds: 5 }).render()),
        ("opt-out", opt_out(OptOutState::Ask).render()),
        ("opt-out-done", opt_out(OptOutState::Done).render()),
        ("opt-out-unknown", opt_out(OptOutState::Unknown).render()),
        ("link-gone", gone("Acme Outdoor", "https://acme.example").render()),
        ("link-gone-unknown", gone("", "").render()),
        ("phone", phone().render()),
        ("phone-empty", Phone { texts: Vec::new(), others: Vec::new(), opted_out: false, ..phone() }.render()),
        ("checkout", checkout().render()),
        ("checkout-placed", Checkout { order: Some(placed), ..checkout() }.render()),
        ("checkout-empty", Checkout { items: Vec::new(), discount: None, total: euro(0), ..checkout() }.render()),
    ];
    pages.extend(connecting::pages());
    pages.extend(lists::pages());
    pages.extend(books::pages());
    pages.extend(offline::pages());
    pages.extend(platform::pages());
    pages.extend(api::pages());
    pages.extend(team::pages());
    pages.extend(digest::pages());
    pages.extend(earned::pages());
    pages.extend(net_ledger::pages());
    pages.extend(experiment::pages());
    pages.extend(call::pages());
    pages.extend(dry_run::pages());
    pages.extend(events::pages());
    pages.into_iter().map(|(name, html)| (name, html.unwrap())).collect()
}

#[test]
fn renders() {
    let pages = pages();
    if std::env::var_os("CARTBACK_PREVIEW").is_some() {
        write(&pages);
    }
    for (name, html) in &pages {
        check(name, html);
    }
}

/// What holds for every page, whoever fills it.
#[track_caller]
fn check(name: &str, html: &str) {
    // A strict content security policy refuses all three.
    for forbidden in [" style=", "<style", "javascript:", " onclick="] {
        assert!(!html.contains(forbidden), "{name} has {forbidden}");
    }
    let scripts = html.matches("<script").count();
    assert_eq!(scripts, html.matches("<script src=\"/assets/js/").count(), "{name} lets a script through");
    assert!(html.contains("<html lang=\"en\">") && html.contains("<main"), "{name} is not a whole page");
    assert_eq!(html.matches("<h1").count(), 1, "{name} has one first line");
    // No heading skips a level.
    let levels: Vec<u32> =
        html.match_indices("<h").filter_map(|(at, _)| html[at + 2..].chars().next()?.to_digit(10)).collect();
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{name} skips a heading level: {levels:?}");
    assert_eq!(
        html.matches("<table").count(),
        html.matches("<caption").count(),
        "{name} has a table without a caption"
    );
    // Every id once, every label and heading reference answered.
    let ids: Vec<_> = html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    for id in &ids {
        assert_eq!(ids.iter().filter(|other| other == &id).count(), 1, "{name} has the id {id} twice");
    }
    for attribute in [" for=\"", " aria-labelledby=\"", " data-copy=\""] {
        for target in html.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(ids.contains(&target), "{name} refers to {target}, which is not there");
        }
    }
    // An input has a name people can hear.
    for input in html.split("<input").skip(1).filter_map(|rest| rest.split('>').next()) {
        let unseen = input.contains("type=\"hidden\"") || input.ends_with(" readonly") && input.contains(" hidden ");
        assert!(unseen || input.contains(" id=\""), "{name} has a nameless field");
    }
}

#[test]
fn public_pages_say_nothing_personal() {
    for (name, html) in pages().iter().filter(|(name, _)| name.starts_with("opt-out") || name.starts_with("link-gone"))
    {
        for personal in ["Ana", "4455", "€"] {
            assert!(!html.contains(personal), "{name} says {personal}");
        }
    }
}

/// Every colour words are written in stands out from what lies behind it by at least 4.5 to 1 (WCAG 2.2, 1.4.3).
#[test]
fn words_stand_out() {
    let css = fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("assets/css/tokens.css")).unwrap();
    let (light, dark) = css.split_once("@media (prefers-color-scheme: dark)").unwrap();
    for (theme, tokens) in [("light", light), ("dark", dark)] {
        let luminance = |name: &str| {
            let (_, rest) = tokens.split_once(&format!("--{name}: #")).unwrap();
            let channel = |at: usize| {
                let value = f64::from(u8::from_str_radix(&rest[at..at + 2], 16).unwrap()) / 255.0;
                if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * channel(0) + 0.7152 * channel(2) + 0.0722 * channel(4)
        };
        for (words, behind) in [
            ("ink", "ground"),
            ("ink", "raised"),
            ("ink", "accent-soft"),
            ("muted", "ground"),
            ("muted", "raised"),
            ("accent", "ground"),
            ("accent", "raised"),
            ("accent", "accent-soft"),
            ("on-accent", "accent"),
            ("bad", "ground"),
            ("bad", "raised"),
        ] {
            let (one, other) = (luminance(words), luminance(behind));
            let contrast = (one.max(other) + 0.05) / (one.min(other) + 0.05);
            assert!(contrast >= 4.5, "{words} on {behind} is {contrast:.2} to 1 in {theme}");
        }
    }
}

/// Writes the pages so that a browser can open them from the disk.
fn write(pages: &[(&'static str, String)]) {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let out = root.join("target/preview");
    for kind in ["css", "js"] {
        fs::create_dir_all(out.join("assets").join(kind)).unwrap();
        for file in fs::read_dir(root.join("assets").join(kind)).unwrap().flatten() {
            fs::copy(file.path(), out.join("assets").join(kind).join(file.file_name())).unwrap();
        }
    }
    fs::copy(root.join("assets/icon.svg"), out.join("assets/icon.svg")).unwrap();
    for (name, html) in pages {
        fs::write(out.join(format!("{name}.html")), html.replace("\"/assets/", "\"assets/")).unwrap();
    }
}
