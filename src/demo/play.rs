//! The play: who comes to the simulated shops, what they do there, and how they answer a text. Pure: a moment in, what
//! the shop and its shoppers then send out. It knows nothing of the service but the texts that arrived on a phone.

mod purchase;
mod watcher;

use std::collections::{BTreeMap, HashMap};

use purchase::Way;
use serde_json::{Value, json};

use super::{
    cast::{Number, Person, SHOPS},
    chance::Chance,
    script::{Answer, Script},
    webhook::{self, Checkout, Line, Order, Webhook},
};
use crate::domain::{
    money::Currency,
    time::{HOUR, MINUTE, Time},
};

/// Something the simulated world sends to the service.
#[derive(Clone, Debug)]
pub enum Signal {
    /// A shop tells of a checkout, an order, a refund.
    Webhook { shop: usize, webhook: Webhook },
    /// A carrier's receipt, or a person's reply, through the gateway.
    Callback { shop: usize, body: Value },
    /// Somebody, or something, opens a link.
    Open { visit: usize, link: String, agent: &'static str },
}

/// What happened at once, and in words.
#[derive(Clone, Debug, Default)]
pub struct Scene {
    pub signals: Vec<Signal>,
    pub said: Vec<String>,
    /// Whether it matters when exactly the service hears of it.
    pub prompt: bool,
    /// The visit that became an order.
    pub bought: Option<usize>,
}

/// Somebody's visit to a shop.
#[derive(Clone, Debug)]
pub struct Visit {
    pub shop: usize,
    pub checkout: Checkout,
    pub order: Option<Order>,
    script: Script,
    /// Where the recovery link led, path and query; what the order will call its landing page.
    landing: Option<String>,
}

/// A text as a phone shows it.
#[derive(Clone, Debug)]
pub struct Text {
    pub shop: usize,
    /// The message's name at the gateway.
    pub reference: String,
    /// E.164.
    pub to: String,
    pub step: u32,
    pub words: String,
    /// It asks to confirm that texts are wanted.
    pub asks: bool,
}

#[derive(Clone, Debug)]
enum Deed {
    Arrive {
        shop: usize,
        script: Box<Script>,
        more: bool,
    },
    Fill(usize),
    Add(usize),
    Buy(usize),
    BuyElsewhere(usize),
    BuyAtTheTill(usize),
    Receipt {
        shop: usize,
        reference: String,
        status: &'static str,
    },
    Open {
        visit: usize,
        link: String,
        by_person: bool,
    },
    Stop(usize),
    /// Confirms that texts are wanted.
    Confirm(usize),
    Withdraw(usize),
    Refund {
        visit: usize,
        per_mille: i64,
    },
    Cancel(usize),
}

const PHONE_BROWSER: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like \
                             Gecko) Version/18.5 Mobile/15E148 Safari/604.1";
/// What a messaging app sends that draws a preview of a link.
const PREVIEW: &str = "facebookexternalhit/1.1 Facebot Twitterbot/1.0";

/// Whoever watches the demo.
pub const YOUR_PHONE: &str = "+38668000001";

/// Checkouts begun in each hour of a day, as weights.
const HOURS: [u64; 24] = [1, 0, 0, 0, 0, 1, 2, 4, 6, 7, 7, 8, 8, 7, 7, 7, 8, 9, 10, 12, 13, 12, 8, 4];

/// Everything that happens outside the service.
pub struct Play {
    pub chance: Chance,
    /// The simulated shops' own address, without a slash at the end.
    base: String,
    pub visits: Vec<Visit>,
    /// The last order number of each shop.
    pub numbers: [u64; SHOPS.len()],
    /// The newest visit by (shop, number).
    by_phone: HashMap<(usize, String), usize>,
    by_token: HashMap<String, usize>,
    regulars: [Vec<Person>; SHOPS.len()],
    agenda: BTreeMap<(Time, u64), Deed>,
    turn: u64,
}

impl Play {
    pub fn new(seed: u64, base: &str, numbers: [u64; SHOPS.len()]) -> Play {
        Play {
            chance: Chance::new(seed),
            base: base.to_owned(),
            visits: Vec::new(),
            numbers,
            by_phone: HashMap::new(),
            by_token: HashMap::new(),
            regulars: [const { Vec::new() }; SHOPS.len()],
            agenda: BTreeMap::new(),
            turn: 0,
        }
    }

