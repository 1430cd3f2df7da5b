//! The demo: a phone to read texts on, the checkout of a simulated shop, and a bar that says that this is a demo.

use askama::Template;

use super::{
    format,
    format::Shown as _,
    words::{self, filters, say, t},
};
use crate::domain::{money::Money, time::Time};

/// Above every page of a demo.
#[derive(Clone, Debug)]
pub struct Bar {
    /// What the demo's clock shows: `Wed 18 Nov, 14:05`.
    pub clock: String,
    pub csrf: String,
    /// Where to start over: the simulated shop.
    pub checkout_href: String,
    /// Texts on the phone that nobody read yet.
    pub unread: u64,
}

#[derive(Clone, Debug, Template)]
#[template(path = "page/phone.html")]
pub struct Phone {
    pub bar: Bar,
    /// The shopper's number, whole: in the demo it is nobody's.
    pub number: String,
    /// Who the texts are from, as the phone shows it.
    pub sender: String,
    /// Oldest first.
    pub texts: Vec<PhoneText>,
    /// Other phones of the demo.
    pub others: Vec<OtherPhone>,
    pub opted_out: bool,
}

#[derive(Clone, Debug)]
pub struct OtherPhone {
    pub number: String,
    pub name: String,
    pub href: String,
}

#[derive(Clone, Debug)]
pub struct PhoneText {
    pub text: String,
    /// Written on the phone, to us.
    pub is_reply: bool,
    /// Above the bubble, where a phone would say it: `Today 10:34`; "" when it is close to the one before.
    pub when: String,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    Words(&'a str),
    Link(&'a str),
}

impl PhoneText {
    /// The text cut where a phone would make a link.
    pub fn pieces(&self) -> Vec<Piece<'_>> {
        Piece::of(&self.text)
    }
}

impl Piece<'_> {
    pub fn of(text: &str) -> Vec<Piece<'_>> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("https://").into_iter().chain(rest.find("http://")).min() {
            let (words, from_link) = rest.split_at(start);
            let end = from_link.find(char::is_whitespace).unwrap_or(from_link.len());
            let link = from_link.get(..end).unwrap_or_default().trim_end_matches(['.', ',', ')', '!', '?']);
            if !words.is_empty() {
                pieces.push(Piece::Words(words));
            }
            pieces.push(Piece::Link(link));
            rest = from_link.get(link.len()..).unwrap_or_default();
        }
        if !rest.is_empty() {
            pieces.push(Piece::Words(rest));
        }
        pieces
    }
}

impl Phone {
    pub fn answer(&self) -> String {
        let texts = self.texts.iter().filter(|text| !text.is_reply).count() as u64;
        let texts = format::sentence_case(&format::number_of(texts, "text", "texts"));
        say("{texts} on the phone of {number}.", &[("texts", &texts), ("number", &self.number)])
    }
}

/// The checkout of the simulated shop, where a tap leads.
#[derive(Clone, Debug, Template)]
#[template(path = "page/checkout.html")]
pub struct Checkout {
    pub bar: Bar,
    pub shop: String,
    pub token: String,
    pub items: Vec<super::cart::Item>,
    pub discount: Option<Discount>,
    pub total: Money,
    /// Set once the order was placed.
    pub order: Option<Placed>,
    /// Whether a text brought the person here.
    pub from_text: bool,
}

#[derive(Clone, Debug)]
pub struct Discount {
    pub code: String,
    pub amount: Money,
}

#[derive(Clone, Debug)]
pub struct Placed {
    pub number: String,
    pub at: Time,
    /// What we make of it: `/orders/ord_…`.
    pub href: String,
}

impl Checkout {
    pub fn answer(&self) -> String {
        match &self.order {
            Some(order) => say("Thank you! Order {number} is placed.", &[("number", &order.number)]),
            None if self.items.is_empty() => t("The cart is empty.").to_owned(),
            None => say(
                "{items} in your cart, {total} to pay.",
                &[("items", &self.pieces()), ("total", &self.total.shown())],
            ),
        }
    }

    fn pieces(&self) -> String {
        let pieces = self.items.iter().map(|item| item.quantity).sum();
        format::number_of(pieces, "item", "items")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_where_a_phone_finds_them() {
        #[track_caller]
        fn check(text: &str, expected: &[Piece]) {
            let text = PhoneText { text: text.to_owned(), is_reply: false, when: String::new() };
            assert_eq!(text.pieces(), expected);
        }
        use Piece::{Link, Words};
        check("no link", &[Words("no link")]);
        check("go: https://a.example/r/x. Bye", &[Words("go: "), Link("https://a.example/r/x"), Words(". Bye")]);
        check("http://a https://b", &[Link("http://a"), Words(" "), Link("https://b")]);
        check("javascript:alert(1)", &[Words("javascript:alert(1)")]);
        check("", &[]);
    }
}
