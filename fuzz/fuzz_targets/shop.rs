//! Webhooks of every platform, and what platforms answer: arbitrary topic, headers, query and body, with settings as they
//! should be and as they should not.
#![no_main]

use cartback::{
    domain::{
        connector::{Accepted, Settings},
        event::ShopFacts,
        rehearsal::Act,
    },
    shop::{self, PULLED, Rehearsed, Shop, pull},
};
use cartback_fuzz::{Input, Whose, always, at_door, bounded, dollars, now, plausible, visit};
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: write_seeds_if_asked(), |bytes: &[u8]| {
    let input = Input::of(bytes);
    let shop = input.of_all(shop::ALL, |shop| shop.spec().kind);
    let ours = plausible(shop.spec(), Whose::Ours);
    hears(bytes, &input, shop, &ours);
    if !input.word(3).is_empty() {
        let odd = input.odd_settings(shop.spec());
        hears(bytes, &input, shop, &odd);
        asks(&input, shop, &odd);
    }
    is_answered(bytes, &input, shop, &ours);
});

fn hears(bytes: &[u8], input: &Input, shop: &dyn Shop, settings: &Settings) {
    let (delivery, answer) = (input.delivery(), input.answer());
    let verdict = always(bytes, || shop.verify(settings, &delivery));
    let _ = shop.verify_by(settings, &answer, &delivery);
    let _ = shop.ask_keys(settings, &delivery);
    let kept = match verdict {
        Ok(Accepted::Keep { topic, key }) => {
            assert!(key.len() <= 4 * bytes.len() + 200 && topic.len() <= bytes.len() + 200);
            Some(topic)
        }
        _ => None,
    };
    let facts = ShopFacts { country: "US".into(), currency: dollars(), settings: settings.clone() };
    let drawn = input.word(1).to_owned();
    for topic in kept.into_iter().chain([format!("{PULLED}{drawn}"), drawn]) {
        let events = always(bytes, || shop::read(shop, &facts, &topic, &delivery));
        bounded(bytes, &events);
        let _ = shop.ask_whole(settings, &topic, &delivery);
        if let Ok(whole) = shop.whole(settings, &topic, &delivery, &answer) {
            bounded(bytes, &whole);
        }
    }
    let _ = shop.exchange(settings, &delivery);
    let _ = shop.approved(settings, &input.body, [7; 32]);
}

fn asks(input: &Input, shop: &dyn Shop, settings: &Settings) {
    let drawn = input.word(1);
    let _ = (shop.hosts(settings), shop.home(settings), shop.ask_token(settings), shop.order_page(settings, drawn));
    let _ = (shop.subscribe(settings, drawn), shop.ask_subscriptions(settings));
    let _ = shop.ask_carts(settings, now(), Some(drawn));
    let one = pull::Wanted::One { external_id: drawn.to_owned() };
    for wanted in [one, pull::Wanted::Changed { since: now() }] {
        let _ = shop.ask_orders(settings, &wanted, Some(drawn));
    }
    for field in shop.spec().fields {
        let _ = (field.check)(input.word(3));
    }
}

fn is_answered(bytes: &[u8], input: &Input, shop: &dyn Shop, settings: &Settings) {
    let answer = input.answer();
    for cursor in [None, Some(input.word(2))] {
        for page in [shop.orders(&answer, cursor), shop.carts(settings, &answer, cursor)].into_iter().flatten() {
            assert!(page.wait <= pull::WAIT_MOST, "{:?} is waited for", page.wait);
            bounded(bytes, &page);
            let facts = ShopFacts { country: "US".into(), currency: dollars(), settings: settings.clone() };
            for pulled in page.orders.iter().take(3) {
                let mut delivery = input.delivery();
                delivery.body.clone_from(&pulled.body);
                bounded(bytes, &shop::read(shop, &facts, &format!("{PULLED}{}", pulled.topic), &delivery));
            }
        }
    }
    let _ = (shop.token(&answer).is_ok(), shop.exchanged(&answer).is_ok(), shop.subscribed(&answer));
    let _ = (shop.made_code(&answer), shop.found_code(&answer, "note"), shop.removed_code(&answer));
    if let Ok(topics) = shop.subscriptions(&answer, "https://cb.example.com/hook/x/secret") {
        bounded(bytes, &topics);
    }
    let _ = shop.wake_subscriptions(settings, &answer, "https://cb.example.com/hook/x/secret");
}

/// With `CARTBACK_SEEDS` naming a folder: the visit of the self-test as each platform tells of it, and nothing is fuzzed.
fn write_seeds_if_asked() {
    let Some(folder) = std::env::var_os("CARTBACK_SEEDS") else { return };
    for shop in shop::ALL {
        let (kind, settings) = (shop.spec().kind, plausible(shop.spec(), Whose::Ours));
        for (act, name) in [(Act::Left, "left"), (Act::Bought, "bought")] {
            if act == Act::Bought && !["shopify", "woocommerce", "generic"].contains(&kind) {
                continue;
            }
            let (topic, headers, body) = match shop.rehearse(&settings, &visit(0), act, now()) {
                Rehearsed::Posted(delivery) => {
                    let delivery = at_door(delivery);
                    let topic = match shop.verify(&settings, &delivery) {
                        Ok(Accepted::Keep { topic, .. }) => topic,
                        other => panic!("{kind}: {other:?}"),
                    };
                    (topic, delivery.headers, delivery.body)
                }
                Rehearsed::Fetched { whole, .. } => (whole.topic.to_owned(), Vec::new(), whole.body),
            };
            let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
            let seed = [format!("{kind} {topic}\n{headers}\n").as_bytes(), &body].concat();
            std::fs::write(std::path::Path::new(&folder).join(format!("{kind}_{name}")), seed).expect("a seed");
        }
    }
    std::process::exit(0);
}
