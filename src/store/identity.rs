//! The blind index from a phone, e-mail, customer or token to the carts and orders that carry it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    Error, Read, Tx,
    ahead::{self, each},
    db::{Question, all, halves, later, run},
    listing::selected,
    of,
};
use crate::domain::{
    id::{CartId, OrderId},
    seal::ShopKeys,
};

/// What an index entry stands for. The kind is part of the keyed hash: a phone never matches an e-mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    Phone,
    Email,
    Customer,
    /// Either name of a checkout.
    Checkout,
}

impl Kind {
    const ALL: [Kind; 4] = [Kind::Phone, Kind::Email, Kind::Customer, Kind::Checkout];

    fn name(self) -> &'static str {
        match self {
            Kind::Phone => "phone",
            Kind::Email => "email",
            Kind::Customer => "customer",
            Kind::Checkout => "checkout",
        }
    }
}

/// The entry of one identity.
pub fn value(keys: &ShopKeys, kind: Kind, text: &str) -> [u8; 16] {
    keys.index(kind.name(), text)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Cart(CartId),
    Order(OrderId),
}

impl Subject {
    fn parts(self) -> (&'static str, i64) {
        match self {
            Subject::Cart(id) => ("cart", id.get()),
            Subject::Order(id) => ("order", id.get()),
        }
    }
}

/// A name as the index holds it.
pub type Name = (Kind, [u8; 16]);

/// Names that a statement takes: as many as a cart commonly has.
const TOGETHER: usize = 6;

/// `TOGETHER` of them: the last one stands in for those there are not. `None` of none.
fn filled<T: Copy>(some: &[T]) -> Option<[T; TOGETHER]> {
    let last = *some.last()?;
    Some(std::array::from_fn(|at| some.get(at).copied().unwrap_or(last)))
}

/// Adds what a cart or an order is known by; nothing is taken away, since any name it ever had may link it.
pub async fn add(tx: &mut Tx, keys: &ShopKeys, subject: Subject, names: &[Name]) -> Result<(), Error> {
    let (word, id) = subject.parts();
    let question = ("names", of(keys), id);
    let mut all: Option<Vec<Name>> = match subject {
        Subject::Cart(_) => tx.recall(question),
        Subject::Order(_) => None,
    };
    for name in names {
        if all.as_ref().is_some_and(|all| all.iter().any(|(_, value)| *value == name.1)) {
            continue;
        }
        all.iter_mut().for_each(|all| all.push(*name));
        later!(
            tx,
            [known(word, &name.1)],
            "INSERT INTO identity (shop_id, subject, subject_id, kind, value) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (shop_id, value, subject, subject_id) DO NOTHING",
            of(keys),
            word,
            id,
            name.0.name(),
            name.1.to_vec()
        )?;
    }
    tx.forget_all(&["newer carts", "bought", "last heard"]);
    if let Some(mut all) = all {
        all.sort_unstable_by_key(|(_, value)| *value);
        tx.keep(question, &all);
    }
    Ok(())
}

/// What is asked about a name.
fn known(word: &str, value: &[u8; 16]) -> Question {
    let (high, low) = halves(value);
    (if word == "cart" { "known carts" } else { "known orders" }, high, low)
}

/// Every name a cart or an order ever had.
pub async fn names(read: &mut Read, keys: &ShopKeys, subject: Subject) -> Result<Vec<Name>, Error> {
    let (word, id) = subject.parts();
    if let (Subject::Cart(_), Some(names)) = (subject, read.recall(("names", of(keys), id))) {
        return Ok(names);
    }
    let rows = all!(
        read,
        (String, Vec<u8>),
        "SELECT kind, value FROM identity WHERE shop_id = $1 AND subject = $2 AND subject_id = $3 ORDER BY value",
        of(keys),
        word,
        id
    )?;
    rows.into_iter().map(name).collect()
}

fn name((kind, value): (String, Vec<u8>)) -> Result<Name, Error> {
    Ok((super::word("identity kind", &Kind::ALL, Kind::name, &kind)?, super::digest("identity", value)?))
}

/// Reads the `names` of these carts at once.
pub async fn names_ahead(read: &mut Read, keys: &ShopKeys, carts: &[i64]) -> Result<(), Error> {
    for some in &ahead::sets(carts) {
        let text = each!(
            "SELECT subject_id, kind, value FROM identity WHERE shop_id = $1 AND subject = 'cart' AND subject_id = $2"
        );
        let mut rows = selected!(read, (i64, String, Vec<u8>), ahead::numbers(of(keys), text, some))?;
        rows.sort_unstable_by(|(.., one), (.., other)| one.cmp(other));
        let mut found = ahead::grouped(rows.into_iter().map(|(cart, kind, value)| (cart, (kind, value))));
        for cart in some {
            let names =
                found.remove(cart).unwrap_or_default().into_iter().map(name).collect::<Result<Vec<Name>, _>>()?;
            read.keep(("names", of(keys), *cart), &names);
        }
    }
    Ok(())
}

/// The carts known by this.
pub async fn carts(read: &mut Read, keys: &ShopKeys, value: &[u8; 16]) -> Result<Vec<CartId>, Error> {
    Ok(subjects(read, keys, value, "cart").await?.into_iter().map(CartId::new).collect())
}

