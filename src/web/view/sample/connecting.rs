//! Samples of the pages that connect shops and gateways and tell how their connections are.

use std::collections::BTreeMap;

use super::*;
use crate::{
    domain::{
        connector::Settings,
        self_test::{Line, Step as Played, Verdict as Outcome, Went},
    },
    gateway, shop,
    web::view::{
        connect::{
            Arrival, Arrivals, Body, GatewayStep, LiveStep, NewShop, Platform, Platforms, Progress, RulesStep, Said,
            SetUp as Wizard, ShopStep, State as Far, Step as Way, TestStep, WordsStep,
        },
        form::{self, Field},
        gateway::{About, Add, Gateway, GatewayRow, Gateways, Paused, Remove},
        health::{Check, Run, RunState},
        rules::{self, Disconnect, RulesPage, SettingsPage},
        shop::{Connection, Failure, Sending, Setting, Shop, ShopRow, Shops},
    },
};

const KEY: &str = "s3cr3t-that-nobody-may-see";

fn connection() -> Connection {
    Connection {
        last_webhook_at: Some(now() - MINUTE * 4),
        webhooks_today: 512,
        usual_per_hour: Some(40),
        signature_failures: 0,
        last_failure: None,
    }
}

fn shops() -> Shops {
    let row = |id: &str, name: &str, kind: &str, sending, connection| ShopRow {
        id: id.into(),
        name: name.into(),
        kind: kind.into(),
        sending,
        connection,
    };
    let failing = Connection {
        last_webhook_at: Some(now() - DAY),
        signature_failures: 14,
        last_failure: Some(Failure { at: now() - MINUTE * 9, why: "the signature does not match".into() }),
        ..connection()
    };
    Shops {
        page: Page { notice: Some("Saved.".into()), ..page(Section::Shops) },
        rows: vec![
            row("1", "Acme Outdoor", "Shopify", Sending::Live, connection()),
            row("2", "Tea & Tide", "WooCommerce", Sending::Live, failing),
            row("3", "Lantern Books", "Any other shop", Sending::SettingUp, Connection::default()),
            row("4", HOSTILE, "Any other shop", Sending::Paused, Connection::default()),
        ],
        kinds: vec!["Shopify".into(), "WooCommerce".into(), "Any other shop".into()],
    }
}

fn arrivals() -> Arrivals {
    let row = |label: &str, name: &str, purpose: &str, needed, minutes: Option<u32>, count| Arrival {
        name: name.into(),
        label: label.into(),
        purpose: purpose.into(),
        needed,
        last_at: minutes.map(|minutes| now() - MINUTE * minutes),
        count,
    };
    Arrivals {
        shop: "1".into(),
        rows: vec![
            row("Checkout creation", "checkouts/create", "carts", true, Some(4), 2_110),
            row("Checkout update", "checkouts/update", "carts, phone and consent", true, Some(5), 6_268),
            row("Order creation", "orders/create", "orders", true, None, 0),
            row("Order payment", "orders/paid", "orders", false, None, 0),
        ],
        refused: Some(Failure { at: now() - MINUTE, why: "the signature does not match".into() }),
        refusals: 3,
        missing: vec!["Signing key".into()],
    }
}

fn run(state: RunState, wrong: Option<Played>) -> Run {
    let line = |step: &Played| Line {
        step: *step,
        went: if Some(*step) == wrong { Went::Wrong } else { Went::Well },
        words: "credited: should be 123.45 EUR, is 0.00 EUR".into(),
        took_ms: 7,
    };
    Run { asked_at: now() - HOUR * 9, nightly: true, state, lines: Played::ALL.iter().map(line).collect() }
}

fn health() -> Vec<Check> {
    vec![
        Check::new("Keys", Tone::Good, "Everything it needs is set.".into()),
        Check::new("Webhooks", Tone::Bad, format!("Quiet for 3 h {HOSTILE}")).go("Check it there", "/shops/1".into()),
        Check::new("Subscriptions", Tone::Bad, "Gone at the platform: orders/create.".into())
            .act("Make them again", "/shops/1/set-up?step=shop&act=subscribe".into()),
    ]
}

fn a_shop() -> Shop {
    let setting = |label: &str, value: &str, missing| Setting { label: label.into(), value: value.into(), missing };
    Shop {
        page: page(Section::Shops),
        id: "1".into(),
        name: "Acme Outdoor".into(),
        kind: "Shopify".into(),
        connection: connection(),
        sending: Sending::Live,
        health: health(),
        webhook_url: "https://sms.acme.example/hook/shop/4fJq0s8WmX2c7LrT".into(),
        arrivals: arrivals(),
        settings: vec![
            setting("Shop domain", "acme-outdoor.myshopify.com", false),
            setting("Signing key", "set", false),
            setting("Admin API access token", "", true),
        ],
        self_test: Some(run(RunState::Ended(Outcome::Failed), Some(Played::Credit))),
    }
}

