//! Log lines: decides their form and where they go, never what they say. No line holds a phone number, a text, a key or a
//! body, because nobody hands one in, and a panic's own words are left out. (Figures are `web::metric`.)

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::{Config, LogFormat};

/// Starts logging to standard error. Once per process; a second call changes nothing.
pub fn start_logging(config: &Config) {
    let filter = EnvFilter::builder().parse_lossy(&config.log);
    let lines = fmt::layer().with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    let _ = match config.log_format {
        LogFormat::Text => {
            let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
            registry.with(lines.with_ansi(colours).with_target(false)).try_init()
        }
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
    log_panics();
}

/// A panic's text may quote what was being worked on, so only its place is logged.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| match panic.location() {
        Some(place) => tracing::error!(file = place.file(), line = place.line(), "a mistake in Cartback: it panicked"),
        None => tracing::error!("a mistake in Cartback: it panicked"),
    }));
}
