//! People, their shops, their sessions, the trail and the house's settings, on both engines.

use std::collections::BTreeSet;

use cartback::{
    domain::{
        id::{EntryId, ShopId, UserId},
        member::{Email, Reach, Role},
    },
    store::{
        Error, house, team, token, trail,
        trail::{Door, Entry, Outcome, Wanted},
        user::{self, NewSession},
    },
    transact,
};

use super::{at, on_both};

fn session(user: UserId, minute: i64, renews: bool) -> NewSession<'static> {
    NewSession { user, now: at(minute), until: at(1_000), address: "203.0.113.7", browser: "Firefox, Linux", renews }
}

#[tokio::test]
async fn members_come_change_and_go() {
    on_both(async |stage| {
        let (ana, bo) = (UserId::new(1), UserId::new(2));
        let email = |text: &str| Email::parse(text).unwrap();
        let keys = &stage.keys;
        assert!(team::list(read!(stage), keys).await.unwrap().is_empty());
        tx!(stage, |tx| team::add(tx, keys, ana, "", &email("ana@example.com"), at(0)).await?);
        tx!(stage, |tx| team::add(tx, keys, bo, "Bo", &email("bo@example.com"), at(1)).await?);
        let twice = transact!(stage.db, |tx| {
            team::add(tx, keys, UserId::new(3), "", &email("ana@example.com"), at(2)).await?
        });
        assert!(matches!(twice, Err(Error::Duplicate)), "{twice:?}");
        let found = team::by_email(read!(stage), keys, &email("ANA@example.com")).await.unwrap();
        assert_eq!(found, Some((ana, String::new())));
        assert_eq!(team::by_email(read!(stage), keys, &email("c@example.com")).await.unwrap(), None);
        assert!(!team::anybody_has_password(read!(stage)).await.unwrap());

        assert!(tx!(stage, |tx| team::set_role(tx, ana, Role::Owner, &Reach::Every, at(3)).await?));
        let some: BTreeSet<ShopId> = [ShopId::new(4), ShopId::new(9)].into();
        assert!(tx!(stage, |tx| team::set_role(tx, bo, Role::Manager, &Reach::These(some.clone()), at(3)).await?));
        assert!(!tx!(stage, |tx| team::set_role(tx, UserId::new(7), Role::Owner, &Reach::Every, at(3)).await?));
        tx!(stage, |tx| {
            team::set_name(tx, ana, "Ana").await?;
            team::set_language(tx, ana, "de").await?;
            team::set_email(tx, keys, ana, &email("ana.new@example.com")).await?;
            team::set_password(tx, ana, "$hash").await?;
        });
        let member = team::get(read!(stage), keys, ana).await.unwrap().unwrap();
        assert_eq!(
            (member.name.as_str(), member.email.as_str(), member.language.as_str(), member.has_password),
            ("Ana", "ana.new@example.com", "de", true)
        );
        assert_eq!(
            (member.role, &member.reach, member.created_at, member.seen_at),
            (Role::Owner, &Reach::Every, at(0), None)
        );
        assert_eq!(team::password(read!(stage), ana).await.unwrap(), "$hash");
        assert!(team::anybody_has_password(read!(stage)).await.unwrap());
        assert_eq!(team::owners(read!(stage)).await.unwrap(), 1);
        let all = team::list(read!(stage), keys).await.unwrap();
        assert_eq!(all.iter().map(|member| member.id).collect::<Vec<_>>(), [ana, bo]);
        assert_eq!(all[1].reach, Reach::These(some));
        tx!(stage, |tx| team::forget_shop(tx, ShopId::new(9)).await?);
        let bound = team::get(read!(stage), keys, bo).await.unwrap().unwrap();
        assert_eq!(bound.reach, Reach::These([ShopId::new(4)].into()));

        assert!(tx!(stage, |tx| team::remove(tx, bo, at(5)).await?));
        assert!(!tx!(stage, |tx| team::remove(tx, bo, at(6)).await?));
        assert_eq!(team::get(read!(stage), keys, bo).await.unwrap(), None);
        assert_eq!(team::by_email(read!(stage), keys, &email("bo@example.com")).await.unwrap(), None);
        // The address is free again.
        tx!(stage, |tx| team::add(tx, keys, UserId::new(3), "", &email("bo@example.com"), at(7)).await?);
    })
    .await;
}

