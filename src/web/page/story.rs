//! A cart's story: what its facts amount to for people. Decides in which state a cart is shown and in which words; every
//! fact in it is the store's.

use std::fmt::Display;

use crate::{
    domain::{
        attribution::Class,
        cart::Cart,
        click::explain,
        decide::{GateName, Verdict},
        message::MessageState,
        money::Money,
        seal::ShopKeys,
        time::{HOUR, Time},
    },
    pipeline::ingest,
    store::{self, Error, Read, click::Click, decision::Kept, message::Message, shop::Shop},
    web::view::{
        Page,
        cart::CartState,
        format,
        message::state_label,
        words::{noted, say, t},
    },
};

/// A text with what became of it.
pub struct Text {
    pub message: Message,
    pub clicks: Vec<Click>,
    pub credits: Vec<store::credit::Line>,
}

impl Text {
    pub fn state(&self) -> MessageState {
        self.message.moments.state()
    }

    pub fn is_tapped(&self) -> bool {
        self.clicks.iter().any(Click::is_human)
    }

    /// Whether an order is credited to it: assisted ones are shown apart.
    pub fn is_credited(&self) -> bool {
        self.credits.iter().any(|line| line.class == Class::Credited.name())
    }
}

pub struct Story {
    pub cart: Cart,
    pub texts: Vec<Text>,
    pub decisions: Vec<Kept>,
}

impl Story {
    pub async fn of(read: &mut Read, keys: &ShopKeys, cart: Cart) -> Result<Story, Error> {
        let mut texts = Vec::new();
        // Nothing is decided or sent before a cart counts as abandoned.
        let decisions = match cart.abandoned_at {
            Some(_) => store::decision::of_cart(read, keys, cart.id).await?,
            None => Vec::new(),
        };
        if !decisions.is_empty() {
            for message in store::message::of_cart(read, keys, cart.id).await? {
                let clicks = store::click::of_message(read, keys, message.id).await?;
                let credits = store::credit::of_message(read, keys, message.id).await?;
                texts.push(Text { message, clicks, credits });
            }
        }
        Ok(Story { cart, texts, decisions })
    }

    /// Those of a page of a list, read together. Of the decisions only the newest of each cart is there, without what it
    /// was made of: a list asks no more.
    pub async fn of_all(read: &mut Read, keys: &ShopKeys, carts: Vec<Cart>) -> Result<Vec<Story>, Error> {
        let ids: Vec<i64> = carts.iter().filter(|cart| cart.abandoned_at.is_some()).map(|cart| cart.id.get()).collect();
        let most = u32::try_from(carts.len()).unwrap_or(u32::MAX);
        let mut decisions = store::decision::newest_of(read, keys, &ids).await?;
        let messages = store::message::of_carts(read, keys, &ids, most).await?;
        let sent: Vec<i64> = messages.iter().map(|message| message.id.get()).collect();
        let clicks = store::click::of_messages(read, keys, &sent).await?;
        let credits = store::credit::of_messages(read, keys, &sent).await?;
        let mut texts: Vec<Text> =
            messages.into_iter().map(|message| Text { message, clicks: Vec::new(), credits: Vec::new() }).collect();
        for click in clicks {
            texts
                .iter_mut()
                .filter(|text| text.message.id == click.message)
                .for_each(|text| text.clicks.push(click.clone()));
        }
        for line in credits {
            texts
                .iter_mut()
                .filter(|text| text.message.id == line.message)
                .for_each(|text| text.credits.push(line.clone()));
        }
        let mut stories = Vec::with_capacity(carts.len());
        for cart in carts {
            let (own, others) = texts.into_iter().partition(|text| text.message.about == cart.id.get());
            texts = others;
            let (newest, rest) = decisions.into_iter().partition(|kept| kept.cart == cart.id);
            decisions = rest;
            stories.push(Story { cart, texts: own, decisions: newest });
        }
        Ok(stories)
    }

