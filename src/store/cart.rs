//! Carts. What is personal lies sealed in `detail`; the columns hold what lists and reports need.

mod list;
mod past;

use super::{
    Error, Read, Tx,
    ahead::{self, among, each},
    db::{Question, all, first, halves, later, run},
    digest,
    listing::{Bind, selected},
    maybe, millis, of, time,
};
use crate::domain::{
    cart::{Cart, Revision},
    event::{CartUpdate, ConsentState},
    facet,
    id::CartId,
    phone::Phone,
    seal::{Place, ShopKeys},
    time::Time,
};

fn place(id: CartId) -> Place {
    Place { table: "cart", column: "detail", row: id.get() }
}

fn token(keys: &ShopKeys, token: &str) -> [u8; 16] {
    keys.index("cart token", token)
}

#[derive(sqlx::FromRow)]
struct Row {
    cart_id: i64,
    started_at: i64,
    updated_at: i64,
    revision: Vec<u8>,
    detail: Vec<u8>,
    abandoned_at: Option<i64>,
    bought_at: Option<i64>,
    deleted_at: Option<i64>,
    erased_at: Option<i64>,
    sequence: String,
    rules_version: i64,
}

impl Row {
    fn into_cart(self, keys: &ShopKeys) -> Result<Cart, Error> {
        let id = CartId::new(self.cart_id);
        let latest: CartUpdate = keys.open_json(place(id), &self.detail)?;
        Ok(Cart {
            id,
            revision: Revision { at: time(self.updated_at), digest: digest("cart revision", self.revision)? },
            latest,
            started_at: time(self.started_at),
            abandoned_at: maybe(self.abandoned_at),
            bought_at: maybe(self.bought_at),
            deleted_at: maybe(self.deleted_at),
            erased_at: maybe(self.erased_at),
            sequence: self.sequence,
            rules_version: self.rules_version.unsigned_abs(),
        })
    }
}

/// A cart, with the token it was asked for by.
#[derive(sqlx::FromRow)]
struct Tokened {
    token: Vec<u8>,
    #[sqlx(flatten)]
    row: Row,
}

macro_rules! whole {
    ($rest:expr) => {
        whole!(also "", $rest)
    };
    (also $more:literal, $rest:expr) => {
        concat!(
            "SELECT ", $more, "cart_id, started_at, updated_at, revision, detail, abandoned_at, bought_at, deleted_at, erased_at,
                    sequence, rules_version
             FROM cart WHERE shop_id = $1 AND ",
            $rest
        )
    };
}

pub async fn get(read: &mut Read, keys: &ShopKeys, id: CartId) -> Result<Option<Cart>, Error> {
    let question = ("cart", of(keys), id.get());
    if let Some(cart) = read.recall(question) {
        return Ok(cart);
    }
    let row = first!(read, Row, whole!("cart_id = $2"), of(keys), id.get())?;
    let cart = row.map(|row| row.into_cart(keys)).transpose()?;
    read.keep(question, &cart);
    Ok(cart)
}

/// Reads what a handful is about to `get`, at once.
pub async fn ahead(read: &mut Read, keys: &ShopKeys, carts: &[i64]) -> Result<(), Error> {
    for some in &ahead::sets(carts) {
        let select = ahead::numbers(of(keys), concat!(whole!("cart_id "), among!()), some);
        let mut found = ahead::grouped(selected!(read, Row, select)?.into_iter().map(|row| (row.cart_id, row)));
        for id in some {
            let row = found.get_mut(id).and_then(Vec::pop);
            // What cannot be opened is the trouble of whoever asks for it.
            if let Ok(cart) = row.map(|row| row.into_cart(keys)).transpose() {
                read.keep(("cart", of(keys), *id), &cart);
            }
        }
    }
    Ok(())
}

/// As `ahead`, for who only asks when they were abandoned.
pub async fn abandoned_ahead(read: &mut Read, keys: &ShopKeys, carts: &[i64]) -> Result<(), Error> {
    for some in &ahead::sets(carts) {
        const TEXT: &str = concat!("SELECT cart_id, abandoned_at FROM cart WHERE shop_id = $1 AND cart_id ", among!());
        for (id, at) in selected!(read, (i64, Option<i64>), ahead::numbers(of(keys), TEXT, some))? {
            read.keep(("abandoned", of(keys), id), &maybe(at));
        }
    }
    Ok(())
}

