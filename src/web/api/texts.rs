//! Texts: the words of each step in each language, with what they look like and cost; tests of them to a phone. The
//! language `default` is for every other one.

use std::cell::Cell;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    answer::{Answer, etag_of},
    call::{Call, Window},
    form::{self, Cost},
    shop::{answered, refused},
};
use crate::{
    domain::{
        cart::Cart,
        id::CartId,
        rules::Rules,
        seal::ShopKeys,
        sequence::{Sequence, Step},
        sms, template, wording,
    },
    pipeline::{
        connect,
        trial::{self, NotSent, Trial},
    },
    store::{self, Read, shop::Shop},
    web::{page::texts, problem::Problem},
};

/// How every other language is named in a path.
const DEFAULT: &str = "default";

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TextQuery {
    /// Only of this sequence.
    sequence: Option<String>,
    /// Rows of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// The words of one step in one language.
#[derive(Serialize, ToSchema)]
pub struct Text {
    #[schema(example = "eu")]
    sequence: String,
    #[schema(example = 1)]
    step: u32,
    /// BCP 47, lower case; `default` for every other language.
    #[schema(example = "sl")]
    language: String,
    /// Whether they are the shop's own; else the ready-made ones.
    own: bool,
    /// With its `{{ … }}`.
    #[schema(example = "{{ shop }}: your cart is waiting: {{ link }} {{ opt_out }}")]
    text: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Words {
    /// With its `{{ … }}`.
    #[schema(
        min_length = 1,
        max_length = 2000,
        example = "{{ shop }}: your cart is waiting: {{ link }} {{ opt_out }}"
    )]
    text: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Trying {
    /// The words in force without it.
    #[serde(default)]
    text: Option<String>,
    /// A cart to fill them with; a made-up one without it.
    #[serde(default)]
    #[schema(example = "cart_01jq0000000c1")]
    cart: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// Whose it is to go to: with `+`, or as dialled in the shop's country.
    #[schema(example = "+38640555123")]
    phone: String,
    /// The words in force without it.
    #[serde(default)]
    text: Option<String>,
    /// A cart to fill them with; a made-up one without it.
    #[serde(default)]
    cart: Option<String>,
}

/// A text as a phone would show it.
#[derive(Serialize, ToSchema)]
pub struct Preview {
    /// `null` when it cannot be filled.
    #[schema(required)]
    said: Option<String>,
    /// Why it may not be saved; none when it may.
    problems: Vec<String>,
    /// `gsm7` or `ucs2`.
    #[schema(example = "gsm7")]
    encoding: String,
    /// Letters as they are billed.
    units: usize,
    /// What it is billed as.
    parts: u32,
    /// The most the shop allows.
    parts_most: u32,
    /// Letters that make it dearer.
    offenders: Vec<String>,
    /// How many parts it would be without them.
    #[schema(required)]
    parts_without: Option<u32>,
    /// What it would cost, going by the last texts; `null` while nothing is known.
    #[schema(required)]
    cost: Option<Cost>,
    /// ISO 3166-1 alpha-2: whose law and hours it was looked at by.
    country: String,
    /// When it may be sent there.
    #[schema(example = "mon-sat 09:00-20:00")]
    hours: String,
}

#[derive(Serialize, ToSchema)]
pub struct Queued {
    /// Always `true`: why a test was not sent is a problem.
    queued: bool,
}

/// One step in one language.
struct Desk {
    shop: Shop,
    keys: ShopKeys,
    sequence: Sequence,
    number: u32,
    step: Step,
    /// "" for every other language.
    tag: String,
    spoken: String,
}

impl Desk {
    async fn of(call: &Call) -> Result<(Read, Desk), Problem> {
        let (id, number, language): (String, u32, String) =
            (call.path("sequence")?, call.path("step")?, call.path("language")?);
        let tag = language.to_lowercase().replace('_', "-");
        let tag = if tag == DEFAULT { String::new() } else { tag };
        let (read, shop, keys) = call.open().await?;
        let sequence = shop.rules.sequences.iter().find(|sequence| sequence.id == id).cloned();
        let sequence = sequence.ok_or(Problem::NotFound)?;
        let step = sequence.step(number).cloned().ok_or(Problem::NotFound)?;
        if !tag.is_empty() && wording::name(&tag).is_none() && !step.texts.contains_key(&tag) {
            return Err(Problem::NotFound);
        }
        let spoken = texts::spoken(&shop, &tag);
        Ok((read, Desk { shop, keys, sequence, number, step, tag, spoken }))
    }

    fn told(&self) -> Text {
        Text {
            sequence: self.sequence.id.clone(),
            step: self.number,
            language: if self.tag.is_empty() { DEFAULT.to_owned() } else { self.tag.clone() },
            own: self.step.texts.contains_key(&self.tag),
            text: self.stored(),
        }
    }

    /// The words in force.
    fn stored(&self) -> String {
        let own = self.step.texts.get(&self.tag).cloned();
        own.unwrap_or_else(|| texts::ready(&self.shop, &self.step, self.number, &self.tag))
    }

    fn etag(&self) -> Result<String, Problem> {
        etag_of(&self.step.texts.get(&self.tag))
    }

    fn trial<'t>(&'t self, cart: Option<&'t Cart>) -> Trial<'t> {
        Trial { language: &self.spoken, discount: self.step.discount.as_ref(), cart }
    }

    async fn cart(&self, read: &mut Read, named: Option<&String>) -> Result<Option<Cart>, Problem> {
        let Some(named) = named else { return Ok(None) };
        let wrong = || Problem::Wrong(vec!["cart: there is no such cart".to_owned()]);
        let id: CartId = named.parse().map_err(|_| wrong())?;
        store::cart::get(read, &self.keys, id).await?.map(Some).ok_or_else(wrong)
    }
}

/// The words of every step in every language written for it
///
/// Where the shop wrote none for everybody, the ready-made ones of its own country's language.
#[utoipa::path(get, path = "/api/v1/texts", params(TextQuery), responses((status = 200, description = "Texts, in the order of sequences and steps.", body = form::List<Text>)))]
pub async fn list(call: &Call) -> Result<Answer, Problem> {
    let asked: TextQuery = call.query()?;
    let window = Window::of(asked.limit, asked.after.as_ref())?;
    let (read, shop, _) = call.open().await?;
    drop(read);
    let mut data = Vec::new();
    for sequence in &shop.rules.sequences {
        if asked.sequence.as_ref().is_some_and(|only| *only != sequence.id) {
            continue;
        }
        for (number, step) in (1..).zip(&sequence.steps) {
            let mut tags: Vec<&str> = step.texts.keys().map(String::as_str).collect();
            if !step.texts.contains_key("") {
                tags.insert(0, "");
            }
            data.extend(tags.into_iter().map(|tag| Text {
                sequence: sequence.id.clone(),
                step: number,
                language: if tag.is_empty() { DEFAULT } else { tag }.to_owned(),
                own: step.texts.contains_key(tag),
                text: step.texts.get(tag).cloned().unwrap_or_else(|| texts::ready(&shop, step, number, tag)),
            }));
        }
    }
    let name = |text: &Text| format!("{}/{}/{}", text.sequence, text.step, text.language);
    if let Some(after) = &window.after {
        let wrong = || Problem::Wrong(vec!["after: there is no such text".to_owned()]);
        let place = data.iter().position(|text| name(text) == *after).ok_or_else(wrong)?;
        data.drain(..=place);
    }
    let next = window.cut(&mut data, name);
    answered(call, data, next)
}

/// The words of one step in one language
#[utoipa::path(get, path = "/api/v1/texts/{sequence}/{step}/{language}", params(
    ("sequence" = String, Path, description = "The sequence", example = "eu"),
    ("step" = u32, Path, description = "1 is the first", example = 1),
    ("language" = String, Path, description = "BCP 47, or `default`", example = "sl"),
), responses((status = 200, description = "The words in force.", body = Text)))]
pub async fn get(call: &Call) -> Result<Answer, Problem> {
    let (read, desk) = Desk::of(call).await?;
    drop(read);
    Ok(Answer::ok(&desk.told())?.etag(desk.etag()?))
}

