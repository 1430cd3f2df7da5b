//! Guard: what is held against fake checkouts and runaway spend. Gathers the counts for one decision, counts each text in
//! the transaction that notes its intent (under the shop's turn, so that it holds with several processes), and pauses what
//! has to wait for a person.
//!
//! A text is counted when its intent is noted and taken back only when it provably did not leave: what is *unknown* counts.
//! The cap on one phone over all shops is a place taken at the house, in a transaction of its own before the shop's.

use std::time::Duration;

use super::{Core, facts::Asking, ingest::textable, zone_of};
use crate::{
    domain::{
        cart::Cart,
        decide::Verdict,
        hours,
        id::ShopId,
        message::{MessageRef, Purpose},
        phone::Phone,
        risk::{self, Act, CartTraits, RiskFacts, Suspect, cart_oddities, ip_key, prefix_key},
        seal::ShopKeys,
        time::{DAY, HOUR, MINUTE, Time},
    },
    store::{
        self, Error, Read, Tx,
        gateway::Gateway,
        guard::{Buckets, Names, Paused, Spans},
        job,
        message::Message,
        shop::Shop,
    },
    transact,
};

const QUARTER: Duration = Duration::from_secs(15 * 60);
/// The hours a usual one is made of lie this far back.
const USUAL_BACK: Duration = DAY.saturating_mul(28);
/// A text may be tapped for this long before its silence says anything: whole countries wake up at once.
const TAPPED_WITHIN: Duration = HOUR.saturating_mul(2);
/// Counters are kept as long as anything looks at them, and a little longer.
pub(crate) const KEPT_FOR: Duration = DAY.saturating_mul(40);
/// Whose phone was texted is forgotten much sooner.
pub(crate) const PHONES_KEPT_FOR: Duration = DAY.saturating_mul(2);

/// What makes a cart nobody's, unless the shop is trying things out.
pub(crate) fn suspect(shop: &Shop, cart: &Cart) -> Option<Suspect> {
    let latest = &cart.latest;
    let phone = textable(shop, &latest.who, latest.country.as_deref());
    let found = Suspect::of(latest.who.email.as_deref(), phone.as_ref());
    found.filter(|suspect| !(suspect.is_test() && shop.rules.limits.allow_tests))
}

/// Everything the guards look at for one step of one cart.
pub(crate) async fn facts(read: &mut Read, core: &Core, asking: &Asking<'_>) -> Result<RiskFacts, Error> {
    let Asking { shop, keys, cart, sender, sending, .. } = *asking;
    let latest = &cart.latest;
    let phone = textable(shop, &latest.who, latest.country.as_deref());
    let mut facts = match &phone {
        Some(phone) => {
            let text = Text {
                phone,
                cart: Some(cart),
                sender: sender.as_ref(),
                parts: sending.map_or(1, |message| message.segments),
                lane: Lane::of(Purpose::Reminder),
                reference: sending.map(Message::reference),
            };
            counted(read, core, shop, keys, &text).await?
        }
        None => RiskFacts { halted: store::halt::standing(read).await?.is_some(), ..RiskFacts::default() },
    };
    facts.suspect = suspect(shop, cart);
    facts.oddities = cart_oddities(&CartTraits::of(cart), &shop.rules.limits);
    Ok(facts)
}

/// Reminders and requests to confirm each have their own place on a phone, or a request would cost its own reminder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    Reminder,
    Confirmation,
}

impl Lane {
    /// `None` for texts that answer somebody.
    fn of(purpose: Purpose) -> Option<Lane> {
        match purpose {
            Purpose::Reminder => Some(Lane::Reminder),
            Purpose::Confirmation | Purpose::ConfirmationAgain => Some(Lane::Confirmation),
            Purpose::Answer | Purpose::Test => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Lane::Reminder => "reminder",
            Lane::Confirmation => "confirmation",
        }
    }
}

/// A text that is asked about.
struct Text<'t> {
    phone: &'t Phone,
    cart: Option<&'t Cart>,
    sender: Option<&'t Gateway>,
    parts: u32,
    lane: Option<Lane>,
    reference: Option<MessageRef>,
}

