//! Carts, texts, an order and the inbox of the made-up shop.

use super::*;
use crate::domain::{intent::Intent, site_event::Kind};

pub fn carts() -> Carts {
    let row = |id: &str, who: &str, minor, country: &str, state, why: &str, hours: u32| CartRow {
        id: format!("cart_{id}"),
        value: euro(minor),
        who: who.to_owned(),
        country: Some(country.to_owned()),
        state,
        why: why.to_owned(),
        last_activity_at: now() - HOUR * hours,
    };
    Carts {
        page: page(Section::Carts),
        filter: Filter::All,
        q: String::new(),
        is_new: false,
        list: list("/carts", 4_310, "state"),
        rows: vec![
            row("01hx1", "Ana, …4455", 12_800, "SI", CartState::Recovered, "Order #1093, credited to text 1", 3),
            row("01hx2", "Jonas, …0192", 8_450, "DE", CartState::Waiting, "Text 1 leaves at 09:00 in Europe/Berlin", 5),
            row("01hx3", "No name, …7710", 23_900, "FR", CartState::NotTexted, "The consent box was not ticked", 6),
            row("01hx4", "Mila, …3301", 4_990, "SI", CartState::Clicked, "Tapped 40 min ago, has not ordered", 9),
            row(
                "01hx5",
                "Peter, …9084",
                51_000,
                "AT",
                CartState::Texted,
                "Text 1 delivered, text 2 planned for tomorrow",
                21,
            ),
            row(
                "01hx6",
                "Lea, …2276",
                7_300,
                "SI",
                CartState::Bought,
                "Ordered 12 min after leaving, before any text",
                26,
            ),
            row("01hx7", HOSTILE, 3_100, "HR", CartState::Lost, "Two texts delivered, no order in 14 days", 360),
        ],
    }
}

pub fn cart() -> Cart {
    let at = |text: &str| Time::parse(text).unwrap();
    let gate = |name: &str, verdict, why: &str| Gate { name: name.to_owned(), verdict, why: why.to_owned() };
    let passed = |name: &str| gate(name, Verdict::Pass, "");
    let (new, order) = (Entry::new, "/orders/ord_01hx9");
    Cart {
        page: page(Section::Carts),
        id: "cart_01hxk3v9q2m7c".to_owned(),
        value: euro(12_800),
        who: "Ana, …4455".to_owned(),
        country: Some("SI".to_owned()),
        state: CartState::Recovered,
        items: vec![
            Item { name: "Trail jacket, moss, M".to_owned(), quantity: 1, total: Some(euro(9_900)) },
            Item { name: "Wool socks".to_owned(), quantity: 2, total: Some(euro(2_900)) },
        ],
        abandoned_at: Some(at("2026-11-19T09:34:00Z")),
        intent: Some(Intent {
            score: 44,
            parts: vec![(Kind::CheckoutStarted, 1, 15), (Kind::CartAdded, 2, 16), (Kind::ProductViewed, 4, 8)],
            days: 2,
            again: 5,
        }),
        next: "Nothing more is sent: the cart was bought.".to_owned(),
        timeline: vec![
            new(at("2026-11-19T09:02:00Z"), Tone::Quiet, "checkout started").detail("Shopify #c1f9 · 3 items, €128.00"),
            new(at("2026-11-19T09:04:00Z"), Tone::Quiet, "phone and consent given")
                .detail("Box ticked, wording v3 · “Text me about my cart”")
                .link("evidence", "/carts/cart_01hxk3v9q2m7c#consent"),
            new(at("2026-11-19T09:34:00Z"), Tone::Live, "abandoned").detail("30 min without activity").gates(vec![
                passed("mobile"),
                passed("consent"),
                passed("not bought"),
                passed("first text"),
                gate("hours", Verdict::Wait, "opens 10:40 in Europe/Ljubljana"),
            ]),
            new(at("2026-11-19T09:40:00Z"), Tone::Live, "asked again").gates(vec![
                passed("mobile"),
                passed("consent"),
                passed("not bought"),
                passed("first text"),
                passed("open in Europe/Ljubljana until 20:00"),
            ]),
            new(at("2026-11-19T09:40:01Z"), Tone::Live, "text 1 sent")
                .detail("Twilio · 1 part · €0.041")
                .quote("Acme: Ana, your jacket is still in the cart. Pick up where you left: https://go.acme.example/r/AQEx9fK2 Stop: https://go.acme.example/o/AQEx9fK2")
                .anchor("msg_01hxk"),
            new(at("2026-11-19T09:40:05Z"), Tone::Good, "delivered").detail("4 s after sending"),
            new(at("2026-11-19T09:41:00Z"), Tone::Quiet, "opened by a link preview").detail("Not counted: GoogleMessages"),
            new(at("2026-11-19T10:15:00Z"), Tone::Good, "tapped").detail("Verified: page reached, stayed 12 s"),
            new(at("2026-11-19T10:22:00Z"), Tone::Good, "order #1093, €115.20")
                .detail("Credited to text 1: tapped 7 min before, same checkout")
                .link("why", order),
            new(at("2026-11-19T10:22:02Z"), Tone::Quiet, "text 2 not sent").gates(vec![
                passed("mobile"),
                passed("consent"),
                gate("not bought", Verdict::Stop, "order #1093 came first"),
            ]),
            new(at("2026-11-20T08:10:00Z"), Tone::Quiet, "refund, €20.00").detail("Credit is now €95.20").link("why", order),
        ],
        erased: false,
        acts: crate::web::view::cart::Acts { send_now: true, hold: true, release: false, dismiss: true },
    }
}

