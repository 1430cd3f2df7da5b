//! One life: what the people of a world do, drawn from its seed, and what must be true of it at every step.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::AddAssign,
    sync::atomic::Ordering,
    time::Duration,
};

use cartback::{
    domain::{
        connector::Delivery,
        holidays::Holidays,
        hours::{Hours, Opening, opening},
        message::{MessageState, Purpose},
        phone::Phone,
        standard_webhooks,
        time::Time,
    },
    pipeline::receive::{Answer, Side},
    store::{self, cart, db::fate::Step, job, message},
    transact,
};
use serde_json::{Value, json};

use super::world::{Came, Carrier, Point, Telling, World};
use crate::{
    app::{Account, App, STANDARD_SECRET, START, Shopkeeper, Text, ZONE, minutes},
    sql,
    story::{bodies::with, shuffle::Dice},
};

const PROCESSES: usize = 2;
/// While the world is wild: kills, pauses, lost answers.
const WILD_FOR: Duration = Duration::from_secs(5 * 60 * 60);
/// Then it is calm, and everything must come to its end.
const LIFE: Duration = Duration::from_secs(26 * 60 * 60);
/// Steps beyond which a life is taken for one that never ends.
const STEPS_MOST: usize = 60_000;

/// What was met in the worlds, so that a check that had nothing to check is seen.
#[derive(Default)]
pub struct Met {
    pub told: Vec<String>,
    counts: BTreeMap<&'static str, u64>,
}

impl AddAssign for Met {
    fn add_assign(&mut self, other: Met) {
        for (what, count) in other.counts {
            *self.counts.entry(what).or_default() += count;
        }
    }
}

impl fmt::Display for Met {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<String> = self.counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
        f.write_str(&counts.join(", "))
    }
}

impl Met {
    #[track_caller]
    pub fn is_enough(&self) {
        for what in [
            "kills",
            "deliveries",
            "texts",
            "texts unknown",
            "texts refused",
            "texts cancelled",
            "orders",
            "refunds",
            "opt-outs",
            "orders recovered",
            "taps",
            "told again",
            "claims outlived",
        ] {
            assert!(self.counts.get(what).is_some_and(|count| *count > 0), "no {what} in all these worlds");
        }
    }
}

enum What {
    Webhook { id: String, body: String },
    Callback { query: String },
    Tap { token: String },
}

/// Something that is to reach the service, as often as it takes.
struct Due {
    at: Time,
    what: What,
    taken: bool,
    /// The process that has it in hand.
    with: Option<usize>,
}

struct Order {
    person: usize,
    placed_at: Time,
    total: i64,
    refunded: i64,
    is_cancelled: bool,
}

struct Life<'a> {
    app: &'a App,
    shop: Shopkeeper,
    account: Account,
    dice: Dice,
    began: Time,
    due: Vec<Due>,
    phones: Vec<String>,
    orders: BTreeMap<String, Order>,
    /// Who wrote STOP.
    stopped: BTreeSet<usize>,
    /// The commit after which each fact was first there.
    facts: BTreeMap<(String, String), u64>,
    commits: u64,
    taken: usize,
    met: Met,
    aloud: bool,
}

/// Lives one life in this file; `round` keeps its numbers apart from those of others there. An error is a broken promise.
pub async fn live(app: &App, seed: u64, round: u64, aloud: bool) -> Result<Met, String> {
    let mut dice = Dice::new(seed);
    let began = Time::parse(START).unwrap() + minutes(dice.below(9 * 60) as u64);
    app.clock.set(began);
    let shop = app.with_shop_like("generic", &[("steps_after_minutes", "30, 90")]).await;
    let account = app.with_gateway(&shop, "kannel").await;
    let mut life = Life {
        app,
        shop,
        account,
        dice,
        began,
        due: Vec::new(),
        phones: Vec::new(),
        orders: BTreeMap::new(),
        stopped: BTreeSet::new(),
        facts: BTreeMap::new(),
        commits: 0,
        taken: 0,
        met: Met::default(),
        aloud,
    };
    for person in 0..2 + life.dice.below(2) {
        life.phones.push(format!("+38640{:03}{person:03}", 100 + round));
        life.plan(person);
    }
    app.clock.set(began);
    let carrier = Carrier::new(seed, app.clock.clone());
    let mut world = World::new(app, carrier, PROCESSES, i64::try_from(round % 20).unwrap() * 50);
    life.go_through(&mut world).await?;
    life.look_back(&world).await?;
    for (what, count) in world.seen {
        *life.met.counts.entry(what).or_default() += count;
    }
    *life.met.counts.entry("worlds").or_default() += 1;
    let shop = life.shop.id;
    transact!(app.core.db, |tx| store::erase::shop(tx, shop).await?).unwrap();
    Ok(life.met)
}

