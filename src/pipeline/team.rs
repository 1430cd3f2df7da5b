//! The team: taking somebody in, what they may do, taking them out again; passwords and the links that stand in for
//! them. There is always an owner: whoever would take the last one away is refused, also when two do it at once.

use std::{collections::BTreeSet, time::Duration};

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::Core;
use crate::{
    clock,
    domain::{
        id::{ShopId, UserId},
        member::{self, Email, LANGUAGES, Reach, Role},
        password,
        time::{DAY, Time},
    },
    store::{self, Error, Tx, team::Member, user::TokenHash},
    transact,
};

/// How long a one-time link works.
pub const LINK_WITHIN: Duration = DAY;

/// Why something about the team was not done.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    /// Each a sentence for whoever typed it.
    #[error("{}", .0.join("\n"))]
    Wrong(Vec<String>),
    #[error("there is nobody like that in the team")]
    Nobody,
    #[error("this is the last owner: make somebody else an owner first")]
    LastOwner,
    #[error(transparent)]
    Store(#[from] Error),
}

impl NotDone {
    pub(super) fn wrong(sentence: impl Into<String>) -> NotDone {
        NotDone::Wrong(vec![sentence.into()])
    }
}

/// The form in which a token of a link or a session is kept: SHA-256 of its text.
pub fn hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// A fresh token and its hash.
pub fn token() -> (String, TokenHash) {
    let token = BASE64URL_NOPAD.encode(&clock::random::<32>());
    let hash = hash(&token);
    (token, hash)
}

fn link_of(core: &Core, token: &str) -> String {
    format!("{}/sign-in/{token}", core.public_url)
}

/// A fresh one-time link for the first owner, who is made if there is none yet.
pub async fn owner_link(core: &Core) -> Result<String, Error> {
    let (token, hash) = token();
    let (fresh, now) = (UserId::new(core.fresh_id()), core.now());
    transact!(core.db, |tx| {
        let owner = store::user::ensure_owner(tx, fresh, now).await?;
        store::user::add_link(tx, &hash, owner, now + LINK_WITHIN).await?;
    })?;
    Ok(link_of(core, &token))
}

/// A fresh one-time link for somebody of the team; whoever uses it chooses a new password. It is told once.
pub async fn link(core: &Core, id: UserId) -> Result<String, NotDone> {
    let (token, hash) = token();
    let now = core.now();
    let known = transact!(core.db, |tx| {
        let house = core.vault.keys(tx, ShopId::HOUSE).await?;
        let known = store::team::get(tx, &house, id).await?.is_some();
        if known {
            store::user::add_link(tx, &hash, id, now + LINK_WITHIN).await?;
        }
        known
    })?;
    if known { Ok(link_of(core, &token)) } else { Err(NotDone::Nobody) }
}

/// Everybody of the team.
pub async fn list(core: &Core) -> Result<Vec<Member>, Error> {
    let mut read = core.db.read().await?;
    let house = core.vault.keys(&mut read, ShopId::HOUSE).await?;
    store::team::list(&mut read, &house).await
}

pub async fn member(core: &Core, id: UserId) -> Result<Option<Member>, Error> {
    let mut read = core.db.read().await?;
    let house = core.vault.keys(&mut read, ShopId::HOUSE).await?;
    store::team::get(&mut read, &house, id).await
}

/// Whom an address belongs to.
pub async fn by_email(core: &Core, typed: &str) -> Result<Option<UserId>, Error> {
    let Some(email) = Email::parse(typed) else { return Ok(None) };
    let mut read = core.db.read().await?;
    let house = core.vault.keys(&mut read, ShopId::HOUSE).await?;
    Ok(store::team::by_email(&mut read, &house, &email).await?.map(|(id, _)| id))
}

/// Owners have every shop; anybody else every one or some, which must exist and be at least one.
async fn reach(core: &Core, role: Role, asked: &Reach) -> Result<Reach, NotDone> {
    let Reach::These(shops) = asked else { return Ok(Reach::Every) };
    if role == Role::Owner {
        return Ok(Reach::Every);
    }
    if shops.is_empty() {
        return Err(NotDone::wrong("Choose at least one shop, or every shop."));
    }
    let known: BTreeSet<ShopId> = store::shop::ids(&mut core.db.read().await?).await?.into_iter().collect();
    match shops.difference(&known).next() {
        Some(shop) => Err(NotDone::wrong(format!("There is no shop {shop}."))),
        None => Ok(asked.clone()),
    }
}

