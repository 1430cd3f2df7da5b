//! Whoever watches: a checkout of their own, and checkouts of a run before this one.

use super::{Play, Scene, Visit, YOUR_PHONE, purchase::Way};
use crate::{
    demo::{
        cast::{Number, Person, SHOPS},
        script::Script,
        webhook::{Checkout, Line},
    },
    domain::{
        event::{CartUpdate, Item},
        time::Time,
    },
};

impl Play {
    /// Whoever watches begins a checkout, filled in and with the box ticked; answers its token.
    pub fn begin_yours(&mut self, shop: usize, now: Time) -> (String, Scene) {
        let mut person = Person::meet(SHOPS.get(shop).unwrap_or(&SHOPS[0]), Number::Mobile, &mut self.chance);
        (person.first_name, person.last_name) = (String::new(), String::new());
        (person.country, person.language) = ("SI".into(), "en".into());
        (person.phone, person.typed) = (Some(YOUR_PHONE.into()), Some(YOUR_PHONE.into()));
        (person.customer, person.email) = (7_000_000_000_001, "you@shopper.example".into());
        let mut scene = Scene::default();
        let Some(visit) = self.begin(shop, person, Script::yours(), now) else { return (String::new(), scene) };
        self.fill(visit, now, &mut scene);
        (self.visits.get(visit).map(|it| it.checkout.token.clone()).unwrap_or_default(), scene)
    }

    /// An order placed on the checkout page.
    pub fn buy_now(&mut self, visit: usize, now: Time) -> Scene {
        let mut scene = Scene::default();
        self.buy(visit, Way::Here, now, &mut scene);
        scene
    }

    /// A checkout of a run before this one, as the service has it.
    pub fn take_up(&mut self, shop: usize, cart: &CartUpdate, started_at: Time) -> Option<usize> {
        let total = cart.total?;
        let phone = cart.who.phones.first().map(|typed| typed.number.clone());
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let person = Person {
            customer: cart.who.customer.as_deref().and_then(|id| id.parse().ok()).unwrap_or(0),
            first_name: text(&cart.first_name),
            last_name: String::new(),
            email: text(&cart.who.email),
            country: text(&cart.country),
            language: text(&cart.language),
            town: String::new(),
            zip: String::new(),
            phone: phone.clone(),
            typed: phone,
        };
        let line = |item: &Item| {
            let price = item.price.map_or(0, |price| price.minor);
            Line { title: item.title.clone(), quantity: item.quantity, price }
        };
        let checkout = Checkout {
            token: cart.token.clone(),
            cart_token: text(&cart.cart_token),
            currency: total.currency,
            lines: cart.items.iter().map(line).collect(),
            person,
            known: true,
            ticked: true,
            url: text(&cart.recovery_url),
            started_at,
        };
        Some(self.enter(Visit { shop, checkout, order: None, script: Script::yours(), landing: None }))
    }
}
