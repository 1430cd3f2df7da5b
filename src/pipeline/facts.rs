//! Facts: everything one decision is made of, read in one transaction, and the words the text would have.

use super::{
    Core, call,
    discount::{self, Giving},
    follow, guard, hand,
    ingest::{carried_consent, read_phone, textable},
    sequence::{self, Plan},
};
use crate::{
    domain::{
        cart::Cart,
        consent::{Consent, ConsentFacts, Ledger},
        content::{ContentFacts, Expected},
        decide::{CapFacts, CartFacts, Decision, Facts, GatewayFact, ServiceFacts, StepFacts, decide as judge},
        id::MessageId,
        law::{self, Whereabouts},
        link::{self, Purpose},
        message::{self, MessageRef, MessageState},
        money::Money,
        phone::{Phone, PhoneProblem},
        restored::RestoredFacts,
        seal::ShopKeys,
        sms,
        template::{self, Merge},
        time::Time,
        wording::{self, OptOutForm},
        zone,
    },
    gateway,
    store::{
        self, Error, Read,
        decision::MadeOf,
        gateway::Gateway,
        message::{Message, Words},
        shop::Shop,
    },
};

/// The step of a cart that is asked for.
pub(crate) struct Asking<'a> {
    pub shop: &'a Shop,
    pub keys: &'a ShopKeys,
    pub cart: &'a Cart,
    pub plan: &'a Plan,
    pub step: u32,
    pub sender: &'a Option<Gateway>,
    /// The message being sent, which does not count against itself; `None` while the step is only being decided.
    pub sending: Option<&'a Message>,
    /// The message a yes would make.
    pub fresh: MessageId,
}

/// A verdict with what it was made of.
pub(crate) struct Asked {
    pub decision: Decision,
    pub made_of: MadeOf,
    pub phone: Result<Phone, PhoneProblem>,
    /// The consent the cart carries, if any.
    pub carried: Option<Consent>,
    /// The text a yes would send, and what it gives.
    pub words: Option<Words>,
    pub giving: Giving,
}

