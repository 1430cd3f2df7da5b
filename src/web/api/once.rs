//! Once: the same request again with the same `Idempotency-Key` has the same answer and no second effect, whichever
//! process gets it. The key is noted before the work begins and the answer when it is done; for a day. A request that
//! failed without changing anything (it was refused, or the database was busy) frees its key.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{answer::Answer, call::Call};
use crate::{
    domain::{
        seal::ShopKeys,
        time::{DAY, MINUTE, Time},
    },
    store::{
        self, Error,
        idempotency::{Earlier, Hash},
    },
    transact,
    web::problem::Problem,
};

pub const HEADER: &str = "idempotency-key";
pub const KEY_CHARS_MAX: usize = 255;
const KEPT_FOR: Duration = DAY;
/// A request that has not ended by then never will: its process died.
const RUNS_AT_MOST: Duration = MINUTE.saturating_mul(5);

/// A key, noted for this request.
pub struct Begun {
    keys: ShopKeys,
    name: Hash,
}

pub enum Turn {
    /// Nobody named a key.
    Free,
    Mine(Begun),
    /// It was answered before.
    Answered(Answer),
}

/// Takes the key for this request, or finds what became of it earlier.
pub async fn begin(call: &Call) -> Result<Turn, Problem> {
    let Some(key) = key(call)? else { return Ok(Turn::Free) };
    let (core, now) = (call.core(), call.core().now());
    // What acts on the house as a whole is kept with the house.
    let shop = match (call.shop(), &call.token) {
        (Ok(shop), _) => shop,
        (Err(_), Some(token)) => token.shop,
        (Err(problem), None) => return Err(problem),
    };
    let mut read = core.db.read().await?;
    let keys = core.vault.keys(&mut read, shop).await?;
    drop(read);
    let name = keys.index("idempotency", &key);
    let fingerprint = keys.index("request", &data_encoding::HEXLOWER.encode(&digest(call)));
    let kept_since = now - KEPT_FOR;
    let earlier: Result<Option<Earlier>, Error> =
        transact!(core.db, |tx| store::idempotency::begin(tx, &keys, &name, &fingerprint, kept_since, now).await?);
    match earlier? {
        None => Ok(Turn::Mine(Begun { keys, name })),
        Some(earlier) => settled(&earlier, &fingerprint, now).map(Turn::Answered),
    }
}

fn settled(earlier: &Earlier, fingerprint: &Hash, now: Time) -> Result<Answer, Problem> {
    if earlier.fingerprint != *fingerprint {
        return Err(Problem::Reused);
    }
    match &earlier.answer {
        Some(kept) => Answer::from_kept(kept),
        None if now.since(earlier.started_at) > RUNS_AT_MOST => Err(Problem::Unsure),
        None => Err(Problem::Running),
    }
}

impl Begun {
    /// Keeps a good answer. A failure frees the key where nothing was changed; where that is not sure it stays taken.
    pub async fn end(self, call: &Call, outcome: &Result<Answer, Problem>) -> Result<(), Problem> {
        let core = call.core();
        let (name, now, shop) = (self.name, core.now(), self.keys.shop());
        match outcome {
            Ok(answer) => {
                let kept = answer.to_kept()?;
                let done: Result<(), Error> = transact!(core.db, |tx| {
                    store::idempotency::finish(tx, &self.keys, &name, &kept, now).await?;
                });
                Ok(done?)
            }
            Err(Problem::Broken(_)) => Ok(()),
            Err(_) => {
                let freed: Result<(), Error> =
                    transact!(core.db, |tx| store::idempotency::free(tx, shop, &name).await?);
                Ok(freed?)
            }
        }
    }
}

/// The key as the client wrote it, its quotes left out: the draft has it as a string in quotes, most clients send none.
fn key(call: &Call) -> Result<Option<String>, Problem> {
    let mut sent = call.request.headers().get_all(HEADER);
    let Some(value) = sent.next() else { return Ok(None) };
    let key = value.to_str().unwrap_or_default().trim();
    let key = key.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(key);
    let is_good = key.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    if !is_good || !(1..=KEY_CHARS_MAX).contains(&key.len()) || sent.next().is_some() {
        let why = format!(
            "Idempotency-Key: must be given once, with 1 to {KEY_CHARS_MAX} visible ASCII characters and no quotes in it"
        );
        return Err(Problem::Wrong(vec![why]));
    }
    Ok(Some(key.to_owned()))
}

/// Everything that makes it this request and no other.
fn digest(call: &Call) -> [u8; 32] {
    let mut digest = Sha256::new();
    let request = &call.request;
    for part in [request.method().as_str().as_bytes(), request.path().as_bytes(), request.query_string().as_bytes()] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.update(&call.body);
    digest.finalize().into()
}
