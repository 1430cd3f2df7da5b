//! `orders/*` and `refunds/create`: what was bought and what went back, in the currency the shop keeps its books in.

use serde_json::Value;

use super::{Event, json, person};
use crate::domain::{
    connector::Unreadable,
    discount::TakenOff,
    event::{OrderUpdate, Refund, ShopEvent},
    facet,
    money::{Currency, Money},
    time::Time,
};

pub(super) fn read(it: &Event) -> Result<OrderUpdate, Unreadable> {
    let body = it.body;
    let external_id = json::id_not_zero(body, "id").ok_or_else(|| Unreadable::new("id is missing"))?;
    let total = total(it).ok_or_else(|| Unreadable::new("total_price is missing or no amount"))?;
    let updated_at = it.updated_at();
    let cart_tokens: Vec<_> = ["checkout_token", "cart_token"].iter().filter_map(|key| json::id(body, key)).collect();
    // An imported order is created now and was processed long ago; the shopper decided at the earlier one.
    let placed_at = ["created_at", "processed_at"].iter().filter_map(|key| json::time(body, key)).min();
    let refunds = json::list(body, "refunds").iter();
    Ok(OrderUpdate {
        number: ["name", "order_number"]
            .iter()
            .find_map(|key| json::text(body, key))
            .unwrap_or_else(|| external_id.clone()),
        external_id,
        who: person(body),
        channel: it.channel(!cart_tokens.is_empty()),
        cart_tokens,
        recovery_tokens: recovery_tokens(body),
        codes: json::list(body, "discount_codes")
            .iter()
            .filter_map(|discount| json::whole(discount, "code", json::ID_CHARS_MAX))
            .collect(),
        discounts: discounts(body, json::currency(body, "currency").unwrap_or(total.currency)),
        total,
        placed_at: placed_at.or(Some(updated_at)),
        updated_at,
        cancelled_at: json::time(body, "cancelled_at"),
        refunds: refunds.filter_map(|refund| read_refund(refund, total.currency, updated_at)).collect(),
        payment: payment(body),
        // Shopify keeps what goods cost with the goods, not with the order.
        cost: None,
        test: it.is_test(),
    })
}

/// By which gateways it was paid, in the shop's own order; a gift card beside a card stands with it.
fn payment(body: &Value) -> Option<String> {
    let names: Vec<&str> = json::list(body, "payment_gateway_names").iter().filter_map(Value::as_str).collect();
    let named = facet::word(&names.join(", "));
    (!named.is_empty()).then_some(named)
}

/// What each code took off: Shopify works the amount out once the order is made, whatever kind of code it was (Shopify
/// docs, REST resource Order, `discount_codes`).
fn discounts(body: &Value, currency: Currency) -> Vec<TakenOff> {
    let codes = json::list(body, "discount_codes").iter();
    codes
        .filter_map(|discount| {
            let amount = json::money(discount, "amount", currency).filter(|amount| amount.minor >= 0)?;
            Some(TakenOff { code: json::whole(discount, "code", json::ID_CHARS_MAX)?, amount })
        })
        .collect()
}

/// `refunds/create`. A refund that returned no money (yet) is no event.
pub(super) fn refunded(it: &Event) -> Result<Option<ShopEvent>, Unreadable> {
    let order = json::id_not_zero(it.body, "order_id").ok_or_else(|| Unreadable::new("order_id is missing"))?;
    json::id(it.body, "id").ok_or_else(|| Unreadable::new("id is missing"))?;
    // The refund does not say the shop's currency by itself, its lines do.
    let currency = json::list(it.body, "refund_line_items")
        .iter()
        .find_map(|line| json::currency(line, "subtotal_set.shop_money.currency_code"))
        .or_else(|| json::currency(it.body, "total_duties_set.shop_money.currency_code"))
        .unwrap_or(it.shop.currency);
    let refund = read_refund(it.body, currency, it.triggered_at());
    Ok(refund.map(|refund| ShopEvent::Refunds { order, refunds: vec![refund] }))
}

