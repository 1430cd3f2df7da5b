//! Call: somebody dials a number a text showed them. The webhook is answered with where to put the call through, so it
//! cannot wait in the inbox: what it tells is written, in one transaction under the shop's turn, before it is answered. A
//! call told again, or its end before its beginning, changes nothing that is known.

use super::{Core, rollup, track, zone_of};
use crate::{
    domain::{
        call::{self, LEAST_SECONDS_MOST, NUMBERS_MOST, Number, State, Text, WITHIN},
        connector::{Delivery, Refusal},
        id::{CallId, CallNumberId, MessageId, ShopId},
        message::Purpose,
        seal::ShopKeys,
        sequence::Step,
        site_event::{self, Kind, Unit, Visit},
        time::{DAY, Time},
    },
    gateway::voice::{self, Told, What},
    store::{self, Error, Read, Tx, call::Call, identity, shop::Shop},
    transact,
};

/// What Twilio is answered.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// TwiML.
    Twiml(String),
    /// There is no such shop.
    Unknown,
    /// Not from Twilio.
    Refused(Refusal),
}

/// Takes what Twilio tells of a call. `public_id` is the shop's, as in the address of its webhooks.
pub async fn receive(core: &Core, public_id: &str, delivery: &Delivery) -> Result<Answer, Error> {
    let mut read = core.db.read().await?;
    let connection = store::connection::find(&mut read, public_id).await?;
    let Some(connection) = connection.filter(|found| found.gateway.is_none()) else { return Ok(Answer::Unknown) };
    let Some((shop, keys)) = core.shop(&mut read, connection.shop).await? else { return Ok(Answer::Unknown) };
    if shop.erased_at.is_some() {
        return Ok(Answer::Unknown);
    }
    let tokens = tokens(core, &mut read, &keys).await?;
    let last_refused = store::call::desk(&mut read, &keys).await?.refused_at;
    drop(read);
    if let Err(refusal) = voice::verify(tokens.iter().map(String::as_str), delivery) {
        note_refused(core, &keys, last_refused).await;
        return Ok(Answer::Refused(refusal));
    }
    let Some(told) = voice::read(delivery) else { return Ok(Answer::Twiml(voice::DONE.to_owned())) };
    let action = format!("{}/hook/call/{public_id}", core.public_url);
    let said = transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop.id).await?;
        take(core, tx, (&shop, &keys), &told, &action).await?
    })?;
    Ok(Answer::Twiml(said))
}

/// A refused call is written down at most so often: strangers must not be able to make us write.
const REFUSAL_NOTE_EVERY: std::time::Duration = std::time::Duration::from_secs(10);

async fn note_refused(core: &Core, keys: &ShopKeys, last: Option<Time>) {
    let now = core.now();
    metrics::counter!("cartback_calls_refused_total").increment(1);
    if last.is_some_and(|last| now.since(last) < REFUSAL_NOTE_EVERY) {
        return;
    }
    let noted: Result<(), Error> = transact!(core.db, |tx| {
        store::call::note_refused(tx, keys, now).await?;
    });
    if let Err(error) = noted {
        tracing::warn!(%error, "a refused call could not be noted");
    }
}

/// The keys Twilio may have signed with: the shop's own for calls, else those of its Twilio gateways and the house's.
async fn tokens(core: &Core, read: &mut Read, keys: &ShopKeys) -> Result<Vec<String>, Error> {
    if let Some(token) = store::call::desk(read, keys).await?.token {
        return Ok(vec![token]);
    }
    let house = core.vault.keys(read, ShopId::HOUSE).await?;
    let mut tokens = Vec::new();
    for keys in [keys, &house] {
        for gateway in store::gateway::list(read, keys).await?.iter().filter(|gateway| gateway.kind == "twilio") {
            tokens.extend(gateway.settings.list("auth_token").map(str::to_owned));
        }
    }
    Ok(tokens)
}

