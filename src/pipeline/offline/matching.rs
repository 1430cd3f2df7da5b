//! Matching: which texts the signs of some sales lead to. Plain signs are looked up through the blind index. Of hashed
//! ones there is no index, and none is made: the people texted in the weeks before those sales are read a page at a time,
//! their hashes are made, compared and dropped again. Only what matched is kept in memory; nothing is written.

use std::collections::{BTreeSet, HashMap, HashSet, hash_map::Entry};

use super::Met;
use crate::{
    domain::{
        event::Channel,
        id::{CartId, MessageId},
        message::Purpose,
        offline::{
            After, Digest, Outcome, SiteOrder, Text, Tie, Told, Verdict, WITHIN_MOST, email_digests, judge,
            phone_digests, same_as,
        },
        order::Order,
        seal::ShopKeys,
        time::{DAY, Time},
    },
    store::{
        self, Error, Read,
        identity::{self, Kind, Subject},
        message::Message,
    },
};

/// A line with what becomes of it, unless it was told before.
pub struct Judged {
    pub told: Told,
    pub outcome: Outcome,
    pub why: String,
    pub after: Option<After>,
}

/// Texts read at a time.
const PAGE: u32 = 500;
/// Orders of one name that are looked at, the newest first.
const ORDERS_MOST: usize = 100;

/// The texts that the signs of some sales lead to.
#[derive(Default)]
struct Texts {
    of_phone: Met<Text>,
    of_email: Met<Text>,
    of_digest: HashMap<(Tie, Digest), Vec<Text>>,
    /// Of each text, the cart it was about.
    carts: HashMap<MessageId, CartId>,
}

impl Texts {
    fn found(&self, keys: &ShopKeys, told: &Told, tie: Tie) -> Vec<Text> {
        let signs = &told.signs;
        let plain = |met: &Met<Text>, kind, text: &Option<String>| {
            text.as_ref().and_then(|text| met.get(&identity::value(keys, kind, text))).cloned().unwrap_or_default()
        };
        let hashed = |digest: &Option<Digest>| {
            digest.clone().and_then(|digest| self.of_digest.get(&(tie, digest))).cloned().unwrap_or_default()
        };
        match tie {
            Tie::Phone => plain(&self.of_phone, Kind::Phone, &signs.phone),
            Tie::Email => plain(&self.of_email, Kind::Email, &signs.email),
            Tie::PhoneSha256 => hashed(&signs.phone_sha256),
            Tie::EmailSha256 => hashed(&signs.email_sha256),
        }
    }
}

/// Judges some sales of a shop.
pub async fn judge_part(read: &mut Read, keys: &ShopKeys, lines: &[Told]) -> Result<Vec<Judged>, Error> {
    let texts = texts(read, keys, lines).await?;
    let mut orders: Met<SiteOrder> = HashMap::new();
    let mut judged = Vec::with_capacity(lines.len());
    for told in lines {
        let verdict = judge(told.at, |tie| texts.found(keys, told, tie));
        let mut names: BTreeSet<[u8; 16]> = BTreeSet::new();
        names.extend(told.signs.phone.as_ref().map(|phone| identity::value(keys, Kind::Phone, phone)));
        names.extend(told.signs.email.as_ref().map(|email| identity::value(keys, Kind::Email, email)));
        if let Verdict::After(after) = &verdict {
            names.insert(after.person);
            if let Some(&cart) = texts.carts.get(&after.message) {
                names.extend(identity::names(read, keys, Subject::Cart(cart)).await?.into_iter().map(|(_, name)| name));
            }
        }
        let mut theirs = by_reference(read, keys, told).await?;
        for name in names {
            let found = match orders.entry(name) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => place.insert(of_name(read, keys, &name).await?),
            };
            theirs.extend(found.iter().cloned());
        }
        judged.push(verdict_on(told, verdict, &theirs));
    }
    Ok(judged)
}

fn verdict_on(told: &Told, verdict: Verdict, orders: &[SiteOrder]) -> Judged {
    let told = told.clone();
    if let Some(order) = same_as(&told, orders) {
        return Judged { told, outcome: Outcome::Online, why: order.to_string(), after: None };
    }
    let note = told.note.clone();
    match verdict {
        Verdict::After(after) => Judged { told, outcome: Outcome::AfterText, why: note, after: Some(after) },
        Verdict::Nobody => Judged { told, outcome: Outcome::Nobody, why: note, after: None },
        Verdict::Ambiguous(people) => {
            Judged { told, outcome: Outcome::Ambiguous, why: format!("{people} people"), after: None }
        }
    }
}