fn names(keys: &ShopKeys, phone: &Phone, cart: Option<&Cart>, gateway: Option<&Gateway>) -> Names {
    let country = phone.country().unwrap_or_default();
    let gateway = gateway.map_or(0, |gateway| gateway.id.get());
    let ip = cart.and_then(|cart| cart.latest.browser_ip.as_deref()).and_then(ip_key);
    Names {
        ip: ip.map(|network| keys.index("ip", &network)),
        prefix: keys.index("prefix", &prefix_key(phone)),
        country: keys.index("country", &country),
        price: keys.index("price", &format!("{gateway}/{country}")),
    }
}

/// The first moment of the bucket of this length that a moment lies in.
fn bucket(at: Time, length: Duration) -> Time {
    let length = i64::try_from(length.as_millis()).unwrap_or(i64::MAX).max(1);
    Time::from_millis(at.millis().div_euclid(length).saturating_mul(length))
}

fn buckets(shop: &Shop, at: Time) -> Buckets {
    let zone = zone_of(shop);
    Buckets {
        quarter: bucket(at, QUARTER),
        hour: bucket(at, HOUR),
        day: hours::start_of_day(&zone, hours::day_of(&zone, at)),
    }
}

/// The first moment of the shop's own day.
pub(crate) fn today(shop: &Shop, now: Time) -> Time {
    buckets(shop, now).day
}

/// The next of the shop's own days.
fn next_day(shop: &Shop, at: Time) -> Option<Time> {
    let zone = zone_of(shop);
    let tomorrow = hours::day_of(&zone, at).tomorrow().ok()?;
    Some(hours::start_of_day(&zone, tomorrow))
}

fn spans(shop: &Shop, now: Time) -> Spans {
    Spans {
        // Quarters that reach into the last hour count whole: no hour, wherever it begins, holds more than its limit.
        hour_from: bucket(now - HOUR, QUARTER),
        usual_from: now - USUAL_BACK,
        usual_to: bucket(now - HOUR, HOUR),
        tappable_to: now - TAPPED_WITHIN,
        day: buckets(shop, now).day,
    }
}

/// Reads what texts about these carts will ask about their networks and numbers, at once.
pub(crate) async fn ahead(
    read: &mut Read,
    shop: &Shop,
    keys: &ShopKeys,
    texts: &[(Phone, Cart)],
    now: Time,
) -> Result<(), Error> {
    let names: Vec<Names> = texts.iter().map(|(phone, cart)| names(keys, phone, Some(cart), None)).collect();
    store::guard::ahead(read, keys, &names, &spans(shop, now)).await
}

async fn counted(
    read: &mut Read,
    core: &Core,
    shop: &Shop,
    keys: &ShopKeys,
    text: &Text<'_>,
) -> Result<RiskFacts, Error> {
    let now = core.now();
    let limits = &shop.rules.limits;
    let names = names(keys, text.phone, text.cart, text.sender);
    let sums = store::guard::sums(read, keys, &names, &spans(shop, now)).await?;
    let paused = &sums.paused;
    let halted = store::halt::standing(read).await?.is_some();
    let (phone_day_all_shops, oldest) = match text.lane {
        Some(lane) => {
            let phone = at_house(&core.vault.keys(read, ShopId::HOUSE).await?, text.phone);
            store::phone_use::by_others(read, &phone, lane.name(), text.reference, now - DAY).await?
        }
        None => (0, None),
    };
    let known = (sums.price.rows > 0).then_some(sums.price.micros);
    let small = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    Ok(RiskFacts {
        ip_hour: small(sums.ip.texts),
        ip_frees_at: sums.ip.oldest.map(|oldest| oldest + QUARTER + HOUR),
        prefix_hour: small(sums.prefix.texts),
        prefix_paused: paused.contains(&Paused::Prefix),
        prefix_untapped: small(sums.prefix_untapped.texts),
        country_paused: paused.contains(&Paused::Country),
        country_untapped: small(sums.country_untapped.texts),
        phone_day_all_shops,
        phone_frees_at: oldest.map(|oldest| oldest + DAY),
        texts_this_hour: small(sums.breaker.texts),
        usual_per_hour: small(sums.usual.texts.checked_div(sums.usual.rows).unwrap_or(0)),
        breaker_open: paused.contains(&Paused::Breaker),
        spent_today_micros: sums.spent.micros,
        price_micros: risk::estimate(text.parts, known, limits),
        day_ends_at: next_day(shop, now),
        halted,
        ..RiskFacts::default()
    })
}

