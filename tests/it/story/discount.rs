//! Discounts: a code of its own for a text, made in the shop before the text leaves, applied by its link, removed when its
//! time is over, and counted. The shop is a till of our own behind `Http` that keeps codes as Shopify and WooCommerce do.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use cartback::{
    domain::{
        discount::{Off, Plan},
        money::{Currency, Money},
        sequence::{Discount, FixedCode},
        time::DAY,
    },
    http::{Exchange, Http, HttpError, Method, Request, Response},
    pipeline::follow::Way,
    store::{self, message},
    transact,
};
use serde_json::{Value, json};

use crate::{
    app::{App, Engine, Shopkeeper, Text, hours, minutes},
    outside::Outside,
};

/// How the next call to the till ends.
#[derive(Clone, Debug)]
enum Ends {
    /// Done, but the answer never came.
    Lost,
    Down,
    Throttled,
    /// The key may not make codes.
    Barred,
    /// Somebody has just made a code of this very name.
    Taken,
}

/// A shop's codes, and everything else outside.
struct Till {
    outside: Arc<Outside>,
    /// The shop's id and note by code, as the shop writes it.
    codes: Mutex<BTreeMap<String, (String, String)>>,
    script: Mutex<VecDeque<Ends>>,
    calls: Mutex<Vec<String>>,
    last: Mutex<Value>,
}

impl Till {
    fn next(&self, ends: impl IntoIterator<Item = Ends>) {
        self.script.lock().unwrap().extend(ends);
    }

    /// The codes in the shop, in capitals.
    fn codes(&self) -> Vec<String> {
        self.codes.lock().unwrap().keys().map(|code| code.to_uppercase()).collect()
    }

    /// Verbs since the last time of asking.
    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    /// What the last code was asked for with.
    fn last(&self) -> Value {
        self.last.lock().unwrap().clone()
    }

    fn answer(&self, call: &Call) -> Result<Response, HttpError> {
        self.calls.lock().unwrap().push(call.verb().into());
        let ends = self.script.lock().unwrap().pop_front();
        match ends {
            Some(Ends::Down) => return Ok(answer(503, json!("back soon"))),
            Some(Ends::Throttled) if call.shopify() => {
                return Ok(answer(200, json!({ "errors": [{ "extensions": { "code": "THROTTLED" } }] })));
            }
            Some(Ends::Throttled) => return Ok(answer(429, json!(""))),
            Some(Ends::Barred) if call.shopify() => {
                return Ok(answer(200, json!({ "errors": [{ "extensions": { "code": "ACCESS_DENIED" } }] })));
            }
            Some(Ends::Barred) => return Ok(answer(401, json!({ "code": "woocommerce_rest_cannot_create" }))),
            Some(Ends::Taken) => {
                if let Call::Make { code, .. } = call {
                    let other = ("9".to_owned(), "Summer sale".to_owned());
                    self.codes.lock().unwrap().insert(code.clone(), other);
                }
            }
            Some(Ends::Lost) | None => {}
        }
        let done = self.act(call);
        if matches!(ends, Some(Ends::Lost)) { Err(HttpError::Unknown("no answer in time".into())) } else { Ok(done) }
    }

    fn act(&self, call: &Call) -> Response {
        let mut codes = self.codes.lock().unwrap();
        match call {
            Call::Make { code, note, input, shopify } => {
                *self.last.lock().unwrap() = input.clone();
                if codes.contains_key(code) {
                    let problem = json!([{ "field": ["code"], "code": "TAKEN", "message": "Code must be unique." }]);
                    let told = json!({ "data": { "made": { "codeDiscountNode": null, "userErrors": problem } } });
                    let woo = json!({ "code": "woocommerce_rest_coupon_code_already_exists", "message": "exists" });
                    return if *shopify { answer(200, told) } else { answer(400, woo) };
                }
                let id = if *shopify {
                    format!("gid://shopify/DiscountCodeNode/{}", codes.len() + 10)
                } else {
                    (codes.len() + 10).to_string()
                };
                codes.insert(code.clone(), (id.clone(), note.clone()));
                let made = json!({ "data": { "made": { "codeDiscountNode": { "id": id }, "userErrors": [] } } });
                if *shopify { answer(200, made) } else { answer(201, json!({ "id": id, "code": code })) }
            }
            Call::Find { code, shopify } => match codes.get(code) {
                Some((id, note)) if *shopify => {
                    answer(200, json!({ "data": { "found": { "id": id, "codeDiscount": { "title": note } } } }))
                }
                None if *shopify => answer(200, json!({ "data": { "found": null } })),
                found => {
                    let listed: Vec<_> =
                        found.iter().map(|(id, note)| json!({ "id": id, "description": note })).collect();
                    answer(200, json!(listed))
                }
            },
            Call::Remove { id, shopify } => {
                codes.retain(|_, (known, _)| known != id);
                if *shopify {
                    let removed = json!({ "deletedCodeDiscountId": id, "userErrors": [] });
                    return answer(200, json!({ "data": { "removed": removed } }));
                }
                answer(200, json!({ "id": id }))
            }
        }
    }
}

