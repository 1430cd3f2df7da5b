//! A second proof: setting one up, asking for it, taking it away. One that was begun counts from its first code on, and a
//! code, of the app or for when it is lost, is right once: whichever process asks, and after a restart. Whoever loses
//! theirs to somebody else's decision is told, by mail where there is a mail server and at their next sign-in anyhow.

use zeroize::Zeroizing;

pub use crate::domain::second::Typed;

use super::{
    Core,
    digest::Written,
    team::{self, NotDone},
};
use crate::{
    clock,
    domain::{
        id::{ShopId, UserId},
        member::LANGUAGES,
        second::{RECOVERY_CODES, Secret, recovery_code},
        time::HOUR,
    },
    store::{self, Error, house, team::Member, user::TokenHash},
    transact,
};

/// What is said of a code that is wrong, was used, or is neither kind.
pub const NOT_A_CODE: &str = "This code is not right, or it was used already. Wait for the next one and type that.";
pub const NONE_BEGUN: &str = "Nothing is being set up. Begin again.";
pub const OWN_FIRST: &str = "Set up your own second proof first, or the rule would shut you out.";

/// A secret that was made and not used is forgotten after this long.
const BEGUN_FOR: std::time::Duration = HOUR;

/// Begins one with a fresh secret. `false` when one counts already.
pub async fn begin(core: &Core, user: UserId) -> Result<bool, Error> {
    let (secret, now) = (Secret::new(clock::random()), core.now());
    transact!(core.db, |tx| {
        let house = core.vault.keys(tx, ShopId::HOUSE).await?;
        store::second::begin(tx, &house, user, &secret, now).await?
    })
}

/// The secret that was begun and does not count yet.
pub async fn begun(core: &Core, user: UserId) -> Result<Option<Secret>, Error> {
    let mut read = core.db.read().await?;
    let house = core.vault.keys(&mut read, ShopId::HOUSE).await?;
    let found = store::second::get(&mut read, &house, user).await?;
    let found = found.filter(|found| found.since.is_none() && core.now().since(found.begun_at) < BEGUN_FOR);
    Ok(found.map(|found| found.secret))
}

/// The first code of what was begun: from now on it counts, every other session ends, and the recovery codes are
/// answered, in the only moment they can be seen.
pub async fn confirm(core: &Core, user: UserId, typed: &str, session: &TokenHash) -> Result<Vec<String>, NotDone> {
    let secret = begun(core, user).await?.ok_or_else(|| NotDone::wrong(NONE_BEGUN))?;
    let now = core.now();
    let step = match Typed::read(typed) {
        Some(Typed::Code(code)) => secret.step_that_says(&code, now),
        _ => None,
    };
    let step = step.ok_or_else(|| NotDone::wrong(NOT_A_CODE))?;
    let codes = fresh_codes();
    let kept = without_dashes(&codes);
    let confirmed = transact!(core.db, |tx| {
        let house = core.vault.keys(tx, ShopId::HOUSE).await?;
        let confirmed = store::second::confirm(tx, user, step, now).await?;
        if confirmed {
            store::second::set_codes(tx, &house, user, &kept, now).await?;
            store::second::tell_reset(tx, user).await?;
            store::user::end_sessions(tx, user, Some(session)).await?;
        }
        confirmed
    })?;
    if confirmed { Ok(codes) } else { Err(NotDone::wrong(NONE_BEGUN)) }
}

fn fresh_codes() -> Vec<String> {
    (0..RECOVERY_CODES).map(|_| recovery_code(clock::random())).collect()
}

fn without_dashes(codes: &[String]) -> Zeroizing<Vec<String>> {
    Zeroizing::new(codes.iter().map(|code| code.replace('-', "")).collect())
}

/// Whether this code, of the app or for when it is lost, is right, for the first time. It is used up by it.
pub async fn prove(core: &Core, user: UserId, typed: &str) -> Result<bool, Error> {
    let now = core.now();
    match Typed::read(typed) {
        None => Ok(false),
        Some(Typed::Recovery(code)) => transact!(core.db, |tx| {
            let house = core.vault.keys(tx, ShopId::HOUSE).await?;
            store::second::use_code(tx, &house, user, &code, now).await?
        }),
        Some(Typed::Code(code)) => {
            let mut read = core.db.read().await?;
            let house = core.vault.keys(&mut read, ShopId::HOUSE).await?;
            let found = store::second::get(&mut read, &house, user).await?.filter(|found| found.since.is_some());
            drop(read);
            let Some(step) = found.and_then(|found| found.secret.step_that_says(&code, now)) else { return Ok(false) };
            transact!(core.db, |tx| store::second::use_step(tx, user, step).await?)
        }
    }
}

