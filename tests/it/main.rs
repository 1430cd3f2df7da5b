//! Everything that needs more than one file of the house, or a real server from outside, in one crate: one link step.
//!
//! `server` starts the real neighbours (PostgreSQL, Kannel), `tidy` holds the source text to the design, `app` is the
//! stage on which the stories of `story` are played, `web` asks as shops, gateways, shoppers, browsers and strangers do,
//! `browser` looks at the pages with a real one, `real_gateway` goes the whole way through a real Kannel, `oracle`
//! asks the vendors' own SDKs about signatures, `deploy` reads the files to deploy by as the program would, `crash` kills the
//! process while it works, and `backup` brings it back.

mod app;
mod backup;
mod browser;
mod captures;
mod canary;
mod checklist;
mod crash;
mod deploy;
mod failover;
mod fault;
mod migration;
mod oracle;
mod outside;
mod race;
mod real_gateway;
mod reads;
mod role;
mod server;
mod sim;
mod skew;
mod sql;
mod store;
mod spread;
mod story;
mod tidy;
mod twilio;
mod web;
