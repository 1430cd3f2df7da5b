//! The frame of every list: what narrows it, its order, how many it holds, the ways on and back, and the sheet. Decides
//! how a list is asked for in the address; which rows it has is the page's.
//!
//! # How to give a page a list
//! Fill a `Listing` (`page/listing.rs` reads the address), include `part/list_tools.html` above the table and
//! `part/list_pager.html` beneath it.

use super::{
    Page,
    counted::told,
    format::{self, Shown as _},
    query,
    words::{noted, say, t},
};

/// In an address, what a shop did not tell: an empty value narrows nothing.
pub const NOT_TOLD: &str = "-";

/// A list in its frame.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// `/carts`
    pub path: String,
    pub fields: Vec<Field>,
    /// The orders it can be read in; empty where there is one only.
    pub sorts: Vec<Sort>,
    pub count: Count,
    /// Cursors of the pages behind and before this one.
    pub on: Option<String>,
    pub back: Option<String>,
    /// Whether it can be had as a sheet.
    pub sheet: bool,
}

/// How many rows there are, as far as they were counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub rows: u64,
    /// There are more than these.
    pub more: bool,
    /// Only so many of the first rows were looked through.
    pub looked_at: Option<u64>,
}

impl From<u64> for Count {
    fn from(rows: u64) -> Count {
        Count { rows, ..Count::default() }
    }
}

impl Count {
    /// `412`, `more than 10,000`, `412 among the newest 100,000`
    pub fn words(&self) -> String {
        match (self.more, self.looked_at) {
            (true, _) => say("more than {count}", &[("count", &format::count(self.rows))]),
            (false, Some(of)) => say(
                "{part} among the first {whole}",
                &[("part", &format::count(self.rows)), ("whole", &format::count(of))],
            ),
            (false, None) => format::count(self.rows),
        }
    }
}

/// One thing a list is narrowed by.
#[derive(Clone, Debug)]
pub struct Field {
    /// In the address.
    pub name: &'static str,
    pub label: String,
    /// "" while it narrows nothing.
    pub value: String,
    pub control: Control,
}

#[derive(Clone, Debug)]
pub enum Control {
    /// Offered as links above the list, not in the form.
    Tab,
    /// A figure led here with it: not in the form, told beside the count, in these words.
    Led(String),
    Text,
    Day,
    Amount,
    /// What it may be, as in the address and in words; "" is always offered first.
    Choice(Vec<(String, String)>),
}

impl Field {
    pub fn new(name: &'static str, label: impl Into<String>, value: impl Into<String>, control: Control) -> Field {
        Field { name, label: label.into(), value: value.into(), control }
    }

    /// The value as people say it.
    pub fn said(&self) -> &str {
        match &self.control {
            _ if self.value == NOT_TOLD => t("Not told"),
            Control::Led(said) => said,
            Control::Choice(all) => {
                all.iter().find(|(value, _)| *value == self.value).map_or(&self.value, |(_, said)| said)
            }
            _ => &self.value,
        }
    }

    fn is_in_form(&self) -> bool {
        !matches!(self.control, Control::Tab | Control::Led(_))
    }

    pub fn id(&self) -> String {
        format!("narrow-{}", self.name)
    }

    pub fn kind(&self) -> &'static str {
        match self.control {
            Control::Day => "date",
            _ => "text",
        }
    }

    pub fn choices(&self) -> &[(String, String)] {
        match &self.control {
            Control::Choice(all) => all,
            _ => &[],
        }
    }

    pub fn is_choice(&self) -> bool {
        matches!(self.control, Control::Choice(_))
    }

    pub fn is_chosen(&self, value: &str) -> bool {
        self.value == value
    }
}

/// An order of a list; the first one is its own.
#[derive(Clone, Debug)]
pub struct Sort {
    /// "" for the list's own.
    pub name: &'static str,
    pub label: String,
    pub current: bool,
}

impl Listing {
    fn pairs(&self) -> Vec<(&str, &str)> {
        let sort = self.sorts.iter().find(|sort| sort.current).map_or("", |sort| sort.name);
        let fields = self.fields.iter().map(|field| (field.name, field.value.as_str()));
        fields.chain([("sort", sort)]).collect()
    }

    fn href(&self, page: &Page, change: &[(&str, &str)]) -> String {
        let mut pairs = self.pairs();
        for (name, value) in change {
            match pairs.iter_mut().find(|(known, _)| known == name) {
                Some(pair) => pair.1 = value,
                None => pairs.push((name, value)),
            }
        }
        page.href(&query(&self.path, &pairs))
    }

    /// The list as it is, from its beginning.
    pub fn here(&self, page: &Page) -> String {
        self.href(page, &[])
    }

    /// The list with one of its fields set otherwise.
    pub fn with(&self, page: &Page, name: &str, value: &str) -> String {
        self.href(page, &[(name, value)])
    }

    pub fn without(&self, page: &Page, field: &Field) -> String {
        self.href(page, &[(field.name, "")])
    }

    pub fn sorted(&self, page: &Page, sort: &Sort) -> String {
        self.href(page, &[("sort", sort.name)])
    }

    pub fn on_href(&self, page: &Page) -> Option<String> {
        self.on.as_deref().map(|cut| self.href(page, &[("after", cut)]))
    }

    pub fn back_href(&self, page: &Page) -> Option<String> {
        self.back.as_deref().map(|cut| self.href(page, &[("before", cut)]))
    }

