//! `cartback text`: the words of a shop's steps: looked at, filled in as a shopper would get them, written, tried out on
//! the shopkeeper's own phone. What is written is checked as the editor checks it.

use std::{io::Read as _, path::PathBuf};

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::{Form, Missing, Said, Wrong, chosen_shop, no_shop, table};
use crate::{
    domain::{
        cart::Cart,
        id::{CartId, ShopId},
        seal::ShopKeys,
        sequence::Step,
        sms, template, wording,
    },
    pipeline::{
        Core, connect,
        trial::{self, NotSent, Trial},
    },
    store::{self, shop::Shop},
};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Every step's own words, in every language they are written in
    List {
        #[command(flatten)]
        of: Of,
    },
    /// The words of one step in one language: as written, and as a shopper would get them
    Show {
        #[command(flatten)]
        step: Which,
        #[command(flatten)]
        of: Of,
    },
    /// Write a step's words; carts left from now on get them
    #[command(
        after_help = "Example: cartback text set eu 1 --language de '{{ shop }}: Ihr Warenkorb wartet: {{ link }} {{ opt_out }}'"
    )]
    Set {
        #[command(flatten)]
        step: Which,
        #[command(flatten)]
        said: Typed,
        #[command(flatten)]
        of: Of,
    },
    /// Take a step's own words back: the ready-made ones are sent again
    Unset {
        #[command(flatten)]
        step: Which,
        #[command(flatten)]
        of: Of,
    },
    /// Fill words in and say what would be sent, in how many parts, and what is wrong; nothing is saved or sent
    Preview {
        #[command(flatten)]
        step: Which,
        #[command(flatten)]
        said: Typed,
        /// Filled in from this cart instead of a made-up one: cart_…
        #[arg(long)]
        cart: Option<CartId>,
        #[command(flatten)]
        of: Of,
    },
    /// Send the words to your own phone, through the shop's gateway
    Test {
        #[command(flatten)]
        step: Which,
        /// Your number, with its +, or as it is written in the shop's country
        phone: String,
        #[command(flatten)]
        of: Of,
    },
}

#[derive(clap::Args)]
pub struct Which {
    /// The sequence, as sequence list shows it
    sequence: String,
    /// The step, from 1
    step: u32,
    /// The language, as de or pt-BR; left out, every language without words of its own
    #[arg(long, default_value = "")]
    language: String,
}

/// Words typed or read from somewhere.
#[derive(clap::Args)]
pub struct Typed {
    /// The words; left out, those that stand there (preview) or --from
    text: Option<String>,
    /// Read them from a file; - for standard input
    #[arg(long, conflicts_with = "text")]
    from: Option<PathBuf>,
}

#[derive(clap::Args, Clone, Copy)]
pub struct Of {
    /// Whose; left out, the only shop's
    #[arg(long)]
    shop: Option<ShopId>,
    #[command(flatten)]
    form: Form,
}

pub async fn run(core: &Core, command: &Command) -> anyhow::Result<(Said, Form)> {
    match command {
        Command::List { of } => Ok((list(core, of).await?, of.form)),
        Command::Show { step, of } => {
            let desk = Desk::of(core, step, of).await?;
            Ok((desk.preview(core, &desk.source(), None).await?, of.form))
        }
        Command::Set { step, said, of } => {
            let desk = Desk::of(core, step, of).await?;
            let Some(source) = said.read()? else {
                bail!(Wrong("TEXT: type the words, or name a file with --from".into()))
            };
            desk.check(core, &source).await?;
            desk.write(core, Some(&source)).await?;
            Ok((desk.preview(core, &source, None).await?, of.form))
        }
        Command::Unset { step, of } => {
            let desk = Desk::of(core, step, of).await?;
            desk.write(core, None).await?;
            let desk = Desk::of(core, step, of).await?;
            Ok((desk.preview(core, &desk.source(), None).await?, of.form))
        }
        Command::Preview { step, said, cart, of } => {
            let desk = Desk::of(core, step, of).await?;
            let source = said.read()?.unwrap_or_else(|| desk.source());
            Ok((desk.preview(core, &source, *cart).await?, of.form))
        }
        Command::Test { step, phone, of } => {
            let desk = Desk::of(core, step, of).await?;
            let language = desk.spoken();
            let trial = Trial { language: &language, discount: desk.step.discount.as_ref(), cart: None };
            match trial::send(core, desk.shop.id, &trial, &desk.source(), phone).await {
                Ok(()) => {}
                Err(NotSent::Refused(why)) => bail!("no test was sent: {why}"),
                Err(NotSent::Store(error)) => return Err(error.into()),
            }
            let words = "Queued; a running `cartback serve` sends it at once.";
            Ok((Said::new(words, json!({ "queued": true, "shop": desk.shop.id })), of.form))
        }
    }
}

