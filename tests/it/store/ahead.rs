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

/// The answer to every question that may be read ahead, in words.
async fn answers(read: &mut Read, keys: &ShopKeys, house: &ShopKeys) -> Vec<String> {
    let mut said = Vec::new();
    // One of them does not exist.
    for id in 1..=CARTS + 1 {
        let cart = CartId::new(id);
        let (phone, at_house) = (consent::phone_index(keys, &phone_of(id)), house.index("phone", phone_of(id).e164()));
        said.push(format!("{id} cart {:?}", cart::get(read, keys, cart).await.unwrap()));
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
        said.push(format!("{id} heard {:?}", last_heard::of_phone(read, keys, &phone).await.unwrap()));
    }
    said
}

async fn read_ahead(read: &mut Read, keys: &ShopKeys, house: &ShopKeys) {
    let ids: Vec<i64> = (1..=CARTS + 1).collect();
    let phones: Vec<_> = ids.iter().map(|id| consent::phone_index(keys, &phone_of(*id))).collect();
    let at_house: Vec<_> = ids.iter().map(|id| house.index("phone", phone_of(*id).e164())).collect();
    let emails: Vec<_> = ids.iter().map(|id| email_of(keys, *id)).collect();
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
        assert!(plain.iter().zip(&now).filter(|(before, now)| before != now).count() >= 9);
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
