//! What was read ahead for a handful says what each would have read by itself, before anything was written and after.

use cartback::{
    domain::{
        cart::Cart,
        hand::Act,
        id::{CartId, ShopId},
    },
    store::{Read, act},
};

use super::*;

/// One more than two statements take.
const CARTS: i64 = 33;

fn phone_of(id: i64) -> Phone {
    // People have two or three carts.
    Phone::restored(format!("+386405551{:02}", id % 14))
}

fn email_of(keys: &ShopKeys, id: i64) -> [u8; 16] {
    identity::value(keys, identity::Kind::Email, &format!("{}@shopper.example", id % 14))
}

fn checkout_of(keys: &ShopKeys, id: i64) -> [u8; 16] {
    identity::value(keys, identity::Kind::Checkout, &format!("t{id}"))
}

fn counted_as(keys: &ShopKeys, id: i64) -> guard::Names {
    let key = |kind: &str, number: i64| keys.index(kind, &number.to_string());
    guard::Names {
        ip: (id % 3 > 0).then(|| key("ip", id % 5)),
        prefix: key("prefix", id % 4),
        country: key("country", id % 2),
        price: key("price", id % 2),
    }
}

fn spans() -> guard::Spans {
    guard::Spans { hour_from: at(10), usual_from: at(0), usual_to: at(20), tappable_to: at(25), day: at(0) }
}

fn buckets(minute: i64) -> guard::Buckets {
    guard::Buckets { quarter: at(minute), hour: at(minute), day: at(0) }
}

/// The answer to every question that may be read ahead, in words.
async fn answers(read: &mut Read, keys: &ShopKeys, house: &ShopKeys) -> Vec<String> {
    let mut said = Vec::new();
    // One of them does not exist.
    for id in 1..=CARTS + 1 {
        let cart = CartId::new(id);
        let (phone, at_house) = (consent::phone_index(keys, &phone_of(id)), house.index("phone", phone_of(id).e164()));
        said.push(format!("{id} cart {:?}", cart::get(read, keys, cart).await.unwrap()));
        said.push(format!("{id} by token {:?}", cart::by_token(read, keys, &format!("t{id}")).await.unwrap()));
        let deleted = [checkout_of(keys, id), checkout_of(keys, id + 1), checkout_of(keys, id + 2)];
        said.push(format!("{id} deleted {:?}", cart::deleted_at(read, keys, &deleted).await.unwrap()));
        let known = [
            (identity::Kind::Email, email_of(keys, id)),
            (identity::Kind::Checkout, checkout_of(keys, id)),
            (identity::Kind::Email, email_of(keys, id + 1)),
        ];
        said.push(format!("{id} known carts {:?}", identity::carts_of(read, keys, &known).await.unwrap()));
        said.push(format!("{id} known orders {:?}", identity::orders_of(read, keys, &known).await.unwrap()));
        said.push(format!("{id} abandoned {:?}", cart::abandoned_at(read, keys, cart).await.unwrap()));
        let names = identity::names(read, keys, identity::Subject::Cart(cart)).await.unwrap();
        said.push(format!("{id} names {names:?}"));
        said.push(format!("{id} decisions {:?}", decision::of_cart(read, keys, cart).await.unwrap()));
        said.push(format!("{id} acts {:?}", act::of_cart(read, keys, cart).await.unwrap()));
        said.push(format!("{id} message {:?}", message::get(read, keys, MessageId::new(id)).await.unwrap()));
        said.push(format!("{id} texts {:?}", message::of_cart(read, keys, cart).await.unwrap()));
        for since in [at(0), at(10), at(30)] {
            let texts = message::to_phone(read, keys, &phone, since).await.unwrap();
            said.push(format!("{id} to its phone since {since} {texts:?}"));
            let newer = cart::begun_after(read, keys, &email_of(keys, id), since).await.unwrap();
            said.push(format!("{id} newer carts since {since} {newer:?}"));
            let bought = order::bought_before(read, keys, &email_of(keys, id), since).await.unwrap();
            said.push(format!("{id} bought by {since} {bought}"));
            let others = phone_use::by_others(read, &at_house, "reminder", None, since).await.unwrap();
            said.push(format!("{id} places since {since} {others:?}"));
        }
        said.push(format!("{id} consents {:?}", consent::of_phone(read, keys, &phone).await.unwrap()));
        let mut sums = guard::sums(read, keys, &counted_as(keys, id), &spans()).await.unwrap();
        sums.paused.sort_by_key(|paused| paused.name());
        let guard::Sums { ip, prefix, breaker, usual, prefix_untapped, country_untapped, spent, price, paused } = sums;
        let sums = [ip, prefix, breaker, usual, prefix_untapped, country_untapped].map(|sum| (sum.texts, sum.oldest));
        said.push(format!("{id} counted {sums:?} {} {} {} {paused:?}", usual.rows, spent.micros, price.micros));
        said.push(format!("{id} heard {:?}", last_heard::of_phone(read, keys, &phone).await.unwrap()));
    }
    said
}