pub fn messages() -> Messages {
    let row = |id: &str, to: &str, step: &str, state, why: &str, micros: Option<i64>, hours: u32| MessageRow {
        id: format!("msg_{id}"),
        cart_id: Some("cart_01hxk3v9q2m7c".to_owned()),
        to: to.to_owned(),
        step: step.to_owned(),
        gateway: "Twilio EU".to_owned(),
        state,
        why: why.to_owned(),
        parts: Some(1),
        cost_listed: false,
        cost: micros.map(cost),
        at: now() - HOUR * hours,
        receipt: (state == MessageState::Delivered).then(now),
    };
    let (one, two) = ("Text 1 of “EU gentle”", "Text 2 of “EU gentle”");
    Messages {
        page: page(Section::Messages),
        filter: None,
        is_new: false,
        list: list("/messages", 1_204, "state"),
        unknown: vec![
            row("01u1", "…8841, AT", one, MessageState::Unknown, "No answer within 10 s; asked Twilio twice", None, 1),
            row("01u2", "…0734, SI", two, MessageState::Unknown, "The process stopped while sending", None, 7),
        ],
        unknown_total: 2,
        rows: vec![
            row("01m1", "…4455, SI", one, MessageState::Delivered, "", Some(41_000), 3),
            row("01m2", "…0192, DE", one, MessageState::Queued, "Hours open at 09:00 in Europe/Berlin", None, 3),
            row("01m3", "…3301, SI", two, MessageState::Accepted, "No receipt yet", Some(82_000), 4),
            row(
                "01m4",
                "…9084, AT",
                one,
                MessageState::Undelivered,
                "The phone was off for two days (30003)",
                Some(75_000),
                50,
            ),
            row("01m5", "…7002, HR", one, MessageState::Refused, "The number cannot receive texts (21614)", None, 52),
            row("01m6", "…2276, SI", one, MessageState::Cancelled, "The cart was bought first", None, 55),
        ],
        cost: vec![cost(61_200_000)],
    }
}

pub fn order() -> Order {
    let at = |text: &str| Time::parse(text).unwrap();
    let candidate = |touch: &str, when: &str, won, why: &str| Candidate {
        touch: touch.to_owned(),
        at: at(when),
        won,
        why: why.to_owned(),
        facts: vec!["Sent 19 Nov 2026, 10:34; known by: same checkout".to_owned()],
        href: Some("/carts/cart_01hxk3v9q2m7c#msg_01hxk".to_owned()),
    };
    let rule = |rule: &str, verdict: &str| OtherRule { rule: rule.to_owned(), verdict: verdict.to_owned() };
    Order {
        page: page(Section::Carts),
        id: "ord_01hx9".to_owned(),
        number: "#1093".to_owned(),
        placed_at: at("2026-11-19T10:22:00Z"),
        value: euro(11_520),
        refunds: vec![Refund { at: at("2026-11-20T08:10:00Z"), amount: euro(2_000), what: "Refund".to_owned() }],
        cart_id: Some("cart_01hxk3v9q2m7c".to_owned()),
        credit: Some(Credit {
            net: euro(9_520),
            to: "text 1 of “EU gentle”".to_owned(),
            href: "/carts/cart_01hxk3v9q2m7c#msg_01hxk".to_owned(),
            why: "tapped 7 min before, same checkout".to_owned(),
            confidence: "high".to_owned(),
            rule: "The link was tapped, and the order itself carries the link.".to_owned(),
            by_hand: true,
        }),
        candidates: vec![
            candidate("Tap on text 1", "2026-11-19T10:15:00Z", true, "Same checkout, 7 min before the order"),
            candidate("Text 1 delivered", "2026-11-19T09:40:05Z", false, "Delivered only: weaker than a tap"),
            Candidate {
                href: None,
                ..candidate("Code SPRING", "2026-11-19T10:22:00Z", false, "Not a code of ours: from the newsletter")
            },
        ],
        other_rules: vec![
            rule("Tap within 5 days", "the same"),
            rule("Tap within 24 h", "the same"),
            rule("Delivered within 24 h", "assisted"),
        ],
        windows: Some(reports::hours()),
        said: vec![reports::said()],
        choices: reports::choices(),
        evidence: cart().timeline.into_iter().skip(7).collect(),
    }
}

pub fn inbox() -> Inbox {
    let row = |id: &str, topic: &str, verdict, minutes: u32| DeliveryRow {
        id: format!("dlv_{id}"),
        from: "Acme Outdoor".into(),
        topic: topic.into(),
        bytes: 4_212,
        received_at: now() - MINUTE * minutes,
        verdict,
        replays: 0,
    };
    let unreadable = || inbox::Verdict::Unreadable { why: "the total is not a decimal amount".into() };
    Inbox {
        page: page(Section::Inbox),
        filter: inbox::Filter::All,
        today: 512,
        unreadable_today: 1,
        is_new: false,
        may_change: true,
        runs: lists::runs(),
        list: list("/inbox", 512, "verdict"),
        rows: vec![
            row("01", "checkouts/update", inbox::Verdict::Waiting, 0),
            row("02", "checkouts/create", inbox::Verdict::Applied { events: 1 }, 4),
            DeliveryRow { replays: 2, ..row("03", "orders/create", unreadable(), 31) },
            row("04", "themes/publish", inbox::Verdict::Ignored, 64),
            DeliveryRow { from: "Twilio EU".into(), ..row("05", "", inbox::Verdict::Applied { events: 1 }, 1_500) },
        ],
    }
}
