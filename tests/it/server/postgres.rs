//! A private PostgreSQL for the test process: its own folder, its own port on the loopback, no password, no durability.
//! Every story gets its own database in it. It never touches a cluster that exists on the machine.

use std::{
    env, fs,
    future::Future,
    io,
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    panic::resume_unwind,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::{Watchdog, free_ports, missing};

/// The cluster all tests of this process share, started when the first asks. `None`, after one line that says so, when
/// PostgreSQL is not installed. Panics when it is installed and does not start, and with
/// `CARTBACK_REQUIRE_POSTGRES=1` when it is not installed.
pub fn cluster() -> Option<&'static Cluster> {
    static SHARED: OnceLock<Result<Option<Cluster>, String>> = OnceLock::new();
    match SHARED.get_or_init(start_if_installed) {
        Ok(cluster) => cluster.as_ref(),
        Err(why) => panic!("{why}"),
    }
}

/// A running PostgreSQL that ends with its owner, or with the process when it has none.
pub struct Cluster {
    port: u16,
    home: PathBuf,
    watchdog: Mutex<Watchdog>,
    databases: AtomicU32,
    template: OnceLock<()>,
}

impl Cluster {
    /// A cluster of one's own, for a test that stops it. Absence is answered as by [`cluster`].
    pub fn start_private() -> Option<Cluster> {
        start_if_installed().unwrap_or_else(|why| panic!("{why}"))
    }

    /// A new, empty database; dropping it drops it.
    pub fn database(&self) -> Database<'_> {
        self.create("template0")
    }

    /// The template that `fill` fills, given its URL; the first call in this process makes it and later ones reuse it,
    /// so every caller must fill it alike. `fill` runs on a thread and a runtime of its own: a caller may be in either.
    pub fn template<F: Future<Output = ()>>(&self, fill: impl FnOnce(String) -> F + Send) -> Template<'_> {
        self.template.get_or_init(|| {
            self.run("CREATE DATABASE filled TEMPLATE template0").unwrap();
            let url = self.url("filled");
            apart(|| fill(url));
            // A copy waits for every connection to its template to end, and gives up after five seconds.
            self.run("ALTER DATABASE filled WITH ALLOW_CONNECTIONS false").unwrap();
            self.run("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = 'filled'").unwrap();
        });
        Template { cluster: self }
    }

    /// Stops it as a crash would: no good-byes, connections break. What was committed is there after `start_again`.
    pub fn crash(&self) {
        let answer = self.order("stop");
        assert!(answer.is_ok_and(|answer| answer == "done"), "PostgreSQL did not stop\n{}", self.log());
    }

    /// Starts it again on the same port.
    pub fn start_again(&self) {
        let answer = self.order(&format!("start {}", self.port));
        assert!(answer.is_ok_and(|answer| answer == "done"), "PostgreSQL did not start again\n{}", self.log());
    }

    fn create(&self, template: &str) -> Database<'_> {
        let name = format!("story_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.run(&format!("CREATE DATABASE {name} TEMPLATE {template}")).unwrap();
        Database { cluster: self, name }
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://{OWNER}@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    fn run(&self, sql: &str) -> Result<(), sqlx::Error> {
        let (url, sql) = (self.url("postgres"), sql.to_owned());
        apart(|| async move {
            let mut connection = PgConnection::connect(&url).await?;
            sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await?;
            connection.close().await
        })
    }

    fn order(&self, line: &str) -> io::Result<String> {
        self.watchdog.lock().unwrap_or_else(|broken| broken.into_inner()).order(line)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.home.join("log")).unwrap_or_default()
    }
}

/// A filled database that is copied, never used.
pub struct Template<'a> {
    cluster: &'a Cluster,
}

impl<'a> Template<'a> {
    /// A new database with all that the template holds; about a tenth of a second.
    pub fn database(&self) -> Database<'a> {
        self.cluster.create("filled")
    }
}

/// One story's database.
pub struct Database<'a> {
    cluster: &'a Cluster,
    name: String,
}

impl Database<'_> {
    pub fn url(&self) -> String {
        self.cluster.url(&self.name)
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        // The whole cluster is thrown away in the end; this only keeps a long run small.
        let _ = self.cluster.run(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

const OWNER: &str = "cartback";
const STARTS_MAX: usize = 5;

/// `fsync` is off, `synchronous_commit` is not: a crash of the server, unlike one of the machine, loses nothing.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
shared_buffers = 64MB
fsync = off
full_page_writes = off
autovacuum = off
";

const SCRIPT: &str = r#"
trap : HUP INT TERM PIPE
bin=$1 home=$2 data=$2/data
obey() {
    case $1 in
        init)  "$bin/initdb" -D "$data" -U "$3" -A trust -E UTF8 --no-locale --no-sync && cat "$home/settings" >>"$data/postgresql.conf" ;;
        start) "$bin/pg_ctl" -D "$data" -l "$home/log" -w -o "-p $2" start ;;
        stop)  "$bin/pg_ctl" -D "$data" -m immediate -w stop ;;
    esac
}
while read -r word port; do
    if obey "$word" "$port" "$3" </dev/null >>"$home/log" 2>&1; then echo done; else echo failed; fi
done
[ ! -e "$data/postmaster.pid" ] || obey stop </dev/null >/dev/null 2>&1
cd / && rm -rf "$home"
"#;

fn start_if_installed() -> Result<Option<Cluster>, String> {
    let Some(programs) = programs() else {
        missing("PostgreSQL is not installed (no initdb in PATH, pg_config or /usr/lib/postgresql)", REQUIRE);
        return Ok(None);
    };
    start(&programs).map(Some).map_err(|why| format!("PostgreSQL in {} does not start: {why}", programs.display()))
}

