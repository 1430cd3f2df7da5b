//! Opening: what is made at the first start, and what is said when it cannot be.

use std::{os::unix::fs::PermissionsExt, path::Path};

use super::*;
use crate::{
    clock::ManualClock,
    domain::time::Time,
    http::{Exchange, HttpError, Request},
};

struct NoHttp;

impl Http for NoHttp {
    fn exchange(&self, _: Request) -> Exchange<'_> {
        Box::pin(async { Err(HttpError::NotSent("there is no network".into())) })
    }
}

async fn open(config: &Config) -> anyhow::Result<App> {
    App::open(config, Arc::new(ManualClock::at(Time::from_seconds(1_772_359_200))), Arc::new(NoHttp)).await
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn the_first_start_makes_a_private_house_and_the_second_finds_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::in_folder(folder.path().join("data"));
    open(&config).await.unwrap().close().await;
    assert_eq!(mode(&config.data), 0o700);
    assert_eq!(mode(&config.lite_file()), 0o600);
    assert_eq!(mode(&config.data.join("key")), 0o600);
    let app = open(&config).await.unwrap();
    let mut read = app.core.db.read().await.unwrap();
    assert!(app.core.vault.keys(&mut read, ShopId::HOUSE).await.is_ok());
    drop(read);
    app.close().await;
}

#[tokio::test]
async fn two_processes_make_different_ids() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::in_folder(folder.path());
    let (one, two) = (open(&config).await.unwrap(), open(&config).await.unwrap());
    assert_ne!(one.core.fresh_id(), two.core.fresh_id());
    assert_ne!(one.core.holder, two.core.holder);
    one.close().await;
    two.close().await;
}

#[tokio::test]
async fn what_cannot_be_opened_is_told_in_plain_words() {
    async fn refused(config: &Config) -> String {
        let problem = open(config).await.err().map(|problem| format!("{problem:#}"));
        problem.unwrap_or_else(|| panic!("it was opened"))
    }
    let folder = tempfile::tempdir().unwrap();
    let config = Config::in_folder(folder.path());
    open(&config).await.unwrap().close().await;

    let mut other_key = config.clone();
    other_key.key = Some(key::fresh().as_str().to_owned().into());
    assert!(refused(&other_key).await.contains("the key does not open this database"));

    let mut away = config.clone();
    away.database = Database::Postgres("postgres://me:hunter2@127.0.0.1:1/cartback".to_owned().into());
    let problem = refused(&away).await;
    assert!(problem.starts_with("PostgreSQL, 127.0.0.1/cartback cannot be reached"), "{problem}");
    assert!(!problem.contains("hunter2"), "{problem}");

    for side in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.path().join(format!("cartback.sqlite{side}")));
    }
    std::fs::write(config.lite_file(), [b'x'; 8192]).unwrap();
    let problem = refused(&config).await;
    assert!(problem.contains("damaged or not a database"), "{problem}");

    std::fs::remove_file(config.data.join("key")).unwrap();
    assert!(refused(&config).await.contains("but no key"));
}

#[tokio::test]
async fn a_sign_in_link_works_once() {
    let folder = tempfile::tempdir().unwrap();
    let app = open(&Config::in_folder(folder.path())).await.unwrap();
    let link = sign_in_link(&app.core).await.unwrap();
    let token = link.strip_prefix("http://127.0.0.1:8080/sign-in/").unwrap();
    let hash = team::hash(token);
    let now = app.core.now();
    let mut used = Vec::new();
    for _ in 0..2 {
        used.push(transact!(app.core.db, |tx| store::user::use_link(tx, &hash, now).await?).unwrap().is_some());
    }
    assert_eq!(used, [true, false]);
    app.close().await;
}
