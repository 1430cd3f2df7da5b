//! Dry run: what a shop's sequences would have done to its own carts of the last days, at several delays. Loads the carts
//! with everything the gates look at, page by page, and has [`crate::domain::dry_run`] play them. Reads only: nothing is
//! sent, written or held, and no connection is kept between two pages.

use std::collections::{BTreeMap, HashMap};

use super::{
    Core, call, discount,
    facts::{Asking, service, whereabouts, why_not, written_for},
    guard, holdout,
    ingest::{carried_consent, textable},
    route,
    sequence::{self, Plan},
};
use crate::{
    domain::{
        self,
        call::Number,
        cart::Cart,
        consent::{ConsentFacts, Ledger},
        decide::{CapFacts, CartFacts, Facts, GatewayFact, StepFacts, abandoned_at},
        dry_run::{self, Past, Play, Price, Row, Written},
        hand::HandFacts,
        id::{MessageId, ShopId},
        law,
        phone::Phone,
        risk::{CartTraits, RiskFacts, cart_oddities},
        rules::Rules,
        seal::ShopKeys,
        sequence::{Buyer, Choice, Closed, Sequence, choose},
        sms::segments,
        time::{DAY, Time},
        zone,
    },
    store::{
        self, Error, Read,
        cart::{Left, Mark},
        gateway::Gateway,
        identity,
        shop::Shop,
    },
};

/// Carts looked at, at most: the newest. A page answers within seconds; a command may take its time.
pub const CARTS_MOST: usize = 20_000;
pub const CARTS_MOST_ON_A_PAGE: usize = 5_000;
/// Carts read with one connection.
const PAGE: u32 = 200;
/// What a part costs is taken from the texts of so many days.
const PRICE_DAYS: u32 = 90;
/// Texted carts that are named.
const NAMED_MOST: usize = 50;

/// What is asked for; `dry_run::check` has seen days and delays.
#[derive(Clone, Debug)]
pub struct Asked {
    pub days: u32,
    /// Minutes after abandonment.
    pub delays: Vec<u32>,
    /// One sequence, on or off; `None`: those that are on, or every one where none is.
    pub sequence: Option<String>,
    /// Carts looked at, at most.
    pub carts_most: usize,
}

/// What came out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub from: Time,
    pub to: Time,
    pub days: u32,
    /// The names of the sequences that were played.
    pub sequences: Vec<String>,
    /// Minutes without activity after which a cart counts as left, by the rules of today.
    pub abandoned_after_minutes: u32,
    /// Carts looked at, and whether there are more than were.
    pub seen: u64,
    pub is_cut: bool,
    /// Bought without having been left before, or with nothing on record of when the shopper paused.
    pub bought_at_once: u64,
    /// Still being filled.
    pub open: u64,
    /// Tests, robots, tills, staff.
    pub nobodys: u64,
    /// Left carts: the sum of everything in a row.
    pub left: u64,
    /// The sequences as they are, then each delay.
    pub rows: Vec<Row>,
    /// What a part costs, as far as the gateways told.
    pub prices: Vec<Price>,
    /// No gateway is connected: a sender that hears replies was taken for granted.
    pub without_gateway: bool,
}