/// New recovery codes in place of all there were; shown once. `None` without a second proof.
pub async fn renew_codes(core: &Core, user: UserId) -> Result<Option<Vec<String>>, Error> {
    let (codes, now) = (fresh_codes(), core.now());
    let kept = without_dashes(&codes);
    let made = transact!(core.db, |tx| {
        let house = core.vault.keys(tx, ShopId::HOUSE).await?;
        let is_on = store::second::is_on(tx, user).await?;
        if is_on {
            store::second::set_codes(tx, &house, user, &kept, now).await?;
        }
        is_on
    })?;
    Ok(made.then_some(codes))
}

/// Switches it off, for whoever knows the password and has a code.
pub async fn end(core: &Core, user: UserId, password: &str, typed: &str) -> Result<(), NotDone> {
    if !team::knows_password(core, user, password).await? {
        return Err(NotDone::wrong(team::NOT_THE_OLD_ONE));
    }
    if !prove(core, user, typed).await? {
        return Err(NotDone::wrong(NOT_A_CODE));
    }
    transact!(core.db, |tx| store::second::end(tx, user).await?)?;
    Ok(())
}

/// Somebody else takes it away: an owner, or who has a shell where this runs (`by` is "" then). Its person is told. `false`
/// when there was none.
pub async fn reset(core: &Core, user: UserId, by: &str) -> Result<bool, Error> {
    let now = core.now();
    let had = transact!(core.db, |tx| {
        let had = store::second::is_on(tx, user).await?;
        store::second::end(tx, user).await?;
        if had {
            store::second::note_reset(tx, user, now).await?;
        }
        had
    })?;
    if had {
        tell(core, user, by).await?;
    }
    Ok(had)
}

/// That somebody's second proof was taken away, as a letter says it.
#[derive(Clone, Debug)]
pub struct Reset {
    /// Who did it; "" for who has a shell on the machine.
    pub by: String,
    /// Of the reader: a tag of `LANGUAGES`, or "".
    pub language: String,
    /// Our address, without a slash at the end.
    pub public_url: String,
}

/// Writes that letter. An error means that a template is broken.
pub type Writer = fn(&Reset) -> Result<Written, String>;

/// A letter that cannot be sent changes nothing: the next sign-in tells it too.
async fn tell(core: &Core, user: UserId, by: &str) -> Result<(), Error> {
    let Some(post) = &core.post else { return Ok(()) };
    let Some(member) = team::member(core, user).await?.filter(|member| !member.email.is_empty()) else { return Ok(()) };
    let written = (post.tell_reset)(&Reset {
        by: by.to_owned(),
        language: language_of(&member),
        public_url: core.public_url.clone(),
    });
    post.give(core, &member, written, format!("second-reset-{}", core.fresh_id())).await;
    Ok(())
}

/// A tag of `LANGUAGES`, or "" where somebody chose none that letters are written in.
pub(crate) fn language_of(member: &Member) -> String {
    if LANGUAGES.contains(&member.language.as_str()) { member.language.clone() } else { String::new() }
}

/// Whether owners must have one.
pub async fn owners_need(core: &Core) -> Result<bool, Error> {
    let value = store::house::setting(&mut core.db.read().await?, house::OWNERS_SECOND).await?;
    Ok(value.is_some_and(|value| value == house::YES))
}

/// Makes or ends the rule that owners must have one; only who has one may make it.
pub async fn let_owners_need(core: &Core, need: bool, by: Option<UserId>) -> Result<(), NotDone> {
    if need
        && let Some(by) = by
        && !store::second::is_on(&mut core.db.read().await?, by).await?
    {
        return Err(NotDone::wrong(OWN_FIRST));
    }
    let value = if need { house::YES } else { "no" };
    transact!(core.db, |tx| store::house::set(tx, house::OWNERS_SECOND, value).await?)?;
    Ok(())
}