/// Pauses what the counts call for, and tells a person once. In the transaction the counts were read in.
pub(crate) async fn act(
    core: &Core,
    tx: &mut Tx,
    shop: &Shop,
    keys: &ShopKeys,
    phone: &Phone,
    facts: &RiskFacts,
) -> Result<(), Error> {
    let now = core.now();
    let acts = risk::acts(facts, &shop.rules.limits);
    if acts.is_empty() {
        return Ok(());
    }
    let names = names(keys, phone, None, None);
    let country = phone.country().unwrap_or_default();
    for act in acts {
        let (kind, key, label) = match act {
            Act::OpenBreaker => (Paused::Breaker, store::guard::whole(), String::new()),
            Act::PausePrefix => (Paused::Prefix, names.prefix.to_vec(), format!("+{}…", prefix_key(phone))),
            Act::PauseCountry => (Paused::Country, names.country.to_vec(), country.clone()),
        };
        let why = why(act, facts);
        if store::guard::pause(tx, keys, kind, &key, (&why, &label), now).await? {
            tracing::error!(shop = %shop.id, kind = kind.name(), why, "paused: this looks like fraud or runaway spend");
            metrics::counter!("cartback_guard_pauses_total", "kind" => kind.name()).increment(1);
            let name = store::guard::name(kind, &key);
            let words = format!("{} Nothing of it is sent until a person resumes it (cartback risk resume).", why);
            store::alarm::raise(tx, shop.id, "risk", &name, &words, now).await?;
        }
    }
    Ok(())
}

/// Without a number: alarms and log lines are read by many.
fn why(act: Act, facts: &RiskFacts) -> String {
    match act {
        Act::OpenBreaker => format!(
            "{} texts went out within an hour, where {} are usual.",
            facts.texts_this_hour, facts.usual_per_hour
        ),
        Act::PausePrefix if facts.prefix_untapped > facts.prefix_hour => {
            format!("{} texts to one block of neighbouring numbers brought no tap.", facts.prefix_untapped)
        }
        Act::PausePrefix => {
            format!("{} texts within an hour went to one block of neighbouring numbers.", facts.prefix_hour)
        }
        Act::PauseCountry => format!("{} texts to one country brought no tap.", facts.country_untapped),
    }
}

/// What holds back a text the service sends for itself: an answer only the kill switch, what nobody asked for every cap.
pub(crate) async fn hold_notice(
    core: &Core,
    tx: &mut Tx,
    shop: &Shop,
    keys: &ShopKeys,
    message: &Message,
    sender: &Option<Gateway>,
) -> Result<Option<(Verdict, String)>, Error> {
    let now = core.now();
    let phone = message.phone();
    let cart = match message.cart() {
        Some(id) => store::cart::get(tx, keys, id).await?,
        None => None,
    };
    let facts = match Lane::of(message.purpose) {
        None => RiskFacts { halted: store::halt::standing(tx).await?.is_some(), ..RiskFacts::default() },
        lane => {
            let text = Text {
                phone: &phone,
                cart: cart.as_ref(),
                sender: sender.as_ref(),
                parts: message.segments,
                lane,
                reference: Some(message.reference()),
            };
            let facts = counted(tx, core, shop, keys, &text).await?;
            act(core, tx, shop, keys, &phone, &facts).await?;
            facts
        }
    };
    let holds = risk::judge(&facts, &shop.rules.limits, now);
    let latest = |verdict: Verdict| match verdict {
        Verdict::Pass => (0, Time::FIRST),
        Verdict::Wait(until) => (1, until),
        Verdict::Stop => (2, Time::FIRST),
    };
    Ok(holds.into_iter().max_by_key(|hold| latest(hold.verdict)).map(|hold| (hold.verdict, hold.why)))
}

