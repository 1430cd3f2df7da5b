//! The files to deploy by, and what is written about it, held to the program: every variable is a setting, every command is
//! one there is, whoever stops it waits long enough, nothing runs as root, and no proxy's log holds what opens something.

use std::{fs, path::Path};

use cartback::{
    cli::Cli,
    config::{Config, DEFAULT_LISTEN, Flags, Problems},
    web::route::{May, ROUTES},
};
use clap::{Parser, error::ErrorKind};

const UNIT: &str = "assets/deploy/systemd/cartback.service";
const BACKUP: &str = "assets/deploy/systemd/cartback-backup.service";
const IMAGE: &str = "assets/deploy/Dockerfile";
const COMPOSE: &str = "assets/deploy/compose.yaml";
const SETTINGS: &str = "assets/deploy/cartback.toml";
const NGINX: &str = "assets/deploy/nginx.conf";
const CADDY: &str = "assets/deploy/Caddyfile";
const FILES: [&str; 11] = [
    UNIT,
    BACKUP,
    "assets/deploy/systemd/cartback-backup.timer",
    "assets/deploy/systemd/cartbackctl",
    IMAGE,
    COMPOSE,
    SETTINGS,
    NGINX,
    CADDY,
    "SECURITY.md",
    "README.md",
];

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|why| panic!("{name}: {why}"));
    // Of the tour of everything only what is said of deploying.
    if name == "README.md" { between(&text, "\n## Deploy\n", "\n## ").to_owned() } else { text }
}

/// The variables of ours a text names; `CARTBACK_*` and `CARTBACK_RECURRING_<KIND>` name a family.
fn variables(text: &str) -> Vec<String> {
    let named = text.match_indices("CARTBACK_").map(|(at, _)| {
        let rest = text.get(at..).unwrap_or_default();
        rest.chars().take_while(|next| next.is_ascii_uppercase() || *next == '_').collect::<String>()
    });
    named.filter(|name| !name.ends_with('_')).collect()
}

/// Whether the program would take a variable of this name for one of its own.
fn is_setting(name: &str) -> bool {
    let strange = |words: &String| words.contains("there is no such");
    match Config::load(&Flags::default(), [(name.to_owned(), "x".to_owned())]) {
        Ok(config) => !config.warnings.iter().any(strange),
        Err(Problems(problems)) => !problems.iter().any(strange),
    }
}

#[test]
fn every_variable_is_a_setting() {
    let strange: Vec<String> = FILES
        .iter()
        .flat_map(|file| variables(&read(file)).into_iter().map(move |name| (file, name)))
        .filter(|(_, name)| !is_setting(name))
        .map(|(file, name)| format!("{file}: {name}"))
        .collect();
    assert!(strange.is_empty(), "{}", strange.join("\n"));
    assert_eq!(variables("CARTBACK_KEY=1 CARTBACK_* $CARTBACK_DATA"), ["CARTBACK_KEY", "CARTBACK_DATA"]);
    assert!(is_setting("CARTBACK_KEY") && is_setting("CARTBACK_RECURRING_KEY_ROTATION"));
    for other in ["CARTBACK_KEYS", "CARTBACK_SECRET_FILE", "CARTBACK_RECURRING_LUNCH"] {
        assert!(!is_setting(other), "{other}");
    }
}

#[test]
fn the_settings_file_lacks_its_key_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cartback.toml");
    let load = |text: &str| {
        fs::write(&file, text).unwrap();
        let mode = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o400);
        let _ = fs::set_permissions(&file, mode);
        let loaded = Config::load(&Flags { config: Some(file.clone()), ..Flags::default() }, []);
        fs::remove_file(&file).unwrap();
        loaded
    };
    let given = read(SETTINGS);
    let Err(Problems(problems)) = load(&given) else { panic!("it starts without a key") };
    assert!(problems.len() == 1 && problems[0].starts_with("key"), "{problems:?}");
    // What is left out by a comment is right too once somebody wants it.
    let wanted: String = given
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|rest| rest.contains(" = ")).unwrap_or(line))
        .map(|line| if line == "key = \"\"" { "key = \"1fB0nWk0Zb7p5a1vI8cJ3mXo9sQeYtLhRgKdUiNfMjA=\"" } else { line })
        .fold(String::new(), |all, line| all + line + "\n");
    let config = load(&wanted).unwrap();
    assert_eq!(config.warnings, [""; 0]);
    assert!(config.key.is_some() && config.smtp.is_some() && config.public_url().starts_with("https://"));
}

/// What stands before a command line of ours, in any of these files.
const BEFORE: [&str; 6] =
    ["/usr/local/bin/cartback ", "cartbackctl ", "--rm cartback ", "`cartback ", "`cartback\n", "\ncartback "];

