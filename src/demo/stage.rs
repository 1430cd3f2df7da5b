//! The stage: the simulated world while the service runs. It speaks to the service as shops, carriers and phones do, by
//! HTTP to its own address and to nowhere else, and says in one line each what happens.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::tz::TimeZone;
use tokio_util::sync::CancellationToken;

use super::{
    folder::{Folder, Kept},
    play::{Play, Scene, Signal, Text, YOUR_PHONE},
    stall::{Phones, Stall},
};
use crate::{
    clock::{Clock, FastClock},
    domain::{
        attribution::{Attribution, Class},
        decide::Verdict,
        holidays::Holidays,
        hours::{self, Hours, Opening},
        id::OrderId,
        time::{HOUR, MINUTE, Time},
    },
    http::{Http, Request},
    pipeline::Core,
    store,
};

/// How many times as fast as the wall's the demo's clock runs.
pub const FASTER: u32 = 120;
/// The world moves on at least this often, in the wall's time.
const BEAT: Duration = Duration::from_millis(120);
/// How often what the next run needs is written, in the wall's time.
const KEEP_EVERY: Duration = Duration::from_secs(2);
/// A cart nobody came back to within this long is not watched any more.
const WATCHED_FOR: Duration = HOUR.saturating_mul(6);
/// Replies a phone page remembers.
const REPLIES_MAX: usize = 200;

/// Something written on a phone.
#[derive(Clone, Debug)]
pub struct Reply {
    pub phone: String,
    pub at: Time,
    pub words: String,
}

pub struct Stage {
    pub core: Arc<Core>,
    pub clock: Arc<FastClock>,
    pub http: Arc<dyn Http>,
    pub stalls: Vec<Stall>,
    pub zone: TimeZone,
    folder: Folder,
    play: Mutex<Play>,
    replies: Mutex<Vec<Reply>>,
    /// Visits whose orders are still to be told about.
    bought: Mutex<BTreeSet<usize>>,
    /// Texts on the watcher's phone that were not looked at.
    pub unread: AtomicU64,
}

/// Carts still to be told about, by visit, and how many visits were looked at.
#[derive(Default)]
struct Watched {
    carts: BTreeSet<usize>,
    known: usize,
}

impl Stage {
    pub fn new(
        core: Arc<Core>,
        clock: Arc<FastClock>,
        http: Arc<dyn Http>,
        stalls: Vec<Stall>,
        folder: Folder,
        play: Play,
    ) -> Stage {
        let zone = stalls.first().and_then(|stall| hours::zone(stall.profile.zone)).unwrap_or(TimeZone::UTC);
        Stage {
            core,
            clock,
            http,
            stalls,
            zone,
            folder,
            play: Mutex::new(play),
            replies: Mutex::default(),
            bought: Mutex::default(),
            unread: AtomicU64::new(0),
        }
    }

