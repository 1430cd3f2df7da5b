//! The team: who may sign in, under which address, as what, at which shops. Operator tables; addresses are sealed with
//! the house's keys and found through its blind index, passwords are kept as Argon2 hashes only.

use std::collections::BTreeSet;

use super::{
    Error, Read, Tx,
    db::{all, first, run},
    maybe, second, time, word,
};
use crate::domain::{
    id::{ShopId, UserId},
    member::{Email, Reach, Role},
    seal::{Place, ShopKeys},
    time::Time,
};

/// Somebody of the team.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub id: UserId,
    /// "" until it was chosen.
    pub name: String,
    /// "" until it was chosen.
    pub email: String,
    pub role: Role,
    pub reach: Reach,
    pub language: String,
    pub has_password: bool,
    pub has_second: bool,
    pub created_at: Time,
    /// When they last looked at a page.
    pub seen_at: Option<Time>,
}

fn place(id: UserId) -> Place {
    Place { table: "person", column: "email", row: id.get() }
}

fn index(keys: &ShopKeys, email: &Email) -> Vec<u8> {
    keys.index("member_email", email.as_str()).to_vec()
}

/// The shops of a person who is bound to some, or every one.
pub(super) async fn reach(read: &mut Read, user: UserId, bound_at: Option<i64>) -> Result<Reach, Error> {
    if bound_at.is_none() {
        return Ok(Reach::Every);
    }
    let rows = all!(read, (i64,), "SELECT shop_id FROM person_shop WHERE user_id = $1 ORDER BY shop_id", user.get())?;
    Ok(Reach::These(rows.into_iter().map(|(shop,)| ShopId::new(shop)).collect()))
}

type Row = (i64, String, Option<Vec<u8>>, String, String, String, Option<i64>, i64, Option<i64>, Option<i64>);

async fn member(read: &mut Read, house: &ShopKeys, row: Row) -> Result<Member, Error> {
    let (id, name, email, role, language, password, bound_at, created_at, seen_at, second_since) = row;
    let id = UserId::new(id);
    let email = match email {
        Some(sealed) => {
            String::from_utf8(house.open(place(id), &sealed)?).map_err(|why| Error::damaged("e-mail", why))?
        }
        None => String::new(),
    };
    Ok(Member {
        id,
        name,
        email,
        role: word("role", &Role::ALL, Role::name, &role)?,
        reach: reach(read, id, bound_at).await?,
        language,
        has_password: !password.is_empty(),
        has_second: second_since.is_some(),
        created_at: time(created_at),
        seen_at: maybe(seen_at),
    })
}

/// Everybody who was not removed, the oldest first. `house` are the house's keys, as everywhere in this file.
pub async fn list(read: &mut Read, house: &ShopKeys) -> Result<Vec<Member>, Error> {
    let rows = all!(
        read,
        Row,
        "SELECT person.user_id, name, email, role, language, password, bound_at, created_at, seen_at, second_proof.since
         FROM person LEFT JOIN second_proof ON second_proof.user_id = person.user_id
         WHERE removed_at IS NULL ORDER BY created_at, person.user_id"
    )?;
    let mut members = Vec::with_capacity(rows.len());
    for row in rows {
        members.push(member(read, house, row).await?);
    }
    Ok(members)
}

/// `None` when there is nobody of this id, or they were removed.
pub async fn get(read: &mut Read, house: &ShopKeys, id: UserId) -> Result<Option<Member>, Error> {
    let row = first!(
        read,
        Row,
        "SELECT person.user_id, name, email, role, language, password, bound_at, created_at, seen_at, second_proof.since
         FROM person LEFT JOIN second_proof ON second_proof.user_id = person.user_id
         WHERE person.user_id = $1 AND removed_at IS NULL",
        id.get()
    )?;
    match row {
        Some(row) => member(read, house, row).await.map(Some),
        None => Ok(None),
    }
}

/// Whose address this is, with the hash of their password ("" without one).
pub async fn by_email(read: &mut Read, house: &ShopKeys, email: &Email) -> Result<Option<(UserId, String)>, Error> {
    let row = first!(
        read,
        (i64, String),
        "SELECT user_id, password FROM person WHERE email_index = $1 AND removed_at IS NULL",
        index(house, email)
    )?;
    Ok(row.map(|(id, password)| (UserId::new(id), password)))
}

/// The hash of a person's password; "" without one.
pub async fn password(read: &mut Read, id: UserId) -> Result<String, Error> {
    let row =
        first!(read, (String,), "SELECT password FROM person WHERE user_id = $1 AND removed_at IS NULL", id.get())?;
    Ok(row.map(|(password,)| password).unwrap_or_default())
}

