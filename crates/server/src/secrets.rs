//! Files of the data folder that only the owner may read.

use crate::cli::Failure;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Name of the file with the key that encrypts what is secret in the database.
const SECRET_KEY: &str = "secret.key";
/// Name of the file with the password that the first start made up.
const ADMIN_PASSWORD: &str = "admin-password";

/// Makes the data folder, closed to others, if it is missing.
pub(crate) fn make_folder(dir: &Path) -> Result<(), Failure> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(dir)
        .and_then(|()| fs::set_permissions(dir, Permissions::from_mode(0o750)))
        .map_err(|error| format!("the data folder {} cannot be made: {error}", dir.display()).into())
}

/// The installation's secret key: 64 hexadecimal digits in a file, made by the first start.
pub(crate) fn secret_key(dir: &Path) -> Result<[u8; 32], Failure> {
    let path = dir.join(SECRET_KEY);
    let mut made = [0; 32];
    getrandom::fill(&mut made).map_err(|error| format!("no random bytes: {error}"))?;
    let hex: String = made.iter().map(|byte| format!("{byte:02x}")).collect();
    match write_new(&path, &hex) {
        Ok(()) => Ok(made),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => read_key(&path),
        Err(error) => Err(format!("{} cannot be written: {error}", path.display()).into()),
    }
}

fn read_key(path: &Path) -> Result<[u8; 32], Failure> {
    let text =
        fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let wrong = || format!("{} does not hold 64 hexadecimal digits", path.display());
    let text = text.trim();
    if text.len() != 64 || !text.is_ascii() {
        return Err(wrong().into());
    }
    let mut key = [0; 32];
    for (byte, at) in key.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| wrong())?;
    }
    Ok(key)
}

/// Leaves a made-up password where its owner finds it; returns where that is.
pub(crate) fn keep_password(dir: &Path, password: &str) -> Result<String, Failure> {
    let path = dir.join(ADMIN_PASSWORD);
    let _ = fs::remove_file(&path);
    write_new(&path, password).map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
    Ok(path.display().to_string())
}

/// Writes a file of mode 0600 that must not exist yet, safe against a crash in between.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let draft = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    // A link fails where the file exists already, so of two first starts one wins and both read its key.
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    linked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_made_once_and_closed_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let made = secret_key(dir.path()).unwrap();
        assert_eq!(secret_key(dir.path()).unwrap(), made);
        let mode = fs::metadata(dir.path().join(SECRET_KEY)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::write(dir.path().join(SECRET_KEY), "short").unwrap();
        assert!(secret_key(dir.path()).is_err());
    }

    #[test]
    fn a_password_replaces_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        keep_password(dir.path(), "one").unwrap();
        let path = keep_password(dir.path(), "two").unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), "two\n");
    }
}
