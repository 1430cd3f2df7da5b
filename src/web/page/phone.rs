//! A phone: everything its shop has on record about consent, and opting it out by hand. It is named by its keyed hash, so
//! that no number stands in an address.

use actix_web::{HttpRequest, HttpResponse, web::Form};
use data_encoding::HEXLOWER;
use serde::Deserialize;

use super::{Visit, back, show};
use crate::{
    domain::{
        consent::{Consent, ConsentFacts, Level, OptOut, OutProof, StandingName},
        event::ConsentState,
        id::MessageId,
        phone::Phone,
        seal::ShopKeys,
        time::Time,
    },
    pipeline::{ledger, reply},
    store::{
        self, Error, Read,
        reply::{How, Reply},
        shop::Shop,
    },
    web::{
        problem::Problem,
        session,
        view::{
            Page, Section, Tone,
            ledger::{Entry, Ledger},
            words::{say, t},
        },
    },
};

/// Replies shown.
const REPLIES: u32 = 50;

/// The page of a phone.
pub fn href(phone: &[u8; 16]) -> String {
    format!("/phones/{}", named(phone))
}

/// A phone's name in an address.
pub fn named(phone: &[u8; 16]) -> String {
    HEXLOWER.encode(phone)
}

fn chosen(request: &HttpRequest) -> Result<[u8; 16], Problem> {
    let name = request.match_info().get("phone").unwrap_or_default();
    let bytes = HEXLOWER.decode(name.as_bytes()).map_err(|_| Problem::NotFound)?;
    bytes.try_into().map_err(|_| Problem::NotFound)
}

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Replies).await?;
    let phone = chosen(&request)?;
    let (shop, keys) = visit.shop().ok_or(Problem::NotFound)?;
    let mut read = visit.read().await?;
    let (consents, _) = store::consent::of_phone(&mut read, keys, &phone).await?;
    let outs = store::consent::opt_outs_of(&mut read, keys, &phone).await?;
    let replies = store::reply::of_phone(&mut read, keys, &phone, REPLIES).await?;
    let number = number(&mut read, keys, &phone, &replies).await?;
    if number.is_none() && consents.is_empty() && outs.is_empty() {
        return Err(Problem::NotFound);
    }
    let facts = ledger::facts(&mut read, shop, keys, &phone, number.as_ref(), visit.page.now).await?;
    let mut entries: Vec<Entry> = consents.iter().map(of_consent).collect();
    entries.extend(outs.iter().map(|(out, proof)| of_opt_out(out, proof.as_ref(), &visit.page)));
    entries.extend(replies.iter().map(of_reply));
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.at));
    show(&Ledger {
        phone: named(&phone),
        number: number.map(|number| number.masked()).unwrap_or_default(),
        standing: standing(&facts, shop, &visit.page),
        may_be_texted: facts.may_text(),
        opted_out: facts.opted_out.is_some(),
        held_since: facts.held_since,
        entries,
        may_change: session::visitor(&visit.state, &request).await?.may_change,
        page: visit.page.clone(),
    })
}

/// Which number it is, as far as anything on record still says so.
/// The number behind a keyed hash, where a reply or a text still tells it.
pub async fn number(
    read: &mut Read,
    keys: &ShopKeys,
    phone: &[u8; 16],
    replies: &[Reply],
) -> Result<Option<Phone>, Error> {
    if let Some(reply) = replies.first() {
        return Ok(Some(Phone::restored(reply.words.from.clone())));
    }
    let texts = store::message::to_phone(read, keys, phone, Time::FIRST).await?;
    Ok(texts.into_iter().find(|text| !text.words.phone.is_empty()).map(|text| text.phone()))
}

/// Where a phone stands, as a sentence.
fn standing(facts: &ConsentFacts, shop: &Shop, page: &Page) -> String {
    let on = |at: Option<Time>| at.map_or_else(|| t("a day nobody recorded").to_owned(), |at| told(page, at));
    let level = facts.level.map_or("", Level::name);
    match facts.standing {
        StandingName::Consented => say(
            "{shop} may text this phone: consent given on {moment} ({level}).",
            &[("shop", &shop.name), ("moment", &on(facts.at)), ("level", &level)],
        ),
        StandingName::SoftOptIn => say(
            "{shop} may text this phone: a customer, who last bought on {moment}.",
            &[("shop", &shop.name), ("moment", &on(facts.ordered_at))],
        ),
        StandingName::NeedsConfirmation => {
            say("Not yet: consent was given on {moment} and has to be confirmed by text.", &[("moment", &on(facts.at))])
        }
        StandingName::Unproven => t("Not to be texted: a consent is on record, with nothing to prove it.").to_owned(),
        StandingName::Stale => say(
            "Not yet: the last sign of life was on {moment}, and the consent has to be confirmed again.",
            &[("moment", &on(facts.idle_since))],
        ),
        StandingName::Pending => {
            t("Not to be texted: the shop asked for consent, and nobody has confirmed.").to_owned()
        }
        StandingName::OptedOut => {
            let out = facts.opted_out.as_ref();
            let by = out.map_or("", |out| out.source.as_str());
            say("Opted out on {moment} by {source}.", &[("moment", &on(out.map(|out| out.at))), ("source", &by)])
        }
        StandingName::Unknown => t("Not to be texted: no consent is on record.").to_owned(),
    }
}

