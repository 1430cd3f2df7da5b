//! Digest: a shop's figures by mail. Decides who may get them, when an issue is owed and what became of it; what a letter
//! says is its writer's (`Post::write`), how it travels `crate::mail`'s.
//!
//! What must hold: at most one issue per occurrence, also when a process dies in the middle. The intent is noted before
//! anything is said to the mail server, by whoever is first; an intent without an outcome is *unknown* and is not sent
//! again. What was missed while nobody ran is one issue, the newest. Nobody gets figures they may no longer see on a page.

use std::{sync::Arc, time::Duration};

use jiff::tz::TimeZone;

use super::{Core, report, zone_of};
use crate::{
    domain::{
        digest::{self, NotARhythm, Rhythm, Span},
        id::{ShopId, UserId},
        member::LANGUAGES,
        report::Report,
        time::{DAY, HOUR, MINUTE, Time},
    },
    mail::{Letter, Mail, NotSent},
    store::{
        self, Error, Read,
        digest::{Digest, Issue},
        job::{self, Job},
        shop::Shop,
        team::Member,
    },
    transact,
};

/// What digests need beside the store. `Core` has none where no mail server is set.
#[derive(Clone)]
pub struct Post {
    pub mail: Arc<dyn Mail>,
    /// Where letters are given, for people.
    pub place: String,
    pub write: fn(&Edition) -> Result<Written, String>,
    /// Writes to whoever lost their second proof to somebody else's decision.
    pub tell_reset: super::second::Writer,
    /// Writes to owners that something is silent.
    pub tell_silence: super::watch::Writer,
}

impl Post {
    /// Gives a letter that is not worth a job: whoever wrote it can do without. `false` when it did not leave.
    pub(crate) async fn give(&self, core: &Core, to: &Member, written: Result<Written, String>, id: String) -> bool {
        let written = match written {
            Ok(written) => written,
            Err(why) => {
                tracing::error!(why, "a letter could not be written");
                return false;
            }
        };
        let letter = Letter {
            to: to.email.clone(),
            name: to.name.clone(),
            subject: written.subject,
            text: written.text,
            html: written.html,
            id,
            stop_url: None,
            at: core.now(),
        };
        match self.mail.send(letter).await {
            Ok(()) => true,
            Err(why) => {
                tracing::warn!(%why, user = %to.id, "a letter did not leave");
                false
            }
        }
    }
}

/// Everything an issue is written from.
#[derive(Clone, Debug)]
pub struct Edition {
    pub shop: Shop,
    pub rhythm: Rhythm,
    pub span: Span,
    pub report: Report,
    /// `None` where the days before lie before the shop was connected.
    pub before: Option<Report>,
    /// Alarms of the shop that stand.
    pub alarms: u64,
    /// Of the reader: a tag of `LANGUAGES`.
    pub language: String,
    /// Our address, without a slash at the end.
    pub public_url: String,
    pub stop_url: String,
}

