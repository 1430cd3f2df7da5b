//! Texts: what each step says in each language, and the editor of one of them. The editor shows what a shopper would read,
//! what it costs, and everything that keeps it from being sent, while it is being written.

use std::fmt::Display;

use askama::Template;

use super::{
    Page,
    demo::Piece,
    format::{self, Shown as _},
    hours,
    words::{self, filters, noted, say, t},
};
use crate::domain::{hours::Hours, message::Cost, sms::Encoding, template::VARIABLES};

#[derive(Clone, Debug, Template)]
#[template(path = "page/texts.html")]
pub struct Texts {
    pub page: Page,
    pub sequences: Vec<SequenceTexts>,
    /// In how many languages there are ready-made words.
    pub ready: u64,
}

#[derive(Clone, Debug)]
pub struct SequenceTexts {
    pub id: String,
    pub name: String,
    pub on: bool,
    pub steps: Vec<StepTexts>,
}

#[derive(Clone, Debug)]
pub struct StepTexts {
    pub number: u32,
    /// `24 hours after the cart was left`
    pub after: String,
    /// It gives a code.
    pub discount: bool,
    pub variants: Vec<Variant>,
    pub others: Vec<Language>,
}

/// One step in one language.
#[derive(Clone, Debug)]
pub struct Variant {
    pub language: Language,
    /// The shop's own words, not the ready-made ones.
    pub own: bool,
    /// As a shopper would read it.
    pub said: String,
    pub parts: u64,
    /// Why it gives no text, in which case the ready-made words are sent.
    pub problem: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Language {
    /// BCP 47, lower case; "" for every other.
    pub tag: String,
    pub name: String,
}

impl Variant {
    pub fn size(&self) -> String {
        format::number_of(self.parts, "part", "parts")
    }
}

impl Texts {
    pub fn answer(&self) -> String {
        let steps: Vec<&StepTexts> = self.sequences.iter().flat_map(|sequence| &sequence.steps).collect();
        let own = steps.iter().flat_map(|step| &step.variants).filter(|variant| variant.own).count() as u64;
        if steps.is_empty() {
            return t("No texts yet: there is no shop.").to_owned();
        }
        let texts = format::sentence_case(&format::number_of(steps.len() as u64, "text", "texts"));
        let sequences = format::number_of(self.sequences.len() as u64, "sequence", "sequences");
        let values: [(&str, &dyn Display); 3] =
            [("texts", &texts), ("sequences", &sequences), ("count", &format::count(own))];
        match own {
            0 => say("{texts} in {sequences}, all in ready-made words.", &values),
            1 => say("{texts} in {sequences}, one of them in words of your own.", &values),
            _ => say("{texts} in {sequences}, {count} of them written by you.", &values),
        }
    }

    pub fn href(&self, sequence: &SequenceTexts, step: &StepTexts, language: &Language) -> String {
        self.page.href(&path(&sequence.id, step.number, &language.tag))
    }
}

/// Where a step is written in a language.
pub fn path(sequence: &str, step: u32, language: &str) -> String {
    let base = format!("/texts/{sequence}/{step}");
    if language.is_empty() { base } else { format!("{base}?language={language}") }
}

#[derive(Clone, Debug, Template)]
#[template(path = "page/text.html")]
pub struct Editor {
    pub page: Page,
    pub sequence: String,
    pub sequence_name: String,
    pub step: u32,
    pub language: Language,
    /// Whether these words are the shop's own already.
    pub own: bool,
    /// Languages with own words, this one too.
    pub written: Vec<Language>,
    pub others: Vec<Language>,
    /// The template, as it stands in the field.
    pub source: String,
    pub rtl: bool,
    /// Why it was not saved or not sent; empty when all went well.
    pub refused: Vec<String>,
    pub phone: String,
    pub preview: Preview,
}

/// Everything below and beside the field that changes while one types.
#[derive(Clone, Debug)]
pub struct Preview {
    /// Who the text is from.
    pub shop: String,
    /// Whose cart it is filled with, in words.
    pub cart: String,
    pub cart_id: Option<String>,
    pub next_cart: Option<String>,
    /// The finished text, if there is one.
    pub said: Option<String>,
    pub problems: Vec<String>,
    /// Names it cannot do without.
    pub needs: Vec<String>,
    pub has_link: bool,
    pub has_brand: bool,
    pub has_opt_out: bool,
    pub encoding: Encoding,
    pub units: u64,
    pub parts: u64,
    pub parts_most: u64,
    /// Letters that make it dear and stand in the template.
    pub offenders: Vec<char>,
    /// The same that come with the cart's own words.
    pub of_values: Vec<char>,
    /// Parts it would take in plain letters, where that is fewer.
    pub cheap_parts: Option<u64>,
    /// What such a text costs, from what the last ones cost a part.
    pub price: Option<Cost>,
    pub country: String,
    pub hours: Hours,
    pub on: bool,
}

/// The preview alone, for a page that is being written on.
#[derive(Clone, Debug, Template)]
#[template(path = "part/text_preview.html")]
pub struct Fragment {
    pub preview: Preview,
}

impl Editor {
    pub fn answer(&self) -> String {
        let language =
            if self.language.tag.is_empty() { t("every other language") } else { self.language.name.as_str() };
        let values: [(&str, &dyn Display); 2] = [("step", &self.step), ("language", &language)];
        match self.own {
            true => say("Text {step} for {language}: your own words.", &values),
            false => say("Text {step} for {language}: the ready-made words.", &values),
        }
    }

