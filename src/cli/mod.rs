//! The command line: one file per subcommand. A command reads its arguments, asks the pipeline or the store, and answers
//! with a `Said`: words for people and the same as JSON. Printing and exit codes are decided here and nowhere else.
//!
//! How to add one: a file with an `Args` struct and an async function that answers a `Said`, a variant of `Command`, an
//! arm in `Command::run`.

mod serve;
mod demo;
mod migrate;
mod backup;
mod restore;
mod report;
mod lift;
mod net_ledger;
mod experiment;
mod doctor;
mod health;
mod kind;
mod shop;
mod sequence;
mod dry_run;
mod gateway;
mod cart;
mod inbox;
mod phone;
mod risk;
mod key;
mod user;
mod trail;
mod law;
mod person;
mod consent;
mod token;
mod bench;
mod webhook;
mod sink;
mod digest;
mod message;
mod order;
mod audit;
mod offline;
mod call;
mod attribution;
mod statement;
mod event;
mod goal;
mod text;
mod file;
mod shell;
mod progress;

use std::{collections::BTreeMap, process::ExitCode, sync::Arc};

use anyhow::{anyhow, bail};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use serde_json::Value;

use crate::{
    app::{self, App, lines::Lines},
    clock::{Clock, SystemClock},
    config::{self, Config, Flags, Problems},
    domain::{id::ShopId, time::Time},
    http::GuardedHttp,
    observe,
    pipeline::{Core, connect::NotConnected},
    store,
};

const AFTER: &str = "\
Exit codes: 0 done, 1 it could not be done, 2 something typed or set is wrong, 3 what was named does not exist.
With --json a command answers one JSON document on one line: an array for a list, an object for anything else. Times are
RFC 3339 in UTC, money is in the currency's smallest unit (…_minor), ids are as the pages show them.
Examples:
  cartback report --days 7
  cartback message list --state unknown --json
  cartback webhook add https://example.com/hooks/cartback --events order.recovered
  cartback completions bash > /etc/bash_completion.d/cartback";

