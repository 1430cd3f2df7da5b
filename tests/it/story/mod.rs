//! Stories: what happens to carts, told from beginning to end, on SQLite and on PostgreSQL.
//!
//! `bodies` writes what shops send. Every story plays on `crate::app::App` and says in plain strings what it expects.

pub mod bodies;

mod journey;
mod acts;
mod lists;
mod closing;
mod consent;
mod confirm;
mod reply;
mod timing;
mod sending;
mod fetching;
mod sequence;
mod trouble;
mod truth;
mod credit;
mod attribution;
mod discount;
mod tenants;
mod privacy;
mod people;
mod erasure;
mod age;
mod inbox;
mod recurring;
mod silence;
mod report;
mod holdout;
mod experiment;
mod dry_run;
mod net_ledger;
mod risk;
mod self_test;
mod connect;
mod approve;
mod webhook_out;
mod digest;
mod books;
mod offline;
mod platforms;
mod call;
pub mod shuffle;
