//! Settings: where they come from and what they may be. Flags win over `CARTBACK_*` variables, which win over the TOML
//! file. Every problem is named at once, with where the value came from; a secret is never in a problem, a `Debug` or a
//! log line. Nothing is opened or made here: `App::open` does that.

pub mod key;
pub mod proxies;
mod role;

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
};

pub use self::role::Role;
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use tracing_subscriber::EnvFilter;

use crate::{
    domain::seal::OperatorKeys,
    mail::{self, Smtp},
    pipeline::recurring::{self, Recurring},
};

/// Settings as flags of every command.
#[allow(
    rustdoc::broken_intra_doc_links,
    rustdoc::invalid_html_tags,
    rustdoc::bare_urls,
    reason = "these words are --help's, read at a terminal"
)]
#[derive(clap::Args, Clone, Default)]
#[command(next_help_heading = "Settings")]
pub struct Flags {
    /// TOML file with settings, named as these flags are, with _ for - [variable: CARTBACK_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address and port to answer on [variable: CARTBACK_LISTEN] [default: 127.0.0.1:8080]
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Folder for the database file and the key [variable: CARTBACK_DATA] [default: ./data]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub data: Option<String>,
    /// postgres://… to keep everything there; left out, an SQLite file in the data folder [variable:
    /// CARTBACK_DATABASE_URL, the better place for its password]
    #[arg(long, global = true, value_name = "URL", hide_default_value = true)]
    pub database_url: Option<String>,
    /// Our address as shops and shoppers see it, as in https://sms.example.com [variable: CARTBACK_PUBLIC_URL]
    /// [default: http:// and the listen address]
    #[arg(long, global = true, value_name = "URL")]
    pub public_url: Option<String>,
    /// What is logged, as in info or info,cartback=debug [variable: CARTBACK_LOG]
    #[arg(long, global = true, value_name = "FILTER")]
    pub log: Option<String>,
    /// text or json [variable: CARTBACK_LOG_FORMAT] [default: text]
    #[arg(long, global = true, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// Threads that answer requests, 1 to 64 [variable: CARTBACK_WORKERS] [default: one per core, at most 4]
    #[arg(long, global = true, value_name = "COUNT")]
    pub workers: Option<String>,
    /// What this process does, of several on one PostgreSQL: all, web (answers, and works on nothing) or worker (works, and
    /// answers only for its own health) [variable: CARTBACK_PROCESS_ROLE] [default: all]
    #[arg(long, global = true, value_name = "ROLE")]
    pub process_role: Option<String>,
    /// Requests of one API token in one minute, 1 to 1000000 [variable: CARTBACK_API_REQUESTS] [default: 600]
    #[arg(long, global = true, value_name = "COUNT")]
    pub api_requests: Option<String>,
    /// Reverse proxies whose X-Forwarded-For is believed: addresses and networks, separated by commas
    /// [variable: CARTBACK_TRUSTED_PROXIES] [default: 127.0.0.0/8,::1/128]
    #[arg(long, global = true, value_name = "NETWORKS", hide_default_value = true)]
    pub trusted_proxies: Option<String>,
    /// Mail server for digests: smtps://name:password@host:465, smtp://name:password@host:587 (STARTTLS) or
    /// smtp://host:25?tls=none for a relay on this network [variable: CARTBACK_SMTP_URL, the better place for its password]
    #[arg(long, global = true, value_name = "URL")]
    pub smtp_url: Option<String>,
    /// Sender of digests, as in "Cartback <reports@example.com>" [variable: CARTBACK_MAIL_FROM]
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub mail_from: Option<String>,
    /// When a recurring work runs, as a cron expression of six fields, seconds first: KIND=EXPRESSION; may be repeated
    /// [variable: CARTBACK_RECURRING_<KIND>] [file: table recurring]
    #[arg(long, global = true, value_name = "KIND=EXPRESSION")]
    pub recurring: Vec<String>,
}