/// Whether a call could be verified at all.
pub async fn can_verify(core: &Core, read: &mut Read, keys: &ShopKeys) -> Result<bool, Error> {
    Ok(!tokens(core, read, keys).await?.is_empty())
}

async fn take(
    core: &Core,
    tx: &mut Tx,
    (shop, keys): (&Shop, &ShopKeys),
    told: &Told,
    action: &str,
) -> Result<String, Error> {
    let now = core.now();
    let known = store::call::by_sid(tx, keys, &told.sid).await?;
    let numbers = store::call::numbers(tx, keys).await?;
    let called = numbers.iter().rev().find(|number| match &known {
        Some(call) => number.id == call.number,
        None => number.number == told.to && number.removed_at.is_none(),
    });
    let Some(number) = called else {
        return Ok(if told.what == What::Rings { voice::REJECT } else { voice::DONE }.to_owned());
    };
    let mut call = match known {
        Some(call) => call,
        None => {
            let call = fresh(core, tx, keys, told, number).await?;
            store::call::add(tx, keys, &call).await?;
            call
        }
    };
    match told.what {
        What::Rings => return Ok(voice::dial(&number.answers, action)),
        What::Dialled { answered, seconds } => {
            // What is known of a call never becomes less: its end may be told twice, and late.
            if answered {
                call.state = State::Answered;
            } else if call.state == State::Ringing {
                call.state = State::Missed;
            }
            call.seconds = call.seconds.max(seconds);
        }
        What::Over if call.state == State::Ringing => call.state = State::Missed,
        What::Over => {}
    }
    call.ended_at.get_or_insert(now);
    let least = store::call::desk(tx, keys).await?.least_seconds;
    if call.counted_day.is_none() && call::counts(call.state, call.seconds, least) {
        let day = rollup::day_number(&zone_of(shop), call.called_at);
        let again = match &call.phone {
            Some(phone) => store::call::counts_on(tx, keys, phone, day).await?,
            // Nobody can tell one hidden caller from another.
            None => false,
        };
        call.counted_day = (!again).then_some(day);
        if !again {
            // Of a hidden caller the call itself is all there is.
            let name = call.phone.unwrap_or_else(|| keys.index("call", &call.sid));
            let told = site_event::Told {
                name: Kind::Called.name().to_owned(),
                id: call.sid.clone(),
                target: call.sequence.clone(),
                number: i64::from(call.seconds).min(Unit::Seconds.most()),
                visit: Visit::told("sms", "sms", &call.sequence),
                ..site_event::Told::default()
            };
            track::note(core, tx, (shop, keys), told, &name).await?;
        }
    }
    store::call::end(tx, keys, &call).await?;
    Ok(voice::DONE.to_owned())
}

/// A call nobody told of yet.
async fn fresh(core: &Core, tx: &mut Tx, keys: &ShopKeys, told: &Told, number: &Number) -> Result<Call, Error> {
    let now = core.now();
    let phone = told.from.as_deref().map(|from| identity::value(keys, identity::Kind::Phone, from));
    let mut texts = Vec::new();
    if let Some(phone) = &phone {
        // A text is made some time before it leaves.
        for message in store::message::to_phone(tx, keys, phone, now - WITHIN - DAY * 7).await? {
            let accepted_at = message.moments.accepted_at.filter(|_| message.purpose == Purpose::Reminder);
            let text = |accepted_at| Text { message: message.id, sequence: message.sequence.clone(), accepted_at };
            texts.extend(accepted_at.map(text));
        }
    }
    let (tie, message, sequence) = call::tie(number, &texts, now);
    Ok(Call {
        id: CallId::new(core.fresh_id()),
        sid: told.sid.clone(),
        number: number.id,
        called_at: now,
        state: State::Ringing,
        seconds: 0,
        ended_at: None,
        phone,
        tie,
        message,
        sequence,
        counted_day: None,
    })
}

/// Whether the words of a step ask for a number.
pub(crate) fn is_asked_for(step: &Step) -> bool {
    step.texts.values().any(|text| text.contains("call_number"))
}