async fn read_ahead(read: &mut Read, keys: &ShopKeys, house: &ShopKeys) {
    let ids: Vec<i64> = (1..=CARTS + 1).collect();
    let phones: Vec<_> = ids.iter().map(|id| consent::phone_index(keys, &phone_of(*id))).collect();
    let at_house: Vec<_> = ids.iter().map(|id| house.index("phone", phone_of(*id).e164())).collect();
    let emails: Vec<_> = ids.iter().map(|id| email_of(keys, *id)).collect();
    let tokens: Vec<String> = ids.iter().map(|id| format!("t{id}")).collect();
    let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
    let there = cart::by_token_ahead(read, keys, &tokens).await.unwrap();
    assert_eq!(there.len(), CARTS as usize);
    let known: Vec<_> = ids.iter().map(|id| checkout_of(keys, *id)).chain(emails.iter().copied()).collect();
    identity::carts_of_ahead(read, keys, &known).await.unwrap();
    identity::orders_of_ahead(read, keys, &known).await.unwrap();
    cart::deleted_ahead(read, keys, &known).await.unwrap();
    cart::ahead(read, keys, &ids).await.unwrap();
    identity::names_ahead(read, keys, &ids).await.unwrap();
    decision::ahead(read, keys, &ids).await.unwrap();
    act::ahead(read, keys, &ids).await.unwrap();
    message::ahead(read, keys, &ids).await.unwrap();
    message::of_carts_ahead(read, keys, &ids).await.unwrap();
    message::to_phones_ahead(read, keys, &phones, at(0)).await.unwrap();
    cart::begun_ahead(read, keys, &emails, at(0)).await.unwrap();
    order::bought_ahead(read, keys, &emails).await.unwrap();
    consent::ahead(read, keys, &phones).await.unwrap();
    last_heard::ahead(read, keys, &phones).await.unwrap();
    phone_use::ahead(read, &at_house).await.unwrap();
    let counted: Vec<_> = ids.iter().map(|id| counted_as(keys, *id)).collect();
    guard::ahead(read, keys, &counted, &spans()).await.unwrap();
}

fn text(stage: &Stage, id: i64, step: u32) -> message::Message {
    let mut text = text_of(stage, id, id, step);
    text.words.phone = phone_of(id).e164().into();
    text
}

fn kept(cart: i64) -> decision::Kept {
    let verdict = Verdict::Wait(at(5));
    let gate = Gate { gate: GateName::Time, verdict, why: "noč".into(), inputs: Vec::new() };
    let decision = Decision { gates: vec![gate], verdict, closes_at: None, deadline_at: None, confirm: None };
    decision::Kept { cart: CartId::new(cart), step: 1, at: at(cart), decision, made_of: decision::MadeOf::default() }
}

fn consent_of(at: Time) -> Consent {
    Consent {
        state: ConsentState::Granted,
        at,
        proof: ConsentProof { source: "checkout".into(), ..Default::default() },
    }
}