/// Everything the process is told at its start.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen: SocketAddr,
    pub data: PathBuf,
    pub database: Database,
    /// From `CARTBACK_KEY`; `None`: the file `key` in the data folder.
    pub key: Option<SecretString>,
    /// As given, without a slash at the end; see `Config::public_url`.
    pub given_public_url: Option<String>,
    /// A filter of `tracing_subscriber::EnvFilter`.
    pub log: String,
    pub log_format: LogFormat,
    /// Changes to the default schedules, by kind.
    pub recurring: BTreeMap<String, String>,
    /// Threads that answer requests: 1 to 64.
    pub workers: usize,
    pub role: Role,
    /// Requests of one API token in one minute; `None`: as many as the API itself allows.
    pub api_requests: Option<u32>,
    /// Whose word on where a request came from is taken.
    pub trusted_proxies: Vec<IpNet>,
    /// Where mail is given; `None`: there are no digests.
    pub smtp: Option<Smtp>,
    /// Recovery links may be `http://`: only for a simulated shop on this machine; no setting turns it on.
    pub plain_links: bool,
    /// What is odd but no reason to stop; to be logged once.
    pub warnings: Vec<String>,
}

/// Where everything is kept.
#[derive(Clone, Debug)]
pub enum Database {
    /// `cartback.sqlite` in the data folder.
    Lite,
    Postgres(SecretString),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// Why the settings were not taken, one line per problem.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Problems(pub Vec<String>);

/// The file in the data folder that says where the service is reached.
const WORD: &str = "public_url";

pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
const DEFAULT_DATA: &str = "data";
/// For a server; a command that is over at once logs only what is wrong.
pub const DEFAULT_LOG: &str = "info,sqlx=warn,actix_server=warn";
const WORKERS_MAX: usize = 64;
const API_REQUESTS_MAX: u32 = 1_000_000;
const DEFAULT_WORKERS_MAX: usize = 4;

/// Settings that are one value each, as the TOML file names them; the variable is `CARTBACK_` and the same in capitals.
const NAMES: [&str; 13] = [
    "listen",
    "data",
    "database_url",
    "key",
    "public_url",
    "log",
    "log_format",
    "workers",
    "process_role",
    "api_requests",
    "trusted_proxies",
    "smtp_url",
    "mail_from",
];
/// Those that hold a secret.
const SECRETS: [&str; 3] = ["key", "database_url", "smtp_url"];
const RECURRING: &str = "recurring";
const PREFIX: &str = "CARTBACK_";
const RECURRING_PREFIX: &str = "CARTBACK_RECURRING_";
/// A variable this close to a known one is a typo; a farther one may be somebody else's.
const TYPO_EDITS_MAX: usize = 2;

impl Config {
    /// From flags, variables (those that do not begin with `CARTBACK_` are ignored, as are empty ones) and the file that
    /// either of them names.
    pub fn load(flags: &Flags, variables: impl IntoIterator<Item = (String, String)>) -> Result<Config, Problems> {
        let mut found = Found::default();
        let variables: BTreeMap<String, String> = variables
            .into_iter()
            .filter(|(name, value)| name.starts_with(PREFIX) && !value.trim().is_empty())
            .collect();
        let file = flags.config.clone().or_else(|| variables.get("CARTBACK_CONFIG").map(PathBuf::from));
        if let Some(file) = file {
            found.file(&file);
        }
        found.variables(&variables);
        found.flags(flags);
        found.into_config()
    }

    /// Defaults only: the data in this folder, everything else as if nothing had been set.
    pub fn in_folder(data: impl Into<PathBuf>) -> Config {
        Config {
            listen: DEFAULT_LISTEN,
            data: data.into(),
            database: Database::Lite,
            key: None,
            given_public_url: None,
            log: DEFAULT_LOG.to_owned(),
            log_format: LogFormat::Text,
            recurring: BTreeMap::new(),
            workers: default_workers(),
            role: Role::All,
            api_requests: None,
            trusted_proxies: proxies::on_this_machine(),
            smtp: None,
            plain_links: false,
            warnings: Vec::new(),
        }
    }

    /// Our address as the world sees it, without a slash at the end.
    pub fn public_url(&self) -> String {
        self.given_public_url.clone().unwrap_or_else(|| self.here())
    }

    /// Where this machine reaches the service.
    pub fn here(&self) -> String {
        let mut here = self.listen;
        match here.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => here.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => here.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        format!("http://{here}")
    }

    /// Leaves word in the data folder where this service is reached, for the commands typed beside it.
    pub fn leave_word(&self) -> std::io::Result<()> {
        std::fs::write(self.data.join(WORD), self.public_url())
    }