/// The orders known by this.
pub async fn orders(read: &mut Read, keys: &ShopKeys, value: &[u8; 16]) -> Result<Vec<OrderId>, Error> {
    Ok(subjects(read, keys, value, "order").await?.into_iter().map(OrderId::new).collect())
}

async fn subjects(read: &mut Read, keys: &ShopKeys, value: &[u8; 16], word: &'static str) -> Result<Vec<i64>, Error> {
    // Put in order here: asked for it, PostgreSQL reads every cart of the shop by the index that has that order, for as long
    // as it has no statistics.
    let rows = all!(
        read,
        (i64,),
        "SELECT subject_id FROM identity WHERE shop_id = $1 AND value = $2 AND subject = $3",
        of(keys),
        value.to_vec(),
        word
    )?;
    let mut found: Vec<i64> = rows.into_iter().map(|(id,)| id).collect();
    found.sort_unstable();
    Ok(found)
}

/// The carts known by any of these, with the name that tells it; those of one name oldest first.
pub async fn carts_of(read: &mut Read, keys: &ShopKeys, names: &[Name]) -> Result<Vec<(Name, CartId)>, Error> {
    let found = subjects_of(read, keys, names, "cart").await?;
    Ok(found.into_iter().map(|(name, id)| (name, CartId::new(id))).collect())
}

/// The orders known by any of these, with the name that tells it.
pub async fn orders_of(read: &mut Read, keys: &ShopKeys, names: &[Name]) -> Result<Vec<(Name, OrderId)>, Error> {
    let found = subjects_of(read, keys, names, "order").await?;
    Ok(found.into_iter().map(|(name, id)| (name, OrderId::new(id))).collect())
}

/// The orders of the same person or checkout as this cart: those that share any name with it, each once, oldest first.
pub async fn orders_with(read: &mut Read, keys: &ShopKeys, cart: CartId) -> Result<Vec<OrderId>, Error> {
    let names = names(read, keys, Subject::Cart(cart)).await?;
    let found: BTreeSet<OrderId> = orders_of(read, keys, &names).await?.into_iter().map(|(_, id)| id).collect();
    Ok(found.into_iter().collect())
}

async fn subjects_of(
    read: &mut Read,
    keys: &ShopKeys,
    names: &[Name],
    word: &'static str,
) -> Result<Vec<(Name, i64)>, Error> {
    let mut found = Vec::new();
    let mut unknown = Vec::new();
    for name in names {
        match read.recall::<Vec<i64>>(known(word, &name.1)) {
            Some(ids) => found.extend(ids.into_iter().map(|id| (*name, id))),
            None => unknown.push(*name),
        }
    }
    for some in unknown.chunks(TOGETHER) {
        let Some([a, b, c, d, e, f]) = filled(some) else { continue };
        let rows = all!(
            read,
            (Vec<u8>, i64),
            "SELECT value, subject_id FROM identity
             WHERE shop_id = $1 AND subject = $2 AND value IN ($3, $4, $5, $6, $7, $8)",
            of(keys),
            word,
            a.1.to_vec(),
            b.1.to_vec(),
            c.1.to_vec(),
            d.1.to_vec(),
            e.1.to_vec(),
            f.1.to_vec()
        )?;
        for name in some {
            found.extend(rows.iter().filter(|(value, _)| *value == name.1).map(|&(_, id)| (*name, id)));
        }
    }
    // Those of one name stay together.
    let place = |name: &Name| names.iter().position(|known| known == name);
    found.sort_by_key(|(name, id)| (place(name), *id));
    found.dedup();
    Ok(found)
}

/// Reads what a handful is about to ask of `carts_of` by these names, at once.
pub async fn carts_of_ahead(read: &mut Read, keys: &ShopKeys, names: &[[u8; 16]]) -> Result<(), Error> {
    const ONE: &str = "SELECT value, subject_id FROM identity WHERE shop_id = $1 AND value = $2 AND subject = 'cart'";
    subjects_ahead(read, keys, names, ("cart", each!(ONE))).await
}

/// Reads what a handful is about to ask of `orders_of` by these names, at once.
pub async fn orders_of_ahead(read: &mut Read, keys: &ShopKeys, names: &[[u8; 16]]) -> Result<(), Error> {
    const ONE: &str = "SELECT value, subject_id FROM identity WHERE shop_id = $1 AND value = $2 AND subject = 'order'";
    subjects_ahead(read, keys, names, ("order", each!(ONE))).await
}

async fn subjects_ahead(
    read: &mut Read,
    keys: &ShopKeys,
    names: &[[u8; 16]],
    (word, text): (&str, &str),
) -> Result<(), Error> {
    for some in &ahead::sets(names) {
        let rows = selected!(read, (Vec<u8>, i64), ahead::hashes(of(keys), text, some))?;
        let mut found = ahead::grouped(rows);
        for name in some {
            read.keep(known(word, name), &found.remove(&name[..]).unwrap_or_default());
        }
    }
    Ok(())
}

/// Forgets what a cart or an order was known by.
pub async fn remove(tx: &mut Tx, keys: &ShopKeys, subject: Subject) -> Result<(), Error> {
    let (word, id) = subject.parts();
    run!(tx, "DELETE FROM identity WHERE shop_id = $1 AND subject = $2 AND subject_id = $3", of(keys), word, id)?;
    Ok(())
}