    /// When something happens next.
    pub fn next(&self) -> Option<Time> {
        self.agenda.keys().next().map(|(at, _)| *at)
    }

    fn plan(&mut self, at: Time, deed: Deed) {
        self.turn += 1;
        self.agenda.insert((at, self.turn), deed);
    }

    /// Fills a day of the past with `count` visits to a shop.
    pub fn plan_day(&mut self, shop: usize, start: Time, count: u64) {
        for _ in 0..count {
            let hour = self.chance.weighed(HOURS.iter().copied());
            let at = start + HOUR * hour as u32 + self.chance.minutes(0, 60);
            let script = Box::new(Script::drawn(&mut self.chance));
            self.plan(at, Deed::Arrive { shop, script, more: false });
        }
    }

    /// From here on somebody comes every now and then, the first few as `scripts` says.
    pub fn keep_coming(&mut self, now: Time, scripts: Vec<Script>) {
        let mut at = now;
        let last = scripts.len().saturating_sub(1);
        for (place, script) in scripts.into_iter().enumerate() {
            at = at + self.chance.minutes(2, 6);
            let deed = Deed::Arrive { shop: place % SHOPS.len(), script: Box::new(script), more: place == last };
            self.plan(at, deed);
        }
    }

    /// The night is slept through: what was to happen happens that much later.
    pub fn sleep(&mut self, span: std::time::Duration) {
        let agenda = std::mem::take(&mut self.agenda);
        self.agenda = agenda.into_iter().map(|((at, turn), deed)| ((at + span, turn), deed)).collect();
    }

    /// What happens at this moment; `None` when nothing does (yet).
    pub fn perform(&mut self, now: Time) -> Option<Scene> {
        let (&key, _) = self.agenda.range(..=(now, u64::MAX)).next()?;
        let deed = self.agenda.remove(&key)?;
        let mut scene = Scene::default();
        match deed {
            Deed::Arrive { shop, script, more } => self.arrive(shop, *script, more, now, &mut scene),
            Deed::Fill(visit) => self.fill(visit, now, &mut scene),
            Deed::Add(visit) => self.add(visit, now, &mut scene),
            Deed::Buy(visit) => self.buy(visit, Way::Here, now, &mut scene),
            Deed::BuyElsewhere(visit) => self.buy(visit, Way::Elsewhere, now, &mut scene),
            Deed::BuyAtTheTill(visit) => self.buy(visit, Way::Till, now, &mut scene),
            Deed::Receipt { shop, reference, status } => {
                let body = json!({ "type": "receipt", "reference": reference, "status": status });
                scene.prompt = true;
                scene.signals.push(Signal::Callback { shop, body });
            }
            Deed::Open { visit, link, by_person } => self.open(visit, link, by_person, &mut scene),
            Deed::Stop(visit) => self.answer(visit, "STOP", &mut scene),
            Deed::Confirm(visit) => self.answer(visit, "Yes", &mut scene),
            Deed::Withdraw(visit) => self.withdraw(visit, now, &mut scene),
            Deed::Refund { visit, per_mille } => self.refund(visit, per_mille, now, &mut scene),
            Deed::Cancel(visit) => self.cancel(visit, now, &mut scene),
        }
        Some(scene)
    }

    fn send(&mut self, shop: usize, topic: &'static str, body: &Value, now: Time, scene: &mut Scene) {
        let webhook = Webhook::new(topic, body, now, &mut self.chance);
        // Shopify delivers at least once.
        if self.chance.happens(15) {
            scene.signals.push(Signal::Webhook { shop, webhook: webhook.clone() });
        }
        scene.signals.push(Signal::Webhook { shop, webhook });
    }

    fn arrive(&mut self, shop: usize, script: Script, more: bool, now: Time, scene: &mut Scene) {
        if more {
            let next = now + self.chance.minutes(16, 34);
            let (shop, script) = (usize::from(self.chance.happens(300)), Box::new(Script::drawn(&mut self.chance)));
            self.plan(next, Deed::Arrive { shop, script, more });
        }
        let (Some(profile), Some(regulars)) = (SHOPS.get(shop), self.regulars.get(shop)) else { return };
        let again = script.number == Number::Mobile && self.chance.happens(120);
        let person = again.then(|| self.chance.one(regulars).cloned()).flatten();
        let person = person.unwrap_or_else(|| Person::meet(profile, script.number, &mut self.chance));
        let Some(visit) = self.begin(shop, person, script, now) else { return };
        let Some(Visit { checkout, script, .. }) = self.visits.get(visit).cloned() else { return };
        self.send(shop, "checkouts/create", &checkout.body(now, None), now, scene);
        if script.number == Number::None && self.chance.happens(500) {
            return;
        }
        let filled = now + self.chance.minutes(1, 4);
        self.plan(filled, Deed::Fill(visit));
        if self.chance.happens(150) {
            let at = filled + self.chance.minutes(1, 8);
            self.plan(at, Deed::Add(visit));
        } else if script.finishes {
            let at = filled + self.chance.minutes(2, 12);
            self.plan(at, Deed::Buy(visit));
        }
    }

