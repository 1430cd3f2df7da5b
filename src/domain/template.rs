//! Merchant templates: a text with a few names to fill in. Decides which templates may be saved and what they say for
//! one shopper. What is filled in is never read as a template, a template can loop over, call or load nothing, and a
//! text leaves with its link and its opt-out words or not at all.

mod grammar;
mod liquid;
mod value;

use std::{io, sync::Arc};

use minijinja::{
    Environment, Error, ErrorKind, UndefinedBehavior, Value,
    value::{Object, ObjectRepr},
};

use super::sms;
use value::Absent;

pub const TEMPLATE_BYTES_MAX: usize = 2048;
/// What most gateways take at once, in characters.
pub const TEXT_CHARS_MAX: usize = 1600;
/// Instructions of the template engine; the longest template that may be saved needs a fraction.
const FUEL: u64 = 5_000;

/// Every name a template may use, with what an editor may say about it.
pub const VARIABLES: &[(&str, &str)] = &[
    ("first_name", "The shopper's first name; may be missing"),
    ("shop", "Your shop's name"),
    ("link", "The link back to the cart; required"),
    ("opt_out", "How to stop these texts; required"),
    ("total", "What the cart is worth; may be missing"),
    ("items", "The first item in the cart; may be missing"),
    ("item_count", "How many items are in the cart"),
    ("code", "The discount code; may be missing"),
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
    #[error("there is no `{0}`; you can use {known}", known = names(VARIABLES))]
    UnknownVariable(String),
    #[error("there is no filter `{0}`; you can use {known}", known = names(FILTERS))]
    UnknownFilter(String),
    #[error("the filter is written `{0}`")]
    FilterArguments(&'static str),
    #[error("{0} cannot be used here: a template has text, names with filters, and if, elif, else")]
    NotAllowed(String),
    #[error("`{0}` must be printed as it is, without filters")]
    Altered(&'static str),
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
    #[error("the template failed: {0}")]
    Engine(String),
}

/// What is filled in for one shopper. `shop`, `link` and `opt_out` must not be empty.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Merge {
    pub first_name: Option<String>,
    /// The shop's own name, trusted: a brand may be written like a host name.
    pub shop: String,
    pub link: String,
    pub opt_out: String,
    /// As people read it; see `Money`'s `Display`.
    pub total: Option<String>,
    /// The first item's title.
    pub items: Option<String>,
    pub item_count: u32,
    pub code: Option<String>,
}

/// Whether a template may be saved. All problems found at once, where the template can be read at all.
pub fn check(template: &str) -> Result<(), Vec<Problem>> {
    prepare(template).map(|_| ())
}

/// The names a template cannot do without: a shopper for whom one is missing gets no text from it. For the editor to
/// suggest a `default`. Empty for a template that cannot be saved.
pub fn needs(template: &str) -> Vec<&'static str> {
    let full = Merge {
        first_name: Some("Anna".into()),
        shop: "Shop".into(),
        link: "https://shop.example/r/1".into(),
        opt_out: "Reply STOP to opt out".into(),
        total: Some("€10.00".into()),
        items: Some("Socks".into()),
        item_count: 2,
        code: Some("WELCOME".into()),
    };
    let without = [
        Merge { first_name: None, ..full.clone() },
        Merge { total: None, ..full.clone() },
        Merge { items: None, ..full.clone() },
        Merge { code: None, ..full.clone() },
    ];
    let missing = |merge: &Merge| match render(template, merge) {
        Err(RenderProblem::Missing(name)) => Some(name),
        _ => None,
    };
    without.iter().filter_map(missing).collect()
}

/// The text for one shopper: normalised, trimmed, without double spaces.
pub fn render(template: &str, merge: &Merge) -> Result<String, RenderProblem> {
    let source = prepare(template).map_err(RenderProblem::Refused)?;
    let values = Values::new(merge)?;
    let environment = environment();
    let engine = |error: Error| RenderProblem::Engine(error.to_string());
    let compiled = environment.template_from_str(&source).map_err(engine)?;
    let mut out = Capped::default();
    if let Err(error) = compiled.render_captured_to(Value::from_object(values), &mut out) {
        return Err(match (value::missing(&error), out.full) {
            (Some(name), _) => RenderProblem::Missing(name),
            (None, true) => RenderProblem::TooLong,
            (None, false) => engine(error),
        });
    }
    let written = String::from_utf8(out.bytes).map_err(|error| RenderProblem::Engine(error.to_string()))?;
    let text = tidy(&sms::normalise(&written));
    // An ellipsis becomes three dots, so the cap is asked again.
    if text.chars().count() > TEXT_CHARS_MAX { Err(RenderProblem::TooLong) } else { Ok(text) }
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

/// One space between words, none at the ends of lines.
fn tidy(text: &str) -> String {
    let lines: Vec<String> = text
        .lines()
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
            must_have("shop", value::clip(&value::plain(&merge.shop), value::NAME_CHARS_MAX))?,
            must_have("link", value::plain(&merge.link))?,
            must_have("opt_out", value::plain(&merge.opt_out))?,
            may_miss("total", merge.total.as_deref().map(value::short)),
            may_miss("items", merge.items.as_deref().map(value::name)),
            ("item_count", Value::from(merge.item_count)),
            may_miss("code", merge.code.as_deref().map(value::short)),
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