    pub fn state(&self, shop: &Shop, now: Time) -> CartState {
        if self.texts.iter().any(Text::is_credited) {
            return CartState::Recovered;
        }
        if self.cart.bought_at.is_some() {
            return CartState::Bought;
        }
        if self.cart.abandoned_at.is_none() {
            return if self.cart.is_open() { CartState::Open } else { CartState::NotTexted };
        }
        let left = self.texts.iter().filter(|text| text.message.moments.may_have_left());
        let Some(last) = left.map(|text| text.message.created_at).max() else {
            return if self.is_waiting() { CartState::Waiting } else { CartState::NotTexted };
        };
        let window = HOUR * shop.rules.click_window_hours;
        if !self.cart.is_open() || now.since(last) > window {
            CartState::Lost
        } else if self.texts.iter().any(Text::is_tapped) {
            CartState::Clicked
        } else {
            CartState::Texted
        }
    }

    fn is_waiting(&self) -> bool {
        let queued = self.texts.iter().any(|text| text.state() == MessageState::Queued);
        let decided = self.decisions.last().map(|kept| kept.decision.verdict);
        self.cart.is_open() && (queued || matches!(decided, None | Some(Verdict::Wait(_))))
    }

    /// Why it stands there, in a sentence.
    pub fn why(&self, shop: &Shop, page: &Page) -> String {
        match self.state(shop, page.now) {
            CartState::Open => {
                let quiet = format::span(shop.rules.abandoned_after());
                say("Counts as abandoned after {span} without activity", &[("span", &quiet)])
            }
            CartState::Recovered => {
                let text = self.texts.iter().find(|text| text.is_credited());
                text.map_or(String::new(), |text| {
                    say("Ordered after a tap on text {step}", &[("step", &text.message.step)])
                })
            }
            CartState::Bought if self.texts.iter().any(|text| !text.credits.is_empty()) => {
                t("Ordered after a text that nobody tapped").to_owned()
            }
            CartState::Bought => t("Ordered, with no tap on a text before").to_owned(),
            CartState::Waiting | CartState::NotTexted => self.held(page),
            CartState::Texted | CartState::Clicked | CartState::Lost => self.last_text(),
        }
    }

    fn held(&self, page: &Page) -> String {
        if self.cart.erased_at.is_some() {
            return t("Erased").to_owned();
        }
        if self.cart.deleted_at.is_some() {
            return t("The checkout was deleted").to_owned();
        }
        if let Some(text) = self.texts.iter().find(|text| text.state() != MessageState::Queued) {
            return self.one_text(text);
        }
        let Some(kept) = self.decisions.last() else {
            return t("Its first text is decided within seconds").to_owned();
        };
        match (kept.decision.reason(), kept.decision.verdict) {
            (Some(gate), Verdict::Wait(until)) => {
                let moment = format::moment(until, &page.zone);
                say(
                    "Text {step} waits until {moment}: {why}",
                    &[("step", &kept.step), ("moment", &moment), ("why", &gate.why)],
                )
            }
            (Some(gate), _) => format::sentence_case(&reason(gate.gate, &gate.why)),
            (None, _) => say("Text {step} is queued", &[("step", &kept.step)]),
        }
    }

    fn last_text(&self) -> String {
        self.texts.iter().rev().find(|text| text.message.moments.may_have_left()).map_or(String::new(), |text| {
            let told = self.one_text(text);
            if text.is_tapped() { say("{text}, tapped, not bought", &[("text", &told)]) } else { told }
        })
    }

    fn one_text(&self, text: &Text) -> String {
        let (state, why) = (state_label(text.state()).to_lowercase(), &text.message.reason);
        let values: [(&str, &dyn Display); 3] = [("step", &text.message.step), ("state", &state), ("why", why)];
        if why.is_empty() { say("Text {step} {state}", &values) } else { say("Text {step} {state}: {why}", &values) }
    }
}