impl Life<'_> {
    fn tell(&mut self, line: impl FnOnce() -> String) {
        let line = format!("{:>6} s  {}", self.app.now().since(self.began).as_secs(), line());
        if self.aloud {
            println!("{line}");
        }
        self.met.told.push(line);
    }

    fn count(&mut self, what: &'static str) {
        *self.met.counts.entry(what).or_default() += 1;
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.dice.below(100) < percent
    }

    fn minute(&mut self, bound: usize) -> Duration {
        minutes(self.dice.below(bound) as u64)
    }

    /// It happened at this moment, and is told now or late, once or several times.
    fn will_tell(&mut self, at: Time, kind: &str, data: Value) {
        let body = json!({ "type": kind, "timestamp": at.to_string(), "data": data }).to_string();
        let id = format!("evt_{}", self.due.len());
        let copies = 1 + if self.chance(30) { 1 + self.dice.below(2) } else { 0 };
        for copy in 0..copies {
            let late = if copy > 0 || self.chance(30) { self.minute(40) } else { Duration::ZERO };
            let what = What::Webhook { id: id.clone(), body: body.clone() };
            self.due.push(Due { at: at + late, what, taken: false, with: None });
        }
    }

    fn will_call_back(&mut self, at: Time, query: &str) {
        let copies = if self.chance(25) { 2 } else { 1 };
        for _ in 0..copies {
            let at = at + self.minute(10);
            self.due.push(Due { at, what: What::Callback { query: query.to_owned() }, taken: false, with: None });
        }
    }

    /// What a person does, whatever the service does.
    fn plan(&mut self, person: usize) {
        let phone = self.phones[person].clone();
        for number in 0..if self.chance(20) { 2 } else { 1 } {
            let token = format!("cart-{person}-{number}");
            let begun = self.began + self.minute(60);
            let own = json!({ "phone": phone, "email": format!("p{person}@shopper.example"), "cart_token": null,
                              "customer_id": null, "started_at": begun.to_string() });
            for update in 0..1 + self.dice.below(2) {
                let at = begun + minutes(5 * update as u64);
                self.app.clock.set(at);
                let data = self.app.checkout(&token, own.clone());
                self.will_tell(at, "checkout.updated", data);
            }
            if self.chance(45) {
                let at = begun + self.minute(300);
                self.will_buy(person, &token, at);
            }
            if self.chance(10) {
                let at = begun + self.minute(200);
                self.will_tell(at, "checkout.deleted", json!({ "token": token, "updated_at": at.to_string() }));
            }
        }
        if self.chance(25) {
            let at = self.began + self.minute(240);
            self.stopped.insert(person);
            let query = format!("?id=in-{person}&from={}&to=%2B38640555000&text=STOP", phone.replace('+', "%2B"));
            self.will_call_back(at, &query);
        }
    }

    fn will_buy(&mut self, person: usize, token: &str, at: Time) {
        let id = format!("o-{person}-{}", self.orders.len());
        let by_token = self.chance(60);
        let who = json!({ "phone": self.phones[person], "email": null,
                          "checkout_token": if by_token { json!(token) } else { Value::Null } });
        self.app.clock.set(at);
        let whole = with(&self.app.order(&id, token, json!({})), who);
        self.will_tell(at, "order.upserted", whole.clone());
        let mut order = Order { person, placed_at: at, total: 12_800, refunded: 0, is_cancelled: false };
        if self.chance(40) {
            let later = at + minutes(1) + self.minute(180);
            order.refunded = if self.chance(50) { 12_800 } else { 4_050 };
            order.is_cancelled = self.chance(20);
            let amount = format!("{}.{:02}", order.refunded / 100, order.refunded % 100);
            let change = json!({ "updated_at": later.to_string(),
                "status": if order.is_cancelled { "cancelled" } else { "refunded" },
                "refunds": [{ "id": format!("r-{id}"), "amount": amount, "at": later.to_string() }] });
            self.will_tell(later, "order.upserted", with(&whole, change));
            self.count("refunds");
        }
        self.orders.insert(id, order);
        self.count("orders");
    }

    /// The next that is due and nobody has in hand.
    fn next_due(&self) -> Option<usize> {
        let waiting = self.due.iter().enumerate().filter(|(_, due)| !due.taken && due.with.is_none());
        waiting.min_by_key(|(place, due)| (due.at, *place)).map(|(place, _)| place)
    }

    async fn next_job(&self) -> Option<Time> {
        let mut read = self.app.core.db.read().await.unwrap();
        job::next_due(&mut read).await.unwrap()
    }

    /// Step by step, until everything has come to its end.
    async fn go_through(&mut self, world: &mut World<'_>) -> Result<(), String> {
        let mut asleep = false;
        for _ in 0..STEPS_MOST {
            let now = self.app.now();
            let wild = now.since(self.began) < WILD_FOR;
            world.carrier.calm.store(!wild, Ordering::Relaxed);
            if wild && self.chance(2) {
                let process = self.dice.below(PROCESSES);
                self.tell(|| format!("process {process} is killed"));
                world.kill(process).await;
                self.left_alone(process);
                asleep = false;
                continue;
            }
            // A process that stands still while time goes on.
            if wild && !world.waiting.is_empty() && self.chance(2) {
                let pause = Duration::from_secs([5, 50, 100, 1_300][self.dice.below(4)]);
                self.tell(|| format!("nobody does anything for {} s", pause.as_secs()));
                self.app.clock.advance(pause);
                if pause.as_secs() >= 50 {
                    self.count("claims outlived");
                }
                asleep = false;
                continue;
            }
            let ears = world.all_ears();
            let due = self.next_due().filter(|due| self.due[*due].at <= now && !ears.is_empty());
            let idle = world.idle();
            let may_tick = !asleep && !idle.is_empty();
            let choice = self.dice.below(100);
            if !world.waiting.is_empty() && (choice < 70 || (due.is_none() && !may_tick)) {
                let place = self.dice.below(world.waiting.len());
                let (process, point) = (world.waiting[place].process, world.waiting[place].point);
                self.tell(|| format!("process {process}: {point:?}"));
                let (point, came) = world.go_on(place).await;
                if point == Point::At(Step::Begin) || matches!(point, Point::At(Step::Committed)) {
                    asleep = false;
                }
                self.see(world, came, &mut asleep).await?;
            } else if let Some(due) = due.filter(|_| choice.is_multiple_of(2) || !may_tick) {
                let process = ears[self.dice.below(ears.len())];
                let came = self.deliver(world, due, process).await;
                self.see(world, came, &mut asleep).await?;
            } else if may_tick {
                let process = idle[self.dice.below(idle.len())];
                self.tell(|| format!("process {process} looks for work"));
                let came = world.tick(process).await;
                self.see(world, came, &mut asleep).await?;
            } else {
                let next_telling = self.next_due().map(|due| self.due[due].at);
                let next = [next_telling, self.next_job().await].into_iter().flatten().min();
                let Some(next) = next.filter(|next| next.since(self.began) < LIFE) else { return Ok(()) };
                let late = if wild && self.chance(10) { self.minute(20) } else { Duration::ZERO };
                self.app.clock.set(next.max(now) + late);
                asleep = false;
            }
        }
        Err("it never ends".to_owned())
    }

    /// Whoever told a dead process something hears nothing, and tells it again.
    fn left_alone(&mut self, process: usize) {
        let now = self.app.now();
        let again = now + Duration::from_secs(1 + self.dice.below(300) as u64);
        let mut count = 0;
        for due in self.due.iter_mut().filter(|due| due.with == Some(process)) {
            (due.with, due.at) = (None, again);
            count += 1;
        }
        *self.met.counts.entry("told again").or_default() += count;
    }

    async fn deliver(&mut self, world: &mut World<'_>, due: usize, process: usize) -> Came {
        self.due[due].with = Some(process);
        let now = self.app.now();
        let delivery = |path: String, method: &str, headers, body: &str| Delivery {
            method: method.into(),
            url: format!("https://cb.example{path}"),
            headers,
            body: body.as_bytes().to_vec(),
            received_at: now,
        };
        let (telling, told) = match &self.due[due].what {
            What::Webhook { id, body } => {
                let at = now.seconds();
                let headers = vec![
                    ("webhook-id".into(), id.clone()),
                    ("webhook-timestamp".into(), at.to_string()),
                    ("webhook-signature".into(), standard_webhooks::sign(STANDARD_SECRET, id, at, body.as_bytes())),
                ];
                let path = self.shop.path.clone();
                let delivery = delivery(format!("/hook/shop/{path}"), "POST", headers, body);
                (Telling { side: Side::Shop, path, delivery }, format!("the shop tells {id}"))
            }
            What::Callback { query } => {
                let path = self.account.path.clone();
                let delivery = delivery(format!("/hook/sms/{path}{query}"), "GET", Vec::new(), "");
                (Telling { side: Side::Gateway, path, delivery }, format!("the gateway calls back ({due})"))
            }
            What::Tap { token } => {
                let token = token.clone();
                self.tell(|| format!("process {process}: somebody taps ({due})"));
                return world.tap(process, token).await;
            }
        };
        self.tell(|| format!("process {process}: {told}"));
        world.tell(process, telling).await
    }

    async fn see(&mut self, world: &mut World<'_>, came: Came, asleep: &mut bool) -> Result<(), String> {
        match came {
            Came::Waiting => {
                if world.waiting.last().is_some_and(|waiting| waiting.point == Point::At(Step::Committed)) {
                    self.commits += 1;
                    self.check_commit().await?;
                }
            }
            Came::Ticked(done) => *asleep = done == 0,
            Came::Answered(process, answer) => {
                let now = self.app.now();
                for due in self.due.iter_mut().filter(|due| due.with == Some(process)) {
                    due.with = None;
                    match answer {
                        Answer::Taken { .. } => due.taken = true,
                        Answer::ComeBack => due.at = now + minutes(1),
                        Answer::UnknownConnection | Answer::Refused(_) => return Err(format!("{answer:?}")),
                    }
                }
                *asleep = false;
            }
            Came::Tapped => {
                for due in self.due.iter_mut().filter(|due| matches!(due.what, What::Tap { .. })) {
                    due.taken |= due.with.take().is_some();
                }
                *asleep = false;
            }
        }
        self.answer_texts(world).await;
        Ok(())
    }

    /// What people and carriers do about texts that have just been taken.
    async fn answer_texts(&mut self, world: &World<'_>) {
        let taken = world.carrier.taken();
        for (reference, at) in taken.into_iter().skip(self.taken) {
            self.taken += 1;
            let texts = self.app.messages(&self.shop).await;
            let Some((text, _)) = texts.into_iter().find(|(text, _)| text.id == reference.message) else { continue };
            let person = self.phones.iter().position(|phone| *phone == text.to).unwrap();
            self.tell(|| format!("text {} is taken for person {person}", text.step));
            self.count("texts");
            let mask = [1, 1, 1, 2, 8][self.dice.below(5)];
            let receipt = at + self.minute(20);
            self.will_call_back(receipt, &format!("?ref={reference}&type={mask}&fid=f1&answer=&ts=1"));
            // Whoever is texted at the very end has no time left to come back.
            let in_time = at.since(self.began) + minutes(8 * 60) < LIFE;
            if in_time && text.words.contains("/r/") && self.chance(45) {
                self.will_tap(person, &text, at).await;
            }
        }
    }

    async fn will_tap(&mut self, person: usize, text: &Text, at: Time) {
        let tapped = at + minutes(1) + self.minute(90);
        let due = Due { at: tapped, what: What::Tap { token: text.token('r') }, taken: false, with: None };
        self.due.push(due);
        if self.chance(50) {
            let now = self.app.now();
            let bought = tapped + minutes(1) + self.minute(30);
            let token = format!("cart-{person}-0");
            self.will_buy(person, &token, bought);
            self.app.clock.set(now);
        }
    }

    /// What may never be, looked for after every commit.
    async fn check_commit(&mut self) -> Result<(), String> {
        let shop = self.shop.id.get();
        let rows = sql::rows(
            &self.app.core.db,
            &format!(
                "SELECT 'text', CAST(message_id AS TEXT) FROM message WHERE shop_id = {shop} AND sending_at IS NOT NULL
                 UNION ALL SELECT 'order', external_id FROM shop_order WHERE shop_id = {shop}
                 UNION ALL SELECT 'stop', LOWER(HEX(phone)) FROM opt_out WHERE shop_id = {shop}"
            ),
        )
        .await;
        let mut leaving = Vec::new();
        for row in rows {
            let [kind, name] = row.try_into().unwrap();
            let key = (kind, name);
            if !self.facts.contains_key(&key) {
                if key.0 == "text" {
                    leaving.push(key.1.parse::<i64>().unwrap());
                }
                self.facts.insert(key, self.commits);
            }
        }
        for id in leaving {
            self.check_leaving(id).await?;
        }
        Ok(())
    }

    /// The moment a text is bound to leave: nobody may have said or done anything against it before.
    async fn check_leaving(&mut self, id: i64) -> Result<(), String> {
        let (_, keys) = self.app.shop(self.shop.id).await;
        let mut read = self.app.core.db.read().await.unwrap();
        let text = message::get(&mut read, &keys, cartback::domain::id::MessageId::new(id)).await.unwrap().unwrap();
        if text.purpose == Purpose::Answer {
            return Ok(());
        }
        let before = |kind: &str, name: String| {
            self.facts.get(&(kind.to_owned(), name)).is_some_and(|commit| *commit < self.commits)
        };
        let phone = &text.words.phone;
        let index = store::consent::phone_index(&keys, &Phone::read(phone, &[]).unwrap());
        if before("stop", data_encoding::HEXLOWER.encode(&index)) {
            return Err(format!("text {} leaves after its person was opted out", text.step));
        }
        let now = self.app.now();
        if text.expires_at <= now {
            return Err(format!("text {} leaves after its time", text.step));
        }
        if !matches!(opening(&[ZONE], &Hours::DEFAULT, &Holidays::none(), now), Opening::Open { .. }) {
            return Err(format!("text {} leaves outside the hours", text.step));
        }
        let cart = cart::get(&mut read, &keys, text.cart().unwrap()).await.unwrap().unwrap();
        let person = self.phones.iter().position(|each| each == phone).unwrap();
        for (id, order) in self.orders.iter().filter(|(_, order)| order.person == person && !order.is_cancelled) {
            if order.placed_at >= cart.started_at && before("order", id.clone()) {
                return Err(format!("text {} leaves after order {id}", text.step));
            }
        }
        Ok(())
    }

    /// What three processes ended in the middle of is taken for their cause, put aside and shown (F40). In a world that kills
    /// so often it may be innocent: a person has it read again, as the page offers.
    async fn a_person_looks(&self, world: &World<'_>) {
        if world.count_of("kills") < 3 {
            return;
        }
        for (id, problem) in self.app.problems(&self.shop).await {
            if problem.contains("the process ended each time it was begun") {
                cartback::pipeline::receive::replay(&self.app.core, self.shop.id, id).await.unwrap();
            }
        }
        self.app.settle().await;
    }

    /// Everything has come to its end: what is left must add up.
    async fn look_back(&mut self, world: &World<'_>) -> Result<(), String> {
        let wrong = |what: String| Err(what);
        if let Some(due) = self.due.iter().find(|due| !due.taken && due.at.since(self.began) < LIFE) {
            return wrong(format!("something was never taken: due at {}", due.at));
        }
        let shop = self.shop.id.get();
        let app = self.app;
        // Promise 1: what was answered is kept, and done.
        let expected: BTreeSet<&str> = self
            .due
            .iter()
            .filter(|due| due.taken)
            .filter_map(|due| match &due.what {
                What::Webhook { body, .. } => Some(body.as_str()),
                What::Callback { query } => Some(query.as_str()),
                What::Tap { .. } => None,
            })
            .collect();
        self.a_person_looks(world).await;
        let kept = app.deliveries(&self.shop).await;
        if kept.len() != expected.len() {
            return wrong(format!("{} deliveries are kept of {}", kept.len(), expected.len()));
        }
        if let Some(line) = kept.iter().find(|line| line.done_at.is_none() || !line.problem.is_empty()) {
            return wrong(format!("a delivery was not dealt with: {line:?}"));
        }
        for id in self.orders.keys() {
            if !self.facts.contains_key(&("order".to_owned(), id.clone())) {
                return wrong(format!("order {id} is lost"));
            }
        }
        for person in self.stopped.clone() {
            let (_, outs) = app.ledgers(&self.shop, &self.phones[person]).await;
            if outs.is_empty() {
                return wrong(format!("the STOP of person {person} is lost"));
            }
            self.count("opt-outs");
        }
        // Promise 2: at most once, and what is said of it is true. Promise 5: nothing stays on its way.
        let taken = world.carrier.taken();
        for (text, moments) in app.messages(&self.shop).await {
            let times = taken.iter().filter(|(reference, _)| reference.message == text.id).count();
            let state = moments.state();
            let true_of_it = match state {
                MessageState::Accepted | MessageState::Delivered | MessageState::Undelivered => times == 1,
                MessageState::Unknown => times <= 1,
                MessageState::Queued | MessageState::Sending => {
                    return wrong(format!("text {} to {} is left {state:?}", text.step, text.to));
                }
                _ => times == 0,
            };
            if !true_of_it {
                return wrong(format!("text {} was taken {times} times, and is {state:?}", text.step));
            }
            match state {
                MessageState::Unknown => self.count("texts unknown"),
                MessageState::Refused => self.count("texts refused"),
                MessageState::Cancelled => self.count("texts cancelled"),
                MessageState::Expired => self.count("texts expired"),
                _ => {}
            }
        }
        // No claim is held by the dead.
        let now = app.now().millis();
        let held = format!(
            "SELECT kind, CAST(subject_id AS TEXT) FROM job WHERE shop_id = {shop} AND (due_at <= {now} OR claimed_until IS NOT NULL)"
        );
        if let Some(job) = sql::rows(&app.core.db, &held).await.first() {
            return wrong(format!("work is left: {job:?}"));
        }
        self.check_money().await
    }

    /// Promise 4: credits follow refunds, never exceed the shop's own orders, and are what the report says.
    async fn check_money(&mut self) -> Result<(), String> {
        let shop = self.shop.id.get();
        let rows = sql::rows(
            &self.app.core.db,
            &format!(
                "SELECT shop_order.external_id, credit.class, CAST(SUM(credit.amount_minor) AS TEXT)
                 FROM credit JOIN shop_order ON shop_order.shop_id = credit.shop_id AND shop_order.order_id = credit.order_id
                 WHERE credit.shop_id = {shop} GROUP BY shop_order.external_id, credit.class"
            ),
        )
        .await;
        let (mut net, mut orders) = (0, BTreeSet::new());
        for row in rows {
            let [id, class, sum] = row.try_into().unwrap();
            let sum: i64 = sum.parse().unwrap();
            let order = &self.orders[&id];
            let worth = order.total - order.refunded;
            if sum != worth && !(order.is_cancelled && sum == 0) {
                return Err(format!("order {id} is worth {worth}, and {sum} of it is {class}"));
            }
            if !orders.insert(id.clone()) {
                return Err(format!("order {id} has two credits"));
            }
            if class == "credited" {
                net += sum;
                self.count("orders recovered");
            }
        }
        let total = self.app.report(&self.shop).await.total;
        let reported: i64 = total.money.values().map(|sums| sums.net_minor).sum();
        if reported != net {
            return Err(format!("the report says {reported}, the credits say {net}"));
        }
        Ok(())
    }
}