    /// Takes over where the service of this data folder is reached, unless somebody says otherwise: the URLs a command
    /// prints are to be pasted into a shop, and must be the service's.
    pub fn take_word(&mut self) {
        let said_otherwise = self.given_public_url.is_some() || self.listen != DEFAULT_LISTEN;
        if !said_otherwise && let Ok(word) = std::fs::read_to_string(self.data.join(WORD)) {
            self.given_public_url = Some(word.trim().to_owned()).filter(|word| word.starts_with("http"));
        }
    }

    /// The SQLite file, whether it is used or not.
    pub fn lite_file(&self) -> PathBuf {
        self.data.join("cartback.sqlite")
    }

    /// Where everything is kept, for people: never with a user or a password.
    pub fn place(&self) -> String {
        match &self.database {
            Database::Lite => format!("SQLite, {}", self.lite_file().display()),
            Database::Postgres(url) => {
                let url = url::Url::parse(url.expose_secret()).ok();
                let host = url.as_ref().and_then(|url| url.host_str()).filter(|host| !host.is_empty());
                let name = url.as_ref().map(|url| url.path()).unwrap_or_default();
                format!("PostgreSQL, {}{name}", host.unwrap_or("this machine"))
            }
        }
    }
}

/// This process's variables, for `Config::load`.
pub fn variables() -> Vec<(String, String)> {
    std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .collect()
}

fn default_workers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(DEFAULT_WORKERS_MAX)
}

/// Where a value came from, as a problem names it.
#[derive(Clone)]
enum Source {
    File(PathBuf),
    Variable(String),
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::File(path) => write!(f, " (in {})", path.display()),
            Source::Variable(name) => write!(f, " (from {name})"),
            Source::Flag(name) => write!(f, " (from {name})"),
        }
    }
}

/// What the sources say, later ones over earlier ones.
#[derive(Default)]
struct Found {
    values: BTreeMap<&'static str, (String, Source)>,
    recurring: BTreeMap<String, (String, Source)>,
    problems: Vec<String>,
    warnings: Vec<String>,
}