/// Loads the facts of one step and asks every gate.
pub(crate) async fn ask(read: &mut Read, core: &Core, asking: &Asking<'_>) -> Result<Asked, Error> {
    let now = core.now();
    let Asking { shop, keys, cart, plan, step, .. } = *asking;
    let latest = &cart.latest;
    let country = latest.country.as_deref();
    let phone = textable(shop, &latest.who, country).ok_or_else(|| why_not(shop, cart));
    let number = match &phone {
        Ok(phone) => Ok(phone.country().unwrap_or_default()),
        Err(problem) => Err(problem.to_string()),
    };
    let whereabouts = whereabouts(cart, phone.as_ref().ok());
    let pack = law::current();
    let binding = pack.binding(&whereabouts, now);
    let deadline = cart.abandoned_at.map(|at| at + shop.rules.give_up_after().min(binding.give_up_after));
    let mut ledger = Ledger::default();
    let mut carried = None;
    let mut to_phone = Vec::new();
    let mut zones = zone::Zones::default();
    if let Ok(phone) = &phone {
        let index = store::consent::phone_index(keys, phone);
        zones = zone::candidates(phone, country, latest.region.as_deref(), latest.zone.as_deref());
        to_phone = store::message::to_phone(read, keys, &index, now - super::ledger::REQUESTS_LOOK_BACK).await?;
        to_phone.retain(|message| asking.sending.is_none_or(|this| this.id != message.id));
        let (mut consents, outs) = store::consent::of_phone(read, keys, &index).await?;
        carried = carried_consent(shop, cart, phone, &consents, &outs);
        consents.extend(carried.clone());
        ledger = super::ledger::of_phone(read, keys, &index, &to_phone, (consents, outs)).await?;
    }
    let terms = shop.rules.terms(&binding);
    let consent = ConsentFacts::of(&ledger, &terms, deadline, now);
    let of_cart = store::message::of_cart(read, keys, cart.id).await?;
    let others = || of_cart.iter().filter(|message| asking.sending.is_none_or(|this| this.id != message.id));
    let due_at = cart.abandoned_at.unwrap_or(now) + plan.sequence.step_after(step).unwrap_or_default();
    let this_step = plan.sequence.step(step);
    let service = service(asking.shop, asking.sender, binding.stop_short_code);
    let giving = if asking.sending.is_some() { Giving::Nothing } else { discount::giving(core, asking) };
    let call_number = match asking.sending {
        // It is written already.
        Some(_) => None,
        None => call::shown(read, keys, this_step, &plan.sequence.id, asking.fresh).await?,
    };
    let (words, content) = match &phone {
        Ok(phone) => written(core, asking, phone, &service, &giving, call_number),
        Err(_) => (None, None),
    };
    let facts = Facts {
        zone: shop.zone.clone(),
        shop_country: shop.country.clone(),
        service,
        number,
        whereabouts,
        zones,
        consent,
        cart: CartFacts {
            abandoned_at: cart.abandoned_at,
            active_at: cart.active_at(),
            bought_at: cart.bought_at,
            gone: cart.deleted_at.is_some() || cart.erased_at.is_some(),
            recoverable: cart.is_recoverable(),
            has_link: latest.recovery_url.is_some(),
            astray: latest.recovery_url.as_deref().and_then(|url| follow::astray(core, shop, url)),
            pieces: (!latest.items.is_empty()).then(|| latest.items.iter().map(|item| u64::from(item.quantity)).sum()),
        },
        step: StepFacts {
            sequence: plan.sequence.id.clone(),
            number: step,
            due_at,
            deadline_at: this_step.and_then(|step| step.deadline()).map(|span| due_at + span),
            closed: this_step.map(|step| step.closed).unwrap_or_default(),
            left_out: sequence::left_out(read, asking, &of_cart).await?,
            made: others()
                .find(|message| message.step == step)
                .map(|message| message.moments.state().name().to_owned()),
            discount: this_step.is_some_and(|step| step.discount.is_some()),
        },
        caps: CapFacts {
            of_this_cart: count(others().filter(|message| message.moments.may_have_left())),
            cool_down: match &phone {
                Ok(phone) => sequence::cool_down(read, asking, phone, &of_cart, now).await?,
                Err(_) => None,
            },
            ..caps(&to_phone, asking.sending.is_none(), now)
        },
        risk: guard::facts(read, core, asking).await?,
        hand: hand::facts(read, keys, cart.id, step).await?,
        restored: restored(read, cart, asking.sending).await?,
        holdout: super::holdout::facts(read, keys, cart, phone.as_ref().ok()).await?,
        content,
        leaving: asking.sending.is_some(),
    };
    let decision = judge(&facts, &shop.rules, pack, now);
    let made_of = MadeOf { facts: Some(facts), rules_version: shop.rules_version, law: pack.version().to_owned() };
    Ok(Asked { decision, made_of, phone, carried, words, giving })
}

/// The restore that stands against a cart. A text from before it that waits again does so by a person's word, who looked
/// it up: every other one is unknown since.
async fn restored(read: &mut Read, cart: &Cart, sending: Option<&Message>) -> Result<Option<RestoredFacts>, Error> {
    let Some(restored) = store::restored::last(read).await? else { return Ok(None) };
    if sending.is_some_and(|message| message.created_at <= restored.at) {
        return Ok(None);
    }
    Ok(Some(RestoredFacts {
        backup_at: restored.backup_at,
        at: restored.at,
        began_at: cart.started_at,
        told: cart.latest.started_at.is_some(),
    }))
}

fn count<'m>(messages: impl Iterator<Item = &'m Message>) -> u32 {
    u32::try_from(messages.count()).unwrap_or(u32::MAX)
}

