//! Merchant templates: a text with a few names to fill in. Decides which templates may be saved and what they say for
//! one shopper. What is filled in is never read as a template, a template can loop over, call or load nothing, and a
//! text leaves with its link and its opt-out words or not at all.

mod grammar;
mod links;
mod liquid;
mod suggest;
mod value;

pub use liquid::rewrite;

use std::{io, sync::Arc};

use minijinja::{
    Environment, Error, ErrorKind, UndefinedBehavior, Value,
    value::{Object, ObjectRepr},
};

use super::sms::{self, Segments};
use value::Absent;

pub const TEMPLATE_BYTES_MAX: usize = 2048;
/// What most gateways take at once, in characters.
pub const TEXT_CHARS_MAX: usize = 1600;
/// Parts a text may take unless the shop says otherwise.
pub const PARTS_MAX_DEFAULT: u32 = 3;
/// Instructions of the template engine; the longest template that may be saved needs a fraction.
const FUEL: u64 = 5_000;

/// Every name a template may use, with what an editor may say about it.
pub const VARIABLES: &[(&str, &str)] = &[
    ("first_name", "The shopper's first name; may be missing"),
    ("shop", "Your shop's name; required"),
    ("link", "The link back to the cart; required"),
    ("opt_out", "How to stop these texts; required"),
    ("total", "What the cart is worth; may be missing"),
    ("items", "The first item in the cart; may be missing"),
    ("item_count", "How many items are in the cart"),
    ("code", "The discount code; may be missing"),
    ("code_value", "What the code is worth, as 10 % or 5.00 EUR; may be missing"),
    ("code_until", "The last day of the code, as 24.11.; may be missing"),
    ("call_number", "The number to call, where calls are tracked; may be missing"),
];

/// Every filter, with how it is written.
pub const FILTERS: &[(&str, &str)] = &[
    ("default", "default(\"there\")"),
    ("upper", "upper"),
    ("lower", "lower"),
    ("capitalize", "capitalize"),
    ("title", "title"),
    ("truncate", "truncate(20)"),
    ("trim", "trim"),
];

/// Why a template cannot be saved, in words for the shopkeeper.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    #[error("the template is longer than {TEMPLATE_BYTES_MAX} bytes")]
    TooLong,
    #[error("what stands between one pair of braces is too long")]
    TagTooLong,
    #[error("conditions are nested too deeply")]
    TooDeep,
    #[error("the template cannot be read: {0}")]
    Syntax(String),
    #[error("there is no `{0}`; {hint}you can use {known}", hint = suggest::hint(.0), known = names(VARIABLES))]
    UnknownVariable(String),
    #[error("there is no filter `{0}`; you can use {known}", known = names(FILTERS))]
    UnknownFilter(String),
    #[error("the filter is written `{0}`")]
    FilterArguments(&'static str),
    #[error("{0} cannot be used here: a template has text, names with filters, and if, elif, else")]
    NotAllowed(String),
    #[error("`{0}` must be printed as it is, without filters")]
    Altered(&'static str),
    #[error(
        "`{0}` would be a second link: only {{{{ link }}}} may lead anywhere; put a space after the dot if it is none"
    )]
    TypedLink(String),
    #[error("`{0}` is a public link shortener, which carriers block; {{{{ link }}}} is short already")]
    Shortener(String),
    #[error("the text takes {parts} parts with these values, {max} are allowed")]
    TooManyParts { parts: u32, max: u32 },
    #[error("no text comes out of it: {0}")]
    NoText(String),
    #[error("the text needs {{{{ shop }}}}, whatever its conditions say: every text must say whom it is from")]
    NoBrand,
    #[error("the text needs {{{{ link }}}}, whatever its conditions say: without it there is no way back to the cart")]
    NoLink,
    #[error("the text needs {{{{ opt_out }}}}, whatever its conditions say: every text must say how to stop them")]
    NoOptOut,
}

/// Why a template gives no text for one shopper.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderProblem {
    /// The template would not have been saved.
    #[error("the template is not allowed: {}", .0.iter().map(Problem::to_string).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Problem>),
    /// A name it prints has no value, and it gives no `default`.
    #[error("`{0}` is missing and the template gives no default")]
    Missing(&'static str),
    #[error("the text is longer than {TEXT_CHARS_MAX} characters")]
    TooLong,
    /// Words and values together made a link that neither was.
    #[error("`{0}` would be a second link")]
    SecondLink(String),
    #[error("the template failed: {0}")]
    Engine(String),
}

