//! Settings: precedence, every problem at once, nothing secret in what is said.

use super::*;

const KEY: &str = "mZ4Xv1b0Jr8kq2Wc7uTn5LhPgYd3sAeF6iRoBxVjKlM=";

fn load(flags: &Flags, variables: &[(&str, &str)]) -> Result<Config, Problems> {
    Config::load(flags, variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())))
}

fn with_file(text: &str) -> (tempfile::TempDir, Flags) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cartback.toml");
    std::fs::write(&file, text).unwrap();
    (folder, Flags { config: Some(file), ..Flags::default() })
}

#[test]
fn nothing_set_is_a_good_start() {
    let config = load(&Flags::default(), &[("PATH", "/bin"), ("CARTBACK_DATABASE_URL", "")]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.public_url(), "http://127.0.0.1:8080");
    assert!(matches!(config.database, Database::Lite));
    assert!(config.warnings.is_empty());
    assert!((1..=4).contains(&config.workers));
}

#[test]
fn flags_win_over_variables_over_the_file() {
    let (_folder, mut flags) =
        with_file("listen = '127.0.0.1:1'\ndata = 'a'\nworkers = 3\npublic_url = 'https://a.example/'");
    flags.listen = Some("127.0.0.1:3".into());
    let config = load(&flags, &[("CARTBACK_LISTEN", "127.0.0.1:2"), ("CARTBACK_DATA", "b")]).unwrap();
    assert_eq!((config.listen.port(), config.data.to_str(), config.workers), (3, Some("b"), 3));
    assert_eq!(config.public_url(), "https://a.example");
}

#[test]
fn a_variable_may_name_the_file() {
    let (_folder, flags) = with_file("log_format = 'json'");
    let file = flags.config.unwrap();
    let config = load(&Flags::default(), &[("CARTBACK_CONFIG", file.to_str().unwrap())]).unwrap();
    assert_eq!(config.log_format, LogFormat::Json);
}

#[test]
fn processes_that_share_a_database_share_the_roles() {
    let shared = ("CARTBACK_DATABASE_URL", "postgres://db/cartback");
    for (word, role) in [("all", Role::All), ("web", Role::Web), ("worker", Role::Worker)] {
        assert_eq!(load(&Flags::default(), &[shared, ("CARTBACK_PROCESS_ROLE", word)]).unwrap().role, role);
    }
    assert_eq!(load(&Flags::default(), &[("CARTBACK_PROCESS_ROLE", "all")]).unwrap().role, Role::All);
}

