//! The stage a self-test plays on: a database beside the real one, a twin of the shop, a gateway that sends nothing, time
//! that moves when told, and nobody outside.

use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc, time::Duration};

use tokio::task::JoinHandle;

use crate::{
    clock::{self, Clock, Ids, ManualClock},
    domain::{
        connector::{Delivery, Settings, Spec},
        hours::{Opening, opening},
        id::{GatewayId, ShopId},
        law::{self, Whereabouts},
        phone::Phone,
        risk::limits::FOR_TRIALS,
        rules::Rules,
        seal::{OperatorKeys, ShopKeys},
        sequence::{Closed, default_sequence},
        time::{HOUR, Time},
        zone,
    },
    http::{Exchange, Http, HttpError, Request},
    pipeline::{
        Core, fetch,
        receive::{self, Answer, Inbox, Side},
    },
    shop::{pull::Pulled, standard_webhooks},
    store::{
        self, Error,
        db::beside::Beside,
        gateway::Gateway,
        job,
        shop::{NewShop, Shop, Vault},
    },
    transact,
};

/// Who does the work that falls due on the stage.
pub trait Work: Send {
    /// Does what is due now; answers how much that was.
    fn tick(&mut self) -> Pin<Box<dyn Future<Output = Result<usize, Error>> + Send + '_>>;
}

/// There is nobody out there.
struct NoWayOut;

impl Http for NoWayOut {
    fn exchange(&self, _: Request) -> Exchange<'_> {
        Box::pin(async { Err(HttpError::NotAllowed("a self-test calls nobody".into())) })
    }
}

/// What stands in the way of a play, though nothing is wrong with the service.
pub(super) struct NotHere(pub String);

/// Who visits, and when.
pub(super) struct Cast {
    pub phone: Phone,
    pub country: String,
    /// Open for texts from here on, for some hours at least.
    pub at: Time,
}

/// Open for at least this long after the visit begins.
const OPEN_FOR: Duration = HOUR.saturating_mul(3);
/// How far ahead such a time is looked for.
const LOOK_AHEAD_HOURS: u32 = 14 * 24;
/// A first text that is planned later goes at once on the stage: it must not run into a night.
const FIRST_STEP_MINUTES_MOST: u32 = 60;

impl Cast {
    /// A number of the shop's own country, or of the first it texts, at a time when it may be texted.
    pub fn of(shop: &Shop, now: Time) -> Result<Cast, NotHere> {
        let countries = &shop.rules.countries;
        let country = match countries.first() {
            Some(first) if !countries.contains(&shop.country) => first.clone(),
            _ => shop.country.clone(),
        };
        let Some(phone) = Phone::example(&country) else {
            return Err(NotHere(format!("no example of a mobile number of {country} is known")));
        };
        let whereabouts = Whereabouts {
            phone_country: phone.country().unwrap_or_else(|| country.clone()),
            address_country: Some(country.clone()),
            states: zone::states(&phone, Some(&country), None),
        };
        let zones = zone::candidates(&phone, Some(&country), None, None);
        let open = |at: Time| {
            let binding = law::current().binding(&whereabouts, at);
            let hours = binding.hours(shop.rules.hours_in(&whereabouts.phone_country));
            let is_open = |at| matches!(opening(&zones.names, &hours, &binding.holidays, at), Opening::Open { .. });
            is_open(at) && is_open(at + OPEN_FOR)
        };
        let at = (0..LOOK_AHEAD_HOURS).map(|hour| now + HOUR * hour).find(|at| open(*at));
        match at {
            Some(at) => Ok(Cast { phone, country, at }),
            None => {
                Err(NotHere(format!("nobody in {country} may be texted for three hours in a row within two weeks")))
            }
        }
    }
}

pub(super) struct Stage<W> {
    pub core: Arc<Core>,
    pub shop: Shop,
    pub keys: ShopKeys,
    pub gateway: GatewayId,
    clock: Arc<ManualClock>,
    inbox: Inbox,
    writer: JoinHandle<()>,
    work: W,
    beside: Beside,
    shop_path: String,
    sms_path: String,
}

