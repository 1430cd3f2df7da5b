//! What the browser looks at: the real server over HTTP, on a free port of this machine, and the story's stage behind it.

use std::{net::TcpListener, ops::Deref, sync::Arc};

use actix_web::{App as Answering, HttpServer, dev::ServerHandle, web::ServiceConfig};
use cartback::{
    app::sign_in_link,
    web::{self, State},
};

use super::driver::{self, Browser};
use crate::{
    app::{App, Engine},
    outside::Outside,
};

/// A browser before a site. It is the browser to whoever plays the story.
pub struct Stage {
    pub app: App,
    browser: Browser,
    server: ServerHandle,
}

impl Stage {
    /// On an empty house, signed out. `None` where there is no Chromium.
    pub async fn open() -> Option<Stage> {
        let (app, server, url) = open(false).await?;
        Some(Stage { browser: Browser::open(&url).await?, app, server })
    }

    /// The same, with more pages than ours on the server: a shop's.
    pub async fn open_beside(pages: fn(&mut ServiceConfig)) -> Option<Stage> {
        if !driver::is_there() {
            return None;
        }
        let (app, server, url) = serve_beside(false, pages).await;
        Some(Stage { browser: Browser::open(&url).await?, app, server })
    }

    /// The same, as the owner.
    pub async fn open_signed_in() -> Option<Stage> {
        let stage = Stage::open().await?;
        stage.sign_in().await;
        Some(stage)
    }

    /// By the one-time link, as the command line prints it; a password can wait.
    pub async fn sign_in(&self) {
        self.open_link().await;
        self.follow("Later").await;
        self.sees("Signed in as").await;
    }

    /// Up to where somebody says who they are.
    pub async fn open_link(&self) {
        let link = sign_in_link(&self.app.core).await.unwrap();
        self.visit(link.strip_prefix(&self.app.core.public_url).unwrap()).await;
        self.press("Sign in").await;
        self.sees("choose how you sign in from now on").await;
    }

    /// Nothing went wrong unseen, and nothing due is left.
    pub async fn end(self) {
        let Stage { app, browser, server } = self;
        browser.close().await;
        server.stop(true).await;
        app.end().await;
    }
}

impl Deref for Stage {
    type Target = Browser;

    fn deref(&self) -> &Browser {
        &self.browser
    }
}

/// A house and its server, with nobody before it.
pub async fn open(open_door: bool) -> Option<(App, ServerHandle, String)> {
    if !driver::is_there() {
        return None;
    }
    Some(serve(open_door).await)
}

/// The same, where no browser is needed.
pub async fn serve(open_door: bool) -> (App, ServerHandle, String) {
    serve_beside(open_door, |_| {}).await
}

async fn serve_beside(open_door: bool, pages: fn(&mut ServiceConfig)) -> (App, ServerHandle, String) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let outside = Arc::new(Outside::default());
    let app = App::start_at(Engine::Lite, &url, outside.clone(), outside).await.unwrap();
    let mut state = State::new(app.core.clone(), app.inbox.clone());
    state.open_door = open_door;
    let routes = web::configure_with(state, pages);
    let server = HttpServer::new(move || Answering::new().configure(routes.clone()));
    let server = server.workers(1).disable_signals().shutdown_timeout(1).listen(listener).unwrap().run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    (app, handle, url)
}