#[test]
fn a_wrong_value_is_refused_with_its_source() {
    #[track_caller]
    fn check(name: &str, value: &str, says: &str) {
        let Problems(problems) = load(&Flags::default(), &[(name, value)]).unwrap_err();
        assert!(problems.len() == 1 && problems[0].contains(says) && problems[0].contains(name), "{problems:?}");
    }
    check("CARTBACK_LISTEN", "8080", "address and a port");
    check("CARTBACK_DATABASE_URL", "mysql://root:hunter2@db/x", "postgres://");
    check("CARTBACK_KEY", "c2hvcnQ=", "has 5 bytes; a key has 32");
    check("CARTBACK_KEY", "changeme", "key 1 has 6 bytes");
    check("CARTBACK_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "not random");
    check("CARTBACK_PUBLIC_URL", "sms.example.com", "https://");
    check("CARTBACK_PUBLIC_URL", "https://sms.example.com/cartback", "nothing after it");
    check("CARTBACK_PUBLIC_URL", "https://me:hunter2@sms.example.com", "nothing after it");
    check("CARTBACK_LOG", "cartback=loud", "log filter");
    check("CARTBACK_LOG_FORMAT", "xml", "text or json");
    check("CARTBACK_WORKERS", "0", "1 to 64");
    check("CARTBACK_PROCESS_ROLE", "cook", "all, web or worker");
    check("CARTBACK_PROCESS_ROLE", "worker", "an SQLite file has one process");
    check("CARTBACK_RECURRING_ROLUP", "0 0 3 * * *", "no such work");
    check("CARTBACK_LISTE", "127.0.0.1:1", "did you mean CARTBACK_LISTEN");
}

#[test]
fn a_mail_server_has_a_sender_and_keeps_its_password() {
    let server = ("CARTBACK_SMTP_URL", "smtps://me:hunter2@mail.example");
    let config = load(&Flags::default(), &[server, ("CARTBACK_MAIL_FROM", "Cartback <a@shop.example>")]).unwrap();
    assert_eq!(config.smtp.as_ref().unwrap().place(), "mail.example:465, TLS, from a@shop.example");
    assert!(!format!("{config:?}").contains("hunter2"));
    let Problems(problems) = load(&Flags::default(), &[server]).unwrap_err();
    assert!(problems.len() == 1 && problems[0].contains("mail_from"), "{problems:?}");
    let bad = [("CARTBACK_SMTP_URL", "mail.example:hunter2"), ("CARTBACK_MAIL_FROM", "nobody")];
    let Problems(problems) = load(&Flags::default(), &bad).unwrap_err();
    assert!(problems.len() == 2 && !problems.concat().contains("hunter2"), "{problems:?}");
    let (_folder, flags) = with_file("smtp_url = 'smtp://relay?tls=none'\nmail_from = 'a@shop.example'");
    assert!(load(&flags, &[]).unwrap().smtp.is_some());
}

#[test]
fn a_file_that_is_not_there_is_a_problem() {
    let Problems(problems) = load(&Flags::default(), &[("CARTBACK_CONFIG", "/nowhere/cartback.toml")]).unwrap_err();
    assert!(problems[0].contains("/nowhere/cartback.toml cannot be read"), "{problems:?}");
}

#[test]
fn every_problem_is_named_at_once() {
    let (_folder, flags) = with_file("listn = 'x'\nworkers = 99\ndata = ['a']\nrecurring = 1");
    let Problems(problems) = load(&flags, &[("CARTBACK_LOG_FORMAT", "xml")]).unwrap_err();
    assert_eq!(problems.len(), 5, "{problems:?}");
    assert!(problems.iter().any(|problem| problem.contains("did you mean listen?")));
}

#[test]
fn a_broken_file_is_told_by_its_line_without_quoting_it() {
    let (_folder, flags) = with_file("listen = '127.0.0.1:1'\nkey = hunter2");
    let Problems(problems) = load(&flags, &[]).unwrap_err();
    assert!(problems[0].contains("line 2") && !problems[0].contains("hunter2"), "{problems:?}");
}

#[test]
fn recurring_work_is_scheduled_from_every_source() {
    let kind = recurring::Kind::ALL[0].name();
    let (_folder, flags) = with_file(&format!("[recurring]\n{kind} = '0 30 3 * * *'"));
    assert_eq!(load(&flags, &[]).unwrap().recurring[kind], "0 30 3 * * *");
    let variable = format!("CARTBACK_RECURRING_{}", kind.to_uppercase());
    assert_eq!(load(&flags, &[(&variable, "0 0 4 * * *")]).unwrap().recurring[kind], "0 0 4 * * *");
    let Problems(problems) = load(&flags, &[(&variable, "every night")]).unwrap_err();
    assert!(problems[0].contains("six fields"), "{problems:?}");
}

#[test]
fn a_strange_variable_is_only_worth_a_word() {
    let config = load(&Flags::default(), &[("CARTBACK_SOMETHING_ELSE", "1")]).unwrap();
    assert!(config.warnings[0].contains("CARTBACK_SOMETHING_ELSE"));
}

#[test]
fn secrets_are_never_shown() {
    let url = "postgres://me:hunter2@db.example/cartback";
    let config = load(&Flags::default(), &[("CARTBACK_KEY", KEY), ("CARTBACK_DATABASE_URL", url)]).unwrap();
    let shown = format!("{config:?} {}", config.place());
    assert!(!shown.contains("hunter2") && !shown.contains(KEY), "{shown}");
    assert_eq!(config.place(), "PostgreSQL, db.example/cartback");
}

#[test]
fn letters_between_two_names() {
    for (from, to, expected) in
        [("", "", 0), ("abc", "abc", 0), ("abc", "ab", 1), ("listn", "listen", 1), ("kitten", "sitting", 3)]
    {
        assert_eq!(edits(from, to), expected, "{from} {to}");
    }
}

#[test]
fn a_command_learns_where_the_service_is_unless_told() {
    let folder = tempfile::tempdir().unwrap();
    let serving = Config { listen: "127.0.0.1:8444".parse().unwrap(), ..Config::in_folder(folder.path()) };
    serving.leave_word().unwrap();
    let learnt = |mut config: Config| {
        config.take_word();
        config.public_url()
    };
    let typed = || Config::in_folder(folder.path());
    assert_eq!(learnt(typed()), "http://127.0.0.1:8444");
    let told = Config { given_public_url: Some("https://sms.example.com".into()), ..typed() };
    assert_eq!(learnt(told), "https://sms.example.com");
    let elsewhere = tempfile::tempdir().unwrap();
    assert_eq!(learnt(Config::in_folder(elsewhere.path())), "http://127.0.0.1:8080");
}