/// Write own words
///
/// Checked as the page does: they must name the shop, lead to the cart and tell how to opt out. Carts left from now on get
/// them.
#[utoipa::path(put, path = "/api/v1/texts/{sequence}/{step}/{language}", params(
    ("sequence" = String, Path, description = "The sequence", example = "eu"),
    ("step" = u32, Path, description = "1 is the first", example = 1),
    ("language" = String, Path, description = "BCP 47, or `default`", example = "sl"),
), request_body = Words, responses(
    (status = 200, description = "The words in force.", body = Text),
    (status = 412, description = "They were changed meanwhile.", body = form::Problem, content_type = "application/problem+json"),
))]
pub async fn put(call: &Call) -> Result<Answer, Problem> {
    let typed: Words = call.body()?;
    let source = typed.text.replace("\r\n", "\n");
    let (mut read, desk) = Desk::of(call).await?;
    let filled = trial::fill(&mut read, call.core(), (&desk.shop, &desk.keys), &desk.trial(None)).await?;
    drop(read);
    if let Err(problems) = template::check_within(&source, &filled.merge, desk.shop.rules.parts_most) {
        return Err(Problem::Wrong(problems.iter().map(|problem| format!("text: {problem}")).collect()));
    }
    write(call, &desk, Some(&source)).await?;
    get(call).await
}