impl Found {
    fn file(&mut self, path: &Path) {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(why) => return self.problems.push(format!("config: {} cannot be read: {why}", path.display())),
        };
        let table = match text.parse::<toml::Table>() {
            Ok(table) => table,
            // The parser's own text quotes the line, which may hold a secret.
            Err(why) => {
                let line = why
                    .span()
                    .and_then(|span| text.get(..span.start))
                    .map_or(1, |before| before.lines().count().max(1));
                return self.problems.push(format!("config: {}, line {line}: {}", path.display(), why.message()));
            }
        };
        let source = Source::File(path.to_owned());
        for (name, value) in table {
            if name == RECURRING {
                self.recurring_table(&value, &source);
            } else if let Some(known) = NAMES.iter().find(|known| **known == name) {
                match plain(&value) {
                    Some(value) => {
                        self.values.insert(known, (value, source.clone()));
                    }
                    None => self.problems.push(format!("{name}{source}: must be a text or a number")),
                }
            } else {
                let hint = closest(&name, NAMES.into_iter().chain([RECURRING]));
                self.problems.push(format!("{name}{source}: there is no such setting{}", did_you_mean(hint)));
            }
        }
        if let Some((secret, _)) = self.values.iter().find(|(name, _)| SECRETS.contains(name))
            && key::open_to_others(path)
        {
            self.warnings.push(format!("{} holds {secret} and others may read it: chmod 600 it", path.display()));
        }
    }

    fn recurring_table(&mut self, value: &toml::Value, source: &Source) {
        let Some(table) = value.as_table() else {
            return self.problems.push(format!("recurring{source}: must be a table of kinds and cron expressions"));
        };
        for (kind, schedule) in table {
            match schedule.as_str() {
                Some(schedule) => {
                    self.recurring.insert(kind.clone(), (schedule.to_owned(), source.clone()));
                }
                None => self.problems.push(format!("recurring.{kind}{source}: must be a cron expression in quotes")),
            }
        }
    }

    fn variables(&mut self, variables: &BTreeMap<String, String>) {
        for (name, value) in variables {
            let source = Source::Variable(name.clone());
            if let Some(kind) = name.strip_prefix(RECURRING_PREFIX) {
                self.recurring.insert(kind.to_ascii_lowercase(), (value.clone(), source));
            } else if let Some(known) = NAMES.iter().find(|known| variable(known) == *name) {
                self.values.insert(known, (value.clone(), source));
            } else if name != "CARTBACK_CONFIG" {
                let all: Vec<String> =
                    NAMES.iter().map(|known| variable(known)).chain(["CARTBACK_CONFIG".into()]).collect();
                match closest(name, all.iter().map(String::as_str)) {
                    Some(near) => {
                        self.problems.push(format!("{name}: there is no such variable; did you mean {near}?"))
                    }
                    None => self.warnings.push(format!("{name}: there is no such variable; it changes nothing")),
                }
            }
        }
    }

    fn flags(&mut self, flags: &Flags) {
        for (name, value) in [
            ("listen", &flags.listen),
            ("data", &flags.data),
            ("database_url", &flags.database_url),
            ("public_url", &flags.public_url),
            ("log", &flags.log),
            ("log_format", &flags.log_format),
            ("workers", &flags.workers),
            ("process_role", &flags.process_role),
            ("api_requests", &flags.api_requests),
            ("trusted_proxies", &flags.trusted_proxies),
            ("smtp_url", &flags.smtp_url),
            ("mail_from", &flags.mail_from),
        ] {
            if let Some(value) = value {
                self.values.insert(name, (value.clone(), Source::Flag(format!("--{}", name.replace('_', "-")))));
            }
        }
        for typed in &flags.recurring {
            let source = Source::Flag("--recurring".into());
            match typed.split_once('=') {
                Some((kind, schedule)) => {
                    self.recurring.insert(kind.trim().to_owned(), (schedule.trim().to_owned(), source));
                }
                None => self.problems.push(format!("recurring{source}: must be kind=expression")),
            }
        }
    }

    /// Reads one setting; what is wrong with it becomes a problem that ends the phrase "… must ".
    fn read<T>(&mut self, name: &'static str, read: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let (value, source) = self.values.get(name)?;
        match read(value.trim()) {
            Ok(value) => Some(value),
            Err(problem) => {
                let problem = format!("{name}{source}: must {problem}");
                self.problems.push(problem);
                None
            }
        }
    }

    /// A mail server is one only with a sender; each is looked at by itself, so that both problems are told at once.
    fn read_smtp(&mut self) -> Option<Smtp> {
        let from = self.read("mail_from", |typed| mail::parse_from(typed).map(|_| typed.to_owned()));
        let given = self.values.contains_key("mail_from");
        let smtp = self.read("smtp_url", |url| Smtp::parse(url, from.as_deref().unwrap_or("nobody@example.com")));
        match (&smtp, given) {
            (Some(_), false) => {
                self.problems.push("mail_from: must be set beside smtp_url: letters need a sender".to_owned());
            }
            (None, true) if !self.values.contains_key("smtp_url") => {
                self.warnings.push("mail_from is set and smtp_url is not: no mail is sent".to_owned());
            }
            _ => {}
        }
        smtp.filter(|_| from.is_some())
    }

    fn into_config(mut self) -> Result<Config, Problems> {
        let mut config = Config::in_folder(DEFAULT_DATA);
        if let Some(listen) = self.read("listen", read_address) {
            config.listen = listen;
        }
        if let Some(data) = self.read("data", read_folder) {
            config.data = data;
        }
        if let Some(Some(url)) = self.read("database_url", read_database_url) {
            config.database = Database::Postgres(url);
        }
        config.key = self.read("key", |value| match OperatorKeys::parse(value) {
            Ok(_) => Ok(SecretString::from(value.to_owned())),
            Err(why) => Err(format!("be a key: {why}")),
        });
        config.given_public_url = self.read("public_url", read_public_url);
        if let Some(log) = self.read("log", read_filter) {
            config.log = log;
        }
        if let Some(format) = self.read("log_format", read_format) {
            config.log_format = format;
        }
        if let Some(workers) = self.read("workers", read_workers) {
            config.workers = workers;
        }
        let shared = matches!(config.database, Database::Postgres(_));
        if let Some(role) = self.read("process_role", |value| role::read(value, shared)) {
            config.role = role;
        }
        config.api_requests = self.read("api_requests", read_api_requests);
        if let Some(proxies) = self.read("trusted_proxies", proxies::read) {
            config.trusted_proxies = proxies;
        }
        config.smtp = self.read_smtp();
        for (kind, (schedule, source)) in std::mem::take(&mut self.recurring) {
            match check_recurring(&kind, &schedule) {
                Ok(()) => {
                    config.recurring.insert(kind, schedule);
                }
                Err(problem) => self.problems.push(format!("recurring.{kind}{source}: {problem}")),
            }
        }
        config.warnings = self.warnings;
        if self.problems.is_empty() { Ok(config) } else { Err(Problems(self.problems)) }
    }
}

