//! Fail-over: over random schedules of answers, time-outs and crashes no (cart, step) is accepted twice by gateways. A
//! crash ends the work on a text at any of its awaits; time goes on, its claim runs out, and the next process takes it.
//!
//! `CARTBACK_SCHEDULES` sets how many schedules are tried on each database; 100,000 are what a release is tried with.

use std::{
    collections::HashMap,
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use cartback::{
    domain::{
        circuit::Circuit,
        id::GatewayId,
        message::{MessageState, Moments},
    },
    http::{Exchange, Http, HttpError, Request, Response},
    pipeline::send,
    store::{
        self,
        job::{self, Job},
    },
    transact,
};
use futures_util::{StreamExt, stream};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::json;

use crate::{
    app::{App, Engine, Shopkeeper, hours, minutes},
    outside::Outside,
    sql,
};

const SCHEDULES: u64 = 512;
/// Texts that are on their way together.
const TOGETHER: u32 = 64;
/// Texts on their way at the same moment, as a worker has them.
const AT_ONCE: usize = 16;
/// After so many turns a text is called off; the schedule is over.
const TURNS: usize = 30;
/// Texts at most that share their transactions.
const HANDFUL: usize = 5;

fn schedules() -> u64 {
    std::env::var("CARTBACK_SCHEDULES").ok().and_then(|count| count.parse().ok()).unwrap_or(SCHEDULES)
}

/// Two providers whose answers are drawn, and a list of what they took.
struct Providers {
    draw: Mutex<StdRng>,
    /// By the reference of a text.
    taken: Mutex<HashMap<String, u32>>,
    outside: Outside,
}

impl Providers {
    fn take(&self, request: &Request) {
        let all = format!("{} {}", request.url, String::from_utf8_lossy(&request.body));
        let all = url::form_urlencoded::parse(all.as_bytes())
            .map(|(key, value)| format!("{key}={value}"))
            .collect::<String>();
        let (_, rest) = all.split_once("ref=").unwrap_or_else(|| panic!("a text without a reference: {all}"));
        let reference: String =
            rest.chars().take_while(|it| it.is_ascii_alphanumeric() || "._".contains(*it)).collect();
        *self.taken.lock().unwrap().entry(reference).or_default() += 1;
    }

    fn answer(&self, request: &Request) -> Result<Response, HttpError> {
        let drawn = self.draw.lock().unwrap().random_range(0..100u32);
        let twilio = request.url.contains("/Messages.json");
        let answer = |status: u16, body: &str| {
            Ok(Response { status, headers: vec![("retry-after".into(), "7".into())], body: body.as_bytes().to_vec() })
        };
        match drawn {
            // Taken, and said so.
            0..=39 => {
                self.take(request);
                match twilio {
                    true => answer(201, r#"{"sid":"SM00000000000000000000000000000001","status":"queued"}"#),
                    false => answer(202, "0: Accepted for delivery"),
                }
            }
            // Taken, and nobody hears of it.
            40..=51 => {
                self.take(request);
                Err(HttpError::Unknown("no answer in time".into()))
            }
            52..=55 => {
                self.take(request);
                answer(502, "<html>Bad Gateway</html>")
            }
            // Lost on the way.
            56..=61 => Err(HttpError::Unknown("the connection broke".into())),
            62..=75 => Err(HttpError::NotSent("no connection".into())),
            76..=85 => answer(429, r#"{"code":20429}"#),
            // The account is refused: the other one takes over.
            86..=95 if twilio => answer(401, r#"{"code":20003,"message":"no","status":401}"#),
            86..=95 => answer(403, "Authorization failed for sendsms"),
            _ if twilio => answer(400, r#"{"code":21614,"message":"no","status":400}"#),
            _ => answer(400, "Invalid receiver"),
        }
    }
}

impl Http for Providers {
    fn exchange(&self, request: Request) -> Exchange<'_> {
        if request.url.contains("/Messages.json?") {
            return self.outside.exchange(request);
        }
        Box::pin(async move {
            // A process may end while it waits for the answer, before or after the provider took the text.
            tokio::task::yield_now().await;
            let answer = self.answer(&request);
            tokio::task::yield_now().await;
            answer
        })
    }
}

/// A process that ends after so many steps of its work.
struct Mortal<F> {
    work: F,
    /// It takes no more than these.
    lives: u32,
    taken: u32,
}

impl<F: Future + Unpin> Future for Mortal<F> {
    /// What came of its work and the steps it took; `None` when it ended before its work did.
    type Output = Option<(F::Output, u32)>;

    fn poll(mut self: Pin<&mut Self>, context: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        if self.taken == self.lives {
            return Poll::Ready(None);
        }
        self.taken += 1;
        let taken = self.taken;
        Pin::new(&mut self.work).poll(context).map(|done| Some((done, taken)))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_step_is_accepted_twice_on_sqlite() {
    run(Engine::Lite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_step_is_accepted_twice_on_postgresql() {
    run(Engine::Pg).await;
}

async fn run(engine: Engine) {
    let providers = Arc::new(Providers {
        draw: Mutex::new(StdRng::seed_from_u64(26)),
        taken: Mutex::default(),
        outside: Outside::default(),
    });
    let outside = Arc::new(Outside::default());
    let Some(mut app) = App::start_with(engine, outside, providers.clone()).await else { return };
    app.leave_work();
    let shop = app.with_shop_like("generic", &[("steps_after_minutes", "0")]).await;
    let accounts = [app.with_gateway(&shop, "kannel").await.id, app.with_gateway(&shop, "twilio").await.id];
    for number in 0..TOGETHER {
        let change = json!({
            "phone": format!("+38640{:06}", 555_000 + number * 10), "email": null, "customer_id": null,
            "cart_token": null, "consent": { "state": "granted", "source": "shop.example" },
        });
        app.generic(&shop, "checkout.updated", app.checkout(&format!("c{number}"), change)).await;
    }
    // Until every cart has its text, however the first try ends.
    app.pass(minutes(31)).await;
    let mut stage = Stage {
        app: &app,
        shop: &shop,
        providers: &providers,
        accounts,
        claims: 0,
        usual: Default::default(),
        tally: Tally::default(),
    };
    let mut done = 0;
    while done < schedules() {
        stage.generation(done).await;
        done += u64::from(TOGETHER);
    }
    let Tally { crashes, accepted, unknown, handed_over, .. } = stage.tally;
    println!(
        "{engine:?}: {done} schedules, {crashes} crashes, {accepted} accepted, {unknown} unknown, {handed_over} by another account than the first"
    );
    // Every kind of ending was met.
    assert!(crashes > done / 8 && accepted > done / 8 && unknown > done / 20 && handed_over > 0);
    app.end().await;
}

#[derive(Default)]
struct Tally {
    crashes: u64,
    accepted: u64,
    unknown: u64,
    handed_over: u64,
}

struct Stage<'s> {
    app: &'s App,
    shop: &'s Shopkeeper,
    providers: &'s Providers,
    accounts: [GatewayId; 2],
    claims: u64,
    /// The steps that the last handful of each size took that lived to its end. A machine that is busy takes fewer: what is
    /// waited for is there already.
    usual: [AtomicU32; HANDFUL],
    tally: Tally,
}

impl Stage<'_> {
    /// Every text once more from the beginning: one random schedule each.
    async fn generation(&mut self, number: u64) {
        let (app, shop) = (self.app, self.shop.id);
        let (_, keys) = app.shop(shop).await;
        let begun = app.now();
        let mut chance = StdRng::seed_from_u64(number);
        self.providers.taken.lock().unwrap().clear();
        let mut texts = Vec::new();
        for (text, _) in app.messages(self.shop).await {
            let mut message = store::message::get(&mut app.read().await, &keys, text.id).await.unwrap().unwrap();
            message.moments = Moments::default();
            (message.sending_by, message.gateway_ref, message.cost) = (None, None, None);
            message.reason.clear();
            message.expires_at = begun + hours(1);
            texts.push(text.id);
            transact!(app.core.db, |tx| {
                store::message::save(tx, &keys, &message).await?;
                job::schedule(tx, shop, job::Kind::Send, message.id.get(), begun).await?;
            })
            .unwrap();
        }
        assert_eq!(texts.len(), TOGETHER as usize);
        for table in ["guard", "spend", "phone_use", "pause"] {
            sql::run(app, &format!("DELETE FROM {table}")).await;
        }
        self.mend().await;
        for turn in 0..TURNS {
            if self.turn(&mut chance).await == 0 && turn > 2 {
                break;
            }
            app.clock.advance(Duration::from_secs(chance.random_range(5..50)));
            if chance.random_range(0..4u32) == 0 {
                self.mend().await;
            }
        }
        let taken = self.providers.taken.lock().unwrap().clone();
        for id in texts {
            let message = store::message::get(&mut app.read().await, &keys, id).await.unwrap().unwrap();
            let times = taken.get(&message.reference().to_string()).copied().unwrap_or(0);
            let state = message.moments.state();
            assert!(times <= 1, "schedule {number}: {id} was accepted {times} times, and is {state:?}");
            // What is accepted was taken, and what was taken is never told to have stayed.
            match state {
                MessageState::Accepted => assert_eq!(times, 1, "schedule {number}: {id}"),
                MessageState::Unknown | MessageState::Sending => {}
                state => assert_eq!(times, 0, "schedule {number}: {id} is {state:?}"),
            }
            self.tally.accepted += u64::from(state == MessageState::Accepted);
            self.tally.unknown += u64::from(state == MessageState::Unknown);
            self.tally.handed_over += u64::from(state == MessageState::Accepted && message.gateway == self.accounts[0]);
        }
        for kind in [job::Kind::LookUp, job::Kind::Send] {
            sql::run(app, &format!("DELETE FROM job WHERE kind = '{}'", kind.name())).await;
        }
        app.clock.set(begun);
    }

    /// A person mends both accounts, and they are back.
    async fn mend(&self) {
        for id in self.accounts {
            send::resume_gateway(&self.app.core, self.shop.id, id).await.unwrap();
            let (db, shop) = (&self.app.core.db, self.shop.id);
            transact!(db, |tx| store::circuit::put(tx, shop, id, &Circuit::default()).await?).unwrap();
        }
    }

    /// What is due is begun by a process that may end at any moment; answers how much that was.
    async fn turn(&mut self, chance: &mut StdRng) -> usize {
        let (app, shop) = (self.app, self.shop.id);
        self.claims += 1;
        let (now, claim) = (app.now(), format!("claim-{}", self.claims));
        let claimed: Result<_, store::Error> = transact!(app.core.db, |tx| {
            job::claim(tx, shop, now, now + Duration::from_secs(20), &claim, 500).await?
        });
        let jobs = match claimed {
            Err(error) if error.is_outage() => return 1,
            claimed => claimed.unwrap(),
        };
        let sends: Vec<_> = jobs.into_iter().filter(|job| job.kind == job::Kind::Send).collect();
        let crashes = AtomicU64::new(0);
        let mut handfuls: Vec<(Vec<Job>, u32)> = Vec::new();
        let mut rest = &sends[..];
        while !rest.is_empty() {
            let (handful, others) = rest.split_at(chance.random_range(1..=rest.len().min(HANDFUL)));
            rest = others;
            // Half of them live to the end; the others end anywhere before.
            let usual = self.usual[handful.len() - 1].load(Ordering::Relaxed).max(2);
            let lives = if chance.random_range(0..2u32) == 0 { u32::MAX } else { chance.random_range(1..usual) };
            handfuls.push((handful.to_vec(), lives));
        }
        stream::iter(handfuls)
            .for_each_concurrent(AT_ONCE, async |(jobs, lives)| {
                let usual = &self.usual[jobs.len() - 1];
                let work = pin!(send::send(&app.core, jobs, AT_ONCE, None));
                match (Mortal { work, lives, taken: 0 }).await {
                    Some((Ok(failed), taken)) => {
                        if lives == u32::MAX {
                            usual.store(taken, Ordering::Relaxed);
                        }
                        let failed: Vec<_> = failed.into_iter().map(|failed| (failed.job, failed.why)).collect();
                        assert!(failed.is_empty(), "{failed:?}");
                    }
                    // Away for a moment is as good as a crash.
                    Some((Err(error), _)) if !error.is_outage() => panic!("{error}"),
                    Some((Err(_), _)) | None => drop(crashes.fetch_add(1, Ordering::Relaxed)),
                }
            })
            .await;
        self.tally.crashes += crashes.into_inner();
        sends.len()
    }
}
