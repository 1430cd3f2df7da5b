//! `cartback key`: a fresh operator's key, to keep in a secret store and hand over as `CARTBACK_KEY`, and the change from an
//! old one to it; and the next keys of shops.

use anyhow::Context;
use serde_json::json;

use super::{Form, Said};
use crate::{
    config::key,
    domain::id::ShopId,
    pipeline::{
        Core,
        renew::{self, Links},
    },
    store, transact,
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Print a fresh key. For CARTBACK_KEY: the newest first, older ones after a comma
    New {
        #[command(flatten)]
        form: Form,
    },
    /// Give every shop its next key, or one shop; what the old ones sealed stays readable
    Renew {
        /// Its number; 0 is the house. All when left out
        #[arg(long)]
        shop: Option<ShopId>,
        /// The recovery links in texts already sent lead nowhere from now on; opt-out links stay good
        #[arg(long)]
        revoke_links: bool,
        #[command(flatten)]
        form: Form,
    },
    /// Wrap every shop's key with the newest operator key, so that older ones are needed no more; run it beside the service
    Rewrap {
        #[command(flatten)]
        form: Form,
    },
}

/// A fresh key; nothing is opened for it.
pub fn fresh(form: Form) -> (Said, Form) {
    let fresh = key::fresh();
    (Said::new(fresh.as_str(), json!({ "key": fresh.as_str() })), form)
}

/// One transaction a shop: killed in the middle the shops so far have their new keys, and it can be asked again.
pub async fn renew(core: &Core, shop: Option<ShopId>, revoke_links: bool, form: Form) -> anyhow::Result<(Said, Form)> {
    let shops = match shop {
        Some(shop) => vec![shop],
        None => {
            let every = store::shop::ids(&mut core.db.read().await?).await?;
            std::iter::once(ShopId::HOUSE).chain(every).collect()
        }
    };
    let links = if revoke_links { Links::Revoked } else { Links::Kept };
    let mut renewed = Vec::new();
    for shop in shops {
        let made = renew::renew(core, shop, links).await?;
        let made = made.with_context(|| format!("there is no shop {shop}"))?;
        renewed.push(json!({ "shop": shop, "generation": made }));
    }
    let keys = match renewed.len() {
        1 => "1 new key is in use.".to_owned(),
        count => format!("{count} new keys are in use."),
    };
    let words = match links {
        Links::Kept => format!("{keys} Links in texts already sent go on working."),
        Links::Revoked => format!("{keys} Recovery links in texts already sent lead nowhere any more; opt-outs work."),
    };
    Ok((Said::new(words, json!({ "renewed": renewed, "links_revoked": revoke_links })), form))
}

/// Killed in the middle it has done nothing: it is one transaction.
pub async fn rewrap(core: &Core, form: Form) -> anyhow::Result<(Said, Form)> {
    let changed = transact!(core.db, |tx| core.vault.rewrap(tx).await?)?;
    let words = match changed {
        0 => "Every key is wrapped by the newest one already.".to_owned(),
        1 => "1 key is wrapped by the newest one now.".to_owned(),
        count => format!("{count} keys are wrapped by the newest one now."),
    };
    Ok((Said::new(words, json!({ "wrapped": changed })), form))
}