fn total(it: &Event) -> Option<Money> {
    let shop_money = json::at(it.body, "total_price_set.shop_money");
    shop_amount(shop_money)
        .or_else(|| {
            json::money(it.body, "total_price", json::currency(it.body, "currency").unwrap_or(it.shop.currency))
        })
        .filter(|total| total.minor >= 0)
}

fn shop_amount(shop_money: &Value) -> Option<Money> {
    json::money(shop_money, "amount", json::currency(shop_money, "currency_code")?)
}

/// What our own links left on the order: in the page the shopper landed on, or in a note the theme copied.
fn recovery_tokens(body: &Value) -> Vec<String> {
    const NAME: &str = "cartback";
    let landed = json::whole(body, "landing_site", json::URL_CHARS_MAX)
        .map_or(Vec::new(), |page| json::query_values(&page, NAME));
    let noted = json::list(body, "note_attributes")
        .iter()
        .filter(|note| json::text(note, "name").as_deref() == Some(NAME))
        .filter_map(|note| json::whole(note, "value", json::ID_CHARS_MAX));
    json::each_once(landed.into_iter().chain(noted))
}

/// Money that went back. The successful refund transactions say it best; a return without any (store credit, lines
/// taken off an unpaid order) counts with the value of its lines. Both write the same id wherever they come from.
fn read_refund(refund: &Value, currency: Currency, otherwise_at: Time) -> Option<Refund> {
    let transactions = json::list(refund, "transactions");
    let amount = if transactions.is_empty() {
        lines(refund, currency)
    } else {
        let succeeded: Vec<_> = transactions
            .iter()
            .filter(|transaction| {
                json::text(transaction, "kind").as_deref() == Some("refund")
                    && json::text(transaction, "status").as_deref() == Some("success")
            })
            .collect();
        match paid_back(&succeeded, currency) {
            // In another currency than the order's: its lines, if there are any, say it in the shop's.
            Some(foreign) if foreign.currency != currency => lines(refund, currency).or(Some(foreign)),
            paid_back => paid_back,
        }
    }?;
    Some(Refund {
        external_id: json::id(refund, "id")?,
        amount,
        at: ["processed_at", "created_at"].iter().find_map(|key| json::time(refund, key)).unwrap_or(otherwise_at),
    })
}

/// The transactions' sum, in the shop's currency where Shopify tells it. A buyer who paid in another one is refunded in
/// that: then the amounts stand as they are, never mixed with others.
fn paid_back(transactions: &[&Value], currency: Currency) -> Option<Money> {
    let mut sum: Option<Money> = None;
    for transaction in transactions {
        let money = shop_amount(json::at(transaction, "amount_set.shop_money")).or_else(|| {
            json::money(transaction, "amount", json::currency(transaction, "currency").unwrap_or(currency))
        });
        let Some(money) = money.filter(|money| money.minor > 0) else { continue };
        match &mut sum {
            Some(sum) if sum.currency == money.currency => sum.minor = sum.minor.saturating_add(money.minor),
            Some(_) => {}
            None => sum = Some(money),
        }
    }
    sum
}