fn fields() -> Vec<Field> {
    let spec = shop::by_kind("shopify").unwrap().spec();
    let kept = Settings::restored(BTreeMap::from([("signing_key".to_owned(), KEY.to_owned())]));
    let mut fields = form::settings(spec, &kept, &BTreeMap::new(), None);
    fields.insert(0, Field::text("name", "Name of the shop", "Stands at the head of every text.", HOSTILE).required());
    form::place_problems(&mut fields, &["domain: must be one host name, such as shop.example".to_owned()]);
    fields
}

fn sending() -> Vec<Field> {
    let mut fields = form::settings(&gateway::sending::SENDING, &Settings::default(), &BTreeMap::new(), None);
    form::place_problems(&mut fields, &["countries: must be two-letter codes".to_owned()]);
    fields
}

fn wizard(step: Way, body: Body) -> Wizard {
    Wizard {
        page: page(Section::Shops),
        id: "1".into(),
        name: "Acme Outdoor".into(),
        kind_name: "Shopify".into(),
        live: false,
        progress: Way::ALL
            .map(|step| Progress {
                step,
                state: match step {
                    Way::Shop => Far::Done,
                    Way::Rules | Way::Words => Far::Ready,
                    _ => Far::Open,
                },
            })
            .into(),
        step,
        body,
        problems: Vec::new(),
    }
}

fn shop_step() -> ShopStep {
    ShopStep {
        webhook_url: "https://sms.acme.example/hook/shop/4fJq0s8WmX2c7LrT".into(),
        reachable: false,
        steps: vec!["Open Settings > Notifications > Webhooks.".into(), "Create a webhook with the URL above.".into()],
        keys: fields().into_iter().filter(Field::is_secret).collect(),
        can_subscribe: true,
        approve_at: Some(HOSTILE.into()),
        subscribed: vec![("orders/create".into(), None), ("app/uninstalled".into(), Some("the token may not".into()))],
        arrivals: arrivals(),
    }
}

fn wizards() -> Vec<(&'static str, Wizard)> {
    let chosen = gateway::by_kind("twilio").unwrap().spec();
    let gateway_step = GatewayStep {
        accounts: vec![("Twilio EU".into(), "Twilio".into(), false), ("House".into(), "Kannel".into(), true)],
        kinds: vec![("twilio".into(), "Twilio".into()), ("log".into(), "Log (sends nothing)".into())],
        chosen: Some(("twilio".into(), "Twilio".into())),
        fields: form::settings(chosen, &Settings::default(), &BTreeMap::new(), None),
        webhook: Some(("https://sms.acme.example/hook/sms/9c".into(), vec!["Paste it there.".into()])),
    };
    let none =
        GatewayStep { accounts: Vec::new(), chosen: None, fields: Vec::new(), webhook: None, ..gateway_step.clone() };
    let rules = RulesStep {
        now: vec![("Reminder".into(), "at once, 24 h after the cart was left".into())],
        presets: vec![
            ("eu".into(), "Europe".into(), "Two texts.".into()),
            ("us".into(), "United States".into(), "One.".into()),
        ],
        suggested: "eu".into(),
        hours: "Mon to Sat 09:00–20:00".into(),
        abandoned_after: "30 min".into(),
        countries: "SI".into(),
    };
    let said = |own| Said {
        after: "24 h after that".into(),
        words: format!("Acme: {HOSTILE}"),
        parts: 2,
        href: "/texts/default/1".into(),
        own,
    };
    let test = TestStep {
        phone: "040 555 199".into(),
        gateway: Some("Twilio EU".into()),
        keeps: false,
        sent: vec![(now() - MINUTE, "delivered".into(), HOSTILE.into())],
    };
    let live = LiveStep { lacks: vec![("No webhook has arrived yet.".into(), Way::Shop)], waiting: 4 };
    vec![
        ("set-up-shop", wizard(Way::Shop, Body::Shop(shop_step()))),
        ("set-up-gateway", wizard(Way::Gateway, Body::Gateway(gateway_step))),
        ("set-up-no-gateway", wizard(Way::Gateway, Body::Gateway(none))),
        ("set-up-rules", wizard(Way::Rules, Body::Rules(rules))),
        (
            "set-up-words",
            wizard(
                Way::Words,
                Body::Words(WordsStep { language: "Slovenian".into(), texts: vec![said(true), said(false)] }),
            ),
        ),
        ("set-up-test", wizard(Way::Test, Body::Test(test.clone()))),
        ("set-up-no-test", wizard(Way::Test, Body::Test(TestStep { gateway: None, sent: Vec::new(), ..test }))),
        (
            "set-up-live",
            Wizard { problems: vec!["signing_key: is required".into()], ..wizard(Way::Live, Body::Live(live.clone())) },
        ),
        ("set-up-done", Wizard { live: true, ..wizard(Way::Live, Body::Live(LiveStep { lacks: Vec::new(), ..live })) }),
    ]
}

fn row(id: &str, name: &str, kind: &str, paused: Option<Paused>) -> GatewayRow {
    GatewayRow {
        id: id.into(),
        name: name.into(),
        kind: kind.into(),
        serves: "every shop".into(),
        paused,
        texts_today: 48,
        delivered_today: 45,
        unknown: 2,
        cost_today: vec![cost(2_214_000)],
        last_receipt_at: Some(now() - MINUTE * 3),
        waiting: 6,
        balance: Some((cost(18_400_000), now() - MINUTE * 12)),
    }
}