/// Counts a text whose intent is being noted.
pub(crate) async fn count(
    core: &Core,
    tx: &mut Tx,
    shop: &Shop,
    keys: &ShopKeys,
    message: &Message,
) -> Result<(), Error> {
    let now = core.now();
    let (names, buckets) = (names_of(tx, keys, message).await?, buckets(shop, now));
    let known = store::guard::price(tx, keys, &names.price).await?;
    let micros = risk::estimate(message.segments, known, &shop.rules.limits);
    store::guard::spend(tx, keys, message.id, buckets.day, micros).await?;
    if Lane::of(message.purpose).is_some() {
        store::guard::count(tx, keys, &names, &buckets, message.purpose == Purpose::Reminder, 1).await?;
    }
    Ok(())
}

async fn names_of(read: &mut Read, keys: &ShopKeys, message: &Message) -> Result<Names, Error> {
    let cart = match message.cart() {
        Some(id) => store::cart::get(read, keys, id).await?,
        None => None,
    };
    let mut names = names(keys, &message.phone(), cart.as_ref(), None);
    names.price = price_name(keys, message);
    Ok(names)
}

fn price_name(keys: &ShopKeys, message: &Message) -> [u8; 16] {
    keys.index("price", &format!("{}/{}", message.gateway.get(), message.country))
}

/// Takes back what `count` counted at that moment: the text provably did not leave.
pub(crate) async fn uncount(
    tx: &mut Tx,
    shop: &Shop,
    keys: &ShopKeys,
    message: &Message,
    counted_at: Time,
) -> Result<(), Error> {
    store::guard::unspend(tx, keys, message.id).await?;
    if Lane::of(message.purpose).is_some() && !message.words.phone.is_empty() {
        let names = names_of(tx, keys, message).await?;
        let tappable = message.purpose == Purpose::Reminder;
        store::guard::count(tx, keys, &names, &buckets(shop, counted_at), tappable, -1).await?;
    }
    Ok(())
}

/// The gateway refused the text itself: it costs nothing, and still counts against those who brought the number.
pub(crate) async fn refused(tx: &mut Tx, keys: &ShopKeys, message: &Message) -> Result<(), Error> {
    store::guard::unspend(tx, keys, message.id).await
}

/// The gateway told what a text costs: the day is put right, and the next ones are taken to cost as much.
pub(crate) async fn priced(
    tx: &mut Tx,
    shop: &Shop,
    keys: &ShopKeys,
    message: &Message,
    now: Time,
) -> Result<(), Error> {
    let Some(cost) = message.cost else { return Ok(()) };
    let micros = cost.micros.max(0);
    let day = buckets(shop, message.moments.sending_at.unwrap_or(now)).day;
    store::guard::spend(tx, keys, message.id, day, micros).await?;
    let per_part = micros.saturating_add(i64::from(message.segments.max(1)) - 1) / i64::from(message.segments.max(1));
    store::guard::learn_price(tx, keys, &price_name(keys, message), per_part).await
}

/// A person tapped the link of this text.
pub(crate) async fn tapped(tx: &mut Tx, keys: &ShopKeys, message: &Message) -> Result<(), Error> {
    if message.words.phone.is_empty() {
        return Ok(());
    }
    let names = names(keys, &message.phone(), None, None);
    store::guard::tapped(tx, keys, &names.prefix, &names.country).await
}

/// A place at the house for a text that is about to ask for leave to go.
pub(crate) struct Place {
    phone: [u8; 16],
    lane: Lane,
    text: MessageRef,
    /// Texts one phone may have in a day.
    most: u32,
}

impl Place {
    /// The phone, under the house's key.
    pub(crate) fn phone(&self) -> [u8; 16] {
        self.phone
    }
}

/// The place a queued text needs on its phone, among those every shop shares, if it needs one.
pub(crate) async fn place_for(
    core: &Core,
    read: &mut Read,
    shop: &Shop,
    message: &Message,
) -> Result<Option<Place>, Error> {
    let Some(lane) = Lane::of(message.purpose) else { return Ok(None) };
    let phone = at_house(&core.vault.keys(read, ShopId::HOUSE).await?, &message.phone());
    Ok(Some(Place { phone, lane, text: message.reference(), most: shop.rules.limits.per_phone_day }))
}