/// Whether anybody chose a password already.
pub async fn anybody_has_password(read: &mut Read) -> Result<bool, Error> {
    let row = first!(
        read,
        (i64,),
        "SELECT user_id FROM person WHERE password <> '' AND removed_at IS NULL ORDER BY user_id LIMIT 1"
    )?;
    Ok(row.is_some())
}

/// How many owners there are. Take the house's turn first where something hangs on it.
pub async fn owners(read: &mut Read) -> Result<u64, Error> {
    let row = first!(
        read,
        (i64,),
        "SELECT CAST(COUNT(*) AS BIGINT) FROM person WHERE role = 'owner' AND removed_at IS NULL"
    )?;
    Ok(row.map_or(0, |(count,)| count.unsigned_abs()))
}

/// Takes somebody in, without a password. `Error::Duplicate` when the address is somebody's already.
pub async fn add(tx: &mut Tx, house: &ShopKeys, id: UserId, name: &str, email: &Email, now: Time) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO person (user_id, name, role, created_at, email, email_index) VALUES ($1, $2, 'analyst', $3, $4, $5)",
        id.get(),
        name,
        now.millis(),
        house.seal(place(id), email.as_str().as_bytes()),
        index(house, email)
    )?;
    Ok(())
}

/// What they may do, and where. `false` when there is nobody of this id any more.
pub async fn set_role(tx: &mut Tx, id: UserId, role: Role, reach: &Reach, now: Time) -> Result<bool, Error> {
    let none = BTreeSet::new();
    let (bound_at, shops) = match reach {
        Reach::Every => (None, &none),
        Reach::These(shops) => (Some(now.millis()), shops),
    };
    let changed = run!(
        tx,
        "UPDATE person SET role = $2, bound_at = $3 WHERE user_id = $1 AND removed_at IS NULL",
        id.get(),
        role.name(),
        bound_at
    )?;
    if changed == 0 {
        return Ok(false);
    }
    run!(tx, "DELETE FROM person_shop WHERE user_id = $1", id.get())?;
    for shop in shops {
        run!(tx, "INSERT INTO person_shop (shop_id, user_id) VALUES ($1, $2)", shop.get(), id.get())?;
    }
    Ok(true)
}

pub async fn set_name(tx: &mut Tx, id: UserId, name: &str) -> Result<(), Error> {
    run!(tx, "UPDATE person SET name = $2 WHERE user_id = $1", id.get(), name)?;
    Ok(())
}

/// A tag of `domain::member::LANGUAGES`, or "" to follow the browser.
pub async fn set_language(tx: &mut Tx, id: UserId, language: &str) -> Result<(), Error> {
    run!(tx, "UPDATE person SET language = $2 WHERE user_id = $1", id.get(), language)?;
    Ok(())
}

/// `Error::Duplicate` when the address is somebody else's.
pub async fn set_email(tx: &mut Tx, house: &ShopKeys, id: UserId, email: &Email) -> Result<(), Error> {
    run!(
        tx,
        "UPDATE person SET email = $2, email_index = $3 WHERE user_id = $1",
        id.get(),
        house.seal(place(id), email.as_str().as_bytes()),
        index(house, email)
    )?;
    Ok(())
}

/// `hash` is a PHC string.
pub async fn set_password(tx: &mut Tx, id: UserId, hash: &str) -> Result<(), Error> {
    run!(tx, "UPDATE person SET password = $2 WHERE user_id = $1 AND removed_at IS NULL", id.get(), hash)?;
    Ok(())
}

/// Ends somebody's membership: address, password, second proof and shops go; the name stays for what the audit log says of them.
/// `false` when they were gone already.
pub async fn remove(tx: &mut Tx, id: UserId, now: Time) -> Result<bool, Error> {
    let removed = run!(
        tx,
        "UPDATE person SET removed_at = $2, email = NULL, email_index = NULL, password = ''
         WHERE user_id = $1 AND removed_at IS NULL",
        id.get(),
        now.millis()
    )?;
    run!(tx, "DELETE FROM person_shop WHERE user_id = $1", id.get())?;
    second::end(tx, id).await?;
    Ok(removed > 0)
}

/// Forgets who was bound to a shop, when it is erased.
pub async fn forget_shop(tx: &mut Tx, shop: ShopId) -> Result<(), Error> {
    run!(tx, "DELETE FROM person_shop WHERE shop_id = $1", shop.get())?;
    Ok(())
}
