//! The pages of the demo itself: its bar, the phone, the checkout.

use super::*;

pub fn bar() -> Bar {
    Bar {
        clock: "Fri 20 Nov, 15:05".into(),
        csrf: "c5rf".into(),
        checkout_href: "/demo/checkout/new".into(),
        unread: 1,
    }
}

pub fn phone() -> Phone {
    let text = |text: &str, is_reply, when: &str| PhoneText { text: text.into(), is_reply, when: when.into() };
    Phone {
        bar: bar(),
        number: "+1 212 555 0142".into(),
        sender: "Acme Outdoor".into(),
        texts: vec![
            text(
                "Acme: Ana, your jacket is still in the cart. Pick up where you left: http://localhost:8080/r/AQEx9fK2 Reply STOP to opt out.",
                false,
                "Yesterday 10:40",
            ),
            text(
                "Acme: the jacket waits until tonight, with 10 % off: http://localhost:8080/r/AQEx9fK3 Reply STOP to opt out.",
                false,
                "Today 10:41",
            ),
            text("STOP", true, ""),
        ],
        others: vec![OtherPhone {
            number: "+1 212 555 0187".into(),
            name: "Jonas".into(),
            href: "/demo/phone?phone=2".into(),
        }],
        opted_out: true,
    }
}

pub fn checkout() -> Checkout {
    Checkout {
        bar: bar(),
        shop: "Acme Outdoor".into(),
        token: "c1f9".into(),
        items: cart().items,
        discount: Some(Discount { code: "BACK10-7KQ".into(), amount: euro(1_280) }),
        total: euro(11_520),
        order: None,
        from_text: true,
    }
}