/// The texts that count against caps. While a step is only being decided, also those about to leave do; two that wait to
/// be sent do not hold each other up: the first to go does.
fn caps(to_phone: &[Message], deciding: bool, now: Time) -> CapFacts {
    let counts = |message: &&Message| {
        message.moments.may_have_left() || deciding && message.moments.state() == MessageState::Queued
    };
    let at = |message: &Message| message.moments.sending_at.unwrap_or(message.created_at);
    let reminders = to_phone.iter().filter(|message| message.purpose == message::Purpose::Reminder);
    let texts =
        to_phone.iter().filter(|message| !matches!(message.purpose, message::Purpose::Answer | message::Purpose::Test));
    CapFacts::of(reminders.filter(counts).map(at), texts.filter(counts).map(at), now)
}

/// Whose law applies to a cart and the phone it would be texted on.
pub(crate) fn whereabouts(cart: &Cart, phone: Option<&Phone>) -> Whereabouts {
    let latest = &cart.latest;
    let (country, region) = (latest.country.as_deref(), latest.region.as_deref());
    Whereabouts {
        phone_country: phone.and_then(Phone::country).unwrap_or_default(),
        address_country: latest.country.clone(),
        states: phone.map_or_else(Vec::new, |phone| zone::states(phone, country, region)),
    }
}

pub(crate) fn service(shop: &Shop, sender: &Option<Gateway>, stop_short_code: bool) -> ServiceFacts {
    let kind = sender.as_ref().and_then(|sender| Some((gateway::by_kind(&sender.kind)?, &sender.settings)));
    ServiceFacts {
        stopped: shop.stopped().map(str::to_owned),
        gateway: match sender {
            None => GatewayFact::None,
            Some(sender) if sender.paused_at.is_some() => GatewayFact::Paused,
            Some(_) => GatewayFact::Ready,
        },
        two_way: kind.is_some_and(|(kind, settings)| kind.hears_replies(settings)),
        alphanumeric: kind.and_then(|(kind, settings)| kind.sender_name(settings)),
        short_code: Some(shop.rules.opt_out_short_code.clone()).filter(|code| stop_short_code && !code.is_empty()),
    }
}

/// The problem of the number the shop trusts most.
pub(crate) fn why_not(shop: &Shop, cart: &Cart) -> PhoneProblem {
    let typed = cart.latest.who.phones.first();
    typed.map_or(PhoneProblem::NotANumber, |typed| {
        read_phone(shop, typed, cart.latest.country.as_deref()).err().unwrap_or(PhoneProblem::NotANumber)
    })
}

/// The text of a step that gives this, and what it is like.
pub(crate) fn written_for(
    core: &Core,
    asking: &Asking<'_>,
    phone: &Phone,
    giving: &Giving,
    call_number: Option<String>,
) -> (Option<Words>, Option<ContentFacts>) {
    let binding = law::current().binding(&whereabouts(asking.cart, Some(phone)), core.now());
    written(core, asking, phone, &service(asking.shop, asking.sender, binding.stop_short_code), giving, call_number)
}