    /// Opens a checkout with a basket for somebody.
    fn begin(&mut self, shop: usize, person: Person, script: Script, now: Time) -> Option<usize> {
        let currency = Currency::parse(SHOPS.get(shop)?.currency).ok()?;
        let token = format!("{}{}", self.chance.hex(), self.chance.hex());
        let url = format!("{}/demo/checkout/{token}?key={}&shop={shop}", self.base, self.chance.hex());
        let mut lines = Vec::new();
        for _ in 0..=self.chance.weighed([5, 3, 2].into_iter()) {
            lines.extend(self.choose(shop, &lines));
        }
        let checkout = Checkout {
            cart_token: self.chance.hex(),
            currency,
            token,
            lines,
            person,
            known: false,
            ticked: script.ticks,
            url,
            started_at: now,
        };
        Some(self.enter(Visit { shop, checkout, order: None, script, landing: None }))
    }

    /// Takes up a visit, also one of a run before this.
    pub fn enter(&mut self, visit: Visit) -> usize {
        let place = self.visits.len();
        if let Some(phone) = &visit.checkout.person.phone {
            self.by_phone.insert((visit.shop, phone.clone()), place);
        }
        self.by_token.insert(visit.checkout.token.clone(), place);
        self.visits.push(visit);
        place
    }

    fn choose(&mut self, shop: usize, already: &[Line]) -> Option<Line> {
        let (title, price) = *self.chance.one(SHOPS.get(shop)?.goods)?;
        let quantity = 1 + u32::from(self.chance.happens(250));
        let known = already.iter().any(|line| line.title == title);
        (!known).then(|| Line { title: title.to_owned(), quantity, price })
    }

    fn fill(&mut self, visit: usize, now: Time, scene: &mut Scene) {
        let Some(it) = self.visits.get_mut(visit) else { return };
        it.checkout.known = true;
        let (shop, checkout, script) = (it.shop, it.checkout.clone(), it.script.clone());
        if script.number == Number::Mobile
            && let Some(regulars) = self.regulars.get_mut(shop)
        {
            regulars.push(checkout.person.clone());
        }
        scene.said.push(format!(
            "{} has a cart of {} at {}",
            checkout.person.shown(),
            sum(&checkout),
            SHOPS.get(shop).map_or("", |profile| profile.name)
        ));
        self.send(shop, "checkouts/update", &checkout.body(now, None), now, scene);
    }

    fn add(&mut self, visit: usize, now: Time, scene: &mut Scene) {
        let Some((shop, lines)) = self.visits.get(visit).map(|it| (it.shop, it.checkout.lines.clone())) else { return };
        let more = self.choose(shop, &lines);
        let Some(it) = self.visits.get_mut(visit) else { return };
        it.checkout.lines.extend(more);
        let (body, finishes) = (it.checkout.body(now, None), it.script.finishes);
        scene.said.push(format!("{} changes the cart, now {}", it.checkout.person.shown(), sum(&it.checkout)));
        self.send(shop, "checkouts/update", &body, now, scene);
        if finishes {
            let at = now + self.chance.minutes(2, 10);
            self.plan(at, Deed::Buy(visit));
        }
    }

    fn open(&mut self, visit: usize, link: String, by_person: bool, scene: &mut Scene) {
        let Some(it) = self.visits.get(visit) else { return };
        let who = it.checkout.person.shown();
        scene.said.push(if by_person {
            format!("{who} taps the link")
        } else {
            format!("a messaging app opens the link in {who}'s text to draw a preview")
        });
        let agent = if by_person { PHONE_BROWSER } else { PREVIEW };
        scene.signals.push(Signal::Open { visit, link, agent });
    }

