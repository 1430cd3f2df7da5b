//! `cartback backup`: the whole database in one file, while the service runs, and a look at such a file. Decides where the
//! file stands while it is written and when it gets its name; what is in it is the store's.

use std::{
    fs,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, anyhow, bail};
use data_encoding::HEXLOWER;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::{Form, Missing, Said, progress};
use crate::{
    clock::{self, Clock, SystemClock},
    config::{Config, Database, key},
    domain::backup::Manifest,
    store::{
        self,
        backup::{About, Backup, Source},
    },
};

const AFTER: &str = "\
The file is made while the service runs and holds everything as of one moment. A backup of either engine is restored into
either: that is also the way from SQLite to PostgreSQL (stop the service, back up, restore with --database-url and
--nothing-sent-since). What is personal stays encrypted, and the operator's key is not in it: keep that apart, for without it
the file cannot be read.
Examples:
  cartback backup /backup/cartback-monday.sqlite --verify
  cartback backup verify /backup/cartback-monday.sqlite";

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, after_help = AFTER)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// The file to write; it must not exist
    #[arg(required = true)]
    file: Option<PathBuf>,
    /// Read it back and check it with the key at hand
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    form: Form,
}

#[derive(clap::Subcommand)]
pub enum Command {
    /// Check a backup: its pages, every table against its sum, and whether the key at hand opens it
    Verify {
        /// The backup
        file: PathBuf,
        #[command(flatten)]
        form: Form,
    },
}

pub async fn run(config: &Config, args: &Args) -> anyhow::Result<(Said, Form)> {
    match (&args.command, &args.file) {
        (Some(Command::Verify { file, form }), _) => Ok((verify(config, file).await?, *form)),
        (None, Some(file)) => Ok((make(config, file, args.verify).await?, args.form)),
        (None, None) => bail!("name the file to write"),
    }
}

/// What a file system needs besides the file itself.
const SPARE_BYTES: u64 = 64 << 20;

/// Refuses to begin what would fill the disk.
pub(super) fn has_room(folder: &Path, bytes: u64) -> anyhow::Result<()> {
    let found = rustix::fs::statvfs(folder).with_context(|| format!("{} cannot be looked at", folder.display()))?;
    let (free, needed) = (found.f_bavail.saturating_mul(found.f_frsize), bytes + bytes / 10 + SPARE_BYTES);
    if free < needed {
        let megabytes = |bytes: u64| bytes.div_ceil(1 << 20);
        bail!(
            "there is not enough room in {}: {} MiB are free, {} MiB are needed",
            folder.display(),
            megabytes(free),
            megabytes(needed)
        );
    }
    Ok(())
}

/// The folder a file stands in.
pub(super) fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// A file under a name of its own beside the one it is to have. Unless it was given that, nothing of it stays.
pub(super) struct Part {
    pub path: PathBuf,
    named: bool,
}

impl Part {
    /// Made empty, for nobody else to read.
    pub fn beside(file: &Path) -> anyhow::Result<Part> {
        let mut name = file.as_os_str().to_owned();
        name.push(format!(".part-{}", HEXLOWER.encode(&clock::random::<6>())));
        let path = PathBuf::from(name);
        let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        made.with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(Part { path, named: false })
    }

    /// Waits until it is on the disk and gives it its name, over nothing that has come to stand there meanwhile.
    pub fn name(mut self, file: &Path) -> anyhow::Result<()> {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        let told = || format!("{} cannot be written", file.display());
        fs::File::open(&self.path).and_then(|part| part.sync_all()).with_context(told)?;
        match renameat_with(CWD, &self.path, CWD, file, RenameFlags::NOREPLACE) {
            // Not every file system knows how to refuse.
            Err(rustix::io::Errno::INVAL) if !file.exists() => fs::rename(&self.path, file).with_context(told)?,
            other => other.with_context(told)?,
        }
        self.named = true;
        fs::File::open(folder_of(file)).and_then(|folder| folder.sync_all()).with_context(told)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let kept: &[&str] = if self.named { &["-journal", "-wal", "-shm"] } else { &["", "-journal", "-wal", "-shm"] };
        for ending in kept {
            let mut name = self.path.as_os_str().to_owned();
            name.push(ending);
            let _ = fs::remove_file(name);
        }
    }
}

