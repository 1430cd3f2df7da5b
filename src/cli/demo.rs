//! `cartback demo`: the real service with a simulated shop, on this machine only. It reads no variable and no file of
//! settings, so that it cannot meet a real installation by mistake.

use std::{net::SocketAddr, path::PathBuf};

use super::Wrong;
use crate::{
    config::{Config, DEFAULT_LISTEN, Flags},
    demo,
};

/// A folder of its own, which the next run goes on with.
const DEFAULT_DATA: &str = "data/demo";

/// The demo's settings: where it listens, where it keeps what it made.
pub fn config(flags: &Flags) -> Result<Config, Wrong> {
    let listen: SocketAddr = match &flags.listen {
        Some(given) => given.parse().map_err(|_| Wrong(format!("--listen {given}: must be like 127.0.0.1:8080")))?,
        None => DEFAULT_LISTEN,
    };
    if !listen.ip().is_loopback() {
        return Err(Wrong(format!("--listen {listen}: nobody signs in to a demo, so it only listens on 127.0.0.1")));
    }
    if flags.database_url.is_some() || flags.public_url.is_some() || flags.config.is_some() {
        return Err(Wrong("the demo takes --listen, --data and --log: everything else is its own".to_owned()));
    }
    let data = PathBuf::from(flags.data.as_deref().unwrap_or(DEFAULT_DATA));
    let log = flags.log.clone().unwrap_or_else(|| "warn".to_owned());
    Ok(Config { listen, plain_links: true, log, ..Config::in_folder(data) })
}

pub async fn run(config: Config) -> anyhow::Result<()> {
    demo::run(config).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demo_stays_on_this_machine_and_in_its_own_folder() {
        #[track_caller]
        fn check(change: impl Fn(&mut Flags), refused: Option<&str>) {
            let mut flags = Flags::default();
            change(&mut flags);
            match (config(&flags), refused) {
                (Ok(config), None) => assert!(config.plain_links && config.listen.ip().is_loopback()),
                (Err(Wrong(why)), Some(says)) => assert!(why.contains(says), "{why}"),
                (outcome, _) => panic!("{outcome:?}"),
            }
        }
        check(|_| {}, None);
        check(|flags| flags.listen = Some("127.0.0.1:9000".into()), None);
        check(|flags| flags.listen = Some("[::1]:9000".into()), None);
        check(|flags| flags.listen = Some("0.0.0.0:8080".into()), Some("only listens on 127.0.0.1"));
        check(|flags| flags.listen = Some("everywhere".into()), Some("must be like"));
        check(|flags| flags.database_url = Some("postgres://real".into()), Some("--data"));
        assert_eq!(config(&Flags::default()).unwrap().data, PathBuf::from("data/demo"));
    }
}
