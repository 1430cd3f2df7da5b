//! Samples of the lists and of what is done by hand.

use askama::Template;

use super::super::{
    cart::{self, Entry, Link},
    delivery::{Correction, Delivery, Effect},
    hand::{CartAsk, Message, What},
    inbox::{DeliveryRow, Run, RunState, Verdict},
    listing::{Control, Field, Listing, Sort},
    orders::{Credit, Filter, OrderRow, Orders},
    people::{People, PersonRow, Show},
    *,
};
use super::{HOSTILE, bare_page, euro, messages, now, page};
use crate::domain::{
    message::MessageState,
    time::{HOUR, MINUTE},
};

/// The frame of a list that holds so many rows.
pub fn list(path: &str, rows: u64, tab: &'static str) -> Listing {
    let choice = |all: &[(&str, &str)]| {
        Control::Choice(all.iter().map(|(value, said)| ((*value).to_owned(), (*said).to_owned())).collect())
    };
    Listing {
        path: path.to_owned(),
        fields: vec![
            Field::new(tab, "State", "", Control::Tab),
            Field::new("from", "From", "2026-11-01", Control::Day),
            Field::new("to", "To", "", Control::Day),
            Field::new("country", "Country", HOSTILE, Control::Text),
            Field::new("step", "Text", "1", choice(&[("1", "text 1"), ("2", "text 2")])),
        ],
        sorts: vec![
            Sort { name: "", label: "Newest first".to_owned(), current: true },
            Sort { name: "worth", label: "Most valuable first (EUR)".to_owned(), current: false },
        ],
        count: rows.into(),
        on: Some("5.7".to_owned()),
        back: Some("9.9".to_owned()),
        sheet: true,
    }
}

pub fn runs() -> Vec<Run> {
    let run = |id: &str, done, state| Run {
        id: id.to_owned(),
        begun_at: now() - HOUR,
        by: "By Maja".to_owned(),
        done,
        state,
    };
    vec![run("7", 4_200, RunState::Running), run("6", 31, RunState::Done), run("5", 800, RunState::Stopped)]
}

fn orders() -> Orders {
    let row = |number: &str, minor, credit: Option<(bool, i64)>, hours: u32| OrderRow {
        id: format!("ord_{hours}"),
        number: number.to_owned(),
        placed_at: now() - HOUR * hours,
        value: euro(minor),
        cancelled: hours == 30,
        credit: credit.map(|(recovered, net)| Credit {
            recovered,
            step: 1,
            message_id: "msg_01hxk".to_owned(),
            net: euro(net),
        }),
    };
    Orders {
        page: page(Section::Orders),
        filter: Filter::All,
        is_new: false,
        rows: vec![
            row("#1093", 11_520, Some((true, 9_520)), 3),
            row(HOSTILE, 4_990, Some((false, 4_990)), 9),
            row("#1091", 23_900, None, 30),
        ],
        list: list("/orders", 3, "state"),
    }
}

fn people(show: Show) -> People {
    let row = |who: &str, said: &str, tone, proof: &str| PersonRow {
        who: who.to_owned(),
        href: "/phones/00112233445566778899aabbccddeeff".to_owned(),
        said: said.to_owned(),
        tone,
        at: now() - HOUR * 5,
        source: "reply".to_owned(),
        proof: proof.to_owned(),
    };
    People {
        page: page(Section::People),
        show,
        rows: vec![row("…4455", "Opted out", Tone::Bad, "“STOP”"), row("#3fa9c1d0", "Given", Tone::Good, HOSTILE)],
        list: list("/people", 2, "show"),
        may_change: true,
    }
}

fn ask(what: What, refused: Option<&str>) -> CartAsk {
    let gate = |name: &str, verdict, why: &str| cart::Gate { name: name.to_owned(), verdict, why: why.to_owned() };
    CartAsk {
        page: page(Section::Carts),
        id: "cart_01hxk3v9q2m7c".to_owned(),
        who: "Ana, …4455".to_owned(),
        what,
        step: 2,
        due_at: Some(now() + HOUR * 20),
        gates: vec![
            gate("consent for SMS", cart::Verdict::Pass, "given on 19 Nov 2026"),
            gate("open hours", cart::Verdict::Wait, "opens 09:00 in Europe/Ljubljana"),
        ],
        refused: refused.map(str::to_owned),
        waits_until: refused.is_none().then(|| now() + HOUR * 3),
    }
}

fn message(state: MessageState) -> Message {
    let row = messages().rows.remove(0);
    Message {
        page: page(Section::Messages),
        row: super::super::message::MessageRow { state, why: "no answer within 10 s".to_owned(), ..row },
        words: "Acme: Ana, your jacket is still in the cart: https://go.acme.example/r/…".to_owned(),
        timeline: vec![
            Entry::new(now() - HOUR, Tone::Live, "queued"),
            Entry::new(now() - HOUR, Tone::Bad, "of unknown outcome").detail("no answer within 10 s"),
        ],
        may_settle: state == MessageState::Unknown,
        may_change: true,
    }
}

fn delivery() -> Delivery {
    Delivery {
        page: page(Section::Inbox),
        row: DeliveryRow {
            id: "dlv_03".to_owned(),
            from: "Acme Outdoor".to_owned(),
            topic: "orders/create".to_owned(),
            bytes: 4_212,
            received_at: now() - MINUTE * 31,
            verdict: Verdict::Unreadable { why: "the total is not a decimal amount".to_owned() },
            replays: 0,
        },
        asked: "POST /hook/shop/…".to_owned(),
        headers: vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("x-shopify-hmac-sha256".to_owned(), "not shown".to_owned()),
        ],
        body: format!("{{\n  \"total\": \"{HOSTILE}\"\n}}"),
        corrected: Some("{\n  \"total\": \"115.20\"\n}".to_owned()),
        corrections: vec![Correction { at: now() - MINUTE, by: "By Maja".to_owned() }],
        effects: vec![Effect {
            what: "Order #1093.".to_owned(),
            link: Some(Link { text: "See the order".to_owned(), href: "/orders/ord_01hx9".to_owned() }),
        }],
        may_change: true,
    }
}

/// Every page of this room, rich and empty.
pub fn pages() -> Vec<(&'static str, askama::Result<String>)> {
    let applied = DeliveryRow { verdict: Verdict::Applied { events: 1 }, ..delivery().row };
    let none = |path: &str, tab| Listing { path: path.to_owned(), ..list("", 0, tab) };
    vec![
        ("orders", orders().render()),
        ("orders-none", Orders { rows: Vec::new(), list: none("/orders", "state"), ..orders() }.render()),
        (
            "orders-empty",
            Orders { page: bare_page(Section::Orders), is_new: true, rows: Vec::new(), ..orders() }.render(),
        ),
        ("people", people(Show::OptOuts).render()),
        ("people-consents", people(Show::Consents).render()),
        (
            "people-empty",
            People { rows: Vec::new(), may_change: false, list: none("/people", "show"), ..people(Show::OptOuts) }
                .render(),
        ),
        ("cart-send-now", ask(What::SendNow, None).render()),
        ("cart-send-now-stopped", ask(What::SendNow, Some("opted out on 19 Nov 2026 by reply")).render()),
        ("cart-dismiss", ask(What::Dismiss, None).render()),
        ("message-unknown", message(MessageState::Unknown).render()),
        ("message", Message { words: String::new(), ..message(MessageState::Delivered) }.render()),
        ("delivery", delivery().render()),
        (
            "delivery-applied",
            Delivery { row: applied, corrected: None, corrections: Vec::new(), effects: Vec::new(), ..delivery() }
                .render(),
        ),
    ]
}