/// How many carts abandoned since a moment follow this sequence and are still open.
pub async fn following(read: &mut Read, keys: &ShopKeys, sequence: &str, since: Time) -> Result<u64, Error> {
    let row = first!(
        read,
        (i64,),
        "SELECT CAST(COUNT(*) AS BIGINT) FROM cart
         WHERE shop_id = $1 AND abandoned_at >= $2 AND sequence = $3 AND bought_at IS NULL AND deleted_at IS NULL
           AND erased_at IS NULL",
        of(keys),
        since.millis(),
        sequence
    )?;
    Ok(row.map_or(0, |(count,)| count.unsigned_abs()))
}

/// The newest open carts with a number that are known by this name and were begun after this moment, newest first; at most
/// `NEWER_MOST`.
pub async fn begun_after(read: &mut Read, keys: &ShopKeys, name: &[u8; 16], after: Time) -> Result<Vec<CartId>, Error> {
    let (high, low) = halves(name);
    if let Some(Begun { since, carts }) = read.recall(("newer carts", high, low))
        && since <= after
    {
        let newer = carts.into_iter().filter(|(at, _)| *at > after.millis()).map(|(_, id)| CartId::new(id));
        return Ok(newer.take(NEWER_MOST as usize).collect());
    }
    // By the name and the cart's own key: without IS TRUE PostgreSQL, where it has no statistics, reads every cart with a
    // number that bought nothing, by an index that has these columns.
    let rows = all!(
        read,
        (i64,),
        "SELECT cart.cart_id FROM identity JOIN cart ON cart.shop_id = $1 AND cart.cart_id = identity.subject_id
         WHERE identity.shop_id = $1 AND identity.value = $2 AND identity.subject = 'cart'
           AND (cart.started_at > $3 AND cart.phone IS NOT NULL AND cart.bought_at IS NULL AND cart.deleted_at IS NULL
                AND cart.erased_at IS NULL) IS TRUE
         ORDER BY cart.started_at DESC, cart.cart_id DESC LIMIT $4",
        of(keys),
        name.to_vec(),
        after.millis(),
        NEWER_MOST
    )?;
    Ok(rows.into_iter().map(|(id,)| CartId::new(id)).collect())
}

const NEWER_MOST: i64 = 20;

/// The open carts with a number that one name has, begun after a moment: newest first, with when each was begun.
#[derive(Clone)]
struct Begun {
    since: Time,
    carts: Vec<(i64, i64)>,
}

/// Reads what a handful is about to ask of `begun_after`, for moments since this one.
pub async fn begun_ahead(read: &mut Read, keys: &ShopKeys, names: &[[u8; 16]], since: Time) -> Result<(), Error> {
    const MOST: usize = NEWER_MOST as usize * ahead::TOGETHER;
    for some in &ahead::sets(names) {
        let text = each!(
            "SELECT identity.value, cart.started_at, cart.cart_id
             FROM identity JOIN cart ON cart.shop_id = $1 AND cart.cart_id = identity.subject_id
             WHERE identity.shop_id = $1 AND identity.value = $2 AND identity.subject = 'cart'
               AND (cart.started_at > $18 AND cart.phone IS NOT NULL AND cart.bought_at IS NULL
                    AND cart.deleted_at IS NULL AND cart.erased_at IS NULL) IS TRUE",
            "LIMIT $19"
        );
        let mut select = ahead::hashes(of(keys), text, some);
        select.binds.extend([Bind::Int(since.millis()), Bind::Int(MOST as i64)]);
        let rows = selected!(read, (Vec<u8>, i64, i64), select)?;
        // More than are ever looked at: whoever asks about one of them reads its own.
        if rows.len() >= MOST {
            continue;
        }
        let mut found = ahead::grouped(rows.into_iter().map(|(name, at, id)| (name, (at, id))));
        for name in some {
            let mut carts = found.remove(&name[..]).unwrap_or_default();
            carts.sort_unstable_by(|one, other| other.cmp(one));
            let (high, low) = halves(name);
            read.keep(("newer carts", high, low), &Begun { since, carts });
        }
    }
    Ok(())
}

