//! The simulated message centre of the shared folder, `kannel/smsc.py`, by itself: it speaks SMPP to whoever binds. The last
//! two digits of a number choose its fate (see the README there).

use std::{io, path::Path, process::Command};

use url::form_urlencoded::Serializer;

use super::{Watchdog, eventually, free_ports, get, kannel::Sent, missing, shared};

/// A running centre; dropping it stops it.
pub struct Smsc {
    pub port: u16,
    control_port: u16,
    pid: String,
    _watchdog: Watchdog,
}

const SCRIPT: &str = r#"
trap : HUP INT TERM PIPE
script=$1 smpp=$2 http=$3
python3 "$script" --smpp-port "$smpp" --http-port "$http" --delay 0.01 </dev/null >/dev/null 2>&1 &
centre=$!
for _ in $(seq 100); do
    if curl -sf "http://127.0.0.1:$http/sent" >/dev/null; then break; fi
    sleep 0.1
done
if curl -sf "http://127.0.0.1:$http/sent" >/dev/null; then echo "up $centre"; else echo failed; fi
while read -r _; do :; done
kill "$centre"
"#;

impl Smsc {
    /// `None`, after one line that says so, when the shared folder is not there; with `CARTBACK_REQUIRE_KANNEL=1` that
    /// panics.
    pub fn start() -> Option<Smsc> {
        let script = shared().map(|folder| folder.join("kannel/smsc.py")).filter(|script| script.is_file());
        let Some(script) = script else {
            missing("there is no kannel/smsc.py in ../shared or CARTBACK_SHARED", "CARTBACK_REQUIRE_KANNEL");
            return None;
        };
        let started = (0..3).find_map(|_| try_start(&script).ok());
        Some(started.expect("the message centre does not start"))
    }

    /// Every part that left so far, oldest first.
    pub fn sent(&self) -> Vec<Sent> {
        let (status, body) = self.control("sent", &[]).unwrap();
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    pub fn sent_at_least(&self, count: usize) -> Vec<Sent> {
        eventually("texts at the message centre", || Some(self.sent()).filter(|sent| sent.len() >= count))
    }

    /// `STOP` and `CONT` make outcomes unknown.
    pub fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args(["-s", signal, &self.pid]).status().unwrap().success(), "the centre is gone");
    }

    /// A shopper's phone sends a text. Digits only, no `+`.
    pub fn inbound(&self, from: &str, to: &str, text: &str) {
        let (status, body) = self.control("mo", &[("from", from), ("to", to), ("text", text)]).unwrap();
        assert!(status == 200 && body.contains("\"queued\": true"), "{status} {body}");
    }

    fn control(&self, verb: &str, fields: &[(&str, &str)]) -> io::Result<(u16, String)> {
        let query = Serializer::new(String::new()).extend_pairs(fields).finish();
        get(&format!("http://127.0.0.1:{}/{verb}?{query}", self.control_port))
    }
}

fn try_start(script: &Path) -> io::Result<Smsc> {
    let [port, control_port] = free_ports()?;
    let (smpp, http) = (port.to_string(), control_port.to_string());
    let mut watchdog = Watchdog::start(SCRIPT, &[script, Path::new(&smpp), Path::new(&http)], |_| {})?;
    let answer = watchdog.answer()?;
    let Some(pid) = answer.strip_prefix("up ") else { return Err(io::Error::other("it does not answer")) };
    let pid = pid.trim().to_owned();
    Ok(Smsc { port, control_port, pid, _watchdog: watchdog })
}