/// What is filled in for one shopper. `shop`, `link` and `opt_out` must not be empty.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Merge {
    pub first_name: Option<String>,
    /// The shop's own name. A dot that would make it a link becomes a space: `Shoes.com` signs as `Shoes com`.
    pub shop: String,
    pub link: String,
    pub opt_out: String,
    /// As people read it; see `Money`'s `Display`.
    pub total: Option<String>,
    /// The first item's title.
    pub items: Option<String>,
    pub item_count: u32,
    /// Left out if it reads as a link.
    pub code: Option<String>,
    /// What the code takes off, as people read it: `10 %`, `5.00 EUR`.
    pub code_value: Option<String>,
    /// The last day it works; see `wording::date`.
    pub code_until: Option<String>,
    /// The number the text shows for calls, E.164.
    pub call_number: Option<String>,
}

impl Merge {
    /// A shopper of whom everything is known, for an editor that has no real cart to show.
    pub fn sample(shop: &str, link: &str, opt_out: &str) -> Merge {
        Merge {
            first_name: Some("Anna".into()),
            shop: shop.to_owned(),
            link: link.to_owned(),
            opt_out: opt_out.to_owned(),
            total: Some("€64.90".into()),
            items: Some("Merino socks".into()),
            item_count: 2,
            code: Some("THANKS-7K3Q".into()),
            code_value: Some("10 %".into()),
            code_until: Some("24.11.".into()),
            call_number: Some("+12125550100".into()),
        }
    }
}

/// Whether a template may be saved. All problems found at once, where the template can be read at all.
pub fn check(template: &str) -> Result<(), Vec<Problem>> {
    prepare(template).map(|_| ())
}

/// Whether a template may be saved and stays within `parts_max` parts for one shopper. The bound is asked of a real or
/// sample cart, since how long a text gets is up to its values.
pub fn check_within(template: &str, merge: &Merge, parts_max: u32) -> Result<Segments, Vec<Problem>> {
    check(template)?;
    match parts(template, merge) {
        Ok(cost) if cost.count > parts_max => Err(vec![Problem::TooManyParts { parts: cost.count, max: parts_max }]),
        Ok(cost) => Ok(cost),
        Err(RenderProblem::Refused(problems)) => Err(problems),
        Err(RenderProblem::SecondLink(link)) => Err(vec![Problem::TypedLink(link)]),
        Err(other) => Err(vec![Problem::NoText(other.to_string())]),
    }
}

/// What a template costs for one shopper.
pub fn parts(template: &str, merge: &Merge) -> Result<Segments, RenderProblem> {
    render(template, merge).map(|text| sms::segments(&text))
}

/// The names a template cannot do without: a shopper for whom one is missing gets no text from it. For the editor to
/// suggest a `default`. Empty for a template that cannot be saved.
pub fn needs(template: &str) -> Vec<&'static str> {
    let full = Merge::sample("Shop", "https://shop.example/r/1", "Reply STOP to opt out");
    let without = [
        Merge { first_name: None, ..full.clone() },
        Merge { total: None, ..full.clone() },
        Merge { items: None, ..full.clone() },
        Merge { code: None, ..full.clone() },
        Merge { code_value: None, ..full.clone() },
        Merge { code_until: None, ..full.clone() },
        Merge { call_number: None, ..full.clone() },
    ];
    let missing = |merge: &Merge| match render(template, merge) {
        Err(RenderProblem::Missing(name)) => Some(name),
        _ => None,
    };
    without.iter().filter_map(missing).collect()
}

/// The text for one shopper: normalised, trimmed, without double spaces, and with no other link than ours.
pub fn render(template: &str, merge: &Merge) -> Result<String, RenderProblem> {
    let source = prepare(template).map_err(RenderProblem::Refused)?;
    let (link, opt_out) = (value::plain(&merge.link), value::plain(&merge.opt_out));
    let written = run(&source, Values::new(merge)?)?;
    let text = set_apart(&set_apart(&tidy(&sms::normalise(&written)), &link), &opt_out);
    if let Some(second) = links::first(&text.replace(&opt_out, " ").replace(&link, " ")) {
        return Err(RenderProblem::SecondLink(second.chars().take(60).collect()));
    }
    // An ellipsis becomes three dots, so the cap is asked again.
    if text.chars().count() > TEXT_CHARS_MAX { Err(RenderProblem::TooLong) } else { Ok(text) }
}

