//! Texts: every step's words in every language, and the editor of one. It works without a script: a button shows the
//! preview. With one, the preview follows the typing.

use actix_web::{HttpRequest, HttpResponse, http::header, web::Form};
use serde::Deserialize;

use super::{Visit, come_in_to_change, show};
use crate::{
    domain::{
        cart::Cart,
        id::{CartId, MessageId},
        message::Cost,
        seal::ShopKeys,
        sequence::{Sequence, Step},
        sms,
        template::{self, Problem as Wrong},
        time::{DAY, MINUTE},
        wording,
    },
    pipeline::{
        connect::{self, NotConnected},
        trial::{self, NotSent, Trial},
    },
    store::{self, Error, Read, cart::Filter, shop::Shop},
    web::{
        gate,
        problem::Problem,
        view::{
            Section,
            format::Shown as _,
            sequences::long,
            texts::{Editor, Fragment, Language, Preview, SequenceTexts, StepTexts, Texts, Variant, path},
            words::{say, t},
        },
    },
};

/// Carts to leaf through while writing, and how far back they lie.
const CARTS: u32 = 12;
const CARTS_DAYS: u32 = 60;
/// Texts a price is taken from.
const PRICED: u32 = 50;

pub async fn get_all(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Texts).await?;
    let mut sequences = Vec::new();
    if let Some((shop, keys)) = visit.shop() {
        let mut read = visit.read().await?;
        for sequence in &shop.rules.sequences {
            let mut steps = Vec::new();
            for (number, step) in (1..).zip(&sequence.steps) {
                steps.push(StepTexts {
                    number,
                    after: match step.after_minutes {
                        0 => t("as soon as the cart counts as left").to_owned(),
                        minutes => say("{span} after the cart was left", &[("span", &long(MINUTE * minutes))]),
                    },
                    discount: step.discount.is_some(),
                    variants: variants(&visit, &mut read, (shop, keys), step, number).await?,
                    others: unwritten(step),
                });
            }
            let (id, name) = (sequence.id.clone(), sequence.name.clone());
            sequences.push(SequenceTexts { id, name, on: sequence.on_since.is_some(), steps });
        }
    }
    show(&Texts { sequences, ready: wording::languages().len() as u64, page: visit.page.clone() })
}

/// The shop's own words, and the ready-made ones of its own language where it wrote none for everybody.
async fn variants(
    visit: &Visit,
    read: &mut Read,
    (shop, keys): (&Shop, &ShopKeys),
    step: &Step,
    number: u32,
) -> Result<Vec<Variant>, Error> {
    let mut tags: Vec<String> = step.texts.keys().cloned().collect();
    let main = main_language(shop);
    if !step.texts.contains_key("") && !step.speaks(&main) {
        tags.insert(0, main);
    }
    let mut variants = Vec::new();
    for tag in tags {
        let own = step.texts.get(&tag);
        let source = own.map_or_else(|| ready(shop, step, number, &tag), |own| own.clone());
        let language = spoken(shop, &tag);
        let trial = Trial { language: &language, discount: step.discount.as_ref(), cart: None };
        let filled = trial::fill(read, visit.core(), (shop, keys), &trial).await?;
        let said = template::render(&source, &filled.merge);
        let problem = said.as_ref().err().map(ToString::to_string);
        let said = said.unwrap_or(source);
        let parts = u64::from(sms::segments(&said).count);
        variants.push(Variant { language: language_of(&tag), own: own.is_some(), said, parts, problem });
    }
    Ok(variants)
}

pub async fn get(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Texts).await?;
    let typed = Typed {
        language: visit.asked("language").to_owned(),
        cart: visit.asked("cart").to_owned(),
        ..Typed::default()
    };
    let desk = Desk::of(&visit, &request, typed)?;
    let source = desk.stored();
    desk.page(&source, Vec::new()).await
}

/// What a person typed on the editor's page.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    /// BCP 47; "" for every other language.
    language: String,
    text: String,
    cart: String,
    /// The cart to show instead.
    other_cart: String,
    phone: String,
    act: String,
}

