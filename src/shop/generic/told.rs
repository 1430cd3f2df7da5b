//! A platform that tells in our own format, by a file of ours on its side: a module, a plugin, a subscriber. Only what it
//! says of itself is its own.

use super::{Generic, hosts};
use crate::{
    domain::{
        connector::{Accepted, Delivery, Refusal, Settings, Spec, Unreadable},
        event::{ShopEvent, ShopFacts},
        rehearsal::{Act, Visit},
        time::Time,
    },
    shop::{Rehearsed, Shop},
};

pub(in crate::shop) struct Told {
    pub spec: &'static Spec,
    /// The query parameter by which the file's restore link applies a discount code.
    pub discount: &'static str,
}

impl Shop for Told {
    fn spec(&self) -> &'static Spec {
        self.spec
    }

    fn verify(&self, settings: &Settings, delivery: &Delivery) -> Result<Accepted, Refusal> {
        Generic.verify(settings, delivery)
    }

    fn read(&self, shop: &ShopFacts, topic: &str, delivery: &Delivery) -> Result<Vec<ShopEvent>, Unreadable> {
        Generic.read(shop, topic, delivery)
    }

    fn hosts(&self, settings: &Settings) -> Vec<String> {
        hosts::read(settings.get("site"))
    }

    fn home(&self, settings: &Settings) -> Option<String> {
        hosts::read(settings.get("site")).into_iter().next()
    }

    fn discount_query(&self, code: &str) -> Option<(&'static str, String)> {
        Some((self.discount, code.to_owned()))
    }

    fn rehearse(&self, settings: &Settings, visit: &Visit, act: Act, at: Time) -> Rehearsed {
        Generic.rehearse(settings, visit, act, at)
    }
}
