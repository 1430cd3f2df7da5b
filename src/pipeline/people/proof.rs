//! Proof: everything that led to one text, for whoever disputes it: the consent with its words and when, where and how it
//! was given; every gate that was asked; the words as sent, by whom and when; what became of it; a later opt-out.
//!
//! The JSON is made of facts only: as long as these stay, it is the same to the byte whenever it is made, and so is its
//! SHA-256. The page shows the same facts, the JSON itself and that hash, and needs nothing else to be checked.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::export::{consent as told_consent, decision, moments, money, opt_out, told, without_keys};
use crate::{
    domain::{
        consent::{Consent, Ledger, OptOut, OutProof},
        decide::Verdict,
        id::{MessageId, ShopId},
        message::Purpose,
        time::Time,
    },
    gateway,
    pipeline::Core,
    store::{self, Error, decision::Kept, gateway::Gateway, message::Message, shop::Shop},
};

/// Of the JSON's form.
pub const VERSION: u32 = 1;

/// The proof of one text.
pub struct Proof {
    pub message: MessageId,
    /// Indented, ends with a line's end.
    pub json: String,
    /// Of these very bytes, in lower-case hex.
    pub sha256: String,
    /// The same facts in words: a heading, and lines of a name and a value.
    pub sections: Vec<Section>,
}

pub struct Section {
    pub title: &'static str,
    pub lines: Vec<(String, String)>,
}

