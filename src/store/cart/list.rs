//! The list of carts: which there are, in which order, and how many.

use super::{Row, of};
use crate::{
    domain::{cart::Cart, id::CartId, seal::ShopKeys, time::Time},
    store::{
        Error, Read,
        facet::narrow::Facets,
        listing::{Bind, Cond, Counted, Cut, Leaf, Open, Plan, Select, in_order, selected},
    },
};

/// Which carts a list shows. A cart that came further also counts for the stages before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filter {
    #[default]
    All,
    /// Not bought, not yet abandoned.
    Open,
    Abandoned,
    /// Abandoned with a number, of whatever kind.
    Phone,
    /// Abandoned with a number that can be texted.
    Mobile,
    /// Abandoned with consent on record, or texted all the same: what the report calls consented.
    Consented,
    /// A text was written for it.
    Allowed,
    /// Abandoned without number or consent.
    Unreachable,
    Reachable,
    /// Reachable, and no text was accepted for it.
    Held,
    Texted,
    /// Texted; neither the carrier nor a tap tells that it arrived.
    Undelivered,
    /// The carrier reported it, or a tap shows it.
    Delivered,
    /// Delivered, and nobody opened its link.
    Untapped,
    /// A person opened its link.
    Clicked,
    /// A person opened its link, and no order is credited to it.
    Unbought,
    /// Bought, credited to a text.
    Recovered,
    /// Bought without credit to a text.
    Bought,
    /// Of people who opted out.
    OptedOut,
}

/// Abandoned, and come as far as the report counts it: so far, or to a text being written.
macro_rules! came {
    ($so_far:literal) => {
        concat!(
            "abandoned_at IS NOT NULL AND (",
            $so_far,
            "EXISTS (SELECT 1 FROM message WHERE message.shop_id = $1 AND message.cart_id = seen.cart_id
                       AND message.purpose = 'reminder'))"
        )
    };
}

impl Filter {
    fn cond(self) -> Option<Cond> {
        let plain = |sql| Some(Cond::plain(sql));
        match self {
            Filter::All => None,
            Filter::Open => plain("abandoned_at IS NULL AND bought_at IS NULL"),
            Filter::Abandoned => plain("abandoned_at IS NOT NULL"),
            Filter::Phone => plain(came!("stage >= 1 OR reach IN ('typed', 'mobile') OR ")),
            Filter::Mobile => plain(came!("stage >= 1 OR reach = 'mobile' OR ")),
            Filter::Consented => plain(came!("stage >= 1 OR ")),
            Filter::Allowed => plain(came!("stage >= 2 OR ")),
            Filter::Unreachable => plain("abandoned_at IS NOT NULL AND stage = 0"),
            Filter::Reachable => plain("stage >= 1"),
            Filter::Held => plain("stage = 1"),
            Filter::Texted => plain("stage >= 2"),
            Filter::Undelivered => plain("stage = 2"),
            Filter::Delivered => plain("stage >= 3"),
            Filter::Untapped => plain("stage = 3"),
            Filter::Clicked => plain("stage >= 4"),
            Filter::Unbought => plain("stage = 4"),
            Filter::Recovered => plain("stage = 5"),
            Filter::Bought => plain("bought_at IS NOT NULL AND stage < 5"),
            Filter::OptedOut => plain("phone IN (SELECT opt_out.phone FROM opt_out WHERE opt_out.shop_id = $1)"),
        }
    }

    fn asks_reach(self) -> bool {
        matches!(self, Filter::Phone | Filter::Mobile)
    }

    /// Those an index of stages leads to: counted without looking at any other cart.
    fn stages(self) -> Option<Cond> {
        let plain = |sql| Some(Cond::plain(sql));
        match self {
            Filter::Unreachable => plain("stage = 0 AND abandoned_at IS NOT NULL"),
            Filter::Reachable => plain("stage IN (1, 2, 3, 4, 5)"),
            Filter::Held => plain("stage = 1"),
            Filter::Texted => plain("stage IN (2, 3, 4, 5)"),
            Filter::Undelivered => plain("stage = 2"),
            Filter::Delivered => plain("stage IN (3, 4, 5)"),
            Filter::Untapped => plain("stage = 3"),
            Filter::Clicked => plain("stage IN (4, 5)"),
            Filter::Unbought => plain("stage = 4"),
            Filter::Recovered => plain("stage = 5"),
            _ => None,
        }
    }
}

/// What a list is narrowed to; every part that is there must hold.
#[derive(Clone, Debug, Default)]
pub struct Narrow {
    pub state: Filter,
    /// `[from, to)` of when it was abandoned (begun, while it is not).
    pub from: Option<Time>,
    pub to: Option<Time>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// A BCP 47 tag, as the shop tells it; `de` also finds `de-AT`.
    pub language: Option<String>,
    /// ISO 4217; what `worth` is in. A list in the order of worth is of one currency, always.
    pub currency: Option<String>,
    /// In minor units, both included.
    pub worth: (Option<i64>, Option<i64>),
    pub sequence: Option<String>,
    /// The last step whose text was accepted; 0 none.
    pub step: Option<u32>,
    pub phone: Option<bool>,
    pub consent: Option<bool>,
    /// What a figure of the report narrows it to.
    pub facets: Facets,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// By when it was abandoned, begun while it is not.
    #[default]
    Time,
    /// By what it is worth, within one currency.
    Worth,
}

const COLUMNS: &str = "listed_at, cart_id, stage, step, sequence, country, language, currency, total_minor, phone,
                       abandoned_at, bought_at, reachable_at, consented_at";