/// A call to either kind of shop.
enum Call {
    Make { code: String, note: String, input: Value, shopify: bool },
    Find { code: String, shopify: bool },
    Remove { id: String, shopify: bool },
}

impl Call {
    fn of(request: &Request) -> Option<Call> {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        if request.url.ends_with("/graphql.json") {
            let (query, variables, shopify) = (text(&body["query"]), &body["variables"], true);
            return Some(match &query {
                make if make.contains("Create(") => {
                    let input = variables["discount"].clone();
                    Call::Make { code: text(&input["code"]), note: text(&input["title"]), input, shopify }
                }
                find if find.contains("codeDiscountNodeByCode") => {
                    Call::Find { code: text(&variables["code"]), shopify }
                }
                _ => Call::Remove { id: text(&variables["id"]), shopify },
            });
        }
        let (_, rest) = request.url.split_once("/wp-json/wc/v3/coupons")?;
        let shopify = false;
        Some(match request.method {
            // WooCommerce keeps codes in small letters, and looks for them so.
            Method::Post => {
                let (code, note) = (text(&body["code"]).to_lowercase(), text(&body["description"]));
                Call::Make { code, note, input: body, shopify }
            }
            Method::Get => Call::Find { code: rest.trim_start_matches("?code=").to_lowercase(), shopify },
            _ => Call::Remove { id: rest.trim_matches('/').split('?').next().unwrap().to_owned(), shopify },
        })
    }

    fn verb(&self) -> &'static str {
        match self {
            Call::Make { .. } => "make",
            Call::Find { .. } => "find",
            Call::Remove { .. } => "remove",
        }
    }

    fn shopify(&self) -> bool {
        match self {
            Call::Make { shopify, .. } | Call::Find { shopify, .. } | Call::Remove { shopify, .. } => *shopify,
        }
    }
}

fn answer(status: u16, body: Value) -> Response {
    Response { status, headers: Vec::new(), body: body.to_string().into_bytes() }
}

impl Http for Till {
    fn exchange(&self, request: Request) -> Exchange<'_> {
        if let Some(none) = no_orders(&request) {
            return Box::pin(async move { Ok(none) });
        }
        match Call::of(&request) {
            Some(call) => Box::pin(async move { self.answer(&call) }),
            None => self.outside.exchange(request),
        }
    }
}

/// Before a text leaves the shop is asked what was bought; here that is what webhooks told already.
fn no_orders(request: &Request) -> Option<Response> {
    let query = String::from_utf8_lossy(&request.body);
    if request.url.ends_with("/graphql.json") && query.contains("orders(") {
        let none = json!({ "nodes": [], "pageInfo": { "hasNextPage": false, "endCursor": null } });
        return Some(answer(200, json!({ "data": { "orders": none } })));
    }
    request.url.contains("/wp-json/wc/v3/orders").then(|| answer(200, json!([])))
}

/// One shop with one text, a reminder that gives what the story says.
struct Stage {
    app: App,
    till: Arc<Till>,
    shop: Shopkeeper,
    kind: &'static str,
}

impl Stage {
    /// A checkout of this token, begun now.
    async fn cart(&self, token: &str) {
        match self.kind {
            "shopify" => {
                let body = self.app.shopify_checkout(token, json!({}));
                self.app.shopify(&self.shop, "checkouts/update", &body).await;
            }
            _ => {
                let body = self.app.checkout(token, json!({}));
                self.app.generic(&self.shop, "checkout.updated", body).await;
            }
        }
    }