/// What a phone is called at the house, whose key this is.
pub(crate) fn at_house(house: &ShopKeys, phone: &Phone) -> [u8; 16] {
    house.index("phone", phone.e164())
}

/// Does for all of a handful at once what each `take_place` begins with.
pub(crate) async fn places_ahead(tx: &mut Tx, places: &[&Place], now: Time) -> Result<(), Error> {
    for lane in [Lane::Reminder, Lane::Confirmation] {
        let phones = places.iter().filter(|place| place.lane == lane).map(|place| place.phone).collect();
        store::phone_use::reserve_ahead(tx, &phones, lane.name(), now).await?;
    }
    Ok(())
}

/// Takes the place, if there is one left. Whether it got one is asked again in the shop's transaction (`has_place`).
pub(crate) async fn take_place(tx: &mut Tx, place: &Place, now: Time) -> Result<(), Error> {
    let Place { phone, lane, text, most } = place;
    store::phone_use::reserve(tx, phone, lane.name(), *text, *most, (now - DAY, now)).await.map(|_| ())
}

/// Whether the text has its place, or needs none.
pub(crate) async fn has_place(core: &Core, read: &mut Read, message: &Message) -> Result<bool, Error> {
    let Some(lane) = Lane::of(message.purpose) else { return Ok(true) };
    let phone = at_house(&core.vault.keys(read, ShopId::HOUSE).await?, &message.phone());
    store::phone_use::holds(read, &phone, lane.name(), message.reference(), core.now() - DAY).await
}

/// How soon a text without a place asks again.
pub(crate) const NO_PLACE_WAIT: Duration = MINUTE;

/// Gives the place back, unless the text may have left meanwhile.
pub(crate) async fn give_back(core: &Core, place: &Place) -> Result<(), Error> {
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, place.text.shop).await?;
    let message = store::message::get(&mut read, &keys, place.text.message).await?;
    drop(read);
    if message.is_some_and(|message| message.moments.may_have_left()) {
        return Ok(());
    }
    transact!(core.db, |tx| store::phone_use::release(tx, &place.phone, place.lane.name(), place.text).await?)
}

/// Stops all sending of every shop, at once.
pub async fn halt(core: &Core, why: &str) -> Result<(), Error> {
    let (id, now) = (core.fresh_id(), core.now());
    tracing::error!(why, "the kill switch: nothing is sent any more");
    transact!(core.db, |tx| store::halt::halt(tx, id, why, now).await?)
}

/// Takes the switch back; what waited is asked again at once. `false` when it was not thrown.
pub async fn lift(core: &Core) -> Result<bool, Error> {
    let now = core.now();
    let lifted = transact!(core.db, |tx| store::halt::lift(tx, now).await?)?;
    if lifted {
        tracing::warn!("the kill switch was taken back");
        let mut read = core.db.read().await?;
        let shops = store::shop::ids(&mut read).await?;
        drop(read);
        for shop in shops {
            hurry(core, shop).await?;
        }
        core.wake.notify_one();
    }
    Ok(lifted)
}

/// Lets a paused block of numbers, country or shop be texted again; `false` when it is not paused.
pub async fn resume(core: &Core, shop: ShopId, kind: Paused, key: &[u8]) -> Result<bool, Error> {
    let now = core.now();
    let resumed = transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        let keys = core.vault.keys(tx, shop).await?;
        store::alarm::clear(tx, shop, "risk", &store::guard::name(kind, key), now).await?;
        store::guard::resume(tx, &keys, kind, key, now).await?
    })?;
    if resumed {
        hurry(core, shop).await?;
        core.wake.notify_one();
    }
    Ok(resumed)
}

async fn hurry(core: &Core, shop: ShopId) -> Result<(), Error> {
    let now = core.now();
    transact!(core.db, |tx| {
        job::hurry(tx, shop, job::Kind::Send, now).await?;
        job::hurry(tx, shop, job::Kind::Decide, now).await?;
    })
}