pub async fn post(request: HttpRequest, typed: Form<Typed>) -> Result<HttpResponse, Problem> {
    let mut visit = Visit::begin(&request, Section::Texts).await?;
    let typed = typed.into_inner();
    if matches!(typed.act.as_str(), "save" | "ready" | "test") {
        come_in_to_change(&request).await?;
    } else {
        gate::nothing(&request);
    }
    let source = typed.text.replace("\r\n", "\n");
    match typed.act.as_str() {
        "save" => {
            let desk = Desk::of(&visit, &request, typed)?;
            match desk.save(&source).await? {
                Ok(()) => Ok(desk.back("text_saved")),
                Err(refused) => desk.page(&source, refused).await,
            }
        }
        "ready" => {
            let desk = Desk::of(&visit, &request, typed)?;
            match desk.write(None).await? {
                Ok(()) => Ok(desk.back("text_ready")),
                Err(refused) => desk.page(&source, refused).await,
            }
        }
        "test" => {
            let refused = Desk::of(&visit, &request, typed.clone())?.test(&source).await?;
            if refused.is_empty() {
                gate::detail(&request, "sent a test of it");
                gate::done(&request);
                visit.page.notice = super::notice("test_queued");
            }
            Desk::of(&visit, &request, typed)?.page(&source, refused).await
        }
        "plain" => {
            let desk = Desk::of(&visit, &request, typed)?;
            let plain = sms::transliterate(&source, Some(&desk.spoken));
            desk.page(&plain, Vec::new()).await
        }
        _ => Desk::of(&visit, &request, typed)?.page(&source, Vec::new()).await,
    }
}

/// The preview of what stands in the field, and nothing else.
pub async fn preview(request: HttpRequest, typed: Form<Typed>) -> Result<HttpResponse, Problem> {
    let visit = Visit::begin(&request, Section::Texts).await?;
    let typed = typed.into_inner();
    let source = typed.text.replace("\r\n", "\n");
    let desk = Desk::of(&visit, &request, typed)?;
    let mut read = visit.read().await?;
    let carts = carts(&visit, &mut read, desk.keys).await?;
    show(&Fragment { preview: desk.preview(&mut read, &source, &carts).await? })
}

/// One step in one language, and what was typed about it.
struct Desk<'v> {
    visit: &'v Visit,
    shop: &'v Shop,
    keys: &'v ShopKeys,
    sequence: &'v Sequence,
    number: u32,
    step: &'v Step,
    tag: String,
    /// The language its words are in: that of the shop's country for "".
    spoken: String,
    typed: Typed,
}

