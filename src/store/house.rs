//! Settings of the whole house that are changed while it runs: a name and a value each. What a value means is its
//! reader's business. An operator table.

use super::{
    Error, Read, Tx,
    db::{first, run},
};

/// Whether owners must have a second proof: `YES` or anything else.
pub const OWNERS_SECOND: &str = "owners_second";
pub const YES: &str = "yes";

pub async fn setting(read: &mut Read, name: &str) -> Result<Option<String>, Error> {
    let row = first!(read, (String,), "SELECT value FROM house_setting WHERE name = $1", name)?;
    Ok(row.map(|(value,)| value))
}

pub async fn set(tx: &mut Tx, name: &str, value: &str) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO house_setting (name, value) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        name,
        value
    )?;
    Ok(())
}