fn gateways() -> Gateways {
    let paused = Paused {
        at: now() - HOUR * 2,
        why: "authentication failed (20003)".into(),
        remedy: "Set the new auth token, then resume.".into(),
    };
    Gateways {
        page: page(Section::Gateways),
        rows: vec![row("gw_1", "Twilio EU", "Twilio", Some(paused)), row("gw_2", "House modem", "Kannel", None)],
        kinds: vec!["Twilio".into(), "Kannel".into(), "Log (sends nothing)".into()],
    }
}

pub fn pages() -> Vec<(&'static str, askama::Result<String>)> {
    let (id, name) = (String::from("1"), String::from("Acme Outdoor"));
    let platforms = Platforms {
        page: bare_page(Section::Shops),
        platforms: vec![Platform {
            kind: "shopify".into(),
            name: "Shopify".into(),
            topics: vec!["carts".into(), "orders".into()],
        }],
        countries: vec![("DE".into(), "Germany".into()), ("SI".into(), "Slovenia".into())],
        country: "SI".into(),
    };
    let new = NewShop {
        page: bare_page(Section::Shops),
        kind: "shopify".into(),
        kind_name: "Shopify".into(),
        fields: fields(),
        limits: &["Carts cannot be listed: those left before are not seen."],
        problems: vec!["something: else".into()],
    };
    let settings = SettingsPage {
        page: page(Section::Shops),
        id: id.clone(),
        name: name.clone(),
        kind_name: "Shopify".into(),
        fields: fields(),
        problems: Vec::new(),
    };
    let mut own = Rules::default();
    own.set("consent.DE", "double_opt_in").unwrap();
    own.set("country_hours.SI", "mon-fri 10:00-18:00").unwrap();
    let rules = RulesPage {
        page: page(Section::Shops),
        id: id.clone(),
        name: name.clone(),
        groups: rules::groups(&own, "SI", &BTreeMap::new()),
        problems: Vec::new(),
    };
    let disconnect = Disconnect { page: page(Section::Shops), id, name, gone: false, waiting: 3 };
    let one = Gateway {
        page: page(Section::Gateways),
        row: row("gw_2", "House modem", "Kannel", None),
        health: health(),
        fields: fields(),
        sending: sending(),
        problems: Vec::new(),
        callback_url: "https://sms.acme.example/hook/sms/9c".into(),
        steps: vec!["Paste it there.".into()],
        about: About::of(gateway::by_kind("kannel").unwrap()),
        sends: true,
        phone: String::new(),
    };
    let add = Add {
        page: bare_page(Section::Gateways),
        kinds: vec![("twilio".into(), "Twilio".into()), ("log".into(), "Log (sends nothing)".into())],
        kind: "twilio".into(),
        fields: fields(),
        sending: sending(),
        problems: Vec::new(),
        about: About::of(gateway::by_kind("twilio").unwrap()),
    };
    let remove = Remove {
        page: page(Section::Gateways),
        id: "gw_2".into(),
        name: "House modem".into(),
        waiting: 6,
        then: Some("Twilio EU".into()),
    };
    let mut pages = vec![
        ("shops", shops().render()),
        ("shops-empty", Shops { page: bare_page(Section::Shops), rows: Vec::new(), ..shops() }.render()),
        ("shop", a_shop().render()),
        (
            "shop-waiting",
            Shop {
                connection: Connection::default(),
                sending: Sending::SettingUp,
                health: Vec::new(),
                arrivals: Arrivals::default(),
                self_test: None,
                ..a_shop()
            }
            .render(),
        ),
        (
            "shop-testing",
            Shop {
                sending: Sending::Paused,
                self_test: Some(Run { lines: Vec::new(), ..run(RunState::UnderWay, None) }),
                ..a_shop()
            }
            .render(),
        ),
        ("shop-gone", Shop { sending: Sending::Disconnected, ..a_shop() }.render()),
        ("connect", platforms.render()),
        ("connect-new", new.render()),
        ("shop-settings", settings.render()),
        ("shop-rules", rules.render()),
        ("shop-disconnect", disconnect.render()),
        ("shop-disconnected", Disconnect { gone: true, ..disconnect }.render()),
        ("gateways", gateways().render()),
        ("gateways-empty", Gateways { rows: Vec::new(), ..gateways() }.render()),
        ("gateway", one.render()),
        ("gateway-quiet", Gateway { health: Vec::new(), sends: false, ..one }.render()),
        ("gateway-add", add.render()),
        ("gateway-remove", remove.render()),
        ("gateway-remove-last", Remove { then: None, ..remove }.render()),
    ];
    pages.extend(wizards().into_iter().map(|(name, page)| (name, page.render())));
    pages
}

#[test]
fn no_page_shows_a_stored_secret() {
    for (name, html) in pages() {
        assert!(!html.unwrap().contains(KEY), "{name} shows a secret");
    }
}