async fn make(config: &Config, file: &Path, verify: bool) -> anyhow::Result<Said> {
    if file.exists() {
        bail!("{} exists already: a backup overwrites nothing. Name another file", file.display());
    }
    let source = match &config.database {
        Database::Lite => Source::Lite(config.lite_file()),
        Database::Postgres(url) => Source::Pg(url.expose_secret().to_owned()),
    };
    // Before anything is written: to verify without a key would fail at the end.
    let keys = if verify { Some(key::given(config)?) } else { None };
    let about = About { now: SystemClock.now(), version: env!("CARGO_PKG_VERSION").to_owned() };
    let unread = |why: &dyn std::fmt::Display| anyhow!("{} cannot be backed up: {why}", config.place());
    let bytes = store::backup::size(&source).await.map_err(|why| unread(&why))?;
    has_room(&folder_of(file), bytes)?;
    let part = Part::beside(file)?;
    let turning = progress::spinner("Writing the backup");
    let manifest = store::backup::make(&source, &part.path, &about).await.map_err(|why| unread(&why))?;
    drop(turning);
    if let Some(keys) = &keys {
        let _turning = progress::spinner("Reading it back");
        let checked = async { Backup::open(&part.path).await?.verify(keys).await };
        checked.await.map_err(|why| anyhow!("the backup that was just written cannot be used: {why}"))?;
    }
    part.name(file)?;
    let size = fs::metadata(file).map_or(0, |found| found.len());
    let checked = if verify { " Read back and checked." } else { "" };
    let words = format!(
        "{} has {} rows in {} tables, {} MiB.{checked}\nThe operator's key is not in it; without {} it cannot be read: keep it apart.",
        file.display(),
        manifest.rows(),
        manifest.tables.len(),
        size.div_ceil(1 << 20),
        named(&manifest.keys),
    );
    Ok(Said::new(words, told(&manifest, file, size, verify)))
}

fn named(keys: &[String]) -> String {
    let plural = if keys.len() == 1 { "key" } else { "keys" };
    format!("{plural} {}", keys.join(", "))
}

pub(super) fn told(manifest: &Manifest, file: &Path, bytes: u64, verified: bool) -> Value {
    json!({
        "file": file.display().to_string(),
        "bytes": bytes,
        "made_at": manifest.made_at().to_string(),
        "version": manifest.cartback,
        "engine": manifest.engine,
        "schema": manifest.schema(),
        "in_use": manifest.in_use,
        "rows": manifest.rows(),
        "keys": manifest.keys,
        "tables": manifest.tables,
        "verified": verified,
    })
}

async fn verify(config: &Config, file: &Path) -> anyhow::Result<Said> {
    if !file.is_file() {
        bail!(Missing(format!("there is no file {}", file.display())));
    }
    let _turning = progress::spinner("Reading the backup");
    let unusable = |why| anyhow!("{} cannot be used: {why}", file.display());
    let mut backup = Backup::open(file).await.map_err(unusable)?;
    backup.verify(&key::given(config)?).await.map_err(unusable)?;
    let manifest = &backup.manifest;
    let words = format!(
        "{} is whole: {} rows in {} tables, as of {}, made by Cartback {} from {}. The key at hand opens it.",
        file.display(),
        manifest.rows(),
        manifest.tables.len(),
        manifest.made_at(),
        manifest.cartback,
        manifest.engine,
    );
    let bytes = fs::metadata(file).map_or(0, |found| found.len());
    Ok(Said::new(words, told(manifest, file, bytes, true)))
}
