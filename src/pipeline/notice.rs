//! Notice: the texts the service sends for itself (requests to confirm, answers, tests) are asked about once more before they
//! leave. They skip what is only about reminders, never the opt-out ledger.

use super::{Core, answer, guard, send::Allowed};
use crate::{
    domain::{
        consent::Ledger,
        decide::{ASK_AGAIN, Verdict},
        message::Purpose,
        seal::ShopKeys,
    },
    store::{self, Error, Tx, gateway::Gateway, message::Message, shop::Shop},
};

/// Whether this text may leave now.
pub(crate) async fn ask(
    core: &Core,
    tx: &mut Tx,
    shop: &Shop,
    keys: &ShopKeys,
    message: &Message,
    sender: &Option<Gateway>,
) -> Result<Allowed, Error> {
    let now = core.now();
    let expires_at = message.expires_at;
    let stop = |why: &str, late| Allowed { verdict: Verdict::Stop, why: why.to_owned(), late, expires_at, words: None };
    if now >= expires_at {
        return Ok(stop("its time ended before it could leave", true));
    }
    let may_try = message.purpose == Purpose::Test && shop.waits_to_go_live();
    if let Some(why) = shop.stopped().filter(|_| !may_try) {
        return Ok(stop(why, false));
    }
    if sender.as_ref().is_none_or(|sender| sender.paused_at.is_some()) {
        let why = "no gateway can take it now".to_owned();
        return Ok(Allowed { verdict: Verdict::Wait(now + ASK_AGAIN), why, late: false, expires_at, words: None });
    }
    let index = store::consent::phone_index(keys, &message.phone());
    let (consents, outs) = store::consent::of_phone(tx, keys, &index).await?;
    if !answer::confirms_a_stop(message) && Ledger::of(consents, outs).opted_out().is_some() {
        return Ok(stop("opted out", false));
    }
    if message.purpose != Purpose::Answer && store::last_heard::of_phone(tx, keys, &index).await?.held_since.is_some() {
        return Ok(stop("a reply has to be read first", false));
    }
    if let Some(id) = message.cart() {
        let cart = store::cart::get(tx, keys, id).await?;
        if cart.is_none_or(|cart| !cart.is_open()) {
            return Ok(stop("its cart is closed", false));
        }
    }
    if let Some((verdict, why)) = guard::hold_notice(core, tx, shop, keys, message, sender).await? {
        return Ok(Allowed { verdict, why, late: false, expires_at, words: None });
    }
    Ok(Allowed { verdict: Verdict::Pass, why: String::new(), late: false, expires_at, words: None })
}