impl Typed {
    fn read(&self) -> anyhow::Result<Option<String>> {
        let text = match (&self.text, &self.from) {
            (Some(text), _) => text.clone(),
            (None, Some(path)) if path.as_os_str() == "-" => {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).context("standard input")?;
                text
            }
            (None, Some(path)) => std::fs::read_to_string(path).with_context(|| path.display().to_string())?,
            (None, None) => return Ok(None),
        };
        // An editor's last line end is none of the text's.
        Ok(Some(text.replace("\r\n", "\n").trim_end_matches('\n').to_owned()))
    }
}

async fn list(core: &Core, of: &Of) -> anyhow::Result<Said> {
    let id = chosen_shop(core, of.shop).await?;
    let found = core.shop(&mut core.db.read().await?, id).await?;
    let (shop, _) = found.ok_or_else(|| no_shop(id))?;
    let mut lines = table(&["sequence", "step", "language", "words"]);
    let mut json: Vec<Value> = Vec::new();
    for sequence in &shop.rules.sequences {
        for (number, step) in (1_u32..).zip(&sequence.steps) {
            if step.texts.is_empty() {
                lines.add_row([sequence.id.as_str(), &number.to_string(), "all", "(ready-made)"]);
                json.push(json!({ "sequence": sequence.id, "step": number, "language": null, "own": false }));
            }
            for (tag, text) in &step.texts {
                let shown = if tag.is_empty() { "others" } else { tag };
                lines.add_row([sequence.id.as_str(), &number.to_string(), shown, text]);
                let tag = (!tag.is_empty()).then_some(tag);
                json.push(
                    json!({ "sequence": sequence.id, "step": number, "language": tag, "own": true, "text": text }),
                );
            }
        }
    }
    let words = if json.is_empty() { "There is no sequence.".to_owned() } else { lines.to_string() };
    Ok(Said::new(words, json.into()))
}

/// One step with its shop.
struct Desk<'w> {
    shop: Shop,
    keys: ShopKeys,
    which: &'w Which,
    tag: String,
    step: Step,
}

