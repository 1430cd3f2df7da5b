//! The play: what is done step by step, and what must have come of each.

use std::{sync::Arc, time::Duration};

use serde_json::json;

use super::stage::{Cast, NotHere, Stage, Work};
use crate::{
    clock,
    domain::{
        click::{Method, Opened},
        decide::abandoned_at,
        id::{CartId, DeliveryId, MessageId, OrderId, ShopId},
        message::{MessageRef, MessageState, Purpose},
        money::Money,
        rehearsal::{Act, Visit},
        self_test::{Line, Step, Went},
        time::{DAY, HOUR, MINUTE, Time},
        wording,
    },
    pipeline::{
        Core,
        follow::{self, Way},
        receive::Answer,
        report,
    },
    shop::{self, Rehearsed},
    store::{self, Error, click::HUMAN, message::Message},
};

/// Plays the whole visit; an error means that the stage itself could not be built.
pub(super) async fn play<W: Work>(
    core: &Core,
    shop: ShopId,
    work: impl FnOnce(Arc<Core>) -> W,
) -> Result<Vec<Line>, Error> {
    let began = core.now();
    let mut read = core.db.read().await?;
    let found = store::shop::get(&mut read, &core.vault, shop).await?;
    drop(read);
    let line = |went, words: String| vec![Line { step: Step::Stage, went, words, took_ms: 0 }];
    let Some(found) = found else { return Ok(line(Went::Skipped, format!("there is no shop {shop}"))) };
    let Some(kind) = shop::by_kind(&found.kind) else {
        return Ok(line(Went::Wrong, format!("no connector {}", found.kind)));
    };
    let cast = match Cast::of(&found, began) {
        Ok(cast) => cast,
        Err(NotHere(why)) => return Ok(line(Went::Skipped, why)),
    };
    let Some(host) = kind.home(&found.settings) else {
        return Ok(line(Went::Skipped, "the shop's own address is not set".to_owned()));
    };
    let stage = match Stage::build(core, &found, kind.spec(), cast.at, work).await {
        Ok(stage) => stage,
        // PostgreSQL's word for a user who may make no schema: nothing is wrong with the service, it cannot be tried so.
        Err(error) if error.to_string().contains("permission denied") => {
            let words = format!("the database lets Cartback make no place of its own to play in: {error}");
            return Ok(line(Went::Skipped, words));
        }
        Err(error) => return Err(error),
    };
    let mut play = Play::new(core, stage, &cast, &host);
    let engine = if core.db.is_lite() { "SQLite" } else { "PostgreSQL" };
    let words = format!("a database of its own ({engine}); the visit begins on {}", cast.at);
    let _ = play.note(Step::Stage, began, Ok(words));
    let _ = play.run().await;
    let Play { stage, lines, .. } = play;
    stage.strike().await?;
    Ok(lines)
}

/// What was found; `Err` says what should have been.
type Found = Result<String, String>;

struct Play<'c, W> {
    real: &'c Core,
    stage: Stage<W>,
    visit: Visit,
    lines: Vec<Line>,
    cart: CartId,
    message: Option<Message>,
    order: Option<OrderId>,
    confirmed: bool,
}

const PREVIEW_AGENT: &str = "WhatsApp/2.24.6.77 A";
const PHONE_AGENT: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                           Version/18.5 Mobile/15E148 Safari/604.1";
/// How long a text may take to come on the stage: a night, a weekend and a holiday.
const TEXT_WITHIN: Duration = DAY.saturating_mul(4);
/// Minor units: a price nobody asks for and its part that goes back, in money of any number of digits.
const TOTAL_MINOR: i64 = 12_345;
const REFUNDED_MINOR: i64 = 2_340;

/// Notes how a step went; leaves the play when nothing after it can be asked.
macro_rules! step {
    ($play:ident, $step:expr, $found:expr) => {
        let began = $play.real.now();
        let found = match $found.await {
            Ok(found) => found,
            Err(error) => Err(error.to_string()),
        };
        $play.note($step, began, found)?;
    };
}

