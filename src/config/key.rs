//! The operator's key: from `CARTBACK_KEY`, else from the file `key` in the data folder, made at the first start. Decides
//! whether a key may be used at all; never makes a second key for a database that has one, and never shows any.

use std::{
    fs,
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

use anyhow::{Context, bail};
use data_encoding::{BASE64, HEXLOWER};
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::{Config, Database};
use crate::{clock, domain::seal::OperatorKeys};

/// Whether anybody but the owner may read or write a file. `false` when it cannot be asked.
pub fn open_to_others(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 != 0)
}

/// A fresh key, as `CARTBACK_KEY` and the key file hold it.
pub fn fresh() -> Zeroizing<String> {
    Zeroizing::new(BASE64.encode(&*Zeroizing::new(clock::random::<32>())))
}

/// Makes the data folder (0700) where it is missing.
pub fn make_folder(folder: &Path) -> anyhow::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("the data folder {} cannot be made", folder.display()))
}

/// The operator's keys, made and written to the key file where there are none yet.
pub fn load(config: &Config) -> anyhow::Result<OperatorKeys> {
    if let Some(given) = &config.key {
        return OperatorKeys::parse(given.expose_secret()).context("CARTBACK_KEY");
    }
    let file = config.data.join("key");
    let text = match fs::read_to_string(&file) {
        Ok(text) => Zeroizing::new(text),
        Err(why) if why.kind() == ErrorKind::NotFound => {
            refuse_second_key(config, &file)?;
            write_first(&file).with_context(|| format!("the key file {} cannot be made", file.display()))?
        }
        Err(why) => bail!("the key file {} cannot be read: {why}", file.display()),
    };
    if open_to_others(&file) {
        bail!("others may read the key file {0}: chmod 600 {0}", file.display());
    }
    OperatorKeys::parse(&text).with_context(|| format!("the key file {}", file.display()))
}

/// The operator's keys that are there already; makes none. For what was made with one.
pub fn given(config: &Config) -> anyhow::Result<OperatorKeys> {
    let file = config.data.join("key");
    if config.key.is_none() && !file.exists() {
        bail!("there is no key: put the one this data was made with in CARTBACK_KEY or in {}", file.display());
    }
    load(config)
}

/// A database without its key is not a first start: a fresh key would open nothing in it.
fn refuse_second_key(config: &Config, file: &Path) -> anyhow::Result<()> {
    let database = config.lite_file();
    let used = matches!(config.database, Database::Lite) && fs::metadata(&database).is_ok_and(|found| found.len() > 0);
    if used {
        bail!(
            "there is a database in {} but no key: put its key in {} or in CARTBACK_KEY",
            database.display(),
            file.display()
        );
    }
    Ok(())
}

/// Writes aside and links into place, so that of two processes that start together one makes the key and both read it whole.
fn write_first(file: &Path) -> std::io::Result<Zeroizing<String>> {
    let aside = file.with_extension(HEXLOWER.encode(&clock::random::<8>()));
    let mut out = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    out.write_all(format!("{}\n", *fresh()).as_bytes())?;
    out.sync_all()?;
    let linked = fs::hard_link(&aside, file);
    fs::remove_file(&aside)?;
    match linked {
        Err(why) if why.kind() != ErrorKind::AlreadyExists => Err(why),
        _ => {
            if let Some(folder) = file.parent() {
                fs::File::open(folder)?.sync_all()?;
            }
            fs::read_to_string(file).map(Zeroizing::new)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> (tempfile::TempDir, Config) {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::in_folder(folder.path());
        (folder, config)
    }

    #[test]
    fn the_first_start_makes_a_private_key_and_the_second_reads_it() {
        let (folder, config) = config();
        let first = load(&config).unwrap().ids();
        let file = folder.path().join("key");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(load(&config).unwrap().ids(), first);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn f41_keys_that_must_not_be_used_are_refused_in_words() {
        #[track_caller]
        fn check(prepare: impl Fn(&Config), says: &str) {
            let (_folder, config) = config();
            prepare(&config);
            let problem = format!("{:#}", load(&config).unwrap_err());
            assert!(problem.contains(says), "{problem}");
        }
        let write = |config: &Config, name: &str, text: &str, mode: u32| {
            let file = config.data.join(name);
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        };
        check(|config| write(config, "key", &fresh(), 0o640), "chmod 600");
        check(|config| write(config, "key", "c2hvcnQ=", 0o600), "has 5 bytes");
        check(|config| write(config, "key", &BASE64.encode(&[0; 32]), 0o600), "not random");
        check(|config| write(config, "key", "", 0o600), "no key");
        check(|config| write(config, "cartback.sqlite", "data", 0o600), "but no key");
    }
}
