//! Bind: the values of a statement whose text is put together while the service runs. A text has one kind of value in each
//! place, empty or not: PostgreSQL prepares it for the kinds it saw first.

#[derive(Clone, Debug, PartialEq)]
pub enum Bind {
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
    MaybeInt(Option<i64>),
    MaybeText(Option<String>),
    MaybeBytes(Option<Vec<u8>>),
}

impl From<i64> for Bind {
    fn from(value: i64) -> Bind {
        Bind::Int(value)
    }
}

impl From<&str> for Bind {
    fn from(value: &str) -> Bind {
        Bind::Text(value.to_owned())
    }
}

impl From<String> for Bind {
    fn from(value: String) -> Bind {
        Bind::Text(value)
    }
}

impl From<Vec<u8>> for Bind {
    fn from(value: Vec<u8>) -> Bind {
        Bind::Bytes(value)
    }
}

impl From<Option<i64>> for Bind {
    fn from(value: Option<i64>) -> Bind {
        Bind::MaybeInt(value)
    }
}

impl From<Option<&str>> for Bind {
    fn from(value: Option<&str>) -> Bind {
        Bind::MaybeText(value.map(str::to_owned))
    }
}

impl From<Option<String>> for Bind {
    fn from(value: Option<String>) -> Bind {
        Bind::MaybeText(value)
    }
}

impl From<Option<Vec<u8>>> for Bind {
    fn from(value: Option<Vec<u8>>) -> Bind {
        Bind::MaybeBytes(value)
    }
}

/// `bound!(query, binds)`: the query with all of its values.
macro_rules! bound {
    ($query:expr, $binds:expr) => {{
        let mut query = $query;
        for bind in $binds {
            query = match bind {
                $crate::store::db::Bind::Int(value) => query.bind(value),
                $crate::store::db::Bind::Text(value) => query.bind(value),
                $crate::store::db::Bind::Bytes(value) => query.bind(value),
                $crate::store::db::Bind::MaybeInt(value) => query.bind(value),
                $crate::store::db::Bind::MaybeText(value) => query.bind(value),
                $crate::store::db::Bind::MaybeBytes(value) => query.bind(value),
            };
        }
        query
    }};
}

pub(crate) use bound;
