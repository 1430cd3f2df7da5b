//! Sequences: which one a cart gets, what ends it, what rests between them, and what a change of them does to carts under
//! way.

use cartback::{
    domain::{
        money::{Currency, Money},
        sequence::{Buyer, Closed, Conditions, Discount, Exits, FixedCode, Sequence, Step, preset},
        site_event::{Told, ToldBy},
        time::Time,
    },
    pipeline::{
        connect, reply,
        track::{Batch, Tracker},
    },
    store::{self, identity, reply::How},
};
use serde_json::{Value, json};

use crate::app::{App, Shopkeeper, hours, minutes, on_both};

/// In minutes: the law lets one reminder a day go to one phone.
const A_DAY_AND_TWO: u32 = 26 * 60;

const NO_EXITS: Exits = Exits { clicked: false, replied: false, superseded: false, emptied: false };

/// Switched on long ago, with texts after so many minutes, and nothing else said.
fn sequence(id: &str, after: &[u32]) -> Sequence {
    Sequence {
        id: id.into(),
        name: id.into(),
        on_since: Some(Time::FIRST),
        steps: after.iter().map(|&after_minutes| Step { after_minutes, ..Step::default() }).collect(),
        exits: NO_EXITS,
        rest_days: 0,
        ..Sequence::default()
    }
}

fn only(id: &str, when: Conditions) -> Sequence {
    Sequence { when, ..sequence(id, &[0]) }
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|&word| word.to_owned()).collect()
}

fn euro(minor: i64) -> Option<Money> {
    Some(Money::new(minor, Currency::parse("EUR").unwrap()))
}

async fn change(app: &App, shop: &Shopkeeper, change: impl Fn(&mut Vec<Sequence>, Time)) {
    let changed = connect::change_rules(&app.core, shop.id, |rules, now| {
        change(&mut rules.sequences, now);
        Ok(())
    });
    changed.await.unwrap();
    app.settle().await;
}

/// A shop with these sequences, a gateway and no rest between texts but the law's.
async fn open(app: &App, sequences: &[Sequence]) -> Shopkeeper {
    let shop = app.with_shop_like("generic", &[("rest_hours", "0")]).await;
    app.with_gateway(&shop, "log").await;
    change(app, &shop, |all, _| *all = sequences.to_vec()).await;
    shop
}

async fn leave(app: &App, shop: &Shopkeeper, token: &str, change: Value) {
    app.generic(shop, "checkout.updated", app.checkout(token, change)).await;
}

/// Somebody else than the shopper of `App::checkout`, by number.
fn other(number: u32) -> Value {
    json!({
        "customer_id": format!("o-{number}"), "email": format!("o{number}@shopper.example"),
        "phone": format!("+386405552{number:02}"),
    })
}

fn and(mut who: Value, more: Value) -> Value {
    who.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    who
}

async fn story(app: &App, shop: &Shopkeeper, token: &str) -> String {
    app.cart_story(shop, token).await
}

#[track_caller]
fn tells(story: &str, line: &str) {
    assert!(story.contains(line), "not told: {line}\n{story}");
}

