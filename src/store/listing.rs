//! Listing: one way to read a page of any table and to count what a list holds. Decides nothing about what is listed.
//!
//! A list has an order (a column of milliseconds, minor units or ids, then the row's id), and a page begins at a row, not
//! at a number, so that new rows never shift what was read. What narrows a list is asked of the columns of one index, and
//! of at most `LOOKED_AT` rows of it: a page costs what it shows and at most that look, never what exists.
//!
//! # How to list another table
//! An index that holds the shop, the order, the id and every column the list is narrowed by; a `Plan` that names them.

use std::borrow::Cow;

pub(super) use super::db::Bind;
use super::{Error, Read};

/// Rows a page looks through for those that fit.
pub const LOOKED_AT: i64 = 100_000;
/// Up to here a list is counted exactly.
pub const COUNTED: u64 = 10_000;

/// A row's place in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    pub key: i64,
    pub id: i64,
}

/// Which page of a list.
#[derive(Clone, Copy, Debug)]
pub struct Open {
    /// The smallest first.
    pub rising: bool,
    pub from: Option<(Toward, Cut)>,
    pub most: u32,
}

/// The rows behind a cut, or those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toward {
    On,
    Back,
}

impl Open {
    /// The first rows, the greatest first.
    pub fn first(most: u32) -> Open {
        Open { rising: false, from: None, most }
    }

    pub fn after(self, cut: Cut) -> Open {
        Open { from: Some((Toward::On, cut)), ..self }
    }
}

/// A page of a list, in its order, with the ways on and back.
#[derive(Clone, Debug)]
pub struct Leaf<T> {
    pub rows: Vec<T>,
    pub on: Option<Cut>,
    pub back: Option<Cut>,
}

impl<T> Leaf<T> {
    pub fn empty() -> Leaf<T> {
        Leaf { rows: Vec::new(), on: None, back: None }
    }
}

/// How many rows a list holds, as far as it was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// At most `COUNTED`.
    pub rows: u64,
    /// There are more than these.
    pub more: bool,
    /// Only so many of the list's first rows were looked through.
    pub looked_at: Option<u64>,
}

