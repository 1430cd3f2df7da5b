//! The same pages in a browser that runs no script.

use super::{rich, site::Stage};

#[actix_web::test]
async fn the_main_pages_work_without_javascript() {
    let Some(stage) = Stage::open().await else { return };
    stage.forbids_scripts().await;
    stage.sign_in().await;
    rich::fill(&stage.app).await;
    stage.visit("/").await;
    stage.sees("Texts brought back €100 net from 1 order").await;
    stage.press("Every day as a table").await;
    stage.sees("Refunded").await;
    stage.follow("Report").await;
    stage.sees("€100 net came back").await;
    stage.follow("Carts").await;
    stage.fill("Search carts", "maja.novak@shopper.example").await;
    stage.press("Search").await;
    stage.follow("Maja, …5101").await;
    stage.sees("What happened, and why").await;
    stage.follow("Texts").await;
    stage.choose("Own words in", "Slovenian").await;
    stage.press("Write").await;
    stage.fill("Words", "{{ shop }}: brez skripte {{ link }} {{ opt_out }}").await;
    stage.press("Show the preview").await;
    stage.sees("Lumen & Oak: brez skripte").await;
    stage.visit("/?shop=2").await;
    stage.sees("Tea & Tide’s own").await;
    stage.press("Sign out").await;
    stage.sees("Make a new link where Cartback runs").await;
    stage.end().await;
}
