//! An order in our own format, from what is known of it: the body its shop would have sent, had it sent one.

use serde_json::{Value, json};

use crate::domain::event::{Channel, OrderUpdate, TypedPhone};

fn phone(phone: &TypedPhone) -> Value {
    json!({ "number": phone.number, "country": phone.country })
}

/// `order.upserted` with everything the order has; `generic` reads the same order of it.
pub fn written(order: &OrderUpdate) -> Vec<u8> {
    let time = |at: crate::domain::time::Time| at.to_string();
    let status = match (order.cancelled_at, order.placed_at) {
        (Some(_), _) => "cancelled",
        (None, Some(_)) => "placed",
        (None, None) => "pending",
    };
    let tokens = |place: usize| order.cart_tokens.get(place);
    let refunds: Vec<Value> = order
        .refunds
        .iter()
        .map(|refund| json!({ "id": refund.external_id, "amount": refund.amount.amount(), "at": time(refund.at) }))
        .collect();
    let discounts: Vec<Value> =
        order.discounts.iter().map(|taken| json!({ "code": taken.code, "amount": taken.amount.amount() })).collect();
    let body = json!({
        "type": "order.upserted",
        "timestamp": time(order.updated_at),
        "data": {
            "id": order.external_id,
            "number": order.number,
            "customer_id": order.who.customer,
            "email": order.who.email,
            "phones": order.who.phones.iter().map(phone).collect::<Vec<_>>(),
            "checkout_token": tokens(0),
            "cart_token": tokens(1),
            "recovery_tokens": order.recovery_tokens,
            "codes": order.codes,
            "discounts": discounts,
            "currency": order.total.currency.code(),
            "total": order.total.amount(),
            "status": status,
            "placed_at": order.placed_at.map(time),
            "cancelled_at": order.cancelled_at.map(time),
            "refunds": refunds,
            "payment_method": order.payment,
            "cost": order.cost.filter(|cost| cost.currency == order.total.currency).map(|cost| cost.amount()),
            "updated_at": time(order.updated_at),
            "channel": match order.channel {
                Channel::Web => "web",
                Channel::PointOfSale => "pos",
                Channel::Staff => "staff",
            },
            "test": order.test,
        },
    });
    body.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            connector::Delivery,
            discount::TakenOff,
            event::{Identity, Refund, ShopEvent, ShopFacts},
            money::{Currency, Money},
            time::Time,
        },
        shop::{Shop, generic::Generic},
    };

    #[test]
    fn what_is_written_is_read_again() {
        let euro = Currency::parse("EUR").unwrap();
        let at = Time::from_seconds(1_772_550_000);
        let order = OrderUpdate {
            external_id: "7001".into(),
            number: "#1001".into(),
            who: Identity {
                customer: Some("9".into()),
                email: Some("a@shopper.example".into()),
                phones: vec![TypedPhone { number: "040 555 101".into(), country: Some("SI".into()) }],
            },
            cart_tokens: vec!["a".into(), "b".into()],
            recovery_tokens: vec!["t".into()],
            codes: vec!["C".into()],
            discounts: vec![TakenOff { code: "C".into(), amount: Money::new(100, euro) }],
            total: Money::new(12_800, euro),
            placed_at: Some(at),
            updated_at: at,
            cancelled_at: None,
            refunds: vec![Refund { external_id: "r1".into(), amount: Money::new(500, euro), at }],
            channel: Channel::PointOfSale,
            payment: Some("card".into()),
            cost: Some(Money::new(4_200, euro)),
            test: false,
        };
        let facts = ShopFacts { country: "SI".into(), currency: euro, settings: Default::default() };
        let read = |order: &OrderUpdate| {
            let delivery = Delivery {
                method: "GET".into(),
                url: String::new(),
                headers: Vec::new(),
                body: written(order),
                received_at: at,
            };
            match Generic.read(&facts, "order.upserted", &delivery).unwrap().remove(0) {
                ShopEvent::Order(update) => *update,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(read(&order), order);
        let other = OrderUpdate {
            cancelled_at: Some(at),
            refunds: Vec::new(),
            cart_tokens: Vec::new(),
            payment: None,
            ..order.clone()
        };
        assert_eq!(read(&other), other);
        let unpaid = OrderUpdate { placed_at: None, ..other.clone() };
        assert_eq!(read(&OrderUpdate { cancelled_at: None, ..unpaid.clone() }).placed_at, None);
    }
}