    /// The order of that checkout, with this code taking this much off.
    async fn order(&self, token: &str, code: &str, off: &str) {
        match self.kind {
            "shopify" => {
                let codes = json!([{ "code": code, "amount": off, "type": "percentage" }]);
                let body = self.app.shopify_order(81, token, json!({ "discount_codes": codes }));
                self.app.shopify(&self.shop, "orders/create", &body).await;
            }
            _ => {
                let lines = json!([{ "code": code.to_lowercase(), "discount": off, "discount_tax": "0.00" }]);
                let body = self.app.woo_order(81, json!({ "coupon_lines": lines }));
                self.app.woo(&self.shop, "order.created", &body).await;
            }
        }
    }

    /// The text's code, and whether no other text has it.
    async fn code(&self, text: &Text) -> (Option<String>, bool) {
        let (_, keys) = self.app.shop(self.shop.id).await;
        let found = message::get(&mut self.app.read().await, &keys, text.id).await.unwrap().unwrap();
        (found.words.code.clone(), found.words.own_code)
    }

    /// What the link of a text applies, if it leads to the checkout.
    async fn applied(&self, text: &Text) -> Option<String> {
        let Way::Checkout(url) = self.app.tap_now(text).await else { return None };
        self.app.pass(std::time::Duration::from_secs(3)).await;
        let name = if self.kind == "shopify" { "discount" } else { "coupon" };
        let url = url::Url::parse(&url).unwrap();
        url.query_pairs().find(|(key, _)| key == name).map(|(_, code)| code.into_owned())
    }

    async fn change(&self, change: impl Fn(&mut cartback::domain::rules::Rules)) {
        let (shop, keys) = self.app.shop(self.shop.id).await;
        let mut rules = shop.rules.clone();
        change(&mut rules);
        rules.check().unwrap();
        let now = self.app.now();
        transact!(self.app.core.db, |tx| store::rules::save(tx, &keys, &rules, now).await?).unwrap();
    }
}

fn tenth() -> Plan {
    Plan::new(Off::Percent(10))
}

/// On both engines and in both kinds of shop: one text per cart, which gives this.
async fn played(plan: Plan, story: impl AsyncFn(&Stage)) {
    for engine in [Engine::Lite, Engine::Pg] {
        for kind in ["shopify", "woocommerce"] {
            let outside = Arc::new(Outside::default());
            let till = Arc::new(Till {
                outside: outside.clone(),
                codes: Mutex::default(),
                script: Mutex::default(),
                calls: Mutex::default(),
                last: Mutex::default(),
            });
            let Some(app) = App::start_with(engine, outside, till.clone()).await else { continue };
            let key: &[(&str, &str)] = match kind {
                "shopify" => &[("token", "shpat_0f1e2d3c4b5a6978")],
                _ => &[("key", "ck_1"), ("secret", "cs_2")],
            };
            let shop = app.with_shop_like(kind, key).await;
            app.change(&shop, &[("steps_after_minutes", "0")]).await;
            app.with_gateway(&shop, "log").await;
            let stage = Stage { app, till, shop, kind };
            let plan = plan.clone();
            stage
                .change(move |rules| rules.sequences[0].steps[0].discount = Some(Discount::Unique(plan.clone())))
                .await;
            story(&stage).await;
            assert!(stage.till.script.lock().unwrap().is_empty(), "something scripted never happened");
        }
    }
}

