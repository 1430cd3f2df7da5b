//! Erasing a whole shop: every row that could name a person, in every table that has one.

use super::{Error, Tx, db::run};
use crate::domain::id::ShopId;

pub async fn shop(tx: &mut Tx, shop: ShopId) -> Result<(), Error> {
    let id = shop.get();
    run!(tx, "DELETE FROM inbox WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM job WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM identity WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM cart WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM cart_deletion WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM consent WHERE shop_id = $1", id)?;
    run!(tx, "UPDATE opt_out SET detail = NULL WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM reply WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM decision WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM message WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM click WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM shop_order WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM refund WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM credit WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM evidence WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM discount WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM discount_use WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM alarm WHERE shop_id = $1", id)?;
    Ok(())
}
