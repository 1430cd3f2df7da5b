//! The versions of the law's data this installation has decided by. An operator table: law is no shop's.

use super::{
    Error, Read, Tx,
    db::{first, run},
};
use crate::domain::{law::Pack, time::Time};

/// Keeps a pack as it stands; one version has one text, the first that was kept.
pub async fn keep(tx: &mut Tx, pack: &Pack, now: Time) -> Result<(), Error> {
    run!(
        tx,
        "INSERT INTO law_pack (version, body, added_at) VALUES ($1, $2, $3) ON CONFLICT (version) DO NOTHING",
        pack.version(),
        pack.text(),
        now.millis()
    )?;
    Ok(())
}

/// The text of a version.
pub async fn text(read: &mut Read, version: &str) -> Result<Option<String>, Error> {
    let row = first!(read, (String,), "SELECT body FROM law_pack WHERE version = $1", version)?;
    Ok(row.map(|(body,)| body))
}