#[tokio::test]
async fn a_code_is_made_for_a_text_and_applied_by_its_link() {
    let minimum = Some(Money::new(5_000, Currency::parse("EUR").unwrap()));
    played(Plan { minimum, ..tenth() }, async |stage| {
        stage.cart("c1").await;
        stage.app.pass(minutes(31)).await;
        assert_eq!(stage.till.calls(), ["make"]);
        let text = stage.app.last_text(&stage.shop).await;
        let (Some(code), true) = stage.code(&text).await else { panic!("no code of its own") };
        assert_eq!(stage.till.codes(), std::slice::from_ref(&code));
        assert_eq!(stage.applied(&text).await, Some(code));
        let asked = stage.till.last();
        match stage.kind {
            "shopify" => {
                assert_eq!(asked["minimumRequirement"]["subtotal"]["greaterThanOrEqualToSubtotal"], "50.00");
                assert_eq!(asked["usageLimit"], 1);
                assert_eq!(asked["endsAt"], "2026-03-06T09:30:00Z");
            }
            _ => {
                assert_eq!((&asked["minimum_amount"], &asked["usage_limit"]), (&json!("50.00"), &json!(1)));
                assert_eq!(asked["date_expires"], "2026-03-06T09:30:00Z");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_code() {
    played(tenth(), async |stage| {
        stage.till.next([Ends::Lost]);
        stage.cart("c1").await;
        stage.app.pass(minutes(35)).await;
        assert_eq!(stage.till.calls(), ["make", "make", "find"]);
        let text = stage.app.last_text(&stage.shop).await;
        assert_eq!(stage.till.codes(), [stage.code(&text).await.0.unwrap()]);
        assert_eq!(stage.app.texts(&stage.shop).await.len(), 1);
        // It is known by the shop's own name now: it can be removed.
        stage.app.pass(hours(75)).await;
        assert_eq!(stage.till.codes(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn a_code_that_somebody_has_is_drawn_again() {
    played(tenth(), async |stage| {
        stage
            .change(|rules| {
                rules.sequences[0].steps[0]
                    .texts
                    .insert(String::new(), "{{ shop }}: 10 % off with {{ code }}: {{ link }} {{ opt_out }}".into());
            })
            .await;
        stage.till.next([Ends::Taken]);
        stage.cart("c1").await;
        stage.app.pass(minutes(35)).await;
        assert_eq!(stage.till.calls(), ["make", "find", "make"]);
        let text = stage.app.last_text(&stage.shop).await;
        let code = stage.code(&text).await.0.unwrap();
        assert_eq!(stage.till.codes().len(), 2);
        assert!(stage.till.codes().contains(&code));
        assert!(text.words.contains(&format!("off with {code}: ")), "{}", text.words);
        stage.app.pass(hours(80)).await;
        assert_eq!(stage.till.codes().len(), 1, "the other one is not ours to remove");
    })
    .await;
}

#[tokio::test]
async fn an_unused_code_is_removed_and_applied_no_more() {
    played(tenth(), async |stage| {
        stage.cart("c1").await;
        stage.app.pass(minutes(31)).await;
        let text = stage.app.last_text(&stage.shop).await;
        let code = stage.code(&text).await.0.unwrap();
        stage.app.pass(hours(71)).await;
        assert_eq!(stage.applied(&text).await, Some(code));
        assert_eq!(stage.till.codes().len(), 1);
        stage.app.pass(hours(1)).await;
        assert_eq!(stage.applied(&text).await, None, "it has expired");
        assert_eq!(stage.till.calls(), ["make"]);
        // Between one and two hours later; once the shop is up again.
        stage.till.next([Ends::Down]);
        stage.app.pass(hours(2)).await;
        assert_eq!((stage.till.calls(), stage.till.codes().len()), (vec!["remove".to_owned()], 1));
        stage.app.pass(hours(6)).await;
        assert_eq!((stage.till.calls(), stage.till.codes().len()), (vec!["remove".to_owned()], 0));
        assert!(matches!(stage.app.tap(&text).await, Way::Checkout(_)), "the link itself lives on");
        stage.app.pass(hours(24)).await;
        assert_eq!(stage.till.calls(), Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn a_used_code_earns_the_credit_and_its_cost_is_told() {
    played(tenth(), async |stage| {
        stage.cart("c1").await;
        stage.app.pass(minutes(31)).await;
        let text = stage.app.last_text(&stage.shop).await;
        let code = stage.code(&text).await.0.unwrap();
        stage.app.tap(&text).await;
        stage.app.pass(minutes(7)).await;
        stage.order("c1", &code, "12.80").await;
        let story = stage.app.cart_story(&stage.shop, "c1").await;
        if stage.kind == "shopify" {
            assert!(story.contains("the order used this text's own code, tapped 7 min before the order"), "{story}");
        }
        let total = stage.app.report(&stage.shop).await.total;
        let euro = Currency::parse("EUR").unwrap();
        assert_eq!((total.counts.discounts, total.counts.discounts_used), (1, 1));
        assert_eq!((total.money[&euro].discount_minor, total.money[&euro].net_minor), (1_280, 12_800));
        // What was used belongs to the shop's books and stays.
        stage.app.pass(hours(80)).await;
        assert_eq!((stage.till.calls(), stage.till.codes().len()), (vec!["make".to_owned()], 1));
    })
    .await;
}

#[tokio::test]
async fn a_code_names_its_text_whoever_used_it() {
    played(tenth(), async |stage| {
        stage.cart("c1").await;
        stage.app.pass(minutes(31)).await;
        let text = stage.app.last_text(&stage.shop).await;
        let code = stage.code(&text).await.0.unwrap();
        stage.app.tap(&text).await;
        stage.app.pass(minutes(7)).await;
        let stranger = json!({ "email": "friend@shopper.example", "phone": null, "discounts": [{ "code": code, "amount": "12.80" }] });
        if stage.kind == "shopify" {
            let nobody = json!({
                "discount_codes": [{ "code": code, "amount": "12.80", "type": "percentage" }], "customer": null,
                "email": "friend@shopper.example", "contact_email": null, "shipping_address": null,
                "checkout_token": "other", "cart_token": "other2",
            });
            let body = stage.app.shopify_order(82, "other", nobody);
            stage.app.shopify(&stage.shop, "orders/create", &body).await;
        } else {
            let body = stage.app.strangers_order("82", stranger);
            stage.app.generic(&stage.shop, "order.upserted", body).await;
        }
        let story = stage.app.cart_story(&stage.shop, "c1").await;
        assert!(story.contains("the order used this text's own code, tapped 7 min before the order"), "{story}");
        // A cancelled order gave nothing away.
        let euro = Currency::parse("EUR").unwrap();
        assert_eq!(stage.app.report(&stage.shop).await.total.money[&euro].discount_minor, 1_280);
        if stage.kind == "shopify" {
            let cancelled = json!({
                "discount_codes": [{ "code": code, "amount": "12.80", "type": "percentage" }], "customer": null,
                "email": "friend@shopper.example", "contact_email": null, "shipping_address": null,
                "checkout_token": "other", "cart_token": "other2", "cancelled_at": stage.app.iso(),
                "updated_at": (stage.app.now() + minutes(1)).to_string(),
            });
            let body = stage.app.shopify_order(82, "other", cancelled);
            stage.app.shopify(&stage.shop, "orders/cancelled", &body).await;
            let total = stage.app.report(&stage.shop).await.total;
            assert_eq!((total.money[&euro].discount_minor, total.counts.discounts_used), (0, 1));
        }
    })
    .await;
}

#[tokio::test]
async fn nobody_is_given_a_second_one_within_the_cool_down() {
    played(tenth(), async |stage| {
        stage.cart("c1").await;
        stage.app.pass(hours(2)).await;
        stage.app.pass(DAY * 3).await;
        stage.cart("c2").await;
        stage.app.pass(hours(2)).await;
        assert_eq!(stage.app.texts(&stage.shop).await.len(), 1);
        let story = stage.app.cart_story(&stage.shop, "c2").await;
        assert!(story.contains("step 1: no: "), "{story}");
        let made = |calls: Vec<String>| calls.iter().filter(|call| *call == "make").count();
        assert_eq!(made(stage.till.calls()), 1);
        stage.app.pass(DAY * 28).await;
        stage.cart("c3").await;
        stage.app.pass(hours(2)).await;
        assert_eq!(stage.app.texts(&stage.shop).await.len(), 2);
        assert_eq!(made(stage.till.calls()), 1);
    })
    .await;
}

#[tokio::test]
async fn when_the_shop_refuses_ready_made_words_go_without() {
    played(tenth(), async |stage| {
        stage.till.next([Ends::Barred]);
        stage.cart("c1").await;
        stage.app.pass(minutes(31)).await;
        let text = stage.app.last_text(&stage.shop).await;
        assert_eq!(stage.code(&text).await, (None, false));
        assert_eq!(stage.applied(&text).await, None);
        let alarms = stage.app.alarms(stage.shop.id).await;
        assert!(
            alarms.iter().any(|words| words.starts_with("Discount codes cannot be made in the shop: ")),
            "{alarms:?}"
        );
        let total = stage.app.report(&stage.shop).await.total;
        assert_eq!(total.counts.discounts, 0);
        // Who got none may have one the next time, and then the alarm is over.
        stage.app.pass(DAY * 3).await;
        stage.cart("c2").await;
        stage.app.pass(hours(2)).await;
        let text = stage.app.last_text(&stage.shop).await;
        assert!(stage.code(&text).await.1);
        assert_eq!(stage.app.alarms(stage.shop.id).await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn own_words_that_promise_a_discount_do_not_go_without() {
    played(tenth(), async |stage| {
        stage
            .change(|rules| {
                rules.sequences[0].steps[0]
                    .texts
                    .insert(String::new(), "{{ shop }}: 10 % off, only for you: {{ link }} {{ opt_out }}".into());
            })
            .await;
        stage.till.next([Ends::Barred]);
        stage.cart("c1").await;
        stage.app.pass(hours(60)).await;
        assert_eq!(stage.app.texts(&stage.shop).await, []);
        let story = stage.app.cart_story(&stage.shop, "c1").await;
        assert!(story.contains("text 1 cancelled (its own words go with a discount, and there is none: "), "{story}");
    })
    .await;
}

#[tokio::test]
async fn a_text_waits_for_its_code_a_quarter_of_an_hour() {
    played(tenth(), async |stage| {
        stage.till.next([Ends::Throttled, Ends::Down]);
        stage.cart("c1").await;
        stage.app.pass(minutes(31)).await;
        let text = stage.app.last_text(&stage.shop).await;
        assert!(stage.code(&text).await.1, "made when the shop was up again");
        assert_eq!(stage.till.calls(), ["make", "make", "make"]);

        stage.app.pass(DAY * 42).await;
        stage.till.calls();
        stage.till.next(vec![Ends::Down; 200]);
        stage.cart("c2").await;
        stage.app.pass(minutes(31)).await;
        // Even if something has it sent: it does not leave before its code.
        let (waiting, moments) = stage.app.messages(&stage.shop).await.pop().unwrap();
        assert!(!moments.may_have_left());
        let (shop, id, now) = (stage.shop.id, waiting.id.get(), stage.app.now());
        transact!(stage.app.core.db, |tx| store::job::schedule(tx, shop, store::job::Kind::Send, id, now).await?)
            .unwrap();
        stage.app.pass(minutes(13)).await;
        assert_eq!(stage.app.texts(&stage.shop).await.len(), 1, "it still waits");
        stage.app.pass(minutes(2)).await;
        let story = stage.app.cart_story(&stage.shop, "c2").await;
        assert_eq!(stage.app.texts(&stage.shop).await.len(), 2, "{story}");
        let text = stage.app.last_text(&stage.shop).await;
        assert_eq!(stage.code(&text).await, (None, false));
        let asked = stage.till.calls().len();
        assert!((8..=30).contains(&asked), "asked {asked} times");
        stage.till.script.lock().unwrap().clear();
    })
    .await;
}

#[tokio::test]
async fn a_shared_code_is_counted_where_the_text_earned_the_order() {
    played(tenth(), async |stage| {
        stage
            .change(|rules| {
                let fixed = FixedCode { code: "BACK10".into(), cool_down_days: 30 };
                rules.sequences[0].steps[0].discount = Some(Discount::Fixed(fixed));
            })
            .await;
        stage.cart("c1").await;
        stage.app.pass(minutes(31)).await;
        let text = stage.app.last_text(&stage.shop).await;
        assert_eq!(stage.code(&text).await, (Some("BACK10".into()), false));
        assert_eq!(stage.applied(&text).await.as_deref(), Some("BACK10"));
        stage.order("c1", "BACK10", "5.00").await;
        let total = stage.app.report(&stage.shop).await.total;
        assert_eq!((total.counts.discounts, total.counts.discounts_used), (0, 1));
        assert_eq!(total.money[&Currency::parse("EUR").unwrap()].discount_minor, 500);
        assert_eq!(stage.till.calls(), Vec::<String>::new());
        // Somebody else's use of it is nothing a text gave.
        let other = json!({ "discounts": [{ "code": "back10", "amount": "7.00" }] });
        if stage.kind != "shopify" {
            let body = stage.app.strangers_order("83", other);
            stage.app.generic(&stage.shop, "order.upserted", body).await;
            assert_eq!(stage.app.report(&stage.shop).await.total.counts.discounts_used, 1);
        }
    })
    .await;
}

#[tokio::test]
async fn who_buys_meanwhile_gets_no_code() {
    played(tenth(), async |stage| {
        stage.till.next([Ends::Throttled]);
        stage.cart("c1").await;
        stage.app.pass(minutes(30)).await;
        assert_eq!(stage.till.calls(), ["make"]);
        stage.order("c1", "OTHER", "1.00").await;
        stage.app.pass(hours(80)).await;
        assert_eq!(stage.app.texts(&stage.shop).await, []);
        assert_eq!((stage.till.calls(), stage.till.codes()), (vec![], vec![]));
        assert_eq!(stage.app.alarms(stage.shop.id).await, Vec::<String>::new());
    })
    .await;
}
