//! Erasing a whole shop: every row that could name a person, in every table that has one.

use super::{
    Error, Read, Tx,
    db::{all, run},
    digest, of,
};
use crate::domain::{id::ShopId, seal::ShopKeys};

/// The keyed hash of every number a shop ever texted, also of erased ones: who may have answered through a gateway that
/// other shops share.
pub async fn phones(read: &mut Read, keys: &ShopKeys) -> Result<Vec<[u8; 16]>, Error> {
    let rows = all!(
        read,
        (Vec<u8>,),
        "SELECT phone FROM message WHERE shop_id = $1 AND LENGTH(phone) > 0
         UNION SELECT former_phone FROM message WHERE shop_id = $1 AND former_phone IS NOT NULL
         UNION SELECT phone FROM reply WHERE shop_id = $1",
        of(keys)
    )?;
    rows.into_iter().filter(|(phone,)| !phone.is_empty()).map(|(phone,)| digest("phone index", phone)).collect()
}

pub async fn shop(tx: &mut Tx, shop: ShopId) -> Result<(), Error> {
    let id = shop.get();
    super::team::forget_shop(tx, shop).await?;
    run!(tx, "DELETE FROM inbox WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM correction WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM replay_run WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM cart_act WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM message_act WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM job WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM identity WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM cart WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM cart_deletion WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM consent WHERE shop_id = $1", id)?;
    run!(tx, "UPDATE opt_out SET detail = NULL WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM reply WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM reply_part WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM decision WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM message WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM click WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM shop_order WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM refund WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM credit WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM evidence WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM credit_act WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM recredit_run WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM discount WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM discount_use WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM alarm WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM data_request WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM message_digest WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM retention_mark WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM holdout WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM holdout_outcome WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM experiment WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM experiment_stop WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM experiment_entry WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM guard WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM spend WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM pause WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM idempotency WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM forward_attempt WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM forward WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM outbox WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM sink WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM digest WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM digest_issue WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM ad_told WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM ad_consent WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM offline_part WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM offline_line WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM offline_sale WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM offline_upload WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM tracked_call WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM call_number WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM call_desk WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM audit_line WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM audit_run WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM audit_finding WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM audit_limits WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM site_event WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM visitor_name WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM goal WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM funnel WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM site_event_dropped WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM order_first WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM ledger_setting WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM rate WHERE shop_id = $1", id)?;
    run!(tx, "DELETE FROM channel_spend WHERE shop_id = $1", id)?;
    run!(tx, "UPDATE shop SET forwards = '' WHERE shop_id = $1", id)?;
    Ok(())
}
