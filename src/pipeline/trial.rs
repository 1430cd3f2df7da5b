//! Trial: what a template would say for a cart, and a test of it to the shopkeeper's own phone. Nothing here is counted
//! anywhere: a test earns no credit, belongs to no cart, and its link leads to the shop's front door.

use std::time::Duration;

use super::{Core, discount::Giving, ingest, route, zone_of};
use crate::{
    domain::{
        cart::Cart,
        consent::Ledger,
        discount::{NewCode, code},
        event::TypedPhone,
        hours::Hours,
        id::{DiscountId, MessageId, ShopId},
        law::{self, Whereabouts},
        link::{self, Purpose as Leads},
        message::{MessageRef, Moments, Purpose},
        money::Money,
        seal::ShopKeys,
        sequence::Discount,
        sms,
        template::{self, Merge},
        time::{DAY, HOUR, Time},
        wording::{self, OptOutForm},
    },
    gateway,
    store::{
        self, Error, Read, job,
        message::{Message, Words},
        shop::Shop,
    },
    transact,
};

/// Tests to one phone in an hour: enough to get a text right, too few to bother anybody with.
pub const TESTS_PER_HOUR: usize = 10;
/// A test that cannot leave by then is dropped.
const LASTS: Duration = Duration::from_secs(60 * 60);

/// What is tried.
#[derive(Clone, Copy, Debug)]
pub struct Trial<'a> {
    pub language: &'a str,
    pub discount: Option<&'a Discount>,
    /// Whose words fill it; a made-up shopper's without.
    pub cart: Option<&'a Cart>,
}

/// Everything that would be filled in, with links as long as real ones.
#[derive(Clone)]
pub struct Filled {
    pub merge: Merge,
    /// ISO 3166-1 alpha-2 of the phone.
    pub country: String,
    /// When such a phone may be texted, by law and by the shop.
    pub hours: Hours,
    /// Whether texts may go to that country at all.
    pub on: bool,
}

/// What a template is filled with for this cart.
pub async fn fill(
    read: &mut Read,
    core: &Core,
    (shop, keys): (&Shop, &ShopKeys),
    trial: &Trial<'_>,
) -> Result<Filled, Error> {
    // No message has this number, so that its links lead nowhere.
    filled(read, core, (shop, keys), trial, None, MessageId::new(0)).await
}

async fn filled(
    read: &mut Read,
    core: &Core,
    (shop, keys): (&Shop, &ShopKeys),
    trial: &Trial<'_>,
    to: Option<&str>,
    id: MessageId,
) -> Result<Filled, Error> {
    let latest = trial.cart.map(|cart| &cart.latest);
    let country = to.map(str::to_owned).or_else(|| {
        let latest = latest?;
        ingest::textable(shop, &latest.who, latest.country.as_deref())?.country()
    });
    let country = country.unwrap_or_else(|| shop.country.clone());
    let whereabouts = Whereabouts { phone_country: country.clone(), address_country: None, states: Vec::new() };
    let binding = law::current().binding(&whereabouts, core.now());
    let sender = route::sender(core, read, shop, Some(country.as_str())).await?;
    let two_way = sender
        .as_ref()
        .is_some_and(|sender| gateway::by_kind(&sender.kind).is_some_and(|kind| kind.hears_replies(&sender.settings)));
    let reference = MessageRef { shop: shop.id, message: id };
    let url = |kind: char, leads| format!("{}/{kind}/{}", core.public_url, link::sign(keys, leads, reference));
    let form = OptOutForm {
        two_way,
        url: &url('o', Leads::OptOut),
        short_code: Some(shop.rules.opt_out_short_code.as_str())
            .filter(|code| binding.stop_short_code && !code.is_empty()),
        country: Some(&country),
    };
    let opt_out = wording::opt_out(&form, Some(trial.language));
    let sample = Merge::sample(&shop.name, &url('r', Leads::Restore), &opt_out);
    let (code, code_value, code_until) = discount(shop, trial, core.now());
    let merge = match latest {
        None => Merge { total: Some(Money::new(6_490, shop.currency).to_string()), ..sample },
        Some(latest) => Merge {
            first_name: latest.first_name.clone(),
            total: latest.total.map(|total| total.to_string()),
            items: latest.items.first().map(|item| item.title.clone()),
            item_count: latest.items.iter().map(|item| item.quantity).sum(),
            ..sample
        },
    };
    let pool = store::call::numbers(read, keys).await?;
    // Which number a text shows is its own matter; here any does.
    let call_number = pool.into_iter().rfind(|number| number.removed_at.is_none()).map(|number| number.number);
    let merge = Merge { code, code_value, code_until, call_number, ..merge };
    Ok(Filled { merge, country, hours: binding.hours(shop.rules.hours_in(&whereabouts.phone_country)), on: binding.on })
}

