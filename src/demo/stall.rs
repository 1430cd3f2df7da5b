//! Stalls: the simulated shops as they are connected to the service, each with a gateway that keeps its texts. Connected
//! by the same two calls as real ones; found again on the next start.

use std::collections::{BTreeMap, HashSet};

use anyhow::{Context, anyhow};
use data_encoding::HEXLOWER;

use super::{
    cast::{Profile, SHOPS},
    play::Text,
};
use crate::{
    clock,
    domain::{
        id::{GatewayId, MessageId, ShopId},
        message::Purpose,
        risk::limits::FOR_TRIALS,
    },
    pipeline::{
        Core,
        connect::{ShopTyped, add_gateway, add_shop},
    },
    store::{self, connection, message},
};

/// A connected simulated shop.
#[derive(Clone, Debug)]
pub struct Stall {
    pub profile: &'static Profile,
    pub shop: ShopId,
    /// The opaque ids in the paths of its webhooks and of its gateway's callbacks.
    pub hook: String,
    pub sms: String,
    /// What its webhooks are signed with.
    pub key: String,
}

/// Connects every shop of the cast.
pub async fn connect(core: &Core) -> anyhow::Result<()> {
    for profile in &SHOPS {
        let key = HEXLOWER.encode(&clock::random::<16>());
        let text = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let typed = ShopTyped {
            kind: "shopify".into(),
            name: profile.name.into(),
            country: profile.country.into(),
            currency: profile.currency.into(),
            zone: profile.zone.into(),
            settings: text(&[("domain", profile.domain), ("signing_key", &key)]),
            rules: {
                // Its shoppers, their numbers and their mail are all made up.
                let mut rules = text(&FOR_TRIALS);
                rules.insert("countries".into(), profile.countries.into());
                rules
            },
        };
        let shop = add_shop(core, &typed).await.context("the simulated shop")?.shop;
        let settings = text(&[("from", profile.name)]);
        add_gateway(core, shop, "log", "Phones of the demo", settings, false).await.context("the demo's gateway")?;
    }
    Ok(())
}

/// The shops of the cast as they were connected.
pub async fn find(core: &Core) -> anyhow::Result<Vec<Stall>> {
    let mut read = core.db.read().await?;
    let shops = store::shop::list(&mut read, &core.vault).await?;
    let mut stalls = Vec::new();
    for profile in &SHOPS {
        let missing = || anyhow!("the demo's shop {} is not in its database", profile.name);
        let shop = shops.iter().find(|shop| shop.settings.get("domain") == profile.domain).ok_or_else(missing)?;
        let keys = core.vault.keys(&mut read, shop.id).await?;
        let gateway: GatewayId =
            store::gateway::list(&mut read, &keys).await?.first().map(|gateway| gateway.id).ok_or_else(missing)?;
        let hook = connection::of(&mut read, shop.id, None).await?.ok_or_else(missing)?.public_id;
        let sms = connection::of(&mut read, shop.id, Some(gateway)).await?.ok_or_else(missing)?.public_id;
        let key = shop.settings.get("signing_key").to_owned();
        stalls.push(Stall { profile, shop: shop.id, hook, sms, key });
    }
    Ok(stalls)
}

/// What has arrived on phones: the texts the gateway kept.
#[derive(Default)]
pub struct Phones {
    seen: HashSet<MessageId>,
}

/// Messages looked at, at a time.
const PAGE: u32 = 4;

impl Phones {
    /// Texts accepted since the last look, oldest first in each shop. Looks back until a page holds nothing new.
    pub async fn fresh(&mut self, core: &Core, stalls: &[Stall]) -> anyhow::Result<Vec<Text>> {
        let mut read = core.db.read().await?;
        let mut texts = Vec::new();
        for (place, stall) in stalls.iter().enumerate() {
            let keys = core.vault.keys(&mut read, stall.shop).await?;
            let (mut fresh, mut before) = (Vec::new(), MessageId::new(i64::MAX));
            loop {
                let page = message::list(&mut read, &keys, None, before, PAGE).await?;
                let known = fresh.len();
                before = page.last().map_or(before, |message| message.id);
                fresh.extend(
                    page.into_iter()
                        .filter(|message| message.moments.accepted_at.is_some() && self.seen.insert(message.id)),
                );
                if fresh.len() == known {
                    break;
                }
            }
            texts.extend(fresh.into_iter().rev().map(|message| Text {
                shop: place,
                reference: message.reference().to_string(),
                to: message.words.phone,
                step: message.step,
                words: message.words.text,
                asks: matches!(message.purpose, Purpose::Confirmation | Purpose::ConfirmationAgain),
            }));
        }
        Ok(texts)
    }
}
