//! Stories on how orders are credited: other rules beside the headline, windows changed and history following, a credit
//! set right by hand, a month published, and how orders came about.

use cartback::{
    domain::{
        attribution::{Class, Windows, grade::Grade, lens::Sums},
        id::{MessageId, OrderId},
        time::Time,
    },
    pipeline::{
        compare::{self, Compared, PROPOSED},
        credit,
        hand::Done,
        recredit,
        statement::{self, NotPublished},
        taps,
    },
    store::{
        self,
        credit_act::To,
        order::list::{Filter, Narrow, Sort},
    },
};
use serde_json::json;

use super::{bodies::with, credit::texted};
use crate::{
    app::{App, PHONE_AGENT, Shopkeeper, hours, minutes, on_both},
    sql,
};

async fn order_of(app: &App, shop: &Shopkeeper, number: &str) -> OrderId {
    let (_, keys) = app.shop(shop.id).await;
    store::order::by_external_id(&mut app.read().await, &keys, number).await.unwrap().unwrap().id
}

async fn compared(app: &App, shop: &Shopkeeper, proposed: Option<Windows>) -> Compared {
    let (shop, keys) = app.shop(shop.id).await;
    let span = (Time::FIRST, Time::LAST);
    compare::compare(&mut app.read().await, &keys, &shop.rules, span, proposed).await.unwrap()
}

/// Orders, gross and what went back under a rule, in its one currency.
fn says(found: &Compared, rule: &str) -> (u64, i64, i64) {
    let tally = &found.row(rule).unwrap().tally;
    let Sums { orders, gross_minor, refunded_minor } = tally.money.values().next().copied().unwrap_or_default();
    (orders, gross_minor, refunded_minor)
}

/// The class of the order's credit, as its lines and as a list have it.
async fn class(app: &App, shop: &Shopkeeper, order: OrderId) -> Option<String> {
    let (_, keys) = app.shop(shop.id).await;
    let lines = store::credit::of_order(&mut app.read().await, &keys, order).await.unwrap();
    lines.first().map(|line| line.class.clone())
}

async fn listed(app: &App, shop: &Shopkeeper, state: Filter) -> Vec<String> {
    let (_, keys) = app.shop(shop.id).await;
    let wanted = Narrow { state, ..Narrow::default() };
    let open = store::listing::Open::first(50);
    let leaf = store::order::list::leaf(&mut app.read().await, &keys, &wanted, Sort::Time, open).await.unwrap();
    let mut numbers: Vec<String> = leaf.rows.into_iter().map(|row| row.number).collect();
    numbers.sort();
    numbers
}

#[tokio::test]
async fn the_same_orders_stand_under_every_rule() {
    on_both(async |app| {
        let (shop, text) = texted(app).await;
        assert_eq!(compared(app, &shop, None).await.orders, 0);
        app.tap(&text).await;
        app.generic(&shop, "order.upserted", app.order("1", "c1", json!({}))).await;
        // Fourteen hours later another, after no further tap; and one of somebody else.
        app.pass(hours(14)).await;
        let own = json!({ "placed_at": app.iso(), "total": "50.00",
                          "refunds": [{ "id": "r1", "amount": "20.00", "at": app.iso() }] });
        app.generic(&shop, "order.upserted", app.order("2", "c1", own)).await;
        app.generic(&shop, "order.upserted", app.strangers_order("3", json!({}))).await;
        let found = compared(app, &shop, None).await;
        assert_eq!((found.orders, found.stopped_at), (2, None));
        for rule in
            ["strict", "assisted", "first", "linear", "position", "klaviyo", "attentive", "postscript", "omnisend"]
        {
            assert_eq!(says(&found, rule), (2, 17_800, 2_000), "{rule}");
        }
        // A second cart of theirs, texted and never tapped.
        let apart = json!({ "phone": "+38640555444", "email": "b@shopper.example", "customer_id": "c-2" });
        app.generic(&shop, "checkout.updated", app.checkout("c2", apart.clone())).await;
        app.pass(hours(16)).await;
        // However long it waited for the morning: thirteen hours after its text.
        let sent = app.messages(&shop).await.iter().filter_map(|(_, moments)| moments.accepted_at).max().unwrap();
        app.pass(hours(13).saturating_sub(app.now().since(sent))).await;
        let order = with(&app.order("4", "c2", json!({ "placed_at": app.iso(), "total": "10.00" })), apart);
        app.generic(&shop, "order.upserted", order).await;
        let found = compared(app, &shop, None).await;
        let orders = |rule| says(&found, rule).0;
        assert_eq!(
            ["strict", "assisted", "linear", "klaviyo", "attentive", "omnisend"].map(orders),
            [2, 3, 3, 2, 3, 2]
        );
        // The headline of the comparison is the report's.
        let total = app.report(&shop).await.total;
        let sums = total.money.values().next().unwrap();
        assert_eq!((sums.recovered_orders, sums.gross_minor, sums.refunded_minor), (2, 17_800, 2_000));
        assert_eq!(found.row("strict").unwrap().tally.differs, 0);
        assert_eq!(found.row("assisted").unwrap().tally.differs, 1);
    })
    .await;
}