    pub fn sheet_href(&self, page: &Page) -> String {
        let pairs = self.pairs();
        page.href(&query(&format!("{}.csv", self.path), &pairs))
    }

    /// Where reading all of this list again is asked for.
    pub fn replay_href(&self, page: &Page) -> String {
        let pairs = self.pairs();
        page.href(&query(&format!("{}/replay", self.path), &pairs))
    }

    /// Everything but the fields of the form, for its hidden inputs.
    pub fn kept(&self) -> Vec<(&str, &str)> {
        let in_form = |name: &str| self.fields.iter().any(|field| field.is_in_form() && field.name == name);
        self.pairs().into_iter().filter(|(name, value)| !value.is_empty() && !in_form(name)).collect()
    }

    pub fn form(&self) -> Vec<&Field> {
        self.fields.iter().filter(|field| field.is_in_form()).collect()
    }

    /// What narrows it now, besides what is offered as links.
    pub fn narrowed(&self) -> Vec<&Field> {
        let told = |field: &&Field| field.is_in_form() || matches!(field.control, Control::Led(_));
        self.fields.iter().filter(|field| told(field) && !field.value.is_empty()).collect()
    }

    /// The list without anything that narrows it.
    pub fn cleared(&self, page: &Page) -> String {
        page.href(&self.path)
    }

    pub fn is_narrowed(&self) -> bool {
        self.fields.iter().any(|field| !field.value.is_empty())
    }

    /// `412 rows`, `more than 10,000 rows`
    pub fn counted(&self) -> String {
        match self.count {
            Count { rows: 1, more: false, looked_at: None } => t("1 row").to_owned(),
            count => say("{count} rows", &[("count", &count.words())]),
        }
    }

    /// The whole count, where it was counted to its end, for whoever checks a figure against its rows.
    pub fn exact(&self) -> Option<u64> {
        (!self.count.more && self.count.looked_at.is_none()).then_some(self.count.rows)
    }
}

/// `412 carts were texted`, `More than 10,000 carts were texted`
pub fn agree(count: Count, one: &str, many: &str, phrase: &str) -> String {
    match count.more {
        true => told(&more_than(count.rows, many), phrase),
        false => of_looked_at(count, format::agree(count.rows, one, many, phrase)),
    }
}

/// `2 carts match “ana”`
pub fn matching(count: Count, one: &str, many: &str, query: &str) -> String {
    let things = if count.more { more_than(count.rows, many) } else { format::number_of(count.rows, one, many) };
    let is_one = count.rows == 1 && !count.more;
    let sentence = if is_one { noted("{things} matches “{query}”") } else { noted("{things} match “{query}”") };
    of_looked_at(count, say(sentence, &[("things", &format::sentence_case(&things)), ("query", &query)]))
}

fn more_than(rows: u64, many: &str) -> String {
    say("more than {count} {things}", &[("count", &rows.shown()), ("things", &t(many))])
}

fn of_looked_at(count: Count, told: String) -> String {
    match count.looked_at.filter(|_| !count.more) {
        Some(of) => say("{told}, of the first {count} looked at", &[("told", &told), ("count", &of.shown())]),
        None => told,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::view::{Section, sample};

    fn listing() -> Listing {
        let choice = Control::Choice(vec![("DE".into(), "Germany".into())]);
        Listing {
            path: "/carts".into(),
            fields: vec![
                Field::new("state", "State", "texted", Control::Tab),
                Field::new("country", "Country", "DE", choice),
                Field::new("from", "From", "", Control::Day),
            ],
            sorts: vec![
                Sort { name: "", label: "Newest".into(), current: false },
                Sort { name: "worth", label: "Worth".into(), current: true },
            ],
            on: Some("5.7".into()),
            ..Listing::default()
        }
    }

    #[test]
    fn what_narrows_a_list_stays_in_its_addresses() {
        let page = sample::page(Section::Carts);
        let list = listing();
        let shop = "&shop=1";
        assert_eq!(list.on_href(&page).unwrap(), format!("/carts?state=texted&country=DE&sort=worth&after=5.7{shop}"));
        assert_eq!(list.back_href(&page), None);
        assert_eq!(list.without(&page, &list.fields[1]), format!("/carts?state=texted&sort=worth{shop}"));
        assert_eq!(list.sorted(&page, &list.sorts[0]), format!("/carts?state=texted&country=DE{shop}"));
        assert_eq!(list.with(&page, "state", ""), format!("/carts?country=DE&sort=worth{shop}"));
        assert_eq!(list.sheet_href(&page), format!("/carts.csv?state=texted&country=DE&sort=worth{shop}"));
        assert_eq!(list.kept(), [("state", "texted"), ("sort", "worth")]);
        assert_eq!(list.narrowed().iter().map(|field| field.said()).collect::<Vec<_>>(), ["Germany"]);
    }

    #[test]
    fn counts_say_how_far_they_went() {
        let count = |rows, more, looked_at| Count { rows, more, looked_at };
        assert_eq!(count(412, false, None).words(), "412");
        assert_eq!(count(10_000, true, None).words(), "more than 10,000");
        assert_eq!(
            agree(count(10_000, true, None), "cart", "carts", "were texted"),
            "More than 10,000 carts were texted"
        );
        assert_eq!(
            agree(count(2, false, Some(100_000)), "cart", "carts", "were texted"),
            "2 carts were texted, of the first 100,000 looked at"
        );
    }
}
