//! Experiment: which way of saying a step a cart gets, who enters, what the arms come to, and ending one. Chance decides
//! by the person alone ([`crate::domain::holdout::weighed`]); what may be said of it is [`crate::domain::experiment`]'s.

use std::time::Duration;

use super::{
    Core,
    connect::{self, NotConnected},
    facts::{Asking, ask},
    ingest::textable,
    sequence::Plan as Course,
};
use crate::{
    domain::{
        cart::Cart,
        experiment::{Plan, Report, apply, report as judge},
        holdout::{Arm as Held, weighed},
        id::{ExperimentId, MessageId, ShopId},
        seal::ShopKeys,
        sequence::Sequence,
        time::{HOUR, MINUTE, Time},
    },
    store::{
        self, Error, Read, Tx,
        experiment::Experiment,
        gateway::Gateway,
        job::{self, Job},
        shop::Shop,
    },
    transact,
};

/// The arm a cart is in.
#[derive(Clone, Debug)]
pub(crate) struct Drawn {
    pub experiment: ExperimentId,
    pub arm: usize,
    /// Whether it has entered: its person counts.
    pub entered: bool,
}

/// Writes into a cart's sequence what its arms change. What was drawn stays, also when the experiment has ended; only an
/// arm that was stopped goes on as the first.
pub(crate) async fn change(
    read: &mut Read,
    shop: &Shop,
    keys: &ShopKeys,
    cart: &Cart,
    sequence: &mut Sequence,
) -> Result<Vec<Drawn>, Error> {
    let Some(abandoned_at) = cart.abandoned_at.filter(|_| !sequence.steps.is_empty()) else { return Ok(Vec::new()) };
    let found = store::experiment::in_force(read, keys, &sequence.id, abandoned_at).await?;
    // Most shops have none: they pay for one look.
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let entries = store::experiment::of_cart(read, keys, cart.id).await?;
    let phone = textable(shop, &cart.latest.who, cart.latest.country.as_deref());
    let person = phone.map(|phone| store::consent::phone_index(keys, &phone));
    let mut drawn = Vec::new();
    for experiment in found {
        let entry = entries.iter().find(|entry| entry.experiment == experiment.id);
        let by_chance =
            |person: &[u8; 16]| weighed(keys, &Plan::salt(experiment.id.get()), person, &experiment.plan.weights());
        let arm = entry.map(|entry| entry.arm).or_else(|| person.as_ref().and_then(by_chance));
        let Some(arm) = arm else { continue };
        if let Some(chosen) = experiment.plan.arms.get(arm).filter(|_| !experiment.stopped.contains_key(&arm)) {
            apply(sequence, experiment.plan.step, &chosen.change);
        }
        drawn.push(Drawn { experiment: experiment.id, arm, entered: entry.is_some() });
    }
    Ok(drawn)
}

/// A cart enters only this soon after it was abandoned: later, its arm may already have made a difference.
const ENTERS_WITHIN: Duration = Duration::from_secs(15 * 60);
const _: () = assert!(ENTERS_WITHIN.as_secs() == 15 * MINUTE.as_secs());

/// A cart that was just abandoned enters the experiments it was drawn into, where it could be texted and is not held out.
pub(crate) async fn enter(
    core: &Core,
    tx: &mut Tx,
    (shop, keys): (&Shop, &ShopKeys),
    cart: &Cart,
    plan: &Course,
    sender: &Option<Gateway>,
) -> Result<(), Error> {
    let now = core.now();
    let fresh: Vec<&Drawn> = plan.drawn.iter().filter(|drawn| !drawn.entered).collect();
    if fresh.is_empty() || cart.abandoned_at.is_none_or(|at| now > at + ENTERS_WITHIN) {
        return Ok(());
    }
    let id = MessageId::new(core.fresh_id());
    let asking = Asking { shop, keys, cart, plan, step: 1, sender, sending: None, fresh: id };
    let asked = ask(tx, core, &asking).await?;
    let held = asked.made_of.facts.as_ref().and_then(|facts| facts.holdout).is_some_and(|held| held.arm == Held::Held);
    let Ok(phone) = asked.phone else { return Ok(()) };
    if held || !asked.decision.is_eligible() {
        return Ok(());
    }
    let person = store::consent::phone_index(keys, &phone);
    for drawn in fresh {
        let of = (drawn.experiment, cart.id);
        store::experiment::enter(tx, keys, of, &person, drawn.arm, now).await?;
    }
    Ok(())
}

/// The guard rails are looked at this often while an experiment is on, whether or not anybody enters: opt-outs and refunds
/// come days later.
const LOOK_EVERY: Duration = Duration::from_secs(6 * HOUR.as_secs());

/// Stops every arm that drives people off or has its orders sent back. The sums are made outside of any transaction: they
/// are long work, and nobody decides by them.
pub async fn guard(core: &Core, job: &Job) -> Result<(), Error> {
    let (now, id) = (core.now(), ExperimentId::new(job.subject));
    let mut read = core.db.read().await?;
    let shop = core.shop(&mut read, job.shop).await?.filter(|(shop, _)| shop.erased_at.is_none());
    let mut over = Vec::new();
    let mut is_on = false;
    if let Some((_, keys)) = &shop {
        let found = store::experiment::list(&mut read, keys).await?.into_iter().find(|each| each.id == id);
        if let Some(experiment) = found.filter(|each| each.ended_at.is_none()) {
            is_on = true;
            let made = report(&mut read, keys, &experiment, now).await?;
            let told = made.arms.iter().enumerate().filter(|(_, arm)| !arm.stopped);
            over.extend(told.filter_map(|(at, arm)| Some((at, arm.guard?))));
        }
    }
    drop(read);
    transact!(core.db, |tx| {
        if let Some((_, keys)) = &shop {
            for (arm, guard) in &over {
                store::experiment::stop_arm(tx, keys, id, *arm, guard.name(), now).await?;
            }
        }
        match is_on {
            true => job::put_back(tx, job, now + LOOK_EVERY).await?,
            false => job::finish(tx, job).await.map(|_| ())?,
        }
    })
}

