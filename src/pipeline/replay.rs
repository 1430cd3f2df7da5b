//! Replay: a kept decision is made again from what it was made of, and compared with what was decided then.

use crate::{
    domain::{
        decide::{Decision, decide},
        law::{self, Pack},
        seal::ShopKeys,
    },
    store::{self, Error, Read, decision::Kept},
};

/// What came of making a decision again.
#[derive(Clone, Debug, PartialEq)]
pub enum Again {
    /// The same facts, rules and law give the same decision.
    Same,
    /// They do not: something was changed that must not be, or this version of Cartback judges otherwise.
    Differs(Box<Decision>),
    /// What it was made of was not kept, or is gone.
    NotKept(&'static str),
}

/// Makes a decision again under the rules and the law of its day.
pub async fn again(read: &mut Read, keys: &ShopKeys, kept: &Kept) -> Result<Again, Error> {
    let made_of = &kept.made_of;
    let Some(facts) = &made_of.facts else { return Ok(Again::NotKept("its facts were not kept")) };
    let Some(rules) = store::rules::get(read, keys, made_of.rules_version).await? else {
        return Ok(Again::NotKept("the shop's rules of that day were not kept"));
    };
    let old;
    let pack = if made_of.law == law::current().version() {
        law::current()
    } else {
        let Some(text) = store::law::text(read, &made_of.law).await? else {
            return Ok(Again::NotKept("the law's data of that day was not kept"));
        };
        old = Pack::read(&text).map_err(|why| Error::damaged("law pack", why))?;
        &old
    };
    let decision = decide(facts, &rules, pack, kept.at);
    Ok(if decision == kept.decision { Again::Same } else { Again::Differs(Box::new(decision)) })
}