    fn answer(&mut self, visit: usize, words: &str, scene: &mut Scene) {
        let Some(it) = self.visits.get(visit) else { return };
        let Some(phone) = it.checkout.person.phone.clone() else { return };
        scene.said.push(format!("{} answers {words}", it.checkout.person.shown()));
        let shop = it.shop;
        let signal = self.reply(shop, &phone, words);
        scene.signals.push(signal);
    }

    /// A text written on a phone, to a shop.
    pub fn reply(&mut self, shop: usize, phone: &str, words: &str) -> Signal {
        let body = json!({ "type": "reply", "from": phone, "text": words, "id": self.chance.hex() });
        Signal::Callback { shop, body }
    }

    fn withdraw(&mut self, visit: usize, now: Time, scene: &mut Scene) {
        let Some(it) = self.visits.get(visit) else { return };
        let (shop, person) = (it.shop, it.checkout.person.clone());
        scene.said.push(format!("{} takes the consent back in the shop", person.shown()));
        let body = webhook::withdrawal(&person, now);
        self.send(shop, "customers_marketing_consent/update", &body, now, scene);
    }

    /// A text arrived on a phone: its receipt, and what its reader does.
    pub fn read(&mut self, text: &Text, now: Time) {
        let receipt = match self.chance.up_to(999) {
            0..960 => Some("delivered"),
            960..985 => Some("undelivered"),
            _ => None,
        };
        if let Some(status) = receipt {
            let at = now + std::time::Duration::from_millis(3_000 + self.chance.up_to(9_000));
            self.plan(at, Deed::Receipt { shop: text.shop, reference: text.reference.clone(), status });
        }
        let found = self.by_phone.get(&(text.shop, text.to.clone())).copied();
        let Some((visit, script)) = found.and_then(|visit| Some((visit, self.visits.get(visit)?.script.clone())))
        else {
            return;
        };
        if text.asks && !script.is_you && self.chance.happens(650) {
            let at = now + self.chance.minutes(1, 20);
            self.plan(at, Deed::Confirm(visit));
        }
        let link = text.words.split_whitespace().find(|word| word.contains("/r/")).map(str::to_owned);
        let (Some("delivered"), Some(link), false) = (receipt, link, script.is_you) else { return };
        if self.chance.happens(90) {
            let at = now + std::time::Duration::from_millis(1_000 + self.chance.up_to(1_500));
            self.plan(at, Deed::Open { visit, link: link.clone(), by_person: false });
        }
        let later = |play: &mut Play, least, most, deed| {
            let at = now + MINUTE / 2 + play.chance.soon(least, most);
            play.plan(at, deed);
            at
        };
        let tap = Deed::Open { visit, link, by_person: true };
        match script.answer(text.step) {
            Answer::Nothing => {}
            Answer::Tap => drop(later(self, 1, 240, tap)),
            Answer::TapAndBuy { within_minutes } => {
                let at = later(self, 1, if within_minutes < 60 { 25 } else { 300 }, tap);
                let bought = at + self.chance.minutes(2, within_minutes);
                self.plan(bought, Deed::Buy(visit));
            }
            Answer::BuyElsewhere => drop(later(self, 30, 18 * 60, Deed::BuyElsewhere(visit))),
            Answer::ComeBackLater => drop(later(self, 40 * 60, 90 * 60, Deed::Buy(visit))),
            Answer::BuyAtTheTill => drop(later(self, 120, 8 * 60, Deed::BuyAtTheTill(visit))),
            Answer::Stop => drop(later(self, 1, 40, Deed::Stop(visit))),
            Answer::Withdraw => drop(later(self, 60, 600, Deed::Withdraw(visit))),
        }
    }

    /// Whom a text is for, as far as the shop knows.
    pub fn reader(&self, text: &Text) -> Option<String> {
        let visit = self.by_phone.get(&(text.shop, text.to.clone()))?;
        Some(self.visits.get(*visit)?.checkout.person.shown())
    }

    /// Where a tap led.
    pub fn landed(&mut self, visit: usize, url: &str) {
        let path = url.strip_prefix(&self.base).filter(|path| path.starts_with('/'));
        if let (Some(path), Some(it)) = (path, self.visits.get_mut(visit)) {
            it.landing = Some(path.to_owned());
        }
    }

    pub fn visit_of(&self, token: &str) -> Option<usize> {
        self.by_token.get(token).copied()
    }
}

fn sum(checkout: &Checkout) -> String {
    crate::domain::money::Money::new(webhook::total(&checkout.lines), checkout.currency).to_string()
}