/// A condition; each `?` stands for the next of its values. Which conditions there are decides the text alone, so one
/// text has one bind signature.
#[derive(Clone, Debug)]
pub(super) struct Cond(pub Cow<'static, str>, pub Vec<Bind>);

impl Cond {
    pub fn plain(sql: &'static str) -> Cond {
        Cond(sql.into(), Vec::new())
    }

    pub fn int(sql: &'static str, value: i64) -> Cond {
        Cond(sql.into(), vec![Bind::Int(value)])
    }

    pub fn text(sql: &'static str, value: &str) -> Cond {
        Cond(sql.into(), vec![Bind::Text(value.to_owned())])
    }
}

/// A statement under construction, `$1` being the shop.
pub(super) struct Select {
    pub text: String,
    pub binds: Vec<Bind>,
}

impl Select {
    pub fn new(shop: i64, text: &'static str) -> Select {
        Select { text: text.to_owned(), binds: vec![Bind::Int(shop)] }
    }

    pub fn push(&mut self, text: &'static str) -> &mut Select {
        self.text.push_str(text);
        self
    }

    pub fn bind(&mut self, value: Bind) -> &mut Select {
        self.binds.push(value);
        self.text.push('$');
        self.text.push_str(&self.binds.len().to_string());
        self
    }

    pub fn int(&mut self, value: i64) -> &mut Select {
        self.bind(Bind::Int(value))
    }

    pub fn cond(&mut self, cond: &Cond) -> &mut Select {
        let mut binds = cond.1.iter();
        for (place, piece) in cond.0.split('?').enumerate() {
            if place > 0
                && let Some(bind) = binds.next()
            {
                self.bind(bind.clone());
            }
            self.text.push_str(piece);
        }
        self
    }

    /// `AND column IN ($2, …)`: always `of` values, so that a page costs one prepared statement whatever it holds.
    pub fn any_of(&mut self, ids: &[i64], of: usize) -> &mut Select {
        let last = ids.last().copied().unwrap_or(0);
        let all = ids.iter().copied().chain(std::iter::repeat(last)).take(of.max(ids.len()).max(1));
        self.push(" IN (");
        for (place, id) in all.enumerate() {
            if place > 0 {
                self.push(", ");
            }
            self.int(id);
        }
        self.push(")")
    }
}

/// Every row of a `Select`.
macro_rules! selected {
    ($read:expr, $row:ty, $select:expr) => {{
        let select: $crate::store::listing::Select = $select;
        match $read.settle(&select.text).await {
            Err(error) => Err(error),
            Ok(()) => $crate::store::db::on_either!($read, |conn: Engine| {
                // Made of our own pieces only; what was typed is bound.
                let query = sqlx::query_as::<Engine, $row>(sqlx::AssertSqlSafe(select.text));
                $crate::store::db::bound!(query, select.binds).fetch_all(conn).await
            })
            .map_err($crate::store::Error::from),
        }
    }};
}

pub(super) use selected;

/// A list: its table, its order, and what narrows it.
pub(super) struct Plan {
    pub shop: i64,
    pub table: &'static str,
    /// Of the index: what `narrow` asks about.
    pub columns: &'static str,
    pub key: &'static str,
    pub id: &'static str,
    /// What the index itself leads to: equal to, or a span of the order.
    pub drive: Vec<Cond>,
    /// What is asked of each row looked at.
    pub narrow: Vec<Cond>,
}

impl Plan {
    fn seen(&self, select: &mut Select) {
        select.push(self.columns).push(" FROM ").push(self.table).push(" WHERE shop_id = $1");
        for cond in &self.drive {
            select.push(" AND ").cond(cond);
        }
    }

    fn order(&self, select: &mut Select, rising: bool) {
        let way = if rising { " ASC" } else { " DESC" };
        select.push(" ORDER BY ").push(self.key).push(way).push(", ").push(self.id).push(way);
    }

    fn cut(&self, select: &mut Select, rising: bool, cut: Cut) {
        let sign = if rising { " > " } else { " < " };
        let at_least = if rising { " >= " } else { " <= " };
        // The first half is what an index can begin at.
        select.push(" AND ").push(self.key).push(at_least).int(cut.key);
        select.push(" AND (").push(self.key).push(sign).int(cut.key).push(" OR ").push(self.id).push(sign);
        select.int(cut.id).push(")");
    }

    /// Up to `most` + 1 places read in one direction, and whether the look ended before the list did.
    async fn places(&self, read: &mut Read, rising: bool, from: Option<Cut>, most: u32) -> Result<Found, Error> {
        let more = i64::from(most) + 1;
        let mut select = Select::new(self.shop, "SELECT ");
        if self.narrow.is_empty() {
            select.push(self.key).push(", ").push(self.id).push(" FROM ").push(self.table);
            select.push(" WHERE shop_id = $1");
            for cond in &self.drive {
                select.push(" AND ").cond(cond);
            }
            if let Some(cut) = from {
                self.cut(&mut select, rising, cut);
            }
            self.order(&mut select, rising);
            select.push(" LIMIT ").int(more);
            return Ok(Found { places: cuts(read, select).await?, looked_to: None });
        }
        select.push(self.key).push(", ").push(self.id).push(" FROM (SELECT ");
        self.seen(&mut select);
        if let Some(cut) = from {
            self.cut(&mut select, rising, cut);
        }
        self.order(&mut select, rising);
        select.push(" LIMIT ").int(LOOKED_AT).push(") AS seen WHERE ");
        for (place, cond) in self.narrow.iter().enumerate() {
            select.push(if place > 0 { " AND " } else { "" }).cond(cond);
        }
        self.order(&mut select, rising);
        select.push(" LIMIT ").int(more);
        let places = cuts(read, select).await?;
        let looked_to = if places.len() as i64 == more { None } else { self.end(read, rising, from).await? };
        Ok(Found { places, looked_to })
    }

    /// Where a look from here ends, if there is more behind it.
    async fn end(&self, read: &mut Read, rising: bool, from: Option<Cut>) -> Result<Option<Cut>, Error> {
        let mut select = Select::new(self.shop, "SELECT ");
        select.push(self.key).push(", ").push(self.id).push(" FROM ").push(self.table).push(" WHERE shop_id = $1");
        for cond in &self.drive {
            select.push(" AND ").cond(cond);
        }
        if let Some(cut) = from {
            self.cut(&mut select, rising, cut);
        }
        self.order(&mut select, rising);
        select.push(" LIMIT ").int(1).push(" OFFSET ").int(LOOKED_AT - 1);
        Ok(cuts(read, select).await?.pop())
    }

    /// The ids of a page, in the list's order.
    pub async fn page(&self, read: &mut Read, open: Open) -> Result<Leaf<i64>, Error> {
        let most = open.most as usize;
        let leaf = |places: &[Cut], on, back| Leaf { rows: places.iter().map(|cut| cut.id).collect(), on, back };
        match open.from {
            Some((Toward::Back, cut)) => {
                let mut found = self.places(read, !open.rising, Some(cut), open.most).await?;
                let more = found.places.len() > most;
                found.places.truncate(most);
                found.places.reverse();
                let back = if more { found.places.first().copied() } else { found.looked_to };
                Ok(leaf(&found.places, Some(found.places.last().copied().unwrap_or(cut)), back))
            }
            from => {
                let from = from.map(|(_, cut)| cut);
                let mut found = self.places(read, open.rising, from, open.most).await?;
                let more = found.places.len() > most;
                found.places.truncate(most);
                let on = if more { found.places.last().copied() } else { found.looked_to };
                let back = from.and_then(|cut| found.places.first().copied().or(Some(cut)));
                Ok(leaf(&found.places, on, back))
            }
        }
    }

    /// How many there are, up to `COUNTED`.
    pub async fn count(&self, read: &mut Read) -> Result<Counted, Error> {
        let mut select =
            Select::new(self.shop, "SELECT CAST(COUNT(*) AS BIGINT), CAST(0 AS BIGINT) FROM (SELECT 1 AS one FROM ");
        if self.narrow.is_empty() {
            select.push(self.table).push(" WHERE shop_id = $1");
            for cond in &self.drive {
                select.push(" AND ").cond(cond);
            }
        } else {
            select.push("(SELECT ");
            self.seen(&mut select);
            self.order(&mut select, false);
            select.push(" LIMIT ").int(LOOKED_AT).push(") AS seen WHERE ");
            for (place, cond) in self.narrow.iter().enumerate() {
                select.push(if place > 0 { " AND " } else { "" }).cond(cond);
            }
        }
        let most = i64::try_from(COUNTED).unwrap_or(i64::MAX);
        select.push(" LIMIT ").int(most + 1).push(") AS counted");
        let rows = cuts(read, select).await?.first().map_or(0, |cut| cut.key.unsigned_abs());
        let more = rows > COUNTED;
        let ended = !more && !self.narrow.is_empty() && self.end(read, false, None).await?.is_some();
        Ok(Counted { rows: rows.min(COUNTED), more, looked_at: ended.then_some(LOOKED_AT.unsigned_abs()) })
    }
}

struct Found {
    places: Vec<Cut>,
    looked_to: Option<Cut>,
}

async fn cuts(read: &mut Read, select: Select) -> Result<Vec<Cut>, Error> {
    let rows = selected!(read, (i64, i64), select)?;
    Ok(rows.into_iter().map(|(key, id)| Cut { key, id }).collect())
}

/// Puts rows that were read by their ids into the order of the list.
pub(super) fn in_order<T>(ids: &[i64], mut rows: Vec<T>, id: impl Fn(&T) -> i64) -> Vec<T> {
    rows.sort_by_cached_key(|row| {
        let wanted = id(row);
        ids.iter().position(|&known| known == wanted)
    });
    rows
}
