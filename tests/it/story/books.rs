//! Our books against the shop's: a shop whose API can be asked stands in for Shopify and WooCommerce, with its bad days:
//! too many calls, half an answer, a place that is lost, a key that is taken away.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use cartback::{
    domain::{
        audit::{Grade, Kind, Summary},
        id::FindingId,
        time::{DAY, Time},
    },
    http::{Exchange, Http, HttpError, Request, Response},
    pipeline::{audit, table},
    store::{
        self,
        audit::{
            finding::{self, State},
            run::{self, Purpose, Run},
        },
        inbox, order,
    },
};
use serde_json::{Value, json};

use crate::{
    app::{App, Engine, Shopkeeper, hours, minutes},
    outside::Outside,
};

/// How the next call to the shop ends.
#[derive(Clone, Debug)]
enum Ends {
    Throttled,
    /// The answer breaks off in the middle.
    Half,
    Gone,
    /// The place to go on from is not known any more.
    Lost,
    Barred,
}

/// A shop's own books, and everything else outside.
struct Registry {
    outside: Arc<Outside>,
    orders: Mutex<BTreeMap<i64, Value>>,
    script: Mutex<VecDeque<Ends>>,
    calls: Mutex<Vec<String>>,
    page: usize,
}

impl Registry {
    fn next(&self, ends: impl IntoIterator<Item = Ends>) {
        self.script.lock().unwrap().extend(ends);
    }

    fn put(&self, order: &Value) {
        self.orders.lock().unwrap().insert(order["id"].as_i64().unwrap(), order.clone());
    }

    fn calls(&self) -> usize {
        std::mem::take(&mut *self.calls.lock().unwrap()).len()
    }

    fn answer(&self, request: &Request) -> Option<Result<Response, HttpError>> {
        let shopify = request.url.ends_with("/graphql.json");
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let wanted = match shopify {
            true if body["query"].as_str().unwrap_or_default().contains("orders(") => {
                body["variables"]["query"].as_str().unwrap().to_owned()
            }
            false if request.url.contains("/wp-json/wc/v3/orders?") => request.url.clone(),
            _ => return None,
        };
        self.calls.lock().unwrap().push(wanted.clone());
        let ends = self.script.lock().unwrap().pop_front();
        let failed = match (&ends, shopify) {
            (Some(Ends::Throttled), true) => {
                told(200, json!({ "errors": [{ "extensions": { "code": "THROTTLED" } }] }))
            }
            (Some(Ends::Throttled), false) => {
                Response { headers: vec![("retry-after".into(), "7".into())], ..told(429, json!("slower")) }
            }
            (Some(Ends::Lost), true) => {
                told(200, json!({ "errors": [{ "message": "Invalid cursor for current pagination sort." }] }))
            }
            (Some(Ends::Lost), false) => told(400, json!({ "code": "rest_invalid_page" })),
            (Some(Ends::Barred), true) => {
                told(200, json!({ "errors": [{ "extensions": { "code": "ACCESS_DENIED" } }] }))
            }
            (Some(Ends::Barred), false) => told(401, json!({ "code": "woocommerce_rest_cannot_view" })),
            (Some(Ends::Gone), _) => return Some(Err(HttpError::NotSent("no connection".into()))),
            (Some(Ends::Half), _) => {
                let mut whole = if shopify { self.nodes(&body, &wanted) } else { self.listed(&wanted) };
                whole.body.truncate(whole.body.len() / 2);
                whole
            }
            (None, true) => self.nodes(&body, &wanted),
            (None, false) => self.listed(&wanted),
        };
        Some(Ok(failed))
    }

    fn kept(&self, keep: impl Fn(&Value) -> bool) -> Vec<Value> {
        self.orders.lock().unwrap().values().filter(|order| keep(order)).cloned().collect()
    }