impl<'v> Desk<'v> {
    fn of(visit: &'v Visit, request: &HttpRequest, typed: Typed) -> Result<Desk<'v>, Problem> {
        let (shop, keys) = visit.shop().ok_or(Problem::NotFound)?;
        let named = |name: &str| request.match_info().get(name).unwrap_or_default();
        let sequence = shop.rules.sequences.iter().find(|sequence| sequence.id == named("sequence"));
        let sequence = sequence.ok_or(Problem::NotFound)?;
        let number: u32 = named("step").parse().map_err(|_| Problem::NotFound)?;
        let step = sequence.step(number).ok_or(Problem::NotFound)?;
        let tag = typed.language.trim().to_lowercase().replace('_', "-");
        if !tag.is_empty() && wording::name(&tag).is_none() && !step.texts.contains_key(&tag) {
            return Err(Problem::NotFound);
        }
        let spoken = spoken(shop, &tag);
        Ok(Desk { visit, shop, keys, sequence, number, step, tag, spoken, typed })
    }

    /// The words in force.
    fn stored(&self) -> String {
        let own = self.step.texts.get(&self.tag).cloned();
        own.unwrap_or_else(|| ready(self.shop, self.step, self.number, &self.tag))
    }

    fn chosen<'c>(&self, carts: &'c [Cart]) -> Option<&'c Cart> {
        let asked = if self.typed.other_cart.is_empty() { &self.typed.cart } else { &self.typed.other_cart };
        let asked: Option<CartId> = asked.parse().ok();
        carts.iter().find(|cart| Some(cart.id) == asked).or(carts.first())
    }

    fn trial<'t>(&'t self, cart: Option<&'t Cart>) -> Trial<'t> {
        Trial { language: &self.spoken, discount: self.step.discount.as_ref(), cart }
    }

    async fn page(&self, source: &str, refused: Vec<String>) -> Result<HttpResponse, Problem> {
        let mut read = self.visit.read().await?;
        let carts = carts(self.visit, &mut read, self.keys).await?;
        let preview = self.preview(&mut read, source, &carts).await?;
        let mut written: Vec<Language> = self.step.texts.keys().map(|tag| language_of(tag)).collect();
        let own = self.step.texts.contains_key(&self.tag);
        if !own {
            written.push(language_of(&self.tag));
        }
        let others = unwritten(self.step).into_iter().filter(|language| language.tag != self.tag).collect();
        show(&Editor {
            page: self.visit.page.clone(),
            sequence: self.sequence.id.clone(),
            sequence_name: self.sequence.name.clone(),
            step: self.number,
            language: language_of(&self.tag),
            own,
            written,
            others,
            source: source.to_owned(),
            rtl: wording::right_to_left(&self.spoken),
            refused,
            phone: self.typed.phone.clone(),
            preview,
        })
    }

    async fn preview(&self, read: &mut Read, source: &str, carts: &[Cart]) -> Result<Preview, Error> {
        let cart = self.chosen(carts);
        let filled = trial::fill(read, self.visit.core(), (self.shop, self.keys), &self.trial(cart)).await?;
        let parts_most = self.shop.rules.parts_most;
        let problems = template::check_within(source, &filled.merge, parts_most).err().unwrap_or_default();
        let said = template::render(source, &filled.merge).ok();
        let text = said.as_deref().unwrap_or(source);
        let plain = template::render(&sms::transliterate(source, Some(&self.spoken)), &filled.merge).ok();
        let (told, then) = (sms::segments(text), plain.as_deref().map(sms::segments));
        let stubborn = plain.as_deref().map(sms::offenders).unwrap_or_default();
        let (of_values, offenders) = sms::offenders(text).into_iter().partition(|letter| stubborn.contains(letter));
        let read_at_all = !problems
            .iter()
            .any(|problem| matches!(problem, Wrong::Syntax(_) | Wrong::TooLong | Wrong::TagTooLong | Wrong::TooDeep));
        let has = |lacks: Wrong| read_at_all && !problems.contains(&lacks);
        let place = cart.and_then(|cart| carts.iter().position(|other| other.id == cart.id));
        let next = place.and_then(|place| carts.get(place + 1).or(carts.first()));
        Ok(Preview {
            shop: self.shop.name.clone(),
            cart: cart.map_or_else(|| t("a made-up cart").to_owned(), whose),
            cart_id: cart.map(|cart| cart.id.to_string()),
            next_cart: next.filter(|_| carts.len() > 1).map(|cart| cart.id.to_string()),
            has_link: has(Wrong::NoLink),
            has_brand: has(Wrong::NoBrand),
            has_opt_out: has(Wrong::NoOptOut),
            problems: problems.iter().map(ToString::to_string).collect(),
            needs: template::needs(source).into_iter().map(str::to_owned).collect(),
            encoding: told.encoding,
            units: told.units as u64,
            parts: u64::from(told.count),
            parts_most: u64::from(parts_most),
            offenders,
            of_values,
            cheap_parts: then.filter(|then| then.count < told.count).map(|then| u64::from(then.count)),
            price: price(read, self.keys, told.count).await?,
            said,
            country: filled.country,
            hours: filled.hours,
            on: filled.on,
        })
    }

    /// `Err` says in words why not.
    async fn save(&self, source: &str) -> Result<Result<(), Vec<String>>, Problem> {
        let mut read = self.visit.read().await?;
        let carts = carts(self.visit, &mut read, self.keys).await?;
        let trial = self.trial(self.chosen(&carts));
        let filled = trial::fill(&mut read, self.visit.core(), (self.shop, self.keys), &trial).await?;
        drop(read);
        if let Err(problems) = template::check_within(source, &filled.merge, self.shop.rules.parts_most) {
            return Ok(Err(problems.iter().map(ToString::to_string).collect()));
        }
        self.write(Some(source)).await
    }

    /// Puts own words in, or takes them out for the ready-made ones.
    async fn write(&self, source: Option<&str>) -> Result<Result<(), Vec<String>>, Problem> {
        let done = connect::change_rules(self.visit.core(), self.shop.id, |rules, _| {
            let sequence = rules.sequences.iter_mut().find(|sequence| sequence.id == self.sequence.id);
            let place = usize::try_from(self.number).unwrap_or(0).saturating_sub(1);
            let step = sequence.and_then(|sequence| sequence.steps.get_mut(place));
            let step = step.ok_or_else(|| vec![t("this step was removed meanwhile").to_owned()])?;
            match source {
                Some(source) => step.texts.insert(self.tag.clone(), source.to_owned()),
                None => step.texts.remove(&self.tag),
            };
            Ok(())
        });
        match done.await {
            Ok(()) => Ok(Ok(())),
            Err(NotConnected::Wrong(problems)) => Ok(Err(problems)),
            Err(NotConnected::Store(error)) => Err(error.into()),
        }
    }

    /// Why the test was not sent; empty when it was.
    async fn test(&self, source: &str) -> Result<Vec<String>, Problem> {
        let core = self.visit.core();
        let mut read = self.visit.read().await?;
        let carts = carts(self.visit, &mut read, self.keys).await?;
        drop(read);
        let trial = self.trial(self.chosen(&carts));
        match trial::send(core, self.shop.id, &trial, source, &self.typed.phone).await {
            Ok(()) => Ok(Vec::new()),
            Err(NotSent::Refused(why)) => Ok(vec![why]),
            Err(NotSent::Store(error)) => Err(error.into()),
        }
    }

    /// To the words as they are now.
    fn back(&self, done: &str) -> HttpResponse {
        let href = self.visit.page.href(&path(&self.sequence.id, self.number, &self.tag));
        let joint = if href.contains('?') { '&' } else { '?' };
        HttpResponse::SeeOther().insert_header((header::LOCATION, format!("{href}{joint}done={done}"))).finish()
    }
}

