//! Progress of long work, on standard error, where a person looks at a terminal; scripts and pipes see nothing of it.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

const TICK: Duration = Duration::from_millis(120);

/// Work of so many pieces. It vanishes when it is dropped.
pub fn bar(pieces: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::new(pieces).with_message(what);
    if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos} of {len}, {eta} left") {
        bar.set_style(style);
    }
    bar
}

/// Work of unknown length.
pub fn spinner(what: &'static str) -> Spinner {
    let bar = ProgressBar::new_spinner().with_message(what);
    bar.enable_steady_tick(TICK);
    Spinner(bar)
}

/// Turns until it is dropped.
pub struct Spinner(ProgressBar);

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