#[tokio::test]
async fn history_follows_the_windows() {
    on_both(async |app| {
        let (shop, text) = texted(app).await;
        app.tap(&text).await;
        app.pass(hours(30)).await;
        app.generic(&shop, "order.upserted", app.order("1", "c1", json!({ "placed_at": app.iso() }))).await;
        let order = order_of(app, &shop, "1").await;
        assert_eq!(class(app, &shop, order).await.as_deref(), Some("credited"));
        // Tried out first: it says what would change and changes nothing.
        let day = Windows { click_hours: 24, sent_hours: 0, click_from_sent: false, code_always: false };
        let found = compared(app, &shop, Some(day)).await;
        assert_eq!((says(&found, PROPOSED).0, found.would_change, found.differing.len()), (0, 1, 1));
        assert_eq!((found.differing[0].now, found.differing[0].then), (Some(1), None));
        assert_eq!(class(app, &shop, order).await.as_deref(), Some("credited"));
        assert!(recredit::change_windows(&app.core, shop.id, (24, 0), "Ana").await.unwrap());
        app.pass(minutes(1)).await;
        assert_eq!(class(app, &shop, order).await, None);
        assert!(!app.figures(&shop).await.contains("recovered"));
        let (_, keys) = app.shop(shop.id).await;
        let (newest, runs) = recredit::progress(&mut app.read().await, &keys).await.unwrap();
        let newest = newest.unwrap();
        assert!(newest.is_over() && newest.judged() == 1 && newest.run.orders == 1, "{newest:?}");
        assert_eq!((runs[0].before.click_hours, runs[0].after.click_hours, runs[0].by.as_str()), (120, 24, "Ana"));
        // The same again is no change; out of bounds is refused; through the rules it follows too.
        assert!(!recredit::change_windows(&app.core, shop.id, (24, 0), "Ana").await.unwrap());
        assert!(recredit::change_windows(&app.core, shop.id, (0, 0), "Ana").await.is_err());
        app.change(&shop, &[("click_window_hours", "120"), ("delivered_window_hours", "24")]).await;
        app.pass(minutes(1)).await;
        assert_eq!(class(app, &shop, order).await.as_deref(), Some("credited"));
        assert!(app.figures(&shop).await.contains("recovered 1"));
        // What changes nothing of them begins no run.
        app.change(&shop, &[("rest_hours", "12")]).await;
        assert_eq!(recredit::progress(&mut app.read().await, &keys).await.unwrap().1.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn verdicts_of_an_older_version_are_judged_again_once() {
    on_both(async |app| {
        let (shop, text) = texted(app).await;
        app.tap(&text).await;
        app.generic(&shop, "order.upserted", app.order("1", "c1", json!({}))).await;
        let order = order_of(app, &shop, "1").await;
        sql::run(app, "UPDATE evidence SET touches = NULL, way = ''").await;
        let (_, keys) = app.shop(shop.id).await;
        assert!(store::recredit::needs_upgrade(&mut app.read().await, &keys).await.unwrap());
        recredit::upgrade(&app.core, shop.id).await.unwrap();
        recredit::upgrade(&app.core, shop.id).await.unwrap();
        app.pass(minutes(1)).await;
        assert!(!store::recredit::needs_upgrade(&mut app.read().await, &keys).await.unwrap());
        let runs = recredit::progress(&mut app.read().await, &keys).await.unwrap().1;
        assert!(runs.len() == 1 && runs[0].ended_at.is_some() && runs[0].done == 1, "{runs:?}");
        assert_eq!(listed(app, &shop, Filter::Came(cartback::domain::attribution::Way::ThroughLink)).await, ["#1"]);
        assert_eq!(class(app, &shop, order).await.as_deref(), Some("credited"));
    })
    .await;
}

#[tokio::test]
async fn a_credit_is_set_right_by_hand_and_back() {
    on_both(async |app| {
        let (shop, text) = texted(app).await;
        app.tap(&text).await;
        let placed = json!({ "placed_at": app.iso() });
        app.pass(minutes(1)).await;
        let placed = with(&placed, json!({ "placed_at": app.iso() }));
        app.generic(&shop, "order.upserted", app.order("1", "c1", placed.clone())).await;
        let order = order_of(app, &shop, "1").await;
        let (_, keys) = app.shop(shop.id).await;
        let say = async |to, why: &str| {
            let done = credit::correct(&app.core, shop.id, order, to, why, "Ana").await.unwrap();
            app.settle().await;
            done
        };
        let refused = |done: Done| matches!(done, Done::Refused(_));
        assert!(refused(say(To::Nothing, "  ").await), "without a reason");
        assert!(refused(say(To::Nothing, &"x".repeat(501)).await), "with too long a one");
        assert!(refused(say(To::Rules, "as it is").await), "as it stands");
        assert!(refused(say(To::Text(MessageId::new(7)), "another").await), "no text of this order");
        assert_eq!(say(To::Nothing, "the newsletter brought it").await, Done::Done);
        assert_eq!(class(app, &shop, order).await, None);
        assert!(!app.figures(&shop).await.contains("recovered"));
        assert!(refused(say(To::Nothing, "again").await));
        let verdict = store::credit::evidence(&mut app.read().await, &keys, order).await.unwrap().unwrap();
        assert!(verdict.corrected.is_some() && verdict.considered[0].why.ends_with("set aside by hand"), "{verdict:?}");
        assert_eq!(listed(app, &shop, Filter::Corrected).await, ["#1"]);
        let found = compared(app, &shop, None).await;
        assert_eq!((found.corrected, says(&found, "klaviyo").0), ((0, 1), 0));
        // Whatever is heard later, it holds; and a refund of what is not credited takes nothing back.
        let refund = json!({ "refunds": [{ "id": "r", "amount": "28.00", "at": app.iso() }] });
        app.generic(&shop, "order.upserted", with(&app.order("1", "c1", placed.clone()), refund)).await;
        assert_eq!(class(app, &shop, order).await, None);
        // To the text by hand: once, and never more than the order.
        let given = verdict.considered[0].message;
        assert_eq!(say(To::Text(given), "she said so").await, Done::Done);
        assert!(app.figures(&shop).await.ends_with("EUR gross 128.00, EUR refunded 28.00, EUR net 100.00"));
        assert_eq!(compared(app, &shop, None).await.corrected, (1, 0));
        assert_eq!(say(To::Rules, "enough").await, Done::Done);
        let verdict = store::credit::evidence(&mut app.read().await, &keys, order).await.unwrap().unwrap();
        let won = verdict.winner.unwrap();
        assert_eq!((verdict.corrected, won.class, Grade::of(won.class, won.tie)), (None, Class::Credited, Grade::High));
        assert_eq!(verdict.considered[0].accepted_at.is_some(), verdict.windows.is_some());
        let acts = store::credit_act::of_order(&mut app.read().await, &keys, order).await.unwrap();
        let told: Vec<_> = acts.iter().map(|act| (act.by.as_str(), act.reason.as_str())).collect();
        assert_eq!(told, [("Ana", "the newsletter brought it"), ("Ana", "she said so"), ("Ana", "enough")]);
        assert_eq!(
            store::credit_act::newest(&mut app.read().await, &keys, order).await.unwrap().unwrap().to,
            To::Rules
        );
        assert_eq!(
            credit::correct(&app.core, shop.id, OrderId::new(7), To::Nothing, "x", "").await.unwrap(),
            Done::Unknown
        );
    })
    .await;
}

#[tokio::test]
async fn a_published_month_keeps_its_figures() {
    on_both(async |app| {
        let (shop, text) = texted(app).await;
        app.tap(&text).await;
        app.pass(minutes(1)).await;
        let placed = json!({ "placed_at": app.iso() });
        app.generic(&shop, "order.upserted", app.order("1", "c1", placed.clone())).await;
        let refused = async |month: &str| {
            matches!(statement::publish(&app.core, shop.id, month, "Ana").await, Err(NotPublished::Refused(_)))
        };
        assert!(refused("2026-03").await, "not over");
        assert!(refused("2026-3").await && refused("someday").await, "no month");
        app.pass(hours(24 * 31)).await;
        statement::publish(&app.core, shop.id, "2026-02", "Ana").await.unwrap();
        let march = statement::publish(&app.core, shop.id, "2026-03", "Ana").await.unwrap();
        assert!(refused("2026-03").await, "published");
        let (own, keys) = app.shop(shop.id).await;
        let shown = async || {
            let mut read = app.read().await;
            statement::shown(&app.core, &mut read, &own, &keys, "2026-03").await.unwrap().unwrap()
        };
        let before = shown().await;
        assert!(before.since.is_empty(), "{:?}", before.since);
        let sums = before.body.money.values().next().unwrap();
        assert_eq!((sums.orders, sums.gross_minor, sums.net_minor, before.body.orders.len()), (1, 12_800, 12_800, 1));
        assert_eq!((before.body.by.as_str(), before.body.windows.click_hours), ("Ana", 120));
        // What is said of it later stands beside it.
        let order = order_of(app, &shop, "1").await;
        credit::correct(&app.core, shop.id, order, To::Nothing, "not ours", "Ana").await.unwrap();
        app.settle().await;
        let after = shown().await;
        assert_eq!(after.body, before.body);
        let since = after.since.money.values().next().unwrap();
        assert_eq!((since.orders, since.net_minor, after.since.gone.len()), (-1, -12_800, 1));
        assert_eq!(after.published, march);
        // Whoever changes a figure is found out.
        let chain = async || statement::chain(&mut app.read().await, &keys).await.unwrap();
        let (all, problems) = chain().await;
        assert_eq!((all.len(), all[1].hash_before == all[0].hash, problems.len()), (2, true, 0));
        sql::run(app, "UPDATE statement SET body = REPLACE(body, '12800', '12900') WHERE month = '2026-03'").await;
        assert_eq!(chain().await.1, ["2026-03: its figures are not those that were published"]);
        sql::run(app, "DELETE FROM statement WHERE month = '2026-02'").await;
        assert_eq!(chain().await.1.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn an_order_came_alone_after_a_text_or_through_its_link() {
    use cartback::domain::attribution::Way;
    on_both(async |app| {
        let (shop, text) = texted(app).await;
        let (_, keys) = app.shop(shop.id).await;
        app.generic(&shop, "order.upserted", app.order("1", "c1", json!({ "placed_at": app.iso() }))).await;
        // A tap in the very moment of the order would be one before it.
        app.pass(minutes(1)).await;
        app.tap(&text).await;
        app.pass(minutes(1)).await;
        app.generic(&shop, "order.upserted", app.order("2", "c1", json!({ "placed_at": app.iso() }))).await;
        // Left, never texted for want of consent, and back again; and somebody who never left a cart.
        let silent =
            json!({ "phone": "+38640555666", "email": "c@shopper.example", "customer_id": "c-3", "consent": null });
        app.generic(&shop, "checkout.updated", app.checkout("c3", silent.clone())).await;
        app.pass(hours(2)).await;
        let alone = with(&app.order("3", "c3", json!({ "placed_at": app.iso() })), silent);
        app.generic(&shop, "order.upserted", alone).await;
        app.generic(&shop, "order.upserted", app.strangers_order("4", json!({}))).await;
        assert_eq!(listed(app, &shop, Filter::Came(Way::AfterText)).await, ["#1"]);
        assert_eq!(listed(app, &shop, Filter::Came(Way::ThroughLink)).await, ["#2"]);
        assert_eq!(listed(app, &shop, Filter::Came(Way::Alone)).await, ["#3"]);
        let ways = store::touch::ways(&mut app.read().await, &keys, Time::FIRST, Time::LAST).await.unwrap();
        assert_eq!(ways, [(Way::AfterText, 1), (Way::Alone, 1), (Way::ThroughLink, 1)]);
    })
    .await;
}

#[tokio::test]
async fn a_jump_in_the_share_of_taps_is_told() {
    on_both(async |app| {
        let (shop, text) = texted(app).await;
        let open = async |human: usize, bots: usize| {
            for _ in 0..human {
                app.open(&text.token('r'), PHONE_AGENT).await;
            }
            for _ in 0..bots {
                app.open(&text.token('r'), "facebookexternalhit/1.1").await;
            }
        };
        for _ in 0..8 {
            open(8, 4).await;
            app.pass(hours(24)).await;
        }
        let told = async || {
            taps::watch(&app.core, shop.id).await.unwrap();
            app.alarms(shop.id).await.into_iter().filter(|words| words.contains("link openings")).collect::<Vec<_>>()
        };
        assert_eq!(told().await, Vec::<String>::new());
        open(3, 40).await;
        app.pass(hours(24)).await;
        let alarm = told().await;
        assert_eq!(alarm.len(), 1, "{alarm:?}");
        assert!(alarm[0].contains("people made 3 of 43 link openings"), "{alarm:?}");
        // A day as usual, and it is over.
        open(30, 15).await;
        app.pass(hours(24)).await;
        assert_eq!(told().await, Vec::<String>::new());
    })
    .await;
}
