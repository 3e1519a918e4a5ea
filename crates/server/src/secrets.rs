//! Files of the data folder that only the owner may read.

use crate::cli::Failure;
use std::fs::{self, File, OpenOptions, Permissions};
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
    // The folder need not be writable, or have room left, once the key is there.
    if !path.try_exists()? {
        match write_new(&path, &random::<32>()?) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(format!("{} cannot be written: {error}", path.display()).into());
            }
            _ => {}
        }
    }
    // Also the one that was just made: what counts is what the next start will find.
    read_key(&path)
}

/// Random bytes, as hexadecimal digits.
fn random<const BYTES: usize>() -> Result<String, std::io::Error> {
    let mut random = [0; BYTES];
    getrandom::fill(&mut random)
        .map_err(|error| std::io::Error::other(format!("no random bytes: {error}")))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
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

/// Writes a file of mode 0600 that must not exist yet, safe against a crash in between and against others who do the
/// same. When this returns, it is there after a loss of power, too.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    // Not by the number of the process: in containers that share a folder all have the same one.
    let draft = path.with_extension(format!("{}.tmp", random::<8>()?));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.write_all(b"\n"));
    // A link fails where the file exists already, so of two first starts one wins and both read its key.
    let linked = written.and_then(|()| file.sync_all()).and_then(|()| fs::hard_link(&draft, path));
    fs::remove_file(&draft)?;
    linked?;
    match File::open(path.parent().unwrap_or(path))?.sync_all() {
        // There are file systems whose folders cannot be synced.
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        synced => synced,
    }
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
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left");
        fs::write(dir.path().join(SECRET_KEY), "short").unwrap();
        assert!(secret_key(dir.path()).is_err());
    }

    #[test]
    fn all_who_start_first_at_once_have_the_key_that_stays() {
        let dir = tempfile::tempdir().unwrap();
        let starts: Vec<_> = (0..8)
            .map(|_| {
                let dir = dir.path().to_owned();
                std::thread::spawn(move || secret_key(&dir).unwrap())
            })
            .collect();
        let keys: Vec<[u8; 32]> = starts.into_iter().map(|start| start.join().unwrap()).collect();
        assert_eq!(keys, vec![secret_key(dir.path()).unwrap(); 8]);
    }

    #[test]
    fn a_password_replaces_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        keep_password(dir.path(), "one").unwrap();
        let path = keep_password(dir.path(), "two").unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), "two\n");
    }
}
