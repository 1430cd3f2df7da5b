//! `cartback serve`: the service itself. Says where to look, then works until told to stop.

use std::net::TcpListener;

use anyhow::Context;

use super::open;
use crate::{
    app::{self, App, Serve},
    config::{Config, key},
    store,
};

/// Files up to this size keep a start waiting until they have been looked through: a second or two.
const CHECKED_FIRST_BYTES: u64 = 256 << 20;

pub async fn run(mut config: Config) -> anyhow::Result<()> {
    // Before anything is opened: a port that is taken is the most common mistake of all.
    let listener = TcpListener::bind(config.listen).with_context(|| format!("cannot listen on {}", config.listen))?;
    config.listen = listener.local_addr().context("the listening address")?;
    let app = open(&config).await?;
    let _lock = app.take_over(&config).await?;
    let bytes = std::fs::metadata(config.lite_file()).map_or(0, |found| found.len());
    let check = app.core.db.is_lite().then(|| config.place());
    // A small file is looked through before anything else; a large one while webhooks are taken in already.
    let check = match check {
        Some(place) if bytes <= CHECKED_FIRST_BYTES => {
            App::check_file(&app.core, &place).await?;
            None
        }
        check => check,
    };
    if let Err(error) = config.leave_word() {
        tracing::warn!(%error, "other commands will not know this address: give them --public-url");
    }
    if key::open_to_others(&config.data) {
        tracing::warn!("others may look into the data folder {}: chmod 700 it", config.data.display());
    }
    let mut read = app.core.db.read().await?;
    let anybody = store::user::anybody_signed_in(&mut read).await?;
    drop(read);
    let link = if anybody { None } else { Some(app::sign_in_link(&app.core).await?) };
    let running = app.serve(Serve { check, ..Serve::of(&config, listener, false) })?;
    println!("Cartback {} listens on http://{}", env!("CARGO_PKG_VERSION"), running.address);
    println!("  public address  {}", config.public_url());
    println!("  data folder     {}", config.data.display());
    println!("  database        {}", config.place());
    match link {
        Some(link) => println!("  sign in         {link}  (once, within 24 hours)"),
        None => println!("  sign in         cartback user link prints a new link"),
    }
    running.until_told().await
}