/// Brings abandoned carts back by SMS and proves what that earned.
#[derive(Parser)]
#[command(name = "cartback", version, propagate_version = true)]
#[command(after_help = AFTER)]
pub struct Cli {
    #[command(flatten)]
    pub flags: Flags,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Start the service: webhooks, links, pages, and the worker
    Serve,
    /// See it work: the real service with a simulated shop, on this machine only, in a folder of its own [default: ./data/demo]
    Demo,
    /// Bring the database's schema up to date and end (serve does it too)
    Migrate(migrate::Args),
    /// Write everything into one file, while the service runs; or check such a file
    Backup(backup::Args),
    /// Bring a backup into an empty place, of either engine; nothing is sent until you say so
    Restore(restore::Args),
    /// What was abandoned, texted and recovered
    Report(report::Args),
    /// What the texts really earned: the held out beside the texted
    Lift(lift::Args),
    /// What texts left after what went back and what they cost, per currency and in one
    #[command(subcommand)]
    Ledger(net_ledger::Command),
    /// Rates of exchange, each from a day on
    #[command(subcommand)]
    Rate(net_ledger::Rate),
    /// What other channels cost, to stand beside the texts
    #[command(subcommand)]
    Spend(net_ledger::Spend),
    /// Ways of saying a step against each other, by chance
    #[command(subcommand)]
    Experiment(experiment::Command),
    /// Check key, database, clock, shops and gateways; exit code 1 when something is broken
    Doctor(doctor::Args),
    /// Ask the running service whether it can work and whether anything is silent; exit code 1 if not
    Health(health::Args),
    /// Connect shops, look at them, change their rules
    #[command(subcommand)]
    Shop(shop::Command),
    /// Whom a shop texts, when and in which order
    #[command(subcommand)]
    Sequence(sequence::Command),
    /// What the sequences would have done to the carts of the last days, at several delays; sends nothing
    DryRun(dry_run::Args),
    /// Connect SMS gateways, look at them, let a paused one send again
    #[command(subcommand)]
    Gateway(gateway::Command),
    /// Why a cart was texted or not: its whole story, gate by gate
    Explain(cart::Explain),
    /// Carts
    #[command(subcommand)]
    Cart(cart::Command),
    /// A number's consent: where it stands, opting it out, replies that wait to be read
    #[command(subcommand)]
    Phone(phone::Command),
    /// What is held against fake checkouts and runaway spend; resume it
    #[command(subcommand)]
    Risk(risk::Command),
    /// The kill switch: stop all sending of every shop within a second, or take it back
    Halt(risk::Halt),
    /// Raw deliveries: look at them, read them again
    #[command(subcommand)]
    Inbox(inbox::Command),
    /// The rules for texts, by country and state: hours, consent, how many, each with its source
    Law(law::Args),
    /// What is held about somebody: hand it over, forget it, prove one text
    #[command(subcommand)]
    Person(person::Command),
    /// Consents in a list
    #[command(subcommand)]
    Consent(consent::Command),
    /// Opt-outs: one, or a list in or out
    #[command(subcommand)]
    OptOut(consent::OptOut),
    /// Texts: which went out, what became of each
    #[command(subcommand)]
    Message(message::Command),
    /// Orders, and why each was credited or not
    #[command(subcommand)]
    Order(order::Command),
    /// Our books against the shop's: what is missing, what differs, how to mend it
    #[command(subcommand)]
    Audit(audit::Command),
    /// Sales at a till, with a loyalty card or by phone, beside the texts that went before them
    #[command(subcommand)]
    Offline(offline::Command),
    /// Numbers that texts show, and the calls that came in on them
    #[command(subcommand)]
    Call(call::Command),
    /// How orders are credited: other rules side by side, other windows
    #[command(subcommand)]
    Attribution(attribution::Command),
    /// Months published for good: publish one, look at it, check them all
    #[command(subcommand)]
    Statement(statement::Command),
    /// What visitors do on the shop's site
    #[command(subcommand)]
    Event(event::Command),
    /// What counts as a conversion
    #[command(subcommand)]
    Goal(goal::Command),
    /// How far visitors come
    #[command(subcommand)]
    Funnel(goal::Funnel),
    /// Replies that wait to be read, and how they were read
    #[command(subcommand)]
    Reply(phone::Reply),
    /// The words of every step: look at them, write them, try them out
    #[command(subcommand)]
    Text(text::Command),
    /// Outbound webhooks: tell other systems what happens, signed; see what was told, tell it again
    #[command(subcommand)]
    Webhook(webhook::Command),
    /// Advertising platforms: tell them what texts brought, of people who agreed to it
    #[command(subcommand)]
    Sink(sink::Command),
    /// Figures by mail: who gets them, how often, and one at once as a proof
    #[command(subcommand)]
    Digest(digest::Command),
    /// A database to measure on: carts and texts of eighteen months, of nobody
    #[command(subcommand)]
    Bench(bench::Command),
    /// Tokens of the API
    #[command(subcommand)]
    Token(token::Command),
    /// The operator's key, and those of shops
    #[command(subcommand)]
    Key(key::Command),
    /// People who sign in
    #[command(subcommand)]
    User(user::Command),
    /// Completions for a shell, to be sourced or saved where it looks for them
    Completions(shell::Completions),
    /// The manual page, as roff; or one for every command, into a folder
    Man(shell::Man),
}

/// Whether a command answers in words or as JSON.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
pub struct Form {
    /// Answer as JSON, for scripts
    #[arg(long)]
    pub json: bool,
}

/// What a command has to say.
#[derive(Debug)]
pub struct Said {
    pub words: String,
    pub json: Value,
    /// Whether all is well; if not, the exit code is 1 although everything was said.
    pub well: bool,
}

impl Said {
    pub fn new(words: impl Into<String>, json: Value) -> Said {
        Said { words: words.into(), json, well: true }
    }

    fn printed(&self, form: Form) -> String {
        if form.json { self.json.to_string() } else { self.words.trim_end().to_owned() }
    }

    fn print(&self, form: Form) {
        use std::io::Write;
        let text = self.printed(form);
        // A closed pipe (`| head`) is the reader's choice, not a problem.
        let _ = writeln!(std::io::stdout(), "{text}");
    }
}

/// Something typed or set is wrong: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Wrong(pub String);

/// What was named does not exist, or no longer does: exit code 3.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Missing(pub String);

const FAILED: u8 = 1;
const WRONG: u8 = 2;
const MISSING: u8 = 3;

/// Of each thread, the most it may grow to. A decision is many futures deep: without optimisation their frames outgrow the
/// usual two MiB.
const STACK_BYTES: usize = 8 * 1024 * 1024;

/// Reads the arguments, does what they say, and answers the exit code.
pub fn main() -> ExitCode {
    // Prints help and usage itself, with exit code 2 for wrong usage.
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|problem| problem.exit());
    let typed = trail::Typed::of(&matches);
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK_BYTES)
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(run(cli, &typed)));
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILED),
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(exit_code(&error))
        }
    }
}