/// Code, value and last day as the step's discount would have them.
fn discount(shop: &Shop, trial: &Trial<'_>, now: Time) -> (Option<String>, Option<String>, Option<String>) {
    match trial.discount {
        None => (None, None, None),
        Some(Discount::Fixed(fixed)) => (Some(fixed.code.clone()), None, None),
        Some(Discount::Unique(plan)) => {
            let giving = Giving::New(NewCode {
                id: DiscountId::new(0),
                // As long as a drawn one, and nobody's.
                code: code(&shop.name, [0; 16]),
                plan: plan.clone(),
                starts_at: now,
                expires_at: now + plan.valid_for().min(DAY * shop.rules.link_days),
            });
            let until = giving.last_day(&zone_of(shop)).map(|day| wording::date(Some(trial.language), day));
            (giving.code().map(str::to_owned), giving.value(), until)
        }
    }
}

/// Why no test was sent.
#[derive(Debug, thiserror::Error)]
pub enum NotSent {
    /// In words for the shopkeeper.
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Store(#[from] Error),
}

/// Queues a test of this template to a phone, as it is typed. It leaves like any other text, at any hour: the phone is the
/// shopkeeper's own. It never goes to a phone that opted out, while the shop is stopped, or to a country the shop does
/// not text.
pub async fn send(core: &Core, shop: ShopId, trial: &Trial<'_>, source: &str, typed: &str) -> Result<(), NotSent> {
    let done: Result<(), String> = transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        queue(core, tx, shop, trial, source, typed).await?
    })?;
    core.wake.notify_one();
    done.map_err(NotSent::Refused)
}

async fn queue(
    core: &Core,
    tx: &mut store::Tx,
    shop: ShopId,
    trial: &Trial<'_>,
    source: &str,
    typed: &str,
) -> Result<Result<(), String>, Error> {
    let refused = |why: &str| Ok(Err(why.to_owned()));
    let now = core.now();
    let Some((shop, keys)) = core.shop(tx, shop).await? else { return refused("there is no such shop") };
    // Before going live a test is the very thing to send.
    if let Some(why) = shop.stopped().filter(|_| !shop.waits_to_go_live()) {
        return refused(&format!("no text leaves: {why}"));
    }
    let typed = TypedPhone { number: typed.trim().to_owned(), country: None };
    let phone = match ingest::read_phone(&shop, &typed, None) {
        Ok(phone) => phone,
        Err(problem) => return refused(&format!("this number cannot be texted: {problem}")),
    };
    let country = phone.country().unwrap_or_default();
    let account = route::sender(core, tx, &shop, Some(country.as_str())).await?;
    let Some(account) = account else { return refused("connect a gateway first") };
    if account.paused_at.is_some() {
        return refused(&format!("the gateway {} is paused", account.name));
    }
    let allowed =
        if shop.rules.countries.is_empty() { country == shop.country } else { shop.rules.countries.contains(&country) };
    if !allowed {
        return refused(&format!(
            "the shop does not text numbers of {country}; its rule `countries` says which it does"
        ));
    }
    let index = store::consent::phone_index(&keys, &phone);
    let (consents, outs) = store::consent::of_phone(tx, &keys, &index).await?;
    if Ledger::of(consents, outs).opted_out().is_some() {
        return refused("this phone opted out of the shop's texts; it gets none, not even a test");
    }
    let recent = store::message::to_phone(tx, &keys, &index, now - HOUR).await?;
    if recent.iter().filter(|message| message.purpose == Purpose::Test).count() >= TESTS_PER_HOUR {
        return refused(&format!("{TESTS_PER_HOUR} tests an hour are enough for one phone"));
    }
    let id = MessageId::new(core.fresh_id());
    let filled = filled(tx, core, (&shop, &keys), trial, Some(&country), id).await?;
    if let Err(problems) = template::check_within(source, &filled.merge, shop.rules.parts_most) {
        return Ok(Err(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")));
    }
    let text = template::render(source, &filled.merge).unwrap_or_default();
    let segments = sms::segments(&text);
    let message = Message {
        shop: shop.id,
        id,
        purpose: Purpose::Test,
        // About nothing but itself.
        about: id.get(),
        sequence: String::new(),
        step: 0,
        gateway_shop: account.shop,
        gateway: account.id,
        country,
        words: Words {
            phone: phone.e164().to_owned(),
            text,
            encoding: segments.encoding,
            language: Some(trial.language.to_owned()),
            code: None,
            own_code: false,
        },
        segments: segments.count,
        created_at: now,
        expires_at: now + LASTS,
        attempt: 0,
        sending_by: None,
        moments: Moments::default(),
        reason: String::new(),
        gateway_ref: None,
        cost: None,
        cost_listed: false,
    };
    store::message::create(tx, &keys, &message).await?;
    job::schedule(tx, shop.id, job::Kind::Send, id.get(), now).await?;
    Ok(Ok(()))
}