#[tokio::test]
async fn sessions_are_listed_ended_and_lose_their_right() {
    on_both(async |stage| {
        let (ana, bo) = (UserId::new(1), UserId::new(2));
        let keys = &stage.keys;
        for (id, name) in [(ana, "ana"), (bo, "bo")] {
            let email = Email::parse(&format!("{name}@example.com")).unwrap();
            tx!(stage, |tx| team::add(tx, keys, id, name, &email, at(0)).await?);
        }
        tx!(stage, |tx| {
            user::begin_session(tx, &[1; 32], &session(ana, 0, true)).await?;
            user::begin_session(tx, &[2; 32], &session(ana, 5, false)).await?;
            user::begin_session(tx, &[3; 32], &session(bo, 5, false)).await?;
        });
        let known = user::sessions(read!(stage), ana, at(6), at(0)).await.unwrap();
        assert_eq!(known.iter().map(|session| session.hash[0]).collect::<Vec<_>>(), [2, 1]);
        assert_eq!((known[0].address.as_str(), known[0].browser.as_str()), ("203.0.113.7", "Firefox, Linux"));
        assert_eq!(user::sessions(read!(stage), ana, at(6), at(1)).await.unwrap().len(), 1);
        let (who, _) = user::of_session(read!(stage), &[1; 32], at(6), at(0)).await.unwrap().unwrap();
        assert!(who.renews && !who.has_password && who.role == Role::Analyst && who.reach == Reach::Every);
        tx!(stage, |tx| user::end_renewing(tx, ana).await?);
        assert!(!user::of_session(read!(stage), &[1; 32], at(6), at(0)).await.unwrap().unwrap().0.renews);
        tx!(stage, |tx| user::touch_session(tx, &[2; 32], at(8)).await?);
        assert_eq!(team::get(read!(stage), keys, ana).await.unwrap().unwrap().seen_at, Some(at(8)));

        assert_eq!(tx!(stage, |tx| user::end_sessions(tx, ana, Some(&[2; 32])).await?), 1);
        assert!(user::of_session(read!(stage), &[1; 32], at(6), at(0)).await.unwrap().is_none());
        assert_eq!(tx!(stage, |tx| user::end_sessions(tx, ana, None).await?), 1);
        assert!(user::of_session(read!(stage), &[3; 32], at(6), at(0)).await.unwrap().is_some());
        // Whoever is removed is nobody, whatever session is left.
        tx!(stage, |tx| team::remove(tx, bo, at(9)).await?);
        assert!(user::of_session(read!(stage), &[3; 32], at(9), at(0)).await.unwrap().is_none());

        tx!(stage, |tx| {
            user::add_link(tx, &[8; 32], ana, at(100)).await?;
            user::add_link(tx, &[9; 32], bo, at(100)).await?;
            user::end_links(tx, ana).await?;
        });
        assert_eq!(user::link(read!(stage), &[8; 32]).await.unwrap(), None);
        assert!(user::link(read!(stage), &[9; 32]).await.unwrap().is_some());
        assert_eq!(token::list(read!(stage), ShopId::HOUSE).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn the_trail_is_left_narrowed_and_forgotten() {
    on_both(async |stage| {
        let entry = |id: i64, shop: i64, user: i64, act: &str, outcome: Outcome| Entry {
            id: EntryId::new(id),
            shop: ShopId::new(shop),
            at: at(id),
            door: if user == 0 { Door::Command } else { Door::Page },
            user: (user != 0).then(|| UserId::new(user)),
            name: format!("person {user}"),
            address: String::new(),
            act: act.into(),
            object: "/carts".into(),
            detail: "ž".into(),
            outcome,
        };
        let all = [
            entry(1, 0, 0, "shop add", Outcome::Done),
            entry(2, 1, 5, "POST /a", Outcome::Done),
            entry(3, 2, 5, "POST /a", Outcome::Refused),
            entry(4, 2, 6, "POST /b", Outcome::Failed),
        ];
        for each in &all {
            tx!(stage, |tx| trail::record(tx, each).await?);
        }
        let list = async |shop: Option<i64>, user: Option<i64>, act: &str, before: i64| {
            let wanted = Wanted { shop: shop.map(ShopId::new), user: user.map(UserId::new), act: act.into() };
            let found = trail::list(read!(stage), &wanted, EntryId::new(before), 10).await.unwrap();
            let count = trail::count(read!(stage), &wanted, at(2)).await.unwrap();
            (found.iter().map(|entry| entry.id.get()).collect::<Vec<_>>(), count)
        };
        assert_eq!(list(None, None, "", i64::MAX).await, (vec![4, 3, 2, 1], (3, 2)));
        assert_eq!(list(None, None, "", 3).await.0, [2, 1]);
        assert_eq!(list(None, Some(5), "", i64::MAX).await, (vec![3, 2], (2, 1)));
        assert_eq!(list(None, None, "POST /b", i64::MAX).await, (vec![4], (1, 1)));
        assert_eq!(list(Some(2), None, "", i64::MAX).await, (vec![4, 3], (2, 2)));
        assert_eq!(list(Some(2), Some(6), "POST /b", i64::MAX).await, (vec![4], (1, 1)));
        assert_eq!(list(Some(0), None, "", i64::MAX).await, (vec![1], (0, 0)));
        let first = trail::list(read!(stage), &Wanted::default(), EntryId::new(3), 1).await.unwrap();
        assert_eq!(first, [all[1].clone()]);
        assert_eq!(trail::acts(read!(stage), None).await.unwrap(), ["POST /a", "POST /b", "shop add"]);
        assert_eq!(trail::acts(read!(stage), Some(ShopId::new(1))).await.unwrap(), ["POST /a"]);
        let five = (UserId::new(5), "person 5".to_owned());
        assert_eq!(
            trail::people(read!(stage), None).await.unwrap(),
            [five.clone(), (UserId::new(6), "person 6".into())]
        );
        assert_eq!(trail::people(read!(stage), Some(ShopId::new(1))).await.unwrap(), [five]);
        assert_eq!(tx!(stage, |tx| trail::prune(tx, at(3)).await?), 2);
        assert_eq!(list(None, None, "", i64::MAX).await.0, [4, 3]);
    })
    .await;
}

#[tokio::test]
async fn the_house_keeps_its_settings() {
    on_both(async |stage| {
        assert_eq!(house::setting(read!(stage), "trail_days").await.unwrap(), None);
        for days in ["40", "50"] {
            tx!(stage, |tx| house::set(tx, "trail_days", days).await?);
            assert_eq!(house::setting(read!(stage), "trail_days").await.unwrap().as_deref(), Some(days));
        }
    })
    .await;
}
