//! History: sixty days lived through in seconds. The same pipeline as ever is driven by a clock that is moved from one
//! moment to the next; only the HTTP in between is left out, and nothing is written that did not happen that way.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use jiff::ToSpan;

use super::{
    chance::Chance,
    play::{Play, Scene, Signal},
    stall::{Phones, Stall},
};
use crate::{
    clock::{Clock, FastClock},
    domain::{
        click::{Method, Opened},
        connector::Delivery,
        hours,
        time::{MINUTE, Time},
    },
    pipeline::{
        Core,
        follow::{self, Way},
        receive::{Answer, Inbox, Side, receive},
    },
    store::job,
    worker::Worker,
};

/// How much past there is.
#[derive(Clone, Copy, Debug)]
pub struct Length {
    pub days: u32,
    /// Times as many shoppers as the shops' profiles say.
    pub bustle: u64,
}

/// What was lived through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lived {
    pub webhooks: u64,
    pub texts: u64,
    pub taps: u64,
}

/// The service has to look at least this often, lest a cart's half hour pass unseen.
const LOOK_EVERY: Duration = MINUTE.saturating_mul(29);
/// Receipts of one moment are looked at together.
const RECEIPTS_WITHIN: Duration = Duration::from_secs(8);

/// The service and the world around it, without a network.
pub struct Past<'p> {
    pub core: &'p Arc<Core>,
    pub clock: &'p FastClock,
    pub inbox: &'p Inbox,
    pub stalls: &'p [Stall],
}

/// Plans the days before `until` in every shop: a little more going on each week, more on evenings and weekends.
pub fn plan(play: &mut Play, stalls: &[Stall], until: Time, length: Length) {
    for (place, stall) in stalls.iter().enumerate() {
        let Some(zone) = hours::zone(stall.profile.zone) else { continue };
        let today = hours::day_of(&zone, until);
        for back in (1..=length.days).rev() {
            let Ok(day) = today.checked_sub(i64::from(back).days()) else { continue };
            let weekday = match day.weekday() {
                jiff::civil::Weekday::Sunday => 125,
                jiff::civil::Weekday::Saturday => 90,
                _ => 100,
            };
            let grown = 75 + 55 * u64::from(length.days - back) / u64::from(length.days.max(1));
            let luck = 70 + play.chance.up_to(60);
            let count = stall.profile.a_day * length.bustle * weekday * grown * luck / 1_000_000;
            play.plan_day(place, hours::start_of_day(&zone, day), count);
        }
    }
}

/// The first moment of a history of this length.
pub fn start(until: Time, length: Length) -> Time {
    until - Duration::from_secs(24 * 60 * 60) * (length.days + 1)
}

impl Past<'_> {
    /// Lives from where the clock stands until `until`, where nothing is left due. `tell` hears of every day's end.
    pub async fn live(
        &self,
        play: &mut Play,
        phones: &mut Phones,
        until: Time,
        mut tell: impl FnMut(Time, Lived),
    ) -> anyhow::Result<Lived> {
        let mut worker = Worker::new(self.core.clone(), Vec::new());
        let mut lived = Lived::default();
        let mut timer: Option<Time> = None;
        // When the service has to have looked at what it was told.
        let mut look_by: Option<Time> = None;
        let mut told = self.clock.now();
        loop {
            let look = [timer, look_by].into_iter().flatten().min();
            let next = [play.next(), look].into_iter().flatten().min().filter(|next| *next <= until);
            let Some(next) = next else { break };
            self.clock.move_to(next);
            let now = self.clock.now();
            while let Some(scene) = play.perform(now) {
                let due = now + if scene.prompt { RECEIPTS_WITHIN } else { LOOK_EVERY };
                look_by = Some(look_by.map_or(due, |by| by.min(due)));
                self.pass_on(play, scene, &mut lived).await?;
            }
            if [timer, look_by].into_iter().flatten().any(|due| due <= now) {
                while worker.tick().await? > 0 {}
                // Only a timer makes the service write to somebody.
                if timer.is_some_and(|due| due <= now) {
                    lived.texts += self.hand_out(play, phones).await?;
                }
                let mut read = self.core.db.read().await?;
                timer = job::next_due(&mut read).await?;
                look_by = None;
            }
            if now.since(told) >= crate::domain::time::DAY {
                (told, _) = (now, tell(now, lived));
            }
        }
        self.clock.move_to(until);
        while worker.tick().await? > 0 {}
        lived.texts += self.hand_out(play, phones).await?;
        Ok(lived)
    }

    /// Readers see the texts that arrived; answers how many there were.
    async fn hand_out(&self, play: &mut Play, phones: &mut Phones) -> anyhow::Result<u64> {
        let texts = phones.fresh(self.core, self.stalls).await?;
        for text in &texts {
            play.read(text, self.clock.now());
        }
        Ok(texts.len() as u64)
    }

    async fn pass_on(&self, play: &mut Play, scene: Scene, lived: &mut Lived) -> anyhow::Result<()> {
        for signal in scene.signals {
            match signal {
                Signal::Webhook { shop, webhook } => {
                    let stall = self.stalls.get(shop).context("a shop that is not connected")?;
                    let headers = webhook.headers(stall.profile, &stall.key);
                    lived.webhooks += 1;
                    self.deliver(&stall.hook, Side::Shop, headers, webhook.body).await?;
                }
                Signal::Callback { shop, body } => {
                    let stall = self.stalls.get(shop).context("a shop that is not connected")?;
                    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
                    self.deliver(&stall.sms, Side::Gateway, headers, body.to_string().into_bytes()).await?;
                }
                Signal::Open { visit, link, agent } => {
                    let token = link.rsplit('/').next().unwrap_or_default();
                    let agent = Some(agent.to_owned());
                    let at = self.clock.now();
                    let opened = Opened { method: Method::Get, agent, prefetch: false, at };
                    lived.taps += 1;
                    if let Way::Checkout(url) = follow::follow(self.core, token, opened).await? {
                        play.landed(visit, &url);
                    }
                }
            }
        }
        Ok(())
    }

    async fn deliver(
        &self,
        connection: &str,
        side: Side,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    ) -> anyhow::Result<()> {
        let folder = if side == Side::Shop { "shop" } else { "sms" };
        let delivery = Delivery {
            method: "POST".into(),
            url: format!("{}/hook/{folder}/{connection}", self.core.public_url),
            headers,
            body,
            received_at: self.clock.now(),
        };
        let answer = receive(self.core, self.inbox, connection, side, delivery).await;
        ensure!(matches!(answer, Answer::Taken { .. }), "the service did not take a delivery of the demo: {answer:?}");
        Ok(())
    }
}

/// A generator for this demo's seed and the moment it goes on from.
pub fn seed(at: Time) -> u64 {
    Chance::new(0xca57_bac4 ^ at.millis().unsigned_abs()).number()
}

#[cfg(test)]
mod tests;