/// An issue as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// Why something about digests was not done; a sentence for whoever asked.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    #[error("No mail server is set up.")]
    NoServer,
    #[error("There is nobody like that in the team, or they may not see this shop.")]
    NotTheirs,
    #[error("There is no e-mail address to send it to yet.")]
    NoAddress,
    #[error(transparent)]
    Wrong(#[from] NotARhythm),
    #[error(transparent)]
    NotSent(#[from] NotSent),
    #[error(transparent)]
    Store(#[from] Error),
}

/// The first wait after a letter that did not leave; it doubles.
const RETRY_FIRST: Duration = Duration::from_secs(5 * MINUTE.as_secs());
const RETRY_MOST: Duration = Duration::from_secs(2 * HOUR.as_secs());
/// Figures older than this are no news.
const GIVE_UP_AFTER: Duration = DAY;
/// How long issues are remembered.
pub const KEPT_FOR: Duration = Duration::from_secs(400 * DAY.as_secs());

/// Somebody gets the shop's figures from now on, or in another rhythm. `language` is the one they read just now, for who
/// follows their browser.
pub async fn set(core: &Core, shop: ShopId, reader: UserId, rhythm: Rhythm, language: &str) -> Result<Digest, NotDone> {
    if core.post.is_none() {
        return Err(NotDone::NoServer);
    }
    let mut read = core.db.read().await?;
    let (found, _) = allowed(core, &mut read, shop, reader).await?.ok_or(NotDone::NotTheirs)?;
    address(core, &mut read, reader).await?;
    drop(read);
    let now = core.now();
    let next = rhythm.next(&zone_of(&found), now).ok_or(NotARhythm::Never)?;
    let digest = Digest { shop, reader, rhythm, language: spoken(language), since: now };
    transact!(core.db, |tx| {
        store::digest::set(tx, &digest).await?;
        job::schedule(tx, shop, job::Kind::Digest, reader.get(), next.at).await?;
    })?;
    Ok(digest)
}

/// Ends it; `false` when there was none.
pub async fn stop(core: &Core, shop: ShopId, reader: UserId) -> Result<bool, Error> {
    transact!(core.db, |tx| {
        job::cancel(tx, shop, job::Kind::Digest, reader.get()).await?;
        store::digest::end(tx, shop, reader).await?
    })
}

/// Whose digest the link in a letter ends. `None` when it is no link of ours.
async fn named(core: &Core, token: &str) -> Result<Option<(Shop, UserId)>, Error> {
    let Some((shop, unverified)) = digest::stop_token_of(token).filter(|(shop, _)| shop.get() > 0) else {
        return Ok(None);
    };
    let mut read = core.db.read().await?;
    let Some((shop, keys)) = core.shop(&mut read, shop).await? else { return Ok(None) };
    Ok(digest::reader(&unverified, &keys).map(|reader| (shop, reader)))
}

/// The name of the shop whose digest a link ends, for its page.
pub async fn stop_page(core: &Core, token: &str) -> Result<Option<String>, Error> {
    Ok(named(core, token).await?.map(|(shop, _)| shop.name))
}

/// Ends the digest a link names. It works as often as it is followed, and without anybody signed in.
pub async fn stop_by_link(core: &Core, token: &str) -> Result<Option<String>, Error> {
    let Some((shop, reader)) = named(core, token).await? else { return Ok(None) };
    stop(core, shop.id, reader).await?;
    Ok(Some(shop.name))
}

/// Sends one at once, outside every rhythm, and waits for what the mail server says: a proof that it works.
pub async fn send_now(core: &Core, shop: ShopId, reader: UserId, language: &str) -> Result<(), NotDone> {
    let post = core.post.clone().ok_or(NotDone::NoServer)?;
    let mut read = core.db.read().await?;
    let (shop, member) = allowed(core, &mut read, shop, reader).await?.ok_or(NotDone::NotTheirs)?;
    address(core, &mut read, reader).await?;
    let known = store::digest::get(&mut read, shop.id, reader).await?;
    let digest = known.unwrap_or_else(|| Digest {
        shop: shop.id,
        reader,
        rhythm: Rhythm::Weekly,
        language: spoken(language),
        since: core.now(),
    });
    let now = core.now();
    let id = format!("digest-{}-{}-proof-{}", shop.id, reader.get(), core.fresh_id());
    let letter = letter(core, &mut read, &post, (&shop, &member), &digest, now, id).await?;
    drop(read);
    Ok(post.mail.send(letter).await?)
}

fn spoken(language: &str) -> String {
    LANGUAGES.into_iter().find(|known| *known == language).unwrap_or("en").to_owned()
}

/// Shop and person, when the person may see the shop and it is one to tell of. What they may see is asked anew each time.
async fn allowed(core: &Core, read: &mut Read, shop: ShopId, reader: UserId) -> Result<Option<(Shop, Member)>, Error> {
    let Some((shop, _)) = core.shop(read, shop).await? else { return Ok(None) };
    let house = core.vault.keys(read, ShopId::HOUSE).await?;
    let member = store::team::get(read, &house, reader).await?;
    let stands = shop.erased_at.is_none() && shop.uninstalled_at.is_none();
    Ok(member.filter(|member| stands && member.reach.has(shop.id)).map(|member| (shop, member)))
}

async fn address(core: &Core, read: &mut Read, reader: UserId) -> Result<String, NotDone> {
    let house = core.vault.keys(read, ShopId::HOUSE).await?;
    let member = store::team::get(read, &house, reader).await?;
    member.map(|member| member.email).filter(|email| !email.is_empty()).ok_or(NotDone::NoAddress)
}

/// What a claimed job finds.
enum Found {
    /// Nobody is to get anything any more.
    Nobody,
    /// Nothing is owed before this moment.
    Nothing(Option<Time>),
    /// It was begun, and what became of it is not known.
    Begun(Issue, Option<Time>),
    Owed(Box<Owed>),
}

struct Owed {
    shop: Shop,
    member: Member,
    digest: Digest,
    issue: Issue,
    next: Option<Time>,
}

/// Sends what is owed, and waits for the next occurrence.
pub async fn digest(core: &Core, job: &Job) -> Result<(), Error> {
    let mut read = core.db.read().await?;
    // Whoever waited for long may have lost its claim, and another is at it.
    if !job::holds(&mut read, job).await? {
        return Ok(());
    }
    match find(core, &mut read, job).await? {
        Found::Nobody => transact!(core.db, |tx| {
            store::digest::end(tx, job.shop, UserId::new(job.subject)).await?;
            job::finish(tx, job).await.map(|_| ())?
        }),
        Found::Nothing(next) => settle(core, job, None, next).await,
        Found::Begun(issue, next) => {
            let why = "The process ended while it was being sent: it may have arrived.";
            let issue = Issue { unknown_at: Some(core.now()), why: why.to_owned(), ..issue };
            settle(core, job, Some(&issue), next).await
        }
        Found::Owed(owed) => {
            drop(read);
            send(core, job, *owed).await
        }
    }
}

async fn find(core: &Core, read: &mut Read, job: &Job) -> Result<Found, Error> {
    let (now, reader) = (core.now(), UserId::new(job.subject));
    let Some(digest) = store::digest::get(read, job.shop, reader).await? else { return Ok(Found::Nobody) };
    let Some((shop, member)) = allowed(core, read, job.shop, reader).await? else { return Ok(Found::Nobody) };
    let zone = zone_of(&shop);
    let next = digest.rhythm.next(&zone, now).map(|next| next.at);
    let newest = digest.rhythm.newest(&zone, now).filter(|newest| newest.at > digest.since);
    let Some(newest) = newest else { return Ok(Found::Nothing(next)) };
    let known = store::digest::issue_of(read, job.shop, reader, newest.wall).await?;
    let issue = known.unwrap_or_else(|| Issue {
        occurrence: newest.wall,
        due_at: newest.at,
        tries: 0,
        begun_at: None,
        sent_at: None,
        refused_at: None,
        unknown_at: None,
        why: String::new(),
    });
    Ok(match () {
        () if issue.is_over() => Found::Nothing(next),
        () if issue.begun_at.is_some() => Found::Begun(issue, next),
        () => Found::Owed(Box::new(Owed { shop, member, digest, issue, next })),
    })
}

async fn send(core: &Core, job: &Job, owed: Owed) -> Result<(), Error> {
    let Owed { shop, member, digest, mut issue, next } = owed;
    let refuse = |mut issue: Issue, why: &NotDone| {
        (issue.refused_at, issue.why) = (Some(core.now()), why.to_string());
        issue
    };
    let Some(post) = core.post.clone() else {
        return settle(core, job, Some(&refuse(issue, &NotDone::NoServer)), next).await;
    };
    if member.email.is_empty() {
        return settle(core, job, Some(&refuse(issue, &NotDone::NoAddress)), next).await;
    }
    let mut read = core.db.read().await?;
    let id = format!("digest-{}-{}-{}", shop.id, member.id.get(), issue.occurrence.millis());
    let letter = letter(core, &mut read, &post, (&shop, &member), &digest, issue.due_at, id).await?;
    drop(read);
    issue.begun_at = Some(core.now());
    issue.tries = issue.tries.saturating_add(1);
    // Whoever notes the intent sends it; anybody else finds it begun.
    let mine = transact!(core.db, |tx| store::digest::begin(tx, shop.id, member.id, &issue).await?)?;
    if !mine {
        return Ok(());
    }
    let outcome = post.mail.send(letter).await;
    let now = core.now();
    issue.why = outcome.as_ref().err().map(ToString::to_string).unwrap_or_default();
    let mut due = next;
    match outcome {
        Ok(()) => issue.sent_at = Some(now),
        Err(NotSent::Refused(_)) => issue.refused_at = Some(now),
        Err(NotSent::Unknown(_)) => issue.unknown_at = Some(now),
        Err(NotSent::Later(_)) => {
            issue.begun_at = None;
            let again = now + wait(issue.tries);
            let is_news = again.since(issue.due_at) < GIVE_UP_AFTER && next.is_none_or(|next| again < next);
            if is_news { due = Some(again) } else { issue.refused_at = Some(now) }
        }
    }
    if !issue.why.is_empty() {
        tracing::warn!(shop = %shop.id, reader = %member.id, tries = issue.tries, why = issue.why, "a digest was not sent");
    }
    settle(core, job, Some(&issue), due).await
}

fn wait(tries: u32) -> Duration {
    RETRY_FIRST.saturating_mul(1 << tries.saturating_sub(1).min(8)).min(RETRY_MOST)
}

/// Records how an issue stands, and when to look again.
async fn settle(core: &Core, job: &Job, issue: Option<&Issue>, next: Option<Time>) -> Result<(), Error> {
    transact!(core.db, |tx| {
        if let Some(issue) = issue {
            store::digest::record(tx, job.shop, UserId::new(job.subject), issue).await?;
        }
        match next {
            Some(next) => job::put_back(tx, job, next).await?,
            None => job::finish(tx, job).await.map(|_| ())?,
        }
    })
}

/// The letter of an issue sent at this moment.
async fn letter(
    core: &Core,
    read: &mut Read,
    post: &Post,
    (shop, member): (&Shop, &Member),
    digest: &Digest,
    at: Time,
    id: String,
) -> Result<Letter, Error> {
    let edition = edition(core, read, shop, member, digest, at).await?;
    let Written { subject, text, html } = (post.write)(&edition).map_err(|why| Error::damaged("digest", why))?;
    Ok(Letter {
        to: member.email.clone(),
        name: member.name.clone(),
        subject,
        text,
        html,
        id,
        stop_url: Some(edition.stop_url),
        at: core.now(),
    })
}

async fn edition(
    core: &Core,
    read: &mut Read,
    shop: &Shop,
    member: &Member,
    digest: &Digest,
    at: Time,
) -> Result<Edition, Error> {
    let zone: TimeZone = zone_of(shop);
    let span = digest.rhythm.span(&zone, at);
    let keys = core.vault.keys(read, shop.id).await?;
    let whole = report::between(core, read, shop, span.from, span.to).await?;
    let before = report::before(core, read, shop, span.before.0, span.before.1).await?;
    let language = if member.language.is_empty() { &digest.language } else { &member.language };
    Ok(Edition {
        shop: shop.clone(),
        rhythm: digest.rhythm.clone(),
        span,
        report: whole,
        before,
        alarms: store::alarm::standing(read, &keys).await?.len() as u64,
        language: language.clone(),
        public_url: core.public_url.clone(),
        stop_url: format!("{}/digest/stop/{}", core.public_url, digest::stop_token(&keys, member.id)),
    })
}