/// The number a text shows, where its words ask for one.
pub(crate) async fn shown(
    read: &mut Read,
    keys: &ShopKeys,
    step: Option<&Step>,
    sequence: &str,
    message: MessageId,
) -> Result<Option<String>, Error> {
    if !step.is_some_and(is_asked_for) {
        return Ok(None);
    }
    let numbers = store::call::numbers(read, keys).await?;
    Ok(call::shown(&numbers, sequence, message).map(|number| number.number.clone()))
}

/// Why a number was not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotAdded {
    /// Every problem in words for the shopkeeper.
    #[error("{}", .0.join("; "))]
    Wrong(Vec<String>),
    #[error(transparent)]
    Store(#[from] Error),
}

/// Puts a number into the pool, as it is typed. `sequence` is a sequence's id, "" for every other.
pub async fn add(
    core: &Core,
    shop: ShopId,
    number: &str,
    answers: &str,
    sequence: &str,
) -> Result<CallNumberId, NotAdded> {
    let now = core.now();
    let (number, answers) = (call::typed("number", number), call::typed("answers", answers));
    let id = CallNumberId::new(core.fresh_id());
    let done: Result<(), Vec<String>> = transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        let mut problems: Vec<String> =
            [&number, &answers].into_iter().filter_map(|typed| typed.as_ref().err().cloned()).collect();
        match core.shop(tx, shop).await? {
            None => problems.push("there is no such shop".to_owned()),
            Some((shop, keys)) => {
                let known = store::call::numbers(tx, &keys).await?;
                let pool = || known.iter().filter(|known| known.removed_at.is_none());
                if !sequence.is_empty() && shop.rules.sequence(sequence).is_none() {
                    problems.push("sequence: there is none of this id".to_owned());
                }
                if pool().count() >= NUMBERS_MOST {
                    problems.push(format!("number: at most {NUMBERS_MOST}"));
                }
                if pool().any(|known| number.as_ref() == Ok(&known.number)) {
                    problems.push("number: is in the pool already".to_owned());
                }
                if number.is_ok() && number == answers {
                    problems.push("answers: must be another number, or the call would go round".to_owned());
                }
                if let (Ok(number), Ok(answers), true) = (&number, &answers, problems.is_empty()) {
                    let (number, answers, sequence) = (number.clone(), answers.clone(), sequence.to_owned());
                    let number = Number { id, number, answers, sequence, added_at: now, removed_at: None };
                    store::call::add_number(tx, &keys, &number).await?;
                }
            }
        }
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    })?;
    done.map(|()| id).map_err(NotAdded::Wrong)
}

/// Takes a number out of the pool; its calls stay. `false` when it is not in it.
pub async fn remove(core: &Core, shop: ShopId, id: CallNumberId) -> Result<bool, Error> {
    let now = core.now();
    transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        let keys = core.vault.keys(tx, shop).await?;
        store::call::remove_number(tx, &keys, id, now).await?
    })
}

/// Says what counts, and the key Twilio signs with: `None` leaves it, "" takes that of the gateway again.
pub async fn set(core: &Core, shop: ShopId, least_seconds: Option<u32>, token: Option<&str>) -> Result<(), NotAdded> {
    if least_seconds.is_some_and(|seconds| seconds > LEAST_SECONDS_MOST) {
        return Err(NotAdded::Wrong(vec![format!("least_seconds: must be 0 to {LEAST_SECONDS_MOST}")]));
    }
    transact!(core.db, |tx| {
        store::shop::take_turn(tx, shop).await?;
        let keys = core.vault.keys(tx, shop).await?;
        let known = store::call::desk(tx, &keys).await?;
        let token = match token.map(str::trim) {
            None => known.token,
            Some("") => None,
            Some(token) => Some(token.to_owned()),
        };
        store::call::set_desk(tx, &keys, least_seconds.unwrap_or(known.least_seconds), token.as_deref()).await?;
    })?;
    Ok(())
}
