//! The overview: what texts brought back, what needs a person, where carts stop; and how far the set-up is until then.

use actix_web::{HttpRequest, HttpResponse};

use super::{
    Visit,
    figures::{self, count},
    gateways, risk, shops, show,
};
use crate::{
    domain::{
        holdout::HEADLINE,
        id::CartId,
        lift::Call,
        seal::ShopKeys,
        silence::Silence,
        time::{DAY, Time},
    },
    pipeline::{connect::NOT_SUBSCRIBED, follow, people::ACCESS_ALARM, self_test, sink::ALARM as WEBHOOK_ALARM, watch},
    store::{self, Read, cart::Filter, inbox, shop::Shop},
    web::{
        problem::Problem,
        view::{
            Section,
            funnel::Funnel,
            need::Need,
            overview::{Holdout, Overview, SetUp},
            risk::Switch,
            silence::Quiet,
        },
    },
};

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Overview).await?;
    let mut page = Overview {
        takings: Vec::new(),
        holdout: None,
        texts: 0,
        texts_before: None,
        cost: Vec::new(),
        opt_outs: 0,
        funnel: Funnel::default(),
        needs: Vec::new(),
        set_up: Some(SetUp::default()),
        switch: Switch::default(),
        page: visit.page.clone(),
    };
    if let Some((shop, keys)) = visit.shop() {
        let mut read = visit.read().await?;
        page.switch = risk::switch(&mut read, &visit).await?;
        page.set_up = set_up(&mut read, &visit, shop, keys).await?;
        page.needs = needs(&mut read, &visit, shop, keys).await?;
        page.holdout = holdout(&mut read, shop).await?;
        drop(read);
        let figures = figures::of(&visit, shop).await?;
        let total = &figures.report.total;
        page.takings = figures.takings(shop);
        page.texts = count(total.counts.texts);
        page.texts_before = figures.before.as_ref().map(|before| count(before.total.counts.texts));
        page.cost = figures::cost(total);
        page.opt_outs = count(total.counts.opt_outs);
        page.funnel = figures.funnel;
    }
    show(&page)
}

/// What the run that is on shows, once it may be said.
async fn holdout(read: &mut Read, shop: &Shop) -> Result<Option<Holdout>, Problem> {
    let Some(run) = store::holdout::current(read, shop.id).await? else { return Ok(None) };
    let report = store::holdout::report(read, shop.id, run.id).await?;
    let lift = report.and_then(|(report, _)| report.lift(HEADLINE).cloned());
    let Some((orders, lift)) = lift.and_then(|lift| Some((lift.orders?, lift))) else { return Ok(None) };
    if !matches!(lift.call, Call::Earns | Call::Loses) {
        return Ok(None);
    }
    let buyers = lift.texted.hits;
    let anyway = |extra: f64| (buyers as f64 - extra).round().max(0.0) as u64;
    Ok(Some(Holdout {
        days: lift.days,
        buyers,
        orders: anyway(orders.extra),
        low: anyway(orders.safe.high),
        high: anyway(orders.safe.low),
    }))
}

const EVER: (Time, Time) = (Time::FIRST, Time::LAST);

/// `None` once a cart was seen.
async fn set_up(read: &mut Read, visit: &Visit, shop: &Shop, keys: &ShopKeys) -> Result<Option<SetUp>, Problem> {
    let newest = CartId::new(i64::MAX);
    if !store::cart::list(read, keys, Filter::All, EVER, newest, 1).await?.is_empty() {
        return Ok(None);
    }
    let accounts = gateways::all(read, visit.core(), keys).await?;
    let webhook = shops::connection(read, shop, visit.page.now).await?.last_webhook_at.is_some();
    Ok(Some(SetUp { shop: true, gateway: !accounts.is_empty(), webhook, cart: false }))
}

async fn needs(read: &mut Read, visit: &Visit, shop: &Shop, keys: &ShopKeys) -> Result<Vec<Need>, Problem> {
    let now = visit.page.now;
    let mut needs = Vec::new();
    needs.extend(store::halt::standing(read).await?.map(|halt| Need::Halted { why: halt.why }));
    let paused = store::guard::pauses(read, keys).await?.len() as u64;
    if paused > 0 {
        needs.push(Need::Paused { things: paused });
    }
    let unknown = store::message::count_unknown(read, keys).await?;
    if unknown > 0 {
        needs.push(Need::UnknownOutcomes { messages: unknown });
    }
    let accounts = gateways::all(read, visit.core(), keys).await?;
    if accounts.is_empty() {
        let carts = store::cart::count(read, keys, Filter::Held, (now - DAY, now)).await?;
        needs.push(Need::NoGateway { carts });
    }
    needs.extend(
        accounts
            .into_iter()
            .filter(|account| account.paused_at.is_some())
            .map(|account| Need::GatewayPaused { gateway: account.name, why: account.pause_reason }),
    );
    let connection = shops::connection(read, shop, now).await?;
    let (id, name) = (shop.id.to_string(), shop.name.clone());
    if connection.last_failure.is_some() {
        let failures = connection.signature_failures;
        needs.push(Need::BadSignatures { id: id.clone(), name: name.clone(), failures });
    }
    let newest = CartId::new(i64::MAX);
    let newest = store::cart::list(read, keys, Filter::All, (now - DAY * 7, now), newest, 1).await?.pop();
    let astray = newest.and_then(|cart| follow::astray(visit.core(), shop, cart.latest.recovery_url.as_deref()?));
    needs.extend(astray.map(|why| Need::Astray { id: id.clone(), why }));
    if let (true, Some(since), Some(usual_per_hour)) =
        (connection.is_quiet(&now), connection.last_webhook_at, connection.usual_per_hour)
    {
        needs.push(Need::ShopQuiet { id, name, since, usual_per_hour });
    }
    if visit.is_owner {
        // A shop's own quiet was said above, by whoever may see the shop.
        let silences = watch::standing(visit.core(), read).await?;
        let silences = silences.iter().filter(|named| named.silent.silence != Silence::Webhooks);
        needs.extend(silences.map(|named| Need::Silent(Quiet::of(named))));
    }
    let alarms = store::alarm::standing(read, keys).await?;
    needs.extend(alarms.iter().filter(|alarm| alarm.kind == self_test::ALARM).map(|alarm| Need::SelfTest {
        id: shop.id.to_string(),
        name: shop.name.clone(),
        since: alarm.raised_at,
    }));
    needs.extend(
        alarms
            .iter()
            .filter(|alarm| alarm.kind == NOT_SUBSCRIBED)
            .map(|_| Need::NotSubscribed { id: shop.id.to_string(), name: shop.name.clone() }),
    );
    let asked: Vec<Time> =
        alarms.iter().filter(|alarm| alarm.kind == ACCESS_ALARM).map(|alarm| alarm.raised_at).collect();
    if let Some(&since) = asked.first() {
        needs.push(Need::DataRequests { people: asked.len() as u64, since });
    }
    let unreadable = inbox::Narrow { verdict: inbox::Filter::Unreadable, ..inbox::Narrow::default() };
    let deliveries = store::inbox::counted(read, shop.id, &unreadable).await?.rows;
    needs.extend(
        alarms
            .iter()
            .filter(|alarm| alarm.kind == WEBHOOK_ALARM)
            .map(|alarm| Need::WebhookOff { id: alarm.subject.clone(), what: alarm.words.clone() }),
    );
    if deliveries > 0 {
        needs.push(Need::Unreadable { deliveries });
    }
    let replies = store::reply::count_open(read, keys).await?;
    if replies > 0 {
        needs.push(Need::Replies { replies });
    }
    Ok(needs)
}