const REQUIRE: &str = "CARTBACK_REQUIRE_POSTGRES";

fn start(programs: &Path) -> io::Result<Cluster> {
    let home = tempfile::Builder::new().prefix("cartback-postgres-").tempdir()?;
    fs::write(home.path().join("settings"), SETTINGS)?;
    let user = user_for(home.path())?;
    if let Some((uid, gid)) = user {
        chown(home.path(), Some(uid), Some(gid))?;
        chown(home.path().join("settings"), Some(uid), Some(gid))?;
    }
    let mut watchdog = Watchdog::start(SCRIPT, &[programs, home.path(), Path::new(OWNER)], |command| {
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PG")) {
            command.env_remove(name);
        }
        if let Some((uid, gid)) = user {
            command.uid(uid).gid(gid);
        }
        command.current_dir(home.path()).env("LC_ALL", "C");
    })?;
    let home = home.keep();
    let failed = |home: &Path| io::Error::other(fs::read_to_string(home.join("log")).unwrap_or_default());
    if watchdog.order("init")? != "done" {
        return Err(failed(&home));
    }
    for _ in 0..STARTS_MAX {
        let [port] = free_ports()?;
        if watchdog.order(&format!("start {port}"))? == "done" {
            let (databases, template) = (AtomicU32::new(0), OnceLock::new());
            return Ok(Cluster { port, home, watchdog: Mutex::new(watchdog), databases, template });
        }
    }
    Err(failed(&home))
}

/// The folder that holds `initdb` and `postgres`: from PATH, `pg_config`, or Debian's folders, newest first.
fn programs() -> Option<PathBuf> {
    let complete = |folder: &PathBuf| ["initdb", "pg_ctl", "postgres"].iter().all(|name| folder.join(name).is_file());
    let path = env::var_os("PATH").unwrap_or_default();
    let told = Command::new("pg_config").arg("--bindir").output().ok();
    let told = told.map(|output| PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    let version = |folder: &PathBuf| folder.file_name()?.to_str()?.parse::<u32>().ok();
    let mut versions: Vec<PathBuf> =
        fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    versions.sort_by_key(|folder| std::cmp::Reverse(version(folder)));
    env::split_paths(&path).chain(told).chain(versions.into_iter().map(|folder| folder.join("bin"))).find(complete)
}

/// PostgreSQL refuses to run as root: the user and group to run as instead, `None` when we are not root.
fn user_for(home: &Path) -> io::Result<Option<(u32, u32)>> {
    if fs::metadata(home)?.uid() != 0 {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let ids = |name: &str| {
        let mut fields = users.lines().find(|line| line.split(':').next() == Some(name))?.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    let user = ids("postgres").or_else(|| ids("nobody"));
    user.map(Some).ok_or_else(|| io::Error::other("it refuses to run as root, and there is no other user to run it as"))
}

/// Runs a future on a thread and a runtime of its own, so that the caller may be in a runtime or not.
fn apart<T: Send, F: Future<Output = T>>(work: impl FnOnce() -> F + Send) -> T {
    let run = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work());
    thread::scope(|scope| scope.spawn(run).join()).unwrap_or_else(|panic| resume_unwind(panic))
}

async fn number(url: &str, sql: &'static str) -> Result<i64, sqlx::Error> {
    let mut connection = PgConnection::connect(url).await?;
    let number = sqlx::query_scalar(sql).fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(number)
}

async fn run(url: &str, sql: &'static str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
}

const TABLES: &str = "SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'";

#[tokio::test]
async fn databases_are_empty_and_apart() {
    let Some(cluster) = cluster() else { return };
    let [one, other] = [cluster.database(), cluster.database()];
    run(&one.url(), "CREATE TABLE cart (id BIGINT)").await;
    assert_eq!(number(&one.url(), TABLES).await.unwrap(), 1);
    assert_eq!(number(&other.url(), TABLES).await.unwrap(), 0);
}

#[tokio::test]
async fn a_dropped_database_is_gone_even_while_in_use() {
    let Some(cluster) = cluster() else { return };
    let database = cluster.database();
    let url = database.url();
    let mut connection = PgConnection::connect(&url).await.unwrap();
    drop(database);
    assert!(sqlx::query("SELECT 1").execute(&mut connection).await.is_err());
    assert!(number(&url, TABLES).await.is_err());
}

#[tokio::test]
async fn a_template_is_filled_once_and_copied() {
    let Some(cluster) = Cluster::start_private() else { return };
    let fills = AtomicU32::new(0);
    for _ in 0..2 {
        let template = cluster.template(|url| {
            fills.fetch_add(1, Ordering::Relaxed);
            async move { run(&url, "CREATE TABLE cart (id BIGINT); INSERT INTO cart VALUES (7)").await }
        });
        let copy = template.database();
        assert_eq!(number(&copy.url(), "SELECT id FROM cart").await.unwrap(), 7);
        run(&copy.url(), "DELETE FROM cart").await;
    }
    assert_eq!(fills.into_inner(), 1);
}

#[tokio::test]
async fn what_was_committed_outlives_a_crash_but_not_the_cluster() {
    let Some(cluster) = Cluster::start_private() else { return };
    let home = cluster.home.clone();
    let database = cluster.database();
    run(&database.url(), "CREATE TABLE cart (id BIGINT); INSERT INTO cart VALUES (7)").await;
    cluster.crash();
    assert!(number(&database.url(), "SELECT id FROM cart").await.is_err());
    cluster.start_again();
    assert_eq!(number(&database.url(), "SELECT id FROM cart").await.unwrap(), 7);
    drop(database);
    drop(cluster);
    assert!(!home.exists());
}
