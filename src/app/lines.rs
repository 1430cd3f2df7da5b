//! Lines: SMPP accounts are kept bound while the process serves, so that receipts and replies are heard when nothing is
//! sent. What is heard goes the way of every callback: kept on disk, and only then acknowledged.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use crate::{
    clock,
    domain::{connector::Delivery, id::ShopId},
    gateway,
    http::Http,
    pipeline::{
        Core,
        receive::{self, Answer, Inbox, Side},
    },
    smpp::{Bind, SessionKey, Sessions, Times},
    store::{self, Error},
};

/// Accounts that were added, changed or removed are seen within this span.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// The sessions of this process, and where what they hear belongs.
#[derive(Clone)]
pub struct Lines {
    sessions: Sessions,
    heard: Arc<Heard>,
}

#[derive(Default)]
struct Heard {
    /// The secret part of the hook's address, by session.
    hooks: Mutex<HashMap<SessionKey, String>>,
    /// While it serves.
    house: Mutex<Option<(Arc<Core>, Inbox)>>,
}

impl Default for Lines {
    fn default() -> Lines {
        let heard = Arc::new(Heard::default());
        let listener = heard.clone();
        let heed = move |key: SessionKey, body: Vec<u8>| {
            let heard = listener.clone();
            Box::pin(async move { heard.keep(&key, body).await }) as futures_util::future::BoxFuture<'static, bool>
        };
        let run = data_encoding::HEXLOWER.encode(&clock::random::<8>());
        Lines { sessions: Sessions::new(Arc::new(heed), Times::default(), run), heard }
    }
}

impl Lines {
    /// For the way out.
    pub fn door(&self) -> Arc<dyn Http> {
        Arc::new(self.sessions.clone())
    }

    /// Keeps every account bound until told to stop.
    pub async fn keep(self, core: Arc<Core>, inbox: Inbox, stop: CancellationToken) {
        *self.heard.house.lock().unwrap_or_else(PoisonError::into_inner) = Some((core.clone(), inbox));
        loop {
            match self.heard.look(&core).await {
                Ok(wanted) => self.sessions.keep_bound(wanted),
                Err(error) => tracing::warn!(%error, "lines are left as they are"),
            }
            if stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_none() {
                break;
            }
        }
        self.sessions.keep_bound(Vec::new());
        // The inbox is written to its end once nobody holds it any more.
        *self.heard.house.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Heard {
    fn hook(&self, key: &SessionKey) -> Option<String> {
        self.hooks.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Which lines there should be; where they belong is known from then on.
    async fn look(&self, core: &Core) -> Result<Vec<Bind>, Error> {
        let wanted = wanted(core).await?;
        let hooks = wanted.iter().map(|(bind, hook)| (bind.key(), hook.clone())).collect();
        *self.hooks.lock().unwrap_or_else(PoisonError::into_inner) = hooks;
        Ok(wanted.into_iter().map(|(bind, _)| bind).collect())
    }

    /// Whether it is on disk.
    async fn keep(&self, key: &SessionKey, body: Vec<u8>) -> bool {
        let house = self.house.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some((core, inbox)) = house else { return false };
        let hook = match self.hook(key) {
            // A text bound it since the last look.
            None => self.look(&core).await.ok().and_then(|_| self.hook(key)),
            known => known,
        };
        let Some(hook) = hook else { return false };
        let delivery = Delivery {
            method: "POST".into(),
            url: format!("{}/hook/sms/{hook}", core.public_url),
            headers: vec![("content-type".into(), "application/json".into())],
            body,
            received_at: core.now(),
        };
        matches!(receive::receive(&core, &inbox, &hook, Side::Gateway, delivery).await, Answer::Taken { .. })
    }
}

/// Every account that speaks SMPP, with its hook.
async fn wanted(core: &Core) -> Result<Vec<(Bind, String)>, Error> {
    let mut read = core.db.read().await?;
    let mut all = Vec::new();
    for tenant in [vec![ShopId::HOUSE], store::gateway::shops_with_own(&mut read).await?].concat() {
        let keys = core.vault.keys(&mut read, tenant).await?;
        let accounts = store::gateway::list(&mut read, &keys).await?;
        for account in accounts.into_iter().filter(|account| account.kind == gateway::smpp::KIND) {
            let mut request = gateway::smpp::account(&account.settings);
            request.private &= account.private;
            let hook = store::connection::of(&mut read, tenant, Some(account.id)).await?;
            match (Bind::of(&request), hook) {
                (Ok(bind), Some(hook)) => all.push((bind, hook.public_id)),
                (Err(error), _) => tracing::warn!(gateway = %account.id, %error, "this line cannot be opened"),
                (_, None) => {}
            }
        }
    }
    Ok(all)
}