#[tokio::test]
async fn a_cart_gets_the_first_sequence_that_fits() {
    on_both(async |app| {
        let none = Conditions::default;
        let shop = open(
            app,
            &[
                Sequence { on_since: None, ..sequence("off", &[0]) },
                only("dear", Conditions { total_least: euro(50_000), ..none() }),
                only("lamps", Conditions { items: words(&["lamp"]), without_items: words(&["gift"]), ..none() }),
                only("vip", Conditions { tags: words(&["vip"]), ..none() }),
                only("letter", Conditions { sources: words(&["newsletter"]), ..none() }),
                only("german", Conditions { languages: words(&["de"]), ..none() }),
                only("croatia", Conditions { countries: words(&["HR"]), ..none() }),
                only("back", Conditions { buyer: Buyer::Returning, ..none() }),
                only("cheap", Conditions { total_most: euro(10_000), ..none() }),
                sequence("rest", &[0]),
            ],
        )
        .await;
        // Earlier orders: by the same address, and one that was taken back.
        let order = app.order("1", "long-ago", json!({ "phone": null, "email": "O7@shopper.example" }));
        app.generic(&shop, "order.upserted", order).await;
        let cancelled = json!({ "phone": null, "email": "o9@shopper.example", "status": "cancelled" });
        app.generic(&shop, "order.upserted", app.order("2", "long-ago-too", cancelled)).await;
        app.pass(minutes(10)).await;
        let carts = [
            ("dear", json!({ "total": "500.00" })),
            ("lamps", json!({ "items": [{ "title": "Oak Lamp" }] })),
            ("rest", json!({ "items": [{ "title": "Oak Lamp" }, { "title": "Gift card" }] })),
            ("vip", json!({ "tags": ["b2b", "VIP"] })),
            ("letter", json!({ "source": "Newsletter" })),
            ("german", json!({ "language": "de-AT" })),
            ("croatia", json!({ "country": "HR" })),
            ("back", json!({})),
            ("cheap", json!({ "total": "100.00" })),
            ("rest", json!({})),
            ("rest", json!({ "currency": "USD", "total": "900.00" })),
        ];
        for (number, (_, change)) in (0u32..).zip(&carts) {
            leave(app, &shop, &format!("c{number}"), and(other(number), change.clone())).await;
        }
        app.pass(minutes(31)).await;
        for (number, (expected, change)) in carts.iter().enumerate() {
            let cart = app.cart(&shop, &format!("c{number}")).await;
            assert_eq!(cart.sequence, *expected, "{change}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_cart_that_no_sequence_takes_says_why() {
    on_both(async |app| {
        let vip = only("vip", Conditions { tags: words(&["vip"]), ..Conditions::default() });
        let shop = open(app, &[Sequence { on_since: None, ..sequence("off", &[0]) }, vip]).await;
        leave(app, &shop, "c1", json!({})).await;
        app.pass(hours(3)).await;
        assert_eq!(
            story(app, &shop, "c1").await,
            "Tue 09:55 begun\n\
             Tue 10:30 abandoned\n\
             Tue 10:30 step 1: no: no sequence is for this cart (off: switched off. vip: for the tags vip)\n"
        );
        // What is switched on later never reaches back.
        change(app, &shop, |all, now| all[0].switch_on(now)).await;
        app.pass(hours(3)).await;
        assert_eq!(app.messages(&shop).await, []);
        leave(app, &shop, "c2", json!({})).await;
        app.pass(hours(1)).await;
        assert_eq!(app.texts(&shop).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_sequence_switched_on_between_abandonment_and_our_look_is_too_late() {
    on_both(async |app| {
        let shop = open(app, &[Sequence { on_since: None, ..sequence("late", &[0]) }]).await;
        leave(app, &shop, "c1", json!({})).await;
        app.sleep(minutes(40));
        let switched = connect::change_rules(&app.core, shop.id, |rules, now| {
            rules.sequences[0].switch_on(now);
            Ok(())
        });
        switched.await.unwrap();
        app.settle().await;
        tells(&story(app, &shop, "c1").await, "late: switched on only after the cart was abandoned");
        assert_eq!(app.messages(&shop).await, []);
    })
    .await;
}

#[tokio::test]
async fn switching_a_sequence_off_stops_its_carts_for_good() {
    on_both(async |app| {
        let shop = open(app, &[sequence("a", &[0, 120]), sequence("b", &[0])]).await;
        leave(app, &shop, "c1", json!({})).await;
        app.pass(minutes(31)).await;
        assert_eq!(app.texts(&shop).await.len(), 1);
        change(app, &shop, |all, _| all[0].on_since = None).await;
        app.pass(minutes(30)).await;
        // On again is a new beginning: this cart is from before it.
        change(app, &shop, |all, now| all[0].switch_on(now)).await;
        app.pass(hours(5)).await;
        let told = story(app, &shop, "c1").await;
        tells(&told, "Tue 12:30 step 2: no: its sequence was switched off meanwhile");
        assert_eq!(app.texts(&shop).await.len(), 1);

        leave(app, &shop, "c2", other(1)).await;
        app.pass(minutes(31)).await;
        change(app, &shop, |all, _| all[0].on_since = None).await;
        leave(app, &shop, "c3", other(2)).await;
        app.pass(hours(5)).await;
        tells(&story(app, &shop, "c2").await, "step 2: no: its sequence was switched off");
        // The next in line takes new carts.
        assert_eq!(app.cart(&shop, "c3").await.sequence, "b");
    })
    .await;
}

#[tokio::test]
async fn a_removed_sequence_says_no_more() {
    on_both(async |app| {
        let shop = open(app, &[sequence("a", &[0, 120])]).await;
        leave(app, &shop, "c1", json!({})).await;
        app.pass(minutes(31)).await;
        change(app, &shop, |all, _| all.clear()).await;
        leave(app, &shop, "c2", other(1)).await;
        app.pass(hours(5)).await;
        tells(&story(app, &shop, "c1").await, "Tue 12:30 step 2: no: its sequence was removed");
        tells(&story(app, &shop, "c2").await, "no: no sequence is for this cart ()");
        assert_eq!(app.texts(&shop).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn carts_under_way_go_on_as_they_began() {
    on_both(async |app| {
        let shop = open(app, &[sequence("a", &[0, A_DAY_AND_TWO])]).await;
        leave(app, &shop, "old", json!({})).await;
        app.pass(minutes(31)).await;
        change(app, &shop, |all, _| {
            let words = "{{ shop }}: new words {{ link }} {{ opt_out }}";
            all[0].set_all([("steps", "0,25h"), ("step.2.text", words)]).unwrap();
        })
        .await;
        leave(app, &shop, "new", other(1)).await;
        app.pass(hours(40)).await;
        let times = |told: String| {
            let yes = told.lines().filter(|line| line.ends_with("yes")).map(|line| line[..9].to_owned());
            yes.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(times(story(app, &shop, "old").await), "Tue 10:30 Wed 12:30");
        assert_eq!(times(story(app, &shop, "new").await), "Tue 11:01 Wed 12:01");
        let texts = app.texts(&shop).await;
        let new_words = texts.iter().filter(|text| text.words.contains("new words")).map(|text| text.to.as_str());
        assert_eq!(new_words.collect::<Vec<_>>(), ["+38640555201"]);
    })
    .await;
}

#[tokio::test]
async fn a_tap_ends_a_sequence_that_says_so_a_preview_does_not() {
    on_both(async |app| {
        let exits = Exits { clicked: true, ..NO_EXITS };
        let shop = open(app, &[Sequence { exits, ..sequence("a", &[0, A_DAY_AND_TWO, 30 * 60]) }]).await;
        leave(app, &shop, "c1", json!({})).await;
        app.pass(minutes(31)).await;
        let first = app.last_text(&shop).await;
        app.open(&first.token('r'), "GoogleMessages/1.0 (link preview; bot)").await;
        app.pass(hours(26)).await;
        assert_eq!(app.texts(&shop).await.len(), 2);
        app.tap(&first).await;
        app.pass(hours(5)).await;
        let told = story(app, &shop, "c1").await;
        tells(&told, "Wed 16:30 step 3: no: its sequence ended: the shopper followed the link of an earlier text");
        assert_eq!(app.texts(&shop).await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_shopper_who_writes_back_ends_a_sequence_that_says_so() {
    on_both(async |app| {
        let shop = app.with_shop_like("generic", &[("rest_hours", "0")]).await;
        let account = app.with_gateway(&shop, "log").await;
        change(app, &shop, |all, _| {
            let exits = Exits { replied: true, ..NO_EXITS };
            *all = vec![Sequence { exits, ..sequence("a", &[0, A_DAY_AND_TWO]) }];
        })
        .await;
        let phone = |number: u32| format!("+386405552{number:02}");
        // Before the first text it is no answer to it.
        app.reply(&account, &phone(4), "How long does delivery take?").await;
        for number in 1..=4 {
            leave(app, &shop, &format!("c{number}"), other(number)).await;
        }
        let (_, keys) = app.shop(shop.id).await;
        let settle = async |how| {
            for waiting in store::reply::open(&mut app.read().await, &keys, 10).await.unwrap() {
                assert!(reply::settle(&app.core, shop.id, waiting.id, how, "Maja").await.unwrap());
            }
        };
        settle(How::Answered).await;
        app.pass(minutes(31)).await;
        assert_eq!(app.texts(&shop).await.len(), 4);
        app.reply(&account, &phone(1), "Is the oak stool still there for my mother?").await;
        settle(How::Answered).await;
        app.reply(&account, &phone(2), "Is the oak stool still there for my father?").await;
        settle(How::CarryOn).await;
        app.reply(&account, &phone(3), "YES").await;
        app.pass(hours(30)).await;
        let ended = "Wed 12:30 step 2: no: its sequence ended: the shopper wrote back";
        tells(&story(app, &shop, "c1").await, ended);
        for token in ["c2", "c3", "c4"] {
            tells(&story(app, &shop, token).await, "Wed 12:30 step 2: yes");
        }
    })
    .await;
}

#[tokio::test]
async fn a_newer_cart_of_the_same_person_ends_the_older_one() {
    on_both(async |app| {
        let exits = Exits { superseded: true, ..NO_EXITS };
        let shop = open(app, &[Sequence { exits, ..sequence("a", &[0, A_DAY_AND_TWO]) }]).await;
        leave(app, &shop, "old", json!({})).await;
        app.pass(minutes(31)).await;
        // Known by the e-mail address alone.
        let again = json!({ "customer_id": null, "phone": "+38640555777", "email": "maja.novak@shopper.example" });
        leave(app, &shop, "new", again).await;
        // Carts of others, of staff, and one that nobody could text about, end nothing.
        leave(app, &shop, "c3", other(1)).await;
        app.pass(hours(29)).await;
        let ended = "its sequence ended: the same person has begun a newer cart";
        tells(&story(app, &shop, "old").await, &format!("Wed 12:30 step 2: no: {ended}"));
        tells(&story(app, &shop, "new").await, "Wed 13:01 step 2: yes");

        leave(app, &shop, "c5", other(5)).await;
        app.pass(minutes(31)).await;
        leave(app, &shop, "c6", and(other(5), json!({ "phone": null }))).await;
        leave(app, &shop, "c7", and(other(5), json!({ "channel": "staff" }))).await;
        app.pass(hours(29)).await;
        tells(&story(app, &shop, "c5").await, "step 2: yes");
    })
    .await;
}

#[tokio::test]
async fn an_emptied_cart_ends_its_sequence() {
    on_both(async |app| {
        let exits = Exits { emptied: true, ..NO_EXITS };
        let shop = open(app, &[Sequence { exits, ..sequence("a", &[0, A_DAY_AND_TWO]) }]).await;
        leave(app, &shop, "c1", json!({})).await;
        // A shop that tells no items has not emptied them.
        leave(app, &shop, "c2", and(other(1), json!({ "items": [] }))).await;
        app.pass(minutes(31)).await;
        leave(app, &shop, "c1", json!({ "items": [], "total": "0.00" })).await;
        app.pass(hours(29)).await;
        tells(&story(app, &shop, "c1").await, "Wed 12:30 step 2: no: its sequence ended: the cart is empty by now");
        tells(&story(app, &shop, "c2").await, "Wed 12:30 step 2: yes");
    })
    .await;
}

#[tokio::test]
async fn a_sequence_rests_after_another_carts_text() {
    on_both(async |app| {
        let a = only("a", Conditions { tags: words(&["a"]), ..Conditions::default() });
        let b = Sequence { rest_days: 2, ..sequence("b", &[0, A_DAY_AND_TWO]) };
        let shop = open(app, &[a, b]).await;
        leave(app, &shop, "c1", json!({ "tags": ["a"] })).await;
        app.pass(minutes(31)).await;
        leave(app, &shop, "c2", json!({})).await;
        leave(app, &shop, "c3", other(1)).await;
        app.pass(hours(30)).await;
        // Another phone is another person; and once it began, a sequence goes on.
        tells(&story(app, &shop, "c3").await, "step 2: yes");
        assert_eq!(app.texts(&shop).await.len(), 3);
        let told = story(app, &shop, "c2").await;
        tells(&told, "step 1: wait: a text of another cart’s sequence went to this phone; rests 2 days until");
        app.pass(hours(40)).await;
        tells(&story(app, &shop, "c2").await, "Thu 10:30 step 1: yes");
    })
    .await;
}

#[tokio::test]
async fn a_discount_rests_after_another_discount() {
    on_both(async |app| {
        let mut a = sequence("a", &[0, A_DAY_AND_TWO]);
        let code = FixedCode { code: "BACK10".into(), cool_down_days: 30 };
        a.steps[1].discount = Some(Discount::Fixed(code));
        let shop = open(app, &[a]).await;
        leave(app, &shop, "c1", json!({})).await;
        app.pass(hours(52)).await;
        leave(app, &shop, "c2", json!({})).await;
        leave(app, &shop, "c3", other(1)).await;
        app.pass(hours(30)).await;
        tells(&story(app, &shop, "c1").await, "step 2: yes");
        let told = story(app, &shop, "c2").await;
        tells(&told, "step 1: yes");
        tells(&told, "step 2: no: could go on 3 Apr 2026");
        tells(&story(app, &shop, "c3").await, "step 2: yes");
    })
    .await;
}

#[tokio::test]
async fn a_steps_own_conditions_leave_it_out_alone() {
    on_both(async |app| {
        let mut a = sequence("a", &[0, A_DAY_AND_TWO, 30 * 60]);
        a.steps[1].when = Conditions { total_least: euro(20_000), ..Conditions::default() };
        let shop = open(app, &[a]).await;
        leave(app, &shop, "c1", json!({})).await;
        leave(app, &shop, "c2", other(1)).await;
        app.pass(minutes(31)).await;
        // Asked when the step is due, of the cart as it is then.
        leave(app, &shop, "c2", and(other(1), json!({ "total": "250.00" }))).await;
        app.pass(hours(31)).await;
        let told = story(app, &shop, "c1").await;
        tells(&told, "step 2: no: text 2 is not for this cart: for at least €200.00; the cart is worth €128.00");
        tells(&told, "step 3: yes");
        tells(&story(app, &shop, "c2").await, "step 2: yes");
    })
    .await;
}

#[tokio::test]
async fn a_step_may_be_skipped_in_closed_hours_or_dropped_when_late() {
    on_both(async |app| {
        let mut skip = sequence("skip", &[0, 720]);
        skip.when.tags = words(&["skip"]);
        skip.steps[0].closed = Closed::Skip;
        let mut late = sequence("late", &[0, 720]);
        late.steps[0].deadline_minutes = Some(600);
        let shop = open(app, &[skip, late, sequence("unused", &[0])]).await;
        // Tuesday, 22:00: both are abandoned at 22:30, and 09:00 is ten and a half hours later.
        app.pass(hours(12)).await;
        leave(app, &shop, "c1", json!({ "tags": ["skip"] })).await;
        leave(app, &shop, "c2", other(1)).await;
        app.pass(hours(14)).await;
        let told = story(app, &shop, "c1").await;
        tells(&told, "Tue 22:30 step 1: no: ");
        tells(&told, "this step is skipped in closed hours");
        tells(&told, "Wed 10:30 step 2: yes");
        let told = story(app, &shop, "c2").await;
        tells(
            &told,
            "Tue 22:30 step 1: no: could go on 4 Mar 2026, 09:00 at the earliest, its time ends on 4 Mar 2026, 08:30",
        );
        tells(&told, "Wed 10:30 step 2: yes");
    })
    .await;
}

async fn with_preset(app: &App, name: &str, rules: &[(&str, &str)]) -> Shopkeeper {
    let shop = app.with_shop_like("generic", rules).await;
    app.with_gateway(&shop, "log").await;
    change(app, &shop, |all, now| {
        *all = vec![preset(name).unwrap()];
        all[0].switch_on(now);
    })
    .await;
    app.pass(minutes(1)).await;
    shop
}

#[tokio::test]
async fn the_european_preset_reminds_and_may_add_a_discount() {
    on_both(async |app| {
        let shop = with_preset(app, "eu", &[]).await;
        change(app, &shop, |all, _| all[0].set_all([("step.2.discount", "BACK10")]).unwrap()).await;
        leave(app, &shop, "c1", json!({})).await;
        app.pass(hours(60)).await;
        let texts = app.texts(&shop).await;
        assert_eq!(texts.iter().map(|text| text.step).collect::<Vec<_>>(), [1, 2]);
        assert!(!texts[0].words.contains("BACK10"), "{}", texts[0].words);
        // Of the shop's own country only as long as the countries are those of Europe.
        assert_eq!(app.cart(&shop, "c1").await.sequence, "eu");
        leave(app, &shop, "c2", and(other(1), json!({ "country": "US" }))).await;
        app.pass(hours(2)).await;
        tells(
            &story(app, &shop, "c2").await,
            "Europe: for the countries AT, BE, BG, CH, CY, CZ and 26 more; the cart's is US",
        );
    })
    .await;
}

#[tokio::test]
async fn the_gentle_preset_texts_once_and_not_whoever_has_moved_on() {
    on_both(async |app| {
        let shop = with_preset(app, "gentle", &[]).await;
        leave(app, &shop, "c1", json!({})).await;
        app.pass(hours(60)).await;
        tells(&story(app, &shop, "c1").await, "Tue 14:31 step 1: yes");
        assert_eq!(app.texts(&shop).await.len(), 1);
        // Two weeks of rest, longer than a cart waits.
        leave(app, &shop, "c2", json!({})).await;
        app.pass(hours(60)).await;
        tells(&story(app, &shop, "c2").await, "step 1: no: could go on 17 Mar 2026");
        assert_eq!(app.texts(&shop).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_three_steps_go_where_the_rest_leaves_room() {
    on_both(async |app| {
        let shop = with_preset(app, "three-step", &[("rest_hours", "20")]).await;
        leave(app, &shop, "c1", json!({})).await;
        app.pass(hours(60)).await;
        let told = story(app, &shop, "c1").await;
        tells(&told, "Tue 10:31 step 1: yes");
        tells(&told, "Wed 10:31 step 2: yes");
        // A reminder a day to one phone is the law's own cap where it has one; then the last call is dropped, never late.
        assert!(told.contains("Thu 06:31 step 3: wait") || told.contains("Thu 06:31 step 3: no"), "{told}");
        let last = app.texts(&shop).await.pop().unwrap();
        assert!(last.step >= 2);
    })
    .await;
}

#[tokio::test]
async fn the_american_preset_texts_a_confirmed_cart_once() {
    on_both(async |app| {
        let shop = with_preset(app, "us", &[("countries", "SI,US")]).await;
        let there = json!({
            "phone": "+12125550142", "country": "US", "region": "NY", "phone_country": "US",
            "consent": {
                "state": "granted", "source": "shop.example", "level": "confirmed_opt_in", "ip": "192.0.2.10",
                "text": "Text me about my cart", "at": app.iso(),
            },
        });
        leave(app, &shop, "c1", there).await;
        leave(app, &shop, "c2", other(1)).await;
        app.pass(hours(60)).await;
        let texts = app.texts(&shop).await;
        let sent: Vec<_> = texts.iter().map(|text| (text.to.as_str(), text.step)).collect();
        assert_eq!(sent, [("+12125550142", 1)], "{}", story(app, &shop, "c1").await);
        tells(&story(app, &shop, "c2").await, "United States: for the countries US; the cart's is SI");
    })
    .await;
}

/// What this cart's visitor did a moment ago, as the pixel tells it with the checkout's token.
async fn did(app: &App, shop: &Shopkeeper, token: &str, kinds: &[&str]) {
    let tracker = Tracker::new(app.core.clone());
    let known = tracker.shop_of(&shop.path).await.unwrap().unwrap();
    let kind = identity::Kind::Checkout;
    let name = (kind, identity::value(&known.keys, kind, token));
    let told = |name: &&str| Told { name: (*name).into(), visitor: format!("visitor-{token}"), ..Told::default() };
    let names = (0..kinds.len()).map(|place| (place, name)).collect();
    let batch = Batch { told: kinds.iter().map(told).collect(), names, ..Batch::default() };
    tracker.keep(&known.shop, &known.keys, ToldBy::Pixel, &batch).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_sequence_may_be_for_eager_visitors_only() {
    on_both(async |app| {
        let eager = Conditions { intent_least: Some(23), ..Conditions::default() };
        let shop = open(app, &[only("eager", eager), sequence("others", &[0])]).await;
        leave(app, &shop, "e1", other(1)).await;
        did(app, &shop, "e1", &["cart_added", "checkout_started"]).await;
        leave(app, &shop, "e2", other(2)).await;
        did(app, &shop, "e2", &["cart_added", "product_viewed"]).await;
        leave(app, &shop, "e3", other(3)).await;
        app.pass(minutes(40)).await;
        // What is done after the cart was left does not count.
        did(app, &shop, "e2", &["checkout_started", "payment_entered"]).await;
        app.pass(minutes(5)).await;
        for (token, expected) in [("e1", "eager"), ("e2", "others"), ("e3", "others")] {
            assert_eq!(app.cart(&shop, token).await.sequence, expected, "{token}");
        }
    })
    .await;
}
