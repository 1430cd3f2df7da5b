//! The demo's folder: what is kept between two runs, and the promise never to touch a folder that holds anything else.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use super::cast::SHOPS;
use crate::{config::key, domain::time::Time};

/// What a run leaves for the next one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Where its links lead.
    pub public_url: String,
    /// Whether the past was lived through to its end.
    pub complete: bool,
    pub clock: Time,
    /// The last order number of each shop.
    pub numbers: [u64; SHOPS.len()],
}

/// Marks a folder as a demo's.
const MARK: &str = "demo.json";
/// What the service makes beside it, as far as a demo that was begun and not finished may remove it.
const MADE: [&str; 4] = ["cartback.sqlite", "cartback.sqlite-wal", "cartback.sqlite-shm", "key"];

/// A folder that is a demo's, and nothing but.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Finds the demo in a folder, or makes room for one. A folder with anything else in it is refused untouched.
    pub fn open(path: &Path, public_url: &str) -> anyhow::Result<(Folder, Option<Kept>)> {
        let folder = Folder(path.to_owned());
        let shown = path.display();
        let kept = match fs::read_to_string(path.join(MARK)) {
            Ok(text) => serde_json::from_str::<Kept>(&text).with_context(|| {
                format!("{} cannot be read: remove the folder {shown} to begin again", path.join(MARK).display())
            })?,
            Err(_) if is_empty(path) => {
                key::make_folder(path)?;
                folder.keep(&Kept {
                    public_url: public_url.into(),
                    complete: false,
                    clock: Time::default(),
                    numbers: [0; SHOPS.len()],
                })?;
                return Ok((folder, None));
            }
            Err(_) => bail!(
                "{shown} holds something that is not a demo, perhaps a real installation: the demo does not touch it. Give another folder with --data"
            ),
        };
        if !kept.complete {
            for name in MADE {
                let _ = fs::remove_file(path.join(name));
            }
            return Ok((folder, None));
        }
        if kept.public_url != public_url {
            let listen = kept.public_url.trim_start_matches("http://");
            bail!(
                "the demo in {shown} was made for {}, where its links lead: start it with --listen {listen}, or give another folder with --data",
                kept.public_url
            );
        }
        Ok((folder, Some(kept)))
    }

    /// Writes aside and moves into place: a run that is killed leaves the old or the new, never half of one.
    pub fn keep(&self, kept: &Kept) -> anyhow::Result<()> {
        let aside = self.0.join("demo.json.new");
        fs::write(&aside, serde_json::to_string(kept)?)
            .and_then(|()| fs::rename(&aside, self.0.join(MARK)))
            .with_context(|| format!("the demo's folder {}", self.0.display()))
    }
}

fn is_empty(path: &Path) -> bool {
    match fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_none(),
        Err(why) => why.kind() == std::io::ErrorKind::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "http://127.0.0.1:8080";

    fn kept(complete: bool) -> Kept {
        Kept { public_url: HERE.into(), complete, clock: Time::from_seconds(9), numbers: [7, 8] }
    }

    #[test]
    fn a_demo_is_found_again_and_an_unfinished_one_begun_again() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("deep/demo");
        let (folder, found) = Folder::open(&path, HERE).unwrap();
        assert_eq!(found, None);
        fs::write(path.join("cartback.sqlite"), "half").unwrap();
        assert_eq!(Folder::open(&path, HERE).unwrap().1, None);
        assert!(!path.join("cartback.sqlite").exists());
        folder.keep(&kept(true)).unwrap();
        fs::write(path.join("cartback.sqlite"), "whole").unwrap();
        assert_eq!(Folder::open(&path, HERE).unwrap().1, Some(kept(true)));
        assert!(path.join("cartback.sqlite").exists());
        let problem = Folder::open(&path, "http://127.0.0.1:9").unwrap_err().to_string();
        assert!(problem.contains("--listen 127.0.0.1:8080"), "{problem}");
    }

    #[test]
    fn what_is_not_a_demo_is_left_alone() {
        for name in ["cartback.sqlite", "key", "notes.txt"] {
            let room = tempfile::tempdir().unwrap();
            fs::write(room.path().join(name), "precious").unwrap();
            let problem = Folder::open(room.path(), HERE).unwrap_err().to_string();
            assert!(problem.contains("--data"), "{problem}");
            assert_eq!(fs::read_to_string(room.path().join(name)).unwrap(), "precious");
            assert_eq!(fs::read_dir(room.path()).unwrap().count(), 1);
        }
        let room = tempfile::tempdir().unwrap();
        fs::write(room.path().join(MARK), "{}").unwrap();
        assert!(Folder::open(room.path(), HERE).is_err());
    }
}