fn exit_code(error: &anyhow::Error) -> u8 {
    let typed = matches!(error.downcast_ref::<NotConnected>(), Some(NotConnected::Wrong(_)));
    if typed || error.is::<Wrong>() || error.is::<Problems>() {
        WRONG
    } else if error.is::<Missing>() {
        MISSING
    } else {
        FAILED
    }
}

async fn run(cli: Cli, typed: &trail::Typed) -> anyhow::Result<bool> {
    match &cli.command {
        Command::Completions(args) => return shell::completions(args).map(|()| true),
        Command::Man(args) => return shell::man(args).map(|()| true),
        _ => {}
    }
    if let Command::Key(key::Command::New { form }) = &cli.command {
        let (said, form) = key::fresh(*form);
        said.print(form);
        return Ok(said.well);
    }
    if let Command::Law(args) = &cli.command
        && args.shop.is_none()
    {
        let said = law::told(args, SystemClock.now())?;
        said.print(args.form);
        return Ok(said.well);
    }
    if let Command::Demo = &cli.command {
        let config = demo::config(&cli.flags)?;
        observe::start_logging(&config);
        return demo::run(config).await.map(|()| true);
    }
    let mut config = Config::load(&cli.flags, config::variables())?;
    let lasting = match &cli.command {
        Command::Serve => true,
        Command::Restore(args) => args.serve,
        _ => false,
    };
    if !lasting && config.log == config::DEFAULT_LOG {
        config.log = "warn".to_owned();
    }
    if !lasting {
        config.take_word();
    }
    observe::start_logging(&config);
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    match &cli.command {
        Command::Serve => serve::run(config).await.map(|()| true),
        // Neither opens the database as the service does, which would change it or make one.
        Command::Backup(args) => {
            let (said, form) = backup::run(&config, args).await?;
            said.print(form);
            Ok(said.well)
        }
        Command::Restore(args) if !args.in_place => {
            restore::run(&config, args).await?.print(args.form);
            if args.serve { serve::run(config).await.map(|()| true) } else { Ok(true) }
        }
        Command::Health(args) => {
            let said = health::run(&config, args).await?;
            said.print(args.form);
            Ok(said.well)
        }
        Command::Doctor(args) => {
            let said = doctor::run(&config, open(&config).await).await;
            said.print(args.form);
            Ok(said.well)
        }
        command => {
            let opening =
                matches!(command, Command::Migrate(_)).then(|| progress::spinner("Bringing the schema up to date"));
            let app = open(&config).await?;
            drop(opening);
            let outcome = command.answer(&app.core, &config).await;
            trail::record(&app.core, typed, outcome.is_ok()).await;
            app.close().await;
            let (said, form) = outcome?;
            said.print(form);
            match command {
                Command::Restore(args) if args.serve => serve::run(config).await.map(|()| true),
                _ => Ok(said.well),
            }
        }
    }
}

