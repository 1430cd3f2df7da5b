//! What is heard over a session, written down for the connector: a receipt or a text by itself, a text in parts when all of
//! them are there. Parts are handed over one by one too, so that none is lost when the process ends between two; only the
//! joining is then. What is never completed is handed over as it is.
//!
//! It outlives the session: the parts of a text may come over two.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::time::Instant;

use super::{
    Bind,
    pdu::{Heard, Place},
};

/// What a MAC begins with, so that it means nothing elsewhere.
const MAC_OF: &str = "cartback smpp\n";

/// Texts that wait for parts at once; beyond it each part is a text of its own.
const WAITING_MAX: usize = 256;

/// Bits 5 to 2 of esm_class: set for receipts and the like.
const KIND: u8 = 0b0011_1100;

#[derive(Default)]
pub struct Ear {
    waiting: HashMap<Name, Waiting>,
}

/// Whose parts belong together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    source: String,
    destination: String,
    name: u16,
    of: u8,
}

struct Waiting {
    /// As what the text is handed over: the id of its first part to come.
    id: String,
    parts: BTreeMap<u8, Heard>,
    until: Instant,
    /// All of it was kept; what comes again is only acknowledged.
    kept: bool,
}

/// What to do with something heard.
#[derive(Debug, PartialEq, Eq)]
pub enum Task {
    /// Hand it over; it is acknowledged when it was kept.
    Keep { said: String, whole: Option<Name> },
    /// It is kept already.
    Acknowledge,
}

impl Ear {
    pub fn hear(&mut self, id: &str, heard: Heard, until: Instant) -> Task {
        let place = heard.place.filter(|_| heard.esm_class & KIND == 0);
        let Some(place) = place else { return Task::Keep { said: said(id, &[&heard], None), whole: None } };
        let name = Name::of(&heard, place);
        let known = self.waiting.get(&name).and_then(|waiting| waiting.parts.get(&place.number));
        if known.is_some_and(|known| known.octets != heard.octets) {
            // Another text of the same name, as names are used again.
            self.waiting.remove(&name);
        }
        if self.waiting.len() >= WAITING_MAX && !self.waiting.contains_key(&name) {
            return Task::Keep { said: said(id, &[&heard], None), whole: None };
        }
        let part = said(id, &[&heard], Some(place));
        let new = || Waiting { id: id.to_owned(), parts: BTreeMap::new(), until, kept: false };
        let waiting = self.waiting.entry(name.clone()).or_insert_with(new);
        if waiting.kept {
            return Task::Acknowledge;
        }
        waiting.parts.insert(place.number, heard);
        match waiting.parts.len() == usize::from(place.of) {
            true => Task::Keep { said: waiting.said(), whole: Some(name) },
            false => Task::Keep { said: part, whole: None },
        }
    }

    /// A whole text was kept, or not; one that was not is tried again.
    pub fn settled(&mut self, name: &Name, kept: bool, until: Instant) {
        let Some(waiting) = self.waiting.get_mut(name) else { return };
        waiting.until = until;
        waiting.kept = kept;
    }

    /// When next something has waited long enough.
    pub fn next(&self) -> Option<Instant> {
        self.waiting.values().map(|waiting| waiting.until).min()
    }

    /// Texts that were not completed in time, each told once per `again`.
    pub fn overdue(&mut self, now: Instant, again: Duration) -> Vec<(Name, String)> {
        self.waiting.retain(|_, waiting| !(waiting.kept && waiting.until <= now));
        let overdue = self.waiting.iter_mut().filter(|(_, waiting)| waiting.until <= now);
        let told = |(name, waiting): (&Name, &mut Waiting)| {
            waiting.until = now + again;
            (name.clone(), waiting.said())
        };
        overdue.map(told).collect()
    }
}

impl Name {
    fn of(heard: &Heard, place: Place) -> Name {
        let (source, destination) = (heard.source.clone(), heard.destination.clone());
        Name { source, destination, name: place.name, of: place.of }
    }
}

impl Waiting {
    fn said(&self) -> String {
        said(&self.id, &self.parts.values().collect::<Vec<_>>(), None)
    }
}

/// One or more parts of one text in our words; the first tells what they have in common.
fn said(id: &str, parts: &[&Heard], place: Option<Place>) -> String {
    let Some(first) = parts.first() else { return String::new() };
    let octets = |part: &&Heard| json!({ "data_coding": part.data_coding, "octets": HEXLOWER.encode(&part.octets) });
    let mut said = json!({
        "id": match place {
            Some(place) => format!("{id}-{}", place.number),
            None => id.to_owned(),
        },
        "part": place.is_some(),
        "source": first.source,
        "destination": first.destination,
        "esm_class": first.esm_class,
        "parts": parts.iter().map(octets).collect::<Vec<_>>(),
    });
    let error = first.network_error_code.as_deref().map(|octets| HEXLOWER.encode(octets));
    let fields = [
        ("receipted_message_id", first.receipted_message_id.clone().map(Value::from)),
        ("message_state", first.message_state.map(Value::from)),
        ("network_error_code", error.map(Value::from)),
    ];
    for (name, value) in fields {
        if let (Some(object), Some(value)) = (said.as_object_mut(), value) {
            object.insert(name.to_owned(), value);
        }
    }
    said.to_string()
}

/// The body of a delivery: what was said, and the proof that it was the session that said it.
pub fn sealed(bind: &Bind, said: &str) -> Vec<u8> {
    let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(bind.password.as_bytes()).ok().map(|mut mac| {
        [MAC_OF, &bind.system_id, "\n", said].iter().for_each(|piece| mac.update(piece.as_bytes()));
        HEXLOWER.encode(&mac.finalize().into_bytes())
    });
    json!({ "said": said, "mac": mac }).to_string().into_bytes()
}