pub async fn by_token(read: &mut Read, keys: &ShopKeys, name: &str) -> Result<Option<Cart>, Error> {
    if let Some(known) = read.recall::<Option<CartId>>(of_token(keys, name)) {
        return match known {
            Some(id) => get(read, keys, id).await,
            None => Ok(None),
        };
    }
    let row = first!(read, Row, whole!("token = $2"), of(keys), token(keys, name).to_vec())?;
    row.map(|row| row.into_cart(keys)).transpose()
}

/// What is asked about a token.
fn of_token(keys: &ShopKeys, name: &str) -> Question {
    let (high, low) = halves(&token(keys, name));
    ("cart of token", high, low)
}

/// Reads what a handful is about to ask of `by_token`, at once; the carts there are.
pub async fn by_token_ahead(read: &mut Read, keys: &ShopKeys, names: &[&str]) -> Result<Vec<CartId>, Error> {
    let tokens: Vec<[u8; 16]> = names.iter().map(|name| token(keys, name)).collect();
    let mut all = Vec::new();
    for some in &ahead::sets(&tokens) {
        let rows =
            selected!(read, Tokened, ahead::hashes(of(keys), each!(whole!(also "token, ", "token = $2")), some))?;
        let mut found = ahead::grouped(rows.into_iter().map(|row| (row.token, row.row)));
        for token in some {
            let row = found.remove(&token[..]).and_then(|mut rows| rows.pop());
            // What cannot be opened is the trouble of whoever asks for it.
            let Ok(cart) = row.map(|row| row.into_cart(keys)).transpose() else { continue };
            let id = cart.as_ref().map(|cart| cart.id);
            let (high, low) = halves(token);
            read.keep(("cart of token", high, low), &id);
            if let Some(id) = id {
                read.keep(("cart", of(keys), id.get()), &cart);
                all.push(id);
            }
        }
    }
    Ok(all)
}

/// How far its number goes, for the figures.
pub(super) fn reach(cart: &Cart, textable: bool) -> &'static str {
    match (textable, cart.latest.who.phones.is_empty()) {
        (true, _) => "mobile",
        (false, false) => "typed",
        (false, true) => "",
    }
}

/// When a cart was abandoned, if it was.
pub async fn abandoned_at(read: &mut Read, keys: &ShopKeys, id: CartId) -> Result<Option<Time>, Error> {
    if let Some(cart) = read.recall::<Option<Cart>>(("cart", of(keys), id.get())) {
        return Ok(cart.and_then(|cart| cart.abandoned_at));
    }
    if let Some(at) = read.recall(("abandoned", of(keys), id.get())) {
        return Ok(at);
    }
    let row = first!(
        read,
        (Option<i64>,),
        "SELECT abandoned_at FROM cart WHERE shop_id = $1 AND cart_id = $2",
        of(keys),
        id.get()
    )?;
    Ok(row.and_then(|(at,)| maybe(at)))
}

