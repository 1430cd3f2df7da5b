//! `cartback completions` and `cartback man`: what a shell and a manual need, made from the commands themselves, so that
//! neither can be out of date.

use std::{io::Write, path::PathBuf};

use anyhow::Context;
use clap::CommandFactory;

use super::Cli;

#[derive(clap::Args)]
pub struct Completions {
    /// For which shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

#[derive(clap::Args)]
pub struct Man {
    /// Write a page for every command into this folder, which is made if need be
    #[arg(long, value_name = "FOLDER")]
    pub to: Option<PathBuf>,
}

pub fn completions(args: &Completions) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "cartback", &mut script);
    print(&script);
    Ok(())
}

pub fn man(args: &Man) -> anyhow::Result<()> {
    match &args.to {
        Some(folder) => {
            std::fs::create_dir_all(folder).with_context(|| format!("the folder {}", folder.display()))?;
            clap_mangen::generate_to(Cli::command(), folder).with_context(|| format!("pages in {}", folder.display()))
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            print(&page);
            Ok(())
        }
    }
}

/// A closed pipe (`| head`) is the reader's choice, not a problem.
fn print(bytes: &[u8]) {
    let _ = std::io::stdout().write_all(bytes);
}