/// The text of a step and what it is like. What is being sent was written when it was queued; otherwise it is written now:
/// the shop's own wording where it has one, and the ready-made one should that not render.
fn written(
    core: &Core,
    asking: &Asking<'_>,
    phone: &Phone,
    service: &ServiceFacts,
    giving: &Giving,
    call_number: Option<String>,
) -> (Option<Words>, Option<ContentFacts>) {
    let Asking { shop, keys, cart, plan, step, .. } = *asking;
    let latest = &cart.latest;
    let id = asking.sending.map_or(asking.fresh, |message| message.id);
    let reference = MessageRef { shop: shop.id, message: id };
    let this_step = plan.sequence.step(step);
    let country = phone.country();
    // A language the shop wrote in itself needs no words of ours.
    let own_language = latest.language.as_deref().filter(|tag| this_step.is_some_and(|step| step.speaks(tag)));
    let language =
        own_language.unwrap_or_else(|| wording::choose(latest.language.as_deref(), country.as_deref(), &shop.country));
    // What waits to leave was written when we may have had another address, or the shop another key: its links are the same
    // ones, at the address we have now, and those that were revoked since are signed anew.
    let mut text = asking.sending.map(|message| message.words.text.clone());
    let mut address = |purpose, path: &str| {
        let standing = text.as_deref().and_then(|text| link::standing(text, path, keys, purpose, reference));
        let token = standing.as_ref().and_then(|standing| standing.token.clone());
        let now = format!("{}{path}{}", core.public_url, token.unwrap_or_else(|| link::sign(keys, purpose, reference)));
        if let (Some(text), Some(standing)) = (&mut text, standing) {
            text.replace_range(standing.place, &now);
        }
        now
    };
    let (restore_url, opt_out_url) = (address(Purpose::Restore, "/r/"), address(Purpose::OptOut, "/o/"));
    let form = OptOutForm {
        two_way: service.two_way,
        url: &opt_out_url,
        short_code: service.short_code.as_deref(),
        country: country.as_deref(),
    };
    let opt_out = wording::opt_out(&form, Some(language));
    let code = match asking.sending {
        Some(message) => message.words.code.clone(),
        None => giving.code().map(str::to_owned),
    };
    let merge = Merge {
        first_name: latest.first_name.clone(),
        shop: shop.name.clone(),
        link: restore_url,
        opt_out,
        total: latest.total.map(|total: Money| total.to_string()),
        items: latest.items.first().map(|item| item.title.clone()),
        item_count: latest.items.iter().map(|item| item.quantity).sum(),
        code: code.clone(),
        code_value: giving.value(),
        code_until: giving.last_day(&super::zone_of(shop)).map(|day| wording::date(Some(language), day)),
        call_number,
    };
    let expected =
        Expected { shop: &shop.name, link: &merge.link, opt_out: &merge.opt_out, parts_most: shop.rules.parts_most };
    let told =
        |content: ContentFacts| ContentFacts { discount: code.is_some(), language: language.to_owned(), ..content };
    if let (Some(message), Some(text)) = (asking.sending, text) {
        let content = told(ContentFacts::of(&text, expected));
        let encoding = sms::segments(&text).encoding;
        return (Some(Words { text, encoding, ..message.words.clone() }), Some(content));
    }
    let own = this_step.and_then(|step| step.text(Some(language)));
    if let (Some(_), Giving::Not(why)) = (own, giving) {
        // The shopkeeper's words may promise what there is not; the ready-made ones promise nothing.
        let unwritten = Some(format!("its own words go with a discount, and there is none: {why}"));
        return (None, Some(told(ContentFacts { unwritten, ..ContentFacts::default() })));
    }
    let ours = || {
        // A step that gives a code names it; should there be none to give, it says what any other does.
        let ready = if merge.code.is_some() { wording::discounted } else { wording::text };
        template::render(ready(Some(language), step), &merge)
    };
    let text = match own.map(|own| template::render(own, &merge)) {
        Some(Ok(text)) => Ok(text),
        Some(Err(problem)) => {
            tracing::warn!(shop = %shop.id, step, %problem, "the shop's wording does not render; using ours");
            ours()
        }
        None => ours(),
    };
    let text = match text {
        Ok(text) => text,
        Err(problem) => {
            let content = ContentFacts { unwritten: Some(problem.to_string()), ..ContentFacts::default() };
            return (None, Some(told(content)));
        }
    };
    let content = told(ContentFacts::of(&text, expected));
    let words = Words {
        phone: phone.e164().to_owned(),
        encoding: sms::segments(&text).encoding,
        text,
        language: Some(language.to_owned()),
        code,
        own_code: matches!(giving, Giving::New(_)),
    };
    (Some(words), Some(content))
}