impl Report {
    /// The row of the sequences as they are.
    pub fn own(&self) -> Option<&Row> {
        self.rows.iter().find(|row| row.delay.is_none())
    }
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub enum NotRun {
    #[error("there is no such shop")]
    NoShop,
    /// The sequence of this id.
    #[error("there is no sequence {0}")]
    NoSequence(String),
    #[error(transparent)]
    Store(#[from] Error),
}

/// Plays the shop's last days.
pub async fn run(core: &Core, shop: ShopId, asked: &Asked) -> Result<Report, NotRun> {
    let now = core.now();
    let mut read = core.db.read().await?;
    let (shop, keys) = core.shop(&mut read, shop).await?.ok_or(NotRun::NoShop)?;
    let sequences = played(&shop.rules, asked.sequence.as_deref())?;
    let sender = route::sender(core, &mut read, &shop, Some(shop.country.as_str())).await?;
    let has_runs = !store::holdout::runs(&mut read, shop.id).await?.is_empty();
    let prices = prices(&mut read, &keys, now - DAY * PRICE_DAYS).await?;
    let numbers = store::call::numbers(&mut read, &keys).await?;
    drop(read);
    let from = now - DAY * asked.days;
    let plan = |sequence: &Sequence| Plan { sequence: sequence.clone(), left_out: None, drawn: Vec::new() };
    let mut history = History {
        core,
        shop: &shop,
        keys: &keys,
        plans: sequences.iter().map(plan).collect(),
        asks_buyer: asks_buyer(&sequences),
        sequences: &sequences,
        sender,
        has_runs,
        numbers,
        report: Report {
            from,
            to: now,
            days: asked.days,
            sequences: sequences.iter().map(|sequence| sequence.name.clone()).collect(),
            abandoned_after_minutes: shop.rules.abandoned_after_minutes,
            seen: 0,
            is_cut: false,
            bought_at_once: 0,
            open: 0,
            nobodys: 0,
            left: 0,
            rows: Vec::new(),
            prices,
            without_gateway: false,
        },
        pasts: Vec::new(),
        known: HashMap::new(),
        names: HashMap::new(),
    };
    history.report.without_gateway = history.sender.is_none();
    history.load(now, asked.carts_most).await?;
    history.find_newer_carts();
    let History { mut report, pasts, .. } = history;
    report.left = pasts.len() as u64;
    report.rows = rows(shop.rules, sequences, pasts, &report.prices, &asked.delays).await?;
    Ok(report)
}

/// Every delay is reckoned away from the threads that answer others.
async fn rows(
    rules: Rules,
    sequences: Vec<Sequence>,
    pasts: Vec<Past>,
    prices: &[Price],
    delays: &[u32],
) -> Result<Vec<Row>, Error> {
    let delays: Vec<Option<u32>> = std::iter::once(None).chain(delays.iter().copied().map(Some)).collect();
    let prices = prices.to_vec();
    let work = move || {
        let of = |delay: Option<u32>| {
            let named_most = if delay.is_none() { NAMED_MOST } else { 0 };
            let pack = law::current();
            let (rules, sequences, prices) = (&rules, &sequences[..], &prices[..]);
            dry_run::play(&pasts, &Play { rules, pack, sequences, delay, prices, named_most })
        };
        delays.into_iter().map(of).collect()
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| Error::Busy)
}

/// The sequences to play, each as if it had been on all the time.
fn played(rules: &Rules, named: Option<&str>) -> Result<Vec<Sequence>, NotRun> {
    let all = || rules.sequences.iter();
    let chosen: Vec<&Sequence> = match named {
        Some(id) => vec![rules.sequence(id).ok_or_else(|| NotRun::NoSequence(id.to_owned()))?],
        None if all().any(|sequence| sequence.on_since.is_some()) => {
            all().filter(|sequence| sequence.on_since.is_some()).collect()
        }
        None => all().collect(),
    };
    Ok(chosen.into_iter().map(|sequence| Sequence { on_since: Some(Time::FIRST), ..sequence.clone() }).collect())
}

/// Whether any condition asks who bought before: only then it is looked up.
fn asks_buyer(sequences: &[Sequence]) -> bool {
    let conditions = sequences
        .iter()
        .flat_map(|sequence| std::iter::once(&sequence.when).chain(sequence.steps.iter().map(|step| &step.when)));
    conditions.into_iter().any(|when| when.buyer != Buyer::Any)
}

/// What a part costs by country: the currency most parts were paid in.
async fn prices(read: &mut Read, keys: &ShopKeys, since: Time) -> Result<Vec<Price>, Error> {
    let mut told = store::message::told_prices(read, keys, since).await?;
    told.retain(|told| told.parts > 0);
    told.sort_by(|a, b| (&a.country, b.parts).cmp(&(&b.country, a.parts)));
    told.dedup_by(|later, first| later.country == first.country);
    let price = |told: store::message::Told| {
        let parts = i64::try_from(told.parts).unwrap_or(i64::MAX);
        Price { country: told.country, currency: told.cost.currency, micros: told.cost.micros / parts.max(1) }
    };
    Ok(told.into_iter().map(price).collect())
}

/// What is on record about one phone, read once however many carts it left.
#[derive(Clone, Default)]
struct Known {
    ledger: Ledger,
    orders: Vec<Time>,
}

/// The history while it is being read.
struct History<'h> {
    core: &'h Core,
    shop: &'h Shop,
    keys: &'h ShopKeys,
    plans: Vec<Plan>,
    sequences: &'h [Sequence],
    asks_buyer: bool,
    sender: Option<Gateway>,
    has_runs: bool,
    /// What texts show for calls.
    numbers: Vec<Number>,
    report: Report,
    pasts: Vec<Past>,
    known: HashMap<[u8; 16], Known>,
    /// By each name of a person: when they began a cart, and its place among `pasts`.
    names: HashMap<[u8; 16], Vec<(Time, usize)>>,
}

impl History<'_> {
    async fn load(&mut self, now: Time, carts_most: usize) -> Result<(), Error> {
        let mut mark = Mark::from(now);
        loop {
            let mut read = self.core.db.read().await?;
            let page = store::cart::past(&mut read, self.keys, self.report.from, mark, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            mark = last.mark;
            for left in page {
                if self.report.seen >= carts_most as u64 {
                    self.report.is_cut = true;
                    return Ok(());
                }
                self.report.seen += 1;
                self.take(&mut read, left, now).await?;
            }
        }
    }

    async fn take(&mut self, read: &mut Read, left: Left, now: Time) -> Result<(), Error> {
        let Left { mut cart, texted_at, .. } = left;
        if !cart.is_recoverable() || guard::suspect(self.shop, &cart).is_some() {
            self.report.nobodys += 1;
            return Ok(());
        }
        let rules = &self.shop.rules;
        // A cart that was marked keeps its moment; of the others the last activity tells, unless the order wrote over it.
        let left_at = cart.abandoned_at.unwrap_or_else(|| abandoned_at(rules, cart.active_at()));
        if cart.bought_at.is_some_and(|bought| bought <= left_at) {
            self.report.bought_at_once += 1;
            return Ok(());
        }
        if left_at > now {
            self.report.open += 1;
            return Ok(());
        }
        cart.abandoned_at = Some(left_at);
        let past = self.past(read, &cart, left_at, texted_at).await?;
        let place = self.pasts.len();
        if past.phone.is_some() {
            for (_, value) in sequence::person(read, self.keys, &cart).await? {
                self.names.entry(value).or_default().push((cart.started_at, place));
            }
        }
        self.pasts.push(past);
        Ok(())
    }

    async fn past(
        &mut self,
        read: &mut Read,
        cart: &Cart,
        left_at: Time,
        texted_at: Option<Time>,
    ) -> Result<Past, Error> {
        let (shop, keys) = (self.shop, self.keys);
        let phone = textable(shop, &cart.latest.who, cart.latest.country.as_deref());
        let index = phone.as_ref().map(|phone| store::consent::phone_index(keys, phone));
        let mut known = match index {
            Some(index) => self.known_of(read, index).await?,
            None => Known::default(),
        };
        if let Some(phone) = &phone {
            let before = |at: Time| at <= left_at;
            let consents: Vec<_> = known.ledger.consents.iter().filter(|entry| before(entry.at)).cloned().collect();
            let outs: Vec<_> = known.ledger.opt_outs.iter().filter(|entry| before(entry.at)).cloned().collect();
            known.ledger.consents.extend(carried_consent(shop, cart, phone, &consents, &outs));
        }
        let returning = self.asks_buyer && sequence::bought_before(read, keys, cart, left_at).await?;
        let intent = sequence::asked_intent(read, keys, cart, left_at, self.sequences).await?;
        let traits = sequence::traits_of(shop, cart, left_at, returning, intent);
        let course = match choose(self.sequences, &traits) {
            Choice::Chosen(chosen) => {
                Ok(self.sequences.iter().position(|sequence| sequence.id == chosen.id).unwrap_or_default())
            }
            Choice::None { .. } => Err(sequence::none_fits(self.sequences, &traits)),
        };
        let mut steps = Vec::new();
        if let (Ok(course), Some(phone)) = (&course, &phone)
            && let Some(plan) = self.plans.get(*course)
        {
            for (number, step) in (1..).zip(&plan.sequence.steps) {
                let mut written = self.written(cart, plan, number, phone);
                written.refusal = step.when.refusal(&traits).map(|why| format!("text {number}: {why}"));
                steps.push(written);
            }
        }
        let holdout = match self.has_runs {
            true => holdout::facts(read, keys, cart, phone.as_ref()).await?,
            false => None,
        };
        Ok(Past {
            cart: cart.id,
            phone: index,
            base: Facts { holdout, ..self.base(cart, phone.as_ref(), left_at) },
            ledger: known.ledger,
            orders: known.orders,
            quiet_since: left_at - shop.rules.abandoned_after(),
            gone_at: cart.deleted_at,
            texted_at,
            newer_cart_at: None,
            items: sequence::pieces(cart),
            course,
            steps,
        })
    }

    async fn known_of(&mut self, read: &mut Read, index: [u8; 16]) -> Result<Known, Error> {
        if let Some(known) = self.known.get(&index) {
            return Ok(known.clone());
        }
        let (consents, outs) = store::consent::of_phone(read, self.keys, &index).await?;
        let mut orders = Vec::new();
        for id in identity::orders(read, self.keys, &index).await? {
            let order = store::order::get(read, self.keys, id).await?;
            let stands = order.filter(|order| order.latest.cancelled_at.is_none() && !order.latest.test);
            orders.extend(stands.and_then(|order| order.placed_at));
        }
        let known = Known { ledger: Ledger::of(consents, outs), orders };
        self.known.insert(index, known.clone());
        Ok(known)
    }

    fn written(&self, cart: &Cart, plan: &Plan, step: u32, phone: &Phone) -> Written {
        let fresh = MessageId::new(self.core.fresh_id());
        let (shop, keys, sender) = (self.shop, self.keys, &self.sender);
        let asking = Asking { shop, keys, cart, plan, step, sender, sending: None, fresh };
        let giving = discount::giving(self.core, &asking);
        let asks = plan.sequence.step(step).is_some_and(call::is_asked_for);
        let shown = || domain::call::shown(&self.numbers, &plan.sequence.id, fresh);
        let number = asks.then(shown).flatten().map(|number| number.number.clone());
        let (words, content) = written_for(self.core, &asking, phone, &giving, number);
        let parts = words.map_or(1, |words| segments(&words.text).count);
        Written { content, parts, refusal: None }
    }

    /// What the gates look at that does not change with the moment; the rest is filled in when they are asked.
    fn base(&self, cart: &Cart, phone: Option<&Phone>, left_at: Time) -> Facts {
        let (shop, latest) = (self.shop, &cart.latest);
        let country = latest.country.as_deref();
        let whereabouts = whereabouts(cart, phone);
        let binding = law::current().binding(&whereabouts, left_at);
        let mut service = service(shop, &self.sender, binding.stop_short_code);
        // What is paused or not connected now says nothing of what a text would have been worth.
        service.stopped = None;
        service.gateway = GatewayFact::Ready;
        service.two_way |= self.sender.is_none();
        Facts {
            zone: shop.zone.clone(),
            shop_country: shop.country.clone(),
            service,
            number: match phone {
                Some(phone) => Ok(phone.country().unwrap_or_default()),
                None => Err(why_not(shop, cart).to_string()),
            },
            zones: phone.map_or_else(zone::Zones::default, |phone| {
                zone::candidates(phone, country, latest.region.as_deref(), latest.zone.as_deref())
            }),
            consent: ConsentFacts::of(&Ledger::default(), &shop.rules.terms(&binding), None, left_at),
            whereabouts,
            cart: CartFacts {
                abandoned_at: Some(left_at),
                active_at: cart.active_at(),
                bought_at: cart.bought_at,
                gone: false,
                recoverable: true,
                has_link: latest.recovery_url.is_some(),
                // Not what the shop's settings say now, either.
                astray: None,
                pieces: (!latest.items.is_empty())
                    .then(|| latest.items.iter().map(|item| u64::from(item.quantity)).sum()),
            },
            step: StepFacts {
                sequence: String::new(),
                number: 1,
                due_at: left_at,
                deadline_at: None,
                closed: Closed::Wait,
                left_out: None,
                made: None,
                discount: false,
            },
            caps: CapFacts::default(),
            risk: RiskFacts {
                oddities: cart_oddities(&CartTraits::of(cart), &shop.rules.limits),
                ..RiskFacts::default()
            },
            hand: HandFacts::default(),
            restored: None,
            holdout: None,
            content: None,
            leaving: false,
        }
    }

    /// When the person of each cart began the next one that can be texted about.
    fn find_newer_carts(&mut self) {
        let mut newer: BTreeMap<usize, Time> = BTreeMap::new();
        for carts in self.names.values_mut() {
            carts.sort_unstable();
            carts.dedup();
            for pair in carts.windows(2) {
                if let [(began, place), (next, _)] = pair
                    && next > began
                {
                    newer.entry(*place).and_modify(|known| *known = (*known).min(*next)).or_insert(*next);
                }
            }
        }
        for (place, at) in newer {
            if let Some(past) = self.pasts.get_mut(place) {
                past.newer_cart_at = Some(at);
            }
        }
    }
}