fn told(page: &Page, at: Time) -> String {
    crate::web::view::format::moment(at, &page.zone)
}

fn of_consent(entry: &Consent) -> Entry {
    let (what, tone) = match entry.state {
        ConsentState::Granted => (say("Consent ({level})", &[("level", &entry.level().name())]), Tone::Good),
        ConsentState::Pending => (t("Asked for consent").to_owned(), Tone::Live),
        ConsentState::Withdrawn => (t("Consent withdrawn").to_owned(), Tone::Bad),
        ConsentState::NotGiven => (t("Consent not given").to_owned(), Tone::Quiet),
        ConsentState::Restored => (t("Opt-out taken back").to_owned(), Tone::Good),
    };
    let proof = &entry.proof;
    let reply = proof.reply.as_ref();
    let named = [
        (t("Level told"), proof.level.clone()),
        (t("Words"), proof.text.clone()),
        (t("Version"), proof.version.clone()),
        (t("Given at"), proof.given_at.map(|at| at.to_string())),
        (t("Page"), proof.url.clone()),
        (t("Language"), proof.language.clone()),
        (t("Box"), proof.box_state.clone()),
        (t("Address"), proof.ip.clone()),
        (t("Browser"), proof.agent.clone()),
        (t("Reply"), reply.map(|reply| reply.text.clone())),
        (t("Received at"), reply.map(|reply| reply.received_at.to_string())),
        (t("Gateway’s own id"), reply.and_then(|reply| reply.gateway_ref.clone())),
        (t("Request"), reply.and_then(|reply| reply.request).map(|id| MessageId::new(id).to_string())),
    ];
    Entry { at: entry.at, what, tone, source: proof.source.clone(), proof: given(named) }
}

fn of_opt_out(out: &OptOut, proof: Option<&OutProof>, page: &Page) -> Entry {
    let blank = OutProof::default();
    let proof = proof.unwrap_or(&blank);
    let latency = proof.received_at.zip(proof.applied_at);
    let answered = if proof.gateway_answered { Some(t("by the gateway").to_owned()) } else { None };
    let named = [
        (t("Reply"), proof.text.clone()),
        (t("Word"), proof.word.clone()),
        (t("Language"), proof.language.clone()),
        (t("Rule"), proof.rule.map(|rule| rule.words().to_owned())),
        (t("Sent to"), proof.sent_to.clone()),
        (t("Applied at"), proof.applied_at.map(|at| told(page, at))),
        (t("After"), latency.map(|(received, applied)| format!("{} s", applied.since(received).as_secs()))),
        (t("Text"), proof.message.map(|id| MessageId::new(id).to_string())),
        (t("Confirmed"), proof.answer.map(|id| MessageId::new(id).to_string()).or(answered)),
        (t("Gateway’s code"), proof.code.clone()),
        (t("Entered by"), proof.by.clone().filter(|by| !by.is_empty())),
        (t("How they asked"), proof.note.clone()),
    ];
    Entry {
        at: out.at,
        what: t("Opted out").to_owned(),
        tone: Tone::Bad,
        source: out.source.clone(),
        proof: given(named),
    }
}

fn of_reply(reply: &Reply) -> Entry {
    let words = &reply.words;
    let how = reply.settled.as_ref().map(|done| settled(done.how, &done.by));
    let named = [
        (t("Words"), Some(words.text.clone())),
        (t("Read as"), Some(words.heard.meaning.words().to_owned())),
        (t("Sent to"), Some(words.to.clone()).filter(|to| !to.is_empty())),
        (t("Follows"), reply.follows.map(|id| id.to_string())),
        (t("State"), Some(how.unwrap_or_else(|| t("waits to be read").to_owned()))),
    ];
    Entry { at: reply.at, what: t("Reply").to_owned(), tone: Tone::Quiet, source: String::new(), proof: given(named) }
}

fn given<const N: usize>(named: [(&'static str, Option<String>); N]) -> Vec<(&'static str, String)> {
    named.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// How a reply was settled, and by whom.
pub fn settled(how: How, by: &str) -> String {
    let done = match how {
        How::Heeded => t("heeded at once"),
        How::OptedOut => t("read as a wish for no texts"),
        How::CarryOn => t("read; texts go on"),
        How::Answered => t("read and answered"),
    };
    if by.is_empty() { done.to_owned() } else { say("{done}, by {name}", &[("done", &done), ("name", &by)]) }
}

/// Why somebody is opted out by hand.
#[derive(Deserialize)]
pub struct Why {
    #[serde(default)]
    why: String,
}

/// The longest reason kept.
const WHY_CHARS_MAX: usize = 200;

pub async fn opt_out(request: HttpRequest, why: Form<Why>) -> Result<HttpResponse, Problem> {
    let visit = Visit::to_change(&request, Section::Replies).await?;
    let state = &visit.state;
    let (shop, _) = visit.shop().ok_or(Problem::NotFound)?;
    let phone = chosen(&request)?;
    let why: String = why.why.trim().chars().take(WHY_CHARS_MAX).collect();
    let by = visit.visitor.name.clone();
    if !reply::opt_out_known(&state.core, shop.id, &phone, &why, &by).await? {
        return Err(Problem::NotFound);
    }
    Ok(back(&format!("/phones/{}", named(&phone)), &request, "opted_out"))
}