/// The newest carts that could be texted.
async fn carts(visit: &Visit, read: &mut Read, keys: &ShopKeys) -> Result<Vec<Cart>, Error> {
    let now = visit.page.now;
    let within = (now - DAY * CARTS_DAYS, now + MINUTE);
    let mut carts = store::cart::list(read, keys, Filter::All, within, CartId::new(i64::MAX), CARTS).await?;
    carts
        .retain(|cart| cart.erased_at.is_none() && !cart.latest.items.is_empty() && !cart.latest.who.phones.is_empty());
    Ok(carts)
}

fn whose(cart: &Cart) -> String {
    let name = cart
        .latest
        .first_name
        .as_deref()
        .map_or_else(|| t("a cart without a name").to_owned(), |name| say("{name}’s cart", &[("name", &name)]));
    match cart.latest.total {
        Some(total) => format!("{name}, {}", total.shown()),
        None => name,
    }
}

/// What a text of so many parts costs, going by the last ones that cost anything.
pub async fn price(read: &mut Read, keys: &ShopKeys, parts: u32) -> Result<Option<Cost>, Error> {
    let last = store::message::list(read, keys, None, MessageId::new(i64::MAX), PRICED).await?;
    let priced = || last.iter().filter_map(|message| Some((message.cost?, i64::from(message.segments))));
    let Some((newest, _)) = priced().next() else { return Ok(None) };
    let of_currency = priced().filter(|(cost, parts)| cost.currency == newest.currency && *parts > 0);
    let (micros, all) = of_currency.fold((0_i64, 0_i64), |(micros, all), (cost, parts)| {
        (micros.saturating_add(cost.micros), all.saturating_add(parts))
    });
    let each = micros.checked_div(all);
    Ok(each.map(|each| Cost { micros: each.saturating_mul(i64::from(parts)), currency: newest.currency }))
}

/// The language of the shop's own country.
fn main_language(shop: &Shop) -> String {
    wording::choose(None, None, &shop.country).to_lowercase()
}

pub fn spoken(shop: &Shop, tag: &str) -> String {
    if tag.is_empty() { main_language(shop) } else { tag.to_owned() }
}

/// The ready-made words for a step.
pub fn ready(shop: &Shop, step: &Step, number: u32, tag: &str) -> String {
    let language = spoken(shop, tag);
    let text = if step.discount.is_some() { wording::discounted } else { wording::text };
    text(Some(&language), number).to_owned()
}

fn language_of(tag: &str) -> Language {
    let name = if tag.is_empty() { t("Every other language") } else { wording::name(tag).unwrap_or(tag) };
    Language { tag: tag.to_owned(), name: name.to_owned() }
}

/// Languages without own words: all the others together first, then by name.
fn unwritten(step: &Step) -> Vec<Language> {
    let known = wording::languages().into_iter().map(str::to_lowercase).chain([String::new()]);
    let mut others: Vec<Language> =
        known.filter(|tag| !step.texts.contains_key(tag)).map(|tag| language_of(&tag)).collect();
    others.sort_by(|a, b| (!a.tag.is_empty(), &a.name).cmp(&(!b.tag.is_empty(), &b.name)));
    others
}
