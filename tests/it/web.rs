//! What is answered to shops, gateways, shoppers, browsers and strangers: the whole web in process, on a fresh SQLite file.

mod house;
mod api;
mod account;
mod approve;
mod books;
mod connect;
mod digest;
mod event;
mod figures;
mod hook;
mod link;
mod offline;
mod calls;
mod lists;
mod page;
mod reply;
mod roles;
mod sequences;
mod sign_in;
mod stranger;
mod team;
mod texts;
mod webhooks;
mod words;
