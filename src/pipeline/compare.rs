//! Compare: the same stored touches under every lens, side by side. It reads verdicts and refunds and writes nothing; how
//! many orders it looks at is bounded, and it says where it stopped.

use crate::{
    domain::{
        attribution::{
            Windows,
            lens::{Lens, Rule, Share, Tally},
        },
        id::OrderId,
        money::Money,
        rules::Rules,
        seal::ShopKeys,
        time::Time,
    },
    store::{self, Error, Read, touch::Touched},
};

/// Orders looked at, of those a text was considered for.
pub const ORDERS_MAX: u64 = 20_000;
/// Orders that would change, told one by one.
pub const DIFFERING_MAX: usize = 50;
const PAGE: u32 = 500;

/// What the strict headline and its assisted part would be under other windows.
pub const PROPOSED: &str = "proposed";
pub const PROPOSED_ASSISTED: &str = "proposed_assisted";

/// One lens with what it says.
#[derive(Clone, Debug)]
pub struct Row {
    pub lens: Lens,
    pub tally: Tally,
}

#[derive(Clone, Debug)]
pub struct Compared {
    /// The headline first.
    pub rows: Vec<Row>,
    /// Orders a text was considered for.
    pub orders: u64,
    /// When the last one looked at was placed, where there were more than `ORDERS_MAX`.
    pub stopped_at: Option<Time>,
    /// Orders whose headline credit would change, oldest first, at most `DIFFERING_MAX`; how many in all.
    pub differing: Vec<Differing>,
    pub would_change: u64,
    /// Orders given to a text by hand, and orders a credit was taken from.
    pub corrected: (u64, u64),
}

/// An order whose headline credit would be another.
#[derive(Clone, Debug)]
pub struct Differing {
    pub order: OrderId,
    pub number: String,
    pub placed_at: Time,
    /// The step of the text that has it, and that would have it.
    pub now: Option<u32>,
    pub then: Option<u32>,
    /// After what went back.
    pub net: Money,
}

/// Orders placed in `[from, to)`, whatever went back of them until now. With `proposed`, two more lenses and the orders
/// that would change.
pub async fn compare(
    read: &mut Read,
    keys: &ShopKeys,
    rules: &Rules,
    (from, to): (Time, Time),
    proposed: Option<Windows>,
) -> Result<Compared, Error> {
    let mut lenses = Lens::all(Windows::of(rules));
    if let Some(windows) = proposed {
        lenses.push(Lens::own(PROPOSED, Rule::Strict, windows));
        lenses.push(Lens::own(PROPOSED_ASSISTED, Rule::Assisted, windows));
    }
    let mut found = Compared {
        rows: lenses.into_iter().map(|lens| Row { lens, tally: Tally::default() }).collect(),
        orders: 0,
        stopped_at: None,
        differing: Vec::new(),
        would_change: 0,
        corrected: store::touch::corrected(read, keys, from, to).await?,
    };
    let mut after = (Time::FIRST, OrderId::new(-1));
    loop {
        let page = store::touch::orders(read, keys, (from, to), after, PAGE).await?;
        for touched in &page {
            for row in &mut found.rows {
                row.tally.add(&row.lens, &touched.facts);
            }
            if proposed.is_some() {
                found.differ(touched);
            }
        }
        found.orders += page.len() as u64;
        let Some(last) = page.last().filter(|_| page.len() == PAGE as usize) else { break };
        after = (last.facts.order.placed_at.unwrap_or(to), last.order);
        if found.orders >= ORDERS_MAX {
            found.stopped_at = Some(after.0);
            break;
        }
    }
    Ok(found)
}

impl Compared {
    pub fn row(&self, id: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.lens.id == id)
    }

    fn differ(&mut self, touched: &Touched) {
        let shares = |id: &str| self.row(id).map(|row| row.lens.shares(&touched.facts)).unwrap_or_default();
        let (now, then) = (shares("strict"), shares(PROPOSED));
        if now == then {
            return;
        }
        self.would_change += 1;
        if self.differing.len() >= DIFFERING_MAX {
            return;
        }
        let order = &touched.facts.order;
        let back = crate::domain::order::refunded(order.total_minor, order.currency, &order.refunds);
        let net = if order.cancelled_at.is_some() { 0 } else { order.total_minor.saturating_sub(back) };
        let step = |shares: &[Share]| shares.first().map(|share| share.step);
        self.differing.push(Differing {
            order: touched.order,
            number: touched.number.clone(),
            placed_at: order.placed_at.unwrap_or_default(),
            now: step(&now),
            then: step(&then),
            net: Money::new(net, order.currency),
        });
    }
}