/// A gate's verdict as a sentence of its own.
fn reason(gate: GateName, why: &str) -> String {
    match gate {
        GateName::Consent => say("no consent for SMS: {why}", &[("why", &why)]),
        GateName::Number => say("the number: {why}", &[("why", &why)]),
        _ => why.to_owned(),
    }
}

/// `Ana, …4455`: enough to know a cart by, not enough to call anybody.
pub fn who(shop: &Shop, cart: &Cart) -> String {
    let latest = &cart.latest;
    let phone = ingest::textable(shop, &latest.who, latest.country.as_deref()).map(|phone| phone.masked());
    let contact = phone.or_else(|| latest.who.email_key().as_deref().and_then(masked_email));
    let name = latest.first_name.as_deref().map(str::trim).filter(|name| !name.is_empty());
    match (name, contact) {
        (Some(name), Some(contact)) => format!("{name}, {contact}"),
        (Some(name), None) => name.to_owned(),
        (None, Some(contact)) => contact,
        (None, None) => t("Somebody").to_owned(),
    }
}

/// `a…@example.com`
fn masked_email(email: &str) -> Option<String> {
    let (name, host) = email.rsplit_once('@')?;
    Some(format!("{}…@{host}", name.chars().next()?))
}

pub fn value(shop: &Shop, cart: &Cart) -> Money {
    cart.latest.total.unwrap_or(Money::new(0, shop.currency))
}

pub fn country(cart: &Cart) -> Option<String> {
    cart.latest.country.clone().filter(|country| !country.is_empty())
}

/// Why an opening does not count, for `t`.
const _: [&str; 11] = [
    noted("Asked whether the page exists without opening it, as programs do"),
    noted("Fetched ahead by a browser or app; nobody was looking yet"),
    noted("Did not say what program it is, as every browser does"),
    noted("Fetched by a messaging app or network to draw a preview"),
    noted("Checked for phishing by a security product"),
    noted("Opened by a search engine, crawler or monitor"),
    noted("Opened by a program, not a browser"),
    noted("Opened by a browser that a program steers"),
    noted("Opened within 3 seconds of the text leaving, before anyone could read it"),
    noted("Opened more than once within a second, as scanners do"),
    noted("Opened by a program"),
];

/// What an opening of a link was, in words.
pub fn opening(click: &Click) -> &'static str {
    match click.verdict.as_str() {
        "" => t("Being judged"),
        store::click::HUMAN => t("Opened by a person"),
        code => t(explain(code)),
    }
}

/// A text as it looked, with the part of each link that opens the cart left out: whoever reads a page must not be able to
/// follow it as the shopper.
pub fn quoted(text: &str, public_url: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for word in text.split_inclusive(char::is_whitespace) {
        let hidden = ["/r/", "/o/"].iter().find_map(|path| {
            let start = format!("{public_url}{path}");
            word.find(&start).and_then(|at| word.get(..at + start.len()))
        });
        match hidden {
            Some(shown) => {
                quoted.push_str(shown);
                quoted.push('…');
                quoted.extend(word.chars().last().filter(|last| last.is_whitespace()));
            }
            None => quoted.push_str(word),
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_text_opens_nothing() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(quoted(text, "https://s.example"), expected);
        }
        check("Hi: https://s.example/r/AbC-_9 bye", "Hi: https://s.example/r/… bye");
        check("Hi: https://s.example/r/AbC-_9", "Hi: https://s.example/r/…");
        check(
            "https://s.example/r/a\nStop: https://s.example/o/b",
            "https://s.example/r/…\nStop: https://s.example/o/…",
        );
        check("https://shop.example/r/a", "https://shop.example/r/a");
    }

    #[test]
    fn an_address_is_masked() {
        assert_eq!(masked_email("ana@example.com").as_deref(), Some("a…@example.com"));
        assert_eq!(masked_email("@example.com"), None);
    }
}
