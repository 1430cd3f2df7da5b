//! Grow: the same asked of a small database and of one ten times as large. What lies behind a shop must cost nothing.

use std::{
    thread,
    time::{Duration, Instant},
};

use cartback::{
    cli,
    config::{Config, Database},
    domain::id::ShopId,
    pipeline::{Core, attribute::attribute},
    store::job::{Job, Kind},
    worker::Worker,
};

use super::{
    House, KEY,
    load::{percentile, tell},
    number,
    send::Gateway,
};

const TIMES_AS_LARGE: u64 = 10;
const TICKS: usize = 500;
/// How long nothing is to be done, for its cost to be told apart from none.
const IDLE: Duration = Duration::from_secs(10);
/// Orders that are judged anew.
const ORDERS: &str = "SELECT order_id FROM shop_order WHERE shop_id = 1 ORDER BY order_id DESC LIMIT 500";

/// `CARTS` (100,000) carts and as many texts beside a tenth of both; `DUE` (2,000) further ones that are due.
pub fn grow(engine: &'static str) {
    let carts = number("CARTS", 100_000);
    let (Some(few), Some(many)) = (seen(engine, carts / TIMES_AS_LARGE), seen(engine, carts)) else { return };
    println!(
        "{engine} grow: with {} carts of the past, with {carts}, and how many times as much",
        carts / TIMES_AS_LARGE
    );
    for ((what, few), (_, many)) in few.into_iter().zip(many) {
        println!("  {what:34} {few:12.3} {many:12.3} {:8.2}", many / few);
    }
}

/// What is asked of one size, in the order in which it is told.
fn seen(engine: &'static str, past: u64) -> Option<Vec<(&'static str, f64)>> {
    let (due, gateway) = (number("DUE", 2_000), Gateway::start(Duration::ZERO));
    let pause = ["gateway", "pause", super::GATEWAY, "--shop", "1"];
    let mut house = House::with_past(engine, past as i64, due, &gateway, &[&pause])?;
    let decided = house.decides();
    house.told(&["gateway", "resume", &house.gateway, "--shop", "1"]);
    gateway.until(due);
    house.rest(Duration::from_secs(3600));
    let cookie = house.sign_in();
    let report = percentile(&mut house.opens("/report", &cookie), 95);
    let carts = percentile(&mut house.opens("/carts", &cookie), 95);
    // The program's alone: a server ends processes of its own, and what they used with them.
    let before = house.cpu();
    thread::sleep(IDLE);
    let idle = (house.cpu().program - before.program) * 1e3 / IDLE.as_secs_f64();
    let memory = house.memory("VmHWM:") as f64;
    // From here on nobody works beside us.
    let _ = house.child.kill();
    let _ = house.child.wait();
    let (mut ticks, mut judged) = house.at_work_within();
    let mut starts = house.starts();
    starts.sort_by(f64::total_cmp);
    tell("start to first 200, ms", starts.clone());
    Some(vec![
        ("a cart that is due, decided, ms", 1e3 / decided),
        ("an idle tick, ms", percentile(&mut ticks, 50)),
        ("an idle tick, 99 of 100, ms", percentile(&mut ticks, 99)),
        ("an idle second, ms of CPU", idle),
        ("an order attributed, ms", percentile(&mut judged, 50)),
        ("an order attributed, 99 of 100, ms", percentile(&mut judged, 99)),
        ("the report page, 95 of 100, ms", report),
        ("the page of carts, 95 of 100, ms", carts),
        ("memory at most, MiB", memory),
        ("start to first 200, ms", starts[starts.len() / 2]),
    ])
}

impl House {
    /// Ticks of a worker that has nothing to do, and orders judged anew, each in a transaction of its own.
    fn at_work_within(&self) -> (Vec<Duration>, Vec<Duration>) {
        let orders = self.all(ORDERS);
        let mut config = Config::in_folder(self.folder.path());
        config.key = Some(KEY.into());
        if !self.database_url.is_empty() {
            config.database = Database::Postgres(self.database_url.clone().into());
        }
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let app = cli::open(&config).await.unwrap();
            let mut worker = Worker::new(app.core.clone(), Vec::new());
            while worker.tick().await.unwrap() > 0 {}
            let mut ticks = Vec::with_capacity(TICKS);
            for _ in 0..TICKS {
                let begun = Instant::now();
                assert_eq!(worker.tick().await.unwrap(), 0, "something was to be done");
                ticks.push(begun.elapsed());
            }
            let mut judged = Vec::with_capacity(orders.len());
            for order in orders {
                let begun = Instant::now();
                judge(&app.core, order).await;
                judged.push(begun.elapsed());
            }
            app.close().await;
            (ticks, judged)
        })
    }
}

async fn judge(core: &Core, order: i64) {
    let job = Job {
        shop: ShopId::new(1),
        kind: Kind::Attribute,
        subject: order,
        attempt: 1,
        claim: String::new(),
        fell_due_at: core.now(),
        booked_at: None,
    };
    let mut tx = core.db.begin().await.unwrap();
    attribute(core, &mut tx, &job).await.unwrap();
    tx.commit().await.unwrap();
}