    pub fn play(&self) -> MutexGuard<'_, Play> {
        self.play.lock().unwrap_or_else(|broken| broken.into_inner())
    }

    fn bought(&self) -> MutexGuard<'_, BTreeSet<usize>> {
        self.bought.lock().unwrap_or_else(|broken| broken.into_inner())
    }

    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// Plays on until told to stop.
    pub async fn run(&self, mut phones: Phones, stop: CancellationToken) {
        let mut watched = Watched { known: self.play().visits.len(), ..Watched::default() };
        let mut kept_at = self.now();
        while !stop.is_cancelled() {
            self.skip_the_night();
            self.act(&stop).await;
            if let Err(problem) = self.watch(&mut phones, &mut watched).await {
                tracing::warn!(%problem, "the demo could not look at its own store");
            }
            if self.clock.wall(self.now().since(kept_at)) >= KEEP_EVERY {
                kept_at = self.now();
                self.keep();
            }
            stop.run_until_cancelled(tokio::time::sleep(BEAT)).await;
        }
        self.keep();
    }

    fn keep(&self) {
        let kept = Kept {
            public_url: self.core.public_url.clone(),
            complete: true,
            clock: self.now(),
            numbers: self.play().numbers,
        };
        if let Err(problem) = self.folder.keep(&kept) {
            tracing::warn!(%problem, "the demo could not note where it is");
        }
    }

    /// At night and on Sundays nobody may be texted, so there is nothing to watch.
    fn skip_the_night(&self) {
        let now = self.now();
        let Some(stall) = self.stalls.first() else { return };
        if let Opening::Opens(at) = hours::opening(&[stall.profile.zone], &Hours::DEFAULT, &Holidays::none(), now) {
            self.play().sleep(at.since(now));
            self.clock.move_to(at);
            self.core.wake.notify_one();
            println!(
                "  ·· no texts at night and on Sundays: the clock moves on to {} ··",
                self.shown(at, "%a %-d %b, %H:%M")
            );
        }
    }

    async fn act(&self, stop: &CancellationToken) {
        loop {
            let scene = self.play().perform(self.now());
            let Some(scene) = scene else { return };
            if stop.is_cancelled() {
                return;
            }
            self.put_on(scene, stop).await;
        }
    }

    /// Sends what a scene sends, and says what it says.
    pub async fn put_on(&self, scene: Scene, stop: &CancellationToken) {
        for line in &scene.said {
            self.say(line);
        }
        self.bought().extend(scene.bought);
        for signal in scene.signals {
            if let Err(why) = self.pass_on(signal).await
                && !stop.is_cancelled()
            {
                self.say(&format!("(the service did not take that: {why})"));
            }
        }
    }

    pub fn say(&self, line: &str) {
        println!("  {}  {line}", self.shown(self.now(), "%a %H:%M"));
    }

    pub fn shown(&self, at: Time, form: &str) -> String {
        at.to_timestamp().to_zoned(self.zone.clone()).strftime(form).to_string()
    }

    async fn pass_on(&self, signal: Signal) -> Result<(), String> {
        match signal {
            Signal::Webhook { shop, webhook } => {
                let stall = self.stalls.get(shop).ok_or("no such shop")?;
                let headers = webhook.headers(stall.profile, &stall.key);
                self.post(&format!("/hook/shop/{}", stall.hook), headers, webhook.body).await
            }
            Signal::Callback { shop, body } => {
                let stall = self.stalls.get(shop).ok_or("no such shop")?;
                self.remember(&body);
                let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
                self.post(&format!("/hook/sms/{}", stall.sms), headers, body.to_string().into_bytes()).await
            }
            Signal::Open { visit, link, agent } => self.open(visit, &link, agent).await,
        }
    }

    async fn post(&self, path: &str, headers: Vec<(String, String)>, body: Vec<u8>) -> Result<(), String> {
        let url = format!("{}{path}", self.core.public_url);
        let request = Request { method: crate::http::Method::Post, headers, body, private: true, ..Request::get(url) };
        let answer = self.http.exchange(request).await.map_err(|error| error.to_string())?;
        if answer.is_success() { Ok(()) } else { Err(format!("answered {}", answer.status)) }
    }

    /// Opens a link as a browser does, and the page it leads to.
    async fn open(&self, visit: usize, link: &str, agent: &str) -> Result<(), String> {
        let asked = |url: &str| Request { private: true, ..Request::get(url).header("user-agent", agent) };
        let ours = |url: &str| url.strip_prefix(&self.core.public_url).is_some_and(|path| path.starts_with('/'));
        if !ours(link) {
            return Err("the link leads elsewhere".into());
        }
        let answer = self.http.exchange(asked(link)).await.map_err(|error| error.to_string())?;
        let leads_to = answer.header("location").filter(|url| ours(url)).map(str::to_owned);
        if let Some(url) = leads_to {
            self.play().landed(visit, &url);
            self.http.exchange(asked(&url)).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn remember(&self, body: &serde_json::Value) {
        let text = |name: &str| body.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        if let (Some("reply"), Some(phone), Some(words)) =
            (body.get("type").and_then(|kind| kind.as_str()), text("from"), text("text"))
        {
            let mut replies = self.replies.lock().unwrap_or_else(|broken| broken.into_inner());
            if replies.len() >= REPLIES_MAX {
                replies.remove(0);
            }
            replies.push(Reply { phone, at: self.now(), words });
        }
    }

    /// What was written on this phone, oldest first.
    pub fn replies(&self, phone: &str) -> Vec<Reply> {
        let replies = self.replies.lock().unwrap_or_else(|broken| broken.into_inner());
        replies.iter().filter(|reply| reply.phone == phone).cloned().collect()
    }

    /// Looks at what the service did: texts that arrived, carts it found abandoned, orders it judged.
    async fn watch(&self, phones: &mut Phones, watched: &mut Watched) -> anyhow::Result<()> {
        let fresh = watched.known..self.play().visits.len();
        watched.known = fresh.end;
        watched.carts.extend(fresh);
        for visit in watched.carts.clone() {
            if self.tell_cart(visit).await? {
                watched.carts.remove(&visit);
            }
        }
        for text in phones.fresh(&self.core, &self.stalls).await? {
            self.arrived(&text);
        }
        let bought = self.bought().clone();
        for visit in bought {
            if self.tell_order(visit).await? {
                self.bought().remove(&visit);
            }
        }
        Ok(())
    }

    fn arrived(&self, text: &Text) {
        let now = self.now();
        let mut play = self.play();
        let who = play.reader(text).unwrap_or_else(|| "somebody".to_owned());
        play.read(text, now);
        drop(play);
        if text.to == YOUR_PHONE {
            self.unread.fetch_add(1, Ordering::Relaxed);
        }
        self.say(&format!("text {} to {who}: {}", text.step, text.words));
    }

    /// Whether a cart's story has been told.
    async fn tell_cart(&self, visit: usize) -> anyhow::Result<bool> {
        let Some(it) = self.play().visits.get(visit).cloned() else { return Ok(true) };
        let Some(stall) = self.stalls.get(it.shop) else { return Ok(true) };
        if it.order.is_some() || self.now().since(it.checkout.started_at) > WATCHED_FOR {
            return Ok(true);
        }
        let mut read = self.core.db.read().await?;
        let keys = self.core.vault.keys(&mut read, stall.shop).await?;
        let cart = store::cart::by_token(&mut read, &keys, &it.checkout.token).await?;
        let Some(cart) = cart.filter(|cart| cart.abandoned_at.is_some()) else { return Ok(false) };
        let Some(first) = store::decision::of_cart(&mut read, &keys, cart.id).await?.into_iter().next() else {
            return Ok(false);
        };
        let who = it.checkout.person.shown();
        let why = match (first.decision.verdict, first.decision.reason()) {
            (Verdict::Stop, Some(gate)) => format!("; no text: {}", gate.why),
            (Verdict::Wait(_), Some(gate)) => format!("; the text waits: {}", gate.why),
            _ => String::new(),
        };
        self.say(&format!("{who} has left the cart{why}"));
        Ok(true)
    }

    /// Whether what became of an order has been told.
    async fn tell_order(&self, visit: usize) -> anyhow::Result<bool> {
        let Some(it) = self.play().visits.get(visit).cloned() else { return Ok(true) };
        let Some(stall) = self.stalls.get(it.shop) else { return Ok(true) };
        let Some(order) = &it.order else { return Ok(false) };
        let Some((_, verdict)) = self.judged(stall, &order.id.to_string()).await? else { return Ok(false) };
        let winner = verdict.considered.iter().find(|each| each.won);
        match (winner, verdict.considered.first()) {
            (Some(won), _) => {
                let how = if won.class == Some(Class::Credited) { "credited to" } else { "shown as assisted by" };
                self.say(&format!("→ order {} is {how} text {}: {}", order.name(), won.step, won.why));
            }
            (None, Some(first)) => self.say(&format!("→ order {} is nobody's merit: {}", order.name(), first.why)),
            (None, None) => {}
        }
        Ok(true)
    }

    /// An order as the service has judged it.
    pub async fn judged(&self, stall: &Stall, external_id: &str) -> anyhow::Result<Option<(OrderId, Attribution)>> {
        let mut read = self.core.db.read().await?;
        let keys = self.core.vault.keys(&mut read, stall.shop).await?;
        let Some(order) = store::order::by_external_id(&mut read, &keys, external_id).await? else { return Ok(None) };
        Ok(store::credit::evidence(&mut read, &keys, order.id).await?.map(|verdict| (order.id, verdict)))
    }

    /// Moves the clock on and waits (a moment of the wall's time) until the service has caught up.
    pub async fn skip(&self, span: Duration) {
        self.clock.move_to(self.now() + span.min(MINUTE * (24 * 60)));
        let reached = self.now();
        self.say("the clock was moved on");
        self.core.wake.notify_one();
        for _ in 0..CATCH_UP_LOOKS {
            tokio::time::sleep(BEAT).await;
            let next = match self.core.db.read().await {
                Ok(mut read) => store::job::next_due(&mut read).await.ok().flatten(),
                Err(_) => None,
            };
            if next.is_none_or(|next| next > reached) {
                break;
            }
        }
        // The text that went out is on the phone with the next beat.
        tokio::time::sleep(BEAT * 2).await;
    }
}

const CATCH_UP_LOOKS: u32 = 20;

#[cfg(test)]
mod tests;