    /// As Shopify answers: nodes of GraphQL, with what the call cost.
    fn nodes(&self, body: &Value, wanted: &str) -> Response {
        let one = wanted.strip_prefix("id:").map(str::to_owned);
        let since = wanted.split_once("updated_at:>='").and_then(|(_, rest)| Time::parse(rest.trim_end_matches('\'')));
        let found = self.kept(|order| {
            one.as_ref().is_none_or(|id| order["id"] == json!(id.parse::<u64>().unwrap()))
                && since.is_none_or(|since| Time::parse(order["updated_at"].as_str().unwrap()).unwrap() >= since)
        });
        let from = body["variables"]["after"].as_str().map_or(0, |place| place.parse::<usize>().unwrap());
        let nodes: Vec<Value> = found.iter().skip(from).take(self.page).map(node).collect();
        let on = from + self.page < found.len();
        told(
            200,
            json!({
                "data": { "orders": { "nodes": nodes, "pageInfo": { "hasNextPage": on, "endCursor": (from + self.page).to_string() } } },
                "extensions": { "cost": { "requestedQueryCost": 60, "throttleStatus": {
                    "maximumAvailable": 2000.0, "currentlyAvailable": 40.0, "restoreRate": 10.0,
                } } },
            }),
        )
    }

    /// As WooCommerce answers: the bodies of its webhooks.
    fn listed(&self, url: &str) -> Response {
        let query: BTreeMap<String, String> = url::Url::parse(url).unwrap().query_pairs().into_owned().collect();
        let since = query.get("modified_after").and_then(|at| Time::parse(at));
        let found = self.kept(|order| {
            query.get("include").is_none_or(|id| order["id"] == json!(id.parse::<u64>().unwrap()))
                && since.is_none_or(|since| Time::parse(order["date_modified_gmt"].as_str().unwrap()).unwrap() > since)
        });
        let page: usize = query["page"].parse().unwrap();
        let orders: Vec<Value> = found.iter().skip((page - 1) * self.page).take(self.page).cloned().collect();
        let pages = found.len().div_ceil(self.page);
        let headers =
            vec![("x-wp-total".into(), found.len().to_string()), ("x-wp-totalpages".into(), pages.to_string())];
        Response { headers, ..told(200, json!(orders)) }
    }
}

/// A webhook's body as the same order's node of GraphQL.
fn node(order: &Value) -> Value {
    let refunds: Vec<Value> = order["refunds"]
        .as_array()
        .unwrap()
        .iter()
        .map(|refund| {
            let money = json!({ "amount": refund["transactions"][0]["amount"], "currencyCode": "EUR" });
            json!({ "legacyResourceId": refund["id"].to_string(), "createdAt": refund["created_at"],
                    "totalRefundedSet": { "shopMoney": money } })
        })
        .collect();
    json!({
        "legacyResourceId": order["id"].to_string(), "name": order["name"], "createdAt": order["created_at"],
        "processedAt": order["processed_at"], "updatedAt": order["updated_at"], "cancelledAt": order["cancelled_at"],
        "test": order["test"], "sourceName": order["source_name"], "email": order["email"], "phone": order["phone"],
        "paymentGatewayNames": order["payment_gateway_names"], "checkoutToken": order["checkout_token"],
        "cartToken": order["cart_token"], "discountCodes": [], "customAttributes": [],
        "totalPriceSet": { "shopMoney": { "amount": order["total_price"], "currencyCode": "EUR" } },
        "totalTaxSet": { "shopMoney": { "amount": "0.00" } },
        "totalShippingPriceSet": { "shopMoney": { "amount": "0.00" } },
        "customer": { "legacyResourceId": order["customer"]["id"].to_string(), "defaultEmailAddress": null },
        "shippingAddress": { "phone": order["shipping_address"]["phone"], "countryCodeV2": "SI" },
        "billingAddress": null, "customerJourneySummary": null, "refunds": refunds,
    })
}

fn told(status: u16, body: Value) -> Response {
    Response { status, headers: Vec::new(), body: body.to_string().into_bytes() }
}

impl Http for Registry {
    fn exchange(&self, request: Request) -> Exchange<'_> {
        match self.answer(&request) {
            Some(answer) => Box::pin(async move { answer }),
            None => self.outside.exchange(request),
        }
    }
}

struct Stage {
    app: App,
    registry: Arc<Registry>,
    shop: Shopkeeper,
    kind: &'static str,
}

impl Stage {
    fn is_shopify(&self) -> bool {
        self.kind == "shopify"
    }

    fn body(&self, id: i64, change: Value) -> Value {
        match self.is_shopify() {
            true => {
                let mut body = self.app.shopify_order(id, &format!("c{id}"), change);
                body["name"] = json!(format!("#{id}"));
                body
            }
            false => self.app.woo_order(id, change),
        }
    }

