//! A thread of its own for whoever looks for silence: with a clockwork of its own, so that it still looks when every thread
//! of the worker and the server stands still.

use std::{path::PathBuf, sync::Arc};

use tokio_util::sync::CancellationToken;

use crate::pipeline::{
    Core,
    recurring::Recurring,
    watch::{Disk, LOOK_EVERY, Watch},
};

/// Begins to look, until told to stop. `folder` lies on the disk that must not fill up.
pub fn start(core: Arc<Core>, recurring: Vec<Recurring>, folder: PathBuf, stop: CancellationToken) {
    let begun = std::thread::Builder::new().name("watch".to_owned()).spawn(move || {
        let clockwork = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match clockwork {
            Ok(clockwork) => clockwork.block_on(watch(&core, &recurring, &folder, &stop)),
            Err(error) => tracing::error!(%error, "nobody looks for silence"),
        }
    });
    if let Err(error) = begun {
        tracing::error!(%error, "nobody looks for silence");
    }
}

async fn watch(core: &Core, recurring: &[Recurring], folder: &std::path::Path, stop: &CancellationToken) {
    let mut watch = Watch::new(core, recurring);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = watch.look(core, disk(folder)) => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Of the disk that a folder lies on; `None` where it cannot be told. What only root may use counts as full.
pub fn disk(folder: &std::path::Path) -> Option<Disk> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some((found.f_bavail.saturating_mul(found.f_frsize), found.f_blocks.saturating_mul(found.f_frsize)))
}