impl<'c, W: Work> Play<'c, W> {
    fn new(real: &'c Core, stage: Stage<W>, cast: &Cast, host: &str) -> Play<'c, W> {
        let currency = stage.shop.currency;
        let token = data_encoding::HEXLOWER.encode(&clock::random::<8>());
        let number = u64::from(u32::from_be_bytes(clock::random()));
        let visit = Visit {
            checkout_url: format!("https://{host}/checkout/{token}"),
            token,
            order: 900_000_000_000 + number,
            refund: 910_000_000_000 + number,
            phone: cast.phone.e164().to_owned(),
            country: cast.country.clone(),
            language: wording::choose(None, None, &cast.country).to_owned(),
            total: Money::new(TOTAL_MINOR, currency),
            refunded: Money::new(REFUNDED_MINOR, currency),
            started_at: cast.at - MINUTE * 5,
            placed_at: cast.at,
            link: None,
        };
        Play {
            real,
            stage,
            visit,
            lines: Vec::new(),
            cart: CartId::new(0),
            message: None,
            order: None,
            confirmed: false,
        }
    }

    /// `None` when the play cannot go on.
    fn note(&mut self, step: Step, began: Time, found: Found) -> Option<()> {
        let took = self.real.clock.wall(self.real.now().since(began));
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let (went, words) = match found {
            Ok(words) if words.is_empty() => (Went::Skipped, "not needed here".to_owned()),
            Ok(words) => (Went::Well, words),
            Err(words) => (Went::Wrong, words),
        };
        self.lines.push(Line { step, went, words, took_ms });
        let goes_on = !matches!(step, Step::Door | Step::Cart | Step::Abandoned | Step::Confirmed | Step::Text);
        (went != Went::Wrong || goes_on).then_some(())
    }

    async fn run(&mut self) -> Option<()> {
        step!(self, Step::Door, self.door());
        step!(self, Step::Forged, self.forged());
        step!(self, Step::Twice, self.twice());
        step!(self, Step::Cart, self.cart());
        step!(self, Step::Abandoned, self.abandoned());
        step!(self, Step::Confirmed, self.confirm());
        step!(self, Step::Text, self.text());
        step!(self, Step::Receipt, self.receipt());
        step!(self, Step::Preview, self.preview());
        step!(self, Step::Tap, self.tap());
        step!(self, Step::Order, self.order());
        step!(self, Step::Credit, self.credit());
        step!(self, Step::Refund, self.refund());
        step!(self, Step::Report, self.report());
        step!(self, Step::Quiet, self.quiet());
        Some(())
    }

    /// What the shop would tell now.
    fn told(&self, act: Act) -> Result<Rehearsed, String> {
        let shop = &self.stage.shop;
        let kind = shop::by_kind(&shop.kind).ok_or("the platform has no words for it")?;
        Ok(kind.rehearse(&shop.settings, &self.visit, act, self.stage.now()))
    }

    /// Posts what the shop would post, and puts in what would then be fetched. `None` where only the platform can sign.
    async fn post(&self, act: Act, spoil: bool) -> Result<Option<Answer>, String> {
        let (posted, whole) = match self.told(act)? {
            Rehearsed::Posted(delivery) => (Some(delivery), None),
            Rehearsed::Fetched { pointer, whole } => (pointer, Some(whole)),
        };
        let answer = match posted {
            None => None,
            Some(mut delivery) => {
                if let Some(last) = delivery.body.last_mut().filter(|_| spoil) {
                    *last = b' ';
                }
                Some(self.stage.shop_posts(delivery).await)
            }
        };
        if let Some(whole) = whole.filter(|_| !spoil) {
            self.stage.shop_answers(&whole).await.map_err(|error| error.to_string())?;
        }
        Ok(answer)
    }

    async fn deliveries(&self) -> Result<Vec<store::inbox::Line>, Error> {
        let mut read = self.stage.core.db.read().await?;
        let (all, newest) = (store::inbox::Filter::All, DeliveryId::new(i64::MAX));
        store::inbox::list(&mut read, self.stage.shop.id, all, newest, 100).await
    }

    async fn door(&mut self) -> Result<Found, Error> {
        Ok(match self.post(Act::Left, false).await {
            Ok(Some(Answer::Taken { .. })) => Ok("taken: the signature is right".to_owned()),
            // Only the platform can sign: there is nothing to try here.
            Ok(None) => Ok(String::new()),
            Ok(other) => Err(format!("it should be taken, and was answered {other:?}")),
            Err(why) => Err(why),
        })
    }

    async fn forged(&mut self) -> Result<Found, Error> {
        Ok(match self.post(Act::Left, true).await {
            Ok(Some(Answer::Refused(_))) => Ok("turned away".to_owned()),
            // Only the platform can sign: there is nothing to try here.
            Ok(None) => Ok(String::new()),
            Ok(other) => Err(format!("it should be turned away, and was answered {other:?}")),
            Err(why) => Err(why),
        })
    }

    async fn twice(&mut self) -> Result<Found, Error> {
        let before = self.deliveries().await?.len();
        let again = self.post(Act::Left, false).await;
        let kept = self.deliveries().await?.len();
        Ok(match again {
            Ok(Some(Answer::Taken { .. }) | None) => same("deliveries kept", before, kept),
            Ok(other) => Err(format!("it should be taken again, and was answered {other:?}")),
            Err(why) => Err(why),
        })
    }

    async fn cart(&mut self) -> Result<Found, Error> {
        self.stage.settle().await?;
        let unread = self.deliveries().await?.into_iter().find(|line| !line.problem.is_empty() && self.is_read(line));
        if let Some(unread) = unread {
            return Ok(Err(format!("it could not be read: {}", unread.problem)));
        }
        let mut read = self.stage.core.db.read().await?;
        let found = store::cart::by_token(&mut read, &self.stage.keys, &self.visit.token).await?;
        let Some(cart) = found else { return Ok(Err("there should be a cart, and there is none".to_owned())) };
        self.cart = cart.id;
        let total = cart.latest.total.map_or("none".to_owned(), |total| total.to_string());
        Ok(same("its total", self.visit.total.to_string(), total))
    }

    /// What only points at something is not read here: there is nobody to ask on a stage.
    fn is_read(&self, line: &store::inbox::Line) -> bool {
        matches!(self.told(Act::Left), Ok(Rehearsed::Posted(_))) || line.topic.starts_with(shop::PULLED)
    }

    async fn abandoned(&mut self) -> Result<Found, Error> {
        let rules = &self.stage.shop.rules;
        let expected = abandoned_at(rules, self.stage.now());
        let wait = rules.abandoned_after();
        self.stage.pass(wait + Duration::from_secs(1)).await?;
        let mut read = self.stage.core.db.read().await?;
        let cart = store::cart::get(&mut read, &self.stage.keys, self.cart).await?;
        let at = cart.and_then(|cart| cart.abandoned_at).map_or("never".to_owned(), |at| at.to_string());
        Ok(same("when", expected.to_string(), at))
    }

    async fn messages(&self) -> Result<Vec<Message>, Error> {
        let mut read = self.stage.core.db.read().await?;
        let mut all = store::message::list(&mut read, &self.stage.keys, None, MessageId::new(i64::MAX), 100).await?;
        all.reverse();
        Ok(all)
    }

    /// Waits until a text of this kind left, a night long if need be.
    async fn left(&mut self, purposes: &[Purpose]) -> Result<Option<Message>, Error> {
        let until = self.stage.now() + TEXT_WITHIN;
        loop {
            let sent = self.messages().await?.into_iter().find(|message| {
                purposes.contains(&message.purpose) && message.moments.state() == MessageState::Accepted
            });
            if sent.is_some() || self.stage.now() >= until {
                return Ok(sent);
            }
            self.stage.pass(HOUR).await?;
        }
    }

    async fn confirm(&mut self) -> Result<Found, Error> {
        let asked = self.left(&[Purpose::Confirmation, Purpose::Reminder]).await?;
        if asked.is_none_or(|message| message.purpose == Purpose::Reminder) {
            return Ok(Ok(String::new()));
        }
        let yes = wording::confirm_word(Some(&self.visit.language));
        let reply = json!({ "type": "reply", "from": self.visit.phone, "text": yes, "id": "self-test-yes" });
        let answer = self.stage.gateway_posts(&reply).await;
        self.stage.pass(MINUTE).await?;
        self.confirmed = true;
        Ok(match answer {
            Answer::Taken { .. } => Ok(format!("asked by text, answered {yes}")),
            other => Err(format!("the answer {yes} should be taken, and was answered {other:?}")),
        })
    }

    async fn text(&mut self) -> Result<Found, Error> {
        let Some(message) = self.left(&[Purpose::Reminder]).await? else {
            return Ok(Err(format!("a text should be sent, and none was: {}", self.why_not().await?)));
        };
        let (to, words) = (message.words.phone.clone(), message.words.text.clone());
        let (through, segments) = (message.gateway, message.segments);
        let link = format!("{}/r/", self.stage.core.public_url);
        self.visit.link = words
            .split_once(link.as_str())
            .and_then(|(_, rest)| rest.split_whitespace().next())
            .map(|token| token.trim_end_matches(['.', ',', '!', '?']).to_owned());
        self.message = Some(message);
        if to != self.visit.phone {
            return Ok(Err("it should go to the visitor's number, and went to another".to_owned()));
        }
        if through != self.stage.gateway {
            return Ok(Err("it should go through the gateway that sends nothing, and did not".to_owned()));
        }
        if self.visit.link.is_none() {
            return Ok(Err(format!("it should carry a link of ours, and says {words:?}")));
        }
        if !words.contains(self.stage.shop.name.as_str()) {
            return Ok(Err(format!("it should name the shop, and says {words:?}")));
        }
        Ok(Ok(format!("1 text of {segments} parts: {words:?}")))
    }

    /// The last gate that was not passed.
    async fn why_not(&self) -> Result<String, Error> {
        let mut read = self.stage.core.db.read().await?;
        let decided = store::decision::of_cart(&mut read, &self.stage.keys, self.cart).await?;
        let reason = decided.last().and_then(|kept| kept.decision.reason().map(|gate| gate.why.clone()));
        let waiting = self.messages().await?.into_iter().map(|message| message.reason).find(|why| !why.is_empty());
        Ok(reason.or(waiting).unwrap_or_else(|| "nobody decided about it".to_owned()))
    }

    /// The text as it is now.
    async fn fresh(&self) -> Result<Option<Message>, Error> {
        let Some(message) = &self.message else { return Ok(None) };
        let mut read = self.stage.core.db.read().await?;
        store::message::get(&mut read, &self.stage.keys, message.id).await
    }

    async fn receipt(&mut self) -> Result<Found, Error> {
        let Some(message) = &self.message else { return Ok(Err("there is no text".to_owned())) };
        let reference = MessageRef { shop: message.shop, message: message.id }.to_string();
        self.stage.pass(Duration::from_secs(5)).await?;
        let receipt =
            json!({ "type": "receipt", "reference": reference, "status": "delivered", "id": "self-test-dlr" });
        self.stage.gateway_posts(&receipt).await;
        self.stage.settle().await?;
        let state = self.fresh().await?.map_or("gone", |message| message.moments.state().name());
        Ok(same("the text is", MessageState::Delivered.name(), state))
    }

    /// Opens the link as this browser; answers where it led and how the opening was judged.
    async fn open(&mut self, agent: &str) -> Result<(Way, String), Error> {
        let token = self.visit.link.clone().unwrap_or_default();
        let opened =
            Opened { method: Method::Get, agent: Some(agent.to_owned()), prefetch: false, at: self.stage.now() };
        let way = follow::follow(&self.stage.core, &token, opened).await?;
        self.stage.pass(Duration::from_secs(5)).await?;
        let Some(message) = &self.message else { return Ok((way, String::new())) };
        let mut read = self.stage.core.db.read().await?;
        let clicks = store::click::of_message(&mut read, &self.stage.keys, message.id).await?;
        let newest = clicks.iter().max_by_key(|click| click.at).map(|click| click.verdict.clone());
        Ok((way, newest.unwrap_or_default()))
    }

    async fn preview(&mut self) -> Result<Found, Error> {
        self.stage.pass(MINUTE).await?;
        let (_, verdict) = self.open(PREVIEW_AGENT).await?;
        Ok(if verdict.is_empty() || verdict == HUMAN {
            Err(format!("it should not count as a person, and was judged {verdict:?}"))
        } else {
            Ok(format!("not counted: {verdict}"))
        })
    }

    async fn tap(&mut self) -> Result<Found, Error> {
        self.stage.pass(MINUTE * 10).await?;
        let (way, verdict) = self.open(PHONE_AGENT).await?;
        if verdict != HUMAN {
            return Ok(Err(format!("it should count as a person, and was judged {verdict:?}")));
        }
        Ok(match way {
            Way::Checkout(url) if url.starts_with(&self.visit.checkout_url) => {
                Ok("counted, and led to the checkout".to_owned())
            }
            other => Err(format!("it should lead to {}, and led to {other:?}", self.visit.checkout_url)),
        })
    }

    async fn order(&mut self) -> Result<Found, Error> {
        self.stage.pass(MINUTE * 7).await?;
        self.visit.placed_at = self.stage.now();
        match self.post(Act::Bought, false).await {
            Ok(Some(Answer::Taken { .. }) | None) => {}
            Ok(other) => return Ok(Err(format!("the order should be taken, and was answered {other:?}"))),
            Err(why) => return Ok(Err(why)),
        }
        self.stage.pass(MINUTE).await?;
        let mut read = self.stage.core.db.read().await?;
        let name = self.visit.order.to_string();
        self.order = store::order::by_external_id(&mut read, &self.stage.keys, &name).await?.map(|order| order.id);
        let cart = store::cart::get(&mut read, &self.stage.keys, self.cart).await?;
        Ok(match (self.order, cart.and_then(|cart| cart.bought_at)) {
            (None, _) => Err("there should be an order, and there is none".to_owned()),
            (_, None) => Err("it should close the cart, and the cart is still open".to_owned()),
            (Some(_), Some(_)) => Ok(format!("1 order of {}; the cart is closed", self.visit.total)),
        })
    }

    /// What the text earned, in minor units, by class and in all.
    async fn earned(&self) -> Result<Vec<(String, i64)>, Error> {
        let Some(message) = &self.message else { return Ok(Vec::new()) };
        let mut read = self.stage.core.db.read().await?;
        let lines = store::credit::of_message(&mut read, &self.stage.keys, message.id).await?;
        Ok(lines.into_iter().map(|line| (line.class, line.entry.amount_minor)).collect())
    }

    async fn sum(&self, expected: Money) -> Result<Found, Error> {
        let lines = self.earned().await?;
        if let Some((class, _)) = lines.iter().find(|(class, _)| class != "credited") {
            return Ok(Err(format!("the order should be credited, and is {class}")));
        }
        let sum: i64 = lines.iter().map(|(_, minor)| minor).sum();
        Ok(same("credited", expected.to_string(), Money::new(sum, expected.currency).to_string()))
    }

    async fn credit(&mut self) -> Result<Found, Error> {
        self.sum(self.visit.total).await
    }

    fn net(&self) -> Money {
        Money::new(TOTAL_MINOR - REFUNDED_MINOR, self.visit.total.currency)
    }

    async fn refund(&mut self) -> Result<Found, Error> {
        self.stage.pass(HOUR).await?;
        match self.post(Act::Refunded, false).await {
            Ok(Some(Answer::Taken { .. }) | None) => {}
            Ok(other) => return Ok(Err(format!("the refund should be taken, and was answered {other:?}"))),
            Err(why) => return Ok(Err(why)),
        }
        self.stage.pass(MINUTE).await?;
        self.sum(self.net()).await
    }

    async fn report(&mut self) -> Result<Found, Error> {
        self.stage.settle().await?;
        let told = report::report(&self.stage.core, self.stage.shop.id, 30, 0).await?;
        let Some(told) = told else { return Ok(Err("there is no report".to_owned())) };
        let (counts, money) = (told.total.counts, told.total.money);
        let sums = money.get(&self.visit.total.currency).cloned().unwrap_or_default();
        let figures = [
            ("carts left", counts.abandoned, 1),
            ("reachable", counts.reachable, 1),
            ("carts texted", counts.carts_texted, 1),
            ("texts", counts.texts, 1),
            ("delivered", counts.delivered, 1),
            ("tapped", counts.clicked, 1),
            ("orders brought back", counts.recovered_orders, 1),
            ("orders assisted", counts.assisted_orders, 0),
            ("opt-outs", counts.opt_outs, 0),
            ("orders", counts.orders, 1),
            ("left, in money", sums.abandoned_minor, TOTAL_MINOR),
            ("gross", sums.gross_minor, TOTAL_MINOR),
            ("refunded", sums.refunded_minor.abs(), REFUNDED_MINOR),
            ("net", sums.net_minor, TOTAL_MINOR - REFUNDED_MINOR),
            ("assisted, in money", sums.assisted_net_minor, 0),
        ];
        let odd: Vec<String> = figures
            .iter()
            .filter(|(_, found, expected)| found != expected)
            .map(|(name, found, expected)| format!("{name} should be {expected} and is {found}"))
            .collect();
        Ok(match (odd.is_empty(), money.len()) {
            (false, _) => Err(odd.join("; ")),
            (true, 1) => Ok(format!("{} figures as played", figures.len())),
            (true, currencies) => Err(format!("money should be in 1 currency and is in {currencies}")),
        })
    }

    async fn quiet(&mut self) -> Result<Found, Error> {
        self.stage.pass(DAY * 3).await?;
        let all = self.messages().await?;
        let of = |wanted: fn(&Message) -> bool| all.iter().filter(|message| wanted(message)).count();
        let left = of(|message| message.purpose == Purpose::Reminder && message.moments.may_have_left());
        let waiting = of(|message| message.moments.state() == MessageState::Queued);
        let due = store::job::count_due(&mut self.stage.core.db.read().await?, self.stage.now()).await?;
        Ok(match (left, waiting, due) {
            (1, 0, 0) => Ok("three days later still 1 text, nothing waits".to_owned()),
            _ => Err(format!(
                "there should be 1 text and nothing waiting; there are {left}, {waiting} waiting and {due} things due"
            )),
        })
    }
}

fn same<T: PartialEq + std::fmt::Display>(what: &str, expected: T, found: T) -> Found {
    if expected == found {
        Ok(format!("{what}: {found}"))
    } else {
        Err(format!("{what}: should be {expected}, is {found}"))
    }
}