async fn texts(read: &mut Read, keys: &ShopKeys, lines: &[Told]) -> Result<Texts, Error> {
    let mut texts = Texts::default();
    let (Some(first), Some(last)) = (lines.iter().map(|told| told.at).min(), lines.iter().map(|told| told.at).max())
    else {
        return Ok(texts);
    };
    let span = (first - WITHIN_MOST, last);
    let phones: BTreeSet<&String> = lines.iter().filter_map(|told| told.signs.phone.as_ref()).collect();
    for phone in phones {
        let name = identity::value(keys, Kind::Phone, phone);
        // A text is made some time before it leaves.
        let found = store::message::to_phone(read, keys, &name, span.0 - DAY * 7).await?;
        let found = taken(read, keys, &mut texts, found).await?;
        texts.of_phone.insert(name, found);
    }
    let emails: BTreeSet<&String> = lines.iter().filter_map(|told| told.signs.email.as_ref()).collect();
    for email in emails {
        let name = identity::value(keys, Kind::Email, email);
        let mut found = Vec::new();
        for cart in identity::carts(read, keys, &name).await? {
            let of_cart = store::message::of_cart(read, keys, cart).await?;
            found.extend(taken(read, keys, &mut texts, of_cart).await?);
        }
        texts.of_email.insert(name, found);
    }
    hashed(read, keys, lines, span, &mut texts).await?;
    Ok(texts)
}

/// Reads the texts that left in a span, and keeps those whose number or address has one of the hashes.
async fn hashed(
    read: &mut Read,
    keys: &ShopKeys,
    lines: &[Told],
    span: (Time, Time),
    texts: &mut Texts,
) -> Result<(), Error> {
    let phones: HashSet<&Digest> = lines.iter().filter_map(|told| told.signs.phone_sha256.as_ref()).collect();
    let emails: HashSet<&Digest> = lines.iter().filter_map(|told| told.signs.email_sha256.as_ref()).collect();
    if phones.is_empty() && emails.is_empty() {
        return Ok(());
    }
    let mut after = None;
    loop {
        let page = store::message::accepted_between(read, keys, span, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.moments.accepted_at.map(|at| (at, last.id));
        let is_last = page.len() < PAGE as usize;
        for message in page {
            if message.words.phone.is_empty() {
                continue;
            }
            let mut found: Vec<(Tie, Digest)> = Vec::new();
            if !phones.is_empty() {
                let theirs = phone_digests(&message.words.phone).into_iter().filter(|digest| phones.contains(digest));
                found.extend(theirs.map(|digest| (Tie::PhoneSha256, digest)));
            }
            if !emails.is_empty()
                && let Some(cart) = message.cart()
                && let Some(cart) = store::cart::get(read, keys, cart).await?
                && let Some(email) = cart.latest.who.email_key()
            {
                let theirs = email_digests(&email).into_iter().filter(|digest| emails.contains(digest));
                found.extend(theirs.map(|digest| (Tie::EmailSha256, digest)));
            }
            if found.is_empty() {
                continue;
            }
            for text in taken(read, keys, texts, vec![message]).await? {
                for sign in &found {
                    texts.of_digest.entry(sign.clone()).or_default().push(text.clone());
                }
            }
        }
        if is_last || after.is_none() {
            return Ok(());
        }
    }
}

/// Messages as texts that may have gone before a sale: reminders that provably left, to somebody who is not forgotten.
async fn taken(
    read: &mut Read,
    keys: &ShopKeys,
    texts: &mut Texts,
    messages: Vec<Message>,
) -> Result<Vec<Text>, Error> {
    let mut found = Vec::new();
    for message in messages {
        let Some(accepted_at) = message.moments.accepted_at else { continue };
        if message.purpose != Purpose::Reminder || message.words.phone.is_empty() {
            continue;
        }
        let clicks = store::click::of_message(read, keys, message.id).await?;
        if let Some(cart) = message.cart() {
            texts.carts.insert(message.id, cart);
        }
        found.push(Text {
            message: message.id,
            person: identity::value(keys, Kind::Phone, &message.words.phone),
            accepted_at,
            taps: clicks.iter().filter(|click| click.is_human()).map(|click| click.at).collect(),
        });
    }
    Ok(found)
}

/// Orders of the site that somebody is known by.
async fn of_name(read: &mut Read, keys: &ShopKeys, name: &[u8; 16]) -> Result<Vec<SiteOrder>, Error> {
    let mut found = Vec::new();
    for id in identity::orders(read, keys, name).await?.into_iter().rev().take(ORDERS_MOST) {
        found.extend(store::order::get(read, keys, id).await?.as_ref().and_then(site_order));
    }
    Ok(found)
}

/// Orders of the site under the sale's own reference.
async fn by_reference(read: &mut Read, keys: &ShopKeys, told: &Told) -> Result<Vec<SiteOrder>, Error> {
    if told.reference.is_empty() {
        return Ok(Vec::new());
    }
    let named = store::order::by_external_id(read, keys, &told.reference).await?;
    let numbered = store::order::by_number(read, keys, told.reference.trim_start_matches('#')).await?;
    Ok([named, numbered].iter().flatten().filter_map(site_order).collect())
}

/// An order that counts on the site: what was bought at a till is told there, but counts nowhere yet.
fn site_order(order: &Order) -> Option<SiteOrder> {
    let latest = &order.latest;
    let counts = latest.channel == Channel::Web && order.cancelled_at.is_none() && !latest.test;
    let placed_at = order.placed_at.filter(|_| counts)?;
    Some(SiteOrder { id: order.id, placed_at, total: latest.total })
}
