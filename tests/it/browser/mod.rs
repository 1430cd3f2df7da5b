//! The pages as a person meets them: a real Chromium, driven through chromedriver, on the real server over a story's
//! database. Time stands still until the story moves it; nothing sleeps, everything waits for what it wants to see.
//!
//! `driver` is the browser, `site` the server it looks at, `rich` a shop where everything has happened. `jobs` are what
//! people come for, `pixel` what a shopper's browser tells, `keys` the same without a mouse, `plain` without JavaScript. `look` takes every page there is, by
//! following links from the first, through axe-core, narrow, wide, light and dark; `weight` holds their size.
//!
//! Every story ends with `Stage::end`: no word on the console, no request to anybody else, nothing our content policy
//! refused. Where Chromium or axe-core is absent the stories say so and are skipped; `CARTBACK_REQUIRE_CHROMIUM=1` makes
//! that an error.

mod driver;
mod site;
mod rich;
mod jobs;
mod pixel;
mod team;
mod keys;
mod plain;
mod look;
mod weight;
mod screenshots;

/// Makes an absent Chromium or axe-core an error.
const REQUIRED: &str = "CARTBACK_REQUIRE_CHROMIUM";