/// What led to this text. `None` when the shop has no such text, or there is no such shop.
pub async fn proof(core: &Core, shop: ShopId, id: MessageId) -> Result<Option<Proof>, Error> {
    let mut read = core.db.read().await?;
    if shop == ShopId::HOUSE {
        return Ok(None);
    }
    let Some((shop, keys)) = core.shop(&mut read, shop).await? else { return Ok(None) };
    let Some(message) = store::message::get(&mut read, &keys, id).await? else { return Ok(None) };
    let known_number = !message.words.phone.is_empty();
    let (consents, opt_outs) = if known_number {
        let index = store::consent::phone_index(&keys, &message.phone());
        let (consents, _) = store::consent::of_phone(&mut read, &keys, &index).await?;
        (consents, store::consent::opt_outs_of(&mut read, &keys, &index).await?)
    } else {
        (Vec::new(), Vec::new())
    };
    let (mut decisions, mut cart) = (Vec::new(), None);
    if let Some(about) = message.cart() {
        decisions = store::decision::of_cart(&mut read, &keys, about).await?;
        cart = store::cart::get(&mut read, &keys, about).await?;
    }
    let clicks = store::click::of_message(&mut read, &keys, id).await?;
    let digest = store::retention::digest_of(&mut read, &keys, id).await?;
    let digest = digest.map(|digest| data_encoding::HEXLOWER.encode(&digest));
    let tenant = core.vault.keys(&mut read, message.gateway_shop).await?;
    let account = store::gateway::get(&mut read, &tenant, message.gateway).await?;
    drop(read);
    // A request to confirm has no step: what was decided about the cart until it was made led to it.
    let of_step = |kept: &Kept| match message.purpose {
        Purpose::Reminder => kept.step == message.step,
        _ => kept.at <= message.created_at,
    };
    let decisions: Vec<Kept> = decisions.into_iter().filter(of_step).collect();
    let facts = Facts { shop, message, account, consents, opt_outs, decisions, digest };
    let cart = cart.map(|cart| {
        json!({
            "id": cart.id,
            "started_at": cart.started_at.to_string(),
            "abandoned_at": told(cart.abandoned_at),
            "bought_at": told(cart.bought_at),
            "total": cart.latest.total.map(money),
        })
    });
    let clicks: Vec<Value> =
        clicks.iter().map(|click| json!({ "at": click.at.to_string(), "verdict": click.verdict })).collect();
    let json = facts.json(&core.public_url, cart, clicks);
    let text = serde_json::to_string_pretty(&json).map_err(|why| Error::damaged("proof", why))? + "\n";
    let sha256 = hex(text.as_bytes());
    Ok(Some(Proof { message: id, sections: facts.sections(&core.public_url), json: text, sha256 }))
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

struct Facts {
    shop: Shop,
    message: Message,
    account: Option<Gateway>,
    consents: Vec<Consent>,
    opt_outs: Vec<(OptOut, Option<OutProof>)>,
    decisions: Vec<Kept>,
    /// Of words that were forgotten by age.
    digest: Option<String>,
}

impl Facts {
    /// When it went, or was to go.
    fn at(&self) -> Time {
        self.message.moments.sending_at.unwrap_or(self.message.created_at)
    }

    /// The consent it went by: what the ledgers said when it left.
    fn basis(&self) -> Option<Consent> {
        let at = self.at();
        let consents: Vec<Consent> = self.consents.iter().filter(|entry| entry.at <= at).cloned().collect();
        let outs: Vec<OptOut> =
            self.opt_outs.iter().map(|(entry, _)| entry).filter(|entry| entry.at <= at).cloned().collect();
        let ledger = Ledger::of(consents, outs);
        let out = ledger.opted_out();
        ledger.grant().filter(|_| out.is_none()).cloned()
    }

    fn later_opt_outs(&self) -> impl Iterator<Item = &(OptOut, Option<OutProof>)> {
        self.opt_outs.iter().filter(|(entry, _)| entry.at > self.at())
    }

    /// Of the exact words, also after they were forgotten by age.
    fn text_sha256(&self) -> Option<String> {
        let words = &self.message.words;
        if words.text.is_empty() { self.digest.clone() } else { Some(hex(words.text.as_bytes())) }
    }

    /// Whom the phone shows it from; "" when the gateway's settings do not say.
    fn sender(&self) -> String {
        let settings = self.account.as_ref().map(|account| &account.settings);
        let named = settings.and_then(|settings| ["sender", "from"].iter().find_map(|key| settings.given(key)));
        named.unwrap_or_default().to_owned()
    }

    /// The gateway's name and what it is.
    fn through(&self) -> String {
        let Some(account) = &self.account else { return "a gateway that is gone".to_owned() };
        let kind = gateway::by_kind(&account.kind).map_or(account.kind.as_str(), |kind| kind.spec().name);
        if account.name == kind { kind.to_owned() } else { format!("{} ({kind})", account.name) }
    }

    fn json(&self, public_url: &str, cart: Option<Value>, clicks: Vec<Value>) -> Value {
        let message = &self.message;
        let text = &message.words.text;
        let consents: Vec<Value> = self.consents.iter().map(told_consent).collect();
        let opt_outs: Vec<Value> = self.opt_outs.iter().map(told_out).collect();
        let decisions: Vec<Value> = self.decisions.iter().map(decision).collect();
        json!({
            "format": "cartback.proof",
            "version": VERSION,
            "shop": { "id": self.shop.id, "name": self.shop.name, "country": self.shop.country },
            "message": {
                "id": message.id,
                "purpose": message.purpose.name(),
                "sequence": message.sequence,
                "step": message.step,
                "to": message.words.phone,
                "country": message.country,
                "language": message.words.language,
                "text": without_keys(text, public_url),
                "text_sha256": self.text_sha256(),
                "parts": message.segments,
                "sender": self.sender(),
                "gateway": self.account.as_ref().map(|account| json!({ "kind": account.kind, "name": account.name })),
                "gateway_reference": message.gateway_ref,
                "moments": moments(message),
                "state": message.moments.state().name(),
                "reason": message.reason,
                "clicks": clicks,
            },
            "cart": cart,
            "consent": self.basis().as_ref().map(told_consent),
            "decisions": decisions,
            "ledger": { "consents": consents, "opt_outs": opt_outs },
            "opted_out_later": self.later_opt_outs().map(told_out).collect::<Vec<Value>>(),
        })
    }

    fn sections(&self, public_url: &str) -> Vec<Section> {
        let mut sections = vec![
            Section { title: "The text", lines: self.text_lines(public_url) },
            Section { title: "The consent it went by", lines: self.consent_lines() },
            Section { title: "What was asked before it went", lines: self.gate_lines() },
            Section { title: "What became of it", lines: self.moment_lines() },
        ];
        let later: Vec<(String, String)> = self
            .later_opt_outs()
            .map(|(out, proof)| {
                let heard = proof.as_ref().and_then(|proof| proof.text.as_deref());
                let words = heard.map(|text| format!(": “{text}”")).unwrap_or_default();
                line("Opted out", format!("{}, by {}{words}", out.at, out.source))
            })
            .collect();
        let none = vec![("Opted out".to_owned(), "no later opt-out is on record".to_owned())];
        sections.push(Section { title: "Afterwards", lines: if later.is_empty() { none } else { later } });
        sections
    }

    fn text_lines(&self, public_url: &str) -> Vec<(String, String)> {
        let message = &self.message;
        let (text, erased) = (&message.words.text, "erased on request or by age");
        let words = if text.is_empty() { erased.to_owned() } else { without_keys(text, public_url) };
        let to = if message.words.phone.is_empty() { erased.to_owned() } else { message.words.phone.clone() };
        let mut lines = vec![
            line("By", format!("{} (shop {})", self.shop.name, self.shop.id)),
            line("To", to),
            line("What for", message.purpose.name().replace('_', " ")),
            line("Sender", self.sender()),
            line("Through", self.through()),
            line("Words", words),
        ];
        if let Some(digest) = self.text_sha256() {
            lines.push(line("SHA-256 of the exact words, links whole", digest));
        }
        lines
    }

    fn consent_lines(&self) -> Vec<(String, String)> {
        let Some(consent) = self.basis() else {
            return vec![line("On record", "none: it was erased, or the text never left".to_owned())];
        };
        let proof = &consent.proof;
        let unknown = || "not recorded".to_owned();
        let or = |value: &Option<String>| value.clone().unwrap_or_else(unknown);
        let mut lines = vec![
            line("Given", consent.at.to_string()),
            line("Words shown", or(&proof.text)),
            line("Version", or(&proof.version)),
            line("Language", or(&proof.language)),
            line("Page", or(&proof.url)),
            line("IP address", or(&proof.ip)),
            line("Browser", or(&proof.agent)),
            line("Level", or(&proof.level)),
            line("Box before it was touched", or(&proof.box_state)),
            line("Told by", proof.source.clone()),
        ];
        if let Some(reply) = &proof.reply {
            lines.push(line("Reply, word for word", reply.text.clone()));
            lines.push(line("Reply received", reply.received_at.to_string()));
        }
        lines
    }

    fn gate_lines(&self) -> Vec<(String, String)> {
        let mut lines = Vec::new();
        for kept in &self.decisions {
            lines.push(line("Asked", kept.at.to_string()));
            if !kept.made_of.law.is_empty() {
                let (law, rules) = (&kept.made_of.law, kept.made_of.rules_version);
                lines.push(line("Judged by", format!("law's data {law}, version {rules} of the shop's rules")));
            }
            for gate in &kept.decision.gates {
                let verdict = match gate.verdict {
                    Verdict::Pass => "passed".to_owned(),
                    Verdict::Wait(until) => format!("waits until {until}"),
                    Verdict::Stop => "stopped".to_owned(),
                };
                lines.push(line(gate.gate.words(), format!("{verdict}: {}", gate.why)));
            }
        }
        if lines.is_empty() {
            lines.push(line("Asked", "no decision is on record any more".to_owned()));
        }
        lines
    }

    fn moment_lines(&self) -> Vec<(String, String)> {
        let (message, moments) = (&self.message, &self.message.moments);
        let named = [
            ("Written", Some(message.created_at)),
            ("Handed to the gateway", moments.sending_at),
            ("Accepted by the gateway", moments.accepted_at),
            ("Refused", moments.refused_at),
            ("Outcome unknown", moments.unknown_at),
            ("Delivered", moments.delivered_at),
            ("Not delivered", moments.undelivered_at),
            ("Called off", moments.cancelled_at),
            ("Too late", moments.expired_at),
        ];
        let mut lines: Vec<_> = named.into_iter().filter_map(|(name, at)| Some(line(name, at?.to_string()))).collect();
        if let Some(reference) = &message.gateway_ref {
            lines.push(line("The gateway's reference", reference.clone()));
        }
        if !message.reason.is_empty() {
            lines.push(line("Reason", message.reason.clone()));
        }
        lines
    }
}

fn told_out((entry, proof): &(OptOut, Option<OutProof>)) -> Value {
    opt_out(entry, proof.as_ref())
}

fn line(name: &str, value: String) -> (String, String) {
    (name.to_owned(), value)
}