    /// Tells us of an order by webhook.
    async fn tell(&self, body: &Value) {
        match self.is_shopify() {
            true => self.app.shopify(&self.shop, "orders/create", body).await,
            false => self.app.woo(&self.shop, "order.created", body).await,
        }
    }

    /// An order that both know.
    async fn order(&self, id: i64) -> Value {
        let body = self.body(id, json!({}));
        self.registry.put(&body);
        self.tell(&body).await;
        body
    }

    async fn cart(&self, token: &str) {
        match self.is_shopify() {
            true => {
                let body = self.app.shopify_checkout(token, json!({}));
                self.app.shopify(&self.shop, "checkouts/update", &body).await;
            }
            false => {
                let body = self.app.checkout(token, json!({}));
                self.app.generic(&self.shop, "checkout.updated", body).await;
            }
        }
    }

    /// Compares the last days, to the end.
    async fn compare(&self) -> Run {
        let now = self.app.now();
        let id = audit::begin(&self.app.core, self.shop.id, (now - DAY * 5, now), "story").await.unwrap();
        self.app.pass(minutes(30)).await;
        let found = run::get(&mut self.app.read().await, self.shop.id, id).await.unwrap().unwrap();
        assert!(found.is_over(), "{found:?}");
        found
    }

    async fn findings(&self, state: State) -> Vec<(Kind, String)> {
        let mut read = self.app.read().await;
        let found = finding::list(&mut read, self.shop.id, state, FindingId::new(0), 100).await.unwrap();
        let mut found: Vec<_> = found.iter().map(|each| (each.finding.kind, each.finding.number.clone())).collect();
        found.sort();
        found
    }

    async fn known(&self, id: i64) -> Option<cartback::domain::order::Order> {
        let (_, keys) = self.app.shop(self.shop.id).await;
        order::by_external_id(&mut self.app.read().await, &keys, &id.to_string()).await.unwrap()
    }

    async fn pulled(&self) -> usize {
        let newest = cartback::domain::id::DeliveryId::new(i64::MAX);
        let all = inbox::list(&mut self.app.read().await, self.shop.id, inbox::Filter::All, newest, 200).await.unwrap();
        all.iter().filter(|line| line.topic.starts_with("pulled/")).count()
    }
}

fn summary(run: &Run) -> Summary {
    serde_json::from_str(&run.outcome).unwrap_or_else(|_| panic!("no outcome: {run:?}"))
}

async fn played(story: impl AsyncFn(&Stage)) {
    for engine in [Engine::Lite, Engine::Pg] {
        for kind in ["shopify", "woocommerce"] {
            let outside = Arc::new(Outside::default());
            let registry = Arc::new(Registry {
                outside: outside.clone(),
                orders: Mutex::default(),
                script: Mutex::default(),
                calls: Mutex::default(),
                page: 3,
            });
            let Some(app) = App::start_with(engine, outside, registry.clone()).await else { continue };
            let key: &[(&str, &str)] = match kind {
                "shopify" => &[("token", "shpat_0f1e2d3c4b5a6978")],
                _ => &[("key", "ck_1"), ("secret", "cs_2")],
            };
            let shop = app.with_shop_like(kind, key).await;
            app.with_gateway(&shop, "log").await;
            let stage = Stage { app, registry, shop, kind };
            story(&stage).await;
            assert!(stage.registry.script.lock().unwrap().is_empty(), "something scripted never happened");
        }
    }
}

#[tokio::test]
async fn books_that_agree_say_so() {
    played(async |stage| {
        for id in 101..=107 {
            stage.order(id).await;
            stage.app.pass(minutes(10)).await;
        }
        stage.app.pass(hours(2)).await;
        let run = stage.compare().await;
        let found = summary(&run);
        assert_eq!((found.grade, found.score.compared, found.ours, found.theirs), (Grade::Agree, 7, 7, 7));
        assert_eq!((run.pages, run.done, run.problem.as_str()), (3, 7, ""));
        assert_eq!(stage.findings(State::Open).await, []);
        assert_eq!(stage.pulled().await, 0);
    })
    .await;
}

