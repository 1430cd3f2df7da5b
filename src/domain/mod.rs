//! The domain: pure rules and the words they are written in. No async, no SQL, no HTTP, no clock, no randomness; every
//! function here is a table of cases or a property away from being proved.

pub mod id;
pub mod time;
pub mod money;
pub mod phone;
pub mod zone;
pub mod holidays;
pub mod hours;
pub mod law;
pub mod event;
pub mod message;
pub mod sms;
pub mod template;
pub mod wording;
pub mod keyword;
pub mod link;
pub mod click;
pub mod connector;
pub mod seal;
pub mod member;
pub mod password;
pub mod retention;
pub mod sequence;
pub mod risk;
pub mod rules;
pub mod cart;
pub mod order;
pub mod consent;
pub mod content;
pub mod decide;
pub mod attribution;
pub mod discount;
pub mod report;