/// Writes a cart as it is now. `phone` is the number it can be texted on. What an erased cart was counted under stays.
pub async fn put(tx: &mut Tx, keys: &ShopKeys, cart: &Cart, phone: Option<&Phone>) -> Result<(), Error> {
    let latest = &cart.latest;
    let (currency, total) = latest.total.map_or((String::new(), 0), |total| (total.currency.to_string(), total.minor));
    tx.forget_all(&["newer carts"]);
    later!(
        tx,
        [("cart", of(keys), cart.id.get()), ("abandoned", of(keys), cart.id.get()), of_token(keys, &latest.token)],
        "INSERT INTO cart (shop_id, cart_id, token, started_at, updated_at, revision, phone, country, currency,
                           total_minor, detail, abandoned_at, bought_at, deleted_at, erased_at, sequence,
                           rules_version, listed_at, language, consented_at, product, source, reach)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
                 $23)
         ON CONFLICT (shop_id, cart_id) DO UPDATE SET
             started_at = excluded.started_at, updated_at = excluded.updated_at, revision = excluded.revision,
             phone = excluded.phone, country = excluded.country, currency = excluded.currency,
             total_minor = excluded.total_minor, detail = excluded.detail, abandoned_at = excluded.abandoned_at,
             bought_at = excluded.bought_at, deleted_at = excluded.deleted_at, erased_at = excluded.erased_at,
             sequence = excluded.sequence, rules_version = excluded.rules_version, listed_at = excluded.listed_at,
             language = excluded.language, consented_at = excluded.consented_at,
             product = CASE WHEN excluded.erased_at IS NULL THEN excluded.product ELSE cart.product END,
             source = CASE WHEN excluded.erased_at IS NULL THEN excluded.source ELSE cart.source END,
             reach = CASE WHEN excluded.erased_at IS NULL THEN excluded.reach ELSE cart.reach END",
        of(keys),
        cart.id.get(),
        token(keys, &latest.token).to_vec(),
        cart.started_at.millis(),
        cart.revision.at.millis(),
        cart.revision.digest.to_vec(),
        phone.map(|phone| keys.index("phone", phone.e164()).to_vec()),
        latest.country.as_deref().unwrap_or(""),
        currency,
        total,
        keys.seal_json(place(cart.id), latest)?,
        millis(cart.abandoned_at),
        millis(cart.bought_at),
        millis(cart.deleted_at),
        millis(cart.erased_at),
        cart.sequence.as_str(),
        i64::try_from(cart.rules_version).unwrap_or(i64::MAX),
        cart.abandoned_at.unwrap_or(cart.started_at).millis(),
        latest.language.as_deref().unwrap_or(""),
        millis(consented_at(cart)),
        facet::product(&latest.items),
        facet::word(latest.source.as_deref().unwrap_or("")),
        reach(cart, phone.is_some())
    )
}

/// Since when the cart itself carries a consent.
fn consented_at(cart: &Cart) -> Option<Time> {
    let given = cart.latest.consent.as_ref().filter(|given| given.state == ConsentState::Granted)?;
    Some(given.proof.given_at.unwrap_or(cart.started_at))
}

/// Notes that the checkout of this name was deleted, whether or not we know it already; the earliest moment stays.
pub async fn note_deleted(tx: &mut Tx, keys: &ShopKeys, name: &[u8; 16], at: Time) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO cart_deletion (shop_id, name, at) VALUES ($1, $2, $3)
         ON CONFLICT (shop_id, name) DO UPDATE SET
             at = CASE WHEN excluded.at < cart_deletion.at THEN excluded.at ELSE cart_deletion.at END",
        of(keys),
        name.to_vec(),
        at.millis()
    )?;
    Ok(())
}

/// When a checkout of these names was deleted; the earliest moment.
pub async fn deleted_at(read: &mut Read, keys: &ShopKeys, names: &[[u8; 16]]) -> Result<Option<Time>, Error> {
    let mut first: Option<Time> = None;
    let mut unknown = Vec::new();
    for name in names {
        match read.recall::<Option<Time>>(deleted(name)) {
            Some(at) => first = at.into_iter().chain(first).min(),
            None => unknown.push(*name),
        }
    }
    for some in unknown.chunks(2) {
        let [Some(one), Some(other)] = [some.first(), some.last()] else { continue };
        let rows = all!(
            read,
            (i64,),
            "SELECT at FROM cart_deletion WHERE shop_id = $1 AND name IN ($2, $3)",
            of(keys),
            one.to_vec(),
            other.to_vec()
        )?;
        first = rows.into_iter().map(|(at,)| time(at)).chain(first).min();
    }
    Ok(first)
}

fn deleted(name: &[u8; 16]) -> Question {
    let (high, low) = halves(name);
    ("deleted", high, low)
}