/// Rounds after which work that goes on is work that never ends.
const ROUNDS_MOST: usize = 500;

impl<W: Work> Stage<W> {
    /// Builds it for this shop. `real` lends its database's engine and place, and its address.
    pub async fn build(
        real: &Core,
        shop: &Shop,
        spec: &Spec,
        at: Time,
        work: impl FnOnce(Arc<Core>) -> W,
    ) -> Result<Stage<W>, Error> {
        let token = data_encoding::HEXLOWER.encode(&clock::random::<6>());
        let beside = Beside::make(&real.db, real.now(), &token).await?;
        match Stage::furnish(real, shop, spec, at, work, &beside).await {
            Ok((core, clock, twin)) => {
                let (inbox, writer) = Inbox::start(core.clone());
                let Furnished { shop, keys, gateway, shop_path, sms_path, work } = twin;
                Ok(Stage { core, shop, keys, gateway, clock, inbox, writer, work, beside, shop_path, sms_path })
            }
            Err(error) => {
                beside.remove().await?;
                Err(error)
            }
        }
    }

    async fn furnish(
        real: &Core,
        shop: &Shop,
        spec: &Spec,
        at: Time,
        work: impl FnOnce(Arc<Core>) -> W,
        beside: &Beside,
    ) -> Result<(Arc<Core>, Arc<ManualClock>, Furnished<W>), Error> {
        store::migration::run(&beside.db).await?;
        let key = data_encoding::BASE64.encode(&clock::random::<32>());
        let operator = OperatorKeys::parse(&key).map_err(|why| Error::damaged("key", why))?;
        let clock = Arc::new(ManualClock::at(at));
        let core = Arc::new(Core {
            db: beside.db.clone(),
            vault: Vault::new(operator),
            clock: clock.clone(),
            ids: Ids::new(0),
            http: Arc::new(NoWayOut),
            post: None,
            public_url: real.public_url.clone(),
            holder: "self-test".to_owned(),
            plain_links: false,
            answers: Default::default(),
            board: Default::default(),
            crowd: Default::default(),
            wake: tokio::sync::Notify::new(),
        });
        let house = clock::random();
        let new = twin(shop, spec);
        let account = Gateway {
            shop: ShopId::HOUSE,
            id: GatewayId::new(core.fresh_id()),
            kind: "log".to_owned(),
            name: "Self-test".to_owned(),
            settings: Settings::default(),
            created_at: at,
            private: false,
            paused_at: None,
            pause_reason: String::new(),
            balance: None,
        };
        let paths = ["self-test-shop", "self-test-sms"].map(str::to_owned);
        let id = transact!(core.db, |tx| {
            store::shop::open_house(tx, &core.vault, &house, at).await?;
            store::law::keep(tx, law::current(), at).await?;
            store::shop::create(tx, &core.vault, &new, at).await?
        })?;
        let account = Gateway { shop: id, ..account };
        let keys = core.vault.keys(&mut core.db.read().await?, id).await?;
        transact!(core.db, |tx| {
            store::connection::create(tx, &paths[0], id, None, at).await?;
            store::gateway::create(tx, &keys, &account).await?;
            store::connection::create(tx, &paths[1], id, Some(account.id), at).await?;
        })?;
        let twin = store::shop::get(&mut core.db.read().await?, &core.vault, id).await?;
        let twin = twin.ok_or_else(|| Error::damaged("twin", "it is gone"))?;
        let [shop_path, sms_path] = paths;
        let work = work(core.clone());
        let furnished = Furnished { shop: twin, keys, gateway: account.id, shop_path, sms_path, work };
        Ok((core, clock, furnished))
    }

