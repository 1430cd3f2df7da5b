//! Fetch: what a webhook only points at is asked for at the shop, and kept in the inbox as a delivery of its own. The
//! webhook itself stays as it came, so that a replay asks again.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{Core, ask};
use crate::{
    domain::{
        connector::Delivery,
        id::DeliveryId,
        seal::ShopKeys,
        time::{DAY, MINUTE},
    },
    shop::{
        self,
        pull::{NotPulled, Pulled, WAIT_MOST},
    },
    store::{
        self, Error, Tx,
        inbox::Arrival,
        job::{self, Job},
    },
    transact,
};

/// After this long the shop is not asked any more; the webhook is kept with the reason and can be replayed.
const TRIED_FOR: Duration = DAY;
const AGAIN_FIRST: Duration = Duration::from_secs(10);
const AGAIN_MOST: Duration = MINUTE.saturating_mul(30);

/// The job of one webhook.
pub async fn fetch(core: &Core, job: &Job) -> Result<(), Error> {
    let id = DeliveryId::new(job.subject);
    let mut read = core.db.read().await?;
    let shop = core.shop(&mut read, job.shop).await?;
    let kept = match &shop {
        Some((_, keys)) => store::correction::as_read(&mut read, keys, id).await?,
        None => None,
    };
    drop(read);
    let (Some((shop, keys)), Some(kept)) = (shop.filter(|(shop, _)| shop.erased_at.is_none()), kept) else {
        return transact!(core.db, |tx| job::finish(tx, job).await.map(|_| ())?);
    };
    let Some(kind) = shop::by_kind(&shop.kind) else {
        return transact!(core.db, |tx| job::finish(tx, job).await.map(|_| ())?);
    };
    let asked = ask::shop(core, &shop, |settings| kind.ask_whole(settings, &kept.topic, &kept.delivery)).await;
    let told = match asked {
        Ok(Some(answer)) => kind.whole(&shop.settings, &kept.topic, &kept.delivery, &answer),
        Ok(None) => Ok(Vec::new()),
        Err(why) => Err(why),
    };
    let now = core.now();
    let age = now.since(kept.delivery.received_at);
    let (told, problem, again) = match told {
        Ok(told) => (told, String::new(), None),
        Err(NotPulled::Later { wait, .. }) if age < TRIED_FOR => {
            let patience = (age / 4).clamp(AGAIN_FIRST, AGAIN_MOST);
            (Vec::new(), String::new(), Some(now + wait.max(patience).min(WAIT_MOST.max(AGAIN_MOST))))
        }
        Err(NotPulled::Later { why, .. } | NotPulled::Refused(why)) => (Vec::new(), why, None),
        Err(NotPulled::Lost) => (Vec::new(), "the shop does not know what its webhook told of".to_owned(), None),
    };
    transact!(core.db, |tx| {
        if job::holds(tx, job).await? {
            for pulled in &told {
                keep(core, tx, &keys, &format!("webhook {id}"), &marked(pulled), pulled.body.clone()).await?;
            }
            if !problem.is_empty() {
                store::inbox::finish(tx, job.shop, id, 0, &problem, now).await?;
            }
            match again {
                Some(due) => job::put_back(tx, job, due).await?,
                None => job::finish(tx, job).await.map(|_| ())?,
            }
        }
    })?;
    core.wake.notify_one();
    Ok(())
}

/// The topic of something that was fetched, marked.
pub(crate) fn marked(pulled: &Pulled) -> String {
    format!("{}{}", shop::PULLED, pulled.topic)
}

/// As if its webhook had come now.
pub(crate) fn delivery(core: &Core, body: Vec<u8>) -> Delivery {
    Delivery { method: "GET".into(), url: String::new(), headers: Vec::new(), body, received_at: core.now() }
}

/// Puts a fetched body into the inbox under its marked topic; `false` when the very same was put there by the same asker.
pub(crate) async fn keep(
    core: &Core,
    tx: &mut Tx,
    keys: &ShopKeys,
    by: &str,
    topic: &str,
    body: Vec<u8>,
) -> Result<bool, Error> {
    let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(&body));
    let arrival = Arrival {
        id: DeliveryId::new(core.fresh_id()),
        gateway: None,
        topic: topic.to_owned(),
        dedup: keys.index("delivery", &["pulled", by, topic, &hash].join("\0")),
        delivery: delivery(core, body),
    };
    Ok(store::inbox::keep_all(tx, &[arrival.seal(keys)?]).await? == [true])
}
