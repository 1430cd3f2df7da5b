//! The team from the command line, and what commands leave in the audit log.

use super::*;
use crate::{
    domain::id::EntryId,
    store::{
        self,
        trail::{Entry, Outcome, Wanted},
    },
};

impl House {
    /// Types a command a moment after the one before: what is made has its time in its number.
    async fn then(&self, words: &[&str]) -> Result<Said, (u8, String)> {
        self.clock.advance(Duration::from_secs(1));
        self.types(words).await
    }
}

async fn trail_of(house: &House) -> Vec<Entry> {
    let app = house.open().await.unwrap();
    let mut read = app.core.db.read().await.unwrap();
    let found = store::trail::list(&mut read, &Wanted::default(), EntryId::new(i64::MAX), 100).await.unwrap();
    drop(read);
    app.close().await;
    found
}

#[tokio::test]
async fn somebody_is_invited_changed_and_removed() {
    let house = House::new();
    house.then(&SHOP).await.unwrap();
    house.then(&["user", "link"]).await.unwrap();
    let invited = house.then(&["user", "invite", "Ana@example.com", "--role", "analyst", "--shop", "1"]).await.unwrap();
    assert!(invited.words.starts_with("http://127.0.0.1:8080/sign-in/"), "{}", invited.words);
    let list = house.then(&["user", "list"]).await.unwrap();
    assert_eq!(list.json[1]["email"], "ana@example.com");
    assert_eq!((&list.json[1]["role"], &list.json[1]["shops"]), (&json!("analyst"), &json!([1])));
    assert_eq!((&list.json[0]["role"], &list.json[0]["shops"]), (&json!("owner"), &Value::Null));
    assert!(list.words.contains("ana@example.com") && list.words.contains("not yet"), "{}", list.words);
    house.then(&["user", "role", "ana@example.com", "--role", "owner"]).await.unwrap();
    assert_eq!(house.then(&["user", "list"]).await.unwrap().json[1]["role"], "owner");
    let link = house.then(&["user", "link", "--email", "ana@example.com"]).await.unwrap();
    assert_ne!(link.words, invited.words);
    // Their link was not used yet: it goes with their sessions.
    assert_eq!(house.then(&["user", "sign-out", "ana@example.com"]).await.unwrap().json["ended"], 0);
    let app = house.open().await.unwrap();
    let token = link.words.rsplit('/').next().unwrap();
    let hash = crate::pipeline::team::hash(token);
    let mut read = app.core.db.read().await.unwrap();
    assert_eq!(store::user::link(&mut read, &hash).await.unwrap(), None, "it opens nothing any more");
    drop(read);
    app.close().await;
    house.then(&["user", "remove", "ana@example.com"]).await.unwrap();
    assert_eq!(house.then(&["user", "list"]).await.unwrap().json.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn who_lost_the_second_proof_gets_in_again() {
    use crate::{
        domain::second::{Secret, step},
        pipeline::{second, team},
    };
    let house = House::new();
    house.then(&["user", "invite", "ana@example.com", "--role", "owner"]).await.unwrap();
    let (code, problem) = house.then(&["user", "reset-second", "ana@example.com"]).await.unwrap_err();
    assert!(code == 3 && problem.contains("no second proof"), "{code}: {problem}");
    let app = house.open().await.unwrap();
    let core = &app.core;
    let ana = team::by_email(core, "ana@example.com").await.unwrap().unwrap();
    assert!(second::begin(core, ana).await.unwrap());
    let secret: Secret = second::begun(core, ana).await.unwrap().unwrap();
    let codes = second::confirm(core, ana, &secret.code(step(core.now())), &[0; 32]).await.unwrap();
    assert_eq!(codes.len(), 10);
    app.close().await;
    assert_eq!(house.then(&["user", "list"]).await.unwrap().json[0]["has_second_proof"], true);
    let reset = house.then(&["user", "reset-second", "ana@example.com"]).await.unwrap();
    assert!(reset.words.starts_with("It is gone."), "{}", reset.words);
    assert_eq!(house.then(&["user", "list"]).await.unwrap().json[0]["has_second_proof"], false);
    assert!(
        trail_of(&house).await.iter().any(|entry| entry.act == "user reset-second" && entry.outcome == Outcome::Done)
    );
}

#[tokio::test]
async fn what_cannot_be_is_told() {
    let house = House::new();
    #[track_caller]
    fn check(outcome: Result<Said, (u8, String)>, says: &str) {
        let (code, problem) = outcome.unwrap_err();
        assert!(code == 2 && problem.contains(says), "{code}: {problem}");
    }
    check(house.then(&["user", "invite", "ana", "--role", "owner"]).await, "not an e-mail address");
    check(house.then(&["user", "invite", "a@b.example", "--role", "analyst", "--shop", "9"]).await, "no shop 9");
    check(house.then(&["user", "remove", "a@b.example"]).await, "nobody of the team");
    house.then(&["user", "invite", "a@b.example", "--role", "owner"]).await.unwrap();
    check(house.then(&["user", "invite", "A@b.example", "--role", "owner"]).await, "has this e-mail address already");
    check(house.then(&["user", "remove", "a@b.example"]).await, "last owner");
    check(house.then(&["user", "role", "a@b.example", "--role", "analyst"]).await, "last owner");
}

#[tokio::test]
async fn commands_that_change_are_recorded_without_what_was_typed() {
    let house = House::new();
    house.then(&SHOP).await.unwrap();
    house.then(&["shop", "list"]).await.unwrap();
    house.then(&["shop", "set", "1", "rest_hours=12"]).await.unwrap();
    house.then(&["token", "create", "--shop", "1", "--name", "till", "--scope", "read"]).await.unwrap();
    house.then(&["user", "remove", "secret@b.example"]).await.unwrap_err();
    let trail = trail_of(&house).await;
    let told: Vec<_> = trail.iter().rev().map(|entry| (entry.act.as_str(), entry.shop.get(), entry.outcome)).collect();
    assert_eq!(
        told,
        [
            ("shop add", 0, Outcome::Done),
            ("shop set", 0, Outcome::Done),
            ("token create", 1, Outcome::Done),
            ("user remove", 0, Outcome::Refused)
        ]
    );
    assert!(!format!("{trail:?}").contains("secret") && !format!("{trail:?}").contains("till"));
}

/// Commands that are said to look only are commands.
#[test]
fn what_only_looks_is_there() {
    fn leaves(command: &clap::Command, before: &str, found: &mut Vec<String>) {
        let words = format!("{before} {}", command.get_name()).trim().to_owned();
        if !command.is_subcommand_required_set() {
            found.push(words.clone());
        }
        command.get_subcommands().for_each(|inner| leaves(inner, &words, found));
    }
    let mut all = Vec::new();
    Cli::command().get_subcommands().for_each(|command| leaves(command, "", &mut all));
    for look in trail::LOOKS {
        assert!(all.iter().any(|command| command == look), "there is no {look} among {all:?}");
    }
    assert!(all.iter().any(|command| command == "user role"));
}