/// The command lines in a text, as words.
fn commands(text: &str) -> Vec<Vec<String>> {
    let text = format!("\n{text}");
    let mut found = Vec::new();
    for before in BEFORE {
        for (at, _) in text.match_indices(before) {
            let rest = text.get(at + before.len()..).unwrap_or_default();
            // A line of prose may end within a command, a line of a shell's may not.
            let ends: &[char] = if before.starts_with('`') { &['`'] } else { &['`', '\n', '\'', ')'] };
            let words = words(rest.split(ends).next().unwrap_or_default());
            // What is not written out: `cartbackctl …`, "$@".
            if words.first().is_some_and(|first| first.starts_with(|next: char| next.is_ascii_lowercase())) {
                found.push(words);
            }
        }
    }
    found
}

/// As a shell would part them, as far as these lines go: quotes hold together, a comment ends.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quoted) = (String::new(), false);
    for next in line.chars() {
        match next {
            '"' => quoted = !quoted,
            '#' if !quoted && word.is_empty() => break,
            next if next.is_whitespace() && !quoted => words.extend(Some(std::mem::take(&mut word))),
            next => word.push(next),
        }
    }
    words.push(word);
    // What stands for something somebody knows.
    let filled =
        words.into_iter().map(|word| word.replace("gw_…", "gw_0000000000001").replace("sink_…", "sink_0000000000001"));
    filled.map(|word| word.replace("=…", "=x")).filter(|word| !word.is_empty() && !word.contains('…')).collect()
}

/// Why a command line is none of ours.
fn refused(words: &[String]) -> Option<String> {
    match Cli::try_parse_from(std::iter::once("cartback").chain(words.iter().map(String::as_str))) {
        Err(problem) if !matches!(problem.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            Some(format!("{}: {problem}", words.join(" ")))
        }
        _ => None,
    }
}

#[test]
fn every_command_is_one_the_program_has() {
    let mut count = 0;
    let mut problems = Vec::new();
    for file in FILES {
        let all = commands(&read(file));
        count += all.len();
        problems.extend(all.iter().filter_map(|words| Some(format!("{file}: {}", refused(words)?))));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(count >= 30, "only {count} commands were found: they are not recognised any more");
    let said = "cartback halt --why \"a leak\"   # now\nExecStart=/usr/local/bin/cartback serve\nSay `cartback\nlaw`.";
    let planted = commands(said);
    assert_eq!(planted, [vec!["serve"], vec!["law"], vec!["halt", "--why", "a leak"]]);
    for wrong in ["serve --port 80", "salt", "user"] {
        assert!(refused(&words(wrong)).is_some(), "{wrong}");
    }
}

/// `key=value`, the last one that counts.
fn value<'t>(unit: &'t str, key: &str) -> &'t str {
    let of = |line: &'t str| line.strip_prefix(key)?.strip_prefix('=');
    unit.lines().filter_map(of).next_back().unwrap_or_default()
}

/// The lines of one service in the compose file.
fn service(name: &str) -> String {
    let compose = read(COMPOSE);
    let head = format!("  {name}:");
    let lines = compose.lines().skip_while(|line| **line != head).skip(1);
    let within = lines.take_while(|line| line.is_empty() || line.starts_with("    "));
    within.fold(String::new(), |all, line| all + line.trim_start() + "\n")
}

fn seconds(text: &str) -> u64 {
    text.trim().trim_end_matches('s').parse().unwrap_or_else(|_| panic!("{text:?} is no number of seconds"))
}

#[test]
fn whoever_stops_it_waits_long_enough() {
    let source = read("src/app.rs");
    let own = |name: &str| {
        let (_, rest) = source.split_once(&format!("const {name}: Duration = Duration::from_secs(")).unwrap();
        seconds(rest.split(')').next().unwrap())
    };
    let takes = own("STOP_WITHIN") + own("WRITE_WITHIN");
    assert!(seconds(value(&read(UNIT), "TimeoutStopSec")) > takes);
    let app = service("app");
    let grace = app.lines().find_map(|line| line.strip_prefix("stop_grace_period: ")).unwrap();
    assert!(seconds(grace) > takes);
    // It hears SIGTERM, and tells systemd nothing.
    assert_eq!(value(&read(UNIT), "KillSignal"), "SIGTERM");
    assert!(read(IMAGE).contains("\nSTOPSIGNAL SIGTERM\n"));
    assert_eq!(value(&read(UNIT), "WatchdogSec"), "");
}

