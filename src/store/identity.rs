//! The blind index from a phone, e-mail, customer or token to the carts and orders that carry it.

use serde::{Deserialize, Serialize};

use super::{
    Error, Read, Tx,
    db::{all, run},
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

/// Adds what a cart or an order is known by; nothing is taken away, since any name it ever had may link it.
pub async fn add(tx: &mut Tx, keys: &ShopKeys, subject: Subject, names: &[Name]) -> Result<(), Error> {
    let (word, id) = subject.parts();
    for (kind, value) in names {
        run!(
            tx,
            "INSERT INTO identity (shop_id, value, subject, subject_id, kind) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (shop_id, value, subject, subject_id) DO NOTHING",
            of(keys),
            value.to_vec(),
            word,
            id,
            kind.name()
        )?;
    }
    Ok(())
}

/// Every name a cart or an order ever had.
pub async fn names(read: &mut Read, keys: &ShopKeys, subject: Subject) -> Result<Vec<Name>, Error> {
    let (word, id) = subject.parts();
    let rows = all!(
        read,
        (String, Vec<u8>),
        "SELECT kind, value FROM identity WHERE shop_id = $1 AND subject = $2 AND subject_id = $3 ORDER BY value",
        of(keys),
        word,
        id
    )?;
    rows.into_iter()
        .map(|(kind, value)| {
            Ok((super::word("identity kind", &Kind::ALL, Kind::name, &kind)?, super::digest("identity", value)?))
        })
        .collect()
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

/// Forgets what a cart or an order was known by.
pub async fn remove(tx: &mut Tx, keys: &ShopKeys, subject: Subject) -> Result<(), Error> {
    let (word, id) = subject.parts();
    run!(tx, "DELETE FROM identity WHERE shop_id = $1 AND subject = $2 AND subject_id = $3", of(keys), word, id)?;
    Ok(())
}