impl<'w> Desk<'w> {
    async fn of(core: &Core, which: &'w Which, of: &Of) -> anyhow::Result<Desk<'w>> {
        let id = chosen_shop(core, of.shop).await?;
        let found = core.shop(&mut core.db.read().await?, id).await?;
        let (shop, keys) = found.ok_or_else(|| no_shop(id))?;
        let tag = which.language.trim().to_lowercase();
        let tag = if tag == "others" { String::new() } else { tag };
        if !tag.is_empty() && wording::name(&tag).is_none() {
            bail!(Wrong(format!(
                "--language: {tag} is no language there are words for: {}",
                wording::languages().join(", ")
            )));
        }
        let sequence = shop.rules.sequences.iter().find(|sequence| sequence.id == which.sequence);
        let place = usize::try_from(which.step).unwrap_or(0).checked_sub(1);
        let step = sequence.and_then(|sequence| sequence.steps.get(place?)).cloned();
        let missing = || Missing(format!("shop {id} has no step {} in a sequence {}", which.step, which.sequence));
        let step = step.ok_or_else(missing)?;
        Ok(Desk { shop, keys, which, tag, step })
    }

    fn spoken(&self) -> String {
        if self.tag.is_empty() {
            wording::choose(None, None, &self.shop.country).to_lowercase()
        } else {
            self.tag.clone()
        }
    }

    /// The shop's own words, else the ready-made ones.
    fn source(&self) -> String {
        let ready = if self.step.discount.is_some() { wording::discounted } else { wording::text };
        let own = self.step.texts.get(&self.tag).cloned();
        own.unwrap_or_else(|| ready(Some(&self.spoken()), self.which.step).to_owned())
    }

    async fn filled(&self, core: &Core, cart: Option<&Cart>) -> anyhow::Result<trial::Filled> {
        let language = self.spoken();
        let trial = Trial { language: &language, discount: self.step.discount.as_ref(), cart };
        Ok(trial::fill(&mut core.db.read().await?, core, (&self.shop, &self.keys), &trial).await?)
    }

    async fn check(&self, core: &Core, source: &str) -> anyhow::Result<()> {
        let filled = self.filled(core, None).await?;
        if let Err(problems) = template::check_within(source, &filled.merge, self.shop.rules.parts_most) {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            bail!(Wrong(problems.join("\n")));
        }
        Ok(())
    }

    async fn write(&self, core: &Core, source: Option<&str>) -> anyhow::Result<()> {
        let done = connect::change_rules(core, self.shop.id, |rules, _| {
            let sequence = rules.sequences.iter_mut().find(|sequence| sequence.id == self.which.sequence);
            let place = usize::try_from(self.which.step).unwrap_or(0).saturating_sub(1);
            let step = sequence.and_then(|sequence| sequence.steps.get_mut(place));
            let step = step.ok_or_else(|| vec!["this step was removed meanwhile".to_owned()])?;
            match source {
                Some(source) => step.texts.insert(self.tag.clone(), source.to_owned()),
                None => step.texts.remove(&self.tag),
            };
            Ok(())
        });
        Ok(done.await?)
    }

    async fn preview(&self, core: &Core, source: &str, cart: Option<CartId>) -> anyhow::Result<Said> {
        let cart = match cart {
            Some(id) => {
                let found = store::cart::get(&mut core.db.read().await?, &self.keys, id).await?;
                Some(found.ok_or_else(|| Missing(format!("shop {} has no cart {id}", self.shop.id)))?)
            }
            None => None,
        };
        let filled = self.filled(core, cart.as_ref()).await?;
        let problems: Vec<String> = template::check_within(source, &filled.merge, self.shop.rules.parts_most)
            .err()
            .into_iter()
            .flatten()
            .map(|problem| problem.to_string())
            .collect();
        let said = template::render(source, &filled.merge).ok();
        let told = said.as_deref().map(sms::segments);
        let mut words = format!("{source}\n");
        if let (Some(said), Some(told)) = (&said, &told) {
            let parts = if told.count == 1 { "1 part".to_owned() } else { format!("{} parts", told.count) };
            words.push_str(&format!("\n{said}\n\n{} characters in {parts}", said.chars().count()));
        }
        for problem in &problems {
            words.push_str(&format!("\n✗ {problem}"));
        }
        let json = json!({
            "shop": self.shop.id,
            "sequence": self.which.sequence,
            "step": self.which.step,
            "language": (!self.tag.is_empty()).then_some(&self.tag),
            "own": self.step.texts.contains_key(&self.tag),
            "source": source,
            "text": said,
            "parts": told.map(|told| told.count),
            "problems": problems,
        });
        let well = problems.is_empty();
        Ok(Said { well, ..Said::new(words, json) })
    }
}