/// With what no index of a list holds.
const WIDE: &str = "listed_at, cart_id, stage, step, sequence, country, language, currency, total_minor, phone,
                    abandoned_at, bought_at, reachable_at, consented_at, product, source, reach";

fn plan(keys: &ShopKeys, wanted: &Narrow, sort: Sort) -> Plan {
    let (mut drive, mut narrow) = (Vec::new(), Vec::new());
    let spans = match sort {
        Sort::Time => &mut drive,
        Sort::Worth => &mut narrow,
    };
    spans.extend(wanted.from.map(|from| Cond::int("listed_at >= ?", from.millis())));
    spans.extend(wanted.to.map(|to| Cond::int("listed_at < ?", to.millis())));
    let worths = match sort {
        Sort::Time => &mut narrow,
        Sort::Worth => &mut drive,
    };
    worths.extend(wanted.currency.as_deref().map(|code| Cond::text("currency = ?", code)));
    worths.extend(wanted.worth.0.map(|minor| Cond::int("total_minor >= ?", minor)));
    worths.extend(wanted.worth.1.map(|minor| Cond::int("total_minor <= ?", minor)));
    narrow.extend(wanted.state.cond());
    narrow.extend(wanted.country.as_deref().map(|country| Cond::text("country = ?", country)));
    if let Some(language) = wanted.language.as_deref() {
        let values = [language, language].map(|tag| Bind::Text(tag.to_owned())).to_vec();
        narrow.push(Cond("(language = ? OR language LIKE ? || '-%')".into(), values));
    }
    narrow.extend(wanted.sequence.as_deref().map(|id| Cond::text("sequence = ?", id)));
    narrow.extend(wanted.step.map(|step| Cond::int("step = ?", i64::from(step))));
    narrow.extend(wanted.phone.map(|has| Cond::plain(if has { "phone IS NOT NULL" } else { "phone IS NULL" })));
    narrow.extend(wanted.consent.map(|has| {
        Cond::plain(if has {
            "(consented_at IS NOT NULL OR reachable_at IS NOT NULL)"
        } else {
            "consented_at IS NULL AND reachable_at IS NULL"
        })
    }));
    narrow.extend(wanted.facets.of_carts());
    let key = match sort {
        Sort::Time => "listed_at",
        Sort::Worth => "total_minor",
    };
    let columns = if wanted.facets.is_none() && !wanted.state.asks_reach() { COLUMNS } else { WIDE };
    Plan { shop: of(keys), table: "cart", columns, key, id: "cart_id", drive, narrow }
}

/// One page of carts.
pub async fn leaf(
    read: &mut Read,
    keys: &ShopKeys,
    wanted: &Narrow,
    sort: Sort,
    open: Open,
) -> Result<Leaf<Cart>, Error> {
    let Leaf { rows, on, back } = plan(keys, wanted, sort).page(read, open).await?;
    Ok(Leaf { rows: these(read, keys, &rows, open.most).await?, on, back })
}

async fn these(read: &mut Read, keys: &ShopKeys, ids: &[i64], most: u32) -> Result<Vec<Cart>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut select = Select::new(
        of(keys),
        "SELECT cart_id, started_at, updated_at, revision, detail, abandoned_at, bought_at, deleted_at, erased_at,
                sequence, rules_version
         FROM cart WHERE shop_id = $1 AND cart_id",
    );
    select.any_of(ids, most as usize);
    let rows = selected!(read, Row, select)?;
    in_order(ids, rows, |row| row.cart_id).into_iter().map(|row| row.into_cart(keys)).collect()
}

/// How many a list holds, as far as that is cheap to know.
pub async fn counted(read: &mut Read, keys: &ShopKeys, wanted: &Narrow) -> Result<Counted, Error> {
    let rest = Narrow { state: Filter::All, ..wanted.clone() };
    let mut plan = plan(keys, &rest, Sort::Time);
    match wanted.state.stages() {
        Some(stages) if plan.narrow.is_empty() => plan.drive.push(stages),
        _ => {
            plan.narrow.extend(wanted.state.cond());
            if wanted.state.asks_reach() {
                plan.columns = WIDE;
            }
        }
    }
    plan.count(read).await
}

/// How many carts of the span `[from, to)` a filter leaves, up to what lists are counted to.
pub async fn count(read: &mut Read, keys: &ShopKeys, filter: Filter, (from, to): (Time, Time)) -> Result<u64, Error> {
    let wanted = Narrow { state: filter, from: Some(from), to: Some(to), ..Narrow::default() };
    Ok(counted(read, keys, &wanted).await?.rows)
}

/// In the order they came, newest first, older than `before`, of the span `[from, to)`.
pub async fn list(
    read: &mut Read,
    keys: &ShopKeys,
    filter: Filter,
    (from, to): (Time, Time),
    before: CartId,
    most: u32,
) -> Result<Vec<Cart>, Error> {
    let mut narrow: Vec<Cond> = filter.cond().into_iter().collect();
    if (from, to) != (Time::FIRST, Time::LAST) {
        narrow.push(Cond::int("listed_at >= ?", from.millis()));
        narrow.push(Cond::int("listed_at < ?", to.millis()));
    }
    let (key, id) = ("cart_id", "cart_id");
    let columns = if filter.asks_reach() { WIDE } else { COLUMNS };
    let plan = Plan { shop: of(keys), table: "cart", columns, key, id, drive: vec![], narrow };
    let open = Open::first(most).after(Cut { key: before.get(), id: before.get() });
    let Leaf { rows, .. } = plan.page(read, open).await?;
    these(read, keys, &rows, most).await
}