/// Takes somebody in; answers who they are and the one-time link with which they choose name and password.
pub async fn invite(
    core: &Core,
    email: &str,
    name: &str,
    role: Role,
    asked: &Reach,
) -> Result<(UserId, String), NotDone> {
    let email = Email::parse(email).ok_or_else(|| NotDone::wrong(NOT_AN_EMAIL))?;
    let name = if name.trim().is_empty() { Some(String::new()) } else { member::name(name) };
    let name = name.ok_or_else(|| NotDone::wrong(NOT_A_NAME))?;
    let reach = reach(core, role, asked).await?;
    let (id, now) = (UserId::new(core.fresh_id()), core.now());
    let (token, hash) = token();
    let made = transact!(core.db, |tx| {
        let house = core.vault.keys(tx, ShopId::HOUSE).await?;
        let free = store::team::by_email(tx, &house, &email).await?.is_none();
        if free {
            store::team::add(tx, &house, id, &name, &email, now).await?;
            store::team::set_role(tx, id, role, &reach, now).await?;
            store::user::add_link(tx, &hash, id, now + LINK_WITHIN).await?;
        }
        free
    });
    match made {
        Ok(true) => Ok((id, link_of(core, &token))),
        Ok(false) | Err(Error::Duplicate) => Err(NotDone::wrong(TAKEN)),
        Err(error) => Err(error.into()),
    }
}

const NOT_AN_EMAIL: &str = "This is not an e-mail address.";
const NOT_A_NAME: &str = "A name has 1 to 60 characters on one line.";
const TAKEN: &str = "Somebody of the team has this e-mail address already.";

/// Changes what somebody may do, and where. Where that is anything new every session of theirs ends: one that was taken
/// over does not grow with its person.
pub async fn change(core: &Core, id: UserId, role: Role, asked: &Reach) -> Result<(), NotDone> {
    let reach = reach(core, role, asked).await?;
    let now = core.now();
    transact!(core.db, |tx| {
        match but_an_owner(core, tx, id, role == Role::Owner).await? {
            Ok(member) => {
                if (member.role, &member.reach) != (role, &reach) {
                    store::team::set_role(tx, id, role, &reach, now).await?;
                    store::user::end_sessions(tx, id, None).await?;
                    store::second::end_halves(tx, id).await?;
                }
                Ok(())
            }
            Err(refused) => Err(refused),
        }
    })?
}

/// Ends every session of these people, and every way in that was opened and not used; answers how many sessions that were.
pub async fn sign_out(core: &Core, who: &[UserId]) -> Result<u64, Error> {
    transact!(core.db, |tx| {
        let mut ended = 0;
        for &id in who {
            ended += store::user::end_sessions(tx, id, None).await?;
            store::second::end_halves(tx, id).await?;
            store::user::end_links(tx, id).await?;
        }
        ended
    })
}

/// Ends somebody's membership, their sessions and their links, at once.
pub async fn remove(core: &Core, id: UserId) -> Result<(), NotDone> {
    let now = core.now();
    transact!(core.db, |tx| {
        match but_an_owner(core, tx, id, false).await? {
            Ok(_) => {
                store::team::remove(tx, id, now).await?;
                store::user::end_sessions(tx, id, None).await?;
                store::user::end_links(tx, id).await?;
                Ok(())
            }
            Err(refused) => Err(refused),
        }
    })?
}

/// Whether this person is there, and an owner remains should this one stop being one. Holds the house's turn from here
/// on, so that two owners cannot take each other away.
async fn but_an_owner(core: &Core, tx: &mut Tx, id: UserId, stays: bool) -> Result<Result<Member, NotDone>, Error> {
    store::shop::take_turn(tx, ShopId::HOUSE).await?;
    let house = core.vault.keys(tx, ShopId::HOUSE).await?;
    let Some(member) = store::team::get(tx, &house, id).await? else { return Ok(Err(NotDone::Nobody)) };
    let last = member.role == Role::Owner && !stays && store::team::owners(tx).await? <= 1;
    Ok(if last { Err(NotDone::LastOwner) } else { Ok(member) })
}

/// Passwords worked on at once: each takes 19 MiB and a core for tens of milliseconds.
const HASHING_MOST: usize = 2;
/// Who waits longer for a turn is told that we are busy.
const HASHING_WITHIN: Duration = Duration::from_secs(5);
static HASHING: Semaphore = Semaphore::const_new(HASHING_MOST);

async fn slowly<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
    let turn = tokio::time::timeout(HASHING_WITHIN, HASHING.acquire()).await.map_err(|_| Error::Busy)?;
    let done = tokio::task::spawn_blocking(work).await.map_err(|_| Error::Busy);
    drop(turn);
    done
}

async fn hashed(password: &str) -> Result<String, Error> {
    let (password, salt) = (password.to_owned(), clock::random());
    let hash = slowly(move || password::hash(&password, &salt)).await?;
    hash.ok_or_else(|| Error::damaged("password", "it could not be hashed"))
}

