//! From a connection string to a pool.

use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio_postgres::{Config, NoTls};

use super::tls::{Mode, Tls};
use crate::{Error, PostgresOptions, Result};

/// Makes the pool; connections are made when they are needed.
pub(super) fn pool(options: &PostgresOptions) -> Result<Pool> {
    let (url, tls) = split(&options.url)?;
    let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
        Error::internal("the connection string is not valid").because(error)
    })?;
    let given = config.get_options().map(|given| format!("{given} ")).unwrap_or_default();
    config.options(format!(
        "{given}-c statement_timeout={} -c lock_timeout={} -c idle_in_transaction_session_timeout={} -c jit=off",
        options.statement_timeout.as_millis(),
        options.lock_timeout.as_millis(),
        options.idle.as_millis()
    ));
    config.connect_timeout(options.connect_timeout);
    config.keepalives(true).keepalives_idle(Duration::from_secs(30));
    config.keepalives_interval(Duration::from_secs(10)).keepalives_retries(3);
    config.tcp_user_timeout(Duration::from_secs(60));
    if config.get_application_name().is_none() {
        config.application_name("haven");
    }
    config.ssl_mode(tls.mode.negotiation());
    let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = match tls.mode {
        Mode::Disable => Manager::from_config(config, NoTls, manager),
        _ => Manager::from_config(config, tls.connector()?, manager),
    };
    let lifetime = options.lifetime;
    let young = Hook::sync_fn(move |_, metrics| match lifetime {
        Some(lifetime) if metrics.age() > lifetime => Err(HookError::message("the connection is old")),
        _ => Ok(()),
    });
    Pool::builder(manager)
        .pre_recycle(young)
        .max_size(options.max_connections.max(1))
        .wait_timeout(Some(options.connect_timeout))
        .create_timeout(Some(options.connect_timeout))
        .recycle_timeout(Some(options.connect_timeout))
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| Error::internal("cannot make the connection pool").because(error))
}

/// Takes out of a connection string what only libpq understands: the `ssl…` keys.
fn split(text: &str) -> Result<(String, Tls)> {
    let mut tls = Tls::default();
    let rest = if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        split_url(text, &mut tls)?
    } else {
        split_pairs(text, &mut tls)?
    };
    Ok((rest, tls))
}

fn split_url(url: &str, tls: &mut Tls) -> Result<String> {
    let Some((base, query)) = url.split_once('?') else { return Ok(url.to_owned()) };
    let mut kept = Vec::new();
    for pair in query.split('&') {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy();
        if !tls.set(key, &value)? {
            kept.push(pair);
        }
    }
    let mark = if kept.is_empty() { "" } else { "?" };
    Ok(format!("{base}{mark}{}", kept.join("&")))
}

fn split_pairs(text: &str, tls: &mut Tls) -> Result<String> {
    let mut kept = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, after) =
            rest.split_once('=').ok_or_else(|| Error::internal("a connection string is key=value .."))?;
        let after = after.trim_start();
        let end = value_end(after);
        let value = after[..end].trim_matches('\'').replace("\\'", "'").replace("\\\\", "\\");
        if !tls.set(key.trim(), &value)? {
            kept.push(format!("{}={}", key.trim(), &after[..end]));
        }
        rest = after[end..].trim_start();
    }
    Ok(kept.join(" "))
}

/// Where a value ends: at a space, or at the closing quote if it began with one.
fn value_end(text: &str) -> usize {
    let quoted = text.starts_with('\'');
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(usize::from(quoted)) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\'' if quoted => return at + 1,
            letter if letter.is_whitespace() && !quoted => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ssl_keys_are_taken_out_of_both_forms() {
        let (url, tls) =
            split("postgres://u:p%40@h/db?sslmode=verify-full&application_name=x&sslrootcert=/a%20b")
                .unwrap();
        assert_eq!(url, "postgres://u:p%40@h/db?application_name=x");
        assert_eq!((tls.mode, tls.root.as_deref()), (Mode::VerifyFull, Some("/a b".as_ref())));

        let (pairs, tls) = split("host=h password='a \\' b'  sslmode=disable dbname = 'x'").unwrap();
        assert_eq!(pairs, "host=h password='a \\' b' dbname='x'");
        assert_eq!(tls.mode, Mode::Disable);

        assert_eq!(split("postgres://h/db").unwrap().1.mode, Mode::Prefer);
        assert!(split("postgres://h/db?sslmode=perhaps").is_err());
    }
}
