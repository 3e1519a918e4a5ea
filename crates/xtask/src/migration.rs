//! Starts a migration: the next free number, a name, and a first line that says what it is about.

use std::fs;
use std::io;
use std::path::Path;

/// Writes `migrations/NNNN_name.sql` and answers its path.
pub(crate) fn create(root: &Path, name: &str) -> io::Result<String> {
    let sound = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if name.is_empty() || !sound {
        return Err(io::Error::other("a migration is named with lower-case letters, digits and underscores"));
    }
    let folder = root.join("migrations");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    let file = format!("{:04}_{name}.sql", next_number(&names));
    fs::write(folder.join(&file), format!("-- {}.\n", name.replace('_', " ")))?;
    Ok(format!("migrations/{file}"))
}

fn next_number(names: &[String]) -> u32 {
    let numbers = names.iter().filter_map(|name| name.split('_').next()?.parse::<u32>().ok());
    numbers.max().unwrap_or(0) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_number_follows_the_highest() {
        assert_eq!(next_number(&[]), 1);
        let names = ["0001_registry.sql", "0010_quota.postgres.sql", "0010_quota.sqlite.sql", "README.md"];
        assert_eq!(next_number(&names.map(str::to_owned)), 11);
    }

    #[test]
    fn a_name_cannot_leave_the_folder() {
        assert!(create(Path::new("."), "../evil").is_err());
        assert!(create(Path::new("."), "").is_err());
    }
}
