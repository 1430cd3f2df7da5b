//! What a process does, of several that share a database.

/// What a process does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    #[default]
    All,
    /// Takes webhooks in, follows links and shows pages; others do the work.
    Web,
    /// Does the work; answers only for its own health.
    Worker,
}

/// `shared`: several may use the database.
pub(super) fn read(value: &str, shared: bool) -> Result<Role, String> {
    match (value, shared) {
        ("all", _) => Ok(Role::All),
        ("web", true) => Ok(Role::Web),
        ("worker", true) => Ok(Role::Worker),
        ("web" | "worker", false) => {
            Err("be all: an SQLite file has one process; with database_url there may be more".into())
        }
        _ => Err("be all, web or worker".into()),
    }
}