#[tokio::test]
async fn what_differs_is_found_filled_and_mended() {
    played(async |stage| {
        for id in 101..=104 {
            stage.order(id).await;
        }
        // Never told: an order of somebody who has an open cart, so that a text waits for them.
        let missing = stage.body(105, json!({}));
        stage.registry.put(&missing);
        // Refunded there, cancelled there, and one that only we know.
        let later = stage.app.iso();
        match stage.is_shopify() {
            true => {
                let refund = json!([{ "id": 9001, "created_at": later, "transactions": [
                    { "kind": "refund", "status": "success", "amount": "20.00", "currency": "EUR" }] }]);
                stage.registry.put(&stage.body(102, json!({ "refunds": refund })));
                stage.registry.put(&stage.body(103, json!({ "cancelled_at": later })));
            }
            false => {
                stage.registry.put(&stage.body(102, json!({ "refunds": [{ "id": 9001, "total": "-20.00" }] })));
                stage.registry.put(&stage.body(103, json!({ "status": "cancelled" })));
            }
        }
        stage.tell(&stage.body(106, json!({}))).await;
        stage.app.pass(hours(2)).await;

        let found = summary(&stage.compare().await);
        let number = |id: i64| if stage.is_shopify() { format!("#{id}") } else { id.to_string() };
        let expected = vec![
            (Kind::MissingHere, number(105)),
            (Kind::MissingThere, number(106)),
            (Kind::CancelledThere, number(103)),
            (Kind::Refund, number(102)),
        ];
        assert_eq!(stage.findings(State::Open).await, expected);
        assert_eq!((found.grade, found.score.faulty, found.score.compared), (Grade::Large, 4, 6));
        assert!(stage.app.alarms(stage.shop.id).await.iter().any(|words| words.contains("far apart")));

        // Fetched, read like any webhook, and compared again.
        let (fill, total) = audit::fill(&stage.app.core, stage.shop.id, "story").await.unwrap();
        assert_eq!(total, 3);
        stage.app.pass(minutes(30)).await;
        let filled = run::get(&mut stage.app.read().await, stage.shop.id, fill).await.unwrap().unwrap();
        assert_eq!((filled.done, filled.problem.as_str(), filled.is_over()), (3, "", true));
        assert_eq!(stage.pulled().await, 3);
        assert!(stage.known(105).await.is_some_and(|order| order.placed_at.is_some()));
        assert!(stage.known(103).await.unwrap().cancelled_at.is_some());
        assert_eq!(stage.findings(State::Open).await, [(Kind::MissingThere, number(106))]);
        assert_eq!(stage.findings(State::Mended).await.len(), 3);

        // What a person lets stand stays so, run after run.
        let kept =
            finding::list(&mut stage.app.read().await, stage.shop.id, State::Open, FindingId::new(0), 9).await.unwrap();
        let now = stage.app.now();
        let set = cartback::transact!(stage.app.core.db, |tx| {
            finding::set(tx, stage.shop.id, kept[0].id, State::Ignored, ("deleted there", "Ana"), now).await?
        });
        assert!(set.unwrap());
        stage.compare().await;
        assert_eq!(stage.findings(State::Open).await, []);
        assert_eq!(stage.findings(State::Ignored).await, [(Kind::MissingThere, number(106))]);
        // Filling a second time finds nothing to do.
        assert!(audit::fill(&stage.app.core, stage.shop.id, "story").await.is_err());
    })
    .await;
}

#[tokio::test]
async fn an_order_that_no_webhook_told_of_stops_the_text_about_to_leave() {
    played(async |stage| {
        stage.cart("c105").await;
        stage.app.pass(minutes(5)).await;
        stage.registry.put(&stage.body(105, json!({})));
        stage.app.pass(hours(72)).await;
        assert_eq!(stage.app.texts(&stage.shop).await.len(), 0, "no text to somebody who bought");
        assert!(stage.app.carts(&stage.shop).await.iter().all(|cart| cart.bought_at.is_some()));
    })
    .await;
}

