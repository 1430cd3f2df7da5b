//! The real Kannel with a simulated message centre, from the shared folder's `kannel/start.sh`: what it answers, it
//! answered, and what it says it sent, left. The last two digits of a number choose its fate (see the README there).

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;
use url::form_urlencoded::Serializer;

use super::{Watchdog, eventually, free_ports, get, missing, shared};

/// A running Kannel; dropping it stops it.
pub struct Kannel {
    sendsms_port: u16,
    control_port: u16,
    work: PathBuf,
    _watchdog: Watchdog,
}

/// One part of a text that left for a phone, as the message centre saw it. A long text is several.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Sent {
    pub id: String,
    pub from: String,
    pub to: String,
    pub text: String,
    /// SMPP `data_coding`: 0 for GSM 03.38, 8 for UCS-2.
    pub coding: u8,
}

impl Kannel {
    /// The account of `sendsms`.
    pub const USER: &str = "tester";
    pub const PASSWORD: &str = "sms-secret";

    /// Starts one, which takes about a second. Inbound texts are fetched from `mo_url`, in which Kannel fills in `%p`
    /// (from), `%P` (to), `%b` (text) and its other escapes. `None`, after one line that says so, when Kannel or the
    /// shared folder is not there; with `CARTBACK_REQUIRE_KANNEL=1` that panics. Panics when it does not start.
    pub fn start(mo_url: &str) -> Option<Kannel> {
        const REQUIRE: &str = "CARTBACK_REQUIRE_KANNEL";
        if !Path::new("/usr/sbin/bearerbox").exists() {
            missing("Kannel is not installed (no /usr/sbin/bearerbox)", REQUIRE);
            return None;
        }
        let Some(scripts) = shared().map(|folder| folder.join("kannel")).filter(|folder| folder.is_dir()) else {
            missing("there is no kannel folder in ../shared or CARTBACK_SHARED", REQUIRE);
            return None;
        };
        let mut problem = String::new();
        for _ in 0..STARTS_MAX {
            match try_start(&scripts, mo_url) {
                Ok(kannel) => return Some(kannel),
                Err(why) => problem = why.to_string(),
            }
        }
        panic!("Kannel does not start: {problem}")
    }

    pub fn sendsms_url(&self) -> String {
        format!("http://127.0.0.1:{}/cgi-bin/sendsms", self.sendsms_port)
    }

    /// Every part that left so far, oldest first.
    pub fn sent(&self) -> Vec<Sent> {
        let (status, body) = self.control("sent", &[]).unwrap();
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Waits until this many parts have left: `sendsms` answers before they do.
    pub fn sent_at_least(&self, count: usize) -> Vec<Sent> {
        eventually("texts at the message centre", || Some(self.sent()).filter(|sent| sent.len() >= count))
    }

    /// A shopper's phone sends a text. Digits only, no `+`.
    pub fn inbound(&self, from: &str, to: &str, text: &str) {
        let (status, body) = self.control("mo", &[("from", from), ("to", to), ("text", text)]).unwrap();
        assert!(status == 200 && body.contains("\"queued\": true"), "{status} {body}");
    }

    /// Sends a signal to one of its processes: `STOP` and `CONT` to `bearerbox` or `smsbox` make outcomes unknown.
    /// Kannel restarts `smsbox` by itself, so a signal may find its first process gone, which panics.
    pub fn signal(&self, process: &str, signal: &str) {
        let pids = fs::read_to_string(self.work.join("pids")).unwrap();
        let pid = pids.lines().find_map(|line| line.strip_suffix(process)?.strip_suffix(' ')).unwrap();
        assert!(Command::new("kill").args(["-s", signal, pid]).status().unwrap().success(), "{process} is gone");
    }

    fn control(&self, verb: &str, fields: &[(&str, &str)]) -> io::Result<(u16, String)> {
        let query = Serializer::new(String::new()).extend_pairs(fields).finish();
        get(&format!("http://127.0.0.1:{}/{verb}?{query}", self.control_port))
    }
}

const STARTS_MAX: usize = 3;

const SCRIPT: &str = r#"
trap : HUP INT TERM PIPE
scripts=$1 home=$2
if "$scripts/start.sh" </dev/null >"$home/start.out" 2>&1; then echo up; else echo failed; fi
while read -r _; do :; done
"$scripts/stop.sh" </dev/null >/dev/null 2>&1
rm -rf "$home"
"#;

fn try_start(scripts: &Path, mo_url: &str) -> io::Result<Kannel> {
    let home = tempfile::Builder::new().prefix("cartback-kannel-").tempdir()?;
    let work = home.path().join("work");
    let [sendsms, admin, link, centre, control] = free_ports()?;
    let mut watchdog = Watchdog::start(SCRIPT, &[scripts, home.path()], |command| {
        let ports = [sendsms, admin, link, centre, control].map(|port| port.to_string());
        let names = ["SENDSMS_PORT", "ADMIN_PORT", "BOX_PORT", "SMSC_PORT", "CONTROL_PORT"];
        command.envs(names.into_iter().zip(ports)).env("WORK", &work).env("SMSC", "smpp").env("MO_URL", mo_url);
        command.env("SMS_USER", Kannel::USER).env("SMS_PASS", Kannel::PASSWORD);
    })?;
    let home = home.keep();
    if watchdog.answer()? != "up" {
        return Err(io::Error::other(fs::read_to_string(home.join("start.out")).unwrap_or_default()));
    }
    Ok(Kannel { sendsms_port: sendsms, control_port: control, work, _watchdog: watchdog })
}

fn send(kannel: &Kannel, to: &str, text: &str) -> io::Result<(u16, String)> {
    let fields = [
        ("username", Kannel::USER),
        ("password", Kannel::PASSWORD),
        ("from", "12125550100"),
        ("to", to),
        ("text", text),
    ];
    get(&format!("{}?{}", kannel.sendsms_url(), Serializer::new(String::new()).extend_pairs(fields).finish()))
}

#[test]
fn texts_leave_and_replies_come_in() {
    let shop = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let mo_url = format!("http://{}/mo?from=%p&to=%P&text=%b", shop.local_addr().unwrap());
    let Some(kannel) = Kannel::start(&mo_url) else { return };

    assert_eq!(send(&kannel, "12125550101", "Your boots wait").unwrap().0, 202);
    let sent = kannel.sent_at_least(1);
    assert_eq!((sent[0].to.as_str(), sent[0].text.as_str(), sent[0].coding), ("12125550101", "Your boots wait", 0));

    kannel.inbound("12125550101", "12125550100", "STOP it");
    shop.set_nonblocking(true).unwrap();
    let (mut call, _) = eventually("the reply's callback", || shop.accept().ok());
    call.set_nonblocking(false).unwrap();
    let mut line = String::new();
    io::BufRead::read_line(&mut io::BufReader::new(&mut call), &mut line).unwrap();
    assert_eq!(line, "GET /mo?from=%2B12125550101&to=12125550100&text=STOP+it HTTP/1.1\r\n");

    let work = kannel.work.clone();
    drop(kannel);
    assert!(!work.exists());
}

#[test]
fn a_message_centre_that_is_gone_keeps_texts_waiting() {
    let Some(kannel) = Kannel::start("http://127.0.0.1:9/mo") else { return };
    kannel.signal("smsc", "TERM");
    let answer = eventually("Kannel to notice", || {
        Some(send(&kannel, "12125550102", "Still there?").unwrap()).filter(|(_, body)| !body.starts_with('0'))
    });
    assert_eq!(answer, (202, "3: Queued for later delivery".to_owned()));
}
