//! What the API keeps and asks for besides: tokens, keys of requests, ledgers and lists page by page.

use cartback::{
    domain::{
        consent::Consent,
        event::{ConsentProof, ConsentState},
        time::MINUTE,
    },
    store::{
        consent::Mark,
        idempotency,
        token::{self, Scope, Scopes, Token},
    },
};

use super::*;

fn made(shop: ShopId, name: &str, scopes: &[Scope], expires_at: Option<Time>) -> Token {
    Token {
        shop,
        name: name.into(),
        scopes: Scopes::new(scopes.iter().copied()),
        created_at: at(1),
        expires_at,
        used_at: None,
        revoked_at: None,
    }
}

#[tokio::test]
async fn tokens() {
    on_both(async |stage| {
        let (shop, hash) = (stage.shop(), [3; 32]);
        let till = made(shop, "till", &[Scope::Send, Scope::People], Some(at(9)));
        tx!(stage, |tx| token::create(tx, &hash, &till).await?);
        let bot = made(shop, "till", &[Scope::Read], None);
        let again: Result<(), Error> = transact!(stage.db, |tx| token::create(tx, &[4; 32], &bot).await?);
        assert!(matches!(again, Err(Error::Duplicate)), "{again:?}");
        let found = token::find(read!(stage), &hash).await.unwrap().unwrap();
        assert_eq!(found, till);
        assert_eq!(found.scopes.names(), ["people", "send"]);
        assert!(found.is_good(at(8)) && !found.is_good(at(9)));
        assert!(token::find(read!(stage), &[4; 32]).await.unwrap().is_none());
        tx!(stage, |tx| token::note_used(tx, &hash, at(2)).await?);
        assert!(!tx!(stage, |tx| token::revoke(tx, ShopId::new(9), "till", at(3)).await?));
        assert!(tx!(stage, |tx| token::revoke(tx, shop, "till", at(3)).await?));
        assert!(!tx!(stage, |tx| token::revoke(tx, shop, "till", at(4)).await?));
        let listed = token::list(read!(stage), shop).await.unwrap();
        assert_eq!((listed[0].used_at, listed[0].revoked_at, listed.len()), (Some(at(2)), Some(at(3)), 1));
        assert!(!listed[0].is_good(at(4)));
        let bot = made(shop, "bot", &[Scope::Read], None);
        tx!(stage, |tx| token::create(tx, &[5; 32], &bot).await?);
        assert_eq!(tx!(stage, |tx| token::revoke_all(tx, shop, at(6)).await?), 1);
    })
    .await;
}

#[tokio::test]
async fn keys_of_requests() {
    on_both(async |stage| {
        let keys = &stage.keys;
        let (name, request) = ([1; 16], [2; 16]);
        let begin = async |name: [u8; 16], request: [u8; 16], since: Time, now: Time| {
            tx!(stage, |tx| idempotency::begin(tx, keys, &name, &request, since, now).await?)
        };
        assert_eq!(begin(name, request, at(0), at(1)).await, None);
        let earlier = begin(name, [3; 16], at(0), at(2)).await.unwrap();
        assert_eq!((earlier.fingerprint, earlier.started_at, earlier.answer), (request, at(1), None));
        tx!(stage, |tx| idempotency::finish(tx, keys, &name, b"{\"a\":1}", at(3)).await?);
        let earlier = begin(name, request, at(0), at(4)).await.unwrap();
        assert_eq!(earlier.answer.as_deref(), Some(&b"{\"a\":1}"[..]));
        // One that changed nothing is free at once, an old one when its time is over.
        assert_eq!(begin([9; 16], request, at(0), at(4)).await, None);
        tx!(stage, |tx| idempotency::free(tx, keys.shop(), &[9; 16]).await?);
        assert_eq!(begin([9; 16], request, at(0), at(5)).await, None);
        assert_eq!(begin(name, request, at(2), at(6)).await, None);
        assert_eq!(tx!(stage, |tx| idempotency::prune(tx, ShopId::new(9), at(99)).await?), 0);
        assert_eq!(tx!(stage, |tx| idempotency::prune(tx, keys.shop(), at(99)).await?), 2);
    })
    .await;
}