/// Go back to the ready-made words
#[utoipa::path(delete, path = "/api/v1/texts/{sequence}/{step}/{language}", params(
    ("sequence" = String, Path, description = "The sequence", example = "eu"),
    ("step" = u32, Path, description = "1 is the first", example = 1),
    ("language" = String, Path, description = "BCP 47, or `default`", example = "sl"),
), responses(
    (status = 204, description = "The ready-made words are in force."),
    (status = 412, description = "They were changed meanwhile.", body = form::Problem, content_type = "application/problem+json"),
))]
pub async fn remove(call: &Call) -> Result<Answer, Problem> {
    let (read, desk) = Desk::of(call).await?;
    drop(read);
    write(call, &desk, None).await?;
    Ok(Answer::nothing())
}

/// Puts own words in, or takes them out, when they still are as `If-Match` and `If-None-Match` say.
async fn write(call: &Call, desk: &Desk, source: Option<&str>) -> Result<(), Problem> {
    let (if_match, only_new) = (call.if_match(), call.only_new());
    let stale = Cell::new(false);
    let place = usize::try_from(desk.number).unwrap_or(0).saturating_sub(1);
    let change = |rules: &mut Rules| {
        let sequence = rules.sequences.iter_mut().find(|sequence| sequence.id == desk.sequence.id);
        let step = sequence.and_then(|sequence| sequence.steps.get_mut(place));
        let step = step.ok_or_else(|| vec!["this step was removed meanwhile".to_owned()])?;
        let tag = etag_of(&step.texts.get(&desk.tag)).map_err(|problem| vec![problem.to_string()])?;
        let is_as_read = if_match.as_ref().is_none_or(|tags| tags.hold(&tag));
        stale.set(!is_as_read || only_new && step.texts.contains_key(&desk.tag));
        if stale.get() {
            return Err(Vec::new());
        }
        match source {
            Some(source) => step.texts.insert(desk.tag.clone(), source.to_owned()),
            None => step.texts.remove(&desk.tag),
        };
        Ok(())
    };
    let changed = connect::change_rules(call.core(), desk.shop.id, |rules, _| change(rules)).await;
    if stale.get() {
        return Err(Problem::Stale);
    }
    changed.map_err(refused)?;
    call.core().wake.notify_one();
    Ok(())
}

