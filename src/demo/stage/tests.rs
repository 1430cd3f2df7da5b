//! The live part, over real HTTP to a real server: somebody leaves a cart, is texted, comes back, and is credited.

use actix_web::web::Data;

use super::*;
use crate::{
    app::{self, App, Serve},
    config::Config,
    demo::{
        page,
        script::{Answer, Script},
        stall,
    },
    http::{GuardedHttp, Response},
    pipeline::report::report,
};

/// The clock moves only when the test moves it, by this much: a busy machine must not make the people of the demo late.
const STEP: Duration = MINUTE.saturating_mul(5);
/// A day of the demo's.
const STEPS: usize = 24 * 12;

async fn asked(stage: &Stage, path: &str, form: Option<&str>) -> Response {
    let url = format!("{}{path}", stage.core.public_url);
    let mut request = Request { private: true, ..Request::get(url).header("accept", "text/html") };
    if let Some(form) = form {
        request.method = crate::http::Method::Post;
        request.body = form.as_bytes().to_vec();
        request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", stage.core.public_url.as_str());
    }
    stage.http.exchange(request).await.unwrap()
}

/// Where an answer sends the browser.
fn leads_to(stage: &Stage, answer: &Response) -> String {
    assert_eq!(answer.status, 303, "{}", answer.text());
    let location = answer.header("location").unwrap();
    location.strip_prefix(&stage.core.public_url).unwrap_or(location).to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_watches_sees_a_cart_become_a_credited_order() {
    app::install_tls();
    let room = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = listener.local_addr().unwrap();
    let config = Config { plain_links: true, listen, ..Config::in_folder(room.path().join("demo")) };
    let (folder, _) = Folder::open(&config.data, &config.public_url()).unwrap();
    let morning = Time::parse("2026-11-18T09:00:00Z").unwrap();
    let clock = Arc::new(FastClock::standing(morning));
    let http = Arc::new(GuardedHttp::new().unwrap());
    let app = App::open(&config, clock.clone(), http.clone()).await.unwrap();
    stall::connect(&app.core).await.unwrap();
    let stalls = stall::find(&app.core).await.unwrap();
    let mut play = Play::new(5, &config.public_url(), [1, 1]);
    play.keep_coming(morning, vec![Script::leaves_and(Answer::TapAndBuy { within_minutes: 5 })]);
    let stage = Data::new(Stage::new(app.core.clone(), clock.clone(), http, stalls, folder, play));
    let shown = stage.clone();
    let serve = Serve { workers: 2, ..Serve::of(&config, listener, true) };
    let bar: crate::web::Bar = Box::new(move || page::bar(&shown));
    let running = app.serve_with(serve, Some(bar), page::routes(stage.clone())).unwrap();
    let stop = CancellationToken::new();
    let playing = tokio::spawn({
        let (stage, stop) = (stage.clone(), stop.clone());
        async move { stage.run(Phones::default(), stop).await }
    });

    // Yours: left behind, texted, opened by the link in the text, bought.
    let checkout = leads_to(&stage, &asked(&stage, "/demo/checkout/new", None).await);
    assert!(asked(&stage, &checkout, None).await.text().contains("Place order"));
    leads_to(&stage, &asked(&stage, "/demo/skip", Some("minutes=30")).await);
    let mut link = None;
    for _ in 0..STEPS {
        let page = asked(&stage, "/demo/phone", None).await.text();
        link = page.split('"').find(|part| part.contains("/r/")).map(str::to_owned);
        if link.is_some() {
            break;
        }
        stage.skip(STEP).await;
    }
    let link = link.expect("no text arrived on the phone");
    let path = link.strip_prefix(&stage.core.public_url).unwrap();
    // A person takes more than three seconds of the demo's time.
    stage.skip(MINUTE).await;
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0";
    let tap = Request { private: true, ..Request::get(link.as_str()).header("user-agent", agent) };
    let landed = leads_to(&stage, &stage.http.exchange(tap).await.unwrap());
    assert!(path.starts_with("/r/") && landed.starts_with(&checkout) && landed.contains("cartback="), "{landed}");
    assert!(asked(&stage, &landed, None).await.text().contains("Welcome back"));
    let bought = leads_to(&stage, &asked(&stage, &checkout, Some("")).await);
    assert!(asked(&stage, &bought, None).await.text().contains("is placed"));
    leads_to(&stage, &asked(&stage, "/demo/phone", Some("phone=%2B38668000001&text=STOP")).await);

    // Yours, and the one of whoever came by.
    let mut counts = Default::default();
    for _ in 0..STEPS {
        counts = report(&stage.core, stage.stalls[0].shop, 1, 0).await.unwrap().unwrap().total.counts;
        if counts.recovered_orders >= 2 && counts.opt_outs >= 1 {
            break;
        }
        stage.skip(STEP).await;
    }
    assert!(counts.recovered_orders >= 2 && counts.opt_outs == 1, "{counts:?}");
    assert!(asked(&stage, "/demo/phone", None).await.text().contains("STOP"));
    assert!(asked(&stage, "/", None).await.text().contains("/demo/skip"), "no bar above the dashboard");
    stop.cancel();
    playing.await.unwrap();
    running.stop().await;
    assert!(Folder::open(&config.data, &config.public_url()).unwrap().1.is_some());
}