/// What the arms of an experiment come to at a moment.
pub async fn report(read: &mut Read, keys: &ShopKeys, experiment: &Experiment, now: Time) -> Result<Report, Error> {
    let facts = store::experiment::facts(read, keys, experiment, now).await?;
    Ok(judge(&experiment.plan, &facts))
}

/// Begins an experiment on carts left from now on. Every way it would say the step must be one the shop could save.
pub async fn begin(core: &Core, id: ShopId, plan: &Plan, by: &str) -> Result<ExperimentId, NotConnected> {
    let problems = plan.problems();
    if !problems.is_empty() {
        return Err(NotConnected::Wrong(problems));
    }
    let now = core.now();
    let fresh = ExperimentId::new(core.fresh_id());
    let done: Result<(), Vec<String>> = transact!(core.db, |tx| {
        store::shop::take_turn(tx, id).await?;
        match core.shop(tx, id).await? {
            None => Err(vec![format!("shop: there is no shop {id}")]),
            Some((shop, keys)) => match refusal(tx, &shop, &keys, plan).await? {
                Some(problems) => Err(problems),
                None => {
                    let experiment = Experiment {
                        id: fresh,
                        plan: plan.clone(),
                        started_at: now,
                        by: by.to_owned(),
                        ended_at: None,
                        why: String::new(),
                        winner: None,
                        stopped: Default::default(),
                    };
                    store::experiment::begin(tx, &keys, &experiment).await?;
                    job::schedule(tx, id, job::Kind::GuardRail, fresh.get(), now + LOOK_EVERY).await?;
                    Ok(())
                }
            },
        }
    })?;
    done.map_err(NotConnected::Wrong)?;
    Ok(fresh)
}

async fn refusal(read: &mut Read, shop: &Shop, keys: &ShopKeys, plan: &Plan) -> Result<Option<Vec<String>>, Error> {
    let Some(sequence) = shop.rules.sequence(&plan.sequence).filter(|sequence| sequence.on_since.is_some()) else {
        return Ok(Some(vec!["sequence: there is none of this id that is switched on".to_owned()]));
    };
    if sequence.step(plan.step).is_none() {
        return Ok(Some(vec![format!("step: {} has {} steps", sequence.id, sequence.steps.len())]));
    }
    let running = store::experiment::list(read, keys).await?;
    let same = |each: &&Experiment| {
        each.ended_at.is_none() && each.plan.sequence == plan.sequence && each.plan.step == plan.step
    };
    if let Some(other) = running.iter().find(same) {
        return Ok(Some(vec![format!("step: “{}” is still running on it", other.plan.name)]));
    }
    let mut problems = Vec::new();
    for arm in &plan.arms {
        let mut rules = shop.rules.clone();
        if let Some(sequence) = rules.sequences.iter_mut().find(|sequence| sequence.id == plan.sequence) {
            apply(sequence, plan.step, &arm.change);
        }
        problems.extend(rules.check().err().map(|why| format!("arm {}: {why}", arm.name)));
    }
    Ok(if problems.is_empty() { None } else { Some(problems) })
}

/// Ends an experiment; carts left in it keep their way. `false` when it was not on.
pub async fn stop(core: &Core, shop: ShopId, id: ExperimentId, why: &str) -> Result<bool, Error> {
    end(core, shop, id, (why, None)).await
}

async fn end(core: &Core, shop: ShopId, id: ExperimentId, how: (&str, Option<usize>)) -> Result<bool, Error> {
    let now = core.now();
    transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        match core.shop(tx, shop).await? {
            Some((_, keys)) => store::experiment::end(tx, &keys, id, how, now).await?,
            None => false,
        }
    })
}

/// Takes an arm's way over for every cart left from now on, and ends the experiment. `Ok(false)` when it was not on or
/// has no such arm.
pub async fn use_arm(core: &Core, shop: ShopId, id: ExperimentId, arm: usize) -> Result<bool, NotConnected> {
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, shop).await?;
    let found = store::experiment::list(&mut read, &keys).await?.into_iter().find(|each| each.id == id);
    drop(read);
    let Some(experiment) = found.filter(|each| each.ended_at.is_none()) else { return Ok(false) };
    let Some(chosen) = experiment.plan.arms.get(arm) else { return Ok(false) };
    let plan = &experiment.plan;
    connect::change_rules(core, shop, |rules, _| {
        let sequence = rules.sequences.iter_mut().find(|sequence| sequence.id == plan.sequence);
        let Some(sequence) = sequence.filter(|sequence| sequence.step(plan.step).is_some()) else {
            return Err(vec!["step: it is not there any more; stop the experiment instead".to_owned()]);
        };
        apply(sequence, plan.step, &chosen.change);
        Ok(())
    })
    .await?;
    Ok(end(core, shop, id, ("its winner was taken over", Some(arm))).await?)
}