#[test]
fn nothing_of_ours_runs_as_root_or_writes_elsewhere() {
    let image = read(IMAGE);
    let (_, last) = image.rsplit_once("\nFROM ").unwrap();
    let of = |word: &str| last.lines().filter_map(|line| line.strip_prefix(word)).next_back().unwrap_or_default();
    let (user, group) = of("USER ").split_once(':').unwrap();
    assert!(user.parse::<u32>().unwrap() > 0 && group.parse::<u32>().unwrap() > 0, "{user}:{group}");
    assert!(!last.contains("\nRUN "), "the image has no shell");
    let data = of("VOLUME ");
    assert!(last.contains(&format!("CARTBACK_DATA={data} ")), "the volume is not where the data is");
    assert!(last.contains(&format!("--chown={user}:{group} --chmod=700 /rootfs/data {data}\n")));
    assert_eq!(of("ENTRYPOINT "), "[\"/usr/local/bin/cartback\"]");
    for name in ["app", "db", "proxy"] {
        let block = service(name);
        assert!(block.contains("\nread_only: true\n"), "{name}");
        assert!(block.contains("\ncap_drop: [ALL]\n"), "{name}");
        assert!(block.contains("\nsecurity_opt: [\"no-new-privileges:true\"]\n"), "{name}");
        // A secret is a file.
        let secret = |line: &&str| line.contains("PASSWORD") || line.contains("KEY") || line.contains("DATABASE_URL");
        let given: Vec<&str> = block.lines().filter(|line| !line.starts_with('#')).filter(secret).collect();
        assert!(given.iter().all(|line| line.contains("_FILE: /run/secrets/")), "{name}: {given:?}");
    }
    assert!(service("app").contains(&format!("\nuser: \"{user}:{group}\"\n")));
    assert!(service("app").contains(&format!("- {data}:mode=0700,uid={user},gid={group},")));
    assert!(!service("app").contains("\nports:") && !service("db").contains("\nports:"), "past the proxy");
    assert!(!service("db").contains("\nuser: \"0"));
    for file in [UNIT, BACKUP] {
        let unit = read(file);
        for (key, expected) in [
            ("NoNewPrivileges", "yes"),
            ("CapabilityBoundingSet", ""),
            ("ProtectSystem", "strict"),
            ("MemoryDenyWriteExecute", "yes"),
            ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX"),
            ("StateDirectoryMode", "0700"),
            ("UMask", "0077"),
        ] {
            assert!(unit.contains(&format!("\n{key}=")), "{file}: {key}");
            assert_eq!(value(&unit, key), expected, "{file}: {key}");
        }
        assert!(!["", "root", "0"].contains(&value(&unit, "User")), "{file}");
        assert!(unit.contains(&format!("\nEnvironment=CARTBACK_DATA=/var/lib/{}\n", value(&unit, "StateDirectory"))));
        assert!(unit.contains("\nLoadCredential=cartback.toml:/etc/cartback/cartback.toml\n"), "{file}");
        assert!(unit.contains("\nEnvironment=CARTBACK_CONFIG=%d/cartback.toml\n"), "{file}");
    }
}

/// What stands between two signs, the first time.
fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    text.split_once(before).and_then(|(_, rest)| rest.split_once(after)).map_or("", |(between, _)| between)
}

#[test]
fn proxies_lead_here_and_keep_what_opens_something_to_themselves() {
    let (nginx, caddy) = (read(NGINX), read(CADDY));
    assert!(nginx.contains(&format!("\n    server {DEFAULT_LISTEN};\n")));
    assert!(caddy.contains(&format!("{{$UPSTREAM:{DEFAULT_LISTEN}}}")));
    // What a client wrote there is not handed on.
    assert!(nginx.contains("proxy_set_header X-Forwarded-For $remote_addr;"));
    let quiet: Vec<&str> = between(&nginx, "\"~^/(", ")/\" 0;").split('|').collect();
    let opens = |path: &&str| path.contains("{token}") || path.contains("{connection}");
    for path in ROUTES.iter().filter(|route| route.may == May::Anyone).map(|route| route.path).filter(opens) {
        let quieted = quiet.iter().any(|start| path.starts_with(&format!("/{start}/")));
        assert!(quieted, "{path} would stand in nginx's log");
    }
    assert!(!caddy.lines().any(|line| line.trim_start().starts_with("log")), "Caddy's log has every path");
    let inside = between(&caddy, "@inside path ", "\n");
    for path in inside.split(' ') {
        assert!(ROUTES.iter().any(|route| route.path == path), "{path} is no route");
        assert!(between(&nginx, "location ~ ^/(", ")$").split('|').any(|name| format!("/{name}") == path), "{path}");
    }
    assert_eq!(inside, "/metrics /healthz /readyz /watchz");
    assert_eq!(between("a (b) c (d)", "(", ")"), "b");
}

#[test]
fn what_is_to_be_watched_is_counted() {
    let sources = ["src/web/metric.rs", "src/web/hook.rs"].map(read).concat();
    let readme = read("README.md");
    let named: Vec<&str> = readme.split('`').filter(|word| word.starts_with("cartback_")).collect();
    assert!(named.len() >= 4, "{named:?}");
    for name in named {
        assert!(sources.contains(&format!("\"{name}\"")), "{name}");
    }
}