/// Subtotal and tax of the returned lines and shipping. Where prices include tax this can be too much, never too
/// little: the refund's own body does not tell which it is.
fn lines(refund: &Value, currency: Currency) -> Option<Money> {
    let parts = [
        ("refund_line_items", "subtotal_set.shop_money", "subtotal"),
        ("refund_line_items", "total_tax_set.shop_money", "total_tax"),
        ("refund_shipping_lines", "subtotal_amount_set.shop_money", ""),
    ];
    let mut sum = 0i64;
    for (list, shop_money, plain) in parts {
        for line in json::list(refund, list) {
            let amount = shop_amount(json::at(line, shop_money))
                .filter(|money| money.currency == currency)
                .or_else(|| json::money(line, plain, currency));
            sum = sum.saturating_add(amount.map_or(0, |money| money.minor.max(0)));
        }
    }
    (sum > 0).then(|| Money::new(sum, currency))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{events, minor, order, order_body, with};
    use super::*;
    use crate::domain::event::Channel;

    #[test]
    fn an_order_is_read_whole() {
        let order = order(json!({}));
        assert_eq!((order.external_id.as_str(), order.number.as_str()), ("612345678901234567", "#2044"));
        assert_eq!(order.cart_tokens, ["5c0ffee0a1", "hWN1ab"]);
        assert_eq!((Some(order.total), order.codes), (minor("USD", 21_450), vec!["WELCOME-BACK".to_owned()]));
        let amount = minor("USD", 1_000).unwrap();
        assert_eq!(order.discounts, [TakenOff { code: "WELCOME-BACK".into(), amount }]);
        assert_eq!((order.channel, order.test, order.cancelled_at), (Channel::Web, false, None));
        assert_eq!(order.who.email.as_deref(), Some("ida@shopper.example"));
        assert_eq!(order.placed_at, Time::parse("2026-03-01T15:02:00Z"));
    }

    #[test]
    fn trap_5_ids_have_eighteen_digits() {
        let refund = json!({ "id": 901234567890123457i64, "transactions": [paid("5.00", "USD")] });
        let order = order(json!({ "refunds": [refund] }));
        assert_eq!(
            (order.external_id.as_str(), order.refunds[0].external_id.as_str()),
            ("612345678901234567", "901234567890123457")
        );
        assert_eq!(order.who.customer.as_deref(), Some("723456789012345678"));
    }

    #[test]
    fn trap_8_the_same_body_is_the_same_event() {
        let read = |triggered| events("orders/updated", &order_body(), &[("x-shopify-triggered-at", triggered)]);
        assert_eq!(read("2026-03-01T15:02:01Z"), read("2026-03-01T15:02:02Z"));
    }

    #[test]
    fn trap_19_test_orders_are_marked() {
        #[track_caller]
        fn check(change: Value, test: bool) {
            assert_eq!(order(change.clone()).test, test, "{change}");
        }
        check(json!({ "test": true }), true);
        check(json!({ "payment_gateway_names": ["visa", "bogus"] }), true);
        check(json!({ "gateway": "Bogus" }), true);
        check(json!({ "test": null, "payment_gateway_names": [] }), false);
    }

    #[test]
    fn trap_20_a_guest_is_nobody() {
        for customer in [json!(null), json!({ "id": 0 }), json!({ "id": null }), json!([])] {
            assert_eq!(order(json!({ "customer": customer })).who.customer, None);
        }
    }

    #[test]
    fn trap_23_tills_and_drafts_are_not_the_web() {
        #[track_caller]
        fn check(source: Value, has_checkout: bool, channel: Channel) {
            let token = if has_checkout { json!("t") } else { Value::Null };
            let order = order(json!({ "source_name": source, "checkout_token": token, "cart_token": null }));
            assert_eq!(order.channel, channel, "{source}");
        }
        check(json!("pos"), false, Channel::PointOfSale);
        check(json!("shopify_draft_order"), true, Channel::Staff);
        check(json!("web"), true, Channel::Web);
        check(json!(null), false, Channel::Web);
        check(json!("checkout_one"), true, Channel::Web);
        check(json!("1354745"), true, Channel::Web);
        check(json!(1354745), false, Channel::Staff);
        check(json!("subscription_contract"), false, Channel::Staff);
    }

    #[test]
    fn trap_24_revenue_is_counted_in_the_shops_currency() {
        let set = json!({
            "shop_money": { "amount": "214.50", "currency_code": "USD" },
            "presentment_money": { "amount": "32175", "currency_code": "JPY" },
        });
        let change = json!({ "total_price": "32175", "currency": "JPY", "total_price_set": set });
        assert_eq!(Some(order(change).total), minor("USD", 21_450));
        assert_eq!(Some(order(json!({ "total_price": 93.2, "currency": "BHD" })).total), minor("BHD", 93_200));
        assert_eq!(Some(order(json!({ "currency": null })).total), minor("EUR", 21_450));
    }

    #[test]
    fn cancellations_and_imports_keep_their_times() {
        let order = order(json!({ "cancelled_at": "2026-03-02T00:00:00Z", "processed_at": "2019-05-01T00:00:00Z" }));
        assert_eq!(
            (order.cancelled_at, order.placed_at),
            (Time::parse("2026-03-02T00:00:00Z"), Time::parse("2019-05-01T00:00:00Z"))
        );
    }

    #[test]
    fn our_tokens_come_back_by_the_landing_page_and_by_notes() {
        #[track_caller]
        fn check(change: Value, tokens: &[&str]) {
            assert_eq!(order(change).recovery_tokens, tokens);
        }
        let note = |value: &str| json!([{ "name": "gift", "value": "yes" }, { "name": "cartback", "value": value }]);
        check(json!({ "landing_site": "/cart?utm_source=sms&cartback=AQEx9" }), &["AQEx9"]);
        check(json!({ "landing_site": null, "note_attributes": note("AQEx9") }), &["AQEx9"]);
        check(json!({ "landing_site": "/?cartback=AQEx9", "note_attributes": note("AQEx9") }), &["AQEx9"]);
        check(json!({ "landing_site": "/?cartback=a", "note_attributes": note("b") }), &["a", "b"]);
        check(json!({ "note_attributes": {} }), &[]);
        check(json!({ "note_attributes": note("") }), &[]);
    }

    fn paid(amount: &str, currency: &str) -> Value {
        json!({ "kind": "refund", "status": "success", "amount": amount, "currency": currency })
    }

    fn line(subtotal: Value, tax: Value) -> Value {
        json!({ "subtotal": subtotal, "total_tax": tax })
    }

    #[test]
    fn refunds_are_what_went_back() {
        #[track_caller]
        fn check(transactions: Value, lines: Value, expected: Option<Money>) {
            let refund = json!({
                "id": 31, "transactions": transactions, "refund_line_items": lines,
                "processed_at": "2026-03-03T00:00:00Z",
            });
            let inside = order(json!({ "refunds": [refund] })).refunds;
            assert_eq!(inside.first().map(|refund| refund.amount), expected, "{refund}");
            // The same refund on its own, read for a shop of the same currency, is the same refund.
            let alone = with(
                &refund,
                json!({
                    "order_id": 612345678901234567i64,
                    "total_duties_set": { "shop_money": { "amount": "0", "currency_code": "USD" } },
                }),
            );
            let expected = expected.map(|_| ShopEvent::Refunds { order: "612345678901234567".into(), refunds: inside });
            assert_eq!(events("refunds/create", &alone, &[]).unwrap().pop(), expected);
        }
        let failed = json!({ "kind": "refund", "status": "failure", "amount": "9.00", "currency": "USD" });
        let sale = json!({ "kind": "sale", "status": "success", "amount": "9.00", "currency": "USD" });
        let unsaid = json!({ "kind": "refund", "status": "success", "amount": "10.00", "currency": null });
        let none = json!([]);
        check(
            json!([paid("75.00", "USD"), unsaid, failed, sale]),
            json!([line(json!(500), json!(0))]),
            minor("USD", 8_500),
        );
        check(json!([failed]), json!([line(json!(5), json!(0))]), None);
        check(
            none.clone(),
            json!([line(json!(89.99), json!(7.2)), line(json!("10.01"), json!(null))]),
            minor("USD", 10_720),
        );
        check(none.clone(), none.clone(), None);
        check(json!({}), json!(null), None);
        let converted = json!({
            "kind": "refund", "status": "success", "amount": "1500", "currency": "JPY",
            "amount_set": { "shop_money": { "amount": "10.00", "currency_code": "USD" } },
        });
        check(json!([converted]), none.clone(), minor("USD", 1_000));
        check(json!([paid("1500", "JPY")]), json!([line(json!(10), json!(0))]), minor("USD", 1_000));
        check(json!([paid("1500", "JPY"), paid("500", "JPY")]), none, minor("JPY", 2_000));
    }

    #[test]
    fn what_an_order_cannot_do_without() {
        #[track_caller]
        fn check(topic: &str, change: Value, says: &str) {
            assert_eq!(events(topic, &with(&order_body(), change), &[]), Err(Unreadable::new(says)));
        }
        check("orders/create", json!({ "id": null }), "id is missing");
        check("orders/create", json!({ "total_price": null }), "total_price is missing or no amount");
        check("orders/create", json!({ "total_price": "-1" }), "total_price is missing or no amount");
        check("refunds/create", json!({ "order_id": 0 }), "order_id is missing");
    }
}