/// Whose address and password these are. An unknown address, and somebody without a password, take as long as a wrong
/// password does.
pub async fn recognise(core: &Core, email: &str, typed: &str) -> Result<Recognised, Error> {
    let found = match Email::parse(email) {
        Some(email) => {
            let mut read = core.db.read().await?;
            let house = core.vault.keys(&mut read, ShopId::HOUSE).await?;
            store::team::by_email(&mut read, &house, &email).await?
        }
        None => None,
    };
    let (id, kept) = match found {
        Some((id, kept)) if !kept.is_empty() => (Some(id), kept),
        Some((id, _)) => (Some(id), password::NOBODYS.to_owned()),
        None => (None, password::NOBODYS.to_owned()),
    };
    let typed = typed.to_owned();
    let good = slowly(move || password::verify(&typed, &kept)).await?;
    Ok(match id {
        Some(id) if good => Recognised::Yes(id),
        Some(id) => Recognised::No(Some(id)),
        None => Recognised::No(None),
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recognised {
    Yes(UserId),
    /// Whose address it was, for the record; the answer is the same for everybody.
    No(Option<UserId>),
}

/// What somebody who follows their first or a renewing link chooses.
#[derive(Clone)]
pub struct Chosen {
    pub name: String,
    pub email: String,
    pub password: String,
}

/// Sets name, address and password, and ends every other session. Only for somebody whose session may (`User::renews`,
/// or without a password): the old one is not asked for.
pub async fn set_up(core: &Core, id: UserId, chosen: &Chosen, session: &TokenHash) -> Result<(), NotDone> {
    let mut problems = Vec::new();
    let name = member::name(&chosen.name);
    if name.is_none() {
        problems.push(NOT_A_NAME.to_owned());
    }
    let email = Email::parse(&chosen.email);
    if email.is_none() {
        problems.push(NOT_AN_EMAIL.to_owned());
    }
    problems.extend(refused(&chosen.password, &known_of(core, &chosen.email, &chosen.name).await?));
    let (Some(name), Some(email), true) = (name, email, problems.is_empty()) else {
        return Err(NotDone::Wrong(problems));
    };
    let (hash, now) = (hashed(&chosen.password).await?, core.now());
    let set = transact!(core.db, |tx| {
        let house = core.vault.keys(tx, ShopId::HOUSE).await?;
        let taken = store::team::by_email(tx, &house, &email).await?.is_some_and(|(other, _)| other != id);
        if !taken {
            store::team::set_name(tx, id, &name).await?;
            store::team::set_email(tx, &house, id, &email).await?;
            renew(tx, id, &hash, session, now).await?;
        }
        taken
    });
    match set {
        Ok(false) => Ok(()),
        Ok(true) | Err(Error::Duplicate) => Err(NotDone::wrong(TAKEN)),
        Err(error) => Err(error.into()),
    }
}

/// A new password: every other session ends, and so does the right to choose one without the old one.
async fn renew(tx: &mut Tx, id: UserId, hash: &str, session: &TokenHash, now: Time) -> Result<(), Error> {
    store::team::set_password(tx, id, hash).await?;
    store::user::end_sessions(tx, id, Some(session)).await?;
    store::user::end_links(tx, id).await?;
    store::second::end_halves(tx, id).await?;
    store::user::prove_session(tx, session, now).await?;
    store::user::end_renewing(tx, id).await
}

/// What strangers know of somebody: address, name, and what their shops are called.
async fn known_of(core: &Core, email: &str, name: &str) -> Result<Vec<String>, Error> {
    let shops = store::shop::list(&mut core.db.read().await?, &core.vault).await?;
    let shops = shops.into_iter().map(|shop| shop.name);
    Ok([email.to_owned(), name.to_owned()].into_iter().chain(shops).collect())
}

fn refused(password: &str, known: &[String]) -> Option<String> {
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let weak = password::check(password, &known).err()?.to_string();
    let mut letters = weak.chars();
    Some(letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).chain(['.']).collect())
}

/// Whether this is the password somebody has now; `false` for who has none.
pub async fn knows_password(core: &Core, id: UserId, typed: &str) -> Result<bool, Error> {
    let kept = store::team::password(&mut core.db.read().await?, id).await?;
    let typed = typed.to_owned();
    Ok(!kept.is_empty() && slowly(move || password::verify(&typed, &kept)).await?)
}

/// Changes a password for whoever knows the old one, and ends every other session.
pub async fn change_password(
    core: &Core,
    id: UserId,
    old: &str,
    new: &str,
    session: &TokenHash,
) -> Result<(), NotDone> {
    let member = member(core, id).await?.ok_or(NotDone::Nobody)?;
    if !knows_password(core, id, old).await? {
        return Err(NotDone::wrong(NOT_THE_OLD_ONE));
    }
    if let Some(problem) = refused(new, &known_of(core, &member.email, &member.name).await?) {
        return Err(NotDone::wrong(problem));
    }
    let (hash, now) = (hashed(new).await?, core.now());
    transact!(core.db, |tx| renew(tx, id, &hash, session, now).await?)?;
    Ok(())
}

/// What is said when the old password is wrong.
pub const NOT_THE_OLD_ONE: &str = "This is not the password you have now.";

/// Changes what somebody is called and in which language they read.
pub async fn introduce(core: &Core, id: UserId, name: &str, language: &str) -> Result<(), NotDone> {
    let name = member::name(name).ok_or_else(|| NotDone::wrong(NOT_A_NAME))?;
    if !language.is_empty() && !LANGUAGES.contains(&language) {
        return Err(NotDone::wrong("Choose one of the languages."));
    }
    transact!(core.db, |tx| {
        store::team::set_name(tx, id, &name).await?;
        store::team::set_language(tx, id, language).await?;
    })?;
    Ok(())
}