/// Fills in one of our own texts that carries no link: conditions and names as in a template, and nothing is asked of it.
pub(super) fn fill(template: &str, values: &[(&'static str, String)]) -> Result<String, RenderProblem> {
    let values = values.iter().map(|(name, text)| (*name, Value::from(text.clone()))).collect();
    run(template, Values(values)).map(|written| tidy(&written))
}

/// A brand as texts print it; see [`Merge::shop`].
pub(super) fn brand(shop: &str) -> String {
    value::brand(shop)
}

/// Words of the shop's own without control characters and line ends.
pub(super) fn plain(text: &str) -> String {
    value::clip(&value::plain(text), value::VALUE_CHARS_MAX)
}

fn run(source: &str, values: Values) -> Result<String, RenderProblem> {
    let environment = environment();
    let engine = |error: Error| RenderProblem::Engine(error.to_string());
    let compiled = environment.template_from_str(source).map_err(engine)?;
    let mut out = Capped::default();
    if let Err(error) = compiled.render_captured_to(Value::from_object(values), &mut out) {
        return Err(match (value::missing(&error), out.full) {
            (Some(name), _) => RenderProblem::Missing(name),
            (None, true) => RenderProblem::TooLong,
            (None, false) => engine(error),
        });
    }
    String::from_utf8(out.bytes).map_err(|error| RenderProblem::Engine(error.to_string()))
}

/// A letter straight after a link would become part of it, so a space is put between them, and before it too.
fn set_apart(text: &str, link: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    for (place, piece) in text.split(link).enumerate() {
        if place > 0 {
            if out.ends_with(|before: char| !(before.is_whitespace() || "(\"'<>:".contains(before))) {
                out.push(' ');
            }
            out.push_str(link);
            if piece.starts_with(|after: char| !(after.is_whitespace() || ").,;!?\"'>".contains(after))) {
                out.push(' ');
            }
        }
        out.push_str(piece);
    }
    out
}

/// The template in the engine's own words, checked.
fn prepare(template: &str) -> Result<String, Vec<Problem>> {
    if template.len() > TEMPLATE_BYTES_MAX {
        return Err(vec![Problem::TooLong]);
    }
    let source = liquid::rewrite(template)?;
    grammar::check(&source)?;
    Ok(source)
}

/// One space between words, none at the ends of lines. A carriage return alone ends a line, too, as it did of old: a text
/// has no other control characters than the ends of its lines.
fn tidy(text: &str) -> String {
    let lines: Vec<String> = text
        .replace("\r\n", "\n")
        .split(['\n', '\r'])
        .map(|line| line.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "))
        .collect();
    lines.join("\n").trim().to_owned()
}

fn names(known: &[(&str, &str)]) -> String {
    known.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

/// An engine that knows our filters and nothing else.
fn environment<'source>() -> Environment<'source> {
    let mut environment = Environment::empty();
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_formatter(|out, _, value| match value.downcast_object_ref::<Absent>() {
        Some(absent) => Err(absent.error()),
        None => write!(out, "{value}").map_err(|_| Error::new(ErrorKind::WriteFailure, "the text is too long")),
    });
    environment.add_filter("default", value::default);
    environment.add_filter("upper", |value: Value| value::change(value, |text| text.to_uppercase()));
    environment.add_filter("lower", |value: Value| value::change(value, |text| text.to_lowercase()));
    environment.add_filter("capitalize", |value: Value| value::change(value, value::capitalize));
    environment.add_filter("title", |value: Value| value::change(value, value::title));
    environment.add_filter("trim", |value: Value| value::change(value, |text| text.trim().to_owned()));
    environment.add_filter("truncate", |value: Value, chars_max: usize| {
        value::change(value, |text| value::truncate(text, chars_max))
    });
    environment
}

/// The cleaned values, looked up by name.
#[derive(Debug)]
struct Values(Vec<(&'static str, Value)>);

impl Values {
    fn new(merge: &Merge) -> Result<Values, RenderProblem> {
        let may_miss = |name, text: Option<String>| {
            let text = text.filter(|text| !text.is_empty());
            (name, text.map_or_else(|| Value::from_object(Absent(name)), Value::from))
        };
        let must_have = |name, text: String| match text.chars().count() {
            0 => Err(RenderProblem::Missing(name)),
            // A link cut short leads nowhere: rather no text.
            1..=value::VALUE_CHARS_MAX => Ok((name, Value::from(text))),
            _ => Err(RenderProblem::TooLong),
        };
        Ok(Values(vec![
            may_miss("first_name", merge.first_name.as_deref().map(value::person)),
            must_have("shop", value::brand(&merge.shop))?,
            must_have("link", value::plain(&merge.link))?,
            must_have("opt_out", value::plain(&merge.opt_out))?,
            may_miss("total", merge.total.as_deref().map(value::short)),
            may_miss("items", merge.items.as_deref().map(value::name)),
            ("item_count", Value::from(merge.item_count)),
            may_miss("code", merge.code.as_deref().map(value::code)),
            may_miss("code_value", merge.code_value.as_deref().map(value::short)),
            may_miss("code_until", merge.code_until.as_deref().map(value::short)),
            may_miss("call_number", merge.call_number.as_deref().map(value::short)),
        ]))
    }
}

impl Object for Values {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let key = key.as_str()?;
        self.0.iter().find(|(name, _)| *name == key).map(|(_, value)| value.clone())
    }
}

/// A writer that refuses the first character too many.
#[derive(Default)]
struct Capped {
    bytes: Vec<u8>,
    chars: usize,
    full: bool,
}

impl io::Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Every byte of UTF-8 that does not continue a character begins one.
        self.chars += bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        if self.chars > TEXT_CHARS_MAX {
            self.full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