/// Reads what a handful is about to ask of `deleted_at`, at once.
pub async fn deleted_ahead(read: &mut Read, keys: &ShopKeys, names: &[[u8; 16]]) -> Result<(), Error> {
    for some in &ahead::sets(names) {
        let text = each!("SELECT name, at FROM cart_deletion WHERE shop_id = $1 AND name = $2");
        let rows = selected!(read, (Vec<u8>, i64), ahead::hashes(of(keys), text, some))?;
        for name in some {
            let at = rows.iter().filter(|(found, _)| found[..] == name[..]).map(|(_, at)| time(*at)).min();
            read.keep(deleted(name), &at);
        }
    }
    Ok(())
}

/// Forgets deletions of checkouts that are too old to be told of again.
pub async fn prune_deletions(tx: &mut Tx, keys: &ShopKeys, before: Time) -> Result<u64, Error> {
    run!(tx, "DELETE FROM cart_deletion WHERE shop_id = $1 AND at < $2", of(keys), before.millis())
}

/// Notes that a cart was abandoned (`abandoned_at`, `sequence` and `rules_version` are what is written of it), and whether
/// it could have been texted: a valid number and consent were on record then.
pub async fn abandon(tx: &mut Tx, keys: &ShopKeys, cart: &Cart, reachable: bool) -> Result<(), Error> {
    let at = cart.abandoned_at.map(Time::millis);
    later!(
        tx,
        [("cart", of(keys), cart.id.get()), ("abandoned", of(keys), cart.id.get())],
        "UPDATE cart SET abandoned_at = $3, listed_at = COALESCE($3, listed_at), sequence = $4, rules_version = $5,
             reachable_at = COALESCE(reachable_at, $6),
             stage = CASE WHEN stage < 1 AND $6 IS NOT NULL THEN 1 ELSE stage END
         WHERE shop_id = $1 AND cart_id = $2",
        of(keys),
        cart.id.get(),
        at,
        cart.sequence.as_str(),
        i64::try_from(cart.rules_version).unwrap_or(i64::MAX),
        at.filter(|_| reachable)
    )
}

pub use list::{Filter, Narrow, Sort, count, counted, leaf, list};
pub use past::{Left, Mark, past};

/// Looks again how far a cart came, after a text of it, a tap or a credit changed.
pub(super) async fn restage(tx: &mut Tx, shop: i64, cart: i64) -> Result<(), Error> {
    // Nobody who decides asks how far it came.
    later!(
        tx,
        [],
        "UPDATE cart SET
             stage = CASE
                 WHEN EXISTS (SELECT 1 FROM message JOIN credit ON credit.shop_id = $1
                                AND credit.message_id = message.message_id AND credit.class = 'credited'
                              WHERE message.shop_id = $1 AND message.cart_id = $2 AND message.purpose = 'reminder') THEN 5
                 WHEN EXISTS (SELECT 1 FROM message WHERE message.shop_id = $1 AND message.cart_id = $2
                                AND message.purpose = 'reminder' AND message.tapped_at IS NOT NULL) THEN 4
                 WHEN EXISTS (SELECT 1 FROM message WHERE message.shop_id = $1 AND message.cart_id = $2
                                AND message.purpose = 'reminder' AND message.delivered_at IS NOT NULL) THEN 3
                 WHEN EXISTS (SELECT 1 FROM message WHERE message.shop_id = $1 AND message.cart_id = $2
                                AND message.purpose = 'reminder' AND message.accepted_at IS NOT NULL) THEN 2
                 WHEN reachable_at IS NOT NULL THEN 1 ELSE 0 END,
             step = COALESCE((SELECT MAX(message.step) FROM message WHERE message.shop_id = $1 AND message.cart_id = $2
                                AND message.purpose = 'reminder' AND message.accepted_at IS NOT NULL), 0)
         WHERE shop_id = $1 AND cart_id = $2",
        shop,
        cart
    )
}

/// Carts that ended without an order before this moment and still hold personal data.
pub async fn forgettable(read: &mut Read, keys: &ShopKeys, before: Time, most: u32) -> Result<Vec<Cart>, Error> {
    let rows = all!(
        read,
        Row,
        whole!("cart_id < $2 AND updated_at < $3 AND erased_at IS NULL ORDER BY cart_id LIMIT $4"),
        of(keys),
        i64::MAX,
        before.millis(),
        i64::from(most)
    )?;
    rows.into_iter().map(|row| row.into_cart(keys)).collect()
}
