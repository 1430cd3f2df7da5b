//! Detect: when a cart's timer fires, look whether it is abandoned by now. Its cost is what is due; carts that lie still
//! cost nothing.

use super::{
    Core, dirty, forward, guard,
    ingest::{carried_consent, textable},
    sequence::traits,
};
use crate::{
    domain::{
        consent::Ledger,
        decide::{Decision, Gate, Verdict, abandoned_at},
        id::{CartId, DecisionId},
        sequence::{Choice, choose},
    },
    store::{
        self, Error, Tx,
        decision::{Kept, MadeOf},
        job::{self, Job},
    },
};

/// Marks the cart abandoned and hands it to the decision, or waits on when the shopper was active meanwhile. Whether the
/// job is done: its caller finishes it then.
pub async fn detect(core: &Core, tx: &mut Tx, job: &Job) -> Result<bool, Error> {
    let now = core.now();
    store::shop::take_turn(tx, job.shop).await?;
    let id = CartId::new(job.subject);
    let Some((shop, keys)) = core.shop(tx, job.shop).await? else { return Ok(true) };
    let Some(mut cart) = store::cart::get(tx, &keys, id).await? else { return Ok(true) };
    if !cart.is_open() || !cart.is_recoverable() || cart.abandoned_at.is_some() {
        return Ok(true);
    }
    // The moment counts when it was reached, not when we looked: after our own downtime nothing is moved.
    let at = abandoned_at(&shop.rules, cart.active_at());
    if at > now {
        return job::put_back(tx, job, at).await.map(|()| false);
    }
    // What a crawler or a test left behind is nobody's, and no figure counts it.
    if let Some(suspect) = guard::suspect(&shop, &cart) {
        if store::decision::of_cart(tx, &keys, id).await?.is_empty() {
            let (name, why) = (suspect.gate(), suspect.words().to_owned());
            let gates = vec![Gate { gate: name, verdict: Verdict::Stop, why, inputs: Vec::new() }];
            let decision =
                Decision { gates, verdict: Verdict::Stop, closes_at: None, deadline_at: None, confirm: None };
            let kept = Kept { cart: id, step: 1, at: now, decision, made_of: MadeOf::default() };
            store::decision::record(tx, &keys, DecisionId::new(core.fresh_id()), &kept).await?;
        }
        return Ok(true);
    }
    cart.abandoned_at = Some(at);
    cart.rules_version = shop.rules_version;
    if let Choice::Chosen(sequence) =
        choose(&shop.rules.sequences, &traits(tx, &shop, &keys, &cart, at, &shop.rules.sequences).await?)
    {
        cart.sequence.clone_from(&sequence.id);
    }
    let phone = textable(&shop, &cart.latest.who, cart.latest.country.as_deref());
    let mut reachable = false;
    if let Some(phone) = &phone {
        let index = store::consent::phone_index(&keys, phone);
        let (mut consents, outs) = store::consent::of_phone(tx, &keys, &index).await?;
        consents.extend(carried_consent(&shop, &cart, phone, &consents, &outs));
        reachable = Ledger::of(consents, outs).grant().is_some();
    }
    store::cart::abandon(tx, &keys, &cart, reachable).await?;
    forward::abandoned(core, tx, &shop, &cart, at).await?;
    dirty(tx, &shop, at, now).await?;
    job::schedule(tx, job.shop, job::Kind::Decide, id.get(), job.fell_due_at.min(now)).await?;
    Ok(true)
}