/// A bit of everything, about some of them.
async fn past(stage: &Stage, keys: &ShopKeys, house: &ShopKeys) {
    for id in 1..=CARTS {
        let mut cart: Cart = cart_of(id, &format!("t{id}"), Some(100 * id));
        cart.started_at = at(id);
        cart.abandoned_at = (id % 3 > 0).then_some(at(id + 30));
        cart.bought_at = (id % 11 == 0).then_some(at(id + 60));
        let index = consent::phone_index(keys, &phone_of(id));
        tx!(stage, |tx| {
            cart::put(tx, keys, &cart, (id % 7 > 0).then_some(&phone_of(id))).await?;
            let email = (identity::Kind::Email, email_of(keys, id));
            let phone = (identity::Kind::Phone, identity::value(keys, identity::Kind::Phone, phone_of(id).e164()));
            identity::add(tx, keys, identity::Subject::Cart(cart.id), &[email, phone]).await?;
            let counted = counted_as(keys, id);
            guard::count(tx, keys, &counted, &buckets(id), id % 3 > 0, 1).await?;
            guard::spend(tx, keys, MessageId::new(id), at(0), 7).await?;
            if id % 16 == 3 {
                guard::pause(tx, keys, guard::Paused::Prefix, &counted.prefix, ("", ""), at(id)).await?;
                guard::learn_price(tx, keys, &counted.price, 70_000).await?;
            }
            if id % 8 == 0 {
                cart::note_deleted(tx, keys, &checkout_of(keys, id), at(id)).await?;
                let checkout = (identity::Kind::Checkout, checkout_of(keys, id));
                identity::add(tx, keys, identity::Subject::Cart(cart.id), &[checkout]).await?;
            }
            if id % 4 == 0 {
                decision::record(tx, keys, DecisionId::new(2 * id), &kept(id)).await?;
                decision::record(tx, keys, DecisionId::new(2 * id + 1), &kept(id)).await?;
                let done = act::OnCart { cart: cart.id, act: Act::Hold, step: 0, at: at(id), by: "Ana".into() };
                act::on_cart(tx, keys, id, &done).await?;
            }
            if id % 2 == 0 {
                message::create(tx, keys, &text(stage, id, 1)).await?;
                let opened = Opened { method: click::Method::Get, agent: None, prefetch: false, at: at(id) };
                let (id, message) = (ClickId::new(id), MessageId::new(id));
                let click = clicks::Click { id, message, at: opened.at, opened, verdict: String::new() };
                clicks::record(tx, keys, &click).await?;
                clicks::judge(tx, keys, message, &[(id, if cart.id.get() % 4 == 0 { clicks::HUMAN } else { "robot" })])
                    .await?;
            }
            if id % 5 == 0 {
                consent::record(tx, keys, &index, &consent_of(at(id)), at(id)).await?;
                consent::opt_out(tx, keys, &index, &OptOut { at: at(id), source: "reply".into() }, at(id)).await?;
                let mut order = order_of(id, 100, Some(at(id)));
                order.cancelled_at = (id == 10).then_some(at(id));
                order::put(tx, keys, &order).await?;
                identity::add(tx, keys, identity::Subject::Order(order.id), &[email, phone]).await?;
            }
            if id % 6 == 0 {
                let reply = reply::Reply {
                    id: ReplyId::new(id),
                    phone: index,
                    at: at(id),
                    gateway_shop: SHOP,
                    gateway: GatewayId::new(3),
                    follows: None,
                    words: reply::Words {
                        text: "Kaj?".into(),
                        from: phone_of(id).e164().into(),
                        to: String::new(),
                        gateway_ref: String::new(),
                        answered: false,
                        heard: Heard {
                            meaning: Meaning::Unclear,
                            rule: None,
                            word: None,
                            language: None,
                            doubtful: false,
                        },
                    },
                    settled: None,
                };
                reply::keep(tx, keys, &[id as u8; 16], &reply).await?;
            }
        });
        if id % 3 == 0 {
            let place = house.index("phone", phone_of(id).e164());
            let text = MessageRef { shop: stage.shop(), message: MessageId::new(id) };
            tx!(stage, |tx| phone_use::reserve(tx, &place, "reminder", text, 2, (at(0), at(id))).await?);
        }
    }
}