#[tokio::test]
async fn the_consent_ledger_is_read_page_by_page() {
    on_both(async |stage| {
        let keys = &stage.keys;
        let entry = |minute: i64, source: &str| Consent {
            state: ConsentState::Granted,
            at: at(minute),
            proof: ConsentProof { source: source.into(), ..ConsentProof::default() },
        };
        // Two phones at one moment, two entries of one phone at one moment, and one that was said long before.
        let all = [([7; 16], 5, "a", 10), ([6; 16], 5, "a", 10), ([6; 16], 5, "b", 10), ([8; 16], -900, "a", 12)];
        for (phone, said, source, recorded) in all {
            let consent = entry(said, source);
            assert!(tx!(stage, |tx| consent::record(tx, keys, &phone, &consent, at(recorded)).await?));
        }
        let mut seen = Vec::new();
        let mut mark = Mark::default();
        loop {
            let page = consent::consents(read!(stage), keys, &mark, 1).await.unwrap();
            let Some(last) = page.last() else { break };
            mark = last.mark();
            seen.push((last.phone, last.entry.proof.source.clone(), last.recorded_at));
        }
        let named = |phone: u8, source: &str, minute| ([phone; 16], source.to_owned(), at(minute));
        assert_eq!(seen, [named(6, "a", 10), named(6, "b", 10), named(7, "a", 10), named(8, "a", 12)]);
        assert_eq!(consent::consents(read!(stage), keys, &Mark::default(), 10).await.unwrap().len(), 4);
    })
    .await;
}

#[tokio::test]
async fn orders_are_listed_newest_first() {
    on_both(async |stage| {
        let keys = &stage.keys;
        for number in 1..=3 {
            let update = OrderUpdate {
                external_id: number.to_string(),
                number: format!("#{number}"),
                who: Identity::default(),
                cart_tokens: Vec::new(),
                recovery_tokens: Vec::new(),
                codes: Vec::new(),
                discounts: Vec::new(),
                total: Money::new(100 * number, eur()),
                placed_at: Some(at(number)),
                updated_at: at(number),
                cancelled_at: None,
                refunds: Vec::new(),
                payment: None,
                cost: None,
                channel: Channel::Web,
                test: false,
            };
            let revision = cartback::domain::cart::Revision { at: at(number), digest: [0; 16] };
            let stored = Order::new(OrderId::new(number), update, revision);
            tx!(stage, |tx| order::put(tx, keys, &stored).await?);
        }
        let page = |before: i64, most: u32| async move {
            let found = order::list(read!(stage), keys, OrderId::new(before), most).await.unwrap();
            found.into_iter().map(|order| order.id.get()).collect::<Vec<_>>()
        };
        assert_eq!(page(i64::MAX, 2).await, [3, 2]);
        assert_eq!(page(2, 2).await, [1]);
    })
    .await;
}

#[tokio::test]
async fn figures_by_country_and_gateway() {
    on_both(async |stage| {
        let (shop, keys) = (stage.shop(), &stage.keys);
        let found = rollup::figures_apart(read!(stage), shop, 0, i64::MAX).await.unwrap();
        assert_eq!(found, []);
        let mut left = cart_of(1, "t1", Some(500));
        left.abandoned_at = Some(at(30));
        tx!(stage, |tx| cart::put(tx, keys, &left, None).await?);
        tx!(stage, |tx| rollup::recompute(tx, shop, 20_000, at(0), at(0) + MINUTE * 60).await?);
        let found = rollup::figures_apart(read!(stage), shop, 20_000, 20_000).await.unwrap();
        let told: Vec<_> = found
            .iter()
            .map(|(country, gateway, figure)| (country.as_str(), *gateway, figure.metric, figure.value))
            .collect();
        assert_eq!(told, [("SI", None, Metric::Abandoned, 1), ("SI", None, Metric::AbandonedValue, 500)]);
        assert_eq!(rollup::figures_apart(read!(stage), ShopId::new(9), 20_000, 20_000).await.unwrap(), []);
    })
    .await;
}