/// How words look on a phone, how many parts they are and what they cost
///
/// Changes nothing.
#[utoipa::path(post, path = "/api/v1/texts/{sequence}/{step}/{language}/preview", params(
    ("sequence" = String, Path, description = "The sequence", example = "eu"),
    ("step" = u32, Path, description = "1 is the first", example = 1),
    ("language" = String, Path, description = "BCP 47, or `default`", example = "sl"),
), request_body = Trying, responses((status = 200, description = "The preview.", body = Preview)))]
pub async fn preview(call: &Call) -> Result<Answer, Problem> {
    let typed: Trying = call.body()?;
    let (mut read, desk) = Desk::of(call).await?;
    let source = typed.text.map_or_else(|| desk.stored(), |text| text.replace("\r\n", "\n"));
    let cart = desk.cart(&mut read, typed.cart.as_ref()).await?;
    let trial = desk.trial(cart.as_ref());
    let filled = trial::fill(&mut read, call.core(), (&desk.shop, &desk.keys), &trial).await?;
    let parts_most = desk.shop.rules.parts_most;
    let problems = template::check_within(&source, &filled.merge, parts_most).err().unwrap_or_default();
    let said = template::render(&source, &filled.merge).ok();
    let text = said.as_deref().unwrap_or(&source);
    let plain = template::render(&sms::transliterate(&source, Some(&desk.spoken)), &filled.merge).ok();
    let (told, then) = (sms::segments(text), plain.as_deref().map(sms::segments));
    let preview = Preview {
        problems: problems.iter().map(ToString::to_string).collect(),
        encoding: encoding(told.encoding).to_owned(),
        units: told.units,
        parts: told.count,
        parts_most,
        offenders: sms::offenders(text).iter().map(ToString::to_string).collect(),
        parts_without: then.filter(|then| then.count < told.count).map(|then| then.count),
        cost: texts::price(&mut read, &desk.keys, told.count).await?.map(Cost::from),
        country: filled.country,
        hours: filled.hours.to_string(),
        said: said.clone(),
    };
    Answer::ok(&preview)
}

fn encoding(encoding: sms::Encoding) -> &'static str {
    match encoding {
        sms::Encoding::Gsm7 => "gsm7",
        sms::Encoding::Ucs2 => "ucs2",
    }
}

/// Send a test to a phone
///
/// It leaves like any other text, at any hour. It never goes to a phone that opted out, while the shop is stopped, or to a
/// country the shop does not text; at most ten an hour go to one phone.
#[utoipa::path(post, path = "/api/v1/texts/{sequence}/{step}/{language}/test", params(
    ("sequence" = String, Path, description = "The sequence", example = "eu"),
    ("step" = u32, Path, description = "1 is the first", example = 1),
    ("language" = String, Path, description = "BCP 47, or `default`", example = "sl"),
), request_body = Test, responses((status = 202, description = "It is on its way, and among the messages.", body = Queued)))]
pub async fn test(call: &Call) -> Result<Answer, Problem> {
    let typed: Test = call.body()?;
    let (mut read, desk) = Desk::of(call).await?;
    let source = typed.text.map_or_else(|| desk.stored(), |text| text.replace("\r\n", "\n"));
    let cart = desk.cart(&mut read, typed.cart.as_ref()).await?;
    drop(read);
    let trial = desk.trial(cart.as_ref());
    match trial::send(call.core(), desk.shop.id, &trial, &source, &typed.phone).await {
        Ok(()) => Answer::accepted(&Queued { queued: true }),
        Err(NotSent::Refused(why)) => Err(Problem::Wrong(vec![why])),
        Err(NotSent::Store(error)) => Err(error.into()),
    }
}