impl Command {
    /// Does what a command that works on an open database is for.
    async fn answer(&self, core: &Core, config: &Config) -> anyhow::Result<(Said, Form)> {
        match self {
            Command::Migrate(args) => Ok((migrate::run(core, config, args).await?, args.form)),
            Command::Backup(args) => backup::run(config, args).await,
            Command::Restore(args) if args.in_place => Ok((restore::in_place(core, config, args).await?, args.form)),
            Command::Restore(args) => Ok((restore::run(config, args).await?, args.form)),
            Command::Report(args) => Ok((report::run(core, args).await?, args.form)),
            Command::Lift(args) => Ok((lift::run(core, args).await?, args.form)),
            Command::Ledger(command) => net_ledger::run(core, command).await,
            Command::Experiment(command) => experiment::run(core, command).await,
            Command::Rate(command) => net_ledger::rates(core, command).await,
            Command::Spend(command) => net_ledger::spends(core, command).await,
            Command::Shop(command) => shop::run(core, command).await,
            Command::Sequence(command) => sequence::run(core, command).await,
            Command::DryRun(args) => Ok((dry_run::run(core, args).await?, args.form)),
            Command::Gateway(command) => gateway::run(core, command).await,
            Command::Explain(args) => cart::explain(core, args).await,
            Command::Cart(command) => cart::run(core, command).await,
            Command::Phone(command) => phone::run(core, command).await,
            Command::Inbox(command) => inbox::run(core, command).await,
            Command::Risk(command) => risk::run(core, command).await,
            Command::Halt(args) => Ok((risk::halt(core, args).await?, args.form)),
            Command::Key(key::Command::New { form }) => Ok(key::fresh(*form)),
            Command::Key(key::Command::Rewrap { form }) => key::rewrap(core, *form).await,
            Command::Key(key::Command::Renew { shop, revoke_links, form }) => {
                key::renew(core, *shop, *revoke_links, *form).await
            }
            Command::User(command) => user::run(core, command).await,
            Command::Law(args) => Ok((law::run(core, args).await?, args.form)),
            Command::Person(command) => person::run(core, command).await,
            Command::Consent(command) => consent::run(core, command).await,
            Command::OptOut(command) => consent::run_opt_out(core, command).await,
            Command::Token(command) => token::run(core, command).await,
            Command::Bench(command) => bench::run(core, command).await,
            Command::Message(command) => message::run(core, command).await,
            Command::Order(command) => order::run(core, command).await,
            Command::Audit(command) => audit::run(core, command).await,
            Command::Offline(command) => offline::run(core, command).await,
            Command::Call(command) => call::run(core, command).await,
            Command::Attribution(command) => attribution::run(core, command).await,
            Command::Statement(command) => statement::run(core, command).await,
            Command::Event(command) => event::run(core, command).await,
            Command::Goal(command) => goal::run(core, command).await,
            Command::Funnel(command) => goal::run_funnel(core, command).await,
            Command::Reply(command) => phone::run_reply(core, command).await,
            Command::Text(command) => text::run(core, command).await,
            Command::Webhook(command) => webhook::run(core, command).await,
            Command::Sink(command) => sink::run(core, command).await,
            Command::Digest(command) => digest::run(core, command).await,
            Command::Serve
            | Command::Demo
            | Command::Doctor(_)
            | Command::Health(_)
            | Command::Completions(_)
            | Command::Man(_) => {
                bail!("this command opens nothing here")
            }
        }
    }
}

/// The real clock, the real network.
pub async fn open(config: &Config) -> anyhow::Result<App> {
    app::install_tls();
    let lines = Lines::default();
    let http = GuardedHttp::new()?.with_smpp(lines.door());
    Ok(App::open(config, Arc::new(SystemClock), Arc::new(http)).await?.with_lines(lines))
}

/// Reads `key=value`, as `--set` takes it.
fn pair(typed: &str) -> Result<(String, String), String> {
    match typed.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("must be key=value".into()),
    }
}

/// Pairs as one map; a key given twice is a mistake somebody would search for.
fn pairs(typed: &[(String, String)]) -> anyhow::Result<BTreeMap<String, String>> {
    let mut map = BTreeMap::new();
    for (key, value) in typed {
        if map.insert(key.clone(), value.clone()).is_some() {
            bail!(Wrong(format!("{key}: is given twice")));
        }
    }
    Ok(map)
}

/// The shop a command is about: the one named, or the only one there is.
async fn chosen_shop(core: &Core, named: Option<ShopId>) -> anyhow::Result<ShopId> {
    let mut read = core.db.read().await?;
    if let Some(id) = named {
        let known = id == ShopId::HOUSE || core.shop(&mut read, id).await?.is_some();
        return if known { Ok(id) } else { Err(no_shop(id)) };
    }
    let all = store::shop::ids(&mut read).await?;
    match all.as_slice() {
        [only] => Ok(*only),
        [] => bail!("there is no shop yet; add one with: cartback shop add"),
        many => {
            let many: Vec<String> = many.iter().map(ToString::to_string).collect();
            bail!(Wrong(format!("--shop: there are several shops; name one of {}", many.join(", "))))
        }
    }
}

fn no_shop(id: ShopId) -> anyhow::Error {
    anyhow!(Missing(format!("there is no shop {id}")))
}

/// Reads a moment, as RFC 3339 has it.
fn moment(typed: &str) -> Result<Time, String> {
    Time::parse(typed).or_else(|| Time::parse(&format!("{typed}T00:00:00Z"))).ok_or_else(|| {
        "must be a moment as 2026-03-01T09:00:00Z, or a day as 2026-03-01 (it begins at midnight UTC)".to_owned()
    })
}

/// A table without lines, as terminals and pipes like it.
fn table(head: &[&str]) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING).set_header(head.iter().copied());
    table
}

#[cfg(test)]
mod tests;