#[tokio::test]
async fn what_is_read_ahead_is_what_each_would_have_read() {
    on_both(async |stage| {
        let keys = &stage.keys;
        let house = &stage.vault.keys(read!(stage), ShopId::HOUSE).await.unwrap();
        past(stage, keys, house).await;
        let plain = answers(read!(stage), keys, house).await;
        let (ahead, after) = tx!(stage, |tx| {
            tx.of_many();
            read_ahead(tx, keys, house).await;
            let ahead = answers(tx, keys, house).await;
            // As pieces of a handful write, each about its own cart.
            let mut cart = cart::get(tx, keys, CartId::new(3)).await?.unwrap();
            cart.abandoned_at = Some(at(70));
            cart::abandon(tx, keys, &cart, true).await?;
            decision::record(tx, keys, DecisionId::new(900), &kept(1)).await?;
            let mut fresh = text(stage, 5, 1);
            message::create(tx, keys, &fresh).await?;
            fresh.moments.sending_at = Some(at(50));
            fresh.moments.accepted_at = Some(at(51));
            message::save(tx, keys, &fresh).await?;
            let index = consent::phone_index(keys, &phone_of(7));
            consent::record(tx, keys, &index, &consent_of(at(9)), at(9)).await?;
            let index = consent::phone_index(keys, &phone_of(8));
            consent::opt_out(tx, keys, &index, &OptOut { at: at(9), source: "link".into() }, at(9)).await?;
            let done = act::OnCart { cart: CartId::new(9), act: Act::Hold, step: 0, at: at(9), by: "Ana".into() };
            act::on_cart(tx, keys, 800, &done).await?;
            for id in [6, 7, 11] {
                let counted = counted_as(keys, id);
                guard::count(tx, keys, &counted, &buckets(40), true, 1).await?;
                guard::spend(tx, keys, MessageId::new(100 + id), at(0), 9).await?;
                // What a handful counts, its next text is told of.
                let sums = guard::sums(tx, keys, &counted, &spans()).await?;
                assert!(sums.prefix.oldest.is_some() && sums.spent.micros % 7 != 0);
            }
            guard::count(tx, keys, &counted_as(keys, 8), &buckets(40), true, 1).await?;
            guard::count(tx, keys, &counted_as(keys, 8), &buckets(40), true, -1).await?;
            guard::sums(tx, keys, &counted_as(keys, 8), &spans()).await?;
            guard::pause(tx, keys, guard::Paused::Country, &counted_as(keys, 8).country, ("", ""), at(40)).await?;
            // As webhooks are read: one of a known cart under another name, one of a new cart and its order, one deleted.
            let mut told = cart::by_token(tx, keys, "t15").await?.unwrap();
            told.bought_at = Some(at(71));
            let checkout = |id| (identity::Kind::Checkout, checkout_of(keys, id));
            identity::add(tx, keys, identity::Subject::Cart(told.id), &[checkout(15), checkout(15), checkout(16)])
                .await?;
            cart::put(tx, keys, &told, Some(&phone_of(15))).await?;
            let new = cart_of(CARTS + 1, &format!("t{}", CARTS + 1), Some(100));
            identity::add(tx, keys, identity::Subject::Cart(new.id), &[checkout(CARTS + 1)]).await?;
            cart::put(tx, keys, &new, None).await?;
            identity::add(tx, keys, identity::Subject::Order(OrderId::new(77)), &[checkout(CARTS + 1)]).await?;
            cart::note_deleted(tx, keys, &checkout_of(keys, 20), at(3)).await?;
            // The newer word about one row stands.
            cart::put(tx, keys, &told, None).await?;
            let places = [10, 11, 12, 13, 14].map(|id| house.index("phone", phone_of(id).e164()));
            phone_use::reserve_ahead(tx, &places.into(), "reminder", at(60)).await?;
            for (id, place) in [(10, places[0]), (12, places[2]), (12, places[2])] {
                let text = MessageRef { shop: stage.shop(), message: MessageId::new(100 + id) };
                assert!(phone_use::reserve(tx, &place, "reminder", text, 2, (at(0), at(60))).await?);
            }
            (ahead, answers(tx, keys, house).await)
        });
        assert_eq!(ahead, plain);
        let now = answers(read!(stage), keys, house).await;
        assert_eq!(after, now);
        assert!(plain.iter().zip(&now).filter(|(before, now)| before != now).count() >= 20);
    })
    .await;
}

#[tokio::test]
async fn what_is_held_is_read_ahead_too() {
    on_both(async |stage| {
        let shop = stage.shop();
        for id in 1..=20 {
            tx!(stage, |tx| job::schedule(tx, shop, job::Kind::Send, id, at(0)).await?);
        }
        let jobs = tx!(stage, |tx| job::claim(tx, shop, at(1), at(9), "mine", 30).await?);
        assert_eq!(jobs.len(), 20);
        tx!(stage, |tx| job::schedule(tx, shop, job::Kind::Send, jobs[4].subject, at(2)).await?);
        tx!(stage, |tx| {
            tx.of_many();
            let all: Vec<&job::Job> = jobs.iter().collect();
            job::held_ahead(tx, &all).await?;
            job::put_back(tx, &jobs[6], at(5)).await?;
            for (place, job) in jobs.iter().enumerate() {
                assert_eq!(job::holds(tx, job).await?, place != 4 && place != 6, "{place}");
            }
            // Whatever else is written of jobs is looked up again.
            job::schedule(tx, shop, job::Kind::Send, jobs[8].subject, at(2)).await?;
            assert!(!job::holds(tx, &jobs[8]).await? && job::holds(tx, &jobs[9]).await?);
        });
    })
    .await;
}

#[tokio::test]
async fn what_waited_and_cannot_be_written_ends_its_transaction() {
    on_both(async |stage| {
        let keys = &stage.keys;
        tx!(stage, |tx| message::create(tx, keys, &text_of(stage, 5, 5, 1)).await?);
        let mut tx = stage.db.begin().await.unwrap();
        // The same step of the same cart: nobody sees yet that it has a text.
        message::create(&mut tx, keys, &text_of(stage, 6, 5, 1)).await.unwrap();
        cart::put(&mut tx, keys, &cart_of(7, "t7", Some(100)), None).await.unwrap();
        assert!(matches!(message::get(&mut tx, keys, MessageId::new(6)).await, Err(Error::Duplicate)));
        // Whoever makes light of that keeps nothing.
        assert!(tx.commit().await.is_err());
        assert_eq!(cart::get(read!(stage), keys, CartId::new(7)).await.unwrap(), None);
    })
    .await;
}
