//! Messages, read ahead for a handful of them (`store::ahead`).

use std::cmp::Reverse;

use super::{Message, Row, select};
use crate::{
    domain::{seal::ShopKeys, time::Time},
    store::{
        Error, Read,
        ahead::{self, among, each},
        db::halves,
        listing::{Bind, selected},
        of,
    },
};

/// Reads what a handful is about to `get`, at once.
pub async fn ahead(read: &mut Read, keys: &ShopKeys, messages: &[i64]) -> Result<(), Error> {
    for some in &ahead::sets(messages) {
        let select = ahead::numbers(of(keys), select!("message_id ", among!()), some);
        let mut found = ahead::grouped(selected!(read, Row, select)?.into_iter().map(|row| (row.message_id, row)));
        for id in some {
            let row = found.get_mut(id).and_then(Vec::pop);
            // What cannot be opened is the trouble of whoever asks for it.
            if let Ok(message) = row.map(|row| row.into_message(keys)).transpose() {
                read.keep(("message", of(keys), *id), &message);
            }
        }
    }
    Ok(())
}

/// Reads what a handful is about to ask of `of_cart`, at once.
pub async fn of_carts_ahead(read: &mut Read, keys: &ShopKeys, carts: &[i64]) -> Result<(), Error> {
    for some in &ahead::sets(carts) {
        let text = each!(select!("cart_id = $2 AND purpose = 'reminder'"));
        let mut rows = selected!(read, Row, ahead::numbers(of(keys), text, some))?;
        rows.sort_unstable_by_key(|row| row.step);
        let mut found = ahead::grouped(rows.into_iter().map(|row| (row.cart_id, row)));
        for cart in some {
            let rows = found.remove(cart).unwrap_or_default().into_iter().map(|row| row.into_message(keys));
            if let Ok(messages) = rows.collect::<Result<Vec<Message>, _>>() {
                read.keep(("texts of cart", of(keys), *cart), &messages);
            }
        }
    }
    Ok(())
}

/// The texts to a phone since a moment, newest first.
#[derive(Clone)]
pub(super) struct Texted {
    pub since: Time,
    pub messages: Vec<Message>,
}

/// Reads what a handful is about to ask of `to_phone`, for moments since this one.
pub async fn to_phones_ahead(read: &mut Read, keys: &ShopKeys, phones: &[[u8; 16]], since: Time) -> Result<(), Error> {
    #[derive(sqlx::FromRow)]
    struct To {
        phone: Vec<u8>,
        #[sqlx(flatten)]
        row: Row,
    }
    for some in &ahead::sets(phones) {
        let text = each!(select!(also "phone, ", "phone = $2 AND created_at >= $18"));
        let mut select = ahead::hashes(of(keys), text, some);
        select.binds.push(Bind::Int(since.millis()));
        let mut rows = selected!(read, To, select)?;
        rows.sort_by_key(|to| Reverse(to.row.created_at));
        let mut found = ahead::grouped(rows.into_iter().map(|to| (to.phone, to.row)));
        for phone in some {
            let rows = found.remove(&phone[..]).unwrap_or_default().into_iter().map(|row| row.into_message(keys));
            if let Ok(messages) = rows.collect::<Result<Vec<Message>, _>>() {
                let (high, low) = halves(phone);
                read.keep(("texts to phone", high, low), &Texted { since, messages });
            }
        }
    }
    Ok(())
}