fn variable(name: &str) -> String {
    format!("{PREFIX}{}", name.to_ascii_uppercase())
}

fn plain(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}

fn read_address(value: &str) -> Result<SocketAddr, String> {
    value.parse().map_err(|_| "be an address and a port, as in 127.0.0.1:8080".into())
}

fn read_folder(value: &str) -> Result<PathBuf, String> {
    if value.is_empty() { Err("be a folder".into()) } else { Ok(PathBuf::from(value)) }
}

fn read_database_url(value: &str) -> Result<Option<SecretString>, String> {
    if value.is_empty() {
        return Ok(None);
    }
    match url::Url::parse(value) {
        Ok(url) if matches!(url.scheme(), "postgres" | "postgresql") => Ok(Some(SecretString::from(value.to_owned()))),
        _ => Err("begin with postgres://, or be empty for an SQLite file in the data folder".into()),
    }
}

fn read_public_url(value: &str) -> Result<String, String> {
    let url = url::Url::parse(value).ok().filter(|url| {
        let bare = url.username().is_empty() && url.password().is_none() && url.path() == "/";
        bare && url.query().is_none() && url.fragment().is_none()
    });
    match url {
        Some(url) if matches!(url.scheme(), "http" | "https") && url.host().is_some() => {
            Ok(url.as_str().trim_end_matches('/').to_owned())
        }
        _ => Err("be http:// or https:// with a host and nothing after it, as in https://sms.example.com".into()),
    }
}

fn read_filter(value: &str) -> Result<String, String> {
    match EnvFilter::builder().parse(value) {
        Ok(_) => Ok(value.to_owned()),
        Err(_) => Err("be a log filter, as in info or info,cartback=debug".into()),
    }
}

fn read_format(value: &str) -> Result<LogFormat, String> {
    match value {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("be text or json".into()),
    }
}

fn read_workers(value: &str) -> Result<usize, String> {
    match value.parse() {
        Ok(workers @ 1..=WORKERS_MAX) => Ok(workers),
        _ => Err(format!("be 1 to {WORKERS_MAX}")),
    }
}

fn read_api_requests(value: &str) -> Result<u32, String> {
    match value.parse() {
        Ok(requests @ 1..=API_REQUESTS_MAX) => Ok(requests),
        _ => Err(format!("be 1 to {API_REQUESTS_MAX}")),
    }
}

fn check_recurring(kind: &str, schedule: &str) -> Result<(), String> {
    let Some(kind) = recurring::Kind::ALL.into_iter().find(|known| known.name() == kind) else {
        let known: Vec<&str> = recurring::Kind::ALL.iter().map(|kind| kind.name()).collect();
        return Err(format!("there is no such work; there are {}", known.join(", ")));
    };
    match Recurring::new(kind, schedule) {
        Ok(_) => Ok(()),
        Err(_) => Err("must be a cron expression of six fields, seconds first, as in \"0 30 3 * * *\"".into()),
    }
}

fn did_you_mean(near: Option<&str>) -> String {
    match near {
        Some(near) => format!("; did you mean {near}?"),
        None => format!("; there are {}, {RECURRING}", NAMES.join(", ")),
    }
}

fn closest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    known
        .map(|known| (edits(name, known), known))
        .filter(|(edits, _)| *edits <= TYPO_EDITS_MAX)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, known)| known)
}

/// Letters to insert, drop or change to come from one to the other (Levenshtein).
fn edits(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (at, a) in from.bytes().enumerate() {
        let mut next = vec![at + 1];
        for ((b, pair), left_out) in to.bytes().zip(row.windows(2)).zip(1..) {
            let (Some(&diagonal), Some(&above)) = (pair.first(), pair.last()) else { continue };
            let left: usize = next.get(left_out - 1).copied().unwrap_or(left_out);
            next.push((diagonal + usize::from(a != b)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests;