    pub fn action(&self) -> String {
        self.page.href(&path(&self.sequence, self.step, ""))
    }

    pub fn preview_action(&self) -> String {
        self.page.href(&format!("/texts/{}/{}/preview", self.sequence, self.step))
    }

    pub fn href(&self, language: &Language) -> String {
        self.page.href(&path(&self.sequence, self.step, &language.tag))
    }

    /// Names to fill in, with what each is.
    pub fn names(&self) -> &'static [(&'static str, &'static str)] {
        VARIABLES
    }
}

impl Preview {
    pub fn pieces(&self) -> Vec<Piece<'_>> {
        self.said.as_deref().map(Piece::of).unwrap_or_default()
    }

    /// `1 part, 143 of 160 characters`
    pub fn size(&self) -> String {
        let (single, each) = match self.encoding {
            Encoding::Gsm7 => (160, 153),
            Encoding::Ucs2 => (70, 67),
        };
        let room = if self.parts <= 1 { single } else { each * self.parts };
        let parts = format::number_of(self.parts, "part", "parts");
        let values: [(&str, &dyn Display); 3] =
            [("parts", &parts), ("part", &format::count(self.units)), ("whole", &format::count(room))];
        say("{parts}, {part} of {whole} characters", &values)
    }

    pub fn too_long(&self) -> bool {
        self.parts > self.parts_most
    }

    pub fn alphabet(&self) -> &'static str {
        match self.encoding {
            Encoding::Gsm7 => t("plain letters, 160 a part"),
            Encoding::Ucs2 => t("all letters, 70 a part"),
        }
    }

    /// What it would take in plain letters, where that is less.
    pub fn cheap(&self) -> Option<String> {
        self.cheap_parts.map(|parts| format::number_of(parts, "part", "parts"))
    }

    /// Which letters make it dear, and what it would take without them.
    pub fn dear(&self) -> String {
        let (letters, cheap) = (letters(&self.offenders), self.cheap());
        let parts = cheap.clone().unwrap_or_default();
        let values: [(&str, &dyn Display); 2] = [("letters", &letters), ("parts", &parts)];
        match (self.offenders.len(), cheap) {
            (1, None) => say("{letters} has no place among the plain letters.", &values),
            (_, None) => say("{letters} have no place among the plain letters.", &values),
            (1, Some(_)) => {
                say("{letters} has no place among the plain letters; without it the text takes {parts}.", &values)
            }
            (_, Some(_)) => {
                say("{letters} have no place among the plain letters; without them the text takes {parts}.", &values)
            }
        }
    }

    /// Which letters stay whatever is done.
    pub fn left(&self) -> String {
        let letters = letters(&self.of_values);
        let values: [(&str, &dyn Display); 1] = [("letters", &letters)];
        match self.of_values.len() {
            1 => say("{letters} is left: from the cart’s own words, or a sign with no plain form.", &values),
            _ => say("{letters} are left: from the cart’s own words, or a sign with no plain form.", &values),
        }
    }

    pub fn price(&self) -> String {
        match self.price {
            Some(cost) => say("about {price} each, by what your last texts cost", &[("price", &cost.shown())]),
            None => t("known after the first texts").to_owned(),
        }
    }

    /// `in SI Mon–Sat 09:00–20:00, not on public holidays`
    pub fn when(&self) -> String {
        say("in {country} {hours}", &[("country", &self.country), ("hours", &hours::said(&self.hours))])
    }

    pub fn needs(&self) -> String {
        let names = format::list(self.needs.iter().map(|name| format!("{{{{ {name} }}}}")));
        say(
            "A shopper of whom {names} is not known gets the ready-made words instead. \
             A stand-in with “default” avoids that.",
            &[("names", &names)],
        )
    }
}

fn letters(letters: &[char]) -> String {
    letters.iter().map(char::to_string).collect::<Vec<_>>().join(" ")
}

/// What can be filled in and what every text needs, in the domain's words, for `t`.
const _: [&str; 14] = [
    noted("The shopper's first name; may be missing"),
    noted("Your shop's name; required"),
    noted("The link back to the cart; required"),
    noted("How to stop these texts; required"),
    noted("What the cart is worth; may be missing"),
    noted("The first item in the cart; may be missing"),
    noted("How many items are in the cart"),
    noted("The discount code; may be missing"),
    noted("What the code is worth, as 10 % or 5.00 EUR; may be missing"),
    noted("The last day of the code, as 24.11.; may be missing"),
    noted("The number to call, where calls are tracked; may be missing"),
    noted("the text needs {{ shop }}, whatever its conditions say: every text must say whom it is from"),
    noted("the text needs {{ link }}, whatever its conditions say: without it there is no way back to the cart"),
    noted("the text needs {{ opt_out }}, whatever its conditions say: every text must say how to stop them"),
];
