//! Files of the data folder that only the owner may read.

use crate::cli::Failure;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Name of the file with the key that encrypts what is secret in the database.
const SECRET_KEY: &str = "secret.key";
/// Name of the file with the password that the first start made up.
const ADMIN_PASSWORD: &str = "admin-password";
/// How the names of files end that are not yet what they will be.
const DRAFT: &str = ".tmp";

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

/// The secret key of an installation that is there.
pub(crate) fn known_key(dir: &Path) -> Result<[u8; 32], Failure> {
    let path = dir.join(SECRET_KEY);
    if !path.try_exists()? {
        return Err(format!("there is no secret key at {}: `haven serve` makes it", path.display()).into());
    }
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

/// A password that a first start made up, in a file of its own. Whether it counts is for the database to say: of several
/// starts one wins, and any may end before it knows.
pub(crate) struct Draft {
    path: PathBuf,
    pub(crate) password: String,
}

/// Leaves a made-up password in the folder, before the database hears of it.
pub(crate) fn draft_password(dir: &Path, password: &str) -> Result<(), Failure> {
    let name = random::<8>().map(|random| format!("{ADMIN_PASSWORD}.{random}{DRAFT}"));
    let written = name.and_then(|name| write_draft(&dir.join(name), password));
    written.and_then(|()| sync_folder(dir)).map_err(|error| {
        let path = dir.join(ADMIN_PASSWORD);
        format!("{} cannot be written: {error}; HARBOR_ADMIN_PASSWORD gives a password", path.display())
            .into()
    })
}

/// The made-up passwords of which nobody has said yet whether they count.
pub(crate) fn drafts(dir: &Path) -> Vec<Draft> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let is_draft = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.strip_prefix(ADMIN_PASSWORD).is_some_and(|rest| rest.starts_with('.') && rest.ends_with(DRAFT))
    };
    let read = |path: PathBuf| {
        let password = fs::read_to_string(&path).ok()?.trim_end().to_owned();
        Some(Draft { path, password })
    };
    paths.filter(is_draft).filter_map(read).collect()
}

impl Draft {
    /// Puts a password that counts where its owner finds it; says where that is, unless another start has done it.
    pub(crate) fn keep(&self) -> Option<String> {
        let path = self.path.with_file_name(ADMIN_PASSWORD);
        match fs::rename(&self.path, &path) {
            Ok(()) => {
                // Should the name be lost with the power, the draft is there again.
                let _ = path.parent().map(sync_folder);
                Some(path.display().to_string())
            }
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            // It can be read here as well, and the next start tries again.
            Err(_) => Some(self.path.display().to_string()),
        }
    }

    /// Removes one that does not count; the next start tries again if that is not possible now.
    pub(crate) fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Writes a file of mode 0600 that must not exist yet, safe against a crash in between and against others who do the
/// same. When this returns, it is there after a loss of power, too.
fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    // Not by the number of the process: in containers that share a folder all have the same one.
    let draft = path.with_extension(format!("{}{DRAFT}", random::<8>()?));
    // A link fails where the file exists already, so of two first starts one wins and both read its key.
    let linked = write_draft(&draft, text).and_then(|()| fs::hard_link(&draft, path));
    let removed = fs::remove_file(&draft);
    linked?;
    removed?;
    sync_folder(path.parent().unwrap_or(path))
}

/// Writes a line into a new file of mode 0600, down to the disk. A part of it is not left.
fn write_draft(path: &Path, line: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let written = file.write_all(line.as_bytes()).and_then(|()| file.write_all(b"\n"));
    written.and_then(|()| file.sync_all()).inspect_err(|_| drop(fs::remove_file(path)))
}

fn sync_folder(dir: &Path) -> std::io::Result<()> {
    match File::open(dir)?.sync_all() {
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
    fn of_made_up_passwords_one_is_kept_and_replaces_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(ADMIN_PASSWORD), "of an older installation\n").unwrap();
        draft_password(dir.path(), "one").unwrap();
        draft_password(dir.path(), "two").unwrap();
        let drafts = drafts(dir.path());
        assert_eq!(drafts.len(), 2);
        for draft in &drafts {
            assert_eq!(fs::metadata(&draft.path).unwrap().permissions().mode() & 0o777, 0o600);
            match draft.password.as_str() {
                "one" => draft.remove(),
                two => assert_eq!((two, draft.keep().is_some()), ("two", true)),
            }
            assert_eq!(draft.keep(), None, "another start has seen to it");
        }
        let left: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, [ADMIN_PASSWORD]);
        assert_eq!(fs::read_to_string(dir.path().join(ADMIN_PASSWORD)).unwrap(), "two\n");
    }
}