    /// Takes it down again, and everything that was played on it.
    pub async fn strike(self) -> Result<(), Error> {
        let Stage { inbox, writer, work, core, beside, .. } = self;
        drop(inbox);
        let _ = writer.await;
        drop(work);
        drop(core);
        beside.remove().await
    }

    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// Does everything that is due now, and what falls due by it.
    pub async fn settle(&mut self) -> Result<(), Error> {
        for _ in 0..ROUNDS_MOST {
            if self.work.tick().await? == 0 {
                return Ok(());
            }
        }
        Err(Error::damaged("work", "it never ends"))
    }

    /// Lets time go by in the steps at which work falls due.
    pub async fn pass(&mut self, span: Duration) -> Result<(), Error> {
        let until = self.now() + span;
        loop {
            self.settle().await?;
            let next = job::next_due(&mut self.core.db.read().await?).await?;
            match next {
                Some(next) if next <= until => self.clock.set(next.max(self.now())),
                _ => break,
            }
        }
        self.clock.set(until);
        self.settle().await
    }

    /// As the shop's platform would post it.
    pub async fn shop_posts(&self, mut delivery: Delivery) -> Answer {
        delivery.url = format!("{}/hook/shop/{}", self.core.public_url, self.shop_path);
        receive::receive(&self.core, &self.inbox, &self.shop_path, Side::Shop, delivery).await
    }

    /// What the shop would answer when asked for what its webhook points at.
    pub async fn shop_answers(&self, whole: &Pulled) -> Result<(), Error> {
        transact!(self.core.db, |tx| {
            fetch::keep(&self.core, tx, &self.keys, "self-test", &fetch::marked(whole), whole.body.clone()).await?;
        })
    }

    /// As the gateway would call back.
    pub async fn gateway_posts(&self, body: &serde_json::Value) -> Answer {
        let delivery = Delivery {
            method: "POST".into(),
            url: format!("{}/hook/sms/{}", self.core.public_url, self.sms_path),
            headers: Vec::new(),
            body: body.to_string().into_bytes(),
            received_at: self.now(),
        };
        receive::receive(&self.core, &self.inbox, &self.sms_path, Side::Gateway, delivery).await
    }
}

struct Furnished<W> {
    shop: Shop,
    keys: ShopKeys,
    gateway: GatewayId,
    shop_path: String,
    sms_path: String,
    work: W,
}

/// The shop as it is, but for what would make its visitor depend on luck: conditions, discounts and limits.
fn twin(shop: &Shop, spec: &Spec) -> NewShop {
    NewShop {
        kind: shop.kind.clone(),
        name: shop.name.clone(),
        country: shop.country.clone(),
        currency: shop.currency,
        zone: shop.zone.clone(),
        settings: settings(&shop.settings, spec),
        rules: rules(&shop.rules),
        key: clock::random(),
    }
}

/// A secret nobody told us yet is made up: it only has to be the same on both sides.
fn settings(real: &Settings, spec: &Spec) -> Settings {
    let mut all: BTreeMap<String, String> =
        real.pairs().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    for field in spec.fields.iter().filter(|field| field.secret && (field.required || field.drawn)) {
        all.entry(field.key.to_owned()).or_insert_with(|| standard_webhooks::secret(clock::random()));
    }
    Settings::restored(all)
}

fn rules(real: &Rules) -> Rules {
    let mut rules = real.clone();
    let mut sequence =
        rules.sequences.iter().find(|sequence| sequence.on_since.is_some()).cloned().unwrap_or_else(default_sequence);
    sequence.on_since = Some(Time::FIRST);
    sequence.when = Default::default();
    for (place, step) in sequence.steps.iter_mut().enumerate() {
        step.when = Default::default();
        step.closed = Closed::Wait;
        step.deadline_minutes = None;
        // Words that name a code need one.
        if step.discount.take().is_some() {
            step.texts.clear();
        }
        if place == 0 && step.after_minutes > FIRST_STEP_MINUTES_MOST {
            step.after_minutes = 0;
        }
    }
    rules.sequences = vec![sequence];
    // Its visit must be texted.
    rules.holdout_percent = 0;
    // Every one of these is within its bounds, so nothing of it is refused.
    let _ = rules.set_all(FOR_TRIALS);
    rules
}
