//! `cartback restore`: a backup into an empty place, verified, up to date, with sending stopped; or the same rest for a copy
//! that other means have put in place. Never removes or overwrites anything.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow, bail};
use secrecy::ExposeSecret;
use serde_json::json;

use super::{
    Form, Missing, Said,
    backup::{Part, folder_of, has_room, told},
    moment, progress,
};
use crate::{
    app,
    clock::{Clock, Ids, SystemClock},
    config::{Config, Database, key},
    domain::time::Time,
    pipeline::Core,
    store::{
        self, Db,
        backup::{Brought, Unusable},
        restored::{HeldBack, Restored},
    },
    transact,
};

const AFTER: &str = "\
A restored instance answers and takes everything in, and sends nothing until: cartback halt --off
What was sent after the backup was made is not known in it. Texts that waited in it may have left: they become unknown,
their gateway is asked where it can be, and none is sent again by itself. Carts that began before the restore get no further
text. Opt-outs of that time are lost too: bring them in from the gateway's log before you let it send (opt-out import). The
instance it takes the place of must not run again.
Examples:
  cartback restore /backup/cartback-monday.sqlite --data /var/lib/cartback
  cartback restore /backup/cartback-monday.sqlite --serve
  cartback restore --in-place --made-at 2026-03-01T09:00:00Z";

#[derive(clap::Args)]
#[command(after_help = AFTER)]
pub struct Args {
    /// The backup, as cartback backup made it
    #[arg(required_unless_present = "in_place", conflicts_with = "in_place")]
    file: Option<PathBuf>,
    /// The database is a copy that stands in its place already (pg_restore, Litestream): put it to rest likewise
    #[arg(long)]
    pub in_place: bool,
    /// With --in-place: the moment the copy knows up to; left out, the newest moment in it
    #[arg(long, requires = "in_place", value_name = "MOMENT", value_parser = moment)]
    made_at: Option<Time>,
    /// Your word that the service was stopped before the backup and has not run since: texts and carts go on once you let it
    /// send. Refused for a backup that was made beside a running service
    #[arg(long)]
    nothing_sent_since: bool,
    /// Start the service when it is there
    #[arg(long)]
    pub serve: bool,
    #[command(flatten)]
    pub form: Form,
}

/// Brings a file in.
pub async fn run(config: &Config, args: &Args) -> anyhow::Result<Said> {
    let file = args.file.as_deref().context("name the backup")?;
    if !file.is_file() {
        bail!(Missing(format!("there is no file {}", file.display())));
    }
    let keys = key::given(config)?;
    let now = SystemClock.now();
    // The backup's own moment takes the place of this one.
    let restored = Restored { id: Ids::new(0).next(now), backup_at: now, at: now, silent: args.nothing_sent_since };
    let unusable = |why: Unusable| anyhow!("{} cannot be used: {why}", file.display());
    let turning = progress::spinner("Checking the backup and bringing it in");
    let brought = match &config.database {
        Database::Lite => {
            key::make_folder(&config.data)?;
            let _lock = app::lock(config)?;
            let target = config.lite_file();
            is_free(&target)?;
            has_room(&folder_of(&target), fs::metadata(file)?.len())?;
            let part = Part::beside(&target)?;
            fs::copy(file, &part.path).with_context(|| format!("{} cannot be copied", file.display()))?;
            private(&part.path)?;
            let brought = store::backup::into_lite(&part.path, &keys, &restored).await.map_err(unusable)?;
            part.name(&target)?;
            brought
        }
        Database::Postgres(url) => {
            let url = url.expose_secret();
            let unreached = |why| anyhow!("{} cannot be used: {why}", config.place());
            if let Some(table) = store::backup::anything_in(url).await.map_err(unreached)? {
                bail!(
                    "{} is not empty (there is a table {table}): a restore overwrites nothing. Make an empty database \
                     (createdb) and name that one",
                    config.place()
                );
            }
            let db = Db::open_pg(url).await.map_err(unreached)?;
            let brought = store::backup::into_pg(file, &db, &keys, &restored).await.map_err(unusable)?;
            db.close().await;
            brought
        }
    };
    drop(turning);
    Ok(said(config, file, &brought, args.nothing_sent_since))
}

/// A database is never put over another one.
fn is_free(target: &Path) -> anyhow::Result<()> {
    for ending in ["", "-wal", "-shm", "-journal"] {
        let mut name = target.as_os_str().to_owned();
        name.push(ending);
        let found = PathBuf::from(name);
        if found.exists() {
            bail!(
                "{0} exists already: a restore overwrites nothing. Move it away by hand, with all that begins with its \
                 name (mkdir {1}/before && mv {2}* {1}/before), or name another folder with --data",
                found.display(),
                folder_of(target).display(),
                target.display()
            );
        }
    }
    Ok(())
}

/// A copy takes its mode from what it was copied from.
fn private(file: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::set_permissions(file, fs::Permissions::from_mode(0o600))?)
}

fn said(config: &Config, file: &Path, brought: &Brought, silent: bool) -> Said {
    let Brought { manifest, held } = brought;
    let words = format!(
        "{} holds the backup of {} now: {} rows in {} tables, each as its sum says.\n{}",
        config.place(),
        manifest.made_at(),
        manifest.rows(),
        manifest.tables.len(),
        at_rest(held, silent)
    );
    let bytes = fs::metadata(file).map_or(0, |found| found.len());
    let mut json = told(manifest, file, bytes, true);
    json["place"] = json!(config.place());
    json["held"] = held_as_json(held);
    Said::new(words, json)
}

fn held_as_json(held: &HeldBack) -> serde_json::Value {
    json!({ "texts_unknown": held.texts, "claims_freed": held.claims, "sessions_ended": held.sessions })
}

fn at_rest(held: &HeldBack, silent: bool) -> String {
    let doubts = if silent {
        "By your word nothing was sent since: texts that waited in it go on then.".to_owned()
    } else {
        format!(
            "{} texts that waited in it may have left since: they are unknown and never sent again by themselves. Carts \
             that began before now get no further text. Everybody signs in again.\nBefore that: bring in the opt-outs of \
             the time between (cartback opt-out import), revoke again what was revoked, and be sure that the old instance \
             does not run.",
            held.texts
        )
    };
    format!("It sends nothing until: cartback halt --off\n{doubts}")
}

/// Puts the open database, a copy put in place by other means, to rest.
pub async fn in_place(core: &Core, config: &Config, args: &Args) -> anyhow::Result<Said> {
    let _lock = if core.db.is_lite() { Some(app::lock(config)?) } else { None };
    let now = core.now();
    let mut read = core.db.read().await?;
    let others = store::restored::others_at_work(&mut read, &core.holder, now).await?;
    if others && !core.db.is_lite() {
        bail!("another process is at work on {}, or was within the last ten minutes: stop it, or wait", config.place());
    }
    let newest = store::restored::newest_moment(&mut read).await?;
    drop(read);
    let backup_at = args.made_at.or(newest).unwrap_or(now).min(now);
    let restored = Restored { id: core.fresh_id(), backup_at, at: now, silent: args.nothing_sent_since };
    let held = transact!(core.db, |tx| store::restored::begin(tx, &restored).await?)?;
    let words = format!(
        "{} is taken for a copy as of {backup_at}.\n{}",
        config.place(),
        at_rest(&held, args.nothing_sent_since)
    );
    let json = json!({ "place": config.place(), "made_at": backup_at.to_string(), "held": held_as_json(&held) });
    Ok(Said::new(words, json))
}