#[tokio::test]
async fn a_bad_day_of_the_shop_is_waited_out() {
    played(async |stage| {
        for id in 101..=107 {
            stage.order(id).await;
        }
        stage.app.pass(hours(2)).await;
        stage.registry.calls();
        stage.registry.next([Ends::Throttled, Ends::Half, Ends::Gone]);
        let run = stage.compare().await;
        assert_eq!((summary(&run).grade, run.done, run.failures), (Grade::Agree, 7, 0));
        assert_eq!(stage.registry.calls(), 6);
        // A lost place begins again: orders that come twice count once.
        stage.registry.next([]);
        let now = stage.app.now();
        let id = audit::begin(&stage.app.core, stage.shop.id, (now - DAY * 5, now), "story").await.unwrap();
        stage.app.settle().await;
        stage.registry.next([Ends::Lost]);
        stage.app.pass(minutes(30)).await;
        let run = run::get(&mut stage.app.read().await, stage.shop.id, id).await.unwrap().unwrap();
        assert_eq!((summary(&run).grade, summary(&run).theirs), (Grade::Agree, 7));
    })
    .await;
}

#[tokio::test]
async fn a_shop_that_lets_nobody_in_is_told() {
    played(async |stage| {
        stage.order(101).await;
        stage.app.pass(hours(2)).await;
        stage.registry.next([Ends::Barred]);
        let run = stage.compare().await;
        assert!(run.problem.contains("read_orders") || run.problem.contains("permission Read"), "{}", run.problem);
        assert!(run.outcome.is_empty());
        assert!(stage.app.alarms(stage.shop.id).await.iter().any(|words| words.contains("could not be fetched")));
        // A shop that is gone for good is given up.
        stage.registry.next(std::iter::repeat_n(Ends::Gone, 12));
        let now = stage.app.now();
        let id = audit::begin(&stage.app.core, stage.shop.id, (now - DAY * 5, now), "story").await.unwrap();
        stage.app.pass(hours(5)).await;
        let run = run::get(&mut stage.app.read().await, stage.shop.id, id).await.unwrap().unwrap();
        assert!(run.is_over() && run.problem.contains("no connection"), "{run:?}");
        // The next one that is well takes the alarm down.
        stage.compare().await;
        assert_eq!(stage.app.alarms(stage.shop.id).await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn a_run_can_be_stopped() {
    played(async |stage| {
        for id in 101..=107 {
            stage.order(id).await;
        }
        stage.app.pass(hours(2)).await;
        let now = stage.app.now();
        let id = audit::begin(&stage.app.core, stage.shop.id, (now - DAY * 5, now), "story").await.unwrap();
        assert!(audit::begin(&stage.app.core, stage.shop.id, (now - DAY, now), "story").await.is_err());
        stage.app.settle().await;
        assert!(audit::cancel(&stage.app.core, stage.shop.id, id).await.unwrap());
        assert!(!audit::cancel(&stage.app.core, stage.shop.id, id).await.unwrap());
        stage.app.pass(minutes(30)).await;
        let found = run::get(&mut stage.app.read().await, stage.shop.id, id).await.unwrap().unwrap();
        assert!(found.cancelled_at.is_some() && found.ended_at.is_none() && found.done < 7);
        assert_eq!(run::lines(&mut stage.app.read().await, stage.shop.id, id).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn f01_quiet_webhooks_are_healed_and_hold_a_text_back() {
    played(async |stage| {
        // A shop at a pace of ten an hour, for long enough to know it.
        for id in 201..=260 {
            stage.order(id).await;
            stage.app.pass(minutes(6)).await;
        }
        stage.app.pass(hours(1)).await;
        stage.cart("c400").await;
        // From here on no webhook comes, and the one who left that cart buys.
        stage.app.pass(minutes(10)).await;
        stage.registry.put(&stage.body(400, json!({})));
        assert!(stage.known(400).await.is_none());
        stage.app.pass(hours(3)).await;
        let healed = run::newest(&mut stage.app.read().await, stage.shop.id, Purpose::Heal, 1).await.unwrap();
        assert!(healed.first().is_some_and(|run| run.is_over() && run.problem.is_empty()), "{healed:?}");
        assert!(stage.known(400).await.is_some());
        assert_eq!(stage.app.texts(&stage.shop).await, [], "nobody is asked to buy what they have bought");
        // What was not news was left alone.
        assert_eq!(stage.pulled().await, 1);
    })
    .await;
}

#[tokio::test]
async fn limits_are_a_shops_own() {
    played(async |stage| {
        let (_, keys) = stage.app.shop(stage.shop.id).await;
        let limits = cartback::domain::audit::Limits { small: 50, large: 7_000, ..Default::default() };
        cartback::transact!(stage.app.core.db, |tx| run::set_limits(tx, &keys, &limits).await?).unwrap();
        assert_eq!(run::limits(&mut stage.app.read().await, &keys).await.unwrap(), limits);
        for id in 101..=105 {
            stage.registry.put(&stage.body(id, json!({})));
        }
        for id in 106..=107 {
            stage.order(id).await;
        }
        stage.app.pass(hours(2)).await;
        // Five of seven are missing: red from 70 % on.
        assert_eq!(summary(&stage.compare().await).grade, Grade::Large);
        let now = stage.app.now();
        cartback::transact!(stage.app.core.db, |tx| {
            store::audit::run::prune(tx, stage.shop.id, now).await?;
            store::audit::finding::prune(tx, stage.shop.id, now).await?;
        })
        .unwrap();
        assert_eq!(run::newest(&mut stage.app.read().await, stage.shop.id, Purpose::Compare, 9).await.unwrap(), []);
        assert_eq!(stage.findings(State::Open).await.len(), 5, "what stands open is not forgotten");
    })
    .await;
}

/// A shop that lets nobody ask: its export is compared, and what it knows better is put in as the file has it.
#[tokio::test]
async fn a_file_fills_the_books_of_any_shop() {
    crate::app::on_both(async |app| {
        let shop = app.with_shop("generic").await;
        app.with_gateway(&shop, "log").await;
        let placed = app.iso();
        for (id, total) in [("7001", "50.00"), ("7002", "60.00")] {
            let body = json!({ "id": id, "number": format!("#{id}"), "currency": "EUR", "total": total,
                               "email": "a@shopper.example", "checkout_token": format!("t{id}"), "placed_at": placed });
            app.generic(&shop, "order.upserted", body).await;
        }
        app.generic(&shop, "checkout.updated", app.checkout("c7003", json!({}))).await;
        app.pass(minutes(10)).await;
        let later = app.iso();
        app.pass(hours(3)).await;
        let file = format!(
            "id,number,total,currency,created at,status,refunded,email\n\
             7001,#7001,50.00,EUR,{placed},paid,,a@shopper.example\n\
             7002,#7002,60.00,EUR,{placed},paid,15.00,a@shopper.example\n\
             7003,#7003,70.00,EUR,{later},paid,,maja.novak@shopper.example\n"
        );
        let wish = table::Wish::default();
        let compare = async || {
            let span = (None, None);
            audit::compare_sheet(&app.core, shop.id, file.as_bytes(), &wish, span).await.unwrap()
        };
        let compared = compare().await;
        let kinds: Vec<Kind> = compared.outcome.findings.iter().map(|finding| finding.kind).collect();
        assert_eq!(kinds.len(), 2, "{:?}", compared.outcome.findings);
        assert!(kinds.contains(&Kind::MissingHere) && kinds.contains(&Kind::Refund));
        let filled = audit::file::fill(&app.core, shop.id, &compared).await.unwrap();
        assert_eq!((filled.orders, filled.nameless), (2, 0));
        app.settle().await;
        assert_eq!(compare().await.outcome.findings, []);
        assert!(app.problems(&shop).await.is_empty());
        // What the file does not tell stays: the order still is of its checkout.
        let (_, keys) = app.shop(shop.id).await;
        let kept = order::by_external_id(&mut app.read().await, &keys, "7002").await.unwrap().unwrap();
        assert_eq!(kept.latest.cart_tokens, ["t7002"]);
        assert!(app.carts(&shop).await.iter().all(|cart| cart.bought_at.is_some()), "who bought is asked no more");
        // Without ids only what we know already is put in.
        let nameless =
            file.replace("id,number", "ignored,number").replace("\n7001,", "\nx,").replace("7003,#7003", "y,#7009");
        let compared =
            audit::compare_sheet(&app.core, shop.id, nameless.as_bytes(), &wish, (None, None)).await.unwrap();
        let filled = audit::file::fill(&app.core, shop.id, &compared).await.unwrap();
        assert_eq!((filled.orders, filled.nameless), (0, 1));
    })
    .await;
}
