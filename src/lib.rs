//! # Cartback
//!
//! A self-hosted service that brings abandoned carts back by SMS and proves what that earned. One binary, one database
//! (embedded SQLite, or PostgreSQL when one machine is not enough).
//!
//! # Bird's eye
//! ```text
//! shop ──webhook──▶ web::hook ─▶ inbox ─▶ ingest ─▶ cart, order, consent            (facts)
//!                                                    │
//!                       clock ─▶ worker ─▶ detect ─▶ decide ─▶ message (queued)     decide = pure, gate by gate
//!                                                    │
//!                                worker ─▶ send ─▶ gateway ─▶ carrier ─▶ shopper
//! shopper ──tap──▶ web::follow ─▶ click ─▶ 303 to the shop's own checkout
//! gateway ─receipt, reply─▶ web::hook ─▶ inbox ─▶ settle, opt out
//! shop ──order, refund──▶ inbox ─▶ ingest ─▶ attribute ─▶ credit + evidence ─▶ roll-up ─▶ report
//! every fact above ─▶ outbox (same transaction) ─▶ worker ─▶ forward ─▶ sink ─▶ other systems
//! ```
//!
//! # Map, in the direction of imports
//! | module | what it is | may import |
//! |---|---|---|
//! | [`domain`] | pure rules and words: money, phones, hours, consent, decisions, attribution. No async, SQL, HTTP, clock | nothing of ours |
//! | [`clock`] | the only place that asks for time or randomness | `domain` |
//! | [`http`] | the one door out, guarded | `domain` |
//! | [`smpp`] | the door to message centres: sessions that stay bound | `domain`, `http` |
//! | [`mail`] | the door for mail | `domain` |
//! | [`store`] | the only SQL; [`store::db`] is the seam between the two engines; one file per noun | `domain` |
//! | [`shop`], [`gateway`], [`sink`] | connectors: one file each, pure, described by a `Spec` | `domain`, `http` |
//! | [`pipeline`] | one verb per file: load facts, ask the domain, write in one transaction | all of the above |
//! | [`worker`] | the only loop, the only back-off | `pipeline`, `store`, `clock`, `domain` |
//! | [`web`] | actix only: hooks, links, pages | `pipeline`, `store`, `domain`, `clock`, the connectors' `Spec`s |
//! | `app`, `cli`, `demo` | wiring, commands, the simulated shop | everything |
//!
//! `tests/it/tidy.rs` holds the source to this table.
//!
//! # Six promises everything else serves
//! 1. A webhook answered 2xx is never lost, and applying it twice, late or out of order changes nothing.
//! 2. A shopper gets at most one text per (cart, step). When we are unsure whether a text left, we do not send another.
//! 3. Nobody is texted without a recorded basis, outside their hours, after opting out, or after buying.
//! 4. Every credited order can explain itself; credits follow refunds; they never exceed the shop's own orders.
//! 5. Every cart can explain itself too: texted or not, and why, gate by gate.
//! 6. One shop can neither see, slow nor break another.
//!
//! # Invariants
//! - **Facts are stored, states derived.** A message's state is computed from its moments
//!   ([`domain::message::Moments`]); an order's credit is a function of stored facts and may be recomputed at any time.
//! - **Merging is commutative.** Carts, orders, refunds and consents merge so that every order of arrival ends alike
//!   ([`domain::cart`], [`domain::order`]).
//! - **Fact and job are one transaction.** A job ([`store::job`]) is only an index of what is due. Its cost grows with
//!   what is due, never with how many carts exist.
//! - **One turn per shop.** Whoever changes a shop's facts holds its turn ([`store::shop::take_turn`]), so that an order
//!   and a text never pass each other unseen.
//! - **No transaction is open across a call to the outside**, and an outcome we do not know is a state of its own.
//! - **A connector only describes**: what to ask, what an answer means. Asking is the pipeline's: tokens and published keys
//!   ([`pipeline::ask`]), what a webhook only points at ([`pipeline::fetch`]), what a gateway tells afterwards
//!   ([`pipeline::after`]).
//! - **Fail-over is asking again.** A text that provably did not leave goes back to the queue, and the next account in turn
//!   takes it; its turn, its pace and its gateway's circuit ([`domain::pace`], [`domain::circuit`]) are asked before anything is
//!   noted.
//! - **What is personal is sealed** before it reaches a table ([`domain::seal`]) and found through a keyed blind index.
//! - **Law is data** ([`domain::law`], `assets/data/law.toml`): per country and state, dated, each rule with its source and
//!   how sure that is. Law, state and shop are intersected, never widened. A decision keeps its facts and the versions of
//!   law and rules, so [`pipeline::replay`] can make it again.
//! - **Rules have versions** ([`store::rules`]). A cart follows one sequence ([`domain::sequence`]) as it was when the cart
//!   was abandoned; what is switched on later never reaches back.
//! - **Consent is a ledger** ([`domain::consent`]), append-only, with levels; only the person can undo an opt-out.
//! - **What texts earn is measured, not claimed** ([`domain::holdout`]). A share of people is drawn by keyed hash and not
//!   texted; both groups enter by the same rule at the same moment, and a figure is called only by an interval that holds
//!   however often one looks ([`domain::lift`]).
//! - **Money at risk is counted where the intent is noted** ([`domain::risk`]), in the same transaction, so that caps hold
//!   with several processes at work.
//!
//! - **A restored database is at rest** ([`store::backup`], [`store::restored`]): it appears whole with the kill switch set
//!   or not at all; what may have been sent since its backup was made is never sent again ([`domain::restored`]).
//! - **One headline, many lenses**: an order is credited once, strictly ([`domain::attribution`]); other rules are lenses
//!   over the same stored touches and credit nothing ([`pipeline::compare`]). Changed windows judge history again
//!   ([`pipeline::recredit`]), a person's correction is a fact that wins ([`pipeline::credit`]), and a published month is
//!   bound to the one before it by a hash and never written over ([`pipeline::statement`]).
//! - **A self-test plays elsewhere** ([`pipeline::self_test`]): on a twin of the shop in a database of its own that is
//!   gone afterwards, so that no list, report, export or gateway has to leave it out.
//! - **Offline sales stand apart** ([`pipeline::offline`]): what was sold at a till after a text is matched by signs that are
//!   forgotten with it, counted once, and enters no figure of the site.
//! - **A period is mailed once** ([`pipeline::digest`]): an issue's key is its occurrence, noted before the mail server is
//!   spoken to; one that may have left is not sent again.
//! - **Two proofs, asked again** ([`pipeline::second`], `web::again`): what may be right once is used up by one statement,
//!   whichever process asks; half a sign-in is no session; what is dangerous asks whoever showed too long ago that it is
//!   them, and carries what they typed on, sealed. Guessing makes the guesser wait, never the owner (`web::attempt`).
//! - **Who waits goes first** ([`pipeline::group`]): webhooks and taps that arrive together share a commit; work that nobody
//!   waits for makes way for them between two of its transactions, and still gets a quarter of the time.
//! - **Silence is looked for** ([`pipeline::watch`], on a thread of its own): what should have happened and did not says
//!   nothing by itself. Its alarms are the house's, each told to owners once, and end by themselves.
//! - **Every statement names one shop** ([`store::spread`]), but for a list of the operator's own: that is what lets the tables
//!   be spread over several machines.
//! - **What is set up step by step** ([`pipeline::connect`]) sends nothing before it goes live, and going live reaches no
//!   cart from before it.
//!
//! # A text, step by step
//! 1. [`pipeline::detect`] fires when the cart's timer does, looks again, and marks the cart abandoned as of the moment
//!    that was true.
//! 2. [`pipeline::decide`] loads the facts of the next step and asks [`domain::decide::decide`]: ten gates, each with a
//!    verdict, what it looked at and a reason, all kept. A yes becomes a queued message in the same transaction; the unique
//!    key (shop, purpose, cart, step) is the last word on "at most once". Where only the person's confirmation is missing,
//!    a request goes out instead and the cart waits for the answer.
//! 3. [`pipeline::send`] asks every gate again, notes the intent (`sending_at`) and commits; calls the gateway with no
//!    transaction open; records accepted, refused, later or **unknown**. A process that dies in between leaves an intent
//!    without an outcome: unknown too.
//! 4. [`pipeline::settle`] moves it on by receipts, replies and look-ups; states only go forward.
//!
//! # An order, step by step
//! 1. [`web`] keeps the raw body and answers; [`pipeline::ingest`] turns it into an order, closes every open cart of the
//!    same checkout, phone, e-mail or customer, and cancels what waits for them.
//! 2. [`pipeline::attribute`] collects every text of those carts with its judged taps, and [`domain::attribution`] picks
//!    the winner, or says why there is none. All candidates and reasons are kept as evidence.
//! 3. Refunds and cancellations become negative entries of the same credit; the touched days are rolled up anew.
//!
//! # An event told to others, step by step
//! 1. Whoever writes a fact that a sink of the shop hears ([`domain::outbox::Topic`]) writes its event in the same
//!    transaction ([`pipeline::forward`]). A shop without a sink pays nothing: its own row says so.
//! 2. [`pipeline::forward`] takes a sink's due events one after the other, with no transaction open across a call, and
//!    records each attempt. One that failed waits for its next moment; those behind it go on.
//! 3. It is told again until it was taken: at least once, always under the same id.
//! 4. Advertising platforms are sinks too: told of credited orders and of what goes back, only of people whose consent to
//!    advertising is on record ([`store::ad_consent`]); what is kept back says why in the same log.
//!
//! # Who might do harm
//! [`threat_model`]: what is worth protecting, from whom, what stands against each threat, the test that shows it, and what
//! is left.
//!
//! # Deliberately absent
//! A message broker, Redis, an ORM, a front-end build, a plug-in loader, floats for money, "exactly once" claims, any
//! feature that needs a third-party cookie.

pub mod config;
pub mod domain;
pub mod clock;
pub mod http;
pub mod smpp;
pub mod mail;
pub mod shop;
pub mod gateway;
pub mod sink;
pub mod store;
pub mod pipeline;
pub mod worker;
pub mod web;
pub mod observe;
pub mod app;
pub mod demo;
pub mod cli;
pub mod threat_model;
